"""Netlists that were damaged at random, read and run: an answer or a sentence, never a traceback, never a hang.

    python benchmarks/fuzz_netlists.py [--reads 3000] [--runs 200] [--seed 1] [--also FOLDER] [--kept FOLDER]

Every netlist of `benchmarks/netlists` (and of other folders) is cut off, and lines, words, characters and numbers of it
are dropped, doubled, swapped or replaced. A read must end in a circuit or a NetlistError that names the file; a run, in
a process of its own that is ended after 60 s of processor time, with exit code 0 or 2. What does not is printed, and
kept in a folder.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import queue
import random
import re
import shutil
import signal
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent / "netlists"
LIMIT = 60.0  # [s] processor time of a run
PATIENCE = 1200.0  # [s] wall time, for a run that waits for ever
PIECES = (
    "{", "}", ")", "'", "=", "-", "1e400", "nan", "v(", "\n+", "\n", "x", " .subckt ", "**", "?", "1/0", " m=0",
    ".ends\n", ".if(1)\n", ".endc\n", " poly(3) ", " level=2", "é", "\t", ",", "0", "1e-30", "1e30", "-1", "time",
    "temper", "$", ";", "\n.end\n", ".tran 1n 1u uic\n", ".options reltol=1e-6\n", "\n.ic v(a)=1\n", "inf", " uic",
    "meg", "\n.control\n",
)  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])\d+\.?\d*(?:e[+-]?\d+)?[a-z]*", re.IGNORECASE)


def damaged(text: str, draw: random.Random, *, small: bool = False) -> str:
    """The text with one to four random changes; `small` ones leave most netlists runnable."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        change = draw.choice(
            (_another_number, _swapped, _doubled, _dropped, *(() if small else (_cut, _holed, _pierced)))
        )
        text = change(text, draw) or "t"
    return text


def _cut(text: str, draw: random.Random) -> str:
    """Only the beginning."""
    return text[: draw.randrange(len(text) + 1)]


def _holed(text: str, draw: random.Random) -> str:
    """Some characters left out."""
    at = draw.randrange(len(text) + 1)
    return text[:at] + text[at + draw.randrange(1, 6) :]


def _pierced(text: str, draw: random.Random) -> str:
    """A piece put in, over some characters."""
    at = draw.randrange(len(text) + 1)
    return text[:at] + draw.choice(PIECES) + text[at + draw.randrange(3) :]


def _doubled(text: str, draw: random.Random) -> str:
    """A line written again at the end."""
    lines = text.split("\n")
    return "\n".join([*lines, draw.choice(lines)])


def _dropped(text: str, draw: random.Random) -> str:
    """A line, or some of its words, left out."""
    lines = text.split("\n")
    k = draw.randrange(len(lines))
    words = [w for w in lines[k].split() if draw.random() > 0.2]
    return "\n".join([*lines[:k], *([" ".join(words)] if draw.random() > 0.5 else []), *lines[k + 1 :]])


def _another_number(text: str, draw: random.Random) -> str:
    """One number replaced by another."""
    places = list(_NUMBER.finditer(text))
    if not places:
        return text
    place = draw.choice(places)
    new = draw.choice(
        ("0", "-1", "1", "1e-15", "1e15", "1k", "1u", f"{10 ** draw.uniform(-3, 3):.4g}", f"-{place.group()}")
    )
    return text[: place.start()] + new + text[place.end() :]


def _swapped(text: str, draw: random.Random) -> str:
    """Two words of a line exchanged."""
    lines = text.split("\n")
    k = draw.randrange(len(lines))
    words = lines[k].split()
    if len(words) > 1:
        i, j = draw.randrange(len(words)), draw.randrange(len(words))
        words[i], words[j] = words[j], words[i]
        lines[k] = " ".join(words)
    return "\n".join(lines)


