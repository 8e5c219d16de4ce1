"""Stage "measurement": read the gate pulses, fit the compact model, say what it leaves over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np

from mho import fitting
from mho.core.parameters import ParameterSet
from mho.core.quantities import engineering
from mho.devices import parameters
from mho.fitting import Fit
from mho.metrics.kpi import KPI, provenance_of
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series, Table
from mho.studies.stages.grounds import grounded

FITTED = "fitted.toml"
_UNDER_PULSES = (
    0.1  # share of samples under a driven gate above which a waveform is one of gate cycles, not of short pulses
)
_MARGIN = 10.0  # decade within which circuits built for one device still work with another
_RESIDUALS = {False: "data over model, less 1", True: "data less model, as a share of the largest conductance"}
_WIDE = 20.0  # ratio of conductances above which resistance would show the unloaded device only


def work(context: Context) -> Outcome:
    """Fit the study's measurement; the fitted set lies in the results folder for the stages that follow."""
    study, path = context.study, context.inputs["measurement"]
    start = parameters(study.device)
    key = jax.random.key(context.seed("fit"))
    fit = fit_measurement(fitting.read_pulses(path), start, key=key, modes=study.modes, progress=context.progress)
    fit.parameters.save(context.folder.path / FITTED)
    packaged = path == fitting.packaged_measurement()
    unsuited = [] if packaged else _unsuited(fit.device)
    return Outcome(
        kpis=grounded(context, _kpis(fit), synthetic=packaged),
        series=fit_series(fit),
        tables={
            "measurement.parameters": _parameters(fit, start if packaged else None),
            "measurement.selection": _selection(fit),
            "measurement.suitability": _suitability(fit),
        },
        notes=_notes(fit, packaged, unsuited, study.device),
        sources=provenance.sources(fit.parameters),
        handover={"packaged": packaged, "suits": not unsuited, "modes": fit.modes, "error_fit": fit.error_fit},
        files={"fitted parameter set": FITTED},
    )


def fit_measurement(
    data: fitting.PulseMeasurement,
    start: ParameterSet,
    *,
    key: jax.Array,
    modes: str,
    progress: Any = None,
    **options: Any,
) -> Fit:
    """The fit that suits how the device was measured.

    Readings between short pulses are fitted through the event face. Where the gate was sampled and much of what was
    seen lies under long pulses, whole gate cycles are fitted through the continuous one.
    """
    if data.form == "waveform" and np.mean(data.v_gate != 0) > _UNDER_PULSES:
        return fitting.fit_gate_cycles(data, start, key=key, progress=progress)
    number = modes if modes == "auto" else int(modes)
    return fitting.fit(data, start, key=key, modes=number, progress=progress, **options)


def fitted_set(context: Context) -> ParameterSet:
    """The parameter set that this stage left in the results folder."""
    return parameters(Path(context.folder.path / FITTED))


def floor_set(context: Context) -> ParameterSet:
    """The one device's set above this floor: the fitted one, or the reference where that does not suit."""
    return fitted_set(context) if context.handover("measurement")["suits"] else parameters(context.study.device)


def _unsuited(device: Any) -> list[str]:
    """Why the circuits cannot use a device, in few words; empty if they can. Factors are those of the needs' margin."""
    needs = fitting.CircuitNeeds()
    rest, step = 1.0 / float(device.g_rest), float(device.r_step)
    slow = max(float(t) for t in device.tau)
    found = []
    if float(device.polarity) < 0:
        found.append("its gate needs the opposite sign")
    if not needs.width / _MARGIN < float(device.t_ref) < needs.width * _MARGIN:
        found.append(
            f"its pulses last {engineering(float(device.t_ref), 's', 3)}, spikes {engineering(needs.width, 's')}"
        )
    if not needs.r_rest / _MARGIN < rest < needs.r_rest * _MARGIN or not 0 < step < rest:
        found.append(f"its channel rests at {engineering(rest, 'ohm', 3)}, not near {engineering(needs.r_rest, 'ohm')}")
    if slow > _MARGIN * needs.tau_high:
        found.append(f"it relaxes in {engineering(slow, 's', 3)}")
    return found


