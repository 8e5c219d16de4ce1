"""The order of a chain of linear layers, told from names and shapes alone."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from mho.core.errors import NetworkError
from mho.interchange.weights.architecture import Line
from mho.interchange.weights.recognition import Group

CURE = (
    'Describe the network: architecture="conv1 padding=1; relu; flatten; fc1" or a TOML file; or give an Equinox '
    "module to fill."
)


def inferred(groups: Mapping[str, Group], activation: str | None) -> list[Line]:
    """Lines of a chain: every linear layer (with the batch normalisation that directly follows it), then `activation`.

    The activation stands between layers, not behind the last. A normalisation has its place by its number in
    `nn.Sequential` only.

    Raises:
        NetworkError: If anything else than this is in the file, sizes do not chain, or no activation is named.
    """
    other = [g for g in groups.values() if g.kind not in ("linear", "batch_norm")]
    if other:
        raise NetworkError(
            f"{other[0].name or 'The file'} is {other[0].kind}, whose place, stride or form weights do not tell. {CURE}"
        )
    order = sorted(groups.values(), key=lambda g: _natural(g.name))
    numbered = [re.fullmatch(r"(.*?)(\d+)", g.name) for g in order]
    sequence = all(m is not None for m in numbered) and len({m[1] for m in numbered if m}) == 1
    if any(g.kind == "batch_norm" for g in order) and not sequence:
        raise NetworkError(f"Where batch normalisation stands is not told by the names {_names(order)}. {CURE}")
    _chained(order)
    if activation is None and sum(g.kind == "linear" for g in order) > 1:
        raise NetworkError(f'Weights do not tell what stands between {_names(order)}. Name it: activation="relu".')
    lines: list[Line] = []
    previous = 0
    for index, group in enumerate(order):
        number = int(numbered[index][2]) if sequence else index  # pyright: ignore[reportOptionalSubscript]
        follows = index and group.kind == "batch_norm" and number == previous + 1
        if index and not follows and activation not in (None, "identity"):
            lines.append(Line(str(activation)))
        lines.append(Line(group.name))
        previous = number
    return lines


def _chained(order: list[Group]) -> None:
    linear = [g for g in order if g.kind == "linear"]
    for before, after in itertools.pairwise(linear):
        gives, takes = before.tensors["weight"].shape[0], after.tensors["weight"].shape[1]
        if gives != takes:
            raise NetworkError(
                f"{before.name} gives {gives} numbers and {after.name} takes {takes}: they are no chain in this order. "
                f"{CURE}"
            )


def _names(groups: list[Group]) -> str:
    return ", ".join(g.name for g in groups)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Texts in which numbers count: fc2 before fc10."""
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.split(r"(\d+)", name) if p]
