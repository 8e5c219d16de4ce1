"""From a pulse measurement to spiking neurons that filter in time, with one ECRAM at every floor.

What each stage hands to the report. A series or table that a stage does not give leaves its figure out; one that is not
listed here is drawn at the end of the page, by its kind.

================  ==========================  =====================================================================
stage             series or table             what is in it (x -> y)
================  ==========================  =====================================================================
measurement       measurement.fit             time -> measured resistance (points), model (line); one sweep is enough
measurement       measurement.residuals       time -> residual, fitted and held out
measurement       measurement.parameters      table: parameter, fitted, 95 % interval, generating value, remark
measurement       measurement.selection       table: number of modes, criterion, held-out error, remark
measurement       measurement.suitability     table: what the fitted device would have to be for the circuits here
device            device.pulse_train          time -> channel resistance of fitted and reference device in a spike train
device            device.datasheet            table: quantity, fitted, reference, source of the reference's number
device            device.relaxation           time after a spike (log) -> share of the change that is left, per device
neuron            neuron.waveform             time -> membrane, spike and delayed node of the reference neuron
neuron            neuron.f_i                  input current (log) -> firing rate
neuron            neuron.pulse_width          delay control voltage -> spike width (log)
synapse           synapse.facilitation        spike number -> charge per event over the first's, one curve a rate
synapse           synapse.resistance          spike number -> channel resistance, one curve a rate
synapse           synapse.recovery            time after the train (log) -> charge of a probe over the first's
synapse           synapse.paired_pulse        interval (log) -> paired-pulse ratio: circuit (points), device (line)
excitability      excitability.rate           time in a train -> instantaneous rate, both signs
excitability      excitability.resistance     time in a train -> channel resistance in the neuron, both signs
excitability      excitability.recovery       silence after the train (log) -> rate of a probe, both signs
energy            energy.split                boundary (names) -> energy per spike by part (stacked bars)
energy            energy.current              input current (log) -> energy per spike
topologies        topologies.energy           topology (names) -> energy per spike by part (stacked bars)
topologies        topologies.facilitation     topology (names) -> output spikes with and without facilitation (bars)
topologies        topologies.compared         table: rate, width, energy, where the ECRAM acts, effect
population        population.energy           samples of energy per spike (histogram)
population        population.width            samples of spike width (histogram)
population        population.rate             samples of firing rate (histogram)
population        population.failures         table: reason, number
network           network.high_pass           input rate (log) -> steady efficacy over the first, per time constant
network           network.band_pass           input rate (log) -> steady efficacy, mark at 1/sqrt(U tau_f tau_rec)
network           network.population          input rate (log) -> output rate of the layer, per synapse
network           network.bank                input rate (log) -> response of each member of the bank
network           network.confusion           table: true rate against decided rate
floors            floors.resistance           spike number -> resistance through device, circuit and network
floors            floors.differences          spike number -> relative difference from the device floor
floors            floors.agreement            table: quantity, device, circuit, network, largest difference
floors            paper.compared              table: quantity, the paper's number, ours, what is assumed
================  ==========================  =====================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mho.core.quantities import engineering
from mho.studies.study import Stage, Study, choice, count, ecrams, file, quantity

# What each stage does, and whose outcomes it uses. Long stages stand early, so that two cores are busy to the end.
_STAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "measurement": ("read the pulses and fit the device", ()),
    "neuron": ("rate and spike width of the neuron", ()),
    "synapse": ("the device as a synapse in a circuit", ("measurement",)),
    "topologies": ("five neurons side by side", ("synapse",)),
    "population": ("a population with mismatch and spread", ("measurement",)),
    "excitability": ("the device inside the neuron", ("measurement",)),
    "energy": ("what a spike costs, by part and boundary", ("synapse", "population")),
    "network": ("which rates synapses pass and a bank tells apart", ("synapse",)),
    "device": ("the device under a train of spikes", ("measurement",)),
    "floors": ("one pulse train through every floor", ("energy",)),
}


def _neurons() -> Sequence[str]:
    from mho.circuits.neurons import NEURONS

    return list(NEURONS)


class ECRAMSTP(Study):
    """The record of the ECRAM study: what is measured, which device, at which point of operation, how many samples."""

    name: ClassVar[str] = "ecram-stp"
    title: ClassVar[str] = "From a pulse measurement to spiking neurons that filter in time"
    question: ClassVar[str] = (
        "What does this ECRAM do as a synapse, inside a neuron, and in a network, and what does a spike cost?"
    )
    headline: ClassVar[tuple[str, ...]] = (
        "device.transient_resistance_per_spike",
        "circuit.energy_per_spike",
        "circuit.pulse_width",
        "network.filter_peak",
    )

    measurement: str | None = file("pulse measurement, a CSV whose headings carry units")
    device: str = choice("ecram_stp_ref", "the one device of every floor, and the start of the fit", among=ecrams)
    modes: str = choice("auto", "volatile modes of the fit", among=lambda: ("auto", "1", "2", "3", "4"))
    temperature: float = quantity(300.15, "K", "temperature", low=200.0, high=450.0)
    supply: float = quantity(1.0, "V", "supply of every circuit", low=0.6, high=1.8)
    current: float = quantity(20e-9, "A", "reference input current of the neurons", low=1e-10, high=1e-6)
    delay_control: float = quantity(0.36, "V", "delay control voltage, which sets the spike's width", low=0.1, high=0.7)
    synapse_rates: tuple[float, ...] = quantity(
        (10.0, 50.0, 200.0, 1e3, 5e3, 20e3), "Hz", "presynaptic rates of the facilitation trains", low=0.1, high=1e6
    )
    topologies: tuple[str, ...] = choice(
        ("delay_feedback", "axon_hillock", "comparator", "schmitt", "threshold_switch"),
        "neurons that are compared",
        among=_neurons,
    )
    population: int = count(1000, "neurons of the population", low=2, high=1000000)
    train_rate: float = quantity(50.0, "Hz", "rate of the spike train that every floor is given", low=1e-3, high=1e6)
    train_spikes: int = count(12, "spikes in that train", low=2, high=1000)
    bank_rates: tuple[float, ...] = quantity(
        (50.0, 100.0, 200.0, 400.0, 800.0),
        "Hz",
        "rates that the bank of synapses is tuned to and decides among",
        low=0.1,
        high=1e5,
    )
    decision_window: float = quantity(0.2, "s", "time that the bank sees a train for", low=1e-3, high=100.0)
    decision_seeds: int = count(5, "networks, each with its own devices, noise and trains", low=2, high=100)
    filter_population: int = count(200, "devices whose filter peak is compared with theory", low=2, high=100000)

    @classmethod
    def stages(cls) -> tuple[Stage, ...]:
        """The stages in order; each one's floors are loaded when it runs."""
        place = "mho.studies.stages.{}:work"
        return tuple(Stage(name, title, place.format(name), needs) for name, (title, needs) in _STAGES.items())

    def inputs(self) -> dict[str, Path]:
        """The measurement given, or the packaged one."""
        from mho.fitting import packaged_measurement

        return {"measurement": packaged_measurement(), **super().inputs()}

    def answer(self, kpis: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """One paragraph, from whatever KPIs there are."""
        texts = {name: _value_text(kpi) for name, kpi in kpis.items() if kpi["value"] is not None}
        return [" ".join(s for form in _ANSWER if (s := _filled(form, texts)))]


_ANSWER = (
    "A spike lowers the channel resistance of this device by {device.transient_resistance_per_spike}, a change that "
    "relaxes with {device.relaxation_times}.",
    "The neuron's spike costs {circuit.energy_per_spike} by itself, {circuit.energy_per_spike_with_one_event} with one "
    "synaptic event and {circuit.energy_per_spike_with_all_events} with all the events "
    "that lead to it; its width is {circuit.pulse_width}.",
    "Inside the neuron the device changes the firing rate over a train by {circuit.excitability_change}, depending on "
    "its polarity.",
    "As a synapse it passes {network.filter_peak} best, and a bank of such synapses decides among input rates rightly "
    "in {network.rate_discrimination} of trains whose strength it does not know.",
    "Device, circuit and network agree to {floors.agreement} on the same spikes.",
)
_SHARES = ("circuit.excitability_change", "network.rate_discrimination", "floors.agreement")


def _value_text(kpi: Mapping[str, Any]) -> str:
    """A KPI's value as a sentence has it: short, shares in per cent, several joined by "and"."""
    values = kpi["value"] if isinstance(kpi["value"], list) else [kpi["value"]]
    signed = "+" if len(values) > 1 else ""
    share = kpi["name"] in _SHARES
    texts = [_percent(v, signed) if share else engineering(v, kpi["unit"], 3) for v in values if v is not None]
    return " and ".join(texts)


def _percent(value: float, sign: str) -> str:
    return f"{100 * value:{sign}.0f} %" if abs(value) >= 0.1 else f"{100 * value:{sign}.2g} %"


def _filled(form: str, texts: Mapping[str, str]) -> str:
    """The sentence with its values, or nothing where one is missing."""
    names = re.findall(r"\{([^}]+)\}", form)
    if any(name not in texts for name in names):
        return ""
    return re.sub(r"\{([^}]+)\}", lambda match: texts[match[1]], form)
