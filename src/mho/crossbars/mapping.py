"""Matrices cut to the size of arrays, and blocks laid onto the arrays of a chip."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mho.core.errors import ChipError


@dataclass(frozen=True)
class Grid:
    """A matrix (outputs, inputs) cut into equal blocks.

    Args:
        outputs: Of the matrix.
        inputs: Of the matrix.
        row_blocks: Blocks along the inputs; their sums are added as numbers.
        column_blocks: Blocks along the outputs.
        rows: Rows of a block.
        words: Weights side by side in a block (outputs of it).
    """

    outputs: int
    inputs: int
    row_blocks: int
    column_blocks: int
    rows: int
    words: int

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return self.row_blocks * self.column_blocks

    @property
    def additions(self) -> int:
        """Digital additions of partial sums for one product."""
        return (self.row_blocks - 1) * self.outputs


def grid(outputs: int, inputs: int, rows: int, words: int) -> Grid:
    """The fewest equal blocks of at most `rows` by `words` that hold a matrix.

    >>> grid(10, 300, 256, 64)
    Grid(outputs=10, inputs=300, row_blocks=2, column_blocks=1, rows=150, words=10)
    """
    if words < 1 or rows < 1:
        raise ChipError(
            f"A tile holds {words} weights in {rows} rows beside its references, checks and spares. Use more columns, "
            "or fewer cells a weight."
        )
    down, across = math.ceil(inputs / rows), math.ceil(outputs / words)
    return Grid(outputs, inputs, down, across, math.ceil(inputs / down), math.ceil(outputs / across))


@dataclass(frozen=True)
class Place:
    """Where a block lies: which array, and its first row and column."""

    matrix: str
    row_block: int
    column_block: int
    array: int
    row: int
    column: int
    rows: int
    columns: int


@dataclass(frozen=True)
class Placement:
    """All blocks of all matrices on the arrays of a chip.

    Args:
        places: One a block.
        arrays: Arrays of the chip.
        rows: Of an array.
        columns: Of an array.
    """

    places: tuple[Place, ...]
    arrays: int
    rows: int
    columns: int

    @property
    def used_arrays(self) -> int:
        """Arrays that hold a block."""
        return len({p.array for p in self.places})

    @property
    def utilisation(self) -> float:
        """Share of the cells of the used arrays that hold weights, references, checks and spares [1]."""
        cells = sum(p.rows * p.columns for p in self.places)
        return cells / (self.used_arrays * self.rows * self.columns) if self.places else 0.0

    def turns(self, matrix: str) -> int:
        """Turns in which a matrix is multiplied: blocks of it that share an array take one each."""
        per_array: dict[int, int] = {}
        for p in self.places:
            if p.matrix == matrix:
                per_array[p.array] = per_array.get(p.array, 0) + 1
        return max(per_array.values(), default=0)

    def report(self) -> str:
        """A line a matrix, for people."""
        lines = [
            f"{self.used_arrays} of {self.arrays} arrays of {self.rows} x {self.columns} used, "
            f"{100 * self.utilisation:.1f} % of their cells"
        ]
        for name in dict.fromkeys(p.matrix for p in self.places):
            own = [p for p in self.places if p.matrix == name]
            arrays = sorted({p.array for p in own})
            blocks = f"{1 + max(p.row_block for p in own)} x {1 + max(p.column_block for p in own)}"
            lines.append(f"  {name}: {blocks} blocks of {own[0].rows} x {own[0].columns} cells on arrays {arrays}")
        return "\n".join(lines)


def placed(blocks: Mapping[str, tuple[Grid, int]], *, arrays: int | None, rows: int, columns: int) -> Placement:
    """Lay blocks onto arrays, largest first, on shelves: side by side while the rows allow it, then below.

    Args:
        blocks: Of each matrix its grid, and the columns of one block with all that belongs to it.
        arrays: Arrays there are; None for as many as are needed.
        rows: Of an array.
        columns: Of an array.

    Raises:
        ChipError: If the arrays do not suffice.
    """
    todo = [
        (name, i, j, g.rows, width)
        for name, (g, width) in blocks.items()
        for i in range(g.row_blocks)
        for j in range(g.column_blocks)
    ]
    shelves: list[dict[str, Any]] = []
    filled: dict[int, int] = {}
    places = []
    for name, i, j, height, width in sorted(todo, key=lambda b: (-b[3], -b[4])):
        if height > rows or width > columns:
            raise ChipError(f"A block of {name} has {height} x {width} cells; an array has {rows} x {columns}.")
        shelf = next((s for s in shelves if s["height"] >= height and s["used"] + width <= columns), None)
        if shelf is None:
            array = next((a for a, top in filled.items() if top + height <= rows), len(filled))
            shelf = {"array": array, "row": filled.get(array, 0), "height": height, "used": 0}
            filled[array] = shelf["row"] + height
            shelves.append(shelf)
        places.append(Place(name, i, j, shelf["array"], shelf["row"], shelf["used"], height, width))
        shelf["used"] += width
    if arrays is not None and len(filled) > arrays:
        raise ChipError(
            f"The matrices need {len(filled)} arrays of {rows} x {columns} cells, and the chip has {arrays}. Use fewer "
            "cells a weight, a smaller network, or more arrays."
        )
    return Placement(tuple(places), len(filled) if arrays is None else arrays, rows, columns)
