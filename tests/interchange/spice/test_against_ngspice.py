"""Netlists through mho and through ngspice 39: the references, and every element in one circuit or another."""

from __future__ import annotations

import gzip
import itertools
import re
import subprocess

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mho.interchange import run_ngspice
from mho.interchange.ngspice import read_raw
from mho.interchange.spice import read_spice, simulate


def crossings(t, y, level, *, rising=True, after=1e-6):
    """Interpolated times at which y passes a level; the first microsecond, with its start-up glitch, is left out."""
    below, above = y[:-1] - level, y[1:] - level
    k = np.flatnonzero((below < 0) & (above >= 0) if rising else (below > 0) & (above <= 0))
    found = t[k] + (t[k + 1] - t[k]) * below[k] / (below[k] - above[k])
    return found[found > after]


def charge(t, i, at):
    """Charge between the times `at`."""
    total = np.concatenate([[0.0], np.cumsum(np.diff(t) * (i[1:] + i[:-1]) / 2)])
    return np.diff(np.interp(at, t, total))


def stored(path):
    """Columns of a stored result by name."""
    opening = gzip.open if path.suffix == ".gz" else open
    with opening(path, "rt") as file:
        names = file.readline().strip().split(",")
        return dict(zip(names, np.loadtxt(file, delimiter=",").T, strict=True))


def exact_ladder(times):
    """v(a) and v(b) of the references' RC ladder by an integrator of order eight, from corner to corner."""
    pulse = np.array([0, 1, 1.01, 5.01, 5.03, 11, 11.01, 15.01, 15.03, 21, 21.01, 25.01, 25.03, 30.5]) * 1e-6
    level = np.array([0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0.0])
    table = np.array([0, 5, 12, 12.1, 20, 31]) * 1e-6, np.array([0, 0.5, 0.5, -0.2, 0, 0])

    def slope(t, v):
        vin, vc = np.interp(t, pulse, level), np.interp(t, *table)
        i = 5e-6 * np.sin(2 * np.pi * 2e5 * (t - 3e-6)) if t >= 3e-6 else 0.0
        middle = (v[0] - v[1]) / 33e3
        return [((vin - v[0]) / 10e3 - middle) / 100e-12, (middle + (vc - v[1]) / 100e3 + i) / 47e-12]

    corners = np.unique(np.concatenate([pulse, table[0], [3e-6]]))
    found, v = np.zeros((2, len(times))), np.zeros(2)
    for start, stop in itertools.pairwise(corners):
        part = solve_ivp(slope, (start, stop), v, method="DOP853", rtol=1e-11, atol=1e-13, dense_output=True)
        here = (times >= start) & (times <= stop)
        v = part.y[:, -1]
        if here.any():
            found[:, here] = part.sol(times[here])
    return found


@pytest.mark.references
def test_rc_ladder_of_the_references(references):
    found = simulate(read_spice(references / "circuits" / "h1_rc.cir"))
    there = stored(references / "circuits" / "h1_rc.csv")
    assert list(found.signals[0]) == ["v(in)", "v(a)", "v(b)", "v(c)", "i(v1)", "i(v2)"]
    # The stored result is itself off by 2.4e-3 after the edges of V1, so 1e-4 of the swing is asked of the exact one.
    t = found.points[0]
    a, b = exact_ladder(t)
    for name, exact in (("v(a)", a), ("v(b)", b)):
        assert np.max(np.abs(found[name] - exact)) < 1e-4 * np.ptp(exact), name
    np.testing.assert_allclose(found["i(v2)"], (found["v(b)"] - found["v(c)"]) / 100e3, atol=1e-12)
    for name, y in there.items():
        error = np.abs(np.interp(there["time"], t, found[name] if name != "time" else t) - y) / np.ptp(y)
        assert np.max(error) < 4e-3, name


@pytest.mark.references
def test_delay_feedback_neuron_of_the_references(references):
    found = simulate(read_spice(references / "circuits" / "h4_lif.cir"))
    there = stored(references / "circuits" / "h4_lif.csv.gz")
    t, u = found.points[0], there["time"]
    up, up_there = crossings(t, found["v(spk)"], 0.5), crossings(u, there["v(spk)"], 0.5)
    down = crossings(t, found["v(spk)"], 0.5, rising=False)
    down_there = crossings(u, there["v(spk)"], 0.5, rising=False)
    assert len(up) == len(up_there) == 8
    # Tolerances of the comparison with this reference, whose own error is 2e-4: intervals, widths, energies.
    np.testing.assert_allclose(np.diff(up), np.diff(up_there), rtol=1e-3)
    np.testing.assert_allclose(down - up, down_there - up_there, rtol=5e-3)
    for supply in ("i(vn)", "i(vd)"):
        np.testing.assert_allclose(charge(t, found[supply], up), charge(u, there[supply], up_there), rtol=1e-2)


