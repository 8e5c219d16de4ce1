"""How well a step has to count energies and charges: the difference of a method's two solutions in the accounts.

A short-circuit current flows through two transistors and charges nothing, so the voltages' error does not know of it.
What a step may miss of an account is the tolerance times the sum of two sizes: what the circuit's capacitances hold at
1 V, which is what an event moves, and what flows in the step, which is what a power without an event is.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.circuits.charges import AbstractCharge
from mho.circuits.elements import Inductor
from mho.circuits.kinds import kinds, stacked
from mho.circuits.layout import Layout, capacitances
from mho.circuits.netlist import Circuit
from mho.circuits.vectors import Form, each

SHARE = (
    0.3  # of the energy that the capacitances hold; smaller ones cost steps, and larger ones 1 % of a spike's energy
)
LEAST = 1e-18  # [J] for circuits without capacitances


def capacity(circuit: Circuit, layout: Layout) -> Any:
    """Energy [J] (or charge [C]) of which a step may miss the tolerance, (samples or 1).

    That of all capacitances at 1 V, and of coils at the size of their current.
    """
    total: Any = np.zeros(1)
    for name, element in circuit.items():
        total = sum((np.asarray(c) for _, _, c in capacitances(name, element)), total)
        if isinstance(element, Inductor):
            total = total + np.asarray(element.l) * np.asarray(element.i_scale) ** 2
    for kind in kinds(circuit, layout) if layout.charged else ():
        if isinstance(kind.example, AbstractCharge):
            numbers = stacked(kind, circuit.elements)
            at_rest = tuple(jnp.zeros((len(kind.which), 1)) for _ in kind.nodes)
            for path in numbers.capacitance(at_rest, temperature=np.asarray(circuit.temperature)):
                most = reduce(np.maximum, (np.abs(c) + np.zeros_like(at_rest[0]) for c in map(np.asarray, path)))
                total = total + np.sum(most, axis=0)
    return SHARE * total + LEAST


def astray(
    form: Form, tested: int, h: Any, missed: Any, first: Any, last: Any, weight: float, allowed: Any, tolerance: Any
) -> Any:
    """Largest error of an account in a step, in each lane, over what is allowed.

    Args:
        form: Layout of vectors.
        tested: Number of accounts.
        h: Step [s].
        missed: Difference of the two solutions in each account, without what the first stage adds [J or C].
        first: Rate of each account at the step's start [W or A].
        last: At its end.
        weight: Of the first stage in the difference.
        allowed: From :func:`capacity`.
        tolerance: The run's tolerance.
    """
    if not tested:
        return jnp.zeros_like(h)

    def size(e: Any, a: Any, b: Any) -> Any:
        over = jnp.abs(e + h * weight * a) / (tolerance * (allowed + h * (jnp.abs(a) + jnp.abs(b))))
        return lax.stop_gradient(over)

    most = form.largest(each(size, missed, first, last), range(tested))
    return jnp.where(most < 1e9, most, 1e9)
