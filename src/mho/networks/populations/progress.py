"""How far a long run has come, for a person at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def watching(progress: bool | Callable[[int, int], None], total: int) -> Iterator[Callable[[int], None]]:
    """A function that is told how many steps are done: a bar on a terminal, a caller's own, or nothing.

    Args:
        progress: True for a bar (a line a tenth where there is no terminal), or a function of steps done and all steps.
        total: All steps.
    """
    if progress is False:
        yield lambda done: None
    elif progress is not True:
        own = progress
        yield lambda done: own(done, total)
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("steps"), BarColumn(bar_width=28), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("steps", total=total)
            yield lambda done: bar.update(task, completed=done)
    else:
        told = [0]

        def line(done: int) -> None:
            if 10 * done // total > told[0]:
                told[0] = 10 * done // total
                print(f"{done} of {total} steps", file=sys.stderr, flush=True)

        yield line
