r"""Energy, time and area of analog-to-digital converters, by four models from the literature, in one function each.

* ``"survey"``: the best converters of Murmann's survey, a bound on Schreier's figure of merit by sampling rate and by
  resolution, scaled to the node. Optimistic by construction.

  .. math:: E = \tfrac12\,10^{(SNDR-F)/10}\,e^{26.05+1.880\ln n-2.829\ln b-1.470}\ \mathrm{pJ}, \quad
            F = \min(213.78 - 2.872\ln f,\ 128.31 + 3.2205\,b)

* ``"isaac"``: the converters that ISAAC and later accelerators assume at 32 nm; energy goes with the node like 1/n.
* ``"neurosim"``: NeuroSim's low-power SAR, :math:`P(b, n)\,(b+1)\,\mathrm{ns}`. Optimistic: no drivers, no references.
* ``"walden"``: :math:`E = FoM\,2^b` with 20 fJ a step, amid the 5 to 30 fJ that fast SARs reach.

Source: B. Murmann, ADC Performance Survey, as fitted by Andrulis and Chen in Accelergy's ADC plug-in (MIT, commit
6851cb8); Shafiee et al., ISCA 2016 (ISAAC), and the tables of MNSIM 2.0 and PUMA; NeuroSim (DNN V2.1), published
equations; Walden's figure of merit after the survey, the 20 fJ assumed.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from mho.core.errors import ChipError
from mho.core.quantities import engineering

Model = Literal["survey", "isaac", "neurosim", "walden"]
MODELS: tuple[Model, ...] = ("survey", "isaac", "neurosim", "walden")
_WALDEN = 20e-15  # [J a step], assumed: amid 5 to 30 fJ


class _Point(NamedTuple):
    """A published converter at 32 nm."""

    rate: float  # [1/s]
    power: float  # [W]
    area: float  # [m^2]


# 8 b: ISAAC. 10, 6 and 4 b: as MNSIM 2.0 and PUMA tabulate them (the 4 b one without a rate: 1.28 GS/s assumed).
_ISAAC = {
    4: _Point(1.28e9, 0.7e-3, 500e-12),
    6: _Point(1.0e9, 1.26e-3, 580e-12),
    8: _Point(1.28e9, 2.0e-3, 1200e-12),
    10: _Point(1.5e9, 6.92e-3, 1600e-12),
}
_ISAAC_NODE = 32e-9
# Power of NeuroSim's SAR in uW: slope * bits + offset, by node in nm.
_NEUROSIM = {
    14: (0.3132, 2.568),
    22: (0.538, 4.3753),
    32: (1.129, 8.90),
    45: (2.169, 16.7),
    65: (3.751, 25.8),
    130: (8.448, 65.2),
}


def _checked(bits: float, rate: float, node: float, model: str) -> None:
    if model not in MODELS:
        raise ChipError(f"The model of the converter is {model!r}; it must be one of {', '.join(MODELS)}.")
    if not 1 <= bits <= 16:
        raise ChipError(f"The converter has {bits} bits; the models hold from 1 to 16.")
    if not 1e3 <= rate <= 1e10:
        raise ChipError(f"The rate is {engineering(rate, 'Hz')}; the models hold from 1 kHz to 10 GHz.")
    if not 2e-9 <= node <= 500e-9:
        raise ChipError(f"The node is {engineering(node, 'm')}; the models hold from 2 nm to 500 nm.")


def adc_energy(bits: float, rate: float, node: float, *, model: Model = "survey") -> float:
    """Energy of one conversion [J].

    Args:
        bits: Resolution.
        rate: Conversions per second [1/s].
        node: Technology node [m].
        model: See the module.

    Raises:
        ChipError: If a value is outside the range of the models.

    >>> round(adc_energy(8, 100e6, 32e-9) * 1e12, 1)
    1.7
    """
    _checked(bits, rate, node, model)
    if model == "survey":
        sndr = 20.0 * bits * math.log10(2.0) + 10.0 * math.log10(1.5)
        merit = min(213.7807 - 2.8719 * math.log(rate), 128.3068 + 3.220514 * math.ceil(bits))
        scale = 26.04962 + 1.880037 * math.log(node * 1e9) - 2.829126 * math.log(bits) - 1.470202
        return 0.5 * 10.0 ** ((sndr - merit) / 10.0) * math.exp(scale) * 1e-12
    if model == "isaac":
        return _between({b: math.log(p.power / p.rate) for b, p in _ISAAC.items()}, bits) * node / _ISAAC_NODE
    if model == "neurosim":
        return _neurosim_power(bits, node) * (math.ceil(bits) + 1.0) * 1e-9
    return _WALDEN * 2.0**bits


def adc_area(bits: float, rate: float, node: float, *, model: Model = "survey") -> float:
    """Area of one converter [m^2]; that of ``"neurosim"`` and ``"walden"`` is the survey's."""
    _checked(bits, rate, node, model)
    if model == "isaac":
        points = {b: math.log(p.area) for b, p in _ISAAC.items()}
        return _between(points, bits) * (node / _ISAAC_NODE) ** 2
    energy = adc_energy(bits, rate, node, model="survey") * 1e12
    logarithm = 1.346192 + 0.993279 * math.log(node * 1e9) + 0.180715 * math.log(rate) + 0.299124 * math.log(energy)
    return math.exp(logarithm) * 1e-12


def _between(logarithms: dict[int, float], bits: float) -> float:
    """Logarithms interpolated between the points and continued beyond them with the slope of the last two."""
    places = sorted(logarithms)
    low = max((b for b in places[:-1] if b <= bits), default=places[0])
    high = places[places.index(low) + 1]
    share = (bits - low) / (high - low)
    return math.exp(logarithms[low] + share * (logarithms[high] - logarithms[low]))


def _neurosim_power(bits: float, node: float) -> float:
    """Power [W] at the nearest node of the table, in proportion to the square of the node beyond its ends."""
    nanometres = node * 1e9
    nearest = min(_NEUROSIM, key=lambda n: abs(math.log(n / nanometres)))
    slope, offset = _NEUROSIM[nearest]
    beyond = (nanometres / nearest) ** 2 if not 14 <= nanometres <= 130 else 1.0
    return (slope * bits + offset) * 1e-6 * beyond


def dac_energy(bits: int, node: float) -> float:
    """Energy of one digital-to-analog conversion [J]: 2^bits - 1 of ISAAC's one-bit drivers, 3.9 fJ each at 32 nm.

    Limits: the growth with bits, of a unary converter, is assumed; ISAAC states the one-bit one alone.
    """
    _checked(bits, 1e6, node, "survey")
    return 3.9e-15 * (2.0**bits - 1.0) * node / _ISAAC_NODE
