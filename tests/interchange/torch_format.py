"""PyTorch's file format, written without PyTorch: the same pickle over the same members as torch.save makes."""

from __future__ import annotations

import collections
import io
import pickle
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

_STORAGES = {"float32": "FloatStorage", "float64": "DoubleStorage", "int64": "LongStorage", "float16": "HalfStorage"}


def _module(name: str, **members: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    for key, value in members.items():
        value.__module__, value.__qualname__ = name, key
        setattr(module, key, value)
    return module


class _Writer(pickle.Pickler):
    """Arrays as tensors over numbered storages, as torch.save writes them."""

    def __init__(self, file: Any, torch: types.ModuleType, rebuild: Any) -> None:
        super().__init__(file, protocol=2)
        self.torch, self.rebuild, self.storages = torch, rebuild, []

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, _Storage):
            return None
        kind = getattr(self.torch, _STORAGES[obj.array.dtype.name])
        return ("storage", kind, str(obj.key), "cpu", obj.array.size)

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, View):
            return self._tensor(obj.array, obj.offset, obj.shape, obj.strides)
        if not isinstance(obj, np.ndarray):
            return NotImplemented
        base = np.ascontiguousarray(obj if obj.base is None else obj.base)
        offset = (obj.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // obj.itemsize
        strides = tuple(s // obj.itemsize for s in obj.strides)
        return self._tensor(base, offset, obj.shape, strides)

    def _tensor(self, base: np.ndarray, *place: Any) -> Any:
        storage = _Storage(base, len(self.storages))
        self.storages.append(storage)
        return self.rebuild, (storage, *place, False, collections.OrderedDict())


class View:
    """A tensor over a storage, wherever it may reach."""

    def __init__(self, array: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.array, self.offset, self.shape, self.strides = array, offset, shape, strides


class _Storage:
    def __init__(self, array: np.ndarray, key: int) -> None:
        self.array, self.key = array, key


MAGIC = 0x1950A86A20F9469CFC6C  # of files before PyTorch 1.6


def save(content: Any, path: Path, *, old: bool = False) -> None:
    """Write a file as torch.save does; `old`, as it did before version 1.6."""
    kinds = {name: type(name, (), {}) for name in _STORAGES.values()}
    torch = _module("torch", **kinds)
    inner = _module("torch._utils", _rebuild_tensor_v2=lambda *_: None)
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": inner})
    file = io.BytesIO()
    try:
        writer = _Writer(file, torch, inner._rebuild_tensor_v2)
        writer.dump(content)
    finally:
        for name, module in before.items():
            sys.modules.pop(name) if module is None else sys.modules.update({name: module})
    (_old if old else _new)(path, file.getvalue(), writer.storages)


def _new(path: Path, content: bytes, storages: list[_Storage]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/byteorder", "little")
        for storage in storages:
            archive.writestr(f"archive/data/{storage.key}", storage.array.tobytes())
        archive.writestr("archive/version", "3\n")


def _old(path: Path, content: bytes, storages: list[_Storage]) -> None:
    head = b"".join(pickle.dumps(x, 2) for x in (MAGIC, 1001, {"protocol_version": 1001, "little_endian": True}))
    keys = pickle.dumps([str(s.key) for s in storages], 2)
    tail = b"".join(s.array.size.to_bytes(8, "little") + s.array.tobytes() for s in storages)
    path.write_bytes(head + content + keys + tail)
