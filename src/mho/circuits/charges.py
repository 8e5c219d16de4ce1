"""Charges that depend on voltages: the contract of such elements, and those whose law is a formula."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.circuits.elements import AbstractElement
from mho.devices.device import ROOM


class AbstractCharge(AbstractElement):
    r"""An element whose currents are capacitances times slopes of voltages: :math:`i_p = \sum_j C_{pj}(v)\,\dot v_j`.

    A run solves for the slopes, so this is the circuit's own method applied to :math:`C(u)\,\dot u`, of its order and
    under its error control. A charge is thereby kept to the run's tolerance, and need not exist: gate capacitances
    that are no derivative of any charge are integrated as they are stated.
    """

    @property
    @abc.abstractmethod
    def paths(self) -> tuple[tuple[str, str], ...]:
        """Pairs of nodes: a current flows from the first through the element to the second."""

    @abc.abstractmethod
    def capacitance(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[tuple[Any, ...], ...]:
        """For each path, the current per slope of each of `nodes` [F], at their voltages [V]."""


class BehaviouralCapacitor(AbstractCharge):
    """Capacitor whose capacitance is a function of node voltages: i = c(v) d(v_a - v_b)/dt.

    Args:
        a: Node.
        b: Node.
        controls: Control nodes.
        function: Capacitance [F] from the control voltages [V] and `temperature` [K]: a plain elementwise JAX
            expression, above zero. It is compiled in, and must be hashable.
    """

    a: str = eqx.field(static=True)
    b: str = eqx.field(static=True)
    controls: tuple[str, ...] = eqx.field(static=True)
    function: Callable[..., Any] = eqx.field(static=True)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.a, self.b, *self.controls)

    @property
    def paths(self) -> tuple[tuple[str, str], ...]:
        """The capacitor's own two nodes."""
        return ((self.a, self.b),)

    def capacitance(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[tuple[Any, ...], ...]:
        """Current per slope of each node [F]."""
        c = self.function(*voltages[2:], temperature=temperature)
        return ((c, -c, *(0.0 for _ in self.controls)),)


class BehaviouralCharge(AbstractCharge):
    """Charge between two nodes that is a function of node voltages: i = dq(v)/dt.

    Args:
        a: Node.
        b: Node.
        controls: Control nodes, whose voltages move the charge too.
        function: Charge [C] from the control voltages [V] and `temperature` [K]: a plain elementwise JAX expression. It
            is compiled in, and must be hashable.
    """

    a: str = eqx.field(static=True)
    b: str = eqx.field(static=True)
    controls: tuple[str, ...] = eqx.field(static=True)
    function: Callable[..., Any] = eqx.field(static=True)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.a, self.b, *self.controls)

    @property
    def paths(self) -> tuple[tuple[str, str], ...]:
        """The two nodes between which the charge sits."""
        return ((self.a, self.b),)

    def capacitance(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[tuple[Any, ...], ...]:
        """Current per slope of each node [F]: the charge's derivatives."""
        x = tuple(jnp.asarray(v, jnp.float64) for v in voltages[2:])

        def by(k: int) -> Any:
            charge = lambda y: self.function(*x[:k], y, *x[k + 1 :], temperature=temperature)  # noqa: E731
            return jax.jvp(charge, (x[k],), (jnp.ones_like(x[k]),))[1]

        return ((0.0, 0.0, *(by(k) for k in range(len(x)))),)
