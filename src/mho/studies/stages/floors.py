"""Stage "floors": one pulse train through device, circuit and network, and the paper's numbers beside ours."""

from __future__ import annotations

import numpy as np

from mho.core.quantities import engineering
from mho.metrics import floors as metrics
from mho.metrics.kpi import provenance_of
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series, Table
from mho.studies.stages.grounds import grounded
from mho.studies.stages.measurement import floor_set


def work(context: Context) -> Outcome:
    """Send the study's train through every floor and compare."""
    study, found = context.study, floor_set(context)
    agreement = metrics.compare_floors(found.device(), rate=study.train_rate, pulses=study.train_spikes)
    kpi = metrics.agreement_kpi(agreement, provenance_of(found))
    rate = engineering(study.train_rate, "Hz")
    number = Axis("spike number", "1", np.arange(1, study.train_spikes + 1))
    others = [floor for floor in agreement.conductance if floor != "device"]
    worst = {floor: float(np.max(np.abs(agreement.difference(floor)))) for floor in others}
    listed = ", ".join(f"{floor} {100 * w:.2g} %" for floor, w in worst.items())
    return Outcome(
        kpis=grounded(context, [kpi]),
        series={
            "floors.resistance": Series(
                number,
                [Curve(floor, "ohm", 1.0 / g, "both") for floor, g in agreement.conductance.items()],
                "channel resistance after the spike",
                caption=f"Above: {study.train_spikes} spikes at {rate} through one device object.",
            ),
            "floors.differences": Series(
                number,
                [Curve(floor, "%", 100 * agreement.difference(floor), "both") for floor in others],
                "difference of the change",
                marks=[Mark("", y=0.0)],
                caption=f"Below: difference of the conductance change from the device floor's; at most {listed}.",
            ),
        },
        tables={"floors.agreement": _table(agreement), "paper.compared": _paper(context)},
        sources=provenance.sources(found),
    )


def _table(agreement: metrics.Agreement) -> Table:
    floors = list(agreement.conductance)
    rows = [
        [
            "resistance change of the first spike",
            *(engineering(agreement.resistance_step(f), "ohm", 5) for f in floors),
        ],
        ["last conductance over the first", *(f"{agreement.facilitation(f):.5f}" for f in floors)],
        [
            "largest difference of the change",
            *(f"{100 * np.max(np.abs(agreement.difference(f))):.2g} %" for f in floors),
        ],
    ]
    return Table(["quantity", *floors], rows, "The same quantities as each floor finds them.")


def _paper(context: Context) -> Table:
    """The abstract's two numbers beside the KPIs that earlier stages found."""
    kpis = {kpi["name"]: kpi for outcome in context.earlier.values() for kpi in outcome["kpis"]}
    step = kpis["device.transient_resistance_per_spike"]
    rows = [
        [
            "transient resistance per spike",
            "1.5 kΩ",
            _with_spread(step),
            "resistance at rest, pulse amplitude and width, time constants, saturation",
        ]
    ]
    energy = kpis.get("circuit.energy_per_spike")
    if energy is not None and energy["value"] is not None:
        rows.append(
            [
                "energy per spike",
                "about 2 pJ",
                _with_spread(energy),
                f"supply, process, circuit; counted: {energy['boundary']}",
            ]
        )
    return Table(
        ["quantity", "paper", "mho", "what is assumed"], rows, "The only two numbers that the paper's abstract states."
    )


def _with_spread(kpi: dict) -> str:
    value = kpi["value"][0] if isinstance(kpi["value"], list) else kpi["value"]
    text = engineering(value, kpi["unit"], 3)
    spread = kpi["spread"] or {}
    if isinstance(spread.get("low"), float) and isinstance(spread.get("high"), float):
        text += f" ({engineering(spread['low'], kpi['unit'], 3)} to {engineering(spread['high'], kpi['unit'], 3)})"
    return text
