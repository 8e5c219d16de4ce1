"""Stage "device": the fitted device and the reference under the same spikes, through the event face."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mho.core.quantities import engineering
from mho.devices import Pulse, parameters
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series, Table
from mho.studies.stages.measurement import fitted_set


def work(context: Context) -> Outcome:
    """Pulse train, relaxation and a short datasheet of both devices."""
    reference, fitted = parameters(context.study.device), fitted_set(context)
    devices = {"fitted": fitted.device(), "reference": reference.device()}
    with jax.enable_x64(True):
        return Outcome(
            series={
                "device.pulse_train": _train(devices, context.study.train_rate, context.study.train_spikes),
                "device.relaxation": _relaxation(devices),
            },
            tables={"device.datasheet": _datasheet(fitted, reference)},
            notes=[n for s in (reference, fitted) for n in s.outside(temperature=context.study.temperature)],
            sources=provenance.sources(reference, fitted),
        )


def _reference_pulse(device: Any) -> Pulse:
    return Pulse(amplitude=device.v_ref, width=device.t_ref)


def _train(devices: dict[str, Any], rate: float, spikes: int) -> Series:
    """Resistance before and after each spike and on its way back, on one grid of time for both devices."""
    moments = np.linspace(0.0, 1.0 / rate, 13)[1:]
    recovery = np.geomspace(moments[0], 5.0 * spikes / rate, 60)
    curves, time = [], np.zeros(0)
    for name, device in devices.items():
        pulse = device.prepare(_reference_pulse(device))
        state, points = device.rest(), [(0.0, device.rest())]
        for k in range(spikes):
            state = pulse(device, state)
            later = moments if k < spikes - 1 else recovery
            points += [(k / rate, state), *((k / rate + dt, device.relax(state, dt)) for dt in later)]
            state = points[-1][1]
        time = np.asarray([t for t, _ in points])
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(s for _, s in points))
        style = "line" if name == "fitted" else "guide"
        curves.append(Curve(name, "ohm", 1.0 / np.asarray(device.conductance(stacked)), style))
    return Series(
        Axis("time", "s", time), curves, "channel resistance",
        caption=f"{spikes} reference pulses at {engineering(rate, 'Hz')}, then rest: each adds a step.",
    )  # fmt: skip


def _relaxation(devices: dict[str, Any]) -> Series:
    slowest = max(float(np.max([float(t) for t in d.tau])) for d in devices.values())
    fastest = min(float(np.min([float(t) for t in d.tau])) for d in devices.values())
    time = np.geomspace(fastest / 30.0, 5.0 * slowest, 120)
    curves = []
    for name, device in devices.items():
        state = device.prepare(_reference_pulse(device))(device, device.rest())
        later = jax.vmap(lambda dt, d=device, s=state: d.conductance(d.relax(s, dt)))(jnp.asarray(time))
        change = (np.asarray(later) - float(device.g_rest)) / (float(device.conductance(state)) - float(device.g_rest))
        curves.append(Curve(name, "1", change, "line" if name == "fitted" else "guide"))
    marks = [Mark(f"τ = {engineering(float(t), 's', 3)}", x=float(t)) for t in devices["fitted"].tau]
    return Series(
        Axis("time after one spike", "s", time, "log"), curves, "share of the change left", marks=marks,
        caption="What is left of one spike's change of conductance; dotted lines mark the fitted time constants.",
    )  # fmt: skip


def _datasheet(fitted: Any, reference: Any) -> Table:
    rows = []
    for name, number in reference.numbers.items():
        ours = fitted.numbers.get(name)
        if ours is not None and ours.how == "fitted":
            rows.append([name, str(ours), str(number), number.how, f"{number.source}: {number.where}"])
    caption = "What the fit moved, beside the reference's number and its source; all other numbers are the reference's."
    return Table(["number", "fitted", "reference", "how", "source"], rows, caption)
