"""Stage "network": which input rates synapses of this device pass, and how well a bank of them tells rates apart."""

from __future__ import annotations

import jax
import numpy as np

from mho import networks
from mho.core.quantities import engineering
from mho.metrics import network as metrics
from mho.metrics.kpi import provenance_of
from mho.networks import Discrimination, FilterStudy, LayerStudy
from mho.networks.filters import Curves
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series, Table
from mho.studies.stages.grounds import grounded
from mho.studies.stages.measurement import floor_set

_NUMBERS = (
    "g_volatile",
    "efficacy",
    "v_ref",
    "t_ref",
    "v_0",
    "weights",
    "tau",
    "sigma_cycle",
    "sigma_read",
    "consolidation",
)


def work(context: Context) -> Outcome:
    """Frequency response of single synapses, of a layer, and of a bank; then the bank decides among rates."""
    study, found = context.study, floor_set(context)
    device, spreads = found.device(), found.spreads()
    context.progress(0.05, "responses over the rate")
    filters = networks.study_filters(
        device,
        key=jax.random.key(context.seed("filter population")),
        spreads=spreads,
        population=study.filter_population,
        centres=study.bank_rates,
        temperature=study.temperature,
    )
    context.progress(0.5, "a layer of neurons")
    layer = networks.study_layer(device, centre=float(np.median(study.bank_rates)), temperature=study.temperature)
    context.progress(0.6, "telling rates apart")
    first = context.seed("rate discrimination") % 2**31
    seeds = tuple(first + k for k in range(study.decision_seeds))
    task = networks.Task(study.bank_rates, window=study.decision_window, seeds=seeds)
    decided = networks.discriminate(device, task, spreads=spreads, temperature=study.temperature)
    records = provenance_of(found, _NUMBERS)
    kpis = [metrics.filter_peak(filters, provenance=records), metrics.rate_discrimination(decided, provenance=records)]
    per_event = context.handover("synapse")["energy_per_synaptic_event"]
    kpis.append(metrics.energy_per_decision(decided, per_event, provenance=records))
    columns, rows = metrics.confusion_rows(decided.unknown, study.bank_rates)
    return Outcome(
        kpis=grounded(context, kpis),
        series={
            "network.high_pass": _high_pass(filters),
            "network.band_pass": _band_pass(filters),
            "network.bank": _bank(filters),
            "network.population": _population(layer),
        },
        tables={"network.confusion": Table(columns, rows, _confusion_caption(decided))},
        sources=provenance.sources(found),
        seeds={f"rate discrimination {k}": seed for k, seed in enumerate(seeds)},
    )


def _rates(filters: FilterStudy) -> Axis:
    return Axis("input rate", "Hz", filters.rates, "log")


def _simulated(filters: FilterStudy, values: np.ndarray) -> Curve:
    """Every sixth rate of each curve, spike by spike, as points without a curve of their own."""
    x = np.tile(filters.rates[::6], len(values))
    return Curve("spike by spike", "1", values[:, ::6].ravel(), "witness", x=x)


def _apart(curves: Curves) -> float:
    return float(np.max(np.abs(curves.simulated / curves.closed - 1.0)))


def _high_pass(filters: FilterStudy) -> Series:
    curves = filters.high_pass
    lines = [
        Curve(label.replace("time constants", "τ"), "1", gain)
        for label, gain in zip(curves.labels, curves.gain, strict=True)
    ]
    points = _simulated(filters, curves.simulated / curves.first[:, None])
    return Series(
        _rates(filters), [*lines, points], "steady conductance over the first",
        caption="Above: facilitation alone is a high-pass, whose corner moves with the time constants (lines in closed "
        f"form, points spike by spike; they differ by {100 * _apart(curves):.2g} % at most).",
    )  # fmt: skip


def _band_pass(filters: FilterStudy) -> Series:
    curves = filters.band_pass
    lines = [Curve(label, "1", y) for label, y in zip(curves.labels, curves.closed, strict=True)]
    marks = [Mark("1/√(U τf τrec)" if k == 0 else "", x=float(f)) for k, f in enumerate(curves.theory)]
    peaks = ", ".join(
        f"{engineering(peak, 'Hz', 3)} (theory {engineering(theory, 'Hz', 3)})"
        for peak, theory in zip(curves.peaks(filters.rates), curves.theory, strict=True)
    )
    return Series(
        _rates(filters), [*lines, _simulated(filters, curves.simulated)], "steady efficacy", marks=marks,
        caption=f"Below: with a resource that depletes, a band remains; its peak lies at {peaks}.",
    )  # fmt: skip


def _bank(filters: FilterStudy) -> Series:
    curves = filters.bank
    heights = curves.closed / np.max(curves.closed, axis=1, keepdims=True)
    lines = [Curve(label, "1", y) for label, y in zip(curves.labels, heights, strict=True)]
    return Series(
        _rates(filters), lines, "response over its peak",
        caption="A bank of one device: each member's pulse and resource put its band elsewhere.",
    )  # fmt: skip


def _population(layer: LayerStudy) -> Series:
    lines = [Curve(label, "Hz", y) for label, y in zip(layer.labels, layer.outputs, strict=True)]
    return Series(
        Axis("input rate", "Hz", layer.rates, "log"), lines, "output rate of the neuron",
        caption="Spiking neurons behind a static, a facilitating and a band-pass synapse of this device, all driven "
        f"alike at {engineering(float(np.median(layer.rates)), 'Hz', 3)}: what differs is the plasticity alone.",
    )  # fmt: skip


def _confusion_caption(decided: Discrimination) -> str:
    task = decided.task
    bank, static, ideal = (100 * np.mean(x) for x in (decided.unknown.bank, decided.unknown.static, decided.ideal))
    return (
        f"Held-out Poisson trains of {engineering(task.window, 's')}; how many afferents fire together "
        f"({', '.join(f'{s:g}' for s in task.strengths)}) is unknown. The bank decides {bank:.0f} % rightly, static "
        f"synapses {static:.0f} %, an observer who knows the number {ideal:.0f} %."
    )
