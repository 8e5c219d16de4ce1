"""``mho study``: list, show and run studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.environment import prepare
from mho.cli.failure import told
from mho.cli.text import aligned
from mho.core.errors import StudyError
from mho.studies import STUDIES

verbs = typer.Typer(
    help="Questions that mho answers from end to end, each with a report.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(help="Name of the study; 'mho study list' has them.")]


@verbs.command("list")
@told
def list_() -> None:
    """Name the studies and what each answers."""
    typer.echo(aligned([[name, entry.summary] for name, entry in STUDIES.items()]))


@verbs.command()
@told
def show(
    name: Name,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the record as TOML, to be changed and run with --config.")
    ] = False,
) -> None:
    """Explain a study: its question, its stages, and every field with default and range.

    Example:
      mho study show ecram-stp --toml > mine.toml
    """
    from mho.studies import described, lookup

    study = lookup(name)
    if toml:
        typer.echo(study().to_toml(), nl=False)
        return
    typer.echo(f"{study.title}\n{study.question}\n\nStages")
    typer.echo(aligned([["  " + stage.name, stage.title] for stage in study.stages()]))
    typer.echo("\nFields (change one with --set field=value)")
    rows = [
        ["  " + r["field"], r["default"], r["meaning"] + (f" ({r['allowed']})" if r["allowed"] else "")]
        for r in described(study)
    ]
    typer.echo(aligned(rows))


@verbs.command()
@told
def run(
    name: Name,
    measurement: Annotated[
        Path | None, typer.Option(help="Your own pulse measurement (CSV with units in its headings).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Results folder; default results/NAME.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random draw.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Change a field: --set 'supply=1.1 V'. May be repeated."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Record as TOML; see 'mho study show NAME --toml'.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do not use what an earlier run has kept.")] = False,
) -> None:
    """Run a study and write results.json and report.html.

    An interrupted run goes on where it stopped; a changed record, input or version starts anew.

    Examples:
      mho study run ecram-stp

      mho study run ecram-stp --measurement pulses.csv --out mine

      mho study run ecram-stp --set "population=200" --seed 7
    """
    prepare()  # before the record: checking the names in it loads the floors, and with them JAX
    from mho.studies import lookup

    record_class = lookup(name)
    values = _changes(set_ or [])
    if measurement is not None:
        values["measurement"] = str(measurement)
    if seed is not None:
        values["seed"] = seed
    record = record_class.from_toml(config) if config is not None else record_class()
    if values:
        record = record.with_values(**values)
    _run(record, out, fresh)


def _run(record: Any, out: Path | None, fresh: bool) -> None:
    from mho.cli.progress import watcher
    from mho.studies.execution import default_folder
    from mho.studies.execution import run as run_study

    folder = out if out is not None else default_folder(record)
    try:
        with watcher() as progress:
            results = run_study(record, folder, progress, fresh=fresh)
        from mho.report import build  # matplotlib, not needed before

        page = build(folder)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(_kept(folder))
        raise
    typer.echo("")
    for paragraph in results["answer"]:
        typer.echo(paragraph)
    _headline(results)
    typer.echo(f"\nreport   {page}\nresults  {folder / 'results.json'}")


def _headline(results: dict[str, Any]) -> None:
    from mho.report.tables import kpi_row

    rows = {row["key"]: row for row in map(kpi_row, results["kpis"])}
    shown = [rows[name] for name in results["study"]["headline"] if name in rows]
    if shown:
        typer.echo("\n" + aligned([[r["name"], r["value"], r["spread"]] for r in shown]))


def _kept(folder: Path) -> str:
    kept = sorted(path.stem for path in (folder / "stages").glob("*.json"))
    if not kept:
        return "No stage had finished."
    return f"Finished stages are kept in {folder}: {', '.join(kept)}. The same command goes on from there."


def _changes(texts: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not equals or not field.strip():
            raise StudyError(f"--set {text!r} is not field=value. Write for example --set 'seed=7'.")
        values[field.strip()] = value.strip()
    return values
