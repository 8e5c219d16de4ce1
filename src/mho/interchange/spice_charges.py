"""Charges in SPICE's words: in the card of the junction or channel that they lie beside, else as formula capacitors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mho import circuits as mc
from mho.circuits.charges import AbstractCharge
from mho.core.errors import NetlistError
from mho.interchange.jaxpr import number

GMIN = 1e-15  # [S] beside every junction in a written netlist; what a junction has more is a resistor
VACUUM = 8.854214871e-12  # [F/m], as SPICE has it
OXIDE = 3.9  # relative permittivity
_LARGEST_FC = 0.95  # beyond which SPICE takes this
_TRIAL = 0.3  # [V] between neighbouring nodes where the shape of a charge's currents is looked at


def hosts(circuit: mc.Circuit) -> dict[str, str]:
    """The charges that a card can carry: name of the junction or transistor by name of the charge.

    A junction takes a depletion charge without a side wall between its nodes, with diffusion of its own current; a
    transistor of level 1 takes a Meyer charge of its terminals and threshold.
    """
    found: dict[str, str] = {}
    for name, charge in circuit.items():
        if isinstance(charge, mc.JunctionCharge | mc.MeyerCharge):
            for host, e in circuit.items():
                if host not in found.values() and _fits(e, charge):
                    found[name] = host
                    break
    return found


def _fits(host: Any, charge: Any) -> bool:
    if isinstance(charge, mc.MeyerCharge):
        names = ("vto", "gamma", "phi")
        return (
            isinstance(host, mc.LevelOne)
            and host.nodes == charge.nodes
            and host.polarity == charge.polarity
            and all(float(getattr(host, n)) == float(getattr(charge, n)) for n in names)
        )
    if not isinstance(host, mc.Junction | mc.Diode) or host.nodes != charge.nodes:
        return False
    same = float(host.i_s) == float(charge.i_s) and float(host.n) == float(charge.n)
    plain = float(charge.c_side) == 0 and float(charge.fc) <= _LARGEST_FC
    return plain and (same or float(charge.transit) == 0)


def of_junction(charge: mc.JunctionCharge | None) -> Mapping[str, Any]:
    """What a diode's card says of its charge."""
    if charge is None:
        return {}
    return {"cjo": charge.c, "vj": charge.vj, "m": charge.m, "fc": charge.fc, "tt": charge.transit}


def of_channel(e: mc.LevelOne, charge: mc.MeyerCharge | None) -> Mapping[str, Any]:
    """What a level-1 card says of its gate's charge: the oxide's thickness."""
    if charge is None:
        return {}
    return {"tox": OXIDE * VACUUM * float(e.w) * float(e.l) / float(charge.c)}


def card(numbers: Mapping[str, Any]) -> str:
    """Numbers of a model card."""
    return " ".join(f"{k}={number(v)}" for k, v in numbers.items())


def capacitors(lines: Any, name: str, e: AbstractCharge) -> None:
    """A charge as capacitors by formula, one for each of its paths.

    Args:
        lines: The writer, :class:`mho.interchange.spice_elements.Lines`.
        name: Of the charge.
        e: The charge.

    Raises:
        NetlistError: If a current is no capacitance between its path's two nodes times the slope of their voltage.
    """
    temperature = float(lines.circuit.temperature)
    if isinstance(e, mc.BehaviouralCharge):
        (text,) = lines.expressions(name, lambda *v: (e.function(*v, temperature=temperature),), e.controls)
        lines.put("C", name, (e.a, e.b), f"q='{text}'")
        return
    places = [_place(name, e, k, temperature) for k in range(len(e.paths))]

    def values(*v: Any) -> tuple[Any, ...]:
        rows = e.capacitance(v, temperature=temperature)
        return tuple(row[at] for row, at in zip(rows, places, strict=True))

    for k, ((a, b), text) in enumerate(zip(e.paths, lines.expressions(name, values, e.nodes), strict=True)):
        if a != b and text not in ("0", "(0)"):
            lines.put("C", name if len(e.paths) == 1 else f"{name}.{k}", (a, b), f"c='{text}'")


def _place(name: str, e: AbstractCharge, k: int, temperature: float) -> int:
    """The terminal whose slope carries a path's capacitance; that of the path's other end has the opposite one."""
    trial = tuple(_TRIAL * (i + 1) for i in range(len(e.nodes)))
    row = np.array([float(c) for c in e.capacitance(trial, temperature=temperature)[k]])
    carrying = np.flatnonzero(row)
    a, b = e.paths[k]
    if (
        len(carrying) != 2
        or abs(row.sum()) > 1e-9 * np.abs(row).max()
        or {e.nodes[i] for i in carrying} != {a, b}
        or a == b
    ):
        if a == b or not len(carrying):
            return 0
        raise NetlistError(
            f"{name} is a {type(e).__name__} whose current from {a} to {b} depends on other slopes than theirs, which "
            "has no SPICE form. Write it as a BehaviouralCharge."
        )
    return int(carrying[row[carrying] > 0][0])
