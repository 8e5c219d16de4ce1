r"""Rules of spike-timing-dependent plasticity by pairs and triplets, on traces that fade exactly between events.

A rule says what weights should do; what the devices do with it is theirs (:mod:`mho.networks.plasticity.cells`). Spikes
of one moment see the traces of before, so that a pair of lag 0 does nothing.
"""

from __future__ import annotations

import abc
import enum
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.errors import InputError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number
from mho.networks.plasticity.checks import check_kind
from mho.networks.synapse import precision


class Pairing(enum.Enum):
    """Which spikes of a train pair up."""

    ALL = "all"
    """Every spike with every one before it: traces add up."""
    NEAREST = "nearest"
    """Every spike with the last one before it: traces start anew, as a driver's wave does."""


class Traces(NamedTuple):
    """Fading memory of spikes: fast and slow, of the sources (inputs,) and of the neurons (outputs,)."""

    pre: Number
    pre_slow: Number
    post: Number
    post_slow: Number


class AbstractRule(eqx.Module):
    """What spikes on both sides of a synapse want its weight to do."""

    if TYPE_CHECKING:
        pairing: Pairing  # no abstract variable, which would come before the fields

    @abc.abstractmethod
    def times(self) -> tuple[Number, Number, Number, Number]:
        """Time constants of the four traces [s]."""

    @abc.abstractmethod
    def jumps(self, traces: Traces, pre: Number, post: Number) -> Number:
        """Wanted change of weights (outputs, inputs) by spikes `pre` and `post` (1 or 0) that find these traces [1]."""

    def rest(self, inputs: int, outputs: int) -> Traces:
        """Traces before the first spike."""
        a, b = jnp.zeros(inputs), jnp.zeros(outputs)
        return Traces(a, a, b, b)

    def faded(self, traces: Traces, interval: Number) -> Traces:
        """Traces `interval` [s] later, without a spike."""
        return Traces(*(x * jnp.exp(-interval / tau) for x, tau in zip(traces, self.times(), strict=True)))

    def step(self, traces: Traces, pre: Number, post: Number, interval: Number) -> tuple[Traces, Number]:
        """Traces after spikes that come `interval` [s] after the ones before, and the wanted change of weights.

        Args:
            traces: After the spikes before.
            pre: Spikes of the sources, 1 or 0, shape (inputs,).
            post: Spikes of the neurons, shape (outputs,).
            interval: [s].
        """
        now = self.faded(traces, interval)
        change = self.jumps(now, pre, post)
        kept = (1.0, 1.0, 1.0, 1.0) if self.pairing is Pairing.ALL else (1.0 - pre, 1.0 - pre, 1.0 - post, 1.0 - post)
        came = (pre, pre, post, post)
        return Traces(*(x * k + s for x, k, s in zip(now, kept, came, strict=True))), change


class PairSTDP(AbstractRule):
    r"""Pairs of spikes: :math:`\Delta w = A_+ e^{-\Delta/\tau_+}\ (\Delta > 0),\ -A_- e^{\Delta/\tau_-}\ (\Delta < 0)`.

    Args:
        a_plus: Potentiation by a pair without lag, A_+ [1].
        a_minus: Depression by a pair without lag, A_- [1].
        tau_plus: Time constant of the memory of presynaptic spikes [s].
        tau_minus: Of postsynaptic spikes [s].
        pairing: Which spikes pair up.

    Source: Song, Miller & Abbott, Nature Neuroscience 3, 919 (2000).
    """

    a_plus: Number = quantity("1")
    a_minus: Number = quantity("1")
    tau_plus: Number = quantity("s", positive=True)
    tau_minus: Number = quantity("s", positive=True)
    pairing: Pairing = eqx.field(static=True, default=Pairing.NEAREST)

    def __check_init__(self) -> None:
        check_kind("PairSTDP.pairing", self.pairing, Pairing)
        check_ranges(self)

    def times(self) -> tuple[Number, Number, Number, Number]:
        """Fast traces alone matter."""
        return self.tau_plus, self.tau_plus, self.tau_minus, self.tau_minus

    def jumps(self, traces: Traces, pre: Number, post: Number) -> Number:
        """Each neuron's spike by the sources' traces, each source's by the neurons'."""
        return self.a_plus * post[:, None] * traces.pre - self.a_minus * traces.post[:, None] * pre

    def window(self, lag: Number) -> Number:
        """Wanted change by one pair [1], 0 where the lag is not finite or 0."""
        there = jnp.isfinite(lag) & (lag != 0.0)
        s = jnp.where(there, lag, 0.0)
        up = self.a_plus * jnp.exp(-jnp.maximum(s, 0.0) / self.tau_plus)
        down = -self.a_minus * jnp.exp(jnp.minimum(s, 0.0) / self.tau_minus)
        return jnp.where(there, jnp.where(s > 0.0, up, down), 0.0)


