r"""The STDP window of a device: what a pair of spikes does to its conductance, over lag and state.

Nothing here is a curve that was chosen. A window is integrated from the device's own equations, or given by its own
answer to pulses; for networks it is tabulated to an error that is asked for and measured between the nodes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core import random
from mho.core.errors import InputError, SolverError
from mho.core.fields import cast, quantity
from mho.devices.device import Number
from mho.devices.reram.cell import AbstractBareCell, CellState
from mho.networks.plasticity.gating import GatedPulses
from mho.networks.plasticity.waves import Overlap, check_bare

_CHUNK = 2048  # pairs that are integrated at once; a shape, so that a refinement compiles nothing anew
_MOST = 1024  # most nodes of a table along lag or state


class Window(NamedTuple):
    """Change by one pair of spikes.

    Args:
        lags: Postsynaptic after presynaptic spike, shape (m,) [s].
        start: Conductance before, shape (k,) [S].
        change: Change of conductance, shape (k, m) [S].
        energy: Energy of both drivers, shape (k, m) [J].
        alone: Change by either spike without the other, (pre, post), each of shape (k,) [S].
        span: Width of the device's window of conductance [S].
    """

    lags: np.ndarray
    start: np.ndarray
    change: np.ndarray
    energy: np.ndarray
    alone: tuple[np.ndarray, np.ndarray]
    span: float

    @property
    def areas(self) -> tuple[float, float]:
        """Integral over the positive lags, and over the negative ones, mean over states [S s]."""
        mean, lags = self.change.mean(axis=0), self.lags
        later, sooner = lags >= 0.0, lags <= 0.0
        return float(np.trapezoid(mean[later], lags[later])), float(np.trapezoid(mean[sooner], lags[sooner]))

    @property
    def asymmetry(self) -> float:
        """(up - down)/(up + down) of the largest mean changes either way: 0 balanced, 1 only up [1]."""
        mean = self.change.mean(axis=0)
        up, down = max(float(mean.max()), 0.0), max(-float(mean.min()), 0.0)
        return (up - down) / (up + down) if up + down > 0.0 else 0.0


def overlap_window(overlap: Overlap, device: AbstractBareCell, lags: Any, states: Any) -> Window:
    """Window of a two-terminal cell under overlapping waves, integrated in double precision.

    Args:
        overlap: The waves.
        device: A cell of one state between 0 and 1.
        lags: [s].
        states: States x before the pair [1].

    Raises:
        ParameterError: If the device is no two-terminal cell.
        SolverError: If a change is not finite.
    """
    check_bare(device)
    lags, states = np.atleast_1d(np.asarray(lags, float)), np.atleast_1d(np.asarray(states, float))
    apart = 2.0 * (float(np.max(overlap.pre.end)) + float(np.max(overlap.post.end)))
    with jax.enable_x64(True):
        change, energy = _changes(overlap, device, states, lags)
        g = np.asarray(_conductance(device, states))
        ends = np.asarray(_conductance(device, states[:, None] + change))
        alone = tuple(np.asarray(_conductance(device, states + _alone(overlap, device, states, k, apart))) - g
                      for k in (0, 1))  # fmt: skip
        low, high = (float(np.mean(np.asarray(x))) for x in device.window())
    return Window(lags, g, ends - g[:, None], energy, alone, high - low)  # type: ignore[arg-type]


def gated_window(gated: GatedPulses, device: Any, states: Any, lags: Any, *, key: jax.Array, draws: int = 1) -> Window:
    """Window of any device with an event face under gated pulses: the mean of `draws` pairs with its noise.

    Args:
        gated: The pulses.
        device: One device.
        states: State before the pair, its leaves of shape (k,).
        lags: [s].
        key: JAX random key.
        draws: Pairs that are averaged; 1 is enough for a device without cycle-to-cycle noise.
    """
    lags = np.atleast_1d(np.asarray(lags, float))
    change, energy, g = (np.asarray(x, np.float64) for x in _gated(gated, device, states, lags, key, draws))
    low, high = (float(np.mean(np.asarray(x))) for x in device.window())
    none = np.zeros(len(g))
    return Window(lags, g, change, energy, (none, none), high - low)


@eqx.filter_jit
def _gated(gated: GatedPulses, device: Any, states: Any, lags: Any, key: jax.Array, draws: int) -> Any:
    wide = jax.tree.map(lambda x: jnp.broadcast_to(x[:, None], (x.shape[0], len(lags))), states)
    g = device.conductance(states)

    def one(k: Any) -> Any:
        after, _, energy = gated.paired(device, wide, lags + 0.0 * _zeros(wide), key=jax.random.fold_in(key, k))
        return device.conductance(after) - g[:, None], energy

    changes, energies = jax.lax.map(one, jnp.arange(draws))
    return changes.mean(axis=0), energies.mean(axis=0), g


def _zeros(state: Any) -> Number:
    """Zeros of a state's shape."""
    return jnp.zeros_like(jax.tree.leaves(state)[0])


