"""Stage "neuron": waveform, f-I curve and the spike width that the delay control sets, without an ECRAM."""

from __future__ import annotations

import numpy as np

from mho.circuits import PWL
from mho.circuits.neurons.observation import observe
from mho.core.quantities import engineering
from mho.metrics import circuit as metrics
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series
from mho.studies.stages.bench import plain_neuron

CURRENTS = np.geomspace(0.5e-9, 200e-9, 18).tolist()  # [A]
CONTROLS = np.linspace(0.20, 0.46, 14).tolist()  # [V]
TRUNCATED = 100e-9  # [s] below it the reference neuron's spike ends before its reset is complete


def work(context: Context) -> Outcome:
    """Drive the plain neuron over input current and over delay control."""
    study, neuron = context.study, plain_neuron(context)
    context.progress(0.02, "f-I curve")
    curve = metrics.f_i_curve(neuron, CURRENTS)
    context.progress(0.6, "spike width over delay control")
    widths = metrics.pulse_widths(neuron, CONTROLS, current=study.current)
    return Outcome(
        kpis=[metrics.pulse_width(widths, v_delay=study.delay_control)],
        series={
            "neuron.waveform": _waveform(context),
            "neuron.f_i": _f_i(curve),
            "neuron.pulse_width": _widths(widths, study.delay_control),
            "energy.current": _energy(curve),
        },
    )


def _waveform(context: Context) -> Series:
    """Two spikes of the reference neuron, on the points of the same program that the f-I curve uses."""
    level = np.full(1, context.study.current)
    wave = PWL((1e-6, 1.01e-6), (0.0 * level, level))
    firing = observe(plain_neuron(context).circuit(current=wave), 5e-3, lanes=32, spikes=16, save=("mem", "spk"))
    first, last = firing.times[0, 2], firing.times[0, 4]
    margin = 0.15 * (last - first)
    dense = np.concatenate([t + np.linspace(-0.02, 0.06, 160) * (last - first) for t in firing.times[0, 2:5]])
    t = np.unique(np.concatenate([np.linspace(first - margin, last + margin, 300), dense]))
    curves = [Curve(label, "V", firing.at(0, node, t)) for node, label in (("mem", "membrane"), ("spk", "spike"))]
    return Series(
        Axis("time", "s", t - first), curves, "voltage",
        caption=f"The membrane charges with {engineering(context.study.current, 'A')} to the threshold; the spike ends "
        "when its delayed copy resets the membrane.",
    )  # fmt: skip


def _f_i(curve: metrics.FICurve) -> Series:
    rate = np.where(curve.rate > 0, curve.rate, np.nan)
    silent = curve.current[~np.isfinite(rate)]
    caption = (
        f"Left: firing rate from {engineering(np.nanmin(rate), 'Hz', 3)} to {engineering(np.nanmax(rate), 'Hz', 3)}"
    )
    if silent.size:
        caption += f"; at {engineering(silent.max(), 'A', 3)} and below it is silent (the leak wins)"
    axis = Axis("input current", "A", curve.current, "log")
    return Series(axis, [Curve("rate", "Hz", rate, "both")], "firing rate", "log", caption=f"{caption}.")


def _widths(curve: metrics.WidthCurve, control: float) -> Series:
    low, high = (engineering(f(curve.width), "s", 3) for f in (np.nanmin, np.nanmax))
    return Series(
        Axis("delay control voltage", "V", curve.v_delay), [Curve("width", "s", curve.width, "both")], "spike width",
        "log",
        marks=[Mark("reset incomplete below", y=TRUNCATED), Mark("reference", x=control)],
        caption=f"Right: the delay control tunes the spike from {low} to {high}.",
    )  # fmt: skip


def _energy(curve: metrics.FICurve) -> Series:
    axis = Axis("input current", "A", curve.current, "log")
    return Series(
        axis, [Curve("energy", "J", curve.energy, "both")], "energy per spike",
        caption="Energy per spike of the neuron alone over its input: slow firing costs more, because static current "
        "runs for longer.",
    )  # fmt: skip
