"""Hardware in the forward pass: exact where it is exact, as noisy as the chip where it is not, and of use."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core.errors import ChipError, InputError
from mho.crossbars import Chip, PulseWidth, Tile
from mho.devices.statistics import AcceptedArray
from mho.networks import DeviceNoise, DropConnect, Hardware, WeightNoise, fit
from mho.networks.training import clipped
from mho.networks.weights import weight_matrices

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def layer():
    return eqx.nn.Linear(48, 40, key=KEY)


def test_without_anything_the_pass_is_the_layer_and_gradients_go_through_noise(layer):
    """Noise and rounding move the value, not the slope: the gradient of a sum of outputs is that of exact weights. The
    largest input and output touch the ends of their ranges, where a slope is 1 as well."""
    x = jax.random.normal(KEY, (48,))

    def total(layer, hardware):
        return jnp.sum(hardware.on(layer, key=KEY)(x))

    np.testing.assert_allclose(Hardware().on(layer, key=KEY)(x), layer(x), atol=1e-6)
    value, exact = jax.value_and_grad(total)(layer, Hardware())
    quantised = Hardware((WeightNoise(0.1),), input_bits=4, output_bits=4, read_noise=0.05)
    noisy, slope = jax.value_and_grad(total)(layer, quantised)
    assert noisy != value
    rounded = Hardware(input_bits=4).on(layer, key=None).weight
    np.testing.assert_allclose(slope.bias, exact.bias)
    np.testing.assert_allclose(slope.weight, jnp.broadcast_to(_rounded(x, 4), slope.weight.shape), atol=1e-6)
    assert rounded.name == "weights"


def _rounded(x, bits):
    most, levels = jnp.max(jnp.abs(x)), 2.0 ** (bits - 1) - 1
    return most * jnp.round(x / most * levels) / levels


def test_outputs_lie_on_the_steps_of_their_range_and_end_with_it(layer):
    """Codes of 3 bits are -3 to 3 (single precision: 1e-5 of a step)."""
    x = jax.random.normal(KEY, (64, 48))
    hardware = Hardware(output_bits=3).ranged(layer, x)
    y = jax.vmap(hardware.on(layer, key=None))(2.0 * x) - layer.bias
    largest = float(hardware.ranges["weights"][1])
    assert largest == pytest.approx(np.percentile(np.abs(jax.vmap(layer)(x) - layer.bias), 99.9), rel=1e-5)
    codes = np.asarray(y) / largest * 3
    np.testing.assert_allclose(codes, np.round(codes), atol=1e-5)
    assert np.abs(codes).max() == pytest.approx(3.0)


def test_noise_of_a_device_is_that_of_a_chip_of_it(layer):
    """Errors of 1920 weights, right after programming and a month later, of a chip and of the training noise: their
    standard deviations agree to 10 % (two samples of 1920 normal errors differ by 2.3 % in one of three cases)."""
    tile = Tile(mho.parameters("pcm_hermes2").device(), 64, 128, inputs=PulseWidth(8))
    month = 30 * 86_400.0
    chip, _ = Chip(tile).program({"weights": np.asarray(layer.weight)}, key=KEY)
    ages = {None: chip, (month, month): chip.advance(month, key=KEY)}
    for times, aged in ages.items():
        noise = DeviceNoise.of(tile, times=times, compensated="none")
        trained = noise(layer.weight, key=jax.random.key(1)) - layer.weight
        held = aged.weights(matrix="weights") - layer.weight
        assert float(jnp.std(trained)) == pytest.approx(float(jnp.std(held)), rel=0.1), times


def test_compensation_in_training_undoes_a_common_decay(layer):
    """Cells that all lose the same share: each output's gain makes it good (1e-4: the cells at rest lose, too)."""
    device = AcceptedArray(1e-9, 90e-6, 0.0, 0.0)
    tile = Tile(mho.devices.effects.with_overlay(device, _falling()), 64, 128)
    errors = {}
    for how in ("none", "global", "output"):
        noise = DeviceNoise.of(tile, times=(1e4, 1e4), compensated=how)
        errors[how] = float(jnp.std(noise(layer.weight, key=KEY) - layer.weight) / jnp.std(layer.weight))
    assert errors["none"] > 0.2
    assert max(errors["global"], errors["output"]) < 1e-3


def _falling():
    drift = mho.devices.effects.PowerLawDrift(nu=0.05, t_0=1.0)
    return mho.devices.effects.Overlay(drift=drift)


def test_weights_are_dropped_and_clipped(layer):
    dropped = DropConnect(0.25)(layer.weight, key=KEY) == 0.0
    assert float(jnp.mean(dropped)) == pytest.approx(0.25, abs=0.03)  # three deviations of 1920 draws
    few = clipped(layer, 1.0)
    end = float(jnp.std(layer.weight))
    assert float(jnp.max(jnp.abs(few.weight))) == pytest.approx(end)
    np.testing.assert_array_equal(few.bias, layer.bias)


def test_what_cannot_be_trained_with_is_named(layer):
    with pytest.raises(ChipError, match=r"WeightNoise\(sigma"):
        DeviceNoise.of(Tile(mho.parameters("reram_es").device()))
    with pytest.raises(ChipError, match="swapped"):
        DeviceNoise.of(Tile(mho.parameters("pcm_joshi").device()), times=(10.0, 1.0))
    with pytest.raises(ChipError, match="output_bits is 1"):
        Hardware(output_bits=1)
    with pytest.raises(InputError, match="3 samples, 2 labels"):
        fit(layer, np.zeros((3, 48)), np.zeros(2, int), key=KEY, batch=2)


def test_a_network_learns_under_noise():
    """A circle's inside and outside: the loss falls to less than half while weights shake by a tenth of the largest."""
    x = jax.random.normal(KEY, (256, 2)) * 1.5
    labels = (jnp.linalg.norm(x, axis=1) < 1.5).astype(jnp.int32)
    network = eqx.nn.MLP(2, 2, 24, 1, key=KEY)
    found = fit(network, x, labels, key=KEY, epochs=60, batch=32, hardware=Hardware((WeightNoise(0.1),)), clip=2.5)
    assert found.losses[-1] < 0.5 * found.losses[0]
    assert set(weight_matrices(found.network)) == {"layers.0", "layers.1"}
