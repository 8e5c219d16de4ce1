"""Chip KPIs: what products cost, what calibration adds, how cells were programmed, and how wrong a product is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mho.crossbars import Ledger, Report
from mho.crossbars.ledger import PRODUCT
from mho.metrics.kpi import KPI, Provenance, kpis

BOUNDARY = (
    "tiles alone: cells, row drivers, DACs, sampling, converters, shift-and-add, partial sums, output scaling, inputs "
    "and outputs to and from the tile; not what lies between matrices, buffers, clock trees and the host"
)


def product_kpis(
    before: Ledger, after: Ledger, *, provenance: Provenance = (), conditions: Mapping[str, str] | None = None
) -> list[KPI]:
    """chip.energy_per_operation, chip.tops_per_watt, chip.energy_per_synaptic_operation, chip.latency, chip.adc_share.

    Args:
        before: The ledger before some products.
        after: The ledger after them.
        provenance: Records of the numbers behind the costs.
        conditions: Bits, temperature, age and the like, name to text.
    """
    parts = {k: float(after.energy[k]) - float(before.energy[k]) for k in PRODUCT}
    counts = {k: float(after.counts[k]) - float(before.counts[k]) for k in ("operations", "products")}
    time = float(after.time["products"]) - float(before.time["products"])
    energy, operations, n = sum(parts.values()), counts["operations"], int(counts["products"])
    note = "" if operations else "no product was formed between the two ledgers"
    if operations and math.isnan(energy):
        note = "the tile has no costs: give it TileCosts"
    per = {
        "chip.energy_per_operation": (
            _over(energy, operations),
            "J",
            "energy of the tiles over two operations a weight",
        ),
        "chip.tops_per_watt": (_over(operations * 1e-12, energy), "1", "operations over energy, in 10^12 a joule"),
        "chip.energy_per_synaptic_operation": (
            _over(2.0 * energy, operations),
            "J",
            "energy of the tiles over weights",
        ),
        "chip.latency": (_over(time, n), "s", "time from drive to the last conversion of one vector"),
        "chip.adc_share": (
            _over(parts["adc"], energy),
            "1",
            "energy of sampling and converters over that of the tiles",
        ),
    }
    return kpis(per, n=n, boundary=BOUNDARY, conditions=conditions or {}, provenance=provenance, note=note)


def _over(a: float, b: float) -> float | None:
    return a / b if b and math.isfinite(a) and math.isfinite(b) else None


def calibration_overhead(ledger: Ledger) -> KPI:
    """chip.calibration_overhead: energy of products that calibrate or tell drift, over that of all other products."""
    energy = sum(float(ledger.energy[k]) for k in PRODUCT)
    return KPI(
        name="chip.calibration_overhead",
        value=_over(float(ledger.energy["calibration"]), energy),
        unit="1",
        definition="energy of calibrating products over energy of products, since the chip was made",
        n=int(float(ledger.counts["products"])),
        boundary=BOUNDARY,
        note="" if energy and math.isfinite(energy) else "no products yet, or a tile without costs",
    )


def programming_kpis(report: Report) -> list[KPI]:
    """chip.pulses_per_cell, chip.programming_error, chip.programming_energy and chip.programming_time of one matrix."""
    shown = {
        "chip.pulses_per_cell": (report.pulses, "1", "mean programming pulses of a cell"),
        "chip.programming_error": (
            report.error,
            "S",
            "root mean square of conductance minus target right after programming",
        ),
        "chip.programming_energy": (report.energy, "J", "energy of all pulses in the cells"),
        "chip.programming_time": (report.time, "s", "rows one after the other, arrays side by side"),
    }
    return kpis(
        shown,
        n=report.cells,
        failures=report.failures,
        boundary="cells; not the drivers' and the controller's",
        missing="the source of the statistics does not say",
    )


def endurance_spent(ledger: Ledger, cells: int, endurance: float | None, *, provenance: Provenance = ()) -> KPI:
    """chip.endurance_spent: share of its cells' cycles that a chip has used, pulses / (2 cells endurance).

    Args:
        ledger: The chip's, whose pulses are taken as spread evenly over its cells.
        cells: Cells that carry something.
        endurance: Cycles of a cell, up and down; None where no source says.
        provenance: Where the endurance comes from.
    """
    pulses = float(ledger.counts["pulses"])
    known = bool(endurance) and math.isfinite(pulses) and cells > 0
    missing = "its pulses are not known" if endurance else "no endurance of the device is known"
    return KPI(
        name="chip.endurance_spent",
        value=pulses / (2.0 * cells * endurance) if known and endurance else None,
        unit="1",
        definition="mean programming pulses of a cell over two pulses a cycle and the cycles that it lives",
        n=cells,
        boundary="programming, refreshes and updates; not the disturbance of reads. A small pulse counts as a full one",
        provenance=provenance,
        note="" if known else missing,
    )


def product_error(y: Any, exact: Any, *, conditions: Mapping[str, str] | None = None) -> list[KPI]:
    """chip.product_error and chip.effective_bits of products against the exact ones.

    Failed products, of numbers that are not finite, are counted and left out.
    """
    y, exact = np.asarray(y, np.float64), np.asarray(exact, np.float64)
    good = np.all(np.isfinite(y), axis=-1)
    norm = float(np.linalg.norm(exact[good]))
    error = _over(float(np.linalg.norm((y - exact)[good])), norm)
    bits = None if error is None or error <= 0.0 else (-20.0 * math.log10(error) - 1.76) / 6.02
    failed = {"NOT_FINITE": int(np.sum(~good))} if not np.all(good) else {}
    shown = {
        "chip.product_error": (error, "1", "norm of the error over the norm of the exact products"),
        "chip.effective_bits": (bits, "1", "(-20 log10 of the product error - 1.76) / 6.02"),
    }
    return kpis(
        shown,
        n=int(good.sum()),
        failures=failed,
        boundary="one matrix, inputs and outputs as numbers",
        conditions=conditions or {},
        missing="the exact products are zero, or nothing differs",
    )
