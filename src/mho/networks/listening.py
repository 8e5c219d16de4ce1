"""Hearing what flows through a network from outside, wherever in it a product is formed: in a loop, in a batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import numpy as np


class Heard(NamedTuple):
    """One word: who said it, and its arrays, those of a whole batch at once."""

    name: str
    what: tuple[np.ndarray, ...]


_LOCK = threading.Lock()
_EAR: list[Callable[[Heard], None]] = []


@contextmanager
def listening(ear: Callable[[Heard], None]) -> Iterator[None]:
    """While it lasts, `ear` is told what :func:`say` says in programs that run here. One listens at a time."""
    with _LOCK:
        _EAR.append(ear)
        try:
            yield
            jax.effects_barrier()
        finally:
            _EAR.pop()


def _tell(name: str, *what: Any) -> None:
    if _EAR:
        _EAR[-1](Heard(name, tuple(np.asarray(x) for x in what)))


def say(name: str, *what: Any) -> tuple[Any, ...]:
    """The arrays `what`, which are told to whoever listens when the program gets there.

    A batch (:func:`jax.vmap`, nested or not) is told in one word, its axes first.
    """

    @jax.custom_batching.custom_vmap
    def through(*what: Any) -> Any:
        jax.debug.callback(_tell, name, *what)
        return what

    @through.def_vmap
    def _(size: int, batched: Any, *what: Any) -> Any:
        full = tuple(
            x if own else jax.numpy.broadcast_to(x, (size, *x.shape)) for x, own in zip(what, batched, strict=True)
        )
        return say(name, *full), (True,) * len(full)

    return through(*what)
