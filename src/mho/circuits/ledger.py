"""Where the energy goes: what every supply gave, what every group of elements took, and what is stored."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from mho.circuits.elements import Coupling, Inductor
from mho.circuits.layout import Layout, capacitances
from mho.circuits.netlist import Circuit
from mho.circuits.sources import CurrentSource, VoltageSource
from mho.circuits.waves import DC
from mho.core.errors import InputError


class Detail(enum.Enum):
    """What the ledger keeps."""

    ELEMENTS = "elements"
    """Supplies, and the dissipation of every group of elements: the books balance."""
    SUPPLIES = "supplies"
    """Supplies alone; faster by about a tenth."""


def groups(circuit: Circuit) -> tuple[str, ...]:
    """Ledger groups of a circuit: the first part of each element's name, sources apart."""
    passive = (name for name, e in circuit.items() if not isinstance(e, VoltageSource | CurrentSource))
    return tuple(dict.fromkeys(name.split(".")[0] for name in passive))


class Accounts:
    """The integrals that a run keeps: a charge per voltage source, an energy per source and per group.

    Args:
        circuit: Any circuit of the structure.
        layout: Its numbering.
        detail: What to keep.
    """

    def __init__(self, circuit: Circuit, layout: Layout, detail: Detail):
        self.layout = layout
        self.groups = groups(circuit) if detail is Detail.ELEMENTS else ()
        number = {name: k for k, name in enumerate(self.groups)}
        self.group_of = [
            None if isinstance(e, VoltageSource | CurrentSource) else number.get(name.split(".")[0])
            for name, e in circuit.items()
        ]
        self.labels: list[tuple[str, str]] = []
        self.plan: list[tuple[str, int]] = []
        for k, (name, e) in enumerate(circuit.items()):
            if isinstance(e, VoltageSource):
                self._add("charge", name, k)
                if not isinstance(e.wave, DC):
                    self._add("energy", name, k)
            elif isinstance(e, CurrentSource):
                self._add("energy", name, k)
        self.labels += [("dissipated", g) for g in self.groups]
        charged = (self.group_of[k] for k, *_ in layout.charged)
        self.charged = tuple(dict.fromkeys(g for g in charged if g is not None))
        self.labels += [("charged", self.groups[g]) for g in self.charged]
        self.ends = {k: tuple(layout.index[x] for x in e.nodes[:2]) for k, e in enumerate(circuit.elements)}
        self.is_current = {k for k, e in enumerate(circuit.elements) if isinstance(e, CurrentSource)}
        self._children: dict[int, list[int]] = {}
        for h, held in enumerate(layout.held):
            if held.base >= 0:
                self._children.setdefault(held.base - layout.n, []).append(h)

    def _add(self, what: str, name: str, k: int) -> None:
        self.labels.append((what, name))
        self.plan.append((what, k))

    @property
    def count(self) -> int:
        """Number of integrals."""
        return len(self.labels)

    def rates(
        self,
        stamps: Any,
        update: Sequence[Any],
        slope: Sequence[Any],
        held: Sequence[Any],
        held_slope: Sequence[Any],
        source: Mapping[int, Any],
        u: Sequence[Any],
        prepared: Any,
    ) -> tuple[Any, ...]:
        """Rate of every integral after a Newton update, to first order in it: charge [A], energy [W]."""
        n, zero, matrix = self.layout.n, jnp.zeros_like(u[0]), prepared.matrix
        leaving: list[Any] = [zero] * len(held)
        for k in range(len(held) - 1, -1, -1):
            i = stamps.f.get(n + k, zero)
            i = i - sum((stamps.g[n + k, j] * update[j] for j in range(n) if (n + k, j) in stamps.g), zero)
            i = i + sum((matrix[n + k, j] * slope[j] for j in range(n) if (n + k, j) in matrix), zero)
            moving = ((r, x) for r, x in enumerate(held_slope) if x is not None and (n + k, n + r) in matrix)
            i = i + sum((matrix[n + k, n + r] * x for r, x in moving), zero)
            leaving[k] = i + sum((leaving[c] for c in self._children.get(k, ())), zero)
        delivered = {h.source: h.sign * leaving[k] for k, h in enumerate(self.layout.held)}

        def v(i: int) -> Any:
            return zero if i < 0 else (u[i] if i < n else held[i - n])

        rates = []
        for what, k in self.plan:
            if k in self.is_current:
                a, b = self.ends[k]
                rates.append(source[k] * (v(b) - v(a)))
                continue
            current = delivered[k] if k in delivered else -u[self.layout.branches[k]]
            rates.append(current if what == "charge" else current * source[k])
        for power, slopes in zip(stamps.power, stamps.power_slope, strict=True):
            rates.append(power - sum((x * update[j] for j, x in slopes.items()), zero))
        for group in self.charged:
            rates.append(sum(self._charging(stamps, group, update, slope, held_slope, v), zero))
        return tuple(rates)

    def _charging(self, stamps: Any, group: int, update, slope, held_slope, v) -> Iterator[Any]:
        """Power [W] into each charge of a group that depends on voltages."""
        for (k, p, q, _), path in zip(self.layout.charged, stamps.charging, strict=True):
            if self.group_of[k] == group:
                moves = (*slope, *held_slope)
                i = sum(c * moves[j] for j, c in path.by.items() if moves[j] is not None)
                i = i - sum(x * update[j] for j, x in path.bends.items())
                yield i * (v(p) - v(q))


