import equinox as eqx
import jax
import numpy as np
import pytest

import mho
from mho.core.errors import InputError
from mho.core.fields import cast
from mho.devices import Pulse
from mho.networks import (
    BandPass,
    DeviceSynapse,
    Resource,
    ReversedDevice,
    corner_rate,
    exact_peak_rate,
    first_efficacy,
    measured_peak,
    peak_rate,
    steady_response,
    train,
    train_response,
)

PULSE = Pulse(1.0, 200e-9)
RATES = np.geomspace(1.0, 1e5, 61)


@pytest.fixture(scope="module")
def device():
    nominal = mho.parameters("ecram_stp_ref").device()
    return eqx.tree_at(lambda d: d.consolidation, nominal, np.zeros(()))


@pytest.fixture(scope="module")
def one_mode(device):
    """The reference device with the slow mode alone: Tsodyks-Markram facilitation with U = 1/12, tau_f = 200 ms."""
    return eqx.tree_at(lambda d: (d.weights, d.tau), device, ((np.ones(()),), (np.asarray(0.2),)))


def volatile(device, **rest):
    """Efficacy as the loaded share u: the non-volatile conductance subtracted."""
    base, unit = float(device.g_rest), float(device.g_volatile)
    return DeviceSynapse.of(device, PULSE, baseline=base, unit=unit, dtype=np.float64, **rest)


def with_resource(synapse, tau_rec):
    with jax.enable_x64(True):
        return BandPass(synapse, cast(Resource(tau_rec), np.float64))


def test_facilitation_alone_is_a_high_pass(device):
    synapse = volatile(device)
    response = steady_response(synapse, RATES)
    assert np.all(np.diff(response) > 0)
    assert response[0] / first_efficacy(synapse) == pytest.approx(1.0, abs=0.01)
    assert response[-1] == pytest.approx(1.0, rel=0.02)  # fully loaded
    half = np.interp(0.5, response, RATES)
    # one-number corner 1/(U tau) for 65 ms of mean time: a device of two modes is half loaded within 40 % of it
    assert half == pytest.approx(corner_rate(1 / 12, 65e-3), rel=0.4)


def test_simulated_and_closed_response_agree(device):
    synapse = with_resource(volatile(device), 20e-3)
    rates = np.array([1.0, 30.0, 100.0, 1e3, 1e5])
    simulated = train_response(synapse, rates, spikes=600)
    closed = steady_response(synapse, rates)
    # what 600 spikes leave of the start: the resource contracts by 1 - u >= 1 - 1/12 a spike, the loading likewise, but
    # its slow mode keeps (1 - U a_2)^600 = 3e-6
    assert np.max(np.abs(simulated[:, -1] / closed - 1)) < 1e-4
    assert simulated[:, 0] == pytest.approx(float(first_efficacy(synapse)))


@pytest.mark.parametrize("tau_rec", [2e-3, 20e-3, 0.2])
def test_peak_of_one_mode_is_where_theory_puts_it(one_mode, tau_rec):
    fine = np.geomspace(0.5, 2e3, 400)
    found = measured_peak(fine, steady_response(with_resource(volatile(one_mode), tau_rec), fine))[0]
    # the exact formula; the parabola through a grid of 2 % steps is good to 1e-4
    assert found == pytest.approx(exact_peak_rate(1 / 12, 0.2, tau_rec), rel=2e-4)


def test_leading_order_of_the_peak():
    """1/sqrt(U tau_f tau_rec) is approached as U falls, for equal times; depression alone has no peak."""
    errors = [exact_peak_rate(U, 0.2, 0.2) / peak_rate(U, 0.2, 0.2) - 1 for U in (1e-2, 1e-4, 1e-6)]
    assert np.all(np.abs(errors) < np.array([0.2, 0.02, 0.002]))
    assert np.isnan(exact_peak_rate(0.5, 0.01, 0.8))


def test_a_reversed_device_makes_a_band_pass_too(device):
    quick = eqx.tree_at(lambda d: (d.polarity, d.tau), device, (np.asarray(-1.0), (np.asarray(1e-3), np.asarray(5e-3))))
    tiring = DeviceSynapse.of(quick, PULSE, dtype=np.float64)
    synapse = BandPass(volatile(device), ReversedDevice(tiring))
    response = steady_response(synapse, RATES)
    peak, top = measured_peak(RATES, response)
    assert corner_rate(1 / 12, 65e-3) < peak < corner_rate(1 / 12, 1e-3)
    assert top > 1.5 * response[0]
    assert top > 1.5 * response[-1]
    simulated = np.asarray(train(synapse, np.arange(800) / 500.0)[0])
    assert simulated[0] == pytest.approx(float(first_efficacy(synapse)))
    assert simulated[-1] == pytest.approx(steady_response(synapse, [500.0])[0], rel=1e-6)


def test_an_idle_resource_changes_nothing(device):
    synapse = volatile(device)
    assert np.array_equal(steady_response(with_resource(synapse, 0.0), RATES), steady_response(synapse, RATES))


def test_no_inner_maximum_is_no_peak():
    rates = np.geomspace(1, 100, 11)
    assert np.isnan(measured_peak(rates, rates)[0])
    assert np.isnan(measured_peak(rates, -rates)[0])
    exact = -((np.log(rates) - np.log(17.0)) ** 2)
    assert measured_peak(rates, exact)[0] == pytest.approx(17.0, rel=1e-9)


@pytest.mark.parametrize(("rate", "message"), [(0.0, "above 0"), (np.nan, "above 0"), (1e7, "highest rate is 5 MHz")])
def test_bad_rates_are_named(device, rate, message):
    with pytest.raises(InputError, match=message):
        steady_response(volatile(device), [rate])
