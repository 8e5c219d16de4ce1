"""Gate pulses in a sampled waveform: two levels, hysteresis, debounce in time, edges from the gate current."""

from __future__ import annotations

import itertools

import numpy as np

_MOST_ITERATIONS = 50


def two_means(v: np.ndarray) -> tuple[float, float]:
    """The two levels of a two-level signal, the lower first (one-dimensional two-means) [as v]."""
    low, high = float(np.min(v)), float(np.max(v))
    for _ in range(_MOST_ITERATIONS):
        upper = v > 0.5 * (low + high)
        if upper.all() or not upper.any():
            break
        update = float(np.mean(v[~upper])), float(np.mean(v[upper]))
        if update == (low, high):
            break
        low, high = update
    return low, high


def levels(
    t: np.ndarray, v: np.ndarray, *, low: float = 0.3, high: float = 0.7, debounce: float | None = None
) -> np.ndarray:
    """Two-level signal of a noisy one: True where the gate is on its active level (the one further from 0 V).

    The signal switches on above `high` and off below `low` of the distance between its two levels, and only where the
    new level stays for `debounce`, counted in time and not in samples, because instruments drop samples.

    Args:
        t: Time [s].
        v: Gate voltage [V].
        low: Threshold of switching off, as a share of the distance.
        high: Threshold of switching on.
        debounce: Shortest level that counts [s]; by default one and a half sampling steps if the levels are noisy, 0 if
            not.
    """
    a, b = two_means(v)
    rest, active = (a, b) if abs(a) <= abs(b) else (b, a)
    if active == rest:
        return np.zeros(v.shape, bool)
    share = (v - rest) / (active - rest)
    noise = float(np.median(np.abs(share - np.round(np.clip(share, 0, 1)))))
    if debounce is None:
        debounce = 1.5 * float(np.median(np.diff(t))) if noise > 0.02 and len(t) > 1 else 0.0
    on = np.empty(v.shape, bool)
    state = bool(share[0] > 0.5)
    for k, x in enumerate(share):
        state = bool(x > low) if state else bool(x > high)
        on[k] = state
    return _debounced(t, on, debounce)


def _debounced(t: np.ndarray, on: np.ndarray, shortest: float) -> np.ndarray:
    """Runs shorter than `shortest` [s] take the level of the run before them."""
    on = on.copy()
    starts = [0, *(np.flatnonzero(np.diff(on)) + 1).tolist(), len(on)]
    for first, last in itertools.pairwise(starts[1:]):
        end = t[last] if last < len(t) else np.inf
        if end - t[first] < shortest:
            on[first:last] = on[first - 1]
    return on


def pulses(t: np.ndarray, v: np.ndarray) -> list[tuple[float, float, float]]:
    """Pulses of a sampled gate: (start [s], end [s], amplitude [V]); each edge lies midway between two samples."""
    if len(t) < 2 or np.ptp(v) == 0:
        return []
    on = levels(t, v)
    change = np.flatnonzero(np.diff(on)) + 1
    start, end = change[on[change]], change[~on[change]]
    if on[0]:
        start = np.concatenate([[0], start])
    if on[-1]:
        end = np.concatenate([end, [len(t) - 1]])
    middle = 0.5 * (t[np.maximum(np.arange(len(t)) - 1, 0)] + t)
    return [
        (float(middle[i]), float(middle[j]), float(np.median(v[i:j]))) for i, j in zip(start, end, strict=True) if j > i
    ]


def first_changed(
    t: np.ndarray, v: np.ndarray, i_gate: np.ndarray | None = None, *, reach: float = 5.0
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the first sample after each switching on and off, from the gate current where there is one.

    The logged gate voltage is the instrument's set value and may lead the true edge by some samples; the gate current
    answers at once, by the displacement current of the gate. Within `reach` sampling steps after a logged edge the
    first sample is taken at which the gate current has moved by half of the largest move found there.

    Args:
        t: Time [s].
        v: Gate voltage [V].
        i_gate: Gate current [A].
        reach: How far the true edge may lag the logged one, in sampling steps.
    """
    on = levels(t, v)
    change = np.flatnonzero(np.diff(on)) + 1
    rows = change.copy()
    if i_gate is not None and np.all(np.isfinite(i_gate)):
        for n, k in enumerate(change):
            last = min(k + int(reach), len(t) - 1, change[n + 1] - 1 if n + 1 < len(change) else len(t) - 1)
            moved = np.abs(i_gate[k : last + 1] - i_gate[k - 1])
            rows[n] = k + int(np.argmax(moved >= 0.5 * moved.max()))
    return rows[on[change]], rows[~on[change]]
