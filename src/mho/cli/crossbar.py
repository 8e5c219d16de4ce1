"""``mho crossbar``: what an array of conductances does with its voltages, wires and all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.environment import prepare
from mho.cli.failure import told
from mho.cli.text import aligned

verbs = typer.Typer(help="Arrays of conductances on resistive wires.", no_args_is_help=True)
_MOST = 8  # columns told one by one


@verbs.command("solve")
@told
def solve(
    conductances: Annotated[
        Path, typer.Argument(help="Rows of conductances, CSV or NPY; a first line such as 'g [uS]' gives the unit.")
    ],
    voltages: Annotated[
        Path, typer.Argument(help="A voltage for each row of the array; more columns are more inputs. CSV or NPY.")
    ],
    wire_resistance: Annotated[str, typer.Option(help="Of a segment of row and column, for example '2 ohm'.")] = "0",
    row_resistance: Annotated[str | None, typer.Option(help="Of a row's segment, where it differs.")] = None,
    column_resistance: Annotated[str | None, typer.Option(help="Of a column's segment, where it differs.")] = None,
    driver_resistance: Annotated[str, typer.Option(help="In series with each row's driver.")] = "0",
    sense_resistance: Annotated[str, typer.Option(help="In series with what senses each column.")] = "0",
    node: Annotated[int | None, typer.Option(help="Take the segments of a technology node [nm], 130 to 7.")] = None,
    both_sides: Annotated[bool, typer.Option("--both-sides", help="Connect both ends of every line.")] = False,
    tolerance: Annotated[float, typer.Option(help="Relative residual.")] = 1e-10,
    out: Annotated[Path | None, typer.Option(help="Write currents (.csv), or node voltages too (.npz).")] = None,
    heatmap: Annotated[Path | None, typer.Option(help="Draw voltages and currents of the first input, as SVG.")] = None,
) -> None:
    """Solve an array exactly: the current of each column, and how much of it the wires take.

    Rows are driven at the left, columns are held at 0 V at the bottom. A cell of 0 S is open.

    Examples:
      mho crossbar solve g.csv v.csv --wire-resistance '2 ohm' --heatmap drop.svg

      mho crossbar solve g.npy v.npy --node 22 --driver-resistance '1 kOhm' --out solved.npz
    """
    prepare()
    import numpy as np

    from mho import crossbars
    from mho.crossbars.tables import read_conductances, read_voltages

    g = read_conductances(conductances)
    v = read_voltages(voltages, g.shape[0])
    wires = _wires(wire_resistance, row_resistance, column_resistance, driver_resistance, sense_resistance, node)
    found = crossbars.solve(g, crossbars.driven(v, g.shape[1], both_sides=both_sides), wires, tolerance=tolerance)
    ideal = v @ g
    currents = np.asarray(found.i_column)
    _tell(g, currents, ideal, found, wires)
    if out is not None:
        _write(out, currents, ideal, found)
        typer.echo(f"out      {out}")
    if heatmap is not None:
        _draw(heatmap, found)
        typer.echo(f"heatmap  {heatmap}")


def _wires(segment: str, row: str | None, column: str | None, driver: str, sense: str, node: int | None) -> Any:
    from mho.core.errors import InputError
    from mho.core.quantities import si
    from mho.crossbars import Wires, wires_at

    r_driver, r_sense = si(driver, "ohm"), si(sense, "ohm")
    if node is not None:
        if row is not None or column is not None or si(segment, "ohm") != 0.0:
            raise InputError("--node gives the resistance of the segments. Leave the other resistances of wires out.")
        return wires_at(node, r_driver=r_driver, r_sense=r_sense)
    both = si(segment, "ohm")
    return Wires(
        both if row is None else si(row, "ohm"), both if column is None else si(column, "ohm"), r_driver, r_sense
    )


def _tell(g: Any, currents: Any, ideal: Any, found: Any, wires: Any) -> None:
    """The array, its columns, and what the wires cost."""
    import numpy as np

    from mho.core.quantities import engineering

    inputs = len(currents)
    typer.echo(
        f"{g.shape[0]} x {g.shape[1]} cells, {inputs} input{'s' if inputs > 1 else ''}; segments of "
        f"{engineering(float(wires.r_row), 'ohm')} (rows) and {engineering(float(wires.r_column), 'ohm')} (columns); "
        f"{int(np.max(found.iterations))} iterations, relative residual {float(np.max(found.residual)):.1e}"
    )
    size = np.abs(ideal).max()
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(ideal == 0.0, 0.0, currents / np.where(ideal == 0.0, 1.0, ideal) - 1.0)
    rows = [["column", "current", "without wires", "lost in wires"]]
    for j in range(min(g.shape[1], _MOST)):
        rows.append(
            [str(j), engineering(currents[0, j], "A"), engineering(ideal[0, j], "A"), f"{-100 * error[0, j]:.3g} %"]
        )
    typer.echo(aligned(rows))
    if g.shape[1] > _MOST:
        typer.echo(f"and {g.shape[1] - _MOST} more columns (--out writes all)")
    rms = np.sqrt(np.mean((currents - ideal) ** 2))
    share = f", {100 * rms / size:.3g} % of the largest current" if size > 0 else ""
    typer.echo(
        f"IR-drop error: {engineering(rms, 'A')} rms{share}; largest {100 * np.abs(error).max():.3g} % of a column"
    )


def _write(path: Path, currents: Any, ideal: Any, found: Any) -> None:
    from mho.crossbars.tables import write_columns, write_fields

    (write_fields if path.suffix == ".npz" else write_columns)(path, currents, ideal, found)


def _draw(path: Path, found: Any) -> None:
    from mho.report.figures import alone, figure
    from mho.studies.folder import write

    first = {
        "row voltage": (found.v_row, "V"),
        "column voltage": (found.v_column, "V"),
        "cell current": (found.i_cell, "A"),
    }
    maps = [
        {"kind": "heatmap", "label": label, "unit": unit, "values": x[0].tolist()} for label, (x, unit) in first.items()
    ]
    write(path, alone(figure(maps, name="array", title="Voltages and currents of the array", arrangement="row")))
