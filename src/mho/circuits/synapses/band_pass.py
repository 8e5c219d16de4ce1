"""Band-pass synapse: a facilitating and a depressing ECRAM channel in series."""

from __future__ import annotations

import equinox as eqx
import numpy as np

from mho.circuits.memristive import Memristive
from mho.circuits.neurons.neuron import sources
from mho.circuits.neurons.stages import GROUND, Elements, buffer
from mho.circuits.synapses.facilitating import read_out
from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import AbstractContinuousDevice, Number


class BandPassSynapse(eqx.Module):
    r"""Two ECRAMs that share one gate drive and carry one current.

    Gate pulses are positive for both. They raise the conductance of the slow channel (polarity +1), which facilitates
    from a rate of some :math:`1/(U\tau_f)` on, and lower that of the fast one (polarity -1), which takes the current
    back once it no longer recovers between spikes, towards :math:`1/(U\tau_d)`; the charge per spike peaks in between.
    With 12.5 kOhm each, +0.75 kOhm and -1.5 kOhm per spike, U = 1/12 and 5 ms over 0.2 ms (2.4 kHz and 60 kHz), charge
    of the fortieth spike over the first's: 1.01 at 200 Hz, 1.09 at its peak near 4 kHz, 0.89 at 32 kHz, 0.51 at 100 kHz
    while the gate is driven. With the mirror's tail after each spike the last two are 0.93 and 0.63 (ngspice).

    Args:
        facilitating: ECRAM of positive polarity, with the longer time constants.
        depressing: ECRAM of negative polarity, with the shorter ones.
        v_supply: Supply of the mirror [V].
        v_gate: Supply of the gate driver [V]. The node between the channels rises with the read current, so a pulse
            acts less on the facilitating channel than on the depressing one, which sits at ground: at the default and
            with the channels above, 0.92 of the device's own step.
        v_read: Gate voltage of the read transistor [V].
        mirror: Current ratio of the mirror [1].
        r_keeper: Pulls the mirror to rest between spikes [ohm].

    Raises:
        ParameterError: If the polarities are not positive and negative: two alike give no band.

    Limits: the drop over two channels is shared, so each has about half the resistance of a single synapse's; devices
    are taken as they are, nothing scales them.

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
        for name, sign in (("facilitating", 1), ("depressing", -1)):
            polarity = getattr(getattr(self, name), "polarity", sign)
            if isinstance(polarity, np.ndarray) and np.any(sign * polarity <= 0.0):
                raise ParameterError(
                    f"BandPassSynapse.{name} has the polarity {np.max(-sign * polarity) * -sign:g}; its sign must be "
                    f"{sign:+d}, as gate pulses are positive for both channels. Were the two devices swapped?"
                )

    def elements(self, presynaptic: str, membrane: str) -> Elements:
        """Named elements between the presynaptic node and the membrane."""
        gate = "synapse.gate"
        parts = sources(supply_synapse=self.v_supply, supply_synapse_gate=self.v_gate, bias_read=self.v_read)
        parts["synapse.ecram"] = Memristive((gate, "channel", "middle"), self.facilitating)
        parts["synapse.depressing"] = Memristive((gate, "middle", GROUND), self.depressing)
        parts |= buffer("synapse_driver", presynaptic, gate, "supply_synapse_gate")
        return parts | read_out(presynaptic, "channel", membrane, "supply_synapse", self.mirror, self.r_keeper)
