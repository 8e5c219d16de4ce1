"""The rules of the house that a machine can keep."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import pytest

import mho
from mho.core.fields import described
from mho.core.quantities import factor
from mho.devices import MODELS, parameter_sets, parameters

SOURCE = Path(mho.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
# Put together here, so that this file does not break the rule that it states.
FORBIDDEN = ["NotImplemented" + "Error", "TO" + "DO", "FIX" + "ME", "XX" + "X"]
ABSTRACT = re.compile(r"^_?Abstract")


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_short_and_finished(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400, "a file has at most 400 lines: split it by nouns"
    found = [word for word in FORBIDDEN if re.search(rf"\b{word}\b", text)]
    assert not found, f"unfinished: {found}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), "a module starts with its docstring"


def test_no_catch_all_files():
    assert not {"utils.py", "helpers.py", "common.py", "misc.py"} & {path.name for path in FILES}


def modules() -> list:
    names = [m.name for m in pkgutil.walk_packages([str(SOURCE)], "mho.") if not m.name.endswith("__main__")]
    return [importlib.import_module(name) for name in names]


@pytest.fixture(scope="module")
def classes() -> dict[str, type[eqx.Module]]:
    found = {}
    for module in modules():
        for name, member in inspect.getmembers(module, inspect.isclass):
            if issubclass(member, eqx.Module) and member.__module__ == module.__name__:
                found[f"{module.__name__}.{name}"] = member
    return found


def test_every_module_class_is_abstract_or_final(classes):
    """Abstract ones are called so and cannot be made; final ones have no subclasses."""
    assert len(classes) > 5
    inside = set(classes.values())
    for name, member in classes.items():
        if ABSTRACT.match(name.rsplit(".", 1)[1]):
            assert inspect.isabstract(member) or getattr(member, "__abstractvars__", ()) or member.__subclasses__(), (
                name
            )
        else:
            heirs = [c for c in member.__subclasses__() if c in inside and not c.__name__.startswith("_Init")]
            assert not heirs, f"{name} is neither abstract nor final: {heirs}"


def test_every_quantity_has_a_unit_that_is_one(classes):
    counted = 0
    for name, member in classes.items():
        for field, about in described(member).items():
            # "SI": volts or amperes, by the source that plays a wave (said in its docstring).
            assert about["unit"] == "SI" or factor(about["unit"], about["unit"]) == 1.0, f"{name}.{field}"
            counted += 1
    assert counted > 50


def test_every_quantity_of_a_device_is_documented_with_its_unit():
    for model in MODELS.values():
        for field, about in described(model).items():
            pattern = rf"^\s+{field}: .*\[{re.escape(about['unit'])}\]"
            texts = [inspect.getdoc(c) or "" for c in model.__mro__]  # or in the abstract class that states the field
            assert any(re.search(pattern, text, re.MULTILINE) for text in texts), f"{model.__name__}.{field}"


def test_every_packaged_number_has_a_source():
    for name in parameter_sets():
        numbers = parameters(name)
        assert all(n.source in numbers.sources and n.where and n.how for n in numbers.numbers.values()), name


@pytest.mark.parametrize("path", [p for p in FILES if p.name == "__init__.py"], ids=name_of)
def test_public_faces_resolve(path):
    """What a folder re-exports exists, under its own name; `mho` itself resolves every name of `__all__`."""
    package = ".".join(["mho", *path.parent.relative_to(SOURCE).parts])
    module = importlib.import_module(package)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mho"):
            for alias in node.names:
                assert alias.name != "*", "no star imports"
                assert getattr(module, alias.asname or alias.name) is not None
    for name in getattr(module, "__all__", ()):
        assert getattr(module, name) is not None


def test_importing_mho_imports_no_jax_and_sets_nothing():
    code = (
        "import os, sys; before = dict(os.environ); import mho; assert dict(os.environ) == before;"
        "sys.exit(any(name in sys.modules for name in ('jax', 'pint', 'matplotlib', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_everything_flips_no_flag_of_jax():
    code = (
        "import jax; before = jax.config.values.copy(); import mho;"
        "[getattr(mho, name) for name in mho.__all__]; assert jax.config.values == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
