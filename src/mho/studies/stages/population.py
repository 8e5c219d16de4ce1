"""Stage "population": Monte Carlo over transistor mismatch and device-to-device spread."""

from __future__ import annotations

import jax
import numpy as np

from mho.core.quantities import engineering
from mho.metrics import circuit as metrics
from mho.metrics.kpi import KPI, percentiles
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Outcome, Series, Table
from mho.studies.stages import bench
from mho.studies.stages.grounds import grounded
from mho.studies.stages.measurement import floor_set


def work(context: Context) -> Outcome:
    """Draw the study's number of neurons, each with its own transistors and its own ECRAM, and let them fire."""
    study, found = context.study, floor_set(context)
    context.progress(0.02, f"{study.population} neurons")
    drawn = metrics.population(
        bench.neuron(context),
        *found.spreads(of=lambda circuit: circuit["excitability.ecram"].device),
        n=study.population,
        key=jax.random.key(context.seed("population")),
        current=study.current,
    )
    failed = sum(drawn.failures.values())
    rows = [[reason, number] for reason, number in drawn.failures.items()] or [["none", 0]]
    return Outcome(
        kpis=grounded(context, [_change(drawn)], found),
        series={
            "population.energy": _histogram("energy per spike", "J", drawn.energy),
            "population.width": _histogram("spike width", "s", drawn.width),
            "population.rate": _histogram("firing rate", "Hz", drawn.rate),
        },
        tables={
            "population.failures": Table(
                ["failed because", "neurons"],
                rows,
                f"{failed} of {study.population} neurons failed; the others took {drawn.seconds:.1f} s to run.",
            )
        },
        sources=provenance.sources(found),
        handover={
            "energy": drawn.energy, "width": drawn.width, "rate": drawn.rate, "change": drawn.change,
            "failures": dict(drawn.failures), "seconds": drawn.seconds,
        },
    )  # fmt: skip


def restored(context: Context) -> metrics.Population:
    """The population as this stage handed it over."""
    kept = context.handover("population")
    arrays = {
        name: np.asarray([np.nan if v is None else v for v in kept[name]], np.float64)
        for name in ("energy", "width", "rate", "change")
    }
    return metrics.Population(**arrays, failures=kept["failures"], seconds=kept["seconds"])


def _histogram(label: str, unit: str, values: np.ndarray) -> Series:
    median = engineering(float(np.nanmedian(values)), unit, 3)
    return Series(Axis(label, unit, values), kind="histogram", caption=f"{label.capitalize()}: median {median}.")


def _change(drawn: metrics.Population) -> KPI:
    return KPI(
        "circuit.adaptation_over_population", float(np.nanmedian(drawn.change)), "1",
        definition="last interval of a short train over its first, less 1: the ECRAM's effect on its neuron; median",
        spread=percentiles(drawn.change), n=drawn.change.size, failures=drawn.failures,
        boundary="every transistor with its mismatch, the ECRAM in the neuron with its device-to-device spread",
        provenance=metrics.RECONSTRUCTION,
    )  # fmt: skip
