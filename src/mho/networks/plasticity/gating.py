"""Pairs of spikes as gated pulses: one opens a gate that fades, the other sends a pulse through it."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, AbstractDevice, Number, Pulse


class Envelope(eqx.Module):
    r"""Amplitude of the pulse that a gate lets through, over the time since it was opened.

    .. math:: V(s) = V_0 + (V_1 - V_0)\,e^{-s/\tau} \quad (s < t_{open}), \qquad 0 \text{ after}

    Args:
        first: Amplitude of a pulse that comes at once, V_1 [V].
        last: Amplitude that it fades to, V_0, of the same sign [V].
        tau: Time constant [s].
        open: Time for which the gate is open [s].
        width: Width of the pulse [s].
    """

    first: Number = quantity("V")
    last: Number = quantity("V")
    tau: Number = quantity("s", positive=True)
    open: Number = quantity("s", positive=True)
    width: Number = quantity("s", positive=True)

    def __check_init__(self) -> None:
        check_ranges(self)

    def __call__(self, since: Number) -> Number:
        """Amplitude [V] of a pulse `since` [s] after the gate opened, 0 where it is shut."""
        amplitude = self.last + (self.first - self.last) * jnp.exp(-since / self.tau)
        return jnp.where((since > 0.0) & (since < self.open), amplitude, 0.0)


class GatedPulses(eqx.Module):
    r"""A presynaptic spike opens a gate for pulses up, a postsynaptic one for pulses down; the other spike sends one.

    So a pair gives one pulse, of an amplitude that its lag sets, to any device with an event face: the gate line of an
    electrochemical transistor, a phase-change cell whose selecting transistor the gate drives (a partial SET, or a
    partial RESET).

    Args:
        up: Pulses of pairs with the presynaptic spike first.
        down: Pulses of the others.

    Limits: the lag 0 sends no pulse. A device that does not answer to the amplitude has a window of its gate's length.
    """

    up: Envelope
    down: Envelope

    @property
    def reach(self) -> tuple[Number, Number]:
        """Lags beyond which there is no pulse, below and above 0 [s]."""
        return -self.down.open, self.up.open

    def pulse(self, lag: Number) -> Pulse:
        """The pulse of a pair."""
        rises = lag > 0.0
        amplitude = jnp.where(rises, self.up(lag), self.down(-lag))
        return Pulse(amplitude, jnp.where(rises, self.up.width, self.down.width) + 0.0 * amplitude)

    def paired(
        self, device: AbstractDevice, state: Any, lag: Number, *, key: jax.Array, temperature: Any = ROOM
    ) -> tuple[Any, Number, Number]:
        """State after a pair, with the device's cycle-to-cycle noise; the pulses given (0 or 1) and their energy [J].

        Args:
            device: Any device that answers to pulses.
            state: Before the pair.
            lag: Postsynaptic after presynaptic spike; not finite where there is no pair [s].
            key: JAX random key.
            temperature: [K].
        """
        there = jnp.isfinite(lag)
        pulse = self.pulse(jnp.where(there, lag, 0.0))
        on = there & (pulse.amplitude != 0.0)
        spent = device.energy(state, pulse, temperature=temperature)
        after = device.pulse(state, pulse, key=key, temperature=temperature)
        kept = jax.tree.map(lambda a, b: jnp.where(on, a, b).astype(jnp.result_type(b)), after, state)
        return kept, on.astype(jnp.result_type(float)), jnp.where(on, spent, 0.0)
