"""Waveforms of independent sources in SPICE's words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mho import circuits as mc
from mho.circuits.waves import AbstractWave
from mho.core.errors import MhoError
from mho.core.quantities import engineering
from mho.netlists.analyses import Tran
from mho.netlists.cards import Card
from mho.netlists.expressions import Expression, parse
from mho.netlists.parameters import Scope

_SHAPES = ("pulse", "pwl", "sin", "exp", "sffm", "am")
_UNKNOWN = ("trnoise", "trrandom", "external")
_MOST_PERIODS = 100_000
_MOST_CORNERS = 20_000


@dataclass(frozen=True)
class Drive:
    """What drives an independent source.

    Args:
        wave: Its waveform, or None where it needs a formula of time.
        formula: That formula.
        corners: Times at which the formula has a corner [s].
        level: Its value in a DC analysis, if the netlist gives one.
        period: Shortest period of the formula, which steps must resolve [s].
        ac: Its phasor in an AC analysis, 0 where the netlist gives none.
    """

    wave: AbstractWave | None
    formula: Expression | None = None
    corners: tuple[float, ...] = ()
    level: float | None = None
    period: float | None = None
    ac: complex = 0.0


def drive(card: Card, words: list[str], scope: Scope, tran: Tran | None) -> Drive:
    """The drive that the words after a source's nodes describe."""
    phasor = _phasor(card, words, scope)
    return replace(_drive(card, words, scope, tran), ac=phasor)


def _phasor(card: Card, words: list[str], scope: Scope) -> complex:
    """The AC magnitude and phase (in degrees) of a source; a bare `ac` is 1."""
    numbers = [card.options["ac"]] if "ac" in card.options else []
    if "ac" in words:
        k = words.index("ac") + 1
        while k < len(words) and words[k] not in (*_SHAPES, *_UNKNOWN, "dc", "ac", "distof1", "distof2"):
            numbers.append(words[k])
            k += 1
    elif not numbers:
        return 0.0
    if len(numbers) > 2:
        card.line.fail(f"AC takes a magnitude and a phase, not {' '.join(numbers)}.")
    magnitude, degrees = [*(scope.at(x, card.line) for x in numbers), *(1.0, 0.0)[len(numbers) :]]
    return complex(magnitude * np.exp(1j * np.radians(degrees)))


def _drive(card: Card, words: list[str], scope: Scope, tran: Tran | None) -> Drive:
    level: float | None = None
    shape: tuple[str, list[float]] | None = None
    k = 0
    while k < len(words):
        word = words[k]
        if word in _UNKNOWN:
            card.line.fail(
                f"the waveform {word.upper()} is not supported; mho has DC, PULSE, PWL, SIN, EXP, SFFM and AM."
            )
        if word in _SHAPES:
            shape = (word, [scope.at(w, card.line) for w in words[k + 1 :]])
            break
        if word in ("ac", "distof1", "distof2"):
            k += 1
            while k < len(words) and words[k] not in (*_SHAPES, *_UNKNOWN, "dc"):
                k += 1
            continue
        if word == "dc":
            k += 1
            if k == len(words):
                card.line.fail("DC has no value.")
        elif level is not None:
            card.line.fail(f"{word!r} is one value too many at a source.")
        level = scope.at(words[k], card.line)
        k += 1
    if "dc" in card.options:
        level = scope.at(card.options["dc"], card.line)
    allowed = ("dc", "ac", *(("r", "td") if shape and shape[0] == "pwl" else ()))
    for name in card.options:
        if name not in allowed:
            card.line.fail(f"{name}= is not supported at a source.")
    if shape is None:
        return Drive(mc.DC(level or 0.0), level=level)
    kind, numbers = shape
    try:
        return _shaped(card, kind, numbers, scope, tran, level)
    except MhoError as error:
        if str(error).startswith(f"{card.line.file}, line"):
            raise
        card.line.fail(str(error))


