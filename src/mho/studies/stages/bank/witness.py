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
_PATIENCE = 900.0  # [s] for one such run
_SHORT = 20  # presynaptic spikes of a train whose output spikes are counted: a whole one takes ngspice minutes


def work(context: Context) -> Outcome:
    """The designed response from charges, and the spikes of the whole circuit, of every member at its own rate."""
    if shutil.which("ngspice") is None:
        return Outcome(notes=[_NOT_THERE])
    study, rows, off, missing = context.study, [], [], 0
    for k, (name, subject, rate) in enumerate(zip(names(context), subjects(context), study.rates, strict=True)):
        context.progress(k / len(study.rates), f"{name} member in ngspice")
        record = wanted(study, rate)
        member = context.handover("correct")["members"][k]
        ours = np.array([member["found"], member["lone"]], np.float64)
        targets = [t for t in record.targets if t.at == rate]
        judged = resimulate(subject, targets, record.bench)
        theirs, asked = judged.found, np.array([t.value for t in targets])
        times = np.array(context.handover("response")["times"][k], float)
        spikes = int(np.sum(times < _stop(rate)))
        seen, reason = _count(driven(subject, rate, _SHORT), rate)
        good = bool(np.isfinite(theirs).all())
        if good:
            off.append(float(np.max(np.abs(theirs - ours) / asked)))
        missing += int(not good) + int(seen is None)
        difference = f"{100 * off[-1]:.2g} %" if good else judged.reasons.get(0, "failed")
        shown = (" / ".join(f"{x:.4f}" for x in both) for both in (ours, theirs))
        rows.append([name, *shown, difference, str(spikes), reason if seen is None else str(seen)])
    columns = ["member", "from charges, mho", "ngspice", "difference", "output spikes, mho", "ngspice"]
    kpi = KPI(
        "circuit.bank_ngspice_difference", max(off) if off else None, "1",
        definition="largest difference of ngspice's response and lone spike's share, each over what was asked for",
        n=len(study.rates), failures={"NGSPICE": missing} if missing else {}, boundary=BOUNDARY,
        provenance=RECONSTRUCTION, note="" if off else "ngspice gave no response",
    )  # fmt: skip
    caption = (
        "The response and a lone spike's share from charges, and the whole circuit's output spikes during the first "
        f"{_SHORT} presynaptic ones, each in both simulators."
    )
    return Outcome(kpis=[kpi], tables={"bank.witness": Table(columns, rows, caption)})


def _stop(rate: float) -> float:
    """End of the train that both simulators are given: just before the next presynaptic spike [s]."""
    return FIRST + (_SHORT - 0.01) / rate


def _count(circuit: Circuit, rate: float) -> tuple[int | None, str]:
    """Output spikes of a short train in ngspice, or why there is no number."""
    try:
        text = spice_text(circuit, _stop(rate), save=(SPIKE,), reltol=_RELTOL, max_step=0.1 / rate, method="gear")
        run = run_ngspice(text, timeout=_PATIENCE)
    except SolverError as error:
        return None, reason_of(error)
    return len(run.crossings(Crossing(SPIKE, 0.5, rising=True, after=max(SETTLED, WIDTH)))), ""
