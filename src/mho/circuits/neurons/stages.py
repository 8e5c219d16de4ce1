"""Stages that several neurons and synapses share: inverter, gate buffer, starved delay, ECRAM with its gate driver.

A stage is a function that gives named elements; sizes are those of the reference design (a generic 130 nm class
process, assumed, in mho's reconstruction), in metres.
"""

from __future__ import annotations

from typing import Any

from mho.circuits.elements import Capacitor
from mho.circuits.memristive import Memristive
from mho.circuits.mosfet import MOSFET, NMOS, PMOS

Elements = dict[str, Any]
GROUND = "0"
UM = 1e-6  # [m]


def nmos(drain: str, gate: str, source: str, w: float, l: float) -> MOSFET:
    """N-channel transistor with its bulk at ground; `w` and `l` in micrometres."""
    return MOSFET(drain, gate, source, GROUND, w=w * UM, l=l * UM, kind=NMOS)


def pmos(drain: str, gate: str, source: str, bulk: str, w: float, l: float) -> MOSFET:
    """P-channel transistor with its bulk at a supply; `w` and `l` in micrometres."""
    return MOSFET(drain, gate, source, bulk, w=w * UM, l=l * UM, kind=PMOS)


def inverter(group: str, tag: str, a: str, y: str, supply: str, *, n=(0.5, 0.13), p=(1.2, 0.13)) -> Elements:
    """Static inverter from node `a` to node `y`; `n` and `p` are (width, length) in micrometres."""
    return {
        f"{group}.n{tag}": nmos(y, a, GROUND, *n),
        f"{group}.p{tag}": pmos(y, a, supply, supply, *p),
    }


def buffer(group: str, a: str, y: str, supply: str) -> Elements:
    """Two inverters on the gate's own supply: the driver of an ECRAM gate."""
    inner = f"{y}.inner"
    first = inverter(group, "1", a, inner, supply, n=(0.3, 0.13), p=(0.7, 0.13))
    return first | inverter(group, "2", inner, y, supply, n=(1.0, 0.13), p=(2.5, 0.13))


def starved_delay(group: str, a: str, late: str, y: str, supply: str, *, fall: str, rise: str, load: Any) -> Elements:
    """Spike `a` to delayed complement `late` (starved both ways, loaded) to reset signal `y`.

    Args:
        group: Ledger group.
        a: Input node.
        late: Delayed, inverted node.
        y: Output node, high once the delay is over.
        supply: Supply node.
        fall: Node of the control voltage that starves the falling edge of `late`: the spike's width.
        rise: Node of the control voltage that starves its rising edge: how long the reset lasts.
        load: Capacitance of `late` [F].
    """
    foot, head = f"{late}.foot", f"{late}.head"
    return {
        f"{group}.n1": nmos(late, a, foot, 0.5, 0.2),
        f"{group}.n2": nmos(foot, fall, GROUND, 0.5, 0.5),
        f"{group}.p1": pmos(late, a, head, supply, 0.5, 0.2),
        f"{group}.p2": pmos(head, rise, supply, supply, 0.5, 0.5),
        f"{group}.c": Capacitor(late, GROUND, c=load),
    } | inverter(group, "3", late, y, supply, n=(0.4, 0.4), p=(0.8, 0.4))


def driven_ecram(group: str, device: Any, a: str, channel: str, supply: str) -> Elements:
    """An ECRAM from `channel` to ground whose gate follows the spikes at `a` through a buffer on `supply`."""
    gate = f"{group}.gate"
    return {f"{group}.ecram": Memristive((gate, channel, GROUND), device)} | buffer(f"{group}_driver", a, gate, supply)
