"""Stage "ageing": accuracy from a second to ten years after programming, with and without drift compensation."""

from __future__ import annotations

from typing import Any

import jax

from mho.core.quantities import engineering
from mho.metrics.inference import accuracy_kpi, compensation_kpi, loss_kpi
from mho.metrics.kpi import provenance_of
from mho.networks.inference import OverTime, ages, over_time
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series
from mho.studies.stages.analog.subjects import (
    AWARE,
    CALIBRATION,
    NAMES,
    PLAIN,
    conditions,
    device,
    in_software,
    task,
    tile,
    trained,
)

_CURVES = {"none": "not compensated", "global": "one gain a matrix", "output": "one gain an output"}


def work(context: Context) -> Outcome:
    """Both networks on the same chips, as these grow old."""
    study, found, data = context.study, device(context), task(context)
    times = sorted({*ages(1.0, study.oldest, 7).tolist(), min(study.months, study.oldest)})
    results: dict[str, OverTime] = {}
    for k, how in enumerate((AWARE, PLAIN)):
        results[how] = over_time(
            trained(context, study.network, how),
            tile(context, found),
            data.test_images,
            data.test_labels,
            key=jax.random.key(context.seed("ageing chips")),
            calibration=data.images[:CALIBRATION],
            times=times,
            programmings=study.programmings,
            progress=lambda share, k=k, how=how: context.progress((k + share) / 2, NAMES[how]),
        )
    soft = in_software(context, study.network)
    ground: dict[str, Any] = {"provenance": provenance_of(found)}
    about: dict[str, Any] = ground | {"conditions": conditions(context, training=NAMES[AWARE])}
    aware, plain = results[AWARE], results[PLAIN]
    early, late = float(times[0]), float(study.months)
    kpis = [
        accuracy_kpi(aware, "none", at=early, **about),
        loss_kpi(aware, "none", at=early, exact=soft, **about),
        loss_kpi(plain, "none", at=early, exact=soft, name="network.plain_loss",
                 **ground, conditions=conditions(context, training=NAMES[PLAIN])),
        accuracy_kpi(aware, "none", at=late, name="network.aged_accuracy", **about),
        accuracy_kpi(aware, "global", at=late, name="network.compensated_accuracy", **about),
        compensation_kpi(aware.price["global"], "global", **ground),
    ]  # fmt: skip
    return Outcome(
        kpis=kpis,
        series={
            "analog.ageing": _series(context, aware, AWARE, soft),
            "analog.ageing_plain": _series(context, plain, PLAIN, soft),
        },
        sources=provenance.sources(found),
        handover={how: {c: a.tolist() for c, a in r.accuracy.items()} for how, r in results.items()},
    )


def _series(context: Context, found: OverTime, how: str, soft: float) -> Series:
    curves = []
    for name, label in _CURVES.items():
        mean, low, high = found.band(name)
        curves.append(Curve(label, "1", 100 * mean, "both", 100 * low, 100 * high))
    marks = [Mark("in software", y=100 * soft), Mark("a month", x=context.study.months)]
    given_up = sum(n for reason, n in found.failures.items() if reason.startswith("CELLS"))
    failed = f" {given_up} cells were given up in programming." if given_up else ""
    last = engineering(found.times[-1] / 31_557_600.0, "1", 3)
    lead = "Above" if how == AWARE else "Below"
    return Series(
        Axis("time since programming", "s", found.times, "log"), curves, f"accuracy [%], {NAMES[how]}", marks=marks,
        caption=f"{lead}: {NAMES[how]}, up to {last} years on {context.study.device}; mean and 90 % of "
        f"{context.study.programmings} programmings.{failed}",
    )  # fmt: skip
