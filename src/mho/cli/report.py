"""``mho report``: make the page anew from results that lie in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mho.cli.failure import told


@told
def report(folder: Annotated[Path, typer.Argument(help="Results folder of a study, with results.json.")]) -> None:
    """Make report.html anew from the results of a finished study.

    Example:
      mho report results/ecram-stp
    """
    from mho.report import build

    typer.echo(f"report   {build(folder)}")
