"""Which layers a table of named tensors holds: by PyTorch's names, and by shapes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import numpy as np

from mho.core.errors import NetworkError

_CELL = re.compile(r"(weight_ih|weight_hh|bias_ih|bias_hh)(_l\d+(_reverse)?)?$")
_KNOWN = {
    "weight",
    "bias",
    "running_mean",
    "running_var",
    "in_proj_weight",
    "in_proj_bias",
    "out_proj.weight",
    "out_proj.bias",
}
_GATES = {4: "lstm", 3: "gru", 1: "rnn"}
CONVOLUTIONS = {3: "conv1d", 4: "conv2d", 5: "conv3d"}


@dataclasses.dataclass(frozen=True)
class Group:
    """The tensors of one layer.

    Args:
        name: What their names share, such as `features.0`.
        kind: linear, conv1d, conv2d, conv3d, batch_norm, norm (of layers or groups), lstm, gru, rnn, attention,
            embedding or alone.
        tensors: By the rest of their names.
    """

    name: str
    kind: str
    tensors: dict[str, np.ndarray]

    def floats(self, name: str, dtype: np.dtype) -> np.ndarray | None:
        """A tensor in a precision, or None where there is none.

        Raises:
            NetworkError: If it holds whole numbers, as quantised weights do.
        """
        tensor = self.tensors.get(name)
        if tensor is None:
            return None
        if tensor.dtype.kind not in "fV":
            raise NetworkError(
                f"{self.name}.{name} holds {tensor.dtype} numbers; quantised weights are not supported. Save the "
                "floating-point network."
            )
        return np.asarray(tensor, dtype)


def recognise(tensors: Mapping[str, np.ndarray]) -> dict[str, Group]:
    """Layers by name, in the order in which the file has them.

    Raises:
        NetworkError: If there are none, or a tensor belongs to no layer that is known.
    """
    table = {name: t for name, t in _bare(tensors).items() if not name.endswith("num_batches_tracked")}
    if not table:
        raise NetworkError("The file holds no tensors. Save the network's state dict.")
    stems = {name: name.rpartition(".")[0] for name in table}
    attention = {stems[name] for name in table if name.endswith("in_proj_weight")}
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, tensor in table.items():
        stem = stems[name]
        if stem.removesuffix(".out_proj") in attention and stem.endswith(".out_proj"):
            stem = stem.removesuffix(".out_proj")
        parts.setdefault(stem, {})[name[len(stem) + 1 :] if stem else name] = tensor
    return {stem: Group(stem, _kind(stem, found), found) for stem, found in parts.items()}


def _bare(tensors: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Names without what a wrapper put before all of them."""
    for wrapper in ("module.", "_orig_mod."):
        if tensors and all(name.startswith(wrapper) for name in tensors):
            return _bare({name.removeprefix(wrapper): t for name, t in tensors.items()})
    return tensors


def _kind(stem: str, tensors: dict[str, np.ndarray]) -> str:
    strange = [n for n in tensors if n not in _KNOWN and not _CELL.match(n)]
    if any(n in strange for n in ("weight_g", "weight_v")):
        raise NetworkError(f"{stem}: its weight is kept as length and direction. Call remove_weight_norm, then save.")
    if strange:
        return "alone"
    if "running_mean" in tensors:
        return "batch_norm"
    if "in_proj_weight" in tensors:
        return "attention"
    recurrent = next((n for n in tensors if n.startswith("weight_hh")), None)
    if recurrent is not None:
        rows, hidden = tensors[recurrent].shape
        return _GATES.get(rows // hidden, "alone")
    weight = tensors.get("weight")
    if weight is None or weight.ndim not in (1, 2, 3, 4, 5):
        return "alone"
    if weight.ndim == 2 and "bias" not in tensors and "emb" in stem.rpartition(".")[2].lower():
        return "embedding"
    return {1: "norm", 2: "linear", **CONVOLUTIONS}[weight.ndim]
