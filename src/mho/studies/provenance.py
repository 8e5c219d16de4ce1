"""Where results come from: versions of what computed them, the machine, the inputs by their hash."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mho import __version__
from mho.core.parameters import ParameterSet
from mho.studies.folder import sha256

_PACKAGES = ("jax", "jaxlib", "equinox", "numpy", "scipy", "matplotlib", "pydantic")


def versions() -> dict[str, str]:
    """Versions of mho, Python and the packages that results depend on, read without importing them."""
    found = {"mho": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> dict[str, str]:
    """What kind of machine it was; no name, no user."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def inputs(files: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Name, size and SHA-256 of every input file."""
    return {
        name: {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256(path)} for name, path in files.items()
    }


@functools.cache
def code() -> str:
    """SHA-256 over the files of mho that compute, so that a change of the code is a change of the question."""
    root = Path(__file__).resolve().parents[1]
    talks = {root / "cli", root / "report"}
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".toml", ".csv"} and talks.isdisjoint(path.parents):
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def sources(*sets: ParameterSet) -> dict[str, dict[str, str]]:
    """Citations of the sources that parameter sets name."""
    return {key: dict(source) for found in sets for key, source in found.sources.items()}
