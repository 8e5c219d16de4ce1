"""Parameters that derivatives are taken by: chosen by selectors, scaled to their own size, pushed into a circuit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.netlist import Circuit
from mho.core.errors import InputError

Selector = Callable[[Any], Any]


class Directions(NamedTuple):
    """What a run is differentiated by.

    Args:
        names: Names of the parameters.
        circuit: The circuit.
        slopes: Its derivatives by a change of each parameter by its own size; leaves lead with an axis over parameters.
        sizes: What the derivatives are divided by in the end: the parameters' own sizes, or 1 where relative changes
            are wanted; a number or one per sample.
    """

    names: tuple[str, ...]
    circuit: Circuit
    slopes: Circuit
    sizes: tuple[np.ndarray, ...]


def directions(
    source: Any,
    of: Mapping[str, Selector],
    build: Callable[[Any], Circuit] | None = None,
    *,
    relative: bool = False,
    scales: Mapping[str, float] | None = None,
) -> Directions:
    """Derivatives of a circuit's numbers by parameters.

    Args:
        source: A circuit, or what `build` makes one of.
        of: By name, a selector of a number or of a tuple of numbers that change together.
        build: Makes the circuit, for example ``lambda neuron: neuron.circuit(current=30e-9)``.
        relative: Whether derivatives are wanted per relative change; numbers that change together then keep their
            ratios, else they must be equal.
        scales: Size of a parameter where its own value is not one (a threshold shift of 0 V, say), by name.

    Raises:
        InputError: If a selector finds no number, or a parameter has no size to scale by.
    """
    steps = sized(source, of, relative=relative, scales=scales)
    build = build or _same

    def moved(changes: Any) -> Any:
        module = source
        for k, (name, select) in enumerate(of.items()):
            where = lambda m, s=select: numbers(s(m))  # noqa: E731
            new = [x + changes[k] * step for x, step in zip(where(module), steps[name], strict=True)]
            module = eqx.tree_at(where, module, new)
        return jax.tree.map(jnp.asarray, build(module))

    count = len(of)
    with jax.enable_x64(True):
        rates = jax.vmap(lambda e: jax.jvp(moved, (jnp.zeros(count),), (e,))[1])(jnp.eye(count))
    slopes = jax.tree.map(np.asarray, rates)
    sizes = tuple(np.ones(()) if relative else steps[name][0] for name in of)
    return Directions(tuple(of), build(source), slopes, sizes)


def sized(
    source: Any, of: Mapping[str, Selector], *, relative: bool, scales: Mapping[str, float] | None
) -> dict[str, list[np.ndarray]]:
    """What each selected number changes by when its parameter changes by its own size.

    Raises:
        InputError: If a selector finds no number, or a parameter has no size to scale by.
    """
    scales = dict(scales or {})
    unknown = [name for name in scales if name not in of]
    if unknown or not of:
        what = f"scales names {unknown[0]!r}, which is no parameter" if unknown else "no parameter is given"
        raise InputError(f"Sensitivities: {what}; `of` has {', '.join(of) or 'none'}.")
    return {name: _steps(name, chosen(name, source, find), relative, scales.get(name)) for name, find in of.items()}


def chosen(name: str, source: Any, select: Selector) -> list[np.ndarray]:
    """Numbers that a selector finds.

    Raises:
        InputError: If it finds none, or something that is no number.
    """
    found = numbers(select(source))
    leaves = {id(x) for x in jax.tree.leaves(source)}
    for x in found:
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or id(x) not in leaves:
            raise InputError(
                f"The selector of {name!r} finds {x!r}, which is no number that can change. "
                'Select fields that hold SI numbers, for example lambda c: c["membrane.c"].c.'
            )
    if not found:
        raise InputError(f"The selector of {name!r} finds nothing. Let it return a number or a tuple of numbers.")
    return found


def numbers(x: Any) -> list[Any]:
    """What a selector finds, as a list."""
    return list(x) if isinstance(x, tuple | list) else [x]


def _same(circuit: Circuit) -> Circuit:
    return circuit


def _steps(name: str, values: list[np.ndarray], relative: bool, scale: float | None) -> list[np.ndarray]:
    """What each number changes by when the parameter changes by its own size."""
    if scale is not None:
        if not (np.isfinite(scale) and scale > 0):
            raise InputError(f"The scale of {name!r} is {scale}; it must be above 0.")
        return [np.full(x.shape, scale) for x in values]
    if any(np.any(x == 0) for x in values):
        raise InputError(
            f"{name!r} is 0, so it has no size of its own; give one: scales={{{name!r}: ...}} in its unit."
        )
    if not relative and any(not np.array_equal(x, values[0]) for x in values):
        raise InputError(
            f"{name!r} selects numbers that differ, which have no common unit to change by. Use relative=True."
        )
    return [np.abs(x) for x in values] if not relative else list(values)
