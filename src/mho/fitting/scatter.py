"""Read noise and cycle-to-cycle noise, told apart by the residuals of a fit."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
from scipy import stats

from mho.devices import ECRAM
from mho.fitting.result import Estimate
from mho.fitting.train import PulseTrain

_FEWEST = 12
_SHARED = 1.5  # variance of a mean of squared differences, for neighbours that share a reading


def relative_jumps(device: ECRAM, train: PulseTrain) -> np.ndarray:
    """Relative jump of the conductance by each pulse of the train, release during a pulse neglected [1]."""
    with jax.enable_x64(True):
        drive = np.asarray(device.drive(train.amplitude))
        lost = -np.expm1(-np.abs(drive) * train.width * float(device.loading_rate))[train.kind]
    sign = np.sign(drive)[train.kind]
    weights, tau = np.asarray(device.weights), np.asarray(device.tau)
    q, loading, jumps = np.zeros(len(tau)), np.empty(len(lost)), np.empty(len(lost))
    for k in range(len(lost)):
        q = q * np.exp(-train.gap[k] / tau) * (1.0 - train.rested[k])
        jumps[k] = lost[k] * (1.0 - sign[k] * q.sum())
        q = q + weights * sign[k] * jumps[k]
        loading[k] = q.sum()
    g_volatile, g_rest = float(device.g_volatile), float(device.g_min + (device.g_max - device.g_min) * device.x_0)
    return g_volatile * jumps / np.maximum(g_rest + g_volatile * loading, 0.1 * g_rest)


def simulated(
    model: Callable,
    theta: np.ndarray,
    train: PulseTrain,
    noise: dict[str, float],
    count: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Logarithms of the readings of `count` repetitions of the measurement with read and cycle-to-cycle noise.

    A pulse's random excess stays in the state, for ever where it is non-volatile: repetitions show what that does to an
    estimate, which resampling one measurement cannot.

    Returns:
        Shape (count, readings).
    """
    sigma = np.where(train.kind > 0, noise.get("sigma_cycle", 0.0), 0.0)
    clean = model(np.tile(theta, (count, 1)), generator.normal(size=(count, len(sigma))) * sigma)
    return clean + noise.get("sigma_read", 0.0) * generator.normal(size=clean.shape)


def noise_of(device: ECRAM, train: PulseTrain, residual: np.ndarray, rows: np.ndarray) -> tuple[Estimate, ...]:
    r"""Standard deviations of one read and of one pulse's effect, both relative.

    Between two neighbouring readings with no pulse between them the residual changes by two read noises; with pulses
    between them also by each pulse's random excess, which is the cycle-to-cycle deviation times the pulse's relative
    jump: :math:`\operatorname{var}\Delta = 2\sigma_{read}^2 + \sigma_{cycle}^2 \sum (\Delta g/g)^2`, each jump as far
    as it has relaxed when the channel is read.

    Args:
        device: The fitted device.
        train: Pulses and readings.
        residual: Relative residual of each reading.
        rows: The fitted readings.

    Returns:
        Estimates of ``sigma_read`` and ``sigma_cycle``, where enough pairs of readings inform them.
    """
    change = np.diff(residual[rows])
    first, last = train.pulse[rows[:-1]], train.pulse[rows[1:]]
    left = np.exp(-train.elapsed[rows[1:], None] / np.asarray(device.tau)) @ np.asarray(device.weights)
    still = change[first == last]
    found = []
    read = 0.0
    if still.size >= _FEWEST:
        read = 1.4826 * float(np.median(np.abs(still))) / np.sqrt(2.0)
        # The median deviation has 37 % of the variance's information; neighbouring differences share a reading.
        freedom = 0.37 * still.size / _SHARED
        low, high = (read * float(np.sqrt(freedom / stats.chi2.ppf(p, freedom))) for p in (0.975, 0.025))
        found.append(Estimate("sigma_read", read, "1", low, high))
    power = np.concatenate([[0.0], np.cumsum(relative_jumps(device, train) ** 2)])
    moved = ((power[last + 1] - power[first + 1]) * left**2)[first != last]
    stepped = change[first != last]
    if stepped.size >= _FEWEST and found:
        excess = stepped**2 - 2.0 * read**2
        share = np.minimum(moved / np.median(moved), 1.0)
        variance = float(np.sum(share * excess) / np.sum(share * moved))
        left_over = share * (excess - variance * moved)
        error = float(np.sqrt(_SHARED * np.sum(left_over**2))) / float(np.sum(share * moved))
        error = np.hypot(
            error, 2.0 * (found[0].high - found[0].low) / 1.96 * read * np.sum(share) / np.sum(share * moved)
        )
        if variance > 0:
            low, high = (float(np.sqrt(max(variance + side * 1.96 * error, 0.0))) for side in (-1.0, 1.0))
            found.append(Estimate("sigma_cycle", float(np.sqrt(variance)), "1", low, high))
    return tuple(found)
