"""Stage "price": what accuracy a decision's energy buys, as training pays for activity."""

from __future__ import annotations

import equinox as eqx

from mho.networks.spiking import Costs
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Outcome, Series
from mho.studies.stages.temporal.subjects import (
    DEVICE,
    NAMES,
    STATIC,
    Interval,
    curve,
    met_in_training,
    tried,
)


def work(context: Context) -> Outcome:
    """Train the detailed task under every price, by the programs of the comparison, which itself asked for none."""
    study, task = context.study, context.study.detailed
    free = context.handover("compare")
    points: dict[str, list[tuple[float, Interval]]] = {STATIC: [], DEVICE: []}
    total = len(study.prices) * len(points)
    for k, price in enumerate(study.prices):
        for j, (kind, row) in enumerate(points.items()):
            if price == 0.0:
                row.append((free["energy"][task][kind], Interval.of(free["accuracy"][task][kind])))
                continue
            context.progress((k * len(points) + j) / total, f"price {price:.2g}, {NAMES[kind]}")
            training = eqx.tree_at(lambda c: c.costs, met_in_training(context, kind), Costs(spikes=price))
            played, bill = tried(context, task, kind, training=training)
            row.append((bill.energy, Interval.of(played.accuracy)))
    prices = ", ".join(f"{p:.2g}" for p in study.prices)
    series = Series(
        Axis("energy of a decision, gates and reads", "J", [e for e, _ in points[STATIC]], "log"),
        [curve(NAMES[kind], [x for _, x in row], x=[e for e, _ in row]) for kind, row in points.items()],
        "accuracy [%]",
        caption=f"The task {task}, trained with a price on spikes that rises from right to left: {prices} of the loss "
        f"a spike. {study.seeds} networks each, with the 95 % interval.",
    )  # fmt: skip
    return Outcome(series={"temporal.price": series})
