"""Stage "bits": how coarse converters, drivers and weights may be."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from mho.metrics.kpi import KPI
from mho.networks import Hardware, WeightNoise
from mho.networks.calls import plainly
from mho.networks.inference import accuracy
from mho.networks.tasks import Digits
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
    ready,
    task,
    tile,
    trained,
)

BITS = (2, 3, 4, 5, 6, 8)
WEIGHT_BITS = np.arange(0.5, 6.01, 0.5)
_ENOUGH = 0.01  # of accuracy below software
_DRAWS = 8


def work(context: Context) -> Outcome:
    """Sweep the bits of each part, all else exact."""
    study, data = context.study, task(context)
    both = {how: trained(context, study.network, how) for how in (AWARE, PLAIN)}
    soft = in_software(context, study.network)
    coarse: dict[str, dict[str, list[float]]] = {}
    for k, name in enumerate(("output_bits", "input_bits")):
        coarse[name] = {how: [] for how in both}
        for b, bits in enumerate(BITS):
            context.progress((k + b / len(BITS)) / 3, f"{bits} bits")
            for how, network in both.items():
                rounding: dict[str, Any] = {name: bits}
                hardware = Hardware(**rounding).ranged(network, data.images[:CALIBRATION])
                coarse[name][how].append(_right(hardware, network, data))
    key = jax.random.key(context.seed("weight noise"))
    weights = {how: [] for how in both}
    context.progress(0.7, "weights")
    for how, network in both.items():
        for bits in WEIGHT_BITS:
            hardware = Hardware((WeightNoise(_sigma(bits)),))
            weights[how].append([_right(hardware, network, data, jax.random.fold_in(key, d)) for d in range(_DRAWS)])
    held = _held(context, both[AWARE], data)
    needed = {
        "converters": _first(BITS, coarse["output_bits"][AWARE], soft),
        "drivers": _first(BITS, coarse["input_bits"][AWARE], soft),
        "weights": _first(WEIGHT_BITS, np.mean(weights[AWARE], axis=1), soft),
    }
    return Outcome(
        kpis=[_kpi(context, needed, held)],
        series={
            "analog.converter_bits": _converters(coarse, soft),
            "analog.weight_bits": _weights(context, weights, held, soft),
        },
    )


def _right(hardware: Hardware, network: Any, data: Digits, key: jax.Array | None = None) -> float:
    """Accuracy of the test in one pass."""
    return accuracy(hardware.outputs(network, data.test_images, key=key, call=plainly), data.test_labels)


def _sigma(bits: float) -> float:
    """Standard deviation over the largest weight at which levels over twice that weight lie six deviations apart."""
    return 2.0 / (6.0 * (2.0**bits - 1.0))


def _held(context: Context, network: Any, data: Any) -> float:
    """Effective bits of the weights on a chip of the study's device."""
    chip = ready(network, tile(context, device(context)), data, jax.random.key(context.seed("weights held")))
    error = math.sqrt(float(np.mean([r["error"] ** 2 for r in chip.report()])))
    return math.log2(1.0 + 2.0 / (6.0 * error)) if error > 0.0 else float("inf")


def _first(bits: Any, right: Any, soft: float) -> float | None:
    """The fewest bits from which on accuracy stays within 1 % of software."""
    good = np.asarray(right) >= soft - _ENOUGH
    if not good[-1]:
        return None
    bad = np.flatnonzero(~good)
    return float(bits[0 if bad.size == 0 else bad[-1] + 1])


def _kpi(context: Context, needed: dict[str, float | None], held: float) -> KPI:
    found = list(needed.values())
    return KPI(
        "network.bits_needed",
        [v if v is not None else float("nan") for v in found],
        "1",
        f"fewest bits of {', '.join(needed)} at which accuracy stays within 1 % of software, each by itself; bits of a "
        "weight are effective ones, levels six standard deviations apart over twice the largest weight",
        n=context.study.test,
        boundary="everything else exact",
        conditions=conditions(context, training=NAMES[AWARE], **{"weights held by the device": f"{held:.2g} b"}),
        note="" if None not in found else "a dash: not within 1 % at the most bits that were tried",
    )


def _converters(coarse: Any, soft: float) -> Series:
    curves = [
        Curve(f"{part}, {NAMES[how]}", "1", [100 * x for x in coarse[name][how]], "both")
        for name, part in (("output_bits", "converters"), ("input_bits", "drivers"))
        for how in (AWARE, PLAIN)
    ]
    return Series(
        Axis("bits", "1", BITS), curves, "accuracy [%]", marks=[Mark("in software", y=100 * soft)],
        caption="Above: rounding of inputs or outputs alone.",
    )  # fmt: skip


def _weights(context: Context, weights: Any, held: float, soft: float) -> Series:
    curves = []
    for how in (AWARE, PLAIN):
        found = 100 * np.asarray(weights[how])
        curves.append(Curve(NAMES[how], "1", found.mean(axis=1), "both", found.min(axis=1), found.max(axis=1)))
    marks = [Mark("in software", y=100 * soft)]
    if math.isfinite(held):
        marks.append(Mark(f"{context.study.device} holds {held:.2g}", x=held))
    return Series(
        Axis("effective bits of a weight", "1", WEIGHT_BITS), curves, "accuracy [%]", marks=marks,
        caption=f"Below: normal errors of weights alone, mean and range of {_DRAWS} draws. Levels lie six standard "
        "deviations apart.",
    )  # fmt: skip
