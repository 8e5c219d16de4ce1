"""What a neuron circuit is reduced to: an equation's numbers, their departure from the circuit, energies, a file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mho.core import engineering
from mho.core.errors import InputError
from mho.networks import populations, spiking
from mho.networks.circuit_energy import CircuitEnergy
from mho.networks.reduced.equation import NUMBERS, intervals, rheobase

FORM = "mho reduced neuron 1"
POOR = 0.05
"""Departure of the rate above which the equation is said not to fit [1]."""


@dataclass(frozen=True)
class Curve:
    """The circuit at constant currents, where it fired, and the reduced rate; arrays of one length.

    Args:
        current: Inputs, growing [A].
        rate: Of the circuit in steady firing [Hz].
        model: Of the equation [Hz].
        width: Of a spike [s].
        supplied: Energy of supplies and biases in an interval [J].
        input: Energy of the input's charge in an interval [J].
    """

    current: np.ndarray
    rate: np.ndarray
    model: np.ndarray
    width: np.ndarray
    supplied: np.ndarray
    input: np.ndarray


@dataclass(frozen=True)
class Trial:
    """A train of equal charges that was not fitted, to circuit and equation.

    Args:
        charge: Of a pulse [C].
        period: Of the pulses [s].
        circuit: Spikes of the circuit [s].
        model: Spikes of the equation [s].
        spent: Energy of the circuit up to the last spike that both fired, supplies and input [J].
        billed: The same by the table [J].
    """

    charge: float
    period: float
    circuit: np.ndarray
    model: np.ndarray
    spent: float
    billed: float

    def __str__(self) -> str:
        late = ""
        if len(self.circuit) == len(self.model) > 0:
            late = f", the last {100 * (self.model[-1] / self.circuit[-1] - 1.0):+.1f} % later"
        return (
            f"{engineering(self.charge, 'C', 3)} each {engineering(self.period, 's', 3)}: {len(self.model)} spikes for "
            f"{len(self.circuit)}{late}"
            + (f", energy {100 * (self.billed / self.spent - 1.0):+.1f} %" if self.spent else "")
        )


@dataclass(frozen=True)
class ReducedNeuron:
    r"""A neuron circuit as an exponential integrate-and-fire neuron, with what its spikes cost.

    Args:
        name: Of the circuit.
        numbers: Of the equation, see :class:`mho.networks.populations.ExponentialLIF`: `c`, `v_rest` and `v_reset` as
            the circuit's membrane showed them, `i_spike` in the middle of the currents, the others fitted.
        curve: The circuit's f-I curve with width and energy.
        energy: What it takes: power over the membrane's voltage, energy of a spike over the input.
        silent: Inputs under which the circuit did not fire [A].
        slow: Inputs under which it fired once or twice, left out of the fit [A].
        failures: Runs that failed, by reason.
        trials: Trains that were not fitted.

    Limits: nothing is promised of inputs beyond `valid`. Inputs above 0 were extracted; inhibition stops at the floor
    of the membrane. Biases are ideal, temperature, supply and mismatch those of the circuit that was given.
    """

    name: str
    numbers: Mapping[str, float]
    curve: Curve
    energy: CircuitEnergy
    silent: np.ndarray
    slow: np.ndarray
    failures: Mapping[str, int]
    trials: tuple[Trial, ...] = field(default=())

    @property
    def departures(self) -> np.ndarray:
        """Rate of the equation over that of the circuit, less 1, at each current [1]."""
        return self.curve.model / self.curve.rate - 1.0

    @property
    def departure(self) -> float:
        """The largest of them, without sign [1]."""
        return float(np.max(np.abs(self.departures)))

    @property
    def fits(self) -> bool:
        """Whether no rate departs by more than 5 %."""
        return self.departure <= POOR

    @property
    def valid(self) -> tuple[float, float]:
        """Currents between which the circuit was seen to fire [A]."""
        return float(self.curve.current[0]), float(self.curve.current[-1])

    @property
    def rheobase(self) -> float:
        """Least constant current that makes the equation fire [A]."""
        return rheobase(self.numbers)

    def rate(self, current: Any) -> np.ndarray:
        """Rate of the equation at constant currents, 0 below the rheobase [Hz]."""
        i = np.atleast_1d(np.asarray(current, np.float64))
        fires = i > self.rheobase
        return np.where(fires, 1.0 / intervals(self.numbers, np.where(fires, i, self.valid[1])), 0.0)

    def with_numbers(self, name: str, numbers: Mapping[str, float]) -> ReducedNeuron:
        """The same with other numbers; its curve says how far they depart from the circuit that it is of."""
        model = 1.0 / intervals(numbers, self.curve.current)
        curve = replace(self.curve, model=model)
        return replace(self, name=f"{self.name}, {name}", numbers=dict(numbers), curve=curve, trials=())

    def neuron(self, tau_syn: float | tuple[float, ...], **parts: Any) -> populations.ExponentialLIF:
        """The neuron of a large network, with its energy.

        Args:
            tau_syn: Time constants of the synaptic currents, one a receptor [s].
            **parts: Further fields, such as `names` and `i_bias`.
        """
        taus = tau_syn if isinstance(tau_syn, tuple) else (tau_syn,)
        return populations.ExponentialLIF(**self.numbers, tau_syn=taus, energy=self.energy, **parts)

    def trainable(self, tau_syn: float | None = None, *, i_bias: float = 0.0) -> spiking.ExponentialLIF:
        """The neuron of a trainable layer, with its energy, whose weight of 1 is the charge from rest to threshold."""
        return spiking.ExponentialLIF(**self.numbers, tau_syn=tau_syn, i_bias=i_bias, energy=self.energy)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a file."""

        def plain(x: Any) -> Any:
            if dataclasses.is_dataclass(x):
                return {f.name: plain(getattr(x, f.name)) for f in dataclasses.fields(x)}
            if isinstance(x, Mapping):
                return {k: plain(v) for k, v in x.items()}
            return [plain(v) for v in x] if isinstance(x, tuple) else x.tolist() if isinstance(x, np.ndarray) else x

        return {"form": FORM, **plain(self)}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ReducedNeuron:
        """From :meth:`as_dict`.

        Raises:
            InputError: If the values are not those of a reduced neuron.
        """

        def arrays(kind: Any, table: Mapping[str, Any]) -> Any:
            return kind(**{k: np.asarray(v, np.float64) if isinstance(v, list) else v for k, v in table.items()})

        if values.get("form") != FORM:
            raise InputError(f"This is no reduced neuron: its form is {values.get('form')!r}, not {FORM!r}.")
        try:
            rest = {k: v for k, v in values.items() if k not in ("form", "curve", "energy", "trials")}
            parts = {
                "curve": arrays(Curve, values["curve"]),
                "energy": CircuitEnergy(
                    **{k: tuple(v) if isinstance(v, list) else v for k, v in values["energy"].items()}
                ),
                "trials": tuple(arrays(Trial, t) for t in values["trials"]),
            }
            found = arrays(lambda **k: cls(**k, **parts), rest)
        except (KeyError, TypeError) as error:
            raise InputError(f"The reduced neuron is not whole: {error}. Write it with ReducedNeuron.save.") from error
        if set(found.numbers) != set(NUMBERS):
            raise InputError(f"The equation's numbers are {', '.join(found.numbers)}; give {', '.join(NUMBERS)}.")
        return found

    def save(self, path: str | Path) -> Path:
        """Write it as JSON."""
        path = Path(path)
        path.write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: str | Path) -> ReducedNeuron:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: If the file cannot be read, or holds something else.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read as a reduced neuron: {error}.") from error
        if not isinstance(values, dict):
            raise InputError(f"{path} holds no reduced neuron. Name a file that ReducedNeuron.save wrote.")
        return cls.of(values)

    def __str__(self) -> str:
        low, high = (engineering(x, "A", 3) for x in self.valid)
        worst = int(np.argmax(np.abs(self.departures)))
        lines = [f"{self.name}, reduced at {len(self.curve.current)} currents from {low} to {high}"]
        lines += [f"  {k:<12}{engineering(self.numbers[k], unit, 4)}" for k, unit in NUMBERS.items()]
        lines.append(
            f"  rate departs from the circuit's by {100 * self.departure:.1f} % at most (at "
            f"{engineering(float(self.curve.current[worst]), 'A', 3)}), "
            f"{100 * float(np.sqrt(np.mean(self.departures**2))):.1f} % rms"
        )
        if not self.fits:
            lines.append(
                f"  THE EQUATION DOES NOT FIT (over {100 * POOR:.0f} %): extract over fewer decades of current"
            )
        width = [engineering(float(f(self.curve.width)), "s", 3) for f in (np.min, np.max)]
        total = self.curve.supplied + self.curve.input
        ends = [
            (engineering(float(total[k]), "J", 3), engineering(1.0 / float(self.curve.rate[k]), "s", 3))
            for k in (0, -1)
        ]
        power = [engineering(float(self.energy.power[k]), "W", 3) for k in (0, -1)]
        lines += [
            f"  rheobase {engineering(self.rheobase, 'A', 3)}, width {width[0]} to {width[1]}",
            f"  energy of an interval {ends[1][0]} in {ends[1][1]}, {ends[0][0]} in {ends[0][1]}",
            f"  power at rest {power[0]}, at a membrane of {engineering(float(self.energy.v[-1]), 'V', 3)} {power[1]}",
        ]
        if self.silent.size:
            lines.append(f"  silent at {engineering(float(self.silent.max()), 'A', 3)} and below")
        if self.slow.size:
            rare = ", ".join(engineering(float(x), "A", 3) for x in self.slow)
            lines.append(f"  fires less than three times, left out: {rare}")
        if self.failures:
            lines.append(f"  failed runs: {', '.join(f'{n} {reason}' for reason, n in self.failures.items())}")
        return "\n".join([*lines, *(f"  not fitted: {trial}" for trial in self.trials)])
