"""The chip: products against matrices, noise against draws cell by cell, time, power, repair, checks and the ledger."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core.errors import ChipError
from mho.crossbars import (
    Amplitude,
    Balanced,
    BitSerial,
    Checksum,
    Chip,
    Corrected,
    DifferentialPair,
    Granular,
    Largest,
    Partner,
    PulseWidth,
    Quantiser,
    SingleCell,
    SpareWords,
    Tile,
    Unbalanced,
    costs_at,
)
from mho.devices import parameters

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
OUT, IN, N = 20, 50, 16
W = RNG.normal(size=(OUT, IN)) * 0.05
W[3, 4] = 0.3  # asymmetric data: a transposed or reversed matrix would not pass
X = RNG.normal(size=(N, IN)).astype(np.float32)
Y = X @ W.T


def exact_cell():
    """A programmed cell without any error."""
    d = parameters("reram_neurram").device()
    return eqx.tree_at(lambda d: (d.sigma_first, d.sigma_second, d.sigma_third), d, ((np.float64(0.0),),) * 3)


def off(y, reference=Y):
    return float(np.linalg.norm(np.asarray(y) - reference) / np.linalg.norm(reference))


def small(device=None, **parts):
    standard = {"rows": 32, "columns": 64, "window": (2e-6, 38e-6), "adc": Quantiser(16), "inputs": PulseWidth(12)}
    return Tile(exact_cell() if device is None else device, **{**standard, **parts})


@pytest.fixture(scope="module")
def pcm():
    """A chip of drifting, noisy cells: 256 x 40 weights in one block of rows."""
    tile = Tile(parameters("pcm_joshi").device(), rows=256, columns=80, adc=Quantiser(12), inputs=PulseWidth(10))
    w = np.random.default_rng(1).normal(size=(40, 256)) * 0.1
    chip, _ = Chip(tile).program(w, key=KEY)
    return chip, w


ENCODINGS = {
    "pair": DifferentialPair(),
    "pair in the middle, lines apart": DifferentialPair(rest="middle", subtraction="digital"),
    "copies, corrected": DifferentialPair(digits=Corrected((1.0, 0.125)), copies=2),
    "slices": DifferentialPair(digits=Unbalanced(5, 4)),
    "balanced slices": DifferentialPair(digits=Balanced(4, 4)),
    "unit column": SingleCell(slices=5, levels=4),
    "digital offset": SingleCell(zero_at=0.4, correction="digital"),
}


@pytest.mark.parametrize(("kind", "encoding"), ENCODINGS.items())
def test_a_product_is_the_matrix_product(kind, encoding):
    """Twelve bits in and 16 bits out: 1.5e-3 of the norm of what the weights on the chip give, whatever the way.

    The weights themselves are rounded to a share of the largest, which is six times their root mean square: 1/511 of it
    is 3.3e-3 of their norm at worst (a uniform error).
    """
    drive = {"pair": Amplitude(12), "slices": BitSerial(12, signs="two phases")}.get(kind, PulseWidth(12))
    chip, _ = Chip(small(encoding=encoding, inputs=drive)).program(W, key=KEY)
    assert chip.of("weights").grid.row_blocks == 2
    chip = chip.calibrate(X, key=KEY, how=Largest(0.01))
    y, _ = chip.mvm(X, key=KEY)
    assert off(y, X @ np.asarray(chip.weights()).T) < 1.5e-3
    assert off(chip.weights(), W) < (3.5e-3 if "slices" in kind or kind == "unit column" else 1e-5)
    assert off(chip.of("weights").exact(), W) < 1e-6


def test_products_are_linear_and_keep_their_shape():
    chip, _ = Chip(small()).program({"a": W, "b": -2.0 * W[:7]}, key=KEY)
    chip = chip.calibrate(X, key=KEY, matrix="a", how=Largest()).calibrate(X, key=KEY, matrix="b", how=Largest())
    y, _ = chip.mvm(X.reshape(2, 8, IN), key=KEY, matrix="a")
    assert y.shape == (2, 8, OUT)
    other, _ = chip.mvm(-0.5 * X, key=KEY, matrix="b")
    assert off(other, np.asarray(y).reshape(N, OUT)[:, :7]) < 1.5e-3
    gradient = jax.grad(lambda x: jnp.sum(chip.mvm(x, key=KEY, matrix="a")[0]))(jnp.asarray(X))
    assert off(gradient, np.broadcast_to(W.sum(axis=0), X.shape)) < 1e-5
    assert "2 x" in chip.placement().report()


def test_noise_of_a_line_is_that_of_its_cells(pcm):
    """Lines' noise in one draw against 400 reads of every cell: variances to 5 standard errors of their ratio."""
    chip, _ = pcm
    matrix = chip.advance(100.0, key=KEY).of("weights")
    u = jnp.asarray(np.random.default_rng(2).uniform(-1, 1, (1, 1, 256)), jnp.float32)
    reads = 400
    lines = jax.jit(jax.vmap(lambda k: matrix.product.response.currents(u, key=k)[0, 0]))(
        jax.random.split(jax.random.key(5), reads)
    )

    @jax.jit
    @jax.vmap
    def cell_by_cell(key):
        i = matrix.array.read(0.2, key=key)[0, 0]
        return jnp.einsum("r,rwc->wc", u[0, 0], i)

    cells = cell_by_cell(jax.random.split(jax.random.key(6), reads))
    direct = np.asarray(cells[..., 0] - cells[..., 1], np.float64)
    lines = np.asarray(lines, np.float64)
    ratio = np.log(lines.var(axis=0) / direct.var(axis=0)).mean()
    assert (
        abs(ratio) < 5 * np.sqrt(4.0 / reads / 40) + 0.01
    )  # and 1 % for the noise being told from 128 reads of a cell
    error = 5 * np.sqrt(2 * direct.var(axis=0) / reads)
    assert np.all(np.abs(lines.mean(axis=0) - direct.mean(axis=0)) < error + 1e-9)


