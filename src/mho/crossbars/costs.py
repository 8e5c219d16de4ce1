r"""What a product costs on tiles: energy, time and area by part.

The boundary is the tile: cells, row drivers and DACs, sampling, converters, shift-and-add, partial sums, scaling of the
outputs, and the movement of inputs and outputs to and from the tile. Not counted: what happens between matrices
(activations, buffers beyond the tile, clock trees, the host), unless `static_power` is made to hold it.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import numpy as np

from mho.core.errors import ChipError
from mho.core.fields import check_ranges, quantity
from mho.crossbars.converter_costs import Model, adc_area, adc_energy, dac_energy
from mho.crossbars.converters import AbstractConverter
from mho.crossbars.inputs import AbstractInput, BitSerial, PulseWidth
from mho.crossbars.mapping import Grid
from mho.devices.device import Number

# Horowitz, ISSCC 2014, at 45 nm and 0.9 V: 0.1 pJ for a 32-bit and 0.03 pJ for an 8-bit addition, 0.2 pJ for an 8-bit
# multiplication, 10 pJ for 64 bits from an 8-kB SRAM. Energies of logic go with the node (assumed: linearly).
_HOROWITZ = 45e-9
ADD_PER_BIT = 0.1e-12 / 32.0  # [J]
MULTIPLY_8 = 0.2e-12  # [J]
SRAM_PER_BIT = 10e-12 / 64.0  # [J]
_CELL_AREA = 12.0  # [F^2] of a one-transistor cell, assumed


class TileCosts(eqx.Module):
    """Energy, time and area of the parts of one tile.

    Args:
        adc_energy: Of one conversion [J].
        adc_time: Of one conversion [s].
        adc_area: Of one converter [m^2].
        dac_energy: Of setting one row in one phase [J].
        dac_area: Of one row's DAC [m^2].
        driver_energy: Of charging one row's wire in one phase [J].
        sample_energy: Of holding one line in one phase [J].
        digital_energy: Of one shift-and-add, for each conversion [J].
        addition_energy: Of adding one partial sum [J].
        scaling_energy: Of the scale and shift of one output [J].
        bit_energy: Of moving one bit to or from a tile [J].
        output_bits: Bits of an output that is moved [1].
        static_power: Of a tile while it works [W].
        settling: Time before a conversion can begin, beyond that of the drive [s].
        cell_area: Of one cell [m^2].
        other_area: Of a tile, besides cells, converters and DACs [m^2].
    """

    adc_energy: Number = quantity("J", low=0.0)
    adc_time: Number = quantity("s", low=0.0)
    adc_area: Number = quantity("m^2", low=0.0, default=0.0)
    dac_energy: Number = quantity("J", low=0.0, default=0.0)
    dac_area: Number = quantity("m^2", low=0.0, default=0.0)
    driver_energy: Number = quantity("J", low=0.0, default=0.0)
    sample_energy: Number = quantity("J", low=0.0, default=0.0)
    digital_energy: Number = quantity("J", low=0.0, default=0.0)
    addition_energy: Number = quantity("J", low=0.0, default=0.0)
    scaling_energy: Number = quantity("J", low=0.0, default=0.0)
    bit_energy: Number = quantity("J", low=0.0, default=0.0)
    output_bits: Number = quantity("1", low=1.0, default=8.0)
    static_power: Number = quantity("W", low=0.0, default=0.0)
    settling: Number = quantity("s", low=0.0, default=0.0)
    cell_area: Number = quantity("m^2", low=0.0, default=0.0)
    other_area: Number = quantity("m^2", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)


def costs_at(
    node: float,
    converter: AbstractConverter,
    inputs: AbstractInput,
    *,
    rate: float = 100e6,
    columns: int = 256,
    model: Model = "survey",
    supply: float = 0.8,
    wire_capacitance: float = 0.2e-9,
) -> TileCosts:
    """Costs of a tile at a technology node, from the models and tables of `converter_costs` and this module.

    Args:
        node: Technology node [m].
        converter: Gives the bits.
        inputs: Gives the bits of the DACs, and the voltage of the rows.
        rate: Conversions per second of one converter [1/s].
        columns: Of an array, which a row's wire spans.
        model: Of the converter's energy and area.
        supply: Of the logic [V], to which the energy of a row's switch is referred.
        wire_capacitance: Of a row's wire per length [F/m]; 0.2 fF/um, assumed.

    Limits: one pitch of a cell is taken as four half-pitches of the node (assumed).
    """
    scale = node / _HOROWITZ
    row_capacitance = wire_capacitance * columns * 4.0 * node
    voltage = float(inputs.v_read)
    one_bit = isinstance(inputs, PulseWidth | BitSerial)
    return TileCosts(
        adc_energy=adc_energy(converter.bits, rate, node, model=model),
        adc_time=1.0 / rate,
        adc_area=adc_area(converter.bits, rate, node, model=model),
        dac_energy=dac_energy(1 if one_bit else max((inputs.bits or 8) - 1, 1), node),
        dac_area=0.166e-12 * (node / 32e-9) ** 2 * (1.0 if one_bit else 2.0 ** ((inputs.bits or 8) - 1)),
        driver_energy=row_capacitance * max(voltage, supply) ** 2,
        sample_energy=9.7e-9 / 1.28e9,  # ISAAC's sample-and-hold, 9.7 nW at the converter's rate
        digital_energy=ADD_PER_BIT * 16.0 * scale,
        addition_energy=ADD_PER_BIT * 24.0 * scale,
        scaling_energy=(MULTIPLY_8 + ADD_PER_BIT * 16.0) * scale,
        bit_energy=SRAM_PER_BIT * scale,
        output_bits=8.0,
        cell_area=_CELL_AREA * node**2,
    )


class Events(eqx.Module):
    """How often things happen in the product of one vector.

    Args:
        row_phases: Rows set, over all phases and blocks.
        conversions: Lines converted, over all phases and blocks.
        additions: Partial sums added.
        outputs: Outputs scaled and moved.
        bits_in: Bits moved to the tiles.
        operations: Multiplications and additions of the matrix, two for each weight.
        phases: Phases one after the other.
        turns: Conversions one after the other in a phase.
        tiles: Tiles at work.
    """

    row_phases: int = eqx.field(static=True)
    conversions: int = eqx.field(static=True)
    additions: int = eqx.field(static=True)
    outputs: int = eqx.field(static=True)
    bits_in: int = eqx.field(static=True)
    operations: int = eqx.field(static=True)
    phases: int = eqx.field(static=True)
    turns: int = eqx.field(static=True)
    tiles: int = eqx.field(static=True)


def events(
    cut: Grid, inputs: AbstractInput, *, lines: int, check_words: int = 0, lines_per_adc: int = 1, turns: int = 1
) -> Events:
    """Events of one vector's product on a grid of tiles.

    Args:
        cut: The grid.
        inputs: How rows are driven.
        lines: Lines of a word.
        check_words: Check words of a block.
        lines_per_adc: Lines that share a converter.
        turns: Turns that blocks on one array take.
    """
    words = cut.column_blocks * check_words + cut.outputs
    phases = inputs.phases
    return Events(
        row_phases=cut.inputs * cut.column_blocks * phases,
        conversions=words * lines * cut.row_blocks * phases,
        additions=cut.additions,
        outputs=cut.outputs,
        bits_in=cut.inputs * cut.column_blocks * (inputs.bits or 32),
        operations=2 * cut.inputs * cut.outputs,
        phases=phases,
        turns=lines_per_adc * turns,
        tiles=cut.blocks,
    )


def latency(e: Events, inputs: AbstractInput, costs: TileCosts | None) -> float:
    """Time of one vector's product [s]: drive, settling, and conversions one after the other, phase by phase."""
    settling, convert = (0.0, 0.0) if costs is None else (float(costs.settling), float(costs.adc_time))
    return e.phases * (float(inputs.duration) + settling + e.turns * convert)


