"""Stage "tuned": the width of a spike's pulse trained beside the weights, one for a layer or one for each source."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import numpy as np

from mho.devices import Pulse
from mho.networks.bank import pulse_width, utilisation
from mho.networks.spiking import Bill, Tuned
from mho.networks.spiking.contest import Played, play
from mho.studies.execution import Context
from mho.studies.outcome import Outcome, Table
from mho.studies.stages.temporal.subjects import (
    DEVICE,
    Interval,
    event_energy,
    found,
    key_of,
    met_in_test,
    met_in_training,
    pulse,
    rules,
    synapses,
)

LAYER, SOURCE = "layer", "source"
NAMES = {LAYER: "trained, one a layer", SOURCE: "trained, one a source"}


def work(context: Context) -> Outcome:
    """The same networks, trials and training as in the comparison, but widths move within the range of the set."""
    study, before = context.study, context.handover("compare")
    rows: list[list[Any]] = []
    for k, task in enumerate(study.tuned):
        fixed = Interval.of(before["accuracy"][task][DEVICE])
        share = f"{100 * study.utilisation:.3g}"
        rows.append([task, "fixed", str(fixed), before["cycles"][task][DEVICE], share, share, ""])
        for j, how in enumerate(NAMES):
            context.progress((k + j / len(NAMES)) / len(study.tuned), f"{task}, {NAMES[how]}")
            played = _played(context, task, how)
            right = Interval.of(played.accuracy)
            cycles = Bill.of(played.did, event_energy(context), plastic=True).cycles
            verdict = "better" if right.low > fixed.high else "worse" if right.high < fixed.low else "neither"
            shares = (_shares(context, of(played.networks)) for of in (_first, _second))
            rows.append([task, NAMES[how], str(right), cycles, *shares, verdict])
    if not rows:
        return Outcome()
    low, high = 1e6 * np.asarray(_range(context))
    table = Table(
        ("task", "widths", "accuracy [%]", "volatile cycles", "share, layer 1 [%]", "share, layer 2 [%]", "than fixed"),
        rows,
        "The width of a spike's pulse sets which share of the free room it loads. Here it is trained with the weights, "
        f"from {low:.3g} to {high:.3g} µs, one for all devices in front of a layer or one for each of them. Shares are "
        f"the median of trained widths and the range of their middle half, {study.seeds} networks together; better or "
        "worse is said where intervals lie apart.",
    )  # fmt: skip
    return Outcome(tables={"temporal.tuned": table})


def _first(network: Any) -> Any:
    return network.layers[0].synapse.width


def _second(network: Any) -> Any:
    return network.layers[1].synapse.width


def _played(context: Context, task: str, how: str) -> Played:
    built = synapses(context, DEVICE)
    if how == SOURCE:
        built = tuple(eqx.tree_at(lambda x: x.width, s, np.full(np.shape(s.device.g_volatile), s.width)) for s in built)  # type: ignore[attr-defined]
    return play(
        task, built, rules(context), key=key_of(context, task), training=met_in_training(context, DEVICE),
        testing=met_in_test(context, DEVICE), tuned=[Tuned(of, *_range(context)) for of in (_first, _second)],
    )  # fmt: skip


def _range(context: Context) -> tuple[float, float]:
    """The widths that the set is valid for; where it states none, those that load a hundredth to nine tenths [s]."""
    valid = found(context).valid.get("width")
    if valid is not None:
        return valid[0], valid[1]
    one = pulse(context)
    low, high = (float(pulse_width(found(context).device(), u, amplitude=float(one.amplitude))) for u in (0.01, 0.9))
    return low, high


def _shares(context: Context, widths: Any) -> str:
    """Median share of the free room that trained widths load, and the middle half of them, in per cent."""
    one = pulse(context)
    shares = utilisation(found(context).device(), Pulse(float(one.amplitude), np.ravel(np.asarray(widths, np.float64))))  # type: ignore[arg-type]
    low, middle, high = (100 * float(x) for x in np.percentile(shares, (25, 50, 75)))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"
