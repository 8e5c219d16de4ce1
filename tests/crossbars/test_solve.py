"""The linear solver: Kirchhoff's laws, reciprocity, limits, gradients, and what it refuses."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mho.core import InputError, SolverError
from mho.core.results import Status
from mho.crossbars import FLOATING, SCHEMES, Bias, Wires, driven, operator, power, segment_currents, selecting, solve

TIGHT = 1e-12
SIZES = [(1, 5), (6, 1), (12, 9)]  # few, so that few programs are compiled


def array(shape, seed, *, low=1e-7, high=1e-3, open_share=0.1):
    """Conductances over decades, some cells open."""
    draw = np.random.default_rng(seed)
    g = np.exp(draw.uniform(np.log(low), np.log(high), shape))
    return np.where(draw.random(shape) < open_share, 0.0, g)


def ends(shape, seed):
    """A random bias: either or both ends of rows and columns, some lines open."""
    draw = np.random.default_rng(seed)
    rows, columns = draw.uniform(-1, 1, (2, shape[0])), draw.uniform(-1, 1, (2, shape[1]))
    for v in (*rows, *columns):
        v[draw.random(v.size) < 0.3] = FLOATING
    rows[0, 0] = 0.7  # at least one line is connected
    return Bias(*rows, *columns)


def imbalance(solution, bias, wires):
    """Largest violation of Kirchhoff's current law over the largest current of any cell or end."""
    rows, columns = (np.asarray(x) for x in segment_currents(solution))
    v_row, v_column, i = (np.asarray(x) for x in solution[:3])
    # Ohm's law of each segment, from voltages that the currents were not computed from
    drop_row, drop_column = -np.diff(v_row, axis=-1), -np.diff(v_column, axis=-2)
    scale = max(
        np.abs(x).max(initial=0.0) for x in (i, solution.i_left, solution.i_right, solution.i_top, solution.i_bottom)
    )
    return max(
        np.abs(drop_row - float(wires.r_row) * rows).max(initial=0.0) / max(float(wires.r_row), 1e-3),
        np.abs(drop_column - float(wires.r_column) * columns).max(initial=0.0) / max(float(wires.r_column), 1e-3),
        np.abs(np.asarray(solution.i_row) - i.sum(axis=-1)).max(),
        np.abs(np.asarray(solution.i_column) - i.sum(axis=-2)).max(),
    ) / max(scale, 1e-30)


@settings(max_examples=20, deadline=None)
@given(
    size=st.sampled_from(SIZES),
    seed=st.integers(0, 10_000),
    r=st.tuples(*[st.floats(-1, 3) for _ in range(4)]),
)
def test_kirchhoffs_laws_hold_for_every_drive(size, seed, r):
    """Voltages are rounded at 1e-16 V, which a segment of 0.1 ohm makes 1e-15 A: 1e-7 of the smallest currents here."""
    wires = Wires(*(10.0**x for x in r))
    bias = ends(size, seed)
    solution = solve(array(size, seed), bias, wires, tolerance=TIGHT, engine="jax")
    assert imbalance(solution, bias, wires) < 1e-6
    spent = power(solution, bias, wires)
    largest = float(spent.cells + spent.wires)
    assert float(spent.supplied) == pytest.approx(largest, rel=1e-7, abs=1e-18)
    v = np.concatenate([np.ravel(x) for x in bias])
    inside = np.concatenate([np.ravel(solution.v_row), np.ravel(solution.v_column)])
    low, high = min(np.nanmin(v), 0.0), max(np.nanmax(v), 0.0)
    assert inside.min() >= low - 1e-9
    assert inside.max() <= high + 1e-9


