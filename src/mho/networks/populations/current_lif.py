"""Leaky integrate-and-fire with exponential currents at any number of receptors, exact on a grid and between."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.fields import check_ranges, quantity
from mho.networks.neurons import LIF, check_reset
from mho.networks.populations.neurons import (
    AbstractNeuron,
    Adaptation,
    Spike,
    check_fast,
    check_receptors,
    check_refractory,
    grown,
    polynomial,
    release,
    total,
)
from mho.networks.synapse import Number

_APART = (
    1e-9  # least relative difference of two rates: their closed form divides by it, and keeps its digits down to it
)


class CurrentCells(NamedTuple):
    """What moves in current-based neurons: v [V], i [A] (synaptic, then adaptation), and how the refractory time ends.

    In the step `release` a neuron is free for the time `free` [s]; its voltage at that step's end is a + sum of b i.
    """

    v: Any
    i: tuple[Any, ...]
    release: Any
    free: Any
    a: Any
    b: tuple[Any, ...]


class Propagators(NamedTuple):
    """What an exact step of `dt` takes: decays and gains over it, and the rates behind them."""

    dt: Any
    rate: Any
    inverse_c: Any
    drift: Any
    push: Any
    letting_go: tuple[Any, ...]
    leak: Any
    rates: tuple[Any, ...]
    decay: Any
    decays: tuple[Any, ...]
    gains: tuple[Any, ...]
    settled: Any
    t_ref: Any
    v_reset: Any
    v_threshold: Any
    jump: tuple[Any, ...]


class CurrentLIF(AbstractNeuron):
    r"""Leaky integrate-and-fire whose synapses inject exponential currents.

    .. math:: C \dot V = -C (V - V_{rest})/\tau_m + \sum_r I_r - w + I_{bias}, \quad \dot I_r = -I_r/\tau_r, \quad
        \dot w = -w/\tau_w

    At V_threshold it fires: V is held at V_reset for t_ref from the crossing on, w grows by the adaptation's jump, and
    the currents decay on. Between arrivals the solution is exact, and a crossing is found wherever in a step it lies.

    Args:
        c: Membrane capacitance [F].
        tau_m: Membrane time constant [s].
        tau_syn: Time constant of each receptor's current [s].
        t_ref: Refractory time, at least one step [s].
        v_rest: Resting voltage [V].
        v_reset: Voltage after a spike [V].
        v_threshold: Firing threshold [V].
        i_bias: Constant current [A].
        adaptation: What a spike adds to w; None for none.
        names: Receptors, one for each of `tau_syn`.

    Raises:
        ParameterError: If a value is out of range, or the reset is not below the threshold.

    Limits: a voltage that crosses and comes back within one step while excitation and inhibition take turns in it, and
    that rises again at its end, is not seen.
    """

    c: Number = quantity("F", positive=True)
    tau_m: Number = quantity("s", positive=True)
    tau_syn: tuple[Number, ...] = quantity("s", positive=True)
    t_ref: Number = quantity("s", positive=True)
    v_rest: Number = quantity("V")
    v_reset: Number = quantity("V")
    v_threshold: Number = quantity("V")
    i_bias: Number = quantity("A", default=0.0)
    adaptation: Adaptation | None = None
    names: tuple[str, ...] = eqx.field(static=True, default=("excitatory", "inhibitory"))

    def __check_init__(self) -> None:
        check_ranges(self)
        check_receptors("CurrentLIF", self.names, tau_syn=self.tau_syn)
        check_reset(self)

    @classmethod
    def of(cls, neuron: LIF, *, name: str = "synaptic") -> CurrentLIF:
        """The same neuron as :class:`mho.networks.LIF`, with its one current at the receptor `name`."""
        return cls(
            c=neuron.c,
            tau_m=neuron.tau_m,
            tau_syn=(neuron.tau_syn,),
            t_ref=neuron.t_ref,
            v_rest=neuron.v_rest,
            v_reset=neuron.v_reset,
            v_threshold=neuron.v_threshold,
            i_bias=neuron.i_bias,
            names=(name,),
        )

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the currents that synapses add to."""
        return self.names

    def rest(self, n: int) -> CurrentCells:
        """At V_rest, without current, not refractory."""
        zero = np.zeros(n)
        currents = tuple(zero for _ in self._rates())
        v = np.broadcast_to(np.asarray(self.v_rest, np.float64), (n,)) + zero
        return CurrentCells(v, currents, np.full(n, -1, np.int32), zero, zero, currents)

    def _rates(self) -> tuple[Number, ...]:
        adapting = () if self.adaptation is None else (self.adaptation.tau,)
        return tuple(1.0 / tau for tau in (*self.tau_syn, *adapting))

    def prepared(self, dt: float) -> Propagators:
        """Exact propagators of a step of `dt` [s].

        Raises:
            InputError: If the step is longer than the refractory time, or than four time constants.
        """
        check_refractory("CurrentLIF", self.t_ref, dt)
        check_fast("CurrentLIF", dt, tau_m=self.tau_m, tau_syn=self.tau_syn)
        rate = 1.0 / np.asarray(self.tau_m)
        rates = tuple(np.where(np.abs(b / rate - 1.0) < _APART, rate * (1.0 + _APART), b) for b in self._rates())
        inverse = 1.0 / np.asarray(self.c)
        return Propagators(
            dt=np.asarray(dt),
            rate=rate,
            inverse_c=inverse,
            drift=rate * dt,
            push=inverse * dt,
            letting_go=tuple(inverse * b * dt * dt for b in rates),
            leak=rate / inverse,
            rates=rates,
            decay=np.exp(-dt * rate),
            decays=tuple(np.exp(-dt * b) for b in rates),
            gains=tuple(inverse * np.exp(-dt * rate) * np.expm1((rate - b) * dt) / (rate - b) for b in rates),
            settled=np.asarray(self.v_rest + self.i_bias / rate * inverse),
            t_ref=np.asarray(self.t_ref),
            v_reset=np.asarray(self.v_reset),
            v_threshold=np.asarray(self.v_threshold),
            jump=() if self.adaptation is None else (np.asarray(self.adaptation.jump),),
        )

    def advance(self, prepared: Propagators, state: CurrentCells, jumps: Any, step: Any) -> tuple[CurrentCells, Any]:
        """Exact, by propagators.

        Named are those at the threshold, those that a bound does not keep below it, and those whose refractory time
        ends in the step, as they are free for a part of it.
        """
        p, i = prepared, _jumped(state, jumps)
        end = p.settled + (state.v - p.settled) * p.decay + total(g * x for g, x in zip(p.gains, i, strict=True))
        held = step < state.release
        end = jnp.where(held, p.v_reset, end)
        after = tuple(e * x for e, x in zip(p.decays, i, strict=True))
        # A slope grows at most by what inhibition (and adaptation) lets go of in the step.
        growth = total(jnp.maximum(-x, 0.0) * k for k, x in zip(p.letting_go, i, strict=True))
        bound = state.v + jnp.maximum((p.settled - state.v) * p.drift + total(i) * p.push, 0.0) + growth
        falls = (p.settled - end) * p.leak + total(after) < 0.0
        maybe = ~held & ((end >= p.v_threshold) | ((bound >= p.v_threshold) & falls))
        return state._replace(v=end, i=after), maybe | (step == state.release)

    def fire(self, prepared: Propagators, before: CurrentCells, jumps: Any, after: CurrentCells, step: Any) -> Spike:
        """The first crossing, on the polynomial of fifth degree that has the solution's ends, slopes and curvatures.

        It differs from the solution by (dt/tau)^6/46080 of the voltage's way in a step.
        """
        p, i = prepared, _jumped(before, jumps)
        leaving = step == before.release
        let_go = before.a + total(b * x for b, x in zip(before.b, i, strict=True))
        after = after._replace(v=jnp.where(leaving, let_go, after.v))
        free = jnp.where(leaving, before.free, p.dt)
        late = p.dt - free
        start = tuple(x + x * grown(-late * b) for x, b in zip(i, p.rates, strict=True))
        end = tuple(e * x for e, x in zip(p.decays, i, strict=True))
        way = _way(p, before.v, start, after.v, end, free)
        over = after.v >= p.v_threshold
        top = jnp.where(over, 1.0, _highest(way))
        peak = jnp.where(over, after.v, polynomial(way, top))
        apart = jnp.where(peak > before.v, peak - before.v, 1.0)
        share = jnp.minimum(jnp.maximum((peak - p.v_threshold) / apart, 0.0), 1.0)
        guess = top * (1.0 - jnp.where(over, share, jnp.sqrt(share)))  # a line to the end, a parabola to the top
        at = late + free * _crossing(way, p.v_threshold, guess, top)
        gone, room = release(at + p.t_ref, step, p.dt)
        leave = grown(-room * p.rate)
        gains = tuple(
            p.inverse_c * (1.0 + leave) * grown((p.rate - b) * room) / (p.rate - b) * (1.0 + grown((room - p.dt) * b))
            for b in p.rates
        )
        a = p.settled + (p.v_reset - p.settled) * (1.0 + leave)
        currents = after.i
        if p.jump:
            currents = (*after.i[:-1], after.i[-1] - p.jump[0] * (1.0 + grown((at - p.dt) * p.rates[-1])))
        state = CurrentCells(p.v_reset + 0.0 * a, currents, gone, room, a, gains)
        return Spike(peak >= p.v_threshold, at, state, after)

    def seen(self, prepared: Propagators, state: CurrentCells) -> tuple[Number, Number]:
        """Voltage, and the sum of the synaptic currents."""
        return state.v, total(state.i[: len(self.tau_syn)])

    def spent(self, state: Any) -> tuple[Any, ...]:
        """Not known: the equation is of no circuit."""
        return ()


