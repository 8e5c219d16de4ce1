"""``mho simulate``: a SPICE netlist in, waveforms and measurements out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.asked import Asked, Files, check
from mho.cli.curves import draw
from mho.cli.environment import prepare
from mho.cli.failure import told
from mho.cli.samples import draw_distributions, many, noise_of, specifications, tell, write_csv, write_json
from mho.cli.text import aligned


@told
def simulate(
    netlist: Annotated[Path, typer.Argument(help="A SPICE netlist (.cir) with .tran, .ac, .noise, .dc or .op.")],
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the saved signals, one row a point; of samples, one row each.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write signals, measurements and notes.")] = None,
    raw: Annotated[Path | None, typer.Option("--raw", help="Write a raw file, as ngspice does.")] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", help="Draw the signals as SVG: curves, a Bode plot of .ac, distributions of samples."),
    ] = None,
    analysis: Annotated[
        str | None, typer.Option(help="tran, ac, noise, dc or op, where the netlist asks for several.")
    ] = None,
    energy: Annotated[
        bool,
        typer.Option("--energy", help="Tell what each source delivered in the whole transient, its start included."),
    ] = False,
    samples: Annotated[
        int | None, typer.Option("-n", "--samples", help="Samples to draw (of each corner), with what varies.")
    ] = None,
    mismatch: Annotated[bool, typer.Option("--mismatch", help="Vary every transistor after Pelgrom.")] = False,
    avt: Annotated[
        str | None, typer.Option(help="Pelgrom's coefficient of the threshold for all, in V m: 3.5n is 3.5 mV um.")
    ] = None,
    abeta: Annotated[str | None, typer.Option(help="Of the current factor, in m: 10n is 1 % um.")] = None,
    spread: Annotated[
        list[str] | None,
        typer.Option(help="Vary one number: r1=5% (log-normal), m1.kp=3%, vdd=10m (standard deviation). Repeatable."),
    ] = None,
    corners: Annotated[
        str | None,
        typer.Option(
            help="five (or nothing after it): tt ff ss fs sf, and each supply and temperature; full: the grid."
        ),
    ] = None,
    supply: Annotated[
        list[str] | None, typer.Option(help="A supply of the corners and its tolerance, vdd=10%. Repeatable.")
    ] = None,
    temperatures: Annotated[str | None, typer.Option(help="Of the corners in degrees Celsius: -40,27,85.")] = None,
    noise: Annotated[
        str | None,
        typer.Option(
            help="Noise of all elements in the transient, up to this bandwidth in Hz: 100meg; with nothing after it, "
            "up to half the rate of .tran's print step."
        ),
    ] = None,
    spikes: Annotated[
        str | None,
        typer.Option(
            help="Measure the spikes of a node, 'v(spk)=0.5': rate, width, jitter, energy from one to the next; "
            "'v(spk)=0.5 after=20u' leaves the start-up out."
        ),
    ] = None,
    spec: Annotated[
        list[str] | None,
        typer.Option(help="A limit for the yield: width=190n..210n, 'energy<2p'. Repeatable."),
    ] = None,
    parameters: Annotated[bool, typer.Option("--parameters", help="Write the numbers drawn for each sample.")] = False,
    waveforms: Annotated[
        bool, typer.Option("--waveforms", help="Keep the signals of all samples (memory: all points of all samples).")
    ] = False,
    workers: Annotated[int | None, typer.Option(help="Processes that share the samples.")] = None,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 1,
) -> None:
    """Simulate a SPICE netlist: signals under ngspice's names, and the results of its .measure lines.

    Whatever in the netlist is not used is named on the error stream, with its line; what mho cannot simulate ends the
    program. The EKV subcircuits of behavioural sources are recognised, and run as mho's own transistor. Of many samples
    only what is measured is kept, so that ten thousand fit into memory.

    Examples:
      mho simulate neuron.cir --csv neuron.csv --plot neuron.svg

      mho simulate stage.cir --analysis ac --plot bode.svg

      mho simulate neuron.cir --spikes "v(spk)=0.5 after=20u" --energy

      mho simulate neuron.cir --samples 1000 --mismatch --spikes "v(spk)=0.5" --csv samples.csv --plot spread.svg

      mho simulate neuron.cir -n 1000 --mismatch --spikes "v(spk)=0.5" --spec "width=190n..210n" --spec "energy<2p"

      mho simulate neuron.cir --corners full --supply vdd=10% --temperatures -40,27,85 --spikes "v(spk)=0.5"

      mho simulate ring.cir --noise 10g --samples 100 --spikes "v(out)=0.5" --json jitter.json

      mho simulate filter.cir --samples 500 --spread r1=5% --spread c1=10% --json spread.json
    """
    from mho.netlists import outline

    asked = Asked(
        analysis, energy, samples, seed, mismatch, avt, abeta, tuple(spread or ()), corners, tuple(supply or ()),
        temperatures, spikes, tuple(spec or ()), workers, noise, waveforms,
    )  # fmt: skip
    files = Files(csv, json, raw, plot)
    check(asked, files, outline(netlist))
    prepare()
    if asked.measured:
        _population(netlist, asked, files, drawn=parameters)
    else:
        _single(netlist, asked, files)


def _population(netlist: Path, asked: Asked, files: Files, *, drawn: bool) -> None:
    """Many samples: what was measured of each."""
    read, found = many(netlist, asked)
    specs = specifications(asked.specs)
    tell(found, specs)
    if files.csv is not None:
        write_csv(found, files.csv, drawn=drawn)
        typer.echo(f"csv   {files.csv}")
    if files.json is not None:
        write_json(read.title, found, specs, files.json, drawn=drawn)
        typer.echo(f"json  {files.json}")
    if files.plot is not None:
        if draw_distributions(found, specs, read.title or netlist.name, files.plot):
            typer.echo(f"plot  {files.plot}")
        else:
            typer.echo("note  no measurement differs between samples: there is no distribution to draw.", err=True)


def _single(netlist: Path, asked: Asked, files: Files) -> None:
    """One circuit, or samples whose waveforms are kept."""
    from mho.interchange.spice import asked as asked_of
    from mho.interchange.spice import read_spice, tables
    from mho.interchange.spice import simulate as run

    read = read_spice(netlist)
    for note in read.notes:
        typer.echo(f"note  {note}", err=True)
    wanted = asked_of(read)
    others = [x for x in wanted if x != (asked.analysis or wanted[0])]
    if others:
        typer.echo(f"note  the netlist asks for .{', .'.join(others)} too: --analysis {others[0]}", err=True)
    outcome = run(read, analysis=asked.analysis, samples=asked.samples, seed=asked.seed, noise=noise_of(asked, read))
    _tell(outcome)
    if asked.energy:
        _tell_energy(outcome, read)
    if files.csv is not None:
        tables.write_csv(outcome, files.csv)
        typer.echo(f"csv   {files.csv}")
    if files.json is not None:
        tables.write_json(read, outcome, files.json)
        typer.echo(f"json  {files.json}")
    if files.raw is not None:
        tables.write_raw(read, outcome, files.raw)
        typer.echo(f"raw   {files.raw}")
    if files.plot is not None:
        draw(outcome, read.title or netlist.name, files.plot)
        typer.echo(f"plot  {files.plot}")


def _tell_energy(outcome: Any, read: Any) -> None:
    """What every source delivered, what took it, and whether the books balance."""
    import numpy as np

    from mho.core.quantities import engineering

    books = outcome.run.ledger
    rows = [[f"  {n}", f"delivered {engineering(float(np.mean(x)), 'J', digits=4)}"] for n, x in books.supplies.items()]
    rows.append(["  elements", f"dissipated {engineering(float(np.mean(books.dissipated)), 'J', digits=4)}"])
    rows.append(["  elements", f"stored {engineering(float(np.mean(books.stored)), 'J', digits=4)}"])
    typer.echo(f"energy  from the start to {engineering(read.requests.tran.stop, 's')}\n" + aligned(rows))


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
