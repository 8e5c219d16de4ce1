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
measurement       measurement.real            time -> measured current of a real device, model
measurement       measurement.real_residuals  time -> residual of the same
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
excitability      excitability.rate           time -> instantaneous rate before, during, after the train, both signs
excitability      excitability.resistance     time -> channel resistance in the neuron, both signs
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

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mho.core.quantities import engineering
from mho.studies.study import Stage, Study, choice, count, file, quantity

_STAGES = {
    "measurement": "read the pulses and fit the device",
    "device": "the device under a train of spikes",
    "network": "which rates synapses pass and a bank tells apart",
    "floors": "one pulse train through every floor",
}


def _sets() -> Sequence[str]:
    from mho.devices import parameter_sets

    return parameter_sets()


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
    device: str = choice("ecram_stp_ref", "the one device of every floor, and the start of the fit", among=_sets)
    modes: str = choice("auto", "volatile modes of the fit", among=lambda: ("auto", "1", "2", "3", "4"))
    temperature: float = quantity(300.15, "K", "temperature", low=200.0, high=450.0)
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
        return tuple(Stage(name, title, f"mho.studies.stages.{name}:work") for name, title in _STAGES.items())

    def inputs(self) -> dict[str, Path]:
        """The measurement given, or the packaged one."""
        from mho.fitting import packaged_measurement

        return {"measurement": packaged_measurement(), **super().inputs()}

    def answer(self, kpis: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """One paragraph, from whatever KPIs there are."""
        sentences = []
        step, times = kpis.get("device.transient_resistance_per_spike"), kpis.get("device.relaxation_times")
        if step and step["value"] is not None:
            sentences.append(
                f"A spike lowers the channel resistance of this device by {engineering(step['value'], 'ohm', 3)}"
            )
            if times and times["value"]:
                listed = " and ".join(engineering(t, "s", 3) for t in times["value"])
                sentences[-1] += f", a change that relaxes with {listed}"
            sentences[-1] += "."
        return [" ".join(sentences)] if sentences else []
