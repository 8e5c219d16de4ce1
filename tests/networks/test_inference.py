"""Accuracy over time and the bill of an inference, against what can be told by hand."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core.errors import ChipError, InputError
from mho.crossbars import PulseWidth, Quantiser, Tile, costs_at, digital_energy, tile_for, weight_capable
from mho.devices.statistics import AcceptedArray
from mho.metrics.inference import accuracy_kpi, bill_kpis, compensation_kpi, loss_kpi
from mho.networks import compiled
from mho.networks.bill import bill, totals
from mho.networks.inference import ages, over_time

KEY = jax.random.key(0)
INPUTS, CLASSES = 12, 3


@pytest.fixture(scope="module")
def layer():
    """Names the largest of three sums, of which the first has a handicap that a common gain upsets."""
    layer = eqx.nn.Linear(INPUTS, CLASSES, key=KEY)
    weight = np.repeat(np.eye(CLASSES), INPUTS // CLASSES, axis=1)
    return eqx.tree_at(lambda n: (n.weight, n.bias), layer, (jnp.asarray(weight, jnp.float32), jnp.array([1.0, 0, 0])))


@pytest.fixture(scope="module")
def data(layer):
    x = np.random.default_rng(0).uniform(0.0, 1.0, (200, INPUTS)).astype(np.float32)
    return x, np.argmax(np.asarray(jax.vmap(layer)(x)), axis=1)


@pytest.fixture(scope="module")
def tile():
    """Cells that are exact, and whose every pair loses 5 % of the weight per e-fold of time."""
    adc, inputs = Quantiser(10), PulseWidth(10)
    device = mho.devices.effects.with_overlay(
        AcceptedArray(1e-9, 50e-6, 0.0, 0.0),
        mho.devices.effects.Overlay(drift=mho.devices.effects.PowerLawDrift(nu=0.05, t_0=1.0)),
    )
    return Tile(device, 16, 16, inputs=inputs, adc=adc, costs=costs_at(22e-9, adc, inputs, columns=16))


def test_a_common_drift_upsets_decisions_and_one_gain_mends_them(layer, data, tile):
    x, labels = data
    found = over_time(
        layer, tile, x, labels, key=KEY, calibration=x[:50], times=(0.0, 1e6), programmings=2,
        compensations=("none", "global"),
    )  # fmt: skip
    assert found.exact == 1.0
    assert not found.failures
    fresh, late = found.band("none")[0]
    mended = found.band("global")[0][1]
    assert fresh > 0.98
    assert late < 0.9
    assert mended > 0.97
    price = found.price["global"]
    assert price.inferences == pytest.approx(32, rel=0.2)  # as many reference products as inferences, once each
    kpi = accuracy_kpi(found, "none", at=1e6)
    assert kpi.value == pytest.approx(late)
    assert kpi.n == 2
    assert loss_kpi(found, "none", at=1e6).value == pytest.approx(1.0 - late)
    assert compensation_kpi(price, "global").value == pytest.approx(price.inferences)


def test_the_bill_is_the_sum_of_what_happens(layer, data, tile):
    """One product of 3 x 12: 72 operations, 12 row pulses, 3 conversions; the SRAM baseline by its own formula."""
    x, _ = data
    chip = compiled(layer, tile, key=KEY).calibrate(x, key=KEY)
    (line,) = lines = bill(chip, x, key=KEY)
    costs = tile.costs
    assert (line.vectors, line.operations) == (1.0, 72.0)
    assert line.energy["adc"] == pytest.approx(3 * (float(costs.adc_energy) + float(costs.sample_energy)))
    assert line.energy["drivers"] == pytest.approx(12 * float(costs.driver_energy))
    assert line.digital["weights from SRAM"] == pytest.approx(digital_energy(3, 12, node=22e-9))
    u = np.abs(np.round(x / float(chip.chip.of("weights").product.input_range) * 511) / 511)
    cells = (
        0.2**2 * 51e-6 * 1e-9 * 511
    )  # v^2 times both cells of a pair times the longest pulse [J], the minus side at 1 nS
    assert line.energy["array"] == pytest.approx(np.mean(u.sum(axis=1)) * cells, rel=0.05)
    kpis = {k.name: k.value for k in bill_kpis(lines)}
    assert kpis["network.tops_per_watt"] == pytest.approx(1e-12 * 72 / totals(lines).total)
    bare = compiled(layer, eqx.tree_at(lambda t: t.costs, tile, None), key=KEY)
    with pytest.raises(ChipError, match="costs_at"):
        bill(bare, x, key=KEY)


def test_times_have_an_order(layer, data, tile):
    x, labels = data
    assert ages().size == 9
    with pytest.raises(InputError, match="ascending"):
        over_time(layer, tile, x, labels, key=KEY, calibration=x, times=(2.0, 1.0), programmings=1)


def test_every_set_that_takes_weights_makes_a_tile():
    able = [name for name in mho.devices.parameter_sets() if weight_capable(mho.parameters(name))]
    assert {"pcm_hermes2", "sonos_40nm", "ecram_mo_kim_pulse", "reram_es"} <= set(able)
    assert "selector_ots" not in able
    for name in ("sonos_40nm", "ecram_mo_kim_pulse"):
        low, high = tile_for(mho.parameters(name)).usable
        assert high > low
