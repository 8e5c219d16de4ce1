"""Stage "device": the fitted device and the reference under the same spikes, through the event face."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.parameters import ParameterSet
from mho.core.quantities import engineering
from mho.devices import Pulse, parameters
from mho.metrics import device as metrics
from mho.metrics.kpi import KPI
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series, Table
from mho.studies.stages.grounds import grounded
from mho.studies.stages.measurement import fitted_set


def work(context: Context) -> Outcome:
    """Pulse train, relaxation and a short datasheet of both devices."""
    reference, fitted = parameters(context.study.device), fitted_set(context)
    devices = {"fitted": fitted.device(), "reference": reference.device()}
    with jax.enable_x64(True):
        return Outcome(
            kpis=grounded(context, _kpis(fitted)),
            series={
                "device.pulse_train": _train(devices, context.study.train_rate, context.study.train_spikes),
                "device.relaxation": _relaxation(devices),
            },
            tables={"device.datasheet": _datasheet(fitted, reference)},
            notes=[n for s in (reference, fitted) for n in s.outside(temperature=context.study.temperature)],
            sources=provenance.sources(reference, fitted),
        )


def _kpis(fitted: ParameterSet) -> list[KPI]:
    """What the device does besides the fit's own figures: Tsodyks-Markram constants, long-term share, gate energy."""
    return [
        *metrics.tsodyks_markram(fitted),
        metrics.long_term_share(fitted),
        metrics.energy_per_gate_pulse(fitted)[0],
    ]


def _reference_pulse(device: Any) -> Pulse:
    return Pulse(amplitude=device.v_ref, width=device.t_ref)


def _train(devices: dict[str, Any], rate: float, spikes: int) -> Series:
    """Resistance after each spike, on the way to the next one, and in the long rest, on one grid of time for all."""
    between = np.linspace(0.0, 1.0 / rate, 13)
    rest = np.geomspace(between[1], 5.0 * spikes / rate, 60)
    starts = np.arange(spikes) / rate
    time = np.concatenate([[0.0], (starts[:, None] + between).ravel(), starts[-1] + rest])
    curves = []
    for name, device in devices.items():
        train, recovery = _conductances(device, _reference_pulse(device), between, rest, spikes)
        g = np.concatenate([[float(device.g_rest)], np.ravel(train), recovery])
        curves.append(Curve(name, "ohm", 1.0 / g, "line" if name == "fitted" else "guide"))
    return Series(
        Axis("time", "s", time), curves, "channel resistance",
        caption=f"{spikes} reference pulses at {engineering(rate, 'Hz')}, then rest: each adds a step.",
    )  # fmt: skip


@eqx.filter_jit
def _conductances(device: Any, pulse: Pulse, between: Any, rest: Any, spikes: int) -> tuple[Any, Any]:
    """Conductance at moments `between` after each spike (spikes, moments), and at moments `rest` after the last."""
    spike = device.prepare(pulse)

    def read(state: Any, moments: Any) -> Any:
        return jax.vmap(lambda dt: device.conductance(device.relax(state, dt)))(moments)

    def one(state: Any, _: Any) -> Any:
        hit = spike(device, state)
        return device.relax(hit, between[-1] - pulse.width), (hit, read(hit, between))

    _, (hits, train) = lax.scan(one, jax.tree.map(jnp.asarray, device.rest()), None, length=spikes)
    return train, read(jax.tree.map(lambda x: x[-1], hits), rest)


def _relaxation(devices: dict[str, Any]) -> Series:
    taus = [float(t) for d in devices.values() for t in d.tau]
    time = np.geomspace(min(taus) / 30.0, 5.0 * max(taus), 120)
    curves = []
    for name, device in devices.items():
        g, _ = _conductances(device, _reference_pulse(device), np.append(0.0, time), np.ones(1), 1)
        change = (np.asarray(g[0]) - float(device.g_rest)) / (float(g[0, 0]) - float(device.g_rest))
        curves.append(Curve(name, "1", change[1:], "line" if name == "fitted" else "guide"))
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
