"""What the verbs of ``mho chip`` tell and keep: the programmed chip, accuracy over time, the bill of an inference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from mho.cli.text import aligned


def tell_chip(ready: Any) -> None:
    """The chip, matrix by matrix."""
    from mho.core.quantities import engineering

    typer.echo(ready.placement().report().splitlines()[0])
    table = [["matrix", "layer", "outputs x inputs", "cells", "given up", "weight error", "pulses", "energy", "time"]]
    for row in ready.report():
        report = ready.reports[row["name"]]
        told = [_or_dash(report.pulses, lambda v: f"{v:.3g} a cell")]
        told += [
            _or_dash(v, lambda v, u=unit: engineering(v, u, 3))
            for v, unit in ((report.energy, "J"), (report.time, "s"))
        ]
        shape = f"{row['outputs']} x {row['inputs']}"
        error = f"{100 * row['error']:.3g} %"
        table.append([row["name"], row["kind"], shape, str(row["cells"]), str(row["failed"]), error, *told])
    typer.echo(aligned(table))
    typer.echo("weight error: root mean square, of the largest weight; a dash is what the source does not say")


def _or_dash(value: float, text: Any) -> str:
    import math

    return text(value) if math.isfinite(value) else "-"


def tell_course(found: Any) -> None:
    """Accuracy over time."""
    from mho.core.quantities import engineering

    typer.echo(f"in software {100 * found.exact:.2f} %, {found.samples} samples")
    table = [["age", *(f"{name}" for name in found.accuracy)]]
    bands = {name: found.band(name) for name in found.accuracy}
    for k, time in enumerate(found.times):
        cells = []
        for mean, low, high in bands.values():
            cells.append(f"{100 * mean[k]:.2f} %  ({100 * low[k]:.2f} to {100 * high[k]:.2f})")
        table.append([_age(float(time)), *cells])
    typer.echo(aligned(table))
    n = len(next(iter(found.accuracy.values())))
    typer.echo(f"drift compensation by column; mean of {n} programming{'s' if n > 1 else ''} (5th to 95th percentile)")
    for name, price in found.price.items():
        typer.echo(f"{name}: {engineering(price.energy, 'J', 3)}, as much as {price.inferences:.3g} inferences")
    for reason, count in found.failures.items():
        typer.echo(f"failed: {count} {reason}")


def _age(seconds: float) -> str:
    """A time as people say it."""
    for unit, size in (("year", 31_557_600.0), ("day", 86_400.0), ("hour", 3600.0)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def tell_bill(ready: Any, x: Any, key: Any, node: str) -> None:
    """What an inference costs."""
    from mho.core.quantities import engineering, si
    from mho.networks.bill import bill, totals

    whole = totals(bill(ready, x[:16], key=key, node=si(node, "m")))
    area = f"{1e6 * sum(whole.area.values()):.3g} mm^2"
    typer.echo(
        f"an inference: {engineering(whole.total, 'J', 3)}, {engineering(whole.per_operation, 'J', 3)} an operation, "
        f"{engineering(whole.latency, 's', 3)}, {area}; digital, weights kept: "
        f"{engineering(whole.digital['weights kept'], 'J', 3)} (models: docs/networks-on-chips.md)"
    )


def record(found: Any) -> dict[str, Any]:
    """Everything found, as JSON can hold it."""
    import numpy as np

    def clean(x: Any) -> Any:
        return [[None if not np.isfinite(v) else float(v) for v in row] for row in x]

    return {
        "times": [float(t) for t in found.times],
        "in_software": found.exact,
        "samples": found.samples,
        "accuracy": {name: clean(a) for name, a in found.accuracy.items()},
        "failures": found.failures,
        "compensation": {
            n: {"energy": p.energy, "time": p.time, "inferences": p.inferences} for n, p in found.price.items()
        },
    }


def drawn(found: Any) -> str:
    """Accuracy over time as SVG."""
    from mho.report.figures import alone, figure
    from mho.studies import Axis, Curve, Mark, Series

    curves = [
        Curve(name, "1", m, "both", low, high) for name, (m, low, high) in ((n, found.band(n)) for n in found.accuracy)
    ]
    axis = Axis("time since programming", "s", found.times, "log" if found.times[0] > 0 else "linear")
    series = Series(axis, curves, "accuracy", marks=[Mark("in software", y=found.exact)])
    return alone(figure([series.as_dict()], name="accuracy", title="Accuracy over time"))


def keep(path: Path, ready: Any) -> None:
    """Write the chip."""
    from mho.core.errors import InputError

    try:
        ready.snapshot().save(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}). Choose another place.") from error
    typer.echo(f"out      {path}")


def put(path: Path, text: str) -> None:
    """Write a text, whole or not at all."""
    from mho.studies.folder import write

    write(path, text)
