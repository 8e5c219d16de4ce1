"""How well a network on a chip decides, right after programming and as the chip grows old."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import InputError
from mho.crossbars import Tile
from mho.crossbars.calibration import DRIFTS
from mho.crossbars.ledger import PRODUCT
from mho.networks.analog import AnalogNetwork, compiled
from mho.networks.calls import Call, usual

COMPENSATIONS = ("none", "global", "output")
"""What is compared where nothing is said: no drift compensation; one gain a matrix; one gain an output."""

KNOWN = ("none", *DRIFTS)
"""All that can be compared."""

YEARS = 10 * 365.25 * 86_400.0


def ages(first: float = 1.0, last: float = YEARS, count: int = 9) -> np.ndarray:
    """Times since programming [s], evenly spaced in their logarithm; the default goes from a second to ten years."""
    return np.geomspace(first, last, count)


def accuracy(outputs: Any, labels: Any) -> float:
    """Share of samples whose largest output stands at their label."""
    return float(np.mean(np.argmax(np.asarray(outputs), axis=-1) == np.asarray(labels)))


@dataclass(frozen=True)
class Price:
    """What drift compensation takes, once for all matrices.

    Args:
        energy: [J]; NaN for a tile without costs.
        time: [s].
        inferences: Its energy over that of one inference [1].
    """

    energy: float
    time: float
    inferences: float


@dataclass(frozen=True)
class OverTime:
    """Accuracy over the time since programming.

    Args:
        times: [s].
        accuracy: By compensation, shape (programmings, times) [1]; NaN where an output was not finite.
        exact: Accuracy of the network in software [1].
        samples: Samples of the test.
        failures: By reason: cells that programming gave up (``CELLS_...``), programmings that did not run.
        price: Of each compensation.
    """

    times: np.ndarray
    accuracy: dict[str, np.ndarray]
    exact: float
    samples: int
    failures: dict[str, int]
    price: dict[str, Price]

    def band(self, how: str, share: float = 0.9) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean over the programmings, and the ends between which `share` of them lie, at each time."""
        found = self.accuracy[how]
        ends = 50.0 * (1.0 - share)
        low, high = np.nanpercentile(found, [ends, 100.0 - ends], axis=0)
        return np.nanmean(found, axis=0), low, high


def over_time(
    network: Any,
    tile: Tile,
    x: Any,
    labels: Any,
    *,
    key: jax.Array,
    calibration: Any,
    times: Sequence[float] | np.ndarray | None = None,
    programmings: int = 5,
    compensations: Sequence[str] = COMPENSATIONS,
    call: Call | None = None,
    progress: Callable[[float], None] = lambda share: None,
    **how: Any,
) -> OverTime:
    """Accuracy over time of a network, programmed onto fresh chips several times.

    Each chip is calibrated and gives its reference products at once, and then only ages; compensation acts on a copy.

    Args:
        network: Any tree of Equinox modules.
        tile: Design of the chips.
        x: Samples of the test (n, ...).
        labels: Their labels (n,).
        key: JAX random key.
        calibration: Samples by which converters are set; not those of the test.
        times: Since programming [s], ascending; default :func:`ages`.
        programmings: Chips.
        compensations: Of :data:`KNOWN`.
        call: As in :func:`mho.networks.compiled`.
        progress: Told the share that is done.
        **how: Further arguments of :func:`mho.networks.compiled`.

    Raises:
        InputError: If times are not ascending, or labels do not match.
    """
    if programmings < 1:
        raise InputError(f"There are {programmings} programmings; give at least one.")
    exact = accuracy(exactly(network, x, call), labels)
    found = []
    for k in range(programmings):
        own = jax.random.fold_in(key, k)
        of_chip, of_calibration, of_references, of_age = jax.random.split(own, 4)
        chip = compiled(network, tile, key=of_chip, call=call, **how)
        chip = chip.calibrate(calibration, key=of_calibration).remember(calibration, key=of_references)
        told = lambda share, k=k: progress((k + share) / programmings)  # noqa: E731
        found.append(ageing(chip, x, labels, key=of_age, exact=exact, times=times, compensations=compensations,
                            progress=told))  # fmt: skip
    failures: dict[str, int] = {}
    for one in found:
        for reason, count in one.failures.items():
            failures[reason] = failures.get(reason, 0) + count
    right = {name: np.concatenate([one.accuracy[name] for one in found]) for name in compensations}
    return OverTime(found[0].times, right, exact, len(labels), failures, found[0].price)


