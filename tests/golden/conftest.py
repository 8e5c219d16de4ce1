"""Circuits that several tests share."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def lif() -> ModuleType:
    """The reference neuron, which the benchmarks use too."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "reference_lif.py"
    spec = importlib.util.spec_from_file_location("reference_lif", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
