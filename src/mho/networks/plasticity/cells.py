r"""Weights on cells that learn in place: what a rule wants becomes whole pulses, and the devices do the rest.

Asymmetry, nonlinearity, noise from cycle to cycle, spread from device to device, bounds and wear are those of the
device; nothing is verified by reading, and every pulse is counted with its energy.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import ChipError, ParameterError
from mho.core.fields import quantity
from mho.core.parameters import ParameterSet
from mho.crossbars import AbstractEncoding, Array, PulseUpdate, SingleCell
from mho.crossbars.design import pulses_of
from mho.crossbars.updating import changes, pulsed
from mho.devices.device import AbstractDevice, Number, Pulse
from mho.devices.effects import Specimen, WeibullEndurance, fated
from mho.networks.plasticity.checks import check_numbers

_MEASURED = 64  # cells whose mean answer to a pulse is taken as that of all
_RAMP = 20_000  # most pulses to the middle of the window


class PlasticCells(eqx.Module):
    """A matrix of weights (outputs, inputs) between -1 and 1 on cells, and what has been spent on it.

    Args:
        array: The cells, (outputs, inputs, cells of a weight).
        encoding: How a weight sits on its cells.
        how: How a change becomes pulses.
        low: Conductance of the window's lower end [S].
        high: Conductance of its upper end [S].
        pulses: Pulses given to each cell since it was made [1].
        energy: Energy of all pulses [J].
    """

    array: Array
    encoding: AbstractEncoding
    how: PulseUpdate
    low: Number = quantity("S")
    high: Number = quantity("S")
    pulses: Number = quantity("1")
    energy: Number = quantity("J")

    @classmethod
    def of(
        cls,
        parameters: ParameterSet,
        shape: tuple[int, int],
        *,
        key: jax.Array,
        encoding: AbstractEncoding | None = None,
        device: AbstractDevice | None = None,
        spread: float = 1.0,
        most: int = 31,
    ) -> PlasticCells:
        """Fresh cells of a parameter set, pulsed as its source operates them.

        Args:
            parameters: The set; its operation names the pulses up and down.
            shape: Outputs and inputs.
            key: JAX random key: for the devices that differ, and for what the mean step is told from.
            encoding: Default one cell a weight, zero in the middle of the window.
            device: The set's device with some numbers changed, or effects laid over it; default as it is.
            spread: Multiplies the published device-to-device spreads.
            most: Most pulses of one update.

        Raises:
            ChipError: If the set does not say how its device is pulsed both ways.
        """
        up, down = pulses_of(parameters)
        found: Any = parameters.device() if device is None else device
        encoding = SingleCell() if encoding is None else encoding
        whole = (*shape, encoding.cells)
        n = int(np.prod(whole))
        of_cells, of_fate, of_step = jax.random.split(key, 3)
        low, high = (float(np.mean(np.asarray(g))) for g in found.window())
        step = mean_step(found, up, down, key=of_step)
        if isinstance(found, Specimen) and any(isinstance(w, WeibullEndurance) for w in found.overlay.wear):
            found = fated(found, n=n, key=of_fate)
        spreads = parameters.spreads(scale=spread) if spread > 0.0 else ()
        correlation = parameters.correlation() if spreads else None
        array = Array.of(found, whole, *spreads, key=of_cells, correlation=correlation)
        how = PulseUpdate(up, down, step, most)
        return cls(array, encoding, how, low, high, np.zeros(whole, np.float32), 0.0)

    def weights(self) -> Number:
        """Weights (outputs, inputs) that the cells hold now, without read noise [1]."""
        return self.encoding.value(self.array.conductance(), (self.low, self.high))

    def updated(self, change: Number, *, key: jax.Array) -> PlasticCells:
        """The cells after whole pulses towards a wanted change of weights (outputs, inputs) [1].

        The number of pulses is the wanted change over the mean step, rounded up or down at random in proportion.

        Raises:
            InputError: If the change has another shape than the weights, or is not finite.
        """
        check_numbers("Changes of weights", change, "1", self.array.shape[:2])
        wanted = changes(self.encoding, change, self.high - self.low, self.how)
        array, counts, energy = pulsed(self.array, wanted, self.how, key=key)
        return self._after(array, counts, energy)

    def set(self, weights: Number, *, key: jax.Array, most: int = 4096) -> PlasticCells:
        """The cells pulsed in one go towards `weights`, open loop, with as many as `most` pulses each.

        Nothing is read back: what is left between asked and held weights is the device's asymmetry and noise.

        Raises:
            InputError: If the weights have another shape than the cells, or lie outside -1 to 1.
        """
        check_numbers("Weights", weights, "1", self.array.shape[:2], high=1.0)
        far = eqx.tree_at(lambda c: c.how, self, PulseUpdate(self.how.up, self.how.down, self.how.step, most))
        after = far.updated(jnp.asarray(weights) - self.weights(), key=key)
        return eqx.tree_at(lambda c: c.how, after, self.how)

    def paired(self, scheme: Any, lags: Number, *, key: jax.Array) -> PlasticCells:
        """The cells after a pair of spikes each, at `lags` (outputs, inputs) [s]; not finite where there is none.

        Args:
            scheme: `GatedPulses`, or the `PairTable` of overlapping waves: the device's own window.
            lags: Postsynaptic after presynaptic spike.
            key: JAX random key.

        Raises:
            ChipError: If a weight has more than one cell.
        """
        if self.encoding.cells != 1:
            raise ChipError(
                f"A weight of {type(self.encoding).__name__} has {self.encoding.cells} cells; pairs of spikes meet at "
                "one. Use SingleCell."
            )
        device: Any = self.array.device
        state, counts, energy = scheme.paired(device, self.array.state, lags[..., None], key=key)
        state = jax.tree.map(lambda a, b: a.astype(jnp.result_type(b)), state, self.array.state)
        return self._after(eqx.tree_at(lambda a: a.state, self.array, state), counts, energy)

    def after(self, duration: Number) -> PlasticCells:
        """The cells `duration` [s] later, without pulses."""
        array = self.array
        state = array.device.relax(array.state, duration, temperature=array.temperature)  # type: ignore[arg-type]
        state = jax.tree.map(lambda a, b: a.astype(jnp.result_type(b)), state, array.state)
        return eqx.tree_at(lambda c: c.array.state, self, state)

    @property
    def worn(self) -> Number:
        """Equivalent full cycles of the window that each cell has gone through, where its model counts them [1]."""
        cycles = getattr(self.array.state, "cycles", None)
        return jnp.full(self.array.shape, jnp.nan) if cycles is None else cycles

    def _after(self, array: Array, counts: Number, energy: Number) -> PlasticCells:
        return eqx.tree_at(
            lambda c: (c.array, c.pulses, c.energy),
            self,
            (array, self.pulses + counts, self.energy + jnp.sum(energy)),
        )


def rows(cells: PlasticCells, at: Any) -> PlasticCells:
    """The cells of some outputs alone, to be pulsed by themselves."""
    return _each(cells, lambda x: x[at])


def with_rows(cells: PlasticCells, at: Any, some: PlasticCells) -> PlasticCells:
    """The cells with those of some outputs replaced."""
    shape = cells.array.shape

    def put(whole: Any, part: Any) -> Any:
        return whole.at[at].set(part) if eqx.is_array(whole) and whole.shape == shape else part

    state = jax.tree.map(put, cells.array.state, some.array.state)
    return eqx.tree_at(
        lambda c: (c.array.state, c.pulses, c.energy), cells, (state, put(cells.pulses, some.pulses), some.energy)
    )


def _each(cells: PlasticCells, pick: Any) -> PlasticCells:
    """The cells with `pick` applied to everything that has their shape."""
    shape = cells.array.shape

    def one(x: Any) -> Any:
        return pick(x) if eqx.is_array(x) and x.shape == shape else x

    device, state = jax.tree.map(one, (cells.array.device, cells.array.state))
    few = jnp.shape(one(cells.pulses))
    array = Array(device, state, few, cells.array.temperature)
    return eqx.tree_at(lambda c: (c.array, c.pulses), cells, (array, one(cells.pulses)))


def mean_step(device: AbstractDevice, up: Pulse, down: Pulse, *, key: jax.Array) -> float:
    """Mean change of conductance by a pulse in the middle of the window, of both directions [S].

    Raises:
        ParameterError: If pulses up do not reach the middle, or change nothing there.
    """
    step, reached = (float(x) for x in _mean_step(device, up, down, key))
    if not (reached and step > 0.0):
        raise ParameterError(
            f"{_RAMP} pulses up do not take {type(device).__name__} to the middle of its window, or change nothing "
            "there. Check the set's operation: amplitude and width of the pulses."
        )
    return step


@eqx.filter_jit
def _mean_step(device: Any, up: Pulse, down: Pulse, key: jax.Array) -> tuple[Number, Number]:
    low, high = device.window()
    middle = 0.5 * (low + high)
    start = jax.tree.map(
        lambda x: jnp.broadcast_to(jnp.asarray(x, jnp.result_type(float)), (_MEASURED,)), device.rest()
    )

    def pulsed_once(state: Any, pulse: Pulse, k: Any) -> Any:
        after = device.pulse(state, pulse, key=jax.random.fold_in(key, k))
        return jax.tree.map(lambda a, b: jnp.broadcast_to(a, b.shape).astype(b.dtype), after, state)

    def below(carry: Any) -> Any:
        state, k = carry
        return (jnp.mean(device.conductance(state)) < middle) & (k < _RAMP)

    state, _ = lax.while_loop(below, lambda c: (pulsed_once(c[0], up, c[1]), c[1] + 1), (start, jnp.int32(0)))
    g = device.conductance(state)

    def moved(k: Any) -> Any:
        rise = jnp.mean(device.conductance(pulsed_once(state, up, _RAMP + 2 * k)) - g)
        fall = jnp.mean(g - device.conductance(pulsed_once(state, down, _RAMP + 2 * k + 1)))
        return 0.5 * (rise + fall)

    step = jnp.mean(lax.map(moved, jnp.arange(16)))
    return step, jnp.mean(g) >= 0.999 * middle
