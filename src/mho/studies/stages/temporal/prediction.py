"""Stage "prediction": a random reservoir predicts the Mackey-Glass series, its synapses of each kind."""

from __future__ import annotations

import jax
import numpy as np

from mho.metrics.kpi import KPI
from mho.networks.spiking import ClockedDevice, CurrentLIF, SpikingLayer, Static
from mho.networks.spiking.contest import DT
from mho.networks.spiking.plasticity import AbstractShortTerm
from mho.networks.spiking.reservoir import Prediction, predict
from mho.networks.tasks import followed, mackey_glass
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series, Table
from mho.studies.stages.temporal.subjects import DEVICE, NAMES, TM, Interval, conditions, found, kinds, pulse, synapses

_SOURCES = 32
_LEAK = 30e-3  # of the readout [s]
_GAINS = (2.0, 4.0, 8.0, 16.0)
_SHOWN = 150


def work(context: Context) -> Outcome:
    """Each seed has its own piece of the series, its own reservoir and its own phases; kinds share all three."""
    study, each = context.study, kinds(context)
    errors: dict[str, list[float]] = {kind: [] for kind in each}
    activity: dict[str, list[float]] = {kind: [] for kind in each}
    gains, persistence, shown = {}, [], {}
    for k in range(study.seeds):
        context.progress(k / study.seeds, f"network {k + 1}")
        keys = jax.random.split(jax.random.key(context.seed(f"reservoir {k}")), 4)
        series = mackey_glass(study.length, key=keys[0])
        spikes = followed(series, _SOURCES, key=keys[1])
        for kind in each:
            if k == 0:  # the first reservoir says which strength of weights suits a kind, by a part before the test
                tried = [_run(context, kind, g, series, spikes, keys, early=True)[0].nrmse for g in _GAINS]
                gains[kind] = _GAINS[int(np.argmin(tried))]
            guess, did = _run(context, kind, gains[kind], series, spikes, keys)
            errors[kind].append(guess.nrmse)
            activity[kind].append(did["spikes"])
            shown.setdefault(kind, guess)
        wanted = guess.wanted
        last = series[: -study.horizon][-len(wanted) :]
        persistence.append(float(np.sqrt(np.mean((last - wanted) ** 2)) / np.std(wanted)))
    spans = {kind: Interval.of(values) for kind, values in errors.items()}
    same = Interval.of(persistence)
    rows = [
        [NAMES[kind], gains[kind], f"{span.mean:.3f} ± {span.high - span.mean:.3f}", float(np.mean(activity[kind]))]
        for kind, span in spans.items()
    ]
    rows.append(["the last value again", None, f"{same.mean:.3f} ± {same.high - same.mean:.3f}", None])
    table = Table(
        ("synapses", "strength", "error", "spikes a step"), rows,
        f"Root mean square error of the prediction {study.horizon} steps ahead over the standard deviation of the "
        f"series, with half the 95 % interval of {study.seeds} networks. {study.reservoir} neurons with random feed "
        "and feedback; only the readout is fitted, by ridge regression. Strength is the standard deviation of a weight "
        "times the root of their number, of those tried the one that suits the kind on a piece before the test.",
    )  # fmt: skip
    first = next(iter(shown.values()))
    curves = [Curve("series", "1", first.wanted[:_SHOWN], "guide")]
    curves += [Curve(NAMES[kind], "1", one.predicted[:_SHOWN]) for kind, one in shown.items()]
    series = Series(
        Axis("step", "1", np.arange(len(first.wanted[:_SHOWN]))), curves, "value",
        caption=f"The held-out series (dashed) and its prediction {study.horizon} steps ahead, by one network each.",
    )  # fmt: skip
    kpi = KPI(
        "network.prediction_error", [span.mean for span in spans.values()], "1",
        "root mean square error over the standard deviation of the Mackey-Glass series: "
        + ", ".join(NAMES[kind] for kind in each) + " synapses",
        n=study.seeds, boundary="reservoir in software; readout by ridge regression in double precision",
        conditions=conditions(
            context, network=f"{_SOURCES} - {study.reservoir}, random, with feedback",
            horizon=f"{study.horizon} steps", **{"last value again": f"{same.mean:.3f}"},
        ),
    )  # fmt: skip
    return Outcome(kpis=[kpi], series={"temporal.series": series}, tables={"temporal.prediction": table})


def _run(
    context: Context,
    kind: str,
    gain: float,
    series: np.ndarray,
    spikes: np.ndarray,
    keys: jax.Array,
    *,
    early: bool = False,
) -> tuple[Prediction, dict[str, float]]:
    """One reservoir: a tenth of the series to settle, six to fit on, the rest to predict; or, early, five and one."""
    study = context.study
    synapse = synapses(context, kind)[0] if kind == TM else _one(context, kind)
    layer = SpikingLayer.of(
        _SOURCES, study.reservoir, CurrentLIF(study.tau_m, study.tau_syn), dt=DT, key=keys[2], gain=gain,
        recurrent=True, synapse=synapse, feedback_synapse=synapse,
    )  # fmt: skip
    noise = keys[3] if kind == DEVICE else None
    tenth = len(series) // 10
    return predict(
        layer, spikes, series, horizon=study.horizon, tau=_LEAK, warm_up=tenth, training=(5 if early else 6) * tenth,
        stop=7 * tenth if early else None, key=noise,
    )  # fmt: skip


def _one(context: Context, kind: str) -> AbstractShortTerm:
    """A single synapse that all sources are alike to; devices of the set, without spread."""
    return ClockedDevice.of(found(context).device(), pulse(context)) if kind == DEVICE else Static()
