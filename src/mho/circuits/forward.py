"""Forward sensitivities: derivatives of everything a lane carries, moved beside it by the same stages.

A stage M k + f(u, t, p) = 0 is linear in S = du/dp: M K + f_u S = -(dM/dp k + f_p). The stage matrix of the last Newton
iteration solves it, for every parameter. The right-hand side is the exact derivative of the residual at the new
iterate, in the direction of a predicted S, so that what the matrix is out of date by multiplies only the prediction's
error. Two things make the result as good as the run itself:

* The error estimate of S is tested as that of u is. Steps that are fine enough for the voltages alone leave the
  derivatives of a neuron's spike times 5 to 40 % wrong.
* Time is the first direction. Its S is u', which each step knows exactly; what the method makes of it shows the
  method's error for a shift of the waveforms, and that part of every other S that is a shift is rid of it. A spike
  multiplies S a thousandfold, but nearly all of it is a shift.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from mho.circuits.assembly import Prepared
from mho.circuits.moving import Moving
from mho.circuits.segments import source_values
from mho.circuits.stepping import SLOTS, Lanes, Settings, Stage, Stepper, core, isolated
from mho.circuits.vectors import each


class Parts(NamedTuple):
    """What of a lane has derivatives; as derivatives, leaves have a leading axis over directions, time the first."""

    start: Any
    slopes: tuple[Any, ...]
    rates: Any
    partial: Any
    missed: Any
    energy: Any
    slot_time: tuple[Any, ...]
    slot_energy: tuple[Any, ...]

    @classmethod
    def of(cls, c: Lanes) -> Parts:
        """Those parts of the lanes."""
        return cls(*(getattr(c, name) for name in cls._fields))


class Both(NamedTuple):
    """The lanes, their derivatives, and those of their sources."""

    lanes: Lanes
    slopes: Parts
    sources: Moving


class Along(NamedTuple):
    """What the directions change in the circuit: derivatives of leaves of the prepared circuit, and their numbers."""

    prepared: tuple[Any, ...]
    where: tuple[int, ...]


class Change(NamedTuple):
    """A direction at one stage: of the circuit's leaves, the tabulated sources, time, and steps of the held nodes."""

    prepared: tuple[Any, ...]
    values: tuple[Any, ...]
    slopes: tuple[Any, ...]
    clock: Any
    steps: tuple[Any, ...]


class Moment(NamedTuple):
    """A stage with what its derivatives need; `linear(S, K, change)` gives those of the residual and of the rates."""

    c: Lanes
    x: Stage
    matrix: Any
    prepared: Prepared
    good: Any
    inverse: Any
    pull: list[Any]
    linear: Callable
    none: Any
    still: Change


