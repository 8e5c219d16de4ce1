"""Recorded events from files: HDF5 as the Heidelberg digits have it, npz as N-MNIST is often kept."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mho.core.errors import InputError
from mho.networks.tasks.trials import Trials, steps_of


def read_events(
    path: str | Path, *, sources: int, duration: float, dt: float, unit: float = 1.0, classes: int | None = None
) -> Trials:
    """Events of a file on a grid; later ones than `duration` are left out, several in a step count as one.

    HDF5 holds ``spikes/times`` and ``spikes/units``, an array of numbers a sample, and ``labels``. An npz holds
    ``times``, ``units`` and ``samples`` (which sample each event belongs to), each (events,), and ``labels``.

    Args:
        path: Ends in .h5, .hdf5 or .npz.
        sources: How many sources there are.
        duration: Time that is kept [s].
        dt: Step of the grid [s].
        unit: What a time of 1 in the file is [s].
        classes: How many classes there are; default those that occur.

    Raises:
        InputError: If the file is cut off or not of this form, times are negative, not finite or not in order, or a
            source or a label is out of range.
    """
    path = Path(path)
    readers = {".h5": _hdf5, ".hdf5": _hdf5, ".npz": _npz}
    if path.suffix not in readers:
        raise InputError(f"{path} ends in {path.suffix!r}; events are read from .h5, .hdf5 or .npz.")
    if not path.is_file():
        raise InputError(f"{path} does not exist. Check the path.")
    times, units, labels = readers[path.suffix](path)
    if not (len(times) == len(units) == len(labels)):
        raise InputError(
            f"{path} has times of {len(times)} samples, sources of {len(units)} and {len(labels)} labels; they must be "
            "as many. Was the file cut off?"
        )
    labels = np.asarray(labels)
    count = int(labels.max(initial=-1)) + 1 if classes is None else classes
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        raise InputError(f"{path}: a label is {int(labels.max())}; they must run from 0 to {count - 1}.")
    spikes = np.zeros((len(times), steps_of(duration, dt), sources), np.uint8)
    for k, (t, u) in enumerate(zip(times, units, strict=True)):
        t, u = _checked(f"{path}, sample {k}", np.asarray(t, np.float64) * unit, np.asarray(u), sources)
        at = np.floor(t / dt + 1e-9).astype(np.int64)
        kept = at < spikes.shape[1]
        spikes[k, at[kept], u[kept]] = 1
    return Trials(spikes, labels.astype(np.int32), tuple(str(k) for k in range(count)), dt)


def _checked(name: str, times: np.ndarray, units: np.ndarray, sources: int) -> tuple[np.ndarray, np.ndarray]:
    if times.shape != units.shape or times.ndim != 1:
        raise InputError(f"{name}: {times.shape} times stand beside {units.shape} sources; give one source an event.")
    if not np.all(np.isfinite(times)):
        raise InputError(f"{name}: time of event {int(np.argmin(np.isfinite(times)))} is not finite. Mend the file.")
    if times.size and times.min() < 0:
        raise InputError(f"{name}: event {int(np.argmin(times))} comes at {times.min():.4g} s; times start at 0.")
    if np.any(np.diff(times) < 0):
        at = int(np.argmax(np.diff(times) < 0)) + 1
        raise InputError(
            f"{name}: event {at} comes at {times[at]:.6g} s, before the one ahead of it. Sort the events by time."
        )
    if units.size and (not np.issubdtype(units.dtype, np.integer) or units.min() < 0 or units.max() >= sources):
        raise InputError(
            f"{name}: sources run from {units.min()} to {units.max()}; whole numbers to {sources - 1} fit."
        )
    return times, units.astype(np.int64)


def _hdf5(path: Path) -> tuple[Any, Any, Any]:
    try:
        import h5py
    except ImportError as error:
        raise InputError(f"{path} is HDF5, and h5py is not installed. Install it: pip install 'mho[hdf5]'.") from error
    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in ("spikes/times", "spikes/units", "labels") if name not in file]
            if missing:
                raise InputError(f"{path} has no {missing[0]!r}; events lie in spikes/times, spikes/units and labels.")
            return tuple(file[name][()] for name in ("spikes/times", "spikes/units", "labels"))  # type: ignore[return-value,index]
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{path} cannot be read as HDF5: {error}. Was it cut off? Fetch it again.") from error


def _npz(path: Path) -> tuple[Any, Any, Any]:
    names = ("times", "units", "samples", "labels")
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            missing = [name for name in names if name not in file]
            if missing:
                raise InputError(f"{path} has no array {missing[0]!r}; it must hold {', '.join(names)}.")
            times, units, samples, labels = (file[name] for name in names)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as npz: {error}. Was it cut off? Fetch it again.") from error
    if not (times.shape == units.shape == samples.shape and times.ndim == 1):
        raise InputError(
            f"{path}: times {times.shape}, units {units.shape} and samples {samples.shape} differ in shape."
        )
    if samples.size and (samples.min() < 0 or samples.max() >= len(labels)):
        raise InputError(f"{path}: samples run from {samples.min()} to {samples.max()}, with {len(labels)} labels.")
    order = np.argsort(samples, kind="stable")
    cuts = np.searchsorted(samples[order], np.arange(1, len(labels)))
    return np.split(times[order], cuts), np.split(units[order], cuts), labels
