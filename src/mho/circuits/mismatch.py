"""Transistor mismatch after Pelgrom, as spreads to sample a circuit with."""

from __future__ import annotations

import numpy as np

from mho.circuits.mosfet import MOSFET
from mho.circuits.netlist import Circuit
from mho.core.errors import NetlistError
from mho.core.sampling import Spread, normal, relative


def mismatch(circuit: Circuit, *, scale: float = 1.0, current_factor: bool = True) -> tuple[Spread, ...]:
    r"""Independent mismatch of every transistor, :math:`\sigma = A/\sqrt{w l}`, from its model card.

    Thresholds vary normally with a_vt, current factors log-normally with a_beta.

    Args:
        circuit: The nominal circuit.
        scale: Multiplies every spread, to ask "what if it were twice as bad".
        current_factor: Whether current factors vary too.

    Raises:
        NetlistError: If the circuit has no transistor.

    Source: Pelgrom, Duinmaijer, Welbers, IEEE J. Solid-State Circuits 24, 1433 (1989), for two equal transistors'
    difference; here each transistor takes the full sigma of the card.
    """
    names = [name for name, e in circuit.items() if isinstance(e, MOSFET)]
    if not names:
        raise NetlistError(
            "The circuit has no MOSFET, so it has no transistor mismatch. Spread other fields with mho.relative."
        )
    spreads = []
    for name in names:
        m = circuit[name]
        root = float(np.sqrt(np.max(m.w) * np.max(m.l)))
        spreads.append(normal(scale * float(np.max(m.kind.a_vt)) / root, of=lambda c, name=name: c[name].delta_vto))
        if current_factor:
            spreads.append(
                relative(scale * float(np.max(m.kind.a_beta)) / root, of=lambda c, name=name: c[name].beta_scale)
            )
    return tuple(spreads)
