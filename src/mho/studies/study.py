"""A study: a frozen record of plain values and registry names, which with mho's version fixes every result."""

from __future__ import annotations

import abc
import importlib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mho.core.errors import StudyError, UnitError
from mho.core.quantities import engineering, si
from mho.studies.folder import write
from mho.studies.outcome import Outcome


@dataclass(frozen=True)
class Stage:
    """A named step of a study.

    Args:
        name: Short name; its results lie in ``stages/<name>.json``.
        title: What it does, for the progress line.
        work: Takes the run's :class:`~mho.studies.execution.Context`, gives an :class:`Outcome`; or the place of such a
            function, ``"mho.studies.stages.device:work"``, so that naming the stages loads none of them.
        needs: Stages whose outcome it uses; None for all before it. Stages that need not wait run side by side.
    """

    name: str
    title: str
    work: Callable[[Any], Outcome] | str
    needs: tuple[str, ...] | None = None

    def __call__(self, context: Any) -> Outcome:
        """Do the work."""
        work = self.work
        if isinstance(work, str):
            module, _, name = work.partition(":")
            work = getattr(importlib.import_module(module), name)
        return work(context)


def quantity(default: Any, unit: str, text: str, *, low: float | None = None, high: float | None = None) -> Any:
    """A field of a study that holds an SI number (or a tuple of them) and reads text with a unit.

    Args:
        default: In SI.
        unit: SI unit, "1" for a pure number.
        text: What it is, in a line.
        low: Smallest value allowed.
        high: Largest value allowed.
    """
    return Field(default, description=text, json_schema_extra={"unit": unit, "low": low, "high": high})


def count(default: int, text: str, *, low: int = 0, high: int | None = None) -> Any:
    """A field of a study that holds a whole number."""
    return Field(default, description=text, ge=low, le=high)


def choice(default: Any, text: str, *, among: Callable[[], Sequence[str]], filled: bool = False) -> Any:
    """A field of a study that names entries of a registry.

    Args:
        default: A name, or a tuple of names.
        text: What it is, in a line.
        among: Lists the registry.
        filled: Whether an empty tuple is refused.
    """
    return Field(default, description=text, json_schema_extra={"among": among, "filled": filled})  # type: ignore[arg-type]


def sets() -> Sequence[str]:
    """Packaged parameter sets, for a :func:`choice`; devices are loaded when it is asked."""
    from mho.devices import parameter_sets

    return parameter_sets()


def ecrams() -> Sequence[str]:
    """Those of the model "ecram"."""
    from mho.devices import parameter_sets

    return parameter_sets("ecram")


def file(text: str) -> Any:
    """A field of a study that names an input file, or None for the packaged one."""
    return Field(None, description=text, json_schema_extra={"file": True})


