"""One turn of the loop: one Newton iteration of every lane, and whatever decisions follow from it.

Each lane is a state machine with its own time, step, stage and Newton count: phase 0 finds the slope at the start and
after each corner, phases 1 on are the implicit stages of a step. No lane waits for another's iterations or steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.circuits.assembly import Assembly, Prepared
from mho.circuits.books import astray
from mho.circuits.cube_root import inverse_cube_root
from mho.circuits.hermite import crossing_fraction, hermite
from mho.circuits.ledger import Accounts
from mho.circuits.segments import Piece, Segments, piece, source_values
from mho.circuits.tableau import Tableau
from mho.circuits.vectors import each
from mho.core.results import Status

TINY = 1e-20  # [s] step that stands for "at once" in phase 0
SLOTS = 2  # crossings that a lane can hold before they are written to the results


class Settings(NamedTuple):
    """Numbers that steer the stepping; changing them compiles nothing."""

    tolerance: Any
    kappa: Any
    max_newton: Any
    v_limit: Any
    h_first: Any
    h_min: Any
    h_max: Any
    safety: Any
    growth: Any
    max_iterations: Any
    scale: Any
    energy: Any
    thresholds: tuple[Any, ...]
    after: tuple[Any, ...]
    noise: Any = ()


class Lanes(NamedTuple):
    """Everything that changes in a turn. Leaves are one number per lane; crossings and points have small buffers.

    `u`, `start` and each of `slopes` are vectors over the unknowns, `rates`, `partial` and `energy` over the accounts,
    in the layout of the program's form.
    """

    t: Any
    h: Any
    phase: Any
    newton: Any
    rejected: Any
    status: Any
    segment: Any
    now: Piece
    u: Any
    start: Any
    slopes: tuple[Any, ...]
    rates: Any
    partial: Any
    missed: Any
    energy: Any
    slot_count: tuple[Any, ...]
    slot_time: tuple[Any, ...]
    slot_energy: tuple[Any, ...]
    steps: Any
    rejections: Any
    iterations: Any
    points: Any
    fill: Any
    tick: Any
    noise: Any = ()


def core(c: Lanes) -> Lanes:
    """What the Newton core reads: only that goes behind a boundary, since a buffer would be copied every turn."""
    return c._replace(rates=(), partial=(), missed=(), energy=(), slot_time=(), slot_energy=(), points=())


class Stage(NamedTuple):
    """Result of one Newton iteration at one stage."""

    u: Any
    slope: Any
    update: Any
    error: Any
    rates: Any


def isolated(tick: Any, function: Callable, *args: Any) -> Any:
    """function(*args), traced once, behind a condition that is always true at run time.

    XLA on a CPU otherwise computes the Newton core anew for each of dozens of consumers; a barrier does not stop that.
    """
    once = jax.jit(function, inline=True)
    shape = jax.eval_shape(once, *args)
    return lax.cond(tick >= 0, once, lambda *_: jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shape), *args)


def _tall(u: Any) -> Any:
    """By how much a node moves more than others may: its size in units of 10 V, at least 1."""
    return jnp.maximum(0.1 * lax.stop_gradient(jnp.abs(u)), 1.0)


class Stepper:
    """One turn of the loop for one structure of circuit.

    Args:
        assembly: The circuit's equations.
        tableau: The method.
        accounts: Energies and charges to integrate.
        which: Numbers of the tabulated sources.
        crossings: (unknown, +1 rising or -1 falling) of each crossing to find.
        saved: Unknowns of which every accepted point is kept.
    """

    def __init__(
        self,
        assembly: Assembly,
        tableau: Tableau,
        accounts: Accounts,
        which: tuple[int, ...],
        crossings: tuple[tuple[int, int], ...],
        saved: tuple[int, ...],
    ):
        self.assembly, self.tableau, self.accounts = assembly, tableau, accounts
        self.which, self.crossings, self.saved = which, crossings, saved
        self.n, self.layout, self.form = assembly.layout.n, assembly.layout, assembly.form
        self.supplied = len(accounts.plan)  # the first accounts, those of sources
        self.tested = [i for i in range(self.n) if i not in self.layout.algebraic] or list(range(self.n))
        self.erring = [i for i in self.tested if i not in self.layout.chargeless]

    # ---- the Newton core ---------------------------------------------------------------------------------------------
    def _weight(self, phase: Any, column: np.ndarray) -> Any:
        """column[phase] without a gather; 0 in phase 0."""
        zero = jnp.zeros(phase.shape)
        return sum((jnp.where(phase == p, column[p], 0.0) for p in range(1, len(column)) if column[p] != 0), zero)

    def frame(self, c: Lanes) -> tuple[Any, Any, list[Any]]:
        """1/(gamma h), the time of the stage that each lane is at, and the weights of the earlier slopes there."""
        tb, stages = self.tableau, len(self.tableau.c)
        inverse = 1.0 / jnp.where(c.phase == 0, TINY, tb.gamma * c.h)
        t = c.t + self._weight(c.phase, tb.c) * c.h
        pull = [c.h * self._weight(c.phase, tb.a[:, j] * (np.arange(stages) > j)) for j in range(stages - 1)]
        return inverse, t, pull

    def raw(self, c: Lanes, move: Any, *slopes: Any) -> Any:
        """Difference of the step's two solutions in an unknown that moved by `move` from the last stage's base."""
        tb = self.tableau
        return sum(c.h * e * k for e, k in zip(tb.e[:-1], slopes, strict=True)) + tb.e[-1] / tb.gamma * move

    def stage(self, c: Lanes, prepared: Prepared, s: Settings) -> tuple[Stage, Any]:
        """Evaluate devices, assemble, solve, limit; new iterate, its slope, error estimate and powers; the matrix."""
        tb, free, first = self.tableau, self.layout.algebraic, c.phase == 0
        inverse, t, pull = self.frame(c)

        def begin(u: Any, start: Any, *k: Any) -> Any:
            return jnp.where(first, u, start + sum(w * x for w, x in zip(pull, k, strict=True)))

        base = each(begin, c.u, c.start, *c.slopes)
        source, source_slope = source_values(self.assembly.waves(prepared), self.which, c.now, t)
        held, held_slope = self.held(source, source_slope)
        move = each(lambda u, b: (u - b) * inverse, c.u, base)
        moving = (move, held_slope) if self.layout.charged else None
        st = isolated(c.tick, lambda *a: self.assembly(*a), c.u, held, source, prepared, None, moving)
        prepared = self.assembly.moved(st, prepared)
        residual = self.disturbed(self.assembly.residual(st, prepared, move, held_slope), c, t, s)
        matrix = self.assembly.matrix(st, prepared, inverse)
        raw = each(lambda u, b, *k: self.raw(c, u - b, *k), c.u, base, *c.slopes)
        estimate = [each(lambda x: x * inverse, self.assembly.charge(prepared, raw))] if tb.filtered else []
        solved = self.assembly.solve(matrix, [residual, *estimate])
        update = solved[0]
        limit = each(lambda x, u: jnp.clip(x, -s.v_limit * _tall(u), s.v_limit * _tall(u)), update, c.u)
        limit = self.form.choose(free, update, limit)
        u = each(lambda u, d: u - d, c.u, limit)
        slope = self.slope(first, update, each(lambda u, b: (u - b) * inverse, u, base))
        rates = self.assembly.rates(self.accounts, st, limit, slope, held, held_slope, source, u, prepared)
        error = solved[1] if tb.filtered else raw
        # Relative where an unknown is large: nobody asks for a microvolt of a kilovolt.
        scale = each(lambda x, u: 1.0 / (x * s.tolerance * jnp.maximum(jnp.abs(u), 1.0)), s.scale, c.u)

        def sizes(a: Any, b: Any) -> tuple[Any, Any]:
            size = self.form.largest(each(lambda x, y: jnp.abs(x) * y, a, scale), self.tested)
            wrong = self.form.largest(each(lambda x, y: jnp.abs(x) * y, b, scale), self.erring)
            return size, jnp.clip(wrong, 1e-9, 1e9)

        size, wrong = isolated(c.tick, sizes, update, error)
        return Stage(u, slope, size, wrong, rates), matrix

    def disturbed(self, residual: Any, c: Lanes, t: Any, s: Settings) -> Any:
        """The residual with what is added to it from outside the circuit: nothing here."""
        return residual

    def reach(self, end: Any, t: Any, s: Settings) -> Any:
        """Where a step from t has to end at the latest, in a segment that ends at `end`."""
        return end

    def slope(self, first: Any, update: Any, stage: Any) -> Any:
        """Slope of each unknown: of the stage, or in phase 0 of M u' = -(f + ...), where no charge fixes it zero."""
        start = each(lambda x: -x * (1.0 / TINY), update)
        start = self.form.without_common(self.layout.loose, start)
        start = self.form.choose(self.layout.algebraic, each(jnp.zeros_like, start), start)
        return each(lambda a, b: jnp.where(first, a, b), start, stage)

    def held(self, source: dict[int, Any], slopes: dict[int, Any]) -> tuple[list[Any], list[Any]]:
        """Voltages of held nodes, and their slopes (None where constant)."""
        v: list[Any] = []
        dv: list[Any] = []
        for h in self.layout.held:
            base = v[h.base - self.n] if h.base >= 0 else 0.0
            base_slope = dv[h.base - self.n] if h.base >= 0 else None
            own = slopes.get(h.source)
            v.append(base + h.sign * source[h.source])
            if own is None:
                dv.append(base_slope)
            else:
                dv.append(h.sign * own if base_slope is None else base_slope + h.sign * own)
        return v, dv

    # ---- decisions ---------------------------------------------------------------------------------------------------
    def turn(self, c: Lanes, prepared: Prepared, table: Segments, job: Any, stop: Any, s: Settings) -> Lanes:
        """One Newton iteration of every running lane."""
        x: Stage = isolated(c.tick, lambda a, p: self.stage(a, p, s)[0], core(c), prepared)
        return self.decide(c, x, table, job, stop, s)

    def converged(self, c: Lanes, x: Stage, s: Settings) -> tuple[Any, Any]:
        """Lanes whose stage is solved, and lanes whose step has to be cut."""
        running, first = c.status == Status.RUNNING, c.phase == 0
        finite = x.update < 1e300  # false for NaN too
        # A shorter step brings a node without charge no nearer: after one, more iterations have to.
        patient = first | (c.rejected > 0) if self.layout.chargeless else first
        spent = c.newton + 1 >= jnp.where(patient, 10 * s.max_newton, s.max_newton)
        good = running & finite & ((x.update <= s.kappa) | (first & spent))
        return good, running & ~good & (spent | ~finite)

    def decide(self, c: Lanes, x: Stage, table: Segments, job: Any, stop: Any, s: Settings) -> Lanes:
        """What follows from a Newton iteration: the next one, the next stage, or the step's end."""
        tb, last_phase = self.tableau, len(self.tableau.c) - 1
        running, first, last = c.status == Status.RUNNING, c.phase == 0, c.phase == last_phase
        finite = x.update < 1e300
        good, fail = self.converged(c, x, s)
        end = good & last
        missed = self.missed(c, c.missed, x.rates, good)
        error = jnp.maximum(x.error, self.astray(c, c.rates, x.rates, missed, s))
        accepted = end & (error <= 1.0)
        weight = jnp.where(good, self._weight(c.phase, tb.a[-1]), 0.0) * c.h
        partial = each(lambda p, r: p + weight * r, c.partial, x.rates)
        energy = each(lambda e, r, p: e + c.h * tb.a[-1, 0] * r + p, c.energy, c.rates, partial)

        def control(c: Lanes, error, good, fail, end, accepted, finite):
            return self._control(c, table, job, stop, s, error, good, fail, end, accepted, finite)

        small = core(c)._replace(u=(), start=(), slopes=())
        decided = isolated(c.tick, control, small, error, good, fail, end, accepted, finite)
        t, t_end, h, phase, segment, now, hit, status = decided
        new = end | fail
        fresh = [(accepted | (good & first)) if p == 0 else (good & (c.phase == p)) for p in range(last_phase)]
        slopes = tuple(
            each(lambda new, old, yes=yes: jnp.where(yes, new, old), x.slope, k)
            for yes, k in zip(fresh, c.slopes, strict=True)
        )
        restart = new | first
        ahead = h * (self._weight(phase, tb.c) - jnp.where(restart, 0.0, self._weight(c.phase, tb.c)))

        def predicted(old: Any, u: Any, start: Any, slope: Any, first_slope: Any) -> Any:
            origin = jnp.where(accepted | ~new, u, start)
            along = jnp.where(accepted | (good & ~end), slope, first_slope)
            most = 0.2 * _tall(origin)
            guess = origin + jnp.clip(ahead * along, -most, most)
            return jnp.where(running, jnp.where(hit | ~(new | good), u, guess), old)

        u = each(predicted, c.u, x.u, c.start, x.slope, c.slopes[0])
        kept = accepted | (good & first)
        crossed = self._cross(c, x, energy, accepted, s)
        points, fill = self._record(c, x, accepted, t_end)
        return Lanes(
            t=t,
            h=jnp.where(running, h, c.h),
            phase=phase,
            newton=jnp.where(new | good, 0, c.newton + 1),
            rejected=jnp.where(accepted, 0, jnp.where(new, 1, c.rejected)),
            status=status,
            segment=segment,
            now=now,
            u=u,
            start=each(lambda a, b: jnp.where(kept, a, b), x.u, c.start),
            slopes=slopes,
            rates=each(lambda a, b: jnp.where(kept, a, b), x.rates, c.rates),
            partial=each(lambda p: jnp.where(new | first, 0.0, p), partial),
            missed=each(lambda p: jnp.where(new | first, 0.0, p), missed),
            energy=each(lambda a, b: jnp.where(accepted, a, b), energy, c.energy),
            **crossed,
            steps=c.steps + accepted,
            rejections=c.rejections + (new & ~accepted),
            iterations=c.iterations + running,
            points=points,
            fill=fill,
            tick=c.tick + 1,
            noise=c.noise,
        )

    def missed(self, c: Lanes, before: Any, rates: Any, good: Any) -> Any:
        """What the step's two solutions differ by in the sources' accounts, as far as stages are solved."""
        weight = jnp.where(good, self._weight(c.phase, self.tableau.e), 0.0) * c.h
        return each(lambda m, r: m + weight * r, before, rates[: self.supplied])

    def astray(self, c: Lanes, first: Any, last: Any, missed: Any, s: Settings) -> Any:
        """Error of the sources' accounts over what is allowed; steps shall not depend on what else is kept."""
        n, weight = self.supplied, self.tableau.e[0]
        return astray(self.form, n, c.h, missed, first[:n], last[:n], weight, s.energy, s.tolerance)

    def _control(self, c: Lanes, table, job, stop, s: Settings, error, good, fail, end, accepted, finite):
        """Accept or reject, land on corners, next step size, phase and status."""
        running, first, last_segment = c.status == Status.RUNNING, c.phase == 0, c.now.end >= stop
        hit = accepted & (c.h >= (c.now.end - c.t) * (1 - 1e-9))
        t_end = jnp.where(hit, c.now.end, c.t + c.h)
        done = hit & last_segment
        enter = hit & ~done
        segment = jnp.where(enter, c.segment + 1, c.segment)

        def fetch(segment, now):
            fresh = piece(table, segment, job)
            return jax.tree.map(lambda a, b: jnp.where(enter, a, b), fresh, now)

        now = lax.cond(jnp.any(enter), fetch, lambda _, now: now, segment, c.now)
        factor = jnp.clip(s.safety * inverse_cube_root(error), 0.15, jnp.where(c.rejected > 0, 1.0, s.growth))
        h = jnp.where(end, c.h * factor, jnp.where(fail, 0.2 * c.h, c.h))
        t = jnp.where(accepted, t_end, c.t)
        # A cautious restart after a corner: the slope there is new, and nothing is known of the curvature.
        h = jnp.where(
            hit, jnp.minimum(h, jnp.maximum(s.h_first, 1e-3 * (now.end - now.start))), jnp.minimum(h, s.h_max)
        )
        new = end | fail
        small = running & new & ~hit & (h < jnp.maximum(s.h_min, 4e-16 * t))
        left = self.reach(now.end, t, s) - t
        landing = jnp.where(h >= left * (1 - 1e-9), left, jnp.where(h > 0.5 * left, 0.5 * left, h))
        h = jnp.where(new | first, landing, h)
        phase = jnp.where(running, jnp.where(new, jnp.where(hit, 0, 1), jnp.where(good, c.phase + 1, c.phase)), c.phase)
        status = jnp.where(small, jnp.where(finite, Status.MIN_STEP.value, Status.NOT_FINITE.value), c.status)
        status = jnp.where(running & (c.iterations >= s.max_iterations), Status.MAX_ITERATIONS.value, status)
        status = jnp.where(done, Status.OK.value, status)
        return t, t_end, h, phase, segment, now, hit, status

    # ---- crossings and points ----------------------------------------------------------------------------------------
    def _cross(self, c: Lanes, x: Stage, energy: Any, accepted: Any, s: Settings) -> dict[str, Any]:
        """Threshold crossings in the accepted step, with all energies there, by cubic Hermite interpolation."""
        buffers = (c.slot_count, c.slot_time, c.slot_energy)
        if self.crossings:
            found = [
                accepted & (sign * (c.start[i] - v) < 0) & (sign * (x.u[i] - v) >= 0) & (c.t >= after)
                for (i, sign), v, after in zip(self.crossings, s.thresholds, s.after, strict=True)
            ]
            ends = [(c.start[i], x.u[i], c.slopes[0][i], x.slope[i]) for i, _ in self.crossings]
            accounts = (c.energy, energy, c.rates, x.rates)
            buffers = lax.cond(
                jnp.any(jnp.stack(found)),
                self._write,
                lambda b, *_: b,
                buffers,
                found,
                ends,
                accounts,
                c.t,
                c.h,
                s.thresholds,
            )
        return dict(zip(("slot_count", "slot_time", "slot_energy"), buffers, strict=True))

    def _write(self, buffers, found, ends, accounts, t, h, thresholds):
        counts, times, energies = (list(b) for b in buffers)
        for r, (y0, y1, d0, d1) in enumerate(ends):
            x = crossing_fraction(y0 - thresholds[r], y1 - thresholds[r], h * d0, h * d1)
            here = (jnp.arange(SLOTS)[:, None] == counts[r]) & found[r]
            times[r] = jnp.where(here, t + x * h, times[r])

            def kept(old, e0, e1, p0, p1, here=here, x=x):
                return jnp.where(here, jnp.expand_dims(hermite(x, e0, e1, h * p0, h * p1), -2), old)

            energies[r] = each(kept, energies[r], *accounts)
            counts[r] = counts[r] + found[r]
        return tuple(counts), tuple(times), tuple(energies)

    def _record(self, c: Lanes, x: Stage, accepted: Any, t_end: Any) -> tuple[Any, Any]:
        """Write the accepted step, values and slopes at both its ends, into the lane's buffer of points."""
        if not self.saved:
            return c.points, c.fill
        ends = [self.form.pick(x, self.saved) for x in (c.start, x.u, c.slopes[0], x.slope)]
        columns = jnp.concatenate([jnp.stack([c.t, t_end]), jnp.stack(ends, 1).reshape(-1, c.t.shape[0])])
        row = jnp.where(accepted, c.fill, c.points.shape[1])
        return c.points.at[jnp.arange(c.t.shape[0]), row].set(columns.T, mode="drop"), c.fill + accepted
