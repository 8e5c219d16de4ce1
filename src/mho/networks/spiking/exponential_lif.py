"""Exponential integrate-and-fire neurons of trainable layers: the reduced form of a neuron circuit, in SI units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core import engineering
from mho.core.errors import InputError
from mho.core.fields import quantity
from mho.devices.kinetics import relative_decay
from mho.networks import exponential
from mho.networks.circuit_energy import CircuitEnergy
from mho.networks.spiking.neurons import AbstractSpikingNeuron, AbstractSteps
from mho.networks.surrogate import spike
from mho.networks.synapse import Number


class ExponentialLIF(exponential.AbstractExponentialLIF, AbstractSpikingNeuron):
    r"""Exponential integrate-and-fire with a constant and a linear leak, as in :mod:`mho.networks.populations`.

    .. math:: C \dot V = I + I_{bias} - I_{leak} - g_{leak}(V - V_{rest}) + I_{spike}\,e^{(V - V_{threshold})/\Delta}

    A spike of weight 1 brings the charge :math:`C (V_{threshold} - V_{rest})`, `charge`: at once, or as a current that
    decays with tau_syn. Spikes fall on a step's end; the refractory time runs from where in it the membrane diverged,
    and what is left of a step after it is integrated.

    Args:
        c: Membrane capacitance [F].
        i_leak: Constant leak [A].
        g_leak: Linear leak [S].
        v_rest: Resting voltage [V].
        v_reset: Voltage after a spike [V].
        v_threshold: Where the spike's current is `i_spike` [V].
        v_slope: Voltage in which it grows by e [V].
        i_spike: Current of the positive feedback at v_threshold [A].
        t_ref: Refractory time; at least one step [s].
        tau_syn: Of the synaptic current; None for charges that arrive at once [s].
        i_bias: Constant current [A].
        energy: What the circuit takes that this is the form of; None if it is of none.

    Raises:
        ParameterError: If a value is out of range.
        InputError: If a step is longer than the refractory time.

    Source: Fourcaud-Trocmé et al., J. Neurosci. 23 (2003) 11628. The derivative of a spike is that of
    `mho.networks.surrogate` in how far the membrane, driven through the step, is above what it needs to diverge.
    """

    tau_syn: Number | None = quantity("s", positive=True, default=None)
    i_bias: Number = quantity("A", default=0.0)
    energy: CircuitEnergy | None = None

    @property
    def receptors(self) -> int:
        """One: currents add."""
        return 1

    @property
    def charge(self) -> Number:
        """Charge of a spike of weight 1 [C]."""
        return self.c * (self.v_threshold - self.v_rest)

    def prepared(self, dt: Number) -> ExponentialSteps:
        """The membrane's numbers, and what of a current is left after a step and its mean in it."""
        if isinstance(dt, np.ndarray) and isinstance(self.t_ref, np.ndarray):
            least = float(np.min(self.t_ref))
            if float(dt) > least * (1 + 1e-6):
                raise InputError(
                    f"dt is {engineering(float(dt), 's')}; it must be at most ExponentialLIF.t_ref, "
                    f"{engineering(least, 's')}: a step may hold one spike. Shorten it."
                )
        current = None
        if self.tau_syn is not None:
            current = (
                jnp.exp(-dt / self.tau_syn),
                relative_decay(jnp.asarray(dt / self.tau_syn)),
                self.charge / self.tau_syn,
            )
        parts = self.membrane, dt, current, self.i_bias, self.v_reset, self.t_ref, self.energy
        return ExponentialSteps(*jax.tree.map(jnp.asarray, parts))  # whose precision a layer sets


class ExponentialState(eqx.Module):
    """What moves in an :class:`ExponentialLIF`.

    Args:
        v: Membrane voltage [V].
        pause: What is left of the refractory time [s].
        i: Synaptic current, None where charges arrive at once [A].
    """

    v: Number = quantity("V")
    pause: Number = quantity("s")
    i: Number | None = quantity("A", default=None)


