"""What ``mho simulate`` does with many samples: draws them, runs them in shares, tells and writes what was measured."""

from __future__ import annotations

import csv
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import typer

from mho.cli.asked import Asked, limits_of, spikes_of
from mho.cli.asked import number as number_of
from mho.cli.text import aligned

_MOST_STEPS = 1e6  # that noise may make where nobody named its bandwidth
_PAUSE = 10.0  # [s] at least from one line of progress to the next, where there is no terminal


def many(netlist: Path, asked: Asked) -> tuple[Any, Any]:
    """Draw the population of a netlist and run it: the netlist that was read, and what was measured.

    Raises:
        InputError: If an option cannot be used.
    """
    from mho.interchange.spice import read_spice
    from mho.interchange.spice.population import draw, run_population, spread_of_text

    read = read_spice(netlist)
    for note in read.notes:
        typer.echo(f"note  {note}", err=True)
    spikes = _spikes(asked.spikes)
    written = [spread_of_text(read, text) for text in asked.spreads]

    def spreads(circuit: Any) -> list[Any]:
        from mho.circuits import mismatch

        found = list(mismatch(circuit, **_pelgrom(asked))) if asked.mismatch else []
        return [*found, *written]

    variants = _corners(netlist, read, asked)
    if spikes is not None:
        _tell_spikes(spikes, read)
    circuit, names = draw(variants, spreads, samples=asked.samples or 1, seed=asked.seed)
    bar = _Bar()
    with bar:
        found = run_population(
            read, circuit, corners=names if asked.corners else (), spikes=spikes, workers=asked.workers,
            noise=noise_of(asked, read), energy=asked.energy, progress=bar.update,
        )  # fmt: skip
    return read, found


def noise_of(asked: Asked, read: Any) -> Any:
    """The noise of a netlist's transient, or None.

    Raises:
        InputError: If the bandwidth cannot be used.
    """
    from mho.circuits import TransientNoise
    from mho.core.errors import InputError

    if asked.noise is None:
        return None
    tran = read.requests.tran
    bandwidth = 0.5 / tran.step if asked.noise == "auto" else number_of(asked.noise, "--noise")
    if asked.noise == "auto" and tran.stop / tran.step > _MOST_STEPS:
        raise InputError(
            f"--noise without a bandwidth goes up to half the rate of .tran's print step, {bandwidth:g} Hz, and that "
            f"makes {tran.stop / tran.step:g} steps. Name one: --noise {100 / tran.stop:.0e}"
        )
    return TransientNoise(bandwidth=bandwidth, seed=asked.seed)


def _pelgrom(asked: Asked) -> dict[str, Any]:
    given = {"a_vt": asked.avt, "a_beta": asked.abeta}
    return {name: number_of(text, f"--{name.replace('_', '')}") for name, text in given.items() if text is not None}


def _spikes(text: str | None) -> Any:
    from mho.interchange.spice.population import Spikes

    if text is None:
        return None
    node, level, after = spikes_of(text)
    return Spikes(node, level, after)


def _tell_spikes(spikes: Any, read: Any) -> None:
    """What counts as a spike, and what energy is booked to it."""
    from mho.core.quantities import engineering

    since = f"after {engineering(spikes.after, 's')}" if spikes.after > 0 else "from the start, start-up included"
    typer.echo(
        f"spikes  v({spikes.node}) rising through {engineering(spikes.level, 'V')}, {since}, to "
        f"{engineering(read.requests.tran.stop, 's')}; energy is what the sources deliver from one to the next"
    )


def _corners(path: Path, read: Any, asked: Asked) -> list[tuple[str, Any, Any]]:
    """Name, netlist at the temperature, and corner, of every corner; the nominal one alone without --corners."""
    from mho.circuits import corners
    from mho.core.errors import InputError
    from mho.interchange.spice import read_spice

    if asked.corners is None:
        return [("", read, None)]
    supplies = {}
    for text in asked.supplies:
        found = re.fullmatch(r"\s*([^=\s]+)\s*=\s*([\d.]+)\s*%\s*", text.lower())
        if found is None:
            raise InputError(f"--supply {text!r} is written source=tolerance, as in vdd=10%.")
        supplies[found.group(1)] = float(found.group(2)) / 100
    heats = [number_of(t, "--temperatures") for t in (asked.temperatures or "").split(",") if t.strip()]
    at: dict[float | None, Any] = {None: read}
    for t in heats:
        at[t] = read_spice(path, celsius=t)
    chosen = corners(full=asked.corners == "full", supplies=supplies, celsius=heats)
    return [(c.name, at[c.celsius], c) for c in chosen]


def specifications(texts: tuple[str, ...]) -> list[Any]:
    """Specifications in a designer's words: ``width=190n..210n``, ``energy<2p``, ``rate>=1k``."""
    from mho.metrics.yields import Specification

    return [Specification(*limits_of(text), text=text.strip()) for text in texts]


class _Bar:
    """Progress: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._told = time.monotonic()

    def __enter__(self) -> _Bar:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("samples"), BarColumn(bar_width=28), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("samples", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int, total: int) -> None:
        """Move the bar, or write a line."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)
        elif done < total and time.monotonic() - self._told >= _PAUSE:
            self._told = time.monotonic()
            typer.echo(f"{done} of {total} samples", err=True)


