"""What one inference costs, matrix by matrix: energy by part, time, area, and what digital hardware would take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from mho.core.errors import ChipError
from mho.crossbars import area, digital_energy
from mho.crossbars.costs import energies, latency
from mho.networks.analog import AnalogNetwork

SRAM_IN_MEMORY = 40e12
"""Operations per joule of digital weights multiplied in an SRAM, 8 bits, 22 nm, whole system.

Source: the IMAGINE macro, 22 nm FDSOI, 40 TOPS/W for the system at 8 bits; stated.
"""


@dataclass(frozen=True)
class Line:
    """The bill of one matrix for one inference.

    Args:
        name: Of the matrix.
        kind: Of its layer.
        vectors: Products of one inference (places of a convolution, steps of a sequence) [1].
        operations: Multiplications and additions [1].
        energy: By part: array, drivers, dac, adc, digital, communication [J].
        latency: Products one after the other [s].
        area: By part: cells, dac, adc, other [m^2]; its share of the arrays that it lies on.
        digital: Energy of the same products in digital hardware, by kind [J].
    """

    name: str
    kind: str
    vectors: float
    operations: float
    energy: dict[str, float]
    latency: float
    area: dict[str, float]
    digital: dict[str, float]

    @property
    def total(self) -> float:
        """Energy [J]."""
        return sum(self.energy.values())

    @property
    def per_operation(self) -> float:
        """Energy of one operation [J]."""
        return self.total / self.operations


def bill(network: AnalogNetwork, x: Any, *, key: jax.Array, node: float = 22e-9, bits: int = 8) -> list[Line]:
    """What one inference costs, in the order of the network's matrices.

    Args:
        network: On a chip whose tile has costs.
        x: Samples over which the currents are averaged (n, ...).
        key: JAX random key.
        node: Technology node of the digital baselines [m].
        bits: Of their weights and inputs.

    Raises:
        ChipError: If the tile has no costs.
    """
    tile = network.chip.tile
    costs = tile.costs
    if costs is None:
        raise ChipError(
            "The tile has no costs, so that nothing can be billed. Give it costs=costs_at(node, adc, inputs)."
        )
    _, spent = network.spent(x, key=key, ear="flow")
    lines = []
    for record in network.report():
        name = record["name"]
        n, array = spent.get(name, (0, 0.0))
        vectors = n / len(x)
        e = network.chip.events(name)
        parts = {part: vectors * float(one) for part, one in energies(e, tile.inputs, costs).items()}
        adcs = -(-(tile.columns // tile.encoding.cells) * tile.encoding.lines // tile.lines_per_adc)
        size = {
            p: a * record["arrays"] * record["share"] for p, a in area(tile.rows, tile.columns, adcs, costs).items()
        }
        shape = (record["outputs"], record["inputs"])
        each = max(round(vectors), 1)
        operations = vectors * e.operations
        baselines = {
            "weights from SRAM": vectors * digital_energy(*shape, bits=bits, node=node),
            "weights kept": vectors * digital_energy(*shape, bits=bits, node=node, weights="stationary", vectors=each),
            "SRAM in memory": operations / SRAM_IN_MEMORY,
        }
        energy = {"array": array / len(x), **parts}
        time = vectors * latency(e, tile.inputs, costs)
        lines.append(Line(name, record["kind"], vectors, operations, energy, time, size, baselines))
    return lines


def totals(lines: list[Line]) -> Line:
    """The bill of the whole network, its matrices one after the other."""
    if not lines:
        raise ChipError("There is nothing on the bill.")

    def summed(parts: list[dict[str, float]]) -> dict[str, float]:
        return {name: float(np.sum([p[name] for p in parts])) for name in parts[0]}

    return Line(
        "all",
        "network",
        sum(one.vectors for one in lines),
        sum(one.operations for one in lines),
        summed([one.energy for one in lines]),
        sum(one.latency for one in lines),
        summed([one.area for one in lines]),
        summed([one.digital for one in lines]),
    )
