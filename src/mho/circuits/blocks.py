"""Elements of one kind as one element whose numbers are stacked: traced and compiled once, whatever their count."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from mho.circuits.charges import AbstractCharge
from mho.circuits.elements import AbstractElement
from mho.circuits.level1 import LevelOne

Nodes = tuple[int, ...]


class Charging(NamedTuple):
    """The current along one path of a charge that depends on voltages; paths are in the order of `Layout.charged`.

    Args:
        by: Current per slope of each unknown and held node [F].
        bends: Derivative of the current by each unknown at fixed slopes.
    """

    by: dict[int, Any]
    bends: dict[int, Any]


class Block(NamedTuple):
    """Elements of one kind.

    Args:
        element: All of them as one, with numbers [element, lane].
        which: Their numbers in the circuit.
        nodes: Their nodes' indices.
    """

    element: Any
    which: list[int]
    nodes: list[Nodes]

    def terminals(self, value: Callable[[int], Any]) -> list[Any]:
        """Values at each terminal, [element, lane]."""
        return [jnp.stack([value(i) for i in column]) for column in zip(*self.nodes, strict=True)]

    def unknown(self, n: int) -> list[bool]:
        """Whether a terminal is an unknown, in any of the elements."""
        return [any(0 <= i < n for i in column) for column in zip(*self.nodes, strict=True)]


def blocks(stamper: Any, chosen: type | tuple[type, ...]) -> Iterator[Block]:
    """The elements of the chosen classes, those of one kind together (unrolled, each alone)."""
    elements, nodes = stamper.p.circuit.elements, stamper.a.nodes
    for same in _kinds(elements, chosen):
        for which in [[k] for k in same] if stamper.a.unrolled else [same]:
            yield Block(_stacked([elements[k] for k in which]), which, [nodes[k] for k in which])


def conductors(stamper: Any, chosen: tuple[type, ...]) -> None:
    """Stamp the conductors of the chosen classes."""
    temperature = stamper.p.circuit.temperature
    for block in blocks(stamper, chosen):
        x = block.terminals(stamper.v)
        if isinstance(block.element, LevelOne):
            i, slopes = block.element.current_and_slopes(tuple(x))
        else:
            current = lambda *v, e=block.element: e.current(v, temperature=temperature) + 0.0 * v[0]  # noqa: E731
            i, slopes = current(*x), _columns(current, x, block.unknown(stamper.n))
        for row, (k, nodes) in enumerate(zip(block.which, block.nodes, strict=True)):
            stamper.flow(k, nodes[0], nodes[1], i[row], _of_unknowns(nodes, slopes, row, stamper.n))


def charges(stamper: Any, moves: Sequence[Any]) -> None:
    """Stamp the charges that depend on voltages, with the unknowns (and held nodes) moving at these slopes."""
    temperature, found = stamper.p.circuit.temperature, {}

    def slope(i: int) -> Any:
        return stamper.zero if i < 0 or moves[i] is None else moves[i] + stamper.zero

    for block in blocks(stamper, AbstractCharge):
        x, dx = block.terminals(stamper.v), block.terminals(slope)

        def flows(*v: Any, e: Any = block.element, dx: list[Any] = dx) -> list[Any]:
            rows = e.capacitance(v, temperature=temperature)
            return [sum((c * d for c, d in zip(row, dx, strict=True)), 0.0 * v[0]) for row in rows]

        by = block.element.capacitance(tuple(x), temperature=temperature)
        by = [[c + 0.0 * x[0] for c in row] for row in by]
        bends = _columns(flows, x, block.unknown(stamper.n))
        for row, k in enumerate(block.which):
            for path in range(len(by)):
                found[k, path] = (block.nodes[row], by[path], [b if b is None else b[path] for b in bends], row)
    for k, p, q, path in stamper.a.layout.charged:
        nodes, currents, slopes, row = found[k, path]
        own: dict[int, Any] = {}
        for j, c in zip(nodes, currents, strict=True):
            if j >= 0:
                own[j] = own[j] + c[row] if j in own else c[row]
        bend = _of_unknowns(nodes, slopes, row, stamper.n)
        stamper.charging.append(Charging(own, bend))
        stamper.row(p, stamper.zero, bend)
        stamper.row(q, stamper.zero, {j: -d for j, d in bend.items()})


def _kinds(elements: Sequence[AbstractElement], chosen: type | tuple[type, ...]) -> list[list[int]]:
    """Numbers of the elements of the `chosen` classes, grouped by what is compiled in but for their nodes."""
    found: dict[Any, list[int]] = {}
    for k, element in enumerate(elements):
        if isinstance(element, chosen):
            fields = dataclasses.fields(element)  # type: ignore[arg-type]
            static = (getattr(element, f.name) for f in fields if f.metadata.get("static"))
            # Names of nodes differ and do not matter; of several nodes in one field, their number does.
            own = tuple(len(x) if isinstance(x, tuple) else x for x in static if not isinstance(x, str))
            found.setdefault((type(element), own), []).append(k)
    return list(found.values())


def _stacked(elements: Sequence[Any]) -> Any:
    """One element whose numbers are [element, lane], of several whose numbers are of lanes."""
    leaves = [jax.tree.leaves(e) for e in elements]
    columns = [jnp.broadcast_arrays(*(jnp.atleast_1d(x) for x in column)) for column in zip(*leaves, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(elements[0]), [jnp.stack(c) for c in columns])


def _columns(function: Callable[..., Any], x: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
    """Slope of a function of stacked numbers by each wanted argument (None else)."""
    slopes: list[Any] = []
    for c, want in enumerate(wanted):
        one = lambda y, c=c: function(*x[:c], y, *x[c + 1 :])  # noqa: E731
        slopes.append(jax.jvp(one, (x[c],), (jnp.ones_like(x[c]),))[1] if want else None)
    return slopes


def _of_unknowns(nodes: Nodes, slopes: Sequence[Any], row: int, n: int) -> dict[int, Any]:
    """Slopes by unknown of one element of a block."""
    found: dict[int, Any] = {}
    for j, slope in zip(nodes, slopes, strict=True):
        if 0 <= j < n:
            found[j] = found[j] + slope[row] if j in found else slope[row]
    return found
