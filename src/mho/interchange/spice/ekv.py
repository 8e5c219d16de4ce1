"""Recognises a subcircuit that computes the built-in transistor, by what it computes rather than by its text."""

from __future__ import annotations

import jax
import numpy as np

from mho import circuits as mc
from mho.circuits.elements import AbstractElement
from mho.circuits.mosfet import channel_current
from mho.core.errors import MhoError
from mho.interchange.spice.formulas import Formula
from mho.netlists.expressions import Expression, Name, Probe
from mho.netlists.functions import evaluate
from mho.netlists.parameters import Scope

NAMES = ("w", "l", "vto", "kp", "n", "theta", "lambda", "cox", "cgo", "cj")
# What else a subcircuit may have, under the names that mho writes: this transistor's own, and of the card.
_OWN = {"dvto": "delta_vto", "beta": "beta_scale"}
_MORE = {
    "lref": "l_ref", "tnomk": "t_nominal", "tcv": "vto_slope", "bex": "mobility_exponent", "avt": "a_vt",
    "abeta": "a_beta", "kf": "kf", "af": "af",
}  # fmt: skip
_CURRENT = 2e-3  # the subcircuit's rounded thermal voltage is 4e-6 off, and enters deep subthreshold 40-fold and more
_CAPACITANCE = 1e-9
_ZERO_CELSIUS = 273.15  # [K]
# Terminal voltages (drain, gate, source, bulk) from strong inversion to far below threshold, both directions.
_TRIALS = np.array([
    (1.0, 1.0, 0.0, 0.0), (0.05, 0.6, 0.0, 0.0), (0.9, 0.2, 0.1, 0.0), (0.1, 0.8, 0.7, -0.2), (0.3, 0.45, 0.9, 0.0),
    (-0.4, -1.0, 0.0, 0.0), (-0.9, -0.5, -0.1, 0.1), (0.0, -0.3, -0.8, 0.0),
])  # fmt: skip


def transistor(
    pins: tuple[str, ...], scope: Scope, inside: dict[str, AbstractElement], temperature: float
) -> mc.MOSFET | None:
    """The transistor that an expanded subcircuit is, between its pins, or None.

    Args:
        pins: The subcircuit's pins, which are nodes of `inside`: drain, gate, source, bulk.
        scope: Its parameters.
        inside: Its elements, expanded.
        temperature: Of the circuit [K].
    """
    if len(pins) != 4 or not all(scope.has(name) for name in NAMES):
        return None
    sources = [e for e in inside.values() if isinstance(e, mc.BehaviouralCurrent | mc.BehaviouralVoltage)]
    others = [e for e in inside.values() if not isinstance(e, mc.BehaviouralCurrent | mc.BehaviouralVoltage)]
    currents = [e for e in sources if isinstance(e, mc.BehaviouralCurrent)]
    if len(currents) != 1 or not all(isinstance(e, mc.Capacitor) for e in others):
        return None
    v = dict(zip(NAMES, (scope.value(name) for name in NAMES), strict=True))
    more = {field: scope.value(name) for name, field in _MORE.items() if scope.has(name)}
    own = {field: scope.value(name) for name, field in _OWN.items() if scope.has(name)}
    for polarity in (1, -1):
        try:
            kind = mc.MOSFETModel(
                polarity=polarity, vto=v["vto"], kp=v["kp"], n=v["n"], theta=v["theta"], lambda_=v["lambda"],
                cox=v["cox"], cgo=v["cgo"], cj=v["cj"], **more,
            )  # fmt: skip
            found = mc.MOSFET(*pins, w=v["w"], l=v["l"], kind=kind, **own)
        except MhoError:
            return None
        if _same_current(found, sources, currents[0], temperature) and _same_capacitances(found, others):
            return found
    return None


def _same_current(found: mc.MOSFET, sources: list, current: mc.BehaviouralCurrent, temperature: float) -> bool:
    """Whether the sources give the transistor's drain current at the trial voltages."""
    ends = (found.drain, found.source)
    if (current.a, current.b) not in (ends, ends[::-1]):
        return False
    values: dict[Expression, np.ndarray] = {Probe("v", (node,)): _TRIALS[:, k] for k, node in enumerate(found.nodes)}
    values[Name("temper")] = np.asarray(temperature - _ZERO_CELSIUS)
    waiting = [e for e in sources if e is not current]
    with np.errstate(all="ignore"):
        for _ in range(len(waiting)):
            for e in list(waiting):
                if e.minus == "0" and all(Probe("v", (x,)) in values for x in e.controls):
                    values[Probe("v", (e.plus,))] = evaluate(e.function.tree, values)
                    waiting.remove(e)
        if waiting or not all(Probe("v", (x,)) in values for x in current.controls):
            return False
        assert isinstance(current.function, Formula)
        i = np.asarray(evaluate(current.function.tree, values))
    with jax.enable_x64(True):
        expected = np.asarray(channel_current(found.prepared(temperature), *_TRIALS.T)[0])
    i = i if (current.a, current.b) == ends else -i
    return bool(np.all(np.abs(i - expected) <= _CURRENT * np.abs(expected) + 1e-30))


def _same_capacitances(found: mc.MOSFET, others: list[AbstractElement]) -> bool:
    def table(parts) -> dict[frozenset[str], float]:
        sums: dict[frozenset[str], float] = {}
        for a, b, c in parts:
            if float(c) > 0:
                sums[frozenset((a, b))] = sums.get(frozenset((a, b)), 0.0) + float(c)
        return sums

    here, there = table(found.capacitances()), table(p for e in others for p in e.capacitances())
    return here.keys() == there.keys() and all(abs(here[k] - there[k]) <= _CAPACITANCE * here[k] for k in here)
