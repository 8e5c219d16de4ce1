"""Keeping compiled programs on disk, for applications that start often."""

from __future__ import annotations

from pathlib import Path

import jax


def keep_compiled(folder: str | Path) -> Path:
    """Keep compiled programs in a folder, so that the next process of the same structure of circuit starts at once.

    For applications (the command line, a study's worker) to call once, before the first simulation: it changes JAX's
    settings of the whole process. Importing mho never does.

    Args:
        folder: Made if it does not exist.

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return folder
