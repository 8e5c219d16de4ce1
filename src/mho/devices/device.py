"""What every device is: parameters in the module, everything that moves in a state, two faces of one physics.

* The *continuous* face, `rate` and `current`, is what a circuit integrates.
* The *event* face, `pulse` and `relax`, is what an array or a network applies a billion times: in closed form where the
  physics has one, else integrated from `rate` (:func:`mho.devices.held.held`).

Three kinds: `AbstractMemory` can be read and grows old; `AbstractProgrammed` is a memory of which only the outcome of
programming is known (the statistics of an array); `AbstractDevice` is a memory that answers to pulses, and
`AbstractContinuousDevice` one that a circuit can hold too.

Leaves of devices and states are scalars or batches of one shape, never stacked: every method works on one device, on a
population from :func:`mho.sample`, and under `vmap` alike.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mho.core.fields import check_ranges, quantity

if TYPE_CHECKING:
    Number = Any
else:
    Number = Float[Array, "..."]
ROOM = 300.15  # [K], 27 degrees Celsius, SPICE's nominal temperature


class Part(NamedTuple):
    """A linear part between two terminals of a device: a resistor ('R', ohm) or a capacitor ('C', farad)."""

    kind: str
    a: str
    b: str
    value: Any


class Pulse(eqx.Module):
    """A rectangular voltage pulse at the terminal that programs the device.

    Args:
        amplitude: Voltage against the channel's ends (three terminals) or across the device (two) [V].
        width: Duration [s].
        channel: Mean potential of the channel during the pulse [V]; it lowers the effective amplitude.

    Raises:
        ParameterError: If a number is not finite, or the width is below 0.
    """

    amplitude: Number = quantity("V")
    width: Number = quantity("s", low=0.0)
    channel: Number = quantity("V", default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)


def nothing(module: eqx.Module) -> Number:
    """Zeros of a module's batch shape, () or (n,): what a state at rest is made of."""
    shape = jnp.broadcast_shapes(*(jnp.shape(leaf) for leaf in jax.tree.leaves(module)))
    return jnp.zeros(shape, jnp.result_type(float))


class AbstractMemory(eqx.Module):
    """What can be read and grows old. Subclasses are final; a published device is a file of numbers, no subclass."""

    terminals: eqx.AbstractClassVar[tuple[str, ...]]
    """Terminals that a circuit connects, in order: two for a cell, ("plus", "minus"); three with a gate first."""

    @abc.abstractmethod
    def rest(self) -> Any:
        """State of a fresh device left alone; leaves have the batch shape of the device."""

    @abc.abstractmethod
    def window(self) -> tuple[Number, Number]:
        """Smallest and largest conductance [S] that the state can take, as `conductance` reads it."""

    @abc.abstractmethod
    def conductance(self, state: Any, *, temperature: float = ROOM) -> Number:
        """Conductance [S] at the read voltage (a small one where the model names none), without noise."""

    @abc.abstractmethod
    def relax(self, state: Any, duration: Number, *, temperature: float = ROOM) -> Any:
        """State after `duration` [s] without drive."""

    @abc.abstractmethod
    def read(self, state: Any, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with read noise; reading does not change the state."""


class AbstractProgrammed(AbstractMemory):
    """A memory known by the outcome of programming: a target goes in, a conductance with error comes out."""

    @abc.abstractmethod
    def program(self, target: Number, *, key: jax.Array) -> Any:
        """State right after programming to `target` [S]; the shape is that of `target`.

        Targets outside `window` are clipped to it.
        """


class AbstractDevice(AbstractMemory):
    """A compact model that answers to pulses."""

    internal: eqx.AbstractClassVar[tuple[str, ...]]
    """Names of internal nodes, in addition to the terminals."""

    @abc.abstractmethod
    def pulse(self, state: Any, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM) -> Any:
        """State after one pulse, with cycle-to-cycle noise from `key`."""

    @abc.abstractmethod
    def energy(self, state: Any, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Energy [J] that an ideal source delivers during a pulse that finds the device in `state`, without noise."""


class AbstractContinuousDevice(AbstractDevice):
    """A device that also has the continuous face, so that a circuit can hold it."""

    states: eqx.AbstractClassVar[tuple[str, ...]]
    """Documented names of the kinds of state."""

    @abc.abstractmethod
    def parts(self) -> tuple[Part, ...]:
        """Linear resistors and capacitors between terminals and internal nodes."""

    @abc.abstractmethod
    def rate(self, state: Any, voltages: tuple[Number, ...], *, temperature: float = ROOM) -> Any:
        """Time derivative of the state (a module of the same structure) at node voltages [V].

        `voltages` are those of `terminals + internal`, in that order.
        """

    @abc.abstractmethod
    def current(self, state: Any, voltages: tuple[Number, ...], *, temperature: float = ROOM) -> tuple[Number, ...]:
        """Current [A] into the device at each of `terminals + internal`, without the linear `parts`."""
