"""This machine's processor, and the user's cache folder for what was compiled for it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def processor_flags() -> set[str]:
    """What the processor can do, as Linux names it; empty where that cannot be read."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return set(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))


def processor() -> str:
    """A short name for this kind of processor: programs compiled on one kind do not travel to another."""
    return hashlib.sha256(" ".join(sorted(processor_flags())).encode()).hexdigest()[:12]


def cache_folder(name: str) -> Path | None:
    """A folder in the user's cache that can be written, or None."""
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = base / "mho" / name
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (OSError, RuntimeError):  # RuntimeError: no home folder
        return None
    return folder
