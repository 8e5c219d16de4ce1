"""Stage "excitability": the ECRAM inside the neuron, driven by the neuron's own spikes, with both signs."""

from __future__ import annotations

import numpy as np

from mho.core.quantities import engineering
from mho.metrics import excitability as metrics
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series
from mho.studies.stages import bench
from mho.studies.stages.grounds import grounded
from mho.studies.stages.measurement import floor_set

SIGNS = {1: "spikes lower R", -1: "spikes raise R"}


def work(context: Context) -> Outcome:
    """A train, silences and probes, with the device and with its polarity reversed."""
    context.progress(0.02, "trains and probes, both signs")
    found = metrics.excitability(bench.neuron(context), current=context.study.current)
    return Outcome(
        kpis=grounded(context, [metrics.excitability_change(found)], floor_set(context)),
        series={
            "excitability.rate": _rate(found),
            "excitability.resistance": _resistance(found),
            "excitability.recovery": _recovery(found),
        },
    )


def _train(m: metrics.Modulation) -> np.ndarray:
    return m.times[0, : m.train_spikes]


def _rate(found: dict[int, metrics.Modulation]) -> Series:
    curves = [Curve(SIGNS[s], "Hz", 1 / np.diff(_train(m)), "both", x=_train(m)[1:]) for s, m in found.items()]
    return Series(
        Axis("time in the train", "s", _train(found[1])[1:]), curves, "instantaneous rate",
        caption=f"Above: at a constant current the rate changes by {100 * found[1].change:+.0f} % over the train, and "
        f"by {100 * found[-1].change:+.0f} % with the device's polarity reversed.",
    )  # fmt: skip


def _resistance(found: dict[int, metrics.Modulation]) -> Series:
    curves = [Curve(SIGNS[s], "ohm", m.resistance[0, : m.train_spikes], "both", x=_train(m)) for s, m in found.items()]
    return Series(
        Axis("time in the train", "s", _train(found[1])[1:]), curves, "channel resistance",
        caption="Below: the resistance in the reset path, moved by the neuron's own spikes.",
    )  # fmt: skip


def _recovery(found: dict[int, metrics.Modulation]) -> Series:
    curves = [Curve(SIGNS[s], "Hz", 1 / m.after, "both") for s, m in found.items()]
    before, during = found[1].before, found[1].during
    longest = engineering(float(found[1].silences[-1]), "s")
    left = (1 / found[1].after[-1] - 1 / before) / (1 / during - 1 / before)
    missing = [SIGNS[s] for s, m in found.items() if not np.isfinite(m.after).all()]
    gap = f" No probe fired twice after the train where {' and '.join(missing)}." if missing else ""
    return Series(
        Axis("silence after the train", "s", found[1].silences, "log"), curves, "rate of a probe",
        marks=[Mark("before the train", y=1 / before)],
        caption=f"The rate when the same current returns after a silence: after {longest}, {100 * left:.0f} % of the "
        f"change is left.{gap}",
    )  # fmt: skip
