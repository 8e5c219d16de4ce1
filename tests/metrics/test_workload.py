"""Operations and sparsities by hand, and by NeuroBench's own harness on an equal network."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from mho.core import InputError
from mho.metrics.workload import Activity, footprint, workload, workload_kpis

RNG = np.random.default_rng(1)
FIRST = np.where(RNG.uniform(size=(6, 5)) < 0.3, 0.0, RNG.normal(size=(6, 5))).astype(np.float32)
SECOND = np.where(RNG.uniform(size=(3, 6)) < 0.3, 0.0, RNG.normal(size=(3, 6))).astype(np.float32)
X = np.where(RNG.uniform(size=(8, 5)) < 0.4, 0.0, RNG.normal(size=(8, 5))).astype(np.float32)


def activities(x):
    hidden = np.maximum(x @ FIRST.T, 0.0)
    return [Activity(FIRST, x, hidden), Activity(SECOND, hidden)]


def test_by_hand():
    spikes = np.array([[1, 0, 1, 0, 0], [0, 0, 0, 0, 1]], np.float32)
    w = np.array([[1, 2, 0, 0, 3], [0, 1, 1, 0, 0]], np.float32)
    found = workload([Activity(w, spikes, spikes @ w.T)])
    # sample 1: input 0 meets one weight, input 2 one; sample 2: input 4 one
    assert (found.dense, found.macs, found.acs) == (10.0, 0.0, 1.5)
    assert (found.activation_sparsity, found.connection_sparsity) == (0.25, 0.5)
    graded = workload([Activity(w, 0.5 * spikes)])
    assert (graded.macs, graded.acs) == (1.5, 0.0)
    assert np.isnan(graded.activation_sparsity)


def test_kpis_say_what_they_count():
    found = workload_kpis(workload(activities(X)), {"w": FIRST, "v": SECOND})
    assert [k.name for k in found][-1] == "network.footprint"
    assert found[-1].value == footprint((FIRST, SECOND)) == 4 * (30 + 18)
    assert all(k.boundary and k.definition for k in found)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(InputError, match=r"\(6, 5\)"):
        workload([Activity(FIRST, X[:, :4])])
    with pytest.raises(InputError, match="samples"):
        workload([Activity(FIRST, X), Activity(SECOND, np.zeros((3, 6)))])


@pytest.mark.parametrize("binary", [False, True], ids=["graded", "spikes"])
def test_as_neurobench_counts(binary):
    """NeuroBench's harness on the same network in PyTorch: counts agree exactly."""
    if importlib.util.find_spec("neurobench") is None:
        pytest.skip("neurobench is not installed (pip install neurobench); the comparison with it did not run")
    import torch
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
    from neurobench.models import TorchModel

    net = torch.nn.Sequential(torch.nn.Linear(5, 6, bias=False), torch.nn.ReLU(), torch.nn.Linear(6, 3, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor(FIRST))
        net[2].weight.copy_(torch.tensor(SECOND))
    x = (X > 0).astype(np.float32) if binary else X
    data = torch.utils.data.TensorDataset(torch.tensor(x), torch.zeros(len(x)))
    given = torch.utils.data.DataLoader(data, batch_size=len(x))
    asked = [[Footprint, ConnectionSparsity], [SynapticOperations, ActivationSparsity]]
    theirs = Benchmark(TorchModel(net), given, [], [], asked).run(quiet=True)
    counted = theirs["SynapticOperations"]
    ours = workload(activities(x))
    assert np.isclose(counted["Effective_MACs"], ours.macs)
    assert np.isclose(counted["Effective_ACs"], ours.acs)
    assert np.isclose(counted["Dense"], ours.dense)
    assert np.isclose(theirs["ActivationSparsity"], ours.activation_sparsity)
    assert np.isclose(theirs["ConnectionSparsity"], ours.connection_sparsity, atol=5e-4)  # theirs is rounded
    assert theirs["Footprint"] == footprint((FIRST, SECOND))
