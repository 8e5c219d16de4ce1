"""What the sources' coming on at once does to nodes: charge through capacitances, and through junctions driven forward.

Where capacitances depend on voltages the jump is followed in parts, M(u) du = -M_held(u) dv, by the rule of the middle
with parts as long as its difference from Euler's rule allows. Then the junctions conduct for a moment: what a jump
drove far forward comes down to where a first step can follow it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.charges import AbstractCharge
from mho.circuits.elements import Diode
from mho.circuits.evaluation import evaluated
from mho.circuits.factorisation import Entry
from mho.circuits.junction import Junction
from mho.circuits.kinds import Kind, kinds, stacked
from mho.circuits.layout import Layout
from mho.circuits.netlist import Circuit

TIME = 1e-13  # [s] for which junctions conduct at once; hardly anything else does within it
_FIRST, _LEAST = 1 / 16, 1e-4  # first and least part of a jump
_APART = 1e-3  # [V] by which Euler's rule may differ in a part
_CLOSE, _ITERATIONS = 1e-6, 60  # [V]; of Newton for the junctions


class Jump:
    """A circuit with concrete numbers while its sources come on.

    Args:
        circuit: A circuit or a population.
        layout: Its numbering.
        entries: Entries of M that do not depend on voltages.
        still: Unknowns that do not move.
    """

    def __init__(self, circuit: Circuit, layout: Layout, entries: Mapping[Entry, Any], still: Collection[int]):
        self.n, self.all = layout.n, layout.n + len(layout.held)
        self.samples = circuit.samples or 1
        self.still = np.isin(np.arange(self.n), list({*still, *layout.branches.values()}))
        self.constant = np.zeros((self.n, self.all, self.samples))
        for (i, j), c in entries.items():
            if i < self.n:
                self.constant[i, j] = np.asarray(c)
        found = kinds(circuit, layout)
        self.charges = [k for k in found if isinstance(k.example, AbstractCharge)]
        self.junctions = [k for k in found if isinstance(k.example, Junction | Diode)]
        temperature = np.asarray(circuit.temperature, np.float64)
        charges, junctions = ([stacked(k, circuit.elements) for k in own] for own in (self.charges, self.junctions))
        pairs = list(zip(self.charges, charges, strict=True))
        self.capacitances = jax.jit(lambda x: [_table(k, e, x, temperature) for k, e in pairs])
        self.currents = jax.jit(lambda x: evaluated(self.junctions, junctions, x, temperature))
        self.paths = [_paths(k, circuit, layout) for k in self.charges]

    def __call__(self, u: np.ndarray, held: np.ndarray) -> np.ndarray:
        """Unknowns after the held nodes went from zero to `held`; all are [row, sample]."""
        u, held = (np.broadcast_to(x, (len(x), self.samples)) for x in (u, held))
        done, part = 0.0, _FIRST if self.charges or self.junctions else 1.0
        while done < 1.0:
            part = min(part, 1.0 - done)
            half = self.divided(self.matrix(u, done * held), 0.5 * part * held)
            whole = self.divided(self.matrix(u + half, (done + 0.5 * part) * held), part * held)
            apart = np.max(np.abs(whole - 2 * half), initial=1e-9)
            if apart > _APART and part > _LEAST:
                part = max(_LEAST, part * max(0.2, 0.8 * np.sqrt(_APART / apart)))
                continue
            done = done + part if part < 1.0 - done else 1.0
            u = u + whole
            part = part * min(3.0, 0.8 * np.sqrt(_APART / apart))
        return self.relaxed(u, held, TIME) if self.junctions else u

    def matrix(self, u: np.ndarray, held: np.ndarray) -> np.ndarray:
        """M [row, unknown or held, sample]."""
        if not self.charges:
            return self.constant
        matrix = np.concatenate([self.constant, np.zeros((self.n, 1, self.samples))], axis=1)
        matrix = np.concatenate([matrix, np.zeros((1, self.all + 1, self.samples))])  # a row and a column for ground
        for kind, paths, table in zip(self.charges, self.paths, self.capacitances(self._values(u, held)), strict=True):
            for path, row in zip(paths, table, strict=True):
                for end, sign in zip(path, (1.0, -1.0), strict=True):
                    equation = np.where((end < 0) | (end >= self.n), self.n, end)
                    for column, c in zip(kind.nodes, row, strict=True):
                        np.add.at(matrix, (equation, np.where(column < 0, self.all, column)), sign * np.asarray(c))
        return matrix[: self.n, : self.all]

    def divided(self, matrix: np.ndarray, move: np.ndarray) -> np.ndarray:
        """Moves of the unknowns when held nodes move."""
        right = -np.einsum("ijs,js->is", matrix[:, self.n :], move)
        return self._solved(matrix[:, : self.n], right)

    def relaxed(self, u: np.ndarray, held: np.ndarray, h: float) -> np.ndarray:
        """Unknowns after junctions have conducted for a time h: M (x - u) + h i(x) = 0 by Newton.

        It starts at too much current, and comes down an exponential without overshooting.
        """
        x, matrix = u, self.matrix(u, held)[:, : self.n]
        for _ in range(_ITERATIONS):
            i, slopes = self.conducting(x, held)
            change = self._solved(matrix + h * slopes, np.einsum("ijs,js->is", matrix, x - u) + h * i)
            x = x - change
            if np.max(np.abs(change), initial=0.0) < _CLOSE:
                break
        return x

    def conducting(self, u: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Currents out of the unknowns through junctions [row, sample], and their slopes [row, unknown, sample]."""
        i, by = map(np.asarray, self.currents(self._values(u, held)))
        currents, slopes = np.zeros(u.shape), np.zeros((self.n, *u.shape))
        first = 0
        for kind in self.junctions:
            count = len(kind.which)
            here, own = slice(first, first + count), by[2 * first : 2 * (first + count)].reshape(2, count, -1)
            for row, sign in zip(kind.nodes[:2], (1.0, -1.0), strict=True):
                there = (row >= 0) & (row < self.n)
                np.add.at(currents, row[there], sign * i[here][there])
                for column, slope in zip(kind.nodes[:2], own, strict=True):
                    both = there & (column >= 0) & (column < self.n)
                    np.add.at(slopes, (row[both], column[both]), sign * slope[both])
            first += count
        return currents, slopes

    def _values(self, u: np.ndarray, held: np.ndarray) -> Any:
        """Unknowns, held voltages, and ground last, where index -1 finds it."""
        return jnp.asarray(np.concatenate([u, held, np.zeros((1, self.samples))]))

    def _solved(self, matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
        size = np.max(np.abs(matrix), axis=1)
        still = self.still[:, None] | (size == 0.0)  # what neither charge nor junction touches starts where it is
        size = np.where(still, 1.0, size)
        one = np.eye(self.n)[:, :, None]
        scaled = np.where(still[:, None], one, matrix / size[:, None])
        scaled = scaled + 1e-12 * one  # a group that floats stays
        found = np.linalg.solve(np.moveaxis(scaled, 2, 0), np.where(still, 0.0, right / size).T[..., None])
        return found[..., 0].T


def _table(kind: Kind, element: Any, x: Any, temperature: Any) -> list[list[Any]]:
    """Capacitances of a kind's elements, (element, sample), by path and node."""
    volts = tuple(x[nodes] for nodes in kind.nodes)
    return [[c + jnp.zeros_like(volts[0]) for c in row] for row in element.capacitance(volts, temperature=temperature)]


def _paths(kind: Kind, circuit: Circuit, layout: Layout) -> list[Any]:
    """Indices of both ends of each path of each element, (path, end, element)."""
    paths = [circuit.elements[k].paths for k in kind.which]  # type: ignore[attr-defined]
    ends = [[[layout.index[x] for x in path] for path in own] for own in paths]
    return list(np.moveaxis(np.array(ends, np.int64), 0, -1))
