"""Places any device that has a continuous face into a circuit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer

from mho.circuits.elements import AbstractElement, NoiseCurrent
from mho.core.errors import NetlistError
from mho.devices.device import ROOM, AbstractContinuousDevice, AbstractDevice
from mho.devices.effects.densities import KINDS, density, thermal
from mho.devices.effects.read_noise import AbstractReadNoise, ThermalNoise


class Memristive(AbstractElement):
    """A memristive device: its linear parts, its internal nodes, and its states as unknowns of the circuit.

    In the circuit an internal node is called ``<element>.<node>`` and a state ``<element>.<state>``, with a number
    after it where the state has several modes: ``synapse.ion``, ``synapse.q0``, ``synapse.x``. Both can be saved,
    crossed and given initial values by these names.

    Args:
        device_nodes: Node for each of the device's terminals.
        device: Any device with a continuous face.
        initial: State at the start; the device's rest if None.
        moving: Kinds of state that move; the others keep their initial value. By default "q" and "x" if the device
            has them, else all its states. A moving counter (age, cycles) costs one unknown each.
        read_noise: Shot and flicker noise of the channel, as :class:`mho.devices.Overlay` lays them over a device. Its
            thermal noise is always there.

    Raises:
        NetlistError: If the device has only pulse behaviour, the number of nodes is not that of its terminals, or a
            read noise has no spectral density (a trap).
    """

    device_nodes: tuple[str, ...] = eqx.field(static=True)
    device: AbstractContinuousDevice
    initial: Any
    moving: tuple[str, ...] = eqx.field(static=True)
    read_noise: tuple[AbstractReadNoise, ...]

    def __init__(
        self,
        nodes: Sequence[str],
        device: AbstractContinuousDevice,
        initial: Any = None,
        *,
        moving: Sequence[str] | None = None,
        read_noise: Sequence[AbstractReadNoise] = (),
    ):
        if not isinstance(device, AbstractContinuousDevice):
            what = "only a pulse (event) face" if isinstance(device, AbstractDevice) else "no device interface"
            raise NetlistError(
                f"{type(device).__name__} has {what}, so a circuit cannot integrate it. "
                "Use a model with rate() and current()."
            )
        if len(nodes) != len(device.terminals):
            raise NetlistError(
                f"{type(device).__name__} has the terminals {', '.join(device.terminals)}, "
                f"but {len(nodes)} nodes were given."
            )
        if moving is None:
            moving = tuple(s for s in ("q", "x") if s in device.states) or device.states
        unknown = [s for s in moving if s not in device.states]
        if unknown:
            raise NetlistError(
                f"{type(device).__name__} has no state {unknown[0]!r}; it has {', '.join(device.states)}."
            )
        for n in read_noise:
            if type(n) not in KINDS:
                raise NetlistError(
                    f"{type(n).__name__} has no spectral density, so a circuit cannot have it. "
                    f"Use {', '.join(k.__name__ for k in KINDS)}."
                )
        self.device_nodes, self.device, self.moving = tuple(nodes), device, tuple(moving)
        self.read_noise = tuple(read_noise)
        with jax.enable_x64(True):
            self.initial = _concrete(device.rest() if initial is None else initial)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return self.device_nodes

    def state_names(self) -> tuple[str, ...]:
        """Names of the moving states, for example ("q0", "q1", "x")."""
        names: list[str] = []
        for kind in self.moving:
            value = getattr(self.initial, kind)
            names += [f"{kind}{k}" for k in range(len(value))] if isinstance(value, tuple) else [kind]
        return tuple(names)

    def initial_values(self) -> tuple[Any, ...]:
        """Initial value of each moving state."""
        return tuple(v for kind in self.moving for v in _modes(getattr(self.initial, kind)))

    def flows(self, x: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Currents into the device [A] and rates of its moving states [1/s].

        Args:
            x: Voltages of terminals and internal nodes [V], then the moving states.
            temperature: [K].
        """
        count = len(self.device.terminals) + len(self.device.internal)
        state = self.state(x[count:])
        currents = self.device.current(state, x[:count], temperature=temperature)
        rates = self.device.rate(state, x[:count], temperature=temperature)
        return tuple(currents), tuple(r for kind in self.moving for r in _modes(getattr(rates, kind)))

    def noise(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[NoiseCurrent, ...]:
        """Noise currents of the channel, between the last two terminals and under their names.

        Args:
            voltages: Voltages of terminals and internal nodes [V], then the moving states.
            temperature: [K].
        """
        terminals = self.device.terminals
        count = len(terminals) + len(self.device.internal)
        g = self.device.conductance(self.state(voltages[count:]), temperature=temperature)
        a, b = terminals[-2:]
        v = voltages[len(terminals) - 2] - voltages[len(terminals) - 1]
        found = [NoiseCurrent("thermal", a, b, thermal(g, temperature))]
        for n in self.read_noise:
            if not isinstance(n, ThermalNoise):
                flicker = KINDS[type(n)] == "flicker"
                kind = "flicker" if flicker else "shot"
                found.append(NoiseCurrent(kind, a, b, density(n, g, v, temperature), float(flicker)))
        return tuple(found)

    def state(self, values: Sequence[Any]) -> Any:
        """The device's state from values of the moving ones."""
        left, state = list(values), self.initial
        for kind in self.moving:
            old = getattr(state, kind)
            new = tuple(left.pop(0) for _ in old) if isinstance(old, tuple) else left.pop(0)
            state = eqx.tree_at(lambda s, kind=kind: getattr(s, kind), state, new)
        return state


def _modes(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _concrete(state: Any) -> Any:
    """JAX arrays of a state as float64 NumPy leaves, so that building a circuit loses no precision."""

    def leaf(x: Any) -> Any:
        return x if isinstance(x, Tracer) or not eqx.is_array_like(x) else np.asarray(x, np.float64)

    return jax.tree.map(leaf, state)
