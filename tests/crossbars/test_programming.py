"""Programming: a survey by verified pulses finds the stuck cells, and what cannot be done is said."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from mho.core.errors import ChipError
from mho.crossbars import OpenLoop, Stated, WriteVerify, survey
from mho.crossbars.device_array import Array
from mho.devices import Pulse, parameters

KEY = jax.random.key(0)
SET = parameters("reram_array_om")
DEVICE = SET.device()
LOW, HIGH = (float(g) for g in DEVICE.window())
SPAN = HIGH - LOW
UP, DOWN = Pulse(1.0, 1e-7), Pulse(-1.0, 1e-7)
SHAPE = (8, 64)
TARGET = np.linspace(LOW + 0.2 * SPAN, HIGH - 0.2 * SPAN, 8 * 64, dtype=np.float32).reshape(SHAPE)


def verified(**more):
    return WriteVerify(UP, DOWN, acceptance=0.05 * SPAN, v_verify=0.1, t_verify=1e-6, budget=200, **more)


@pytest.fixture(scope="module")
def outcome():
    """An array of which one cell in fifty is stuck at the low end, away from every target."""
    array = Array.of(DEVICE, SHAPE, key=KEY, faults=(0.02, 0.0))
    return array, verified().program(array, TARGET, key=KEY)


def test_a_survey_finds_the_stuck_cells(outcome):
    array, _ = outcome
    found = survey(array, verified(), (LOW + 0.2 * SPAN, HIGH - 0.2 * SPAN), key=KEY)
    assert np.array_equal(np.asarray(found.stuck), np.asarray(array.device.overlay.fault.which) < 0.0)


def test_what_cannot_be_done_is_said():
    pcm = Array.of(parameters("pcm_joshi").device(), (2, 2), key=KEY)
    pulsed = Array.of(DEVICE, (2, 2), key=KEY)
    cases = [
        (lambda: verified().program(pcm, 1e-6, key=KEY), r"takes no pulses.*Stated"),
        (lambda: OpenLoop(UP).program(pcm, 1e-6, key=KEY), "takes no pulses"),
        (lambda: Stated().program(pulsed, 1e-6, key=KEY), "answers to pulses"),
        (lambda: WriteVerify(UP, DOWN, acceptance=1e-6, v_max=0.5), "above v_max"),
        (lambda: WriteVerify(UP, DOWN, acceptance=1e-6, budget=0), "budget"),
    ]
    for call, words in cases:
        with pytest.raises(ChipError, match=words):
            call()