def test_drift_is_compensated(pcm):
    """A month of phase-change drift takes a fifth of every weight; each compensation brings most of it back."""
    chip, w = pcm
    x = np.random.default_rng(3).normal(size=(64, 256)).astype(np.float32)
    y = x @ w.T
    chip = chip.calibrate(x, key=KEY).remember(key=KEY)
    first = off(chip.mvm(x, key=KEY)[0], y)
    month = chip.advance(30 * 86_400.0, key=KEY)
    drifted = off(month.mvm(x, key=KEY)[0], y)
    assert drifted > 0.2 > first
    mended = {how: off(month.compensate(how, key=KEY).mvm(x, key=KEY)[0], y) for how in ("global", "output", "affine")}
    assert all(m < 0.6 * drifted for m in mended.values()), (drifted, mended)
    refreshed, _ = month.refresh(key=KEY)
    assert off(refreshed.mvm(x, key=KEY)[0], y) < 1.2 * first
    assert month.compensate(key=KEY).ledger.time["calibration"] > month.ledger.time["calibration"]
    with pytest.raises(ChipError, match="remember"):
        Chip(chip.tile, None, chip.matrices).compensate(key=KEY)


def test_a_snapshot_is_the_chip_and_a_power_cycle_loses_registers_alone(pcm, tmp_path):
    chip, _ = pcm
    x = np.random.default_rng(3).normal(size=(64, 256)).astype(np.float32)
    chip = chip.calibrate(x, key=KEY, input_percent=99.0).remember(key=KEY)
    path = chip.snapshot().save(tmp_path / "chip.npz")
    again = Chip(chip.tile).restore(path)
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(chip), strict=True):
        assert np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True) if eqx.is_array_like(a) else a == b
    y, booked = chip.mvm(x, key=KEY)
    assert np.array_equal(np.asarray(again.mvm(x, key=KEY)[0]), np.asarray(y))
    cold = booked.power_cycle(key=KEY)
    assert np.array_equal(np.asarray(cold.weights()), np.asarray(chip.weights()))
    assert cold.of("weights").product.input_range is None
    assert not cold.references
    assert float(cold.of("weights").product.high) > float(chip.of("weights").product.high)
    with pytest.raises(ChipError, match="snapshot is of tiles of"):
        Chip(small()).restore(path)
    (tmp_path / "no.npz").write_bytes(b"nothing")
    with pytest.raises(ChipError, match="no snapshot"):
        Chip(chip.tile).restore(tmp_path / "no.npz")


def test_volatile_devices_forget_without_power():
    """WOx relaxes by itself: the same power cycle that leaves phase change as it was fades its weights."""
    from mho.crossbars import WriteVerify
    from mho.devices import Pulse

    found = parameters("wox_michigan")
    device = found.device()
    low, high = (float(g) for g in device.window())
    op = {k: n.value for k, n in found.operation.items()}
    how = WriteVerify(
        Pulse(op["v_up"], op["t_up"]),
        Pulse(op["v_down"], op["t_down"]),
        acceptance=0.05 * (high - low),
        v_verify=0.05,
        budget=60,
        v_max=5.0,
    )
    tile = Tile(
        device, rows=4, columns=8, programming=how, window=(low + 0.05 * (high - low), low + 0.5 * (high - low))
    )
    chip, report = Chip(tile).program(np.asarray([[1.0, -0.5, 0.2]]), key=KEY)
    assert report["weights"].failures == {}
    cold = chip.power_cycle(600.0, key=KEY)
    assert float(jnp.abs(cold.weights()).max()) < 0.5 * float(jnp.abs(chip.weights()).max())


def test_stuck_cells_are_repaired():
    """One cell in a hundred stuck: spare words take the worst columns, partners make up for nearly all of the rest."""
    errors = {}
    for name, repair in (("none", None), ("spares", SpareWords()), ("partner", Partner())):
        tile = small(spares=6, faults=(0.005, 0.005), repair=repair)
        chip, _ = Chip(tile).program(W, key=jax.random.key(4))
        errors[name] = off(chip.weights(), W)
    assert errors["spares"] < 0.8 * errors["none"]
    assert errors["partner"] < 0.3 * errors["none"]


