"""Laws of noise: Nyquist, Schottky, the equipartition kT/C, and how shares add up."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.circuits import (
    MOSFET,
    NMOS,
    PMOS,
    Capacitor,
    Circuit,
    Diode,
    Inductor,
    LevelOne,
    Memristive,
    Resistor,
    VoltageSource,
    noise,
    small_signal,
    swept,
)
from mho.circuits.mosfet import MOSFETModel, channel_current
from mho.circuits.noise import power_law_integral
from mho.core.errors import InputError, NetlistError, ParameterError
from mho.devices.effects.read_noise import FlickerNoise, ShotNoise, TelegraphNoise
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE

T = 300.15
WIDE = swept("dec", 40, 1.0, 1e13)


def thermal(element, v, temperature=T):
    with jax.enable_x64(True):
        found = {n.kind: n for n in element.noise(tuple(map(jnp.float64, v)), temperature=temperature)}
    return float(found["thermal"].density)


@pytest.mark.parametrize("kind", [NMOS, PMOS], ids=["n", "p"])
def test_channel_at_equilibrium_is_a_resistor_and_weak_inversion_is_shot_noise(kind, x64):
    m = MOSFET("d", "g", "s", "b", 1e-6, 0.13e-6, kind)
    for gate in (0.1, 0.3, 0.4, 0.5, 0.8, 1.2):  # Nyquist: S = 4 k T g at no drain voltage, in every inversion
        v = [kind.polarity * x for x in (0.3, 0.3 + gate, 0.3, 0.0)]
        g = channel_current(m.prepared(T), *map(jnp.float64, v))[1]
        assert thermal(m, v) == pytest.approx(4 * BOLTZMANN * T * float(g), rel=1e-9)
    v = [kind.polarity * x for x in (1.0, 0.05, 0.0, 0.0)]
    i = abs(float(channel_current(m.prepared(T), *map(jnp.float64, v))[0]))
    assert thermal(m, v) == pytest.approx(2 * ELEMENTARY_CHARGE * i, rel=1e-3)  # Schottky; 1e-3: charge e^-7


def test_strong_inversion_tends_to_two_thirds(x64):
    plain = MOSFETModel(polarity=1, vto=0.4, kp=3e-4, n=1.3, theta=0.0, lambda_=0.0)
    m = MOSFET("d", "g", "s", "b", 1e-6, 0.13e-6, plain)
    v = [20.0, 10.0, 0.0, 0.0]
    _, _, _, gs = channel_current(m.prepared(T), *map(jnp.float64, v))
    gamma = thermal(m, v) / (4 * BOLTZMANN * T * -float(gs))
    assert gamma == pytest.approx(2 / 3, rel=5e-3)  # of the order of 2 n u_t over the overdrive
    square = LevelOne("d", "s", "g", "b", 1, 1e-6, 1e-6, vto=0.5, kp=1e-4)
    assert thermal(square, (3.0, 0.0, 1.5, 0.0)) == pytest.approx(8 / 3 * BOLTZMANN * T * 1e-4, rel=1e-9)


def test_diode_obeys_nyquist_at_rest_and_schottky_forward(x64):
    d = Diode("a", "b", 1e-12)
    rest, forward = (d.noise((jnp.float64(v), jnp.float64(0)), temperature=T)[0].density for v in (0.0, 0.5))
    ut = BOLTZMANN * T / ELEMENTARY_CHARGE
    assert float(rest) == pytest.approx(4 * BOLTZMANN * T * 1e-12 / ut, rel=1e-9)
    i = float(d.current((jnp.float64(0.5), jnp.float64(0)), temperature=T))
    assert float(forward) == pytest.approx(2 * ELEMENTARY_CHARGE * i, rel=1e-6)


def test_every_passive_network_holds_kT_over_C():
    # Equipartition: whatever resistors and inductors are around it, a capacitor's mean square is k T / C.
    circuit = Circuit(
        {
            "v": VoltageSource("in", "0", 0.3),
            "r": Resistor("in", "a", 1e4),
            "l": Inductor("a", "b", 1e-5),
            "rb": Resistor("b", "0", 3e5),
            "c": Capacitor("b", "0", 2e-12),
            "rl": Resistor("a", "c", 1e5),
            "c2": Capacitor("c", "0", 0.5e-12),
        }
    )
    found = noise(circuit, WIDE, "b", input="v")
    # 40 points a decade and 1e13 Hz leave 1e-3 of the integral.
    assert found.output_total == pytest.approx(np.sqrt(BOLTZMANN * T / 2e-12), rel=2e-3)
    np.testing.assert_allclose(sum(found.element(r) for r in ("r", "rb", "rl")), found.output, rtol=1e-12)
    gain = small_signal(circuit, WIDE, {"v": 1.0})
    np.testing.assert_allclose(found.gain, np.abs(gain["b"]), rtol=1e-9)
    # The other way round: a resistor's noise is its current through the transfer impedance.
    np.testing.assert_allclose(found.element("r"), 4 * BOLTZMANN * T * 1e4 * np.abs(gain["b"]) ** 2, rtol=1e-9)
    np.testing.assert_allclose(found.input, found.output / np.abs(gain["b"]) ** 2, rtol=1e-9)
    across = noise(circuit, WIDE[:40], "a", reference="b").output
    assert np.all(across > 0)


def test_a_transistor_switch_holds_kT_over_C_and_a_follower_less():
    switch = Circuit(
        {
            "vg": VoltageSource("g", "0", 1.2),
            "v": VoltageSource("in", "0", 0.4),
            "m": MOSFET("out", "g", "in", "0", 1e-6, 0.5e-6, MOSFETModel(polarity=1, vto=0.4, kp=3e-4, n=1.3,
                        theta=0.03, lambda_=0.06, cgo=0.0, cox=1e-9, cj=0.0)),
            "c": Capacitor("out", "0", 1e-13),
        }
    )  # fmt: skip
    assert noise(switch, WIDE, "out").output_total == pytest.approx(np.sqrt(BOLTZMANN * T / 1e-13), rel=2e-3)


def test_flicker_noise_falls_as_its_exponent_in_every_sample():
    card = MOSFETModel(polarity=1, vto=0.4, kp=3e-4, n=1.3, theta=0.03, lambda_=0.06, kf=1e-24, af=1.2)
    circuit = Circuit(
        {
            "vdd": VoltageSource("vdd", "0", 1.2),
            "vg": VoltageSource("g", "0", 0.5),
            "r": Resistor("vdd", "d", 1e4),
            "m": MOSFET("d", "g", "0", "0", 2e-6, 0.5e-6, card),
        }
    )
    f = swept("dec", 1, 1.0, 1e4)
    many = mho.sample(circuit, *mho.circuits.mismatch(circuit), n=3, key=jax.random.key(2))
    found = noise(many, f, "d", input="vg")
    gate = found.contributions["m", "flicker"] / found.gain**2
    np.testing.assert_allclose(gate, np.tile(1e-24 / (12e-3 * 1e-12) / f**1.2, (3, 1)), rtol=1e-6)
    assert found.output_total.shape == (3,)
    # What differs between samples is the gain: the square of the output's flicker noise is its square.
    assert np.ptp(found.gain[:, 0]) > 1e-3 * np.mean(found.gain[:, 0])


def test_a_memristive_channel_has_thermal_and_read_noise():
    device = mho.parameters("ecram_stp_ref").device(bare=True)
    read = (ShotNoise(1e-6, 0.5), FlickerNoise(1e-3, 1e-6))
    circuit = Circuit(
        {
            "vg": VoltageSource("g", "0", 0.0),
            "v": VoltageSource("top", "0", 0.1),
            "x": Memristive(("g", "top", "out"), device, read_noise=read),
            "r": Resistor("out", "0", 1e4),
        }
    )
    found = noise(circuit, [1e6, 1e7], "out")  # where the gate is a short
    rest = mho.circuits.operating_point(circuit)
    i = rest["out"] / 1e4
    g = i / (0.1 - rest["out"])
    ratio = found.contributions["x", "shot"] / found.contributions["x", "thermal"]
    np.testing.assert_allclose(ratio, 2 * ELEMENTARY_CHARGE * 0.5 * i / (4 * BOLTZMANN * T * g), rtol=2e-3)
    flicker = found.contributions["x", "flicker"]
    assert flicker[0] / flicker[1] == pytest.approx(10.0, rel=1e-2)  # the gate's capacitance begins to load it
    with pytest.raises(NetlistError, match="TelegraphNoise has no spectral density"):
        Memristive(("g", "top", "out"), device, read_noise=(TelegraphNoise(0.1, 1.0, 1.0),))


def test_power_laws_are_integrated_exactly():
    f = np.array([1.0, 3.0, 20.0, 100.0])
    for exponent in (0.0, -1.0, -2.0, 1.5):
        low, high = f[0] ** (exponent + 1), f[-1] ** (exponent + 1)
        exact = np.log(100.0) if exponent == -1 else (high - low) / (exponent + 1)
        assert power_law_integral(f, f**exponent) == pytest.approx(exact, rel=1e-9)
    assert power_law_integral(f, np.zeros(4)) == 0.0


def test_wrong_questions_are_told():
    circuit = Circuit({"v": VoltageSource("in", "0", 0.0), "r": Resistor("in", "a", 1e3), "q": Resistor("a", "0", 1e3)})
    with pytest.raises(InputError, match="hold the voltage"):
        noise(circuit, [1.0], "in")
    with pytest.raises(InputError, match="no node 'b'"):
        noise(circuit, [1.0], "b")
    with pytest.raises(InputError, match="above 0 Hz"):
        noise(circuit, [0.0, 1.0], "a")
    with pytest.raises(InputError, match="No input was named"):
        _ = noise(circuit, [1.0], "a").input
    with pytest.raises(InputError, match="'v' makes no noise"):
        noise(circuit, [1.0], "a").element("v")
    with pytest.raises(ParameterError, match="gate oxide"):
        MOSFETModel(polarity=1, vto=0.4, kp=3e-4, n=1.3, theta=0.0, lambda_=0.0, cox=0.0, kf=1e-24)
