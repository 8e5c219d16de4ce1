"""Facilitating synapse: presynaptic spikes drive an ECRAM's gate, its channel carries the current they release."""

from __future__ import annotations

import equinox as eqx

from mho.circuits.elements import Resistor
from mho.circuits.neurons.neuron import sources
from mho.circuits.neurons.stages import Elements, driven_ecram, nmos, pmos
from mho.core.fields import check_ranges, quantity
from mho.devices.device import AbstractContinuousDevice, Number


class FacilitatingSynapse(eqx.Module):
    r"""ECRAM synapse with a source-degenerated read and a current mirror into the membrane.

    A presynaptic spike goes through a buffer on its own supply to the ECRAM's gate, and closes the read switch: an
    N-channel
    transistor at fixed gate voltage reads the channel at some 60 mV, a P-channel mirror puts a share of the current
    into the membrane. Facilitation reaches the current with the share :math:`g_m R/(1 + g_m R)` of :math:`\Delta R/R`.

    Args:
        device: Any ECRAM.
        v_supply: Supply of the mirror [V].
        v_gate: Supply of the gate driver [V]. The read current lifts the channel by some 60 mV while the gate is
            driven, which costs about a sixth of the effect of a pulse, so this level lies above the device's reference
            amplitude; the
            default is :func:`gate_supply` of the reference device, at which its first spike moves it by its 1.5 kOhm.
        v_read: Gate voltage of the read transistor [V].
        mirror: Current ratio of the mirror, output to input [1].
        r_keeper: Pulls the mirror to rest between spikes; without it the mirror remembers the last spike for
            milliseconds and facilitates by itself [ohm].

    Source: mho reconstruction; sizes assumed.
    """

    device: AbstractContinuousDevice
    v_supply: Number = quantity("V", positive=True, default=1.0)
    v_gate: Number = quantity("V", positive=True, default=1.0336)
    v_read: Number = quantity("V", low=0.0, default=0.45)
    mirror: Number = quantity("1", positive=True, default=0.125)
    r_keeper: Number = quantity("ohm", positive=True, default=10e6)

    def __check_init__(self) -> None:
        check_ranges(self)

    def elements(self, presynaptic: str, membrane: str) -> Elements:
        """Named elements between the presynaptic node and the membrane."""
        supply = "supply_synapse"
        parts = sources(supply_synapse=self.v_supply, supply_synapse_gate=self.v_gate, bias_read=self.v_read)
        parts |= driven_ecram("synapse", self.device, presynaptic, "channel", "supply_synapse_gate")
        return parts | read_out(presynaptic, "channel", membrane, supply, self.mirror, self.r_keeper)


def read_out(presynaptic: str, channel: str, membrane: str, supply: str, mirror: Number, r_keeper: Number) -> Elements:
    """Read transistor, switch and mirror with its keeper, from a channel to ground into the membrane."""
    return {
        "synapse_read.n1": nmos("read", "bias_read", channel, 4.0, 0.2),
        "synapse_read.switch": nmos("mirror", presynaptic, "read", 2.0, 0.13),
        "synapse_read.p1": pmos("mirror", "mirror", supply, supply, 5.0, 0.3),
        "synapse_read.keeper": Resistor("mirror", supply, r=r_keeper),
        "synapse_read.p2": pmos(membrane, "mirror", supply, supply, 5.0 * mirror, 0.3),
    }
