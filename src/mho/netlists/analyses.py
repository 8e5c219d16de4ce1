"""What a netlist asks for: analyses, initial values, options, signals to save, measurements."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from mho.core.errors import NetlistError
from mho.netlists.cards import assignments, card
from mho.netlists.lines import Line
from mho.netlists.numbers import spice_number
from mho.netlists.parameters import Scope

# Numbers of ngspice's own algorithms: mho's are others, and its tolerance follows reltol alone.
_UNHEARD = (
    "abstol", "vntol", "chgtol", "method", "maxord", "trtol", "itl1", "itl2", "itl3", "itl4", "itl5", "itl6",
    "pivtol", "pivrel", "rshunt", "noacct", "acct", "nopage", "nomod", "noinit", "node", "list", "opts", "post", "klu",
    "sparse", "gminsteps", "srcsteps", "numdgt", "ingold", "limpts", "savecurrents", "interp", "num_threads",
    "autostop", "warn", "seed", "cptime", "filetype", "plotwinsize", "ramptime", "minbreak", "reltran", "lvltim",
    "wnflag",
)  # fmt: skip
_MOST_GMIN = 1e-3  # [S]
_MOST_POINTS = 100_000  # of a transient's print step; one that makes more is no wish for as many steps
_NOTED = (".plot", ".width", ".probe", ".four", ".title")
_OTHER = (".disto", ".sens", ".tf", ".pz", ".sp", ".pss")


@dataclass(frozen=True)
class Tran:
    """A transient analysis [s]."""

    step: float
    stop: float
    start: float = 0.0
    max_step: float | None = None
    uic: bool = False


@dataclass(frozen=True)
class Sweep:
    """A swept source and its values."""

    source: str
    start: float
    stop: float
    step: float


@dataclass(frozen=True)
class DCSweep:
    """A sweep of one or two sources, the first the faster."""

    sweeps: tuple[Sweep, ...]


@dataclass(frozen=True)
class FrequencySweep:
    """Frequencies of a small-signal analysis: "dec" or "oct" (points a decade or octave) or "lin" (points in all)."""

    kind: str
    count: int
    start: float
    stop: float


@dataclass(frozen=True)
class NoiseSweep:
    """A noise analysis: the voltage between two nodes, and the source that noise is referred to."""

    output: str
    reference: str
    source: str
    sweep: FrequencySweep
    line: Line


@dataclass
class Requests:
    """Directives of a netlist.

    Args:
        tran: Transient analysis, if any.
        dc: Sweep, if any.
        op: Whether an operating point is asked for.
        ac: Frequencies of the small-signal analysis, if any.
        noise: Noise analysis, if any.
        initial: .ic by node [V].
        nodeset: .nodeset by node [V].
        reltol: Relative tolerance.
        gmin: Conductance beside every junction [S].
        celsius: Temperature.
        of_corner: Whether it stands in place of the netlist's own: built-in transistors then follow their own laws.
        nominal: Temperature at which model cards hold.
        save: Signals in the order in which they are named; empty: all.
        measures: Lines of .measure.
    """

    tran: Tran | None = None
    dc: DCSweep | None = None
    op: bool = False
    ac: FrequencySweep | None = None
    noise: NoiseSweep | None = None
    initial: dict[str, float] = field(default_factory=dict)
    nodeset: dict[str, float] = field(default_factory=dict)
    reltol: float = 1e-3
    gmin: float = 1e-12
    celsius: float = 27.0
    of_corner: bool = False
    nominal: float = 27.0
    save: list[tuple[str, Line]] = field(default_factory=list)
    globals_: set[str] = field(default_factory=set)
    measures: list[Line] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        """The analyses that are asked for; the first is run where none is chosen."""
        wanted = {"tran": self.tran, "ac": self.ac, "noise": self.noise, "dc": self.dc, "op": self.op or None}
        return [name for name, request in wanted.items() if request is not None]

    def chosen(self, wanted: str | None, netlist: str) -> str:
        """The analysis to run.

        Args:
            wanted: One of `kinds`; the first if None.
            netlist: What errors call the netlist.

        Raises:
            NetlistError: If the netlist asks for none, or not for this one.
        """
        if not self.kinds:
            raise NetlistError(
                f"{netlist} asks for no analysis that mho runs. Write .tran, .ac, .noise, .dc or .op before its .end, "
                "for example .tran 10n 10u"
            )
        if wanted is not None and wanted not in self.kinds:
            there = ", ".join(f".{x}" for x in self.kinds)
            raise NetlistError(
                f"{netlist} has no .{wanted}; it has {there}. Write a .{wanted} line, or choose another."
            )
        return wanted or self.kinds[0]


def requests(lines: list[Line], scope: Scope, notes: list[str]) -> Requests:
    """Read the directives.

    Raises:
        NetlistError: For a directive that mho does not know, or a malformed one.
    """
    found = Requests()
    commands = [x for x in lines if x.text.startswith(".control ")]
    for line in lines:
        if line not in commands:
            _one(line, found, scope, notes)
    # A command in .control counts where the netlist itself does not ask for that kind of analysis.
    asked = {f".{kind}": getattr(found, kind) is not None for kind in ("tran", "dc", "ac", "noise")}
    for line in commands:
        plain = Line(f".{line.text.removeprefix('.control ')}", line.file, line.number)
        word = plain.text.split()[0]
        if asked.get(word, False):
            notes.append(f"{line.file}, line {line.number}: {word[1:]} in .control is not run beside another.")
            continue
        _one(plain, found, scope, notes)
        if word in asked:
            asked[word] = True
    return found


def _one(line: Line, r: Requests, scope: Scope, notes: list[str]) -> None:
    word, _, rest = line.text.partition(" ")
    rest = rest.strip()
    if word == ".tran":
        r.tran = _tran(line, scope, notes)
    elif word == ".dc":
        r.dc = _dc(line, scope)
    elif word == ".op":
        r.op = True
    elif word == ".ac":
        r.ac = _frequencies(line, card(line).fields[1:], scope, ".ac dec points start stop")
    elif word == ".noise":
        r.noise = _noise(line, rest, scope)
    elif word in (".ic", ".nodeset"):
        (r.initial if word == ".ic" else r.nodeset).update(_nodes(line, rest, scope))
    elif word in (".options", ".option", ".opt", ".opts"):
        _options(line, rest, r, scope, notes)
    elif word == ".temp":
        r.celsius = scope.at(rest, line)
    elif word in (".save", ".print"):
        r.save += [(name, line) for name in _signals(line, rest)]
    elif word in (".meas", ".measure"):
        r.measures.append(line)
    elif word == ".global":
        r.globals_ |= set(rest.split())
    elif word in _NOTED:
        notes.append(f"{line.file}, line {line.number}: {word} is not used.")
    elif word in _OTHER:
        notes.append(f"{line.file}, line {line.number}: {word} is not run; mho runs .tran, .op, .dc, .ac and .noise.")
    else:
        line.fail(
            f"{word} is not supported. mho reads .param .func .model .subckt .include .lib .global .ic .nodeset "
            ".options .temp .tran .op .dc .ac .noise .save .print .measure."
        )


def _tran(line: Line, scope: Scope, notes: list[str]) -> Tran:
    words = card(line).fields[1:]
    uic = "uic" in words
    numbers = [scope.at(w, line) for w in words if w != "uic"]
    if not 2 <= len(numbers) <= 4:
        line.fail("a transient analysis is written .tran tstep tstop [tstart [tmax]] [uic].")
    step, stop, start, most = [*numbers, *[0.0] * (4 - len(numbers))]
    if not (step > 0 and stop > 0 and 0 <= start < stop and most >= 0):
        line.fail(f"in {line.text!r}, tstep and tstop must be above 0, and tstart between 0 and tstop.")
    if not most and (stop - start) / step > _MOST_POINTS:
        notes.append(
            f"{line.place}: the print step of {step:g} s makes {(stop - start) / step:.3g} points, more than "
            f"{_MOST_POINTS}; the error control places the points instead, at most {stop / 2000:.3g} s apart. Give a "
            "fourth number (tmax) for shorter steps."
        )
    if most and stop / most > 2e6:
        line.fail(f"tmax = {most:g} s makes more than two million steps. Lengthen it.")
    return Tran(step, stop, start, most or None, uic)


def _dc(line: Line, scope: Scope) -> DCSweep:
    words = card(line).fields[1:]
    if len(words) not in (4, 8):
        line.fail("a sweep is written .dc source start stop step, once or twice.")
    sweeps = []
    for k in range(0, len(words), 4):
        start, stop, step = (scope.at(w, line) for w in words[k + 1 : k + 4])
        if step == 0 or (stop - start) / step < 0:
            line.fail(f"the step {step:g} does not lead from {start:g} to {stop:g}.")
        if (stop - start) / step > 1e5:
            line.fail(f"the sweep from {start:g} to {stop:g} by {step:g} has more than 100 000 points.")
        sweeps.append(Sweep(words[k], start, stop, step))
    return DCSweep(tuple(sweeps))


def _frequencies(line: Line, words: list[str], scope: Scope, form: str) -> FrequencySweep:
    if len(words) != 4 or words[0] not in ("dec", "oct", "lin"):
        line.fail(f"it is written {form}, with dec, oct or lin.")
    count, start, stop = (scope.at(w, line) for w in words[1:])
    if not (count >= 1 and 0 < start <= stop):
        line.fail(
            f"{count:g} points from {start:g} to {stop:g} Hz: points must be 1 or more, frequencies rise above 0."
        )
    octaves = np.log2(stop / start) if words[0] == "oct" else np.log10(stop / start)
    if (count if words[0] == "lin" else count * octaves) > 1e6:
        line.fail("the analysis has more than a million frequencies.")
    return FrequencySweep(words[0], int(count), start, stop)


def _noise(line: Line, rest: str, scope: Scope) -> NoiseSweep:
    form = ".noise v(out[,reference]) source dec points start stop"
    found = re.match(r"v\s*\(\s*([^(),\s]+)\s*(?:,\s*([^(),\s]+)\s*)?\)\s*(.*)", rest)
    if found is None:
        line.fail(f"a noise analysis is written {form}.")
    output, reference, others = found.groups()
    words = card(line, others).fields
    if len(words) == 6:  # points per summary: mho keeps every element's share at all points
        words.pop()
    if len(words) != 5:
        line.fail(f"a noise analysis is written {form}.")
    return NoiseSweep(output, reference or "0", words[0], _frequencies(line, words[1:], scope, form), line)


def _nodes(line: Line, rest: str, scope: Scope) -> dict[str, float]:
    """`v(node)=value` pairs."""
    parts = re.findall(r"v\s*\(\s*([^()\s]+)\s*\)\s*=\s*(\{[^{}]*\}|'[^']*'|[^\s]+)", rest)
    if not parts or re.sub(r"v\s*\(\s*[^()\s]+\s*\)\s*=\s*(\{[^{}]*\}|'[^']*'|[^\s]+)", "", rest).strip():
        line.fail("initial values are written .ic v(node)=value ...")
    return {("0" if node == "gnd" else node): scope.at(value, line) for node, value in parts}


def _options(line: Line, rest: str, r: Requests, scope: Scope, notes: list[str]) -> None:
    before, found = assignments(line, rest)
    flags = before.split()
    for name, text in found.items():
        first, *more = text.split() or [""]
        flags += more
        if name == "reltol":
            r.reltol = scope.at(first, line)
            if not 0 < r.reltol < 1:
                line.fail(f"reltol = {r.reltol:g} is not between 0 and 1.")
        elif name == "gmin":
            r.gmin = scope.at(first, line)
            if not 0 <= r.gmin <= _MOST_GMIN:
                line.fail(f"gmin = {r.gmin:g} S is not between 0 and {_MOST_GMIN:g}.")
        elif name == "temp":
            r.celsius = scope.at(first, line)
        elif name == "tnom":
            r.nominal = scope.at(first, line)
        elif name in ("scale", "defl", "defw", "defad", "defas"):
            line.fail(f"the option {name} is not supported; give every element its own numbers.")
        elif name not in _UNHEARD:
            notes.append(f"{line.file}, line {line.number}: the option {name} is not used.")
    for flag in flags:
        if flag not in _UNHEARD:
            notes.append(f"{line.file}, line {line.number}: the option {flag} is not used.")


def _signals(line: Line, rest: str) -> list[str]:
    """Signals of a .save or .print line."""
    names = re.findall(r"[a-z@]\w*\s*\([^()]*\)|[^\s,]+", rest)
    if names[:1] in (["tran"], ["dc"], ["op"], ["ac"], ["noise"]):
        names = names[1:]
    if not names:
        line.fail("there is no signal after it.")
    return [re.sub(r"\s", "", n) for n in names]


def whole(text: str) -> int | None:
    """A whole number, or None."""
    value = spice_number(text)
    return int(value) if value is not None and value == int(value) else None
