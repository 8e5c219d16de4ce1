"""What time makes of a written state: drift, retention, stability."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mho.core.quantities import engineering
from mho.devices.kinetics import BOLTZMANN, ELEMENTARY_CHARGE
from mho.metrics.kpi import KPI
from mho.metrics.sheet.bench import Bench
from mho.metrics.sheet.entry import entry, origins, spread_origins

DAY = 86400.0
YEAR = 365.25 * DAY
MOMENTS = {"1 s": 1.0, "1 h": 3600.0, "1 day": DAY}
TIMES = np.geomspace(1e-6, 1e9, 46)  # [s] of the figure, and where a change is looked for
HOT = 358.15  # [K] 85 degrees Celsius
LOSS = 0.1
_LONGEST = 100.0 * YEAR
_EXACT = 60  # halvings of an interval of times
_SAME = 1e-9

STAYS = "the model has no drift, relaxation or retention loss: its states stay for ever"
GONE = "volatile: the written state is gone before the first look, within the pause that follows a pulse"


@dataclass(frozen=True)
class Fading:
    """Conductance of written devices over time.

    Args:
        states: Written states, by name.
        written: Conductance at once [S], by name.
        times: [s], after the write.
        course: Conductance [S], shape (times, devices), by name.
    """

    states: Mapping[str, Any]
    written: Mapping[str, np.ndarray]
    times: np.ndarray
    course: Mapping[str, np.ndarray]


def fading(bench: Bench, states: Mapping[str, Any]) -> Fading:
    """Let written states age."""
    written = {name: bench.later(state, 0.0)[1] for name, state in states.items()}
    return Fading(states, written, TIMES, {name: bench.course(state, TIMES) for name, state in states.items()})


def changes(found: Fading) -> bool:
    """Whether any written state changes with time."""
    return any(
        np.nanmax(np.abs(found.course[k][:, 0] - g[0])) > _SAME * abs(g[0]) + 1e-30 for k, g in found.written.items()
    )


def first_time(loss: Callable[[float], float], losses: np.ndarray, wanted: float = LOSS) -> float | None:
    """First time at which a loss reaches `wanted`, by halving between the `TIMES` around it; None if it never does."""
    past = np.flatnonzero(losses >= wanted)
    if past.size == 0:
        return None
    k = int(past[0])
    low, high = math.log(TIMES[k - 1] if k else 1e-15), math.log(TIMES[k])
    for _ in range(_EXACT):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if loss(math.exp(middle)) >= wanted else (middle, high)
        if high - low < 1e-12:
            break
    return math.exp(high)


def retention(bench: Bench, found: Fading, name: str, temperature: float, reduce: Callable[..., float]) -> float | None:
    """Time to a 10 % change of the conductance, read at the bench's temperature [s]; None beyond the longest time."""
    start, state = found.written[name], found.states[name]

    def loss(t: float) -> float:
        return reduce(np.abs(bench.later(state, t, temperature)[1] - start) / np.abs(start))

    same = temperature == bench.temperature
    course = found.course[name] if same else bench.course(state, TIMES, temperature)
    return first_time(loss, np.array([reduce(np.abs(g - start) / np.abs(start)) for g in course]))


def nominal(losses: np.ndarray) -> float:
    """The loss of the nominal device."""
    return float(losses[0])


def middling(losses: np.ndarray) -> float:
    """The median loss."""
    return float(np.nanmedian(losses))


def exponents(found: Fading, name: str) -> np.ndarray:
    """-d ln G/d ln t between an hour and about a month after the write, one a device."""
    early, late = np.argmin(np.abs(TIMES - 3600.0)), np.argmin(np.abs(TIMES - 30 * DAY))
    a, b = found.course[name][early], found.course[name][late]
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.log(b / a) / math.log(TIMES[late] / TIMES[early])


def worst(found: Fading) -> str:
    """The level whose nominal device changes most within a day; the bottom one counts only where it is alone."""
    day = int(np.argmin(np.abs(TIMES - DAY)))
    names = [n for n in found.course if n != "bottom"] or [*found.course]
    return max(names, key=lambda n: float(abs(found.course[n][day, 0] / found.written[n][0] - 1.0)))


