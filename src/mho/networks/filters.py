"""The network as a filter of rates: every response that a device can give, worked out together as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho.core import engineering
from mho.core.fields import cast
from mho.core.sampling import Spread, sample
from mho.devices import ECRAM, Pulse
from mho.devices.device import ROOM
from mho.networks.bank import (
    Design,
    bank_centres,
    batched,
    design_bank,
    design_volatile,
    joined,
    part,
    stacked,
    tiled,
    utilisation,
)
from mho.networks.connections import in_order
from mho.networks.events import count_spikes
from mho.networks.neurons import LIF
from mho.networks.response import (
    effective_tau,
    exact_peak_rate,
    first_efficacy,
    measured_peak,
    peak_rate,
    steady_response,
    train_response,
)
from mho.networks.synapse import train

RATES = np.geomspace(1.0, 1e5, 101)  # [Hz]
SPIKES = 400
_LAYER_DRIVE = 1.5  # mean drive of every neuron at the centre rate, in thresholds [1]


@dataclass(frozen=True)
class Curves:
    """A family of responses over the rate of a regular train.

    Args:
        labels: What each curve is.
        closed: Steady efficacy in closed form, shape (curves, rates).
        simulated: Efficacy of the last spike of a long train, spike by spike, the same shape.
        transient: Efficacy of the tenth spike of that train over the first, the same shape.
        first: Efficacy of a first spike, shape (curves,).
        theory: Rate that theory marks, NaN where it marks none, shape (curves,) [Hz].
    """

    labels: tuple[str, ...]
    closed: np.ndarray
    simulated: np.ndarray
    transient: np.ndarray
    first: np.ndarray
    theory: np.ndarray

    @property
    def gain(self) -> np.ndarray:
        """Steady efficacy over that of a first spike [1]."""
        return self.closed / self.first[:, None]

    def peaks(self, rates: np.ndarray) -> np.ndarray:
        """Rate of each curve's largest closed-form value [Hz]."""
        return measured_peak(rates, self.closed)[0]


@dataclass(frozen=True)
class FilterStudy:
    """What a device makes of the rate of its input.

    Args:
        rates: Rates of the trains [Hz].
        high_pass: Facilitation alone, conductance over conductance at rest, one curve a time constant.
        band_pass: Volatile conductance with a resource, one curve a recovery time.
        bank: The members of a filter bank.
        one_mode: Peak of each band-pass curve, exact for one mode of the device's mean time [Hz].
        population_peak: Peak of each device of a population, at the first recovery time [Hz].
        population_theory: 1/sqrt(U tau_f tau_rec) of each of those devices [Hz].
        long_term: Gain of the long train at the peak that consolidation adds, relative [1].
    """

    rates: np.ndarray
    high_pass: Curves
    band_pass: Curves
    bank: Curves
    one_mode: np.ndarray
    population_peak: np.ndarray
    population_theory: np.ndarray
    long_term: float


def study_filters(
    device: ECRAM,
    *,
    key: jax.Array,
    pulse: Pulse | None = None,
    spreads: Sequence[Spread] = (),
    population: int = 200,
    speeds: Sequence[float] = (0.1, 1.0, 10.0),
    recoveries: Sequence[float] = (0.1, 0.3, 1.0),
    centres: Sequence[float] | None = None,
    rates: Any = RATES,
    temperature: float = ROOM,
) -> FilterStudy:
    """Steady and transient response of device synapses to regular trains, closed form and simulated.

    Long-term change is left out of both (consolidation switched off), and given apart.

    Args:
        device: The device; its numbers are the nominal ones.
        key: JAX random key of the population.
        pulse: What a spike applies; default the device's reference pulse.
        spreads: Device-to-device spread of the population.
        population: Devices in it.
        speeds: Factors on the device's time constants, one high-pass curve each.
        recoveries: Recovery time of the resource as a share of the facilitation time, one band-pass curve each.
        centres: Centre rates of the bank; default :func:`bank_centres` [Hz].
        rates: Rates, ascending [Hz].
        temperature: [K].
    """
    rates = np.asarray(rates, np.float64)
    pulse = Pulse(device.v_ref, device.t_ref) if pulse is None else pulse
    still = eqx.tree_at(lambda d: d.consolidation, device, np.zeros(()))
    tau_f = float(effective_tau(device))
    recovery = tau_f * np.asarray(recoveries)
    middles = bank_centres(device) if centres is None else np.asarray(centres, np.float64)
    slow = stacked([eqx.tree_at(lambda d: d.tau, still, tuple(f * t for t in device.tau)) for f in speeds])
    devices = batched(sample(still, *spreads, n=population, key=key), population)
    families = {
        "high_pass": _facilitation(slow, pulse),
        "band_pass": design_volatile(still, pulse, recovery),
        "bank": design_bank(still, middles),
        "consolidating": design_volatile(device, pulse, recovery[:1]),
        "population": design_volatile(devices, pulse, np.full(population, recovery[0])),
    }
    theory = {
        "high_pass": np.full(len(speeds), np.nan),
        "band_pass": peak_rate(utilisation(device, pulse), tau_f, recovery),
        "bank": middles,
        "population": peak_rate(utilisation(devices, pulse), effective_tau(devices), recovery[0]),
        "consolidating": np.full(1, np.nan),
    }
    labels = {
        "high_pass": [f"time constants × {f:g}" for f in speeds],
        "band_pass": [f"recovery {engineering(t, 's', 3)}" for t in recovery],
        "bank": [engineering(c, "Hz", 3) for c in middles],
        "population": [f"device {k}" for k in range(population)],
        "consolidating": ["with consolidation"],
    }
    curves = _respond(families, rates, labels, theory, temperature)
    band, grown = curves["band_pass"], curves["consolidating"]
    top = int(np.argmax(band.closed[0]))
    return FilterStudy(
        rates=rates,
        high_pass=curves["high_pass"],
        band_pass=band,
        bank=curves["bank"],
        one_mode=exact_peak_rate(utilisation(device, pulse), tau_f, recovery),
        population_peak=curves["population"].peaks(rates),
        population_theory=curves["population"].theory,
        long_term=float(grown.simulated[0, top] / band.simulated[0, top] - 1.0),
    )


