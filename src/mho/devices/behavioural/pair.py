"""Two devices whose conductance moves one way only, read as a difference."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core.fields import quantity
from mho.devices.behavioural.step import AbstractStepDevice, StepState
from mho.devices.device import ROOM, AbstractDevice, Number, Pulse


class PairState(eqx.Module):
    """What moves in a pair.

    Args:
        plus: State of the device that upward pulses reach.
        minus: State of the device that downward pulses reach.
        pulses: Pulses seen by the pair [1].
    """

    plus: StepState
    minus: StepState
    pulses: Number = quantity("1")


class OneSidedPair(AbstractDevice):
    r"""A weight from two devices that are only ever pulsed upwards: :math:`w = w_+ - w_-`.

    A positive pulse raises the first, a negative one raises the second. Read as one conductance, so that it stands in
    an array like any other: half the difference, about the middle of the first one's nominal window,

    .. math:: G = (g_{min} + g_{max})/2 + (G_+ - G_-)/2

    Both saturate in the end; `refreshed` starts them anew from the difference.

    Args:
        plus: The device that positive pulses raise; its weight starts at 0, its lower bound.
        minus: The other, of the same model and nominal numbers (a population of its own, where they differ).
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")
    internal: ClassVar[tuple[str, ...]] = ()

    plus: AbstractStepDevice
    minus: AbstractStepDevice

    def rest(self) -> PairState:
        """Both at rest."""
        plus, minus = self.plus.rest(), self.minus.rest()
        return PairState(plus, minus, plus.pulses + minus.pulses)

    def apparent(self, state: PairState) -> Number:
        """The weight, with write noise [1]."""
        return self.plus.apparent(state.plus) - self.minus.apparent(state.minus)

    def window(self) -> tuple[Number, Number]:
        """With one device at its lower bound and the other at its upper one, either way [S]."""
        (a, b), (c, d) = self.plus.window(), self.minus.window()
        return self._middle() + 0.5 * (a - d), self._middle() + 0.5 * (b - c)

    def conductance(self, state: PairState, *, temperature: float = ROOM) -> Number:
        """Half the difference of the two, about the middle of the window [S]."""
        return self._middle() + 0.5 * (self.plus.conductance(state.plus) - self.minus.conductance(state.minus))

    def _middle(self) -> Number:
        return 0.5 * (self.plus.g_min + self.plus.g_max)

    def read(self, state: PairState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at `v` [V]; either device adds its read noise."""
        one, other = jax.random.split(key)
        difference = self.plus.read(state.plus, v, key=one) - self.minus.read(state.minus, v, key=other)
        return self._middle() * v + 0.5 * difference

    def pulse(self, state: PairState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM) -> PairState:
        """State after one pulse: it reaches one of the two, and raises it."""
        up, down = _split(pulse)
        one, other = jax.random.split(key)
        plus = self.plus.pulse(state.plus, up, key=one)
        minus = self.minus.pulse(state.minus, down, key=other)
        return PairState(_counted(plus, state.plus, up), _counted(minus, state.minus, down), state.pulses + 1.0)

    def relax(self, state: PairState, duration: Number, *, temperature: float = ROOM) -> PairState:
        """Both decay on their own."""
        plus, minus = self.plus.relax(state.plus, duration), self.minus.relax(state.minus, duration)
        return PairState(plus, minus, state.pulses + 0.0 * plus.w)

    def energy(self, state: PairState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Energy [J] in the device that the pulse reaches."""
        up, down = _split(pulse)
        return self.plus.energy(state.plus, up) + self.minus.energy(state.minus, down)

    def refreshed(self, state: PairState) -> PairState:
        """Both set back to weight 0, and the difference written again to one of them, without error."""
        w = state.plus.w - state.minus.w
        plus = eqx.tree_at(lambda s: s.w, state.plus, jnp.clip(w, 0.0, self.plus.bounds()[1]))
        minus = eqx.tree_at(lambda s: s.w, state.minus, jnp.clip(-w, 0.0, self.minus.bounds()[1]))
        return PairState(plus, minus, state.pulses)


def _split(pulse: Pulse) -> tuple[Pulse, Pulse]:
    """The pulse that either device sees, upwards; its amplitude is 0 where the pulse goes to the other."""
    return (
        Pulse(jnp.maximum(pulse.amplitude, 0.0), pulse.width, pulse.channel),
        Pulse(jnp.maximum(-pulse.amplitude, 0.0), pulse.width, pulse.channel),
    )


def _counted(after: StepState, before: StepState, pulse: Pulse) -> StepState:
    """A device counts only the pulses that reach it."""
    return StepState(after.w, after.offset, before.pulses + (pulse.amplitude != 0.0))


def inverted(device: AbstractStepDevice) -> AbstractStepDevice:
    """The same device pulsed the other way: steps, bounds and their spread swapped up for down.

    A pair of the inverse (plus) and the device (minus) moves the weight as the device alone would in either direction.
    """
    return eqx.tree_at(
        lambda d: (d.w_min, d.w_max, d.up_down, d.imbalance, d.reach_up, d.reach_down),
        device,
        (-device.w_max, -device.w_min, -device.up_down, -device.imbalance, device.reach_down, device.reach_up),
    )
