"""Relaxation neuron around a volatile threshold switch."""

from __future__ import annotations

from mho.circuits.elements import Capacitor, Resistor
from mho.circuits.memristive import Memristive
from mho.circuits.neurons.neuron import MEMBRANE, SPIKE, AbstractNeuron, Excitability, sources
from mho.circuits.neurons.stages import GROUND, Elements, driven_ecram, inverter, nmos, pmos
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number
from mho.devices.switches.volatile_switch import VolatileSwitch


class ThresholdSwitch(AbstractNeuron):
    r"""Relaxation neuron: the membrane charges to the switch's threshold, the switch discharges it until it lets go.

    The switch and its load share the membrane's voltage. The switch lets go when its current falls to i_hold, so
    the load sets where the next interval starts:

    .. math:: v_{reset} = i_{hold}\,(R_{on} + R_{load}) \qquad t = C (v_{threshold} - v_{reset})/I

    The voltage across the load opens an N-channel transistor; its starved pull-up stretches the output spike. With an
    ECRAM as load the edge of its gate pulse lifts the load through the gate's capacitance and so ends the conduction as
    soon as the output stage has fired: the lower the channel's resistance, the later that is and the deeper the reset.

    Args:
        v_supply: Supply of the output stage [V].
        c_membrane: Membrane capacitance [F].
        r_load: Load resistor, used without an ECRAM [ohm].
        c_stretch: Capacitance that the starved pull-up of the output stage charges [F].
        v_width: Gate of that pull-up: the spike's width; higher is longer [V].
        c_foot: Holds the foot against the edges of the gate pulse (only with an ECRAM) [F].
        switch: The volatile switch.
        excitability: ECRAM as the load; None for a resistor.

    Source: mho reconstruction; values assumed.
    Limits: the discharge is drawn from the input, so supply energy alone understates this topology.
    """

    v_supply: Number = quantity("V", positive=True, default=1.0)
    c_membrane: Number = quantity("F", positive=True, default=2e-12)
    r_load: Number = quantity("ohm", positive=True, default=25e3)
    c_stretch: Number = quantity("F", positive=True, default=20e-15)
    v_width: Number = quantity("V", low=0.0, default=0.595)
    c_foot: Number = quantity("F", positive=True, default=0.5e-12)
    switch: VolatileSwitch = VolatileSwitch()
    excitability: Excitability | None = None

    def __check_init__(self) -> None:
        check_ranges(self)

    def elements(self) -> Elements:
        """All elements by dotted name."""
        core = "supply_core"
        parts = sources(supply_core=self.v_supply, bias_width=self.v_width)
        parts["membrane.c"] = Capacitor(MEMBRANE, GROUND, c=self.c_membrane)
        parts["reset.switch"] = Memristive((MEMBRANE, "foot"), self.switch, moving=("z",))
        if self.excitability is None:
            parts["reset.load"] = Resistor("foot", GROUND, r=self.r_load)
        parts["threshold.n1"] = nmos("o1", "foot", GROUND, 4.0, 0.13)
        parts["threshold.p1"] = pmos("o1", "bias_width", core, core, 0.5, 0.5)
        parts["threshold.c"] = Capacitor("o1", GROUND, c=self.c_stretch)
        parts |= inverter("threshold", "2", "o1", SPIKE, core, n=(0.4, 0.4), p=(0.8, 0.4))
        if self.excitability is not None:
            parts |= sources(supply_gate=self.excitability.v_gate)
            parts["excitability.foot"] = Capacitor("foot", GROUND, c=self.c_foot)
            parts |= driven_ecram("excitability", self.excitability.device, SPIKE, "foot", "supply_gate")
        return parts

    def where(self) -> str:
        """Where the ECRAM sits, and why there."""
        return (
            "load in series with the switch: the voltage across it fires the output stage, whose gate pulse ends the "
            "switch's conduction, so its resistance sets how deep the membrane is reset; in a separate reset path it "
            "could not act, because the switch is the reset"
        )
