"""A linear readout: which class do these features speak for?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mho.core.errors import SolverError


@dataclass(frozen=True)
class Readout:
    """Scores of c classes as linear functions of f standardised features; the largest decides.

    Args:
        weights: Shape (f, c).
        bias: Shape (c,).
        mean: Mean of each feature over the training set.
        scale: Standard deviation of each feature over the training set (1 where it did not vary).
    """

    weights: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    @property
    def parameters(self) -> int:
        """Number of trained numbers."""
        return self.weights.size + self.bias.size

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Decided class of each row of features."""
        return np.argmax((features - self.mean) / self.scale @ self.weights + self.bias, axis=1)


def fit_readout(features: np.ndarray, classes: np.ndarray, *, count: int, penalty: float = 1e-3) -> Readout:
    """Multinomial logistic regression with a small quadratic penalty: convex, so it has one answer and needs no seed.

    Args:
        features: Shape (samples, f).
        classes: Class of each sample, 0 to count - 1.
        count: Number of classes.
        penalty: Weight of the squared readout weights.

    Raises:
        SolverError: If Newton's method does not settle.
    """
    features = np.asarray(features, np.float64)
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    x = np.concatenate([(features - mean) / scale, np.ones((len(features), 1))], axis=1)
    target = np.eye(count)[np.asarray(classes)]
    # a trace of penalty on the bias takes away the freedom to add one number to all scores
    ridge = np.append(np.full(x.shape[1] - 1, penalty), 1e-9)[:, None]
    w = np.zeros((x.shape[1], count))
    value = _loss(x, w, target, ridge)
    for _ in range(100):
        share = _softmax(x @ w)
        slope = x.T @ (share - target) / len(x) + 2 * ridge * w
        if np.max(np.abs(slope)) < 1e-9:
            return Readout(w[:-1], w[-1], mean, scale)
        step = np.linalg.solve(_curvature(x, share, ridge), slope.ravel()).reshape(w.shape)
        length = 1.0
        while (tried := _loss(x, w - length * step, target, ridge)) > value and length > 1e-6:
            length /= 2
        w, value = w - length * step, tried
    raise SolverError(
        f"The readout did not settle: slope {np.max(np.abs(slope)):.3g} after 100 steps. Raise the penalty."
    )


def _softmax(scores: np.ndarray) -> np.ndarray:
    share = np.exp(scores - scores.max(axis=1, keepdims=True))
    return share / share.sum(axis=1, keepdims=True)


def _loss(x: np.ndarray, w: np.ndarray, target: np.ndarray, ridge: np.ndarray) -> float:
    picked = np.clip(np.sum(_softmax(x @ w) * target, axis=1), 1e-300, None)
    return float(-np.mean(np.log(picked)) + np.sum(ridge * w * w))


def _curvature(x: np.ndarray, share: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Second derivative of the loss by the flattened weights."""
    f, c = x.shape[1], share.shape[1]
    spread = np.einsum("nc,cd->ncd", share, np.eye(c)) - np.einsum("nc,nd->ncd", share, share)
    curvature = np.einsum("nf,ng,ncd->fcgd", x, x, spread, optimize=True) / len(x)
    return curvature.reshape(f * c, f * c) + np.diag(np.repeat(2 * ridge[:, 0], c))
