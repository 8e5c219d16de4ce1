"""Stage "design": every member's numbers by least squares on derivatives through the transient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mho.circuits.design import Designed, design
from mho.core.quantities import engineering
from mho.devices import parameters
from mho.metrics.circuit import RECONSTRUCTION
from mho.metrics.kpi import KPI, provenance_of
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Mark, Outcome, Table
from mho.studies.stages.bank.members import BOUNDARY, CHARGED, HOLD, WITHIN, names, wanted
from mho.studies.stages.bank.path import path


def work(context: Context) -> Outcome:
    """Design one neuron with its synapse for each of the study's rates."""
    study, numbers = context.study, parameters(context.study.device)
    found = []
    for k, rate in enumerate(study.rates):
        # As soon as it is met: what is left is less than what whole circuits differ from charges, and correct.
        found.append(design(wanted(study, rate), _told(context, k, len(study.rates)), enough=1.0))
        context.folder.write(f"designs/{k + 1}.toml", found[-1].start().to_toml())
    off = [float(np.max(np.abs(d.deviations))) for d in found]
    kpi = KPI(
        "circuit.bank_design_miss", off, "1",
        definition="largest deviation of a member's three responses and a lone spike's share from their targets",
        n=len(found), failures={"NOT_MET": missed} if (missed := sum(not d.met.all() for d in found)) else {},
        boundary=BOUNDARY, provenance=[*RECONSTRUCTION, *provenance_of(numbers)],
        conditions={"train": f"{int(CHARGED * study.spikes)} presynaptic spikes, last quarter",
                    "membrane": f"held at {HOLD} V"},
        note="from the charges on a held membrane; whole spikes are counted in the responses",
    )  # fmt: skip
    return Outcome(
        kpis=[kpi],
        series={
            "bank.search": path(
                "turn of the search",
                {n: d.search.path for n, d in zip(names(context), found, strict=True)},
                Mark("met below", y=100 * WITHIN),
                "Left: each member's search from its estimate, on charges. Every turn measures four dampings with all "
                "their differences.",
            )
        },
        tables={"bank.designed": _table(context, found)},
        notes=[
            f"{name}: {' '.join(d.reasons())}" for name, d in zip(names(context), found, strict=True) if d.reasons()
        ],
        sources=provenance.sources(numbers),
        handover={"members": [{"values": dict(d.values), "jacobian": d.search.jacobian} for d in found]},
        files={f"design of the {name} member": f"designs/{k + 1}.toml" for k, name in enumerate(names(context))},
    )


def _told(context: Context, k: int, count: int) -> Callable[[float, str], None]:
    rate = engineering(context.study.rates[k], "Hz", 3)
    return lambda share, text: context.progress((k + share) / count, f"{rate}: {text}")


def _table(context: Context, found: list[Designed]) -> Table:
    rows = []
    for name, d in zip(names(context), found, strict=True):
        numbers = [f.text(d.values[f.name]) + (f" ({d.active[f.name]} bound)" if f.name in d.active else "")
                   for f in d.frees]  # fmt: skip
        shown = " / ".join(f"{x:.3f}" for x in d.found[[1, 0, 2, 3]])
        rows.append(
            [name, *numbers, engineering(d.design.fixed["c_membrane"], "F", 3), shown, "yes" if d.met.all() else "no"]
        )
    columns = [
        "member",
        "v_leak",
        "mirror",
        "v_inhibit",
        "τ₁ of the ECRAM",
        "membrane",
        "below / at / above / lone",
        "met",
    ]
    wanted_text = " / ".join(f"{t.value:.3f}" for t in np.array(found[0].design.targets, object)[[1, 0, 2, 3]])
    return Table(
        columns, rows,
        "By gradient: four numbers a member, from derivatives through the transient. By rule: the membrane, which "
        f"grows below 2 kHz. Wanted are {wanted_text}: output spikes per presynaptic spike half-way to the slower "
        "neighbour, at the member's rate, and half-way to the faster one; and the share of an output spike's charge "
        "that a lone presynaptic spike leaves after a period.",
    )  # fmt: skip
