"""Small-signal noise: what the elements' noise currents make of the output, and what an input would have to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.circuits.checks import GROUND
from mho.circuits.linearised import Drive, Linearised, currents_of_noise, linearised, status_of
from mho.circuits.netlist import Circuit
from mho.core.errors import InputError
from mho.core.results import failures


@dataclass(frozen=True)
class Noise:
    """Noise of an output over frequency.

    Spectra have shape (frequencies,), or (samples, frequencies) for a population.

    Args:
        frequencies: [Hz].
        output: One-sided density of the output [V^2/Hz].
        gain: Magnitude of the transfer from the input to the output, None without an input [V/V or V/A].
        contributions: Share of `output` by (element, kind) [V^2/Hz].
        status: Status of each sample; spectra of a failed one are NaN.
    """

    frequencies: np.ndarray
    output: np.ndarray
    gain: np.ndarray | None
    contributions: Mapping[tuple[str, str], np.ndarray]
    status: np.ndarray

    @property
    def input(self) -> np.ndarray:
        """Density at the input that would make the same output [V^2/Hz, or A^2/Hz of a current source].

        Raises:
            InputError: If no input was named.
        """
        with np.errstate(divide="ignore"):  # an input that reaches nothing would have to be infinite
            return self.output / np.square(self._gain())

    def _gain(self) -> np.ndarray:
        if self.gain is None:
            raise InputError("No input was named, so that nothing can be referred to it. Give input='source'.")
        return self.gain

    def element(self, name: str) -> np.ndarray:
        """Share of the output's density that an element makes with all its noise currents [V^2/Hz].

        Raises:
            InputError: If no such element makes noise.
        """
        own = [x for (element, _), x in self.contributions.items() if element == name]
        if not own:
            known = ", ".join(dict.fromkeys(element for element, _ in self.contributions))
            raise InputError(f"{name!r} makes no noise; these do: {known or 'none'}.")
        return np.sum(own, axis=0)

    @property
    def output_total(self) -> Any:
        """Root mean square of the output over the band [V]."""
        return np.sqrt(sum((self.integral(x) for x in self.contributions.values()), 0.0))

    @property
    def input_total(self) -> Any:
        """Root mean square of the input-referred noise over the band [V or A]."""
        gain = self._gain()
        reached = np.where(gain > 0, gain, 1.0)
        total = np.sqrt(sum((self.integral(x / np.square(reached)) for x in self.contributions.values()), 0.0))
        return np.where(np.all(gain > 0, axis=-1), total, np.inf)[()]

    def integral(self, density: np.ndarray) -> Any:
        """Integral of a density over the band, as a power of frequency between neighbouring points."""
        return power_law_integral(self.frequencies, density)

    @property
    def failures(self) -> dict[str, int]:
        """Failed samples by reason."""
        return failures(self.status)


def power_law_integral(f: np.ndarray, density: np.ndarray) -> Any:
    """Integral over frequency of a density that follows a power of frequency from point to point (last axis)."""
    density = np.asarray(density)
    s = np.where(density <= 0, 1e-300, density)
    ratio = np.log(f[1:] / f[:-1])
    exponent = np.log(s[..., 1:] / s[..., :-1]) / ratio + 1.0
    small = np.abs(exponent * ratio) < 1e-6
    with np.errstate(all="ignore"):
        part = np.expm1(exponent * ratio) / exponent
    some = ~((density[..., 1:] <= 0) & (density[..., :-1] <= 0))  # NaN stays
    return np.sum(np.where(some, s[..., :-1] * f[:-1] * np.where(small, ratio, part), 0.0), axis=-1)


def noise(
    circuit: Circuit,
    frequencies: Any,
    output: str,
    *,
    reference: str = GROUND,
    input: str | None = None,
    throw: bool = True,
) -> Noise:
    r"""Noise of the voltage between two nodes, from all elements' noise currents at the operating point.

    .. math:: S_{out} = \sum_k |z_{a_k} - z_{b_k}|^2\, S_k(f), \qquad (G + j\omega C)^T z = e_{out}

    Args:
        circuit: A circuit or a population of one.
        frequencies: Rising frequencies above 0 [Hz].
        output: Node.
        reference: Node that the output is measured against.
        input: Source that noise is referred to; none if None.
        throw: Raise if a sample has no operating point; otherwise its spectra are NaN and it is counted.

    Raises:
        InputError: If a name is unknown, a source holds the output, or frequencies do not rise.
        NetlistError: If a node has no DC path to ground.
        SolverError: If the operating point cannot be found.

    Limits: device states count as they are linearised, see :func:`small_signal`; the noise of what feeds a state
    (shot noise of ions) is not modelled.
    """
    f = np.atleast_1d(np.asarray(frequencies, np.float64))
    if f.ndim != 1 or not np.all(f > 0) or not np.all(np.diff(f) > 0):
        raise InputError("The frequencies of noise must be one row of rising numbers above 0 Hz.")
    linear = linearised(circuit, throw=throw)
    omega = 2 * np.pi * f
    chosen = _chosen(circuit, linear, output, reference)
    z = linear.solve(omega, chosen, transposed=True)
    shaped = (lambda x: np.ascontiguousarray(x.T)) if circuit.samples is not None else (lambda x: np.array(x[:, 0]))
    contributions: dict[tuple[str, str], np.ndarray] = {}
    for name, current in currents_of_noise(circuit, linear):
        across = _at(z, current.a) - _at(z, current.b)
        density = np.square(np.abs(across)) * current.density * f[:, None] ** -current.exponent
        key = (name, current.kind)
        contributions[key] = contributions.get(key, 0.0) + density
    total = sum(contributions.values(), np.where(linear.found, 0.0, np.nan) * np.ones((len(f), 1)))
    gain = None
    if input is not None:
        driven = Drive(circuit, linear, {input: 1.0})
        gain = shaped(np.abs(np.sum(z * driven.right(linear, omega)[..., : linear.n], axis=-1)))
    parts = {key: shaped(x) for key, x in contributions.items()}
    return Noise(f, shaped(total), gain, parts, status_of(linear))


def _at(z: np.ndarray, i: int) -> Any:
    return z[..., i] if 0 <= i < z.shape[-1] else 0.0


def _chosen(circuit: Circuit, linear: Linearised, output: str, reference: str) -> np.ndarray:
    """The output as a row over unknowns."""
    row = np.zeros((1, 1, linear.n))
    for node, sign in ((output, 1.0), (reference, -1.0)):
        i = linear.layout.index.get(node)
        if i is None:
            known = ", ".join(n for n in linear.layout.index if n != GROUND)
            raise InputError(f"The circuit has no node {node!r}; it has {known}.")
        if 0 <= i < linear.n:
            row[..., i] += sign
    if not np.any(row):
        raise InputError(f"Sources hold the voltage between {output!r} and {reference!r}: it has no noise.")
    return row