def fading_kpis(
    bench: Bench, found: Fading, name: str, reduce: Callable[..., float], devices: slice, *, gone: bool = False
) -> list[KPI]:
    """Drift exponent, retention at 27 and 85 degrees, stability, of the states called `name`.

    Args:
        bench: The bench.
        found: How the written states age.
        name: Of the level.
        reduce: From the losses of all devices to the one that is told.
        devices: Those over which the exponent is spread.
        gone: Whether the pause after a pulse takes back all that it wrote.
    """
    still = not changes(found)
    why = (GONE if gone else STAYS) if still else ""
    at = {"written": f"{name}, {engineering(float(np.nanmedian(found.written[name])), 'S', 3)}"}
    both = {"provenance": [*origins(bench.numbers), *spread_origins(bench.numbers)], "conditions": at}
    slopes = exponents(found, name)
    drifting = not still and np.isfinite(slopes).any() and np.nanmax(np.abs(slopes)) > _SAME
    nu = reduce(slopes) if drifting else None
    sigma = float(np.nanstd(slopes[devices], ddof=1)) if drifting else None
    spread_note = "" if sigma is None or sigma > 1e-12 else "the set gives no spread of the drift exponent"
    return [
        entry(bench, "drift_exponent", nu, "1", "nu = -d ln G/d ln t between an hour and a month after the write",
              n=bench.n if sigma else 1, note=why or _no_slope(nu), **both),
        entry(bench, "drift_exponent_spread", sigma if sigma and sigma > 1e-12 else None, "1",
              "standard deviation of nu over devices and writes", n=bench.n,
              note=why or spread_note or _no_slope(nu), **both),
        *_retentions(bench, found, name, reduce, why, both),
        _stability(bench, found, name, reduce, why, both),
    ]  # fmt: skip


def _no_slope(nu: float | None) -> str:
    return "" if nu is not None else "nothing changes between an hour and a month after the write"


def _retentions(
    bench: Bench, found: Fading, name: str, reduce: Callable[..., float], why: str, both: Mapping[str, Any]
) -> list[KPI]:
    definition = "time after the write at which |G(t) - G(0)|/G(0) reaches 10 %"
    cold = None if why else retention(bench, found, name, bench.temperature, reduce)
    none = why or f"no 10 % change within {engineering(TIMES[-1] / YEAR, '1', 2)} years in this model"
    room = entry(bench, "retention_time", cold, "s", definition, note="" if cold else none, **both)
    hot = None if why else retention(bench, found, name, HOT, reduce)
    if hot is not None and cold is not None and abs(hot / cold - 1.0) < _SAME and bench.temperature != HOT:
        hot, none = None, "the model's fading does not depend on temperature"
    note = "" if hot else none
    if hot and cold and hot < cold and bench.temperature < HOT:
        scale = BOLTZMANN / ELEMENTARY_CHARGE
        energy = math.log(cold / hot) * scale / (1.0 / bench.temperature - 1.0 / HOT)
        note = f"apparent activation energy {energy:.2f} eV between the two temperatures"
    stored = {**both["conditions"], "stored at": "85 C"}
    return [room, entry(bench, "retention_time_85C", hot, "s", f"{definition}, stored at 85 C", note=note,
                        provenance=both["provenance"], conditions=stored)]  # fmt: skip


def _stability(
    bench: Bench, found: Fading, name: str, reduce: Callable[..., float], why: str, both: Mapping[str, Any]
) -> KPI:
    definition = f"S = 1 - |G(t) - G(0)|/G(0) at {', '.join(MOMENTS)}"
    if why:
        return entry(bench, "stability", None, "1", definition, note=why, **both)
    start = found.written[name]
    values = [
        1.0 - reduce(np.abs(g - start) / np.abs(start))
        for g in bench.course(found.states[name], np.array([*MOMENTS.values()]))
    ]
    return entry(bench, "stability", values, "1", definition, **both)
