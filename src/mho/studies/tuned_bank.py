"""A bank of spiking neurons, each designed to answer one presynaptic rate: delay path, feedback, leak and ECRAM.

What each stage hands to the report:

===========  ==================  ===================================================================================
stage        series or table     what is in it (x -> y)
===========  ==================  ===================================================================================
delay        delay.times         control voltage -> spike width and dead time (log)
delay        delay.price         time (log) -> energy per spike (log)
design       bank.search         turn of the search -> largest miss (log), one curve a member
design       bank.designed       table: member, numbers found, responses from charges, met
correct      bank.correction     round of corrections -> largest miss of whole circuits (log), one curve a member
correct      bank.corrected      table: member, numbers, responses of the whole circuit before and after
response     bank.response       presynaptic rate (log) -> output spikes per presynaptic spike: whole and by charges
response     bank.energy         member (names) -> energy per output spike (bars)
population   bank.spread         presynaptic rate (log) -> response, median and 80 % over banks
population   bank.confusion      table: rate presented against rate named
witness      bank.witness        table: responses and spikes in mho and in ngspice
===========  ==================  ===================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mho.core.quantities import engineering
from mho.studies.study import Stage, Study, choice, count, ecrams, quantity

_STAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "design": ("four numbers a member, by derivatives through the transient", ()),
    "delay": ("what delay path and feedback reach by themselves", ()),
    "correct": ("whole circuits judge the designs, and correct them", ("design",)),
    "response": ("whole circuits over the presynaptic rate", ("correct",)),
    "population": ("banks with mismatch and spread name rates", ("response",)),
    "witness": ("every member in ngspice", ("response",)),
}


class TunedBank(Study):
    """The record of the bank: which rates, which response, which device, how many banks."""

    name: ClassVar[str] = "tuned-bank"
    title: ClassVar[str] = "A bank of neurons, each tuned to a presynaptic rate"
    question: ClassVar[str] = (
        "How are delay path, feedback, leak and ECRAM of a neuron chosen so that it answers one presynaptic rate, and "
        "does a bank of such neurons tell rates apart once its transistors and devices scatter?"
    )
    headline: ClassVar[tuple[str, ...]] = (
        "circuit.bank_preferred_rate",
        "circuit.bank_selectivity",
        "circuit.bank_discrimination",
        "circuit.bank_energy_per_spike",
    )

    rates: tuple[float, ...] = quantity(
        (200.0, 928.0, 4.31e3, 20e3), "Hz", "presynaptic rates, one member each", low=50.0, high=50e3
    )
    response: float = quantity(0.15, "1", "output spikes per presynaptic spike at a member's rate", low=0.02, high=0.9)
    flank: float = quantity(0.6, "1", "share of that half-way to the next member's rate", low=0.05, high=0.95)
    lone: float = quantity(
        2.3, "1", "charge that a spike after silence leaves, over one's at a member's rate", low=1.6, high=10.0
    )
    device: str = choice("ecram_stp_ref", "ECRAM of the synapses, its polarity reversed", among=ecrams)
    floor: float = quantity(
        2e-6, "S", "smallest channel conductance, which says how deep the ECRAM can depress", low=1e-8, high=9e-6
    )
    supply: float = quantity(1.0, "V", "supply of the neurons", low=0.8, high=1.2)
    current: float = quantity(20e-9, "A", "input at which a spike's charge is measured", low=1e-9, high=1e-6)
    spikes: int = count(80, "presynaptic spikes of a train; the second half is counted", low=16, high=1000)
    scouts: int = count(0, "circuits that scout the bounds before each search, besides the estimate", high=1023)
    banks: int = count(32, "banks drawn with mismatch and spread", low=2, high=100000)

    @classmethod
    def stages(cls) -> tuple[Stage, ...]:
        """The stages in order; each one's floors are loaded when it runs."""
        place = "mho.studies.stages.bank.{}:work"
        return tuple(Stage(name, title, place.format(name), needs) for name, (title, needs) in _STAGES.items())

    def answer(self, kpis: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """One paragraph, from whatever KPIs there are."""

        def have(name: str) -> Any:
            return kpis.get(f"circuit.{name}", {}).get("value")

        sentences = []
        if (dead := have("longest_dead_time")) is not None:
            sentences.append(
                f"The neuron's own delay and reset reach {engineering(dead, 's', 2)} at the most, at a high price in "
                "energy: they shape the spike, and cannot hold the time between presynaptic spikes."
            )
        if (answers := have("bank_answer_over_design")) is not None and all(a is not None for a in answers):
            worst = max(abs(a - 1.0) for a in answers)
            sentences.append(
                "Leak, inhibition and the ECRAM's relaxation do: at its own rate every member answers as designed, "
                f"within {100 * worst:.0f} %."
            )
        if (lone := have("bank_lone_spikes")) is not None:
            loud = sum(x is not None and x > 0 for x in lone)
            sentences.append(
                f"{loud} of {len(lone)} members fire at a single spike after silence, and so at all low rates: what a "
                "lone spike may leave has to be smaller."
                if loud
                else "A single spike after silence makes none fire: the ECRAM relaxes within about two periods, so "
                "that it has little to recover."
            )
        if (selective := have("bank_selectivity")) is not None and all(x is not None for x in selective):
            sentences.append(
                "At rates as far as a neighbour's or farther no member answers more than "
                f"{100 * max(1.0 - x for x in selective):.0f} % of what it answers at its own."
            )
        if (peaks := have("bank_preferred_rate")) is not None:
            texts = [engineering(p, "Hz", 3) if p is not None else "silence" for p in peaks]
            sentences.append(f"Members answer most at {', '.join(texts)}.")
        if (energies := have("bank_energy_per_spike")) is not None and all(e is not None for e in energies):
            low, high = (engineering(x, "J", 2) for x in (min(energies), max(energies)))
            sentences.append(f"An output spike costs {low} to {high}, all its synaptic events included.")
        if (right := have("bank_discrimination")) is not None:
            sentences.append(
                f"With transistor mismatch and device spread, and without trimming, the strongest member names the "
                f"presented rate rightly in {100 * right:.0f} % of cases."
            )
        return [" ".join(sentences)] if sentences else []
