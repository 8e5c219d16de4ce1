"""What a tile is made of: an array of cells with its drivers, converters and way of programming."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import numpy as np

from mho.core.errors import ChipError
from mho.core.fields import check_ranges, quantity
from mho.core.sampling import Spread
from mho.crossbars.checksum import Checksum
from mho.crossbars.converters import AbstractConverter, Quantiser
from mho.crossbars.costs import TileCosts
from mho.crossbars.encoding import AbstractEncoding, DifferentialPair, Window, check_window
from mho.crossbars.inputs import AbstractInput, Amplitude
from mho.crossbars.mapping import Grid, Placement, placed
from mho.crossbars.programming import AbstractProgramming, Stated
from mho.crossbars.repair import AbstractRepair
from mho.crossbars.scaling import AbstractScaling, PerMatrix
from mho.crossbars.wires import Wires
from mho.devices.device import ROOM, AbstractMemory, Number


class Tile(eqx.Module):
    """The design of one tile; a chip has many of one design.

    Args:
        device: What sits at each crossing.
        rows: Of an array.
        columns: Of an array.
        encoding: How a weight sits on cells.
        inputs: How a number drives a row.
        adc: Converter of a line; errors of manufacture are drawn for each.
        programming: How cells are written.
        scaling: Which weight a full cell holds.
        window: Conductances that are used [S]; None for those that the device can take.
        spreads: How the devices of an array differ; see :func:`mho.sample`.
        correlation: Between the spreads.
        faults: Shares of the cells that are stuck low and stuck high, drawn for each chip; None for those that the
            device's own effects draw, or none.
        wires: Of the array, of which only what a block uses is counted; None for wires without resistance.
        checks: Check words of each block, or None.
        spares: Words of each block kept for repair.
        repair: What is done about stuck cells, or None.
        lines_per_adc: Lines that share a converter one after the other.
        costs: Energy, time and area of the parts, or None where they are not asked for.
        temperature: At which the tile is operated [K].
    """

    device: AbstractMemory
    rows: int = eqx.field(static=True, default=256)
    columns: int = eqx.field(static=True, default=256)
    encoding: AbstractEncoding = DifferentialPair()
    inputs: AbstractInput = Amplitude()
    adc: AbstractConverter = Quantiser()
    programming: AbstractProgramming = Stated()
    scaling: AbstractScaling = PerMatrix()
    window: Window | None = eqx.field(static=True, default=None)
    spreads: tuple[Spread, ...] = eqx.field(static=True, default=())
    correlation: Any = None
    faults: tuple[float, float] | None = eqx.field(static=True, default=None)
    wires: Wires | None = None
    checks: Checksum | None = None
    spares: int = eqx.field(static=True, default=0)
    repair: AbstractRepair | None = None
    lines_per_adc: int = eqx.field(static=True, default=1)
    costs: TileCosts | None = None
    temperature: Number = quantity("K", positive=True, default=ROOM)

    def __check_init__(self) -> None:
        check_ranges(self)
        for name in ("rows", "columns", "lines_per_adc"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ChipError(f"Tile.{name} is {getattr(self, name)!r}; it must be a whole number of at least 1.")
        if self.spares < 0:
            raise ChipError(f"Tile.spares is {self.spares}; it must be at least 0.")

    @property
    def extra_words(self) -> int:
        """Words of a block that hold no weight of its own: references, checks and spares."""
        reference = 1 if self.encoding.reference == "column" else 0
        return reference + self.spares + (0 if self.checks is None else self.checks.words)

    @property
    def words(self) -> int:
        """Weights side by side in an array."""
        return self.columns // self.encoding.cells - self.extra_words

    def block_columns(self, words: int) -> int:
        """Columns of a block of so many words, with all that belongs to it."""
        return (words + self.extra_words) * self.encoding.cells

    def placement(self, grids: Mapping[str, Grid], arrays: int | None) -> Placement:
        """Where the blocks of matrices, cut to its size, lie on so many arrays; None for as many as are needed.

        Raises:
            ChipError: If they do not fit.
        """
        blocks = {name: (cut, self.block_columns(cut.words)) for name, cut in grids.items()}
        return placed(blocks, arrays=arrays, rows=self.rows, columns=self.columns)

    @property
    def usable(self) -> Window:
        """Lowest and highest conductance [S] that the encoding uses.

        Raises:
            ChipError: If the window is empty or wider than the device's.
        """
        held = tuple(float(np.mean(np.asarray(g))) for g in self.device.window())
        return check_window(self.window or held, held)  # type: ignore[arg-type]
