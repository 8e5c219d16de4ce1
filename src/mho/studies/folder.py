"""The results folder: every file in it is whole, and a stage once finished is kept for the next run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from mho.core.errors import StudyError


class ResultsFolder:
    """A folder that holds ``stages/*.json``, ``results.json`` and what stages write beside them.

    Args:
        path: Made when the first file is written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def stage(self, name: str, fingerprint: str) -> dict[str, Any] | None:
        """The saved record of a stage, or None if there is none, it is damaged, or it stems from another question."""
        try:
            saved = json.loads((self.path / "stages" / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(saved, dict) or saved.get("fingerprint") != fingerprint:
            return None
        if any(not (self.path / file).is_file() for file in saved["outcome"]["files"].values()):
            return None
        return saved

    def keep(self, name: str, record: dict[str, Any]) -> Path:
        """Save the record of a finished stage."""
        return self.write(f"stages/{name}.json", json.dumps(record, indent=1, allow_nan=False))

    def forget(self) -> None:
        """Remove the saved stages, and nothing else."""
        for path in (self.path / "stages").glob("*.json"):
            path.unlink()

    def write(self, name: str, text: str) -> Path:
        """Write a file into the folder, whole or not at all.

        Raises:
            StudyError: If the folder cannot be made or written.
        """
        return write(self.path / name, text)


def write(path: Path, text: str) -> Path:
    """Write `text` to `path`, whole or not at all; folders on the way are made.

    Raises:
        StudyError: If a folder cannot be made or written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise StudyError(
            f"{path} cannot be written: {error.strerror}. Choose a folder that is yours to write."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return path


def read_results(folder: str | Path) -> dict[str, Any]:
    """The results of a finished study, as plain records.

    Raises:
        StudyError: If the folder holds no results.json, or one that is not a study's.
    """
    path = Path(folder) / "results.json"
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StudyError(
            f"{path} does not exist. Finish a study first: mho study run ecram-stp --out {folder}"
        ) from error
    except (OSError, ValueError) as error:
        raise StudyError(
            f"{path} cannot be read as JSON: {error}. Run the study again; its finished stages are kept."
        ) from error
    missing = [
        k for k in ("study", "kpis", "series", "provenance") if not isinstance(results, dict) or k not in results
    ]
    if missing:
        raise StudyError(f"{path} has no {missing[0]!r}, so it is not a study's result. Name the folder of a study.")
    return results


def sha256(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        StudyError: If the file cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
