"""Networks with static, Tsodyks-Markram and device synapses, trained for tasks that need time and some that do not.

What each stage hands to the report:

==========  =======================  ==================================================================================
stage       series or table          what is in it (x -> y)
==========  =======================  ==================================================================================
compare     temporal.accuracy        task (names) -> accuracy with its interval, one bar a kind of synapse
compare     temporal.losses          step of the training -> loss, each kind on the task of the detailed stages
compare     temporal.compared        table: task, chance, accuracies with intervals, who is ahead
compare     temporal.bill            table: task, spikes, events, energies and volatile cycles of a decision
feedback    temporal.feedback        table: the same with feedback in the second layer, and what it costs
spread      temporal.spread          device-to-device spread -> accuracy, trained without and with it
tuned       temporal.tuned           table: accuracy with pulse widths that are fixed, and that are trained
ageing      temporal.ageing          what aging took of the loading -> accuracy, by what is done about it
ageing      temporal.restored        table: what each remedy brings back, and what it takes
growth      temporal.growth          table: neurons of a layer, accuracy, events and energies of a decision
price       temporal.price           energy of a decision -> accuracy, as a price on activity rises
prediction  temporal.prediction      table: error of predicting the Mackey-Glass series, by kind
prediction  temporal.series          step -> series, and its prediction by each kind
==========  =======================  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mho.studies.study import Stage, Study, choice, count, ecrams, quantity

_STAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "compare": ("every task with every kind of synapse", ()),
    "prediction": ("a reservoir predicts the Mackey-Glass series", ()),
    "spread": ("devices that differ, trained without and with it", ("compare",)),
    "feedback": ("the same with feedback", ("compare",)),
    "tuned": ("widths of pulses trained beside weights", ("compare",)),
    "ageing": ("devices that grow old, and what helps", ("spread",)),
    "price": ("a price on activity", ("compare",)),
    "growth": ("a decision's energy as networks grow", ()),
}


def _tasks() -> Sequence[str]:
    return ("interval", "order", "match", "rhythm", "gap", "rate", "burst", "digits")


def _rivals() -> Sequence[str]:
    return ("tm",)


def _kinds() -> Sequence[str]:
    return ("static", "tm", "device")


class TemporalFilters(Study):
    """The record of the comparison: which tasks, which device, which network, how many seeds."""

    name: ClassVar[str] = "temporal-filters"
    title: ClassVar[str] = "What synapses that remember do for a network"
    question: ClassVar[str] = (
        "Where does a network with device synapses decide better than the same network with static ones, where does it "
        "not, what does it cost in energy and wear, and how much do devices have to be alike?"
    )
    honesty: ClassVar[str] = (
        "Every kind of synapse has the same network, the same number of trained weights, the same trials and the same "
        "training. Tasks whose times lie beyond the membrane's and inside the device's favour a synapse that "
        "remembers; others that a membrane can do stand beside them. Trials are drawn, not recorded. The device is a "
        "set of parameters; the default is a reconstruction from an abstract, most of its numbers assumed."
    )
    headline: ClassVar[tuple[str, ...]] = (
        "network.tasks_won",
        "network.temporal_gain",
        "network.tolerated_spread",
        "network.decision_energy",
    )

    tasks: tuple[str, ...] = choice(_tasks(), "what the networks are trained for", among=_tasks, filled=True)
    detailed: str = choice("match", "task of the stages on spread, age and price", among=_tasks)
    rivals: tuple[str, ...] = choice(("tm",), "kinds of synapse besides static and device ones", among=_rivals)
    loops: tuple[str, ...] = choice(
        ("static", "device"), "kinds that are trained with feedback in the second layer too", among=_kinds
    )
    tuned: tuple[str, ...] = choice(
        ("match", "interval"), "tasks on which the widths of pulses are trained too", among=_tasks
    )
    device: str = choice("ecram_stp_ref", "ECRAM of the plastic synapses", among=ecrams)
    utilisation: float = quantity(
        0.08333333333333333, "1", "share of the free room that a spike loads", low=0.01, high=0.9
    )
    tm_utilisation: float = quantity(0.2, "1", "U of the Tsodyks-Markram synapses", low=0.01, high=1.0)
    tm_facilitation: float = quantity(1.5, "s", "their facilitation time", low=0.0, high=10.0)
    tm_recovery: float = quantity(0.2, "s", "their recovery time", low=0.0, high=10.0)
    tau_m: float = quantity(10e-3, "s", "membrane time constant", low=1e-3, high=1.0)
    tau_syn: float = quantity(5e-3, "s", "time constant of synaptic currents", low=1e-3, high=1.0)
    hidden: int = count(24, "neurons of each of the two layers", low=4, high=512)
    seeds: int = count(5, "networks of a kind, each with its own weights, trials and devices", low=2, high=100)
    training: int = count(1024, "trials to train on", low=64, high=100000)
    test: int = count(512, "trials held out", low=64, high=100000)
    epochs: int = count(25, "passes over the trials", low=1, high=1000)
    batch: int = count(32, "trials of a step of the training", low=1, high=4096)
    retraining: int = count(3, "passes in which networks with aged devices are trained again", low=1, high=1000)
    spreads: tuple[float, ...] = quantity(
        (0.0, 1.0, 2.0, 4.0, 8.0), "1", "device-to-device spread, in those of the set", low=0.0, high=20.0
    )
    trained_spread: float = quantity(4.0, "1", "spread that networks are trained with", low=0.1, high=20.0)
    left: tuple[float, ...] = quantity(
        (1.0, 0.95, 0.9, 0.8, 0.6, 0.4),
        "1",
        "what aging leaves of loading rate and volatile conductance",
        low=0.01,
        high=1.0,
    )
    prices: tuple[float, ...] = quantity(
        (0.0, 3e-4, 3e-3, 1e-2), "1", "price of a spike of a neuron, in units of the loss", low=0.0, high=10.0
    )
    sizes: tuple[int, ...] = quantity(
        (12, 24, 48, 96), "1", "neurons of each layer, as the network grows", low=4, high=1024
    )
    v_read: float = quantity(0.1, "V", "voltage at which weights are read", low=1e-3, high=1.0)
    g_weight: float = quantity(40e-6, "S", "mean conductance of a weight", low=1e-9, high=1e-2)
    reservoir: int = count(100, "neurons of the reservoir", low=10, high=2000)
    horizon: int = count(10, "steps ahead of the prediction", low=1, high=200)
    length: int = count(3000, "steps of the series", low=600, high=100000)

    @classmethod
    def quick(cls, **values: Any) -> TemporalFilters:
        """A small record: two tasks, two seeds, short training, no Tsodyks-Markram synapses, feedback or widths."""
        small: dict[str, Any] = {
            "tasks": ("match", "burst"), "hidden": 16, "seeds": 2, "training": 256, "test": 128, "epochs": 6,
            "retraining": 6, "spreads": (0.0, 8.0), "left": (1.0, 0.2), "prices": (0.0, 1e-2),
            "reservoir": 30, "length": 800, "rivals": (), "loops": (), "tuned": (), "sizes": (8,),
        }  # fmt: skip
        return cls(**{**small, **values})

    @classmethod
    def stages(cls) -> tuple[Stage, ...]:
        """The stages in order; each one's floors are loaded when it runs."""
        place = "mho.studies.stages.temporal.{}:work"
        return tuple(Stage(name, title, place.format(name), needs) for name, (title, needs) in _STAGES.items())

    def answer(self, kpis: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """One paragraph, from whatever KPIs there are."""

        def have(name: str) -> Any:
            return kpis.get(f"network.{name}", {})

        sentences = []
        if won := have("tasks_won"):
            on, off = (won["conditions"][k] for k in ("won", "not won"))
            sentences.append(f"Device synapses beat static ones, intervals apart, on: {on}. They do not on: {off}.")
        if gain := have("temporal_gain"):
            sentences.append(
                f"On the tasks won, {100 * gain['value']:.0f} more of 100 trials are decided rightly, in the mean."
                if gain["value"] is not None
                else "No task was won."
            )
        if spread := have("tolerated_spread"):
            plain, aware = (_share(x) for x in spread["value"])
            sentences.append(
                f"Devices may differ by {plain} before {100 * _LOSS:.0f} % are lost, and by {aware} where "
                "the network was trained with spread."
            )
        if energy := have("decision_energy"):
            static, device = energy["value"]
            sentences.append(
                f"On {self.detailed}, a decision's synaptic events take {device / static:.2g} times the energy of "
                "static synapses, gate pulses included."
            )
        return [" ".join(sentences)] if sentences else []


_LOSS = 0.05  # of accuracy, at which a spread counts as no longer tolerated


def _share(spread: float | None) -> str:
    return "more than was tried" if spread is None else f"{100 * spread:.0f} %"