def _jumped(state: CurrentCells, jumps: Any) -> tuple[Any, ...]:
    """Currents with what arrived; adaptation comes last and gets nothing."""
    return (*(x + j for x, j in zip(state.i, jumps, strict=False)), *state.i[len(jumps) :])


def _way(p: Propagators, v: Any, i: Any, v_end: Any, i_end: Any, free: Any) -> tuple[Any, ...]:
    """Coefficients, in the share of `free`, of the polynomial that meets values, slopes and curvatures at both ends."""

    def derivatives(v: Any, i: Any) -> tuple[Any, Any]:
        slope = (p.settled - v) * p.rate + p.inverse_c * total(i)
        bend = -slope * p.rate - p.inverse_c * total(b * x for b, x in zip(p.rates, i, strict=True))
        return slope * free, bend * free * free

    (d, s), (e, t), w = derivatives(v, i), derivatives(v_end, i_end), v_end - v
    return (
        v,
        d,
        0.5 * s,
        10.0 * w - 6.0 * d - 4.0 * e - 1.5 * s + 0.5 * t,
        -15.0 * w + 8.0 * d + 7.0 * e + 1.5 * s - t,
        6.0 * w - 3.0 * d - 3.0 * e - 0.5 * s + 0.5 * t,
    )


def _highest(way: tuple[Any, ...]) -> Any:
    """Where in [0, 1] a polynomial is highest that rises at 0 and falls at 1."""
    slope = tuple(k * c for k, c in enumerate(way))[1:]
    low, high = jnp.zeros_like(way[0]), jnp.ones_like(way[0])
    first, last = slope[0], polynomial(slope, high)
    for _ in range(3):  # secants on a slope that is all but straight within a step
        fall = first - last
        t = low + (high - low) * first / jnp.where(fall > 0.0, fall, 1.0)
        t = jnp.minimum(jnp.maximum(t, low), high)
        s = polynomial(slope, t)
        low, first = jnp.where(s > 0.0, t, low), jnp.where(s > 0.0, s, first)
        high, last = jnp.where(s > 0.0, high, t), jnp.where(s > 0.0, last, s)
    return t


def _crossing(way: tuple[Any, ...], threshold: Any, t: Any, top: Any) -> Any:
    """First place in [0, top] at which a polynomial reaches `threshold`: Newton steps from `t` inside a bracket."""
    slope = tuple(k * c for k, c in enumerate(way))[1:]
    low, high = jnp.zeros_like(top), top
    for _ in range(4):
        excess, s = polynomial(way, t) - threshold, polynomial(slope, t)
        low, high = jnp.where(excess < 0.0, t, low), jnp.where(excess < 0.0, high, t)
        guess = t - excess / jnp.where(s == 0.0, 1.0, s)
        sound = (s > 0.0) & (guess >= low) & (guess <= high)
        t = jnp.where(sound, guess, 0.5 * (low + high))
    return t
