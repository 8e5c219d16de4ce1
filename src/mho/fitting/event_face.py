"""The free numbers of an ECRAM's event face on scales in which a fit moves them, and where a fit may start."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import MeasurementError
from mho.core.quantities import engineering
from mho.devices import ECRAM
from mho.fitting.measurement import PulseMeasurement
from mho.fitting.train import PulseTrain, readings

HEAD = ("g_rest", "g_volatile", "efficacy", "v_0", "exponent", "consolidation")
UNITS = {
    "g_rest": "S",
    "g_volatile": "S",
    "efficacy": "1",
    "v_0": "V",
    "exponent": "1",
    "consolidation": "1/s",
    "weight": "1",
    "tau": "s",
}
_LANES = 16  # parameter vectors evaluated together by one compiled function
_NONE = -40.0  # logarithm of the weight ratio of a mode that is not in use


@dataclass(frozen=True)
class Layout:
    """Where each free number stands in the parameter vector of up to `modes` modes.

    Conductances, times, voltages, the exponent and consolidation move on a logarithmic scale, the efficacy on a logit
    scale, the weights as logarithms of their ratio to the first mode's.
    """

    modes: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the entries of the vector."""
        return (*HEAD, *(f"weight[{k}]" for k in range(1, self.modes)), *(f"tau[{k}]" for k in range(self.modes)))

    @property
    def tau(self) -> slice:
        """The logarithms of the relaxation times."""
        return slice(len(HEAD) + self.modes - 1, len(HEAD) + 2 * self.modes - 1)

    @property
    def ratios(self) -> slice:
        """The logarithms of the weight ratios."""
        return slice(len(HEAD), len(HEAD) + self.modes - 1)

    def free(self, used: int, optional: set[str], fixed: set[str]) -> np.ndarray:
        """Which entries move in a fit of `used` modes."""
        allowed = {"g_rest", "g_volatile", "efficacy", *optional} - fixed
        head = [name in allowed for name in HEAD]
        return np.asarray([*head, *(k < used for k in range(1, self.modes)), *(k < used for k in range(self.modes))])


def weights_of(ratios):
    """Mode weights from logarithms of ratios to the first mode's."""
    xp = jnp if isinstance(ratios, jax.Array) else np
    raw = xp.exp(xp.concatenate([xp.zeros((*ratios.shape[:-1], 1)), ratios], axis=-1))
    return raw / raw.sum(axis=-1, keepdims=True)


def device_at(theta, base: ECRAM, modes: int) -> ECRAM:
    """The ECRAM at a parameter vector (JAX values inside a fit)."""
    layout = Layout(modes)
    g_rest, g_volatile, _, v_0, exponent, consolidation = (jnp.exp(theta[k]) for k in range(len(HEAD)))
    weights = weights_of(theta[layout.ratios])
    tau = jnp.exp(theta[layout.tau])
    return dataclasses.replace(
        base,
        x_0=(g_rest - base.g_min) / (base.g_max - base.g_min),
        g_volatile=g_volatile,
        efficacy=jax.nn.sigmoid(theta[2]),
        v_0=v_0,
        exponent=exponent,
        consolidation=consolidation,
        weights=tuple(weights[k] for k in range(modes)),
        tau=tuple(tau[k] for k in range(modes)),
    )


def device_of(theta: np.ndarray, base: ECRAM, modes: int, used: int) -> ECRAM:
    """The ECRAM of a finished fit, with its `used` modes and plain numbers."""
    layout = Layout(modes)
    weights = weights_of(theta[layout.ratios])[:used]
    head = np.exp(theta[: len(HEAD)])
    return dataclasses.replace(
        base,
        x_0=float((head[0] - base.g_min) / (base.g_max - base.g_min)),
        g_volatile=float(head[1]),
        efficacy=float(1.0 / (1.0 + np.exp(-theta[2]))),
        v_0=float(head[3]),
        exponent=float(head[4]),
        consolidation=float(head[5]),
        weights=tuple((weights / weights.sum()).tolist()),
        tau=tuple(np.exp(theta[layout.tau][:used]).tolist()),
    )


@functools.partial(jax.jit, static_argnames="modes")
def _lanes(theta, excess, train: PulseTrain, base: ECRAM, modes: int):
    """Logarithm of the conductance at each reading for several parameter vectors."""

    def one(x, e):
        return jnp.log(readings(device_at(x, base, modes), train, e))

    return jax.vmap(one)(theta, excess)


