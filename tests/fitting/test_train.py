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


@eqx.filter_jit
def _relax(device, state, duration):
    return device.relax(state, duration)


@eqx.filter_jit
def _pulse(device, state, amplitude, width):
    return device.prepare(Pulse(amplitude, width))(device, state)


_readings = jax.jit(readings)


def one_by_one(device, m):
    """Every reading by a plain walk through the rows with the device's own methods; noise off."""
    state, found, now = device.rest(), [], None
    for row in range(len(m.t)):
        if row == 0 or m.sweep[row] != m.sweep[row - 1]:
            state, now = eqx.tree_at(lambda s: (s.q, s.z), state, (device.rest().q, device.rest().z)), m.t[row]
        state, now = _relax(device, state, jnp.asarray(max(m.t[row] - now, 0.0))), m.t[row]
        if np.isfinite(m.width[row]) and m.v_gate[row] != 0:
            state = _pulse(device, state, jnp.asarray(m.v_gate[row]), jnp.asarray(m.width[row]))
            now = m.t[row] + m.width[row]
        else:
            found.append(float(device.conductance(state)))
    return np.asarray(found)


@pytest.mark.parametrize("name", FORMS)
def test_the_train_is_the_devices_own_event_face(tmp_path, name, x64):
    device = dataclasses.replace(parameters("ecram_stp_ref").device(), **FORMS[name])
    m = file(tmp_path, 500.0 if "long" in name else 0.2)
    expected = one_by_one(device, m)
    found = np.asarray(_readings(device, pulse_train(m)))
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


def test_forward_differences_agree_with_automatic_differentiation(tmp_path, x64):
    from mho.fitting import event_face
    from mho.fitting.estimate import Problem

    m = file(tmp_path, 0.2)
    train, base = pulse_train(m), parameters("ecram_stp_ref").device()
    layout = event_face.Layout(1)
    theta = np.log([40e-6, 30e-6, 0.09, 0.25, 1.0, 0.05, 20e-3])
    values = np.zeros(len(m.reads.t))
    problem = Problem(layout.names, theta - 1, theta + 1, values, values + 1, event_face.curve(train, base, 1))
    found = problem.jacobian(theta[None], problem.curve(theta[None]), np.ones(len(theta), bool))[0]
    whole = jax.tree.map(jnp.asarray, train)
    answer = jax.jit(jax.jacfwd(lambda x: jnp.log(readings(event_face.device_at(x, base, 1), whole))))
    exact = answer(jnp.asarray(theta))
    # A step of 1e-6 leaves half of it times the curvature, and rounding of 1e-16 / 1e-6.
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-7)
