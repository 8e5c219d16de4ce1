"""Spiking neurons on a clock, for batches and for training: current-based, conductance-based, and exact within a step.

Voltages are in thresholds: 0 is rest, 1 the threshold. A spike's derivative is that of `mho.networks.surrogate`.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.kinetics import relative_decay
from mho.networks.neurons import LIF
from mho.networks.surrogate import spike
from mho.networks.synapse import Number

Reset = Literal["zero", "subtract"]


class AbstractSteps(eqx.Module):
    """A neuron's equations over one step of the clock: what does not move is worked out before the first."""

    @abc.abstractmethod
    def rest(self, batch: int, neurons: int, dtype: Any) -> Any:
        """State before the first step, leaves (batch, neurons)."""

    @abc.abstractmethod
    def step(self, state: Any, drive: Number) -> tuple[Any, Number]:
        """State after a step at whose start `drive` arrived, and the spikes, 1 or 0 with surrogate derivatives."""

    @abc.abstractmethod
    def spent(self, drives: Callable[[], Number]) -> Number | None:
        """Energy of the neurons of each sample, (batch,) [J]; None if it is not known.

        Args:
            drives: Gives what arrives at each step, (steps, batch, rows); asked only where it is needed.
        """


class AbstractSpikingNeuron(eqx.Module):
    """A neuron of a trainable layer, or one per neuron in leaves (neurons,)."""

    @abc.abstractmethod
    def prepared(self, dt: Number) -> AbstractSteps:
        """Its equations for steps of `dt` [s]."""

    @property
    @abc.abstractmethod
    def receptors(self) -> int:
        """Inputs that it tells apart: the layer's matrix has so many rows for each neuron."""


class CurrentLIF(AbstractSpikingNeuron):
    r"""Leaky integrate-and-fire, current-based; refractory and adaptive where asked; exact between spikes.

    .. math::
        \tau_m \dot v = -v + i + b, \qquad \tau_{syn} \dot i = -i, \qquad \tau_a \dot a = -a

    A spike of weight w adds :math:`w\,\tau_m/\tau_{syn}` to i: all its charge lifts a membrane without leak by w
    thresholds. Where v reaches :math:`1 + a` at a step's end the neuron fires, v is reset, and a grows by `adaptation`.

    Args:
        tau_m: Membrane time constant [s].
        tau_syn: Of the synaptic current; None for charges that arrive at once [s].
        t_ref: Refractory time, rounded to whole steps; None for none [s].
        adaptation: Rise of the threshold with a spike, in thresholds; None for none [1].
        tau_adapt: Its decay [s].
        bias: Constant input, in thresholds [1].
        reset: After a spike v is 0, or loses the threshold. No derivative goes through it.

    Raises:
        ParameterError: If a value is out of range.

    Limits: a spike falls on a step's end; :class:`Placed` finds its place within.
    """

    tau_m: Number = quantity("s", positive=True)
    tau_syn: Number | None = quantity("s", positive=True, default=None)
    t_ref: Number | None = quantity("s", positive=True, default=None)
    adaptation: Number | None = quantity("1", default=None)
    tau_adapt: Number = quantity("s", positive=True, default=0.2)
    bias: Number = quantity("1", default=0.0)
    reset: Reset = eqx.field(static=True, default="zero")

    def __check_init__(self) -> None:
        check_ranges(self)
        if self.reset not in ("zero", "subtract"):
            raise ParameterError(f"CurrentLIF.reset is {self.reset!r}; it must be 'zero' or 'subtract'.")

    @property
    def receptors(self) -> int:
        """One: currents add."""
        return 1

    def prepared(self, dt: Number) -> CurrentSteps:
        """Decays over a step, and what of the current reaches the membrane in it."""
        current = None if self.tau_syn is None else _current(dt, self.tau_m, self.tau_syn)
        return CurrentSteps(
            keep=jnp.exp(-dt / self.tau_m),
            current=current,
            bias=self.bias,
            pause=None if self.t_ref is None else jnp.round(self.t_ref / dt),
            adaptation=None if self.adaptation is None else (self.adaptation, jnp.exp(-dt / self.tau_adapt)),
            reset=self.reset,
        )


