"""A finished design as text: numbers found, targets met or not, what moves what, the path of the search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mho.circuits.design import Designed
from mho.core.quantities import engineering
from mho.interchange.resimulation import Resimulation

Rows = list[list[str]]
_MILLIVOLT = 1e-3


def numbers(designed: Designed) -> Rows:
    """The numbers that moved, with their bounds."""
    rows = [["number", "found", "between", ""]]
    for f in designed.frees:
        side = designed.active.get(f.name)
        rows.append([f"  {f.name}", f.text(designed.values[f.name]), f"{f.text(f.low)} and {f.text(f.high)}",
                     f"at its {side} bound" if side else ""])  # fmt: skip
    return rows


def targets(designed: Designed, judged: Resimulation | None) -> Rows:
    """What was wanted and what was found, here and in ngspice."""
    rows = [["target", "wanted", "found", "off"] + (["ngspice", "off"] if judged is not None else [])]
    for k, t in enumerate(designed.design.targets):
        row = [f"  {t.label}", *(engineering(x, t.unit) for x in (t.value, designed.found[k]))]
        row.append(percent(float(designed.deviations[k])))
        if judged is not None:
            theirs = float(judged.found[k])
            off = float(t.deviation(theirs))
            row += [engineering(theirs, t.unit), percent(off)] if np.isfinite(theirs) else ["failed", ""]
        rows.append(row)
    return rows


def moves(designed: Designed) -> Rows:
    """Change of every figure by each number: by 1 mV of a voltage, by 1 % of another number."""
    heads = [f"{f.name} {'+1 %' if f.logarithmic else '+1 mV'}" for f in designed.frees]
    rows = [["what moves what", *heads]]
    for t, row in zip(designed.design.targets, designed.sensitivities, strict=True):
        each = [x * (0.01 if f.logarithmic else _MILLIVOLT) for x, f in zip(row, designed.frees, strict=True)]
        rows.append([f"  {t.label}", *(percent(x) for x in each)])
    return rows


def path(designed: Designed) -> Rows:
    """The largest miss of every start, turn by turn."""
    rows = [["search", "largest miss, turn by turn"]]
    best = min(s.cost for s in designed.search.path)
    for k in range(designed.search.started):
        steps = [s for s in designed.search.path if s.start == k]
        misses = [f"{100 * float(np.max(np.abs(s.misses))):.2g}" for s in steps]
        rows.append([f"  start {k + 1}{' (taken)' if steps[-1].cost == best else ''}", " > ".join(misses) + " %"])
    return rows


def opening(designed: Designed) -> str:
    """One line about the search."""
    s = designed.search
    refused = ", ".join(f"{n} {reason}" for reason, n in s.refused.items())
    text = (
        f"{s.scouts[0]} scouts ({s.scouts[1]} with every figure), {s.started} starts, {s.evaluations} circuits measured"
    )
    return f"{designed.design.neuron}: {text}" + (f", without a figure {refused}" if refused else "")


def closing(designed: Designed, judged: Resimulation | None) -> list[str]:
    """The verdict, in sentences."""
    within = f"{100 * designed.design.within:g} %"
    lines = designed.reasons() or [f"Every target is met within {within}."]
    if judged is not None:
        found = zip(designed.design.targets, judged.found, strict=True)
        off = [abs(float(t.deviation(x))) for t, x in found if np.isfinite(x)]
        if off:
            lines.append(f"ngspice is off the targets by {100 * max(off):.2g} % at most ({judged.seconds:.1f} s).")
        lines += [f"ngspice gave no {designed.design.targets[k].label}: {why}" for k, why in judged.reasons.items()]
    return lines


def percent(x: float) -> str:
    """A signed share: three digits, or a zero where it is below a ten-thousandth."""
    if not np.isfinite(x):
        return "-"
    return f"{100 * x:+.3g} %" if abs(x) >= 5e-7 else "0 %"


def sections(designed: Designed, judged: Resimulation | None) -> Sequence[Rows]:
    """The tables in order."""
    return [numbers(designed), targets(designed, judged), moves(designed), path(designed)]
