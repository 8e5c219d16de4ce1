"""Stage "response": whole circuits under trains of many rates; spikes are counted, nothing is held."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mho.devices import parameters
from mho.metrics.circuit import RECONSTRUCTION
from mho.metrics.kpi import KPI, provenance_of
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series
from mho.studies.stages.bank.members import (
    BOUNDARY,
    LANES,
    answered,
    counted,
    driven,
    fired,
    from_charges,
    names,
    responses,
    subjects,
    together,
)

_BEYOND = 4.0  # the scan goes this far beyond the slowest and the fastest member
_APART = 0.02  # relative distance below which a rate of the scan gives way to a member's own


def work(context: Context) -> Outcome:
    """Every member under every rate of a scan that also holds the members' own rates."""
    study, members = context.study, subjects(context)
    own = np.asarray(study.rates, np.float64)
    points = max(LANES // len(members) - len(own), 8)
    grid = np.geomspace(own.min() / _BEYOND, own.max() * _BEYOND, points)
    grid = grid[np.min(np.abs(np.log(grid[:, None] / own)), axis=1) > _APART]
    rates = np.sort(np.append(grid, own))
    rates = rates[rates < 0.8 / (20 * 200e-9)]  # a spike and the mirror's tail have to fit into a period
    context.progress(0.05, f"{len(members)} members at {len(rates)} rates")
    batch, presented = together(members, len(rates)), np.tile(rates, len(members))
    firing = fired(driven(batch, presented, study.spikes), float(rates.min()), study.spikes)
    response = responses(firing.times, presented, study.spikes).reshape(len(members), -1)
    whole = counted(firing, presented, study.spikes).reshape(len(members), -1)
    lone = answered(firing.times, presented).reshape(len(members), -1)
    energy = firing.settled_energy("supply", "bias", "drive").reshape(len(members), -1)
    context.progress(0.7, "the same from charges")
    charges, left = (x.reshape(len(members), -1) for x in from_charges(study, batch, presented))
    at = [int(np.argmin(np.abs(rates - r))) for r in own]
    here = (np.arange(len(own)), at)
    each = energy[here]
    numbers = parameters(study.device)
    ground = {"boundary": BOUNDARY, "provenance": [*RECONSTRUCTION, *provenance_of(numbers)], "n": len(own)}
    ground["conditions"] = {"train": f"{study.spikes} presynaptic spikes, second half counted", "spike": "1 V, 200 ns"}
    failures = {k: v for k, v in firing.failures.items() if k != "EVENTS_FULL"}
    peaks = [_peak(rates, row) for row in response]
    silent = int(np.sum(~np.isfinite(each)))
    kpis = [
        KPI("circuit.bank_preferred_rate", peaks, "Hz", failures=failures, **ground,
            definition="rate at which a member gives most output spikes per presynaptic spike, by member",
            note=f"designed for {', '.join(names(context))}; whole circuits, top of a parabola through five rates"),
        KPI("circuit.bank_response", [float(x) for x in response[here]], "1", failures=failures,
            **ground, definition="output spikes per presynaptic spike of each member at its own rate, whole circuit",
            note="from the intervals in the second half of the train; "
            f"in whole spikes {', '.join(f'{x:.3f}' for x in whole[here])}"),
        KPI("circuit.bank_answer_over_charges", [float(x) for x in response[here] / charges[here]], "1",
            failures=failures, **ground,
            definition="response of each member's whole circuit at its own rate over the one from charges",
            note="for the charges the membrane is held at one voltage, and in the circuit it moves: this is what the "
            "correction has made up for"),
        KPI("circuit.bank_selectivity", selectivity(rates, response, at), "1", failures=failures, **ground,
            definition="response of each member at its own rate less its largest at any rate of the scan that is as "
            "far as its neighbour's or farther, over the first: 1 is silence at all these"),
        KPI("circuit.bank_lone_spikes", [int(x) for x in lone[:, 0]], "1", failures=failures, **ground,
            definition="output spikes that one presynaptic spike after long silence causes, by member",
            note="from charges it leaves "
            f"{', '.join(f'{x:.2f}' for x in left[here])} of an output spike's charge after a period"),
        KPI("circuit.bank_energy_per_spike", [float(x) for x in each], "J",
            failures=failures | ({"SILENT": silent} if silent else {}), **ground,
            definition="energy from all supplies between two output spikes, each member at its own rate",
            note="it holds all presynaptic events that lead to the spike"),
    ]  # fmt: skip
    return Outcome(
        kpis=kpis,
        series={"bank.response": _response(context, rates, response, charges), "bank.energy": _energy(context, each)},
        sources=provenance.sources(numbers),
        handover={
            "rates": rates,
            "response": response,
            "counted": whole,
            "peaks": peaks,
            "times": firing.times.reshape(*response.shape, -1)[here],
        },
    )


def _peak(rates: np.ndarray, response: np.ndarray) -> float:
    """Top of the parabola through five points about the highest, on a logarithmic axis; NaN if it never fires."""
    if not response.any():
        return np.nan
    k = int(np.clip(np.argmax(response), 2, len(rates) - 3))
    x, y = np.log(rates[k - 2 : k + 3] / rates[k]), response[k - 2 : k + 3]
    a, b, _ = np.polyfit(x, y, 2)
    return float(rates[k] * np.exp(np.clip(-b / (2 * a), x[0], x[-1]))) if a < 0 else float(rates[np.argmax(response)])


def selectivity(rates: np.ndarray, response: np.ndarray, at: Sequence[int]) -> list[float]:
    """How much more a member answers its own rate than any that is as far as its neighbour's, by member [1].

    Args:
        rates: Of the scan, ascending [Hz].
        response: Of each member at each rate, (members, rates).
        at: Place of each member's own rate in the scan.
    """
    own = rates[list(at)]
    found: list[float] = []
    for k, row in enumerate(response):
        apart = np.abs(np.log(rates / own[k]))
        nearest = min((np.abs(np.log(r / own[k])) for j, r in enumerate(own) if j != k), default=np.log(_BEYOND))
        largest = float(np.max(row[apart >= (1.0 - 1e-9) * nearest], initial=0.0))
        found.append(float(1.0 - largest / row[at[k]]) if row[at[k]] > 0 else np.nan)
    return found


def _response(context: Context, rates: np.ndarray, response: np.ndarray, charges: np.ndarray) -> Series:
    curves = [Curve("", "1", y, "guide") for y in charges]
    curves += [Curve(name, "1", y, "both") for name, y in zip(names(context), response, strict=True)]
    marks = [Mark("designed for" if k == 0 else "", x=float(r)) for k, r in enumerate(context.study.rates)]
    return Series(
        Axis("presynaptic rate", "Hz", rates, "log"), curves, "output spikes per input spike", marks=marks,
        caption=f"Points: whole circuits, in the second half of {context.study.spikes} presynaptic spikes. Dashed: "
        "what the charges on a held membrane say, with which the members were designed before they were corrected.",
    )  # fmt: skip


def _energy(context: Context, energy: np.ndarray) -> Series:
    return Series(
        Axis("member", "", names(context)), [Curve("energy per output spike", "J", energy)], kind="bars",
        caption="Energy of an output spike at each member's own rate, with all the synaptic events that lead to it.",
    )  # fmt: skip
