"""Programming: a survey by verified pulses finds the stuck cells, and what cannot be done is said."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from mho.core.errors import ChipError
from mho.crossbars import (
    Chip,
    DifferentialPair,
    OpenLoop,
    PulseUpdate,
    PulseWidth,
    Quantiser,
    Stated,
    Tile,
    Upkeep,
    WriteVerify,
    kept,
    survey,
)
from mho.crossbars.device_array import Array
from mho.devices import Pulse, parameters

KEY = jax.random.key(0)
SET = parameters("reram_array_om")
DEVICE = SET.device()
LOW, HIGH = (float(g) for g in DEVICE.window())
SPAN = HIGH - LOW
PULSES = UP, DOWN = Pulse(1.0, 1e-7), Pulse(-1.0, 1e-7)
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


def test_verified_pulses_end_within_the_acceptance(outcome):
    """Each read that accepts a cell differs from its conductance by the read noise, 0.2 to 1 % of the window here."""
    array, found = outcome
    accepted = np.asarray(found.status) == 0
    away = np.abs(np.asarray(array.conductance()) - TARGET) > 0.05 * SPAN
    stuck = (np.asarray(array.device.overlay.fault.which) != 0.0) & away
    assert np.array_equal(~accepted, stuck)
    assert found.failures == {"BUDGET": int(stuck.sum())}
    assert np.abs(np.asarray(found.error))[accepted].max() < 0.08 * SPAN
    pulses = np.asarray(found.pulses)
    assert 1.0 < pulses[accepted].mean() < 60.0
    assert np.all(pulses[stuck] == 200)
    assert np.array_equal(np.asarray(found.energy) > 0.0, pulses > 0)


def test_an_update_changes_weights_by_what_was_asked_for():
    """Pairs at mid-window: two pulses up on one cell and two down on the other, by steps that are measured first.

    Steps shrink as a cell moves and are drawn anew for each pulse: 15 % of the mean over 4000 weights.
    """
    encoding = DifferentialPair(rest="middle")
    tile = Tile(DEVICE, rows=64, columns=128, programming=verified(), window=(LOW, HIGH), encoding=encoding)
    wanted = np.zeros((64, 64))
    wanted[0, 0] = 1.0
    chip, _ = Chip(tile).program(wanted, key=KEY)
    cells = chip.of("weights").array
    up, down = (
        float(np.mean(np.asarray(cells.exposed(p, key=KEY).conductance() - cells.conductance()))) for p in PULSES
    )
    asked = 4.0 * up / SPAN
    after = chip.update(np.full((64, 64), asked), PulseUpdate(UP, DOWN, step=up), key=KEY)
    mean = float(np.mean(np.asarray(after.weights() - chip.weights())[1:]))
    assert mean == pytest.approx(2.0 * (up - down) / SPAN, rel=0.15)
    assert float(after.ledger.counts["pulses"]) - float(chip.ledger.counts["pulses"]) == pytest.approx(
        4 * 4096, rel=0.01
    )


def test_reads_disturb_what_has_no_threshold():
    """A memristor that moves at any voltage is moved by reads; one with a threshold above the read is not."""
    moved = {}
    for name in ("wox_michigan", "ion_drift_memtorch"):
        before = Array.of(parameters(name).device(), (2, 2), key=KEY)
        after = before.exposed(Pulse(0.2, 1.0), key=KEY)
        moved[name] = float(np.max(np.abs(np.asarray(after.conductance() / before.conductance()) - 1.0)))
    assert moved["wox_michigan"] > 1e-3
    assert moved["ion_drift_memtorch"] == 0.0
    stated = Array.of(parameters("pcm_joshi").device(), (2, 2), key=KEY)
    assert stated.exposed(Pulse(0.2, 1.0), key=KEY) is stated


def test_upkeep_acts_where_products_have_moved_too_far():
    """Drift of phase change: a policy with a limit acts at first, when drift is fast, and keeps below an idle chip."""
    tile = Tile(parameters("pcm_joshi").device(), rows=64, columns=32, adc=Quantiser(12), inputs=PulseWidth(10))
    w = np.random.default_rng(0).normal(size=(16, 64))
    chip, _ = Chip(tile).program(w, key=KEY)
    chip = chip.remember(key=KEY)
    day = 86_400.0
    idle, looked = kept(chip, 10 * day, Upkeep(day, 1e9), key=KEY)
    cared, acted = kept(chip, 10 * day, Upkeep(day, 0.08, "output"), key=KEY)
    anew, programmed = kept(chip, 2 * day, Upkeep(day), key=KEY)
    assert len(looked) == len(acted) == 10
    assert not any(v.acted for v in looked)
    assert acted[0].acted
    assert acted[-1].left < 0.6 * looked[-1].found
    assert float(idle.age) == float(cared.age) == 10 * day
    assert float(cared.ledger.time["calibration"]) > float(idle.ledger.time["calibration"])
    assert all(v.acted and v.left < v.found for v in programmed)
    assert float(anew.ledger.counts["refreshes"]) == 2
    with pytest.raises(ChipError, match="remember"):
        kept(Chip(tile, None, chip.matrices), day, Upkeep(day), key=KEY)
    with pytest.raises(ChipError, match="one of refresh"):
        Upkeep(day, how="pray")  # type: ignore[arg-type]


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
