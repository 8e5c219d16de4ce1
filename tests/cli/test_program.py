"""The program from outside: what it loads, how it ends, what it writes."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mho
from mho.cli.application import application
from mho.core import MeasurementError
from mho.metrics.kpi import KPI
from mho.studies import STUDIES, Axis, Curve, Outcome, Series, Stage, Study
from mho.studies.study import quantity

# pydantic is not among them: typer itself may convert arguments by it.
HEAVY = ("jax", "numpy", "scipy", "matplotlib", "pint", "equinox", "jinja2", "rich")
TROUBLE: list[BaseException] = []


def _grow(context):
    context.progress(0.5, "half way")
    curve = Series(Axis("time", "s", [0.0, 1.0]), [Curve("height", "m", [0.0, context.study.height])])
    return Outcome(kpis=[KPI("plant.height", context.study.height, "m")], series={"grow.height": curve})


def _bloom(context):
    if TROUBLE:
        raise TROUBLE[0]
    return Outcome()


class Garden(Study):
    """A small study for the tests."""

    name = "garden"
    title = "A garden"
    question = "How high?"
    headline = ("plant.height",)
    height: float = quantity(2.0, "m", "height of the plant", low=0.1, high=9.0)

    @classmethod
    def stages(cls):
        return (Stage("grow", "it grows", _grow), Stage("bloom", "it blooms", _bloom))

    def answer(self, kpis):
        return ["It grew."]


@pytest.fixture
def mho_(monkeypatch, tmp_path):
    """The program with one more study, in an empty folder; call it with its arguments."""
    place = types.ModuleType("a_garden")
    place.Garden = Garden
    monkeypatch.setitem(sys.modules, "a_garden", place)
    monkeypatch.setitem(STUDIES, "garden", type(STUDIES["ecram-stp"])("a_garden:Garden", "how a garden grows"))
    monkeypatch.chdir(tmp_path)
    TROUBLE.clear()
    return lambda *arguments: CliRunner().invoke(application, [str(a) for a in arguments])


def _python(code: str, **environment: str) -> str:
    """Output of a fresh interpreter, without what this one has loaded or set."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "VIRTUAL_ENV")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


