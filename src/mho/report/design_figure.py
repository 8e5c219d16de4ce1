"""The figure of a finished design: waveforms of the neuron, charge per spike of the synapse, miss over the search."""

from __future__ import annotations

from typing import Any

import numpy as np

from mho.circuits.design import Designed
from mho.circuits.design.benches import TRAIN, stop_of, trace, train_starts
from mho.circuits.synapses import stimulate
from mho.core.quantities import engineering
from mho.interchange.resimulation import Resimulation
from mho.studies.outcome import Axis, Curve, Mark, Series

_NAMES = {"mem": "membrane", "spk": "spike", "reset": "reset"}
_SHOWN = 3  # spikes in the waveform
_POINTS = 40  # open points of ngspice


def panels(designed: Designed, judged: Resimulation | None = None) -> dict[str, Series]:
    """Series by name, in the order in which they stand."""
    kinds = {t.about.bench for t in designed.design.targets}
    found: dict[str, Series] = {}
    if kinds & {"driven", "tuned"}:
        found |= _waveform(designed, judged)
    if "held" in kinds:
        found["train"] = _train(designed)
    found["search"] = _search(designed)
    return found


def _waveform(designed: Designed, judged: Resimulation | None) -> dict[str, Series]:
    """A few spikes, and one of them close up."""
    bench, targets = designed.design.bench, designed.design.targets
    currents = [t.at for t in targets if t.about.bench == "driven" and t.at is not None]
    current = currents[0] if currents else bench.current
    run = trace(designed.subject, bench, current, stop_of(targets))
    theirs = judged.runs.get(f"driven {current:.3g} A") if judged is not None else None
    times = run.times[0][np.isfinite(run.times[0])][-_SHOWN:]
    spike = float(np.nanmedian(run.widths))
    dense = [t + np.linspace(-0.5, 2.5, 120) * spike for t in times]
    margin = 0.15 * (times[-1] - times[0])
    wide = np.unique(np.concatenate([np.linspace(times[0] - margin, times[-1] + margin, 400), *dense]))
    close = times[1] + np.linspace(-0.6, 2.4, 400) * spike

    def panel(t: np.ndarray, zero: float, caption: str, points: int) -> Series:
        curves = [Curve(_NAMES[n], "V", run.at(0, n, t)) for n in run.runs[0].saved]
        if theirs is not None and points:
            x = np.linspace(t[0], t[-1], points)
            for node in run.runs[0].saved:
                curves.append(Curve("ngspice", "V", theirs.at(node, x), "witness", x=x - zero))
        return Series(Axis("time", "s", t - zero), curves, "voltage", caption=caption)

    seen = "; open points: ngspice on the same circuit." if theirs is not None else "."
    return {
        "waveform": panel(wide, float(times[0]), f"The designed neuron at {engineering(current, 'A')}.", 0),
        "spike": panel(close, float(times[1]), f"One of its spikes{seen}", _POINTS),
    }


def _train(designed: Designed) -> Series:
    bench, targets = designed.design.bench, designed.design.targets
    rates = sorted({t.at for t in targets if t.about.bench == "held" and t.at is not None})
    starts = np.array([train_starts(rate, TRAIN) for rate in rates])
    train = stimulate(designed.subject.synapse, starts, width=bench.width, lanes=len(rates))
    curves = [Curve(engineering(r, "Hz"), "1", y, "both") for r, y in zip(rates, train.facilitation, strict=True)]
    wanted = [t.value for t in targets if t.figure == "facilitation"]
    return Series(
        Axis("spike number", "1", np.arange(1, TRAIN + 1)), curves, "charge over the first spike's",
        marks=[Mark("target" if k == 0 else "", y=v) for k, v in enumerate(wanted)],
        caption="Charge that each presynaptic spike brings onto the membrane, over that of the first.",
    )  # fmt: skip


def _search(designed: Designed) -> Series:
    steps = designed.search.path
    turns = np.arange(max(s.turn for s in steps) + 1)
    curves = []
    for k in range(designed.search.started):
        at = {s.turn: 100 * float(np.max(np.abs(s.misses))) for s in steps if s.start == k}
        seen = [max(n for n in at if n <= turn) for turn in turns]
        curves.append(Curve(f"start {k + 1}", "%", [max(at[n], 1e-4) for n in seen], "both"))
    limit: Any = 100 * designed.design.within
    return Series(
        Axis("turn of the search", "1", turns), curves, "largest miss", "log", marks=[Mark("met below", y=limit)],
        caption="The starts of the search, each from a scout that lay apart from the others.",
    )  # fmt: skip
