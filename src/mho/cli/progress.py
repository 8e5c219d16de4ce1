"""Progress for people: a moving bar on a terminal, a line a stage elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, NamedTuple, Self

import typer


class Part(NamedTuple):
    """A part of a program's work that is watched; the stages of a study are such too."""

    name: str
    title: str


def watcher() -> Bars | Lines:
    """What suits where the program's messages go."""
    return Bars() if sys.stderr.isatty() else Lines()


class Lines:
    """One line for each stage, when it has ended; for logs and pipes."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def begin(self, stage: Any, index: int, total: int) -> None:
        """Remember where the stage stands."""
        self._places[stage.name] = f"[{index}/{total}]"

    def update(self, stage: Any, fraction: float, text: str = "") -> None:
        """Lines tell only what has ended."""

    def end(self, stage: Any, seconds: float, *, kept: bool) -> None:
        """Write the stage's line."""
        typer.echo(self.line(stage, seconds, kept), err=True)

    def line(self, stage: Any, seconds: float, kept: bool) -> str:
        """What is said about a stage that has ended."""
        took = "kept from an earlier run" if kept else f"{seconds:.1f} s"
        return f"{self._places[stage.name]} {stage.name}: {stage.title} ({took})"


class Bars:
    """A bar over all stages, and one for each that is running."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=28), TaskProgressColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._lines = Lines()
        self._all = self._progress.add_task("study", total=None)
        self._running: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, stage: Any, index: int, total: int) -> None:
        """Add the stage's bar."""
        self._lines.begin(stage, index, total)
        self._progress.update(self._all, total=total)
        self._running[stage.name] = self._progress.add_task(f"{stage.name}: {stage.title}", total=1.0)

    def update(self, stage: Any, fraction: float, text: str = "") -> None:
        """Move the stage's bar."""
        self._progress.update(
            self._running[stage.name], completed=fraction, description=f"{stage.name}: {text or stage.title}"
        )

    def end(self, stage: Any, seconds: float, *, kept: bool) -> None:
        """Take the stage's bar away and leave its line above."""
        self._progress.remove_task(self._running.pop(stage.name))
        self._progress.advance(self._all)
        self._progress.print(self._lines.line(stage, seconds, kept), highlight=False, markup=False)