@settings(max_examples=10, deadline=None)
@given(size=st.sampled_from(SIZES), seed=st.integers(0, 10_000), r=st.floats(-2, 2))
def test_reciprocity(size, seed, r):
    """A volt at row k moves as much current at column l as a volt at column l moves at row k.

    To 1e-9, or 1e-11 of the largest current: the residual of all currents together is what is bounded, by 1e-12, and
    lines of hundreds of ohms between cells of 1 kohm lose a digit of it.
    """
    g, wires = array(size, seed, open_share=0.3), Wires(10.0**r, 3.0 * 10.0**r, 5.0, 7.0)
    k, l = seed % size[0], seed % size[1]
    rows, columns = np.eye(size[0])[k], np.eye(size[1])[l]
    there = solve(g, Bias(left=rows, bottom=0.0 * columns), wires, tolerance=TIGHT, engine="jax")
    back = solve(g, Bias(left=0.0 * rows, bottom=columns), wires, tolerance=TIGHT, engine="jax")
    scale = float(np.abs(there.i_left).max())
    assert float(there.i_bottom[l]) == pytest.approx(-float(back.i_left[k]), rel=1e-9, abs=1e-11 * scale)


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_schemes_against_node_by_node(scheme, dense):
    shape, wires = (6, 5), Wires(2.0, 3.0, 40.0, 60.0)
    g = array(shape, 3)
    bias = selecting(shape, 4, 1, 1.2, scheme)
    found = solve(g, bias, wires, tolerance=TIGHT)
    planes = [(1, 2.0, 42.0, bias.left, None), (0, 3.0, 63.0, None, bias.bottom)]
    wanted = dense(planes, [g], shape)
    for v, w in zip((found.v_row, found.v_column), wanted, strict=True):
        np.testing.assert_allclose(v, w, atol=1e-10)  # the dense matrix has a condition of 1e6


def test_wires_of_no_resistance_are_exact():
    """0 ohm is the limit of little ohm, for segments with and without drivers; and the ideal array is G^T v."""
    g, v = array((7, 4), 5), np.linspace(0.1, 1.0, 7)
    ideal = solve(g, driven(v, 4), Wires())
    np.testing.assert_allclose(ideal.i_bottom, g.T @ v, rtol=1e-14)
    assert int(ideal.iterations) == 0
    for drivers in ({"r_driver": 100.0}, {"r_sense": 80.0}, {"r_row": 3.0}, {"r_column": 2.0, "r_driver": 9.0}):
        none = solve(g, driven(v, 4), Wires(**drivers), tolerance=TIGHT)
        little = solve(g, driven(v, 4), Wires(**({"r_row": 1e-7, "r_column": 1e-7} | drivers)), tolerance=TIGHT)
        np.testing.assert_allclose(none.i_bottom, little.i_bottom, rtol=1e-8)  # 1e-7 ohm times 1e-3 S times 7 cells
        assert power(none, driven(v, 4), Wires(**drivers)).wires > 0.0
    floating = solve(g, selecting((7, 4), 0, 0, 1.0, "floating"), Wires())
    spread = np.ptp(np.asarray(floating.v_row), axis=1)
    assert spread.max() == 0.0
    assert imbalance(floating, None, Wires()) < 1e-9


def test_a_batch_is_its_members():
    g, v = array((7, 4), 6), np.random.default_rng(1).normal(size=(3, 7))
    together = solve(g, driven(v, 4), Wires(1.0, 2.0), tolerance=TIGHT)
    assert together.v_row.shape == (3, 7, 4)
    assert together.i_bottom.shape == (3, 4)
    for k in range(3):
        one = solve(g, driven(v[k], 4), Wires(1.0, 2.0), tolerance=TIGHT)
        np.testing.assert_allclose(together.i_bottom[k], one.i_bottom, rtol=1e-12, atol=1e-18)


