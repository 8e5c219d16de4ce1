"""How the numbers of a set change with the size of the device, by a named rule, and the limits that it runs into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mho.core.errors import ParameterError
from mho.core.parameters import Number, ParameterSet
from mho.core.quantities import engineering
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE


@dataclass(frozen=True)
class ScalingRule:
    """Powers of the area by which numbers change.

    Args:
        units: Power for every number of a unit, for example +1 for farads.
        reported: Power for what a source reports and no model computes.
        basis: Why, in a sentence.
    """

    units: Mapping[str, float]
    reported: Mapping[str, float] = field(default_factory=dict)
    basis: str = ""


SCALING: dict[str, ScalingRule] = {
    # The whole junction conducts and switches: currents and charges are densities times the area.
    "interface": ScalingRule(
        {"S": 1.0, "A": 1.0, "C": 1.0, "F": 1.0, "ohm": -1.0},
        {"write_energy": 1.0, "read_energy": 1.0},
        "current and charge in proportion to the junction's area",
    ),
    # Area of the gate; the channel keeps its ratio of length to width, and with it its conductance.
    "gate": ScalingRule(
        {"C": 1.0, "F": 1.0},
        {"write_energy": 1.0},
        "gate charge in proportion to the gate's area, channel of the same shape",
    ),
    # One filament, whatever the cell's size: only what stands beside it scales.
    "filament": ScalingRule({"F": 1.0}, {}, "the filament keeps its size, the capacitance of the cell does not"),
}


def scaled(
    numbers: ParameterSet, *, area: float, rule: str, reference: float | None = None, temperature: float = 300.15
) -> tuple[ParameterSet, list[str]]:
    """The set for another area [m^2], and sentences that state the physical limits at that size.

    Args:
        numbers: The set.
        area: New area [m^2].
        rule: Name of a rule in `SCALING`.
        reference: Area to which the set's numbers belong [m^2]; without it the set's own reported area.
        temperature: At which the limits are stated [K].

    Raises:
        ParameterError: If the rule does not exist, no area is known, or an area is not above 0.

    Limits: leak and line resistances in ohm are scaled by "interface" and left by the others; thresholds, times and
    spreads stay (a spread in fact grows as the device shrinks).
    """
    if rule not in SCALING:
        raise ParameterError(f"There is no scaling rule {rule!r}; there is {', '.join(SCALING)}.")
    if reference is None:
        if "area" not in numbers.reported:
            raise ParameterError(f"{numbers.name} reports no area. Give the area of its numbers as `reference` in m^2.")
        reference = float(numbers.reported["area"].value)  # type: ignore[arg-type]
    if not (area > 0 and reference > 0):
        raise ParameterError(f"The areas are {area:g} and {reference:g} m^2; both must be above 0.")
    law, factor = SCALING[rule], area / reference
    changed = {k: _scaled(n, factor ** law.units.get(n.unit, 0.0), law) for k, n in numbers.numbers.items()}
    reported = {k: _scaled(n, factor ** law.reported.get(k, 0.0), law) for k, n in numbers.reported.items()}
    if "area" in reported:
        reported["area"] = replace(reported["area"], value=area, how="calculated", interval=None)
    return replace(numbers, numbers=changed, reported=reported), _limits(changed, rule, temperature)


def _scaled(number: Number, factor: float, law: ScalingRule) -> Number:
    if factor == 1.0:
        return number
    value = number.value
    scaled_value = tuple(factor * v for v in value) if isinstance(value, tuple) else factor * value
    return replace(number, value=scaled_value, how="calculated", interval=None, note=f"times {factor:.4g}: {law.basis}")


def _limits(numbers: Mapping[str, Number], rule: str, temperature: float) -> list[str]:
    """What no scaling beats: kT/C of a capacitance, counting noise of a charge, a filament's own size."""
    found = []
    for name, number in numbers.items():
        if isinstance(number.value, tuple) or number.value <= 0:
            continue
        if number.unit == "F":
            noise = (BOLTZMANN * temperature / number.value) ** 0.5
            found.append(
                f"{name}: {engineering(number.value, 'F')} holds its voltage to {engineering(noise, 'V')} (kT/C)."
            )
        if number.unit == "C":
            ions = number.value / ELEMENTARY_CHARGE
            found.append(
                f"{name}: {engineering(number.value, 'C')} is {ions:.3g} elementary charges, counted to "
                f"{100 / ions**0.5:.2g} % (shot noise): {ions**0.5:.2g} states can be told apart."
            )
    if rule == "filament":
        found.append("A filament does not scale: conductance, write current and their spread stay as they are.")
    return found
