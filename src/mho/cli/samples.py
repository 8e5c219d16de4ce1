"""What ``mho simulate`` does with many samples: draws them, runs them in shares, tells and writes what was measured."""

from __future__ import annotations

import csv
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from mho.cli.text import aligned


@dataclass(frozen=True)
class Asked:
    """Options about samples, as they were given."""

    samples: int | None
    seed: int
    mismatch: bool
    avt: str | None
    abeta: str | None
    spreads: tuple[str, ...]
    corners: str | None
    supplies: tuple[str, ...]
    temperatures: str | None
    spikes: str | None
    specs: tuple[str, ...]
    workers: int | None
    noise: str | None

    @property
    def population(self) -> bool:
        """Whether only measurements of samples are wanted."""
        return bool(
            self.samples is not None or self.mismatch or self.spreads or self.corners or self.spikes or self.specs
        )


def many(netlist: Path, asked: Asked) -> tuple[Any, Any]:
    """Draw the population of a netlist and run it: the netlist that was read, and what was measured.

    Raises:
        InputError: If an option cannot be used.
    """
    from mho.interchange.spice import read_spice
    from mho.interchange.spice.population import draw, run_population, spread_of_text

    _check(asked)
    read = read_spice(netlist)
    for note in read.notes:
        typer.echo(f"note  {note}", err=True)
    spikes = _spikes(asked.spikes)
    _check_specs(read, asked)
    written = [spread_of_text(read, text) for text in asked.spreads]

    def spreads(circuit: Any) -> list[Any]:
        from mho.circuits import mismatch

        found = list(mismatch(circuit, **_pelgrom(asked))) if asked.mismatch else []
        return [*found, *written]

    variants = _corners(netlist, read, asked)
    circuit, names = draw(variants, spreads, samples=asked.samples or 1, seed=asked.seed)
    bar = _Bar()
    with bar:
        found = run_population(
            read, circuit, corners=names if asked.corners else (), spikes=spikes, workers=asked.workers,
            noise=noise_of(asked), progress=bar.update,
        )  # fmt: skip
    return read, found


def _check(asked: Asked) -> None:
    from mho.core.errors import InputError

    varies = asked.mismatch or asked.spreads or (asked.noise and asked.samples is not None)
    if (asked.samples is not None) != bool(varies):
        raise InputError(
            "--samples says how many, --mismatch, --spread or --noise what varies: give both, or neither (--corners "
            "alone runs each corner once)."
        )
    if asked.samples is not None and not 1 <= asked.samples <= 1_000_000:
        raise InputError(f"--samples {asked.samples} must be between 1 and 1 000 000.")
    if (asked.avt or asked.abeta) and not asked.mismatch:
        raise InputError("--avt and --abeta are coefficients of --mismatch; give it too.")
    if (asked.supplies or asked.temperatures) and not asked.corners:
        raise InputError("--supply and --temperatures belong to --corners five or --corners full; give it too.")
    if asked.corners not in (None, "five", "full"):
        raise InputError(f"--corners {asked.corners} must be five or full.")


def _check_specs(read: Any, asked: Asked) -> None:
    """Tell of a specification that nothing can meet before the run and not after it."""
    from mho.core.errors import InputError

    words = [line.text.split() for line in read.requests.measures]
    known = {w[2] for w in words if w[1:2] == ["tran"] and len(w) > 2}
    known |= {"spikes", "rate", "width", "jitter", "energy"} if asked.spikes else set()
    for s in specifications(asked.specs):
        if s.name not in known and not (asked.spikes and s.name.startswith("energy(")):
            raise InputError(
                f"--spec {s.text!r} names no measurement; there is {', '.join(sorted(known)) or 'none'} "
                "(.measure tran lines, and with --spikes rate, width, energy, jitter)."
            )


def _number(text: str, option: str) -> float:
    from mho.core.errors import InputError
    from mho.interchange.spice.numbers import spice_number

    value = spice_number(text.strip().lower())
    if value is None:
        raise InputError(f"{option}: {text!r} is no number; suffixes are SPICE's, as in 3.5n, 2p, 1meg.")
    return value


def noise_of(asked: Asked) -> Any:
    """The noise of the transient, or None."""
    from mho.circuits import TransientNoise

    return None if asked.noise is None else TransientNoise(bandwidth=_number(asked.noise, "--noise"), seed=asked.seed)


def _pelgrom(asked: Asked) -> dict[str, Any]:
    given = {"a_vt": asked.avt, "a_beta": asked.abeta}
    return {name: _number(text, f"--{name.replace('_', '')}") for name, text in given.items() if text is not None}


def _spikes(text: str | None) -> Any:
    from mho.core.errors import InputError
    from mho.interchange.spice.population import Spikes

    if text is None:
        return None
    found = re.fullmatch(r"\s*v\(\s*([^()\s]+)\s*\)\s*[=>]\s*(\S+)\s*", text.lower())
    if found is None:
        raise InputError(f"--spikes {text!r} is written v(node)=level, as in 'v(spk)=0.5'.")
    return Spikes(found.group(1), _number(found.group(2), "--spikes"))


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
    heats = [_number(t, "--temperatures") for t in (asked.temperatures or "").split(",") if t.strip()]
    at: dict[float | None, Any] = {None: read}
    for t in heats:
        at[t] = read_spice(path, celsius=t)
    chosen = corners(full=asked.corners == "full", supplies=supplies, celsius=heats)
    return [(c.name, at[c.celsius], c) for c in chosen]


_SPEC = re.compile(r"\s*([\w().]+)\s*(=|<=|>=|<|>)\s*([^\s.]\S*?)\s*(?:\.\.\s*(\S+))?\s*")


def specifications(texts: tuple[str, ...]) -> list[Any]:
    """Specifications in a designer's words: ``width=190n..210n``, ``energy<2p``, ``rate>=1k``.

    Raises:
        InputError: If one cannot be read.
    """
    import numpy as np

    from mho.core.errors import InputError
    from mho.metrics.yields import Specification

    found = []
    for text in texts:
        match = _SPEC.fullmatch(text.lower())
        sign = match.group(2) if match else ""
        if match is None or (match.group(4) is not None) != (sign == "="):
            raise InputError(f"--spec {text!r} is written name=low..high, name<limit or name>limit, as in energy<2p.")
        first = _number(match.group(3), "--spec")
        if sign == "=":
            limits = (first, _number(match.group(4), "--spec"))
        else:
            limits = (-np.inf, first) if sign[0] == "<" else (first, np.inf)
        found.append(Specification(match.group(1), *limits, text=text.strip()))
    return found


class _Bar:
    """Progress on a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self._bar: Any = None

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
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)


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


def draw_distributions(found: Any, specs: list[Any], title: str, path: Path) -> None:
    """Histograms of the measurements, with the limits of the specifications.

    Raises:
        InputError: If nothing was measured.
    """
    import numpy as np

    from mho.core.errors import InputError
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
        raise InputError(
            "no measurement differs between samples, so there is no distribution to draw. Leave --plot out."
        )
    write(path, alone(figure(panels[:8], name="samples", title=title, height=2.2, below=1.0)))
