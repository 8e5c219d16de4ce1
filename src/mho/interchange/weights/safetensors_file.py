"""Tensors by name from safetensors files."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np

from mho.core.errors import NetworkError

_TYPES = {
    "BOOL": np.bool_,
    "U8": np.uint8,
    "I8": np.int8,
    "U16": np.uint16,
    "I16": np.int16,
    "U32": np.uint32,
    "I32": np.int32,
    "U64": np.uint64,
    "I64": np.int64,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F32": np.float32,
    "F64": np.float64,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
}


def read_safetensors(path: str | Path) -> dict[str, np.ndarray]:
    """Every tensor of a file, in the type in which it is stored.

    Raises:
        NetworkError: If the file is truncated, is no safetensors file, or holds numbers of an unknown type.
    """
    import safetensors

    path = Path(path)
    try:
        found = safetensors.deserialize(path.read_bytes())
    except OSError as error:
        raise NetworkError(f"{path} cannot be read ({error.strerror}). Give the path of a safetensors file.") from error
    except safetensors.SafetensorError as error:
        raise NetworkError(f"{path} is no whole safetensors file ({error}). Fetch or save it again.") from error
    tensors = {}
    for name, about in sorted(found, key=lambda item: item[0]):  # the file's order means nothing
        kind = about["dtype"]
        if kind not in _TYPES:
            raise NetworkError(f"{path}: {name!r} holds numbers of type {kind}; supported: {', '.join(_TYPES)}.")
        tensors[name] = np.frombuffer(about["data"], _TYPES[kind]).reshape(about["shape"])
    return tensors
