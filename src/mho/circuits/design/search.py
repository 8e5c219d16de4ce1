"""Bounded least squares from several starts side by side, by differences in lanes, after a scouting population."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear
from scipy.stats import qmc

from mho.core.errors import InputError

Evaluate = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Places between the bounds, (n, free), to misses, (n, targets), NaN where there is no figure, and reasons for that."""
Told = Callable[[float, str], None]

DAMPINGS = (0.01, 1.0, 100.0, 1e4)  # tried side by side, relative to each start's own
_REACH = 0.25  # longest move in a turn, as a share of the way between the bounds
_APART = 0.15  # least distance of two starts, as a share of the way between the bounds, per free number
_STAY = 1e-6  # shortest move that is measured, as a share of the way between the bounds
_STALL = 1e-3  # least relative fall of the cost that counts as going on


@dataclass(frozen=True)
class Step:
    """Where one start stood in one turn.

    Args:
        turn: Number of the turn, 0 for the scout it came from.
        start: Number of the start.
        place: Between the bounds, 0 to 1, one a free number.
        cost: Half the sum of the squared weighted misses.
        misses: Unweighted, about relative.
    """

    turn: int
    start: int
    place: np.ndarray
    cost: float
    misses: np.ndarray


@dataclass(frozen=True)
class Search:
    """What a search found.

    Args:
        place: The best place between the bounds, 0 to 1.
        misses: Of each target there, unweighted.
        jacobian: Change of each miss by each place there, (targets, free).
        path: Every accepted step of every start.
        scouts: Number of scouts, and of those that had every figure.
        evaluations: Circuits that were measured.
        refused: Circuits without a figure, by reason.
        started: Number of starts.
    """

    place: np.ndarray
    misses: np.ndarray
    jacobian: np.ndarray
    path: tuple[Step, ...]
    scouts: tuple[int, int]
    evaluations: int
    refused: Mapping[str, int]
    started: int


class _Counted:
    """The evaluation, with a count of what it was asked and of what had no figure."""

    def __init__(self, evaluate: Evaluate):
        self.evaluate, self.evaluations, self.refused = evaluate, 0, dict[str, int]()

    def __call__(self, places: np.ndarray) -> np.ndarray:
        misses, reasons = self.evaluate(places)
        self.evaluations += len(places)
        for reason in reasons[reasons != ""]:
            self.refused[str(reason)] = self.refused.get(str(reason), 0) + 1
        return misses


def search(
    evaluate: Evaluate,
    steps: Sequence[float],
    *,
    nominal: np.ndarray,
    weights: np.ndarray,
    scouts: int = 127,
    starts: int = 4,
    turns: int = 25,
    enough: float = 1e-3,
    seed: int = 1,
    told: Told = lambda share, text: None,
) -> Search:
    r"""Minimise the sum of squared weighted misses over the unit box.

    Scouts (a Sobol sequence and the nominal place) tell where circuits have the figures at all; the best that lie apart
    become starts. Each turn solves, for every start,

    .. math:: \min_d \; \|J d + r\|^2 + \lambda \|d\|^2, \qquad 0 \le u + d \le 1, \quad |d_j| \le 0.25

    at four dampings, and measures all these trials with the central differences around each in one population of lanes.
    A place without a figure is never accepted and never a number: it is refused and counted by reason, and its start
    goes on with more damping. A start that its bounds hold has no trial left, and ends.

    Args:
        evaluate: The figures' misses at places.
        steps: Steps of the differences, one a free number.
        nominal: Place of the values at the start.
        weights: Of the targets.
        scouts: Scouts besides the nominal place.
        starts: Starts.
        turns: Most turns.
        enough: A place whose largest miss is below this ends the search.
        seed: Of the scouts.
        told: Told the share of the turns that are done, and a text.

    Raises:
        InputError: If no circuit within the bounds has the figures that are asked for.
    """
    asked = _Counted(evaluate)
    step = np.asarray(steps, np.float64)
    spread = qmc.Sobol(len(steps), rng=seed).random_base2(int(np.ceil(np.log2(max(scouts, 1)))))[:scouts]
    places = np.concatenate([nominal[None], spread])
    misses = asked(places)
    cost = _cost(misses, weights)
    good = np.flatnonzero(np.isfinite(cost))
    if not len(good):
        why = ", ".join(f"{n} {reason}" for reason, n in asked.refused.items())
        raise InputError(
            f"None of {len(places)} circuits within the bounds has these figures ({why}). Widen the bounds."
        )
    told(0.5 / (turns + 1), f"{len(good)} of {len(places)} scouts have every figure; derivatives at the best")
    chosen = _apart(places, cost, good, starts)
    slopes = _differences(places[chosen], misses[chosen], asked, step)
    runners = [Runner(k, places[i], misses[i], j, weights) for k, (i, j) in enumerate(zip(chosen, slopes, strict=True))]
    for turn in range(1, turns + 1):
        tried = [(r, np.array([r.trial(damping) for damping in DAMPINGS])) for r in runners if r.going]
        tried = [(r, places) for r, places in tried if np.max(np.abs(places - r.place)) > _STAY]
        best = min(r.worst for r in runners)
        told(turn / (turns + 1), f"turn {turn} of at most {turns}, off by {100 * best:.2g} %")
        if not tried or best < enough:
            break
        found, slopes = _with_differences(np.concatenate([places for _, places in tried]), asked, step)
        for k, (r, places) in enumerate(tried):
            own = slice(k * len(DAMPINGS), (k + 1) * len(DAMPINGS))
            r.take(turn, places, found[own], slopes[own])
    winner = min(runners, key=lambda r: r.cost)
    path = tuple(step for r in runners for step in r.path)
    return Search(
        winner.place, winner.misses, winner.jacobian, path, (len(places), len(good)), asked.evaluations,
        dict(asked.refused), len(runners),
    )  # fmt: skip


