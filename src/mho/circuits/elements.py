"""Passive elements and the contracts that assembly reads from any element."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from mho.core.errors import NetlistError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE

BOLTZMANN_OVER_CHARGE = 8.617333262e-5  # [V/K], k/e (CODATA 2018, exact ratio of SI constants)


class NoiseCurrent(NamedTuple):
    """A noise current between two nodes, of one-sided spectral density S(f) = density / f^exponent.

    Args:
        kind: "thermal", "shot" or "flicker".
        a: Node, or its index.
        b: Node, or its index.
        density: Density, at 1 Hz where it falls with frequency [A^2/Hz].
        exponent: 0 for white noise, about 1 for flicker noise [1].
    """

    kind: str
    a: Any
    b: Any
    density: Any
    exponent: Any = 0.0


class AbstractElement(eqx.Module):
    """Part of a circuit: node names, and numbers that may be batches ``(n,)``. Ground is node "0"."""

    @property
    @abc.abstractmethod
    def nodes(self) -> tuple[str, ...]:
        """Nodes that the element connects, in the order of its terminals."""

    def capacitances(self) -> tuple[tuple[str, str, Any], ...]:
        """Linear capacitances (node, node, farad) that belong to the element."""
        return ()

    def noise(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[NoiseCurrent, ...]:
        """Noise currents at the voltages [V] of `nodes`; an ideal element has none."""
        return ()


class AbstractConductor(AbstractElement):
    """An element through which one current flows from its first node to its second, given by node voltages."""

    @abc.abstractmethod
    def current(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> Any:
        """Current [A] from the first node to the second at the voltages [V] of `nodes`."""


class Resistor(AbstractConductor):
    """Resistance between two nodes, i = (v_a - v_b) / r.

    Args:
        a: Node.
        b: Node.
        r: Resistance [ohm].
    """

    a: str = eqx.field(static=True)
    b: str = eqx.field(static=True)
    r: Any = quantity("ohm", positive=True)

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.a, self.b)

    def current(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> Any:
        """Current from the first node to the second [A]."""
        return (voltages[0] - voltages[1]) / self.r

    def noise(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[NoiseCurrent, ...]:
        """Johnson and Nyquist's noise, S = 4 k T / r."""
        return (NoiseCurrent("thermal", self.a, self.b, 4.0 * BOLTZMANN * temperature / self.r),)


class Capacitor(AbstractElement):
    """Capacitance between two nodes.

    Args:
        a: Node.
        b: Node.
        c: Capacitance [F].

    Raises:
        NetlistError: If the capacitance is zero or negative.
    """

    a: str = eqx.field(static=True)
    b: str = eqx.field(static=True)
    c: Any = quantity("F")

    def __check_init__(self) -> None:
        check_ranges(self)
        if isinstance(self.c, np.ndarray) and np.any(self.c <= 0):
            raise NetlistError(
                f"Capacitor between {self.a!r} and {self.b!r} has c = {float(np.min(self.c)):.4g} F; "
                "it must be above 0. Leave the capacitor out, or give its value."
            )

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.a, self.b)

    def capacitances(self) -> tuple[tuple[str, str, Any], ...]:
        """Linear capacitances of the element."""
        return ((self.a, self.b, self.c),)


class Inductor(AbstractElement):
    """Inductance between two nodes; its current is an unknown named ``<element>.i``.

    Args:
        a: Node.
        b: Node.
        l: Inductance [H].
        i_scale: Current whose relative error counts as much as that of 1 V [A].
    """

    a: str = eqx.field(static=True)
    b: str = eqx.field(static=True)
    l: Any = quantity("H", positive=True)
    i_scale: Any = quantity("A", positive=True, default=1e-3)

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.a, self.b)


