"""The figures of a run of spiking populations as series: raster, membranes, synapses, rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mho.networks.populations import SpikingResult
from mho.studies.outcome import Axis, Curve, Series

_MOST = 4000  # points of a raster; a figure of more is ink


def raster(result: SpikingResult, *, names: Sequence[str] = ()) -> Series:
    """Spikes over time, population above population.

    Args:
        result: A run.
        names: Populations to draw; default all. Where there are too many spikes, whole neurons are left out, evenly.
    """
    curves, base, every = [], 0, 1
    names = list(names) or list(result.spikes)
    count = sum(result.spikes[name].ids.size for name in names)
    every = max(1, -(-count // _MOST))
    for name in names:
        times, ids = result.spikes[name]
        shown = ids % every == 0
        curves.append(Curve(name, "1", (base + ids[shown]).astype(float), "points", x=times[shown]))
        base += result.network.part(name).size
    left = "" if every == 1 else f" One neuron in {every} is shown."
    caption = f"{count} spikes of {base} neurons.{left}"
    return Series(Axis("time", "s", []), curves, "neuron", caption=caption)


def membranes(result: SpikingResult, name: str) -> tuple[Series, Series]:
    """Voltages and synaptic currents of the recorded neurons of a population."""
    trace = result.traces[name]
    keep = _thin(trace.times.size)
    axis = Axis("time", "s", trace.times[keep])
    voltages = [Curve(f"{k}", "V", trace.v[keep, j]) for j, k in enumerate(trace.ids)]
    currents = [Curve(f"{k}", "A", trace.i[keep, j]) for j, k in enumerate(trace.ids)]
    return (
        Series(axis, voltages, "membrane voltage", caption=f"Recorded neurons of {name}."),
        Series(axis, currents, "synaptic current", caption=f"What their synapses bring them, {name}."),
    )


def efficacies(result: SpikingResult, projection: str, synapses: Sequence[int]) -> Series:
    """Efficacy of chosen synapses at every spike that reached them."""
    times, values = result.history(projection, synapses)
    curves = []
    for k, synapse in enumerate(synapses):
        there = np.isfinite(times[k])
        curves.append(Curve(f"synapse {synapse}", "1", values[k][there], "both", x=times[k][there]))
    return Series(Axis("time", "s", []), curves, "efficacy", caption=f"At each spike through {projection}.")


def conductances(result: SpikingResult, projection: str, synapses: Sequence[int], *, points: int = 400) -> Series:
    """Conductance of chosen device synapses over the run, between spikes too."""
    times = np.linspace(result.start, result.start + result.duration, points)
    values = result.conductance(projection, synapses, times)
    curves = [Curve(f"synapse {s}", "S", row) for s, row in zip(synapses, values, strict=True)]
    return Series(Axis("time", "s", times), curves, "conductance", caption=f"Devices of {projection}.")


def rate_response(inputs: Sequence[float], results: Sequence[SpikingResult], name: str) -> Series:
    """Mean rate of a population over the rate of its input, with the range of 90 % of its neurons.

    Args:
        inputs: Input rate of each run [1/s].
        results: The runs.
        name: The population.
    """
    rates = [result.rates(name) for result in results]
    low, high = (np.asarray([np.percentile(r, q) for r in rates]) for q in (5, 95))
    mean = np.asarray([np.mean(r) for r in rates])
    curve: Any = Curve(name, "Hz", mean, "both", low, high)
    return Series(Axis("input rate", "Hz", list(inputs)), [curve], "rate", caption="Bars hold 90 % of the neurons.")


def _thin(size: int) -> np.ndarray:
    return np.unique(np.linspace(0, size - 1, min(size, 2000)).round().astype(int))
