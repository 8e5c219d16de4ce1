"""ONNX's recurrent operations, as cells run along sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mho.interchange.weights.onnx_assembly import Assembly, Step
from mho.networks.cells import ElmanCell, ResetFirstGRU, Sequence
from mho.networks.graph import function
from mho.networks.layers import gru_cell, linear, lstm_cell

_ACTIVATIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}


def lstm(step: Step, w: np.ndarray, r: np.ndarray, b: np.ndarray, _: str) -> Any:
    """ONNX's rows are input, output, forget, cell."""
    order = [0, 2, 3, 1]
    bias = _rows(b[: len(w)] + b[len(w) :], 4, order)
    return lstm_cell(_rows(w, 4, order), _rows(r, 4, order), bias)


def gru(step: Step, w: np.ndarray, r: np.ndarray, b: np.ndarray, _: str) -> Any:
    """ONNX's rows are update, reset, hidden."""
    order = [1, 0, 2]
    w, r = _rows(w, 3, order), _rows(r, 3, order)
    b_w, b_r = _rows(b[: len(w)], 3, order), _rows(b[len(w) :], 3, order)
    h = len(w) // 3
    if not step.attributes.get("linear_before_reset", 0):
        return ResetFirstGRU(linear(w, b_w + b_r), linear(r[: 2 * h]), linear(r[2 * h :]))
    bias = np.concatenate([(b_w + b_r)[: 2 * h], b_w[2 * h :]])
    return gru_cell(w, r, bias, b_r[2 * h :])


def rnn(step: Step, w: np.ndarray, r: np.ndarray, b: np.ndarray, activation: str) -> Any:
    """A simple recurrent unit."""
    return ElmanCell(linear(w, b[: len(w)] + b[len(w) :]), linear(r), activation)


def _rows(array: np.ndarray, parts: int, order: list[int]) -> np.ndarray:
    pieces = np.split(array, parts)
    return np.concatenate([pieces[i] for i in order])


def recurrent(build: Callable[..., Any], states: int) -> Callable[[Assembly, Step], None]:
    """An operation: its input turned to one sequence a sample, one node a direction, its results as ONNX has them."""

    def operation(assembly: Assembly, step: Step) -> None:
        activations = _checked(assembly, step)
        w, r, b = (assembly.weight(step, i, n) for i, n in ((1, "weights"), (2, "recurrence"), (3, "bias")))
        assert w is not None
        assert r is not None
        b = np.zeros((len(w), 2 * w.shape[1]), assembly.dtype) if b is None else b
        batch_first = bool(step.attributes.get("layout", 0))
        stem = next(name for name in step.outputs if name)
        x = step.inputs[0]
        if not batch_first:
            x = assembly.add(f"{stem}:turned", function("transpose", axes=(1, 0, 2)), [x])
        direction = step.attributes.get("direction", "forward")
        runs = []
        for d in range(len(w)):
            cell = build(step, w[d], r[d], b[d], activations[d])
            sequence = Sequence(cell, direction == "reverse" or d == 1, states == 2)
            start = _start(assembly, step, f"{stem}:{d}", d, states, batch_first)
            runs.append(assembly.add(f"{stem}:{d}", sequence, [x, *start], 2))
        _results(assembly, step, runs, batch_first)

    return operation


def _checked(assembly: Assembly, step: Step) -> list[str]:
    """Name of the activation of each direction (for a simple unit), after what is not supported was refused."""
    directions = 2 if step.attributes.get("direction") == "bidirectional" else 1
    given = [a.decode() if isinstance(a, bytes) else a for a in step.attributes.get("activations", [])]
    usual = _ACTIVATIONS.get(step.op)
    if step.given(4):
        assembly.refuse(step, "has sequences of unequal length; leave sequence_lens out.")
    if step.given(7):
        assembly.refuse(step, "has peephole weights, which are not supported.")
    if step.attributes.get("clip") or step.attributes.get("input_forget"):
        assembly.refuse(step, "clips its gates or couples them, which is not supported.")
    if usual is not None and given and given != usual * directions:
        assembly.refuse(step, f"has the activations {', '.join(given)}; supported: {', '.join(usual)}.")
    names = [name.lower() for name in given] if given and usual is None else ["tanh"] * directions
    if not set(names) <= {"tanh", "relu", "sigmoid"}:
        assembly.refuse(step, f"has the activations {', '.join(given)}; supported: Tanh, Relu, Sigmoid.")
    return names


def _start(assembly: Assembly, step: Step, stem: str, d: int, states: int, batch_first: bool) -> list[str]:
    """Nodes of the first h (and c) of a direction; none where they are left out or all 0."""
    names = [step.given(i) for i in (5, 6)[:states]]
    still = [n is None or (n in assembly.constants and not np.any(assembly.constants[n])) for n in names]
    if all(still):
        return []
    if any(n is None for n in names):
        assembly.refuse(step, "gives only one of its two first states; give both.")
    pick = function("gather", axis=1 if batch_first else 0, at=d)
    return [assembly.add(f"{stem}:start{i}", pick, [n]) for i, n in enumerate(names) if n]


def _results(assembly: Assembly, step: Step, runs: list[str], batch_first: bool) -> None:
    """Y, Y_h and Y_c from the runs of all directions."""
    for index, name in enumerate(step.outputs):
        if not name or not assembly.uses[name]:
            continue
        parts = []
        for run in runs:
            part = assembly.add(f"{run}:{'hHC'[index]}", function("item", index=index), [run])
            if index == 0 and not batch_first:
                part = assembly.add(f"{part}:turned", function("transpose", axes=(1, 0, 2)), [part])
            parts.append(part)
        axis = (2 if batch_first else 1) if index == 0 else (1 if batch_first else 0)
        assembly.add(name, function("stack", axis=axis), parts)


RECURRENT: dict[str, Callable[[Assembly, Step], Any]] = {
    "GRU": recurrent(gru, 1),
    "LSTM": recurrent(lstm, 2),
    "RNN": recurrent(rnn, 1),
}