class TripletSTDP(AbstractRule):
    r"""Pairs and triplets of spikes, so that plasticity depends on rate as well as on lag.

    At a postsynaptic spike :math:`\Delta w = r_1\,(A_2^+ + A_3^+ o_2)`, at a presynaptic one
    :math:`\Delta w = -o_1\,(A_2^- + A_3^- r_2)`, with traces r of the source and o of the neuron as they stood just
    before.

    Args:
        a_plus: Potentiation by a pair, A_2^+ [1].
        a_plus_slow: Potentiation by a triplet post-pre-post, A_3^+ [1].
        a_minus: Depression by a pair, A_2^- [1].
        a_minus_slow: Depression by a triplet pre-post-pre, A_3^- [1].
        tau_plus: Time constant of r_1 [s].
        tau_x: Of r_2 [s].
        tau_minus: Of o_1 [s].
        tau_y: Of o_2 [s].
        pairing: Which spikes pair up.

    Source: Pfister & Gerstner, J. Neurosci. 26, 9673 (2006), equations 3 and 4.
    """

    a_plus: Number = quantity("1")
    a_plus_slow: Number = quantity("1")
    a_minus: Number = quantity("1")
    a_minus_slow: Number = quantity("1")
    tau_plus: Number = quantity("s", positive=True)
    tau_x: Number = quantity("s", positive=True)
    tau_minus: Number = quantity("s", positive=True)
    tau_y: Number = quantity("s", positive=True)
    pairing: Pairing = eqx.field(static=True, default=Pairing.ALL)

    def __check_init__(self) -> None:
        check_kind("TripletSTDP.pairing", self.pairing, Pairing)
        check_ranges(self)

    def times(self) -> tuple[Number, Number, Number, Number]:
        """Of r_1, r_2, o_1, o_2."""
        return self.tau_plus, self.tau_x, self.tau_minus, self.tau_y

    def jumps(self, traces: Traces, pre: Number, post: Number) -> Number:
        """Pairs, and triplets by the slow traces of the side that spikes."""
        up = (post * (self.a_plus + self.a_plus_slow * traces.post_slow))[:, None] * traces.pre
        return up - traces.post[:, None] * (pre * (self.a_minus + self.a_minus_slow * traces.pre_slow))


def wanted_changes(rule: AbstractRule, pre: Any, post: Any) -> tuple[np.ndarray, np.ndarray]:
    """What two spike trains want one synapse to do, event by event.

    Args:
        rule: The rule, its leaves cast to the precision wanted.
        pre: Presynaptic spikes [s].
        post: Postsynaptic spikes [s].

    Returns:
        Times of all events in order [s], and the wanted change at each [1].

    Raises:
        InputError: If a time is not finite.
    """
    pre, post = (np.sort(np.atleast_1d(np.asarray(t, np.float64))) for t in (pre, post))
    if not (np.isfinite(pre).all() and np.isfinite(post).all()):
        raise InputError("A spike time is not finite. Leave the padding of trains out.")
    times = np.union1d(pre, post)
    intervals = np.diff(times, prepend=times[:1])
    with precision(rule):
        given = (np.isin(times, pre).astype(float), np.isin(times, post).astype(float), intervals)
        changes = _along(rule, *(jnp.asarray(x) for x in given))
    return times, np.asarray(changes)


@eqx.filter_jit
def _along(rule: AbstractRule, pre: jax.Array, post: jax.Array, intervals: jax.Array) -> jax.Array:
    def event(traces: Traces, given: Any) -> tuple[Traces, Number]:
        a, b, interval = given
        after, change = rule.step(traces, a[None], b[None], interval)
        return after, change[0, 0]

    return lax.scan(event, rule.rest(1, 1), (pre, post, intervals))[1]
