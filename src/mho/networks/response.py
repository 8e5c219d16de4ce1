"""Frequency response of synapses: what regular trains make of the efficacy, and where theory puts the peak."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core import engineering
from mho.core.errors import InputError
from mho.core.fields import cast
from mho.networks.device_synapse import DeviceSynapse
from mho.networks.synapse import AbstractSynapse, Number, batch_shape, dtype_of, padded, precision


def steady_response(synapse: AbstractSynapse, rates: Any) -> np.ndarray:
    """Efficacy at the spikes of an endless regular train: closed form, double precision, no long-term change.

    Args:
        synapse: One synapse or a batch of n.
        rates: Rates of the train, shape (r,) [1/s].

    Returns:
        Shape (r,) or (n, r).

    Raises:
        InputError: If a rate is not above zero or leaves no room for the spike's width.
    """
    gaps = _intervals(synapse, rates)
    shape = batch_shape(synapse)
    n = shape[0] if shape else 1
    with jax.enable_x64(True):
        # in double precision whatever the synapse's, and padded: one compilation for all
        many = np.append(gaps, np.full(-gaps.size % 128, gaps[-1]))
        found = np.asarray(_steady(cast(padded(synapse, n), np.float64), jnp.asarray(many)))
    return found[:n, : gaps.size].reshape(*shape, gaps.size)


def train_response(synapse: AbstractSynapse, rates: Any, *, spikes: int) -> np.ndarray:
    """Efficacy of each of the first `spikes` spikes of a regular train from rest, simulated spike by spike.

    Long-term change (consolidation into the non-volatile state) takes place, as it would.

    Args:
        synapse: One synapse or a batch of n.
        rates: Rates, shape (r,) [1/s].
        spikes: Length of the train.

    Returns:
        Shape (r, spikes) or (n, r, spikes).
    """
    with precision(synapse):
        gaps = jnp.asarray(_intervals(synapse, rates), dtype_of(synapse))
        return np.asarray(_simulated(synapse, gaps, spikes), np.float64)


def closed_train_response(synapse: DeviceSynapse, rates: Any, *, spikes: int) -> np.ndarray:
    """Efficacy of spike number `spikes` of a regular train from rest, in closed form, without long-term change.

    Returns:
        Shape (r,) or (n, r).
    """
    with precision(synapse):
        gaps = jnp.asarray(_intervals(synapse, rates), dtype_of(synapse))
        return np.asarray(_closed(synapse, gaps, spikes), np.float64)


def first_efficacy(synapse: AbstractSynapse) -> np.ndarray:
    """Efficacy of a first spike from rest, shape () or (n,)."""
    with precision(synapse):
        return np.asarray(_first(synapse), np.float64)


def _intervals(synapse: AbstractSynapse, rates: Any) -> np.ndarray:
    rates = np.atleast_1d(np.asarray(rates, np.float64))
    if np.any(~np.isfinite(rates) | (rates <= 0)):
        raise InputError(
            f"A rate is {engineering(float(rates[~(rates > 0)][0]), '1/s')}; rates must be above 0 and finite."
        )
    width = float(np.max(np.asarray(synapse.width)))
    if np.max(rates) * width > 1:
        raise InputError(
            f"At {engineering(float(np.max(rates)), 'Hz')} spikes of {engineering(width, 's')} overlap; "
            f"the highest rate is {engineering(1 / width, 'Hz')}. Shorten the pulse or lower the rate."
        )
    return 1.0 / rates


def _over_rates(function: Any, gaps: Number) -> Number:
    """`function` of one interval at each of `gaps`, which become the axis behind the batch."""
    return jax.vmap(function, out_axes=-1)(gaps)


@eqx.filter_jit
def _first(synapse: AbstractSynapse) -> Number:
    return synapse.spike(synapse.rest(), jnp.zeros((), dtype_of(synapse)))[1]


@eqx.filter_jit
def _steady(synapse: AbstractSynapse, gaps: Number) -> Number:
    return _over_rates(lambda gap: synapse.steady(gap)[1], gaps)


@eqx.filter_jit
def _closed(synapse: DeviceSynapse, gaps: Number, spikes: int) -> Number:
    return _over_rates(lambda gap: synapse.after(gap, spikes)[1], gaps)


@eqx.filter_jit
def _simulated(synapse: AbstractSynapse, gaps: Number, spikes: int) -> Number:
    shape = batch_shape(synapse)

    def one(gap: Number) -> Number:
        start = jax.tree.map(lambda x: jnp.broadcast_to(x, shape), synapse.rest())
        gaps = jnp.full(spikes, gap).at[0].set(0.0)
        return jnp.moveaxis(lax.scan(lambda state, d: synapse.spike(state, d), start, gaps)[1], 0, -1)

    return jax.vmap(one, out_axes=-2)(gaps)


# ---- theory ----------------------------------------------------------------------------------------------------------
def peak_rate(utilisation: Any, tau_f: Any, tau_rec: Any) -> np.ndarray:
    r"""Rate that facilitation with depression passes best, leading order :math:`1/\sqrt{U\tau_f\tau_{rec}}` [Hz].

    It holds where U is small and intervals at the peak are short against both times,
    :math:`U\tau_f \ll \tau_{rec} \ll \tau_f/U`; :func:`exact_peak_rate` needs none of that.

    Args:
        utilisation: U [1].
        tau_f: Facilitation time [s].
        tau_rec: Recovery time [s].
    """
    return 1.0 / np.sqrt(np.asarray(utilisation) * np.asarray(tau_f) * np.asarray(tau_rec))


def exact_peak_rate(utilisation: Any, tau_f: Any, tau_rec: Any) -> np.ndarray:
    r"""Rate at which the steady efficacy u x of one facilitating mode with a resource is largest, exactly [Hz].

    From :math:`\frac{1}{ux} = \frac{1 - (1-U)e^{-D/\tau_f}}{U} + \frac{1}{e^{D/\tau_{rec}} - 1}` the interval D of the
    largest efficacy solves

    .. math:: 4 \sinh^2\frac{D}{2\tau_{rec}} = \frac{U\,\tau_f}{(1-U)\,\tau_{rec}}\, e^{D/\tau_f}

    Args:
        utilisation: U [1].
        tau_f: Facilitation time [s].
        tau_rec: Recovery time [s].

    Returns:
        The rate of the peak, which may lie below the efficacy of a first spike where tau_rec is long; NaN where the
        synapse only depresses and has no peak.
    """
    U, tau_f, tau_rec = (np.asarray(x, np.float64) for x in np.broadcast_arrays(utilisation, tau_f, tau_rec))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        reach = np.sqrt(U * tau_f / ((1.0 - U) * tau_rec)) / 2.0
        gap = np.zeros_like(reach)
        for _ in range(500):  # rises to the smallest solution, geometrically, or for ever if there is none
            gap = 2.0 * tau_rec * np.arcsinh(reach * np.exp(gap / (2.0 * tau_f)))
        again = 2.0 * tau_rec * np.arcsinh(reach * np.exp(gap / (2.0 * tau_f)))
        return np.where(np.abs(again - gap) < 1e-9 * gap, 1.0 / gap, np.nan)


def effective_tau(device: Any) -> np.ndarray:
    """Facilitation time of a device as one number: its modes' times weighted by their share of the loading [s]."""
    modes = zip(device.weights, device.tau, strict=True)
    return np.sum(np.stack([np.asarray(a, np.float64) * np.asarray(t, np.float64) for a, t in modes]), axis=0)


