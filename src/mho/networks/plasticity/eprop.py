r"""Eligibility propagation: a spiking layer's gradient from what a synapse and its neuron know, forward in time."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import InputError, ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number
from mho.networks.plasticity.cells import PlasticCells
from mho.networks.plasticity.checks import check_epochs, check_labels, check_positive, concrete
from mho.networks.plasticity.presentation import presented
from mho.networks.surrogate import spike


class Weights(NamedTuple):
    """Weights of the network [1].

    Args:
        hidden: Onto the hidden neurons, (hidden, inputs).
        output: Onto the readout, (classes, hidden).
        loop: From each hidden neuron onto the others, (hidden, hidden), its diagonal of no effect; None for none.
    """

    hidden: Number
    output: Number
    loop: Number | None = None


class Told(NamedTuple):
    """What one sample told.

    Args:
        change: Minus the gradient of the loss, as e-prop has it.
        loss: Mean cross-entropy over the steps [1].
        output: Readout at the last step, shape (classes,) [1].
        spikes: Spikes of the hidden neurons in all [1].
    """

    change: Weights
    loss: Number
    output: Number
    spikes: Number


class EProp(eqx.Module):
    r"""A layer of leaky integrate-and-fire neurons with a leaky readout, on a clock, and its rule of learning.

    .. math::
        v_j^t &= \alpha v_j^{t-1} + \sum_i w_{ji} x_i^t + \sum_{i \ne j} r_{ji} z_i^{t-1} - z_j^{t-1}, \qquad
        z_j^t = [v_j^t \ge 1], \qquad y_k^t = \kappa y_k^{t-1} + \sum_j w_{kj} z_j^t \\
        e_{ji}^t &= \psi_j^t\,\bar x_i^t, \qquad \bar x^t = \alpha\bar x^{t-1} + x^t, \qquad
        \Delta w_{ji} = -\sum_t \Big[\sum_k b_{jk}(\pi_k^t - y_k^*)\Big] \bar e_{ji}^t

    with the softmax :math:`\pi` of the readout, the surrogate derivative :math:`\psi` of
    :func:`mho.networks.surrogate.spike`, and :math:`\bar e` the eligibility faded by :math:`\kappa`. The learning
    signal comes back through b: the readout's own weights (symmetric), or a fixed random matrix (broadcast). For the
    recurrent weights r the spikes of the step before stand in the place of x.

    Args:
        alpha: Share of the membrane that is left after a step [1].
        kappa: Share of the readout that is left after a step [1].
        feedback: b, shape (hidden, classes); None for the readout's own weights.

    Raises:
        ParameterError: If a value is out of range.

    Source: Bellec, Scherr, Subramoney, Hajek, Salaj, Legenstein & Maass, Nat. Commun. 11, 3625 (2020).
    Limits: the change is the gradient but for the derivative through spikes that go round: the reset, and recurrent
    weights where there are any.
    """

    alpha: Number = quantity("1", low=0.0, high=1.0, default=0.95)
    kappa: Number = quantity("1", low=0.0, high=1.0, default=0.95)
    feedback: Any = None

    def __check_init__(self) -> None:
        check_ranges(self)

    def told(self, weights: Weights, spikes: Number, label: Number) -> Told:
        """What a sample of spikes (steps, inputs), 1 or 0, tells.

        Args:
            weights: Of the network.
            spikes: Input.
            label: Class.
        """
        hidden, classes = weights.hidden.shape[0], weights.output.shape[0]
        back = weights.output.T if self.feedback is None else self.feedback
        wanted = jax.nn.one_hot(label, classes)
        fires, steps = jax.vmap(jax.value_and_grad(spike)), spikes.shape[0]
        loop = None if weights.loop is None else weights.loop * (1.0 - jnp.eye(hidden, dtype=weights.loop.dtype))
        onto = weights.hidden if loop is None else jnp.concatenate([weights.hidden, loop], axis=1)

        def step(carry: Any, x: Number) -> tuple[Any, Any]:
            v, z, y, x_bar, z_bar, e_bar, d_onto, d_output = carry
            arrived = x if loop is None else jnp.concatenate([x, z])
            v = self.alpha * v + onto @ arrived - z
            z, psi = fires(v - 1.0)
            y = self.kappa * y + weights.output @ z
            x_bar, z_bar = self.alpha * x_bar + arrived, self.kappa * z_bar + z
            e_bar = self.kappa * e_bar + psi[:, None] * x_bar
            wrong = wanted - jax.nn.softmax(y)
            d_onto = d_onto + (back @ wrong)[:, None] * e_bar
            d_output = d_output + wrong[:, None] * z_bar
            loss = -jnp.sum(wanted * jax.nn.log_softmax(y))
            return (v, z, y, x_bar, z_bar, e_bar, d_onto, d_output), (loss, jnp.sum(z))

        zero = jnp.zeros(hidden, onto.dtype)
        start = (zero, zero, jnp.zeros(classes, zero.dtype), jnp.zeros(onto.shape[1], zero.dtype), zero)
        start += tuple(jnp.zeros_like(w) for w in (onto, onto, weights.output))
        (_, _, y, *_, d_onto, d_output), (losses, counts) = lax.scan(step, start, spikes)
        d_hidden, d_loop = jnp.split(d_onto / steps, [spikes.shape[1]], axis=1)
        round_ = None if loop is None else d_loop * (1.0 - jnp.eye(hidden, dtype=d_loop.dtype))
        return Told(Weights(d_hidden, d_output / steps, round_), jnp.mean(losses), y, jnp.sum(counts))


class OnChip(NamedTuple):
    """A network whose matrices are cells.

    Args:
        hidden: Cells onto the hidden neurons.
        output: Cells onto the readout.
        reach: Weight of a full cell onto a hidden neuron, and onto the readout [1].
        loop: Cells from each hidden neuron onto the others, or None.
    """

    hidden: PlasticCells
    output: PlasticCells
    reach: tuple[float, float]
    loop: PlasticCells | None = None

    def weights(self) -> Weights:
        """Weights that the cells hold now."""
        loop = None if self.loop is None else self.reach[0] * self.loop.weights()
        return Weights(self.reach[0] * self.hidden.weights(), self.reach[1] * self.output.weights(), loop)

    def learned(self, change: Weights, size: Number, *, key: jax.Array, between: float) -> OnChip:
        """The network after `size` times a change of weights, and `between` [s] in which the cells relax.

        Args:
            change: Wanted, as :meth:`EProp.told` has it [1].
            size: Factor on it [1].
            key: JAX random key: rounding of pulses, noise from cycle to cycle.
            between: [s].
        """
        onto, out = (size / reach for reach in self.reach)
        keys = jax.random.split(key)
        hidden = self.hidden.updated(onto * change.hidden, key=keys[0]).after(between)
        output = self.output.updated(out * change.output, key=keys[1]).after(between)
        loop = self.loop
        if loop is not None:
            loop = loop.updated(onto * change.loop, key=jax.random.fold_in(key, 2)).after(between)  # type: ignore[operator]
        return OnChip(hidden, output, self.reach, loop)


def clocked(times: Any, steps: int, window: float) -> np.ndarray:
    """Latencies (n, inputs) [s] on a clock of `steps` a window: spikes 1 or 0, shape (n, steps, inputs).

    Raises:
        ParameterError: If there is no step.
    """
    if steps < 1:
        raise ParameterError(f"A window of {steps} steps has none; give at least 1.")
    at = np.clip((np.asarray(times) / window * steps).astype(int), 0, steps - 1)
    return (np.arange(steps)[None, :, None] == at[:, None, :]).astype(np.float32)


def train_on_chip(
    rule: EProp,
    network: OnChip,
    spikes: Number,
    labels: Number,
    *,
    key: jax.Array,
    rate: float = 0.1,
    epochs: int = 3,
    between: float = 1e-3,
) -> tuple[OnChip, Number]:
    """Train sample by sample: what each tells becomes pulses at once, with a rate that shrinks evenly to nothing.

    Args:
        rule: The rule.
        network: On cells.
        spikes: (n, steps, inputs), 1 or 0.
        labels: (n,).
        key: JAX random key: order, rounding of pulses, noise from cycle to cycle.
        rate: Of learning [1].
        epochs: Passes.
        between: Time from one update to the next, in which the cells relax [s].

    Returns:
        The network, and the loss of every sample in the order of training.

    Raises:
        InputError: If spikes, labels and matrices do not fit each other, a number is not finite, or no hidden neuron
            ever fires, so that nothing could be learned.
    """
    check_positive("rate", rate, "1")
    check_positive("between", between, "s", zero=True)
    check_epochs(epochs)
    _check_spikes(network, spikes)
    check_labels(labels, len(spikes), network.output.array.shape[0])
    _check_fires(rule, network, spikes)
    return _trained(rule, network, jnp.asarray(spikes), jnp.asarray(labels), key, rate, epochs, between)


@eqx.filter_jit
def _trained(
    rule: EProp,
    network: OnChip,
    spikes: Number,
    labels: Number,
    key: jax.Array,
    rate: float,
    epochs: int,
    between: float,
) -> tuple[OnChip, Number]:
    n = spikes.shape[0]
    total = epochs * n

    def one(cells: Any, given: Any) -> tuple[Any, Any]:
        at, k = given
        now = OnChip(cells[0], cells[1], network.reach, cells[2])
        told = rule.told(now.weights(), spikes[at], labels[at])
        own = jax.random.fold_in(key, k)
        after = now.learned(told.change, rate * (1.0 - k / total), key=own, between=between)
        return (after.hidden, after.output, after.loop), told.loss

    start = (network.hidden, network.output, network.loop)
    order = presented(n, epochs, key=key)
    (hidden, output, loop), losses = lax.scan(one, start, (order, jnp.arange(total)))
    return OnChip(hidden, output, network.reach, loop), losses


def decisions(rule: EProp, network: OnChip, spikes: Number) -> Number:
    """Class of each sample (n, steps, inputs): the largest output at the last step.

    Raises:
        InputError: If the spikes do not fit the matrices, or are not finite.
    """
    _check_spikes(network, spikes)
    return _decided(rule, network, jnp.asarray(spikes))


@eqx.filter_jit
def _decided(rule: EProp, network: OnChip, spikes: Number) -> Number:
    weights = network.weights()
    return jax.lax.map(lambda x: jnp.argmax(rule.told(weights, x, 0).output), spikes)


def _check_spikes(network: OnChip, spikes: Any) -> None:
    """Refuse spikes that are not (n, steps, inputs) of the hidden matrix, and matrices that do not fit each other."""
    shape, (hidden, inputs) = np.shape(spikes), network.hidden.array.shape[:2]
    if len(shape) != 3 or shape[2] != inputs or 0 in shape:
        raise InputError(
            f"The spikes have shape {shape}; they must be (n, steps, inputs) with {inputs} inputs, as the hidden "
            f"matrix ({hidden}, {inputs}) has columns."
        )
    if network.output.array.shape[1] != hidden:
        raise InputError(
            f"The output matrix takes {network.output.array.shape[1]} neurons and the hidden one gives {hidden}; make "
            f"the output (classes, {hidden})."
        )
    if network.loop is not None and network.loop.array.shape[:2] != (hidden, hidden):
        raise InputError(f"The loop is {network.loop.array.shape[:2]}; it must be ({hidden}, {hidden}).")
    if concrete(spikes):
        x = np.asarray(spikes)
        bad = np.argwhere((x != 0) & (x != 1))
        if len(bad):
            at = tuple(int(k) for k in bad[0])
            raise InputError(
                f"Spike entry {list(at)} is {x[at]:.4g}, and {len(bad)} in all are neither 0 nor 1. Put the trains on "
                "a clock first: clocked(times, steps, window)."
            )


def _check_fires(rule: EProp, network: OnChip, spikes: Any) -> None:
    """Refuse a network of which no hidden neuron reaches its threshold in any sample: all changes would be 0."""
    if not concrete(rule, network, spikes):
        return
    w, alpha, highest = np.asarray(network.weights().hidden), float(rule.alpha), -np.inf
    for begin in range(0, len(spikes), 64):
        arrived = np.asarray(spikes[begin : begin + 64], w.dtype) @ w.T
        v = np.zeros_like(arrived[:, 0])
        for t in range(arrived.shape[1]):
            v = alpha * v + arrived[:, t]
            highest = max(highest, float(v.max()))
        if highest >= 1.0:
            return
    raise InputError(
        f"No hidden neuron ever fires: the highest membrane of all samples is {highest:.3g}, and the threshold is 1; "
        f"the hidden weights run from {w.min():.3g} to {w.max():.3g}. Fresh cells hold about 0: set both matrices "
        "first, cells = cells.set(weights, key=key) with weights between -1 and 1, or raise reach."
    )
