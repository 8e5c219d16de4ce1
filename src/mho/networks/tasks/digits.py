"""Handwritten digits of 8 x 8 pixels, which scikit-learn brings along; and two small networks for them."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import InputError

SIDE = 8
CLASSES = 10


class Digits(NamedTuple):
    """Images between 0 and 1, (n, 8, 8), and labels (n,), for training and for the test."""

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def digits(*, test: int = 360, seed: int = 0) -> Digits:
    """The 1797 digits, shuffled by `seed` and split.

    Args:
        test: Digits kept for the test.
        seed: Of the shuffling; one seed gives one split.

    Raises:
        InputError: If scikit-learn is missing, or the split leaves nothing.

    Source: E. Alpaydin, C. Kaynak, Optical recognition of handwritten digits, UCI (1998), the test part, as bundled in
    scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError(
            "The digits come with scikit-learn, which is not installed. Install it with pip install 'mho[tasks]'."
        ) from error
    images, labels = load_digits(return_X_y=True)
    if not 0 < test < len(images):
        raise InputError(f"The test takes {test} of {len(images)} digits; give a number from 1 to {len(images) - 1}.")
    order = np.random.default_rng(seed).permutation(len(images))
    images = (images[order] / 16.0).astype(np.float32).reshape(-1, SIDE, SIDE)
    labels = labels[order].astype(np.int32)
    return Digits(images[test:], labels[test:], images[:test], labels[:test])


def perceptron(hidden: int = 32, *, key: jax.Array) -> Any:
    """A perceptron with one hidden layer of rectifiers, 64 - hidden - 10, for images (8, 8)."""
    first, second = jax.random.split(key)
    return eqx.nn.Sequential(
        [
            eqx.nn.Lambda(jnp.ravel),
            eqx.nn.Linear(SIDE * SIDE, hidden, key=first),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.Linear(hidden, CLASSES, key=second),
        ]
    )


def convolutional(channels: int = 8, *, key: jax.Array) -> Any:
    """Two convolutions of 3 x 3, each before a pooling of 2 x 2, and a linear layer, for images (8, 8)."""
    first, second, third = jax.random.split(key, 3)
    pool = eqx.nn.MaxPool2d(2, 2)
    return eqx.nn.Sequential(
        [
            eqx.nn.Lambda(_one_channel),
            eqx.nn.Conv2d(1, channels, 3, padding=1, key=first),
            eqx.nn.Lambda(jax.nn.relu),
            pool,
            eqx.nn.Conv2d(channels, 2 * channels, 3, padding=1, key=second),
            eqx.nn.Lambda(jax.nn.relu),
            pool,
            eqx.nn.Lambda(jnp.ravel),
            eqx.nn.Linear(2 * channels * 4, CLASSES, key=third),
        ]
    )


def _one_channel(x: Any) -> Any:
    return x[None]
