"""How a fitted device relates to what the neuron circuit needs of it, in sentences with numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mho.core.errors import ParameterError
from mho.core.parameters import ParameterSet
from mho.core.quantities import engineering
from mho.devices import ECRAM

_FACTOR = 3.0  # within this factor a quantity is called suitable


@dataclass(frozen=True)
class CircuitNeeds:
    """What the delay-feedback neuron and its synapse ask of an ECRAM.

    Args:
        amplitude: Gate spike [V].
        width: Width of a spike [s].
        r_rest: Channel resistance at rest [ohm].
        r_step: Fall of the resistance by one spike [ohm].
        tau_low: Shortest useful relaxation time, that of some spikes [s].
        tau_high: Longest useful one, below which a train at a few hertz adds up and rests again [s].
    """

    amplitude: float = 1.0
    width: float = 200e-9
    r_rest: float = 25e3
    r_step: float = 1.5e3
    tau_low: float = 10e-6
    tau_high: float = 0.5

    @property
    def efficacy_conductance(self) -> float:
        """Conductance that one spike must add [S]."""
        return 1.0 / (self.r_rest - self.r_step) - 1.0 / self.r_rest


def suitability(parameter_set: ParameterSet, needs: CircuitNeeds | None = None) -> list[str]:
    """Where a device suits the circuit and what it would have to be where it does not, in sentences with numbers.

    Source: the needs are those of mho's reference neuron (a reconstruction: 1 V spikes of 200 ns on a 25 kOhm channel
    that falls by 1.5 kOhm a spike), not of a published circuit.

    Raises:
        ParameterError: If the set is not one of model ``ecram``.
    """
    needs = needs or CircuitNeeds()
    device = parameter_set.device()
    if not isinstance(device, ECRAM):
        raise ParameterError(
            f"{parameter_set.name} is a set of model {parameter_set.model!r}; it must be one of 'ecram'."
        )
    return [
        f"{parameter_set.name}: {parameter_set.summary}.",
        _amplitude(device, needs),
        _loading(device, needs),
        *_relaxation(device, needs),
        _channel(device, needs),
        *_readout(device),
        *_extrapolated(device, needs),
    ]


def _compared(value: float, wanted: float) -> float:
    return max(value / wanted, wanted / value)


def _amplitude(device: ECRAM, needs: CircuitNeeds) -> str:
    v = math.copysign(float(device.v_ref), float(device.polarity))
    text = (
        f"Gate amplitude: it was pulsed at {engineering(v, 'V')}, the circuit gives {engineering(needs.amplitude, 'V')}"
    )
    if v < 0:
        return text + "; the sign is opposite, so its gate driver would have to be inverted or the supply moved."
    factor = _compared(v, needs.amplitude)
    return text + (
        ": suitable."
        if factor <= _FACTOR
        else f", {factor:.3g} times apart: a level shifter, or another electrolyte thickness."
    )


def _loading(device: ECRAM, needs: CircuitNeeds) -> str:
    rate = -math.log1p(-float(device.efficacy)) / float(device.t_ref)
    got = -math.expm1(-rate * needs.width)
    jump = float(device.g_volatile) * got ** float(device.exponent)
    wanted = (needs.efficacy_conductance / float(device.g_volatile)) ** (1.0 / float(device.exponent))
    text = (
        f"Loading: a {engineering(needs.width, 's', 3)} spike at its own amplitude loads {100 * got:.2g} % of the "
        "volatile state, "
        f"{engineering(jump, 'S', 3)}; one spike must add {engineering(needs.efficacy_conductance, 'S', 3)}"
    )
    if wanted >= 1.0:
        window = engineering(float(device.g_volatile), "S", 3)
        return text + f", more than its whole volatile window of {window}: a wider channel is needed."
    faster = -math.log1p(-wanted) / (rate * needs.width)
    if _compared(faster, 1.0) <= _FACTOR:
        return text + ": suitable."
    word = "faster" if faster > 1 else "slower"
    constants = f"time constant {engineering(1 / rate / faster, 's', 3)}, not {engineering(1 / rate, 's', 3)}"
    return text + f": it would have to load {_compared(faster, 1.0):.3g} times {word} ({constants})."


def _relaxation(device: ECRAM, needs: CircuitNeeds) -> list[str]:
    found, longest, shortest = [], engineering(needs.tau_high, "s"), engineering(needs.tau_low, "s")
    for k, tau in enumerate(float(x) for x in device.tau):
        share = 100 * float(device.weights[k])
        text = f"Relaxation: mode {k + 1} ({share:.3g} %) relaxes in {engineering(tau, 's', 3)}"
        if tau > needs.tau_high:
            ratio = f"{tau / needs.tau_high:.3g} times longer than the {longest}"
            text += f", {ratio} up to which the circuit's trains tell rates apart"
        elif tau < needs.tau_low:
            text += f", {needs.tau_low / tau:.3g} times shorter than the {shortest} that some spikes take"
        else:
            text += ": suitable, it follows rates of some " + engineering(1.0 / tau, "Hz", 2)
        found.append(text + ".")
    return found


def _channel(device: ECRAM, needs: CircuitNeeds) -> str:
    g_rest = float(device.g_min + (device.g_max - device.g_min) * device.x_0)
    r_rest, r_full = 1.0 / g_rest, 1.0 / (g_rest + float(device.g_volatile))
    rest, full, asked = (engineering(r, "ohm", 3) for r in (r_rest, r_full, needs.r_rest))
    text = f"Channel: {rest} at rest and {full} fully loaded, the circuit is built for {asked}"
    if _compared(r_rest, needs.r_rest) <= _FACTOR:
        return text + ": suitable."
    if r_full < needs.r_rest < r_rest:
        narrower = float(device.g_volatile) / (12 * needs.efficacy_conductance)
        return (
            f"{text}: it is off at rest and passes {asked} only while loaded; it would have to keep "
            f"{engineering(1 / needs.r_rest, 'S', 3)} without drive (a gate bias or a non-volatile part), and its "
            "volatile "
            f"window be {narrower:.3g} times narrower for twelve spikes to fill it."
        )
    word = "narrower or longer" if r_rest < needs.r_rest else "wider or shorter"
    return text + f": its channel would have to be {_compared(r_rest, needs.r_rest):.3g} times {word}."


def _readout(device: ECRAM) -> list[str]:
    m = float(device.exponent)
    if abs(m - 1.0) < 0.2 and float(device.order_floor) > 0.9:
        return []
    small = 2.0**m
    return [
        f"Read-out: the conductance goes as the loading to the power {m:.3g}, so a second small pulse counts "
        f"{small:.3g} times the first in total "
        "and facilitation is not Tsodyks-Markram's; a linear read-out (exponent 1) needs operation on a loaded channel."
    ]


def _extrapolated(device: ECRAM, needs: CircuitNeeds) -> list[str]:
    ratio = float(device.t_ref) / needs.width
    if _compared(float(device.t_ref), needs.width) <= 10.0:
        return []
    return [
        f"Extrapolation: it was measured with {engineering(float(device.t_ref), 's', 3)} steps, {ratio:.3g} times the "
        "circuit's spike; "
        "what it does in a microsecond was not measured."
    ]
