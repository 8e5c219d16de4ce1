"""Retention: the written state is lost towards the rest state, thermally activated."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp

from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, Number
from mho.devices.kinetics import BOLTZMANN


class Retention(eqx.Module):
    r"""Loss of the written state: it goes back to the rest state by an exponential, stretched where beta < 1.

    .. math:: s(t) = s_{rest} + (s_0 - s_{rest})\,e^{-(t/\tau)^\beta}, \qquad \tau = t_0\,e^{E_a/kT}

    What relaxes is the state inside, so that a later write starts from what is left; the rest conductance is that of
    the device's own rest state.

    Args:
        t_0: Attempt time of the loss, the time constant at infinite temperature [s].
        energy: Activation energy, E_a [J].
        beta: Stretching exponent, counted from the last write [1].

    Limits: one energy for all devices and states; a spread of `t_0` or `energy` makes a distribution.
    """

    t_0: Number = quantity("s", positive=True)
    energy: Number = quantity("J", low=0.0, default=0.0)
    beta: Number = quantity("1", positive=True, high=1.0, default=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def log_tau(self, temperature: Number) -> Number:
        """Logarithm of the time constant in seconds (the time constant itself can overflow single precision)."""
        return jnp.log(self.t_0) + self.energy / (BOLTZMANN * ROOM) * (ROOM / temperature)

    def elapsed(self, duration: Number, temperature: Number) -> Number:
        """Share of the time constant that passes in `duration` [s] at `temperature` [K]."""
        positive = duration > 0.0
        log = jnp.log(jnp.where(positive, duration, 1.0)) - self.log_tau(temperature)
        return jnp.where(positive, jnp.exp(jnp.clip(log, -80.0, 80.0)), 0.0)

    def kept(self, before: Number, after: Number) -> Number:
        """Share of the distance to rest that is kept while the elapsed share of tau goes from `before` to `after`."""
        return jnp.exp(jnp.clip(self._power(before) - self._power(after), -80.0, 0.0))

    def _power(self, share: Number) -> Number:
        positive = share > 0.0
        return jnp.where(positive, jnp.exp(self.beta * jnp.log(jnp.where(positive, share, 1.0))), 0.0)