# ---- telling ---------------------------------------------------------------------------------------------------------
def tell(found: Any, specs: list[Any]) -> None:
    """Distributions, failures with their reasons, and the yield."""
    import numpy as np

    from mho.core.results import Status, failures

    typer.echo(f"tran  {found.count} samples")
    for name, number in failures(found.status).items():
        typer.echo(f"{number} of {found.count} samples failed: the circuit {Status[name].reason}", err=True)
    for name, reasons in found.missing.items():
        for reason, number in list(reasons.items())[:3]:
            typer.echo(f"{number} of {found.count} samples have no {name}: {reason}", err=True)
    rows = [["", "median", "mean", "deviation", "5 %", "95 %", "samples"]]
    for name, values in found.values.items():
        rows.append([f"  {name}", *_summary(values, found.units.get(name, ""), found.count)])
    typer.echo(aligned(rows))
    if found.corners:
        _tell_corners(found, np)
    if specs:
        typer.echo(f"yield  {_percent(yielded(found, specs))}")


def _summary(values: Any, unit: str, count: int) -> list[str]:
    import numpy as np

    good = values[np.isfinite(values)]
    if not good.size:
        return ["failed", "", "", "", "", f"0 of {count}"]
    low, middle, high = (_shown(x, unit) for x in np.percentile(good, [5, 50, 95]))
    spread = _shown(np.std(good, ddof=1), unit) if good.size > 1 else "-"
    return [middle, _shown(np.mean(good), unit), spread, low, high, f"{good.size} of {count}"]


def _shown(x: Any, unit: str) -> str:
    from mho.core.quantities import engineering

    return engineering(float(x), unit, digits=3) if unit not in ("", "1") else f"{x:.4g}"


def _tell_corners(found: Any, np: Any) -> None:
    rows = [["corner", *found.values]]
    for name in dict.fromkeys(found.corners):
        here = np.array([c == name for c in found.corners])
        means = []
        for key, values in found.values.items():
            good = values[here][np.isfinite(values[here])]
            means.append(_shown(np.mean(good), found.units.get(key, "")) if good.size else "failed")
        rows.append([f"  {name}", *means])
    typer.echo(aligned(rows))


def yielded(found: Any, specs: list[Any]) -> Any:
    """The yield of a population as a KPI."""
    import numpy as np

    from mho.core.results import Status, failures
    from mho.metrics.yields import circuit_yield

    return circuit_yield(found.values, specs, np.asarray(found.status) == Status.OK, failures(found.status))


def _percent(kpi: Any) -> str:
    low, high = kpi.spread["low"], kpi.spread["high"]
    failed = sum(kpi.failures.values())
    return f"{100 * kpi.value:.4g} % of {kpi.n} samples ({100 * low:.4g} to {100 * high:.4g} %, 95 % interval)" + (
        f"; {failed} that failed count as not met" if failed else ""
    )


# ---- writing ---------------------------------------------------------------------------------------------------------
def write_csv(found: Any, path: Path, *, drawn: bool) -> None:
    """One row a sample: corner, drawn numbers if asked, measurements, how it ended.

    Raises:
        InputError: If the file cannot be written.
    """
    from mho.core.errors import InputError

    numbers = {**(found.drawn if drawn else {}), **found.values}
    head = ["sample", *(["corner"] if found.corners else []), *numbers, "status"]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(head)
            for k, reason in enumerate(found.reasons):
                corner = [found.corners[k]] if found.corners else []
                writer.writerow([k, *corner, *(f"{x[k]:.12g}" for x in numbers.values()), reason])
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


def write_json(title: str, found: Any, specs: list[Any], path: Path, *, drawn: bool) -> None:
    """The same as plain values, with failures and the yield.

    Raises:
        InputError: If the file cannot be written.
    """
    import numpy as np

    from mho.core.results import failures
    from mho.studies.folder import write

    plain = lambda x: [float(v) if np.isfinite(v) else None for v in x]  # noqa: E731
    record = {
        "title": title,
        "analysis": "tran",
        "samples": found.count,
        "failures": failures(found.status),
        "missing": {k: dict(v) for k, v in found.missing.items()},
        "status": found.reasons,
        "corners": list(found.corners),
        "units": dict(found.units),
        "measures": {name: plain(x) for name, x in found.values.items()},
        **({"drawn": {name: plain(x) for name, x in found.drawn.items()}} if drawn else {}),
        **({"yield": yielded(found, specs).as_dict()} if specs else {}),
    }
    write(path, json.dumps(record, allow_nan=False) + "\n")


def draw_distributions(found: Any, specs: list[Any], title: str, path: Path) -> bool:
    """Histograms of the measurements, with the limits of the specifications; False if none differs between samples."""
    import numpy as np

    from mho.report.figures import alone, figure
    from mho.studies.folder import write

    limits = {s.name: [x for x in (s.low, s.high) if np.isfinite(x)] for s in specs}
    panels = []
    for name, values in found.values.items():
        good = values[np.isfinite(values)]
        if name == "spikes" or good.size < 2 or np.ptp(good) <= 0:
            continue
        marks = [{"x": float(x), "y": None, "label": "limit"} for x in limits.get(name, [])]
        x = {"label": name, "unit": found.units.get(name, "") or "1", "values": [float(v) for v in good]}
        panels.append(
            {"kind": "histogram", "x": x | {"scale": "linear"}, "y": [], "y_label": f"samples of {good.size}",
             "y_scale": "linear", "marks": marks}
        )  # fmt: skip
    if not panels:
        return False
    write(path, alone(figure(panels[:8], name="samples", title=title, height=2.2, below=1.0)))
    return True
