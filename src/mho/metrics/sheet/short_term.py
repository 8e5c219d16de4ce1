"""Short-term plasticity: what one pulse leaves for a while, and what a second one finds of it."""

from __future__ import annotations

import math
from typing import Any

from mho.core.quantities import engineering
from mho.metrics.kpi import KPI
from mho.metrics.sheet.bench import Bench, Drive
from mho.metrics.sheet.entry import entry, missing
from mho.metrics.sheet.fading import TIMES, first_time
from mho.metrics.sheet.ramps import NO_MOVE, NO_PULSE

INTERVALS = (1e-3, 1e-2, 1e-1)
_VOLATILE = 100.0  # [s] a device that has lost half of a pulse's change by then is volatile
_RESIDUE = 1e-3  # of the pulse's width: a shorter time is not resolved; of its change: less is nothing
_SATURATING = 200  # back-to-back pulses that fill the volatile room

_DEFINITIONS = {
    "short_term_efficacy": ("1", "U = dG of one pulse from rest/dG of 200 pulses without pause"),
    "short_term_times": ("s", "time to 1/e of one pulse's change; time constant between 10 % and 1 % of it"),
    "paired_pulse_ratio": (
        "1",
        "(G after pulse 2 - G rest)/(G after pulse 1 - G rest), pause "
        + ", ".join(engineering(x, "s") for x in INTERVALS),
    ),
    "corner_frequency": ("Hz", "f = 1/(2 pi tau), tau the time to 1/e"),
}  # fmt: skip


def short_term_kpis(bench: Bench) -> list[KPI]:
    """U, time constants, paired-pulse ratio, corner frequency; reasons where the device is not volatile."""
    if bench.up is None:
        return _none(bench, NO_PULSE)
    rest, start, _, _ = bench.fresh()
    pulse = Drive(bench.up.amplitude, bench.up.width, 0.0)
    one = bench.train(rest, pulse, 1, "one")
    first = float(one.after[0, 0] - start[0])
    if not (math.isfinite(first) and abs(first) > 1e-9 * abs(start[0])):
        return _none(bench, f"{NO_MOVE} from rest")
    lost = 1.0 - (bench.course(one.state, TIMES)[:, 0] - start[0]) / first
    if lost[TIMES <= _VOLATILE][-1] < 0.5:
        return _none(bench, "not volatile: more than half of a pulse's change is left after 100 s")

    def loss(t: float) -> float:
        return 1.0 - float(bench.later(one.state, t)[1][0] - start[0]) / first

    tau, tenth, hundredth = (first_time(loss, lost, 1.0 - left) for left in (math.exp(-1.0), 0.1, 0.01))
    late = (hundredth - tenth) / math.log(10.0) if tenth and hundredth else None
    shortest = _RESIDUE * pulse.width
    tau, late = (x if x is not None and x >= shortest else None for x in (tau, late))
    early = f"the change is gone within {engineering(shortest, 's')}, a thousandth of the pulse"
    full = bench.train(rest, pulse, _SATURATING, "full").after[-1, 0] - start[0]
    values: dict[str, float | list[float] | list[float | None] | None] = {
        "short_term_efficacy": first / float(full),
        "short_term_times": [tau, late],
        "paired_pulse_ratio": None,
        "corner_frequency": None if tau is None else 1.0 / (2.0 * math.pi * tau),
    }
    nothing = f"nothing is left of a pulse's change after the shortest pause, {engineering(INTERVALS[0], 's')}"
    if loss(INTERVALS[0]) < 1.0 - _RESIDUE:
        values["paired_pulse_ratio"] = [_pair(bench, rest, pulse, x, first) for x in INTERVALS]
    why = {
        "short_term_times": early if tau is None and late is None else "",
        "paired_pulse_ratio": nothing if values["paired_pulse_ratio"] is None else "",
        "corner_frequency": early if tau is None else "",
    }
    at = {"from": f"rest, {engineering(start[0], 'S', 3)}"}
    return [entry(bench, k, v, *_DEFINITIONS[k], conditions=at, note=why.get(k, "")) for k, v in values.items()]


def _pair(bench: Bench, rest: Any, pulse: Drive, interval: float, first: float) -> float:
    """What is there after a second pulse, of what the first one gave."""
    pair = bench.train(rest, Drive(pulse.amplitude, pulse.width, interval), 2, "pair")
    return float((pair.after[1, 0] - pair.start[0]) / first)


def _none(bench: Bench, why: str) -> list[KPI]:
    return [missing(bench, name, unit, definition, why) for name, (unit, definition) in _DEFINITIONS.items()]
