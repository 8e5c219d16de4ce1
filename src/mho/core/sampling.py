"""Device-to-device and component spread: one module in, a batch of modules out.

A `Spread` says how one field varies; `sample` draws `n` values for each and returns the same module whose leaves carry
a leading batch axis. Failed draws cannot happen: positive quantities vary log-normally, unless a source says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core import random
from mho.core.errors import ParameterError

Selector = Callable[[Any], Any]
KINDS = ("log-normal", "normal", "folded normal")


@dataclass(frozen=True)
class Spread:
    """How one quantity of a module varies from sample to sample.

    Args:
        of: Selector of the leaf (or tuple of leaves), for example ``lambda d: d.g_volatile``.
        sigma: Standard deviation: of ln(value) or relative to the value if `relative`, else in the quantity's SI unit.
        relative: Multiply by exp(sigma·ξ), or by 1 + sigma·ξ where `kind` is not log-normal, instead of adding sigma·ξ.
        kind: ``log-normal`` (only with `relative`), ``normal``, or ``folded normal``, the magnitude of a normal one.
    """

    of: Selector
    sigma: float
    relative: bool = True
    kind: str = "log-normal"

    def __post_init__(self) -> None:
        if self.kind not in KINDS or (self.kind == "log-normal" and not self.relative):
            raise ParameterError(f"The kind of spread is {self.kind!r}; it must be one of {', '.join(KINDS[1:])}.")
        if not (np.isfinite(self.sigma) and self.sigma >= 0):
            raise ParameterError(f"The spread is {self.sigma}; it must be a finite number of at least 0.")


def relative(sigma: float, *, of: Selector) -> Spread:
    """Log-normal spread with median at the nominal value; for small `sigma` the relative standard deviation."""
    return Spread(of, sigma, relative=True)


def normal(sigma: float, *, of: Selector) -> Spread:
    """Additive Gaussian spread in the quantity's own SI unit."""
    return Spread(of, sigma, relative=False, kind="normal")


def sample(module: Any, *spreads: Spread, n: int, key: jax.Array, correlation: np.ndarray | None = None) -> Any:
    """`n` variants of a module.

    Args:
        module: Any module of quantities (a device, a neuron, a circuit).
        *spreads: What varies. Fields not named are the same in all samples (and keep no batch axis).
        n: Number of samples, at least 1.
        key: JAX random key; one key gives one population.
        correlation: Correlation matrix between the spreads, shape (len(spreads), len(spreads)).

    Returns:
        The module with leaves of shape (n,) where a spread applies.

    Raises:
        ParameterError: If `n` is below 1, or the correlation matrix is not positive semi-definite.
    """
    if n < 1:
        raise ParameterError(f"n is {n}; a population needs at least 1 sample.")
    factor = _correlation_factor(correlation, len(spreads))
    leaves = [jax.tree.leaves(s.of(module)) for s in spreads]
    width = max((len(x) for x in leaves), default=0)
    draws = np.asarray(random.normal(key, (len(spreads), width, n)), np.float64)
    draws = np.einsum("ij,jkn->ikn", factor, draws)
    for spread, z in zip(spreads, draws, strict=True):
        nominal, tree = jax.tree.flatten(spread.of(module))
        batch = [_vary(np.asarray(x, np.float64), spread, z[k]) for k, x in enumerate(nominal)]
        module = eqx.tree_at(spread.of, module, jax.tree.unflatten(tree, batch))
    return module


def _vary(nominal: np.ndarray, spread: Spread, z: np.ndarray) -> np.ndarray:
    if spread.kind == "log-normal":
        return nominal * np.exp(spread.sigma * z)
    varied = nominal * (1.0 + spread.sigma * z) if spread.relative else nominal + spread.sigma * z
    return np.abs(varied) if spread.kind == "folded normal" else varied


def _correlation_factor(correlation: np.ndarray | None, size: int) -> np.ndarray:
    if correlation is None:
        return np.eye(size)
    values, vectors = np.linalg.eigh(np.asarray(correlation, np.float64))
    if values.shape != (size,) or np.min(values) < -1e-9:
        raise ParameterError(
            f"The correlation matrix has smallest eigenvalue {np.min(values):.3g} and {len(values)} rows; "
            f"it must be positive semi-definite with {size} rows, one per spread."
        )
    return vectors * np.sqrt(np.clip(values, 0.0, None))


def batch_size(module: Any) -> int | None:
    """Length of the leading batch axis of a sampled module, or None if it is a single one."""
    sizes = {int(x.shape[0]) for x in jax.tree.leaves(module) if eqx.is_array_like(x) and jnp.ndim(x) == 1}
    if len(sizes) > 1:
        raise ParameterError(f"Leaves with batch axes of different lengths {sorted(sizes)} in one module.")
    return sizes.pop() if sizes else None
