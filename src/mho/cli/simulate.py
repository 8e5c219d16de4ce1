"""``mho simulate``: a SPICE netlist in, waveforms and measurements out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.curves import draw
from mho.cli.environment import prepare
from mho.cli.failure import told
from mho.cli.text import aligned


@told
def simulate(
    netlist: Annotated[Path, typer.Argument(help="A SPICE netlist (.cir) with .tran, .ac, .noise, .dc or .op.")],
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the saved signals, one row a point.")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write signals, measurements and notes.")] = None,
    raw: Annotated[Path | None, typer.Option("--raw", help="Write a raw file, as ngspice does.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the saved signals as SVG; those of .ac as a Bode plot.")
    ] = None,
    analysis: Annotated[
        str | None, typer.Option(help="tran, ac, noise, dc or op, where the netlist asks for several.")
    ] = None,
    samples: Annotated[int | None, typer.Option("-n", "--samples", help="Samples to draw, with --mismatch.")] = None,
    mismatch: Annotated[bool, typer.Option("--mismatch", help="Vary every EKV transistor after Pelgrom.")] = False,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 1,
) -> None:
    """Simulate a SPICE netlist: signals under ngspice's names, and the results of its .measure lines.

    Whatever in the netlist is not used is named on the error stream, with its line; what mho cannot simulate ends the
    program. The EKV subcircuits of behavioural sources are recognised, and run as mho's own transistor.

    Examples:
      mho simulate neuron.cir --csv neuron.csv --plot neuron.svg

      mho simulate neuron.cir --samples 100 --mismatch --json spread.json
    """
    _check(samples, mismatch)
    prepare()
    from mho.interchange.spice import asked, read_spice, tables
    from mho.interchange.spice import simulate as run

    read = read_spice(netlist)
    for note in read.notes:
        typer.echo(f"note  {note}", err=True)
    others = [x for x in asked(read) if x != (analysis or asked(read)[0])]
    if others:
        typer.echo(f"note  the netlist asks for .{', .'.join(others)} too: --analysis {others[0]}", err=True)
    outcome = run(read, analysis=analysis, samples=samples, seed=seed)
    _tell(outcome)
    if csv is not None:
        tables.write_csv(outcome, csv)
        typer.echo(f"csv   {csv}")
    if json is not None:
        tables.write_json(read, outcome, json)
        typer.echo(f"json  {json}")
    if raw is not None:
        tables.write_raw(read, outcome, raw)
        typer.echo(f"raw   {raw}")
    if plot is not None:
        draw(outcome, read.title or netlist.name, plot)
        typer.echo(f"plot  {plot}")


def _check(samples: int | None, mismatch: bool) -> None:
    from mho.core.errors import InputError

    if (samples is not None) != mismatch:
        raise InputError("--samples and --mismatch go together: how many, and what varies. Give both, or none.")
    if samples is not None and not 1 <= samples <= 100_000:
        raise InputError(f"--samples {samples} must be between 1 and 100 000.")


def _tell(outcome: Any) -> None:
    """What ran, and the measurements."""
    import numpy as np

    from mho.core.quantities import engineering

    count = len(outcome.points)
    points = sum(len(p) for p in outcome.points)
    many = f"{count} samples, " if outcome.population else ""
    typer.echo(f"{outcome.analysis}  {many}{points} points, {len(outcome.signals[0])} signals")
    for reason, number in outcome.failures.items():
        typer.echo(f"{number} of {count} samples failed: the circuit {reason}", err=True)
    rows = []
    for k, first in enumerate(outcome.measures[0]):
        values = np.array([m[k].value for m in outcome.measures])
        good = values[np.isfinite(values)]
        if outcome.population:
            spread = f"{np.mean(good):.6g} ± {np.std(good):.3g}" if good.size else "failed"
            rows.append([f"  {first.name}", spread, f"{good.size} of {count} samples"])
        else:
            rows.append([f"  {first.name}", f"{first.value:.8g}" if not first.failure else "failed", first.failure])
    if outcome.analysis == "op":
        rows += [
            [f"  {n}", engineering(float(x[0]), "A" if n[0] == "i" else "V")] for n, x in outcome.signals[0].items()
        ]
    rows += [[f"  {n}", engineering(x, "V"), ""] for n, x in list(outcome.totals.items())[:12]]
    if rows:
        typer.echo(aligned(rows))
