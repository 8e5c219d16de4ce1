"""The pulse model that is a measurement: steps of the conductance by conductance, with their spread."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr

from mho.core.errors import ParameterError, UnitError
from mho.core.fields import check_ranges
from mho.core.quantities import engineering, si
from mho.devices.behavioural.step import AbstractStepDevice, Step, check_window, within
from mho.devices.device import Number

Rows = tuple[tuple[float, ...], ...]
_HEADING = re.compile(r"^\s*(g|up|down)(?:\s+(sigma|q\s*[\d.]+))?\s*\[([^\]]+)\]\s*$")


def _rows(value: Any) -> Rows:
    table = np.atleast_2d(np.asarray(value, np.float64))
    return tuple(tuple(float(x) for x in row) for row in table)


def _table() -> Any:
    # Static: a table belongs to the model and to no single device, so it is neither sampled nor differentiated.
    return eqx.field(static=True, converter=_rows, kw_only=True)


class MeasuredStep(AbstractStepDevice):
    r"""Steps as measured: at each level of conductance the step's distribution, linear between levels.

    A table gives either the mean and the standard deviation of the step, or its quantiles (the cumulative
    distribution):

    .. math:: G \to G + \mu(G) + \sigma(G)\,\xi \qquad\text{or}\qquad G \to G + F^{-1}_G(\Phi(\xi))

    clipped at the bounds. `gain`, `imbalance` and `up_down` scale a device's steps; `sigma_cycle` is not used.

    Args:
        levels: Conductances at which the steps are given, rising [S]: one row.
        probabilities: Probabilities of the quantiles, rising, or nothing where the rows are mean and deviation [1].
        up: Upward step, downward ones negative too: a row per quantile, or the means and the deviations [S].
        down: What a downward pulse does, usually below 0, likewise [S].
        (and those of `AbstractStepDevice`)

    Raises:
        ParameterError: If the rows do not fit the levels, or the levels or probabilities do not rise.
    """

    levels: Rows = _table()
    up: Rows = _table()
    down: Rows = _table()
    probabilities: Rows = eqx.field(static=True, converter=_rows, kw_only=True, default=())

    def __check_init__(self) -> None:
        check_ranges(self)
        check_window(self)
        rows = len(self.probabilities[0]) or 2
        fits = all(len(x) == rows and {len(row) for row in x} == {len(self.levels[0])} for x in (self.up, self.down))
        if not fits or len(self.levels[0]) < 2:
            raise ParameterError(
                f"MeasuredStep has {len(self.levels[0])} levels; up and down need {rows} rows of as many numbers each "
                "(mean and deviation, or one per probability), and at least 2 levels."
            )
        for name in ("levels", "probabilities"):
            if np.any(np.diff(getattr(self, name)[0]) <= 0):
                raise ParameterError(f"MeasuredStep.{name} must rise from number to number. Sort the table.")

    def bounds(self) -> tuple[Number, Number]:
        """Bounds of the weight [1]."""
        return self.reach()

    def step(self, up: Number) -> Step:
        """A measured step, clipped at the bounds."""
        rise, fall = (x / self.dw_min for x in self.steps())
        unit = (self.w_max - self.w_min) / (self.g_max - self.g_min)
        scale = jnp.where(up, rise, fall) * unit
        levels = jnp.asarray(np.array(self.levels[0]) / 1e-6)  # in microsiemens, where single precision is at ease
        probabilities = np.array(self.probabilities[0])

        def rows(table: Rows, g: Number) -> list[Number]:
            return [jnp.interp(g, levels, jnp.asarray(np.array(row))) for row in table]

        def after(w: Number, noise: Number) -> Number:
            g = self.conductance_of(w) / 1e-6
            found = [jnp.where(up, a, b) for a, b in zip(rows(self.up, g), rows(self.down, g), strict=True)]
            dg = _quantile(found, probabilities, ndtr(noise)) if len(probabilities) else found[0] + found[1] * noise
            return within(w + dg * scale, self.reach())

        return after


def _quantile(rows: list[Number], probabilities: np.ndarray, p: Number) -> Number:
    """The quantile at probability `p`; beyond the first and the last one, those."""
    value = rows[0]
    for a, b, low, high in zip(rows, rows[1:], probabilities, probabilities[1:], strict=False):
        value = value + (b - a) * jnp.clip((p - low) / (high - low), 0.0, 1.0)
    return value


def measured_step(path: str | Path, **numbers: float) -> MeasuredStep:
    """A measured table from CSV with a unit in each heading.

    Columns ``g [uS]``, then ``up [nS]``, ``up sigma [nS]``, ``down [nS]``, ``down sigma [nS]``, or quantiles
    ``up q0.05 [nS]``, ``up q0.5 [nS]``, ... and the same probabilities for ``down``.

    Args:
        path: The file.
        **numbers: Further fields of `MeasuredStep`; the window is that of the levels unless given.

    Raises:
        ParameterError: If a heading cannot be read, a column is missing, or a number is none.
    """
    columns = _columns(Path(path))
    levels = columns.pop(("g", ""), None)
    probabilities = sorted(float(kind[1:]) for way, kind in columns if way == "up" and kind.startswith("q"))
    kinds = [f"q{p:g}" for p in probabilities] or ["", "sigma"]
    missing = [f"{way} {kind}".strip() for way in ("up", "down") for kind in kinds if (way, kind) not in columns]
    if levels is None or missing:
        raise ParameterError(f"{path}: column {(['g'] if levels is None else []) + missing} is missing.")
    window = {"g_min": levels[0], "g_max": levels[-1], "dw_min": 0.01, "w_min": 0.0, "w_max": 1.0}
    return MeasuredStep(
        **window | numbers,
        levels=_rows(levels),
        probabilities=_rows(probabilities),
        **{way: _rows([columns[way, kind] for kind in kinds]) for way in ("up", "down")},
    )


def _columns(path: Path) -> dict[tuple[str, str], list[float]]:
    """Columns by direction and kind, in SI."""
    with path.open(encoding="utf-8", newline="") as file:
        headings, *lines = [row for row in csv.reader(file) if row]
    found: dict[tuple[str, str], list[float]] = {}
    for k, heading in enumerate(headings):
        match = _HEADING.match(heading)
        if match is None:
            raise ParameterError(f"{path}: heading {heading!r} is none of g, up, down, with sigma or q0.5, and a unit.")
        way, kind, unit = match.groups()
        kind = f"q{float(kind[1:]):g}" if (kind or "").startswith("q") else kind or ""
        try:
            found[way, kind] = [float(line[k]) * si(f"1 {unit}", "S") for line in lines]
        except (UnitError, ValueError, IndexError) as error:
            raise ParameterError(
                f"{path}: column {heading!r}: {error}. Give numbers in a unit of conductance."
            ) from error
    return found


def tabulated(g: Any, dg: Any, levels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of measured steps `dg` [S] that started at `g` [S], at each of the `levels` [S].

    Each step counts for the level next to it. Together two rows of a `MeasuredStep`.

    Raises:
        ParameterError: If a level has fewer than 2 steps.
    """
    g, dg, levels = (np.asarray(x, np.float64) for x in (g, dg, levels))
    nearest = np.argmin(np.abs(g[:, None] - levels[None]), axis=1)
    counts = np.bincount(nearest, minlength=len(levels))
    if np.any(counts < 2):
        bare = levels[np.argmin(counts)]
        raise ParameterError(f"At {engineering(float(bare), 'S')} there are fewer than 2 steps. Take fewer levels.")
    mean = np.array([dg[nearest == k].mean() for k in range(len(levels))])
    return mean, np.array([dg[nearest == k].std(ddof=1) for k in range(len(levels))])
