"""The operation of a fitted set is that of its measurement, never the template's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mho.devices import parameters
from mho.fitting import RampTable, Sweep, packaged_measurement, read_pulses
from mho.fitting.model_fit import fitted_set
from mho.fitting.operated import of_pulses, of_ramps, of_sweep
from mho.fitting.result import Estimate

HERE = Path("synthetic.csv")


def values(operation):
    assert {n.source for n in operation.values()} <= {"measurement"}
    return {k: n.value for k, n in operation.items()}


def loop(sign, step=0.02):
    """A cell that comes back from a positive voltage with another current, and from a negative one the other way."""
    v = np.concatenate([np.linspace(0, 2, 21), np.linspace(2, -3, 51), np.linspace(-3, 0, 31)])
    g = np.where(np.arange(v.size) < 20, 1.0, np.where(np.arange(v.size) < 71, 1.0 + 0.5 * sign, 1.0))
    none = np.zeros(v.size, bool)
    return Sweep(HERE, step * np.arange(v.size), v, 1e-6 * g * v, np.ones(v.size, int), none, none)


@pytest.mark.parametrize(("sign", "up", "down"), [(1.0, 2.0, -3.0), (-1.0, -3.0, 2.0)])
def test_the_polarity_that_raises_is_told_by_the_loop(sign, up, down):
    assert values(of_sweep(loop(sign))) == {"v_up": up, "v_down": down, "t_up": 0.02, "t_down": 0.02}


def test_a_cell_without_a_loop_has_no_pulse():
    assert of_sweep(loop(0.0)) == {}


def test_gate_pulses_are_the_measured_ones():
    m = read_pulses(packaged_measurement())
    found = of_pulses(m, 1.0)
    widest = m.pulses.width[m.pulses.amplitude > 0]
    assert found["v_up"].value in m.pulses.amplitude
    assert widest.min() <= found["t_up"].value * 1.001
    assert ("v_down" in found) == bool(np.any(m.pulses.amplitude < 0))


def ramps(**about):
    g = np.stack([np.linspace(1e-6, 2e-6, 11), np.linspace(2e-6, 1e-6, 11)])
    return RampTable(HERE, ("up", "down"), g, device=np.ones(2, int), **about)


def test_ramps_tell_what_their_file_tells():
    told = ramps(amplitude=np.array([-3.0, 4.0]), width=np.array([1e-6, 2e-6]))
    assert values(of_ramps(told)) == {"v_up": 3.0, "v_down": -4.0, "t_up": 1e-6, "t_down": 2e-6, "pulses": 10.0}
    assert of_ramps(ramps()) == {}


def test_a_fitted_set_has_nothing_of_its_template_but_numbers_of_the_model():
    start = parameters("gst_pcm_kuzum")
    window = {name: start.numbers[name] for name in ("g_min", "g_max")}
    found = fitted_set(start, HERE, (Estimate("nonlinearity_up", 1.0, "1"),), where="", operation={}, given=window)
    assert not found.operation
    assert found.technology == ""
    assert not fitted_set(parameters("reram_array_om"), HERE, (), where="", operation={}).effects
    assert "tells no voltage and no width of a pulse" in found.note
    assert "g_max" not in found.note
