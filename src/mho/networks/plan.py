"""A network's matrices laid onto a chip: what goes where, before anything is programmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mho.core.errors import ChipError
from mho.crossbars import Placement, Tile
from mho.crossbars.mapping import grid
from mho.networks.operand import Slot
from mho.networks.weights import Grouped, layers_of, rebuilt, unmapped


def slotted(
    network: Any, *, matrices: Sequence[str] = (), digital: Sequence[str] = (), grouped: Grouped = "block"
) -> tuple[Any, dict[str, np.ndarray]]:
    """The network with slots for its matrices, and the matrices (outputs, inputs) by name.

    Args:
        network: Any tree of Equinox modules.
        matrices: As in :func:`mho.networks.weights.rebuilt`.
        digital: As there.
        grouped: As there.

    Raises:
        ChipError: If something cannot be mapped (it is named, with what helps), there is nothing to map, or no layer
            has a name that is to stay digital.
    """
    known = layers_of(network)
    unknown = [name for name in digital if name not in known]
    if unknown:
        raise ChipError(
            f"No layer is called {', '.join(map(repr, unknown))}, to stay digital. There is {', '.join(known)}."
        )
    left = unmapped(network, matrices=matrices, digital=digital)
    if left:
        listed = "; ".join(f"{u.name} ({u.kind}): {u.cure}" for u in left)
        names = ", ".join(repr(u.name) for u in left)
        raise ChipError(
            f"The network multiplies by what cannot be mapped: {listed}. Or let it stay digital: digital=({names},)."
        )
    weights: dict[str, np.ndarray] = {}

    def slot(name: str, kind: str, w: Any) -> Slot:
        weights[name] = np.asarray(w)
        return Slot(name, kind, weights[name].shape)

    template = rebuilt(network, slot, matrices=matrices, digital=digital, grouped=grouped)
    if not weights:
        raise ChipError("The network has no weight matrix; there is nothing to put on a chip.")
    return template, weights


def planned(weights: dict[str, np.ndarray], tile: Tile, *, arrays: int | None = None) -> Placement:
    """Where the blocks of the matrices would lie on the arrays of a chip.

    Args:
        weights: Matrices (outputs, inputs) by name.
        tile: Its design.
        arrays: Arrays there are; None for as many as are needed.

    Raises:
        ChipError: If they do not fit.
    """
    cuts = {name: grid(w.shape[0], w.shape[1], tile.rows, tile.words) for name, w in weights.items()}
    return tile.placement(cuts, arrays)


def shares(placement: Placement) -> dict[str, dict[str, float]]:
    """Of each matrix its blocks, arrays, cells, and the share of these arrays' cells that it fills."""
    found: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(p.matrix for p in placement.places):
        own = [p for p in placement.places if p.matrix == name]
        cells, arrays = sum(p.rows * p.columns for p in own), len({p.array for p in own})
        share = cells / (arrays * placement.rows * placement.columns)
        found[name] = {"blocks": len(own), "arrays": arrays, "cells": cells, "share": share}
    return found