# (netlist, error asked of each signal over its swing, share of points that must hold it). Edges of a digital chain are
# judged where they are not within a percent of an edge: hence the quantile.
CHAIN = (
    """level-1 inverters in a subcircuit, junctions and overlap
.param vdd=3 wn={2u} wp='2*wn'
.model nm nmos (level=1 vto=0.7 kp=110u gamma=0.4 phi=0.65 lambda=0.04 cgso=0.2n cgdo=0.2n)
.model pm pmos level=1 vto=-0.8 kp=50u gamma=0.5 phi=0.7 lambda=0.05 cgso=0.2n cgdo=0.2n rs=50
.subckt inv in out vp params: w=1u c=10f
mn out in 0 0 nm w={w} l=0.5u
mp out in vp vp pm w={2*w} l=0.5u
cl out 0 {c}
.ends
vd vp 0 {vdd}
vin in 0 pulse(0 {vdd} 1n 0.1n 0.1n 4n 10n)
x1 in a vp inv w={wn}
x2 a out vp inv
+ w=wn c=20f
.tran 10p 10n 0 10p
.options reltol=1e-5 chgtol=1e-18
.save v(in) v(a) v(out)
.end
""",
    1e-3,
    0.97,
)
MIXED = (
    """every linear and behavioural element
v1 in 0 dc 0.2 sin(0.5 1 1meg 0.1u 1e5)
r1 in a 1k
d1 a 0 dm
.model dm d(is=1e-14 n=1.2 rs=5)
c1 a 0 50p
l1 in b 10u
r2 b 0 200
e1 c 0 a 0 2.5
r3 c d 1k
c3 d 0 20p
g1 0 e b 0 1m
r4 e 0 500
vs e f 0
r5 f 0 1k
f1 0 g vs 3
rg g 0 1k
h1 h 0 vs 2k
rh h 0 1k
b1 k 0 v=tanh(3*v(a))+0.1*i(vs)*1k
rk k 0 1k
b2 0 m i=1m*v(a,b)**2+limit1(v(a))
.func limit1(x) {1e-3*min(max(x,-0.2),0.2)}
rm m 0 1k
e2 n 0 value={v(m)*2}
rn n 0 1k
i1 0 p exp(0 1m 0.2u 0.1u 1u 0.2u)
rp p 0 1k
cp p 0 10p
.tran 5n 3u 0 2n
.options reltol=1e-5
.save v(a) v(b) v(d) v(g) v(h) v(k) v(n) v(p) i(vs) i(l1) i(v1)
.end
""",
    1e-3,
    1.0,
)
START = (
    """operating point, .ic, switch
v1 s 0 1
r1 s a 1k
r2 a 0 1k
c1 a 0 1n
v2 ctl 0 pulse(0 1 1u 0.5u 0.5u 1u 4u)
s1 s b ctl 0 sw1
.model sw1 sw(vt=0.5 ron=1k roff=1meg)
r3 b 0 1k
c2 b 0 0.1n
r4 a c 10k
c3 c 0 1n
.ic v(c)=0.9
.tran 5n 5u 0 5n
.options reltol=1e-5
.save v(a) v(b) v(c)
.end
""",
    # The switch moves over 2 mV of control, which its ramp takes 1 ns to pass; ngspice finds the instant within 5 ns.
    1e-2,
    0.99,
)


@pytest.mark.ngspice
@pytest.mark.parametrize(("text", "error", "share"), [CHAIN, MIXED, START], ids=["chain", "mixed", "start"])
def test_transients_agree(text, error, share, tmp_path, ngspice):
    path = tmp_path / "x.cir"
    path.write_text(text)
    there, found = run_ngspice(path), simulate(read_spice(path))
    assert len(found.signals[0]) == len(there.vectors)
    for name, y in found.signals[0].items():
        other = there[name[2:-1] if name.startswith("v(") else name]
        miss = np.abs(np.interp(there.times, found.points[0], y) - other) / np.ptp(other)
        assert np.quantile(miss, share) < error, name


