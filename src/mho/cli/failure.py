"""How the program ends when it cannot go on: a sentence and an exit code, never half a file."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import typer

from mho.core.errors import MhoError

NOT_MET = 1  # it was done, and is not what was asked for
CANNOT = 2  # what was asked cannot be done as it was asked
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def told(verb: Callable[..., Any]) -> Callable[..., Any]:
    """A verb that tells mho's own errors as one message, and an interrupt with what was kept.

    Errors that mho does not raise on purpose keep their traceback: they are defects, and it is needed to mend them.
    """

    @functools.wraps(verb)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return verb(*args, **kwargs)
        except MhoError as error:
            _say(f"mho: {error}", error)
            raise typer.Exit(CANNOT) from None
        except KeyboardInterrupt as interrupt:
            _say("mho: interrupted.", interrupt)
            raise typer.Exit(INTERRUPTED) from None

    return guarded


def _say(message: str, error: BaseException) -> None:
    typer.echo("\n".join([message, *getattr(error, "__notes__", ())]), err=True)
