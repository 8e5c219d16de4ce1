"""The channel of a storage transistor: from exponential to linear in one expression."""

from __future__ import annotations

import jax

from mho.devices.device import Number
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE


def channel_current(
    gate: Number, drain: Number, source: Number, *, threshold: Number, gain: Number, slope: Number, temperature: Number
) -> Number:
    r"""Current from drain to source [A].

    .. math:: i = 2n\beta U_T^2\,\big[\ln^2(1+e^{(v_p-v_s)/2U_T}) - \ln^2(1+e^{(v_p-v_d)/2U_T})\big],
              \qquad v_p = (v_g - v_T)/n

    Args:
        gate: Gate voltage against the body [V].
        drain: [V].
        source: [V].
        threshold: Threshold voltage, v_T [V].
        gain: beta, mobility times oxide capacitance times W/L [A/V^2].
        slope: Subthreshold slope factor, n [1].
        temperature: [K].

    Source: Enz, Krummenacher, Vittoz, Analog Integrated Circuits and Signal Processing 8, 83 (1995).
    """
    thermal = BOLTZMANN * temperature / ELEMENTARY_CHARGE
    pinch = (gate - threshold) / slope
    forward, reverse = (jax.nn.softplus(0.5 * (pinch - v) / thermal) for v in (source, drain))
    return 2.0 * slope * gain * thermal * thermal * (forward - reverse) * (forward + reverse)


def channel_conductance(overdrive: Number, *, gain: Number, slope: Number, temperature: Number) -> Number:
    """Conductance at no drain voltage and a gate voltage `overdrive` above threshold, source on the body [S]."""
    thermal = BOLTZMANN * temperature / ELEMENTARY_CHARGE
    half = 0.5 * overdrive / (slope * thermal)
    return 2.0 * slope * gain * thermal * jax.nn.softplus(half) * jax.nn.sigmoid(half)
