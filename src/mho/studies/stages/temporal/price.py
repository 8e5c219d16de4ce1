"""Stage "price": what accuracy a decision's energy buys, as training pays for activity."""

from __future__ import annotations

import equinox as eqx

from mho.networks.spiking import Bill, Costs
from mho.networks.spiking.contest import play
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series
from mho.studies.stages.temporal.subjects import (
    DEVICE,
    NAMES,
    STATIC,
    Interval,
    event_energy,
    key_of,
    met_in_test,
    met_in_training,
    rules,
    synapses,
)


def work(context: Context) -> Outcome:
    """Train the detailed task under every price; all share the programs of the comparison."""
    study, task = context.study, context.study.detailed
    points: dict[str, list[tuple[float, Interval]]] = {STATIC: [], DEVICE: []}
    total = len(study.prices) * len(points)
    for k, price in enumerate(study.prices):
        for j, (kind, row) in enumerate(points.items()):
            context.progress((k * len(points) + j) / total, f"price {price:.2g}, {NAMES[kind]}")
            training = met_in_training(context, kind)
            training = eqx.tree_at(lambda c: c.costs, training, Costs(spikes=price))
            played = play(
                task, synapses(context, kind), rules(context), key=key_of(context, task), training=training,
                testing=met_in_test(context, kind),
            )  # fmt: skip
            bill = Bill.of(played.did, event_energy(context), plastic=kind == DEVICE)
            row.append((bill.gate + bill.read, Interval.of(played.accuracy)))
    prices = ", ".join(f"{p:.2g}" for p in study.prices)
    series = Series(
        Axis("energy of a decision, gates and reads", "J", [e for e, _ in points[STATIC]], "log"),
        [
            Curve(NAMES[kind], "1", [100 * x.mean for _, x in row], "both", [100 * x.low for _, x in row],
                  [100 * x.high for _, x in row], x=[e for e, _ in row])
            for kind, row in points.items()
        ],
        "accuracy [%]",
        caption=f"The task {task}, trained with a price on spikes that rises from right to left: {prices} of the loss "
        f"a spike. {study.seeds} networks each, with the 95 % interval.",
    )  # fmt: skip
    return Outcome(series={"temporal.price": series})
