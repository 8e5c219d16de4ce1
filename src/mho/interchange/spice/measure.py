"""The .measure lines: times between crossings, values at times and crossings, averages, extremes, integrals."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from mho.core.errors import NetlistError
from mho.interchange.spice.netlist import Netlist
from mho.interchange.spice.signals import Table
from mho.netlists.expressions import Number, parse
from mho.netlists.lines import Line
from mho.netlists.parameters import Scope

_WORD = re.compile(r"[a-z_]\w*\s*\((?:[^()]|\([^()]*\))*\)|'[^']*'|\{[^{}]*\}|=|[^\s=]+")
_EXTREMES = {
    "max": np.nanmax,
    "min": np.nanmin,
    "pp": np.ptp,
}
_WAYS = {"rise": " upwards", "fall": " downwards", "cross": ""}
_STATISTICS = ("avg", "rms", "integ", "integral", *_EXTREMES, "max_at", "min_at")


@dataclass(frozen=True)
class Measured:
    """One measurement.

    Args:
        name: Its name.
        value: Its value, NaN where it failed.
        failure: Why it failed, empty if it did not.
    """

    name: str
    value: float
    failure: str = ""


class _MissingError(Exception):
    """A measurement finds nothing, which fails it and not the run."""


def measured(netlist: Netlist, analysis: str, table: Table) -> list[Measured]:
    """All measurements of one analysis.

    Raises:
        NetlistError: If a line is malformed or names a signal that is not there.
    """
    found: dict[str, Measured] = {}
    for line in netlist.requests.measures:
        words = [w.strip() for w in _WORD.findall(line.text)][1:]
        if len(words) < 3:
            line.fail("a measurement is written .measure tran name what ...")
        if words[0] not in ("tran", "dc", "op", "ac", "noise"):
            line.fail(f"{words[0]!r} is no analysis; write .measure tran, dc, ac or noise.")
        if words[0] != analysis:
            continue
        try:
            value = _Measure(netlist, line, table, words[2:], found).value()
            found[words[1]] = Measured(words[1], float(value))
        except _MissingError as missing:
            found[words[1]] = Measured(words[1], float("nan"), str(missing))
        except NetlistError as error:
            if ", line " in str(error):
                raise
            line.fail(str(error))
    return list(found.values())


def units(netlist: Netlist) -> dict[str, str]:
    """SI units of a transient's measurements, where a line tells: times, and values of one voltage or current."""
    found: dict[str, str] = {}
    for line in netlist.requests.measures:
        words = [w.strip() for w in _WORD.findall(line.text)][1:]
        if len(words) < 4 or words[0] != "tran":
            continue
        name, kind, signal = words[1:4]
        if kind in ("trig", "when") or kind.endswith("_at"):
            found[name] = "s"
        elif kind in ("find", "avg", "rms", "max", "min", "pp") and re.fullmatch(r"[vi]\s*\([^()]*\)", signal):
            found[name] = "A" if signal[0] == "i" else "V"
    return found


