"""Band-pass synapse: a facilitating and a depressing ECRAM channel in series."""

from __future__ import annotations

import equinox as eqx

from mho.circuits.memristive import Memristive
from mho.circuits.neurons.neuron import sources
from mho.circuits.neurons.stages import GROUND, Elements, buffer
from mho.circuits.synapses.facilitating import read_out
from mho.core.fields import check_ranges, quantity
from mho.devices.device import AbstractContinuousDevice, Number


class BandPassSynapse(eqx.Module):
    r"""Two ECRAMs that share one gate drive and carry one current.

    The slow, facilitating channel passes high rates; the fast, depressing one (polarity -1) takes the highest rates
    back, so the charge per spike peaks in between, near :math:`1/(2\pi\sqrt{\tau_f \tau_d})`.

    Args:
        facilitating: ECRAM of polarity +1, with the longer time constants.
        depressing: ECRAM of polarity -1, with the shorter ones.
        v_supply: Supply of the mirror [V].
        v_gate: Supply of the gate driver [V].
        v_read: Gate voltage of the read transistor [V].
        mirror: Current ratio of the mirror [1].
        r_keeper: Pulls the mirror to rest between spikes [ohm].

    Source: mho reconstruction; sizes assumed.
    """

    facilitating: AbstractContinuousDevice
    depressing: AbstractContinuousDevice
    v_supply: Number = quantity("V", positive=True, default=1.0)
    v_gate: Number = quantity("V", positive=True, default=1.0336)
    v_read: Number = quantity("V", low=0.0, default=0.45)
    mirror: Number = quantity("1", positive=True, default=0.125)
    r_keeper: Number = quantity("ohm", positive=True, default=10e6)

    def __check_init__(self) -> None:
        check_ranges(self)

    def elements(self, presynaptic: str, membrane: str) -> Elements:
        """Named elements between the presynaptic node and the membrane."""
        gate = "synapse.gate"
        parts = sources(supply_synapse=self.v_supply, supply_synapse_gate=self.v_gate, bias_read=self.v_read)
        parts["synapse.ecram"] = Memristive((gate, "channel", "middle"), self.facilitating)
        parts["synapse.depressing"] = Memristive((gate, "middle", GROUND), self.depressing)
        parts |= buffer("synapse_driver", presynaptic, gate, "supply_synapse_gate")
        return parts | read_out(presynaptic, "channel", membrane, "supply_synapse", self.mirror, self.r_keeper)
