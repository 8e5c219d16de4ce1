"""Stage "correct": the designs as whole circuits, and their numbers moved until those answer as they were meant to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mho.circuits.design import Corrected, Design, applied, correct
from mho.core.quantities import engineering
from mho.core.results import Status
from mho.devices import parameters
from mho.metrics.circuit import RECONSTRUCTION
from mho.metrics.kpi import KPI, provenance_of
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Mark, Outcome, Table
from mho.studies.stages.bank.members import BOUNDARY, driven, fired, from_charges, names, responses, together, wanted
from mho.studies.stages.bank.path import path

_NEAR = 0.1  # relative miss below which a member is left as it is: its intervals are whole periods, and jump
_HOLDS = 0.2  # relative miss within which a member answers its own rate as designed
_ROUNDS = 5


def work(context: Context) -> Outcome:
    """Judge every member as a whole circuit at its three rates, and correct it by the derivatives of its design."""
    study, numbers = context.study, parameters(context.study.device)
    designed = context.handover("design")["members"]
    whole = [wanted(study, rate) for rate in study.rates]
    records = [_judged(record) for record in whole]
    jacobians = [np.array(member["jacobian"], np.float64)[: len(records[0].targets)] for member in designed]
    found = correct(
        records, [member["values"] for member in designed], jacobians,
        lambda values: _answers(study, records, values), rounds=_ROUNDS, enough=_NEAR, told=context.progress,
    )  # fmt: skip
    subjects = [applied(r.subject(), f.values) for r, f in zip(records, found, strict=True)]
    charges, left = from_charges(study, together(subjects), np.asarray(study.rates, np.float64))
    for k, (record, one) in enumerate(zip(whole, found, strict=True)):
        context.folder.write(f"designs/{k + 1}.toml", replace(record, start=dict(one.values)).to_toml())
    ratio = [float(f.figures[0] / r.targets[0].value) for r, f in zip(records, found, strict=True)]
    far = sum(not abs(x - 1.0) <= _HOLDS for x in ratio)
    kpi = KPI(
        "circuit.bank_answer_over_design", ratio, "1",
        definition="response of each member's whole circuit at its own rate over the response it was designed for",
        n=len(ratio), failures={"NOT_MET": far} if far else {}, boundary=BOUNDARY,
        provenance=[*RECONSTRUCTION, *provenance_of(numbers)],
        conditions={"train": f"{study.spikes} presynaptic spikes, second half", "met": f"within {100 * _HOLDS:g} %"},
        note="before correction "
        + ", ".join(f"{f.before[0] / r.targets[0].value:.2f}" for r, f in zip(records, found, strict=True)),
    )  # fmt: skip
    each = zip(found, charges, left, strict=True)
    members = [{"values": dict(f.values), "found": float(x), "lone": float(y)} for f, x, y in each]
    return Outcome(
        kpis=[kpi],
        series={
            "bank.correction": path(
                "round of corrections",
                {n: f.path for n, f in zip(names(context), found, strict=True)},
                Mark("left alone below", y=100 * _NEAR),
                "Right: the same circuits as wholes, spikes counted. A miss of 100 % is silence.",
            )
        },
        tables={"bank.corrected": _table(context, records, found, left)},
        sources=provenance.sources(numbers),
        handover={"members": members},
        files={f"design of the {name} member": f"designs/{k + 1}.toml" for k, name in enumerate(names(context))},
    )


def _judged(record: Design) -> Design:
    """The design with the targets that can be counted in spikes: a lone spike, as it should be, gives none."""
    return replace(record, targets=tuple(t for t in record.targets if t.figure == "passes"))


def _answers(study: Any, records: Sequence[Design], values: Sequence[Mapping[str, np.ndarray]]) -> list[np.ndarray]:
    """Responses of whole circuits, all trials of all members at their three rates side by side, (trials, targets)."""
    trials, presented = [], []
    for record, own in zip(records, values, strict=True):
        base = record.subject()
        for one in zip(*own.values(), strict=True):
            for target in record.targets:
                trials.append(applied(base, dict(zip(own, one, strict=True))))
                presented.append(float(target.at or 0.0))
    rates = np.array(presented)
    firing = fired(driven(together(trials), rates, study.spikes), float(rates.min()), study.spikes)
    good = np.isin(firing.status, [Status.OK, Status.EVENTS_FULL])
    each = np.where(good, responses(firing.times, rates, study.spikes), np.nan)
    sizes = np.cumsum([len(next(iter(own.values()))) * len(r.targets) for r, own in zip(records, values, strict=True)])
    return [x.reshape(-1, len(r.targets)) for x, r in zip(np.split(each, sizes[:-1]), records, strict=True)]


def _table(context: Context, records: Sequence[Design], found: Sequence[Corrected], left: np.ndarray) -> Table:
    rows = []
    for name, record, one, lone in zip(names(context), records, found, left, strict=True):
        numbers = [f.text(one.values[f.name]) for f in record.frees()]
        before, after = (" / ".join(f"{x:.3f}" for x in y[[1, 0, 2]]) for y in (one.before, one.figures))
        rows.append([name, *numbers, engineering(record.fixed["c_membrane"], "F", 3), before, after,
                     f"{lone:.2f}", str(one.path[-1].turn)])  # fmt: skip
    columns = ["member", "v_leak", "mirror", "v_inhibit", "τ₁ of the ECRAM", "membrane", "as designed", "corrected",
               "lone spike", "rounds"]  # fmt: skip
    return Table(
        columns, rows,
        "What whole circuits answer below, at and above each member's rate, as they came from the design and after "
        f"correction. Wanted are {wanted_text(records[0])} output spikes per presynaptic spike. Of a lone spike: the "
        "share of an output spike's charge that it leaves, from charges.",
    )  # fmt: skip


def wanted_text(record: Design) -> str:
    """The three responses wanted: below, at and above a member's rate."""
    return " / ".join(f"{record.targets[k].value:.3f}" for k in (1, 0, 2))
