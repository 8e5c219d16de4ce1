"""Corners of process, supply and temperature: the extremes that a design must survive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho.circuits.level1 import LevelOne
from mho.circuits.mosfet import MOSFET
from mho.circuits.netlist import Circuit
from mho.circuits.sources import VoltageSource
from mho.circuits.waves import DC
from mho.core.errors import InputError

# Speed of n- and p-channel transistors in the usual five corners, in units of the global spread below.
PROCESS: dict[str, tuple[float, float]] = {
    "tt": (0.0, 0.0),
    "ff": (1.0, 1.0),
    "ss": (-1.0, -1.0),
    "fs": (1.0, -1.0),
    "sf": (-1.0, 1.0),
}
# Three standard deviations of wafer-to-wafer spread, 10 mV and 3.3 %: assumed, the size that is usual around 130 nm.
SHIFT_VTO = 0.030  # [V], a fast transistor's threshold is nearer to zero by it
SHIFT_KP = 0.10  # [1], and its current factor is larger by this share


@dataclass(frozen=True)
class Corner:
    """One corner.

    Args:
        process: One of :data:`PROCESS`: first letter for n, second for p; t typical, f fast, s slow.
        supplies: Factor of each supply's voltage by the source's name.
        celsius: Temperature; that of the circuit if None [degree Celsius].
    """

    process: str = "tt"
    supplies: Mapping[str, float] = field(default_factory=dict)
    celsius: float | None = None

    def __post_init__(self) -> None:
        if self.process not in PROCESS:
            raise InputError(f"The corner is {self.process!r}; it must be one of {', '.join(PROCESS)}.")

    @property
    def name(self) -> str:
        """For example ``ss vdd-10% 85C``."""
        supplies = [f"{name}{100 * (factor - 1):+.3g}%" for name, factor in self.supplies.items() if factor != 1]
        heat = [] if self.celsius is None else [f"{self.celsius:g}C"]
        return " ".join([self.process, *supplies, *heat])


def corners(
    *, full: bool = False, supplies: Mapping[str, float] | None = None, celsius: Sequence[float] = ()
) -> tuple[Corner, ...]:
    """The usual five corners of the process, or the whole grid with supplies and temperatures.

    Args:
        full: All combinations; otherwise each process corner at nominal conditions, and the typical process at each
            extreme of supply and temperature.
        supplies: Relative tolerance of each supply by the source's name; all move together.
        celsius: Temperatures [degree Celsius].
    """
    share = dict(supplies or {})
    levels = [{name: 1.0 + sign * x for name, x in share.items()} for sign in ((-1, 0, 1) if share else (0,))]
    heats: list[float | None] = list(celsius) or [None]
    if full:
        return tuple(Corner(p, level, t) for p in PROCESS for level in levels for t in heats)
    nominal = levels[len(levels) // 2]
    found = [Corner(p, nominal) for p in PROCESS]
    found += [Corner("tt", level) for level in levels if level != nominal]
    return tuple(found + [Corner("tt", nominal, t) for t in heats if t is not None])


def at_corner(circuit: Circuit, corner: Corner) -> Circuit:
    """The circuit at a corner: thresholds and current factors shifted, supplies scaled; its temperature too if given.

    Raises:
        InputError: If a supply is no constant voltage source of the circuit.

    Limits: the shifts are :data:`SHIFT_VTO` and :data:`SHIFT_KP`, assumed for every transistor. The temperature is
    that of the circuit's own laws; what was worked out for another one (a saturation current) stays.
    """
    speed: dict[int, float] = dict(zip((1, -1), PROCESS[corner.process], strict=True))
    changed: dict[str, Any] = {}
    for name, e in circuit.items():
        if isinstance(e, MOSFET):
            s = speed[e.kind.polarity]
            e = eqx.tree_at(lambda m: m.delta_vto, e, np.asarray(e.delta_vto - s * SHIFT_VTO))
            changed[name] = eqx.tree_at(lambda m: m.beta_scale, e, np.asarray(e.beta_scale * (1 + s * SHIFT_KP)))
        elif isinstance(e, LevelOne):
            s = speed[e.polarity]
            e = eqx.tree_at(lambda m: m.vto, e, np.asarray(e.vto - e.polarity * s * SHIFT_VTO))
            changed[name] = eqx.tree_at(lambda m: m.kp, e, np.asarray(e.kp * (1 + s * SHIFT_KP)))
    for name, factor in corner.supplies.items():
        e = dict(circuit.items()).get(name)
        if not isinstance(e, VoltageSource) or not isinstance(e.wave, DC):
            known = (n for n, e in circuit.items() if isinstance(e, VoltageSource) and isinstance(e.wave, DC))
            raise InputError(f"{name!r} is no constant voltage source; there is {', '.join(known) or 'none'}.")
        changed[name] = eqx.tree_at(lambda v: v.wave.value, e, np.asarray(e.wave.value * factor))
    found = circuit.with_elements(changed)
    if corner.celsius is None:
        return found
    return eqx.tree_at(lambda c: c.temperature, found, np.asarray(corner.celsius + 273.15))


def united(circuits: Sequence[Circuit]) -> Circuit:
    """Circuits of one structure as one population; each is a single circuit or a population of its own.

    Raises:
        InputError: If they differ in more than numbers.
    """
    if len({jax.tree.structure(c) for c in circuits}) > 1:
        raise InputError("Circuits of different structure cannot be one population; run them one by one.")
    counts = [c.samples or 1 for c in circuits]
    alone = all(c.samples is None for c in circuits) and len(circuits) == 1

    def together(*leaves: Any) -> Any:
        same = all(np.ndim(x) == 0 and x == leaves[0] for x in leaves)
        if same:
            return leaves[0]
        return np.concatenate([np.broadcast_to(x, (n,)) for x, n in zip(leaves, counts, strict=True)])

    found = jax.tree.map(together, *circuits)
    if found.samples is None and not alone:  # equal in all numbers: one of them carries the number of samples
        return eqx.tree_at(lambda c: c.temperature, found, np.broadcast_to(found.temperature, (sum(counts),)).copy())
    return found
