"""Stage "growth": what a decision takes, in all and by event, as the network grows."""

from __future__ import annotations

import numpy as np

from mho.core.quantities import engineering
from mho.networks.spiking.contest import SOURCES
from mho.studies.execution import Context
from mho.studies.outcome import Outcome, Table
from mho.studies.stages.temporal.subjects import DEVICE, tried

_NETWORKS = 2  # of each size: energies hardly differ between networks, and large ones take long to train


def work(context: Context) -> Outcome:
    """Train the detailed task with device synapses at every size."""
    study, rows = context.study, []
    for k, size in enumerate(study.sizes):
        context.progress(k / len(study.sizes), f"{size} neurons a layer")
        networks = min(_NETWORKS, study.seeds)
        played, bill = tried(context, study.detailed, DEVICE, hidden=size, networks=networks)
        right, actions = 100 * float(np.mean(played.accuracy)), bill.pulses + bill.events
        rows.append(
            [size, SOURCES + size, played.parameters, right, bill.spikes, actions, bill.cycles,
             *(engineering(e, "J", 3) for e in (bill.gate, bill.read, bill.energy / actions if actions else 0.0))]
        )  # fmt: skip
    if not rows:
        return Outcome()
    table = Table(
        ("neurons a layer", "devices", "trained numbers", "accuracy [%]", "spikes", "events", "volatile cycles",
         "gates", "reads", "an event"),
        rows,
        f"A decision on {study.detailed} as the network grows, mean of held-out trials and of {_NETWORKS} networks of "
        "each size at most. Events are pulses on gates, one a source and spike, and reads of weights, one a target "
        "and spike: reads grow with the square of the layer where activity keeps pace with it, and gates with the "
        "layer. Neurons, lines, drivers and amplifiers are not counted.",
    )  # fmt: skip
    return Outcome(tables={"temporal.growth": table})
