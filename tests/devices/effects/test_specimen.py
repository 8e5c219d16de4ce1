"""Composition: one device, a batch, vmap, single precision, files of numbers, energies."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core import ParameterError
from mho.core.parameter_file import from_toml, read
from mho.devices import MODELS, Pulse, parameters
from mho.devices.effects import (
    EFFECTS,
    FlickerNoise,
    LogAging,
    Overlay,
    PowerLawDrift,
    Retention,
    Specimen,
    Stuck,
    TelegraphNoise,
    laid_over,
)

FULL = Overlay(
    drift=PowerLawDrift(nu=0.05, sigma_nu=0.01),
    retention=Retention(1e-9, 1.6e-19, 0.7),
    noise=(FlickerNoise(q=0.01, t_read=1e-6), TelegraphNoise(0.1, 1.0, 2.0)),
    wear=(LogAging(threshold=10.0, per_decade=0.1),),
    fault=Stuck(),
)


def table():
    head = parameters("ecram_ysz_wox").as_toml()

    def number(value):
        return {"value": value, "source": "mho", "where": "a test", "how": "assumed"}

    head["effects"] = {
        "ageing": {"model": "power_law_drift", "parameters": {"nu": number(0.05), "t_0": number("20 s")}},
        "one_over_f": {"model": "flicker_noise", "parameters": {"q": number(0.01), "t_read": number("1 us")}},
        "dead": {"model": "stuck", "parameters": {"share_low": number(0.02)}},
    }
    head["spread"]["g_max"] = {"relative": 0.2, "source": "mho", "where": "a test", "how": "assumed"}
    head["correlation"] = [
        {"between": ["efficacy", "g_max"], "value": -0.8, "source": "mho", "where": "a test", "how": "assumed"}
    ]
    return head


def of_table(given):
    return from_toml(given, MODELS, EFFECTS, laid_over, where="mine.toml")


def _life(device, v, key):
    first, second, third = jax.random.split(key, 3)
    state = device.pulse(device.rest(), Pulse(v, 0.3), key=first)
    state = device.relax(state, 100.0, temperature=310.0)
    state = device.pulse(state, Pulse(-0.7 * v, 0.3), key=second)
    return state, device.conductance(state), device.energy(state, Pulse(v, 0.3)), device.read(state, 0.1, key=third)


_jitted = eqx.filter_jit(_life)


def leaves(tree):
    return [np.asarray(x) for x in jax.tree.leaves(tree)]


def test_one_device_a_batch_and_vmap_are_the_same(x64):
    """A life without random numbers of shape (keys differ by construction): rounding only."""
    quiet = eqx.tree_at(lambda o: (o.noise, o.drift.sigma_nu), FULL, ((), np.asarray(0.0)))
    base = parameters("ecram_ysz_wox")
    device = mho.sample(Specimen(base.device(), quiet), *base.spreads(), n=3, key=jax.random.key(1))
    device = eqx.tree_at(lambda d: d.device.sigma_cycle, device, np.asarray(0.0))
    device = jax.tree.map(lambda x: jnp.broadcast_to(jnp.asarray(x, jnp.float64), (3,)), device)
    v = jnp.asarray([4.0, 5.0, -5.0])
    quiet_life = eqx.filter_jit(lambda d, v: _life(d, v, jax.random.key(0))[1:3])
    batch = leaves(quiet_life(device, v))
    mapped = leaves(eqx.filter_jit(jax.vmap(lambda d, v: _life(d, v, jax.random.key(0))[1:3]))(device, v))
    for a, b in zip(batch, mapped, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    for k in range(3):
        one = leaves(quiet_life(jax.tree.map(lambda x, k=k: x[k], device), v[k]))
        np.testing.assert_allclose([x[k] for x in batch], one, rtol=1e-12)


def test_single_precision_follows_double():
    """The same life in both: 1e-5 of the conductance and of the energy (rounding of float32 through some ten steps)."""
    device = Specimen(parameters("ecram_ysz_wox").device(), FULL)
    _, g, energy, i = _jitted(jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), device), 5.0, jax.random.key(0))
    assert g.dtype == energy.dtype == i.dtype == jnp.float32
    with jax.enable_x64(True):
        exact = _jitted(jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), device), 5.0, jax.random.key(0))
    np.testing.assert_allclose([float(g), float(energy)], [float(exact[1]), float(exact[2])], rtol=1e-5)


def test_no_effect_is_no_change():
    """An empty overlay leaves pulses, reads and energies of the device as they are, bit by bit."""
    device = parameters("ecram_ysz_wox").device()
    plain = Specimen(device)
    of_device, _ = jax.random.split(jax.random.key(0))
    pulse = Pulse(5.0, 0.3)
    state, same = (
        device.pulse(device.rest(), pulse, key=of_device),
        plain.pulse(plain.rest(), pulse, key=jax.random.key(0)),
    )
    for a, b in zip(leaves(state), leaves(same.inner), strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(device.conductance(state)) == float(plain.conductance(same))
    assert float(device.energy(state, pulse)) == float(plain.energy(same, pulse))
    assert float(device.read(state, 0.1, key=of_device)) == float(plain.read(same, 0.1, key=jax.random.key(0)))
    assert laid_over(device, {}) is device


def test_a_file_with_effects_builds_the_specimen_and_reads_back(tmp_path):
    numbers = of_table(table())
    device = numbers.device()
    assert isinstance(device, Specimen)
    assert type(numbers.device(bare=True)) is type(device.bare)
    assert float(device.overlay.drift.t_0) == 20.0
    assert float(device.overlay.fault.share_low) == 0.02
    assert "ageing.nu" in numbers.every_number()
    again = read(numbers.save(tmp_path / "mine.toml"), MODELS, EFFECTS, laid_over)
    assert again == numbers


def test_spreads_reach_the_device_inside_with_their_correlation():
    """Correlation of 4000 drawn logarithms within four standard errors, (1 - r^2)/sqrt(n)."""
    numbers = of_table(table())
    population = mho.sample(
        numbers.device(), *numbers.spreads(), n=4000, key=jax.random.key(2), correlation=numbers.correlation()
    )
    logs = np.log([population.bare.efficacy, population.bare.g_max])
    assert abs(np.corrcoef(logs)[0, 1] + 0.8) < 4 * (1 - 0.64) / np.sqrt(4000)
    assert population.conductance(population.rest()).shape == (4000,)
    assert parameters("ecram_ysz_wox").correlation() is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(between=["efficacy", "tau"]), "name two that have a spread: efficacy, g_max"),
        (lambda c: c.update(between=["g_max", "g_max"]), "name two that have a spread"),
        (lambda c: c.update(value=1.5), "must be in"),
        (lambda c: c.pop("where"), "correlation has no 'where'"),
    ],
)
def test_a_wrong_correlation_is_refused(change, message):
    given = table()
    change(given["correlation"][0])
    with pytest.raises(ParameterError, match=message):
        of_table(given)


def test_a_stuck_cell_of_two_terminals_costs_the_energy_of_its_own_conductance():
    """Stuck at ten times the conductance: ten times the energy where current flows through the cell."""
    device = parameters("pcm_nandakumar_sets").device(bare=True)
    stuck = Specimen(device, Overlay(fault=Stuck(which=1.0)))
    state, pulse = stuck.rest(), Pulse(1.0, 50e-9)
    expected = float(device.energy(state.inner, pulse) * stuck.conductance(state) / device.conductance(state.inner))
    assert float(stuck.energy(state, pulse)) == pytest.approx(expected, rel=1e-6)