def test_gradients_are_those_of_the_equation(x64):
    """By conductances, voltages and resistances, in reverse and forward, against central differences.

    The loss is of order 1; steps of 1e-5 of each number leave an error of 1e-10 of truncation and 1e-10 of rounding.
    """
    g, v = jnp.asarray(array((6, 5), 2, low=1e-5, open_share=0.0)), jnp.linspace(-0.4, 0.9, 6)
    weights = jnp.asarray(np.random.default_rng(4).normal(size=5))

    def loss(g, v, r):
        found = solve(
            g, Bias(left=v, right=None, top=jnp.full(5, 0.1), bottom=jnp.zeros(5)), Wires(*r), tolerance=TIGHT
        )
        return jnp.sum(weights * found.i_bottom) * 1e4 + jnp.sum(found.v_row[2] ** 2)

    at = (g, v, (jnp.asarray(2.0), jnp.asarray(3.0), jnp.asarray(20.0), jnp.asarray(5.0)))
    along = jax.tree.map(lambda x: x * jnp.asarray(np.random.default_rng(9).normal(size=x.shape)), at)
    reverse = jax.grad(loss, argnums=(0, 1, 2))(*at)
    slope = sum(jnp.sum(a * b) for a, b in zip(jax.tree.leaves(reverse), jax.tree.leaves(along), strict=True))
    _, forward = jax.jvp(loss, at, along)
    step = 1e-5
    ahead, behind = (loss(*jax.tree.map(lambda x, d, s=s: x + s * d, at, along)) for s in (step, -step))
    assert float(slope) == pytest.approx(float(forward), rel=1e-9)
    assert float(slope) == pytest.approx(float(ahead - behind) / (2.0 * step), rel=1e-7)


def test_what_is_not_solved_says_so():
    g = array((12, 17), 1, low=1e-2, high=1e-1)
    with pytest.raises(SolverError, match="MAX_ITERATIONS"):
        solve(g, driven(np.ones(12), 17), Wires(50.0, 50.0), max_iterations=2)
    kept = solve(g, driven(np.ones(12), 17), Wires(50.0, 50.0), max_iterations=2, throw=False)
    assert int(kept.status) == Status.MAX_ITERATIONS
    assert float(kept.residual) > 1e-10


@pytest.mark.parametrize(
    ("g", "bias", "options", "words"),
    [
        (np.ones(3), Bias(left=np.ones(3)), {}, "must be a matrix"),
        (np.array([[1e-6, -2e-6]]), Bias(left=np.ones(1)), {}, "row 0, column 1 is -2 µS"),
        (np.array([[np.nan]]), Bias(left=np.ones(1)), {}, "at least 0 S"),
        (np.array([[np.inf]]), Bias(left=np.ones(1)), {}, "a short has"),
        (np.ones((2, 3)), Bias(left=np.ones(3)), {}, r"one a row, \(2,\)"),
        (np.ones((2, 3)), Bias(), {}, "Nothing is connected"),
        (np.ones((2, 3)), Bias(left=np.array([np.inf, 1])), {}, "infinite"),
        (np.ones((2, 3)), Bias(left=np.ones((2, 2)), bottom=np.ones((3, 3))), {}, "batches of"),
        (np.ones((2, 3)), Bias(left=np.array([[np.nan, 1], [1, 1]])), {}, "differ within the batch"),
        (np.ones((2, 3)), Bias(left=np.ones(2)), {"tolerance": 1e-15}, "1e-13 to 1e-2"),
        (np.ones((2, 3)), Bias(left=np.ones(2)), {"engine": "gpu"}, "no engine 'gpu'"),
        (np.ones((2, 3)), Bias(left=np.ones(2), right=np.zeros(2)), {}, "infinite current"),
    ],
)
def test_what_cannot_be_solved_is_refused(g, bias, options, words):
    with pytest.raises(InputError, match=words):
        solve(g, bias, Wires(), **options)


@pytest.mark.parametrize("shape", [(12, 9), (5, 8)])
def test_an_array_is_one_matrix(shape):
    g, v = array(shape, 11), np.random.default_rng(2).normal(size=shape[0])
    matrix = operator(g, Wires(5.0, 6.0, 20.0), tolerance=TIGHT)
    found = solve(g, driven(v, shape[1]), Wires(5.0, 6.0, 20.0), tolerance=TIGHT)
    np.testing.assert_allclose(v @ matrix, found.i_bottom, rtol=1e-9, atol=1e-18)
