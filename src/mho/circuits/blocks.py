"""Elements of one kind as one element whose numbers are stacked: traced and compiled once, whatever their count."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from mho.circuits.elements import AbstractElement


def kinds(elements: Sequence[AbstractElement], chosen: type | tuple[type, ...]) -> list[list[int]]:
    """Numbers of the elements of the `chosen` classes, grouped by what is compiled in but for their nodes."""
    found: dict[Any, list[int]] = {}
    for k, element in enumerate(elements):
        if isinstance(element, chosen):
            fields = dataclasses.fields(element)  # type: ignore[arg-type]
            static = (getattr(element, f.name) for f in fields if f.metadata.get("static"))
            # Names of nodes differ and do not matter; of several nodes in one field, their number does.
            own = tuple(len(x) if isinstance(x, tuple) else x for x in static if not isinstance(x, str))
            found.setdefault((type(element), own), []).append(k)
    return list(found.values())


def stacked(elements: Sequence[Any]) -> Any:
    """One element whose numbers are [element, lane], of several whose numbers are of lanes."""
    leaves = [jax.tree.leaves(e) for e in elements]
    columns = [jnp.broadcast_arrays(*(jnp.atleast_1d(x) for x in column)) for column in zip(*leaves, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(elements[0]), [jnp.stack(c) for c in columns])


def with_columns(function: Callable[..., Any], x: Sequence[Any], wanted: Sequence[bool]) -> tuple[Any, list[Any]]:
    """Value of a function of stacked numbers, and its slope by each wanted argument (None else)."""
    slopes: list[Any] = []
    for c, want in enumerate(wanted):
        one = lambda y, c=c: function(*x[:c], y, *x[c + 1 :])  # noqa: E731
        slopes.append(jax.jvp(one, (x[c],), (jnp.ones_like(x[c]),))[1] if want else None)
    return function(*x), slopes
