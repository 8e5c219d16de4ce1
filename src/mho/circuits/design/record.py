"""A design as a record: what is wanted, of which circuit, by moving what; TOML in and out, units as text."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np
import tomli_w

from mho.circuits.design.benches import Bench, check
from mho.circuits.design.subject import ALIASES, Free, Subject, applied, free
from mho.circuits.design.target import CONDITION_UNITS, FIGURES, Target
from mho.circuits.neurons import NEURONS, Excitability
from mho.circuits.synapses import FacilitatingSynapse, SelectiveSynapse
from mho.core.errors import InputError, MhoError
from mho.core.quantities import engineering, si
from mho.devices import parameters

SYNAPSES: dict[str, tuple[type, float]] = {
    "facilitating": (FacilitatingSynapse, 1.0),
    "depressing": (FacilitatingSynapse, -1.0),
    "selective": (SelectiveSynapse, -1.0),
}
"""Synapses by name: circuit, and the sign of their ECRAM's polarity relative to its parameter set."""
Bounds = tuple[float | str | None, float | str | None]
_BENCH = {"current": "A", "width": "s", "spikes": "1", "hold": "V", "tolerance": "1"}


@dataclass(frozen=True)
class Design:
    """What is to be designed.

    Args:
        targets: What it is to do.
        free: Numbers that may move, with lower and upper bound (text with unit, or SI; None for a sensible one).
        neuron: Name in NEURONS.
        synapse: Name in SYNAPSES, or None.
        device: Parameter set of the synapse's ECRAM, by name or path.
        inside: Parameter set of an ECRAM inside the neuron, or None.
        fixed: Other numbers that differ from the circuit's defaults, in SI.
        start: Values of free numbers that the search knows already, in SI.
        bench: How it is measured.
        within: Largest relative deviation that counts as met [1].
        scouts: Circuits that scout the space between the bounds.
        starts: Searches side by side.
        seed: Of the scouts.

    Raises:
        InputError: If a name is unknown, a bound or value impossible, or nothing is wanted or free.
    """

    targets: tuple[Target, ...]
    free: Mapping[str, Bounds]
    neuron: str = "delay_feedback"
    synapse: str | None = None
    device: str = "ecram_stp_ref"
    inside: str | None = None
    fixed: Mapping[str, float] = field(default_factory=dict)
    start: Mapping[str, float] = field(default_factory=dict)
    bench: Bench = field(default_factory=Bench)
    within: float = 0.01
    scouts: int = 127
    starts: int = 4
    seed: int = 1

    def __post_init__(self) -> None:
        _known("neuron", self.neuron, NEURONS)
        if self.synapse is not None:
            _known("synapse", self.synapse, SYNAPSES)
        for what, given in (("target", self.targets), ("free number", self.free)):
            if not given:
                raise InputError(f"The design has no {what}. Give one.")
        for what, value, low in (("scouts", self.scouts, 0), ("starts", self.starts, 1)):
            if value < low:
                raise InputError(f"{what} is {value}; it must be at least {low}.")
        if not 0 < self.within < 1:
            raise InputError(f"within is {self.within}; it must lie between 0 and 1, as 0.01 for one per cent.")
        both = {ALIASES.get(n, n) for n in self.free} & {ALIASES.get(n, n) for n in self.fixed}
        if both:
            raise InputError(f"{', '.join(sorted(both))} cannot be free and fixed at once.")
        check(self.subject(), self.targets)
        self.frees()

    def subject(self) -> Subject:
        """The circuit before its search, with what is fixed."""
        inside = {} if self.inside is None else {"excitability": Excitability(parameters(self.inside).device())}
        neuron = NEURONS[self.neuron](**inside)  # type: ignore[call-arg]
        synapse = None
        if self.synapse is not None:
            device = parameters(self.device).device()
            circuit, sign = SYNAPSES[self.synapse]
            synapse = circuit(eqx.tree_at(lambda d: d.polarity, device, np.asarray(sign * device.polarity)))
        return applied(Subject(neuron, synapse), self.fixed)

    def frees(self) -> tuple[Free, ...]:
        """The free numbers with their bounds; their nominal value is that of the start, where it is given."""
        subject = applied(self.subject(), {n: v for n, v in self.start.items() if n in self.free})
        found = tuple(free(subject, name, *bounds) for name, bounds in self.free.items())
        return tuple(replace(f, nominal=min(max(f.nominal, f.low), f.high)) for f in found)

    # ---- text --------------------------------------------------------------------------------------------------------
    def as_text(self) -> dict[str, Any]:
        """Plain record: texts with units, and names."""
        subject = self.subject()

        def written(values: Mapping[str, float]) -> dict[str, str]:
            return {n: _exact(v, free(subject, n).unit) for n, v in values.items()}

        record: dict[str, Any] = {"neuron": self.neuron}
        for name in ("synapse", "inside"):
            if getattr(self, name) is not None:
                record[name] = getattr(self, name)
        if self.synapse is not None:
            record["device"] = self.device
        record |= {"within": self.within, "scouts": self.scouts, "starts": self.starts, "seed": self.seed}
        record["bench"] = {
            n: getattr(self.bench, n) if unit == "1" else _exact(getattr(self.bench, n), unit)
            for n, unit in _BENCH.items()
        }
        record["free"] = {f.name: [_exact(f.low, f.unit), _exact(f.high, f.unit)] for f in self.frees()}
        record |= {n: written(getattr(self, n)) for n in ("fixed", "start") if getattr(self, n)}
        record["target"] = [_target_text(t) for t in self.targets]
        return record

    def to_toml(self) -> str:
        """The record as TOML."""
        return tomli_w.dumps(self.as_text())

    @classmethod
    def from_toml(cls, path: str | Path) -> Design:
        """A design from a TOML file.

        Raises:
            InputError: If the file cannot be read, or says something that no design has.
        """
        try:
            record = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
        except ValueError as error:
            raise InputError(f"{path} is not TOML: {error}.") from error
        try:
            return cls.from_text(record)
        except MhoError as error:
            error.add_note(f"It stands in {path}.")
            raise

    @classmethod
    def from_text(cls, record: Mapping[str, Any]) -> Design:
        """A design from a plain record, as :meth:`as_text` gives it; bounds may be left out (``v_delay = []``).

        Raises:
            InputError: If it says something that no design has.
        """
        values = dict(record)
        targets = tuple(_target(t) for t in values.pop("target", ()))
        bounds: dict[str, Bounds] = {str(ALIASES.get(n, n)): _bounds(n, b) for n, b in values.pop("free", {}).items()}
        bench = values.pop("bench", {})
        numbers = {name: dict(values.pop(name, {})) for name in ("fixed", "start")}
        known = {"neuron", "synapse", "device", "inside", "within", "scouts", "starts", "seed"}
        strange = [*(set(values) - known), *(f"bench.{n}" for n in set(bench) - set(_BENCH))]
        if strange:
            raise InputError(f"A design has no field {strange[0]!r}; it has {', '.join(sorted(known))}, bench, free, "
                             "fixed, start and target.")  # fmt: skip
        measured = Bench(**{n: int(v) if n == "spikes" else si(v, _BENCH[n]) for n, v in bench.items()})  # type: ignore
        bare = cls(targets, bounds, bench=measured, **values)
        units = {n: free(bare.subject(), n).unit for given in numbers.values() for n in given}
        read = {k: {ALIASES.get(n, n): si(v, units[n]) for n, v in g.items()} for k, g in numbers.items()}
        return replace(bare, **read)


