import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mho.core.errors import ParameterError
from mho.core.fields import cast
from mho.networks import Convention, StaticSynapse, TsodyksMarkram, noisy_train, steady_response, train


def synapse_of(*numbers, **rest):
    with jax.enable_x64(True):
        return cast(TsodyksMarkram(*numbers, **rest), np.float64)


@settings(max_examples=20, deadline=None)
@given(
    U=st.floats(0.01, 1.0),
    tau_f=st.floats(0.0, 1.0),
    tau_rec=st.floats(1e-3, 1.0),
    convention=st.sampled_from(Convention),
    gaps=st.lists(st.floats(1e-4, 2.0), min_size=12, max_size=12),
)
def test_utilisation_and_resource_are_shares(U, tau_f, tau_rec, convention, gaps):
    synapse = synapse_of(U, tau_f, tau_rec, convention=convention)
    efficacy, state = train(synapse, np.cumsum(gaps))
    assert np.all((np.asarray(efficacy) >= 0) & (np.asarray(efficacy) <= 1 + 1e-12))
    assert -1e-12 <= float(state.x) <= 1 + 1e-12
    assert 0 <= float(state.u) <= 1 + 1e-12


@settings(max_examples=10, deadline=None)
@given(U=st.floats(0.02, 0.9), rate=st.floats(1.0, 300.0), convention=st.sampled_from(Convention))
def test_steady_state_is_a_fixed_point(U, rate, convention):
    synapse = synapse_of(U, 0.2, 0.1, tau_psc=2e-3, convention=convention)
    with jax.enable_x64(True):
        state, efficacy = synapse.steady(np.float64(1 / rate))
        _, again = synapse.spike(state, np.float64(1 / rate))
    assert float(again) == pytest.approx(float(efficacy), rel=1e-11)


def test_conventions_that_are_the_same_and_those_that_are_not():
    times = np.cumsum(np.random.default_rng(0).exponential(0.05, 60))
    found = {c: np.asarray(train(synapse_of(0.3, 0.4, 0.2, convention=c), times)[0]) for c in Convention}
    assert np.max(np.abs(found[Convention.MM2002] - found[Convention.UMINUS_RELAX_U])) < 1e-12
    assert found[Convention.UPLUS_RELAX_U][0] == pytest.approx(0.3 * 1.7)  # U(2 - U)
    assert np.max(np.abs(found[Convention.MM2002] - found[Convention.TPM3])) > 1e-3
    quick = np.asarray(train(synapse_of(0.3, 0.4, 0.2, tau_psc=1e-9, convention=Convention.TPM3), times)[0])
    # without an active state in between the three-state resource is the two-state one
    assert np.max(np.abs(quick - found[Convention.MM2002])) < 1e-6


def test_derivative_is_finite_without_facilitation(x64):
    def efficacy(tau_f):
        synapse = TsodyksMarkram(0.5, tau_f, 0.8)
        state, _ = synapse.spike(synapse.rest(), 0.0)
        return synapse.spike(state, 0.01)[1]

    assert np.isfinite(float(jax.grad(efficacy)(0.0)))


def test_bad_numbers_are_named():
    with pytest.raises(ParameterError, match=r"TsodyksMarkram\.U"):
        TsodyksMarkram(1.5, 0.1, 0.1)
    with pytest.raises(ParameterError, match="recovery time above 0"):
        TsodyksMarkram(0.5, 0.1, 0.0, convention=Convention.TPM3)


def test_static_synapse_does_not_change():
    synapse = cast(StaticSynapse(np.array([1.0, 2.0])), np.float32)
    found = np.asarray(train(synapse, np.arange(4) * 1e-3)[0])
    assert np.array_equal(found, np.repeat([[1.0], [2.0]], 4, axis=1))
    assert np.array_equal(found, np.asarray(noisy_train(synapse, np.arange(4) * 1e-3, key=jax.random.key(0))[0]))
    assert np.array_equal(steady_response(synapse, [1.0, 9.0]), [[1.0, 1.0], [2.0, 2.0]])
