"""A specimen: any device with effects laid over it."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.core.errors import ParameterError
from mho.devices.device import ROOM, AbstractDevice, AbstractMemory, AbstractProgrammed, Number, Pulse, nothing
from mho.devices.effects.overlay import Overlay, OverlayState, ratio, scaled_current
from mho.devices.effects.read_noise import Seen


class SpecimenState(eqx.Module):
    """What moves in a specimen: the state of its effects, and that of the device inside (last, with its counters)."""

    overlay: OverlayState
    inner: Any

    @property
    def age(self) -> Number:
        """Time since the last write [s]."""
        return self.overlay.age

    @property
    def cycles(self) -> Number:
        """Equivalent full cycles of the window [1]."""
        return self.overlay.cycles

    @property
    def pulses(self) -> Number:
        """Pulses seen [1]."""
        return self.inner.pulses


class AbstractSpecimen(AbstractMemory):
    """What a memory with effects laid over it does, whether it answers to pulses or takes targets."""

    terminals: ClassVar[tuple[str, ...]] = property(lambda self: self.device.terminals)  # type: ignore[assignment]

    device: eqx.AbstractVar[Any]
    overlay: eqx.AbstractVar[Overlay]

    @property
    def bare(self) -> Any:
        """The device without its effects."""
        return self.device

    def rest(self) -> SpecimenState:
        """A fresh device, just written; effects may be drawn for each device, so that the state has their shape too."""
        zero = nothing(self)
        inner = jax.tree.map(lambda x: x + jnp.zeros(zero.shape, jnp.result_type(x)), self.device.rest())
        return SpecimenState(self.overlay.fresh(zero), inner)

    def window(self) -> tuple[Number, Number]:
        """Window of the fresh device [S]."""
        return self.device.window()

    def conductance(self, state: SpecimenState, *, temperature: float = ROOM) -> Number:
        """Conductance [S] with drift, wear and fault, without noise."""
        return self.shown(state, temperature)[0]

    def shown(self, state: SpecimenState, temperature: Number) -> tuple[Number, Number]:
        """Conductance [S] shown, and that of the device inside."""
        g = self.device.conductance(state.inner, temperature=temperature)
        return self.overlay.shown(state.overlay, g, self.window(), temperature), g

    def relax(self, state: SpecimenState, duration: Number, *, temperature: float = ROOM) -> SpecimenState:
        """State after `duration` [s] without drive; durations can be split."""
        overlay = self.overlay.later(state.overlay, duration, temperature)
        inner = self.device.relax(state.inner, duration, temperature=temperature)
        return SpecimenState(overlay, self.overlay.kept(inner, self.device.rest(), state.overlay, overlay))

    def read(self, state: SpecimenState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Current [A] at read voltage `v` [V], with the noise of the device inside and of the effects."""
        of_device, of_effects = jax.random.split(key)
        shown, g = self.shown(state, temperature)
        current = self.device.read(state.inner, v, key=of_device, temperature=temperature)
        current = scaled_current(current, shown, g, v)
        seen = Seen(g, shown, v, state.overlay.age, temperature, 0.0)
        return self.overlay.noisy(state.overlay, current, seen, key=of_effects)


class Specimen(AbstractSpecimen, AbstractDevice):
    """A device that answers to pulses, with drift, retention, read noise, wear and faults laid over it.

    The device inside computes what a pulse does; the effects change what is read, and retention takes the state back
    to rest. A pulse that writes (see `Overlay.restart`) starts drift anew.

    Args:
        device: The device inside.
        overlay: Its effects.

    Limits: a circuit cannot hold a specimen, only the device inside (`bare`). A pulse acts on the undrifted state, and
    its energy is that of the device inside, in proportion to the conductance shown where the device has two terminals.
    `window` is that of the fresh device: drift and wear can lead below it.
    """

    internal: ClassVar[tuple[str, ...]] = property(lambda self: self.device.internal)  # type: ignore[assignment]

    device: AbstractDevice
    overlay: Overlay = Overlay()

    def observe(self, state: SpecimenState, *, key: jax.Array) -> SpecimenState:
        """The state with every trap settled to filled or empty: a trace of observe and relax is a telegraph signal."""
        return SpecimenState(self.overlay.observed(state.overlay, key=key), state.inner)

    def pulse(self, state: SpecimenState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM) -> SpecimenState:
        """State after one pulse, with cycle-to-cycle noise and, where it writes, a new drift exponent."""
        of_device, of_drift = jax.random.split(key)
        inner = self.device.pulse(state.inner, pulse, key=of_device, temperature=temperature)
        low, high = self.window()
        change = (self.device.conductance(inner) - self.device.conductance(state.inner)) / (high - low)
        return SpecimenState(self.overlay.written(state.overlay, change, key=of_drift), inner)

    def energy(self, state: SpecimenState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Energy [J] of a pulse."""
        energy = self.device.energy(state.inner, pulse, temperature=temperature)
        if len(self.terminals) > 2:  # the gate's energy does not see the channel
            return energy
        return energy * ratio(*self.shown(state, temperature))


class ProgrammedSpecimen(AbstractSpecimen, AbstractProgrammed):
    """A memory known by the outcome of programming, with drift, retention, read noise and faults laid over it.

    Args:
        device: The memory inside.
        overlay: Its effects.

    Raises:
        ParameterError: If wear is among the effects: programming to a target leaves no count of cycles.
    """

    device: AbstractProgrammed
    overlay: Overlay = Overlay()

    def __check_init__(self) -> None:
        if self.overlay.wear:
            raise ParameterError(
                f"{type(self.device).__name__} is known by the outcome of programming and counts no cycles, so that "
                "wear cannot be laid over it. Lay it over a device that answers to pulses."
            )

    def program(self, target: Number, *, key: jax.Array) -> SpecimenState:
        """State right after programming to `target` [S]."""
        of_device, of_drift = jax.random.split(key)
        inner = self.device.program(target, key=of_device)
        zero = nothing(self) + jnp.zeros_like(jnp.asarray(target, jnp.result_type(float)))
        overlay = self.overlay.written(self.overlay.fresh(zero), zero + 1.0, key=of_drift)
        return SpecimenState(eqx.tree_at(lambda s: s.cycles, overlay, zero), inner)


def with_overlay(device: AbstractMemory, overlay: Overlay) -> Specimen | ProgrammedSpecimen:
    """The device with effects laid over it.

    Raises:
        ParameterError: If the device neither answers to pulses nor can be programmed.
    """
    if isinstance(device, AbstractDevice):
        return Specimen(device, overlay)
    if isinstance(device, AbstractProgrammed):
        return ProgrammedSpecimen(device, overlay)
    raise ParameterError(f"{type(device).__name__} is no device that effects can be laid over.")
