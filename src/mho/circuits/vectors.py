"""A vector over unknowns (or accounts) in two layouts: a tuple of [lane] arrays, or one [row, lane] array.

Elementwise work is the same in both: ``jax.tree.map`` over the vectors, with [lane] arrays broadcast along the rows. A
tuple lets XLA fuse a small circuit into straight code; one array keeps the program of a large circuit short.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

each = jax.tree.map


class Form(Protocol):
    """What depends on the layout of vectors."""

    def vector(self, rows: Sequence[Any], xp: Any = jnp) -> Any:
        """A vector of rows, each [lane]."""
        ...

    def fill(self, count: int, x: Any, xp: Any = jnp) -> Any:
        """A vector of `count` rows that are all x."""
        ...

    def largest(self, x: Any, rows: Sequence[int]) -> Any:
        """Largest of some rows in each lane, 0 of none."""
        ...

    def without_common(self, groups: Sequence[Sequence[int]], x: Any) -> Any:
        """The vector, with the first row of each group subtracted from all of the group."""
        ...

    def pick(self, x: Any, rows: Sequence[int]) -> Any:
        """Some rows as one array [row, lane]."""
        ...

    def choose(self, rows: Sequence[int], a: Any, b: Any) -> Any:
        """The vector that is a in `rows` and b elsewhere."""
        ...

    def array(self, x: Any, xp: Any = jnp) -> Any:
        """All rows as one array [row, lane]."""
        ...


class Tuples:
    """Vectors are tuples of [lane] arrays."""

    def vector(self, rows: Sequence[Any], xp: Any = jnp) -> Any:
        """A vector of rows, each [lane]."""
        return tuple(rows)

    def fill(self, count: int, x: Any, xp: Any = jnp) -> Any:
        """A vector of `count` rows that are all x."""
        return (x,) * count

    def largest(self, x: Any, rows: Sequence[int]) -> Any:
        """Largest of some rows in each lane."""
        return reduce(jnp.maximum, [x[i] for i in rows]) if rows else jnp.zeros_like(x[0])

    def without_common(self, groups: Sequence[Sequence[int]], x: Any) -> Any:
        """The vector, with the first row of each group subtracted from all of the group."""
        rows = list(x)
        for group in groups:
            for i in group:
                rows[i] = rows[i] - x[group[0]]
        return tuple(rows)

    def pick(self, x: Any, rows: Sequence[int]) -> Any:
        """Some rows as one array [row, lane]."""
        return jnp.stack([x[i] for i in rows])

    def choose(self, rows: Sequence[int], a: Any, b: Any) -> Any:
        """The vector that is a in `rows` and b elsewhere."""
        return tuple(a[i] if i in rows else b[i] for i in range(len(b)))

    def array(self, x: Any, xp: Any = jnp) -> Any:
        """All rows as one array [row, lane]."""
        return xp.stack(x)


class Stacked:
    """Vectors are [row, lane] arrays."""

    def vector(self, rows: Sequence[Any], xp: Any = jnp) -> Any:
        """A vector of rows, each [lane]."""
        return xp.stack(xp.broadcast_arrays(*(xp.atleast_1d(x) for x in rows))) if rows else xp.zeros((0, 1))

    def fill(self, count: int, x: Any, xp: Any = jnp) -> Any:
        """A vector of `count` rows that are all x."""
        return xp.zeros((count, *x.shape), x.dtype) + x

    def largest(self, x: Any, rows: Sequence[int]) -> Any:
        """Largest of some rows in each lane."""
        if not rows:
            return jnp.zeros_like(x[0])
        return jnp.max(x if len(rows) == x.shape[0] else self.pick(x, rows), axis=0)

    def without_common(self, groups: Sequence[Sequence[int]], x: Any) -> Any:
        """The vector, with the first row of each group subtracted from all of the group."""
        for group in groups:
            rows = np.asarray(group, np.int32)
            x = x.at[rows].add(-x[group[0]])
        return x

    def pick(self, x: Any, rows: Sequence[int]) -> Any:
        """Some rows as one array [row, lane]."""
        return x[np.asarray(rows, np.int32)]

    def choose(self, rows: Sequence[int], a: Any, b: Any) -> Any:
        """The vector that is a in `rows` and b elsewhere."""
        if not rows:
            return b
        here = np.zeros((b.shape[0], 1), bool)
        here[list(rows)] = True
        return jnp.where(here, a, b)

    def array(self, x: Any, xp: Any = jnp) -> Any:
        """All rows as one array [row, lane]."""
        return x
