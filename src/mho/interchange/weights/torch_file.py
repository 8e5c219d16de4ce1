"""Tensors by name from PyTorch's own files, read without PyTorch.

The file is a zip archive: one pickle, and the numbers of each storage as a member (before PyTorch 1.6: pickles and
numbers one behind the other). The pickle is read by an unpickler that knows dictionaries, numbers, texts and how
tensors are put together, and refuses everything else by name: a pickle can run any program, and a network needs none.
"""

from __future__ import annotations

import collections
import io
import math
import pickle
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from mho.core.errors import NetworkError

_STORAGES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
_PLAIN = {"float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "strided"}
OLD = b"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"  # a file of PyTorch before 1.6
LARGEST_REPEAT = 1 << 26  # numbers that a tensor may have which repeats a smaller storage
_STATES = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params")


def read_torch(path: str | Path) -> dict[str, np.ndarray]:
    """Every tensor of a state dict, or of the one that a checkpoint holds, in the type in which it is stored.

    Raises:
        NetworkError: If the file is truncated, holds anything but tensors and plain values, or several state dicts.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            old = file.read(len(OLD)) == OLD
        if old:
            return _state(path, _old_content(path))
        with zipfile.ZipFile(path) as archive:
            return _state(path, _content(path, archive))
    except OSError as error:
        raise NetworkError(f"{path} cannot be read ({error.strerror}). Give the path of a PyTorch file.") from error
    except NetworkError:
        raise
    except Exception as error:  # a damaged archive fails in as many ways as it has bytes
        reason = str(error) or type(error).__name__
        raise NetworkError(f"{path} is damaged or truncated ({reason}). Fetch or save it again.") from error


def _content(path: Path, archive: zipfile.ZipFile) -> Any:
    pickles = [n for n in archive.namelist() if n.endswith("data.pkl")]
    if len(pickles) != 1:
        raise NetworkError(f"{path} is a zip archive without the one data.pkl of a PyTorch file.")
    folder = pickles[0].removesuffix("data.pkl")
    if any(n.startswith(f"{folder}code/") for n in archive.namelist()):
        raise NetworkError(f"{path} is a TorchScript program. Save its weights: torch.save(model.state_dict(), PATH).")
    order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in archive.namelist() else b"little"
    storages = _Members(path, archive, folder, ">" if order.strip() == b"big" else "<")
    return _loaded(path, _TensorsOnly(path, io.BytesIO(archive.read(f"{folder}data.pkl")), storages))


def _old_content(path: Path) -> Any:
    """A file of before PyTorch 1.6: five pickles, then the storages, each behind its length."""
    raw = path.read_bytes()
    file = io.BytesIO(raw)
    storages = _Later(path, len(raw))
    readers = [_TensorsOnly(path, file, storages) for _ in range(5)]
    _, protocol, system, content, keys = (_loaded(path, reader) for reader in readers)
    if protocol != 1001 or not isinstance(system, dict) or not system.get("little_endian", True):
        raise NetworkError(f"{path} is of an unknown old form. Load it with PyTorch and save it again with torch.save.")
    if not isinstance(keys, list) or set(map(str, keys)) != set(storages.found):
        raise NetworkError(f"{path}: the list of its storages does not fit. Fetch or save it again.")
    for key in keys:
        numbers = storages.found[str(key)]
        count, data = file.read(8), file.read(numbers.nbytes)
        if int.from_bytes(count, "little") != numbers.size or len(data) != numbers.nbytes:
            raise NetworkError(f"{path} is truncated: storage {key!r} is not whole. Fetch or save it again.")
        numbers[:] = np.frombuffer(data, numbers.dtype)
    return content


def _loaded(path: Path, reader: pickle.Unpickler) -> Any:
    try:
        return reader.load()
    except NetworkError:
        raise
    except Exception as error:  # a damaged pickle fails in as many ways as it has bytes
        raise NetworkError(f"{path}: its pickle is damaged ({type(error).__name__}: {error}).") from error


class _Members:
    """Storages that are members of the archive, packed by nothing."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, folder: str, order: str) -> None:
        self.path, self.archive, self.folder, self.order = path, archive, folder, order
        self.found: dict[str, np.ndarray] = {}

    def take(self, key: str, kind: np.dtype, count: int) -> np.ndarray:
        """The numbers of a storage."""
        if key not in self.found:
            member = f"{self.folder}data/{key}"
            if member not in self.archive.namelist():
                raise NetworkError(f"{self.path} lacks the numbers of storage {key!r}. Fetch or save it again.")
            about = self.archive.getinfo(member)
            if about.file_size != count * kind.itemsize or about.compress_type != zipfile.ZIP_STORED:
                raise NetworkError(
                    f"{self.path}: storage {key!r} has {about.file_size} bytes, or packed ones, instead of "
                    f"{count * kind.itemsize} plain ones. Save it again."
                )
            numbers = np.frombuffer(self.archive.read(member), kind)
            self.found[key] = numbers.byteswap() if self.order == ">" else numbers
        return self.found[key]


class _Later:
    """Storages whose numbers come behind the pickle: empty ones, filled when they are met."""

    def __init__(self, path: Path, most: int) -> None:
        self.path, self.most = path, most
        self.found: dict[str, np.ndarray] = {}

    def take(self, key: str, kind: np.dtype, count: int) -> np.ndarray:
        """A storage."""
        if not 0 <= count * kind.itemsize <= self.most:
            raise NetworkError(f"{self.path}: storage {key!r} has more bytes than the file. Fetch or save it again.")
        if key not in self.found:
            self.found[key] = np.zeros(count, kind)
        return self.found[key]


class _TensorsOnly(pickle.Unpickler):
    """An unpickler that can make tensors, ordered dictionaries and plain values, and nothing else."""

    def __init__(self, path: Path, file: io.BytesIO, storages: _Members | _Later) -> None:
        super().__init__(file, encoding="utf-8")
        self.path, self.storages = path, storages
        self.allowed: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch", "Size"): tuple,
            ("torch._utils", "_rebuild_tensor"): self._tensor,
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
        }

    def find_class(self, module: str, name: str) -> Any:
        """Only what the table allows; types of storages are read as their NumPy type."""
        if module == "torch" and name in _PLAIN:
            return name
        if module == "torch" and name in _STORAGES:
            return np.dtype(_STORAGES[name])
        if (module, name) not in self.allowed:
            raise NetworkError(
                f"{self.path} holds {module}.{name}, which only running foreign code could make; mho reads tensors and "
                "plain values. In PyTorch, save the weights alone: torch.save(model.state_dict(), PATH)."
            )
        return self.allowed[module, name]

    def persistent_load(self, pid: Any) -> np.ndarray:
        """The numbers of a storage, as one long array."""
        whole = isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage" and isinstance(pid[1], np.dtype)
        if not whole or not isinstance(pid[4], int) or (len(pid) == 6 and pid[5] is not None):
            raise NetworkError(f"{self.path} refers to {pid!r}, which is no storage of numbers.")
        return self.storages.take(str(pid[2]), pid[1], pid[4])

    def _tensor(self, storage: np.ndarray, offset: int, shape: Any, strides: Any, *_: Any) -> np.ndarray:
        """The part of a storage that a tensor is; never beyond its ends."""
        shape, strides = tuple(shape), tuple(strides)
        whole = all(isinstance(n, int) and n >= 0 for n in (offset, *shape, *strides))
        last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) if math.prod(shape) else -1
        if not whole or last >= len(storage):
            raise NetworkError(f"{self.path}: a tensor of shape {shape} reaches beyond its {len(storage)} numbers.")
        if math.prod(shape) > max(len(storage), LARGEST_REPEAT):
            raise NetworkError(f"{self.path}: a tensor of shape {shape} repeats {len(storage)} numbers too often.")
        steps = tuple(s * storage.itemsize for s in strides)
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps)


def _state(path: Path, content: Any) -> dict[str, np.ndarray]:
    """The dictionary of tensors: the file's own, or the one that a checkpoint holds."""
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise NetworkError(f"{path} holds a {kind}, not a state dict. Save one: torch.save(model.state_dict(), PATH).")
    inner = {str(k): v for k, v in content.items() if isinstance(v, dict) and _tensors(v)}
    own = _tensors(content)
    if own and not inner:
        return own
    named = [n for n in _STATES if n in inner]
    chosen = named[:1] if len(named) == 1 else list(inner) if len(inner) == 1 and not own else []
    if len(chosen) != 1:
        held = ", ".join(repr(n) for n in (*inner, *own)) or "no tensors"
        raise NetworkError(
            f"{path} holds {held}; which of them is the network cannot be told. Save its state dict alone: "
            "torch.save(model.state_dict(), PATH)."
        )
    return _tensors(inner[chosen[0]])


def _tensors(table: dict[Any, Any]) -> dict[str, np.ndarray]:
    return {str(k): np.array(v) for k, v in table.items() if isinstance(v, np.ndarray)}
