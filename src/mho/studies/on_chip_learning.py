"""Learning in place on real devices: windows of plasticity, technologies, asymmetry, noise, life, consolidation.

What each stage hands to the report:

=============  ======================  ===============================================================================
stage          series or table         what is in it (x -> y)
=============  ======================  ===============================================================================
windows        learning.overlap        lag -> change of conductance, cells between overlapping waves
windows        learning.gated          lag -> change of conductance, devices behind gated pulses
windows        learning.windows        table: device, how, changes, asymmetry, energy
technologies   learning.technologies   technology (names) -> accuracy by rule (bars)
technologies   learning.compared       table: technology, states, accuracy by rule, pulses, energy
pairs          learning.pairs          table: digits learned by a cell's own window and by a rule, on the same cells
recurrence     learning.recurrence     table: digits row by row under e-prop, without and with recurrent weights
imperfections  learning.asymmetry      step down over step up (log) -> accuracy by rule
imperfections  learning.noise          noise of a step -> accuracy by rule
imperfections  learning.spread         spread from device to device -> accuracy
endurance      learning.endurance      share of cells that died -> accuracy
consolidation  learning.consolidation  rate of a train (log) -> long-term change, and what relaxes
=============  ======================  ===============================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mho.core.quantities import engineering
from mho.studies.study import Stage, Study, choice, count, quantity, sets

_STAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "windows": ("windows of plasticity, from the devices' own equations", ()),
    "technologies": ("digits learned on every technology", ()),
    "pairs": ("digits learned by a cell's own window", ()),
    "recurrence": ("digits row by row, without and with recurrent weights", ()),
    "imperfections": ("asymmetry, noise and spread, one at a time", ()),
    "endurance": ("learning on while cells die", ()),
    "consolidation": ("from short-term to long-term weight in one device", ()),
}


class OnChipLearning(Study):
    """The record of learning in place: which devices, how many neurons, how long, which imperfections."""

    name: ClassVar[str] = "on-chip-learning"
    title: ClassVar[str] = "Learning in place"
    question: ClassVar[str] = (
        "How well does a network learn when every update is a pulse on a real device, what do asymmetry, noise and "
        "wear cost it, and for how long can it go on?"
    )
    honesty: ClassVar[str] = (
        "Devices are models fitted to published pulse measurements, with assumed numbers where a source gives none; "
        "no chip was measured here. Reads, neurons and timing are exact, and energies are those of the pulses in the "
        "cells alone. Endurance is assumed where the device's source states none."
    )
    headline: ClassVar[tuple[str, ...]] = (
        "network.learned_accuracy",
        "network.supervised_accuracy",
        "network.energy_per_update",
        "network.learning_life",
    )

    technologies: tuple[str, ...] = choice(
        ("ecram_tang_pulse", "taox_tio2", "alox_hfo2_woo", "ag_asi_jo", "epiram_agsige_choi", "hzo_fefet_jerry_pulse"),
        "devices that are compared",
        among=sets,
    )
    device: str = choice("ecram_tang_pulse", "device of the stages after that; a pulse model", among=sets)
    neurons: int = count(64, "neurons that compete", low=10, high=4096)
    hidden: int = count(48, "hidden neurons of the network that e-prop trains", low=2, high=1024)
    epochs: int = count(2, "passes over the digits", low=1, high=100)
    samples: int = count(1437, "digits that are learned, of 1797 less the test", low=20, high=1787)
    test: int = count(360, "digits of the test", low=10, high=1700)
    seeds: int = count(5, "seeds, each with its own cells, order and noise", low=2, high=100)
    supervised_seeds: int = count(4, "seeds of the network that e-prop trains", low=2, high=100)
    rows_seeds: int = count(3, "seeds of the networks that see digits row by row", low=2, high=100)
    rows_epochs: int = count(4, "their passes over the digits", low=1, high=100)
    window: float = quantity(1e-3, "s", "time of one presentation", low=1e-9, high=1.0)
    size: float = quantity(0.3, "1", "change of a weight that a pair without lag wants", low=1e-3, high=2.0)
    rate: float = quantity(0.3, "1", "rate of e-prop", low=1e-4, high=10.0)
    asymmetries: tuple[float, ...] = quantity(
        (-0.8, -0.4, 0.0, 0.4, 0.8), "1", "weakening of the steps down (above 0) or up", low=-0.99, high=0.99
    )
    noises: tuple[float, ...] = quantity(
        (0.0, 1.0, 3.0, 10.0, 30.0), "1", "noise of a step, over that of the set", low=0.0, high=1000.0
    )
    spreads: tuple[float, ...] = quantity(
        (0.0, 1.0, 3.0), "1", "spread from device to device, over that of the set", low=0.0, high=100.0
    )
    lives: tuple[float, ...] = quantity(
        (30.0, 3.0, 1.0, 0.3), "1", "endurance over the cycles that the training costs a cell", low=1e-3, high=1e6
    )
    endurance: float = quantity(1e9, "1", "cycles to 63 % of failures, where the source states none", low=1.0)
    beta: float = quantity(2.0, "1", "Weibull slope of the endurance", low=0.1, high=20.0)

    @classmethod
    def stages(cls) -> tuple[Stage, ...]:
        """The stages in order; each one's floors are loaded when it runs."""
        place = "mho.studies.stages.learning.{}:work"
        return tuple(Stage(name, title, place.format(name), needs) for name, (title, needs) in _STAGES.items())

    def answer(self, kpis: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """One paragraph, from whatever KPIs there are."""

        def have(name: str) -> Any:
            return kpis.get(f"network.{name}", {}).get("value")

        sentences = []
        if (right := have("learned_accuracy")) is not None:
            sentences.append(
                f"On {self.device}, {self.neurons} neurons that compete learn the digits without labels to "
                f"{100 * right:.1f} %."
            )
        if (right := have("supervised_accuracy")) is not None:
            sentences.append(f"The same cells under e-prop, with labels, reach {100 * right:.1f} %.")
        if (energy := have("energy_per_update")) is not None:
            sentences.append(f"A sample costs {engineering(energy, 'J', 2)} in pulses.")
        if (life := have("learning_life")) is not None:
            sentences.append(
                f"At a sample every {engineering(self.window, 's', 2)} the cells last {engineering(life, 's', 2)}."
            )
        return [" ".join(sentences)] if sentences else []
