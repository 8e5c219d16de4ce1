"""Which unknown held a failed run up: it moves most, for the size of an error in it, in the step that was too long."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.circuits.program import Program
from mho.circuits.stepping import Lanes, Settings
from mho.circuits.vectors import each


def culprit(program: Program, lanes: Lanes, lane: int, variables: Any, settings: Settings) -> str:
    """Name of the unknown that limited the steps of a lane that stopped.

    Args:
        program: What it ran.
        lanes: The lanes where they stopped.
        lane: The one in question.
        variables: The circuit's numbers of that lane.
        settings: Steering numbers.
    """
    stepper = program.stepper

    def moves(c: Lanes, variables: Any, settings: Settings) -> Any:
        """By how much each unknown's Newton update and its slope over the step exceed the size of an error."""
        x, _ = stepper.stage(c, stepper.assembly.prepare(variables), settings)
        change = each(
            lambda a, b, k, old, scale: jnp.maximum(jnp.abs(a - b), c.h * jnp.abs(k - old)) / scale,
            x.u,
            c.u,
            x.slope,
            c.slopes[0],
            settings.scale,
        )
        return stepper.form.array(change)

    alone = jax.tree.map(lambda x: x[..., lane : lane + 1] if np.ndim(x) else x, lanes._replace(points=(), noise=()))
    alone = alone._replace(phase=np.ones_like(alone.phase), newton=np.zeros_like(alone.newton))
    found = np.array(program.call("culprit", alone, variables, settings, function=moves))[:, 0]
    found[list(program.layout.algebraic)] = 0.0
    found = np.where(np.isfinite(found), found, np.inf)
    return program.layout.names[int(np.argmax(found))]
