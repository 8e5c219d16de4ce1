"""DC operating point: Newton's method, helped by gmin stepping, then by source stepping, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.circuits.charges import AbstractCharge
from mho.circuits.checks import GROUND, Joints, internal_nodes
from mho.circuits.elements import Capacitor, Coupling
from mho.circuits.factors import DENSE
from mho.circuits.form import Form
from mho.circuits.layout import Layout
from mho.circuits.ledger import Detail
from mho.circuits.memristive import Memristive
from mho.circuits.mosfet import MOSFET
from mho.circuits.netlist import Circuit
from mho.circuits.program import Program, program
from mho.circuits.segments import without_corners
from mho.circuits.sources import CCCS, VCCS, CurrentSource, VoltageSource
from mho.circuits.start import initial_states, source_start, source_value
from mho.circuits.tableau import Method
from mho.core.errors import InputError, NetlistError, SolverError
from mho.core.results import Status, failures

GMIN = 1e-12  # [S] from every node to ground in the solution, SPICE's default
_ITERATIONS = 150
_GMINS = tuple(10.0 ** -(k / 2) for k in range(4, 25))
_STEPS = (0.3, 3.0, 30.0, 1000.0)  # [V] largest update of an iteration: the first, and those for high voltages
_RAMP = tuple(k / 40 for k in range(41))


@dataclass(frozen=True)
class OperatingPoint:
    """Voltages at rest.

    Args:
        values: Voltage of every node and value of every other unknown, by name (arrays for a population).
        status: Status of each sample.
    """

    values: dict[str, Any]
    status: np.ndarray

    def __getitem__(self, name: str) -> Any:
        if name not in self.values:
            raise InputError(f"There is no node {name!r}; there is {', '.join(self.values)}.")
        return self.values[name]

    @property
    def failures(self) -> dict[str, int]:
        """Failed samples by reason."""
        return failures(self.status)


@dataclass(frozen=True)
class Rest:
    """An operating point as the compiled program has it.

    Args:
        program: The circuit's program.
        u: Unknowns, shape (unknowns, samples).
        found: Which samples have one.
        sources: Value of each independent source by element number, shape (samples,).
        variables: The circuit's numbers as arguments of the program.
    """

    program: Program
    u: np.ndarray
    found: np.ndarray
    sources: dict[int, np.ndarray]
    variables: Any


def at_rest_point(circuit: Circuit, *, throw: bool = True, form: Form | None = None) -> Rest:
    """The operating point with what it takes to evaluate the circuit there.

    Raises:
        NetlistError: If a node has no DC path to ground.
        SolverError: If `throw` and a sample has none.
    """
    with jax.enable_x64(True):
        rest = _solve(circuit, form)
    if throw and not np.all(rest.found):
        bad = int(np.sum(~rest.found))
        whose = "The circuit" if len(rest.found) == 1 else f"{bad} of {len(rest.found)} samples: the circuit"
        raise SolverError(
            f"{whose} {Status.NO_OPERATING_POINT.reason} Look for a current source that nothing can carry off; give "
            "bistable nodes initial values, or start the transient from zero (start='zero'; uic in a netlist)."
        )
    return rest


def operating_point(circuit: Circuit, *, throw: bool = True, form: Form | None = None) -> OperatingPoint:
    """DC operating point with the sources at their values of time zero; device states are held where they start.

    Args:
        circuit: A circuit or a population of one.
        throw: Raise if a sample has no operating point that could be found.
        form: Form of the program; by the circuit's size if None.

    Raises:
        NetlistError: If a node has no DC path to ground.
        SolverError: If `throw` and Newton, gmin stepping and source stepping all fail.
    """
    with jax.enable_x64(True):
        rest = at_rest_point(circuit, throw=throw, form=form)
        held = source_start(circuit, rest.program.layout)
    u, found, prog = rest.u, rest.found, rest.program
    population = circuit.samples is not None
    values = {name: u[i] if population else float(u[i][0]) for i, name in enumerate(prog.layout.names)}
    values |= {h.node: held[k] if np.ndim(held[k]) else float(held[k]) for k, h in enumerate(prog.layout.held)}
    return OperatingPoint(values, np.where(found, Status.OK.value, Status.NO_OPERATING_POINT.value))


def operating_values(circuit: Circuit, layout: Layout, form: Form | None = None) -> list[Any]:
    """Unknowns at the operating point, to start a transient from; raises if there is none."""
    point = operating_point(circuit, form=form)
    return [np.asarray(point[name]) for name in layout.names]


def _solve(circuit: Circuit, form: Form | None = None) -> Rest:
    bare = without_corners(circuit)
    prog = program(bare, method=Method.TR_BDF2, detail=Detail.SUPPLIES, form=form)
    check_paths(circuit, prog.layout)
    count, n = circuit.samples or 1, prog.layout.n
    states = initial_states(circuit)
    fixed = {name: i for name, i in prog.layout.index.items() if name in states and 0 <= i < n}
    held_states = tuple(i for name, i in fixed.items() if name not in circuit.initial_names)
    guess = np.zeros((n, count))
    for name, i in fixed.items():
        guess[i] = states[name]
    sources = {
        k: np.broadcast_to(np.asarray(source_value(e.wave, 0.0, count), np.float64), (count,))
        for k, e in enumerate(circuit.elements)
        if isinstance(e, VoltageSource | CurrentSource)
    }
    variables = prog.variables(bare)

    def attempt(u: np.ndarray, gmin: float, ramp: float, most: float = _STEPS[0]) -> tuple[np.ndarray, np.ndarray]:
        found = []
        driven = {k: ramp * x for k, x in sources.items()}
        for part in _parts(count, n):
            own = (
                u[:, part],
                guess[:, part],
                {k: x[part] for k, x in driven.items()},
                np.asarray(gmin),
                np.asarray(most),
            )
            lanes = jax.tree.map(lambda x, part=part: x[..., part] if x.shape[-1] > 1 else x, variables)
            found.append(prog.call("newton", *own, lanes, function=lambda *a: _newton(prog, held_states, *a)))
        new, good = (np.concatenate([np.asarray(x[k]) for x in found], axis=-1)[..., :count] for k in range(2))
        return new, good

    u, found = attempt(guess, GMIN, 1.0)
    for schedule in ([(g, 1.0) for g in _GMINS], [(GMIN, r) for r in _RAMP]):
        if np.all(found):
            break
        trial, alive = np.array(guess), np.ones(count, bool)
        for gmin, ramp in schedule:
            new, good = attempt(trial, gmin, ramp)
            alive &= good
            trial = np.where(good, new, trial)
        trial, good = attempt(trial, GMIN, 1.0)
        u = np.where(~found & good, trial, u)
        found = found | (good & alive) | good
    for most in _STEPS[1:]:
        if np.all(found):
            break
        new, good = attempt(u, GMIN, 1.0, most)
        u, found = np.where(found, u, new), found | good
    return Rest(prog, u, found, sources, variables)


def _parts(count: int, n: int) -> list[np.ndarray]:
    """Samples in parts of one size whose dense matrices may be held at once; the last is filled up with the last."""
    size = max(1, min(count, DENSE // max(n * n, 1)))
    return [np.minimum(np.arange(k, k + size), count - 1) for k in range(0, count, size)]


def _newton(prog: Program, held_states: tuple[int, ...], u, guess, sources, gmin, most, variables):
    """Damped Newton iteration on f(u) = 0 for all samples, with pivoting."""
    layout, assembly = prog.layout, prog.stepper.assembly
    prepared = assembly.prepare(variables)
    held, _ = prog.stepper.held(sources, {})
    long = prog.form is Form.STACKED
    most_iterations = _ITERATIONS + (4 * layout.n if long else 0)
    branch = set(layout.branches.values())
    branches = np.array([i in branch for i in range(layout.n)], bool)[:, None]

    def step(carry):
        u, _, _, k, limited = carry
        d = assembly.newton(u, held, sources, prepared, gmin, held_states, guess)
        worst = jnp.max(jnp.where(branches, 0.0, jnp.abs(d)), axis=0)
        # After twenty steps to the limit in a row what is sought is far away: an ideal amplifier's inner node, say.
        limit = most * (1.0 if long else 2.0 ** jnp.clip(limited - 20, 0, 40))
        # In a long chain the last stages' updates are those of all gains before them: they must not hold up the first.
        damped = (
            jnp.where(branches, d, jnp.clip(d, -limit, limit))
            if long
            else d * jnp.where(worst > limit, limit / worst, 1.0)
        )
        new = u - damped if layout.n else u
        fine = jnp.all(jnp.isfinite(d), axis=0)
        done = fine & (worst < 1e-9)
        return jnp.where(fine, new, u), done, fine, k + 1, jnp.where(worst > limit, limited + 1, 0)

    def go_on(carry):
        _, done, fine, k, _ = carry
        return (k < most_iterations) & jnp.any(~done & fine)

    count = u.shape[1]
    nothing = jnp.zeros(count, jnp.int32)
    carry = (jnp.asarray(u), jnp.zeros(count, bool), jnp.ones(count, bool), jnp.asarray(0), nothing)
    u, done, *_ = lax.while_loop(go_on, step, carry)
    return u, done


def check_paths(circuit: Circuit, layout: Layout) -> None:
    """Raise if a node has no DC path to ground: its voltage at rest would be undefined.

    Raises:
        NetlistError: Names the node.
    """
    joints = Joints()
    for name, e in circuit.items():
        nodes = (*e.nodes, *internal_nodes(name, e))
        if isinstance(e, MOSFET):
            joints.join(e.drain, e.source)
        elif isinstance(e, Memristive):
            for other in nodes[1:]:
                joints.join(nodes[0], other)
        elif not isinstance(e, AbstractCharge | Capacitor | Coupling | CurrentSource | CCCS | VCCS):
            joints.join(nodes[0], nodes[1])
    states = set(circuit.initial_names)
    for node in dict.fromkeys(x for name, e in circuit.items() for x in (*e.nodes, *internal_nodes(name, e))):
        if node != GROUND and node not in states and joints.root(node) != joints.root(GROUND):
            raise NetlistError(
                f"Node {node!r} has no DC path to ground, so it has no operating point. "
                "Start from zero (start='zero'), or add a resistor of 1 TΩ to ground."
            )
