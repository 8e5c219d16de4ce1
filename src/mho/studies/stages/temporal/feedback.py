"""Stage "feedback": spikes that go round can remember too; how well, and at what price."""

from __future__ import annotations

from mho.studies.execution import Context
from mho.studies.outcome import Outcome, Table
from mho.studies.stages.temporal.subjects import NAMES, Interval, tried


def work(context: Context) -> Outcome:
    """The detailed task again with feedback in the second layer, static and device."""
    study, before = context.study, context.handover("compare")
    task, rows = study.detailed, []
    if not study.loops:
        return Outcome()
    for j, kind in enumerate(study.loops):
        context.progress(j / len(study.loops), NAMES[kind])
        played, bill = tried(context, task, kind, recurrent=True)
        ahead = Interval.of(before["accuracy"][task][kind])
        rows += [
            [NAMES[kind], "none", str(ahead), before["spikes"][task][kind], 1e12 * before["energy"][task][kind]],
            [NAMES[kind], "second layer", str(Interval.of(played.accuracy)), bill.spikes, 1e12 * bill.energy],
        ]
    table = Table(
        ("synapses", "feedback", "accuracy [%]", "spikes", "energy [pJ]"), rows,
        f"The task {task} with and without {study.hidden} x {study.hidden} weights of feedback, trained alike. A loop "
        "can hold in spikes what a static synapse cannot; this is what training found of it in as many steps.",
    )  # fmt: skip
    return Outcome(tables={"temporal.feedback": table})