def curve(train: PulseTrain, base: ECRAM, modes: int):
    """The function of :class:`~mho.fitting.estimate.Problem`: log-conductance at any number of parameter vectors.

    One function is compiled for all numbers of modes: a mode whose weight ratio is exp(-40) is none. Its second
    argument, the relative excess of each pulse's effect in each lane, serves to simulate cycle-to-cycle noise.
    """
    none = np.zeros((_LANES, len(train.gap)))

    def evaluate(theta: np.ndarray, excess: np.ndarray | None = None) -> np.ndarray:
        rows = len(theta)
        padded = np.minimum(np.arange(-(-rows // _LANES) * _LANES), rows - 1)
        parts = []
        with jax.enable_x64(True):
            for k in range(0, len(padded), _LANES):
                lanes = padded[k : k + _LANES]
                parts.append(
                    np.asarray(_lanes(theta[lanes], none if excess is None else excess[lanes], train, base, modes))
                )
        return np.concatenate(parts)[:rows]

    return evaluate


@dataclass(frozen=True)
class Reference:
    """The pulse to which a fit's efficacy refers, and the data's first answers.

    Args:
        v_ref: Most frequent magnitude of the gate pulses [V].
        t_ref: Most frequent width [s].
        polarity: +1 if a positive pulse raises the conductance.
        g_rest: Conductance before the pulses [S].
        jump: Change by one pulse from near rest, towards loading [S].
        reach: Largest change seen [S].
        shortest: Shortest time after a pulse at which the channel was read [s].
        longest: Longest such time [s].
    """

    v_ref: float
    t_ref: float
    polarity: float
    g_rest: float
    jump: float
    reach: float
    shortest: float
    longest: float


def reference(measurement: PulseMeasurement, train: PulseTrain, usable: np.ndarray) -> Reference:
    """What the data say before any fit.

    Raises:
        MeasurementError: If the pulses do not move the conductance above its noise.
    """
    pulses, reads = measurement.pulses, measurement.reads
    v_ref, t_ref = (_most_frequent(np.abs(pulses.amplitude)), _most_frequent(pulses.width))
    real = np.asarray(train.kind) > 0
    g, pulse, elapsed = reads.g[usable], train.pulse[usable], np.asarray(train.elapsed)[usable]
    sign = np.sign(np.asarray(train.amplitude))[np.asarray(train.kind)]
    before_any = ~real[pulse]
    g_rest = float(np.median(g[before_any])) if before_any.any() else float(g[0])
    noise = 1.4826 * float(np.median(np.abs(np.diff(np.log(g))))) / np.sqrt(2.0)
    crossed = np.flatnonzero(np.diff(pulse) == 1) + 1
    jumps = (g[crossed] - g[crossed - 1]) * sign[pulse[crossed]]
    polarity = 1.0 if jumps.size == 0 or np.median(jumps) >= 0 else -1.0
    extreme = g - g_rest
    reach = float(np.max(np.abs(extreme)))
    if reach < 4.0 * noise * g_rest or jumps.size < 3:
        raise MeasurementError(
            f"{measurement.path}: the conductance moves by at most {engineering(reach, 'S')} with a read noise of "
            f"{engineering(noise * g_rest, 'S')}; "
            "g_volatile, efficacy and tau cannot be identified. Use stronger or more pulses, read sooner after them, "
            "or average readings."
        )
    rested = np.asarray(train.gap)[pulse[crossed]]
    early = crossed[rested >= np.quantile(rested, 0.7)]
    jump = float(np.median(np.abs(g[early] - g[early - 1])))
    positive = elapsed[(elapsed > 0) & real[pulse]]
    if positive.size == 0:
        raise MeasurementError(
            f"{measurement.path}: no reading was taken after a pulse's end, so tau cannot be identified. Read between "
            "the pulses, at several delays."
        )
    return Reference(
        v_ref,
        t_ref,
        polarity,
        g_rest,
        max(jump, 0.02 * reach),
        reach,
        float(positive.min()),
        float(max(positive.max(), np.max(train.gap))),
    )


def _most_frequent(values: np.ndarray) -> float:
    unique, counts = np.unique(values, return_counts=True)
    return float(unique[np.argmax(counts)])


def bounds(layout: Layout, ref: Reference, used: int) -> tuple[np.ndarray, np.ndarray]:
    """Box of the parameter vector: wide, but finite, so that what the data do not tell rests at a named bound."""
    head_low = [np.log(ref.g_rest / 5), np.log(ref.jump / 5), -9.0, np.log(0.02 * ref.v_ref), np.log(0.3), np.log(1e-6)]
    head_high = [
        np.log(ref.g_rest * 5),
        np.log(ref.reach * 200),
        7.0,
        np.log(20 * ref.v_ref),
        np.log(10.0),
        np.log(1e4),
    ]
    tau_low, tau_high = np.log(ref.shortest / 5), np.log(ref.longest * 10)
    k = layout.modes
    low = np.asarray([*head_low, *[-7.0] * (used - 1), *[_NONE] * (k - used), *[tau_low] * k])
    return low, np.asarray([*head_high, *[7.0] * (used - 1), *[_NONE] * (k - used), *[tau_high] * k])


def starts(
    layout: Layout, ref: Reference, base: ECRAM, used: int, count: int, generator: np.random.Generator
) -> np.ndarray:
    """Starting vectors from the data: the first as read off, the others scattered about it (0.5 in the logarithm)."""
    g_volatile = 1.3 * max(ref.reach, 2.0 * ref.jump)
    efficacy = np.clip(ref.jump / g_volatile, 1e-3, 0.9)
    head = [
        np.log(ref.g_rest),
        np.log(g_volatile),
        np.log(efficacy / (1 - efficacy)),
        np.log(float(base.v_0)),
        np.log(float(base.exponent)),
        np.log(1e-2),
    ]
    inner = (
        np.geomspace(2 * ref.shortest, 0.5 * ref.longest, used + 2)[1:-1]
        if ref.longest > 8 * ref.shortest
        else np.geomspace(ref.shortest, ref.longest, used)
    )
    tau = np.concatenate([inner, np.full(layout.modes - used, inner[-1])])
    ratios = np.where(np.arange(1, layout.modes) < used, 0.0, _NONE)
    first = np.asarray([*head, *ratios, *np.log(tau)])
    scatter = generator.normal(scale=0.5, size=(count, len(first)))
    scatter[:, [0, 3, 4]] *= 0.0
    scatter[:, layout.tau] *= 1.6
    scatter[0] = 0.0
    return first + scatter
