"""A synapse's event as a function of numbers: the part of its state that matters, and where its numbers come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ParameterError
from mho.core.names import meant
from mho.networks.populations.network import Projection
from mho.networks.synapse import AbstractSynapse, precision


class EventRule(eqx.Module):
    """What one spike does to one synapse, element by element.

    Of the synapse's state only what some later efficacy (or energy, or a field that was asked for) depends on is kept.
    Numbers that are exactly 0 or 1 for all synapses are part of the rule, so that terms which they switch off cost
    nothing; other numbers are inputs, so that rules of one structure share one program.

    Args:
        shared: Parameters that are one number for all, shape ().
        each: Parameters of each synapse, shape (n,).
        structure: How the synapse and its energy are put together from numbers.
        places: For each number, where it is: ("fixed", value), ("shared", k) or ("each", k).
        state: How the synapse's state is put together.
        live: Which leaves of the state are kept.
        measured: Whether an event's energy is worked out.
    """

    shared: tuple[Any, ...]
    each: tuple[Any, ...]
    structure: Any = eqx.field(static=True)
    places: tuple[tuple[str, Any], ...] = eqx.field(static=True)
    state: Any = eqx.field(static=True)
    live: tuple[int, ...] = eqx.field(static=True)
    measured: bool = eqx.field(static=True)
    dtype: str = eqx.field(static=True)

    def __call__(
        self, live: Sequence[Any], interval: Any, shared: Sequence[Any], each: Sequence[Any], key: Any = None
    ) -> tuple[tuple[Any, ...], Any, Any]:
        """Kept state after a spike, its efficacy, and its energy [J] (None where it is not measured).

        Args:
            live: Kept leaves of the state.
            interval: Since the last spike [s].
            shared: Shared parameters.
            each: Parameters of the synapses at hand.
            key: For cycle-to-cycle and read noise; None for none.
        """
        sources = {"shared": shared, "each": each}
        leaves = [
            np.asarray(where, self.dtype) if kind == "fixed" else sources[kind][where] for kind, where in self.places
        ]
        synapse, energy = jax.tree.unflatten(self.structure, leaves)
        zero = jnp.zeros(jnp.shape(interval), self.dtype)
        parts = [zero] * self.state.num_leaves
        for k, leaf in zip(self.live, live, strict=True):
            parts[k] = leaf
        before = jax.tree.unflatten(self.state, parts)
        if key is None:
            after, efficacy = synapse.spike(before, interval)
        else:
            after, efficacy = synapse.noisy_spike(before, interval, key=key)
        found = jax.tree.leaves(after)
        spent = energy(synapse, before, after, interval) if self.measured else None
        return tuple(found[k] for k in self.live), efficacy, spent


class Start(eqx.Module):
    """Names of the kept leaves of a projection's synaptic state, and their values at rest, shape (n,)."""

    names: tuple[str, ...] = eqx.field(static=True)
    values: tuple[Any, ...]


def event_rule(projection: Projection, dtype: Any) -> tuple[EventRule, Start]:
    """The rule of a projection's synapses, and their state before the first spike.

    Raises:
        ParameterError: If a field to be kept is not in the synapse's state.
    """
    n, name = projection.connectivity.synapses, np.dtype(dtype).name
    leaves, structure = jax.tree.flatten((projection.synapse, projection.energy))
    shared: list[Any] = []
    each: list[Any] = []
    places: list[tuple[str, Any]] = []
    for leaf in leaves:
        value = np.asarray(leaf)
        if value.ndim == 0 and float(value) in (0.0, 1.0):
            places.append(("fixed", float(value)))
        else:
            kept = each if value.ndim else shared
            places.append(("each" if value.ndim else "shared", len(kept)))
            kept.append(value.astype(dtype))
    state, values, fields = _rest(projection.synapse)
    every = tuple(range(len(values)))
    measured = projection.energy is not None
    rule = EventRule(tuple(shared), tuple(each), structure, tuple(places), state, every, measured, name)
    wanted = _wanted(projection, fields)
    live = _needed(rule, wanted, dtype)
    rule = EventRule(tuple(shared), tuple(each), structure, tuple(places), state, live, measured, name)
    start = tuple(np.array(np.broadcast_to(values[k].astype(dtype), (n,))) for k in live)
    return rule, Start(tuple(fields[k] for k in live), start)


def _rest(synapse: AbstractSynapse) -> tuple[Any, list[np.ndarray], list[str]]:
    with precision(synapse):
        found, state = jax.tree_util.tree_flatten_with_path(synapse.rest())
    return state, [np.asarray(leaf) for _, leaf in found], [jax.tree_util.keystr(path)[1:] for path, _ in found]


def _wanted(projection: Projection, fields: Sequence[str]) -> set[int]:
    wanted = set()
    for name in projection.keep:
        found = {k for k, field in enumerate(fields) if field == name or field.startswith(f"{name}[")}
        if not found:
            raise ParameterError(
                f"{projection.name} keeps {name!r}, which is not in its synapses' state. {meant(name, fields)}"
                f"There are {', '.join(fields) or 'no fields'}."
            )
        wanted |= found
    return wanted


def _needed(rule: EventRule, wanted: set[int], dtype: Any) -> tuple[int, ...]:
    """Leaves of the state on which an efficacy or an energy, or a wanted leaf, depends, now or later."""
    count = len(rule.live)
    zeros = [np.zeros((), dtype)] * count
    with jax.enable_x64(np.dtype(dtype) == np.float64):
        closed = jax.make_jaxpr(
            lambda live, interval: rule(live, interval, rule.shared, [e[:1][0] for e in rule.each])
        )(zeros, np.zeros((), dtype))
    jaxpr = closed.jaxpr
    goals = [jaxpr.outvars[k] for k in range(count, len(jaxpr.outvars))]
    live = set(wanted)
    while True:
        reached = _behind(jaxpr, [*goals, *(jaxpr.outvars[k] for k in live)])
        more = live | {k for k in range(count) if jaxpr.invars[k] in reached}
        if more == live:
            return tuple(sorted(live))
        live = more


def _behind(jaxpr: Any, goals: Sequence[Any]) -> set[Any]:
    """All variables that some goals depend on."""
    needed = {v for v in goals if not hasattr(v, "val")}
    for equation in reversed(jaxpr.eqns):
        if any(v in needed for v in equation.outvars):
            needed |= {v for v in equation.invars if not hasattr(v, "val")}
    return needed
