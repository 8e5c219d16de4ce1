"""The text written for ngspice, and each trap of that program that it has to step around."""

from __future__ import annotations

import re

import jax.numpy as jnp
import numpy as np
import pytest

import mho
from mho.circuits import DC, MOSFET, NMOS, PWL, Capacitor, Circuit, Memristive, Resistor, VoltageSource
from mho.core.errors import InputError, NetlistError
from mho.devices import parameters
from mho.interchange import spice_text
from mho.interchange.jaxpr import Expressions

CIRCUIT = Circuit(
    {
        "supply.core": VoltageSource("vdd", "0", PWL((0, 1e-6), (0.0, 1.0))),
        "Threshold.N1": MOSFET("out", "in.1", "0", "0", 1e-6, 0.13e-6, NMOS),
        "load": Resistor("vdd", "out", 1e5),
        "hold": Capacitor("in.1", "0", 1e-12),
        "leak": Resistor("in.1", "0", 1e9),
    },
    initial={"in.1": 0.5},
)


def line(text, start):
    return next(x for x in text.splitlines() if x.startswith(start))


def test_settings_that_small_circuits_need():
    text = spice_text(CIRCUIT, 70e-6, save=("out",)).text
    assert "chgtol=1e-18" in line(text, ".options")  # the default, 1e-14 C, is larger than all charge here
    command = line(text, ".tran").split()
    assert len(command) == 6  # step, stop, start, largest step, uic: without the largest, the print step caps it
    assert float(command[4]) == 1e-7
    assert command[5] == "uic"


def test_transistors_are_clamped_on_nodes_of_their_own():
    text = spice_text(CIRCUIT, 1e-6).text
    assert "Bf qf 0" in text
    assert "mho_fc(mho_cl(v(qf)),mho_cl(v(qr))" in text
    names = re.findall(r"(\w+)=", line(text, ".subckt ekvn") + line(text, "+ vto="))
    functions = {"ln", "log", "exp", "sqrt", "abs", "min", "max", "sgn", "pwr", "u", "int"}
    assert {"w", "l", "vto", "kp", "n", "dvto", "beta", "tk"} <= set(names)
    assert not functions & set(names)  # a parameter of such a name shadows the function


def test_names_survive_case_and_dots():
    text = spice_text(CIRCUIT, 1e-6, save=("in.1",))
    assert text.names["v(in_1)"] == "in.1"
    assert text.names["i(vsupply_core)"] == "i(supply.core)"
    assert line(text.text, ".ic") == ".ic v(in_1)=0.5"
    clash = Circuit(
        {
            "a": Resistor("a.b", "0", 1.0),
            "b": Resistor("a_b", "A_B", 1.0),
            "v": VoltageSource("A_B", "0", DC(1.0)),
            "c": Resistor("a.b", "a_b", 1.0),
        }
    )
    names = spice_text(clash, 1e-6, save=("a.b", "a_b", "A_B")).names
    assert len(set(names)) == 3 + 1


def test_what_cannot_be_written_is_refused():
    import jax

    population = mho.sample(CIRCUIT, mho.relative(0.1, of=lambda c: c["load"].r), n=3, key=jax.random.key(0))
    with pytest.raises(InputError, match="population of 3"):
        spice_text(population, 1e-6)
    with pytest.raises(InputError, match="no node or state 'x'"):
        spice_text(CIRCUIT, 1e-6, save=("x",))


def test_mechanisms_that_are_off_are_not_written():
    device = parameters("ecram_stp_fast").device()
    circuit = Circuit(
        {"g": VoltageSource("g", "0", DC(0.0)), "x": Memristive(("g", "d", "0"), device), "r": Resistor("d", "0", 1e3)}
    )
    text = spice_text(circuit, 1e-6, save=("x.q0",)).text
    assert "Cx_q0 x_q0 0 1e-12" in text.replace("9.9999999999999998e-13", "1e-12")
    assert "(0*" not in text
    assert "x_age" not in text


def evaluate(expression, **values):
    """A SPICE expression as Python; ``(condition?yes:no)`` is the only form that differs."""
    while "?" in expression:
        mark = expression.index("?")
        begin, end = mark, mark
        for step in (-1, 1):
            depth, k = 0, mark
            while depth >= 0:
                k += step
                depth += {"(": -step, ")": step}.get(expression[k], 0) * -1
            begin, end = (k, end) if step < 0 else (begin, k)
        condition, rest = expression[begin + 1 : mark], expression[mark + 1 : end]
        yes, no = rest.rsplit(":", 1) if rest.count(":") == 1 else rest.split(":", 1)
        expression = f"{expression[:begin]}(({yes}) if ({condition}) else ({no})){expression[end + 1 :]}"
    functions = {name: getattr(np, name) for name in ("exp", "sinh", "cosh", "tanh", "sqrt", "sin", "cos")}
    functions |= {"ln": np.log, "sgn": np.sign, "pwr": lambda a, b: np.abs(a) ** b, "abs": abs, "min": min, "max": max}
    return eval(expression, functions, values)


@pytest.mark.parametrize("a", [-1.3, 0.2, 2.0])
@pytest.mark.parametrize("b", [0.4, 1.7])
def test_expressions_mean_what_jax_computes(a, b, x64):
    def function(a, b):
        s = jnp.sinh(a) / b + jnp.log1p(b) * 3.0 - jnp.expm1(a)
        return (
            s**2 + jnp.tanh(s),
            jnp.where(a > b, a * s, b - s),
            jnp.clip(a, -0.5, b) * jnp.sqrt(b),
            jnp.exp(-jnp.abs(a)) ** b,
        )

    shared = {}

    def share(expression):
        shared[f"s{len(shared)}"] = float(evaluate(expression, a=a, b=b, **shared))
        return f"s{len(shared) - 1}"

    outputs = Expressions(function, ("a", "b"), share, length=10).outputs
    assert shared  # a sub-expression that is used twice stands alone
    for text, value in zip(outputs, function(a, b), strict=True):
        assert evaluate(text, a=a, b=b, **shared) == pytest.approx(float(value), rel=1e-12)


def test_an_operation_without_spice_form_is_named():
    with pytest.raises(NetlistError, match="erf"):
        Expressions(lambda a: (jnp.asarray(__import__("jax").scipy.special.erf(a)),), ("a",), str)
