"""Arrays of devices: a solution made beforehand, energy, series elements over decades, gradients, stacks, disturb."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.core import InputError
from mho.crossbars import (
    Bias,
    Passive,
    Selected,
    ThreeTerminal,
    Transistor,
    Wires,
    disturb,
    driven,
    power,
    power_supplied,
    read_margin,
    selecting,
    solve,
    solve_cells,
    solve_stack,
)
from mho.crossbars.series import Ohmic, in_series
from mho.devices.reram import IonDrift
from mho.devices.switches import ExponentialSelector

ION = IonDrift(r_on=1e4, r_off=1e6, thickness=1e-8, mobility=1e-12, v_up=0.55, v_down=0.55)


def test_a_solution_made_beforehand_is_found():
    """Currents are chosen, voltages follow along the wires, and each cell is given the i_0 that carries its current.

    Cells of sinh(v/v_0) with v up to 20 v_0: eight decades of current between no and full voltage.
    """
    m, n, r, drive, v_0, r_s = 5, 4, 30.0, 1.0, 0.05, 1e3
    i = np.random.default_rng(2).uniform(1e-6, 2e-5, (m, n))
    flowing = np.cumsum(i[:, ::-1], axis=1)[:, ::-1]  # in the segment that ends at each node of a row
    v_row = drive - r * np.cumsum(flowing, axis=1)
    v_column = r * np.cumsum(np.cumsum(i, axis=0)[::-1], axis=0)[::-1]
    v = v_row - v_column
    i_0 = v / (v / i - r_s) / np.sinh(v / v_0)
    cell = Passive(ExponentialSelector(i_0=i_0, v_0=v_0, r_series=r_s))
    bias, wires = driven(np.full(m, drive), n), Wires(r, r)
    found = solve_cells(cell, cell.rest((m, n)), bias, wires, tolerance=1e-12)
    np.testing.assert_allclose(found.i_cell, i, rtol=1e-9)
    np.testing.assert_allclose(found.v_row, v_row, rtol=1e-11)
    np.testing.assert_allclose(found.v_column, v_column, rtol=1e-9)
    spent = power(found, bias, wires)
    assert float(spent.supplied) == pytest.approx(float(spent.cells + spent.wires), rel=1e-10)


@pytest.mark.parametrize("ratio", [1e-14, 1e-6, 1.0, 1e9])
def test_resistors_in_series_over_decades(ratio, x64):
    v = jnp.asarray([-2.0, -1e-6, 0.0, 1e-12, 0.3])
    slope = jax.vmap(jax.grad(lambda v: in_series(Ohmic(1e3), Ohmic(1e3 * ratio), v, 0.0 * v)))(v)
    np.testing.assert_allclose(
        in_series(Ohmic(1e3), Ohmic(1e3 * ratio), v, 0.0 * v), v / (1e3 + 1e3 * ratio), rtol=1e-11
    )
    np.testing.assert_allclose(slope, 1.0 / (1e3 + 1e3 * ratio), rtol=1e-9)


def test_a_selector_and_its_memory_carry_one_current():
    cell = Selected(ION, mho.parameters("selector_ni_tio2").device())
    memory, selector = cell.rest((4, 3))
    state = (type(memory)(np.linspace(0.0, 1.0, 12).reshape(4, 3), memory.cycles, memory.pulses), selector)
    bias, wires = selecting((4, 3), 1, 1, 2.0, "floating"), Wires(5.0, 5.0)
    found = solve_cells(cell, state, bias, wires)
    with jax.enable_x64(True):
        upper, lower = cell.divided(state, jnp.asarray(found.v_row), jnp.asarray(found.v_column))
        through = cell.memory.current(state[0], (upper, 0.0 * upper))[0], cell.selector.static_current(lower)
    np.testing.assert_allclose(through[0], through[1], rtol=1e-7, atol=1e-18)
    assert np.abs(found.i_row.sum() - found.i_column.sum()) < 1e-8 * found.i_row.sum()
    assert int(np.argmax(found.i_cell)) == 4  # the selected cell


def test_gradients_behind_transistors(x64):
    """Saturating, unsymmetric cells: reverse (through the transposed equations) and forward against differences."""
    cell = Transistor(ION, gain=2e-4)
    rest = cell.rest((3, 2))

    def loss(x, gate, r):
        state = type(rest)(x, rest.cycles, rest.pulses)
        found = solve_cells(
            cell, state, driven(jnp.asarray([0.6, 0.9, 1.2]), 2), Wires(r, r), gate=gate, tolerance=1e-12
        )
        return jnp.sum(found.i_bottom * jnp.asarray([1.0, -0.3])) * 1e5

    at = (jnp.linspace(0.3, 0.9, 6).reshape(3, 2), jnp.asarray([[0.9], [1.0], [0.8]]), jnp.asarray(200.0))
    along = jax.tree.map(lambda x: 0.1 * x * jnp.cos(jnp.arange(x.size) + 1.0).reshape(x.shape), at)
    slopes = jax.grad(loss, argnums=(0, 1, 2))(*at)
    slope = sum(float(jnp.sum(a * b)) for a, b in zip(slopes, along, strict=True))
    step = 1e-4
    ahead, behind = (loss(*jax.tree.map(lambda x, d, s=s: x + s * d, at, along)) for s in (step, -step))
    assert slope == pytest.approx(float(ahead - behind) / (2.0 * step), rel=1e-6)


def test_an_ecram_reads_as_its_channel_and_its_gate_writes_it():
    cell = ThreeTerminal(mho.parameters("ecram_stp_ref").device())
    state, bias, wires = cell.rest((3, 4)), driven(np.full(3, 0.1), 4), Wires(2.0, 3.0)
    found = solve_cells(cell, state, bias, wires, gate=np.zeros((3, 1)))
    linear = solve(np.asarray(cell.conductance(state), np.float64), bias, wires)
    np.testing.assert_allclose(found.i_bottom, linear.i_bottom, rtol=1e-8)
    gate = np.array([[1.0], [0.0], [0.0]])
    ground = Bias(left=np.zeros(3), bottom=np.zeros(4))
    written = disturb(cell, state, ground, wires, 200e-9, key=jax.random.key(0), gate=gate, steps=1)
    change = written.after / written.before - 1.0
    assert (change[0] > 0.01).all()
    assert np.abs(change[1:]).max() < 1e-6


def test_writing_disturbs_the_half_selected_only():
    """Thresholds of 0.55 V: V/2 of 1.2 V moves cells of the selected row and column, V/3 moves none of them."""
    cell, shape, wires = Passive(ION), (4, 3), Wires(1.0, 1.0)
    changes = {}
    for scheme in ("half", "third"):
        bias = selecting(shape, 1, 2, 1.2, scheme)
        found = disturb(cell, cell.rest(shape), bias, wires, 3e-4, key=jax.random.key(1))
        changes[scheme] = found.after / found.before - 1.0
        assert found.change((1, 2))[0] > 0.02
        assert 0.0 < found.in_cells < found.energy
    half = np.zeros(shape, bool)
    half[1, :], half[:, 2] = True, True
    half[1, 2] = False
    assert (changes["half"][half] > 1e-3).all()
    assert np.abs(changes["half"][~half & (np.arange(12).reshape(shape) != 5)]).max() == 0.0
    assert np.abs(np.delete(changes["third"].ravel(), 5)).max() == 0.0


def test_the_read_margin_of_an_array_without_wires_is_that_of_the_textbook():
    """Floating, all others on: a cell in parallel with R/(N-1) + R/(M-1) + R/((M-1)(N-1))."""
    m, n, g_on, g_off = 6, 5, 1e-4, 1e-7
    margin = read_margin((m, n), g_on, g_off, Wires(), v_read=0.2)
    sneak = g_on / (1 / (n - 1) + 1 / (m - 1) + 1 / ((m - 1) * (n - 1)))
    assert margin.i_off == pytest.approx(0.2 * (g_off + sneak), rel=1e-8)
    assert margin.i_on == pytest.approx(0.2 * (g_on + sneak), rel=1e-8)
    assert margin.sneak_share == pytest.approx(sneak / (sneak + g_off), rel=1e-6)
    assert read_margin((m, n), g_on, g_off, Wires(), scheme="grounded").relative > 0.99


def test_a_stack_against_node_by_node(dense):
    shape, draw = (4, 3), np.random.default_rng(8)
    layers = [np.exp(draw.uniform(-14, -7, shape)) for _ in range(3)]
    ends = [(draw.normal(size=4), None), (None, np.zeros(3)), (None, draw.normal(size=4)), (draw.normal(size=3), None)]
    ends[2][1][1] = np.nan
    found = solve_stack(layers, ends, Wires(2.0, 3.0, 10.0, 20.0), tolerance=1e-12)
    planes = [(1 - k % 2, (2.0, 3.0)[k % 2], (12.0, 23.0)[k % 2], *pair) for k, pair in enumerate(ends)]
    wanted = dense(planes, layers, shape)
    for v, w in zip(found.v, wanted, strict=True):
        np.testing.assert_allclose(v, w, atol=1e-10)
    cells = sum(np.sum(i * (found.v[k + k % 2] - found.v[k + 1 - k % 2])) for k, i in enumerate(found.i_cell))
    assert 0.9 * power_supplied(found, ends) < cells < power_supplied(found, ends)  # the rest heats wires


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: Passive(mho.parameters("ecram_stp_ref").device()), "3 terminals"),
        (lambda: ThreeTerminal(ION), "2 terminals"),
        (lambda: solve_cells(Passive(ION), ION.rest(), driven(np.ones(2), 2), Wires()), "shape of the array"),
        (lambda: solve_cells(Transistor(ION), Transistor(ION).rest((2, 2)), driven(np.ones(2), 2), Wires()), "gate"),
        (lambda: selecting((2, 2), 0, 0, 1.0, "quarter"), "no biasing scheme"),
        (lambda: selecting((2, 2), 2, 0, 1.0, "half"), "lies outside"),
        (lambda: solve_stack([np.ones((2, 2))], [(None, None)], Wires()), "planes"),
        (lambda: read_margin((2, 2), 1e-6, 1e-5, Wires()), "must exceed g_off"),
    ],
)
def test_what_does_not_fit_is_refused(work, words):
    with pytest.raises(InputError, match=words):
        work()
