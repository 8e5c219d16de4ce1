"""Waveforms of independent sources: constant, pulse, piecewise linear, sine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import numpy as np

from mho.core.errors import NetlistError
from mho.core.fields import check_ranges, quantity


class AbstractWave(eqx.Module):
    """A value over time; its unit is that of the source (V or A)."""


class DC(AbstractWave):
    """A constant.

    Args:
        value: The value [V or A].
    """

    value: Any = quantity("SI")


class PWL(AbstractWave):
    """Piecewise-linear waveform; constant before the first corner and after the last.

    Args:
        times: Corner times, strictly increasing [s].
        values: Value at each corner [V or A].

    Raises:
        NetlistError: If times do not increase (give an edge a rise time), or lengths differ.
    """

    times: tuple[Any, ...] = quantity("s")
    values: tuple[Any, ...] = quantity("SI")

    def __init__(self, times: Sequence[Any], values: Sequence[Any]):
        self.times, self.values = tuple(times), tuple(values)

    def __check_init__(self) -> None:
        check_ranges(self)
        if len(self.times) != len(self.values) or not self.times:
            raise NetlistError(
                f"PWL has {len(self.times)} times and {len(self.values)} values; give one value per time."
            )
        for before, after in zip(self.times, self.times[1:], strict=False):
            if isinstance(before, np.ndarray) and isinstance(after, np.ndarray) and np.any(after <= before):
                raise NetlistError(
                    f"PWL times must rise, but {np.ravel(before)[0]:.6g} s comes before {np.ravel(after)[0]:.6g} s. "
                    "Give an edge a rise time, for example 1 ns."
                )

    @classmethod
    def pulses(cls, starts: Sequence[float], *, width: float, high: float, low: float = 0.0, edge: float = 1e-9) -> PWL:
        """A train of equal pulses that start (leave `low`) at the given times.

        Args:
            starts: Start of each pulse [s].
            width: Time at the high level [s].
            high: Level of the pulse [V or A].
            low: Level between pulses [V or A].
            edge: Rise and fall time [s].
        """
        times: list[float] = []
        values: list[float] = []
        for start in starts:
            times += [start, start + edge, start + edge + width, start + 2 * edge + width]
            values += [low, high, high, low]
        return cls(times or [0.0], values or [low])


class PulseWave(AbstractWave):
    """Periodic trapezoid, SPICE's PULSE.

    Args:
        v1: Level between pulses [V or A].
        v2: Level of the pulse [V or A].
        delay: Start of the first pulse [s].
        rise: Rise time, above zero [s].
        fall: Fall time, above zero [s].
        width: Time at `v2` [s].
        period: From start to start; infinite for a single pulse [s].

    Raises:
        NetlistError: If a pulse is longer than its period.
    """

    v1: Any = quantity("SI")
    v2: Any = quantity("SI")
    delay: Any = quantity("s", low=0.0)
    rise: Any = quantity("s", positive=True)
    fall: Any = quantity("s", positive=True)
    width: Any = quantity("s", low=0.0)
    period: Any = quantity("s", positive=True, default=1e12)

    def __check_init__(self) -> None:
        check_ranges(self)
        parts = (self.rise, self.fall, self.width, self.period)
        if all(isinstance(x, np.ndarray) for x in parts) and np.any(self.rise + self.fall + self.width > self.period):
            raise NetlistError(
                "PulseWave.period is shorter than rise + width + fall. Lengthen the period or shorten the pulse."
            )


class Sin(AbstractWave):
    """Sine that starts after a delay, SPICE's SIN without damping: offset + amplitude sin(2 pi f (t - delay)).

    Args:
        offset: Value before the start, and mean after it [V or A].
        amplitude: Amplitude [V or A].
        frequency: Frequency [Hz].
        delay: Start [s].
    """

    offset: Any = quantity("SI")
    amplitude: Any = quantity("SI")
    frequency: Any = quantity("Hz", positive=True)
    delay: Any = quantity("s", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)


class Tabulated(AbstractWave):
    """Marks a source whose corners come from a table beside the circuit, so that changing them compiles nothing."""


def as_wave(value: Any) -> AbstractWave:
    """A wave as it is; a number as a constant."""
    return value if isinstance(value, AbstractWave) else DC(value)


def corners(wave: AbstractWave, stop: float, lane: int) -> tuple[np.ndarray, list[Any]]:
    """Corner times of a PWL or PULSE of one sample, up to `stop`, and the values there (which may be traced)."""
    if isinstance(wave, PWL):
        count = len(wave.times)
    elif isinstance(wave, PulseWave):
        delay, period = _time(wave.delay, lane), _time(wave.period, lane)
        count = 4 * max(0, int(np.ceil((stop - delay) / period)))
        if not count:
            return np.zeros(1), [of_sample(wave.v1, lane)]
    else:
        raise TypeError(type(wave).__name__)
    times, values = corner_points(wave, count, lane)
    return np.array([_time(t, lane) for t in times]), values


def corner_points(wave: AbstractWave, count: int, lane: int) -> tuple[list[Any], list[Any]]:
    """Times and values of the first `count` corners of one sample; linear in the numbers of the wave."""
    if isinstance(wave, PWL):
        return [of_sample(t, lane) for t in wave.times], [of_sample(v, lane) for v in wave.values]
    assert isinstance(wave, PulseWave)
    delay, rise, fall, width, period, low, high = (
        of_sample(x, lane) for x in (wave.delay, wave.rise, wave.fall, wave.width, wave.period, wave.v1, wave.v2)
    )
    if count < 4:  # no pulse before the end
        return [0.0 * delay] * count, [low] * count
    offsets = (0.0 * rise, rise, rise + width, rise + width + fall)
    times = [delay + period * k + x for k in range(count // 4) for x in offsets]
    return times, [low, high, high, low] * (count // 4)


def of_sample(x: Any, lane: int) -> Any:
    """One sample's number of a quantity that may be a batch."""
    return x[lane] if np.ndim(x) else x


def _time(x: Any, lane: int) -> float:
    return float(of_sample(np.asarray(x, np.float64), lane))
