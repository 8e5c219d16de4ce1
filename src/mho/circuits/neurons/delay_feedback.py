"""Leaky integrate-and-fire neuron whose spike ends when its own delayed copy resets the membrane."""

from __future__ import annotations

from mho.circuits.elements import Capacitor
from mho.circuits.neurons.neuron import MEMBRANE, SPIKE, AbstractNeuron, Excitability, sources
from mho.circuits.neurons.stages import GROUND, Elements, driven_ecram, inverter, nmos, pmos, starved_delay
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number


class DelayFeedbackLIF(AbstractNeuron):
    r"""Delay-feedback LIF: a current-starved inverter as threshold, a starved delay for the spike's width, a reset.

    The membrane charges, :math:`C\dot v = I - I_{leak}(v)`, up to the threshold of the starved inverter; positive
    feedback
    pulls it up; after a delay set by `v_delay` the reset transistor discharges it, for a time set by `v_refractory`.
    With an ECRAM in the source of the reset transistor the reset is left incomplete on purpose:

    .. math:: v_{reset} \approx v_{spike}\, e^{-t_{reset}/(R_{ch}+R_{on})C}

    so that the channel's resistance moves the start of the next interval.

    Args:
        v_supply: Supply [V].
        c_membrane: Membrane capacitance [F].
        c_delay: Load of the delay stage [F].
        v_delay: Delay control voltage: 13 us at 0.20 V, 208 ns at 0.36 V, truncated spikes above 0.38 V [V].
        v_refractory: Control of the reset's duration; higher is longer. 0.50 V suffices without an ECRAM or with an
            adapting one, but a sensitising one then runs away once it is loaded [V].
        v_bias: Gate of the starved header of the threshold stage; higher starves more [V].
        v_leak: Gate of the leak transistor [V].
        excitability: ECRAM in the reset path; None for a plain reset to ground.

    Source: mho reconstruction; transistor sizes and biases assumed.
    Limits: biases are ideal sources, their generation is not counted.
    """

    v_supply: Number = quantity("V", positive=True, default=1.0)
    c_membrane: Number = quantity("F", positive=True, default=1e-12)
    c_delay: Number = quantity("F", positive=True, default=20e-15)
    v_delay: Number = quantity("V", low=0.0, default=0.36)
    v_refractory: Number = quantity("V", low=0.0, default=0.54)
    v_bias: Number = quantity("V", low=0.0, default=0.74)
    v_leak: Number = quantity("V", low=0.0, default=0.20)
    excitability: Excitability | None = None

    def __check_init__(self) -> None:
        check_ranges(self)

    def elements(self) -> Elements:
        """All elements by dotted name."""
        core, delay = "supply_core", "supply_delay"
        parts = sources(
            supply_core=self.v_supply,
            supply_delay=self.v_supply,
            bias_delay=self.v_delay,
            bias_refractory=self.v_refractory,
            bias_threshold=self.v_bias,
            bias_leak=self.v_leak,
        )
        parts["membrane.c"] = Capacitor(MEMBRANE, GROUND, c=self.c_membrane)
        parts["leak.m"] = nmos(MEMBRANE, "bias_leak", GROUND, 0.5, 1.0)
        parts |= {  # starved header, bypassed by the delayed spike for a sharp end of the spike
            "threshold.n1": nmos("o1", MEMBRANE, GROUND, 0.5, 2.0),
            "threshold.p1": pmos("o1", MEMBRANE, "head", core, 1.0, 0.2),
            "threshold.header": pmos("head", "bias_threshold", core, core, 0.5, 1.0),
            "threshold.bypass": pmos("head", "late", core, core, 1.0, 0.13),
            # positive feedback into the membrane, cut off once the reset is on
            "membrane.p1": pmos("feed", "reset", core, core, 0.5, 0.2),
            "membrane.p2": pmos(MEMBRANE, "o1", "feed", core, 0.5, 0.2),
        } | inverter("threshold", "2", "o1", SPIKE, core)
        parts |= starved_delay(
            "delay", SPIKE, "late", "reset", delay, fall="bias_delay", rise="bias_refractory", load=self.c_delay
        )
        foot = GROUND if self.excitability is None else "foot"
        parts["reset.m"] = nmos(MEMBRANE, "reset", foot, 2.0, 0.2)
        if self.excitability is not None:
            parts |= sources(supply_gate=self.excitability.v_gate)
            parts |= driven_ecram("excitability", self.excitability.device, SPIKE, "foot", "supply_gate")
        return parts

    def where(self) -> str:
        """Where the ECRAM sits, and why there."""
        return (
            "reset path: the channel is the source resistor of the reset transistor; the reset is stopped before it is "
            "complete, so the resistance sets where the next interval starts"
        )