@dataclass(frozen=True)
class Ledger:
    """Energy books of a run: supplied = dissipated + stored.

    Numbers are arrays over samples, or plain floats for a single circuit.

    Args:
        supplies: Energy that each source delivered [J].
        charges: Charge that each voltage source delivered at its plus node [C].
        dissipation: Energy that each group's elements turned into heat (or into ions) [J].
        storage: Growth of the energy in each group's capacitances and inductances [J]. Of capacitances that depend on
            voltages it is the integral of v i that they took up, which for a charge q(v) is that of v dq; gate
            capacitances that are no derivative of a charge may keep a part of it around a cycle.
    """

    supplies: Mapping[str, Any]
    charges: Mapping[str, Any]
    dissipation: Mapping[str, Any]
    storage: Mapping[str, Any]

    def energy(self, name: str) -> Any:
        """Energy [J] that a source (or all that share a first part of their name) delivered, or that a group took.

        Raises:
            InputError: If there is neither a source nor a group of that name.
        """
        if name in self.supplies:
            return self.supplies[name]
        if name in self.dissipation:
            return self.dissipation[name] + self.storage[name]
        below = [x for key, x in self.supplies.items() if key.startswith(f"{name}.")]
        if below:
            return sum(below)
        known = ", ".join([*self.supplies, *self.dissipation])
        hint = "" if self.dissipation else " Groups are kept with Detail.ELEMENTS alone."
        raise InputError(f"The ledger has no entry {name!r}; it has {known}.{hint}")

    def charge(self, name: str) -> Any:
        """Charge [C] that a voltage source delivered at its plus node.

        Raises:
            InputError: If there is no voltage source of that name.
        """
        if name not in self.charges:
            raise InputError(f"The ledger has no charge of {name!r}; it has {', '.join(self.charges)}.")
        return self.charges[name]

    @property
    def supplied(self) -> Any:
        """Energy that all sources delivered [J]."""
        return sum(self.supplies.values())

    @property
    def dissipated(self) -> Any:
        """Energy that all groups dissipated [J]."""
        return sum(self.dissipation.values())

    @property
    def stored(self) -> Any:
        """Growth of the stored energy [J]."""
        return sum(self.storage.values())

    @property
    def imbalance(self) -> Any:
        """(supplied - dissipated - stored) over the larger of what was supplied and what was taken."""
        if not self.dissipation:
            raise InputError("The books cannot balance without the dissipation: run with Detail.ELEMENTS.")
        scale = np.maximum(np.abs(self.supplied), np.abs(self.dissipated) + np.abs(self.stored))
        return (self.supplied - self.dissipated - self.stored) / np.maximum(scale, 1e-300)


def storage(circuit: Circuit, layout: Layout, value: Any) -> dict[str, Any]:
    """Energy stored in each group at a point [J].

    Args:
        circuit: The circuit, single or a population.
        layout: Its numbering.
        value: Function from index (unknown or held node, -1 ground) to values.
    """
    found: dict[str, Any] = dict.fromkeys(groups(circuit), 0.0)
    for k, (name, element) in enumerate(circuit.items()):
        group = name.split(".")[0]
        for a, b, c in capacitances(name, element):
            across = value(layout.index[a]) - value(layout.index[b])
            found[group] = found[group] + 0.5 * np.asarray(c) * across**2
        if isinstance(element, Inductor):
            found[group] = found[group] + 0.5 * np.asarray(element.l) * value(layout.branches[k]) ** 2
        if isinstance(element, Coupling):
            one, two = (circuit.names.index(coil) for coil in (element.one, element.two))
            mutual = element.mutual(circuit.elements[one].l, circuit.elements[two].l)  # type: ignore[attr-defined]
            found[group] = found[group] + mutual * value(layout.branches[one]) * value(layout.branches[two])
    return found
