"""Event files: what is written is read, and what is broken is named with its place and its cure."""

from __future__ import annotations

import numpy as np
import pytest

from mho.core.errors import InputError
from mho.networks.tasks import read_events

HOW = {"sources": 4, "duration": 0.01, "dt": 1e-3}
TIMES = [np.array([0.0, 1.5e-3, 1.6e-3, 20e-3]), np.array([9e-3])]
UNITS = [np.array([0, 1, 1, 2]), np.array([3])]
LABELS = np.array([1, 0])


def hdf5(path, times=TIMES, units=UNITS, labels=LABELS):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, rows in (("times", times), ("units", units)):
            kind = h5py.vlen_dtype(rows[0].dtype)
            file.create_dataset(f"spikes/{name}", (len(rows),), dtype=kind)
            for k, row in enumerate(rows):
                file[f"spikes/{name}"][k] = row
        file["labels"] = labels
    return path


def npz(path, times=TIMES, units=UNITS, labels=LABELS):
    samples = np.concatenate([np.full(len(t), k) for k, t in enumerate(times)])
    np.savez(path, times=np.concatenate(times), units=np.concatenate(units), samples=samples, labels=labels)
    return path


@pytest.mark.parametrize(("write", "name"), [(hdf5, "a.h5"), (npz, "a.npz")])
def test_events_are_read_onto_the_grid(tmp_path, write, name):
    trials = read_events(write(tmp_path / name), **HOW)
    assert trials.spikes.shape == (2, 10, 4)
    assert sorted(map(tuple, np.argwhere(trials.spikes))) == [(0, 0, 0), (0, 1, 1), (1, 9, 3)]
    assert list(trials.labels) == [1, 0]
    assert trials.classes == ("0", "1")
    late = read_events(write(tmp_path / name), sources=4, duration=0.01, dt=1e-3, unit=1e-3)
    assert late.spikes[0].sum() == 3


@pytest.mark.parametrize(("write", "name"), [(hdf5, "a.h5"), (npz, "a.npz")])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"times": [np.array([0.0, 2e-3, 1e-3, 3e-3]), TIMES[1]]}, "sample 0: event 2 .* Sort"),
        ({"times": [np.array([-1e-3, 0.0, 1e-3, 3e-3]), TIMES[1]]}, "times start at 0"),
        ({"times": [np.array([0.0, np.nan, 1e-3, 3e-3]), TIMES[1]]}, "event 1 is not finite"),
        ({"units": [np.array([0, 1, 1, 4]), UNITS[1]]}, "to 3 fit"),
        ({"labels": np.array([1, -1])}, "run from 0"),
    ],
)
def test_broken_events_are_named(tmp_path, write, name, change, words):
    with pytest.raises(InputError, match=words):
        read_events(write(tmp_path / name, **change), **HOW)


@pytest.mark.parametrize(("write", "name"), [(hdf5, "a.h5"), (npz, "a.npz")])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 0.97])
def test_a_file_cut_off_is_named(tmp_path, write, name, share):
    path = write(tmp_path / name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="cut off"):
        read_events(path, **HOW)


def test_other_forms_are_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_events(tmp_path / "none.npz", **HOW)
    with pytest.raises(InputError, match=r"\.h5, \.hdf5 or \.npz"):
        read_events(tmp_path / "a.csv", **HOW)
    np.savez(tmp_path / "b.npz", times=np.zeros(1))
    with pytest.raises(InputError, match="no array 'units'"):
        read_events(tmp_path / "b.npz", **HOW)
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["labels"] = LABELS
    with pytest.raises(InputError, match="no 'spikes/times'"):
        read_events(tmp_path / "c.h5", **HOW)