class ExponentialSteps(AbstractSteps):
    """An :class:`ExponentialLIF` over one step; made by its `prepared`."""

    membrane: exponential.Membrane
    dt: Number
    current: tuple[Number, Number, Number] | None
    i_bias: Number
    v_reset: Number
    t_ref: Number
    energy: CircuitEnergy | None

    def rest(self, batch: int, neurons: int, dtype: Any) -> ExponentialState:
        """At rest, without current."""
        zero = jnp.zeros((batch, neurons), dtype)
        v = zero + jnp.asarray(self.membrane.v_rest, dtype)
        return ExponentialState(v, zero, None if self.current is None else zero)

    def step(self, state: ExponentialState, drive: Number) -> tuple[ExponentialState, Number]:
        """Charges arrive where the neuron listens, the membrane moves on, and fires where it diverges."""
        state, way = self._step(state, drive)
        return state, way.fired

    def spent(self, drives: Callable[[], Number]) -> Number | None:
        """By running the neurons once more; without derivatives."""
        energy = self.energy
        if energy is None:
            return None

        def step(carry: Any, drive: Number) -> tuple[Any, None]:
            state, dwell, total = carry
            state, way = self._step(state, drive)
            dwell, taken = self._taken(energy, way, drive, dwell)
            return (state, dwell, total + taken), None

        given = drives()
        rest = self.rest(given.shape[1], given.shape[2], given.dtype)
        zero = jnp.zeros_like(rest.v)
        (_, _, total), _ = lax.scan(step, (rest, zero, zero), given)
        return lax.stop_gradient(jnp.sum(total, axis=-1))

    def _step(self, state: ExponentialState, drive: Number) -> tuple[ExponentialState, _Way]:
        p = self.membrane
        swing = p.v_threshold - p.v_rest
        free = jnp.clip(self.dt - state.pause, 1e-3 * self.dt, self.dt)
        held = state.pause > self.dt * (1 - 1e-3)
        lift = jnp.where(state.pause < 0.5 * self.dt, swing * drive, 0.0) if self.current is None else 0.0 * drive
        v, i, mean = state.v + lift, None, self.i_bias + 0.0 * drive
        if self.current is not None:
            decay, share, rise = self.current
            now = state.i + rise * drive
            mean, i = mean + share * now, decay * now
        net = exponential.net_current(p, v, mean, free)
        above = jnp.where(held, -swing, exponential.excess(p, v, net, free))
        fired = spike(above / swing)
        yes = lax.stop_gradient(fired) > 0.5
        wait = jnp.minimum(exponential.crossing(p, lax.stop_gradient(v), lax.stop_gradient(net)), free)
        on = jnp.where(held, self.v_reset, exponential.moved(p, v, net, free, above))
        pause = jnp.where(yes, self.t_ref - (free - wait), jnp.maximum(state.pause - self.dt, 0.0))
        after = ExponentialState(jnp.where(yes, self.v_reset, on), lax.stop_gradient(jnp.maximum(pause, 0.0)), i)
        return after, _Way(fired, yes, held, lift, v, on, mean, jnp.where(yes, wait, free))

    def _taken(self, energy: CircuitEnergy, way: _Way, drive: Number, dwell: Number) -> tuple[Number, Number]:
        """Time above v_dwell after a step [s], and the energy taken in it [J]."""
        top = self.membrane.v_threshold
        end = jnp.where(way.yes, jnp.maximum(way.v, top), way.end)
        rest = energy.flow(0.5 * (jnp.minimum(way.v, top) + jnp.minimum(end, top)), way.mean) * way.time
        brought = self.membrane.c * jnp.where(drive > 0, way.lift, 0.0) * (way.v - 0.5 * way.lift)
        dwell = jnp.where(way.held, 0.0, energy.dwelt(dwell, way.v, end, way.time))
        taken = jnp.where(way.held, 0.0, rest + brought) + jnp.where(way.yes, energy.firing(dwell), 0.0)
        return jnp.where(way.yes, 0.0, dwell), taken


class _Way(NamedTuple):
    """A step: spikes, smooth and plain, who was held, jump, begin and end [V], mean input [A], time in it [s]."""

    fired: Number
    yes: Any
    held: Any
    lift: Number
    v: Number
    end: Number
    mean: Number
    time: Number