class _Measure:
    """One line's words, taken from the front."""

    def __init__(self, netlist: Netlist, line: Line, table: Table, words: list[str], before: dict[str, Measured]):
        self.netlist, self.line, self.table, self.words, self.before = netlist, line, table, words, before
        self.t = table.points

    # ---- words -------------------------------------------------------------------------------------------------------
    def take(self) -> str:
        if not self.words:
            self.line.fail("the measurement ends too early.")
        return self.words.pop(0)

    def options(self, *names: str) -> dict[str, str]:
        """Assignments `name=value` that follow."""
        found: dict[str, str] = {}
        while len(self.words) >= 2 and self.words[0] in names and (self.words[1] == "="):
            name, _ = self.take(), self.take()
            found[name] = self.take()
        return found

    def number(self, text: str) -> float:
        value = text.strip("'{}")
        if value in self.before:
            return self.before[value].value
        return self.netlist.scope.at(value, self.line)

    def signal(self, text: str) -> np.ndarray:
        if text.startswith("par("):
            text = text[4:-1]
        if text in self.table.others:
            return self.table.others[text]
        tree = self.netlist.scope.closed(parse(text.strip("'\""), phasors=self.table.phasors), lambda p: p)
        # Of a phasor itself the real part is measured, as ngspice does.
        return np.full(self.t.shape, tree.value) if isinstance(tree, Number) else np.real(self.table.evaluate(tree))

    def closed(self) -> None:
        if self.words:
            self.line.fail(f"{self.words[0]!r} is not understood in this measurement.")

    # ---- kinds -------------------------------------------------------------------------------------------------------
    def value(self) -> float:
        kind = self.take()
        if len(self.t) < 2:
            raise _MissingError("the run has no points")
        if kind == "trig":
            start = self.edge()
            if self.take() != "targ":
                self.line.fail("TRIG is not followed by TARG.")
            stop = self.edge()
            self.closed()
            return stop - start
        if kind in ("when", "find"):
            return self.found(kind)
        if kind in ("param", "par"):
            if self.words[:1] == ["="]:
                self.take()
            return self.parameter(self.take())
        if kind in _STATISTICS:
            return self.statistic(kind)
        self.line.fail(
            f"{kind!r} is not supported in .measure; mho has TRIG TARG, WHEN, FIND, PARAM and {', '.join(_STATISTICS)}."
        )

    def parameter(self, text: str) -> float:
        tree = parse(text.strip("'\"{}"))
        values = {name: m.value for name, m in self.before.items()}
        scope = Scope(self.netlist.scope.body, None, values)
        value = scope.closed(tree, lambda p: p, parameter=True)
        if not isinstance(value, Number):
            self.line.fail("PARAM takes parameters and measurements before it; use FIND for signals.")
        if not np.isfinite(value.value):
            raise _MissingError("a measurement in it failed")
        return value.value

    def edge(self) -> float:
        """A time, from AT=, or a signal's crossing of VAL=."""
        if self.words[:2] == ["at", "="]:
            del self.words[:2]
            return self.number(self.take())
        name = self.take()
        y = self.signal(name)
        level, way, count, after = 0.0, "cross", "1", 0.0
        for option, text in self.options("val", "rise", "fall", "cross", "td").items():
            if option == "val":
                level = self.number(text)
            elif option == "td":
                after = self.number(text)
            else:
                way, count = option, text
        return self.crossing(y - level, way, count, after, named=f"{name} = {level:g}")

    def found(self, kind: str) -> float:
        wanted = self.signal(self.take()) if kind == "find" else None
        if kind == "find":
            word = self.take()
            if word == "at":
                if self.take() != "=":
                    self.line.fail("AT is written AT=time.")
                at = self.number(self.take())
                self.closed()
                if not self.t[0] <= at <= self.t[-1] * (1 + 1e-12):
                    raise _MissingError(f"{at:g} lies outside the run")
                return float(np.interp(at, self.t, wanted))  # type: ignore[arg-type]
            if word != "when":
                self.line.fail("FIND is followed by WHEN or AT.")
        name = self.take()
        y = self.signal(name)
        if self.take() != "=":
            self.line.fail("WHEN is written WHEN signal=level.")
        level = self.take()
        y = y - (self.signal(level) if "(" in level else self.number(level))
        way, count, after, until = "cross", "1", 0.0, np.inf
        for option, text in self.options("rise", "fall", "cross", "td", "from", "to").items():
            if option in ("td", "from"):
                after = self.number(text)
            elif option == "to":
                until = self.number(text)
            else:
                way, count = option, text
        self.closed()
        at = self.crossing(y, way, count, after, until, named=f"{name} = {level}")
        return at if wanted is None else float(np.interp(at, self.t, wanted))

    def crossing(
        self, y: np.ndarray, way: str, count: str, after: float, until: float = np.inf, *, named: str
    ) -> float:
        """Time of a signal's passage through zero, the `count`-th or the last; `named` says of what."""
        below, above = y[:-1], y[1:]
        rise, fall = (below < 0) & (above >= 0), (below > 0) & (above <= 0)
        where = np.flatnonzero({"rise": rise, "fall": fall, "cross": rise | fall}[way])
        times = self.t[where] + (self.t[where + 1] - self.t[where]) * below[where] / (below[where] - above[where])
        times = times[(times >= after) & (times <= until)]
        k = len(times) if count == "last" else int(self.number(count))
        if not 1 <= k <= len(times):
            found = {0: "never passed", 1: "passed once"}.get(len(times), f"passed {len(times)} times")
            raise _MissingError(f"{named} is {found}{_WAYS[way]}, and {way}={count} is asked for")
        return float(times[k - 1])

    def statistic(self, kind: str) -> float:
        y = self.signal(self.take())
        bounds = {k: self.number(v) for k, v in self.options("from", "to", "td").items()}
        self.closed()
        start, stop = bounds.get("from", bounds.get("td", self.t[0])), bounds.get("to", self.t[-1])
        start, stop = max(start, self.t[0]), min(stop, self.t[-1])
        if not start < stop:
            raise _MissingError("the interval holds no points")
        inside = (self.t > start) & (self.t < stop)
        t = np.concatenate([[start], self.t[inside], [stop]])
        x = np.concatenate([[np.interp(start, self.t, y)], y[inside], [np.interp(stop, self.t, y)]])
        if kind in _EXTREMES:
            return float(_EXTREMES[kind](x))
        if kind.endswith("_at"):
            return float(t[np.argmax(x) if kind == "max_at" else np.argmin(x)])
        if kind == "rms":
            return float(np.sqrt(np.trapezoid(x * x, t) / (stop - start)))
        whole = float(np.trapezoid(x, t))
        return whole / (stop - start) if kind == "avg" else whole
