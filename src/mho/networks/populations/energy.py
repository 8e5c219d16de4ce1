"""What one synaptic event costs: the pulse that writes, and the read after it."""

from __future__ import annotations

from typing import Any

import equinox as eqx

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices import ECRAM, Pulse
from mho.networks.device_synapse import DeviceSynapse
from mho.networks.synapse import Number


class EventEnergy(eqx.Module):
    r"""Energy of one event of a device synapse: the gate's driver writes, the channel's driver reads.

    .. math:: E = E_{write}(\text{device}, \text{pulse}) + G\,v_{read}^2\,t_{read}

    Args:
        pulse: What a spike applies to the gate.
        v_read: Read voltage across the channel [V].
        t_read: Duration of the read [s].

    Limits: no drivers, lines or amplifiers: the device alone.
    """

    pulse: Pulse
    v_read: Number = quantity("V", default=0.0)
    t_read: Number = quantity("s", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def __call__(self, synapse: Any, before: Any, after: Any, interval: Number) -> Number:
        """Energy of an event that comes `interval` [s] after the one before and takes `before` to `after` [J]."""
        if not (isinstance(synapse, DeviceSynapse) and isinstance(synapse.device, ECRAM)):
            raise ParameterError(
                f"An event's energy is known of a DeviceSynapse of an ECRAM, not of a {type(synapse).__name__}. "
                "Leave Projection.energy out."
            )
        device = synapse.device
        write = device.spent(synapse.relaxed(before, interval), after, self.pulse)
        read = device.conductance(after, temperature=synapse.temperature) * self.v_read * self.v_read * self.t_read
        return write + read
