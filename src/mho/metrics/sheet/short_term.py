"""Short-term plasticity: what one pulse leaves for a while, and what a second one finds of it."""

from __future__ import annotations

import math

from mho.core.quantities import engineering
from mho.metrics.kpi import KPI
from mho.metrics.sheet.bench import Bench, Drive
from mho.metrics.sheet.entry import entry, missing
from mho.metrics.sheet.fading import TIMES, first_time
from mho.metrics.sheet.ramps import NO_MOVE, NO_PULSE

INTERVALS = (1e-3, 1e-2, 1e-1)
_VOLATILE = 100.0  # [s] a device that has lost half of a pulse's change by then is volatile
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
    full = bench.train(rest, pulse, _SATURATING, "full").after[-1, 0] - start[0]
    ratios = []
    for interval in INTERVALS:
        pair = bench.train(rest, Drive(pulse.amplitude, pulse.width, interval), 2, "pair")
        ratios.append(float((pair.after[1, 0] - start[0]) / first))
    values = {
        "short_term_efficacy": first / float(full),
        "short_term_times": [tau, late],
        "paired_pulse_ratio": ratios,
        "corner_frequency": None if tau is None else 1.0 / (2.0 * math.pi * tau),
    }
    at = {"from": f"rest, {engineering(start[0], 'S', 3)}"}
    return [entry(bench, k, v, *_DEFINITIONS[k], conditions=at) for k, v in values.items()]


def _none(bench: Bench, why: str) -> list[KPI]:
    return [missing(bench, name, unit, definition, why) for name, (unit, definition) in _DEFINITIONS.items()]