class Coupling(AbstractElement):
    """Two inductors whose flux is shared in part: m = k sqrt(l1 l2) between their currents.

    Args:
        one: Name of an inductor.
        two: Name of another.
        k: Coupling factor, between -1 and 1; positive if both currents enter at the first nodes' dots [1].
    """

    one: str = eqx.field(static=True)
    two: str = eqx.field(static=True)
    k: Any = quantity("1", low=-1.0, high=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        if isinstance(self.k, np.ndarray) and np.any(np.abs(self.k) >= 1):
            raise NetlistError(
                f"Coupling of {self.one!r} and {self.two!r} has k = {float(np.max(np.abs(self.k))):.6g}; it must be "
                "below 1. An ideal transformer is a pair of controlled sources."
            )

    @property
    def nodes(self) -> tuple[str, ...]:
        """None: it connects inductors."""
        return ()

    def mutual(self, l1: Any, l2: Any) -> Any:
        """Mutual inductance of two inductances [H]."""
        xp: Any = np if all(isinstance(x, np.ndarray | float) for x in (l1, l2, self.k)) else jnp
        return self.k * xp.sqrt(l1 * l2)


class Switch(AbstractConductor):
    r"""Voltage-controlled switch whose conductance moves smoothly between two values.

    With :math:`x = (v_{plus} - v_{minus} - v_{off})/(v_{on} - v_{off})` held in [0, 1] and :math:`s = x^2(3 - 2x)`,
    :math:`\ln g = (s - 1)\ln r_{off} - s \ln r_{on}`. Differentiable, so Newton's method does not bounce.

    Args:
        a: Node.
        b: Node.
        plus: Control node.
        minus: Control node.
        v_on: Control voltage at which the switch is fully closed [V].
        v_off: Control voltage at which it is fully open [V].
        r_on: Closed resistance [ohm].
        r_off: Open resistance [ohm].
    """

    a: str = eqx.field(static=True)
    b: str = eqx.field(static=True)
    plus: str = eqx.field(static=True)
    minus: str = eqx.field(static=True)
    v_on: Any = quantity("V")
    v_off: Any = quantity("V")
    r_on: Any = quantity("ohm", positive=True)
    r_off: Any = quantity("ohm", positive=True)

    def __check_init__(self) -> None:
        check_ranges(self)
        if isinstance(self.v_on, np.ndarray) and isinstance(self.v_off, np.ndarray) and np.any(self.v_on == self.v_off):
            raise NetlistError(
                f"Switch between {self.a!r} and {self.b!r}: v_on equals v_off. Give the transition a width."
            )

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.a, self.b, self.plus, self.minus)

    def current(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> Any:
        """Current from the first node to the second [A]."""
        va, vb, vp, vm = voltages
        x = jnp.clip((vp - vm - self.v_off) / (self.v_on - self.v_off), 0.0, 1.0)
        s = x * x * (3.0 - 2.0 * x)
        return (va - vb) * jnp.exp((s - 1.0) * jnp.log(self.r_off) - s * jnp.log(self.r_on))


class Diode(AbstractConductor):
    r"""Junction diode, :math:`i = i_s(e^{v/(n u_t)} - 1)`, continued linearly above 40 n u_t.

    Args:
        anode: Node.
        cathode: Node.
        i_s: Saturation current at the circuit's temperature [A].
        n: Ideality factor [1].
        kf: Flicker noise coefficient, of the unit that af makes of it [A^(2 - af)].
        af: Flicker noise exponent [1].

    Limits: no series resistance, no junction capacitance, no breakdown; add those as elements.
    """

    anode: str = eqx.field(static=True)
    cathode: str = eqx.field(static=True)
    i_s: Any = quantity("A", positive=True, default=1e-15)
    n: Any = quantity("1", positive=True, default=1.0)
    kf: Any = quantity("SI", low=0.0, default=0.0)
    af: Any = quantity("1", positive=True, default=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.anode, self.cathode)

    def current(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> Any:
        """Current from the first node to the second [A]."""
        x = (voltages[0] - voltages[1]) / (self.n * BOLTZMANN_OVER_CHARGE * temperature)
        e = jnp.exp(jnp.minimum(x, 40.0))
        return self.i_s * (e * (1.0 + jnp.maximum(x - 40.0, 0.0)) - 1.0)

    def noise(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> tuple[NoiseCurrent, ...]:
        """Shot noise of both directions' currents, and flicker noise."""
        return junction_noise(self, self.current(voltages, temperature=temperature))


def junction_noise(junction: Any, i: Any) -> tuple[NoiseCurrent, ...]:
    """Shot noise 2 q (i + 2 i_s) of a junction's currents in both directions, and kf |i|^af / f as SPICE has it.

    Args:
        junction: With anode, cathode, i_s, kf and af.
        i: Its current [A]. In breakdown the carriers' number alone counts, not their multiplication.
    """
    shot = 2.0 * ELEMENTARY_CHARGE * (jnp.abs(i + junction.i_s) + junction.i_s)
    flicker = junction.kf * power(i, junction.af)
    ends = junction.anode, junction.cathode
    return (NoiseCurrent("shot", *ends, shot), NoiseCurrent("flicker", *ends, flicker, 1.0))


def power(x: Any, exponent: Any) -> Any:
    """|x|^exponent, 0 at 0, with finite slopes."""
    return jnp.exp(exponent * jnp.log(jnp.maximum(jnp.abs(x), 1e-38)))