class PairTable(eqx.Module):
    r"""The window of a cell as a table over state and lag: what a network applies once a pair.

    :math:`x \to x + T(x, \Delta)\,(1 + \sigma\,\xi)` with the device's own cycle-to-cycle deviation, kept in [0, 1];
    bilinear between nodes, 0 beyond the reach of the waves.

    Args:
        lags: Nodes, in order [s].
        states: Nodes, in order from 0 to 1 [1].
        change: Change of x, shape (states, lags) [1].
        energy: Of a pair, shape (states, lags) [J].
        error: Largest difference from the integrated change, measured between the nodes [1].
    """

    lags: Number = quantity("s")
    states: Number = quantity("1")
    change: Number = quantity("1")
    energy: Number = quantity("J")
    error: float = eqx.field(static=True, default=0.0)

    def __call__(self, x: Number, lag: Number) -> tuple[Number, Number]:
        """Change of the state [1] and energy [J] of a pair that finds the cell in `x`; none where there is no lag."""
        there = jnp.isfinite(lag) & (lag >= self.lags[0]) & (lag <= self.lags[-1])
        s = jnp.where(there, lag, 0.0)
        j = jnp.clip(jnp.searchsorted(self.lags, s) - 1, 0, self.lags.shape[0] - 2)
        u = (s - self.lags[j]) / (self.lags[j + 1] - self.lags[j])
        y = jnp.clip(x, 0.0, 1.0)
        i = jnp.clip(jnp.searchsorted(self.states, y) - 1, 0, self.states.shape[0] - 2)
        t = (y - self.states[i]) / (self.states[i + 1] - self.states[i])

        def between(table: Number) -> Number:
            first = table[i, j] * (1.0 - u) + table[i, j + 1] * u
            second = table[i + 1, j] * (1.0 - u) + table[i + 1, j + 1] * u
            return jnp.where(there, first * (1.0 - t) + second * t, 0.0)

        return between(self.change), between(self.energy)

    def paired(
        self, device: AbstractBareCell, state: CellState, lag: Number, *, key: jax.Array
    ) -> tuple[CellState, Number, Number]:
        """State after a pair with the device's noise, the pairs counted as pulses (0 or 1), and their energy [J]."""
        change, energy = self(state.x, lag)
        noise = random.normal(key, jnp.shape(change), jnp.result_type(change))
        x = jnp.clip(state.x + change * (1.0 + device.sigma_cycle * noise), 0.0, 1.0)
        on = (change != 0.0).astype(jnp.result_type(float))
        after = CellState(x, state.cycles + 0.5 * jnp.abs(x - state.x), state.pulses + on)
        return after, on, energy