def _notes(fit: Fit, packaged: bool, unsuited: list[str], reference: str) -> list[str]:
    notes = [
        f"{fit.measurement.path.name}: {warning}"
        for warning in dict.fromkeys((*fit.measurement.warnings, *fit.warnings))
    ]
    if packaged:
        notes.insert(
            0, "The packaged measurement is synthetic: it was drawn from the reconstruction, with realistic noise."
        )
    if unsuited:
        notes.insert(
            0,
            f"The fitted device does not suit the circuits here: {'; '.join(unsuited)}. Circuits, networks and floors "
            f"below therefore use the reference device {reference}; a table says what the fitted one would have to be.",
        )
    return notes


def _suitability(fit: Fit) -> Table:
    rows = [list(sentence.partition(": ")[::2]) for sentence in fitting.suitability(fit.parameters)[1:]]
    return Table(
        ["what", "the fitted device beside what the circuit needs"],
        rows,
        "What this device would have to be for the circuits here.",
    )


def fit_series(fit: Fit) -> dict[str, Series]:
    """Data, model and residuals of a fit, its sweeps laid one after another."""
    reads = fit.measurement.reads
    order, gaps = _laid_out(reads.t, reads.sweep)
    t = np.where(gaps, np.nan, order[0])
    index = order[1].astype(int)

    def along(values: np.ndarray) -> np.ndarray:
        return np.where(gaps, np.nan, np.asarray(values, float)[index])

    seen = np.abs(fit.g[np.isfinite(fit.g)])
    wide = np.max(seen) > _WIDE * np.median(seen) or np.median(seen) > _WIDE * np.min(seen)
    label, unit = ("channel conductance", "S") if wide else ("channel resistance", "ohm")
    measured, model = (along(x if wide else 1 / x) for x in (fit.g, fit.g_model))
    residual = along(fit.residual)
    held = np.where(gaps, False, fit.held_out[index])
    error = f"rms {100 * fit.error_fit:.2g} %"
    if np.isfinite(fit.error_held_out):
        error += f", held out {100 * fit.error_held_out:.2g} %"
    several = len(set(reads.sweep.tolist())) > 1
    axis = Axis("time, sweeps one after another" if several else "time", "s", t)
    curves = [Curve("fitted", "%", np.where(held, np.nan, 100 * residual), "points")]
    if held.any():
        curves.append(Curve("held out", "%", np.where(held, 100 * residual, np.nan), "points"))
    return {
        "measurement.fit": Series(
            axis,
            [Curve("measured", unit, measured, "points"), Curve("model", unit, model)],
            label,
            caption=f"Above: measured points and the fitted model with {fit.modes} volatile mode(s).",
        ),
        "measurement.residuals": Series(
            axis,
            curves,
            "residual",
            marks=[Mark("", y=0.0)],
            caption=f"Below: {_RESIDUALS[wide]} ({error}); a pattern would show what the model cannot follow.",
        ),
    }


