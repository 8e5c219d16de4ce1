"""Transistor mismatch after Pelgrom, as spreads to sample a circuit with."""

from __future__ import annotations

import numpy as np

from mho.circuits.level1 import LevelOne
from mho.circuits.mosfet import MOSFET
from mho.circuits.netlist import Circuit
from mho.core.errors import NetlistError
from mho.core.sampling import Spread, normal, relative


def mismatch(
    circuit: Circuit,
    *,
    scale: float = 1.0,
    current_factor: bool = True,
    a_vt: float | None = None,
    a_beta: float | None = None,
) -> tuple[Spread, ...]:
    r"""Independent mismatch of every transistor, :math:`\sigma = A/\sqrt{w l}`, from its model card.

    Thresholds vary normally with a_vt, current factors log-normally with a_beta. A level-1 card without coefficients
    (avt, abeta in a netlist) takes those given here.

    Args:
        circuit: The nominal circuit.
        scale: Multiplies every spread, to ask "what if it were twice as bad".
        current_factor: Whether current factors vary too.
        a_vt: Coefficient of the threshold in place of every card's [V m].
        a_beta: Coefficient of the current factor in place of every card's [m].

    Raises:
        NetlistError: If the circuit has no transistor, or none of them a coefficient.

    Source: Pelgrom, Duinmaijer, Welbers, IEEE J. Solid-State Circuits 24, 1433 (1989), for two equal transistors'
    difference; here each transistor takes the full sigma of the card.
    """
    names = [name for name, e in circuit.items() if isinstance(e, MOSFET | LevelOne)]
    if not names:
        raise NetlistError(
            "The circuit has no MOSFET, so it has no transistor mismatch. Spread other fields with mho.relative."
        )
    spreads = []
    for name in names:
        m = circuit[name]
        card = m.kind if isinstance(m, MOSFET) else m
        root = float(np.sqrt(np.max(m.w) * np.max(m.l)))
        vt = scale * (float(np.max(card.a_vt)) if a_vt is None else a_vt) / root
        beta = scale * (float(np.max(card.a_beta)) if a_beta is None else a_beta) / root
        ekv = isinstance(m, MOSFET)
        threshold = (lambda c, name=name: c[name].delta_vto) if ekv else (lambda c, name=name: c[name].vto)
        factor = (lambda c, name=name: c[name].beta_scale) if ekv else (lambda c, name=name: c[name].kp)
        spreads += [normal(vt, of=threshold)] if vt > 0 else []
        spreads += [relative(beta, of=factor)] if current_factor and beta > 0 else []
    if not spreads:
        raise NetlistError(
            "No transistor's card has a Pelgrom coefficient, so nothing differs. Write avt=3.5n abeta=10n (V m, m) in "
            "the .model of level 1, or give a_vt and a_beta (--avt, --abeta)."
        )
    return tuple(spreads)
