"""What NIR has no node for, as metadata of standard nodes: plastic and device synapses, resets by subtraction, pauses.

Every other tool reads the file and sees the static weights and the reset to a value; mho finds the rest again. It
stands under the key ``mho`` as nested tables of arrays, numbers and texts, which HDF5 holds as they are.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho.core.errors import NetworkError
from mho.core.fields import cast
from mho.devices import ECRAM, ECRAMPulse, Gate
from mho.networks.depression import BandPass, Resource, ReversedDevice
from mho.networks.device_synapse import DeviceSynapse
from mho.networks.nodes import Reset
from mho.networks.synapse import AbstractSynapse, StaticSynapse, dtype_of
from mho.networks.tsodyks_markram import Convention, TsodyksMarkram

MARK = "mho"
VERSION = "1"
_KINDS: dict[str, type] = {
    "static": StaticSynapse,
    "tsodyks_markram": TsodyksMarkram,
    "device": DeviceSynapse,
    "resource": Resource,
    "reversed_device": ReversedDevice,
    "band_pass": BandPass,
    "ecram": ECRAM,
    "ecram_pulse": ECRAMPulse,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_CHOICES: tuple[type[enum.Enum], ...] = (Convention, Gate)


def metadata_of(node: Any) -> dict[str, Any]:
    """What a node says beyond NIR, as metadata; empty where it says nothing.

    Raises:
        NetworkError: If a synapse is of a kind that has no name here.
    """
    said: dict[str, Any] = {}
    if getattr(node, "reset", Reset.TO_VALUE) is Reset.SUBTRACT:
        said["reset"] = Reset.SUBTRACT.name.lower()
    if np.any(np.asarray(getattr(node, "t_ref", 0.0)) > 0):
        said["t_ref"] = np.asarray(node.t_ref)[()]
    synapse = getattr(node, "synapse", None)
    if isinstance(synapse, AbstractSynapse):
        said["synapse"] = {**_table(synapse), "dtype": dtype_of(synapse).name}
    return {MARK: {"version": VERSION, **said}} if said else {}


def firing_of(metadata: dict[str, Any]) -> dict[str, Any]:
    """What a spike does to the membrane, and how long that rests: to v_reset and not at all, if nothing is said."""
    word = _text(metadata.get(MARK, {}).get("reset", "to_value"))
    try:
        reset = Reset[word.upper()]
    except KeyError as error:
        raise NetworkError(f"the reset {word!r} is unknown; known: to_value, subtract.") from error
    return {"reset": reset, "t_ref": metadata.get(MARK, {}).get("t_ref", 0.0)}


def synapse_of(metadata: dict[str, Any]) -> AbstractSynapse | None:
    """The synapse that mho wrote to a node's metadata, or None.

    Raises:
        NetworkError: If it is of another version, or not whole.
    """
    said = metadata.get(MARK, {})
    if "synapse" not in said:
        return None
    if _text(said.get("version", "")) != VERSION:
        written = _text(said.get("version", "none"))
        raise NetworkError(f"its synapse is written in version {written}, and this mho reads {VERSION}.")
    table = dict(said["synapse"])
    dtype = np.dtype(_text(table.pop("dtype", "float64")))
    try:
        synapse = _module(table)
    except (KeyError, TypeError, ValueError) as error:
        raise NetworkError(f"its synapse is not whole ({error}).") from error
    with jax.enable_x64(dtype == np.float64):
        return cast(synapse, dtype)


def _table(module: eqx.Module) -> dict[str, Any]:
    """A module as a table of its fields."""
    if type(module) not in _NAMES:
        raise NetworkError(
            f"A {type(module).__name__} cannot be written to NIR's metadata; known: {', '.join(_KINDS)}."
        )
    table: dict[str, Any] = {"kind": _NAMES[type(module)]}
    for field in dataclasses.fields(module):  # pyright: ignore[reportArgumentType]
        value = _value(getattr(module, field.name))
        if value is not None:
            table[field.name] = value
    return table


def _value(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, eqx.Module):
        return _table(value)
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, tuple):
        return {"kind": "tuple", **{str(i): _value(v) for i, v in enumerate(value)}}
    return np.asarray(value)[()]  # a single number as one: NIR's writer packs arrays, and cannot pack that


def _module(table: dict[str, Any]) -> Any:
    kind = _KINDS[_text(table["kind"])]
    return kind(**{name: _back(value) for name, value in table.items() if name != "kind"})


def _back(value: Any) -> Any:
    if isinstance(value, dict) and _text(value["kind"]) == "tuple":
        return tuple(_back(value[str(i)]) for i in range(len(value) - 1))
    if isinstance(value, dict):
        return _module(value)
    if isinstance(value, bytes | str):
        word = _text(value)
        return next((kind[word] for kind in _CHOICES if word in kind.__members__), word)
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    return value


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
