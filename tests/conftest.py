"""Fixtures that every room's tests share."""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import math
import os
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

from mho.core.processor import processor

# Compiled programs are kept beside pytest's own cache: processes share them, and a second run compiles nothing.
KEPT = Path(__file__).resolve().parents[1] / ".pytest_cache" / f"compiled-{processor()}"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(KEPT))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
# One thread a process, at once: pytest runs two processes, and with a pool of two threads XLA has been seen to lose a
# task, after which everything waits for ever.
for name, value in {"NPROC": "1", "OMP_NUM_THREADS": "1", "JAX_CPU_ENABLE_ASYNC_DISPATCH": "0"}.items():
    os.environ.setdefault(name, value)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # XLA writes pages about kept programs otherwise
# Nearly all the time of these tests is compiling. XLA's older emitter takes a sixth less of it; a program in one part,
# not in 32 for as many threads, a third less on one thread; and code that is not optimised two fifths less again.
# Modules that run long ask for `optimised`. Another XLA may not know the names, and ends the process then. To test all
# as users compile: XLA_FLAGS= make test.
QUICK = {
    "xla_cpu_use_fusion_emitters": "false",
    "xla_cpu_parallel_codegen_split_count": "1",
    "xla_backend_optimization_level": "0",
}
if version("jaxlib").startswith("0.10."):
    os.environ.setdefault("XLA_FLAGS", " ".join(f"--{name}={value}" for name, value in QUICK.items()))

import jax  # noqa: E402  (reads its settings when it is loaded)

import mho.circuits.program as programs  # noqa: E402

REFERENCES = Path(os.environ.get("MHO_REFERENCES", Path(__file__).resolve().parents[2] / "shared" / "references"))


ROOM = 2e9  # bytes that a process may hold before it forgets its programs
LANES = programs.FEW  # above it, code for a population is made for speed
LONG = ("studies", "circuits", "metrics", "fitting", "devices")  # folders whose modules take longest, longest first


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long modules first, so that no process is left alone with one at the end."""
    folder = {item: item.path.relative_to(Path(__file__).parent).parts[0] for item in items}
    items.sort(key=lambda item: LONG.index(folder[item]) if folder[item] in LONG else len(LONG))


@pytest.fixture(scope="module", autouse=True)
def forgotten():
    """A process that kept all programs would hold ten gigabytes at the end; up to `ROOM` modules share theirs."""
    yield
    if _held() > ROOM:
        jax.clear_caches()
        programs._PROGRAMS.clear()
        gc.collect()


def _held() -> float:
    """Memory that this process holds [byte]; without end where the system does not say."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if pages.is_file() else math.inf


@pytest.fixture(scope="module", autouse=True)
def quickly():
    """Code for populations is compiled as for few lanes, in a third of the time; `at_speed` gives the other back.

    Tests have few samples, and a run that is padded to more takes as much longer.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "FEW", 1 << 30)
        patch.setattr("mho.circuits.neurons.observation.WIDEST", 8)
        yield


@contextlib.contextmanager
def _optimised():
    compiler = importlib.import_module("jax._src.compiler")  # the only place where a level can still be chosen
    chosen = compiler.compile_or_get_cached

    def compiled(backend, computation, devices, options, *rest, **named):
        options.executable_build_options.debug_options.xla_backend_optimization_level = 3
        return chosen(backend, computation, devices, options, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "compile_or_get_cached", compiled)
        yield


@pytest.fixture(scope="module")
def optimised():
    """Code as users get it, for a module whose functions take longer to run than to compile."""
    with _optimised():
        yield


@pytest.fixture
def at_speed(monkeypatch):
    """Code for populations compiled as users get it."""
    monkeypatch.setattr(programs, "FEW", LANES)
    with _optimised():
        yield LANES


@pytest.fixture(scope="session")
def references() -> Path:
    """Folder of reference data made by other tools; it lies beside the checkout and is not part of the project."""
    if not REFERENCES.is_dir():
        pytest.skip(
            "reference data not found: set MHO_REFERENCES to the folder that holds spiking/, circuits/ and measured/"
        )
    return REFERENCES


@pytest.fixture(scope="session")
def ngspice() -> str:
    """Path of the ngspice program."""
    program = shutil.which("ngspice")
    if program is None:
        pytest.skip("ngspice is not installed (Debian: apt-get install ngspice); the comparison with it did not run")
    return program


@pytest.fixture
def x64():
    """Double precision for the length of one test, as the circuit floor uses it."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def lif() -> ModuleType:
    """The reference neuron, which the benchmarks use too."""
    return _loaded(Path(__file__).resolve().parents[1] / "benchmarks" / "reference_lif.py")


@pytest.fixture(scope="session")
def loaded() -> Callable[[Path], ModuleType]:
    """Gives the module in a file that no package holds."""
    return _loaded


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
