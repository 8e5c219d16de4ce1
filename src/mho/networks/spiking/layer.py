"""Trainable spiking layers on a clock, for batches: synapses, delays, weights, neurons, feedback, and a readout."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from mho.core import engineering
from mho.core.errors import ChipError, InputError
from mho.core.fields import check_ranges, quantity
from mho.networks.operand import AbstractOperand
from mho.networks.spiking.delays import delayed
from mho.networks.spiking.neurons import AbstractSpikingNeuron
from mho.networks.spiking.plasticity import AbstractReleases, AbstractShortTerm, Static, StaticReleases, as_precise
from mho.networks.spiking.unrolling import Recurrent, arriving, product, through_time
from mho.networks.synapse import Number

Reduction = Literal["mean", "last", "max"]


class Activity(NamedTuple):
    """What a layer did in each sample, shape (batch,).

    Args:
        arrived: Spikes that came in and went round, each of which pulses one plastic synapse per source.
        events: Weights that were read: every such spike reads one a row of its matrix.
        spikes: Spikes that its neurons fired.
        cycles: Full volatile loadings, or shares of them added up, of its devices.
        energy: Of its neurons; 0 where it is not known [J].
    """

    arrived: Number
    events: Number
    spikes: Number
    cycles: Number
    energy: Number


class SpikingLayer(eqx.Module):
    r"""Neurons fed through plastic synapses and static weights, with or without feedback.

    A spike of source j at step t releases :math:`s_{tj} e_{tj}`, arrives after the source's delay, and adds
    :math:`W_{kj}` times as much to neuron k. The product with W is one for all steps where nothing comes back.

    Args:
        feed: Weights (rows, sources); rows are the neurons, times the neuron's receptors. A bias is added at each step.
        neuron: One neuron, or one each.
        dt: Step of the clock [s].
        synapse: Of the sources: one, one each, or one a weight (with `per_weight`).
        feedback: Weights (rows, neurons) by which spikes of a step arrive at the next; None for a feed-forward layer.
        feedback_synapse: Of the feedback.
        delay: Delay of each source in steps of the clock, which need not be whole; None for none. It is learnt [1].
        longest: Longest delay, in steps.
        per_weight: Whether each weight has a synapse of its own, with a state of its own.

    Raises:
        InputError: If spikes do not fit the layer.
    """

    feed: eqx.nn.Linear
    neuron: AbstractSpikingNeuron
    dt: Number = quantity("s", positive=True)
    synapse: AbstractShortTerm = Static()
    feedback: eqx.nn.Linear | None = None
    feedback_synapse: AbstractShortTerm = Static()
    delay: Number | None = quantity("1", low=0.0, default=None)
    longest: int = eqx.field(static=True, default=0)
    per_weight: bool = eqx.field(static=True, default=False)

    @classmethod
    def of(
        cls,
        sources: int,
        neurons: int,
        neuron: AbstractSpikingNeuron,
        *,
        dt: float,
        key: jax.Array,
        recurrent: bool = False,
        gain: float = 1.0,
        **parts: Any,
    ) -> SpikingLayer:
        """A layer with weights drawn from a normal distribution.

        Args:
            sources: How many spike trains come in.
            neurons: How many there are.
            neuron: One, or one each.
            dt: [s].
            key: JAX random key.
            recurrent: Whether it has feedback.
            gain: Standard deviation of a weight times the root of the number of sources (in the feedback half as much).
            **parts: Further fields.
        """
        if sources < 1 or neurons < 1 or not np.isfinite(gain):
            raise InputError(
                f"A layer of {neurons} neurons for {sources} sources, gain {gain:.4g}: all must be above 0 and finite."
            )
        first, second = jax.random.split(key)
        rows = neurons * neuron.receptors
        feed = _linear(sources, rows, gain, bias=False, key=first)
        feedback = _linear(neurons, rows, 0.5 * gain, bias=False, key=second) if recurrent else None
        return cls(feed, neuron, dt, feedback=feedback, **parts)

    def __check_init__(self) -> None:
        check_ranges(self)
        if self.delay is None or isinstance(self.delay, Tracer) or isinstance(self.feed.in_features, str):
            return
        delay, sources = np.asarray(self.delay), self.feed.in_features
        if delay.shape not in ((), (sources,)):
            raise InputError(f"SpikingLayer.delay has shape {delay.shape}; give one, or one for each of {sources}.")
        if not np.all((delay >= 0.0) & (delay <= self.longest)):
            raise InputError(
                f"SpikingLayer.delay runs from {np.min(delay):.4g} to {np.max(delay):.4g} steps; it must lie between 0 "
                f"and longest, {self.longest}. Raise longest."
            )

    @property
    def neurons(self) -> int:
        """How many neurons it has."""
        return self.feed.out_features // self.neuron.receptors  # type: ignore[operator]

    def __call__(self, spikes: Number, *, key: jax.Array | None = None) -> tuple[Number, Activity]:
        """The layer's spikes for those that come in.

        Args:
            spikes: 1 or 0, shape (steps, batch, sources), as floats or bytes; or signed whole numbers (steps, batch,
                most), the sources that fire in a step, filled up with the number of sources: faster where few fire.
            key: JAX random key of the synapses' noise; None for none.

        Returns:
            Spikes (steps, batch, neurons), and what the layer did.
        """
        sources = int(self.feed.in_features)  # type: ignore[arg-type]
        check_spikes(spikes)
        if spikes.dtype in (jnp.bool_, jnp.uint8):
            spikes = spikes.astype(self.feed.weight.dtype)
        listed = jnp.issubdtype(spikes.dtype, jnp.integer)
        if not listed and spikes.shape[-1] != sources:
            raise InputError(f"Spikes of {spikes.shape[-1]} sources came to a layer of {sources}; give one train each.")
        of_feed, of_feedback = (None, None) if key is None else jax.random.split(key)
        steps = spikes.shape[0]
        if listed:
            arrived = jnp.sum(spikes < sources, axis=(0, 2)).astype(self.feed.weight.dtype)
            self._check_listed()
            given, feed, cycles = spikes, self.feed, jnp.zeros_like(arrived)
        else:
            arrived = jnp.sum(spikes, axis=(0, 2))
            given, feed, cycles = self._given(spikes, _keys(of_feed, steps))
        ready = as_precise(self.neuron.prepared(self.dt), arrived.dtype)
        if self.feedback is None:
            fired = _forward(ready, _arrived(feed, given), self.neurons)
        else:
            loop = as_precise(self.feedback_synapse.prepared(self.dt), arrived.dtype)
            parts = Recurrent(ready, loop, self.feedback.weight, given, feed)
            fired, turned = through_time(parts, self.neurons, _keys(of_feedback, steps))
            cycles = cycles + jnp.sum(turned, axis=0)
        count = jnp.sum(fired, axis=(0, 2))
        rows = self.neurons * self.neuron.receptors
        events = arrived * rows
        if self.feedback is not None:
            arrived, events = arrived + count, events + count * rows
        energy = ready.spent(lambda: lax.stop_gradient(self._total(_arrived(feed, given), fired, of_feedback)))
        return fired, Activity(arrived, events, count, cycles, jnp.zeros_like(count) if energy is None else energy)

    def _total(self, drive: Number, fired: Number, key: Any) -> Number:
        """What arrives at each step from outside and, one step after it was fired, from the feedback."""
        if self.feedback is None:
            return drive
        loop = as_precise(self.feedback_synapse.prepared(self.dt), drive.dtype)
        before = jnp.concatenate([jnp.zeros_like(fired[:1]), fired[:-1]])
        released, _ = _released(loop, before, _keys(key, len(fired)), None, None)
        return drive + product(self.feedback.weight, released)

    def _given(self, spikes: Number, keys: Any) -> tuple[Number, eqx.nn.Linear | None, Number]:
        """What arrives at each step, (steps, batch, rows), or what is to be multiplied for it; and volatile cycles."""
        releases = as_precise(self.synapse.prepared(self.dt), spikes.dtype)
        on_chip = isinstance(self.feed.weight, AbstractOperand)
        if self.per_weight:
            if on_chip:
                raise ChipError(
                    "A layer with a synapse per weight has no matrix that a chip could take. Use one per source."
                )
            drive, cycles = _released(releases, spikes, keys, self.feed.weight, self._delayed)
            return self._biased(drive), None, cycles
        released, cycles = _released(releases, spikes, keys, None, None)
        released = self._delayed(released)
        if self.feedback is None or on_chip:
            return self._biased(product(self.feed.weight, released)), None, cycles
        return released, self.feed, cycles

    def _biased(self, drive: Number) -> Number:
        return drive if self.feed.bias is None else drive + self.feed.bias

    def _delayed(self, signal: Number) -> Number:
        if self.delay is None:
            return signal
        return delayed(signal, self.delay, longest=self.longest)

    def _check_listed(self) -> None:
        on_chip = isinstance(self.feed.weight, AbstractOperand)
        if on_chip or not isinstance(self.synapse, Static) or self.delay is not None or self.per_weight:
            raise InputError(
                "Spikes came as a list of sources; chips, plastic synapses and delays need them as 1 and 0."
            )


class Readout(eqx.Module):
    r"""Leaky integrators that never fire: a number for each class.

    .. math:: o_t = \beta\,o_{t-1} + W s_t, \qquad \beta = e^{-dt/\tau}, \qquad y = k\,R(o) + b

    Args:
        linear: Weights and bias.
        tau: Time constant [s].
        dt: Step of the clock [s].
        reduction: What of o is the answer, R: its mean over time, its last value, or its largest.
        gain: k, which sets how far a step of training moves an output [1].
    """

    linear: eqx.nn.Linear
    tau: Number = quantity("s", positive=True)
    dt: Number = quantity("s", positive=True)
    gain: Number = quantity("1", default=1.0)
    reduction: Reduction = eqx.field(static=True, default="mean")

    @classmethod
    def of(
        cls,
        sources: int,
        classes: int,
        *,
        tau: float,
        dt: float,
        key: jax.Array,
        gain: float = 1.0,
        reduction: Reduction = "mean",
    ) -> Readout:
        """A readout with weights drawn from a normal distribution."""
        return cls(_linear(sources, classes, 1.0, bias=True, key=key), tau, dt, gain, reduction)

    def __check_init__(self) -> None:
        check_ranges(self)

    def __call__(self, spikes: Number) -> Number:
        """Outputs (batch, classes) for spikes (steps, batch, sources)."""
        beta = jnp.exp(-self.dt / self.tau)
        steps = spikes.shape[0]
        if self.reduction != "max":  # linear in time: weigh the spikes first, multiply once
            left = jnp.arange(steps, 0, -1, dtype=spikes.dtype)
            share = beta ** (left - 1.0) if self.reduction == "last" else (1.0 - beta**left) / ((1.0 - beta) * steps)
            seen = _weighed(share.astype(spikes.dtype), spikes)
            return self.gain * product(self.linear.weight, seen) + self.linear.bias
        traces = leaky(product(self.linear.weight, spikes), beta)
        return self.gain * jnp.max(traces, axis=0) + self.linear.bias


def leaky(given: Number, beta: Number) -> Number:
    r"""What a leak makes of a signal (steps, ...): :math:`o_t = \beta\,o_{t-1} + x_t`, from 0."""

    def step(o: Number, now: Number) -> tuple[Number, Number]:
        o = beta * o + now
        return o, o

    return lax.scan(step, jnp.zeros_like(given[0]), given)[1]


class SpikingNetwork(eqx.Module):
    """Layers one after the other, and a readout.

    Args:
        layers: Spikes of one are the input of the next, in the same step.
        readout: What is made of the last one's.
    """

    layers: tuple[SpikingLayer, ...]
    readout: Readout

    def __check_init__(self) -> None:
        steps = [part.dt for part in (*self.layers, self.readout)]
        if all(isinstance(dt, np.ndarray) and dt.shape == () for dt in steps) and len({float(dt) for dt in steps}) > 1:
            given = ", ".join(engineering(float(dt), "s") for dt in steps)
            raise InputError(
                f"Layers and readout have steps of {given}; a network has one clock. Give all the same dt."
            )

    def __call__(self, spikes: Number, *, key: jax.Array | None = None) -> tuple[Number, tuple[Activity, ...]]:
        """Outputs (batch, classes) for spikes (steps, batch, sources), and what each layer did."""
        did = []
        for k, layer in enumerate(self.layers):
            own = None if key is None else jax.random.fold_in(key, k)
            spikes, activity = layer(spikes, key=own)
            did.append(activity)
        return self.readout(spikes), tuple(did)


def weights_of(network: SpikingNetwork) -> list[Any]:
    """The arrays that training moves by default: weights, biases and delays."""
    found: list[Any] = []
    for layer in network.layers:
        found.append(layer.feed.weight)
        found += [x for x in (layer.feed.bias, layer.delay) if x is not None]
        if layer.feedback is not None:
            found.append(layer.feedback.weight)
    return [*found, network.readout.linear.weight, network.readout.linear.bias]


def check_spikes(spikes: Any) -> None:
    """Raise if spikes are no array (steps, batch, sources), or hold what is no number; what is traced is not looked at.

    A membrane that meets NaN never fires again: it would be taken for a silent one.
    """
    if np.ndim(spikes) < 3:
        raise InputError(f"Spikes have shape {np.shape(spikes)}; give an axis each for steps, samples and sources.")
    if isinstance(spikes, Tracer) or not jnp.issubdtype(spikes.dtype, jnp.inexact):
        return
    bad = np.argwhere(~np.isfinite(spikes))
    if len(bad):
        at = tuple(int(k) for k in bad[0])
        raise InputError(f"Spikes hold {np.asarray(spikes)[at]} at {at}; every entry must be 1 or 0. Correct it.")


def listed(spikes: Any) -> np.ndarray:
    """Spikes (..., sources) of 1 and 0 as the numbers of those that fire, filled up with the number of sources."""
    raster = np.asarray(spikes) > 0
    most = max(int(raster.sum(axis=-1).max(initial=0)), 1)
    order = np.argsort(~raster, axis=-1, kind="stable")[..., :most]
    return np.where(np.take_along_axis(raster, order, axis=-1), order, raster.shape[-1]).astype(np.int32)


def _linear(sources: int, rows: int, gain: float, *, bias: bool, key: jax.Array) -> eqx.nn.Linear:
    layer = eqx.nn.Linear(sources, rows, use_bias=bias, key=key)
    weight = gain / np.sqrt(sources) * jax.random.normal(key, (rows, sources))
    layer = eqx.tree_at(lambda n: n.weight, layer, weight)
    return eqx.tree_at(lambda n: n.bias, layer, jnp.zeros(rows)) if bias else layer


@jax.custom_vjp
def _weighed(share: Number, spikes: Number) -> Number:
    """Sum over time of shares (steps,) times spikes (steps, ...); the gradient of a product would come transposed."""
    return jnp.tensordot(share, spikes, axes=1)


def _weighed_back(kept: tuple[Number, Number], slope: Number) -> tuple[Number, Number]:
    share, spikes = kept
    return jnp.tensordot(spikes, slope, axes=slope.ndim), share.reshape(-1, *[1] * slope.ndim) * slope


_weighed.defvjp(lambda share, spikes: (_weighed(share, spikes), (share, spikes)), _weighed_back)


def _keys(key: jax.Array | None, steps: int) -> jax.Array | None:
    return None if key is None else jax.random.split(key, steps)


def _released(releases: AbstractReleases, spikes: Number, keys: Any, weight: Any, delay: Any) -> tuple[Number, Number]:
    """Releases (steps, batch, sources) and cycles (batch,); with one synapse a weight, what they add up to."""
    _, batch, sources = spikes.shape
    whole = weight is not None
    shape = (batch, *weight.shape) if whole else (batch, sources)
    spikes = delay(spikes) if whole else spikes

    @partial(jax.checkpoint, prevent_cse=False)
    def step(carry: Any, item: Any) -> tuple[Any, Any]:
        state, total = carry
        given, key = item
        state, release, cycles = releases.step(state, given[:, None, :] if whole else given, key)
        if whole:
            release = jnp.sum(weight * release, axis=-1)
        return (state, total + cycles), release

    start = (releases.rest(shape, spikes.dtype), jnp.zeros(batch, spikes.dtype))
    if isinstance(releases, StaticReleases) and not whole:
        return spikes, start[1]
    (_, cycles), released = lax.scan(step, start, (spikes, keys))
    return released, cycles


def _arrived(feed: eqx.nn.Linear | None, given: Number) -> Number:
    """What arrives from outside at all steps, (steps, batch, rows)."""
    return given if feed is None else lax.map(partial(arriving, feed), given)


def _forward(ready: Any, drive: Number, neurons: int) -> Number:
    """Neurons without feedback."""

    @partial(jax.checkpoint, prevent_cse=False)
    def step(state: Any, given: Number) -> tuple[Any, Number]:
        return ready.step(state, given)

    return lax.scan(step, ready.rest(drive.shape[1], neurons, drive.dtype), drive)[1]
