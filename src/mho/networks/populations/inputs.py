"""Spikes from outside on the grid: given times, and Poisson draws that do not depend on where a run was cut."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from mho.core import engineering
from mho.core.errors import InputError
from mho.core.names import meant
from mho.networks.populations.checks import numbers, whole_numbers
from mho.networks.populations.plan import Plan, poisson_rates
from mho.networks.trains import generator

_BLOCK = 1000  # steps that are drawn together


class Inputs:
    """Who fires at every grid point, source by source.

    Args:
        plan: The network.
        spikes: Times of each given source: (times, ids), or an array (size, most) padded with NaN [s].
        key: For Poisson sources.

    Raises:
        InputError: If a source's spikes are missing, out of order, negative, or two fall on one grid point.
    """

    def __init__(self, plan: Plan, spikes: Mapping[str, Any], key: jax.Array | None):
        self.dt, self.key = plan.network.dt, key
        self.rates = poisson_rates(plan)
        self.names = [source.name for source in plan.network.sources]
        self.sizes = [source.size for source in plan.network.sources]
        given = [name for name, rate in zip(self.names, self.rates, strict=True) if rate is None]
        for name in spikes:
            if name not in given:
                raise InputError(f"There is no source {name!r} that takes spikes. {meant(name, given)}".strip())
        missing = [name for name in given if name not in spikes]
        if missing:
            raise InputError(f"The spikes of {', '.join(missing)} are not given. Name them in `spikes`.")
        if key is None and any(rate is not None for rate in self.rates):
            raise InputError("A Poisson source draws at random; give the run a key.")
        self.given = {name: self._on_grid(name, spikes[name]) for name in given}
        self.widths = [self._width(k) for k in range(len(self.names))]
        self._drawn: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}

    def _on_grid(self, name: str, spikes: Any) -> tuple[np.ndarray, np.ndarray]:
        size = self.sizes[self.names.index(name)]
        times, who = _events(name, spikes, size)
        at = np.rint(times / self.dt).astype(np.int64)
        order = np.lexsort((who, at))
        at, who = at[order], who[order]
        same = np.flatnonzero((np.diff(at) == 0) & (np.diff(who) == 0))
        if same.size:
            raise InputError(
                f"{name} fires twice at {engineering(float(at[same[0]] * self.dt), 's')} (source {who[same[0]]}); a "
                f"grid point of {engineering(self.dt, 's')} holds one spike. Shorten dt or thin the train."
            )
        return at, who

    def _width(self, k: int) -> int:
        """Most spikes of a source at one grid point, or hardly ever exceeded: one program then serves a whole run."""
        rate = self.rates[k]
        if rate is None:
            return max(int(np.bincount(self.given[self.names[k]][0]).max(initial=0)), 1)
        mean = float(np.sum(rate)) * self.dt
        return int(mean + 6.0 * np.sqrt(mean) + 3.0)

    def warn_if_outside(self, first: int, stop: int) -> None:
        """Warn of sources all of whose given spikes fall outside the grid points from `first` to before `stop`."""
        for name, (at, _) in self.given.items():
            a, b = np.searchsorted(at, [first, stop])
            if at.size and a == b:
                begin, last, start, end = (engineering(float(k * self.dt), "s") for k in (at[0], at[-1], first, stop))
                warnings.warn(
                    f"No spike of {name} falls inside the run from {start} to {end}; they come from {begin} to {last}. "
                    "Are they in seconds? They count from the first step of all.",
                    UserWarning,
                    stacklevel=3,
                )

    def grid(self, first: int, steps: int) -> list[np.ndarray]:
        """For each source who fires at `steps` grid points from `first` on, shape (steps, most); else its size."""
        found = []
        for k, size in enumerate(self.sizes):
            at, who = self._between(k, first, first + steps)
            count = np.bincount(at - first, minlength=steps)
            rows = np.full((steps, max(int(count.max(initial=0)), self.widths[k])), size, np.int32)
            place = np.arange(at.size) - np.repeat(np.cumsum(count) - count, count)
            rows[at - first, place] = who
            found.append(rows)
        return found

    def spikes(self, first: int, stop: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each source the grid points from `first` to before `stop` at which it fires, and who does."""
        return [self._between(k, first, stop) for k in range(len(self.sizes))]

    def _between(self, k: int, first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        if self.rates[k] is None:
            at, who = self.given[self.names[k]]
            a, b = np.searchsorted(at, [first, stop])
            return at[a:b], who[a:b]
        blocks = [self._block(k, b) for b in range(first // _BLOCK, (stop - 1) // _BLOCK + 1)]
        at, who = (np.concatenate(x) for x in zip(*blocks, strict=True))
        inside = (at >= first) & (at < stop)
        return at[inside], who[inside]

    def _block(self, k: int, block: int) -> tuple[np.ndarray, np.ndarray]:
        """Bernoulli draws of one block: geometric gaps at the highest rate, thinned to each source's own."""
        if (k, block) in self._drawn:
            return self._drawn[k, block]
        rate, size = self.rates[k], self.sizes[k]
        assert rate is not None
        assert self.key is not None
        draw = generator(jax.random.fold_in(jax.random.fold_in(self.key, k), block))
        highest = float(rate.max(initial=0.0)) * self.dt
        cells, found, at = _BLOCK * size, [], -1
        while highest > 0 and at < cells:
            places = at + np.cumsum(draw.geometric(highest, int((cells - at) * highest * 1.05 + 32)))
            found.append(places)
            at = int(places[-1])
        flat = np.concatenate(found) if found else np.zeros(0, np.int64)
        step, who = np.divmod(flat[flat < cells], size)
        keep = draw.random(who.size) * highest < rate[who] * self.dt
        self._drawn = {key: v for key, v in self._drawn.items() if key[1] >= block - 1}
        self._drawn[k, block] = step[keep] + block * _BLOCK, who[keep].astype(np.int32)
        return self._drawn[k, block]


def _events(name: str, spikes: Any, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and sources of given spikes, checked."""
    if isinstance(spikes, tuple):
        times, who = numbers(f"Spike times of {name}", spikes[0], "s"), whole_numbers(f"ids of {name}", spikes[1])
        if times.shape != who.shape or times.ndim != 1:
            raise InputError(f"{name}: times and ids have shapes {times.shape} and {who.shape}; give one id a spike.")
        if who.size and (who.min() < 0 or who.max() >= size):
            raise InputError(f"{name}: ids run from {who.min()} to {who.max()}; allowed is 0 to {size - 1}.")
        falls = np.flatnonzero(np.diff(times) < 0)
    else:
        rows = np.atleast_2d(numbers(f"Spike times of {name}", spikes, "s"))
        if rows.shape[0] != size or rows.ndim != 2:
            raise InputError(
                f"{name}: spikes have shape {rows.shape}; give {size} rows padded with NaN, or (times, ids)."
            )
        gaps = np.diff(rows, axis=1)
        late = np.isnan(rows[:, :-1]) & ~np.isnan(rows[:, 1:])
        falls = np.flatnonzero(np.any((gaps < 0) | late, axis=1))
        source, column = np.nonzero(~np.isnan(rows))
        times, who = rows[source, column], source.astype(np.int32)
    if falls.size:
        raise InputError(f"The spikes of {name} are not in order (at entry {falls[0]}). Sort them by time.")
    if times.size and not (np.all(np.isfinite(times)) and times.min() >= 0):
        raise InputError(
            f"A spike of {name} comes at {engineering(float(np.min(times)), 's')}; times must be finite and not "
            "negative. Shift the train."
        )
    return times, who.astype(np.int32)
