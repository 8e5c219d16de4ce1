"""``mho device``: the packaged parameter sets, number by number."""

from __future__ import annotations

from typing import Annotated

import typer

from mho.cli.environment import prepare
from mho.cli.failure import told
from mho.cli.text import aligned

verbs = typer.Typer(
    help="Devices: sets of numbers, each with source, place and manner.", no_args_is_help=True, rich_markup_mode=None
)


@verbs.command("list")
@told
def list_() -> None:
    """Name the packaged parameter sets."""
    prepare()
    from mho.devices import parameter_sets, parameters

    sets = [parameters(name) for name in parameter_sets()]
    typer.echo(aligned([[s.name, s.model, s.summary] for s in sets]))


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
    rows = [[key, str(number), number.how, f"{number.source}: {number.where}"] for key, number in found.numbers.items()]
    typer.echo(aligned([["number", "value", "how", "source"], *rows]))
    typer.echo("\nSources")
    typer.echo(aligned([["  " + key, source.get("text", "")] for key, source in found.sources.items()]))
