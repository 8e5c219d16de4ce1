"""A device's equations as a graph with named parameters: what a SPICE subcircuit and a Verilog-A module both print."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho.core.errors import NetlistError
from mho.core.fields import described
from mho.core.parameters import ParameterSet
from mho.devices.device import AbstractContinuousDevice, Part
from mho.devices.effects.read_noise import AbstractReadNoise
from mho.interchange import noise
from mho.interchange.graph import Graph, Node, inputs
from mho.interchange.jaxpr import walked
from mho.interchange.noise import NoiseSource

TEMPERATURE = "temp_k"  # [K]
# Names that are functions, variables or words of ngspice or Verilog-A: a parameter so called would shadow them.
_TAKEN = frozenset(
    (
        "abs", "acos", "acosh", "aln", "analog", "and", "asin", "asinh", "atan", "atan2", "atanh", "begin", "boltz",
        "branch", "c", "case", "ceil", "cos", "cosh", "ddt", "echarge", "else", "electrical", "end", "exp", "floor",
        "flow", "for", "frequency", "from", "function", "hertz", "i", "if", "in", "inf", "inout", "input", "int",
        "integer", "kelvin", "lim", "ln", "log", "max", "min", "mod", "module", "no", "node", "not", "or", "out",
        "output", "parameter", "pi", "planck", "potential", "pow", "pwr", "real", "sgn", "sin", "sinh", "sqr", "sqrt",
        "strobe", "supply", "table", "tan", "tanh", "temp", "temper", "time", "tran", "u", "v", "while", "white_noise",
        "xor", "yes",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """A named number of the exported text.

    Args:
        name: As the text calls it.
        value: Default, SI.
        unit: SI unit.
        low: Smallest value allowed, or None.
        high: Largest value allowed, or None.
        positive: Whether it must be above zero.
        origin: Where the number comes from, or "".
    """

    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    positive: bool = False
    origin: str = ""


@dataclass(frozen=True)
class Behaviour:
    """Everything that the text of a device says.

    Args:
        name: Of the subcircuit or module.
        model: Class of the device.
        summary: What it is, in a line.
        terminals: Pins, in order.
        internal: Internal nodes.
        parameters: Those on which currents and rates depend.
        off: Parameters left at a default of 0 or 1 whose mechanisms are left out, with their values.
        states: Initial value of each state that acts on the currents.
        counters: States that only count (wear), left out.
        currents: Current [A] into the device at each terminal and internal node, without the linear parts.
        rates: Time derivative [1/s] of each state.
        parts: Linear resistors and capacitors.
        noises: Noise currents between the last two terminals, which only Verilog-A can say.
        unsaid: Effects laid over the device that are left out.
    """

    name: str
    model: str
    summary: str
    terminals: tuple[str, ...]
    internal: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    off: Mapping[str, float]
    states: Mapping[str, float]
    counters: tuple[str, ...]
    currents: Mapping[str, Node]
    rates: Mapping[str, Node]
    parts: tuple[Part, ...]
    noises: tuple[NoiseSource, ...] = ()
    unsaid: tuple[str, ...] = ()

    @property
    def temperature(self) -> bool:
        """Whether anything depends on temperature."""
        return TEMPERATURE in inputs([*self.nodes, *(n.density for n in self.noises)])

    @property
    def nodes(self) -> list[Node]:
        """Every output of both languages: currents of the branches, rates, values of the parts."""
        return [*(i for _, _, i in self.branches()), *self.rates.values(), *(p.value for p in self.parts)]

    def branches(self) -> list[tuple[str, str, Node]]:
        """Currents as (from, to, current): between two nodes where two are opposite, else from the node to ground."""
        flowing = {n: i for n, i in self.currents.items() if i.value != 0.0}
        for a, i in flowing.items():
            for b, j in flowing.items():
                if j.op == "neg" and j.args[0] is i:
                    rest = [(n, "0", k) for n, k in flowing.items() if n not in (a, b)]
                    return [(a, b, i), *rest]
        return [(n, "0", i) for n, i in flowing.items()]


def behaviour(device: Any, *, name: str = "device", numbers: ParameterSet | None = None) -> Behaviour:
    """The behaviour of a device with its numbers as named parameters.

    `temp_k`, the temperature [K], is an input like a parameter. A parameter that its class gives the default 0 or 1 and
    that has this value belongs to a mechanism that is off; the mechanism is left out, and with it the parameter.

    Args:
        device: A single device; of one with effects laid over it, the device inside and its read noise.
        name: Name of the subcircuit or module.
        numbers: The set that the device comes from, for the sources of its numbers.

    Raises:
        NetlistError: If the device has no continuous face, is a population, or uses an operation that has no form.
    """
    overlay = getattr(device, "overlay", None)
    device = getattr(device, "bare", device)
    if not isinstance(device, AbstractContinuousDevice):
        raise NetlistError(
            f"{type(device).__name__} has only a pulse (event) face: there is no current and no rate to write. "
            "Export a set of a continuous model, such as ecram, vteam, stanford_pku, fefet or mott."
        )
    if any(np.ndim(x) for x in jax.tree.leaves(device)):
        raise NetlistError(f"This is a population of {type(device).__name__}; a subcircuit holds one. Take one of it.")
    noises = noise.written(overlay.noise) if overlay is not None else []
    return dataclasses.replace(_Reading(device, noises).behaviour(name, numbers), unsaid=noise.unsaid(overlay))


class _Reading:
    """A device read as a function of named numbers."""

    def __init__(self, device: AbstractContinuousDevice, noises: list[AbstractReadNoise]):
        self.device, self.noises, self.graph = device, noises, Graph()
        self.slots: list[tuple[str, int | None]] = []  # fields (and modes) that stay named
        self.off: dict[str, float] = {}
        for f in dataclasses.fields(device):
            if "unit" in f.metadata:
                self.field(f)
        with jax.enable_x64(True):
            self.rest = jax.tree.map(lambda x: np.asarray(x, np.float64), device.rest())
        self.kinds = [(s, k) for s in device.states for k in _places(getattr(self.rest, s))]

    def field(self, f: Any) -> None:
        """Sort one field: named, or off."""
        value = getattr(self.device, f.name)
        default = f.default if f.default is not dataclasses.MISSING else None
        if not isinstance(value, tuple) and default in (0.0, 1.0) and float(value) == float(default):
            self.off[f.name] = float(value)
        else:
            self.slots += [(f.name, k) for k in _places(value)]

    def flows(self, *x: Any) -> Any:
        """Currents, rates, parts and densities of noise from parameters, temperature, voltages and states."""
        n, pins = len(self.slots), len(self.device.terminals) + len(self.device.internal)
        device = _put(self.device, self.slots, x[:n])
        temperature, voltages = x[n], tuple(x[n + 1 : n + 1 + pins])
        state = _put(self.rest, self.kinds, x[n + 1 + pins :])
        rates = device.rate(state, voltages, temperature=temperature)
        currents = device.current(state, voltages, temperature=temperature)
        values = [p.value for p in device.parts()]
        v = voltages[len(device.terminals) - 2] - voltages[len(device.terminals) - 1]
        noises = noise.densities(device, self.noises, state, v, temperature) if self.noises else []
        return tuple(currents), tuple(_taken(rates, slot) for slot in self.kinds), values, noises

    def behaviour(self, name: str, numbers: ParameterSet | None) -> Behaviour:
        """Walk the equations and keep what acts on the currents."""
        d = self.device
        pins = (*d.terminals, *d.internal)
        names = [_plain(field, k) for field, k in self.slots]
        states = [f"{s}{'' if k is None else k}" for s, k in self.kinds]
        g = self.graph
        leaves = [g.input(n, fixed=True) for n in (*names, TEMPERATURE)]
        leaves += [g.input(f"pin:{p}") for p in pins] + [g.input(f"state:{s}") for s in states]
        with jax.enable_x64(True):
            out = walked(self.flows, leaves, g)
        walk = iter(out)
        currents, rates = {p: next(walk) for p in pins}, {s: next(walk) for s in states}
        parts = tuple(Part(p.kind, p.a, p.b, next(walk)) for p in d.parts())
        noises = tuple(NoiseSource(noise.KINDS[type(n)], type(n).__name__, next(walk)) for n in self.noises)
        densities = [n.density for n in noises]
        acting = _acting([*currents.values(), *densities], rates)
        kept = {s: r for s, r in rates.items() if s in acting}
        needed = inputs([*currents.values(), *kept.values(), *(p.value for p in parts), *densities])
        initial = {s: float(_taken(self.rest, slot)) for s, slot in zip(states, self.kinds, strict=True)}
        about, sources = described(d), numbers.numbers if numbers else {}
        parameters = tuple(
            _parameter(n, float(_taken(d, slot)), about[slot[0]], sources.get(slot[0]))
            for n, slot in zip(names, self.slots, strict=True)
            if n in needed
        )
        return Behaviour(
            name=_called(name),
            model=type(d).__name__,
            summary=numbers.summary if numbers else (type(d).__doc__ or "").strip().partition("\n")[0],
            terminals=d.terminals,
            internal=d.internal,
            parameters=parameters,
            off=self.off,
            states={s: initial[s] for s in kept},
            counters=tuple(s for s in states if s not in kept),
            currents=currents,
            rates=kept,
            parts=parts,
            noises=noises,
        )


def _acting(currents: list[Node], rates: Mapping[str, Node]) -> set[str]:
    """States on which the currents depend, directly or through the rates of others."""
    found: set[str] = set()
    reads = inputs(currents)
    while new := {s for s in rates if f"state:{s}" in reads} - found:
        found |= new
        reads |= inputs([rates[s] for s in new])
    return found


def _parameter(name: str, value: float, about: Mapping[str, Any], number: Any) -> Parameter:
    origin = f"{number.how}; {number.source}: {number.where}" if number else ""
    return Parameter(name, value, about["unit"], about["low"], about["high"], about["positive"], origin)


def _plain(field: str, mode: int | None) -> str:
    """Name of a parameter in both languages: lower case (SPICE knows no other), and no word of theirs."""
    name = field.lower() + ("" if mode is None else str(mode))
    return f"p_{name}" if name in _TAKEN or name.startswith("ic_") else name


def _called(name: str) -> str:
    """A name that both languages take for a subcircuit or module."""
    plain = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    return plain if plain[:1].isalpha() and plain.lower() not in _TAKEN else f"d_{plain}"


def _places(value: Any) -> list[int | None]:
    return list(range(len(value))) if isinstance(value, tuple) else [None]


def _taken(module: Any, slot: tuple[str, int | None]) -> Any:
    value = getattr(module, slot[0])
    return value if slot[1] is None else value[slot[1]]


def _put(module: Any, slots: list[tuple[str, int | None]], values: Any) -> Any:
    """The module with other numbers in these places."""
    return eqx.tree_at(lambda m: [_taken(m, slot) for slot in slots], module, list(values))
