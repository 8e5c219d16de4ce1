"""What the stages share: digits, networks as they were trained, tiles, and chips that are ready to be tested."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.parameters import ParameterSet
from mho.crossbars import Tile, tile_for
from mho.devices import parameters
from mho.networks import AnalogNetwork, compiled
from mho.networks.tasks import Digits, convolutional, digits, perceptron
from mho.studies.execution import Context

PLAIN, AWARE = "plain", "aware"
NAMES = {PLAIN: "trained plainly", AWARE: "trained for hardware"}
CALIBRATION = 128
"""Training digits by which converters are set."""


def task(context: Context) -> Digits:
    """The digits of this study's split."""
    return digits(test=context.study.test, seed=context.seed("split"))


def fresh(context: Context, kind: str) -> Any:
    """An untrained network."""
    key = jax.random.key(context.seed(f"weights of the {kind} network"))
    if kind == "perceptron":
        return perceptron(context.study.hidden, key=key)
    return convolutional(context.study.channels, key=key)


def kept(network: Any) -> list[Any]:
    """The numbers of a network as plain lists."""
    return [np.asarray(leaf).tolist() for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))]


def trained(context: Context, kind: str, how: str) -> Any:
    """A network as the stage of training left it."""
    network = fresh(context, kind)
    numbers = iter(context.handover("training")["networks"][kind][how])
    moving, fixed = eqx.partition(network, eqx.is_inexact_array)
    return eqx.combine(jax.tree.map(lambda leaf: jnp.asarray(next(numbers), leaf.dtype), moving), fixed)


def in_software(context: Context, kind: str, how: str = PLAIN) -> float:
    """Accuracy on the test in software."""
    return float(context.handover("training")["accuracy"][kind][how])


def tile(context: Context, found: ParameterSet, **more: Any) -> Tile:
    """The study's tile around a device."""
    s = context.study
    sizes = {"rows": s.rows, "columns": s.columns, "input_bits": s.input_bits, "output_bits": s.output_bits}
    return tile_for(found, **sizes, node=s.node, **more)


def device(context: Context) -> ParameterSet:
    """The set of the device that the detailed stages use."""
    return parameters(context.study.device)


def ready(network: Any, design: Tile, data: Digits, key: jax.Array) -> AnalogNetwork:
    """A network on a fresh chip, its converters set by training digits."""
    of_chip, of_calibration = jax.random.split(key)
    return compiled(network, design, key=of_chip).calibrate(data.images[:CALIBRATION], key=of_calibration)


def conditions(context: Context, **more: str) -> dict[str, str]:
    """What every KPI of the study is told under."""
    s = context.study
    return {
        "network": s.network,
        "device": s.device,
        "drivers": f"{s.input_bits} b",
        "converters": f"{s.output_bits} b",
        "array": f"{s.rows} x {s.columns}",
        **more,
    }
