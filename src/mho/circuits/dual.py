"""A value with its derivatives by named parameters, and the arithmetic that keeps them right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Dual:
    """A number or array with its derivative by each parameter.

    Sums, products, quotients, `log`, indexing, `diff`, `sum` and `mean` give the derivative of what they compute, so
    that a figure of merit made of times and energies brings its own derivatives.

    Args:
        value: The value.
        by: Its derivative by each parameter, of the same shape.
    """

    value: Any
    by: Mapping[str, Any]
    __array_ufunc__ = None  # an array on the left leaves the arithmetic to this class

    def map(self, value: Callable, slope: Callable | None = None) -> Dual:
        """A function applied to the value, and `slope` (the function itself if it is linear) to each derivative."""
        return Dual(value(self.value), {k: (slope or value)(d) for k, d in self.by.items()})

    def _with(self, other: Any, value: Callable, slope: Callable) -> Dual:
        if not isinstance(other, Dual):
            return Dual(value(self.value, other), {k: slope(d, 0.0) for k, d in self.by.items()})
        names = dict.fromkeys([*self.by, *other.by])
        pairs = {k: (self.by.get(k, 0.0), other.by.get(k, 0.0)) for k in names}
        return Dual(value(self.value, other.value), {k: slope(*pair) for k, pair in pairs.items()})

    def __add__(self, other: Any) -> Dual:
        return self._with(other, np.add, np.add)

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return self.map(np.negative)

    def __sub__(self, other: Any) -> Dual:
        return self._with(other, np.subtract, np.subtract)

    def __rsub__(self, other: Any) -> Dual:
        return -self + other

    def __mul__(self, other: Any) -> Dual:
        b = other.value if isinstance(other, Dual) else other
        return self._with(other, np.multiply, lambda da, db: da * b + self.value * db)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Dual:
        b = other.value if isinstance(other, Dual) else other
        return self._with(other, np.divide, lambda da, db: (da - self.value / b * db) / b)

    def __rtruediv__(self, other: Any) -> Dual:
        return Dual(other / self.value, {k: -other / self.value**2 * d for k, d in self.by.items()})

    def __getitem__(self, index: Any) -> Dual:
        return self.map(lambda x: x[index])

    def log(self) -> Dual:
        """Natural logarithm."""
        return self.map(np.log, lambda d: d / self.value)

    def diff(self) -> Dual:
        """Differences along the last axis."""
        return self.map(np.diff)

    def sum(self, axis: int | None = -1) -> Dual:
        """Sum along an axis; entries that are not there (NaN) are left out."""
        return self.map(lambda x: np.nansum(x, axis=axis))

    def mean(self, axis: int | None = -1) -> Dual:
        """Mean along an axis; entries that are not there (NaN) are left out."""
        count = np.sum(np.isfinite(self.value), axis=axis)
        return self.sum(axis) / np.maximum(count, 1)