def _known(what: str, name: str, among: Mapping[str, Any]) -> None:
    if name not in among:
        raise InputError(f"There is no {what} {name!r}. There are: {', '.join(among)}.")


def _bounds(name: str, given: Sequence[Any]) -> Bounds:
    if isinstance(given, str) or len(given) not in (0, 2):
        raise InputError(
            f"The bounds of {name} are {given!r}. Give [low, high] as texts with units, or [] for usual ones."
        )
    return (None, None) if not len(given) else (given[0], given[1])


def _target(record: Mapping[str, Any]) -> Target:
    known = {"figure", "value", "at", "weight"}
    if strange := set(record) - known:
        raise InputError(f"A target has no field {min(strange)!r}; it has {', '.join(sorted(known))}.")
    name = str(record.get("figure", ""))
    _known("figure", name, FIGURES)
    at = record.get("at")
    return Target(
        name,
        si(record.get("value", ""), FIGURES[name].unit),
        None if at is None else si(at, CONDITION_UNITS[FIGURES[name].condition]),
        float(record.get("weight", 1.0)),
    )


def _target_text(target: Target) -> dict[str, Any]:
    record: dict[str, Any] = {"figure": target.figure, "value": _exact(target.value, target.unit)}
    if target.at is not None:
        record["at"] = _exact(target.at, CONDITION_UNITS[target.about.condition])
    return record | ({} if target.weight == 1.0 else {"weight": target.weight})


def _exact(value: float, unit: str) -> Any:
    """Exact text of an SI number: the short engineering form where it reads back the same, else the number itself."""
    value = float(value)
    if unit == "1":
        return value
    short = engineering(value, unit, digits=6).replace("Ω", "ohm")
    return short if si(short, unit) == value else f"{value!r} {unit}"
