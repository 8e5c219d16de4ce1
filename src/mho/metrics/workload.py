r"""What a network asks of any hardware: operations, sparsities, footprint, as NeuroBench defines them.

A synaptic operation is a weight times an input, neither of them 0. It is an accumulation (AC) in a layer whose inputs
are spikes (only 0 and one other magnitude of 1), else a multiplication (MAC); biases do not count.

Source: Yik et al., NeuroBench, Nat. Commun. 16, 1545 (2025); definitions as in version 2.3.0 of its harness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from mho.core.errors import InputError
from mho.metrics.kpi import KPI


class Activity(NamedTuple):
    """What went through one layer of connections.

    Args:
        weights: Shape (outputs, inputs).
        inputs: Of every sample and step, shape (samples, ..., inputs).
        outputs: Of the neurons behind the layer, shape (samples, ..., outputs); None where no neurons follow.
    """

    weights: Any
    inputs: Any
    outputs: Any = None


class Workload(NamedTuple):
    """Operations for one sample, shares, and bytes.

    Args:
        dense: Operations if no weight and no input were 0 [1].
        macs: Effective multiplications, in layers whose inputs are no spikes [1].
        acs: Effective accumulations, in layers whose inputs are spikes [1].
        activation_sparsity: Share of the neurons' outputs that are 0, NaN without neurons [1].
        connection_sparsity: Share of the weights that are 0 [1].
    """

    dense: float
    macs: float
    acs: float
    activation_sparsity: float
    connection_sparsity: float


def workload(layers: Sequence[Activity]) -> Workload:
    """Operations and sparsities of a network that processed some samples.

    Args:
        layers: Its layers of connections, with what went through them.

    Raises:
        InputError: If shapes do not fit, or the layers saw different numbers of samples.
    """
    samples = {len(np.asarray(layer.inputs)) for layer in layers}
    if len(samples) != 1 or 0 in samples:
        raise InputError(f"The layers saw {sorted(samples)} samples; give the same number of at least 1 to each.")
    n = samples.pop()
    dense = macs = acs = silent = outputs = absent = weights = 0.0
    for layer in layers:
        w, x = np.asarray(layer.weights), np.asarray(layer.inputs)
        if w.ndim != 2 or x.shape[-1] != w.shape[1]:
            raise InputError(
                f"Weights {w.shape} do not take inputs {x.shape}; give (outputs, inputs) and (..., inputs)."
            )
        rows = x.reshape(-1, w.shape[1])
        effective = float(np.sum((rows != 0).sum(axis=0, dtype=np.int64) * (w != 0).sum(axis=0)))
        spikes = bool(np.isin(rows, (-1, 0, 1)).all())
        dense += len(rows) * w.size / n
        acs, macs = (acs + effective / n, macs) if spikes else (acs, macs + effective / n)
        absent, weights = absent + float(np.sum(w == 0)), weights + w.size
        if layer.outputs is not None:
            y = np.asarray(layer.outputs)
            silent, outputs = silent + float(np.sum(y == 0)), outputs + y.size
    sparsity = silent / outputs if outputs else float("nan")
    return Workload(dense, macs, acs, sparsity, absent / weights)


def footprint(network: Any) -> int:
    """Bytes of a network's numbers: every array in a tree of parameters and buffers."""
    return sum(int(np.asarray(leaf).nbytes) for leaf in jax.tree.leaves(network) if hasattr(leaf, "dtype"))


def workload_kpis(found: Workload, network: Any = None, *, conditions: Mapping[str, str] | None = None) -> list[KPI]:
    """The counts as KPIs: network.dense_operations, .effective_macs and so on, and network.footprint.

    Args:
        found: From :func:`workload`.
        network: For the footprint; left out where None.
        conditions: Further conditions, name to text.
    """
    shown: dict[str, tuple[float, str]] = {
        "dense_operations": (found.dense, "products of weights and inputs for one sample, zeros and all"),
        "effective_macs": (found.macs, "products of weights and inputs that are not 0, where inputs are no spikes"),
        "effective_acs": (found.acs, "weights that are not 0 under inputs that are spikes"),
        "activation_sparsity": (found.activation_sparsity, "share of the neurons' outputs that are 0"),
        "connection_sparsity": (found.connection_sparsity, "share of the weights that are 0"),
    }
    if network is not None:
        shown["footprint"] = (float(footprint(network)), "bytes of all parameters and buffers")
    return [
        KPI(
            f"network.{name}", value if np.isfinite(value) else None, "1", definition=text,
            boundary="connections alone: no biases, no operations of neurons", conditions=conditions or {},
            note="" if np.isfinite(value) else "the network has no neurons to count",
        )
        for name, (value, text) in shown.items()
    ]  # fmt: skip
