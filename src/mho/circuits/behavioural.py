"""Behavioural sources: a voltage or a current that is any function of node voltages, SPICE's B."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx

from mho.circuits.elements import AbstractConductor, AbstractElement
from mho.devices.device import ROOM


class BehaviouralCurrent(AbstractConductor):
    """Current from `a` through itself to `b`, a function of the control nodes' voltages.

    Args:
        a: Node.
        b: Node.
        controls: Control nodes, at least one.
        function: Current [A] from the control voltages [V] and `temperature` [K]: a plain elementwise JAX expression.
            It is compiled in, and must be hashable.
    """

    a: str = eqx.field(static=True)
    b: str = eqx.field(static=True)
    controls: tuple[str, ...] = eqx.field(static=True)
    function: Callable[..., Any] = eqx.field(static=True)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.a, self.b, *self.controls)

    def current(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> Any:
        """Current from the first node to the second [A]."""
        return self.function(*voltages[2:], temperature=temperature)


class BehaviouralVoltage(AbstractElement):
    """Voltage v_plus - v_minus that is a function of the control nodes' voltages; its current is an unknown.

    Args:
        plus: Node.
        minus: Node.
        controls: Control nodes.
        function: Voltage [V] from the control voltages [V] and `temperature` [K]: a plain elementwise JAX expression.
            It is compiled in, and must be hashable.
    """

    plus: str = eqx.field(static=True)
    minus: str = eqx.field(static=True)
    controls: tuple[str, ...] = eqx.field(static=True)
    function: Callable[..., Any] = eqx.field(static=True)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.plus, self.minus, *self.controls)

    def voltage(self, controls: tuple[Any, ...], *, temperature: Any = ROOM) -> Any:
        """Voltage [V] at the control voltages [V]."""
        return self.function(*controls, temperature=temperature)
