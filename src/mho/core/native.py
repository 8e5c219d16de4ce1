"""C++ kernels: built once by this machine's compiler where asked for, never at import, kept in the user's cache."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mho.core.errors import InputError, MhoError
from mho.core.processor import cache_folder, processor

ENGINES = ("auto", "jax", "kernel")
# For the machine that builds and runs it: the file's name holds the kind of processor.
FLAGS = ("-O3", "-march=native", "-std=c++17", "-fPIC", "-shared", "-fno-trapping-math", "-ffp-contract=fast")


class KernelError(MhoError):
    """A kernel cannot be built or loaded; everything works without it, in JAX."""


@dataclass(frozen=True)
class Kernel:
    """A C++ source that XLA calls.

    Args:
        name: What the file in the cache is called.
        source: Text of the source.
        headers: Files that it includes.
        flags: Options of the compiler.
    """

    name: str
    source: str
    headers: tuple[Path, ...]
    flags: tuple[str, ...]

    def place(self) -> Path | None:
        """Where the kernel is kept for its source, this JAX and this processor; None where no folder can be written."""
        from importlib.metadata import version

        text = self.source.encode() + b"".join(header.read_bytes() for header in self.headers)
        text += " ".join(self.flags).encode() + version("jaxlib").encode()
        folder = cache_folder(f"kernels-{processor()}")
        return folder / f"{self.name}-{hashlib.sha256(text).hexdigest()[:16]}.so" if folder else None

    def built(self) -> Path | None:
        """The library, if it was built on this machine."""
        where = self.place()
        return where if where is not None and where.exists() else None

    def build(self, *, compiler: str | None = None) -> Path:
        """Build the kernel, if it is not built already.

        Args:
            compiler: A C++ compiler; $CXX, g++ or clang++ if not given.

        Returns:
            The library.

        Raises:
            KernelError: If there is no compiler or no folder to write to, or the compiler fails.
        """
        target = self.place()
        if target is None:
            raise KernelError(
                "The kernel cannot be kept: the cache folder cannot be written. Set XDG_CACHE_HOME to one."
            )
        if target.exists():
            return target
        program = compiler or os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
        if program is None:
            raise KernelError("There is no C++ compiler (g++ or clang++). Install one, or stay with JAX.")
        self._compiled(program, target)
        return target

    def _compiled(self, program: str, target: Path) -> None:
        import jax

        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        source = part.with_suffix(".cc")
        folders = dict.fromkeys(str(header.parent) for header in self.headers)
        command = [program, *self.flags, f"-I{jax.ffi.include_dir()}", *(f"-I{folder}" for folder in folders)]
        try:
            source.write_text(self.source, encoding="utf-8")
            command += [str(source), "-o", str(part)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise KernelError(f"{program} could not build the kernel: {done.stderr.strip()[:2000]}")
            part.replace(target)
        except OSError as error:
            raise KernelError(f"{program} could not be run: {error}. Name another compiler by CXX.") from error
        finally:
            part.unlink(missing_ok=True)
            source.unlink(missing_ok=True)


def in_jax(engine: str) -> bool:
    """Whether an engine asked for by name is JAX's, whatever is built: by its name, or ``auto`` on an accelerator.

    Raises:
        InputError: If there is no such engine.
    """
    import jax

    if engine not in ENGINES:
        raise InputError(f"There is no engine {engine!r}. Name one of {', '.join(ENGINES)}.")
    return engine == "jax" or (engine == "auto" and jax.default_backend() != "cpu")


@functools.cache
def register(path: str, symbol: str, target: str) -> bool:
    """Load a library and register its function `symbol` with XLA as `target`.

    Raises:
        KernelError: If the library cannot be loaded.
    """
    import jax

    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise KernelError(f"{path} cannot be loaded: {error}. Delete it and build the kernel again.") from error
    jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(getattr(library, symbol)), platform="cpu")
    return True
