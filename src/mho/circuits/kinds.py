"""Elements that differ in nodes and numbers alone, found and stacked: one element whose numbers are [element, lane]."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from mho.circuits.behavioural import BehaviouralVoltage
from mho.circuits.charges import AbstractCharge
from mho.circuits.elements import AbstractConductor, AbstractElement, Resistor
from mho.circuits.layout import Layout, device_indices
from mho.circuits.memristive import Memristive
from mho.circuits.mosfet import MOSFET
from mho.circuits.netlist import Circuit
from mho.circuits.sources import VCCS

LINEAR = (Resistor, VCCS)  # conductors whose slopes are numbers of their own
STACKED = (AbstractConductor, AbstractCharge, BehaviouralVoltage, Memristive, MOSFET)


class Kind(NamedTuple):
    """Elements of one kind.

    Args:
        which: Their numbers in the circuit.
        nodes: Index of each terminal of each, (terminal, element).
        constant: An element with the numbers that are compiled in (None elsewhere).
        example: One of them.
    """

    which: tuple[int, ...]
    nodes: np.ndarray
    constant: Any
    example: Any


def kinds(circuit: Circuit, layout: Layout) -> tuple[Kind, ...]:
    """The kinds of all elements that are no sources, branches or linear."""
    found: dict[Any, list[int]] = {}
    constants: dict[Any, Any] = {}
    for k, element in enumerate(circuit.elements):
        if isinstance(element, STACKED) and not isinstance(element, LINEAR):
            key: Any = jax.tree.structure(nameless(element))
            if isinstance(element, Memristive):
                constant = eqx.filter(element, neutral(element))
                numbers = tuple(float(x) for x in jax.tree.leaves(constant))
                key = key, jax.tree.structure(nameless(constant)), numbers
                constants.setdefault(key, constant)
            found.setdefault(key, []).append(k)
            if key not in constants:
                constants[key] = jax.tree.map(lambda _: None, element)
    names = circuit.names
    return tuple(
        Kind(
            tuple(which),
            np.array([_indices(names[k], circuit.elements[k], layout) for k in which], np.int32).T,
            constants[key],
            circuit.elements[which[0]],
        )
        for key, which in found.items()
    )


def _indices(name: str, element: AbstractElement, layout: Layout) -> tuple[int, ...]:
    if isinstance(element, Memristive):
        return device_indices(name, element, layout.index)
    nodes = element.nodes[2:] if isinstance(element, BehaviouralVoltage) else element.nodes
    return tuple(layout.index[x] for x in nodes)


def nameless(element: Any) -> Any:
    """The element with its nodes' names replaced by their places among its terminals."""
    places = {name: f"terminal {k}" for k, name in reversed(list(enumerate(element.nodes)))}

    def renamed(x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(places.get(y, y) if isinstance(y, str) else y for y in x)
        return places.get(x, x) if isinstance(x, str) else x

    copy = object.__new__(type(element))
    for field in dataclasses.fields(element):
        value = getattr(element, field.name)
        if field.metadata.get("static") and not callable(value):
            value = renamed(value)
        object.__setattr__(copy, field.name, value)
    return copy


def is_neutral(x: Any) -> bool:
    """A single 0 or 1: a device parameter that switches a mechanism off, worth compiling in."""
    return isinstance(x, np.ndarray) and x.ndim == 0 and float(x) in (0.0, 1.0)


def neutral(element: AbstractElement) -> Any:
    """A tree of truths like an element: the leaves that are compiled in."""
    return jax.tree.map(is_neutral if isinstance(element, Memristive) else lambda _: False, element)


def neutral_leaves(circuit: Circuit) -> Circuit:
    """A tree of truths like a circuit: the leaves that are compiled in."""
    nothing = jax.tree.map(lambda _: False, circuit)
    return eqx.tree_at(lambda c: c.elements, nothing, tuple(neutral(e) for e in circuit.elements))


def stacked(kind: Kind, elements: Sequence[Any]) -> Any:
    """The numbers of a kind's elements, [element, sample or 1]; None where they are compiled in."""
    own = [elements[k] for k in kind.which]
    mask = jax.tree.map(lambda x: x is not None, kind.constant, is_leaf=lambda x: x is None)
    columns = zip(*(jax.tree.leaves(e) for e in own), strict=True)
    truths = jax.tree.leaves(mask)
    leaves = [None if constant else rows(list(c)) for constant, c in zip(truths, columns, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(own[0]), leaves)


def rows(numbers: Sequence[Any]) -> Any:
    """Numbers, each single or one per sample, as [number, sample or 1]."""
    if not numbers:
        return np.zeros((0, 1))
    if any(isinstance(x, Tracer) for x in numbers):
        return jnp.stack(jnp.broadcast_arrays(*(jnp.reshape(jnp.asarray(x, jnp.float64), (-1,)) for x in numbers)))
    flat = [np.reshape(np.asarray(x, np.float64), (-1,)) for x in numbers]
    width = max(len(x) for x in flat)
    out = np.empty((len(flat), width))
    for k, x in enumerate(flat):
        out[k] = x
    return out