def pair_table(
    overlap: Overlap, device: AbstractBareCell, *, error: float = 1e-4, dtype: Any = np.float32
) -> PairTable:
    """The window of a cell, tabulated to an error that is asked for and measured between the nodes.

    Stretches of lags and of states are halved wherever their middle differs by more than half of that error from what
    lies between the nodes; at last the table is compared with the integrated change in the middle of all its meshes.

    Args:
        overlap: The waves.
        device: A cell of one state between 0 and 1.
        error: Largest error of the change of state [1].
        dtype: Of the table.

    Raises:
        InputError: If the error asked for is not above 0.
        SolverError: If the table would need more than 1024 nodes along lag or state.
    """
    check_bare(device)
    if not error > 0.0:
        raise InputError(f"pair_table was asked for an error of {error:.3g}; it must be above 0.")
    low, high = (float(np.max(np.asarray(x))) for x in overlap.reach)
    widths = [sign * float(np.max(w.width)) for w in (overlap.pre, overlap.post) for sign in (-1.0, 1.0)]
    inside = [x for x in (0.0, *widths) if low < x < high]
    lags = np.unique(np.concatenate([np.linspace(low, high, 33), inside]))
    states = np.linspace(0.0, 1.0, 9)
    aim = 0.5 * error
    with jax.enable_x64(True):
        while True:
            change, energy = _changes(overlap, device, states, lags)
            middle, between = _middles(lags), _middles(states)
            along = np.abs(_changes(overlap, device, states, middle)[0] - _middles(change.T).T).max(axis=0)
            across = np.abs(_changes(overlap, device, between, lags)[0] - _middles(change)).max(axis=1)
            if max(along.max(), across.max()) <= aim:
                centre = _changes(overlap, device, between, middle)[0] - _middles(_middles(change.T).T)
                left = float(max(np.abs(centre).max(), along.max(), across.max()))
                if left <= error:
                    return cast(PairTable(lags, states, change, energy, left), dtype)
                aim *= 0.5
            lags = np.union1d(lags, middle[along > aim])
            states = np.union1d(states, between[across > aim])
            if max(len(lags), len(states)) > _MOST:
                raise SolverError(
                    f"The window bends too much for a table with an error of {error:.3g}: {len(lags)} lags by "
                    f"{len(states)} states do not suffice. Ask for a larger error."
                )


def _middles(x: np.ndarray) -> np.ndarray:
    return 0.5 * (x[1:] + x[:-1])


def _changes(overlap: Overlap, device: Any, states: np.ndarray, lags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Changes of state by pairs and their energies, shape (states, lags), integrated in batches of one size."""
    x, lag = (grid.ravel() for grid in np.meshgrid(states, lags, indexing="ij"))
    after, energy = np.empty_like(x), np.empty_like(x)
    for begin in range(0, len(x), _CHUNK):
        lanes = np.minimum(np.arange(begin, begin + _CHUNK), len(x) - 1)
        kept = lanes[: min(_CHUNK, len(x) - begin)]
        found = _integrated(overlap, device, x[lanes], lag[lanes])
        after[kept], energy[kept] = (np.asarray(y)[: len(kept)] for y in found)
    if not (np.isfinite(after).all() and np.isfinite(energy).all()):
        raise SolverError("A pair of spikes leaves the cell without a finite state. Lower the waves' amplitudes.")
    shape = (len(states), len(lags))
    return (np.clip(after, 0.0, 1.0) - x).reshape(shape), energy.reshape(shape)


@eqx.filter_jit
def _integrated(overlap: Overlap, device: Any, states: Number, lags: Number) -> tuple[Number, Number]:
    zero = jnp.zeros_like(states)
    after, energy = overlap.paired(device, CellState(states, zero, zero), lags)
    return after.x, energy


def _alone(overlap: Overlap, device: Any, states: np.ndarray, which: int, apart: float) -> np.ndarray:
    """Change by the one spike, the other silent and so late that the waves do not meet."""
    flat = (overlap.post, overlap.pre)[which]
    silent = eqx.tree_at(lambda w: (w.plateau, w.tail), flat, (np.zeros(()), np.zeros(())))
    alone = Overlap(*((overlap.pre, silent) if which == 0 else (silent, overlap.post)), overlap.orientation)
    return _changes(alone, device, states, np.array([apart]))[0][:, 0]


@eqx.filter_jit
def _conductance(device: Any, x: Number) -> Number:
    zero = jnp.zeros_like(x)
    return device.conductance(CellState(jnp.asarray(x), zero, zero))
