"""A finished design: what was found, how well, what moves what, and what stands in the way where a target is missed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mho.circuits.design.benches import measure, single
from mho.circuits.design.record import Design
from mho.circuits.design.search import Search, Told, search
from mho.circuits.design.subject import Free, Subject, applied
from mho.core.quantities import engineering

_EDGE = 1e-3  # share of the way between the bounds within which a number counts as at its bound
_ENOUGH = 0.1  # share of what counts as met that a search goes on to: ngspice has to agree too


@dataclass(frozen=True)
class Designed:
    """What a design's search found.

    Args:
        design: What was asked.
        subject: The circuit found.
        frees: The numbers that moved.
        values: Their values, by name.
        found: The figure of each target.
        deviations: Of each from its target, relative [1].
        search: The search itself.
    """

    design: Design
    subject: Subject
    frees: tuple[Free, ...]
    values: Mapping[str, float]
    found: np.ndarray
    deviations: np.ndarray
    search: Search

    @property
    def met(self) -> np.ndarray:
        """Whether each target is met."""
        return np.abs(self.deviations) <= self.design.within

    @property
    def active(self) -> dict[str, str]:
        """Numbers that stand at a bound: "lower" or "upper"."""
        at = {f.name: u for f, u in zip(self.frees, self.search.place, strict=True)}
        return {name: "lower" if u < 0.5 else "upper" for name, u in at.items() if min(u, 1.0 - u) < _EDGE}

    @property
    def sensitivities(self) -> np.ndarray:
        """Relative change of each target's figure by each number: per relative change, or per volt, (targets, free)."""
        spans = [np.log(f.high / f.low) if f.logarithmic else f.high - f.low for f in self.frees]
        slopes = self.search.jacobian / np.array(spans)
        scale = np.array([_scale(t, x) for t, x in zip(self.design.targets, self.found, strict=True)])
        return slopes * scale[:, None]

    def reasons(self) -> list[str]:
        """Why targets are missed, in sentences; empty if all are met."""
        if self.met.all():
            return []
        found = [self._near(int(k)) for k in np.flatnonzero(~self.met)]
        many = f"the best of {self.search.started} searches" if self.search.started > 1 else "where the search ended"
        found.append(f"Nearer than this none came: it is {many} within the bounds.")
        stops = [_pushed(self, name, side) for name, side in self.active.items() if self._pushes(name)]
        conflicts = [self._conflict(f) for f in self.frees if f.name not in self.active]
        strongest = max((c for c in conflicts if c is not None), default=None)
        stops += [strongest[1]] if strongest is not None else []
        return found + (stops or [self._unstopped()])

    def _near(self, k: int) -> str:
        """How near a missed target came."""
        target, off = self.design.targets[k], float(self.deviations[k])
        reached, wanted = (engineering(x, target.unit, 4) for x in (self.found[k], target.value))
        far = f"{100 * abs(off):.3g} % {'above' if off > 0 else 'below'}"
        return f"Not met: {target.label} came to {reached}, {far} the {wanted} wanted."

    def _unstopped(self) -> str:
        """What to say where neither a bound nor another target stands in the way."""
        edge = ", ".join(f"{n} {reason}" for reason, n in self.search.refused.items())
        if edge:
            return (
                f"No bound stands in the way, but of {self.search.evaluations} circuits that were measured some have "
                f"no such figure ({edge}): the target may lie where the circuit does not work. Free other numbers."
            )
        return "No bound stands in the way: the free numbers hardly move these figures here. Free others."

    def _pushes(self, name: str) -> bool:
        """Whether the misses would fall beyond the bound at which a number stands."""
        k = [f.name for f in self.frees].index(name)
        slope = float(self._pulls()[:, k].sum())
        return slope < 0 if self.active[name] == "upper" else slope > 0

    def _pulls(self) -> np.ndarray:
        """How each target pulls at each number: the slope of its squared miss, (targets, free)."""
        weights = np.array([t.weight for t in self.design.targets])
        return (weights**2 * self.search.misses)[:, None] * self.search.jacobian

    def _conflict(self, one: Free) -> tuple[float, str] | None:
        """Two targets that pull a number opposite ways, with the strength of that."""
        pulls = self._pulls()[:, [f.name for f in self.frees].index(one.name)]
        up, down = int(np.argmin(pulls)), int(np.argmax(pulls))
        strength = min(-pulls[up], pulls[down])
        if not strength > 0:
            return None
        labels = [t.label for t in self.design.targets]
        text = (
            f"{one.name} is pulled up by {labels[up]} and down by {labels[down]}: give up one, or free another number."
        )
        return float(strength), text

    def start(self) -> Design:
        """The record with what was found as its start, so that a second search ends where this one did."""
        return replace(self.design, start=dict(self.values))

    def as_dict(self) -> dict[str, Any]:
        """Plain record for JSON, in SI; the path in values of the free numbers."""
        names = [f.name for f in self.frees]
        path = [
            {"turn": s.turn, "start": s.start, "cost": s.cost, "misses": s.misses.tolist(),
             "values": {f.name: float(f.value(u)) for f, u in zip(self.frees, s.place, strict=True)}}
            for s in self.search.path
        ]  # fmt: skip
        targets = [
            {"figure": t.figure, "at": t.at, "unit": t.unit, "wanted": t.value, "found": float(x),
             "deviation": float(d), "met": bool(m), "weight": t.weight, "definition": t.about.text}
            for t, x, d, m in zip(self.design.targets, self.found, self.deviations, self.met, strict=True)
        ]  # fmt: skip
        return {
            "design": self.design.as_text(),
            "values": [
                {"name": f.name, "value": self.values[f.name], "unit": f.unit, "low": f.low, "high": f.high,
                 "at_bound": self.active.get(f.name)}
                for f in self.frees
            ],
            "targets": targets,
            "met": bool(self.met.all()),
            "reasons": self.reasons(),
            "sensitivities": {
                t.label: dict(zip(names, row, strict=True))
                for t, row in zip(self.design.targets, self.sensitivities.tolist(), strict=True)
            },
            "search": {
                "scouts": self.search.scouts[0], "scouts_with_every_figure": self.search.scouts[1],
                "starts": self.search.started, "evaluations": self.search.evaluations,
                "refused": dict(self.search.refused), "path": path,
            },
        }  # fmt: skip


