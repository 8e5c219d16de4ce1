"""The circuit: named elements between named nodes, immutable, checked when it is built."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np

from mho.circuits.checks import check
from mho.circuits.elements import AbstractElement
from mho.core.errors import NetlistError
from mho.core.fields import check_ranges, quantity
from mho.core.sampling import batch_size
from mho.devices.device import ROOM

T = TypeVar("T")
_LATEST = 8  # circuits whose numbering and the like are kept


class Circuit(eqx.Module):
    """Named elements between named nodes. Node "0" is ground.

    Element names are dotted paths (``"threshold.n1"``); the energy ledger groups by their first part. A circuit is a
    pytree: :func:`mho.sample` makes a population of it, selectors reach into it as ``lambda c: c["membrane.c"].c``.

    Args:
        elements: Elements by name.
        initial: Voltages that nodes (or values that states, as ``"synapse.q0"``) have at the start [V or 1].
        temperature: Temperature of all elements [K].
        scale: Size of an unknown's error that counts as much as 1 V elsewhere, by name [V or 1]. Device states count
            0.02 unless named here.

    Raises:
        NetlistError: If the circuit cannot be simulated as it is connected; names the node or element and the cure.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    elements: tuple[AbstractElement, ...]
    initial_names: tuple[str, ...] = eqx.field(static=True)
    scale: tuple[tuple[str, float], ...] = eqx.field(static=True)
    initial_values: tuple[Any, ...] = quantity("SI")
    temperature: Any = quantity("K", positive=True)

    def __init__(
        self,
        elements: Mapping[str, AbstractElement],
        initial: Mapping[str, Any] | None = None,
        *,
        temperature: Any = ROOM,
        scale: Mapping[str, float] | None = None,
    ):
        self.names, self.elements = tuple(elements), tuple(elements.values())
        initial = dict(initial or {})
        self.initial_names, self.initial_values = tuple(initial), tuple(initial.values())
        self.scale = tuple(sorted((scale or {}).items()))
        self.temperature = temperature

    def __check_init__(self) -> None:
        check_ranges(self)
        check(self)

    def __getitem__(self, name: str) -> Any:
        if name not in self.names:
            raise NetlistError(f"The circuit has no element {name!r}. It has {', '.join(self.names)}.")
        return self.elements[self.names.index(name)]

    def items(self) -> tuple[tuple[str, AbstractElement], ...]:
        """Pairs of name and element."""
        return tuple(zip(self.names, self.elements, strict=True))

    @property
    def initial(self) -> dict[str, Any]:
        """Initial values by node or state name."""
        return dict(zip(self.initial_names, self.initial_values, strict=True))

    def with_elements(
        self, elements: Mapping[str, AbstractElement], initial: Mapping[str, Any] | None = None
    ) -> Circuit:
        """A circuit with elements (and initial values) added or replaced."""
        return Circuit(
            {**dict(self.items()), **elements},
            {**self.initial, **(initial or {})},
            temperature=self.temperature,
            scale=dict(self.scale),
        )

    @property
    def samples(self) -> int | None:
        """Number of samples if this is a population, else None."""
        return batch_size(self)


def remembered(function: Callable[[Circuit], T]) -> Callable[[Circuit], T]:
    """A function of a circuit that keeps its latest answers: circuits never change, so the same object is the same."""
    latest: list[tuple[Circuit, T]] = []

    @functools.wraps(function)
    def kept(circuit: Circuit) -> T:
        for known, answer in list(latest):
            if known is circuit:
                return answer
        answer = function(circuit)
        if concrete(circuit):
            latest.insert(0, (circuit, answer))
            del latest[_LATEST:]
        return answer

    return kept


def concrete(circuit: Circuit) -> bool:
    """Whether all numbers of the circuit are known now (none is being differentiated or traced)."""
    return all(isinstance(x, np.ndarray | float | int) for x in jax.tree.leaves(circuit))
