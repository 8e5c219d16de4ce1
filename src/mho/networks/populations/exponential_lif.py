"""Exponential integrate-and-fire neurons: what circuits with a soft threshold and a constant leak reduce to."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.fields import quantity
from mho.networks import exponential
from mho.networks.circuit_energy import CircuitEnergy
from mho.networks.populations.neurons import (
    AbstractNeuron,
    Spike,
    check_receptors,
    check_refractory,
    release,
    total,
)
from mho.networks.synapse import Number


class ExponentialCells(NamedTuple):
    """What moves: v [V], synaptic currents i [A], how the refractory time ends, and the energy taken.

    In the step `release` a neuron is free for the time `free` [s]. `spent` is empty, or the energy until the last spike
    and that since [J] (apart, so that small powers are not lost in the rounding of large sums), and the time above
    v_dwell [s].
    """

    v: Any
    i: tuple[Any, ...]
    release: Any
    free: Any
    spent: tuple[Any, ...]


class ExponentialStep(NamedTuple):
    """What a step of `dt` takes: the membrane's numbers, and decays and means of the currents over it."""

    dt: Any
    membrane: exponential.Membrane
    i_bias: Any
    decays: tuple[Any, ...]
    means: tuple[Any, ...]
    t_ref: Any
    v_reset: Any
    energy: CircuitEnergy | None


