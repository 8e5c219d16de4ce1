"""Stage "training": networks for the digits, trained plainly, and then on with hardware in the forward pass."""

from __future__ import annotations

import jax
import numpy as np
import optax

from mho.metrics.kpi import KPI
from mho.networks import Hardware, WeightNoise, fit
from mho.networks.inference import accuracy, exactly
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series
from mho.studies.stages.analog.subjects import AWARE, NAMES, PLAIN, fresh, kept, task

BATCH = 64


def work(context: Context) -> Outcome:
    """Train the perceptron, and the network of the detailed stages."""
    study, data = context.study, task(context)
    kinds = tuple(dict.fromkeys(("perceptron", study.network)))
    hardware = Hardware((WeightNoise(study.noise),), input_bits=study.input_bits, output_bits=study.output_bits)
    networks, right, curves = {}, {}, []
    for k, kind in enumerate(kinds):
        key = jax.random.key(context.seed(f"training of the {kind} network"))
        context.progress(k / len(kinds), f"the {kind} network")
        steps = study.epochs * (len(data.images) // BATCH)
        same = {
            "epochs": study.epochs,
            "batch": BATCH,
            "optimiser": optax.adam(optax.cosine_decay_schedule(3e-3, steps)),
        }
        first = fit(fresh(context, kind), data.images, data.labels, key=key, **same)
        start, again = first.network, jax.random.fold_in(key, 1)  # both go on from here, for as many epochs
        plain = fit(start, data.images, data.labels, key=again, **same)
        context.progress((k + 0.4) / len(kinds), f"the {kind} network, for hardware")
        aware = fit(start, data.images, data.labels, key=again, hardware=hardware, clip=study.clip, **same)
        networks[kind] = {PLAIN: kept(plain.network), AWARE: kept(aware.network)}
        right[kind] = {how: accuracy(exactly(one.network, data.test_images), data.test_labels)
                       for how, one in ((PLAIN, plain), (AWARE, aware))}  # fmt: skip
        for how, one in ((PLAIN, plain), (AWARE, aware)):
            curves.append(Curve(f"{kind}, {NAMES[how]}", "1", np.concatenate([first.losses, one.losses])))
    losses = Series(
        Axis("epoch", "1", np.arange(1, 2 * study.epochs + 1)), curves, "cross-entropy", "log",
        caption=f"Loss over the epochs. After {study.epochs} plain ones it goes on plainly, or for hardware: with "
        f"{100 * study.noise:.3g} % of weight noise drawn every batch, rounded inputs and outputs and clipped weights.",
    )  # fmt: skip
    return Outcome(
        kpis=[_accuracy(study, kind, right[kind]) for kind in kinds if kind == study.network],
        series={"analog.losses": losses},
        handover={"networks": networks, "accuracy": right},
    )


def _accuracy(study: object, kind: str, right: dict[str, float]) -> KPI:
    return KPI(
        "network.software_accuracy",
        [right[PLAIN], right[AWARE]],
        "1",
        "share of test digits decided rightly by the exact network: trained plainly, and for hardware",
        n=study.test,  # type: ignore[attr-defined]
        boundary="software, single precision",
        conditions={"network": kind},
    )