# ---- what it loads --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "arguments", ["--help", "--version", "study --help", "study run --help", "study list", "fit --help"]
)
def test_help_loads_nothing_heavy(arguments):
    """What `mho --help` must not import, so that it answers at once; a time would depend on the machine."""
    code = (
        f"import sys\nsys.argv = ['mho', *{arguments.split()!r}]\nfrom mho.cli import main\n"
        f"try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert _python(code).splitlines()[-1] == "LOADED []"


def test_a_netlist_is_checked_before_anything_heavy_is_loaded(tmp_path):
    (tmp_path / "x.cir").write_text("t\nv1 a 0 1\nd1 a 0 dfats\n.model dfast d\n.tran 1n 1u\n.end\n")
    code = (
        f"import sys\nsys.argv = ['mho', 'simulate', {str(tmp_path / 'x.cir')!r}]\nfrom mho.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert end.code == 2, end.code\n"
        "print('LOADED', [m for m in ('jax', 'scipy', 'matplotlib', 'pint', 'equinox') if m in sys.modules])"
    )
    assert _python(code).splitlines()[-1] == "LOADED []"


def test_the_entry_point_is_the_program():
    program = Path(sys.executable).with_name("mho")
    if not program.exists():
        pytest.skip("mho is not installed as a program in this environment (pip install -e .)")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == f"mho {mho.__version__}"


# ---- studies --------------------------------------------------------------------------------------
def test_list_and_show_teach(mho_):
    assert "garden" in mho_("study", "list").stdout
    shown = mho_("study", "show", "garden").stdout
    for words in ("How high?", "grow", "it blooms", "height of the plant", "at least 100 mm", "at most 9 m"):
        assert words in shown, words


def test_shown_toml_runs(mho_, tmp_path):
    (tmp_path / "my.toml").write_text(mho_("study", "show", "garden", "--toml").stdout)
    assert mho_("study", "run", "garden", "--config", "my.toml").exit_code == 0


def test_run_writes_a_report_and_names_it(mho_, tmp_path):
    done = mho_("study", "run", "garden", "--set", "height=350 cm", "--seed", "7")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "results" / "garden"
    assert sorted(p.name for p in folder.iterdir()) == ["report.html", "results.json", "stages", "study.toml"]
    assert "results/garden/report.html" in done.stdout.splitlines()[-2]
    assert "It grew." in done.stdout
    assert "3.5\N{NO-BREAK SPACE}m" in done.stdout
    for line in ("[1/2] grow: it grows", "[2/2] bloom: it blooms"):  # not a terminal: a line for each stage
        assert line in done.stderr
    assert "seed = 7\n" in (folder / "study.toml").read_text()
    assert "kept from an earlier run" in mho_("study", "run", "garden", "--set", "height=3.5 m", "--seed", "7").stderr
    assert "kept" not in mho_("study", "run", "garden", "--set", "height=3.5 m", "--seed", "7", "--fresh").stderr


def test_report_is_made_anew(mho_, tmp_path):
    mho_("study", "run", "garden", "--out", "here")
    page = tmp_path / "here" / "report.html"
    text = page.read_text()
    page.unlink()
    done = mho_("report", "here")
    assert done.exit_code == 0
    assert page.read_text() == text


# ---- how it ends ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["study", "run", "gardn"], "There is no study 'gardn'"),
        (["study", "run", "garden", "--set", "height"], "not field=value"),
        (["study", "run", "garden", "--set", "hight=1"], "no field 'hight'"),
        (["study", "run", "garden", "--set", "height=20 m"], "at most 9 m"),
        (["study", "run", "garden", "--measurement", "x.csv"], "no field 'measurement'"),
        (["study", "run", "garden", "--config", "none.toml"], "none.toml cannot be read"),
        (["report", "nowhere"], "Finish a study first"),
        (["fit", "none.csv"], "none.csv"),
        (["fit", "--modes", "7"], "auto, 1, 2, 3 or 4"),
        (["fit", "--fix", "efficacy"], "not name=value"),
        (["device", "show", "none"], "There is no parameter set 'none'"),
    ],
)
def test_bad_input_is_one_message_and_code_2(mho_, tmp_path, arguments, words):
    done = mho_(*arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.startswith("mho: ")
    assert "Traceback" not in done.output
    assert not list(tmp_path.rglob("*.json"))


def test_an_error_inside_a_stage_says_where(mho_):
    TROUBLE.append(MeasurementError("the pulse is too short (1 ns). Lengthen it."))
    done = mho_("study", "run", "garden")
    assert done.exit_code == 2
    assert "too short" in done.stderr
    assert "stage 'bloom'" in done.stderr


def test_an_interrupt_says_what_is_kept(mho_, tmp_path):
    TROUBLE.append(KeyboardInterrupt())
    done = mho_("study", "run", "garden")
    assert done.exit_code == 130
    assert "kept in results/garden: grow" in done.stderr
    assert not (tmp_path / "results" / "garden" / "results.json").exists()


def test_a_defect_keeps_its_traceback(mho_):
    TROUBLE.append(ZeroDivisionError("a defect"))
    done = mho_("study", "run", "garden")
    assert isinstance(done.exception, ZeroDivisionError)


# ---- devices --------------------------------------------------------------------------------------
def test_devices_are_listed_and_shown(mho_, tmp_path):
    assert "ecram_stp_ref" in mho_("device", "list").stdout
    shown = mho_("device", "show", "ecram_stp_ref").stdout
    assert "assumed" in shown
    assert "20 ms, 200 ms" in shown
    (tmp_path / "mine.toml").write_text(mho_("device", "show", "ecram_stp_ref", "--toml").stdout)
    again = mho_("device", "show", "mine.toml")
    assert again.exit_code == 0
    assert again.stdout == shown


# ---- its environment ------------------------------------------------------------------------------
def test_settings_are_defaults_only(tmp_path):
    code = (
        "import os\nfrom mho.cli.environment import prepare\nprepare()\n"
        "print(os.environ['NPROC'], os.environ['OMP_NUM_THREADS'], os.environ['JAX_COMPILATION_CACHE_DIR'])"
    )
    threads, openmp, cache = _python(code, NPROC="3", XDG_CACHE_HOME=str(tmp_path)).split()
    assert (threads, openmp) == ("3", "1")
    assert Path(cache).parent == tmp_path / "mho"
    assert list(Path(cache).iterdir()) == []  # the probe is gone


def test_settings_are_made_before_jax_is_loaded(tmp_path):
    """A run of a study must find JAX with the settings in force, whatever its record had to load to be checked."""
    code = (
        "import sys\nimport mho.cli.study as verb\n"
        "def run(record, out, fresh):\n"
        "    import jax\n"
        "    print('CACHE', jax.config.jax_compilation_cache_dir)\n"
        "verb._run = run\nsys.argv = ['mho', 'study', 'run', 'ecram-stp']\n"
        "from mho.cli import main\nmain()"
    )
    cache = _python(code, XDG_CACHE_HOME=str(tmp_path)).splitlines()[-1]
    assert cache.startswith(f"CACHE {tmp_path}/mho/compiled-")


def test_a_home_that_cannot_be_written_is_no_obstacle():
    code = (
        "import os\nfrom mho.cli.environment import prepare\nprepare()\n"
        "print(os.environ.get('JAX_COMPILATION_CACHE_DIR'))"
    )
    assert _python(code, HOME="/proc/nowhere") == "None"


def test_importing_the_library_sets_nothing():
    code = (
        "import os\nbefore = dict(os.environ)\nimport mho, mho.cli.application, mho.studies\n"
        "print(dict(os.environ) == before)"
    )
    assert _python(code) == "True"
