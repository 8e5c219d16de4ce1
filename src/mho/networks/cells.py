"""Recurrent cells that Equinox has not, and a cell run along a sequence."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from mho.networks.functions.elementwise import ELEMENTWISE


class ElmanCell(eqx.Module):
    r"""Simple recurrent unit, :math:`h' = f(W x + b + R h)`.

    Args:
        inward: W and b.
        around: R.
        activation: Name of f in the table of functions.
    """

    inward: eqx.nn.Linear
    around: eqx.nn.Linear
    activation: str = eqx.field(static=True, default="tanh")

    @property
    def hidden_size(self) -> int:
        """Length of h."""
        return int(self.around.out_features)

    def __call__(self, x: Float[Array, " i"], h: Float[Array, " h"], *, key: Any = None) -> Float[Array, " h"]:
        """The next state."""
        return ELEMENTWISE[self.activation](self.inward(x, key=key) + self.around(h, key=key))


class ResetFirstGRU(eqx.Module):
    r"""Gated unit that resets its state before the matrix product (as first published, and in ONNX by default).

    .. math::
        r = \sigma(W_r x + R_r h), \quad z = \sigma(W_z x + R_z h), \quad
        n = \tanh(W_n x + R_n (r h)), \quad h' = (1-z) n + z h

    Args:
        inward: Rows W_r, W_z, W_n and all biases.
        gates: Rows R_r, R_z.
        candidate: R_n.

    Source: Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014, eqs. 5 to 8.
    """

    inward: eqx.nn.Linear
    gates: eqx.nn.Linear
    candidate: eqx.nn.Linear

    @property
    def hidden_size(self) -> int:
        """Length of h."""
        return int(self.candidate.out_features)

    def __call__(self, x: Float[Array, " i"], h: Float[Array, " h"], *, key: Any = None) -> Float[Array, " h"]:
        """The next state."""
        r, z, n = jnp.split(self.inward(x, key=key), 3)
        r_h, z_h = jnp.split(self.gates(h, key=key), 2)
        r, z = jax.nn.sigmoid(r + r_h), jax.nn.sigmoid(z + z_h)
        n = jnp.tanh(n + self.candidate(r * h, key=key))
        return n + z * (h - n)


class Sequence(eqx.Module):
    """A cell run along a sequence.

    Args:
        cell: GRUCell, LSTMCell, ElmanCell or ResetFirstGRU: `cell(x, state) -> state`.
        reverse: From the end to the start; results stand at the place of their input.
        pair: The cell's state is a pair (h, c), as an LSTM's.
    """

    cell: Any
    reverse: bool = eqx.field(static=True, default=False)
    pair: bool = eqx.field(static=True, default=False)

    def __call__(self, x: Float[Array, "steps i"], *start: Float[Array, " h"], key: Any = None) -> tuple[Array, ...]:
        """One sequence.

        Args:
            x: Shape (steps, inputs).
            *start: h, and c of a pair; default 0.
            key: For cells that draw.

        Returns:
            h at every step (steps, hidden); h behind the last step taken, (hidden,); c there, of a pair.
        """
        zero = jnp.zeros(self.cell.hidden_size, x.dtype)
        start = start or ((zero, zero) if self.pair else (zero,))
        start = tuple(jnp.asarray(s, x.dtype) for s in start)
        keys = None if key is None else jax.random.split(key, x.shape[0])

        def step(state: tuple[Array, ...], given: Any) -> tuple[tuple[Array, ...], Array]:
            value, one = given
            after = self.cell(value, state if self.pair else state[0], key=one)
            after = tuple(after) if self.pair else (after,)
            return after, after[0]

        end, outputs = lax.scan(step, start, (x, keys), reverse=self.reverse)
        return (outputs, *end)