def _current(dt: Number, tau_m: Number, tau_syn: Number) -> tuple[Number, Number, Number]:
    """Decay of the current, its rise by a spike of weight 1, and the voltage that a current of 1 makes in a step."""
    a, b = dt / tau_m, dt / tau_syn
    # (exp(-b) - exp(-a)) / (tau_m (1/tau_m - 1/tau_syn)), which is no special case where the two agree
    reach = a * jnp.exp(-jnp.minimum(a, b)) * relative_decay(jnp.abs(a - b))
    return jnp.exp(-b), tau_m / tau_syn, reach


class CurrentState(eqx.Module):
    """What moves in a :class:`CurrentLIF`; None where it has no such part.

    Args:
        v: Membrane voltage, in thresholds [1].
        i: Synaptic current, in thresholds over the membrane's resistance [1].
        pause: Steps of the refractory time that are left [1].
        a: Rise of the threshold [1].
    """

    v: Number = quantity("1")
    i: Number | None = quantity("1", default=None)
    pause: Number | None = quantity("1", default=None)
    a: Number | None = quantity("1", default=None)


class CurrentSteps(AbstractSteps):
    """A :class:`CurrentLIF` over one step; made by its `prepared`."""

    keep: Number
    current: tuple[Number, Number, Number] | None
    bias: Number
    pause: Number | None
    adaptation: tuple[Number, Number] | None
    reset: Reset = eqx.field(static=True)

    def rest(self, batch: int, neurons: int, dtype: Any) -> CurrentState:
        """At rest, without current."""
        zero = jnp.zeros((batch, neurons), dtype)
        parts = (self.current, self.pause, self.adaptation)
        return CurrentState(zero, *(None if part is None else zero for part in parts))

    def step(self, state: CurrentState, drive: Number) -> tuple[CurrentState, Number]:
        """Charges arrive, membrane and current move on, the threshold is asked at the end."""
        i = None
        v = self.bias + (state.v - self.bias) * self.keep
        if self.current is None:
            v = v + drive
        else:
            decay, rise, reach = self.current
            now = state.i + rise * drive
            v, i = v + reach * now, now * decay
        free = None
        if state.pause is not None:
            free = jnp.where(state.pause > 0.5, 0.0, 1.0).astype(v.dtype)
            v = v * free
        threshold = 1.0 if state.a is None else 1.0 + state.a
        fired = spike(v - threshold)
        if free is not None:
            fired = fired * free
        yes = lax.stop_gradient(fired)
        v = v * (1.0 - yes) if self.reset == "zero" else v - yes * threshold
        pause = None
        if state.pause is not None and self.pause is not None:
            pause = jnp.where(yes > 0.5, self.pause, jnp.maximum(state.pause - 1.0, 0.0))
        a = None
        if self.adaptation is not None:
            rise, decay = self.adaptation
            a = (state.a + rise * fired) * decay
        return CurrentState(v, i, pause, a), fired

    def spent(self, drives: Callable[[], Number]) -> None:
        """Not known: the equation is of no circuit."""


class ConductanceLIF(AbstractSpikingNeuron):
    r"""Leaky integrate-and-fire whose inputs are conductances, excitatory and inhibitory.

    .. math:: \tau_m \dot v = -v + g_e (E_e - v) + g_i (E_i - v), \qquad \tau_{e,i}\,\dot g_{e,i} = -g_{e,i}

    Conductances are relative to the leak and stand still within a step, in which v is exact. The layer's matrix has a
    row for the excitation of each neuron and then one for the inhibition of each; a negative sum of weights opens
    nothing.

    Args:
        tau_m: Membrane time constant [s].
        tau_e: Decay of the excitatory conductance [s].
        tau_i: Decay of the inhibitory conductance [s].
        e_e: Reversal of excitation, in thresholds above rest [1].
        e_i: Reversal of inhibition, in thresholds above rest [1].
        reset: As in :class:`CurrentLIF`.

    Raises:
        ParameterError: If a value is out of range, or excitation does not reach the threshold.
    """

    tau_m: Number = quantity("s", positive=True)
    tau_e: Number = quantity("s", positive=True)
    tau_i: Number = quantity("s", positive=True)
    e_e: Number = quantity("1", default=4.0)
    e_i: Number = quantity("1", default=-0.5)
    reset: Reset = eqx.field(static=True, default="zero")

    def __check_init__(self) -> None:
        check_ranges(self)
        if isinstance(self.e_e, np.ndarray) and np.any(self.e_e <= 1.0):
            raise ParameterError(
                f"ConductanceLIF.e_e is {np.min(self.e_e):.4g} thresholds; it must lie above 1, or nothing can fire."
            )

    @property
    def receptors(self) -> int:
        """Excitatory and inhibitory."""
        return 2

    def prepared(self, dt: Number) -> ConductanceSteps:
        """Decays over a step."""
        decays = jnp.exp(-dt / self.tau_e), jnp.exp(-dt / self.tau_i)
        return ConductanceSteps(dt / self.tau_m, decays, (self.e_e, self.e_i), self.reset)


