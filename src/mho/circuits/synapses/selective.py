"""Selective synapse: a depressing ECRAM excites, a plain current sink inhibits with the same spike."""

from __future__ import annotations

import equinox as eqx
import numpy as np

from mho.circuits.elements import Resistor
from mho.circuits.neurons.neuron import sources
from mho.circuits.neurons.stages import GROUND, Elements, driven_ecram, nmos, pmos
from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import AbstractContinuousDevice, Number


class SelectiveSynapse(eqx.Module):
    r"""Feed-forward inhibition that only rates in a band overcome.

    Each presynaptic spike brings the charge :math:`Q(f)` of a depressing ECRAM channel, which falls with the rate, and
    takes the charge :math:`q` of a starved sink, which does not. The membrane's leak takes :math:`I_{leak}/f` between
    two spikes. What stays,

    .. math:: Q(f) - q - I_{leak}/f

    is positive in a band of rates only: below it the leak wins, above it the inhibition.

    Args:
        device: An ECRAM of negative polarity: gate pulses lower its conductance.
        v_supply: Supply of the mirror [V].
        v_gate: Supply of the gate driver [V].
        v_read: Gate voltage of the read transistor [V].
        mirror: Current ratio of the mirror, output to input [1].
        v_inhibit: Gate voltage of the sink; higher inhibits more [V].
        r_keeper: Pulls the mirror to rest between spikes [ohm].

    Raises:
        ParameterError: If the device's polarity is positive: a facilitating channel gives no band.

    Source: mho reconstruction; sizes assumed. The mirror has four times the area of the facilitating synapse's and the
    sink is long, because what stays is a difference of charges and transistors must match.
    """

    device: AbstractContinuousDevice
    v_supply: Number = quantity("V", positive=True, default=1.0)
    v_gate: Number = quantity("V", positive=True, default=1.0336)
    v_read: Number = quantity("V", low=0.0, default=0.45)
    mirror: Number = quantity("1", positive=True, default=0.9)
    v_inhibit: Number = quantity("V", low=0.0, default=0.45)
    r_keeper: Number = quantity("ohm", positive=True, default=3e6)

    def __check_init__(self) -> None:
        check_ranges(self)
        polarity = getattr(self.device, "polarity", -1.0)
        if isinstance(polarity, np.ndarray) and np.any(polarity >= 0.0):
            raise ParameterError(
                f"SelectiveSynapse.device has the polarity {float(np.max(polarity)):g}; it must be below 0, so that "
                "gate pulses depress the channel. Reverse its polarity."
            )

    def elements(self, presynaptic: str, membrane: str) -> Elements:
        """Named elements between the presynaptic node and the membrane."""
        supply = "supply_synapse"
        parts = sources(
            supply_synapse=self.v_supply,
            supply_synapse_gate=self.v_gate,
            bias_read=self.v_read,
            bias_inhibit=self.v_inhibit,
        )
        parts |= driven_ecram("synapse", self.device, presynaptic, "channel", "supply_synapse_gate")
        return parts | {
            "synapse_read.n1": nmos("read", "bias_read", "channel", 8.0, 0.3),
            "synapse_read.switch": nmos("mirror", presynaptic, "read", 2.0, 0.13),
            "synapse_read.p1": pmos("mirror", "mirror", supply, supply, 10.0, 0.6),
            "synapse_read.keeper": Resistor("mirror", supply, r=self.r_keeper),
            "synapse_read.p2": pmos(membrane, "mirror", supply, supply, 10.0 * self.mirror, 0.6),
            "synapse_inhibition.switch": nmos(membrane, presynaptic, "sink", 1.0, 0.13),
            "synapse_inhibition.n1": nmos("sink", "bias_inhibit", GROUND, 1.0, 2.0),
        }