def shorter(text: str) -> str:
    """The text with a transient of at most 300 print steps."""

    def cut(found: re.Match[str]) -> str:
        from mho.netlists.numbers import spice_number

        step, stop = (spice_number(x) for x in found.groups()[:2])
        return (
            found.group()
            if not step or not stop or stop < 300 * step
            else f".tran {step} {300 * step:g}{found.group(3)}"
        )

    return re.sub(r"^\.tran\s+(\S+)\s+(\S+)(.*)$", cut, text, flags=re.MULTILINE | re.IGNORECASE)


def read(path: Path) -> str:
    """What is wrong with reading a file; empty if nothing is."""
    from mho.core.errors import NetlistError
    from mho.interchange.spice import read_spice

    begun = time.process_time()
    try:
        read_spice(path)
    except NetlistError as error:
        if path.name not in str(error) and ".lib" not in str(error):
            return f"names no file: {error}"
    except Exception:
        return traceback.format_exc(limit=-4)
    spent = time.process_time() - begun
    return f"took {spent:.1f} s" if spent > 10 else ""


def _runner(jobs, answers) -> None:
    """Runs files as the program does, one after another, and answers with what is wrong."""
    from typer.testing import CliRunner

    from mho.cli.application import application
    from mho.cli.environment import prepare

    prepare()
    for path in iter(jobs.get, None):
        signal.setitimer(signal.ITIMER_PROF, LIMIT)  # which ends the process
        done = CliRunner().invoke(application, ["simulate", path])
        wrong = ""
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            wrong = "".join(traceback.format_exception(done.exception, limit=-4))
        elif done.exit_code not in (0, 2):
            wrong = f"exit code {done.exit_code}: {done.output}"
        answers.put((done.exit_code, wrong))


class Runner:
    """A process that runs files; replaced where it hangs."""

    def __init__(self) -> None:
        self.context, self.process = multiprocessing.get_context("spawn"), None

    def run(self, path: Path) -> tuple[int | None, str]:
        """Exit code of a run, and what is wrong with it."""
        if self.process is None:
            self.jobs, self.answers = self.context.Queue(), self.context.Queue()
            self.process = self.context.Process(target=_runner, args=(self.jobs, self.answers), daemon=True)
            self.process.start()
        self.jobs.put(str(path))
        begun = time.monotonic()
        while self.process.is_alive() and time.monotonic() - begun < PATIENCE:
            with contextlib.suppress(queue.Empty):
                return self.answers.get(timeout=0.5)
        self.process.kill()
        self.process = None
        return None, f"no answer within {LIMIT:g} s of processor time"


def main() -> None:
    """Damage, read, run, count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reads", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--also", type=Path, action="append", default=[], help="another folder of netlists")
    parser.add_argument("--kept", type=Path, default=None, help="where netlists that failed are kept")
    options = parser.parse_args()
    kept = options.kept or Path(tempfile.mkdtemp(prefix="fuzz_"))
    folders = [HERE, *options.also]
    netlists = sorted(p for folder in folders for p in folder.glob("*.cir"))
    place = Path(tempfile.mkdtemp(prefix="fuzz_"))
    for folder in folders:
        for library in folder.glob("*.lib"):
            shutil.copy(library, place)
    draw, wrong, runner, codes = random.Random(options.seed), 0, Runner(), {}
    for k in range(options.reads + options.runs):
        running = k >= options.reads
        source = draw.choice(netlists)
        text = source.read_text(encoding="utf-8")
        path = place / source.name
        path.write_text(damaged(shorter(text) if running else text, draw, small=running), encoding="utf-8")
        begun = time.monotonic()
        code, said = runner.run(path) if running else (0, read(path))
        if running:
            codes[code] = codes.get(code, 0) + 1
        if said:
            wrong += 1
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, kept / f"{k}_{source.name}")
            print(f"{k} {source.name} ({time.monotonic() - begun:.1f} s): {said.strip()[-1200:]}\n", flush=True)
    print(f"{options.reads} reads, {options.runs} runs with exit codes {codes}: {wrong} wrong; kept in {kept}")
    shutil.rmtree(place)
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