def corner_rate(utilisation: Any, tau: Any) -> np.ndarray:
    r"""Rate at which a facilitating mode is half loaded, about :math:`1/(U\tau)` [Hz]; below it a high-pass."""
    return 1.0 / (np.asarray(utilisation) * np.asarray(tau))


def measured_peak(rates: Any, gain: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rate and height of a response's largest value, refined by a parabola in the logarithm of the rate.

    Args:
        rates: Ascending rates, shape (r,) [Hz].
        gain: Response, shape (..., r).

    Returns:
        Rate [Hz] and height, shape (...,); a response without an inner maximum gives NaN for the rate.
    """
    rates, gain = np.asarray(rates, np.float64), np.asarray(gain, np.float64)
    at = np.argmax(gain, axis=-1)
    inner = (at > 0) & (at < rates.size - 1)
    mid = np.clip(at, 1, rates.size - 2)
    x = np.log(rates)[mid[..., None] + np.array([-1, 0, 1])]
    y = np.take_along_axis(gain, mid[..., None] + np.array([-1, 0, 1]), axis=-1)
    slope_l = (y[..., 1] - y[..., 0]) / (x[..., 1] - x[..., 0])
    slope_r = (y[..., 2] - y[..., 1]) / (x[..., 2] - x[..., 1])
    bend = slope_r - slope_l
    centre_l, centre_r = (x[..., 0] + x[..., 1]) / 2, (x[..., 1] + x[..., 2]) / 2
    safe = np.where(bend < 0, bend, -1.0)
    top = np.where(bend < 0, centre_l - slope_l * (centre_r - centre_l) / safe, x[..., 1])
    return np.where(inner, np.exp(top), np.nan), np.max(gain, axis=-1)
