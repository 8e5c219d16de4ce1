"""Stage "spread": how much devices may differ, for a network that was trained without spread and for one with."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from mho.metrics.kpi import KPI, provenance_of
from mho.metrics.tolerance import tolerated
from mho.networks.spiking.contest import judge, play
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Outcome, Series
from mho.studies.stages.temporal.subjects import (
    DEVICE,
    Interval,
    conditions,
    curve,
    found,
    kept,
    key_of,
    met_in_test,
    met_in_training,
    rules,
    synapses,
)
from mho.studies.temporal_filters import _LOSS

PLAIN, AWARE = "plain", "aware"
NAMES = {PLAIN: "trained with equal devices", AWARE: "trained with spread"}


def work(context: Context) -> Outcome:
    """Train both; test each on chips of every spread, one chip a network."""
    study, task = context.study, context.study.detailed
    key = key_of(context, task)
    of_data, of_chips = jax.random.split(key, 4)[0], jax.random.key(context.seed("chips"))
    sigma = float(np.mean([s.sigma for s in found(context).spreads()]))
    right: dict[str, list[Interval]] = {}
    networks: dict[str, Any] = {}
    for j, (how, factor) in enumerate(((PLAIN, 0.0), (AWARE, study.trained_spread))):
        context.progress(j / 2, NAMES[how])
        built = synapses(context, DEVICE)
        played = play(
            task, built, rules(context), key=key, training=met_in_training(context, DEVICE, factor),
            testing=met_in_test(context, DEVICE, factor),
        )  # fmt: skip
        networks[how] = kept(played.networks)
        right[how] = []
        for k, size in enumerate(study.spreads):
            chips = jax.random.fold_in(of_chips, k)
            testing = met_in_test(context, DEVICE, size)
            got, _ = judge(task, played.networks, rules(context), key=of_data, draws=chips, testing=testing)
            right[how].append(Interval.of(got))
    spreads = sigma * np.asarray(study.spreads)
    limits = [tolerated(spreads, [x.mean for x in right[how]], right[how][0].mean - _LOSS) for how in NAMES]
    series = Series(
        Axis("device-to-device spread (mean standard deviation of ln)", "1", spreads),
        [curve(NAMES[how], row) for how, row in right.items()],
        "accuracy [%]",
        caption=f"The task {task} on chips whose devices differ, {study.seeds} networks on a chip each, with the 95 % "
        f"interval. One was trained with equal devices, one with {100 * sigma * study.trained_spread:.0f} % drawn anew "
        "for every batch. Cycle-to-cycle and read noise are on.",
    )  # fmt: skip
    kpi = KPI(
        "network.tolerated_spread", limits, "1",  # type: ignore[arg-type]
        f"spread at which {100 * _LOSS:.0f} % of accuracy are lost against equal devices: trained with equal devices, "
        "and with spread", n=study.seeds,
        boundary="volatile conductance, efficacy and time constants of every device; static weights exact",
        conditions=conditions(context, task=task, **{"trained with": f"{100 * sigma * study.trained_spread:.0f} %"}),
        provenance=provenance_of(found(context), ("g_volatile", "efficacy", "tau")),
        note="" if all(x is not None for x in limits) else "not available: tolerated as far as was tried",
    )  # fmt: skip
    handover = {"networks": networks, "base": {how: row[0].mean for how, row in right.items()}}
    return Outcome(kpis=[kpi], series={"temporal.spread": series}, handover=handover)
