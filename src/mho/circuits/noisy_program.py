"""The compiled loop of a noisy transient: steps that end on the noise's grid, and noise currents in the equations."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.assembly import Prepared
from mho.circuits.elements import NoiseCurrent
from mho.circuits.form import Form
from mho.circuits.layout import Layout, layout
from mho.circuits.netlist import Circuit
from mho.circuits.noise_currents import noise_currents
from mho.circuits.program import Program, Samples
from mho.circuits.segments import Segments, source_values
from mho.circuits.stepping import Lanes, Settings, Stepper
from mho.circuits.transient_noise import TransientNoise, advanced, at, interval_of, silent
from mho.circuits.vectors import each
from mho.core.errors import InputError


def noisy(circuit: Circuit, noise: TransientNoise) -> dict[str, Any]:
    """What :func:`mho.circuits.program.program` has to know of the noise.

    Raises:
        InputError: If no element makes noise of the kinds asked for.
    """
    chosen = _sources(circuit, noise.kinds)
    if not chosen:
        raise InputError(f"No element of the circuit makes {' or '.join(noise.kinds)} noise. Run it without noise.")
    return {"kind": NoisyProgram, "extra": (chosen, noise.poles), "form": Form.UNROLLED}


def _sources(circuit: Circuit, kinds: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers of the noise currents that are injected; flicker noise whose coefficient is 0 is left out."""
    with jax.enable_x64(True):
        found = noise_currents(circuit, layout(circuit), lambda _: jnp.zeros(()))

    def makes(name: str, current: NoiseCurrent) -> bool:
        element = circuit[name]
        kf = getattr(getattr(element, "kind", element), "kf", 1.0)
        return current.kind in kinds and (current.kind != "flicker" or bool(np.any(np.asarray(kf) > 0)))

    return tuple(k for k, (name, current) in enumerate(found) if makes(name, current))


def _chosen(circuit: Circuit, lay: Layout, v: Any, which: tuple[int, ...]) -> list[tuple[str, NoiseCurrent]]:
    """The injected currents, white ones first."""
    found = noise_currents(circuit, lay, v)
    return sorted((found[k] for k in which), key=lambda x: x[1].kind == "flicker")


class NoisyStepper(Stepper):
    """A stepper whose circuit is noisy; `sources` are the numbers of the noise currents."""

    sources: tuple[int, ...] = ()

    def disturbed(self, residual: Any, c: Lanes, t: Any, s: Settings) -> Any:
        """The residual with the noise currents."""
        i = at(c.noise, t, s.noise)
        zero = jnp.zeros(t.shape)
        rows = [zero] * self.n
        for k, (a, b) in enumerate(self.ends):
            for node, sign in ((a, 1.0), (b, -1.0)):
                if 0 <= node < self.n:
                    rows[node] = rows[node] + sign * i[k]
        return each(jnp.add, residual, self.form.vector(rows))

    def reach(self, end: Any, t: Any, s: Settings) -> Any:
        """The grid's next point, or the segment's end."""
        return jnp.minimum(end, (interval_of(t, s.noise) + 1) * s.noise.step)

    def turn(self, c: Lanes, prepared: Prepared, table: Segments, job: Any, stop: Any, s: Settings) -> Lanes:
        """One Newton iteration of every running lane; noise is drawn where one enters the grid's next interval."""
        c = self.drawn(c, prepared, job, s)
        return super().turn(c, prepared, table, job, stop, s)

    def drawn(self, c: Lanes, prepared: Prepared, job: Any, s: Settings) -> Lanes:
        """Lanes with the noise of the interval that they are in."""

        def draw(c: Lanes) -> Any:
            source, _ = source_values(self.assembly.waves(prepared), self.which, c.now, c.t)
            held, _ = self.held(source, {})
            zero = jnp.zeros(c.t.shape)

            def v(i: int) -> Any:
                return zero if i < 0 else (c.start[i] if i < self.n else held[i - self.n] + zero)

            currents = _chosen(prepared.circuit, self.layout, v, self.sources)
            return advanced(c.noise, c.t, job, currents, s.noise)

        due = interval_of(c.t, s.noise) > c.noise.interval
        core = c._replace(points=(), slot_time=(), slot_energy=())
        return c._replace(noise=jax.lax.cond(jnp.any(due), draw, lambda c: c.noise, core))

    ends: tuple[tuple[int, int], ...] = ()


class NoisyProgram(Program):
    """The program of a noisy transient."""

    def __init__(self, circuit: Circuit, key: tuple):
        super().__init__(circuit, key)
        sources, self.poles = key[-2:]
        old = self.stepper
        self.stepper = NoisyStepper(old.assembly, old.tableau, old.accounts, old.which, old.crossings, old.saved)
        with jax.enable_x64(True):
            found = _chosen(circuit, self.layout, lambda _: jnp.zeros(()), sources)
        self.stepper.sources = sources
        self.stepper.ends = tuple((x.a, x.b) for _, x in found)
        self.slow = self.poles * sum(x.kind == "flicker" for _, x in found)

    def fresh(
        self, samples: Samples, table: Segments, settings: Settings, job: Any, points: int, xp: Any = jnp
    ) -> Lanes:
        """Lanes at time zero, without noise yet."""
        lanes = super().fresh(samples, table, settings, job, points, xp)
        none = xp.zeros(job.shape, np.int32)
        return lanes._replace(noise=silent(none, len(self.stepper.ends), self.slow, xp))  # type: ignore[attr-defined]
