r"""Windows of ion drift: factors that slow the boundary between doped and undoped oxide near the electrodes.

Each takes the state x, 0 off and 1 on, and is 0 where drift must end.

Source: Joglekar & Wolf, Eur. J. Phys. 30, 661 (2009); Biolek, Biolek & Biolkova, Radioengineering 18, 210 (2009);
Prodromakis, Peh, Papavassiliou & Toumazou, IEEE Trans. Electron Devices 58, 3099 (2011).
"""

from __future__ import annotations

import jax.numpy as jnp

from mho.devices.device import Number

_TINY = 1e-30  # smallest base of a power; a normal float32


def joglekar(x: Number, p: Number) -> Number:
    """1 - (2x-1)^2p: zero at both ends, from which x therefore never returns."""
    return 1.0 - _power((2.0 * x - 1.0) ** 2, p)


def biolek(x: Number, direction: Number, p: Number) -> Number:
    """1 - (x - step(-direction))^2p: zero only at the end that x moves to; `direction` is signed like the current."""
    ahead = jnp.where(direction < 0.0, x - 1.0, x)
    return 1.0 - _power(ahead**2, p)


def prodromakis(x: Number, p: Number, j: Number) -> Number:
    """Height j (1 - [(x-1/2)^2 + 3/4]^p): zero at both ends, at most j (1 - (3/4)^p)."""
    return j * (1.0 - _power((x - 0.5) ** 2 + 0.75, p))


def _power(base: Number, p: Number) -> Number:
    """`base` >= 0 to the power p, with a finite derivative at base = 0."""
    return jnp.where(base > _TINY, jnp.maximum(base, _TINY) ** p, 0.0)
