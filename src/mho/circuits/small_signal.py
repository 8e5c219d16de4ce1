"""Small-signal (AC) analysis: phasors of all voltages and currents over frequency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.circuits.linearised import Drive, Linearised, linearised, status_of
from mho.circuits.netlist import Circuit
from mho.circuits.sources import VoltageSource
from mho.core.errors import InputError
from mho.core.results import failures


@dataclass(frozen=True)
class SmallSignal:
    """Answer of a circuit to small sinusoids, as phasors.

    Args:
        frequencies: Shape (frequencies,) [Hz].
        values: Complex amplitude of every node and unknown, by name, shape (frequencies,), or (samples, frequencies).
        currents: Of every voltage source, from plus through the source to minus, likewise [A].
        status: Status of each sample; values of a failed one are NaN.
    """

    frequencies: np.ndarray
    values: Mapping[str, np.ndarray]
    currents: Mapping[str, np.ndarray]
    status: np.ndarray

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.values:
            raise InputError(f"There is no node {name!r}; there is {', '.join(self.values)}.")
        return self.values[name]

    @property
    def failures(self) -> dict[str, int]:
        """Failed samples by reason."""
        return failures(self.status)


def decibels(phasor: Any) -> np.ndarray:
    """20 log10 of the magnitude [dB]."""
    with np.errstate(divide="ignore"):
        return 20.0 * np.log10(np.abs(phasor))


def phase(phasor: Any) -> np.ndarray:
    """Phase without jumps along the last axis [degree]."""
    return np.degrees(np.unwrap(np.angle(phasor), axis=-1))


def swept(kind: str, count: int, start: float, stop: float) -> np.ndarray:
    """Frequencies of a sweep as SPICE spaces them [Hz].

    Args:
        kind: "dec" or "oct" (`count` points a decade or octave) or "lin" (`count` points in all).
        count: Number of points.
        start: First frequency [Hz].
        stop: Last frequency; one that the spacing does not meet is not passed [Hz].

    Raises:
        InputError: If a number is out of range.
    """
    if kind not in ("dec", "oct", "lin"):
        raise InputError(f"The sweep is {kind!r}; it must be dec, oct or lin.")
    if count < 1 or not 0 < start <= stop < np.inf:
        raise InputError(
            f"The sweep {kind} has {count} points from {start:g} Hz to {stop:g} Hz; it needs at least one point, and "
            "frequencies above 0 that do not fall."
        )
    if kind == "lin":
        return np.linspace(start, stop, count) if count > 1 else np.array([start])
    ratio = (10.0 if kind == "dec" else 2.0) ** (1.0 / count)
    steps = int(np.floor(np.log(stop / start) / np.log(ratio) * (1 + 1e-12) + 1e-9))
    if steps > 1_000_000:
        raise InputError(f"The sweep has {steps} points; at most a million are run.")
    return start * ratio ** np.arange(steps + 1)


def small_signal(circuit: Circuit, frequencies: Any, drive: Mapping[str, Any], *, throw: bool = True) -> SmallSignal:
    r"""Phasors of a circuit driven by small sinusoids, linearised at its operating point.

    .. math:: (G + j\omega C)\,x = -\left(\frac{\partial f}{\partial s} + j\omega C_s\right) s

    with the slopes G of Kirchhoff's equations, the capacitance matrix C, and the sources' phasors s.

    Args:
        circuit: A circuit or a population of one.
        frequencies: Frequencies, all at least 0 [Hz].
        drive: Complex amplitude (or an array over samples) by name of a voltage or current source [V or A]; the
            others stand still. A magnitude m at p degrees is ``m * np.exp(1j * np.radians(p))``.
        throw: Raise if a sample has no operating point; otherwise its values are NaN and it is counted.

    Raises:
        InputError: If nothing is driven, a source is unknown, or a frequency is negative.
        NetlistError: If a node has no DC path to ground.
        SolverError: If the operating point cannot be found, or the equations are singular.

    Limits: device states are linearised where they start, which is a point of rest only if they do not move there.
    """
    f = _checked(frequencies)
    if not drive:
        raise InputError("Nothing is driven; give drive={'source': 1.0}.")
    linear = linearised(circuit, throw=throw)
    driven, omega, n = Drive(circuit, linear, drive), 2 * np.pi * f, linear.n
    right = driven.right(linear, omega)
    x = linear.solve(omega, -right[..., :n])
    layout = linear.layout
    columns = {name: x[..., i] for i, name in enumerate(layout.names)}
    held = np.where(linear.found[:, None], driven.held, np.nan)
    columns |= {h.node: np.broadcast_to(held[:, k], x.shape[:2]) for k, h in enumerate(layout.held)}
    population = circuit.samples is not None
    shaped = (lambda a: np.ascontiguousarray(a.T)) if population else (lambda a: np.array(a[:, 0]))
    currents = _source_currents(circuit, linear, omega, x, right)
    return SmallSignal(
        f,
        {name: shaped(a) for name, a in columns.items()},
        {name: shaped(a) for name, a in currents.items()},
        status_of(linear),
    )


def _checked(frequencies: Any) -> np.ndarray:
    f = np.atleast_1d(np.asarray(frequencies, np.float64))
    if f.ndim != 1 or not len(f) or not np.all(np.isfinite(f) & (f >= 0)):
        raise InputError("The frequencies must be one row of numbers of at least 0 Hz.")
    return f


def _source_currents(
    circuit: Circuit, linear: Linearised, omega: np.ndarray, x: np.ndarray, right: np.ndarray
) -> dict[str, np.ndarray]:
    """Current through each voltage source: an unknown, or what flows out of the node that the source holds."""
    layout, n = linear.layout, linear.n
    found = {circuit.names[k]: x[..., j] for k, j in layout.branches.items()}
    g, c = linear.g[:, n:, :], linear.c[:, n:, :n]
    leaving = np.einsum("sij,fsj->fsi", g, x) + right[..., n:]
    leaving = leaving + 1j * omega[:, None, None] * np.einsum("sij,fsj->fsi", c, x)
    for k in range(len(layout.held) - 1, -1, -1):  # a source in a chain carries what those further out deliver too
        base = layout.held[k].base - n
        if base >= 0:
            leaving[..., base] += leaving[..., k]
    found |= {circuit.names[h.source]: -h.sign * leaving[..., k] for k, h in enumerate(layout.held)}
    return {name: x for name, x in found.items() if not isinstance(circuit[name], VoltageSource) or name in found}