def design(record: Design, told: Told = lambda share, text: None, *, enough: float = _ENOUGH) -> Designed:
    """Carry a design out: scout, search from several starts, and say what was found.

    Args:
        record: What is wanted.
        told: Told the share that is done, and a text.
        enough: The search goes on to this share of what counts as met.

    Raises:
        InputError: If no circuit within the bounds has the figures that are asked for.
    """
    frees, base = record.frees(), record.subject()

    def evaluate(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = {f.name: f.value(places[:, k]) for k, f in enumerate(frees)}
        measured = measure(applied(base, values), record.targets, len(places), record.bench)
        misses = [t.miss(measured.values[:, k]) for k, t in enumerate(record.targets)]
        return np.stack(misses, axis=1), measured.reasons

    told(0.0, f"{record.scouts + 1} scouts")
    found = search(
        evaluate, [f.step for f in frees], nominal=np.array([f.place(f.nominal) for f in frees]),
        weights=np.array([t.weight for t in record.targets]), scouts=record.scouts, starts=record.starts,
        enough=enough * record.within, seed=record.seed, told=told,
    )  # fmt: skip
    values = {f.name: float(f.value(u)) for f, u in zip(frees, found.place, strict=True)}
    subject = applied(base, values)
    figures = np.array([t.found(m) for t, m in zip(record.targets, found.misses, strict=True)])
    deviations = np.array([float(t.deviation(x)) for t, x in zip(record.targets, figures, strict=True)])
    return Designed(record, single(subject), frees, values, figures, deviations, found)


def _scale(target: Any, found: float) -> float:
    """What turns a change of a target's miss into a relative change of its figure."""
    if not target.linear:
        return 1.0
    return max(target.value, 0.02) / found if found else np.nan


def _pushed(designed: Designed, name: str, side: str) -> str:
    one = next(f for f in designed.frees if f.name == name)
    value = engineering(designed.values[name], one.unit, 4)
    way = "below" if side == "lower" else "above"
    return f"{name} stands at its {side} bound, {value}, and the figures would come nearer {way} it."
