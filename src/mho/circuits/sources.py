"""Independent and controlled sources."""

from __future__ import annotations

from typing import Any

import equinox as eqx

from mho.circuits.elements import AbstractConductor, AbstractElement
from mho.circuits.waves import AbstractWave, as_wave
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM


class VoltageSource(AbstractElement):
    """Holds v_plus - v_minus at its wave. A source reached from ground by sources alone costs no unknown.

    Args:
        plus: Node.
        minus: Node.
        wave: :class:`DC`, :class:`PulseWave`, :class:`PWL`, :class:`Sin`, or a number [V].
    """

    plus: str = eqx.field(static=True)
    minus: str = eqx.field(static=True)
    wave: AbstractWave = eqx.field(converter=as_wave)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.plus, self.minus)


class CurrentSource(AbstractElement):
    """Drives a current from its first node through itself to its second, as SPICE's I: it charges `into`.

    Args:
        out_of: Node that the current leaves.
        into: Node that the current enters.
        wave: :class:`DC`, :class:`PulseWave`, :class:`PWL`, :class:`Sin`, or a number [A].
    """

    out_of: str = eqx.field(static=True)
    into: str = eqx.field(static=True)
    wave: AbstractWave = eqx.field(converter=as_wave)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.out_of, self.into)


class VCVS(AbstractElement):
    """Voltage-controlled voltage source, SPICE's E: v_plus - v_minus = gain (v_control - v_reference).

    Args:
        plus: Node.
        minus: Node.
        control: Control node.
        reference: Control node.
        gain: Voltage gain [1].
    """

    plus: str = eqx.field(static=True)
    minus: str = eqx.field(static=True)
    control: str = eqx.field(static=True)
    reference: str = eqx.field(static=True)
    gain: Any = quantity("1")

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.plus, self.minus, self.control, self.reference)


class VCCS(AbstractConductor):
    """Voltage-controlled current source, SPICE's G: i from `a` through itself to `b` = g (v_control - v_reference).

    Args:
        a: Node.
        b: Node.
        control: Control node.
        reference: Control node.
        g: Transconductance [S].
    """

    a: str = eqx.field(static=True)
    b: str = eqx.field(static=True)
    control: str = eqx.field(static=True)
    reference: str = eqx.field(static=True)
    g: Any = quantity("S")

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.a, self.b, self.control, self.reference)

    def current(self, voltages: tuple[Any, ...], *, temperature: Any = ROOM) -> Any:
        """Current from the first node to the second [A]."""
        return self.g * (voltages[2] - voltages[3])


class CCCS(AbstractElement):
    """Current-controlled current source, SPICE's F: i from `a` through itself to `b` = gain times a source's current.

    Args:
        a: Node.
        b: Node.
        control: Name of the voltage source or inductor whose current (first node through it to the second) controls.
        gain: Current gain [1].
    """

    a: str = eqx.field(static=True)
    b: str = eqx.field(static=True)
    control: str = eqx.field(static=True)
    gain: Any = quantity("1")

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.a, self.b)


class CCVS(AbstractElement):
    """Current-controlled voltage source, SPICE's H: v_plus - v_minus = r times a source's current.

    Args:
        plus: Node.
        minus: Node.
        control: Name of the voltage source or inductor whose current (first node through it to the second) controls.
        r: Transresistance [ohm].
    """

    plus: str = eqx.field(static=True)
    minus: str = eqx.field(static=True)
    control: str = eqx.field(static=True)
    r: Any = quantity("ohm")

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the terminals."""
        return (self.plus, self.minus)