class Runner:
    """One start: where it stands, how damped it moves.

    Args:
        number: Of the start.
        place: Between the bounds, 0 to 1, one a free number.
        misses: Of each target there, unweighted.
        jacobian: Change of each miss by each place there, (targets, free).
        weights: Of the targets.
    """

    def __init__(self, number: int, place: np.ndarray, misses: np.ndarray, jacobian: np.ndarray, weights: np.ndarray):
        self.number, self.place, self.misses, self.weights = number, place, misses, weights
        self.jacobian = jacobian
        self.damping, self.going, self.stalled = 1e-3, True, 0
        self.cost = float(_cost(misses[None], weights)[0])
        self.path = [Step(0, number, place, self.cost, misses)]

    @property
    def worst(self) -> float:
        """Largest miss here."""
        return float(np.max(np.abs(self.misses)))

    def trial(self, relative: float) -> np.ndarray:
        """The damped step at one damping, within the box."""
        j, r = self.weights[:, None] * self.jacobian, self.weights * self.misses
        size = np.sqrt(self.damping * relative) * max(float(np.linalg.norm(j)), 1e-12)
        matrix = np.concatenate([j, size * np.eye(len(self.place))])
        low = np.maximum(-self.place, -_REACH) - 1e-12
        high = np.minimum(1.0 - self.place, _REACH) + 1e-12
        step = lsq_linear(matrix, np.concatenate([-r, np.zeros(len(self.place))]), (low, high)).x
        return np.clip(self.place + step, 0.0, 1.0)

    def take(self, turn: int, places: np.ndarray, misses: np.ndarray, jacobians: np.ndarray) -> None:
        """Move to the best of the trials if it is better than here; else be more careful next time."""
        best = self.best(misses)
        if best is None:
            self.damping *= 1e4
            self.going = self.damping < 1e6
            return
        cost = float(_cost(misses, self.weights)[best])
        self.stalled = self.stalled + 1 if cost > (1.0 - _STALL) * self.cost else 0
        self.damping = float(np.clip(self.damping * DAMPINGS[best], 1e-8, 1e6))
        self.going = self.stalled < 2
        self.jacobian = jacobians[best]
        self.move(turn, places[best], misses[best])

    def move(self, turn: int, place: np.ndarray, misses: np.ndarray) -> None:
        """Stand at a place from now on."""
        self.place, self.misses = place, misses
        self.cost = float(_cost(misses[None], self.weights)[0])
        self.path.append(Step(turn, self.number, place, self.cost, misses))

    def best(self, misses: np.ndarray) -> int | None:
        """Which of several places is the best, if it is better than here."""
        cost = _cost(misses, self.weights)
        best = int(np.argmin(cost))
        return best if cost[best] < self.cost else None


def _cost(misses: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Half the sum of squares, infinite where a figure is missing."""
    cost = 0.5 * np.sum((weights * misses) ** 2, axis=1)
    return np.where(np.isfinite(cost), cost, np.inf)


def _apart(places: np.ndarray, cost: np.ndarray, good: np.ndarray, starts: int) -> list[int]:
    """The best scouts that do not lie beside a better one."""
    chosen: list[int] = []
    for i in good[np.argsort(cost[good])]:
        if all(np.linalg.norm(places[i] - places[k]) > _APART * np.sqrt(places.shape[1]) for k in chosen):
            chosen.append(int(i))
        if len(chosen) == starts:
            break
    return chosen


def _with_differences(places: np.ndarray, asked: _Counted, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Misses at places and their slopes, all measured in one population."""
    sides = _sides(places, steps)
    found = asked(np.concatenate([places, sides.reshape(-1, places.shape[1])]))
    here, around = found[: len(places)], found[len(places) :].reshape(len(places), 2, len(steps), -1)
    return here, _slopes(places, here, sides, around)


def _differences(places: np.ndarray, misses: np.ndarray, asked: _Counted, steps: np.ndarray) -> np.ndarray:
    """Slopes at places whose misses are known."""
    sides = _sides(places, steps)
    around = asked(sides.reshape(-1, places.shape[1])).reshape(len(places), 2, len(steps), -1)
    return _slopes(places, misses, sides, around)


def _sides(places: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """A step up and down from each place in each direction, within the box, (places, 2, free, free)."""
    moves = np.stack([np.diag(steps), -np.diag(steps)])
    return np.clip(places[:, None, None, :] + moves, 0.0, 1.0)


def _slopes(places: np.ndarray, here: np.ndarray, sides: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Central differences, one-sided where a side has no figure or no room, else 0, (n, targets, free)."""
    at = np.diagonal(sides, axis1=2, axis2=3)  # (places, 2, free)
    usable = np.isfinite(around).all(axis=3) & (at != places[:, None, :])
    at = np.where(usable, at, places[:, None, :])
    values = np.where(usable[..., None], around, here[:, None, None, :])
    far, rise = at[:, 0] - at[:, 1], values[:, 0] - values[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(far[..., None] > 0, rise / far[..., None], 0.0)
    return np.swapaxes(np.nan_to_num(slope), 1, 2)
