"""Schmitt-trigger neuron: a hysteretic inverter whose two thresholds bound the membrane's swing."""

from __future__ import annotations

from mho.circuits.elements import Capacitor
from mho.circuits.neurons.neuron import MEMBRANE, SPIKE, AbstractNeuron, Excitability, sources
from mho.circuits.neurons.stages import GROUND, Elements, driven_ecram, inverter, nmos, pmos
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number


class SchmittTrigger(AbstractNeuron):
    r"""Six-transistor Schmitt inverter, output inverter, and a starved reset that the spike opens.

    The hysteresis sets both ends of the swing, so a resistor in the reset path acts only on the spike's width. Near the
    upper threshold the N stack carries its short-circuit current; with the ECRAM as the stack's foot that current
    lifts the upper threshold,

    .. math:: v_{high} = v_{high,0} + \kappa I_{stack} R_{ch} \qquad t = C (v_{high} - v_{low})/I

    Args:
        v_supply: Supply [V].
        c_membrane: Membrane capacitance [F].
        v_width: Gate of the reset's current source: the spike's width [V].
        c_foot: Holds the foot when the edges of the gate pulse couple through the ECRAM (only with an ECRAM) [F].
        excitability: ECRAM at the foot of the trigger's N stack; None for a stack at ground.

    Source: mho reconstruction; sizes assumed.
    Limits: the trigger draws its short-circuit current while the membrane is slow near a threshold: the costliest
    topology.
    """

    v_supply: Number = quantity("V", positive=True, default=1.0)
    c_membrane: Number = quantity("F", positive=True, default=1e-12)
    v_width: Number = quantity("V", low=0.0, default=0.45)
    c_foot: Number = quantity("F", positive=True, default=1e-12)
    excitability: Excitability | None = None

    def __check_init__(self) -> None:
        check_ranges(self)

    def elements(self) -> Elements:
        """All elements by dotted name."""
        core = "supply_core"
        parts = sources(supply_core=self.v_supply, bias_width=self.v_width)
        foot = GROUND if self.excitability is None else "foot"
        parts["membrane.c"] = Capacitor(MEMBRANE, GROUND, c=self.c_membrane)
        parts |= {
            "threshold.n1": nmos("o1", MEMBRANE, "low", 0.3, 2.0),
            "threshold.n2": nmos("low", MEMBRANE, foot, 0.3, 2.0),
            "threshold.nf": nmos(core, "o1", "low", 0.36, 2.0),
            "threshold.p1": pmos("o1", MEMBRANE, "high", core, 0.3, 2.0),
            "threshold.p2": pmos("high", MEMBRANE, core, core, 0.3, 2.0),
            "threshold.pf": pmos(GROUND, "o1", "high", core, 0.36, 2.0),
        }
        parts |= inverter("threshold", "3", "o1", SPIKE, core)
        parts["reset.m1"] = nmos(MEMBRANE, SPIKE, "drop", 1.0, 0.2)
        parts["reset.m2"] = nmos("drop", "bias_width", GROUND, 1.0, 0.2)
        if self.excitability is not None:
            parts |= sources(supply_gate=self.excitability.v_gate)
            parts["excitability.foot"] = Capacitor("foot", GROUND, c=self.c_foot)
            parts |= driven_ecram("excitability", self.excitability.device, SPIKE, "foot", "supply_gate")
        return parts

    def where(self) -> str:
        """Where the ECRAM sits, and why there."""
        return (
            "threshold: foot of the trigger's N stack, whose own current near the upper threshold lifts it by I R; the "
            "reset path does not act, because the hysteresis sets where the reset stops"
        )