class ExponentialLIF(exponential.AbstractExponentialLIF, AbstractNeuron):
    r"""Exponential integrate-and-fire with a constant and a linear leak; synapses inject exponential currents.

    .. math:: C \dot V = \sum_r I_r + I_{bias} - I_{leak} - g_{leak}(V - V_{rest})
        + I_{spike}\,e^{(V - V_{threshold})/\Delta}, \qquad \dot I_r = -I_r/\tau_r

    Where V diverges it fires, and is held at V_reset for t_ref. It does not fall below the lower of V_rest and V_reset.
    Over a step each current is held at its mean; the membrane is then exact but for the linear leak, which is of second
    order, and so is the place of the spike. At a constant current without linear leak both are exact.

    Args:
        c: Membrane capacitance [F].
        i_leak: Constant leak [A].
        g_leak: Linear leak [S].
        v_rest: Resting voltage [V].
        v_reset: Voltage after a spike [V].
        v_threshold: Where the spike's current is `i_spike` [V].
        v_slope: Voltage in which it grows by e; the threshold's softness [V].
        i_spike: Current of the positive feedback at v_threshold [A].
        t_ref: Refractory time, the spike's width in it; at least one step [s].
        tau_syn: Time constant of each receptor's current [s].
        i_bias: Constant current [A].
        energy: What the circuit takes that this is the form of; None if it is of none.
        names: Receptors, one for each of `tau_syn`.

    Raises:
        ParameterError: If a value is out of range, the reset is not below the threshold, or the slope is so steep that
            :class:`mho.networks.LIF` is the model to take.

    Source: Fourcaud-Trocmé et al., J. Neurosci. 23 (2003) 11628; the constant leak is that of a saturated transistor.
    """

    tau_syn: tuple[Number, ...] = quantity("s", positive=True)
    i_bias: Number = quantity("A", default=0.0)
    energy: CircuitEnergy | None = None
    names: tuple[str, ...] = eqx.field(static=True, default=("synaptic",))

    def __check_init__(self) -> None:
        check_receptors("ExponentialLIF", self.names, tau_syn=self.tau_syn)

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the currents that synapses add to."""
        return self.names

    def rest(self, n: int) -> ExponentialCells:
        """At V_rest, without current, not refractory."""
        zero = np.zeros(n)
        v = np.broadcast_to(np.asarray(self.v_rest, np.float64), (n,)) + zero
        spent = () if self.energy is None else (zero, zero, zero)
        return ExponentialCells(v, tuple(zero for _ in self.names), np.full(n, -1, np.int32), zero, spent)

    def prepared(self, dt: float) -> ExponentialStep:
        """Decays and means of a step of `dt` [s]."""
        check_refractory("ExponentialLIF", self.t_ref, dt)
        rates = tuple(1.0 / np.asarray(tau) for tau in self.tau_syn)
        return ExponentialStep(
            dt=np.asarray(dt),
            membrane=self.membrane,
            i_bias=np.asarray(self.i_bias),
            decays=tuple(np.exp(-dt * b) for b in rates),
            means=tuple(-np.expm1(-dt * b) / (dt * b) for b in rates),
            t_ref=np.asarray(self.t_ref),
            v_reset=np.asarray(self.v_reset),
            energy=self.energy,
        )

    def advance(
        self, prepared: ExponentialStep, state: ExponentialCells, jumps: Any, step: Any
    ) -> tuple[ExponentialCells, Any]:
        """Exact for mean currents; the condition to fire is one too."""
        p = prepared
        free = _free(p, state, step)
        mean, net, above = _charged(p, state, jumps, free)
        held = step < state.release
        v = jnp.where(held, p.v_reset, exponential.moved(p.membrane, state.v, net, free, above))
        currents = tuple(e * (x + j) for e, x, j in zip(p.decays, state.i, jumps, strict=True))
        spent = state.spent
        if p.energy is not None:
            paid, since, dwell = spent
            since = since + jnp.where(held, 0.0, _taken(p, state.v, v, mean) * free)
            spent = paid, since, jnp.where(held, 0.0, p.energy.dwelt(dwell, state.v, v, free))
        return state._replace(v=v, i=currents, spent=spent), ~held & (above >= 0.0)

    def fire(
        self, prepared: ExponentialStep, before: ExponentialCells, jumps: Any, after: ExponentialCells, step: Any
    ) -> Spike:
        """The spike, in closed form."""
        p = prepared
        free = _free(p, before, step)
        mean, net, above = _charged(p, before, jumps, free)
        wait = jnp.minimum(exponential.crossing(p.membrane, before.v, net), free)
        at = p.dt - free + wait
        gone, room = release(at + p.t_ref, step, p.dt)
        spent = before.spent
        if p.energy is not None:
            paid, since, dwell = spent
            top = jnp.maximum(p.membrane.v_threshold, before.v)
            until = since + _taken(p, before.v, top, mean) * wait
            dwell = p.energy.dwelt(dwell, before.v, top, wait)
            spent = paid + until + p.energy.firing(dwell), 0.0 * at, 0.0 * at
        state = after._replace(v=p.v_reset + 0.0 * at, release=gone, free=room, spent=spent)
        return Spike(above >= 0.0, at, state, after)

    def seen(self, prepared: ExponentialStep, state: ExponentialCells) -> tuple[Number, Number]:
        """Voltage, and the sum of the synaptic currents."""
        return state.v, total(state.i)

    def spent(self, state: ExponentialCells) -> tuple[Any, ...]:
        """Until the last spike, and since."""
        return state.spent[:2]


def _free(p: ExponentialStep, state: ExponentialCells, step: Any) -> Any:
    """Time of a step in which the membrane may move [s]; a sliver where it may not, so that its logarithm exists."""
    free = jnp.where(step == state.release, state.free, jnp.where(step < state.release, 0.0, p.dt))
    return jnp.maximum(free, p.dt * 1e-6)


def _charged(p: ExponentialStep, state: ExponentialCells, jumps: Any, free: Any) -> tuple[Any, Any, Any]:
    """Mean input in a step and net current [A], and how far the membrane is above firing in it [V]."""
    mean = p.i_bias + total(m * (x + j) for m, x, j in zip(p.means, state.i, jumps, strict=True))
    net = exponential.net_current(p.membrane, state.v, mean, free)
    return mean, net, exponential.excess(p.membrane, state.v, net, free)


def _taken(p: ExponentialStep, v: Any, end: Any, mean: Any) -> Any:
    """Power on the way from `v` to `end`, which lies below the threshold or counts as the threshold [W]."""
    assert p.energy is not None
    top = p.membrane.v_threshold
    return p.energy.flow(0.5 * (jnp.minimum(v, top) + jnp.minimum(end, top)), mean)
