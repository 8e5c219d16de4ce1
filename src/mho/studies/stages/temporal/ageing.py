"""Stage "ageing": what is left of the loading as devices grow old, what the networks make of it, and what helps."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from mho.devices import ECRAM
from mho.networks.spiking import Activity, Bill, train_ensemble, weights_of
from mho.networks.spiking.contest import judge, trials_of
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Outcome, Series, Table
from mho.studies.stages.temporal.spread import AWARE
from mho.studies.stages.temporal.subjects import (
    DEVICE,
    Interval,
    curve,
    event_energy,
    key_of,
    met_in_test,
    met_in_training,
    restored,
    rules,
)

ALONE, WIDE, GAIN, AGAIN = "alone", "wide", "gain", "again"
NAMES = {
    ALONE: "left alone",
    WIDE: "left alone, trained with spread",
    GAIN: "gain of each layer set anew",
    AGAIN: "gain set anew, trained again",
}


def work(context: Context) -> Outcome:
    """The network of the comparison and the one trained with spread, their devices older and older."""
    study = context.study
    right: dict[str, list[Interval]] = {how: [] for how in NAMES}
    bills: dict[str, Bill] = {}
    for k, left in enumerate(study.left):
        age = -float(np.log(left)) * ECRAM.aging_time
        for j, how in enumerate(NAMES):
            context.progress((k + j / len(NAMES)) / len(study.left), f"{left:.2g} left, {NAMES[how]}")
            got, did = _judged(context, _remedied(context, how, age))
            right[how].append(Interval.of(got))
            if left == min(study.left):
                bills[how] = Bill.of(did, event_energy(context), plastic=True)
    series = Series(
        Axis("what aging took of loading rate and volatile conductance", "1", [1.0 - x for x in study.left]),
        [curve(NAMES[how], row) for how, row in right.items()],
        "accuracy [%]",
        caption=f"The task {study.detailed} on devices that have aged by the model's law with both constants at 1 "
        "(assumed, as the set states none): loading rate and volatile conductance fade together. Networks are left "
        "alone; or the read-out of each layer is amplified until a first spike of the mean device counts as when new; "
        f"or weights are trained on from there, for {study.retraining} passes.",
    )  # fmt: skip
    return Outcome(series={"temporal.ageing": series}, tables={"temporal.restored": _restored(context, right, bills)})


def _remedied(context: Context, how: str, age: float) -> Any:
    """Networks with aged devices, after the remedy."""
    study = context.study
    numbers = (
        context.handover("spread")["networks"][AWARE]
        if how == WIDE
        else context.handover("compare")["networks"][DEVICE]
    )
    networks = restored(context, DEVICE, numbers, age=age, calibrated=how in (GAIN, AGAIN))
    if how != AGAIN:
        return networks
    alike = rules(context, epochs=study.retraining)
    of_data, _, of_training, _ = jax.random.split(key_of(context, study.detailed), 4)
    x, labels = trials_of(study.detailed, alike, key=of_data, test=False)
    return train_ensemble(
        networks, x, labels, keys=jax.random.split(jax.random.fold_in(of_training, 1), alike.networks),
        epochs=alike.epochs, batch=alike.batch, rate=alike.rate, conditions=met_in_training(context, DEVICE),
    ).networks  # fmt: skip


def _judged(context: Context, networks: Any) -> tuple[np.ndarray, tuple[Activity, ...]]:
    """Held-out accuracy, and what layers did; the same chips at every age and for every remedy."""
    task = context.study.detailed
    of_data = jax.random.split(key_of(context, task), 4)[0]
    of_chips = jax.random.key(context.seed("aged chips"))
    return judge(task, networks, rules(context), key=of_data, draws=of_chips, testing=met_in_test(context, DEVICE))


def _restored(context: Context, right: dict[str, list[Interval]], bills: dict[str, Bill]) -> Table:
    study = context.study
    at = study.left.index(min(study.left))
    weights = sum(
        np.size(w[0]) for w in weights_of(restored(context, DEVICE, context.handover("compare")["networks"][DEVICE]))
    )
    takes = {ALONE: (0, 0), WIDE: (0, 0), GAIN: (2, 0), AGAIN: (2 + weights, study.retraining * study.training)}
    rows = [
        [NAMES[how], str(right[how][at]), *takes[how], bills[how].spikes, 1e12 * bills[how].energy] for how in NAMES
    ]
    return Table(
        ("what is done", "accuracy [%]", "numbers set anew", "trials shown", "spikes", "energy [pJ]"), rows,
        f"Where {min(study.left):.2g} is left of loading rate and volatile conductance: accuracy, what the remedy "
        "takes in numbers that are set and trials that are shown, and what a decision then takes, at the energy of a "
        "pulse on a new device.",
    )  # fmt: skip
