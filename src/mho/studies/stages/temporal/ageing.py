"""Stage "ageing": what is left of the loading as devices grow old, and what the networks make of it."""

from __future__ import annotations

import jax
import numpy as np

from mho.devices import ECRAM
from mho.networks.spiking.contest import judge
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Outcome, Series
from mho.studies.stages.temporal.spread import NAMES
from mho.studies.stages.temporal.subjects import DEVICE, Interval, curve, key_of, met_in_test, restored, rules


def work(context: Context) -> Outcome:
    """Both networks of the stage on spread, their devices older and older."""
    study, task = context.study, context.study.detailed
    of_data = jax.random.split(key_of(context, task), 4)[0]
    of_chips = jax.random.key(context.seed("aged chips"))
    trained = context.handover("spread")["networks"]
    right: dict[str, list[Interval]] = {how: [] for how in NAMES}
    for k, left in enumerate(study.left):
        context.progress(k / len(study.left), f"{left:.2g} left")
        for how in NAMES:
            networks = restored(context, DEVICE, trained[how], age=-float(np.log(left)) * ECRAM.aging_time)
            testing = met_in_test(context, DEVICE)
            got, _ = judge(task, networks, rules(context), key=of_data, draws=of_chips, testing=testing)
            right[how].append(Interval.of(got))
    series = Series(
        Axis("what aging leaves of loading rate and volatile conductance", "1", study.left),
        [curve(NAMES[how], row) for how, row in right.items()],
        "accuracy [%]",
        caption=f"The task {task} on devices that have aged by the model's law with both constants at 1 (assumed, "
        "as the set states none). Loading rate and volatile conductance fade together; networks are not trained again.",
    )  # fmt: skip
    return Outcome(series={"temporal.ageing": series})
