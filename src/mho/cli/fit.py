"""``mho fit``: a measurement in, a compact model or a law with intervals out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.environment import prepare
from mho.cli.failure import told
from mho.core.errors import MeasurementError

KINDS = ("auto", "gate", "iv", "ramp", "retention", "noise", "endurance", "paired")
_ALL = {
    "iv": ("yakopcic", "vteam", "vteam_exponential", "stanford_pku", "messaris_2018", "wox", "schottky_interface",
           "ion_drift", "metastable_switch"),
    "ramp": ("constant_step", "linear_step", "soft_bounds", "exp_step", "power_step", "saturating_step"),
}  # fmt: skip
_LAWS = {"retention": "drift", "noise": "read noise", "endurance": "wear"}
_FIRST = {"iv": "schottky_interface", "ramp": "linear_step"}


@told
def fit(
    measurement: Annotated[
        Path | None, typer.Argument(help="CSV, TSV, HDF5 or an instrument's export; without it, the packaged one.")
    ] = None,
    kind: Annotated[str, typer.Option(help="auto, gate, iv, ramp, retention, noise, endurance or paired.")] = "auto",
    model: Annotated[
        str | None,
        typer.Option(help="For iv and ramp: a model, a parameter set, a .toml file, or 'all' to compare models."),
    ] = None,
    step: Annotated[
        str | None, typer.Option(help="For iv without a time column: the time of one point, as '80 ms'.")
    ] = None,
    modes: Annotated[str, typer.Option(help="For gate: number of volatile modes, auto, 1, 2, 3 or 4.")] = "auto",
    hold_out: Annotated[
        str, typer.Option(help="For gate: readings kept out of the fit to judge it, 'last sweep' or 'none'.")
    ] = "last sweep",
    start: Annotated[
        str, typer.Option(help="For gate: the parameter set that gives what the measurement cannot.")
    ] = "ecram_stp_ref",
    fix: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="For gate: hold a number, --fix efficacy=0.08. May be repeated."),
    ] = None,
    onto: Annotated[
        str | None,
        typer.Option(help="For retention, noise and endurance: the parameter set that --out lays the law over."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of starts and bootstrap.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Write the fitted parameter set to this TOML file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write data, model and residuals to this SVG file.")] = None,
) -> None:
    """Fit a model to a measurement.

    The kind is told by the headings, which carry units:

      gate       t [ms], v_gate [V], width [ns], r [kOhm] (or g, or i_ds with v_ds)

      iv         t [s], v [V], i [uA]; or what Keysight's and Keithley's programs write

      ramp       rmp1 [uS], rmp2 [uS], ... one column a ramp; or pulse, g [uS], v_pulse [V]

      retention  t [s], g [uS]; with temperature [K], state, device where there are several

      noise      t [ms], i [nA], sampled evenly

      endurance  device, cycles, failed (0 or 1); or device, cycle, r_low [kOhm], r_high [kOhm]

      paired     interval [ms], ratio [%]

    Points at an instrument's compliance and outliers are masked and counted; what the data cannot tell is named.

    Examples:
      mho fit

      mho fit pulses.csv --out my_ecram.toml --plot fit.svg

      mho fit sweep.csv --model schottky_interface --out my_cell.toml

      mho fit sweep.csv --model all

      mho fit drift.csv --onto gst_pcm_kuzum --out my_pcm.toml
    """
    if kind not in KINDS:
        raise MeasurementError(f"--kind is {kind!r}; it must be one of {', '.join(KINDS)}.")
    options: dict[str, Any] = {
        "modes": _modes(modes),
        "hold_out": None if hold_out == "none" else hold_out,
        "fixed": _fixed(fix or []),
    }
    prepare()
    from mho import fitting

    path = measurement if measurement is not None else fitting.packaged_measurement()
    chosen = fitting.kind_of(path) if kind == "auto" else kind
    if chosen != "gate":
        _other(path, chosen, model, step, onto, seed, out, plot)
        return
    _gate(path, start, options, seed, out, plot)


def _gate(path: Path, start: str, options: dict[str, Any], seed: int, out: Path | None, plot: Path | None) -> None:
    import jax

    from mho import fitting
    from mho.devices import parameters
    from mho.studies.stages.measurement import fit_measurement

    data = fitting.read_pulses(path)
    typer.echo(str(data))
    found = fit_measurement(data, parameters(start), key=jax.random.key(seed), progress=_tell(), **options)
    typer.echo(f"\n{found}")
    if out is not None:
        typer.echo(f"\nset   {found.parameters.save(out)}")
    if plot is not None:
        typer.echo(f"plot  {_plot(found, plot)}")


def _other(
    path: Path,
    kind: str,
    model: str | None,
    step: str | None,
    onto: str | None,
    seed: int,
    out: Path | None,
    plot: Path | None,
) -> None:
    """A measurement of any kind but gate pulses."""
    if model is not None and kind not in _FIRST:
        raise MeasurementError(f"--model is for iv and ramp; the laws of a {kind} file are compared by themselves.")
    import jax

    from mho.core.quantities import si

    base = _base(kind, onto, out)
    data = _read(path, kind, None if step is None else si(step, "s"))
    typer.echo(f"kind  {kind}\n{data}")
    found = _fitted(data, kind, model, jax.random.key(seed))
    typer.echo(f"\n{found}")
    best = getattr(found, "best", found)
    if found is not best:
        typer.echo(f"\n{best}")
    if out is not None:
        result = best.parameters if base is None else replace(best.onto(base), name=out.stem)
        typer.echo(f"\nset   {result.save(out)}")
    if plot is not None:
        typer.echo(f"plot  {best.plot(plot)}")


def _base(kind: str, onto: str | None, out: Path | None) -> Any:
    """The parameter set that a law is laid over, or None: refused before the fit if it cannot be."""
    if out is None or kind not in (*_LAWS, "paired"):
        return None
    if kind == "paired":
        raise MeasurementError(
            "Paired pulses give relaxation times and a release (exponentials, or Tsodyks and Markram's model), which "
            "are no effect that could be laid over a device: leave --out away. For a device of its own, fit its gate "
            "pulses: mho fit pulses.csv --kind gate --out FILE."
        )
    if onto is None:
        raise MeasurementError(
            f"A {kind} file gives a law of {_LAWS[kind]}, which is a law, not a device, and --out needs one. Say which "
            "device it is laid over: --onto NAME (see 'mho device list')."
        )
    from mho.devices import parameters
    from mho.fitting.laying import refuse_own

    base = parameters(onto)
    refuse_own(base, (_LAWS[kind],))
    return base


def _read(path: Path, kind: str, step: float | None) -> Any:
    from mho import fitting

    if kind == "iv":
        return fitting.read_sweep(path, step=step)
    readers = {
        "ramp": fitting.read_ramp,
        "retention": fitting.read_retention,
        "noise": fitting.read_noise,
        "endurance": fitting.read_endurance,
        "paired": fitting.read_paired_pulses,
    }
    return readers[kind](path)


def _fitted(data: Any, kind: str, model: str | None, key: Any) -> Any:
    """The fit of one kind: of the model asked for, or of all."""
    from mho import fitting

    if kind == "iv":
        if model == "all":
            return fitting.compare(data, _ALL["iv"], key=key, progress=_tell())
        return fitting.fit_sweep(model or _FIRST["iv"], data, key=key, progress=_tell())
    if kind == "ramp":
        if len(data.names) > 1 and model is None:
            for direction in sorted(set(data.direction.tolist()), reverse=True):
                if sum(data.direction == direction) > 1 and len(set(data.device.tolist())) == 1:
                    typer.echo(f"\n{fitting.ramp_population(data.going(direction))}")
        if model in (None, "all"):
            return fitting.compare_ramps(data, _ALL["ramp"], key=key)
        return fitting.fit_ramp(model, data, key=key)
    if kind in ("noise", "endurance"):
        return {"noise": fitting.fit_noise, "endurance": fitting.fit_endurance}[kind](data)
    return {"retention": fitting.fit_retention, "paired": fitting.fit_paired_pulses}[kind](data, key=key)


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
