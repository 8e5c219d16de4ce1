"""How many cycles a device lives, and how long that is under continuous learning."""

from __future__ import annotations

import math

import numpy as np

from mho.core.quantities import engineering
from mho.metrics.kpi import KPI
from mho.metrics.sheet.bench import Bench
from mho.metrics.sheet.entry import entry, origins

DEAD = 1e-3  # share of the devices that may have failed
_BOUNDARY = "full cycles of the window; a small update counts as the share of a cycle that it moves"


def weibull_cycles(n_63: float, beta: float, share: float = DEAD) -> float:
    """Cycles after which a share of the devices has failed: N = N63 (-ln(1-p))^(1/beta) [1]."""
    return n_63 * (-math.log1p(-share)) ** (1.0 / beta)


def life(n_63: float, beta: float, rate: float, share: float = DEAD) -> float:
    """Time until a share of the devices has failed under `rate` cycles per second [s]."""
    return weibull_cycles(n_63, beta, share) / rate


def endurance_kpis(bench: Bench, rate: float) -> list[KPI]:
    """Endurance by the set's wear or by its source's claim, and the life that it leaves at `rate` cycles a second."""
    wear = next((e for e in bench.numbers.effects.values() if e.model == "weibull"), None)
    claim = bench.numbers.reported.get("endurance")
    cycles = f"N63, and N = N63 (-ln(1-p))^(1/beta) at p = {DEAD:g}"
    lives = f"N63 (-ln(1-p))^(1/beta)/rate at p = {DEAD:g}: until that share of the devices has failed"
    at = {"rate": f"{engineering(rate, 'Hz')} of full cycles", "share failed": f"{DEAD:g}"}
    none = "neither a wear effect nor a reported endurance in the set"
    if wear is not None:
        n_63, beta = (float(np.ravel(wear.numbers[k].value)[0]) for k in ("n_63", "beta"))
        sourced = origins(bench.numbers, ("effects",))
        values, note = [n_63, weibull_cycles(n_63, beta)], f"Weibull slope {beta:g}"
        lasts, life_note = life(n_63, beta, rate), f"Weibull slope {beta:g}"
    elif claim is not None:
        n = float(np.ravel(claim.value)[0])
        sourced = origins(bench.numbers, ("reported",))
        values, note = [n], "a claim of the source, not computed: no distribution over devices is known"
        lasts, life_note = n / rate, "from the claimed endurance, as if all devices failed at once"
    else:
        values, note, lasts, life_note, sourced = None, none, None, none, origins(bench.numbers)
    if lasts is not None:
        life_note += f"; that is {engineering(lasts / 86400.0, '1', 3)} days. Half the rate lasts twice as long"
    aging = [e.model for e in bench.numbers.effects.values() if e.model in ("power_aging", "log_aging")]
    if aging:
        note += f"; the window also closes gradually ({', '.join(aging)})"
    return [
        entry(bench, "endurance", values, "1", cycles, note=note, provenance=sourced, boundary=_BOUNDARY),
        entry(bench, "functional_life", lasts, "s", lives, note=life_note, provenance=sourced, conditions=at,
              boundary=_BOUNDARY),
    ]  # fmt: skip
