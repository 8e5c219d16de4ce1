"""Expressions and numbers: precedence, functions and edges as ngspice 39.3 has them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mho.core import NetlistError
from mho.interchange.spice.formulas import formula
from mho.netlists.expressions import parse
from mho.netlists.functions import FUNCTIONS, evaluate
from mho.netlists.numbers import spice_number

# Values that ngspice 39.3 printed for a behavioural source of this formula.
IN_SOURCES = [
    ("(-2)**2", 4.0), ("(-2)^3", 8.0), ("pow(-2,3)", 8.0), ("pwr(-2,3)", -8.0), ("-2**2", -4.0), ("2^3^2", 64.0),
    ("log(10)", 2.302585093), ("ln(10)", 2.302585093), ("log(0.1)*3.141592654", -7.23378), ("u(0)", 0.5),
    ("sgn(0)", 0.0),    ("u2(0.3)+10*uramp(-2)", 0.3), ("(-2<-1) ? 5 : 6", 5.0), ("nint(2.5)+100*nint(-1.2)", -98.0),
    ("pwl(0.5,0,0,1,10)", 5.0), ("min(1,2)+max(3,4)*10", 41.0), ("floor(-1.5)+100*ceil(1.2)", 198.0),
    ("(1&&0)+10*(1||0)+100*(!0)+1000*(2>=2)+10000*(1==1)", 11110.0), ("1e3meg", 1e9), ("1/0", 1e32),
    ("pow(-2,2.5)", 5.656854249),
]  # fmt: skip
# The same for a parameter in braces.
IN_PARAMETERS = [("pow(-2,3)", -8.0), ("(-2)^3", 8.0), ("pwr(-2,3)", 8.0), ("int(-1.5)", -1.0), ("nint(2.5)", 2.0)]


@pytest.mark.parametrize(("text", "value"), IN_SOURCES)
def test_sources_compute_as_ngspice(text, value):
    assert float(evaluate(parse(text), {})) == pytest.approx(value, rel=1e-5)  # ngspice printed six digits


@pytest.mark.parametrize(("text", "value"), IN_PARAMETERS)
def test_parameters_compute_as_ngspice(text, value):
    assert float(evaluate(parse(text), {}, parameter=True)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("10meg", 1e7), ("5pF", 5e-12), ("0.13u", 1.3e-7), ("2mil", 50.8e-6), ("3mohm", 3e-3), ("1e-3", 1e-3),
     (".5k", 500),     ("-2a", -2e-18), ("1e400", np.inf), ("volt", None), ("", None), ("1.2.3", None)],
)  # fmt: skip
def test_numbers_have_scale_suffixes(text, value):
    found = spice_number(text)
    assert found == value if value is None else found == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    "text", ["", "1+", "(1", "1)", "f(", "a b", "1?2", "v(a", "sin()", "'1", "((" * 400, "1" + "+1" * 900]
)
def test_what_is_no_expression_says_so(text):
    with pytest.raises(NetlistError):
        evaluate(parse(text), {})


def test_every_smooth_function_has_finite_derivatives_everywhere():
    # A source's Newton iterate may stand at zero, or far outside a function's domain.
    smooth = [
        f for f, (low, high, _) in FUNCTIONS.items() if low == high == 1 and f.isalnum() and f not in ("neg", "tan")
    ]
    made = formula(parse("+".join(f"{f}(v(x))" for f in smooth) + "+v(x)**0.5+v(x)/v(x)"))
    with jax.enable_x64(True):
        x = jnp.array([0.0, -1.0, 1.0, 1e-30, -1e3, 1e3])
        value, slope = jax.jvp(made, (x,), (jnp.ones_like(x),))
    assert np.all(np.isfinite(value))
    # asin and acosh are vertical at the ends of their domains; elsewhere nothing is.
    inside = np.array([True, False, False, True, True, True])
    assert np.all(np.isfinite(np.asarray(slope)[inside]))
