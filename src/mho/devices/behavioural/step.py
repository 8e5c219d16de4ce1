"""Pulse models: what all of them share. A pulse moves a normalised weight; voltage and time do not enter."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core import random
from mho.core.errors import ParameterError
from mho.core.fields import quantity
from mho.core.quantities import engineering
from mho.devices.device import ROOM, AbstractDevice, Number, Pulse, nothing
from mho.devices.kinetics import known

Step = Callable[[Number, Number], Number]
"""What one pulse does: (weight, standard normal number) to the new weight."""


class StepState(eqx.Module):
    """What moves in a pulse model.

    Args:
        w: Hidden weight, that pulses build on [1].
        offset: Write noise: how far the apparent weight lies from the hidden one until the next pulse [1].
        pulses: Pulses seen [1].
    """

    w: Number = quantity("1")
    offset: Number = quantity("1")
    pulses: Number = quantity("1")


class AbstractStepDevice(AbstractDevice):
    r"""A conductance that moves by one step per pulse: up for a positive amplitude, down for a negative one.

    The width and the size of the amplitude do not matter (a pulse without width or amplitude only counts). A model is
    its law of steps, on a weight `w`; the conductance is linear in it, `g_min` at `w_min` and `g_max` at `w_max`.

    The devices of an array differ: with :math:`\xi_i` standard normal, its own bounds are `w_max` (1 + s ξ₁) and
    `w_min` (1 + s ξ₂), swapped and turned to their signs where that is needed; its steps

    .. math::
        \Delta_\uparrow = |\min(d, 0) + k + r|\,\Delta, \qquad \Delta_\downarrow = |-\max(d, 0) + k - r|\,\Delta

    with the asymmetry d (`up_down`; it only ever weakens the weaker side), k = 1 + s ξ₃ or exp(s ξ₃) (`gain`) and
    r = s ξ₄ (`imbalance`). So `reach_up`, `reach_down`, `gain` and `imbalance` are what a spread applies to.

    Args:
        g_min: Conductance at weight `w_min` [S].
        g_max: Conductance at weight `w_max` [S].
        dw_min: Nominal step of the weight, Δ [1].
        w_min: Nominal lower bound of the weight, at most 0 [1].
        w_max: Nominal upper bound of the weight, at least 0 [1].
        w_0: Weight of a fresh device, and what it decays to [1].
        up_down: Asymmetry of the steps: above 0 the downward ones are weaker, below 0 the upward ones [1].
        gain: This device's step relative to the nominal one [1].
        imbalance: What this device's upward step has more than its downward one, relative [1].
        reach_up: This device's upper bound relative to the nominal one [1].
        reach_down: This device's lower bound relative to the nominal one [1].
        sigma_cycle: Standard deviation of a step, cycle to cycle, relative to the step [1].
        sigma_write: Standard deviation of the apparent weight about the hidden one, relative to `dw_min` [1].
        sigma_read: Relative standard deviation of one read [1].
        decay_rate: Rate at which the weight decays to `w_0` [1/s].

    Limits: No dependence on voltage, width, temperature or pulse interval; energy counts the cell as an ohmic resistor.
    Source: Rasch et al., AICAS 2021 (the toolkit aihwkit), whose output these laws reproduce.
    """

    terminals: ClassVar[tuple[str, ...]] = ("plus", "minus")
    internal: ClassVar[tuple[str, ...]] = ()

    g_min: Number = quantity("S", positive=True)
    g_max: Number = quantity("S", positive=True)
    dw_min: Number = quantity("1", positive=True)
    w_min: Number = quantity("1", high=0.0, default=-1.0)
    w_max: Number = quantity("1", low=0.0, default=1.0)
    w_0: Number = quantity("1", default=0.0)
    up_down: Number = quantity("1", default=0.0)
    gain: Number = quantity("1", default=1.0)
    imbalance: Number = quantity("1", default=0.0)
    reach_up: Number = quantity("1", default=1.0)
    reach_down: Number = quantity("1", default=1.0)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_write: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)
    decay_rate: Number = quantity("1/s", low=0.0, default=0.0)

    # ---- the law, and this device's own numbers --------------------------------------------------------------------
    @abc.abstractmethod
    def step(self, up: Number) -> Step:
        """What one pulse does to this device's weight; `up` is True where the amplitude is positive.

        What does not depend on the weight is computed here, once for a train of pulses.
        """

    def steps(self) -> tuple[Number, Number]:
        """This device's steps up and down, both at least 0 [1]."""
        up = jnp.abs(jnp.minimum(self.up_down, 0.0) + self.gain + self.imbalance)
        down = jnp.abs(self.gain - self.imbalance - jnp.maximum(self.up_down, 0.0))
        return up * self.dw_min, down * self.dw_min

    @abc.abstractmethod
    def bounds(self) -> tuple[Number, Number]:
        """This device's lower and upper bound of the hidden weight [1]."""

    def reach(self) -> tuple[Number, Number]:
        """This device's own lower and upper bound, from the nominal ones and its reach [1]."""
        a, b = self.w_min * self.reach_down, self.w_max * self.reach_up
        return -jnp.abs(jnp.minimum(a, b)), jnp.abs(jnp.maximum(a, b))

    # ---- state and read-out ----------------------------------------------------------------------------------------
    def rest(self) -> StepState:
        """Weight `w_0`, within this device's bounds."""
        zero = nothing(self)
        return StepState(jnp.clip(self.w_0 + zero, *self.bounds()), zero, zero)

    def apparent(self, state: StepState) -> Number:
        """Weight that a read sees: the hidden one and its write noise [1]."""
        return state.w + state.offset

    def conductance(self, state: StepState, *, temperature: float = ROOM) -> Number:
        """Conductance [S] of the apparent weight, within this device's window."""
        return self.conductance_of(jnp.clip(self.apparent(state), *self.bounds()))

    def conductance_of(self, w: Number) -> Number:
        """Conductance [S] at weight `w`; a device whose lower bound lies far below `w_min` stops at zero."""
        return jnp.maximum(self.g_min + (self.g_max - self.g_min) * (w - self.w_min) / (self.w_max - self.w_min), 0.0)

    def window(self) -> tuple[Number, Number]:
        """Conductance at this device's own bounds [S]."""
        low, high = self.bounds()
        return self.conductance_of(low), self.conductance_of(high)

    def read(self, state: StepState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at `v` [V], with relative read noise."""
        g = self.conductance(state)
        return g * (1.0 + self.sigma_read * random.normal(key, jnp.shape(g), jnp.result_type(g))) * v

    # ---- event face ------------------------------------------------------------------------------------------------
    def pulse(self, state: StepState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM) -> StepState:
        """State after one pulse. For a train of them, :func:`mho.devices.behavioural.pulse_train` is faster."""
        shape = jnp.broadcast_shapes(*(jnp.shape(x) for x in jax.tree.leaves((self, state, pulse))))
        index = jnp.arange(int(np.prod(shape)), dtype=jnp.uint32).reshape(shape)
        cycle, write = (z.astype(jnp.result_type(state.w)) for z in random.normal_pair(key, index))
        return self._pulsed(state, pulse, cycle, write)

    def _pulsed(self, state: StepState, pulse: Pulse, cycle: Number, write: Number) -> StepState:
        acts = (pulse.width > 0.0) & (pulse.amplitude != 0.0)
        w = self.step(pulse.amplitude > 0.0)(state.w, cycle)
        offset = 0.0 if known(self.sigma_write, 0.0) else self.sigma_write * self.dw_min * write
        return StepState(
            jnp.where(acts, w, state.w),
            jnp.where(acts, offset, state.offset),
            state.pulses + jnp.ones_like(w),
        )

    def relax(self, state: StepState, duration: Number, *, temperature: float = ROOM) -> StepState:
        """Exponential decay to `w_0`; without `decay_rate` the weight stays."""
        kept = jnp.exp(-self.decay_rate * duration)
        w_0 = jnp.clip(self.w_0, *self.bounds())
        same = jnp.zeros_like(state.w * kept)
        return StepState(w_0 + (state.w - w_0) * kept, state.offset + same, state.pulses + same)

    def energy(self, state: StepState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Energy [J] in the cell as a resistor, with the mean conductance of before and after."""
        after = self._pulsed(state, pulse, jnp.zeros_like(state.w), jnp.zeros_like(state.w))
        g = 0.5 * (self.conductance(state) + self.conductance(after))
        return g * pulse.amplitude**2 * pulse.width


def within(w: Number, bounds: tuple[Number, Number]) -> Number:
    """`w`, no further than the bounds: as `clip`, at half its cost in a loop, because NaN needs no test of its own."""
    low, high = bounds
    w = jnp.where(w < low, low, w)
    return jnp.where(w > high, high, w)


def check_window(device: AbstractStepDevice) -> None:
    """Raise if the nominal window of a device is empty.

    Raises:
        ParameterError: If `g_max` does not exceed `g_min`, or `w_max` not `w_min`.
    """
    name = type(device).__name__
    for low, high, unit in (("g_min", "g_max", "S"), ("w_min", "w_max", "1")):
        a, b = getattr(device, low), getattr(device, high)
        if all(isinstance(x, np.ndarray) and x.ndim == 0 for x in (a, b)) and float(b) <= float(a):
            raise ParameterError(
                f"{name}.{high} ({engineering(float(b), unit)}) must exceed {low} ({engineering(float(a), unit)}). "
                "Were they swapped?"
            )
