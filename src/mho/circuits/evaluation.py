"""Currents of all elements of each kind at once, with their slopes, in the order of the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from mho.circuits.behavioural import BehaviouralVoltage
from mho.circuits.kinds import Kind
from mho.circuits.level1 import LevelOne
from mho.circuits.memristive import Memristive
from mho.circuits.mosfet import MOSFET, channel_current


def evaluated(kinds: Sequence[Kind], numbers: Sequence[Any], x: Any, temperature: Any) -> tuple[Any, Any]:
    """Currents (current, lane), and slopes output by output, terminal by terminal, element by element.

    Args:
        kinds: The kinds in order.
        numbers: Their elements' numbers (a :class:`mho.circuits.mosfet.Channel` for transistors).
        x: Unknowns, held voltages and ground.
        temperature: [K].
    """
    empty = jnp.zeros((0, x.shape[1]))
    currents, slopes = [empty], [empty]
    for kind, own in zip(kinds, numbers, strict=True):
        i, by = _of_kind(kind, own, x[kind.nodes], temperature)
        currents += i
        slopes += [column for row in by for column in row]
    return jnp.concatenate(currents), jnp.concatenate(slopes)


def _of_kind(kind: Kind, own: Any, v: Any, temperature: Any) -> tuple[list[Any], list[list[Any]]]:
    """Outputs of a kind, and their slopes by terminal."""
    if isinstance(kind.example, MOSFET):
        i, by_d, by_g, by_s = channel_current(own, *v)
        return [i], [[by_d, by_g, by_s, -(by_d + by_g + by_s)]]
    if isinstance(kind.example, LevelOne):
        i, slopes = own.current_and_slopes(tuple(v))
        return [i], [list(slopes)]

    def outputs(element: Any, *x: Any) -> tuple[Any, ...]:
        if isinstance(element, Memristive):
            currents, rates = element.flows(x, temperature=temperature)
            return (*currents, *(-r for r in rates))
        if isinstance(element, BehaviouralVoltage):
            return (-element.voltage(x, temperature=temperature),)
        return (element.current(x, temperature=temperature),)

    values, columns = jax.vmap(lambda n, *x: _with_slopes(outputs, kind, n, x))(own, *v)
    return list(values), [[column[o] for column in columns] for o in range(len(values))]


def _with_slopes(outputs: Callable[..., Any], kind: Kind, numbers: Any, x: tuple[Any, ...]) -> tuple[Any, list[Any]]:
    """Outputs of one element and their slopes, one argument at a time."""
    element = eqx.combine(numbers, kind.constant)

    def full(*y: Any) -> tuple[Any, ...]:
        return tuple(out + jnp.zeros_like(x[0]) for out in outputs(element, *y))

    columns = []
    for c, y in enumerate(x):
        one = lambda y, c=c: full(*x[:c], y, *x[c + 1 :])  # noqa: E731
        columns.append(jax.jvp(one, (y,), (jnp.ones_like(y),))[1])
    return full(*x), columns


def charging(kinds: Sequence[Kind], numbers: Sequence[Any], x: Any, slope: Any, temperature: Any) -> tuple[Any, Any]:
    """Capacitances of charges that depend on voltages, and how their currents bend, both in the order of slopes.

    Args:
        kinds: The kinds in order.
        numbers: Their elements' numbers.
        x: Unknowns, held voltages and ground.
        slope: Their slopes.
        temperature: [K].
    """
    capacitances, bends = [], []
    for kind, own in zip(kinds, numbers, strict=True):
        v, dv = x[kind.nodes], slope[kind.nodes]
        count = len(kind.nodes)

        def one(n: Any, *values: Any, kind: Kind = kind, count: int = count) -> Any:
            volts, moves = values[:count], values[count:]

            def flows(element: Any, *y: Any) -> list[Any]:
                table = element.capacitance(y, temperature=temperature)
                return [sum(c * d for c, d in zip(row, moves, strict=True)) for row in table]

            table = eqx.combine(n, kind.constant).capacitance(volts, temperature=temperature)
            table = [[c + jnp.zeros_like(volts[0]) for c in row] for row in table]
            return table, _with_slopes(flows, kind, n, volts)[1]

        table, columns = jax.vmap(one)(own, *v, *dv)
        capacitances += [c for row in table for c in row]
        bends += [column[path] for path in range(len(table)) for column in columns]
    return jnp.concatenate(capacitances), jnp.concatenate(bends)
