"""Fits of two-terminal models to sweeps: numbers that made a synthetic sweep are found, and what cannot be is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from mho.core import MeasurementError
from mho.devices import parameters
from mho.devices.reram import SchottkyInterface
from mho.fitting import Sweep, compare, fit_sweep, read_sweep, spread_of
from mho.fitting.sweep_response import course

pytestmark = pytest.mark.usefixtures("optimised")

HERE = Path("synthetic.csv")
SEEDS = 2
NOISE = 0.01
# Set, voltage up and down [V], time of a sweep [s]: each moves its state and comes back.
CASES = {
    "yakopcic_low": (0.4, 0.4, 2e-1),
    "vteam_memtorch": (0.3, 1.0, 2e-5),
    "hp_joglekar": (1.0, 1.0, 0.6),
    "mms_knowm": (0.5, 0.5, 2e-3),
    "wox_michigan": (1.2, 1.2, 20.0),
    "vteam_exponential_memtorch": (0.3, 1.0, 2e-5),
    "tio2_messaris_2018": (1.0, 1.0, 1.0),
    "tio2_messaris_2020": (1.0, 1.0, 1.0),
    "second_order_taox": (1.0, 1.0, 1e-3),
    "ion_drift_memtorch": (1.0, 1.0, 6.0),
    "hp_biolek": (1.0, 1.0, 0.3),
    "hp_prodromakis": (1.0, 1.0, 30.0),
    "vteam_windowed_memtorch": (0.3, 1.0, 4e-7),
    "nbsto_interface": (2.0, 3.0, 20.0),
    "stanford_pku_hfo2": (1.5, 1.5, 1e-5),
}
# What no sweep tells: lengths that act only as ratios, and the barrier of a filament that only its own heat warms.
HOLD = {
    **dict.fromkeys(
        ("hp_joglekar", "hp_biolek", "hp_prodromakis", "ion_drift_memtorch", "vteam_memtorch",
         "vteam_exponential_memtorch", "vteam_windowed_memtorch"), ("thickness",),
    ),
    "stanford_pku_hfo2": ("thickness", "hop", "gap_min", "g_0", "energy_migration"),
}  # fmt: skip
INTERFACE = SchottkyInterface(
    i_0=1e-9, lowering=0.2, lowering_reverse=0.05, reverse=1.0, ideality=2.0, v_b=0.5, u_r=0.1, u_w=0.2, r_series=50.0,
    rate_up=1.0, v_up=0.5, rate_down=1.0, v_down=0.5, x_0=0.3,
)  # fmt: skip


def synthetic(device, up, down, period, seed=0, points=120, noise=NOISE, offset=0.0):
    """Two triangles of voltage, relative noise and a floor a thousand million times below the largest current."""
    quarter = points // 4
    way = np.linspace(0, up, quarter), np.linspace(up, -down, 2 * quarter), np.linspace(-down, 0, quarter)
    v = np.tile(np.concatenate(way), 2)
    t = np.linspace(0, 2 * period, len(v))
    with jax.enable_x64(True):
        i = np.array(course(device, jnp.asarray(t), jnp.asarray(v), None))
    rng = np.random.default_rng(seed)
    i = i * (1 + noise * rng.normal(size=len(i))) + 1e-9 * np.abs(i).max() * rng.normal(size=len(i)) + offset
    none = np.zeros(len(v), bool)
    return Sweep(HERE, t, v, i, np.ones(len(v), int), none, none.copy())


@pytest.mark.parametrize("name", CASES)
def test_the_generating_numbers_lie_in_the_intervals(name):
    truth = parameters(name)
    held, unsure = [], 0
    for seed in range(SEEDS):
        sweep = synthetic(truth.device(bare=True), *CASES[name], seed=seed)
        fit = fit_sweep(truth, sweep, key=jr.key(seed), starts=3, iterations=20, series=False, hold=HOLD.get(name, ()))
        # Noise of 1 % is 0.0043 decades; 240 points know it to 5 %.
        assert fit.error_fit < 2.0 * NOISE / np.log(10.0), str(fit)
        for e in fit.estimates:
            if e.name in truth.numbers and e.status == "fitted":
                held.append(e.covers(float(truth.numbers[e.name].value)))
            unsure += e.status not in ("fitted", "held")
    assert len(held) >= 3 * SEEDS, str(fit)
    # Of ten intervals of 95 %, eight or more hold the truth in 98.8 % of all trials.
    assert np.mean(held) >= 0.8, (held, str(fit))


def test_an_offset_and_a_series_resistance_are_the_measurements_not_the_devices():
    truth = parameters("mms_knowm")
    sweep = synthetic(truth.device(bare=True), *CASES["mms_knowm"], offset=2e-7)
    fit = fit_sweep(truth, sweep, key=jr.key(0), starts=3, iterations=20)
    assert fit["offset"].value == pytest.approx(2e-7, rel=0.5)
    assert "offset" not in fit.parameters.numbers
    assert "belongs to the measurement" in fit.parameters.note


def test_what_a_sweep_cannot_tell_is_named_with_its_reason():
    """The thickness and mobility of ion drift act only as mobility over thickness squared: a scale family."""
    truth = parameters("hp_joglekar")
    sweep = synthetic(truth.device(bare=True), *CASES["hp_joglekar"])
    fit = fit_sweep(truth, sweep, key=jr.key(0), starts=3, iterations=20, series=False)
    assert {fit["thickness"].status, fit["mobility"].status} == {"unidentified"}
    assert any("thickness" in text and "mobility" in text and "only together" in text for text in fit.loose), fit.loose
    assert fit.parameters.numbers["mobility"].interval is None
    known = fit_sweep(truth, sweep, key=jr.key(0), starts=3, iterations=20, series=False, hold=("thickness",))
    assert known["mobility"].status == "fitted"


def test_a_filaments_geometry_is_named_as_undetermined():
    """Gap, tunnelling length and oxide act only together; what a sweep does tell of them stays."""
    truth = parameters("stanford_pku_hfo2")
    sweep = synthetic(truth.device(bare=True), *CASES["stanford_pku_hfo2"])
    fit = fit_sweep(truth, sweep, key=jr.key(0), starts=3, iterations=20, series=False)
    unsure = {e.name for e in fit.estimates if e.status == "unidentified"}
    assert {"thickness", "hop", "velocity", "field_min"} <= unsure
    assert any("thickness" in text and "only together" in text for text in fit.loose), fit.loose
    assert fit["v_0"].covers(0.25)
    assert fit["t_critical"].note == "without influence on this sweep"
    assert fit["t_critical"].value == pytest.approx(450.0, rel=1e-12)


def test_a_threshold_lies_between_two_steps_of_the_staircase():
    """It moves no current until it crosses a step of 1/29 V; its interval is that step's, and no derivative's."""
    truth = parameters("ion_drift_memtorch")
    sweep = synthetic(truth.device(bare=True), *CASES["ion_drift_memtorch"])
    fit = fit_sweep(
        replace(truth.device(bare=True), v_up=0.62, v_down=0.48), sweep, key=jr.key(0), starts=3, iterations=20,
        series=False, hold=("thickness",),
    )  # fmt: skip
    for name in ("v_up", "v_down"):
        assert fit[name].covers(0.55), str(fit)
        assert "jumps" in fit[name].note
        assert fit[name].high - fit[name].low < 4.0 / 29.0  # two steps, and the scan's own step at either end


def test_the_fitted_set_is_saved_read_and_drawn(tmp_path):
    truth = parameters("mms_knowm")
    sweep = synthetic(truth.device(bare=True), *CASES["mms_knowm"])
    fit = fit_sweep("mms_knowm", sweep, key=jr.key(0), starts=2, iterations=20, series=False)
    again = parameters(fit.save(tmp_path / "mine.toml"))
    number = again.numbers["r_on"]
    assert (number.how, number.source) == ("fitted", "measurement")
    assert number.interval[0] < number.value < number.interval[1]
    assert float(again.device().r_on) == number.value
    assert fit.plot(tmp_path / "f.png").stat().st_size > 1000


def test_models_are_ranked_and_those_that_cannot_are_named():
    truth = parameters("mms_knowm")
    sweep = synthetic(truth.device(bare=True), *CASES["mms_knowm"])
    models = ["mms_knowm", "hp_joglekar", "ecram_stp_ref"]
    found = compare(sweep, models, key=jr.key(0), starts=2, iterations=20, series=False)
    assert found.best.model == "metastable_switch"
    assert [c.bic for c in found.candidates] == sorted(c.bic for c in found.candidates)
    assert any("3 terminals" in why for why in found.refused)
    with pytest.raises(MeasurementError, match=r"3 terminals"):
        fit_sweep("ecram_stp_ref", sweep, key=jr.key(0))
    with pytest.raises(MeasurementError, match=r"'r_onn' is no parameter"):
        fit_sweep("mms_knowm", sweep, key=jr.key(0), hold=("r_onn",))


def test_many_devices_give_spreads_and_correlations(tmp_path):
    """Spread of r_on 10 % and of r_off 15 %, with a correlation of 0.9."""
    base = parameters("mms_knowm").device(bare=True)
    rng = np.random.default_rng(0)
    z = rng.normal(size=(12, 2))
    z[:, 1] = 0.9 * z[:, 0] + np.sqrt(1 - 0.9**2) * z[:, 1]
    fits = []
    for k in range(12):
        device = replace(
            base,
            r_on=float(base.r_on) * np.exp(0.10 * z[k, 0]),
            r_off=float(base.r_off) * np.exp(0.15 * z[k, 1]),
        )
        sweep = synthetic(device, *CASES["mms_knowm"], seed=k)
        fits.append(fit_sweep("mms_knowm", sweep, key=jr.key(k), starts=1, iterations=15, series=False))
    found = spread_of(fits)
    assert found["r_on"].covers(0.10)
    assert found["r_off"].covers(0.15)
    i, j = found.names.index("r_on"), found.names.index("r_off")
    assert found.correlation[i, j] > 0.6  # the 95 % interval of 0.9 in twelve devices begins at 0.67
    again = parameters(found.save(tmp_path / "all.toml"))
    assert again.spread["r_on"].relative == found["r_on"].value
    assert again.spread["r_on"].how == "fitted"
    with pytest.raises(MeasurementError, match="at least 3 fits"):
        spread_of(fits[:2])


@pytest.mark.references
@pytest.mark.parametrize(
    ("name", "most", "series"), [("nbsto_iv_r10um_2V", 0.034, 53.0), ("nbsto_instrument_export", 0.029, None)]
)
def test_real_sweeps_of_both_formats_are_fitted(references, name, most, series):
    """An earlier analysis of these files left 0.034 and 0.027 to 0.029 decades with its best model."""
    sweep = read_sweep(references / "measured" / f"{name}.csv", step=0.0827)
    fit = fit_sweep(INTERFACE, sweep, key=jr.key(0), starts=4)
    assert fit.error_fit <= most
    assert fit.n_effective < 0.2 * fit.n
    if series is not None:
        # The packaged set is another device: its own bounds led into a local minimum of 0.039 decades and more.
        other = fit_sweep("nbsto_interface", sweep, key=jr.key(0), starts=4)
        assert other.error_fit == pytest.approx(fit.error_fit, rel=0.02)
        assert fit["r_series"].value == pytest.approx(series, rel=0.1)
        assert fit["ideality"].value == pytest.approx(1.93, rel=0.05)
        assert fit["offset"].covers(-0.55e-9)
