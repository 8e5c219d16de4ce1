"""``mho fit``: a pulse measurement in, a compact model with intervals out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.environment import prepare
from mho.cli.failure import told
from mho.core.errors import MeasurementError


@told
def fit(
    measurement: Annotated[
        Path | None, typer.Argument(help="CSV with units in its headings; without it, the packaged one.")
    ] = None,
    modes: Annotated[str, typer.Option(help="Number of volatile modes: auto, 1, 2, 3 or 4.")] = "auto",
    hold_out: Annotated[
        str, typer.Option(help="Readings kept out of the fit to judge it: 'last sweep' or 'none'.")
    ] = "last sweep",
    start: Annotated[str, typer.Option(help="Parameter set that gives what the measurement cannot.")] = "ecram_stp_ref",
    fix: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Hold a number: --fix efficacy=0.08. May be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of starts and bootstrap.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Write the fitted parameter set to this TOML file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write data, model and residuals to this SVG file.")] = None,
) -> None:
    """Fit an ECRAM to a pulse measurement.

    The file needs a column of time, one of gate voltage, and one of resistance, conductance, or current (with the read
    voltage), each with its unit in the heading: "t [ms], v_gate [V], r [kOhm]". A column "sweep" tells sweeps apart.

    Examples:
      mho fit

      mho fit pulses.csv --out my_ecram.toml --plot fit.svg

      mho fit pulses.csv --modes 2 --fix "efficacy=0.08"
    """
    options: dict[str, Any] = {
        "modes": _modes(modes),
        "hold_out": None if hold_out == "none" else hold_out,
        "fixed": _fixed(fix or []),
    }
    prepare()
    import jax

    from mho import fitting
    from mho.devices import parameters
    from mho.studies.stages.measurement import fit_measurement

    path = measurement if measurement is not None else fitting.packaged_measurement()
    data = fitting.read_pulses(path)
    typer.echo(str(data))
    found = fit_measurement(
        data,
        parameters(start),
        key=jax.random.key(seed),
        progress=_tell(),
        **options,
    )
    typer.echo(f"\n{found}")
    if out is not None:
        typer.echo(f"\nset   {found.parameters.save(out)}")
    if plot is not None:
        typer.echo(f"plot  {_plot(found, plot)}")


def _modes(text: str) -> str:
    if text not in ("auto", "1", "2", "3", "4"):
        raise MeasurementError(f"--modes is {text!r}; it must be auto, 1, 2, 3 or 4.")
    return text


def _fixed(texts: list[str]) -> dict[str, float | str]:
    values: dict[str, float | str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise MeasurementError(f"--fix {text!r} is not name=value. Write for example --fix efficacy=0.08.")
        values[name.strip()] = value.strip()
    return values


def _tell() -> Any:
    """Progress on a terminal: one line that is written over."""
    import sys

    if not sys.stderr.isatty():
        return None

    def say(share: float, text: str = "") -> None:
        end = "" if share < 1.0 else "\r\033[K"
        typer.echo(f"\r\033[K{100 * share:3.0f} %  {text}{end}", err=True, nl=False)

    return say


def _plot(found: Any, path: Path) -> Path:
    from mho.report import alone, figure
    from mho.studies.folder import write
    from mho.studies.stages.measurement import fit_series

    panels = [series.as_dict() for series in fit_series(found).values()]
    return write(path, alone(figure(panels, name="fit", title=f"Fit to {path.stem}", below=0.4)))
