"""Lines of a SPICE netlist: title, comments, continuation, included files and library sections."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from mho.core.errors import NetlistError

_DEEPEST = 20  # files that include each other
# Commands of a .control block that are run as its lines are.
CONTROLS = ("tran", "op", "dc", "ac", "noise", "meas", "measure")
_ELEMENT = re.compile(r"[rclvi]\w*\s+(0|gnd|\w+\s+(0|gnd)|\w+\s+\w+\s+[\d.]+[a-z]*)(\s.*)?", re.IGNORECASE)
_MOST = 200_000  # lines of all files together


@dataclass(frozen=True)
class Line:
    """One logical line in lower case, with its continuations.

    Args:
        text: Its text without comments.
        file: Name of the file it stands in.
        number: Number of its first physical line.
    """

    text: str
    file: str
    number: int

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        return f"{self.file}, line {self.number}"

    def fail(self, message: str) -> NoReturn:
        """Raise a NetlistError that names this place."""
        raise NetlistError(f"{self.place}: {message}")


def title_and_lines(path: Path, notes: list[str]) -> tuple[str, list[Line]]:
    """Title and logical lines of a netlist file, its included files and library sections in their places.

    Args:
        path: The file; paths in it are relative to the file that names them, then to this one.
        notes: Receives a sentence on everything that is left out.

    Raises:
        NetlistError: If a file cannot be read, or includes itself.
    """
    reader = _Files(path.parent, notes)
    physical = _physical(path, None)
    if not physical:
        raise NetlistError(f"{path.name} is empty. A netlist begins with a title line.")
    title = physical[0][1].strip().lstrip("*").strip()
    if _ELEMENT.fullmatch(title):
        notes.append(
            f"{path.name}, line 1: {title!r} looks like an element, and is not read: the first line is the title. "
            "Put a title before it."
        )
    return title, list(reader.logical(path, physical[1:], (path,)))


def _physical(path: Path, at: Line | None) -> list[tuple[int, str]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        message = f"{str(path)!r} cannot be read ({error.strerror or 'no file'}). Check the path."
        if at is None:
            raise NetlistError(message) from error
        at.fail(message)
    text = _text(raw)
    if "\0" in text:
        message = f"{path.name} holds bytes that are no text. Name a netlist, as an editor writes it (UTF-8)."
        if at is None:
            raise NetlistError(message)
        at.fail(message)
    return list(enumerate(re.split(r"\r\n|\r|\n", text), start=1))


def _text(raw: bytes) -> str:
    """The text of a file in UTF-8, in UTF-16 with a mark, or in Latin-1, as simulators write them."""
    if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def without_comment(text: str) -> str:
    """A physical line up to its end-of-line comment (`;`, `//`, or `$` after a blank)."""
    return re.split(r";|//|(?:^|\s)\$", text, maxsplit=1)[0].rstrip()


class _Files:
    """Reads files into logical lines."""

    def __init__(self, home: Path, notes: list[str]):
        self.home, self.notes, self.count = home, notes, 0

    def joined(self, path: Path, physical: list[tuple[int, str]]) -> Iterator[Line]:
        """Logical lines of one file, case kept."""
        held: Line | None = None
        for number, raw in physical:
            self.count += 1
            if self.count > _MOST:
                raise NetlistError(f"{path.name}: the netlist has more than {_MOST} lines with its included files.")
            text = without_comment(raw)
            lean = text.lstrip()
            if not lean or lean.startswith("*"):
                continue
            if lean.startswith("+"):
                if held is None:
                    Line(text, path.name, number).fail("a continuation (+) has no line before it.")
                held = Line(f"{held.text} {lean[1:]}", held.file, held.number)
                continue
            if held is not None:
                yield held
            held = Line(lean, path.name, number)
        if held is not None:
            yield held

    def logical(self, path: Path, physical: list[tuple[int, str]], chain: tuple[Path, ...]) -> Iterator[Line]:
        """Lines of a file with what it includes."""
        control: Line | None = None
        left: list[str] = []
        for line in self.joined(path, physical):
            word = line.text.split()[0].lower()
            if control is not None:
                if word in CONTROLS:
                    yield Line(f".control {line.text.lower()}", line.file, line.number)
                elif word not in (".endc", "run"):
                    left.append(word)
                if word == ".endc":
                    if left:
                        what = ", ".join(dict.fromkeys(left))
                        self.notes.append(f"{control.file}, line {control.number}: of .control, {what} is not run.")
                    control, left = None, []
            elif word == ".control":
                control = line
            elif word == ".end":
                return
            elif word in (".include", ".inc", ".incl"):
                yield from self.included(line, path, chain)
            elif word == ".lib" and len(line.text.split()) >= 3:
                yield from self.section(line, path, chain)
            else:
                yield Line(line.text.lower(), line.file, line.number)
        if control is not None:
            control.fail(".control has no .endc.")

    def included(self, line: Line, path: Path, chain: tuple[Path, ...]) -> Iterator[Line]:
        words = line.text.split(maxsplit=1)
        if len(words) < 2:
            line.fail("there is no file name after .include.")
        found = self.find(words[1], line, path, chain)
        if any(found.samefile(x) for x in chain):
            names = " -> ".join(x.name for x in (*chain, found))
            line.fail(f"a file includes itself ({names}), without end. Remove this .include.")
        yield from self.logical(found, _physical(found, line), (*chain, found))

    def section(self, line: Line, path: Path, chain: tuple[Path, ...]) -> Iterator[Line]:
        """Lines between `.lib NAME` and `.endl` of a library file."""
        name, section = line.text.split()[1:3]
        found = self.find(name, line, path, chain)
        inside, kept, seen = False, [], False
        for number, raw in _physical(found, line):
            words = without_comment(raw).lower().split()
            if words[:1] == [".lib"] and len(words) == 2:
                inside = words[1] == section.lower()
                seen = seen or inside
            elif words[:1] == [".endl"]:
                inside = False
            elif inside:
                kept.append((number, raw))
        if not seen:
            line.fail(f"{name} has no section {section!r}.")
        yield from self.logical(found, kept, (*chain, found))

    def find(self, name: str, line: Line, path: Path, chain: tuple[Path, ...]) -> Path:
        """The file that a line names."""
        if len(chain) > _DEEPEST:
            line.fail(f"files include each other more than {_DEEPEST} deep. Keep them flatter.")
        name = name.strip().strip("\"'")
        try:
            for base in (path.parent, self.home):
                candidate = Path(name).expanduser() if name.startswith("~") else base / name
                if candidate.is_file():
                    return candidate
        except (OSError, RuntimeError, ValueError):  # a name that no file can have
            pass
        line.fail(f"the file {name!r} is not found beside the netlist. Put it in {self.home}, or give its whole path.")
