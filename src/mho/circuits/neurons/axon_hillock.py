"""Axon-Hillock neuron: two inverters with capacitive positive feedback."""

from __future__ import annotations

from mho.circuits.elements import Capacitor
from mho.circuits.neurons.neuron import MEMBRANE, SPIKE, AbstractNeuron, Excitability, sources
from mho.circuits.neurons.stages import GROUND, Elements, driven_ecram, inverter, nmos, pmos
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number


class AxonHillock(AbstractNeuron):
    r"""Axon-Hillock circuit: membrane, two inverters, feedback capacitor, starved reset.

    Between two spikes the input must bring the charge that the feedback took off the membrane when the spike ended,
    whatever the reset or the threshold,

    .. math:: Q = C_{fb} V_{DD} + C_m I_b R_{ch} \qquad t = Q/I

    so an ECRAM in the reset or threshold does not act. Here it stands under the membrane capacitor: during the spike
    a bias
    current lifts the capacitor's foot by :math:`I_b R_{ch}`, and the end of the spike takes that step off the membrane.

    Args:
        v_supply: Supply [V].
        c_membrane: Membrane capacitance [F].
        c_feedback: Feedback capacitance [F].
        v_width: Gate of the reset's current source: the spike's width [V].
        v_foot: Gate of the P-channel bias of the ECRAM (only with an ECRAM); lower is more current [V].
        c_foot: Holds the foot past the spike's end, and against the edges of the gate pulse (only with an ECRAM) [F].
        excitability: ECRAM under the membrane capacitor; None for a membrane capacitor at ground.

    Source: Mead, Analog VLSI and Neural Systems (1989), chapter 12, for the topology; sizes assumed.
    """

    v_supply: Number = quantity("V", positive=True, default=1.0)
    c_membrane: Number = quantity("F", positive=True, default=0.5e-12)
    c_feedback: Number = quantity("F", positive=True, default=0.35e-12)
    v_width: Number = quantity("V", low=0.0, default=0.45)
    v_foot: Number = quantity("V", low=0.0, default=0.45)
    c_foot: Number = quantity("F", positive=True, default=1e-12)
    excitability: Excitability | None = None

    def __check_init__(self) -> None:
        check_ranges(self)

    def elements(self) -> Elements:
        """All elements by dotted name."""
        core = "supply_core"
        parts = sources(supply_core=self.v_supply, bias_width=self.v_width)
        foot = GROUND if self.excitability is None else "foot"
        parts["membrane.c"] = Capacitor(MEMBRANE, foot, c=self.c_membrane)
        parts |= inverter("threshold", "1", MEMBRANE, "o1", core, n=(0.3, 1.0), p=(0.3, 1.0))
        parts |= inverter("threshold", "2", "o1", SPIKE, core)
        parts["feedback.c"] = Capacitor(SPIKE, MEMBRANE, c=self.c_feedback)
        parts["reset.m1"] = nmos(MEMBRANE, SPIKE, "drop", 1.0, 0.2)
        parts["reset.m2"] = nmos("drop", "bias_width", GROUND, 1.0, 0.2)
        if self.excitability is not None:
            parts |= sources(supply_gate=self.excitability.v_gate, bias_foot=self.v_foot)
            parts["excitability.foot"] = Capacitor("foot", GROUND, c=self.c_foot)
            parts["excitability.bias"] = pmos("foot_on", "bias_foot", core, core, 5.0, 0.5)
            parts["excitability.switch"] = nmos("foot_on", SPIKE, "foot", 2.0, 0.13)
            parts |= driven_ecram("excitability", self.excitability.device, SPIKE, "foot", "supply_gate")
        return parts

    def where(self) -> str:
        """Where the ECRAM sits, and why there."""
        return (
            "load under the membrane capacitor, biased during the spike: charge per interval is C_fb VDD + C_m I_b R, "
            "which neither the reset path nor the threshold can change in this circuit"
        )
