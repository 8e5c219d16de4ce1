"""The shelf: which models there are, and the packaged parameter sets."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from mho.core.errors import ParameterError
from mho.core.names import meant
from mho.core.parameter_file import read
from mho.core.parameters import ParameterSet
from mho.devices import behavioural, effects, magnetic, phase_change, reram, statistics, storage, switches
from mho.devices.device import AbstractMemory
from mho.devices.ecram import ECRAM

MODELS: dict[str, type[AbstractMemory]] = {
    "ecram": ECRAM,
    **reram.MODELS,
    **phase_change.MODELS,
    **storage.MODELS,
    **magnetic.MODELS,
    **switches.MODELS,
    **behavioural.MODELS,
    **statistics.MODELS,
}


def models() -> dict[str, type[AbstractMemory]]:
    """`MODELS` and those of installed third-party packages (entry-point group ``mho.devices``)."""
    return MODELS | {point.name: point.load() for point in entry_points(group="mho.devices")}


def _folder() -> Path:
    return Path(str(files("mho.devices") / "parameters"))


def parameter_sets(model: str | None = None) -> list[str]:
    """Names of the packaged parameter sets: all, or those of one model."""
    found = sorted(_folder().glob("*.toml"))
    if model is not None:
        found = [path for path in found if tomllib.loads(path.read_text(encoding="utf-8"))["model"] == model]
    return [path.stem for path in found]


def parameters(name: str | Path) -> ParameterSet:
    """A packaged parameter set by name, or one of your own by its path (ending in ``.toml``).

    Raises:
        ParameterError: If there is no such set, or it is malformed.
    """
    text = str(name)
    if text.endswith(".toml"):
        found = read(text, models(), effects.EFFECTS, effects.laid_over)
        found.device()  # a set whose numbers contradict one another is refused here, not where it is first used
        return found
    if text not in parameter_sets():
        raise ParameterError(
            f"There is no parameter set {text!r}. {meant(text, parameter_sets())}'mho device list' names all; a set of "
            "your own is given by its path, ending in .toml."
        )
    return read(_folder() / f"{text}.toml", models(), effects.EFFECTS, effects.laid_over)
