"""Stage "delay": what delay path and feedback can tune by themselves, and at what price."""

from __future__ import annotations

import numpy as np

from mho.circuits.design import Bench, Subject, applied
from mho.circuits.design.benches import dead_times, firing
from mho.circuits.neurons import DelayFeedbackLIF
from mho.core.quantities import engineering
from mho.metrics.circuit import RECONSTRUCTION
from mho.metrics.kpi import KPI
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series

_CURRENT = 20e-9  # [A]
_POINTS = 32
_DELAYS, _REFRACTORY = (0.20, 0.38), (0.50, 0.86)  # [V]


def work(context: Context) -> Outcome:
    """Scan the delay's control and the reset's: spike width, dead time, and the energy of a spike at each."""
    delay, refractory = np.linspace(*_DELAYS, _POINTS), np.linspace(*_REFRACTORY, _POINTS)
    base = DelayFeedbackLIF(v_supply=context.study.supply)
    v_delay = np.concatenate([delay, np.full(_POINTS, float(base.v_delay))])
    v_refractory = np.concatenate([np.full(_POINTS, float(base.v_refractory)), refractory])
    context.progress(0.1, f"{2 * _POINTS} neurons")
    subject = applied(Subject(base), {"v_delay": v_delay, "v_refractory": v_refractory})
    done = firing(subject, Bench(current=_CURRENT), np.full(2 * _POINTS, _CURRENT), 1.0)
    width, dead = done.settled_width, dead_times(done)
    energy = done.settled_energy("supply", "bias", "drive")
    longest = float(np.nanmax(dead))
    price = float(energy[np.nanargmax(dead)])
    kpi = KPI(
        "circuit.longest_dead_time", longest, "s",
        definition="time from a spike's begin to the end of its reset, the longest that the control of the reset gives",
        n=2 * _POINTS, failures=_silent(dead),
        boundary="the delay-feedback neuron alone", provenance=RECONSTRUCTION,
        conditions={"input": engineering(_CURRENT, "A"), "v_refractory": f"{_REFRACTORY[0]} to {_REFRACTORY[1]} V"},
        note=f"such a spike costs {engineering(price, 'J', 3)}: the stage after the slow edge conducts all that time",
    )  # fmt: skip
    first, second = slice(0, _POINTS), slice(_POINTS, None)
    return Outcome(
        kpis=[kpi],
        series={
            "delay.times": Series(
                Axis("control voltage", "V", delay),
                [Curve("width over v_delay", "s", width[first]),
                 Curve("dead time over v_refractory", "s", dead[second], x=refractory)],
                "time", "log",
                caption="Left: the control of the delay tunes the spike's width, that of the reset the dead time.",
            ),
            "delay.price": Series(
                Axis("time", "s", width[first], "log"),
                [Curve("width", "J", energy[first]), Curve("dead time", "J", energy[second], x=dead[second])],
                "energy per spike", "log",
                caption="Right: what such a time costs. Slow edges keep the next stage conducting, so that neither "
                "path reaches the milliseconds between presynaptic spikes: ECRAM and leak have to hold them.",
            ),
        },
        handover={"longest": longest, "price": price},
    )  # fmt: skip


def _silent(values: np.ndarray) -> dict[str, int]:
    lost = int(np.sum(~np.isfinite(values)))
    return {"SILENT": lost} if lost else {}
