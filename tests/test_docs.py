"""The documents run: fenced blocks marked ``run`` are executed in order, those marked ``file=NAME`` written first."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)[ ]*([^\n]*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(
    r"(?<!!)\[[^\]]+\]\((?!https?:|#)([^)#]+)[^)]*\)|!\[[^\]]*\]\((?!https?:)([^)]+)\)|src=\"(?!https?:)([^\"]+)\""
)


def blocks(page: Path) -> list[tuple[str, str, str]]:
    return FENCE.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "page", [p for p in PAGES if any("run" in mark.split() for _, mark, _ in blocks(p))], ids=lambda p: p.name
)
def test_blocks_run(page, tmp_path, monkeypatch, capsys, loaded):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    if "results/ecram-stp" in text:
        folder = tmp_path / "results" / "ecram-stp"
        folder.mkdir(parents=True)
        fabricated = loaded(ROOT / "tests" / "report" / "conftest.py").fabricate()  # as a study leaves them
        (folder / "results.json").write_text(json.dumps(fabricated))
    for _, mark, content in blocks(page):
        if mark.startswith("file="):
            (tmp_path / mark.removeprefix("file=")).write_text(content)
    names: dict = {"__name__": "__main__"}
    for language, mark, content in blocks(page):
        if language == "python" and "run" in mark.split():
            line = text[: text.index(content)].count("\n")
            code = compile(
                "\n" * line + content, str(page), "exec", dont_inherit=True
            )  # errors name the page's own line
            exec(code, names)
    assert capsys.readouterr().out


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for groups in LINK.findall(page.read_text(encoding="utf-8")):
        target = next(g for g in groups if g)
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_named_exist(page):
    """A verb or an option of mho that a page names is one that the program has."""
    from typer.testing import CliRunner

    from mho.cli.application import application

    text = "\n".join(content for language, _, content in blocks(page) if language == "sh")
    text += "".join(f"\n{code}" for code in re.findall(r"`(mho [^`]+)`", page.read_text(encoding="utf-8")))
    for command in set(re.findall(r"^mho ([a-z][^\n#]*)", text, flags=re.MULTILINE)):
        words = command.split()
        verbs = words[:2] if words[0] in ("study", "device", "crossbar", "chip") else words[:1]
        helped = CliRunner().invoke(application, [*verbs, "--help"])
        assert helped.exit_code == 0, command
        assert all(option in helped.stdout for option in re.findall(r"--[a-z-]+", command)), command
