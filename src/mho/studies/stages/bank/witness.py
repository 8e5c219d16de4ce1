"""Stage "witness": every member again in ngspice, on netlists written from the same circuits."""

from __future__ import annotations

import shutil

import numpy as np

from mho.circuits import Circuit, Crossing
from mho.circuits.design.benches import FIRST
from mho.circuits.neurons.neuron import SETTLED, SPIKE
from mho.core.errors import SolverError, reason_of
from mho.interchange import run_ngspice, spice_text
from mho.interchange.resimulation import resimulate
from mho.metrics.circuit import RECONSTRUCTION
from mho.metrics.kpi import KPI
from mho.studies.execution import Context
from mho.studies.outcome import Outcome, Table
from mho.studies.stages.bank.members import BOUNDARY, WIDTH, driven, names, subjects, wanted

_NOT_THERE = (
    "ngspice is not installed, so nothing outside mho has judged these circuits (Debian: apt-get install ngspice)."
)
_RELTOL = 3e-4  # of the trains: within 1e-3 of ngspice's best in intervals
_SHORT = 20  # presynaptic spikes of a train whose output spikes are counted: a whole one takes ngspice minutes


def work(context: Context) -> Outcome:
    """The designed response from charges, and the spikes of the whole circuit, of every member at its own rate."""
    if shutil.which("ngspice") is None:
        return Outcome(notes=[_NOT_THERE])
    study, rows, off, missing = context.study, [], [], 0
    for k, (name, subject, rate) in enumerate(zip(names(context), subjects(context), study.rates, strict=True)):
        context.progress(k / len(study.rates), f"{name} member in ngspice")
        record = wanted(study, rate)
        ours = float(context.handover("correct")["members"][k]["found"])
        judged = resimulate(subject, record.targets[:1], record.bench)
        theirs = float(judged.found[0])
        times = np.array(context.handover("response")["times"][k], float)
        spikes = int(np.sum(times < _stop(rate)))
        seen, reason = _count(driven(subject, rate, _SHORT), rate)
        if np.isfinite(theirs):
            off.append(abs(theirs / ours - 1.0))
        missing += int(not np.isfinite(theirs)) + int(seen is None)
        difference = f"{100 * (theirs / ours - 1.0):+.2g} %" if np.isfinite(theirs) else judged.reasons.get(0, "failed")
        rows.append(
            [name, f"{ours:.4f}", f"{theirs:.4f}", difference, str(spikes), reason if seen is None else str(seen)]
        )
    columns = ["member", "from charges, mho", "ngspice", "difference", "output spikes, mho", "ngspice"]
    kpi = KPI(
        "circuit.bank_ngspice_difference", max(off) if off else None, "1",
        definition="largest relative difference of ngspice's response from charges, members at their own rates",
        n=len(study.rates), failures={"NGSPICE": missing} if missing else {}, boundary=BOUNDARY,
        provenance=RECONSTRUCTION, note="" if off else "ngspice gave no response",
    )  # fmt: skip
    caption = (
        "The response from charges, and the whole circuit's output spikes during the first "
        f"{_SHORT} presynaptic ones, each in both simulators."
    )
    return Outcome(kpis=[kpi], tables={"bank.witness": Table(columns, rows, caption)})


def _stop(rate: float) -> float:
    """End of the train that both simulators are given: just before the next presynaptic spike [s]."""
    return FIRST + (_SHORT - 0.01) / rate


def _count(circuit: Circuit, rate: float) -> tuple[int | None, str]:
    """Output spikes of a short train in ngspice, or why there is no number."""
    try:
        text = spice_text(circuit, _stop(rate), save=(SPIKE,), reltol=_RELTOL, max_step=0.1 / rate)
        run = run_ngspice(text, timeout=180.0)
    except SolverError as error:
        return None, reason_of(error)
    return len(run.crossings(Crossing(SPIKE, 0.5, rising=True, after=max(SETTLED, WIDTH)))), ""
