"""Running a study: stages in order, each kept when it is finished, so that an interrupted run goes on."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
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
    """What is told about a run while it goes on, from several threads."""

    def begin(self, stage: Stage, index: int, total: int) -> None:
        """A stage begins; `index` counts from 1."""
        ...

    def update(self, stage: Stage, fraction: float, text: str = "") -> None:
        """A running stage is at `fraction` (0 to 1)."""
        ...

    def end(self, stage: Stage, seconds: float, *, kept: bool) -> None:
        """A stage ended; `kept` if its result was there from an earlier run."""
        ...


class Silent:
    """Progress that nobody watches."""

    def begin(self, stage: Stage, index: int, total: int) -> None:
        """Say nothing."""

    def update(self, stage: Stage, fraction: float, text: str = "") -> None:
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
        earlier: Plain records of the stages that it needs, by name, and of those that they need.
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
    study: Study,
    out: str | Path | None = None,
    progress: Progress | None = None,
    *,
    fresh: bool = False,
    workers: int = 2,
) -> dict[str, Any]:
    """Run a study, or what an earlier run left of it.

    Args:
        study: The record.
        out: Results folder; default ``results/<study>``.
        progress: Told about every stage.
        fresh: Forget the stages that an earlier run kept.
        workers: Stages that run side by side where none needs the other.

    Returns:
        What ``results.json`` holds: study, answer, kpis, series, tables, notes, provenance.

    Raises:
        StudyError: If an input cannot be read or the folder cannot be written.
        MhoError: What a stage raised, with the stage's name as a note; finished stages are kept.
    """
    begin = time.perf_counter()
    folder = ResultsFolder(out if out is not None else default_folder(study))
    files = study.inputs()
    mark = fingerprint(study, files)
    if fresh:
        folder.forget()
    folder.write("study.toml", study.to_toml())
    saved = _Course(study, folder, files, mark, progress if progress is not None else Silent()).finish(workers)
    results = _results(study, files, mark, saved, time.perf_counter() - begin)
    folder.write("results.json", json.dumps(results, indent=1, allow_nan=False))
    return results


class _Course:
    """The stages of one run: which are done, which run, which may begin."""

    def __init__(self, study: Study, folder: ResultsFolder, files: Mapping[str, Path], mark: str, progress: Progress):
        self.study, self.folder, self.files, self.mark, self.progress = study, folder, files, mark, progress
        self.stages = study.stages()
        names = [stage.name for stage in self.stages]
        self.needs: dict[str, list[str]] = {}
        for k, stage in enumerate(self.stages):
            direct = names[:k] if stage.needs is None else list(stage.needs)
            if not set(direct) <= set(names[:k]):
                raise StudyError(f"stage {stage.name!r} needs {', '.join(direct)}; each must stand before it.")
            reached = {name for need in direct for name in (need, *self.needs[need])}
            self.needs[stage.name] = [name for name in names if name in reached]
        self.saved: dict[str, dict[str, Any]] = {}

    def finish(self, workers: int) -> dict[str, dict[str, Any]]:
        """Run what is not kept; the first error stops what has not begun, and is raised when what runs has ended."""
        waiting = [stage for stage in self.stages if not self._kept(stage)]
        running: dict[Future[dict[str, Any]], Stage] = {}
        error: BaseException | None = None
        pool = ThreadPoolExecutor(max(workers, 1), thread_name_prefix="stage")
        try:
            while running or (waiting and error is None):
                ready = [s for s in waiting if all(need in self.saved for need in self.needs[s.name])]
                for stage in ready[: max(workers, 1) - len(running)] if error is None else []:
                    waiting.remove(stage)
                    self.progress.begin(stage, self.stages.index(stage) + 1, len(self.stages))
                    running[pool.submit(self._work, stage)] = stage
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    stage = running.pop(future)
                    if (raised := future.exception()) is not None:
                        error = error or raised
                        continue
                    self.saved[stage.name] = future.result()
                    self.progress.end(stage, self.saved[stage.name]["seconds"], kept=False)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        if error is not None:
            raise error
        return {stage.name: self.saved[stage.name] for stage in self.stages}

    def _kept(self, stage: Stage) -> bool:
        saved = self.folder.stage(stage.name, self.mark)
        if saved is None:
            return False
        self.saved[stage.name] = saved
        self.progress.begin(stage, self.stages.index(stage) + 1, len(self.stages))
        self.progress.end(stage, saved["seconds"], kept=True)
        return True

    def _work(self, stage: Stage) -> dict[str, Any]:
        """One stage, in a thread of its own: run it and keep it."""
        start = time.perf_counter()
        earlier = {name: self.saved[name]["outcome"] for name in self.needs[stage.name]}
        told = functools.partial(self.progress.update, stage)
        context = Context(self.study, self.folder, self.files, earlier, told)
        try:
            outcome = stage(context)
        except MhoError as error:
            kept = f"Finished stages are kept in {self.folder.path}."
            error.add_note(f"It happened in stage '{stage.name}' ({stage.title}). {kept}")
            raise
        if not isinstance(outcome, Outcome):
            raise StudyError(f"stage {stage.name!r} returned a {type(outcome).__name__}; it must return an Outcome.")
        record = outcome.as_dict()
        record["seeds"] = {**context.seeds, **record["seeds"]}
        seconds = round(time.perf_counter() - start, 3)
        saved = {"stage": stage.name, "fingerprint": self.mark, "seconds": seconds, "outcome": record}
        self.folder.keep(stage.name, saved)
        return saved


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


def _results(
    study: Study, files: Mapping[str, Path], mark: str, saved: Mapping[str, Any], elapsed: float
) -> dict[str, Any]:
    outcomes = {name: stage["outcome"] for name, stage in saved.items()}
    titles = {stage.name: stage.title for stage in study.stages()}
    timing = [{"stage": name, "title": titles[name], "seconds": stage["seconds"]} for name, stage in saved.items()]
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
            "honesty": study.honesty,
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
            "elapsed": round(elapsed, 3),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }
