"""Progress for people: a moving bar on a terminal, a line a stage elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

import typer


def watcher() -> Bars | Lines:
    """What suits where the program's messages go."""
    return Bars() if sys.stderr.isatty() else Lines()


class Lines:
    """One line for each stage, when it has ended; for logs and pipes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def begin(self, stage: Any, index: int, total: int) -> None:
        """Remember where the run is."""
        self._place = f"[{index}/{total}]"

    def update(self, fraction: float, text: str = "") -> None:
        """Lines tell only what has ended."""

    def end(self, stage: Any, seconds: float, *, kept: bool) -> None:
        """Write the stage's line."""
        took = "kept from an earlier run" if kept else f"{seconds:.1f} s"
        typer.echo(f"{self._place} {stage.name}: {stage.title} ({took})", err=True)


class Bars:
    """A bar over the stages, and one inside the current stage."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=28), TaskProgressColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._lines = Lines()
        self._started = time.perf_counter()
        self._all = self._progress.add_task("study", total=1.0)
        self._one = self._progress.add_task("", total=1.0)
        self._place = (1, 1)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, stage: Any, index: int, total: int) -> None:
        """Start the inner bar anew."""
        self._lines.begin(stage, index, total)
        self._place = (index, total)
        self._progress.reset(self._one, total=1.0, description=f"{stage.name}: {stage.title}")
        self._progress.update(self._all, completed=(index - 1) / total)

    def update(self, fraction: float, text: str = "") -> None:
        """Move both bars."""
        index, total = self._place
        self._progress.update(self._one, completed=fraction, description=text or None)
        self._progress.update(self._all, completed=(index - 1 + fraction) / total)

    def end(self, stage: Any, seconds: float, *, kept: bool) -> None:
        """Fill the inner bar and leave the stage's line above."""
        self.update(1.0)
        self._progress.print(self._line(stage, seconds, kept), highlight=False)

    def _line(self, stage: Any, seconds: float, kept: bool) -> str:
        took = "kept from an earlier run" if kept else f"{seconds:.1f} s"
        return f"{self._lines._place.replace('[', chr(92) + '[')} {stage.name}: {stage.title} ({took})"
