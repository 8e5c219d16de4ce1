"""The array form of a pulse train against the ECRAM's own event face, one method call a pulse."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.devices import Pulse, parameters
from mho.fitting import read_pulses
from mho.fitting.train import during_pulse, pulse_train, readings

FORMS = {
    "reference": {},
    "three modes": {"weights": (0.5, 0.3, 0.2), "tau": (1e-3, 20e-3, 0.3)},
    "power-law read-out": {"exponent": 1.7},
    "held release, long pulses": {"hold": 10.0, "tau": (2e-3, 10e-3)},
    "non-volatile write": {"write_share": 0.02, "consolidation": 5.0},
    "negative polarity": {"polarity": -1.0},
}


def file(tmp_path, width, amplitudes=(1.0, 1.1, 0.9, -0.8, 1.0, 1.0, 0.9, 1.1)):
    lines = ["sweep, t [ms], v_gate [V], width [us], g [uS]"]
    for sweep in (1, 2):
        t = 1.0
        for k, amplitude in enumerate(amplitudes):
            t += (3.0, 7.0, 1.5, 40.0)[k % 4] + 1e-3 * width
            lines += [f"{sweep},{t:.6f},{amplitude},{width},", f"{sweep},{t + 1e-3 * width + 0.4:.6f},0,,50"]
            lines += [f"{sweep},{t + 1e-3 * width + 1.2:.6f},0,,50"]
    path = tmp_path / "train.csv"
    path.write_text("\n".join(lines))
    return read_pulses(path)


def one_by_one(device, m):
    """Every reading by a plain walk through the rows with the device's own methods; noise off."""
    relax = eqx.filter_jit(lambda d, s, dt: d.relax(s, dt))
    pulse = eqx.filter_jit(lambda d, s, a, w: d.prepare(Pulse(a, w))(d, s))
    state, found, now = device.rest(), [], None
    for row in range(len(m.t)):
        if row == 0 or m.sweep[row] != m.sweep[row - 1]:
            state, now = eqx.tree_at(lambda s: (s.q, s.z), state, (device.rest().q, device.rest().z)), m.t[row]
        state, now = relax(device, state, jnp.asarray(max(m.t[row] - now, 0.0))), m.t[row]
        if np.isfinite(m.width[row]) and m.v_gate[row] != 0:
            state = pulse(device, state, jnp.asarray(m.v_gate[row]), jnp.asarray(m.width[row]))
            now = m.t[row] + m.width[row]
        else:
            found.append(float(device.conductance(state)))
    return np.asarray(found)


@pytest.mark.parametrize("name", FORMS)
def test_the_train_is_the_devices_own_event_face(tmp_path, name, x64):
    device = dataclasses.replace(parameters("ecram_stp_ref").device(), **FORMS[name])
    m = file(tmp_path, 500.0 if "long" in name else 0.2)
    expected = one_by_one(device, m)
    found = np.asarray(jax.jit(readings)(device, pulse_train(m)))
    # Rounding: both are closed forms, but the array form subtracts exponentials from one, which costs some digits
    # where a gap
    # is short against the relaxation.
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_readings_during_a_pulse_are_found_for_masking(tmp_path):
    lines = ["t [ms], v_gate [V], width [ms], g [uS]"]
    for k in range(1, 8):
        lines += [f"{10 * k},1,2,", f"{10 * k + 1},0,,50", f"{10 * k + 3},0,,50"]
    path = tmp_path / "during.csv"
    path.write_text("\n".join(lines))
    np.testing.assert_array_equal(during_pulse(read_pulses(path)), [True, False] * 7)
