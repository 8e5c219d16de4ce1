"""Stage "population": the bank many times, with transistor mismatch and device spread; which rate does it name?"""

from __future__ import annotations

import jax
import numpy as np

from mho.circuits import mismatch
from mho.core.sampling import sample
from mho.devices import parameters
from mho.metrics.circuit import RECONSTRUCTION
from mho.metrics.kpi import KPI, provenance_of
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series, Table
from mho.studies.stages.bank.members import BOUNDARY, answered, counted, driven, fired, names, subjects

_HALF = 0.5  # a member has worked if it has this share of its nominal response and its bank names its rate
_UNDECIDED = -1


def work(context: Context) -> Outcome:
    """Draw banks, present every member's rate to all of a bank's members, let the strongest name the rate."""
    study, numbers = context.study, parameters(context.study.device)
    members, rates = subjects(context), np.asarray(study.rates, np.float64)
    count, key = study.banks, jax.random.key(context.seed("banks"))
    response, slowest = np.zeros((len(members), len(rates), count)), int(np.argmin(rates))
    silent = np.zeros((len(members), count), bool)
    failures: dict[str, int] = {}
    for k, (member, own) in enumerate(zip(members, jax.random.split(key, len(members)), strict=True)):
        nominal = driven(member, rates[0], study.spikes)
        spreads = numbers.spreads(of=lambda c: c["synapse.ecram"].device)
        drawn = sample(nominal, *mismatch(nominal), *spreads, n=count, key=own)
        context.progress(k / len(members), f"{count} banks, {names(context)[k]} member")
        presented = np.repeat(rates, count)  # all rates side by side: a fast train's circuit waits for the slowest
        many = jax.tree.map(lambda x: np.tile(x, len(rates)) if np.ndim(x) == 1 else x, drawn)
        source = driven(member, presented, study.spikes)["drive.spikes"]
        firing = fired(many.with_elements({"drive.spikes": source}), float(rates.min()), study.spikes)
        response[k] = counted(firing, presented, study.spikes).reshape(len(rates), count)
        silent[k] = answered(firing.times, presented).reshape(len(rates), count)[slowest] == 0
        for reason, n in firing.failures.items():
            if reason != "EVENTS_FULL":
                failures[reason] = failures.get(reason, 0) + n
    nominal_response = np.array(context.handover("response")["counted"], float)
    at = [int(np.argmin(np.abs(np.asarray(context.handover("response")["rates"]) - r))) for r in rates]
    own_nominal = nominal_response[np.arange(len(rates)), at]
    named = decided(response)
    right = np.mean(named == np.arange(len(rates))[:, None], axis=1)
    diagonal = response[np.arange(len(rates)), np.arange(len(rates))]
    works = (diagonal >= _HALF * own_nominal[:, None]) & (named == np.arange(len(rates))[:, None])
    ground = {"boundary": BOUNDARY, "provenance": [*RECONSTRUCTION, *provenance_of(numbers)]}
    ground |= {"n": count * len(members) * len(rates), "failures": failures}
    ground["conditions"] = {"mismatch": "Pelgrom, every transistor", "devices": f"spread of {numbers.name}",
                            "train": f"{study.spikes} presynaptic spikes"}  # fmt: skip
    kpis = [
        KPI("circuit.bank_yield", float(np.mean(works)), "1", **ground,
            definition="share of members with at least half their nominal response at their own rate, in a bank that "
            "names that rate rightly",
            spread={"low": float(works.mean(axis=1).min()), "high": float(works.mean(axis=1).max()),
                    "kind": "over members"},
            note="without trimming: every bank has the nominal biases"),
        KPI("circuit.bank_discrimination", float(np.mean(right)), "1", **ground,
            definition="share of trains whose rate the strongest member names; a tie or a silent bank counts as wrong",
            spread={"low": float(right.min()), "high": float(right.max()), "kind": "over rates"}),
        KPI("circuit.bank_lone_silence", float(np.mean(silent)), "1", **ground,
            definition="share of members that a presynaptic spike after long silence does not make fire",
            spread={"low": float(silent.mean(axis=1).min()), "high": float(silent.mean(axis=1).max()),
                    "kind": "over members"}),
    ]  # fmt: skip
    return Outcome(
        kpis=kpis,
        series={"bank.spread": _spread(context, response)},
        tables={"bank.confusion": _confusion(context, named)},
        sources=provenance.sources(numbers),
    )


def decided(response: np.ndarray) -> np.ndarray:
    """Member that names each train's rate, (rates, banks): the strongest, or -1 if it is silent or there are two.

    Args:
        response: Of each member to each rate in each bank, (members, rates, banks).
    """
    order = np.sort(response, axis=0)
    clear = (order[-1] > 0) & ((order[-1] > order[-2]) if len(order) > 1 else True)
    return np.where(clear, np.argmax(response, axis=0), _UNDECIDED)


def _spread(context: Context, response: np.ndarray) -> Series:
    rates = np.asarray(context.study.rates)
    curves = []
    for name, row in zip(names(context), response, strict=True):
        low, middle, high = np.percentile(row, [10, 50, 90], axis=1)
        curves.append(Curve(name, "1", middle, "band", low=low, high=high))
    return Series(
        Axis("presynaptic rate", "Hz", rates, "log"), curves, "output spikes per presynaptic spike",
        caption=f"Median and 80 % of {context.study.banks} banks with transistor mismatch and device spread, "
        "untrimmed, at the members' rates.",
    )  # fmt: skip


def _confusion(context: Context, named: np.ndarray) -> Table:
    columns = ["presented", *(f"named {name}" for name in names(context)), "undecided"]
    shares = [[np.mean(row == k) for k in [*range(len(named)), _UNDECIDED]] for row in named]
    rows = [[name, *(f"{100 * x:.0f} %" for x in row)] for name, row in zip(names(context), shares, strict=True)]
    return Table(columns, rows, f"The rate that the strongest member names, over {context.study.banks} banks.")