def _laid_out(t: np.ndarray, sweep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times with the sweeps one behind the other and the row each stems from, and where the gaps between sweeps are."""
    span = max(float(np.ptp(t[sweep == s])) for s in dict.fromkeys(sweep.tolist()))
    times, rows, gaps, start = [], [], [], 0.0
    for s in dict.fromkeys(sweep.tolist()):
        k = np.flatnonzero(sweep == s)
        k = k[np.argsort(t[k], kind="stable")]
        times += [*(start + t[k] - t[k[0]]), 0.0]
        rows += [*k, k[-1]]
        gaps += [*np.zeros(len(k), bool), True]
        start += float(np.ptp(t[k])) + 0.04 * span
    return np.asarray([times, rows]), np.asarray(gaps, bool)


def _kpis(fit: Fit) -> list[KPI]:
    taus = [fit[f"tau[{k}]"] for k in range(fit.modes)]
    pulses = fit.measurement.pulses
    usual = float(np.median(pulses.amplitude)), float(np.median(pulses.width))
    common = {
        "n": fit.n,
        "conditions": {
            "pulse": f"{engineering(usual[0], 'V')}, {engineering(usual[1], 's')}",
            "measurement": fit.measurement.path.name,
        },
        "provenance": provenance_of(fit.parameters, ("x_0", "g_volatile", "efficacy", "tau", "weights")),
    }
    kind = "95 % interval, block bootstrap"
    times = KPI(
        "device.relaxation_times", [t.value for t in taus], "s",
        definition="time constants of the volatile modes, gate shorted, in ascending order",
        spread={"low": [t.low for t in taus], "high": [t.high for t in taus], "kind": kind},
        boundary=f"{fit.modes} mode(s), chosen among {', '.join(c.model for c in fit.candidates)}", **common,
    )  # fmt: skip
    step = next((e for e in fit.derived if e.name == "r_step"), None)
    return [
        KPI(
            "device.transient_resistance_per_spike", None if step is None else step.value, "ohm",
            definition="fall of the channel resistance by one reference pulse from rest, 1/G_rest - 1/(G_rest + g_v U)",
            spread=None if step is None else {"low": step.low, "high": step.high, "kind": kind},
            boundary="the channel alone, without leads", **common,
            note="" if step is not None else "whole gate cycles were measured, not the step of one spike",
        ),
        times,
    ]  # fmt: skip


def _parameters(fit: Fit, truth: ParameterSet | None) -> Table:
    columns = ["parameter", "fitted", "95 % interval", "remark"]
    rows = []
    known = {} if truth is None else _known(truth)
    for e in (*fit.derived, *fit.estimates):
        interval = "–"
        if np.isfinite(e.low):
            interval = _between(e.low, e.high, e.unit)
        remark = "; ".join(part for part in (e.status if e.status != "fitted" else "", e.note) if part)
        row = [e.name, engineering(e.value, e.unit), interval, remark]
        if truth is not None:
            made_of = known.get(e.name)
            row.insert(
                3,
                "–"
                if made_of is None
                else f"{engineering(made_of, e.unit)} ({'inside' if e.covers(made_of) else 'OUTSIDE'})",
            )
        rows.append(row)
    caption = "Fitted parameters; intervals survive correlated residuals."
    if truth is not None:
        columns.insert(3, "generating value")
        caption += (
            " The generating value is the one that the synthetic measurement was made with: it should lie inside."
        )
    return Table(columns, rows, caption)


def _between(low: float, high: float, unit: str) -> str:
    """Both ends with as many digits as it takes to tell them apart, three at least."""
    for digits in range(3, 8):
        ends = [engineering(x, unit, digits) for x in (low, high)]
        if ends[0] != ends[1]:
            break
    return " to ".join(ends)


def _known(truth: ParameterSet) -> dict[str, float]:
    device = truth.device()
    known = {"g_rest": float(device.g_rest), "r_rest": 1 / float(device.g_rest), "r_step": float(device.r_step)}
    for name in ("g_volatile", "efficacy", "consolidation", "exponent", "v_0", "sigma_read", "sigma_cycle"):
        known[name] = float(getattr(device, name))
    order = np.argsort([float(t) for t in device.tau])
    for k, mode in enumerate(order):
        known[f"tau[{k}]"], known[f"weight[{k}]"] = float(device.tau[mode]), float(device.weights[mode])
    return known


def _selection(fit: Fit) -> Table:
    rows = [
        [
            c.model, c.parameters, round(c.bic, 1), f"{100 * c.error_fit:.3g} %",
            f"{100 * c.error_held_out:.3g} %" if np.isfinite(c.error_held_out) else "–",
            c.remark or ("chosen" if c.model.startswith(str(fit.modes)) else ""),
        ]
        for c in fit.candidates
    ]  # fmt: skip
    columns = ["model", "free parameters", "BIC", "error, fitted", "error, held out", "remark"]
    return Table(columns, rows, "The models compared; the smallest criterion (BIC) wins, unless a mode collapsed.")
