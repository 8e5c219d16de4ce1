r"""Eligibility propagation: a spiking layer's gradient from what a synapse and its neuron know, forward in time."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number
from mho.networks.plasticity.cells import PlasticCells
from mho.networks.plasticity.presentation import presented
from mho.networks.surrogate import spike


class Weights(NamedTuple):
    """Weights onto the hidden neurons (hidden, inputs), and onto the readout (classes, hidden) [1]."""

    hidden: Number
    output: Number


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
        v_j^t &= \alpha v_j^{t-1} + \sum_i w_{ji} x_i^t - z_j^{t-1}, \qquad z_j^t = [v_j^t \ge 1], \qquad
        y_k^t = \kappa y_k^{t-1} + \sum_j w_{kj} z_j^t \\
        e_{ji}^t &= \psi_j^t\,\bar x_i^t, \qquad \bar x^t = \alpha\bar x^{t-1} + x^t, \qquad
        \Delta w_{ji} = -\sum_t \Big[\sum_k b_{jk}(\pi_k^t - y_k^*)\Big] \bar e_{ji}^t

    with the softmax :math:`\pi` of the readout, the surrogate derivative :math:`\psi` of
    :func:`mho.networks.surrogate.spike`, and :math:`\bar e` the eligibility faded by :math:`\kappa`. The learning
    signal comes back through b: the readout's own weights (symmetric), or a fixed random matrix (broadcast).

    Args:
        alpha: Share of the membrane that is left after a step [1].
        kappa: Share of the readout that is left after a step [1].
        feedback: b, shape (hidden, classes); None for the readout's own weights.

    Raises:
        ParameterError: If a value is out of range.

    Source: Bellec, Scherr, Subramoney, Hajek, Salaj, Legenstein & Maass, Nat. Commun. 11, 3625 (2020), without
    recurrent weights; then the change is the gradient but for the derivative through the reset.
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

        def step(carry: Any, x: Number) -> tuple[Any, Any]:
            v, z, y, x_bar, z_bar, e_bar, d_hidden, d_output = carry
            v = self.alpha * v + weights.hidden @ x - z
            z, psi = fires(v - 1.0)
            y = self.kappa * y + weights.output @ z
            x_bar, z_bar = self.alpha * x_bar + x, self.kappa * z_bar + z
            e_bar = self.kappa * e_bar + psi[:, None] * x_bar
            wrong = wanted - jax.nn.softmax(y)
            d_hidden = d_hidden + (back @ wrong)[:, None] * e_bar
            d_output = d_output + wrong[:, None] * z_bar
            loss = -jnp.sum(wanted * jax.nn.log_softmax(y))
            return (v, z, y, x_bar, z_bar, e_bar, d_hidden, d_output), (loss, jnp.sum(z))

        zero = jnp.zeros(hidden, weights.hidden.dtype)
        start = (zero, zero, jnp.zeros(classes, zero.dtype), jnp.zeros(spikes.shape[1], zero.dtype), zero)
        start += tuple(jnp.zeros_like(w) for w in (weights.hidden, weights.hidden, weights.output))
        (_, _, y, *_, d_hidden, d_output), (losses, counts) = lax.scan(step, start, spikes)
        return Told(Weights(d_hidden / steps, d_output / steps), jnp.mean(losses), y, jnp.sum(counts))


class OnChip(NamedTuple):
    """A network whose two matrices are cells; `reach` is the weight of a full cell in each [1]."""

    hidden: PlasticCells
    output: PlasticCells
    reach: tuple[float, float]

    def weights(self) -> Weights:
        """Weights that the cells hold now."""
        return Weights(self.reach[0] * self.hidden.weights(), self.reach[1] * self.output.weights())


def clocked(times: Any, steps: int, window: float) -> np.ndarray:
    """Latencies (n, inputs) [s] on a clock of `steps` a window: spikes 1 or 0, shape (n, steps, inputs).

    Raises:
        ParameterError: If there is no step.
    """
    if steps < 1:
        raise ParameterError(f"A window of {steps} steps has none; give at least 1.")
    at = np.clip((np.asarray(times) / window * steps).astype(int), 0, steps - 1)
    return (np.arange(steps)[None, :, None] == at[:, None, :]).astype(np.float32)


@eqx.filter_jit
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
    """
    n = spikes.shape[0]
    total = epochs * n

    def one(carry: Any, given: Any) -> tuple[Any, Any]:
        hidden, output = carry
        at, k = given
        told = rule.told(OnChip(hidden, output, network.reach).weights(), spikes[at], labels[at])
        size = rate * (1.0 - k / total)
        first, second = jax.random.split(jax.random.fold_in(key, k))
        hidden = hidden.updated(size / network.reach[0] * told.change.hidden, key=first).after(between)
        output = output.updated(size / network.reach[1] * told.change.output, key=second).after(between)
        return (hidden, output), told.loss

    start = (network.hidden, network.output)
    (hidden, output), losses = lax.scan(one, start, (presented(n, epochs, key=key), jnp.arange(total)))
    return OnChip(hidden, output, network.reach), losses


@eqx.filter_jit
def decisions(rule: EProp, network: OnChip, spikes: Number) -> Number:
    """Class of each sample (n, steps, inputs): the largest output at the last step."""
    weights = network.weights()
    return jax.lax.map(lambda x: jnp.argmax(rule.told(weights, x, 0).output), spikes)
