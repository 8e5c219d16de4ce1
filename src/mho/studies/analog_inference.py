"""Trained networks on analog arrays: technologies side by side, what each imperfection costs, bits, drift, energy.

What each stage hands to the report:

============  =====================  ==================================================================================
stage         series or table        what is in it (x -> y)
============  =====================  ==================================================================================
training      analog.losses          epoch -> loss (log), each network plain and with hardware in the forward pass
technologies  analog.technologies    technology (names) -> accuracy lost, trained plainly and for hardware (bars)
technologies  analog.compared        table: technology, weight error, accuracies, after a month, energy
steps         analog.steps           imperfection (names) -> accuracy lost, alone and added one by one (bars)
steps         analog.step_errors     table: imperfection, error of the outputs, accuracy
bits          analog.converter_bits  bits -> accuracy, of converters and of drivers
bits          analog.weight_bits     effective bits of a weight -> accuracy
ageing        analog.ageing          age (log) -> accuracy, with and without compensation
ageing        analog.ageing_plain    the same of the network trained plainly
costs         analog.energy          matrix (names) -> energy of an inference by part (stacked bars)
costs         analog.baselines       hardware (names) -> energy of an inference (bars)
costs         analog.bill            table: matrix, products, operations, energy, fJ an operation, time, area
costs         analog.digital         table: matrix, energy beside that of digital hardware
============  =====================  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mho.core.quantities import engineering
from mho.studies.study import Stage, Study, choice, count, quantity, sets

_STAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "training": ("networks for the digits, trained plainly and for hardware", ()),
    "technologies": ("the perceptron on every technology", ("training",)),
    "steps": ("from ideal to real, one imperfection at a time", ("training",)),
    "ageing": ("a second to ten years, with and without compensation", ("training",)),
    "bits": ("how many bits are enough", ("training",)),
    "costs": ("energy, time and area beside digital hardware", ("training",)),
}


def _networks() -> Sequence[str]:
    return ("perceptron", "convolutional")


IMPERFECTIONS = ("converters", "programming", "reads", "wires", "faults", "drift", "compensation")
"""What stands between exact weights and a real chip, in the order in which the study adds one to the other."""


def _imperfections() -> Sequence[str]:
    return IMPERFECTIONS


class AnalogInference(Study):
    """The record of analog inference: which technologies, which network, which tiles, how many chips."""

    name: ClassVar[str] = "analog-inference"
    title: ClassVar[str] = "Trained networks on analog arrays"
    question: ClassVar[str] = (
        "How well does a trained network decide once its weights are conductances, on which technology, after how "
        "long, at what price; and what does training with the hardware in mind win back?"
    )
    honesty: ClassVar[str] = (
        "Accuracies rest on published statistics of arrays (or on pulse models fitted to published curves), not on a "
        "chip that was measured here. Energies are a model of tiles with the best converters of a survey: a published "
        "chip took twenty times as much. Ages beyond a source's own measurements extrapolate its law."
    )
    headline: ClassVar[tuple[str, ...]] = (
        "network.analog_accuracy",
        "network.analog_loss",
        "network.plain_loss",
        "network.energy_per_operation",
    )

    technologies: tuple[str, ...] = choice(
        (
            "pcm_hermes2",
            "pcm_joshi",
            "reram_neurram",
            "reram_ihp_milo",
            "reram_cmo_2",
            "sonos_40nm",
            "ecram_tang_pulse",
            "hzo_fefet_jerry_pulse",
        ),
        "devices that are compared, on the perceptron",
        among=sets,
    )
    device: str = choice("pcm_hermes2", "device of all other stages", among=sets)
    network: str = choice("convolutional", "network of all other stages", among=_networks)
    hidden: int = count(64, "hidden neurons of the perceptron", low=2, high=1024)
    channels: int = count(16, "channels of the first convolution; the second has twice as many", low=1, high=64)
    epochs: int = count(60, "epochs of plain training, and again of either kind", low=1, high=1000)
    noise: float = quantity(0.05, "1", "weight noise in training, over the largest weight", low=0.0, high=1.0)
    clip: float = quantity(3.0, "1", "weights are clipped to so many deviations in training", low=0.5, high=10.0)
    test: int = count(360, "digits of the test, of 1797", low=10, high=1700)
    programmings: int = count(5, "chips that are programmed, each with its own cells", low=2, high=1000)
    input_bits: int = count(8, "bits of the drivers, sign included", low=2, high=16)
    output_bits: int = count(8, "bits of the converters", low=2, high=16)
    rows: int = count(128, "rows of an array", low=8, high=4096)
    columns: int = count(128, "columns of an array", low=8, high=4096)
    node: float = quantity(
        22e-9, "m", "technology node of wires, periphery and digital baseline", low=7e-9, high=130e-9
    )
    faults: float = quantity(0.001, "1", "share of cells stuck low, and as many stuck high", low=0.0, high=0.2)
    imperfections: tuple[str, ...] = choice(
        IMPERFECTIONS, "what is looked at by itself, and added", among=_imperfections
    )
    oldest: float = quantity(315576000.0, "s", "oldest age", low=10.0, high=3.2e9)
    months: float = quantity(2592000.0, "s", "age at which accuracies are compared", low=1.0, high=3.2e9)

    @classmethod
    def stages(cls) -> tuple[Stage, ...]:
        """The stages in order; each one's floors are loaded when it runs."""
        place = "mho.studies.stages.analog.{}:work"
        return tuple(Stage(name, title, place.format(name), needs) for name, (title, needs) in _STAGES.items())

    def answer(self, kpis: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """One paragraph, from whatever KPIs there are."""

        def have(name: str) -> Any:
            return kpis.get(f"network.{name}", {}).get("value")

        sentences = []
        if (right := have("analog_accuracy")) is not None and (lost := have("analog_loss")) is not None:
            sentences.append(
                f"On {self.device} the {self.network} network, trained with the hardware in the forward pass, decides "
                f"{100 * right:.1f} % of digits rightly, {_lost(lost)} than the plainly trained one does in software."
            )
        if (plain := have("plain_loss")) is not None:
            sentences.append(f"Put on the same chips as it is, the plainly trained network loses {100 * plain:.1f} %.")
        old = [have(f"{name}_accuracy") for name in ("aged", "compensated")]
        if all(x is not None for x in old):
            sentences.append(
                f"After {engineering(self.months / 86_400.0, '1', 3)} days it is at {100 * old[0]:.1f} %, and at "
                f"{100 * old[1]:.1f} % with one gain a matrix corrected."
            )
        if (energy := have("energy_per_operation")) is not None and (ratio := have("digital_over_analog")) is not None:
            sentences.append(
                f"An operation takes {engineering(energy, 'J', 2)} in the tiles; digital multipliers of the same node "
                f"take {ratio:.2g} times as much, both by optimistic models."
            )
        return [" ".join(sentences)] if sentences else []


def _lost(share: float) -> str:
    return f"{100 * share:.1f} % less" if share >= 0.0005 else "no less"
