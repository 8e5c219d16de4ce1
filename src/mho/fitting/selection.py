"""How many modes a measurement supports: refinement, frozen parameters, collapsed modes, information criterion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mho.core.quantities import engineering
from mho.fitting import event_face
from mho.fitting.estimate import Problem, at_bounds, refine
from mho.fitting.event_face import Layout
from mho.fitting.result import Candidate
from mho.fitting.table import listed

_SAME_TAU = 1.6  # two relaxation times closer than this factor are one
_NO_WEIGHT = 0.01  # a mode that carries less than this is none


@dataclass(frozen=True)
class Solution:
    """One candidate's best parameter vector and what belongs to it."""

    modes: int
    theta: np.ndarray
    free: np.ndarray
    cost: float
    residual: np.ndarray
    held: Mapping[str, str]


def solve(
    problem: Problem, modes: int, theta: np.ndarray, free: np.ndarray, layout: Layout, optional: set[str]
) -> Solution:
    """Refine; freeze optional numbers that rest on a bound, name them, refine again."""
    theta, cost, residual = refine(problem, theta, free)
    held = {}
    resting = [i for i in at_bounds(problem, theta, free) if problem.names[i] in optional]
    if resting:
        free = free.copy()
        for i in resting:
            side = "lower" if theta[i] - problem.low[i] < problem.high[i] - theta[i] else "upper"
            held[problem.names[i]] = f"rests at its {side} bound"
            theta[i] = problem.low[i] if side == "lower" else problem.high[i]
            free[i] = False
        theta, cost, residual = refine(problem, theta, free)
    order = np.argsort(theta[layout.tau][:modes])
    theta, permuted = _sorted(theta, layout, modes, order)
    if permuted:
        residual = problem.residual(problem.curve(theta[None])[0])
    return Solution(modes, theta, free, cost, residual, held)


def _sorted(theta: np.ndarray, layout: Layout, modes: int, order: np.ndarray) -> tuple[np.ndarray, bool]:
    """Modes from fast to slow."""
    if np.all(order == np.arange(modes)):
        return theta, False
    theta = theta.copy()
    ratios = np.concatenate([[0.0], theta[layout.ratios]])
    ratios[:modes] = ratios[:modes][order]
    theta[layout.ratios] = ratios[1:] - ratios[0]
    tau = theta[layout.tau].copy()
    tau[:modes] = tau[:modes][order]
    theta[layout.tau] = tau
    return theta, True


def _collapsed(solution: Solution, layout: Layout) -> str:
    """Why the modes of a solution are fewer than they seem; empty if they are not."""
    k = solution.modes
    tau = np.exp(solution.theta[layout.tau])[:k]
    weights = event_face.weights_of(solution.theta[layout.ratios])[:k]
    for i in range(k - 1):
        if tau[i + 1] < _SAME_TAU * tau[i]:
            both = " and ".join(engineering(x, "s", 3) for x in tau[i : i + 2])
            return f"modes {i + 1} and {i + 2} collapsed ({both})"
    small = int(np.argmin(weights))
    return f"mode {small + 1} carries {100 * weights[small]:.2g} %" if weights[small] < _NO_WEIGHT else ""


def candidate(
    solution: Solution, layout: Layout, rows: np.ndarray, held_out: np.ndarray, n_effective: float
) -> Candidate:
    """A solution as a row of the table of models compared."""
    n, p = len(rows), int(solution.free.sum())
    mean = solution.cost / n
    outside = solution.residual[held_out]
    remark = "; ".join(
        filter(None, [_collapsed(solution, layout), *(f"{name} {why}" for name, why in solution.held.items())])
    )
    return Candidate(
        f"{solution.modes} mode{'s' * (solution.modes > 1)}",
        p,
        float(n_effective * np.log(mean) + p * np.log(n_effective)),
        float(np.sqrt(mean)),
        float(np.sqrt(np.mean(outside**2))) if outside.size else float("nan"),
        remark,
    )


def choose(solutions: list[Solution], candidates: tuple[Candidate, ...]) -> int:
    """Smallest BIC among the models whose modes are what they seem."""
    sound = [n for n, c in enumerate(candidates) if "collapsed" not in c.remark and "carries" not in c.remark] or [0]
    return min(sound, key=lambda n: candidates[n].bic)


def settle(problem: Problem, solution: Solution, layout: Layout) -> tuple[Solution, list[str]]:
    """Freeze what a forced number of modes leaves undetermined, refit the rest, and say so."""
    warnings = [
        f"{name} {why}: this measurement does not show it; it is held there" for name, why in solution.held.items()
    ]
    why = _collapsed(solution, layout)
    frozen = at_bounds(problem, solution.theta, solution.free)
    if why:
        k = solution.modes
        tau = solution.theta[layout.tau][:k]
        weights = event_face.weights_of(solution.theta[layout.ratios])[:k]
        near = int(np.argmin(np.diff(tau))) + 1 if "collapsed" in why else int(np.argmin(weights))
        frozen += [layout.tau.start + near] + ([layout.ratios.start + near - 1] if near > 0 else [])
        warnings.append(
            f"{why}: the data show fewer than {k} modes; its time constant and weight are held and the rest refitted"
        )
    if not frozen:
        return solution, warnings
    free, held = solution.free.copy(), dict(solution.held)
    for i in set(frozen):
        free[i] = False
        held[problem.names[i]] = "collapsed" if why and i >= len(event_face.HEAD) else "rests at a bound"
    named = [problem.names[i] for i in sorted(set(frozen))]
    warnings.append(f"held and the rest refitted: {listed(named)}")
    theta, cost, residual = refine(problem, solution.theta, free)
    return Solution(solution.modes, theta, free, cost, residual, held), warnings
