"""Hearing what flows through a network from outside, wherever in it a product is formed: in a loop, under a vmap.

A word is a primitive that hands its arrays on. A program is traced, and its equations are evaluated one by one; the
words on the way are collected. A loop is rebuilt with its words as further outputs, one step after the other along a
new first axis. All of this is itself traced: what is heard are outputs of one compiled program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend import core
from jax.interpreters import batching, mlir

from mho.core.errors import ChipError

_SAY = core.Primitive("mho_say")
_SAY.multiple_results = True
_SAY.def_impl(lambda *arrays, name: list(arrays))
_SAY.def_abstract_eval(lambda *arrays, name: list(arrays))
mlir.register_lowering(_SAY, mlir.lower_fun(lambda *arrays, name: list(arrays), multiple_results=True))


def _batched(arrays: Any, axes: Any, *, name: str) -> Any:
    """A batch is one word, its axis first."""
    size = next(a.shape[d] for a, d in zip(arrays, axes, strict=True) if d is not None)
    full = [
        jnp.broadcast_to(a, (size, *a.shape)) if d is None else jnp.moveaxis(a, d, 0)
        for a, d in zip(arrays, axes, strict=True)
    ]
    return _SAY.bind(*full, name=name), [0] * len(full)


batching.primitive_batchers[_SAY] = _batched


class Heard(NamedTuple):
    """One word: who said it, and its arrays; axes of loops and batches within the program come first."""

    name: str
    what: tuple[Any, ...]


def say(name: str, *what: Any) -> tuple[Any, ...]:
    """The arrays `what`, which :func:`heard` collects on the way."""
    return tuple(_SAY.bind(*(jnp.asarray(x) for x in what), name=name))


def heard(f: Callable[..., Any], *args: Any) -> tuple[Any, list[Heard]]:
    """What `f` gives for arrays `args`, and the words that were said on the way, in order.

    Raises:
        ChipError: If something is said within a loop of unknown length or a choice of branches.
    """
    traced, shape = jax.make_jaxpr(f, return_shape=True)(*args)
    words: list[Heard] = []
    outputs = _evaluated(traced.jaxpr, traced.consts, jax.tree.leaves(args), words)
    return jax.tree.unflatten(jax.tree.structure(shape), outputs), words


def heard_of_each(f: Callable[..., Any], *args: Any, in_axes: Any = 0) -> tuple[Any, list[Heard]]:
    """What `f` gives for each of a batch of arguments, and the words that were said on the way, the batch first."""
    names: list[str] = []

    def one(*args: Any) -> Any:
        y, words = heard(f, *args)
        names[:] = [word.name for word in words]
        return y, [word.what for word in words]

    y, said = jax.vmap(one, in_axes=in_axes)(*args)
    return y, [Heard(name, what) for name, what in zip(names, said, strict=True)]


def _evaluated(program: Any, consts: Any, inputs: Any, words: list[Heard]) -> list[Any]:
    known: dict[Any, Any] = {}

    def read(v: Any) -> Any:
        return v.val if isinstance(v, core.Literal) else known[v]

    known.update(zip(program.constvars, consts, strict=True))
    known.update(zip(program.invars, inputs, strict=True))
    for equation in program.eqns:
        given = [read(v) for v in equation.invars]
        outputs = _step(equation, given, words)
        known.update(zip(equation.outvars, outputs, strict=True))
    return [read(v) for v in program.outvars]


def _step(equation: Any, given: list[Any], words: list[Heard]) -> list[Any]:
    kind, inner = equation.primitive, _inner(equation)
    if kind is _SAY:
        words.append(Heard(equation.params["name"], tuple(given)))
        return given
    if not any(_speaks(program) for program, _ in inner):
        ready = kind.get_bind_params(equation.params)
        functions, params = ready if isinstance(ready, tuple) else ((), ready)  # up to, and from, JAX 0.9
        found = kind.bind(*functions, *given, **params)
        return list(found) if kind.multiple_results else [found]
    if kind.name == "scan":
        return _looped(equation.params, given, words)
    if kind.name in ("while", "cond") or len(inner) != 1:
        raise ChipError(
            f"A matrix is multiplied within a {kind.name}, where the number of products is not known beforehand. Use "
            "lax.scan, or keep the layer digital."
        )
    return _evaluated(*inner[0], given, words)


def _looped(params: Any, given: list[Any], words: list[Heard]) -> list[Any]:
    body, consts, carried = params["jaxpr"], params["num_consts"], params["num_carry"]
    fixed, start, rows = given[:consts], given[consts : consts + carried], given[consts + carried :]
    names: list[str] = []

    def step(carry: Any, row: Any) -> Any:
        own: list[Heard] = []
        outputs = _evaluated(body.jaxpr, body.consts, [*fixed, *carry, *row], own)
        names[:] = [word.name for word in own]
        return outputs[:carried], (outputs[carried:], [word.what for word in own])

    end, (results, said) = lax.scan(step, start, rows, length=params["length"], reverse=params["reverse"])
    words.extend(Heard(name, what) for name, what in zip(names, said, strict=True))
    return [*end, *results]


def _inner(equation: Any) -> list[tuple[Any, Any]]:
    """Programs within an equation, with their constants."""
    found = []
    for value in equation.params.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            if isinstance(one, core.ClosedJaxpr):
                found.append((one.jaxpr, one.consts))
            elif isinstance(one, core.Jaxpr):
                found.append((one, ()))
    return found


def _speaks(program: Any) -> bool:
    return any(e.primitive is _SAY or any(_speaks(p) for p, _ in _inner(e)) for e in program.eqns)
