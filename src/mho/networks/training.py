"""Training and fine-tuning of networks with the hardware in the forward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from mho.core.errors import InputError
from mho.networks.calls import Call, usual
from mho.networks.hardware import Hardware
from mho.networks.weights import adjusted

Loss = Callable[[Any, Any], Any]
"""Takes outputs (n, ...) and labels (n, ...); gives a number."""


class Trained(NamedTuple):
    """A trained network, and the mean loss of each epoch."""

    network: Any
    losses: np.ndarray


def cross_entropy(outputs: Any, labels: Any) -> Any:
    """Mean cross-entropy of logits (n, classes) and whole-number labels (n,)."""
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(outputs, labels))


def clipped(network: Any, sigmas: float) -> Any:
    r"""The network with each weight array clipped to :math:`\pm k\,\mathrm{std}(W)`, so that few set the scale."""

    def one(w: Any) -> Any:
        end = sigmas * jnp.std(w)
        return jnp.clip(w, -end, end)

    return adjusted(network, one)


def fit(
    network: Any,
    x: Any,
    labels: Any,
    *,
    key: jax.Array,
    hardware: Hardware | None = None,
    epochs: int = 20,
    batch: int = 64,
    optimiser: optax.GradientTransformation | None = None,
    loss: Loss = cross_entropy,
    clip: float | None = None,
    call: Call | None = None,
) -> Trained:
    """Train a network, or fine-tune one, whose every pass meets `hardware`.

    An epoch is one compiled loop over shuffled batches. Where the hardware quantises, its ranges are told anew from the
    first samples at the begin of every epoch.

    Args:
        network: Any tree of Equinox modules without state.
        x: Samples (n, ...).
        labels: (n, ...), as the loss takes them.
        key: JAX random key: for batches, and for what the hardware draws.
        hardware: What products meet; None for exact ones.
        epochs: Passes over the samples.
        batch: Samples of a step; a rest that fills no batch is left out of the epoch.
        optimiser: From Optax; default Adam at 3e-3 with a cosine decay.
        loss: What is made small.
        clip: Clip each matrix to so many of its standard deviations after each step; None leaves it.
        call: How the network is called with one sample; None for a network that takes one sample, or a graph.

    Raises:
        InputError: If there are fewer samples than a batch, or labels do not match them.
    """
    x, labels = jnp.asarray(x), jnp.asarray(labels)
    if len(labels) != len(x) or len(x) < batch or batch < 1:
        raise InputError(
            f"There are {len(x)} samples, {len(labels)} labels and a batch of {batch}; give a label to each sample, "
            "and at least one batch."
        )
    call = usual(network) if call is None else call
    steps = len(x) // batch
    if optimiser is None:
        optimiser = optax.adam(optax.cosine_decay_schedule(3e-3, max(epochs * steps, 1)))
    hardware = Hardware() if hardware is None else hardware
    tune = _Tuning(optimiser, loss, clip, call, steps, batch)
    state = optimiser.init(eqx.filter(network, eqx.is_inexact_array))
    losses = []
    for epoch in range(epochs):
        if hardware.output_bits is not None or hardware.input_bits is not None:
            hardware = hardware.ranged(network, x[: 4 * batch], call=call)
        network, state, mean = _epoch(tune, network, state, hardware, x, labels, jax.random.fold_in(key, epoch))
        losses.append(float(mean))
    return Trained(network, np.asarray(losses))


class _Tuning(eqx.Module):
    """What stays the same over all steps."""

    optimiser: optax.GradientTransformation = eqx.field(static=True)
    loss: Loss = eqx.field(static=True)
    clip: float | None = eqx.field(static=True)
    call: Call = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    batch: int = eqx.field(static=True)


@eqx.filter_jit
def _epoch(tune: _Tuning, network: Any, state: Any, hardware: Hardware, x: Any, labels: Any, key: Any) -> Any:
    of_order, of_passes = jax.random.split(key)
    order = jax.random.permutation(of_order, len(x))[: tune.steps * tune.batch].reshape(tune.steps, tune.batch)
    moving, fixed = eqx.partition(network, eqx.is_inexact_array)

    def cost(moving: Any, at: Any, key: Any) -> Any:
        met = hardware.on(eqx.combine(moving, fixed), key=key)
        return tune.loss(jax.vmap(lambda one: tune.call(met, one))(x[at]), labels[at])

    def step(carry: Any, given: Any) -> Any:
        moving, state = carry
        at, k = given
        value, slope = jax.value_and_grad(cost)(moving, at, jax.random.fold_in(of_passes, k))
        change, state = tune.optimiser.update(slope, state, moving)
        moving = eqx.apply_updates(moving, change)
        if tune.clip is not None:
            moving = eqx.filter(clipped(eqx.combine(moving, fixed), tune.clip), eqx.is_inexact_array)
        return (moving, state), value

    (moving, state), losses = lax.scan(step, (moving, state), (order, jnp.arange(tune.steps)))
    return eqx.combine(moving, fixed), state, jnp.mean(losses)