def test_checks_find_and_correct_a_wrong_word():
    """One line of weights off by a conductance's worth is found in every vector and put right; without it none is."""
    chip, _ = Chip(small(checks=Checksum(2, threshold=0.02), adc=Quantiser(18))).program(W, key=KEY)
    chip = chip.calibrate(X, key=KEY, how=Largest(0.5))
    y, verdict, _ = chip.verified(X, key=KEY)
    assert not np.any(np.asarray(verdict.wrong))
    assert off(y) < 3e-3
    broken = eqx.tree_at(
        lambda c: c.matrices["weights"].product.response.a, chip, replace_fn=lambda a: a.at[0, :, 6].add(3e-5 * 0.2)
    )
    bare, seen, _ = broken.verified(X, key=KEY)
    wrong = np.asarray(seen.wrong)
    assert wrong.mean() > 0.8  # a vector whose inputs cancel on that line is not wrong
    data = broken.of("weights").product
    assert off(bare) < 1e-2
    without = eqx.tree_at(lambda p: p.checks.threshold, data, np.float64(1e9))
    assert off(without(jnp.asarray(X), key=KEY).y) > 3 * off(bare)
    assert Checksum(2).overhead(OUT) == pytest.approx(0.1)


def test_the_ledger_adds_up():
    tile = small(costs=costs_at(22e-9, Quantiser(8), PulseWidth(12), columns=64))
    chip, report = Chip(tile).program(W, key=KEY)
    chip = chip.calibrate(X, key=KEY, how=Largest())
    start = chip.ledger
    _, once = chip.mvm(X, key=KEY)
    _, twice = once.mvm(X, key=KEY)
    e = chip.events()
    assert (e.conversions, e.row_phases, e.operations, e.additions) == (2 * OUT, IN, 2 * OUT * IN, OUT)
    parts = {k: once.ledger.energy[k] - start.energy[k] for k in start.energy if k != "programming"}
    again = {k: twice.ledger.energy[k] - once.ledger.energy[k] for k in parts}
    assert again == pytest.approx(parts, rel=1e-9)
    assert parts["adc"] == pytest.approx(N * e.conversions * float(tile.costs.adc_energy + tile.costs.sample_energy))
    # The cells' energy is v^2 G t, summed by hand over the exact conductances and the rounded inputs.
    g = np.asarray(chip.of("weights").array.conductance(), np.float64)[:, 0].sum(axis=(2, 3)).reshape(-1)[:IN]
    u = np.abs(np.round(X / np.abs(X).max(axis=1, keepdims=True) * 2047) / 2047)
    assert parts["array"] == pytest.approx((u @ g).sum() * 0.2**2 * 2047e-9, rel=1e-4)
    assert once.ledger.counts["operations"] == N * 2 * OUT * IN
    assert once.ledger.time["products"] == pytest.approx(N * chip.latency())
    assert np.isnan(report["weights"].energy)  # the source of the statistics gives no energy of programming
    assert np.isnan(once.ledger.energy["programming"])


def test_granular_ranges_are_whole_steps():
    tile = small(encoding=DifferentialPair(digits=Unbalanced(2, 4)), inputs=BitSerial(8), adc=Quantiser(8))
    chip, _ = Chip(tile).program(W, key=KEY)
    chip = chip.calibrate(X, key=KEY, how=Granular(100.0, levels=4))
    product = chip.of("weights").product
    codes = 2.0 * float(product.high) / (2**8 - 2) / (float(product.unit) / 3.0)
    assert codes == pytest.approx(2.0 ** round(np.log2(codes)), rel=1e-5)
    y = np.asarray(chip.mvm(X, key=KEY)[0])
    assert (
        off(y, X @ np.asarray(chip.weights()).T) < 1e-2
    )  # whole steps are converted without error: the inputs' 8 bits


def test_mistakes_are_named():
    chip, _ = Chip(small(inputs=PulseWidth(8, signs="positive"))).program(W, key=KEY)
    bad = X.copy()
    bad[1, 2] = np.nan
    cases = [
        (lambda: chip.mvm(X[:, :-1], key=KEY), r"last axis must be the 50 inputs"),
        (lambda: chip.mvm(bad, key=KEY), r"Input \[1, 2\] is nan"),
        (lambda: chip.mvm(X, key=KEY), "positive numbers alone"),
        (lambda: chip.mvm(np.abs(X), key=KEY, matrix="fc"), "no matrix 'fc'"),
        (lambda: chip.of("weights").with_range(0.0, 0.0), "range of the ADC"),
        (lambda: chip.calibrate(0.0 * X, key=KEY), "range of the ADC"),
        (lambda: chip.advance(-1.0, key=KEY), "time that passes"),
        (lambda: Chip(chip.tile, arrays=1).program(W, key=KEY), "need 2 arrays"),
        (lambda: Chip(small(columns=1)).program(W, key=KEY), "more columns"),
        (lambda: Chip(small(window=(1e-6, 1e-3))).program(W, key=KEY), "cells hold"),
    ]
    for call, words in cases:
        with pytest.raises(ChipError, match=words):
            call()
