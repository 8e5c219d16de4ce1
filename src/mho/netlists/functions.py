"""The functions and operators of SPICE expressions, over NumPy or JAX; derivatives stay finite where values do.

They differ in two names between parameters and sources, as in ngspice: `pow` of a negative base is real in a parameter
and takes the magnitude in a source; `pwr` keeps the base's sign in a source alone.

Source: ngspice manual, version 39, chapters on parameters and on the nonlinear dependent source; edges (u(0), powers,
division by zero) tried in ngspice 39.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mho.core.errors import NetlistError
from mho.netlists.expressions import Call, Expression, Name, Number

_LARGEST = 700.0  # exp of more has no float64
_INSIDE = 1.0 - 1e-15  # where an inverse function ends, its slope is infinite
_FUDGE = 1e-32  # what ngspice adds to a divisor
_ROUNDED = 0.1  # of a table's shorter side at a corner, which its parabola reaches on either side
_MOST = 401  # arguments of one function


def _divide(xp: Any, a: Any, b: Any) -> Any:
    return a / xp.where(b >= 0, b + _FUDGE, b - _FUDGE)


def _exp(xp: Any, x: Any) -> Any:
    return xp.exp(xp.minimum(x, _LARGEST))


def _log(xp: Any, x: Any) -> Any:
    return xp.log(xp.maximum(x, 1e-99))


def _sqrt(xp: Any, x: Any) -> Any:
    return xp.where(x > 0, xp.sqrt(xp.where(x > 0, x, 1.0)), 0.0)


def _power(xp: Any, x: Any, y: Any) -> Any:
    """|x|^y."""
    size = xp.abs(x)
    some = size > 0
    return xp.where(some, xp.exp(y * xp.log(xp.where(some, size, 1.0))), xp.where(y == 0, 1.0, 0.0))


def _signed_power(xp: Any, x: Any, y: Any) -> Any:
    return xp.sign(x) * _power(xp, x, y)


def _real_power(xp: Any, x: Any, y: Any) -> Any:
    return xp.power(x, y)


def _truth(xp: Any, x: Any) -> Any:
    return xp.where(x, 1.0, 0.0)


def _pwl(xp: Any, x: Any, *points: Any) -> Any:
    """Straight lines between points, and on beyond the first and the last."""
    across, up = (xp.stack([xp.asarray(p) for p in points[k::2]]) for k in (0, 1))
    first, last = ((up[k + 1] - up[k]) / (across[k + 1] - across[k]) for k in (0, -2))
    return (
        xp.interp(x, across, up)
        + first * xp.minimum(x - across[0], 0.0)
        + last * xp.maximum(x - across[-1], 0.0)
    )  # fmt: skip


def _table(xp: Any, x: Any, *points: float) -> Any:
    """Straight lines between points, level beyond them; a parabola rounds each corner over a tenth of its shorter side.

    Source: the table of controlled sources in ngspice 39, whose values this has.
    """
    across, up = np.asarray(points[::2], float), np.asarray(points[1::2], float)
    side = np.diff(across)
    slope = np.concatenate([[0.0], np.diff(up) / side, [0.0]])
    half = _ROUNDED * np.minimum(np.concatenate([side[:1], side]), np.concatenate([side, side[-1:]]))
    y: Any = up[0]
    for corner, bend, d in zip(across, np.diff(slope), half, strict=True):
        z = x - corner
        inside = xp.clip(z, -d, d) + d
        y = y + bend * (inside * inside / (4.0 * d) + xp.maximum(z - d, 0.0))
    return y


def _several(name: str) -> Callable[..., Any]:
    def function(xp: Any, *x: Any) -> Any:
        best = x[0]
        for other in x[1:]:
            best = getattr(xp, name)(best, other)
        return best

    return function


def _arctan2(xp: Any, y: Any, x: Any) -> Any:
    """The angle of (x, y), 0 at the origin with a finite slope."""
    somewhere = (x != 0) | (y != 0)
    return xp.where(somewhere, xp.arctan2(xp.where(somewhere, y, 0.0), xp.where(somewhere, x, 1.0)), 0.0)


def _bounded(name: str) -> Callable[..., Any]:
    return lambda xp, x: getattr(xp, name)(xp.clip(x, -_INSIDE, _INSIDE))


def _clipped(name: str) -> Callable[..., Any]:
    return lambda xp, x: getattr(xp, name)(xp.clip(x, -_LARGEST, _LARGEST))


def _plain(name: str) -> Callable[..., Any]:
    return lambda xp, *x: getattr(xp, name)(*x)


# Name: (least and most arguments, function).
FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "+": (2, 2, lambda xp, a, b: a + b),
    "-": (2, 2, lambda xp, a, b: a - b),
    "*": (2, 2, lambda xp, a, b: a * b),
    "/": (2, 2, _divide),
    "%": (2, 2, lambda xp, a, b: xp.fmod(a, xp.where(b == 0, _FUDGE, b))),
    "^": (2, 2, _power),
    "neg": (1, 1, lambda xp, a: -a),
    "!": (1, 1, lambda xp, a: _truth(xp, a == 0)),
    "&&": (2, 2, lambda xp, a, b: _truth(xp, (a != 0) & (b != 0))),
    "||": (2, 2, lambda xp, a, b: _truth(xp, (a != 0) | (b != 0))),
    "==": (2, 2, lambda xp, a, b: _truth(xp, a == b)),
    "!=": (2, 2, lambda xp, a, b: _truth(xp, a != b)),
    "<": (2, 2, lambda xp, a, b: _truth(xp, a < b)),
    "<=": (2, 2, lambda xp, a, b: _truth(xp, a <= b)),
    ">": (2, 2, lambda xp, a, b: _truth(xp, a > b)),
    ">=": (2, 2, lambda xp, a, b: _truth(xp, a >= b)),
    "?:": (3, 3, lambda xp, a, b, c: xp.where(a != 0, b, c)),
    "ternary_fcn": (3, 3, lambda xp, a, b, c: xp.where(a != 0, b, c)),
    "abs": (1, 1, _plain("abs")),
    "sqrt": (1, 1, _sqrt),
    "exp": (1, 1, _exp),
    "ln": (1, 1, _log),
    "log": (1, 1, _log),
    "log10": (1, 1, lambda xp, x: _log(xp, x) / np.log(10.0)),
    "sin": (1, 1, _plain("sin")),
    "cos": (1, 1, _plain("cos")),
    "tan": (1, 1, _plain("tan")),
    "asin": (1, 1, _bounded("arcsin")),
    "acos": (1, 1, _bounded("arccos")),
    "atan": (1, 1, _plain("arctan")),
    "sinh": (1, 1, _clipped("sinh")),
    "cosh": (1, 1, _clipped("cosh")),
    "tanh": (1, 1, _plain("tanh")),
    "asinh": (1, 1, _plain("arcsinh")),
    "acosh": (1, 1, lambda xp, x: xp.arccosh(xp.maximum(x, 2.0 - _INSIDE))),
    "atanh": (1, 1, lambda xp, x: xp.arctanh(xp.clip(x, -_INSIDE, _INSIDE))),
    "arctan": (1, 1, _plain("arctan")),
    "atan2": (2, 2, _arctan2),
    "min": (2, _MOST, _several("minimum")),
    "max": (2, _MOST, _several("maximum")),
    "pow": (2, 2, _power),
    "pwr": (2, 2, _signed_power),
    "sgn": (1, 1, _plain("sign")),
    "floor": (1, 1, _plain("floor")),
    "ceil": (1, 1, _plain("ceil")),
    "nint": (1, 1, _plain("round")),
    "int": (1, 1, _plain("trunc")),
    "u": (1, 1, lambda xp, x: xp.where(x > 0, 1.0, xp.where(x == 0, 0.5, 0.0))),
    "u2": (1, 1, lambda xp, x: xp.clip(x, 0.0, 1.0)),
    "uramp": (1, 1, lambda xp, x: xp.maximum(x, 0.0)),
    "pwl": (5, _MOST, _pwl),
    "table": (5, 2001, _table),
}
_OF_PARAMETERS = {"pow": _real_power, "pwr": _power}
_REFUSED = {
    **dict.fromkeys(("agauss", "gauss", "aunif", "unif", "limit", "rnd"), "draws at random; use --samples --mismatch"),
    **dict.fromkeys(("idt", "sdt"), "is not known to ngspice; charge a capacitor by a current source of the formula"),
}
CONSTANTS = {"pi": float(np.pi), "e": float(np.e)}


def known(name: str, count: int) -> None:
    """Raise a NetlistError unless `name` is a function that takes `count` arguments."""
    if name in _REFUSED:
        raise NetlistError(f"the function {name!r} {_REFUSED[name]}.")
    if name not in FUNCTIONS:
        raise NetlistError(
            f"the function {name!r} is not known to mho. It knows "
            f"{', '.join(sorted(x for x in FUNCTIONS if x[0].isalpha() and x != 'neg'))}, and those of .func."
        )
    low, high, _ = FUNCTIONS[name]
    if not low <= count <= high or (name in ("pwl", "table") and count % 2 == 0):
        raise NetlistError(f"{name} takes {low if low == high else f'{low} or more'} arguments, not {count}.")


def evaluate(
    tree: Expression,
    values: dict[Expression, Any],
    xp: Any = np,
    *,
    parameter: bool = False,
    known_parts: dict[int, Any] | None = None,
) -> Any:
    """Value of a tree.

    Args:
        tree: Names in it must be in `values`.
        values: Value of each probe and name.
        xp: `numpy` or `jax.numpy`.
        parameter: Whether powers follow the rules of parameters.
        known_parts: Values of parts that stand at several places, by identity.
    """
    if isinstance(tree, Number):
        return tree.value
    if not isinstance(tree, Call):
        if tree not in values:
            what = tree.name if isinstance(tree, Name) else f"{tree.kind}({', '.join(tree.nodes)})"
            raise NetlistError(f"{what!r} has no value here.")
        return values[tree]
    parts = {} if known_parts is None else known_parts
    if id(tree) not in parts:
        parts[id(tree)] = _applied(tree, values, xp, parameter, parts)
    return parts[id(tree)]


def _applied(tree: Call, values: dict[Expression, Any], xp: Any, parameter: bool, parts: dict[int, Any]) -> Any:
    """Value of a call."""
    known(tree.name, len(tree.args))
    args = [evaluate(x, values, xp, parameter=parameter, known_parts=parts) for x in tree.args]
    function = FUNCTIONS[tree.name][2]
    if parameter:
        function = _OF_PARAMETERS.get(tree.name, function)
    if tree.name == "^" and isinstance(tree.args[1], Number) and tree.args[1].value in (2.0, 3.0, 4.0):
        # A product has derivatives of all orders at zero.
        product = args[0]
        for _ in range(int(tree.args[1].value) - 1):
            product = product * args[0]
        return xp.abs(product) if tree.args[1].value == 3.0 else product
    return function(xp, *args)
