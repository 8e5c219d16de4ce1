"""One kind of gate pulse on an ECRAM, prepared once and applied to many states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from mho.core import random
from mho.devices.device import Number
from mho.devices.kinetics import multiplicity, triples

if TYPE_CHECKING:
    from mho.devices.ecram import ECRAM, ECRAMState


class ECRAMPulse(eqx.Module):
    r"""One kind of gate pulse in closed form; made by :meth:`ECRAM.prepare`.

    The volatile modes, the order and the wear change by a linear map of (q, 1), and consolidation is a cubic form of
    it: some forty multiplications a device for two modes, whatever the pulse.

    Args:
        modes: For each mode, its change by one unit of each start mode, and of the constant [1].
        order: Change of z by one unit of each start mode, of z, and of the constant [1].
        wear: Loading by one unit of each start mode, and of the constant [1].
        cube: Coefficients of the integral of Q cubed, one a monomial of (q, 1) [s].
        write: Non-volatile write without consolidation [1].
        aging: Increase of the age [s].
        width: Duration [s].
    """

    modes: tuple[tuple[Number, ...], ...]
    order: tuple[Number, ...]
    wear: tuple[Number, ...]
    cube: tuple[Number, ...]
    write: Number
    aging: Number
    width: Number

    @classmethod
    def of(cls, change: Array, form: Array, *, write: Number, aging: Number, width: Number) -> ECRAMPulse:
        """From the flow of (q, 1, z, loading) over the pulse."""
        k = form.shape[0] - 1
        known = range(k + 1)
        return cls(
            modes=tuple(tuple(change[i, j] for j in known) for i in range(k)),
            order=tuple(change[k + 1, j] for j in (*range(k), k + 1, k)),
            wear=tuple(change[k + 2, j] for j in known),
            cube=tuple(multiplicity(t) * form[t] for t in triples(k + 1)),
            write=write,
            aging=aging,
            width=width,
        )

    def __call__(self, device: ECRAM, state: ECRAMState) -> ECRAMState:
        """State after the pulse, without cycle-to-cycle noise."""
        vector = (*state.q, 1.0)
        change = [_dot(row, vector) for row in self.modes]
        cube = sum(
            c * vector[a] * vector[b] * vector[d] for c, (a, b, d) in zip(self.cube, triples(len(vector)), strict=True)
        )
        total = sum(change[1:], start=change[0])
        return type(state)(
            q=tuple(q + dq for q, dq in zip(state.q, change, strict=True)),
            z=state.z + _dot(self.order, (*state.q, state.z, 1.0)),
            x=device.written(state.x, self.write + device.consolidation * cube, self.width / device.tau_retention),
            age=state.age + self.aging,
            cycles=state.cycles + jnp.abs(_dot(self.wear, vector)),
            charge=state.charge + device.charge_full * jnp.abs(total),
            pulses=state.pulses + 1.0,
        )

    def noisy(self, device: ECRAM, state: ECRAMState, *, key: jax.Array) -> ECRAMState:
        """State after the pulse, whose effect on q and x varies from cycle to cycle by `device.sigma_cycle`.

        The effect is multiplied by 1 + sigma·ξ, and cut where it would leave the room (|Q| at most 1, x in [0, 1]).
        """
        after = self(device, state)
        start, end = state.loading, after.loading
        draw = random.normal(key, jnp.broadcast_shapes(jnp.shape(end), jnp.shape(after.x)), jnp.result_type(end))
        factor = 1.0 + device.sigma_cycle * draw
        wanted = jnp.clip(start + (end - start) * factor, jnp.minimum(-1.0, end), jnp.maximum(1.0, end))
        moved = end != start
        share = jnp.where(moved, (wanted - start) / jnp.where(moved, end - start, 1.0), factor)
        q = tuple(a + (b - a) * share for a, b in zip(state.q, after.q, strict=True))
        x = jnp.clip(state.x + (after.x - state.x) * factor, 0.0, 1.0)
        return eqx.tree_at(lambda s: (s.q, s.x), after, (q, x))


def _dot(coefficients: tuple[Number, ...], vector: tuple[Number | float, ...]) -> Number:
    terms = [c * v for c, v in zip(coefficients, vector, strict=True)]
    return sum(terms[1:], start=terms[0])