class Study(BaseModel, abc.ABC):
    """What every study is. Subclasses are final: they add fields, stages and the sentence that answers.

    Raises:
        StudyError: If a value is unknown, out of range or of another dimension; it names field, value, range and cure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    name: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    headline: ClassVar[tuple[str, ...]] = ()
    """Names of the KPIs that open the report."""
    honesty: ClassVar[str] = ""
    """What a reader must know of the study's ground before its figures; empty for that of the seed paper."""

    seed: int = count(1, "seed of every random draw", high=2**32 - 1)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise StudyError(_explain(type(self), error)) from None

    @classmethod
    @abc.abstractmethod
    def stages(cls) -> tuple[Stage, ...]:
        """The stages, in the order in which they run."""

    def inputs(self) -> dict[str, Path]:
        """Input files by field; a study that has packaged ones adds them."""
        found = {}
        for name, about in _fields(type(self)).items():
            if about.get("file") and getattr(self, name) is not None:
                found[name] = Path(getattr(self, name))
        return found

    def answer(self, kpis: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """The answer to the study's question in a few sentences, from the KPIs' plain records by name."""
        return []

    # ---- text --------------------------------------------------------------------------------------------------------
    @field_validator("*", mode="before")
    @classmethod
    def _from_text(cls, value: Any, info: Any) -> Any:
        about = _fields(cls).get(info.field_name, {})
        if isinstance(value, str) and _is_tuple(cls, info.field_name):
            value = tuple(part.strip() for part in value.strip("[]() ").split(",") if part.strip())
        if "unit" in about and value is not None:
            return _in_range(value, about)
        if "among" in about:
            _check_names(value, about["among"]())
            if about["filled"] and not value:
                raise ValueError(f"name at least one of {', '.join(about['among']())}")
        if about.get("file") and value is not None:
            return str(value)
        return value

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """A record from a TOML file; what it leaves out keeps its default. File names are relative to the TOML file.

        Raises:
            StudyError: If the file cannot be read, names another study, or holds a value that cannot be used.
        """
        path = Path(path)
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise StudyError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise StudyError(
                f"{path} is not TOML: {error}. Compare it with 'mho study show {cls.name} --toml'."
            ) from error
        named = table.pop("study", cls.name)
        if named != cls.name:
            raise StudyError(
                f"{path}: study is {named!r}, but {cls.name!r} was asked for. Run 'mho study run {named}'."
            )
        for name, about in _fields(cls).items():
            if about.get("file") and isinstance(table.get(name), str):
                table[name] = str((path.parent / table[name]).resolve())
        try:
            return cls(**table)
        except StudyError as error:
            raise StudyError(f"{path}: {error}") from None

    def with_values(self, **values: Any) -> Self:
        """The same record with some values replaced; texts carry units ("25 kOhm", "[1 Hz, 10 Hz]")."""
        return type(self)(**{**self.model_dump(), **values})

    def as_text(self) -> dict[str, Any]:
        """Every field as the text that a person would write."""
        return {name: self._text(name) for name in type(self).model_fields}

    def _text(self, name: str) -> Any:
        value, about = getattr(self, name), _fields(type(self))[name]
        if value is None:
            return "packaged"
        if "unit" in about:
            texts = [_written(v, about["unit"]) for v in (value if isinstance(value, tuple) else (value,))]
            return texts if isinstance(value, tuple) else texts[0]
        return list(value) if isinstance(value, tuple) else value

    def to_toml(self, path: str | Path | None = None) -> str:
        """The record as TOML, with each field's meaning as a comment; written whole to `path` if that is given."""
        lines = [f"# {self.title}", "", tomli_w.dumps({"study": self.name}).strip()]
        for name, field in type(self).model_fields.items():
            if getattr(self, name) is None:
                lines += ["", f"# {field.description}", f'# {name} = "..."']
            else:
                lines += ["", f"# {field.description}", tomli_w.dumps({name: self._text(name)}).strip()]
        text = "\n".join(lines) + "\n"
        if path is not None:
            write(Path(path), text)
        return text


def described(study: type[Study]) -> list[dict[str, str]]:
    """Field, default, allowed values and meaning of every field, as text for people."""
    default = study()
    rows = []
    for name, field in study.model_fields.items():
        value = default._text(name)
        rows.append(
            {
                "field": name,
                "default": ", ".join(value) if isinstance(value, list) else str(value),
                "allowed": _allowed(study, name),
                "meaning": field.description or "",
            }
        )
    return rows


def _written(value: float, unit: str) -> str:
    """Exact text of an SI number: the short engineering form where it reads back the same, else the number itself."""
    if unit == "1":
        return repr(float(value))
    short = engineering(value, unit, digits=6).replace("Ω", "ohm")
    return short if si(short, unit) == value else f"{value!r} {unit}"


def _fields(study: type[Study]) -> dict[str, dict[str, Any]]:
    return {name: dict(f.json_schema_extra or {}) for name, f in study.model_fields.items()}  # type: ignore[arg-type]


def _is_tuple(study: type[Study], name: str) -> bool:
    return str(study.model_fields[name].annotation).startswith("tuple")


def _in_range(value: Any, about: Mapping[str, Any]) -> Any:
    if isinstance(value, tuple | list):
        return tuple(_in_range(v, about) for v in value)
    try:
        number = si(value, about["unit"])
    except (UnitError, TypeError) as error:  # pydantic gathers ValueErrors only
        raise ValueError(str(error)) from None
    low, high = about["low"], about["high"]
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"it must be {_range_text(about)}")
    return number


def _range_text(about: Mapping[str, Any]) -> str:
    low, high, unit = about["low"], about["high"], about["unit"]
    at_least = None if low is None else f"at least {engineering(low, unit)}"
    at_most = None if high is None else f"at most {engineering(high, unit)}"
    return " and ".join(part for part in (at_least, at_most) if part) or f"a quantity in {unit}"


def _check_names(value: Any, known: Sequence[str]) -> None:
    for name in value if isinstance(value, tuple | list) else (value,):
        if name not in known and not str(name).endswith(".toml"):
            raise ValueError(f"it must be one of {', '.join(known)}")


def _allowed(study: type[Study], name: str) -> str:
    field, about = study.model_fields[name], _fields(study)[name]
    if "unit" in about:
        return _range_text(about)
    if "among" in about:
        return ", ".join(about["among"]())
    if about.get("file"):
        return "a CSV file"
    bounds = {type(m).__name__: m for m in field.metadata}
    low = getattr(bounds.get("Ge"), "ge", None)
    high = getattr(bounds.get("Le"), "le", None)
    texts = [f"at least {low}" if low is not None else "", f"at most {high}" if high is not None else ""]
    return " and ".join(t for t in texts if t)


def _explain(study: type[Study], error: ValidationError) -> str:
    """One sentence per problem: field, value, range, cure."""
    problems = []
    for problem in error.errors():
        name = str(problem["loc"][0]) if problem["loc"] else study.name
        if problem["type"] == "extra_forbidden":
            problems.append(f"{study.name} has no field {name!r}; it has {', '.join(study.model_fields)}")
            continue
        cause = problem.get("ctx", {}).get("error")
        reason = str(cause or problem["msg"]).rstrip(".")
        if not isinstance(cause, ValueError):
            reason = f"it must be {_allowed(study, name) or reason}"
        problems.append(f"{study.name}.{name} is {problem['input']!r}; {reason}")
    return "; ".join(problems) + f". 'mho study show {study.name}' explains every field."
