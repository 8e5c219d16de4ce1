"""Numbers onto cells and back: inverses, the sum of slices, drives, scaling and the mistakes that are named."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core.errors import ChipError
from mho.crossbars import (
    Amplitude,
    Balanced,
    BitSerial,
    Corrected,
    DifferentialPair,
    Fixed,
    Percentile,
    PerMatrix,
    PerOutput,
    PulseWidth,
    SingleCell,
    Unbalanced,
)
from mho.crossbars.encoding import check_window
from mho.crossbars.scaling import scaled

WINDOW = (2e-6, 30e-6)
V = np.concatenate([np.linspace(-1.0, 1.0, 201), [0.0, 1e-9, -1e-9]]).astype(np.float32)
EXACT = [
    DifferentialPair(),
    DifferentialPair(rest="middle", subtraction="digital", copies=2),
    DifferentialPair(digits=Corrected((1.0, 0.25, 0.05))),
    SingleCell(),
    SingleCell(zero_at=0.3, copies=3, correction="digital"),
]
STEPPED = [
    (DifferentialPair(digits=Unbalanced(3, 4)), 4**3 - 1),
    (DifferentialPair(digits=Balanced(2, 4), rest="middle"), (7**2 - 1) // 2),
    (SingleCell(slices=4, levels=4), 4**4 // 2 - 1),
    (SingleCell(slices=6, levels=2, correction="digital", copies=2), 2**6 // 2 - 1),
]


@eqx.filter_jit
def there_and_back(encoding, v):
    """Targets, the numbers that they stand for, and the gradient of the way."""

    def back(x):
        return encoding.value(encoding.targets(x, WINDOW), WINDOW)

    return encoding.targets(v, WINDOW), back(v), jax.vmap(jax.grad(back))(v)


def name(case):
    encoding = case[0] if isinstance(case, tuple) else case
    return f"{type(encoding).__name__}-{encoding.cells}"


@pytest.mark.parametrize("encoding", EXACT, ids=name)
def test_value_is_the_inverse_of_targets(encoding):
    g, value, _ = there_and_back(encoding, V)
    assert g.shape == (V.size, encoding.cells)
    assert float(g.min()) >= WINDOW[0] * (1 - 1e-5)
    assert float(g.max()) <= WINDOW[1] * (1 + 1e-5)
    # Single precision of a difference of conductances up to 30 uS over 28 uS, for each of the copies.
    assert np.max(np.abs(np.asarray(value) - V)) < 2e-6 * encoding.cells


@pytest.mark.parametrize(("encoding", "half"), STEPPED, ids=lambda c: name(c) if not isinstance(c, int) else str(c))
def test_slices_add_up_to_the_nearest_of_their_numbers(encoding, half):
    _, v, gradient = (np.asarray(x) for x in there_and_back(encoding, V))
    assert np.max(np.abs(v - np.round(V * half) / half)) < 5e-6  # slices carry the error of the largest one
    assert v[np.abs(V) < 1e-6] == pytest.approx(0.0, abs=5e-6)
    assert gradient[5:9] == pytest.approx(1.0, abs=1e-4)


def test_every_number_of_the_slices_is_reached_by_levels_alone():
    """All states of two slices: digits are whole levels, and no two numbers share a state."""
    for digits, base in ((Unbalanced(2, 3), 3), (Balanced(2, 3), 5)):
        half = (base**2 - 1) // (1 if base == 3 else 2)
        whole = np.arange(-half, half + 1)
        d = np.asarray(digits.of(jnp.asarray(whole / half, jnp.float32))) * 2.0
        assert np.max(np.abs(d - np.round(d))) < 1e-5
        assert len({tuple(row) for row in np.round(d).astype(int)}) == whole.size


@pytest.mark.parametrize("kind", [Amplitude, PulseWidth, BitSerial])
@pytest.mark.parametrize("signs", ["bipolar", "two phases", "positive"])
def test_phases_add_up_to_the_rounded_input(kind, signs):
    drive = kind(bits=6, signs=signs)
    x = np.abs(V) if signs == "positive" else V
    u = jax.jit(lambda x: drive.drive(x).u)(x)
    counts = drive.drive(jnp.zeros(1)).counts
    assert u.shape == (drive.phases, x.size)
    found = np.tensordot(counts, np.asarray(u), axes=1)
    levels = 2.0 ** (6 if signs == "positive" else 5) - 1.0
    assert np.max(np.abs(found - np.round(x * levels) / levels)) < 1e-6
    if signs != "bipolar":
        assert float(u.min()) >= 0.0
    if kind is BitSerial:
        assert set(np.unique(np.round(np.abs(u), 6))) <= {0.0, 1.0}
    slope = jax.grad(lambda y: jnp.tensordot(jnp.asarray(counts, jnp.float32), drive.drive(y).u, axes=1))(0.3)
    assert float(slope) == pytest.approx(1.0, abs=1e-5)


def test_scales_clip_only_on_request():
    w = np.random.default_rng(0).normal(size=(5, 7))
    for scaling in (PerMatrix(), PerOutput()):
        found = scaled(w, scaling)
        assert found.v * found.scale[:, None] == pytest.approx(w, rel=1e-12)
        assert found.clipped == 0
    assert np.all(scaled(w, PerOutput()).scale == np.abs(w).max(axis=1))
    assert scaled(w, Percentile(80.0)).clipped == 7  # a fifth of 35
    with pytest.raises(ChipError, match=r"larger than the scale.*clip"):
        scaled(w, Fixed(0.5))
    assert scaled(w, Fixed(0.5), "clip").clipped == np.sum(np.abs(w) > 0.5)
    assert np.array_equal(scaled(np.zeros((2, 2)), PerOutput()).scale, [1.0, 1.0])


def test_mistakes_are_named():
    bad = np.ones((2, 3))
    bad[1, 2] = np.nan
    cases = [
        (lambda: scaled(bad, PerMatrix()), r"Weight \[1, 2\] is nan"),
        (lambda: scaled(np.ones(3), PerMatrix()), "shape"),
        (lambda: check_window((5e-6, 1e-6), WINDOW), "window"),
        (lambda: check_window((1e-6, 1e-3), WINDOW), "cells hold"),
        (lambda: SingleCell(levels=2), "cannot hold a sign"),
        (lambda: SingleCell(zero_at=0.0), "zero_at"),
        (lambda: Unbalanced(0, 2), "slices"),
        (lambda: Unbalanced(30, 2), "single precision"),
        (lambda: Corrected((0.5, 0.1)), "begin with 1"),
        (lambda: DifferentialPair(rest="high"), "rest"),  # pyright: ignore
        (lambda: Amplitude(bits=1), "bits"),
        (lambda: PulseWidth(bits=None), "pulse has a width"),
        (lambda: BitSerial(signs="both"), "signs"),  # pyright: ignore
    ]
    for call, words in cases:
        with pytest.raises(ChipError, match=words):
            call()
