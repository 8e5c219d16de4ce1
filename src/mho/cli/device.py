"""``mho device``: the packaged parameter sets, number by number."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.environment import prepare
from mho.cli.failure import told
from mho.cli.text import aligned

verbs = typer.Typer(
    help="Devices: sets of numbers, each with source, place and manner.", no_args_is_help=True, rich_markup_mode=None
)


@verbs.command("list")
@told
def list_(
    technology: Annotated[
        str | None, typer.Option(help="Only sets whose technology contains this: ECRAM, ReRAM, PCM, ...")
    ] = None,
) -> None:
    """Name the packaged parameter sets, by technology.

    Examples:
      mho device list

      mho device list --technology reram
    """
    prepare()
    from mho.core.errors import ParameterError
    from mho.devices import parameter_sets, parameters

    shelves: dict[str, list[list[str]]] = {}
    for name in parameter_sets():
        found = parameters(name)
        shelf = found.technology or "other"
        shelf = next((s for s in shelves if s.lower() == shelf.lower()), shelf)
        shelves.setdefault(shelf, []).append([f"  {found.name}", found.model, found.summary])
    wanted = {k: v for k, v in shelves.items() if technology is None or technology.lower() in k.lower()}
    if not wanted:
        raise ParameterError(f"--technology {technology!r} is none of {', '.join(sorted(shelves))}.")
    typer.echo("\n\n".join(f"{k}\n{aligned(rows)}" for k, rows in sorted(wanted.items(), key=lambda x: x[0].lower())))


@verbs.command()
@told
def show(
    name: Annotated[str, typer.Argument(help="A packaged set, or the path of your own ending in .toml.")],
    toml: Annotated[
        bool, typer.Option("--toml", help="Print the set as TOML, to be changed and used by its path.")
    ] = False,
) -> None:
    """Show every number of a parameter set with where it comes from.

    Examples:
      mho device show ecram_stp_ref

      mho device show ecram_stp_ref --toml > mine.toml
    """
    prepare()
    from mho.devices import parameters

    found = parameters(name)
    if toml:
        import tomli_w

        typer.echo(tomli_w.dumps(found.as_toml()), nl=False)
        return
    typer.echo(f"{found.name} ({found.model}): {found.summary}")
    if found.note:
        typer.echo(found.note)
    typer.echo(f"{100 * found.assumed_share():.0f} % of the numbers are assumptions.\n")
    every = sorted(found.every_number().items(), key=lambda item: "." in item[0])  # of the model itself first
    rows = [[key, str(number), number.how, f"{number.source}: {number.where}"] for key, number in every]
    rows += [
        [f"spread.{key}", f"{100 * s.relative:.3g} %", s.how, f"{s.source}: {s.where}"]
        for key, s in found.spread.items()
    ]
    typer.echo(aligned([["number", "value", "how", "source"], *rows]))
    typer.echo("\nSources")
    typer.echo(aligned([["  " + key, source.get("text", "")] for key, source in found.sources.items()]))


_SET = "A packaged set (mho device list), or the path of your own ending in .toml, as mho fit --out writes it."
_Temperature = Annotated[str, typer.Option(help="At which it is written, kept and read: '27 C', '300 K'.")]
_Samples = Annotated[
    int,
    typer.Option(
        "-n",
        "--samples",
        help="Devices drawn for spread and noise, at least 2; four times as many for programmed arrays.",
    ),
]
_Seed = Annotated[int, typer.Option(help="Of everything that is drawn; one seed gives one sheet.")]
_Html = Annotated[bool, typer.Option("--html", help="Write one self-contained page instead of text.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the sheet as JSON, in SI units.")]
_Out = Annotated[Path | None, typer.Option("--out", "-o", help="Where to write the page or the JSON.")]


@verbs.command()
@told
def datasheet(
    name: Annotated[str, typer.Argument(help=_SET)],
    html: _Html = False,
    json: _Json = False,
    out: _Out = None,
    temperature: _Temperature = "27 C",
    rate: Annotated[str, typer.Option(help="Full write cycles per second, for the functional life.")] = "1 Hz",
    samples: _Samples = 32,
    seed: _Seed = 1,
) -> None:
    """Measure a device on the bench: window, steps, linearity, spread, effective bits, energy, drift, retention, life.

    Every figure has its definition, conditions and the sources of the numbers behind it (--html and --json show them).
    Where the model cannot say, the sheet says why. What a source claims and no model computes is marked as a claim.

    Examples:
      mho device datasheet ecram_stp_ref

      mho device datasheet my_ecram.toml --temperature "85 C"

      mho device datasheet ecram_stp_ref --html --out ecram.html
    """
    options = _options(temperature, rate, samples, seed, html, json)
    prepare()
    from mho.devices import parameters
    from mho.metrics.sheet import datasheet as measure

    numbers = parameters(name)
    sheet = measure(numbers, **options)
    if json:
        return _told_json(sheet.as_dict(), out)
    if html:
        from mho.report.sheet_page import page

        return _told_page(page(sheet), out or Path(f"{numbers.name}.html"))
    from mho.report.sheet_text import text

    typer.echo(text(sheet, width=_width()))


@verbs.command()
@told
def compare(
    names: Annotated[list[str], typer.Argument(help="Two or more packaged sets or paths ending in .toml.")],
    html: _Html = False,
    json: _Json = False,
    out: _Out = None,
    temperature: _Temperature = "27 C",
    rate: Annotated[str, typer.Option(help="Full write cycles per second, for the functional life.")] = "1 Hz",
    samples: _Samples = 32,
    seed: _Seed = 1,
) -> None:
    """Datasheets of several devices side by side: one row a figure, one column a device.

    Examples:
      mho device compare ecram_li_tang ecram_mo_kim

      mho device compare ecram_stp_ref my_ecram.toml --html --out compared.html
    """
    options = _options(temperature, rate, samples, seed, html, json)
    prepare()
    from mho.core.errors import ParameterError
    from mho.devices import parameters
    from mho.metrics.sheet import datasheet as measure

    if len(set(names)) < 2:
        raise ParameterError(f"To compare takes two different sets, and {', '.join(names)} is one. Name another.")
    sheets = [measure(numbers, **options) for numbers in [parameters(name) for name in dict.fromkeys(names)]]
    if json:
        return _told_json({"sheets": [sheet.as_dict() for sheet in sheets]}, out)
    if html:
        from mho.report.sheet_page import compared_page

        return _told_page(compared_page(sheets), out or Path("compared.html"))
    from mho.report.sheet_compared import rows

    typer.echo(_columns(rows(sheets)))


@verbs.command()
@told
def bits(
    names: Annotated[list[str] | None, typer.Argument(help="Sets; all packaged ones if none is named.")] = None,
    samples: _Samples = 32,
    seed: _Seed = 1,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a table in Markdown.")] = False,
) -> None:
    """Effective bits of every set, and what limits them: where the three to six bits of the literature come from.

    Example:
      mho device bits
    """
    prepare()
    from mho.devices import parameter_sets, parameters
    from mho.metrics.sheet import datasheet as measure
    from mho.report.sheet_compared import bits_rows, markdown_table

    sheets = (measure(numbers, n=samples, seed=seed) for numbers in map(parameters, names or parameter_sets()))
    found = bits_rows(sheets)
    typer.echo(markdown_table(found) if markdown else _columns(found))


def _options(temperature: str, rate: str, samples: int, seed: int, html: bool, json: bool) -> dict[str, Any]:
    from mho.core.errors import InputError
    from mho.core.quantities import si

    if html and json:
        raise InputError("--html and --json are two forms of one sheet. Give one of them.")
    text = temperature.strip()
    celsius = text.removesuffix("degC").removesuffix("°C").removesuffix("C").strip()
    kelvin = si(celsius, "1") + 273.15 if celsius != text else si(text, "K")
    return {"temperature": kelvin, "rate": si(rate, "Hz"), "n": samples, "seed": seed}


def _width() -> int:
    return max(min(shutil.get_terminal_size((110, 24)).columns, 130), 60)


def _columns(table: list[list[str]]) -> str:
    """Rows under each other, every column as wide as its widest cell."""
    wide = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip() for row in table)


def _told_json(record: dict[str, Any], out: Path | None) -> None:
    import json

    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    if out is None:
        typer.echo(text)
    else:
        _told_page(text + "\n", out)


def _told_page(text: str, out: Path) -> None:
    from mho.studies.folder import write

    typer.echo(f"sheet  {write(out, text)}")
