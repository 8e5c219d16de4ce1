"""Studies: one file a question, composed of everything below. Listing them loads none of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

from mho.core.errors import StudyError

if TYPE_CHECKING:
    from mho.studies.study import Study


class Entry(NamedTuple):
    """A study on the shelf: where its record class is, and what it answers."""

    place: str
    summary: str


STUDIES: dict[str, Entry] = {
    "analog-inference": Entry(
        "mho.studies.analog_inference:AnalogInference",
        "trained networks on analog arrays: technologies, imperfections, bits, drift, energy",
    ),
    "ecram-stp": Entry(
        "mho.studies.ecram_stp:ECRAMSTP",
        "from a pulse measurement of an ECRAM to spiking neurons that filter in time",
    ),
    "on-chip-learning": Entry(
        "mho.studies.on_chip_learning:OnChipLearning",
        "learning by pulses on devices: windows of plasticity, technologies, asymmetry, noise, life, consolidation",
    ),
    "temporal-filters": Entry(
        "mho.studies.temporal_filters:TemporalFilters",
        "networks trained with static, Tsodyks-Markram and device synapses on tasks that need time",
    ),
    "tuned-bank": Entry(
        "mho.studies.tuned_bank:TunedBank",
        "a bank of neurons, each designed by gradient to answer one presynaptic rate",
    ),
}

_HOME = {
    "Axis": "mho.studies.outcome",
    "Context": "mho.studies.execution",
    "Curve": "mho.studies.outcome",
    "Mark": "mho.studies.outcome",
    "Outcome": "mho.studies.outcome",
    "Series": "mho.studies.outcome",
    "Stage": "mho.studies.study",
    "Study": "mho.studies.study",
    "Table": "mho.studies.outcome",
    "described": "mho.studies.study",
    "read_results": "mho.studies.folder",
    "run": "mho.studies.execution",
}


def lookup(name: str) -> type[Study]:
    """The record class of a study.

    Raises:
        StudyError: If there is no study of that name.
    """
    if name not in STUDIES:
        raise StudyError(f"There is no study {name!r}. There are: {', '.join(STUDIES)} (mho study list).")
    module, _, found = STUDIES[name].place.partition(":")
    return getattr(importlib.import_module(module), found)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'mho.studies' has no attribute {name!r}")