@pytest.mark.ngspice
def test_sweep_agrees(tmp_path, ngspice):
    text = (
        "level 1 output curves\n.model nm nmos(vto=0.5 kp=100u gamma=0.3 phi=0.6 lambda=0.05)\nvd d 0 0\nvg g 0 0\n"
        "vb b 0 -0.5\nm1 d g 0 b nm w=10u l=1u\n.dc vd 0 2 0.1 vg 0 1.5 0.5\n.save v(d) i(vd)\n.end\n"
    )
    path = tmp_path / "x.cir"
    path.write_text(text)
    subprocess.run([ngspice, "-b", "-r", "x.raw", "x.cir"], cwd=tmp_path, capture_output=True, check=False)
    there, found = read_raw(tmp_path / "x.raw"), simulate(read_spice(path))
    np.testing.assert_allclose(found.points[0], there["v(v-sweep)"], atol=1e-12)
    # 1e-11 A: the junctions' and gmin's leakage, which ngspice and mho bound differently.
    np.testing.assert_allclose(found["i(vd)"], there["i(vd)"], rtol=1e-6, atol=1e-11)


@pytest.mark.ngspice
def test_measurements_agree(tmp_path, ngspice):
    text = (
        "measurements\nv1 a 0 pulse(0 1 1u 1n 1n 3u 10u)\nr1 a b 1k\nc1 b 0 1n\n.tran 5n 10u 0 5n\n"
        ".options reltol=1e-5\n.print tran v(b)\n"
        ".measure tran delay trig v(a) val=0.5 rise=1 targ v(b) val=0.5 rise=1\n"
        ".measure tran mean avg v(b) from=1u to=5u\n.measure tran top max v(b)\n"
        ".measure tran low min v(b) from=2u to=4u\n"
        ".measure tran q integ i(v1) from=0 to=3u\n.measure tran fall when v(b)=0.5 fall=1\n"
        ".measure tran there find v(a) when v(b)=0.4 cross=2\n.measure tran at find v(b) at=2u\n"
        ".measure tran r rms v(b) from=1u to=5u\n.measure tran span pp v(b) from=1u to=3u\n.end\n"
    )
    path = tmp_path / "x.cir"
    path.write_text(text)
    said = subprocess.run([ngspice, "-b", "x.cir"], cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    found = {m.name: m.value for m in simulate(read_spice(path)).measures[0]}
    there = {name: float(x) for name, x in re.findall(r"^(\w+)\s+=\s+(\S+)", said, re.MULTILINE) if name in found}
    assert found.keys() == there.keys()
    for name, value in there.items():
        assert found[name] == pytest.approx(value, rel=2e-3), name  # ngspice begins at its next point, 5 ns on


def test_measurements_that_find_nothing_fail_alone(tmp_path):
    (tmp_path / "x.cir").write_text(
        "t\nv1 a 0 1\nr1 a b 1k\nc1 b 0 1n\n.tran 10n 1u uic\n.measure tran never when v(b)=2\n"
        ".measure tran half param='never/2'\n.measure tran half2 when v(b)=0.5\n"
        ".measure tran twice param='2*half2'\n.end\n"
    )
    never, half, half2, twice = simulate(read_spice(tmp_path / "x.cir")).measures[0]
    assert never.failure
    assert half.failure
    assert half2.value == pytest.approx(1e-6 * np.log(2), rel=1e-3)  # the RC's own law, at the default reltol
    assert twice.value == pytest.approx(2 * half2.value)


def test_ddt_is_the_slope_and_jumps_with_it(tmp_path):
    # Against its own law: ngspice 39's ddt has glitches of several times the signal after each corner.
    (tmp_path / "x.cir").write_text(
        "t\nv1 a 0 sin(0 1 200k)\nb1 0 c i=1n*ddt(v(a))\nrc c 0 1k\ncc c 0 1p\n"
        "v2 p 0 pulse(0 1 1u 0.5u 0.5u 1u 4u)\nb2 0 q i=2n*ddt(v(p)**2)\nrq q 0 1k\ncq q 0 1p\n.tran 5n 4u 0 5n\n.end\n"
    )
    found = simulate(read_spice(tmp_path / "x.cir"))
    t = found.points[0]
    exact = 1e-6 * 2 * np.pi * 2e5 * np.cos(2 * np.pi * 2e5 * t)
    error = np.abs(found["v(c)"] - exact)[t > 1e-8] / np.max(exact)
    # The first steps after a corner, a nanosecond's worth, find the slope anew.
    assert np.quantile(error, 0.99) < 5e-3
    assert np.max(error) < 0.1
    # 1 kohm and 1 pF follow a ramp 1 ns behind it.
    ramp = (t > 1.05e-6) & (t < 1.45e-6)
    np.testing.assert_allclose(found["v(q)"][ramp], 2e-6 * 2 * (t[ramp] - 1.001e-6) / 0.25e-12, rtol=5e-3)
