"""The order of the page: sections, and in each the figures and tables that it shows when a study has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Plot:
    """A figure: the series that are its panels, and what to see if the series' own captions do not say.

    Args:
        series: Names of series; those that a study does not have are left out.
        caption: What to see.
        arrangement: "stack" or "row".
        height: Height of the first panel [inch].
        below: Height of stacked panels after the first, relative to it.
    """

    series: tuple[str, ...]
    caption: str = ""
    arrangement: str = "stack"
    height: float = 2.9
    below: float = 0.62


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Args:
        key: Anchor.
        title: Heading.
        lead: What the section is about, in a sentence or two.
        plots: Its figures.
        tables: Names of its tables, in order, after the figures.
    """

    key: str
    title: str
    lead: str
    plots: tuple[Plot, ...] = ()
    tables: tuple[str, ...] = ()


SECTIONS: tuple[Section, ...] = (
    Section(
        "analog-age",
        "From a second to ten years",
        "Conductances drift, and so do the outputs. Reference products, taken right after programming and again now, "
        "give the gains that make up for it.",
        plots=(Plot(("analog.ageing", "analog.ageing_plain"), "Accuracy over time.", height=2.7, below=1.0),),
    ),
    Section(
        "analog-steps",
        "From ideal to real",
        "What each imperfection costs by itself, and how they add up.",
        plots=(Plot(("analog.steps",), "Accuracy lost."),),
        tables=("analog.step_errors",),
    ),
    Section(
        "analog-technologies",
        "Technologies side by side",
        "One perceptron, programmed onto arrays of every technology.",
        plots=(Plot(("analog.technologies",), "Accuracy lost."),),
        tables=("analog.compared",),
    ),
    Section(
        "analog-bits",
        "How many bits are enough",
        "Each part rounded by itself, all else exact.",
        plots=(Plot(("analog.converter_bits", "analog.weight_bits"), "Accuracy over bits.", height=2.7, below=1.0),),
    ),
    Section(
        "analog-costs",
        "The bill of an inference",
        "Tiles alone, by a model; digital hardware by one as optimistic.",
        plots=(
            Plot(("analog.energy",), "By matrix and part."),
            Plot(("analog.baselines",), "Beside digital hardware."),
        ),
        tables=("analog.bill", "analog.digital"),
    ),
    Section(
        "analog-training",
        "How the networks were trained",
        "Plainly first; then on, with what the hardware does in the forward pass.",
        plots=(Plot(("analog.losses",), "Losses.", height=2.5),),
    ),
    Section(
        "learning-technologies",
        "Digits learned on every technology",
        "The same neurons learn the same digits on cells of every technology; each update is a whole number of pulses.",
        plots=(Plot(("learning.technologies",), "Accuracy by rule."),),
        tables=("learning.compared", "learning.pairs", "learning.recurrence"),
    ),
    Section(
        "learning-imperfections",
        "What asymmetry, noise and spread cost",
        "One imperfection at a time, from what is published of the device upward.",
        plots=(
            Plot(("learning.asymmetry",), "Accuracy over the asymmetry of steps.", height=2.7),
            Plot(("learning.noise", "learning.spread"), "Left: noise. Right: spread.", "row", 2.7),
        ),
    ),
    Section(
        "learning-life",
        "Learning on while cells die",
        "Every cell dies after a number of full cycles of its own, and is stuck from then on.",
        plots=(Plot(("learning.endurance",), "Accuracy over the share of dead cells.", height=2.7),),
    ),
    Section(
        "learning-windows",
        "Windows of plasticity, from the devices' own equations",
        "No window is assumed: waves or pulses are, and the device says what a pair of spikes does.",
        plots=(
            Plot(("learning.overlap", "learning.gated"), "Change by one pair over its lag.", height=2.7, below=1.0),
        ),
        tables=("learning.windows",),
    ),
    Section(
        "learning-consolidation",
        "From short-term to long-term weight",
        "The volatile loading of an electrochemical transistor is its short-term weight; what fills it often enough "
        "writes the long-term one in the same channel.",
        plots=(Plot(("learning.consolidation",), "Efficacy gained over the rate of a train.", height=2.7),),
    ),
    Section(
        "bank",
        "The bank over the presynaptic rate",
        "Each member is a delay-feedback neuron behind a selective synapse: the leak silences it at low rates, "
        "feed-forward inhibition against a depressing ECRAM at high ones.",
        plots=(
            Plot(("bank.response",), "Response of every member.", height=3.2),
            Plot(("bank.spread",), "The same over banks with mismatch and spread.", height=2.9),
        ),
        tables=("bank.confusion",),
    ),
    Section(
        "bank-design",
        "How the members were designed",
        "Four numbers a member are found by least squares on derivatives through the transient. The response that is "
        "designed is a smooth one, from charges on a held membrane: counts of whole spikes have no derivative. "
        "Then whole circuits are simulated, and what they answer otherwise is corrected with the same derivatives.",
        plots=(Plot(("bank.search", "bank.correction"), "The searches.", "row", 2.7),),
        tables=("bank.designed", "bank.corrected", "bank.witness"),
    ),
    Section(
        "bank-energy",
        "What a spike of the bank costs",
        "All supplies, with every synaptic event that leads to the spike.",
        plots=(Plot(("bank.energy",), "By member."),),
    ),
    Section(
        "delay",
        "What delay path and feedback can do by themselves",
        "The same neuron without a synapse: its delay sets the spike's width, its reset the dead time after it.",
        plots=(Plot(("delay.times", "delay.price"), "Left: times. Right: their price.", "row", 2.9),),
    ),
    Section(
        "temporal",
        "Where synapses that remember help",
        "One network, three kinds of synapse, the same trained numbers, trials and training.",
        plots=(Plot(("temporal.accuracy",), "Accuracy by task."), Plot(("temporal.losses",), "Losses.", height=2.5)),
        tables=("temporal.compared", "temporal.bill", "temporal.feedback", "temporal.tuned"),
    ),
    Section(
        "temporal-devices",
        "How alike devices have to be, and how young",
        "Chips with more and more spread, and devices that have faded.",
        plots=(
            Plot(("temporal.spread",), "Accuracy over the spread.", height=2.7),
            Plot(("temporal.ageing",), "Accuracy over the age.", height=2.7),
        ),
        tables=("temporal.restored",),
    ),
    Section(
        "temporal-price",
        "What a decision costs",
        "Training pays for every spike, and more and more; and networks grow.",
        plots=(Plot(("temporal.price",), "Accuracy over energy.", height=2.7),),
        tables=("temporal.growth",),
    ),
    Section(
        "temporal-prediction",
        "Predicting a chaotic series",
        "A reservoir that is not trained, but for its readout.",
        plots=(Plot(("temporal.series",), "Series and predictions.", height=2.6),),
        tables=("temporal.prediction",),
    ),
    Section(
        "paper",
        "The paper's numbers and ours",
        "What the seed paper's abstract states, what was found here, and what had to be assumed in between.",
        tables=("paper.compared",),
    ),
    Section(
        "measurement",
        "Fit and residuals",
        "The compact model fitted to the measured gate pulses. Residuals without pattern mean that the model has "
        "followed the device; a pattern means that it has not, and where.",
        plots=(
            Plot(
                ("measurement.fit", "measurement.residuals"),
                "Above: measured points and fitted model. Below: what the model leaves over.",
                height=3.2,
                below=0.4,
            ),
        ),
        tables=("measurement.parameters", "measurement.selection", "measurement.suitability"),
    ),
    Section(
        "device",
        "The device by itself",
        "The fitted and the reference device under the same spikes.",
        plots=(
            Plot(("device.pulse_train",), "Each spike adds a step to the channel; between spikes the step relaxes."),
            Plot(("device.relaxation",), "What is left of a spike's change as time passes."),
        ),
        tables=("device.datasheet",),
    ),
    Section(
        "neuron",
        "The neuron: rate and pulse width",
        "The delay-feedback neuron fires when its membrane crosses the threshold stage, and ends its own spike through "
        "the delay. The delay's control voltage therefore sets the width of the spike that the next ECRAM sees.",
        plots=(
            Plot(("neuron.waveform",), "Membrane, spike and delayed spike.", height=2.6),
            Plot(
                ("neuron.f_i", "neuron.pulse_width"),
                "Left: firing rate against input current. Right: spike width against delay control.",
                "row",
                2.9,
            ),
        ),
    ),
    Section(
        "synapse",
        "Facilitation and recovery",
        "The ECRAM as a synapse: presynaptic spikes drive its gate, its channel carries the current into the membrane.",
        plots=(
            Plot(
                ("synapse.facilitation", "synapse.resistance"),
                "Faster trains leave less time to relax, so later spikes carry more charge.",
                height=2.8,
            ),
            Plot(
                ("synapse.recovery", "synapse.paired_pulse"),
                "Left: a probe after the train. Right: the second of two spikes.",
                "row",
                2.8,
            ),
        ),
    ),
    Section(
        "excitability",
        "Excitability before, during and after a train",
        "The same ECRAM placed inside the neuron, where the neuron's own spikes drive its gate: the firing rate then "
        "depends on how much the neuron has fired.",
        plots=(
            Plot(
                ("excitability.rate", "excitability.resistance"),
                "Rate, and below it the resistance that moves it.",
                height=2.7,
            ),
            Plot(("excitability.recovery",), "The rate of a probe after a silence.", height=2.5),
        ),
    ),
    Section(
        "energy",
        "Energy per spike",
        "A picojoule per spike means nothing without its boundary, so three are given: the neuron alone, with one "
        "synaptic event, and with all the events that led to the spike.",
        plots=(
            Plot(
                ("energy.split",),
                "Where the energy of a spike goes, by boundary. Bias generation and long wires are not counted.",
            ),
            Plot(
                ("energy.current",), "Slow firing costs more per spike: the static current runs for longer.", height=2.5
            ),
        ),
    ),
    Section(
        "topologies",
        "Topologies side by side",
        "Five neurons with the same ECRAM, each at the place in its circuit where it acts.",
        plots=(
            Plot(("topologies.energy",), "Energy per spike, by part."),
            Plot(("topologies.facilitation",), "Output spikes for one and the same train of presynaptic spikes."),
        ),
        tables=("topologies.compared",),
    ),
    Section(
        "population",
        "Spread over a population",
        "Transistor mismatch and device-to-device spread, drawn together. Failed samples are counted, never dropped.",
        plots=(
            Plot(
                ("population.energy", "population.width", "population.rate"),
                "The shaded band holds 90 % of the neurons.",
                "row",
                2.9,
            ),
        ),
        tables=("population.failures",),
    ),
    Section(
        "network",
        "Frequency response and rate discrimination",
        "Layers of spiking neurons whose synapses are the device's event face, one state a synapse.",
        plots=(
            Plot(
                ("network.high_pass", "network.band_pass"),
                "Above: facilitation passes high rates. Below: with depression a band remains.",
                height=2.6,
                below=1.0,
            ),
            Plot(("network.population",), "The output rate of a layer of spiking neurons.", height=2.6),
            Plot(
                ("network.bank",),
                "Each member of the bank prefers its own rates, so together they tell rates apart.",
                height=2.6,
            ),
        ),
        tables=("network.confusion",),
    ),
    Section(
        "floors",
        "Agreement between floors",
        "One pulse train sent through the device's event face, through the circuit and through the network. It is one "
        "device object, so the three must agree; how well they do is the honest error of every number above.",
        plots=(
            Plot(
                ("floors.resistance", "floors.differences"),
                "Above: three floors, one device. Below: their differences.",
                height=2.7,
                below=0.55,
            ),
        ),
        tables=("floors.agreement",),
    ),
)


def arranged(
    results: Mapping[str, Any], sections: Sequence[Section] = SECTIONS
) -> Iterator[tuple[Section, list[Plot], list[str]]]:
    """Every section that a study has something for, with what it has; then the rest, so that nothing is left out."""
    series, tables = results["series"], results.get("tables", {})
    shown: set[str] = set()
    for section in sections:
        plots = []
        for plot in section.plots:
            present = tuple(name for name in plot.series if name in series)
            if present:
                plots.append(replace(plot, series=present))
        names = [name for name in section.tables if name in tables]
        shown.update(names, *(plot.series for plot in plots))
        if plots or names:
            yield section, plots, names
    rest = [name for name in series if name not in shown]
    rest_tables = [name for name in tables if name not in shown]
    if rest or rest_tables:
        yield Section("further", "Further figures", ""), [Plot((name,)) for name in rest], rest_tables
