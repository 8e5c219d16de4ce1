"""Leaky integrate-and-fire whose synapses are conductances with reversal voltages."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.fields import check_ranges, quantity
from mho.networks.neurons import check_reset
from mho.networks.populations.neurons import (
    AbstractNeuron,
    Adaptation,
    Spike,
    check_receptors,
    check_refractory,
    release,
    total,
)
from mho.networks.synapse import Number


class ConductanceCells(NamedTuple):
    """What moves in conductance-based neurons: v [V], g [S], adaptation w [A], and how the refractory time ends.

    In the step `release` a neuron is free for the time `free` [s].
    """

    v: Any
    g: tuple[Any, ...]
    w: tuple[Any, ...]
    release: Any
    free: Any


class Means(NamedTuple):
    """What a step of `dt` takes: decays over it, means over it relative to its start, and the membrane's numbers."""

    dt: Any
    c: Any
    g_leak: Any
    drive: Any
    e_reversal: tuple[Any, ...]
    decays: tuple[Any, ...]
    means: tuple[Any, ...]
    fades: tuple[Any, ...]
    fade_means: tuple[Any, ...]
    rates: tuple[Any, ...]
    t_ref: Any
    v_reset: Any
    v_threshold: Any
    jump: tuple[Any, ...]


class ConductanceLIF(AbstractNeuron):
    r"""Leaky integrate-and-fire with exponential synaptic conductances.

    .. math:: C \dot V = -g_L (V - E_L) + \sum_r g_r (E_r - V) - w + I_{bias}, \qquad \dot g_r = -g_r/\tau_r

    Over a step each conductance is held at its mean over that step; the membrane is then exact, and so is the place of
    a crossing. The error of one step is of third order in it, that of a run of second order.

    Args:
        c: Membrane capacitance [F].
        g_leak: Leak conductance [S].
        e_leak: Resting voltage [V].
        tau_syn: Time constant of each receptor's conductance [s].
        e_reversal: Reversal voltage of each receptor [V].
        t_ref: Refractory time, at least one step [s].
        v_reset: Voltage after a spike [V].
        v_threshold: Firing threshold [V].
        i_bias: Constant current [A].
        adaptation: What a spike adds to w; None for none.
        names: Receptors, one for each of `tau_syn`.

    Raises:
        ParameterError: If a value is out of range, or the reset is not below the threshold.

    Limits: weights are conductances [S] and must not be negative.
    """

    c: Number = quantity("F", positive=True)
    g_leak: Number = quantity("S", positive=True)
    e_leak: Number = quantity("V")
    tau_syn: tuple[Number, ...] = quantity("s", positive=True)
    e_reversal: tuple[Number, ...] = quantity("V")
    t_ref: Number = quantity("s", positive=True)
    v_reset: Number = quantity("V")
    v_threshold: Number = quantity("V")
    i_bias: Number = quantity("A", default=0.0)
    adaptation: Adaptation | None = None
    names: tuple[str, ...] = eqx.field(static=True, default=("excitatory", "inhibitory"))

    def __check_init__(self) -> None:
        check_ranges(self)
        check_receptors("ConductanceLIF", self.names, tau_syn=self.tau_syn, e_reversal=self.e_reversal)
        check_reset(self)

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the conductances that synapses add to."""
        return self.names

    def rest(self, n: int) -> ConductanceCells:
        """At E_L, without synaptic conductance, not refractory."""
        zero = np.zeros(n)
        v = np.broadcast_to(np.asarray(self.e_leak, np.float64), (n,)) + zero
        adapting = () if self.adaptation is None else (zero,)
        return ConductanceCells(v, tuple(zero for _ in self.names), adapting, np.full(n, -1, np.int32), zero)

    def prepared(self, dt: float) -> Means:
        """Decays and means of a step of `dt` [s]."""
        check_refractory("ConductanceLIF", self.t_ref, dt)
        rates = tuple(1.0 / np.asarray(tau) for tau in self.tau_syn)
        slow = () if self.adaptation is None else (1.0 / np.asarray(self.adaptation.tau),)
        return Means(
            dt=np.asarray(dt),
            c=np.asarray(self.c),
            g_leak=np.asarray(self.g_leak),
            drive=np.asarray(self.g_leak * self.e_leak + self.i_bias),
            e_reversal=tuple(np.asarray(e) for e in self.e_reversal),
            decays=tuple(np.exp(-dt * b) for b in rates),
            means=tuple(-np.expm1(-dt * b) / (dt * b) for b in rates),
            fades=tuple(np.exp(-dt * b) for b in slow),
            fade_means=tuple(-np.expm1(-dt * b) / (dt * b) for b in slow),
            rates=slow,
            t_ref=np.asarray(self.t_ref),
            v_reset=np.asarray(self.v_reset),
            v_threshold=np.asarray(self.v_threshold),
            jump=() if self.adaptation is None else (np.asarray(self.adaptation.jump),),
        )

    def advance(self, prepared: Means, state: ConductanceCells, jumps: Any, step: Any) -> tuple[ConductanceCells, Any]:
        """Exact for mean conductances; the voltage is monotone then, so that its end tells who fires."""
        p = prepared
        g = tuple(x + j for x, j in zip(state.g, jumps, strict=True))
        free = jnp.where(step == state.release, state.free, jnp.where(step < state.release, 0.0, p.dt))
        whole, settled = _membrane(p, g, state.w)
        end = settled + (state.v - settled) * jnp.exp(-free * whole / p.c)
        after = state._replace(
            v=end,
            g=tuple(e * x for e, x in zip(p.decays, g, strict=True)),
            w=tuple(e * x for e, x in zip(p.fades, state.w, strict=True)),
        )
        return after, end >= p.v_threshold

    def fire(self, prepared: Means, before: ConductanceCells, jumps: Any, after: ConductanceCells, step: Any) -> Spike:
        """The crossing, in closed form."""
        p = prepared
        g = tuple(x + j for x, j in zip(before.g, jumps, strict=True))
        free = jnp.where(step == before.release, before.free, p.dt)
        whole, settled = _membrane(p, g, before.w)
        fired = after.v >= p.v_threshold
        left = jnp.where(fired, settled - p.v_threshold, 1.0)
        risen = jnp.where(fired, p.v_threshold - before.v, 0.0) / left
        at = p.dt - free + jnp.minimum(jnp.log1p(jnp.maximum(risen, 0.0)) * p.c / whole, free)
        gone, room = release(at + p.t_ref, step, p.dt)
        grown = tuple(x + j * jnp.exp(-(p.dt - at) * b) for x, j, b in zip(after.w, p.jump, p.rates, strict=True))
        state = after._replace(v=p.v_reset + 0.0 * at, w=grown, release=gone, free=room)
        return Spike(fired, at, state, after)

    def seen(self, prepared: Means, state: ConductanceCells) -> tuple[Number, Number]:
        """Voltage, and the current that the synaptic conductances carry."""
        return state.v, total(g * (e - state.v) for g, e in zip(state.g, prepared.e_reversal, strict=True))

    def spent(self, state: Any) -> tuple[Any, ...]:
        """Not known: the equation is of no circuit."""
        return ()


def _membrane(p: Means, g: tuple[Any, ...], w: tuple[Any, ...]) -> tuple[Any, Any]:
    """Conductance of the membrane in a step [S], and the voltage to which it settles [V]."""
    mean = tuple(m * x for m, x in zip(p.means, g, strict=True))
    drive = p.drive + total(x * e for x, e in zip(mean, p.e_reversal, strict=True))
    for m, x in zip(p.fade_means, w, strict=True):
        drive = drive - m * x
    whole = p.g_leak + total(mean)
    return whole, drive / whole
