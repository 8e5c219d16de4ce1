"""The fit of the event face: the packaged measurement, options, reports, and what the data cannot tell."""

from __future__ import annotations

import time
from pathlib import Path

import jax.random as jr
import numpy as np
import pytest

from mho.core import MeasurementError
from mho.devices import parameters
from mho.fitting import fit, packaged_measurement, read_pulses

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "make_packaged_measurement.py"
TRUTH = {
    "g_rest": 40e-6, "g_volatile": 30.638e-6, "efficacy": 1 / 12, "v_0": 0.25, "consolidation": 0.05, "weight[0]": 0.75,
    "weight[1]": 0.25, "tau[0]": 20e-3, "tau[1]": 200e-3, "sigma_read": 0.002, "sigma_cycle": 0.05, "r_step": 1.5e3,
    "r_rest": 25e3,
}  # fmt: skip


@pytest.fixture(scope="module")
def packaged():
    said = []
    start = time.process_time()
    result = fit(read_pulses(packaged_measurement()), key=jr.key(0), progress=lambda share, text: said.append(share))
    return result, time.process_time() - start, said


@pytest.fixture(scope="module")
def maker(loaded):
    return loaded(SCRIPT)


def test_the_generating_parameters_lie_in_their_intervals(packaged):
    missed = [name for name, value in TRUTH.items() if not packaged[0][name].covers(value)]
    # Thirteen intervals of 95 %: two misses are no surprise (14 % of the time), three are (2.5 %). The resistance per
    # spike is
    # what the paper states, and must not be among them.
    assert len(missed) <= 2, missed
    assert "r_step" not in missed


def test_the_intervals_are_narrow_enough_to_say_something(packaged):
    for name in ("g_volatile", "efficacy", "tau[0]", "tau[1]", "r_step"):
        e = packaged[0][name]
        assert e.high / e.low < 1.2, name
    assert packaged[0]["r_step"].value == pytest.approx(1.5e3, rel=0.03)


def test_two_modes_are_chosen_and_the_held_out_sweep_is_predicted_to_the_noise(packaged):
    f = packaged[0]
    assert f.modes == 2
    assert [c.model for c in f.candidates] == ["1 mode", "2 modes", "3 modes", "4 modes"]
    # Read noise 0.2 % and the excess of 5 % of a jump of 6 % or less, some of it still there: 0.2 to 0.4 %.
    assert 0.002 < f.error_fit < 0.004
    assert f.error_held_out < 1.3 * f.error_fit
    assert np.all(f.measurement.reads.sweep[f.held_out] == f.measurement.reads.sweep[-1])


def test_it_is_quick_and_tells_its_progress(packaged):
    _, seconds, said = packaged
    assert seconds < 50.0  # processor seconds of two cores, so 25 s of waiting; about 15 are used
    assert said == sorted(said)
    assert said[-1] == 1.0


def test_the_fit_prints_as_a_table_with_errors_and_correlations(packaged):
    text = str(packaged[0])
    for part in ("g_volatile", "tau[1]", "r_step", "held out", "BIC", "2 modes", "masked"):
        assert part in text


def test_the_parameter_set_says_what_was_fitted_and_survives_a_file(packaged, tmp_path):
    f = packaged[0]
    again = parameters(f.save(tmp_path / "mine.toml"))
    tau = again.numbers["tau"]
    assert tau.how == "fitted"
    assert tau.value == pytest.approx((f["tau[0]"].value, f["tau[1]"].value), rel=1e-15)
    assert tau.interval[0][0] == pytest.approx(f["tau[0]"].low)
    assert "ecram_stp_synthetic.csv" in again.sources[tau.source]["text"]
    assert len(again.sources["measurement"]["sha256"]) == 64
    assert again.numbers["r_ion"].how == "assumed"
    assert again.numbers["v_ref"].how == "stated"
    assert "r_ion" in again.note
    assert again.device().r_step == pytest.approx(f["r_step"].value, rel=1e-6)


def test_the_figure_is_drawn_and_a_wrong_suffix_named(packaged, tmp_path):
    for suffix in (".svg", ".png"):
        path = packaged[0].plot(tmp_path / f"fit{suffix}")
        assert path.stat().st_size > 20_000
    with pytest.raises(MeasurementError, match=r"\.svg"):
        packaged[0].plot(tmp_path / "fit.jpeg")


def test_residuals_and_model_belong_together(packaged):
    f = packaged[0]
    good = np.isfinite(f.g)
    np.testing.assert_allclose(f.residual[good], f.g[good] / f.g_model[good] - 1)
    assert np.isnan(f.residual[~good]).all()
    assert f.n + f.held_out.sum() == good.sum()


def test_the_script_makes_the_packaged_file(maker, tmp_path):
    made = maker.main(tmp_path / "again.csv").read_text().splitlines()
    kept = packaged_measurement().read_text().splitlines()
    assert made[:9] == kept[:9]
    assert len(made) == len(kept)
    numbers = [(a.split(",")[-1], b.split(",")[-1]) for a, b in zip(made[9:], kept[9:], strict=True)]
    assert all((a == "") == (b == "") for a, b in numbers)
    # The random numbers are float32 and the last printed digit is 0.1 ohm: another processor may round it otherwise.
    np.testing.assert_allclose([float(a) for a, _ in numbers if a], [float(b) for _, b in numbers if b], atol=2e-4)


def small(path, lines):
    path.write_text("\n".join(["t [ms], v_gate [V], width [ns], g [uS]", *lines]))
    return read_pulses(path)


def test_options_out_of_range_are_named():
    m = read_pulses(packaged_measurement())
    for options, part in (
        ({"modes": 5}, "modes is 5"),
        ({"modes": "many"}, "'many'"),
        ({"hold_out": "first sweep"}, "hold_out"),
        ({"optional": ("g_min",)}, "'g_min'"),
        ({"fixed": {"colour": 1.0}}, "'colour'"),
        ({"fixed": {"efficacy": 1.5}}, "efficacy is 1.5"),
    ):
        with pytest.raises(MeasurementError, match=part):
            fit(m, key=jr.key(0), **options)


def test_one_amplitude_cannot_tell_the_hopping_voltage(tmp_path):
    lines = [x for k in range(1, 40) for x in (f"{10 * k},1,200,", f"{10 * k + 1},0,,{50 + k % 2}")]
    with pytest.raises(MeasurementError, match=r"v_0 cannot be identified, all pulses have 1 V"):
        fit(small(tmp_path / "a.csv", lines), key=jr.key(0), optional=("v_0",))


def test_pulses_that_do_nothing_are_told(tmp_path):
    rng = np.random.default_rng(0)
    lines = [x for k in range(1, 60) for x in (f"{10 * k},1,200,", f"{10 * k + 1},0,,{50 + 0.1 * rng.normal()}")]
    with pytest.raises(MeasurementError, match=r"cannot be identified.*stronger or more pulses"):
        fit(small(tmp_path / "a.csv", lines), key=jr.key(0))


def test_too_few_readings_for_the_parameters_are_counted(tmp_path):
    lines = [x for k in range(1, 8) for x in (f"{10 * k},1,200,", f"{10 * k + 1},0,,{50 + k}")]
    with pytest.raises(MeasurementError, match=r"readings are left for .* at least"):
        fit(small(tmp_path / "a.csv", lines), key=jr.key(0))
