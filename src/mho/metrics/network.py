"""Network KPIs: where a synapse's band lies, and how well a bank of them tells rates apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import t as student

from mho.core import engineering
from mho.metrics.kpi import KPI, Provenance, percentiles
from mho.networks.discrimination import Discrimination, Scores
from mho.networks.filters import SPIKES, FilterStudy

_FILTER_NUMBERS = (
    "g_volatile",
    "efficacy",
    "v_ref",
    "t_ref",
    "v_0",
    "weights",
    "tau",
    "energy_release",
    "energy_loading",
)
_NOISE_NUMBERS = ("sigma_cycle", "sigma_read", "consolidation")
_SYNAPSE = "device synapses alone; the resource that recovers and the unpulsed reference device are ideal"


def filter_peak(study: FilterStudy, *, provenance: Provenance = (), conditions: Mapping[str, str] | None = None) -> KPI:
    """network.filter_peak: the rate that a facilitating device with a recovering resource passes best.

    Args:
        study: From :func:`mho.networks.study_filters`.
        provenance: Records of the numbers behind it, for example from :func:`mho.metrics.kpi.provenance_of`.
        conditions: Further conditions, name to text.
    """
    band = study.band_pass
    peak, theory = float(band.peaks(study.rates)[0]), float(band.theory[0])
    there = np.isfinite(study.population_peak)
    ratio = study.population_peak[there] / study.population_theory[there]
    missing = int(np.sum(~there))
    return KPI(
        name="network.filter_peak",
        value=peak if math.isfinite(peak) else None,
        unit="Hz",
        definition="rate of a regular train at which the steady efficacy u x of a synapse (facilitation u in the "
        "device, depression x in a resource) is largest; theory 1/sqrt(U tau_f tau_rec)",
        spread=percentiles(study.population_peak),
        n=int(study.population_peak.size),
        failures={"NO_PEAK": missing} if missing else {},
        boundary=_SYNAPSE,
        conditions={
            "theory, leading order": engineering(theory, "Hz"),
            "measured over leading order": f"{peak / theory:.3f}",
            "population, measured over leading order": _range(ratio),
            "theory, exact for one mode of the mean time": engineering(float(study.one_mode[0]), "Hz"),
            "depression": band.labels[0],
            "largest difference of simulated from closed form": f"{_apart(band.closed[0], band.simulated[0]):.2g}",
            "long-term change": f"left out; it adds {100 * study.long_term:.2g} % at the peak by spike {SPIKES}",
            **(conditions or {}),
        },
        provenance=provenance,
        note="1/sqrt(U tau_f tau_rec) holds where intervals at the peak are short against both times and U is small.",
    )


def rate_discrimination(
    result: Discrimination, *, provenance: Provenance = (), conditions: Mapping[str, str] | None = None
) -> KPI:
    """network.rate_discrimination: held-out accuracy at telling input rates apart whatever the input's strength.

    The 95 % interval is Student's over seeds, each with its own devices, noise and trains.

    Args:
        result: From :func:`mho.networks.discriminate`.
        provenance: Records of the numbers behind it.
        conditions: Further conditions, name to text.
    """
    task = result.task
    low, high = interval(result.unknown.bank)
    gain_low, gain_high = interval(result.unknown.bank - result.unknown.static)
    gain = float(np.mean(result.unknown.bank - result.unknown.static))
    held_out = len(task.seeds) * len(task.rates) * task.test
    return KPI(
        name="network.rate_discrimination",
        value=float(np.mean(result.unknown.bank)),
        unit="1",
        definition="share of held-out Poisson trains whose rate is decided rightly by a bank of band-pass synapses, "
        "a neuron behind each and a linear readout of their spike counts; how many afferents fire together is unknown",
        spread={"low": low, "high": high, "kind": f"95 % interval of the mean over {len(task.seeds)} seeds"},
        n=held_out,
        boundary=f"{_SYNAPSE}; neurons and readout are ideal; device-to-device, cycle-to-cycle and read noise are in",
        conditions={
            "rates": ", ".join(engineering(r, "Hz") for r in task.rates),
            "window": engineering(task.window, "s"),
            "afferents that fire together": ", ".join(f"{s:g}" for s in task.strengths),
            "drive of bank and static neurons": f"{task.drive:g} thresholds",
            "static synapses": _accuracy(result.unknown.static),
            "bank minus static": f"{gain:+.3f} ({gain_low:+.3f} to {gain_high:+.3f})",
            "one afferent, bank": _accuracy(result.known.bank),
            "one afferent, static synapses": _accuracy(result.known.static),
            "ideal observer of count and strength": _accuracy(result.ideal),
            "chance": f"{1 / len(task.rates):.3f}",
            "trained parameters": f"{result.parameters} each",
            "seeds": ", ".join(map(str, task.seeds)),
            **(conditions or {}),
        },
        provenance=provenance,
        note=_verdict(result),
    )


def energy_per_decision(result: Discrimination, energy_per_event: float, *, provenance: Provenance = ()) -> KPI:
    """network.energy_per_decision: what the synaptic events behind one decision cost.

    Args:
        result: From :func:`mho.networks.discriminate`.
        energy_per_event: Energy of one synaptic event, as the circuit floor measures it [J].
        provenance: Records of the numbers behind it, those of the circuit's figure among them.
    """
    return KPI(
        name="network.energy_per_decision",
        value=result.events * energy_per_event,
        unit="J",
        definition="mean number of synaptic events in one train, all members, times the energy of one event",
        boundary="synaptic events alone: no neurons, no readout, no reference devices",
        conditions={
            "events": f"{result.events:.3g}",
            "energy per event": engineering(energy_per_event, "J"),
            "window": engineering(result.task.window, "s"),
        },
        provenance=provenance,
    )


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Confidence interval of a mean, from few samples (Student); NaN for fewer than two."""
    values = np.asarray(values, np.float64)
    if values.size < 2:
        return math.nan, math.nan
    half = float(student.ppf(0.5 + level / 2, values.size - 1) * np.std(values, ddof=1) / math.sqrt(values.size))
    return float(np.mean(values)) - half, float(np.mean(values)) + half


def confusion_rows(scores: Scores, rates: Sequence[float]) -> tuple[list[str], list[list[str | int]]]:
    """Headings and rows of a table: true rate against decided rate, held-out trains of all seeds."""
    names = [engineering(r, "Hz") for r in rates]
    rows: list[list[str | int]] = [
        [name, *(int(x) for x in row)] for name, row in zip(names, scores.confusion, strict=True)
    ]
    return ["true rate", *(f"decided {name}" for name in names)], rows


def _verdict(result: Discrimination) -> str:
    known = interval(result.known.bank - result.known.static)
    unknown = interval(result.unknown.bank - result.unknown.static)
    return (
        f"With the strength known, counting spikes answers and the bank {_compare(known)}; with it unknown, "
        f"the bank {_compare(unknown)}."
    )


def _compare(difference: tuple[float, float]) -> str:
    if difference[0] > 0:
        return "does better than static synapses"
    return "does worse than static synapses" if difference[1] < 0 else "is not told from static synapses"


def _accuracy(values: np.ndarray) -> str:
    low, high = interval(values)
    return f"{np.mean(values):.3f} ({low:.3f} to {high:.3f})"


def _range(values: np.ndarray) -> str:
    if values.size == 0:
        return "no device with a peak"
    low, mid, high = np.percentile(values, [5, 50, 95])
    return f"{mid:.3f} (5th to 95th percentile {low:.3f} to {high:.3f})"


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.max(np.abs(b / a - 1.0)))