class ConductanceState(eqx.Module):
    """What moves in a :class:`ConductanceLIF`.

    Args:
        v: Membrane voltage, in thresholds [1].
        g_e: Excitatory conductance over the leak's [1].
        g_i: Inhibitory conductance over the leak's [1].
    """

    v: Number = quantity("1")
    g_e: Number = quantity("1")
    g_i: Number = quantity("1")


class ConductanceSteps(AbstractSteps):
    """A :class:`ConductanceLIF` over one step; made by its `prepared`."""

    rate: Number
    decays: tuple[Number, Number]
    reversals: tuple[Number, Number]
    reset: Reset = eqx.field(static=True)

    def rest(self, batch: int, neurons: int, dtype: Any) -> ConductanceState:
        """At rest, all channels shut."""
        zero = jnp.zeros((batch, neurons), dtype)
        return ConductanceState(zero, zero, zero)

    def step(self, state: ConductanceState, drive: Number) -> tuple[ConductanceState, Number]:
        """Channels open, the membrane moves to where they draw it."""
        excite, inhibit = jnp.split(jnp.maximum(drive, 0.0), 2, axis=-1)
        g_e, g_i = state.g_e + excite, state.g_i + inhibit
        total = 1.0 + g_e + g_i
        aim = (g_e * self.reversals[0] + g_i * self.reversals[1]) / total
        v = aim + (state.v - aim) * jnp.exp(-self.rate * total)
        fired = spike(v - 1.0)
        yes = lax.stop_gradient(fired)
        v = v * (1.0 - yes) if self.reset == "zero" else v - yes
        return ConductanceState(v, g_e * self.decays[0], g_i * self.decays[1]), fired

    def spent(self, drives: Callable[[], Number]) -> None:
        """Not known: the equation is of no circuit."""


class Placed(AbstractSpikingNeuron):
    """The neuron of :mod:`mho.networks.neurons`: spikes are found within a step. Weights are currents [A].

    Args:
        lif: The neuron.
    """

    lif: LIF

    @property
    def receptors(self) -> int:
        """One: currents add."""
        return 1

    def prepared(self, dt: Number) -> PlacedSteps:
        """There is nothing to prepare."""
        return PlacedSteps(self.lif, dt)


class PlacedSteps(AbstractSteps):
    """A :class:`Placed` over one step; made by its `prepared`."""

    lif: LIF
    dt: Number

    def rest(self, batch: int, neurons: int, dtype: Any) -> Any:
        """At rest, leaves in the precision asked for."""
        state = self.lif.rest(neurons)
        return eqx.tree_at(
            lambda s: (s.v, s.i, s.pause),
            state,
            tuple(jnp.broadcast_to(x, (batch, neurons)).astype(dtype) for x in (state.v, state.i, state.pause)),
        )

    def step(self, state: Any, drive: Number) -> tuple[Any, Number]:
        """The current jumps, the membrane advances exactly."""
        state, fired = self.lif.advance(eqx.tree_at(lambda s: s.i, state, state.i + drive), self.dt, refinements=1)
        return state, fired.spikes

    def spent(self, drives: Callable[[], Number]) -> None:
        """Not known: the equation is of no circuit."""
