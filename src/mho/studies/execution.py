"""Running a study: stages in order, each kept when it is finished, so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from mho.core.errors import MhoError, StudyError
from mho.studies import provenance
from mho.studies.folder import ResultsFolder, sha256
from mho.studies.outcome import Outcome
from mho.studies.study import Stage, Study


class Progress(Protocol):
    """What is told about a run while it goes on."""

    def begin(self, stage: Stage, index: int, total: int) -> None:
        """A stage begins; `index` counts from 1."""
        ...

    def update(self, fraction: float, text: str = "") -> None:
        """The current stage is at `fraction` (0 to 1)."""
        ...

    def end(self, stage: Stage, seconds: float, *, kept: bool) -> None:
        """A stage ended; `kept` if its result was there from an earlier run."""
        ...


class Silent:
    """Progress that nobody watches."""

    def begin(self, stage: Stage, index: int, total: int) -> None:
        """Say nothing."""

    def update(self, fraction: float, text: str = "") -> None:
        """Say nothing."""

    def end(self, stage: Stage, seconds: float, *, kept: bool) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Context:
    """What a stage works with.

    Args:
        study: The record.
        folder: The results folder, for files that a stage writes (``folder.write(name, text)``).
        inputs: Input files by field.
        earlier: Plain records of the stages before it, by name; ``earlier["measurement"]["handover"]``.
        progress: Call with a fraction and a text now and then.
    """

    study: Any
    folder: ResultsFolder
    inputs: Mapping[str, Path]
    earlier: Mapping[str, Mapping[str, Any]]
    progress: Callable[..., None]
    seeds: dict[str, int] = field(default_factory=dict)

    def seed(self, name: str) -> int:
        """A seed for one purpose, derived from the study's seed and `name`, and recorded with the results."""
        digest = hashlib.sha256(f"{self.study.seed}/{name}".encode()).digest()
        self.seeds[name] = int.from_bytes(digest[:4], "big")
        return self.seeds[name]

    def handover(self, stage: str) -> Mapping[str, Any]:
        """What an earlier stage handed over.

        Raises:
            StudyError: If there is no such stage before this one.
        """
        if stage not in self.earlier:
            raise StudyError(f"stage {stage!r} has not run before; there are {', '.join(self.earlier) or 'none'}.")
        return self.earlier[stage]["handover"]


def run(
    study: Study, out: str | Path | None = None, progress: Progress | None = None, *, fresh: bool = False
) -> dict[str, Any]:
    """Run a study, or what an earlier run left of it.

    Args:
        study: The record.
        out: Results folder; default ``results/<study>``.
        progress: Told about every stage.
        fresh: Forget the stages that an earlier run kept.

    Returns:
        What ``results.json`` holds: study, answer, kpis, series, tables, notes, provenance.

    Raises:
        StudyError: If an input cannot be read or the folder cannot be written.
        MhoError: What a stage raised, with the stage's name as a note; finished stages are kept.
    """
    folder = ResultsFolder(out if out is not None else default_folder(study))
    progress = progress if progress is not None else Silent()
    files = study.inputs()
    mark = fingerprint(study, files)
    if fresh:
        folder.forget()
    folder.write("study.toml", study.to_toml())
    earlier: dict[str, Any] = {}
    timing: list[dict[str, Any]] = []
    stages = study.stages()
    for index, stage in enumerate(stages, start=1):
        progress.begin(stage, index, len(stages))
        saved = folder.stage(stage.name, mark)
        kept = saved is not None
        if saved is None:
            context = Context(study, folder, files, dict(earlier), progress.update)
            saved = _work(stage, context, mark)
            folder.keep(stage.name, saved)
        earlier[stage.name] = saved["outcome"]
        timing.append({"stage": stage.name, "title": stage.title, "seconds": saved["seconds"]})
        progress.end(stage, saved["seconds"], kept=kept)
    results = _results(study, files, mark, earlier, timing)
    folder.write("results.json", json.dumps(results, indent=1, allow_nan=False))
    return results


def default_folder(study: Study) -> Path:
    """Where results go if nothing else is said."""
    return Path("results") / study.name


def fingerprint(study: Study, files: Mapping[str, Path]) -> str:
    """One hash over everything that decides the results: the record, the inputs, mho itself and what it computes with.

    Input files count by their content, not by their place.
    """
    record = study.as_text()
    record |= {name: sha256(path) for name, path in files.items()}
    asked = {"study": study.name, "record": record, "versions": provenance.versions(), "code": provenance.code()}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _work(stage: Stage, context: Context, mark: str) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        outcome = stage(context)
    except MhoError as error:
        kept = f"The stages before it are kept in {context.folder.path}."
        error.add_note(f"It happened in stage '{stage.name}' ({stage.title}). {kept}")
        raise
    if not isinstance(outcome, Outcome):
        raise StudyError(f"stage {stage.name!r} returned a {type(outcome).__name__}; it must return an Outcome.")
    record = outcome.as_dict()
    record["seeds"] = {**context.seeds, **record["seeds"]}
    seconds = time.perf_counter() - start
    return {"stage": stage.name, "fingerprint": mark, "seconds": round(seconds, 3), "outcome": record}


def _results(
    study: Study, files: Mapping[str, Path], mark: str, outcomes: Mapping[str, Any], timing: list[dict[str, Any]]
) -> dict[str, Any]:
    merged: dict[str, Any] = {"series": {}, "tables": {}, "sources": {}, "files": {}}
    for outcome in outcomes.values():
        for part, collected in merged.items():
            collected.update(outcome[part])
    kpis = [kpi for outcome in outcomes.values() for kpi in outcome["kpis"]]
    return {
        "study": {
            "name": study.name,
            "title": study.title,
            "question": study.question,
            "headline": list(study.headline),
            "record": study.as_text(),
        },
        "answer": study.answer({kpi["name"]: kpi for kpi in kpis}),
        "kpis": kpis,
        "series": merged["series"],
        "tables": merged["tables"],
        "notes": [note for outcome in outcomes.values() for note in outcome["notes"]],
        "provenance": {
            "versions": provenance.versions(),
            "fingerprint": mark,
            "seeds": {name: seed for outcome in outcomes.values() for name, seed in outcome["seeds"].items()},
            "inputs": provenance.inputs(files),
            "machine": provenance.machine(),
            "sources": merged["sources"],
            "files": merged["files"],
            "stages": timing,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }
