"""Voltages at injected currents where cells are no mere conductances: BiCGSTAB on the columns, preconditioned by lines.

A cell whose current has different slopes by its two voltages, as behind a transistor, makes the equations unsymmetric.
The preconditioned matrix is 1 - P⁻¹ G W G, without a product with T, as in :mod:`mho.crossbars.mesh`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax

from mho.crossbars.mesh import Effort, Factors, Fields, Tolerance, completed, eliminated, inner, lines_solved, reduced


class _Course(NamedTuple):
    x: Fields
    r: Fields
    p: Fields
    v: Fields
    rho: Any
    alpha: Any
    omega: Any
    size: Any
    k: Any


def _plus(a: Fields, scale: Any, b: Fields) -> Fields:
    return tuple(x + scale * y for x, y in zip(a, b, strict=True))


def _over(a: Any, b: Any) -> Any:
    return jnp.where(b == 0.0, 0.0, a / jnp.where(b == 0.0, 1.0, b))


def unsymmetric(f: Factors, injected: Fields, tolerance: Tolerance) -> tuple[Fields, Effort]:
    """Voltages of all planes; the residual is that of the preconditioned equations, in volts, over its start.

    Source: van der Vorst, SIAM J. Sci. Stat. Comput. 13, 631 (1992).
    """

    def matrix(x: Fields) -> Fields:
        return _plus(x, -1.0, lines_solved(f, eliminated(f, x), 1))

    r = lines_solved(f, reduced(f, injected), 1)
    zero = tuple(jnp.zeros_like(x) for x in r)
    start = inner(r, r)
    goal = tolerance.relative * tolerance.relative * start
    one = jnp.ones_like(start)

    def busy(c: _Course) -> Any:
        return jnp.any(c.size > goal) & (c.k < tolerance.iterations)

    def go(c: _Course) -> _Course:
        active = c.size > goal
        rho = inner(r, c.r)
        beta = _over(rho, c.rho) * _over(c.alpha, c.omega)
        p = _plus(c.r, beta, _plus(c.p, -c.omega, c.v))
        v = matrix(p)
        alpha = _over(rho, inner(r, v))
        s = _plus(c.r, -alpha, v)
        t = matrix(s)
        omega = _over(inner(t, s), inner(t, t))
        step = _plus(tuple(alpha * a for a in p), omega, s)
        x = tuple(jnp.where(active, a + b, a) for a, b in zip(c.x, step, strict=True))
        left = tuple(jnp.where(active, a, b) for a, b in zip(_plus(s, -omega, t), c.r, strict=True))
        return _Course(x, left, p, v, rho, alpha, omega, inner(left, left), c.k + 1)

    first = _Course(zero, r, zero, zero, one, one, one, start, jnp.zeros((), jnp.int32))
    end = lax.while_loop(busy, go, first)
    residual = jnp.where(start == 0.0, 0.0, jnp.sqrt(_over(end.size, start)))
    return completed(f, injected, end.x), Effort(jnp.broadcast_to(end.k, jnp.shape(start)), residual)
