"""The chip: matrices on tiles behind one protocol, and a ledger of what everything costs."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ChipError
from mho.crossbars import costs as of_costs
from mho.crossbars import rebuilt
from mho.crossbars.calibration import (
    AbstractRange,
    CurrentPercentile,
    Drift,
    averaged,
    corrected,
    formed,
    probes,
    ranged,
)
from mho.crossbars.checksum import Verdict
from mho.crossbars.ledger import Ledger
from mho.crossbars.mapping import Placement
from mho.crossbars.matrix import Matrix, programmed
from mho.crossbars.product import checked_vectors
from mho.crossbars.programming import Outcome
from mho.crossbars.scaling import Outside
from mho.crossbars.snapshot import Snapshot, taken
from mho.crossbars.tile import Tile
from mho.crossbars.updating import PulseUpdate, changes, pulsed
from mho.devices.device import Number

DEFAULT = "weights"
"""Name of the matrix where only one is programmed."""


class AbstractChip(eqx.Module):
    """What runs products in place, whatever is behind it. Nothing changes a chip: every verb gives a new one."""

    @abc.abstractmethod
    def program(self, weights: Any, *, key: jax.Array, outside: Outside = "refuse") -> tuple[Any, dict[str, Report]]:
        """The chip with weights (outputs, inputs), one matrix or several by name; and a report of each."""

    @abc.abstractmethod
    def mvm(self, x: Any, *, key: jax.Array, matrix: str = DEFAULT) -> tuple[Number, Any]:
        """Products (..., outputs) of vectors x (..., inputs), and the chip with its ledger."""

    @abc.abstractmethod
    def update(self, change: Any, how: PulseUpdate, *, key: jax.Array, matrix: str = DEFAULT) -> Any:
        """The chip after pulses that change weights by about `change` (outputs, inputs)."""

    @abc.abstractmethod
    def advance(self, duration: float, *, key: jax.Array, temperature: float | None = None) -> Any:
        """The chip `duration` [s] later."""

    @abc.abstractmethod
    def calibrate(self, x: Any, *, key: jax.Array, matrix: str = DEFAULT) -> Any:
        """The chip with converter ranges from vectors that it will see."""

    @abc.abstractmethod
    def snapshot(self) -> Snapshot:
        """Everything of the chip, as numbers."""

    @abc.abstractmethod
    def restore(self, snapshot: Snapshot | str | Path) -> Any:
        """The chip as it was when the snapshot was taken."""


class Report(eqx.Module):
    """What programming a matrix took and left.

    Args:
        cells: Cells programmed.
        failures: Cells that failed, by reason.
        error: Root mean square of conductance minus target [S].
        pulses: Mean pulses of a cell; NaN where not known.
        energy: Of all pulses [J]; NaN where not known.
        time: [s]; NaN where not known.
        clipped: Weights that were clipped.
    """

    cells: int = eqx.field(static=True)
    failures: dict[str, int] = eqx.field(static=True)
    error: float = eqx.field(static=True)
    pulses: float = eqx.field(static=True)
    energy: float = eqx.field(static=True)
    time: float = eqx.field(static=True)
    clipped: int = eqx.field(static=True)


def reported(outcomes: tuple[Outcome, ...], active: Any, clipped: int) -> Report:
    """A report of all passes."""
    on = np.asarray(active)
    n = int(on.sum())
    last = outcomes[-1]
    total = sum(float(np.asarray(o.pulses, np.float64).sum()) for o in outcomes)
    failures: dict[str, int] = {}
    for outcome in outcomes:
        for name, count in outcome.failures.items():
            failures[name] = failures.get(name, 0) + count
    return Report(
        cells=n,
        failures=failures,
        error=float(np.sqrt(np.mean(np.asarray(last.error, np.float64)[on] ** 2))) if n else 0.0,
        pulses=total / max(n, 1),
        energy=sum(float(np.asarray(o.energy, np.float64).sum()) for o in outcomes),
        time=sum(o.time for o in outcomes),
        clipped=clipped,
    )


class Chip(AbstractChip):
    """A simulated chip: many tiles of one design.

    Args:
        tile: The design.
        arrays: Arrays there are; None for as many as are needed.
        matrices: What is programmed, by name.
        references: Vectors for drift and their first products, by matrix.
        ledger: What has been spent.
        age: Time since the chip was made [s].
    """

    tile: Tile
    arrays: int | None = eqx.field(static=True, default=None)
    matrices: dict[str, Matrix] = eqx.field(default_factory=dict)
    references: dict[str, tuple[Number, Number]] = eqx.field(default_factory=dict)
    ledger: Ledger = eqx.field(default_factory=Ledger.empty)
    age: Any = eqx.field(default_factory=lambda: np.float64(0.0))

    # ---- programming -----------------------------------------------------------------------------------------------
    def program(self, weights: Any, *, key: jax.Array, outside: Outside = "refuse") -> tuple[Chip, dict[str, Report]]:
        """The chip with weights (outputs, inputs), one matrix or several by name; and a report of each.

        Raises:
            ChipError: If weights do not fit, or the arrays do not suffice.
        """
        named = dict(weights) if isinstance(weights, Mapping) else {DEFAULT: weights}
        matrices, reports, ledger = dict(self.matrices), {}, self.ledger
        for k, (name, values) in enumerate(named.items()):
            matrix, outcomes = programmed(self.tile, values, key=jax.random.fold_in(key, k), outside=outside)
            matrices[name] = matrix
            reports[name] = reported(outcomes, matrix.active(), matrix.clipped)
            ledger = ledger.plus(*_of_programming(reports[name]))
        self._placement(matrices)
        kept = {name: r for name, r in self.references.items() if name not in named}
        return Chip(self.tile, self.arrays, matrices, kept, ledger, self.age), reports

    def refresh(self, *, key: jax.Array, matrix: str | None = None) -> tuple[Chip, dict[str, Report]]:
        """The chip with its cells programmed anew to their targets; and a report of each matrix."""
        names = list(self.matrices) if matrix is None else [matrix]
        matrices, reports, ledger = dict(self.matrices), {}, self.ledger
        for k, name in enumerate(names):
            again, outcome = self.of(name).refreshed(key=jax.random.fold_in(key, k))
            matrices[name] = again
            reports[name] = reported((outcome,), again.active(), 0)
            ledger = ledger.plus(*_of_programming(reports[name])).plus(counts={"refreshes": 1})
        return eqx.tree_at(lambda c: (c.matrices, c.ledger), self, (matrices, ledger)), reports

    def update(self, change: Any, how: PulseUpdate, *, key: jax.Array, matrix: str = DEFAULT) -> Chip:
        """The chip after pulses that change weights by about `change` (outputs, inputs), in the weights' unit."""
        old = self.of(matrix)
        g, of_pulses, of_response = old.grid, *jax.random.split(key)
        change = np.asarray(change, np.float64)
        if change.shape != (g.outputs, g.inputs) or not np.all(np.isfinite(change)):
            raise ChipError(
                f"The change has shape {change.shape}; it must be finite, of shape ({g.outputs}, {g.inputs})."
            )
        v = old.spread_out(change / np.asarray(old.product.scale, np.float64)[:, None])
        wanted = changes(self.tile.encoding, jnp.asarray(v, jnp.result_type(float)), old.span, how)
        array, counts, energy = pulsed(old.array, wanted, how, key=of_pulses)
        widths = [float(np.max(np.asarray(p.width))) for p in (how.up, how.down) if p is not None]
        rounds = np.asarray(counts, np.float64).max(axis=(3, 4)).sum(axis=2).max()
        ledger = self.ledger.plus(
            {"programming": np.asarray(energy, np.float64).sum()},
            {"programming": rounds * sum(widths)},
            {"pulses": np.asarray(counts, np.float64).sum()},
        )
        new = eqx.tree_at(lambda m: m.array, old, array).answering(key=of_response)
        return self._with(matrix, new, ledger)

    # ---- products --------------------------------------------------------------------------------------------------
    def mvm(self, x: Any, *, key: jax.Array, matrix: str = DEFAULT) -> tuple[Number, Chip]:
        """Products (..., outputs) of vectors x (..., inputs), and the chip with its ledger.

        Raises:
            ChipError: If there is no such matrix, or the vectors do not fit.
        """
        y, _, chip = self.verified(x, key=key, matrix=matrix)
        return y, chip

    def verified(self, x: Any, *, key: jax.Array, matrix: str = DEFAULT) -> tuple[Number, Verdict | None, Chip]:
        """As `mvm`, with what the checks say of each vector and block of columns."""
        found = self.of(matrix)
        x, shape = checked_vectors(x, found.grid.inputs, self.tile.inputs.signs)
        result = formed(found.product, x, key)
        ledger = self.ledger.plus(*self._of_products(matrix, x.shape[0], result.energy))
        y = result.y.reshape(*shape, found.grid.outputs)
        return y, result.verdict, eqx.tree_at(lambda c: c.ledger, self, ledger)

    def booked(self, matrix: str, n: int, array: Any) -> Chip:
        """The chip with `n` products booked that were formed elsewhere, from `of(matrix).product`.

        Args:
            matrix: Name.
            n: Vectors multiplied.
            array: Energy that the drivers gave to the cells [J], as the products told.
        """
        ledger = self.ledger.plus(*self._of_products(matrix, n, array))
        return eqx.tree_at(lambda c: c.ledger, self, ledger)

    def weights(self, *, matrix: str = DEFAULT) -> Number:
        """Weights (outputs, inputs) that the cells hold now."""
        return self.of(matrix).weights()

    # ---- time and calibration --------------------------------------------------------------------------------------
    def advance(self, duration: float, *, key: jax.Array, temperature: float | None = None) -> Chip:
        """The chip `duration` [s] later, kept at `temperature` [K]; drift, relaxation and retention have acted."""
        matrices = {
            name: m.after(duration, temperature=temperature, key=jax.random.fold_in(key, k))
            for k, (name, m) in enumerate(self.matrices.items())
        }
        ledger = self.ledger.plus(time={"idle": duration})
        return Chip(self.tile, self.arrays, matrices, self.references, ledger, self.age + np.float64(duration))

    def calibrate(
        self,
        x: Any,
        *,
        key: jax.Array,
        matrix: str = DEFAULT,
        how: AbstractRange | None = None,
        input_percent: float | None = None,
    ) -> Chip:
        """The chip with converter ranges (and, with a percentile, an input range) from vectors that it will see."""
        found = self.of(matrix)
        vectors, _ = checked_vectors(x, found.grid.inputs, self.tile.inputs.signs)
        new = ranged(found, x, CurrentPercentile() if how is None else how, key=key, input_percent=input_percent)
        return self._with(matrix, new, self._calibration(matrix, vectors))

    def remember(
        self, x: Any = None, *, key: jax.Array, matrix: str = DEFAULT, vectors: int = 32, repeats: int = 4
    ) -> Chip:
        """The chip with reference vectors and their products now, against which drift is told later.

        Args:
            x: Vectors (n, inputs) such as the matrix will see; None for random ones in half
                the range of its inputs, so that few of their products reach the end of a converter.
            key: For these, and for the noise of their products.
            matrix: Name.
            vectors: How many, where they are random.
            repeats: Products that are averaged.
        """
        of_vectors, of_noise = jax.random.split(key)
        found = self.of(matrix)
        if x is None:
            full = found.product.input_range
            x = probes(vectors, found.grid.inputs, key=of_vectors) * (1.0 if full is None else 0.5 * full)
            x = jnp.abs(x) if self.tile.inputs.signs == "positive" else x
        x, _ = checked_vectors(x, found.grid.inputs, self.tile.inputs.signs)
        y = averaged(found.product, x, key=of_noise, repeats=repeats)
        chip = self._with(matrix, found, self._calibration(matrix, x, repeats))
        return eqx.tree_at(lambda c: c.references, chip, {**self.references, matrix: (x, y)})

    def compensate(self, how: Drift = "global", *, key: jax.Array, matrix: str = DEFAULT, repeats: int = 1) -> Chip:
        """The chip with its outputs corrected for drift, by the vectors of `remember`.

        Raises:
            ChipError: If nothing is remembered, or there is no such compensation.
        """
        x, first = self._remembered(matrix)
        found = self.of(matrix)
        if how == "affine":
            first = x @ found.exact().T
        new = corrected(found, how, x, first, key=key, repeats=repeats)
        return self._with(matrix, new, self._calibration(matrix, x, repeats))

    def recalled(self, *, key: jax.Array, matrix: str = DEFAULT, repeats: int = 1) -> tuple[Number, Number, Chip]:
        """Products of the vectors of `remember` now and then, and the chip with those now booked to calibration."""
        x, first = self._remembered(matrix)
        found = self.of(matrix)
        now = averaged(found.product, x, key=key, repeats=repeats)
        return np.asarray(now), np.asarray(first), self._with(matrix, found, self._calibration(matrix, x, repeats))

    def exposed(self, reads: float, *, key: jax.Array) -> Chip:
        """The chip after so many products at full drive: every cell has seen the read voltage for their time.

        Half of the time with either sign where inputs are bipolar, else with one. It is the most that reads can
        disturb; nothing is booked. Cells that are known by the outcome of programming alone know no disturbance.
        """
        keys = jax.random.split(key, 2)
        matrices = {
            name: m.exposed(reads, key=jax.random.fold_in(keys[0], k)).answering(key=jax.random.fold_in(keys[1], k))
            for k, (name, m) in enumerate(self.matrices.items())
        }
        return eqx.tree_at(lambda c: c.matrices, self, matrices)

    # ---- power -----------------------------------------------------------------------------------------------------
    def snapshot(self) -> Snapshot:
        """Everything of the chip, as numbers."""
        return taken((self.matrices, self.references, self.ledger, self.age), rebuilt.head_of(self))

    def restore(self, snapshot: Snapshot | str | Path) -> Chip:
        """The chip as it was when the snapshot was taken; the design must be that of this chip.

        Raises:
            ChipError: If the snapshot is of a chip of another design, or no snapshot.
        """
        found = snapshot if isinstance(snapshot, Snapshot) else Snapshot.load(snapshot)
        matrices, references, ledger, age = rebuilt.from_snapshot(self.tile, found)
        return Chip(self.tile, self.arrays, matrices, references, ledger, age)

    def power_cycle(self, duration: float = 0.0, *, key: jax.Array, temperature: float | None = None) -> Chip:
        """The chip after `duration` [s] without power: cells keep what they hold without drive, registers forget.

        Registers are the ranges of converters and inputs, and the corrections and references of drift. A snapshot taken
        before keeps them outside the chip.
        """
        off = self.advance(duration, key=key, temperature=temperature)
        matrices = {name: m.unregistered() for name, m in off.matrices.items()}
        return Chip(self.tile, self.arrays, matrices, {}, off.ledger, off.age)

    # ---- reports ---------------------------------------------------------------------------------------------------
    def of(self, matrix: str) -> Matrix:
        """The matrix of a name.

        Raises:
            ChipError: If there is none.
        """
        if matrix not in self.matrices:
            names = ", ".join(self.matrices) or "none; program it first"
            raise ChipError(f"There is no matrix {matrix!r} on the chip. There is {names}.")
        return self.matrices[matrix]

    def placement(self) -> Placement:
        """Which block lies on which array."""
        return self._placement(self.matrices)

    def events(self, matrix: str = DEFAULT) -> of_costs.Events:
        """How often things happen in the product of one vector."""
        return self.of(matrix).events(self.placement().turns(matrix))

    def latency(self, matrix: str = DEFAULT) -> float:
        """Time of one product [s]."""
        return of_costs.latency(self.events(matrix), self.tile.inputs, self.tile.costs)

    def _remembered(self, matrix: str) -> tuple[Number, Number]:
        if matrix not in self.references:
            raise ChipError(f"Nothing is remembered of {matrix!r}. Call remember(key=...) right after programming.")
        return self.references[matrix]

    def _placement(self, matrices: Mapping[str, Matrix]) -> Placement:
        return self.tile.placement({name: m.grid for name, m in matrices.items()}, self.arrays)

    def _with(self, matrix: str, new: Matrix, ledger: Ledger) -> Chip:
        return eqx.tree_at(lambda c: (c.matrices, c.ledger), self, ({**self.matrices, matrix: new}, ledger))

    def _of_products(self, matrix: str, n: int, array: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Energy, time and counts of `n` products whose cells took `array` [J]."""
        e = self.events(matrix)
        energy = {k: n * x for k, x in of_costs.energies(e, self.tile.inputs, self.tile.costs).items()}
        time = n * of_costs.latency(e, self.tile.inputs, self.tile.costs)
        counts = {
            "products": n,
            "operations": n * e.operations,
            "conversions": n * e.conversions,
            "row_pulses": n * e.row_phases,
        }
        return {**energy, "array": array}, {"products": time}, counts

    def _calibration(self, matrix: str, x: Number, repeats: int = 1) -> Ledger:
        """The ledger with products that served to calibrate booked, all in one account."""
        product = self.of(matrix).product
        array = float(product.spent(product.driven(product.scaled(x)[0])))
        energy, time, _ = self._of_products(matrix, x.shape[0], array)
        return self.ledger.plus(
            {"calibration": repeats * sum(energy.values())}, {"calibration": repeats * time["products"]}
        )


def _of_programming(report: Report) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    failed = sum(report.failures.values())
    pulses = report.pulses * report.cells
    return {"programming": report.energy}, {"programming": report.time}, {"pulses": pulses, "failed_cells": failed}
