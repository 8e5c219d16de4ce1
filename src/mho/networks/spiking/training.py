"""Training through time: several networks side by side as one program, each with its own draws and devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from mho.core.errors import InputError
from mho.core.fields import check_ranges, quantity
from mho.core.sampling import Spread
from mho.networks.hardware import Hardware
from mho.networks.spiking.costs import Costs
from mho.networks.spiking.device import ClockedDevice
from mho.networks.spiking.layer import Activity, SpikingLayer, SpikingNetwork, check_spikes, weights_of
from mho.networks.synapse import Number
from mho.networks.training import Loss, cross_entropy


class Tuned(eqx.Module):
    r"""A quantity that training moves inside a range, :math:`p = p_{low}(p_{high}/p_{low})^{\sigma(r)}`.

    What a chip can tune of a device: the width of a spike's pulse sets the utilisation, its temperature the times.

    Args:
        of: Selector of one leaf, for example ``lambda n: n.layers[0].synapse.width``. The same list of them goes to
            :func:`stacked_networks`, :func:`train_ensemble` and :func:`outputs_of`.
        low: Smallest value, above zero.
        high: Largest value.
    """

    of: Callable[[Any], Any] = eqx.field(static=True)
    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)

    def __check_init__(self) -> None:
        if not 0.0 < self.low < self.high:
            raise InputError(f"A tuned quantity runs from {self.low:.4g} to {self.high:.4g}; give 0 < low < high.")

    def inside(self, value: Any) -> Any:
        """R of a value; one at an end of the range starts a hundredth of it inside."""
        share = jnp.clip(jnp.log(value / self.low) / np.float32(np.log(self.high / self.low)), 0.01, 0.99)
        return jnp.log(share / (1.0 - share))

    def value(self, r: Any) -> Any:
        """The value of r."""
        return self.low * jnp.exp(np.float32(np.log(self.high / self.low)) * jax.nn.sigmoid(r))


class Conditions(eqx.Module):
    """What a pass meets, and what it pays.

    Args:
        hardware: What the static weights meet.
        spreads: Device-to-device spread, drawn anew for every batch around the network's devices.
        scale: Factor on that spread [1].
        noisy: Whether synapses have their cycle-to-cycle and read noise.
        costs: Price of what layers do.
    """

    hardware: Hardware = Hardware()
    spreads: tuple[Spread, ...] = eqx.field(static=True, default=())
    scale: Number = quantity("1", low=0.0, default=1.0)
    noisy: bool = eqx.field(static=True, default=False)
    costs: Costs = Costs()

    def __check_init__(self) -> None:
        check_ranges(self)


class Ensemble(NamedTuple):
    """Networks that were trained side by side, leaves (networks, ...), and their losses (networks, steps)."""

    networks: SpikingNetwork
    losses: np.ndarray


def train_ensemble(
    networks: SpikingNetwork,
    x: Any,
    labels: Any,
    *,
    keys: jax.Array,
    epochs: int = 20,
    batch: int = 64,
    rate: float = 3e-3,
    conditions: Conditions | None = None,
    tuned: Sequence[Tuned] = (),
    loss: Loss = cross_entropy,
) -> Ensemble:
    """Train networks with Adam under a cosine decay, all in one compiled loop.

    Weights and delays move, and what `tuned` names; everything else stays.

    Args:
        networks: Of one shape, weights and tuned leaves stacked along a first axis; see :func:`stacked_networks`.
        x: Spikes, (networks, samples, steps, sources).
        labels: (networks, samples).
        keys: JAX random keys, (networks,).
        epochs: Passes over the samples.
        batch: Samples of a step; a rest that fills no batch is left out of the epoch.
        rate: Largest learning rate.
        conditions: What every pass meets; default nothing.
        tuned: Quantities that move inside a range.
        loss: What is made small, beside the costs.

    Raises:
        InputError: If samples, labels and keys do not fit together.
    """
    x, labels = jnp.asarray(x), jnp.asarray(labels)
    if x.ndim != 4 or labels.shape[:2] != x.shape[:2] or len(keys) != len(x) or not 1 <= batch <= x.shape[1]:
        raise InputError(
            f"Spikes have shape {x.shape}, labels {labels.shape}, with {len(keys)} keys and batches of {batch}; give "
            "(networks, samples, steps, sources), (networks, samples), a key a network, and at least one batch."
        )
    check_spikes(x)
    _check_stacked(networks, len(keys), tuned)
    _check_training(networks, labels, epochs, rate)
    plan = _Plan(epochs, batch, rate, loss, tuple(tuned))
    networks, losses = _train(plan, networks, x, labels, keys, conditions or Conditions())
    return Ensemble(networks, np.asarray(losses))


def stacked_networks(networks: Sequence[SpikingNetwork], tuned: Sequence[Tuned] = ()) -> SpikingNetwork:
    """Networks of one shape as one: the leaves that training moves along a new first axis, the rest as in the first."""
    together = [jnp.stack(rows) for rows in zip(*(weights_of(n) for n in networks), strict=True)]
    first = eqx.tree_at(weights_of, networks[0], together)
    for one in tuned:
        own = jnp.stack([jnp.asarray(one.of(n), jnp.float32) for n in networks])
        first = eqx.tree_at(one.of, first, own)
    return first


def outputs_of(
    networks: SpikingNetwork,
    x: Any,
    *,
    keys: jax.Array,
    conditions: Conditions | None = None,
    tuned: Sequence[Tuned] = (),
) -> tuple[np.ndarray, tuple[Activity, ...]]:
    """Outputs (networks, samples, classes) and what layers did, (networks, samples), of networks side by side.

    Where `conditions` name spreads, each network has one draw of devices for all samples: a chip.
    """
    conditions = conditions or Conditions()
    x = jnp.asarray(x)
    check_spikes(x)
    _check_stacked(networks, len(keys), tuned)
    y, did = _outputs(networks, x, keys, conditions, tuple(one.of for one in tuned))
    return np.asarray(y), did


def _check_stacked(networks: SpikingNetwork, count: int, tuned: Sequence[Tuned]) -> None:
    """Raise if what differs from network to network has no axis for them."""
    weight = networks.readout.linear.weight
    if np.ndim(weight) != 3 or np.shape(weight)[0] != count:
        raise InputError(
            f"The readout's weights have shape {np.shape(weight)}: not those of {count} networks, as there are keys. "
            "Put them together with stacked_networks([...])."
        )
    for k, one in enumerate(tuned):
        if np.ndim(one.of(networks)) == 0 or np.shape(one.of(networks))[0] != count:
            raise InputError(
                f"The tuned quantity {k} has shape {np.shape(one.of(networks))}, without an axis for the {count} "
                "networks. Hand the same list to stacked_networks(networks, tuned) too."
            )


def _check_training(networks: SpikingNetwork, labels: Any, epochs: int, rate: float) -> None:
    classes = int(np.shape(networks.readout.linear.weight)[1])
    low, high = int(jnp.min(labels)), int(jnp.max(labels))
    if low < 0 or high >= classes:
        raise InputError(f"Labels run from {low} to {high}; a readout of {classes} takes 0 to {classes - 1}.")
    if epochs < 1 or not 0.0 < rate < np.inf:
        raise InputError(f"Training takes {epochs} epochs at a rate of {rate:.4g}; both must be above 0 and finite.")


def accuracies(outputs: Any, labels: Any) -> np.ndarray:
    """Share of samples whose largest output stands at their label, one a network."""
    return np.mean(np.argmax(np.asarray(outputs), axis=-1) == np.asarray(labels), axis=-1)


class _Plan(eqx.Module):
    """What stays the same over all steps."""

    epochs: int = eqx.field(static=True)
    batch: int = eqx.field(static=True)
    rate: float = eqx.field(static=True)
    loss: Loss = eqx.field(static=True)
    tuned: tuple[Tuned, ...] = eqx.field(static=True)


def scattered(
    network: SpikingNetwork, spreads: Sequence[Spread], *, key: jax.Array, scale: Number = 1.0
) -> SpikingNetwork:
    """The network with a device drawn for each source of each layer that has devices."""

    def one(layer: SpikingLayer, key: jax.Array) -> SpikingLayer:
        of_feed, of_feedback = jax.random.split(key)
        if isinstance(layer.synapse, ClockedDevice):
            new = layer.synapse.scattered(spreads, int(layer.feed.in_features), key=of_feed, scale=scale)  # type: ignore[arg-type]
            layer = eqx.tree_at(lambda n: n.synapse, layer, new)
        if isinstance(layer.feedback_synapse, ClockedDevice):
            new = layer.feedback_synapse.scattered(spreads, layer.neurons, key=of_feedback, scale=scale)
            layer = eqx.tree_at(lambda n: n.feedback_synapse, layer, new)
        return layer

    layers = [one(layer, jax.random.fold_in(key, k)) for k, layer in enumerate(network.layers)]
    return eqx.tree_at(lambda n: n.layers, network, tuple(layers))


def met(network: SpikingNetwork, conditions: Conditions, key: jax.Array) -> tuple[SpikingNetwork, jax.Array | None]:
    """The network as one pass meets it, and the key of its synapses' noise or None."""
    of_devices, of_weights, of_noise = jax.random.split(key, 3)
    if conditions.spreads:
        network = scattered(network, conditions.spreads, key=of_devices, scale=conditions.scale)
    hardware = conditions.hardware
    if hardware.weights or hardware.input_bits or hardware.output_bits or hardware.ranges:
        network = hardware.on(network, key=of_weights)
    return network, of_noise if conditions.noisy else None


