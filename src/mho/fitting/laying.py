"""A measured law laid over a device's parameter set: in place of its own effect of the same kind, never beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import numpy as np

from mho.core.errors import ParameterError
from mho.core.parameters import Effect, Number, ParameterSet
from mho.devices.effects import EFFECTS, AbstractDrift, AbstractReadNoise, AbstractWear, laid_over
from mho.fitting.table import listed

_WORDS: dict[str, type[eqx.Module]] = {
    "drift": AbstractDrift,
    "read noise": AbstractReadNoise,
    "wear": AbstractWear,
}
_NU = ("slope", "offset", "low", "polynomial")
_OWN: dict[tuple[str, str], tuple[str, ...]] = {
    ("drift", "pcm_array"): (*(f"nu_{x}" for x in _NU), *(f"sigma_nu_{x}" for x in _NU)),
    ("drift", "sonos_array"): tuple(f"drift_{k}" for k in range(1, 6)),
    ("read noise", "pcm_array"): tuple(f"q_{x}" for x in _NU),
    ("read noise", "pcm"): ("noise_floor", "noise_slope"),
    ("read noise", "sonos_array"): ("noise_amplitude",),
    ("read noise", "accepted_array"): ("noise",),
}
"""Numbers by which a model itself drifts or is noisy; with all of them 0 it does not."""
_WITHOUT = {"drift": "gst_pcm_kuzum", "read noise": "idealized_pulse"}
_WHITE = "sigma_read"  # every read's own noise, in most models
_RELAXING = ("tau_retention", "tau_loss")  # by which a model itself forgets


def word_of(effect: str) -> str:
    """What an effect is: ``drift``, ``read noise`` or ``wear``.

    Args:
        effect: Name of its model, as in `EFFECTS`.
    """
    return next((word for word, kind in _WORDS.items() if issubclass(EFFECTS[effect], kind)), effect)


def refuse_own(base: ParameterSet, words: Collection[str]) -> None:
    """Refuse a set whose model itself has what was measured: laid over it, the effect would count twice.

    Raises:
        ParameterError: If it has; names the numbers.
    """
    for word in words:
        own = [
            name
            for name in _OWN.get((word, base.model), ())
            if name in base.numbers and np.any(np.asarray(base.numbers[name].value, float) != 0.0)
        ]
        if own:
            raise ParameterError(
                f"{base.name}: its model, {base.model}, has {word} of its own ({listed(own)}); the measured one would "
                f"come on top of it. Lay it over a set whose model has none, for example {_WITHOUT[word]}, or over a "
                f"copy of {base.name} in which {listed(own)} {'is' if len(own) == 1 else 'are'} 0."
            )


def laid(
    base: ParameterSet, path: Path, effects: Mapping[str, Mapping[str, Number]], source: Mapping[str, str]
) -> ParameterSet:
    """The set with measured effects over it, its own of the same kind taken away.

    Drift takes the place of drift and wear that of wear; read noise only that of the same sort, as flicker that of
    flicker, and of the reads' own noise in the model's numbers.

    Args:
        base: The set.
        path: The measurement's file.
        effects: Numbers of each effect.
        source: The measurement, as a source.

    Raises:
        ParameterError: If the set's model itself has such an effect.
    """
    words = list(dict.fromkeys(word_of(effect) for effect in effects))
    refuse_own(base, words)
    kept, notes = dict(base.effects), []
    for effect in effects:
        word = word_of(effect)
        for name, old in base.effects.items():
            same = old.model == effect if word == "read noise" else word_of(old.model) == word
            if same and kept.pop(name, None) is not None:
                notes.append(f"{effect} from {path.name} takes the place of {name} ({old.model}) of {base.name}.")
    if not notes:
        notes.append(f"{listed(effects)} from {path.name} laid over {base.name}, which had no such effect.")
    numbers = dict(base.numbers)
    if "read noise" in words and _WHITE in numbers and numbers[_WHITE].value != 0.0:
        notes.append(f"{_WHITE} of {base.name}, {numbers[_WHITE]}, is 0 here: the measured noise stands for it.")
        numbers[_WHITE] = Number(0.0, "1", "measurement", "the measured noise stands for it", "assumed")
    relaxing = [name for name in _RELAXING if name in numbers]
    if "drift" in words and relaxing:
        notes.append(f"The model's own relaxation ({listed(relaxing)}) still acts beside the drift.")
    return replace(
        base,
        name="".join(c if c.isalnum() else "_" for c in path.stem),
        summary=f"{base.name} with the {listed(words)} measured in {path.name}",
        note=" ".join([*notes, f"All else is from {base.name}, not from this measurement."]),
        numbers=numbers,
        effects={**kept, **{k: Effect(k, dict(v), EFFECTS[k]) for k, v in effects.items()}},
        compose=laid_over,
        sources={**base.sources, "measurement": dict(source)},
    )
