"""What makes a synapse tire, and the band-pass synapse that facilitation and depression make together."""

from __future__ import annotations

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core.fields import check_ranges, quantity
from mho.networks.device_synapse import DeviceSynapse
from mho.networks.synapse import AbstractSynapse, Number, batch_shape
from mho.networks.tsodyks_markram import decay


class AbstractDepression(eqx.Module):
    """A factor in [0, 1] on a synapse's efficacy that falls with use and recovers."""

    @abc.abstractmethod
    def rest(self) -> Any:
        """State without use."""

    @abc.abstractmethod
    def spike(self, state: Any, interval: Number, share: Number) -> tuple[Any, Number]:
        """State and factor at a spike `interval` [s] after the last that asks for `share` of a resource [1]."""

    @abc.abstractmethod
    def noisy_spike(self, state: Any, interval: Number, share: Number, *, key: jax.Array) -> tuple[Any, Number]:
        """As :meth:`spike`, with the depression's own noise."""

    @abc.abstractmethod
    def steady(self, interval: Number, share: Number) -> tuple[Any, Number]:
        """State and factor at a spike of an endless regular train."""

    @property
    @abc.abstractmethod
    def width(self) -> Number:
        """Time that a spike occupies [s]."""


class Resource(AbstractDepression):
    r"""A limited resource: each spike takes the share u, what is missing recovers.

    .. math:: x_{n+1} = 1 - [1 - x_n (1 - u_n)]\,e^{-D/\tau_{rec}}

    Args:
        tau_rec: Recovery time; 0 for none [s].

    Source: Tsodyks, Pawelzik, Markram 1998.
    """

    tau_rec: Number = quantity("s", low=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def width(self) -> Number:
        """A resource is used in an instant."""
        return jnp.zeros_like(self.tau_rec)

    def rest(self) -> Number:
        """The whole resource."""
        return jnp.ones(batch_shape(self), jnp.result_type(self.tau_rec))

    def spike(self, state: Number, interval: Number, share: Number) -> tuple[Number, Number]:
        """What is left after the spike, and what was there for it."""
        x = 1.0 - (1.0 - state) * decay(interval, self.tau_rec)
        return x * (1.0 - share), x

    def noisy_spike(self, state: Number, interval: Number, share: Number, *, key: jax.Array) -> tuple[Number, Number]:
        """As :meth:`spike`: the resource has no noise of its own."""
        return self.spike(state, interval, share)

    def steady(self, interval: Number, share: Number) -> tuple[Number, Number]:
        """Where recovery makes up for use."""
        e = decay(interval, self.tau_rec)
        x = (1.0 - e) / (1.0 - (1.0 - share) * e)
        return x * (1.0 - share), x


class ReversedDevice(AbstractDepression):
    """A second ECRAM of reversed polarity, cascaded: its conductance, relative to rest, scales the synapse's output.

    Args:
        synapse: A device synapse whose device has `polarity` -1, read before its own pulse (so a first spike is whole).
    """

    synapse: DeviceSynapse

    @property
    def width(self) -> Number:
        """Width of the tiring device's pulse."""
        return self.synapse.width

    def rest(self) -> Any:
        """The tiring device at rest."""
        return self.synapse.rest()

    def spike(self, state: Any, interval: Number, share: Number) -> tuple[Any, Number]:
        """The tiring device after its pulse, and its conductance before it, relative to rest."""
        factor = self._factor(self.synapse.relaxed(state, interval))
        return self.synapse.spike(state, interval)[0], factor

    def noisy_spike(self, state: Any, interval: Number, share: Number, *, key: jax.Array) -> tuple[Any, Number]:
        """As :meth:`spike`, the pulse with its cycle-to-cycle noise."""
        factor = self._factor(self.synapse.relaxed(state, interval))
        return self.synapse.noisy_spike(state, interval, key=key)[0], factor

    def steady(self, interval: Number, share: Number) -> tuple[Any, Number]:
        """The tiring device in its own steady train."""
        after = self.synapse.steady(interval)[0]
        return after, self._factor(self.synapse.relaxed(after, interval))

    def _factor(self, state: Any) -> Number:
        device, temperature = self.synapse.device, self.synapse.temperature
        return device.conductance(state, temperature=temperature) / device.conductance(
            device.rest(), temperature=temperature
        )


class BandPassState(eqx.Module):
    """States of the two halves of a band-pass synapse."""

    facilitation: Any
    depression: Any


class BandPass(AbstractSynapse):
    r"""Facilitation in a device, depression by a resource or a second device: passes a band of rates.

    .. math:: e = e_{fac}\,x

    Facilitation raises the efficacy with the rate, depression lowers it; where the two balance the product peaks.

    Args:
        facilitation: The synapse that facilitates.
        depression: What tires.
    """

    facilitation: AbstractSynapse
    depression: AbstractDepression

    @property
    def width(self) -> Number:
        """Width of the longer of the two pulses."""
        return jnp.maximum(self.facilitation.width, self.depression.width)

    def rest(self) -> BandPassState:
        """Both halves at rest, in the shape of the batch."""
        shape = batch_shape(self)
        state = BandPassState(self.facilitation.rest(), self.depression.rest())
        return jax.tree.map(lambda x: jnp.broadcast_to(x, shape), state)

    def spike(self, state: BandPassState, interval: Number) -> tuple[BandPassState, Number]:
        """Facilitate, then tire by the share that facilitation asked for."""
        fac, efficacy = self.facilitation.spike(state.facilitation, interval)
        dep, x = self.depression.spike(state.depression, interval, self.facilitation.share(fac))
        return BandPassState(fac, dep), efficacy * x

    def noisy_spike(self, state: BandPassState, interval: Number, *, key: jax.Array) -> tuple[BandPassState, Number]:
        """As :meth:`spike`, with the noise of both halves."""
        key_fac, key_dep = jax.random.split(key)
        fac, efficacy = self.facilitation.noisy_spike(state.facilitation, interval, key=key_fac)
        dep, x = self.depression.noisy_spike(state.depression, interval, self.facilitation.share(fac), key=key_dep)
        return BandPassState(fac, dep), efficacy * x

    def share(self, state: BandPassState) -> Number:
        """Share that the facilitating half asked for."""
        return self.facilitation.share(state.facilitation)

    def steady(self, interval: Number) -> tuple[BandPassState, Number]:
        """Both halves in the same steady train."""
        fac, efficacy = self.facilitation.steady(interval)
        dep, x = self.depression.steady(interval, self.facilitation.share(fac))
        return BandPassState(fac, dep), efficacy * x