def _shaped(card: Card, kind: str, x: list[float], scope: Scope, tran: Tran | None, level: float | None) -> Drive:
    step, stop = (tran.step, tran.stop) if tran else (1e-9, 1.0)
    last = tran.stop if tran else 0.0  # without .tran only what a wave is at time zero counts
    if kind == "pulse":
        if not 1 <= len(x) <= 7:
            card.line.fail("PULSE takes v1 v2 [td tr tf pw per].")
        v1, v2, td, tr, tf, pw, per = [*x, *[0.0] * (7 - len(x))]
        if len(x) == 1:
            return Drive(mc.DC(v1), level=level)
        tr, tf, pw = tr or step, tf or step, pw or stop
        if per and last / per > _MOST_PERIODS:
            card.line.fail(
                f"PULSE has more than {_MOST_PERIODS} periods of {engineering(per, 's')} until "
                f"{engineering(last, 's')}. Shorten .tran, or lengthen the period."
            )
        return Drive(mc.PulseWave(v1, v2, td, tr, tf, pw, per or 1e12), level=level)
    if kind == "pwl":
        if len(x) < 2 or len(x) % 2:
            card.line.fail(f"PWL has {len(x)} numbers; it takes pairs of time and value.")
        return Drive(_repeated(card, x[::2], x[1::2], scope, stop), level=level)
    if kind == "sin":
        if not 2 <= len(x) <= 6:
            card.line.fail("SIN takes v0 va [freq td theta phase].")
        v0, va, f, td, theta, phase = [*x, *[0.0] * (6 - len(x))]
        f = f or 1.0 / stop
        _bounded(card, kind, f, last)
        if theta == 0 and phase == 0 and td >= 0:
            return Drive(mc.Sin(v0, va, f, td), level=level)
        late = f"max(time-({td!r}),0)"
        turn = f"sin(6.283185307179586*({f!r})*{late}+({phase!r})*0.017453292519943295)"
        return Drive(None, parse(f"({v0!r})+({va!r})*exp(-({theta!r})*{late})*{turn}"), (td,), level, 1 / f)
    if kind in ("sffm", "am"):
        return _modulated(card, kind, x, stop, last, level)
    if not 2 <= len(x) <= 6:
        card.line.fail("EXP takes v1 v2 [td1 tau1 td2 tau2].")
    v1, v2, td1, tau1, td2, tau2 = [*x, *[0.0] * (6 - len(x))]
    tau1, tau2 = tau1 or step, tau2 or step
    td2 = td2 or td1 + step
    rise, fall = (f"(1-exp(-max(time-({t!r}),0)/({tau!r})))" for t, tau in ((td1, tau1), (td2, tau2)))
    return Drive(None, parse(f"({v1!r})+({v2 - v1!r})*({rise}-{fall})"), (td1, td2), level)


def _bounded(card: Card, kind: str, frequency: float, stop: float) -> None:
    if frequency <= 0 or frequency * stop > _MOST_PERIODS:
        card.line.fail(
            f"{kind.upper()} of {engineering(frequency, 'Hz')} has {frequency * stop:.3g} periods until "
            f"{engineering(stop, 's')}; above 0 and up to {_MOST_PERIODS} are run. Shorten .tran, or lower the "
            "frequency."
        )


def _modulated(card: Card, kind: str, x: list[float], stop: float, last: float, level: float | None) -> Drive:
    """A carrier modulated in frequency (SFFM) or amplitude (AM)."""
    if kind == "sffm":
        if not 2 <= len(x) <= 7:
            card.line.fail("SFFM takes v0 va [fc mdi fs phasec phases].")
        v0, va, carrier, index, signal, phase, phase_signal = [*x, *[0.0] * (7 - len(x))]
        carrier, signal = carrier or 5.0 / stop, signal or 500.0 / stop
        _bounded(card, kind, carrier + abs(index) * signal, last)
        inner = f"({index!r})*{_turn('time', signal, phase_signal)}"
        angle = f"6.283185307179586*({carrier!r})*time+({phase!r})*0.017453292519943295+{inner}"
        return Drive(None, parse(f"({v0!r})+({va!r})*sin({angle})"), (), level, 1 / (carrier + abs(index) * signal))
    if not 3 <= len(x) <= 7:
        card.line.fail("AM takes va v0 mf [fc td phasec phases].")
    va, v0, signal, carrier, td, phase, phase_signal = [*x, *[0.0] * (7 - len(x))]
    carrier = carrier or 500.0 / stop
    _bounded(card, kind, carrier + signal, last)
    late = f"(time-({td!r}))"
    wave = f"({va!r})*(({v0!r})+{_turn(late, signal, phase_signal)})*{_turn(late, carrier, phase)}"
    return Drive(None, parse(f"time<=({td!r}) ? 0 : {wave}"), (td,), level, 1 / (carrier + signal))


def _turn(time: str, frequency: float, degrees: float) -> str:
    return f"sin(6.283185307179586*({frequency!r})*{time}+({degrees!r})*0.017453292519943295)"


def _repeated(card: Card, times: list[float], values: list[float], scope: Scope, stop: float) -> mc.PWL:
    """A PWL with its delay (td=) and repetition from a corner on (r=)."""
    delay = scope.at(card.options["td"], card.line) if "td" in card.options else 0.0
    back = scope.at(card.options["r"], card.line) if "r" in card.options else -1.0
    if back >= 0:
        if back not in times or back >= times[-1]:
            card.line.fail(f"PWL repeats from r = {back:g} s, which is none of its corners before the last.")
        first = times.index(back)
        period = times[-1] - back
        if (stop - times[-1]) / period * (len(times) - first) > _MOST_CORNERS:
            card.line.fail(f"PWL repeated by {period:g} s has more than {_MOST_CORNERS} corners until {stop:g} s.")
        part, base = list(zip(times[first:], values[first:], strict=True)), times[-1]
        while base < stop:
            # A corner cannot have two values: a jump back takes a billionth of the period.
            times += [base + t - back + (1e-9 * period if k == 0 else 0.0) for k, (t, _) in enumerate(part)]
            values += [v for _, v in part]
            base += period
    return mc.PWL([t + delay for t in times], values)
