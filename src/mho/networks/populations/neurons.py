"""What a neuron of a population is: a cheap step for all on the grid, and an exact look at those that may fire."""

from __future__ import annotations

import abc
import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core import engineering
from mho.core.errors import InputError, ParameterError
from mho.core.fields import check_ranges, quantity
from mho.networks.synapse import Number

_LONGEST = 4.0  # a step, in time constants: exponents of a step stay where `grown` keeps nine digits


class Spike(NamedTuple):
    """What an exact look at some neurons finds.

    Args:
        fired: Whether they fired.
        after: When in the step [s].
        state: Of those that fired, at the step's end.
        missed: Of those that did not.
    """

    fired: Any
    after: Any
    state: Any
    missed: Any


class AbstractNeuron(eqx.Module):
    """A point neuron on a clock. Every method works element by element, so that one text serves JAX and C++.

    A step goes in two parts. :meth:`advance` moves every neuron as if none fired, and names those that need a closer
    look: all that may have crossed their threshold, and any that move otherwise in this step. :meth:`fire` looks at
    those alone, places the crossing inside the step, and starts the refractory time there, so that no spike is lost or
    moved to the grid.
    """

    @property
    @abc.abstractmethod
    def receptors(self) -> tuple[str, ...]:
        """Names of the places where synapses act."""

    @abc.abstractmethod
    def rest(self, n: int) -> Any:
        """State of `n` neurons at rest, in double precision."""

    @abc.abstractmethod
    def prepared(self, dt: float) -> Any:
        """Numbers that a step of `dt` [s] needs, worked out once in double precision."""

    @abc.abstractmethod
    def advance(self, prepared: Any, state: Any, jumps: tuple[Number, ...], step: Number) -> tuple[Any, Any]:
        """State after a step without spikes, and who needs a closer look.

        Args:
            prepared: From :meth:`prepared`.
            state: At the step's start.
            jumps: What arrives there at each receptor.
            step: Number of the step.
        """

    @abc.abstractmethod
    def fire(self, prepared: Any, before: Any, jumps: tuple[Number, ...], after: Any, step: Number) -> Spike:
        """What happened in a step to neurons that :meth:`advance` named.

        Args:
            prepared: From :meth:`prepared`.
            before: State at the step's start.
            jumps: What arrived there.
            after: State that :meth:`advance` gave.
            step: Number of the step.
        """

    @abc.abstractmethod
    def seen(self, prepared: Any, state: Any) -> tuple[Number, Number]:
        """Membrane voltage [V] and synaptic current into the membrane [A] of a state."""

    @abc.abstractmethod
    def spent(self, state: Any) -> tuple[Any, ...]:
        """Energies that add up to what each neuron has taken until a state; none where it is not known [J]."""


class Adaptation(eqx.Module):
    """Spike-frequency adaptation: a current that every spike raises against the membrane, and that decays.

    Args:
        tau: Time constant [s].
        jump: What one spike adds [A].

    Source: the spike-triggered part of Brette and Gerstner, J. Neurophysiol. 94 (2005) 3637.
    """

    tau: Number = quantity("s", positive=True)
    jump: Number = quantity("A", low=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)


def check_receptors(kind: str, names: tuple[str, ...], **numbers: tuple[Number, ...]) -> None:
    """Raise if a neuron does not give one number of each kind for each receptor."""
    if not names or len(set(names)) != len(names):
        raise ParameterError(f"{kind}.receptors are {names}; give at least one name, each once.")
    for name, values in numbers.items():
        if len(values) != len(names):
            raise ParameterError(f"{kind}.{name} has {len(values)} entries; give one for each of {', '.join(names)}.")


def check_refractory(kind: str, t_ref: Any, dt: float) -> None:
    """Raise if one step could hold two spikes of a neuron."""
    least = float(np.min(np.asarray(t_ref)))
    if least < dt * (1 - 1e-6):
        raise InputError(
            f"dt is {engineering(dt, 's')}; it must be at most {kind}.t_ref, {engineering(least, 's')}. Shorten it."
        )


def check_fast(kind: str, dt: float, **constants: Any) -> None:
    """Raise if a step is long beside a time constant, where a crossing inside it cannot be placed."""
    for name, values in constants.items():
        least = min(float(np.min(np.asarray(x))) for x in jax.tree.leaves(values))
        if dt > _LONGEST * least * (1 + 1e-6):
            raise InputError(
                f"dt is {engineering(dt, 's')}; it must be at most {_LONGEST:g} times {kind}.{name}, "
                f"{engineering(least, 's')}. Shorten it, or correct {name}."
            )


def release(out: Number, step: Number, dt: Number) -> tuple[Number, Number]:
    """Step in which a refractory time ends that lies `out` [s] after this step's start, and what is free of it [s]."""
    whole = jnp.floor(out / dt)
    free = jnp.minimum(jnp.maximum(dt - (out - whole * dt), 0.0), dt)
    return step + whole.astype(step.dtype), free


def total(terms: Any) -> Any:
    """Sum of numbers or arrays, without a leading zero of another type."""
    first, *others = terms
    for one in others:
        first = first + one
    return first


def grown(x: Any) -> Any:
    """exp(x) - 1 for the few neurons of :meth:`AbstractNeuron.fire`, in products and sums alone, which fuse.

    A series of ten terms for x/16, doubled four times: exact to rounding for x from -2 to 2, to 1e-9 from -8 to 8.
    """
    y = x * 0.0625
    series = jnp.zeros_like(y) + 1.0 / math.factorial(10)
    for n in range(9, 0, -1):
        series = 1.0 / math.factorial(n) + y * series
    series = y * series
    for _ in range(4):
        series = series * (2.0 + series)
    return series


def polynomial(coefficients: tuple[Any, ...], t: Any) -> Any:
    """Value at `t`; the constant comes first."""
    *lower, value = coefficients
    for one in reversed(lower):
        value = one + t * value
    return value
