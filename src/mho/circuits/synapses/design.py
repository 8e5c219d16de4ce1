"""Design values of synapses, solved rather than stated."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import numpy as np

from mho.circuits.synapses.train import stimulate
from mho.core.errors import SolverError
from mho.core.quantities import engineering

_SPIKES = 26  # as in the trains of the facilitation figures, so that their program serves here too


def gate_supply(
    synapse: Any, *, r_step: float | None = None, width: float = 200e-9, span: tuple[float, float] = (0.8, 1.3)
) -> float:
    """Supply of a synapse's gate driver at which its first spike lowers the channel resistance by `r_step`.

    The read current lifts the channel while the gate is driven, and the gate resistance and edges shorten the pulse,
    so the level lies a little above the device's reference amplitude. It is found by running one spike at 32 levels and
    inverting the smooth curve between them.

    Args:
        synapse: The synapse with its device; its own `v_gate` does not matter.
        r_step: Wanted fall of the resistance; that of the device under its reference pulse if None [ohm].
        width: Width of a presynaptic spike [s].
        span: Range searched, relative to the device's reference amplitude.

    Raises:
        SolverError: If no level in the range gives the wanted step.
    """
    device = synapse.device
    target = float(device.r_step) if r_step is None else r_step
    levels = np.linspace(*span, 32) * float(device.v_ref)
    starts = 1e-6 + 1e-6 * np.arange(_SPIKES)
    train = stimulate(eqx.tree_at(lambda s: s.v_gate, synapse, levels), np.tile(starts, (32, 1)), width=width)
    steps = -train.step[:, 0]
    if not steps[0] < target < steps[-1]:
        low, high, wanted = (engineering(float(x), "ohm") for x in (steps[0], steps[-1], target))
        raise SolverError(
            f"Gate levels from {levels[0]:.3g} V to {levels[-1]:.3g} V give steps of {low} to {high}, not {wanted}. "
            "Widen span."
        )
    return float(np.interp(np.log(target), np.log(np.maximum(steps, 1e-3)), levels))
