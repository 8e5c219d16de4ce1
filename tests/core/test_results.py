"""End states are counted by name; errors form one tree."""

from __future__ import annotations

import inspect

import numpy as np

from mho.core import errors
from mho.core.results import Status, failures


def test_failures_are_counted_by_reason():
    status = np.array([Status.OK, Status.MIN_STEP, Status.OK, Status.MIN_STEP, Status.RUNAWAY])
    assert failures(status) == {"MIN_STEP": 2, "RUNAWAY": 1}
    assert failures(np.zeros(3, int)) == {}


def test_every_end_state_says_what_happened():
    assert all(member.reason.endswith(".") and len(member.reason) > 10 for member in Status)


def test_one_tree_of_errors():
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass)]
    assert all(issubclass(c, errors.MhoError) and c.__doc__ for c in classes)
    assert issubclass(errors.UnitError, errors.InputError)
    assert not issubclass(errors.SolverError, errors.InputError)