def _facilitation(device: ECRAM, pulse: Pulse) -> Design:
    """Facilitation alone, read as conductance over the (first) device's conductance at rest."""
    design = design_volatile(device, pulse, np.zeros(np.size(device.g_min)))
    return design._replace(baseline=np.zeros_like(design.baseline), unit=np.full_like(design.unit, design.baseline[0]))


def _respond(
    families: dict[str, Design],
    rates: np.ndarray,
    labels: dict[str, list[str]],
    theory: dict[str, np.ndarray],
    temperature: float,
) -> dict[str, Curves]:
    """Every family's curves, as one batch, so that all share one compilation; the last family is not simulated."""
    edges = np.cumsum([0] + [len(labels[name]) for name in families])
    whole = joined(list(families.values())).build(temperature=temperature, dtype=np.float64)
    closed, first = steady_response(whole, rates), first_efficacy(whole)
    simulated = train_response(part(whole, slice(0, edges[-2])), rates, spikes=SPIKES)
    found = {}
    for name, a, b in zip(families, edges[:-1], edges[1:], strict=True):
        tenth = simulated[a:b, :, 9] / first[a : a + len(simulated[a:b]), None]
        found[name] = Curves(tuple(labels[name]), closed[a:b], simulated[a:b, :, -1], tenth, first[a:b], theory[name])
    return found


@dataclass(frozen=True)
class LayerStudy:
    """Output rates of one neuron behind each kind of synapse, with trains of one rate at a time.

    Args:
        rates: Input rates [Hz].
        labels: Kinds of synapse.
        outputs: Output rates, shape (kinds, rates) [Hz].
        neuron: The neuron.
    """

    rates: np.ndarray
    labels: tuple[str, ...]
    outputs: np.ndarray
    neuron: LIF


def study_layer(
    device: ECRAM,
    *,
    centre: float | None = None,
    rates: Any = None,
    spikes: int = 200,
    temperature: float = ROOM,
) -> LayerStudy:
    """How neurons behind static, facilitating and band-pass synapses of one device answer to regular trains.

    Each synapse's weight brings a steady train at `centre` to one and a half times the neuron's threshold, so that what
    differs is the plasticity alone.

    Args:
        device: The device.
        centre: Rate at which all are driven alike, and centre of the band-pass; default the third of
            :func:`bank_centres` [Hz].
        rates: Input rates; default two decades about the centre [Hz].
        spikes: Spikes of each train.
        temperature: [K].
    """
    centre = float(bank_centres(device)[2]) if centre is None else centre
    rates = centre * np.geomspace(0.1, 10.0, 25) if rates is None else np.asarray(rates, np.float64)
    still = eqx.tree_at(lambda d: d.consolidation, device, np.zeros(()))
    band = design_bank(still, [centre])
    high = band._replace(recovery=np.zeros(1))
    slow = 1.0 / centre
    neuron = LIF(c=1.0, tau_m=4 * slow, tau_syn=0.5 * slow, t_ref=0.1 * slow, v_rest=0.0, v_reset=0.0, v_threshold=1.0)
    plastic = joined([band, high]).build(temperature=temperature)
    level = np.append(steady_response(plastic, [centre])[:, 0], 1.0)
    times = np.arange(spikes) / rates[:, None]
    moving = np.asarray(train(tiled(plastic, rates.size), np.repeat(times, 2, axis=0))[0], np.float64)
    efficacy = np.concatenate([moving.reshape(rates.size, 2, spikes), np.ones((rates.size, 1, spikes))], axis=1)
    jumps = (_LAYER_DRIVE / (neuron.tau_m * neuron.tau_syn * centre * level))[None, :, None] * efficacy
    post = np.broadcast_to(np.arange(rates.size * 3).reshape(rates.size, 3, 1), jumps.shape)
    come = in_order(np.broadcast_to(times[:, None, :], jumps.shape), post, jumps)
    stop = spikes / float(np.min(rates))
    count = count_spikes(
        cast(neuron, np.float32), come, outputs=post[-1, -1, -1] + 1, stop=stop, dt=float(neuron.t_ref)
    )
    outputs = count.reshape(rates.size, 3).T * rates / spikes
    return LayerStudy(rates, ("band-pass", "facilitating", "static"), outputs, neuron)
