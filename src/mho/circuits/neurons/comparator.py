"""Integrate-and-fire neuron with a differential comparator against a threshold voltage."""

from __future__ import annotations

from mho.circuits.elements import Capacitor
from mho.circuits.neurons.neuron import MEMBRANE, SPIKE, AbstractNeuron, Excitability, sources
from mho.circuits.neurons.stages import GROUND, Elements, driven_ecram, inverter, nmos, pmos, starved_delay
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number


class ComparatorLIF(AbstractNeuron):
    r"""Comparator neuron: five-transistor differential stage at `v_threshold`, delay path, reset.

    The reset is complete, so a resistor in its path does not act. Here a bias current through the ECRAM lifts the level
    the membrane is reset to,

    .. math:: v_{reset} = I_b R_{ch} \qquad t = C (v_{threshold} - v_{reset})/I

    and flows only while the reset is on.

    Args:
        v_supply: Supply [V].
        c_membrane: Membrane capacitance [F].
        c_delay: Load of the delay stage [F].
        v_threshold: Threshold [V].
        v_tail: Gate of the comparator's tail current source [V].
        v_delay: Delay control voltage [V].
        v_refractory: Control of the reset's duration [V].
        v_level: Gate of the P-channel bias of the ECRAM (only with an ECRAM); lower is more current [V].
        excitability: ECRAM that sets the reset level; None for a reset to ground.

    Source: van Schaik, Neural Networks 14 (2001) 617, for the topology; sizes assumed.
    """

    v_supply: Number = quantity("V", positive=True, default=1.0)
    c_membrane: Number = quantity("F", positive=True, default=1e-12)
    c_delay: Number = quantity("F", positive=True, default=20e-15)
    v_threshold: Number = quantity("V", positive=True, default=0.5)
    v_tail: Number = quantity("V", low=0.0, default=0.28)
    v_delay: Number = quantity("V", low=0.0, default=0.38)
    v_refractory: Number = quantity("V", low=0.0, default=0.50)
    v_level: Number = quantity("V", low=0.0, default=0.45)
    excitability: Excitability | None = None

    def __check_init__(self) -> None:
        check_ranges(self)

    def elements(self) -> Elements:
        """All elements by dotted name."""
        core, delay = "supply_core", "supply_delay"
        parts = sources(
            supply_core=self.v_supply,
            supply_delay=self.v_supply,
            bias_level_threshold=self.v_threshold,
            bias_tail=self.v_tail,
            bias_delay=self.v_delay,
            bias_refractory=self.v_refractory,
        )
        parts["membrane.c"] = Capacitor(MEMBRANE, GROUND, c=self.c_membrane)
        parts |= {
            "threshold.tail": nmos("tail", "bias_tail", GROUND, 1.0, 1.0),
            "threshold.n1": nmos("left", MEMBRANE, "tail", 1.0, 0.25),
            "threshold.n2": nmos("right", "bias_level_threshold", "tail", 1.0, 0.25),
            "threshold.p1": pmos("left", "left", core, core, 1.0, 0.5),
            "threshold.p2": pmos("right", "left", core, core, 1.0, 0.5),
        }
        parts |= inverter("threshold", "3", "right", "o1", core, n=(0.3, 1.0), p=(0.3, 1.0))
        parts |= inverter("threshold", "4", "o1", SPIKE, core)
        parts |= starved_delay(
            "delay", SPIKE, "late", "reset", delay, fall="bias_delay", rise="bias_refractory", load=self.c_delay
        )
        foot = GROUND if self.excitability is None else "foot"
        parts["reset.m"] = nmos(MEMBRANE, "reset", foot, 2.0, 0.2)
        if self.excitability is not None:
            parts |= sources(supply_gate=self.excitability.v_gate, bias_foot=self.v_level)
            parts["excitability.bias"] = pmos("foot_on", "bias_foot", delay, delay, 4.0, 0.5)
            parts["excitability.switch"] = pmos("foot", "late", "foot_on", delay, 2.0, 0.13)
            parts |= driven_ecram("excitability", self.excitability.device, SPIKE, "foot", "supply_gate")
        return parts

    def where(self) -> str:
        """Where the ECRAM sits, and why there."""
        return (
            "bias of the reset level: a current that flows only during the reset lifts the level to I_b R; through the "
            "bare reset path nothing transfers, because the reset to ground is complete"
        )
