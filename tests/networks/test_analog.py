"""Networks on chips: the same as in software where the hardware is exact, and booked, calibrated, kept as chips are."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core.errors import ChipError
from mho.crossbars import Chip, PerOutput, PulseWidth, Quantiser, Tile, costs_at
from mho.devices.statistics import AcceptedArray, NonlinearArray
from mho.networks.analog import compiled
from mho.networks.convolution import PatchConv, matrices_of
from mho.networks.folding import folded
from mho.networks.weights import weight_matrices

KEY = jax.random.key(0)
WIDTH = 8


def exact_tile(*, noise: float = 0.0, bits: int = 16) -> Tile:
    """Cells that hold what they are told, and are read with relative `noise`."""
    device = NonlinearArray(1e-6, 90e-6, 0.0, sigma_read=noise)
    adc, inputs = Quantiser(bits), PulseWidth(bits)
    return Tile(device, 16, 64, inputs=inputs, adc=adc, scaling=PerOutput(), costs=costs_at(22e-9, adc, inputs))


class Everything(eqx.Module):
    """A convolution in groups, attention, a gated cell in a scan, a matrix of its own, and a linear layer."""

    conv: eqx.nn.Conv1d
    attention: eqx.nn.MultiheadAttention
    cell: eqx.nn.GRUCell
    own: jax.Array
    head: eqx.nn.Linear

    def __init__(self):
        a, b, c, d, e = jax.random.split(KEY, 5)
        self.conv = eqx.nn.Conv1d(4, WIDTH, 2, groups=2, padding="SAME", key=a)
        self.attention = eqx.nn.MultiheadAttention(2, WIDTH, key=b)
        self.cell = eqx.nn.GRUCell(WIDTH, WIDTH, key=c)
        self.own = jax.random.normal(d, (WIDTH, WIDTH))
        self.head = eqx.nn.Linear(WIDTH, WIDTH, key=e)

    def __call__(self, x):
        x = self.conv(x).T
        x = self.attention(x, x, x)
        state, _ = jax.lax.scan(lambda h, row: (self.cell(row, h), None), jnp.zeros(WIDTH), x)
        return self.head(self.own @ jnp.tanh(state))


def test_every_layer_on_exact_cells_is_the_layer_in_software():
    """Drives of 16 bits (3e-5 of the largest input) through seven layers one after the other: 1e-4 of the largest."""
    network, x = Everything(), jax.random.normal(jax.random.key(1), (6, 4, 5))
    analog = compiled(network, exact_tile(), key=KEY, matrices=("own",))
    wanted = jax.vmap(network)(x)
    np.testing.assert_allclose(analog.ideal(x), wanted, atol=1e-4 * float(jnp.max(jnp.abs(wanted))))
    assert set(analog.slots) == set(weight_matrices(network, matrices=("own",)))
    assert "cell.weight_hh" in analog.slots


class Loop(eqx.Module):
    """A matrix that is used again and again."""

    head: eqx.nn.Linear

    def __call__(self, x):
        state, _ = jax.lax.scan(lambda h, row: (jnp.tanh(self.head(h) + row), None), jnp.ones(WIDTH), x)
        return self.head(state)


STEPS = 5


@pytest.fixture(scope="module")
def network():
    return Loop(eqx.nn.Linear(WIDTH, WIDTH, key=KEY))


@pytest.fixture(scope="module")
def samples():
    return 0.5 * jax.random.normal(jax.random.key(1), (6, STEPS, WIDTH))


@pytest.fixture(scope="module")
def analog(network, samples):
    """Calibrated with statistics, as it has to be able to: what follows holds for any calibrated network."""
    spoilt = compiled(network, exact_tile(noise=0.01), key=KEY)
    spoilt = eqx.tree_at(lambda n: n.chip.matrices["head"].product.gain, spoilt, jnp.full(WIDTH, 0.5))
    return spoilt.calibrate(samples, key=KEY, statistics=True)


def test_calibration_follows_the_data_and_matches_statistics(analog, network, samples):
    """A gain of one half, as a bad day would leave it, is made good by the outputs' statistics. What is left are reads
    of 1 % noise, six times one after the other: below 5 %. Inputs drive fully at the largest that flows."""
    wanted = jax.vmap(network)(samples)
    assert np.linalg.norm(analog(samples, key=KEY) - wanted) < 0.05 * np.linalg.norm(wanted)
    seen, _ = analog._flow(samples, KEY)["head"]
    assert len(seen) == len(samples) * (STEPS + 1)
    assert float(analog.chip.of("head").product.input_range) == pytest.approx(np.abs(seen).max(), rel=0.2)


def test_reads_differ_by_key_by_sample_and_by_step(analog, samples):
    twice = jnp.concatenate([samples[:1]] * len(samples))
    y = np.asarray(analog(twice, key=KEY))
    assert np.median(np.std(y, axis=0)) > 1e-3  # not the least: an output may lie beyond its converter's range
    np.testing.assert_array_equal(y, analog(twice, key=KEY))
    assert not np.array_equal(y, analog(twice, key=jax.random.key(1)))


def test_the_ledger_counts_every_step(analog, samples):
    """Six products a sample. The energy of the cells is that of the chip's own products with the same vectors (single
    precision: 1e-5), and outputs are those of a call that books nothing."""
    y, after = analog.run(samples, key=KEY)
    n = len(samples) * (STEPS + 1)
    counted = {k: after.ledger.counts[k] - analog.ledger.counts[k] for k in ("products", "operations")}
    assert counted == {"products": n, "operations": 2 * n * WIDTH**2}
    np.testing.assert_allclose(y, analog(samples, key=KEY), atol=1e-5)
    seen, _ = analog._flow(samples, KEY)["head"]
    _, chip = analog.chip.mvm(seen, key=KEY, matrix="head")
    for part in ("array", "adc", "communication"):
        assert after.ledger.energy[part] == pytest.approx(chip.ledger.energy[part], rel=1e-5), part
    assert after.ledger.time["products"] == pytest.approx(chip.ledger.time["products"])


def test_a_snapshot_holds_the_chip_and_the_digital_part(analog, network, samples, tmp_path):
    other = compiled(network, exact_tile(noise=0.01), key=jax.random.key(5))
    restored = other.restore(analog.snapshot().save(tmp_path / "chip.npz"))
    np.testing.assert_array_equal(restored(samples, key=KEY), analog(samples, key=KEY))


@pytest.mark.parametrize("bias", [True, False])
def test_a_snapshot_of_another_network_is_refused(bias):
    kept = compiled(eqx.nn.Linear(WIDTH, WIDTH, use_bias=bias, key=KEY), exact_tile(), key=KEY).snapshot()
    other = compiled(eqx.nn.Linear(WIDTH, WIDTH // 2, use_bias=bias, key=KEY), exact_tile(), key=KEY)
    with pytest.raises(ChipError, match=f"{WIDTH // 2} x {WIDTH} weights, and the snapshot {WIDTH} x {WIDTH}"):
        other.restore(kept)
    with pytest.raises(ChipError, match=r"a matrix 'layers\.0' .* and the snapshot none"):
        compiled(eqx.nn.Sequential([eqx.nn.Linear(WIDTH, WIDTH, key=KEY)]), exact_tile(), key=KEY).restore(kept)


def test_drift_is_remembered_and_compensated_with_its_price():
    layer = eqx.nn.Linear(WIDTH, WIDTH, key=KEY)
    x = jax.random.normal(jax.random.key(2), (64, WIDTH))
    device = AcceptedArray(1e-6, 90e-6, 0.0, 0.0, decay=-3e-6)
    tile = eqx.tree_at(lambda t: t.device, exact_tile(), device)
    before = compiled(layer, tile, key=KEY).calibrate(x, key=KEY).remember(x, key=KEY)
    late = before.advance(1e4, key=KEY)
    after = late.compensate("output", key=KEY)
    exact = jax.vmap(layer)(x)
    errors = [float(jnp.linalg.norm(n(x, key=KEY) - exact)) for n in (before, late, after)]
    assert errors[1] > 2 * errors[2] > errors[0]
    assert after.ledger.energy["calibration"] > late.ledger.energy["calibration"]


def test_what_cannot_be_mapped_is_named_with_the_cure():
    with pytest.raises(ChipError, match=r"own \(array \(8, 8\)\).*matrices=\('own',\).*digital=\('own',\)"):
        compiled(Everything(), exact_tile(), key=KEY)
    up = eqx.nn.ConvTranspose1d(1, 1, 2, key=KEY)
    with pytest.raises(ChipError, match="upsampling"):
        compiled(up, exact_tile(), key=KEY)
    with pytest.raises(ChipError, match="no weight matrix"):
        compiled(eqx.nn.Lambda(jnp.tanh), exact_tile(), key=KEY)
    big = eqx.nn.Linear(32, 32, key=KEY)
    with pytest.raises(ChipError, match="2 arrays"):
        compiled(big, Chip(exact_tile(), 1), key=KEY)


@pytest.mark.parametrize(
    "options",
    [
        {"padding": 1},
        {"padding": "SAME", "stride": 2, "dilation": (1, 2)},
        {"padding": ((1, 0), (2, 1)), "padding_mode": "REFLECT", "groups": 2},
        {"groups": 4, "use_bias": False},
    ],
)
@pytest.mark.parametrize("grouped", ["block", "separate"])
def test_a_convolution_by_patches_is_the_convolution(options, grouped):
    """Sums of at most 18 products in another order: 1e-5."""

    class Plain(eqx.Module):
        w: jax.Array

        def rows(self, x):
            return x @ self.w.T

    layer = eqx.nn.Conv2d(4, 8, (3, 2), key=KEY, **options)
    x = jax.random.normal(jax.random.key(3), (4, 7, 6))
    conv = PatchConv.of(layer, tuple(Plain(w) for w in matrices_of(layer, grouped)))
    np.testing.assert_allclose(conv(x), layer(x), atol=1e-5)


def test_normalisations_are_folded_or_frozen():
    """Trained statistics of both kinds; after a rectifier there is nothing to fold into, and it is frozen (1e-5)."""
    a, b = jax.random.split(KEY)
    norms = [eqx.nn.BatchNorm(3, "batch", mode=mode) for mode in ("ema", "batch")]
    network = eqx.nn.Sequential(
        [
            eqx.nn.Conv2d(2, 3, 2, use_bias=False, key=a),
            norms[0],
            eqx.nn.Lambda(jax.nn.relu),
            norms[1],
            eqx.nn.Conv2d(3, 2, 1, key=b),
        ]
    )
    state = eqx.nn.State(network)
    x = jax.random.normal(jax.random.key(4), (9, 2, 4, 4)) + 0.3
    _, state = jax.vmap(network, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)
    trained = eqx.nn.inference_mode(network)
    wanted, _ = jax.vmap(trained, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)
    plain = folded(trained, state)
    assert len(plain.layers) == 4
    np.testing.assert_allclose(jax.vmap(plain)(x), wanted, atol=1e-5)
    with pytest.raises(ChipError, match="state="):
        folded(trained)


def test_samples_that_do_not_fit_are_named():
    layer = compiled(eqx.nn.Sequential([eqx.nn.Linear(4, 3, key=KEY)]), exact_tile(), key=KEY)
    with pytest.raises(ChipError, match=r"'layers\.0' \(3 outputs, 4 inputs\).*first axis"):
        layer(np.ones(4), key=KEY)
    with pytest.raises(ChipError, match=r"entry \[1, 2\] is nan; 1 in all"):
        layer(np.array([[1, 1, 1, 1], [1, 1, np.nan, 1]]), key=KEY)
