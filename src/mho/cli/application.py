"""The program ``mho``: its verbs, in the order in which a person meets them."""

from __future__ import annotations

from typing import Annotated

import typer

from mho import __version__
from mho.cli import asked, chip, crossbar, design, device, export, fit, report, simulate, study

application = typer.Typer(
    name="mho",
    help=(
        "From a laboratory's pulse measurement to spiking networks, with one device model at every floor.\n\n"
        "Start with the study that needs nothing but this program:\n\n"
        "  mho study run ecram-stp\n\n"
        "or with your own gate pulses:\n\n"
        "  mho fit pulses.csv --plot fit.svg\n\n"
        "  mho study run ecram-stp --measurement pulses.csv"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
application.add_typer(study.verbs, name="study")
application.command("fit")(fit.fit)
application.add_typer(device.verbs, name="device")
application.add_typer(crossbar.verbs, name="crossbar")
application.add_typer(chip.verbs, name="chip")
application.command("design")(design.design)
application.command("simulate", cls=asked.BareOptions)(simulate.simulate)
application.command("export")(export.export)
application.command("report")(report.report)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mho {__version__}")
        raise typer.Exit()


@application.callback(help=application.info.help)
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """What every verb shares; its options act by their callbacks."""
