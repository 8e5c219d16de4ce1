"""Counter-based random numbers that are fast on a CPU: Philox2x32-7 and a polynomial Box-Muller transform.

Every number is a pure function of (key, stream, index): no state, any order, any device. JAX's threefry costs about
four times as much on a CPU and its rbg thirty times; ``benchmarks/random_numbers.py`` measures it.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Philox2x32, Table 2: seven
rounds are the fewest that pass BigCrush).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, UInt32

_MULTIPLIER = np.uint32(0xD256D193)
_WEYL = np.uint32(0x9E3779B9)
_ROUNDS = 7


def _multiply_high_low(a: UInt32[Array, "..."]) -> tuple[UInt32[Array, "..."], UInt32[Array, "..."]]:
    """High and low word of the 64-bit product with the Philox multiplier."""
    # The one place that needs a 64-bit integer, whatever JAX's precision: four 16-bit products cost five times as much.
    with jax.enable_x64(True):
        product = lax.convert_element_type(a, np.uint64) * np.uint64(_MULTIPLIER)
        return tuple(lax.convert_element_type(x, np.uint32) for x in (product >> np.uint64(32), product))  # type: ignore[return-value]


def philox(key: UInt32[Array, "..."], c0: UInt32[Array, "..."], c1: UInt32[Array, "..."], rounds: int = _ROUNDS):
    """Two random 32-bit words for the 64-bit counter (c0, c1) under a 32-bit key.

    Source: Salmon et al. 2011, section 3.3; agrees with the Random123 known answers at ten rounds.
    """
    key, c0, c1 = (jnp.asarray(x, jnp.uint32) for x in (key, c0, c1))
    for _ in range(rounds):
        high, low = _multiply_high_low(c0)
        c0, c1 = high ^ key ^ c1, low
        key = key + _WEYL
    return c0, c1


def _words_of(key: Array) -> UInt32[Array, "..."]:
    """The two 32-bit words of a JAX key, typed or raw."""
    return jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key


def _words(key: Array, index: UInt32[Array, "..."]) -> tuple[UInt32[Array, "..."], UInt32[Array, "..."]]:
    """Philox words for a JAX key: its first word is the Philox key, its second the stream."""
    words = _words_of(key)
    return philox(words[0], index, jnp.broadcast_to(words[1], index.shape))


def _log(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Natural logarithm of a normal float32 by exponent and a minimax polynomial (2 ulp), which XLA can vectorise."""
    i = lax.bitcast_convert_type(x, jnp.int32)
    e = (i - np.int32(0x3F3504F3)) >> 23
    m = lax.bitcast_convert_type(i - (e << 23), jnp.float32) - np.float32(1)
    coefficients = (
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
    )
    y = jnp.full_like(m, 7.0376836292e-2)
    for c in (*coefficients, -2.4999993993e-1, 3.3333331174e-1):
        y = y * m + np.float32(c)
    z = m * m
    return m + (y * m * z - np.float32(0.5) * z) + np.float32(0.693147180559945) * e.astype(jnp.float32)


def _sin_cos_turns(t: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """sin(2πt) and cos(2πt) for t in [-1/4, 1/4], float32: the half turn in which the cosine is not negative."""
    x = t * np.float32(2 * np.pi)
    z = x * x
    s = np.float32(2.7525562e-6)
    for c in (-1.9840874e-4, 8.3333310e-3, -0.16666666, 1.0):
        s = s * z + np.float32(c)
    c = np.float32(-2.6051615e-7)
    for k in (2.4760495e-5, -1.38888848e-3, 4.16666642e-2, -0.5, 1.0):
        c = c * z + np.float32(k)
    return x * s, c


def normal_pair(key: Array, index: UInt32[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Two independent standard normal float32 numbers for each counter `index` of a key's stream (Box-Muller).

    Args:
        key: A JAX random key (its two 32-bit words are the Philox key and the stream).
        index: Counters, any shape; equal counters give equal numbers.
    """
    return _box_muller(*_words(key, jnp.asarray(index, jnp.uint32)))


def normal_pair_at(
    words: UInt32[Array, "2"], index: UInt32[Array, "..."], stream: UInt32[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """The same for counters of two words: many streams of a key, each of 2^32 pairs.

    Args:
        words: The two words of a JAX key.
        index: Place in the stream, any shape.
        stream: Number of the stream, of the same shape.
    """
    return _box_muller(*philox(words[0], index, stream ^ words[1]))


def _box_muller(w0: UInt32[Array, "..."], w1: UInt32[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Two normal numbers from two random words."""
    u = ((w0 >> 8).astype(jnp.int32).astype(jnp.float32) + np.float32(0.5)) * np.float32(2.0**-24)
    # The angle within the half turn where the cosine is positive; which half it is, the two leading bits say: a sign.
    t = lax.bitcast_convert_type(w1 << 1, jnp.int32).astype(jnp.float32) * np.float32(2.0**-33)
    s, c = _sin_cos_turns(t)
    r = lax.bitcast_convert_type(jnp.sqrt(-2 * _log(u)), jnp.uint32)
    r = lax.bitcast_convert_type(r | ((w1 ^ (w1 << 1)) & np.uint32(0x80000000)), jnp.float32)
    return r * c, r * s


def _halves(count: int) -> tuple[UInt32[Array, "..."], Bool[Array, "..."]]:
    """Counter of each of `count` numbers, and whether it is the second of its pair (a concatenation would not fuse)."""
    index, half = jnp.arange(count, dtype=jnp.uint32), np.uint32((count + 1) // 2)
    return jnp.where(index < half, index, index - half), index >= half


def normal(key: Array, shape: tuple[int, ...] = (), dtype=jnp.float32) -> Float[Array, "..."]:
    """Standard normal numbers of any shape, from Philox2x32-7 (24-bit resolution of the radius: |z| at most 5.8)."""
    index, second = _halves(int(np.prod(shape, dtype=np.int64)) if shape else 1)

    def draw() -> Float[Array, "..."]:
        cosine, sine = normal_pair(key, index)
        return jnp.where(second, sine, cosine)

    # A condition that only run time can decide is a boundary to fusion: else every use of a number would draw it again.
    word = _words_of(key)[0]
    drawn = lax.cond((word ^ np.uint32(1)) != word, draw, lambda: jnp.zeros(index.shape, jnp.float32))
    return drawn.reshape(shape).astype(dtype)


def uniform(key: Array, shape: tuple[int, ...] = (), dtype=jnp.float32) -> Float[Array, "..."]:
    """Uniform numbers in (0, 1), 24 bits, from Philox2x32-7."""
    index, second = _halves(int(np.prod(shape, dtype=np.int64)) if shape else 1)
    bits = jnp.where(second, *reversed(_words(key, index)))
    unit = ((bits >> 8).astype(jnp.int32).astype(jnp.float32) + np.float32(0.5)) * np.float32(2.0**-24)
    return unit.reshape(shape).astype(dtype)
