"""Laws of the transistor."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mho.circuits import MOSFET, NMOS, PMOS
from mho.circuits.mosfet import channel_current
from mho.core.errors import ParameterError

COMPILED = jax.jit(channel_current)
VOLT = st.floats(-2.0, 2.0)


def device(kind=NMOS, **values):
    return MOSFET("d", "g", "s", "b", 1e-6, 0.13e-6, kind, **values)


def current(m, vd, vg, vs, vb=0.0, temperature=300.15):
    return float(COMPILED(m.prepared(temperature), *map(jnp.float64, (vd, vg, vs, vb)))[0])


@given(vd=VOLT, vg=VOLT, vs=VOLT)
@settings(max_examples=40, deadline=None)
def test_drain_and_source_are_alike(vd, vg, vs):
    with jax.enable_x64(True):
        assert current(device(), vd, vg, vs) == pytest.approx(-current(device(), vs, vg, vd), rel=1e-12, abs=1e-30)
        assert current(device(), vd, vg, vd) == 0.0


@given(vd=VOLT, vg=VOLT, vs=VOLT, vb=VOLT)
@settings(max_examples=40, deadline=None)
def test_p_channel_mirrors_n_channel(vd, vg, vs, vb):
    with jax.enable_x64(True):
        from mho.circuits import MOSFETModel

        p = MOSFETModel(polarity=-1, vto=NMOS.vto, kp=NMOS.kp, n=NMOS.n, theta=NMOS.theta, lambda_=NMOS.lambda_)
        n_current = current(device(), vd, vg, vs, vb)
        assert current(device(p), -vd, -vg, -vs, -vb) == pytest.approx(-n_current, rel=1e-12, abs=1e-40)


@pytest.mark.parametrize("kind", [NMOS, PMOS], ids=["n", "p"])
def test_slopes_are_the_derivatives(kind, x64):
    # Newton's method uses hand-written slopes: they must be those of the current, or it cycles.
    v = [jnp.asarray(x) for x in np.random.default_rng(2).uniform(-1.5, 1.5, (4, 500))]
    p = device(kind).prepared(300.15)
    _, by_d, by_g, by_s = jax.jit(lambda *v: channel_current(p, *v))(*v)
    for slope, k in ((by_d, 0), (by_g, 1), (by_s, 2)):
        tangents = [jnp.ones_like(x) if i == k else jnp.zeros_like(x) for i, x in enumerate(v)]
        _, exact = jax.jvp(lambda *v: channel_current(p, *v)[0], tuple(v), tuple(tangents))
        np.testing.assert_allclose(slope, exact, rtol=1e-9, atol=1e-24)


def test_current_rises_with_drain_voltage(x64):
    # The form of the mobility term is chosen so that the drain conductance never turns negative.
    vd = np.linspace(0, 2, 400)
    p = device().prepared(300.15)
    for vg in (0.2, 0.5, 1.0, 2.0):
        i = channel_current(p, jnp.asarray(vd), jnp.full(400, vg), jnp.zeros(400), jnp.zeros(400))[0]
        assert np.all(np.diff(i) > 0)


def test_subthreshold_slope_and_temperature(x64):
    ratio = current(device(), 1.0, -0.1, 0.0) / current(device(), 1.0, -0.2, 0.0)
    ut = 8.617333262e-5 * 300.15
    assert np.log(ratio) == pytest.approx(0.1 / (1.3 * ut), rel=1e-3)  # deep below threshold: n u_t per e-fold
    assert current(device(), 1.0, 0.2, 0.0, temperature=330) > 2 * current(
        device(), 1.0, 0.2, 0.0
    )  # leaks more when hot
    assert current(device(), 1.0, 1.5, 0.0, temperature=330) < current(device(), 1.0, 1.5, 0.0)  # and drives less


def test_mismatch_fields_shift_threshold_and_scale_current(x64):
    assert current(device(delta_vto=0.01), 1.0, 0.51, 0.0) == pytest.approx(current(device(), 1.0, 0.5, 0.0), rel=1e-12)
    assert current(device(beta_scale=1.1), 1.0, 0.5, 0.0) == pytest.approx(1.1 * current(device(), 1.0, 0.5, 0.0))


def test_bad_geometry_is_named():
    with pytest.raises(ParameterError, match=r"MOSFET\.w is 0"):
        MOSFET("d", "g", "s", "b", 0.0, 1e-6, NMOS)
