r"""Plasticity that waits for a reward: pairs leave an eligibility that fades, a reward turns it into a change."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from mho.core.fields import check_ranges, quantity
from mho.devices.device import Number
from mho.networks.plasticity.checks import check_kind
from mho.networks.plasticity.pairs import AbstractRule, PairSTDP, Traces, TripletSTDP


class Eligible(NamedTuple):
    """Traces of the spikes, and what each synapse is eligible for, (outputs, inputs)."""

    traces: Traces
    eligibility: Number


class RewardSTDP(eqx.Module):
    r"""Spike-timing-dependent plasticity modulated by reward.

    .. math:: \dot e = -e/\tau_e + \sum_{pairs} \Delta w_{rule}\,\delta(t - t_{spike}), \qquad
              \Delta w = \eta\,R\,e \text{ at a reward } R

    Args:
        rule: What pairs of spikes are worth.
        tau: Time constant of the eligibility, tau_e [s].
        rate: Share of the eligibility that a reward of 1 turns into a change, eta [1].

    Source: Izhikevich, Cerebral Cortex 17, 2443 (2007), with rewards as events.
    """

    rule: AbstractRule
    tau: Number = quantity("s", positive=True)
    rate: Number = quantity("1", default=1.0)

    def __check_init__(self) -> None:
        check_kind("RewardSTDP.rule", self.rule, (PairSTDP, TripletSTDP, AbstractRule))
        check_ranges(self)

    def rest(self, inputs: int, outputs: int) -> Eligible:
        """Nothing has happened."""
        return Eligible(self.rule.rest(inputs, outputs), jnp.zeros((outputs, inputs)))

    def step(
        self, state: Eligible, pre: Number, post: Number, reward: Number, interval: Number
    ) -> tuple[Eligible, Number]:
        """State after spikes and a reward that come `interval` [s] after the ones before, and the wanted change.

        Args:
            state: Before.
            pre: Spikes of the sources, 1 or 0, shape (inputs,).
            post: Spikes of the neurons, shape (outputs,).
            reward: R, 0 where there is none [1].
            interval: [s].
        """
        traces, change = self.rule.step(state.traces, pre, post, interval)
        eligibility = state.eligibility * jnp.exp(-interval / self.tau) + change
        return Eligible(traces, eligibility), self.rate * reward * eligibility
