"""A spiking network run on a clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jaxtyping import Array

from mho.core import engineering
from mho.core.errors import NetworkError, reason_of
from mho.core.fields import cast
from mho.networks.nodes.network import SpikingNetwork
from mho.networks.nodes.node import AbstractNode, Shape
from mho.networks.nodes.order import Order, plan


class Run(NamedTuple):
    """What a network gave.

    Args:
        outputs: For each output by name, shape (steps, ...).
        recorded: For each node asked for, by path, what it gave, shape (steps, ...).
        membranes: For each node asked for that has one, its voltage at the end of each step, (steps, ...) [V].
    """

    outputs: dict[str, Array]
    recorded: dict[str, Array]
    membranes: dict[str, Array]


def simulate(
    network: SpikingNetwork, *inputs: Any, dt: float, record: Sequence[str] = (), dtype: Any = np.float32
) -> Run:
    """Run a network from rest.

    Args:
        network: The network.
        *inputs: For each input (in the order of `network.inputs`) its signals, held within a step, (steps, ...).
        dt: Length of a step [s].
        record: Paths of nodes to record besides.
        dtype: Precision.

    Returns:
        What it gave, as NumPy arrays. :func:`steps` is the same for JAX's derivatives and batches.

    Raises:
        NetworkError: If inputs are missing, have another shape or are not finite, the step is not above 0, or a delay
            is no whole number of steps.
    """
    if not (np.isfinite(dt) and dt > 0):
        raise NetworkError(
            f"dt is {engineering(dt, 's')}; a step must be finite and above 0 s. Give it in seconds, as dt=1e-4."
        )
    _check_finite(network, inputs)
    with jax.enable_x64(np.dtype(dtype) == np.float64):
        arrays = [jnp.asarray(x, dtype) for x in inputs]
        return jax.tree.map(np.asarray, steps(cast(network, dtype), arrays, dt, tuple(record)))


@eqx.filter_jit
def steps(network: SpikingNetwork, inputs: Sequence[Array], dt: float, record: tuple[str, ...] = ()) -> Run:
    """As :func:`simulate`, with a network that is cast already; for derivatives and batches (`jax.vmap`)."""
    order = plan(network, dt)
    _checked(network, order, inputs, record)
    dtype = inputs[0].dtype
    shapes = shapes_of(order, {n: x.shape[1:] for n, x in zip(network.inputs, inputs, strict=True)}, dtype)
    moving = {n: node for n, node in order.nodes.items() if isinstance(node, AbstractNode)}
    takes = {n: shapes[order.sources[n][0]] for n in moving}
    prepared = {n: node.prepare(dt, takes[n]) for n, node in moving.items()}
    rest = {n: node.rest(prepared[n], takes[n], dtype) for n, node in moving.items()}
    before = {a: jnp.zeros(shapes[a], dtype) for a, _ in order.back}

    def step(carry: tuple[dict[str, Any], dict[str, Array]], given: list[Array]) -> tuple[Any, Any]:
        states, held = carry
        values = dict(zip(network.inputs, given, strict=True))
        for name in order.late:
            values[name] = order.nodes[name].look(prepared[name], states[name])
        after = dict(states)

        def taken(name: str) -> Array:
            parts = [held[a] if (a, name) in order.back else values[a] for a in order.sources[name]]
            return sum(parts[1:], start=parts[0])

        for name in order.names:
            if name in values:
                continue
            node = order.nodes[name]
            if name in moving:
                after[name], values[name] = node.step(prepared[name], states[name], taken(name))
            else:
                values[name] = node(taken(name))
        for name in order.late:
            after[name] = order.nodes[name].step(prepared[name], states[name], taken(name))[0]
        seen = {n: values[n] for n in record}
        voltages = {n: _membrane(after[n]) for n in record if n in moving and hasattr(order.nodes[n], "v_leak")}
        return (after, {a: values[a] for a in held}), ({n: values[n] for n in network.outputs}, seen, voltages)

    return Run(*lax.scan(step, (rest, before), list(inputs))[1])


def shapes_of(order: Order, given: dict[str, Shape], dtype: Any = np.float32) -> dict[str, Shape]:
    """Shape of what every node gives, from those of the inputs; around cycles too.

    Raises:
        NetworkError: If a node's inputs have different shapes, or one that does not fit it.
    """
    shapes = dict(given)
    waiting = [n for n in order.nodes if n not in shapes]
    while waiting:
        left = []
        for name in waiting:
            known = [shapes[a] for a in order.sources[name] if a in shapes]
            if known:
                shapes[name] = _shape(name, order.nodes[name], known[0], dtype)
            else:
                left.append(name)
        if len(left) == len(waiting):
            raise NetworkError(f"No input leads to {left[0]!r}. Add an edge, or remove it.")
        waiting = left
    for name, sources in order.sources.items():
        found = {shapes[a] for a in sources}
        if len(found) > 1:
            listed = ", ".join(f"{a} {shapes[a]}" for a in sources)
            raise NetworkError(f"Node {name!r} is brought signals of different shapes: {listed}. They cannot be added.")
    return shapes


def _shape(name: str, node: Any, given: Shape, dtype: Any) -> Shape:
    try:
        if isinstance(node, AbstractNode):
            return node.shape(given)
        return jax.eval_shape(node, jax.ShapeDtypeStruct(given, dtype)).shape
    except NetworkError as error:
        raise NetworkError(f"Node {name!r}: {error}") from error
    except Exception as error:  # layers fail on a wrong shape each in their own way
        raise NetworkError(
            f"Node {name!r} ({type(node).__name__}) cannot take the shape {given}: {reason_of(error)}"
        ) from error


def _checked(network: SpikingNetwork, order: Order, inputs: Sequence[Array], record: tuple[str, ...]) -> None:
    if len(inputs) != len(network.inputs) or len({x.shape[0] for x in inputs}) != 1:
        raise NetworkError(
            f"The network has the inputs {', '.join(network.inputs)}; give one array each, all of (steps, ...)."
        )
    for name, x in zip(network.inputs, inputs, strict=True):
        asked = network.nodes[name].shape
        if asked is not None and tuple(x.shape[1:]) != tuple(asked):
            raise NetworkError(
                f"Input {name!r} takes signals of shape {tuple(asked)} a step, not {tuple(x.shape[1:])}."
            )
    lost = [n for n in record if n not in order.nodes]
    if lost:
        raise NetworkError(f"There is no node {lost[0]!r} to record. Nodes: {', '.join(order.nodes)}.")


def _check_finite(network: SpikingNetwork, inputs: Sequence[Any]) -> None:
    """Refuse signals that are not finite; too few or too many are refused by their shapes."""
    for name, x in zip(network.inputs, inputs, strict=False):
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(x)):
            continue
        values = np.asarray(x)
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            at = tuple(int(k) for k in bad[0])
            raise NetworkError(
                f"Input {name!r} is {values[at]} at {list(at)}; {len(bad)} entries in all are not finite. Correct "
                "them, or leave those samples out."
            )


def _membrane(state: Any) -> Array:
    return state[0] if isinstance(state, tuple) else state