def ageing(
    chip: AnalogNetwork,
    x: Any,
    labels: Any,
    *,
    key: jax.Array,
    exact: float,
    times: Sequence[float] | np.ndarray | None = None,
    compensations: Sequence[str] = COMPENSATIONS,
    progress: Callable[[float], None] = lambda share: None,
) -> OverTime:
    """Accuracy over time of one programmed, calibrated network that remembers its reference products.

    Args:
        chip: The network on its chip.
        x: Samples of the test (n, ...).
        labels: Their labels (n,).
        key: JAX random key.
        exact: Accuracy in software.
        times: From now on [s], ascending; default :func:`ages`.
        compensations: As in :func:`over_time`.
        progress: Told the share that is done.

    Raises:
        InputError: If times are not ascending, or labels do not match.
    """
    moments = ages() if times is None else np.asarray(times, np.float64)
    if moments.ndim != 1 or not len(moments) or moments[0] < 0.0 or np.any(np.diff(moments) <= 0.0):
        raise InputError(f"The times are {moments.tolist()} s; give ascending ones, from 0 s on.")
    if len(x) != len(labels) or not len(x):
        raise InputError(f"There are {len(x)} samples and {len(labels)} labels; give one to each, and at least one.")
    right = {name: np.full((1, len(moments)), np.nan) for name in compensations}
    failures: dict[str, int] = {}
    for report in chip.reports.values():
        for reason, count in report.failures.items():
            failures[f"CELLS_{reason}"] = failures.get(f"CELLS_{reason}", 0) + count
    price: dict[str, Price] = {}
    age = 0.0
    for t, moment in enumerate(moments):
        at = jax.random.fold_in(key, t)
        chip, age = chip.advance(float(moment - age), key=at), float(moment)
        for c, name in enumerate(compensations):
            now = jax.random.fold_in(at, 1 + c)
            ready = chip if name == "none" else chip.compensate(name, key=now)  # type: ignore[arg-type]
            outputs = np.asarray(ready(x, key=now))
            if np.all(np.isfinite(outputs)):
                right[name][0, t] = accuracy(outputs, labels)
            else:
                failures["NOT_FINITE"] = failures.get("NOT_FINITE", 0) + 1
            if t == len(moments) - 1 and name != "none":
                price[name] = _price(chip, ready, x[:8], now)
        progress((t + 1) / len(moments))
    return OverTime(moments, right, exact, len(labels), failures, price)


def exactly(network: Any, x: Any, call: Call | None = None) -> Any:
    """Outputs of a network in software, for a batch."""
    return _exactly(network, jnp.asarray(x), usual(network) if call is None else call)


@eqx.filter_jit
def _exactly(network: Any, x: Any, call: Call) -> Any:
    return jax.vmap(lambda one: call(network, one))(x)


def _price(before: AnalogNetwork, after: AnalogNetwork, x: Any, key: jax.Array) -> Price:
    spent = float(after.ledger.energy["calibration"]) - float(before.ledger.energy["calibration"])
    time = float(after.ledger.time["calibration"]) - float(before.ledger.time["calibration"])
    _, ran = after.run(x, key=key)
    one = sum(float(ran.ledger.energy[p]) - float(after.ledger.energy[p]) for p in PRODUCT) / len(x)
    return Price(spent, time, spent / one if one > 0.0 else float("nan"))