def energies(e: Events, inputs: AbstractInput, costs: TileCosts | None) -> dict[str, Any]:
    """Energy of one vector's product [J] by part, without that of the cells; zero parts without costs are NaN."""
    if costs is None:
        return dict.fromkeys(("drivers", "dac", "adc", "digital", "communication"), np.nan)
    static = float(costs.static_power) * latency(e, inputs, costs) * e.tiles
    moved = e.bits_in + e.outputs * float(costs.output_bits)
    return {
        "drivers": e.row_phases * float(costs.driver_energy),
        "dac": e.row_phases * float(costs.dac_energy),
        "adc": e.conversions * (float(costs.adc_energy) + float(costs.sample_energy)),
        "digital": e.conversions * float(costs.digital_energy)
        + e.additions * float(costs.addition_energy)
        + e.outputs * float(costs.scaling_energy)
        + static,
        "communication": moved * float(costs.bit_energy),
    }


def area(rows: int, columns: int, adcs: int, costs: TileCosts) -> dict[str, float]:
    """Area of one tile by part [m^2]."""
    return {
        "cells": rows * columns * float(costs.cell_area),
        "dac": rows * float(costs.dac_area),
        "adc": adcs * float(costs.adc_area),
        "other": float(costs.other_area),
    }


def digital_energy(
    outputs: int, inputs: int, *, bits: int = 8, node: float = 45e-9, weights: str = "sram", vectors: int = 1
) -> float:
    """Energy of the same product done by digital multipliers [J]: the baseline.

    Args:
        outputs: Of the matrix.
        inputs: Of the matrix.
        bits: Of weights and inputs; a multiplication goes with their square.
        node: Technology node [m].
        weights: ``"sram"``, each weight read for every vector; or ``"stationary"``, read once for `vectors`.
        vectors: Vectors that share a reading of the weights.

    Source: Horowitz, ISSCC 2014, at 45 nm; linear in the node (assumed).
    Limits: no control, clock or off-chip memory: the digital baseline is as optimistic as the analog one.
    """
    if weights not in ("sram", "stationary"):
        raise ChipError(f"weights is {weights!r}; it must be 'sram' or 'stationary'.")
    shared = 1 if weights == "sram" else max(vectors, 1)
    multiply = MULTIPLY_8 * (bits / 8.0) ** 2
    add = ADD_PER_BIT * (2.0 * bits + 8.0)
    read = SRAM_PER_BIT * bits / shared
    moved = SRAM_PER_BIT * bits * (inputs + outputs)
    return (outputs * inputs * (multiply + add + read) + moved) * node / _HOROWITZ