def pushed(function: Callable, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    """Of function(*primals) = (result, rest): the result's derivatives along each direction, and the rest."""

    def along(*t: Any) -> Any:
        return jax.jvp(function, primals, t, has_aux=True)[1:]

    return jax.vmap(along, out_axes=(0, None))(*tangents)


def unshifted(y: Any, share: Any) -> Any:
    """Derivatives by all but time, less what of each is a shift in time."""
    return each(lambda y: y[1:] - share[1:] * y[0], y)


def in_segment(table: Moving, segment: Any, job: Any) -> Moving:
    """Rows of a table for the segment of each lane."""
    return jax.tree.map(lambda y: y[:, segment, job if y.shape[2] > 1 else 0 * job], table)


class ForwardStepper(Stepper):
    """A turn of the loop for lanes with derivatives."""

    def forward(
        self, b: Both, prepared: Prepared, along: Along, tables: tuple[Any, Moving], job: Any, stop: Any, s: Settings
    ) -> Both:
        """One Newton iteration of every running lane, and the derivatives of those whose stage it solved."""
        c, (table, moving) = b.lanes, tables
        x, matrix = isolated(c.tick, lambda c, p: self.stage(c, p, s), core(c), prepared)
        good, _ = self.converged(c, x, s)
        d = b.slopes._replace(slot_time=(), slot_energy=())

        solved = jax.jit(lambda *a: self.derivatives(*a, where=along.where, s=s), inline=True)  # traced once
        operands = (core(c)._replace(u=()), d, b.sources, x, matrix, prepared, along.prepared, good)
        nothing = jax.tree.map(lambda y: jnp.zeros(y.shape, y.dtype), jax.eval_shape(solved, *operands))
        found = lax.cond(jnp.any(good), solved, lambda *_: nothing, *operands)
        dx, partial, leap, wrong, share = found
        x = x._replace(error=jnp.maximum(x.error, wrong))

        def decide(parts: Parts, u: Any, slope: Any, rates: Any) -> tuple[Parts, Lanes]:
            lanes, stage = c._replace(**parts._asdict()), x._replace(u=u, slope=slope, rates=rates)
            new = self.decide(lanes, stage, table, job, stop, s)
            return Parts.of(new), new

        d = b.slopes._replace(partial=each(jnp.add, b.slopes.partial, partial))
        slopes, new = pushed(decide, (Parts.of(c), x.u, x.slope, x.rates), (d, *dx))
        slopes = self.crossed(c, new, slopes, share)
        if moving.jumps:
            slopes = slopes._replace(energy=each(jnp.add, slopes.energy, leap))
        # After a corner the derivative of an account by time is its new rate.
        turned = good & (c.phase == 0)
        energy = each(lambda e, r: e.at[0].set(jnp.where(turned, r, e[0])), slopes.energy, x.rates)
        slopes = slopes._replace(energy=energy)
        return Both(new, slopes, self.entered(b.sources, moving, new.segment, new.segment != c.segment, job))

    def crossed(self, c: Lanes, new: Lanes, slopes: Parts, share: Any) -> Parts:
        """The derivatives of new crossings, rid of the interpolation's error for a shift.

        A shift by 1 s brings a crossing forward by 1 s, with the same energies there.
        """
        times, energies = list(slopes.slot_time), list(slopes.slot_energy)
        for k, (count, now) in enumerate(zip(c.slot_count, new.slot_count, strict=True)):
            here = (jnp.arange(SLOTS)[:, None] == count) & (now > count)
            add = lambda y, e, here=here: jax.vmap(lambda y, w: y + jnp.where(here, w * e, 0.0))(y, share)  # noqa: E731
            times[k] = add(times[k], -1.0 - times[k][0])
            energies[k] = each(lambda y, add=add: add(y, -y[0]), energies[k])
        return slopes._replace(slot_time=tuple(times), slot_energy=tuple(energies))

    def entered(self, now: Moving, table: Moving, segment: Any, enter: Any, job: Any) -> Moving:
        """Derivatives of the sources in the segments that the lanes are in now."""
        if not jax.tree.leaves(table):
            return now

        def fetch() -> Moving:
            return jax.tree.map(lambda new, old: jnp.where(enter, new, old), in_segment(table, segment, job), now)

        return lax.cond(jnp.any(enter), fetch, lambda: now)

    # ---- one stage ---------------------------------------------------------------------------------------------------
    def derivatives(self, c, d: Parts, now: Moving, x: Stage, matrix, prepared, leaves, good, *, where, s: Settings):
        """Derivatives of a stage's values, slopes and rates; what the energies gain; their jumps; error; shift."""
        m = self.moment(c, x, matrix, prepared, now, where, good)
        count = jax.tree.leaves(d.start)[0].shape[0]
        clock = (jnp.arange(count) == 0)[:, None] + jnp.zeros_like(c.t)
        values, slopes = ([v for v in y if v is not None] for y in (now.values, now.slopes))
        changes = Change(leaves, tuple(values), tuple(slopes), clock, now.jumps)
        derivative, leap, error = jax.vmap(lambda d, change: self.direction(m, d, change))(d, changes)
        share = self.share(c, d, s)
        wrong = self.wrong(d.start, derivative[0], error, share, s)
        wrong = jnp.maximum(wrong, self.astray_slopes(c, d, derivative[2], good, share, s))
        ended = good & (c.phase == len(self.tableau.c) - 1) & (jnp.maximum(wrong, x.error) <= 1.0)
        (new, slope, rates), first = derivative, jax.tree.map(lambda y: y[0], (d, derivative[0], derivative[2]))
        values, energies = self.fault(m, *first, ended=ended)
        new = jax.vmap(lambda y, share: each(lambda a, e: a + share * e, y, values))(new, share)
        partial = jax.vmap(lambda share: each(lambda e: share * e, energies))(share)
        derivative = (new, slope, rates)
        return jax.tree.map(lambda y: jnp.where(good, y, 0.0), derivative), partial, leap, wrong, share

    def moment(self, c: Lanes, x: Stage, matrix: Any, prepared: Prepared, now: Moving, where: Any, good: Any) -> Moment:
        """The equations at a stage, made linear."""
        inverse, t, pull = self.frame(c)
        leaves, tree = jax.tree.flatten(prepared)
        free = [y for y, v in enumerate(now.values) if v is not None]

        def equations(u: Any, slope: Any, at: Change) -> tuple[Any, Prepared]:
            all_, value, moving = list(leaves), list(c.now.value), list(c.now.slope)
            for k, leaf in zip(where, at.prepared, strict=True):
                all_[k] = leaf
            for k, y in enumerate(free):
                value[y], moving[y] = at.values[k], at.slopes[k]
            piece = c.now._replace(value=tuple(value), slope=tuple(moving))
            return self.equations(u, slope, jax.tree.unflatten(tree, all_), piece, at.clock, at.steps)

        at = Change(
            tuple(leaves[k] for k in where),
            tuple(c.now.value[y] for y in free),
            tuple(c.now.slope[y] for y in free),
            t,
            tuple(None if j is None else jnp.zeros_like(t) for j in now.jumps),
        )
        _, linear, here = jax.linearize(equations, x.u, x.slope, at, has_aux=True)
        still = jax.tree.map(jnp.zeros_like, at)
        return Moment(c, x, matrix, here, good, inverse, pull, linear, each(jnp.zeros_like, x.u), still)

    def equations(self, u: Any, slope: Any, prepared: Prepared, now: Any, t: Any, steps: tuple[Any, ...]) -> Any:
        """Residual M u' + f and rates of all accounts, with `steps` added to the slopes of the held nodes; and M."""
        source, source_slope = source_values(self.assembly.waves(prepared), self.which, now, t)
        held, held_slope = self.held(source, source_slope)
        for k, step in enumerate(steps):
            if step is not None:
                held_slope[k] = step if held_slope[k] is None else held_slope[k] + step
        moving = (slope, held_slope) if self.layout.charged else None
        st = self.assembly(u, held, source, prepared, None, moving)
        prepared = self.assembly.moved(st, prepared)
        residual = self.assembly.residual(st, prepared, slope, held_slope)
        rates = self.assembly.rates(
            self.accounts, st, each(jnp.zeros_like, u), slope, held, held_slope, source, u, prepared
        )
        return (residual, rates), prepared

    def direction(self, m: Moment, d: Parts, change: Change) -> tuple[tuple[Any, Any, Any], Any, Any]:
        """A direction's derivatives at a stage: (values, slopes, rates), jumps of energies, and the error estimate."""
        c, first, plain = m.c, m.c.phase == 0, change._replace(steps=m.still.steps)
        base = each(lambda a, *k: a + sum(w * y for w, y in zip(m.pull, k, strict=True)), d.start, *d.slopes)
        # After a corner the derivative by time is the new slope.
        base = each(lambda b, k: jnp.where(first & (change.clock > 0), k, b), base, m.x.slope)
        leap = each(jnp.zeros_like, d.energy)
        if change.steps:
            jump, leap = self.jump(m, change.steps)
            base = each(jnp.add, base, jump)
        latest = [jnp.where(c.phase == p + 1, 1.0 / m.inverse, 0.0) for p in range(len(d.slopes))]
        guess = each(lambda b, *k: b + sum(w * y for w, y in zip(latest, k, strict=True)), base, *d.slopes)
        move = each(lambda g, b: jnp.where(first, 0.0, (g - b) * m.inverse), guess, base)
        residual, _ = m.linear(guess, move, plain)
        update = self.assembly.solve(m.matrix, [residual])[0]
        new = each(jnp.subtract, guess, update)
        slope = self.slope(first, update, each(lambda u, b: (u - b) * m.inverse, new, base))
        _, rates = m.linear(new, slope, plain)
        error = each(lambda u, b, *k: self.raw(c, u - b, *k), new, base, *d.slopes)
        if self.tableau.filtered:
            charge = each(lambda y: y * m.inverse, self.assembly.charge(m.prepared, error))
            error = self.assembly.solve(m.matrix, [charge])[0]
        return (new, slope, rates), leap, error

    def jump(self, m: Moment, steps: tuple[Any, ...]) -> tuple[Any, Any]:
        """Jump of S, and of the energies' derivatives, at a corner that moves: charge is kept, M dS + M_held dv = 0."""
        entering = (m.c.phase == 0) & m.good
        residual, _ = m.linear(m.none, m.none, m.still._replace(steps=steps))
        leap = self.assembly.solve(m.matrix, [each(lambda y: y * m.inverse, residual)])[0]
        leap = each(lambda y: jnp.where(entering, -y, 0.0), leap)
        _, rates = m.linear(m.none, leap, m.still._replace(steps=steps))
        return leap, each(lambda y: jnp.where(entering, y, 0.0), rates)

    # ---- the step's error --------------------------------------------------------------------------------------------
    def share(self, c: Lanes, d: Parts, s: Settings) -> Any:
        """Shift in time that the derivatives amount to at the step's start, S = R + share u'; 1 for time itself.

        The projection of S on u'. Where the waveforms hardly move, their slope is known too badly and it is 0.
        """

        def row(y: Any) -> Any:
            return self.form.pick(each(lambda a, b: a / b, y, s.scale), self.tested)

        start = jax.vmap(row)(d.start)
        square = jnp.sum(start[0] * start[0], axis=0)
        moved = c.h * jnp.sqrt(square) / s.tolerance
        share = jnp.sum(start * start[0], axis=1) / jnp.where(square > 0, square, 1.0)
        return (jnp.clip((moved - 0.2) / 0.6, 0.0, 1.0) * share).at[0].set(1.0)

    def wrong(self, start: Any, new: Any, error: Any, share: Any, s: Settings) -> Any:
        """Largest error of the derivatives in a step, over the tolerance, 1 V and their own size, all less a shift."""

        def size(a: Any, b: Any, e: Any) -> Any:
            ratios = each(lambda a, b, e, scale: e / jnp.maximum(scale, jnp.maximum(a, b)), a, b, e, s.scale)
            return self.form.largest(ratios, self.erring)

        most = jnp.max(jax.vmap(size)(*(each(jnp.abs, unshifted(y, share)) for y in (start, new, error))), axis=0)
        return jnp.where(most < 1e9 * s.tolerance, most / s.tolerance, 1e9)

    def astray_slopes(self, c: Lanes, d: Parts, rates: Any, good: Any, share: Any, s: Settings) -> Any:
        """Largest error of the accounts' derivatives in a step, less what is a shift, over what is allowed."""
        if not self.accounts.plan:
            return jnp.zeros_like(c.h)
        missed = jax.vmap(lambda m, r: self.missed(c, m, r, good))(d.missed, rates)
        over = jax.vmap(lambda first, last, missed: self.astray(c, first, last, missed, s))
        return jnp.max(over(*(unshifted(y, share) for y in (d.rates, rates, missed))), axis=0)

    def fault(self, m: Moment, d: Parts, u: Any, rates: Any, *, ended: Any) -> tuple[Any, Any]:
        """What a finished step lacks of carrying a shift to a shift, in values and in energies.

        By time, the derivative of the values is their slope and that of the energies their rate, at both ends of the
        step. (The slopes' own derivatives lack something too, but the same in all directions.)
        """
        a = self.tableau.a[-1]
        weight = self._weight(m.c.phase, a) * m.c.h

        def lack(true: Any, e: Any, r: Any, p: Any, y: Any) -> Any:
            return jnp.where(ended, true - (e + m.c.h * a[0] * r + p + weight * y), 0.0)

        values = each(lambda true, y: jnp.where(ended, true - y, 0.0), m.x.slope, u)
        return values, each(lack, m.x.rates, d.energy, d.rates, d.partial, rates)