@eqx.filter_jit
def _train(plan: _Plan, networks: Any, x: Any, labels: Any, keys: Any, conditions: Conditions) -> Any:
    numbers = weights_of(networks), [one.of(networks) for one in plan.tuned]
    where = _places(plan.tuned)

    def alone(numbers: Any, x: Any, labels: Any, key: Any) -> Any:
        return _one(plan, networks, numbers, x, labels, key, conditions)

    numbers, losses = jax.vmap(alone)(numbers, x, labels, keys)
    return eqx.tree_at(where, networks, [*numbers[0], *numbers[1]]), losses


def _places(tuned: Sequence[Tuned]) -> Callable[[Any], list[Any]]:
    return lambda network: [*weights_of(network), *(one.of(network) for one in tuned)]


def _one(plan: _Plan, whole: Any, numbers: Any, x: Any, labels: Any, key: Any, conditions: Conditions) -> Any:
    """One network through all its steps."""
    weights, given = numbers
    raw = [one.inside(value) for one, value in zip(plan.tuned, given, strict=True)]
    where = _places(plan.tuned)
    steps = len(x) // plan.batch
    total = plan.epochs * steps
    optimiser = optax.adam(optax.cosine_decay_schedule(plan.rate, total))

    def formed(numbers: Any) -> Any:
        weights, raw = numbers
        return eqx.tree_at(where, whole, [*weights, *(t.value(r) for t, r in zip(plan.tuned, raw, strict=True))])

    def cost(numbers: Any, at: Any, key: Any) -> Any:
        network, of_noise = met(formed(numbers), conditions, key)
        spikes = jnp.moveaxis(x[at].astype(jnp.float32), 1, 0)
        y, did = network(spikes, key=of_noise)
        return plan.loss(y, labels[at]) + conditions.costs(did)

    of_order, of_passes = jax.random.split(key)

    def order(epoch: Any) -> Any:
        mixed = jax.random.permutation(jax.random.fold_in(of_order, epoch), len(x))
        return mixed[: steps * plan.batch].reshape(steps, plan.batch)

    at = jax.vmap(order)(jnp.arange(plan.epochs)).reshape(total, plan.batch)

    def step(carry: Any, item: Any) -> Any:
        numbers, state = carry
        at, k = item
        value, slope = jax.value_and_grad(cost)(numbers, at, jax.random.fold_in(of_passes, k))
        change, state = optimiser.update(slope, state, numbers)
        return (eqx.apply_updates(numbers, change), state), value

    start = (weights, raw)
    ((weights, raw), _), losses = lax.scan(step, (start, optimiser.init(start)), (at, jnp.arange(total)))
    return (weights, [t.value(r) for t, r in zip(plan.tuned, raw, strict=True)]), losses


@eqx.filter_jit
def _outputs(networks: Any, x: Any, keys: Any, conditions: Conditions, tuned: tuple[Any, ...]) -> Any:
    def where(network: Any) -> list[Any]:
        return [*weights_of(network), *(of(network) for of in tuned)]

    def alone(numbers: Any, x: Any, key: Any) -> Any:
        network, of_noise = met(eqx.tree_at(where, networks, numbers), conditions, key)
        return network(jnp.moveaxis(x.astype(jnp.float32), 1, 0), key=of_noise)

    return jax.vmap(alone)(where(networks), x, keys)
