"""Options of ``mho simulate`` as they were given, and everything that can be said against them before JAX is loaded."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

BARE = {"--corners": "five", "--noise": "auto"}  # what an option means that stands without a value
_SPIKES = re.compile(r"v\(\s*([^()\s]+)\s*\)\s*[=>]\s*(\S+?)(?:[\s,;]+after\s*=?\s*(\S+))?", re.IGNORECASE)
_SPEC = re.compile(r"\s*([\w().]+)\s*(=|<=|>=|<|>)\s*([^\s.]\S*?)\s*(?:\.\.\s*(\S+))?\s*")


class BareOptions(TyperCommand):
    """A verb whose options of `BARE` may stand without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put in what a bare option means, then read the arguments as ever."""
        full: list[str] = []
        for k, word in enumerate(args):
            full.append(word)
            if word in BARE and (k + 1 == len(args) or args[k + 1].startswith("-")):
                full.append(BARE[word])
        return super().parse_args(ctx, full)


@dataclass(frozen=True)
class Asked:
    """Options about analysis and samples."""

    analysis: str | None
    energy: bool
    samples: int | None
    seed: int
    mismatch: bool
    avt: str | None
    abeta: str | None
    spreads: tuple[str, ...]
    corners: str | None
    supplies: tuple[str, ...]
    temperatures: str | None
    spikes: str | None
    specs: tuple[str, ...]
    workers: int | None
    noise: str | None
    waveforms: bool

    @property
    def measured(self) -> bool:
        """Whether only measurements of samples are wanted, and no waveforms."""
        varied = self.samples is not None or self.mismatch or self.spreads or self.corners
        return bool(varied or self.spikes or self.specs) and not self.waveforms


@dataclass(frozen=True)
class Files:
    """What is to be written, by option."""

    csv: Path | None
    json: Path | None
    raw: Path | None
    plot: Path | None


def number(text: str, option: str) -> float:
    """A number in SPICE's writing.

    Raises:
        InputError: If it is none.
    """
    from mho.core.errors import InputError
    from mho.netlists.numbers import spice_number

    value = spice_number(text.strip().lower())
    if value is None:
        raise InputError(f"{option}: {text!r} is no number; suffixes are SPICE's, as in 3.5n, 2p, 1meg.")
    return value


def spikes_of(text: str) -> tuple[str, float, float]:
    """Node, level [V] and the time from which spikes count [s] of ``v(spk)=0.5 after=2u``.

    Raises:
        InputError: If it cannot be read.
    """
    from mho.core.errors import InputError

    found = _SPIKES.fullmatch(text.strip())
    if found is None:
        raise InputError(f"--spikes {text!r} is written v(node)=level, as in 'v(spk)=0.5' or 'v(spk)=0.5 after=2u'.")
    node, level, after = found.groups()
    return node.lower(), number(level, "--spikes"), number(after, "--spikes after") if after else 0.0


def limits_of(text: str) -> tuple[str, float, float]:
    """Name, lowest and highest value of a specification: ``width=190n..210n``, ``energy<2p``, ``rate>=1k``.

    Raises:
        InputError: If it cannot be read.
    """
    from mho.core.errors import InputError

    match = _SPEC.fullmatch(text.lower())
    sign = match.group(2) if match else ""
    if match is None or (match.group(4) is not None) != (sign == "="):
        raise InputError(f"--spec {text!r} is written name=low..high, name<limit or name>limit, as in energy<2p.")
    first = number(match.group(3), "--spec")
    if sign == "=":
        return match.group(1), first, number(match.group(4), "--spec")
    return (match.group(1), float("-inf"), first) if sign[0] == "<" else (match.group(1), first, float("inf"))


def check(asked: Asked, files: Files, read: Any) -> None:
    """Tell of what cannot be done before anything is computed.

    Args:
        asked: The options.
        files: What is to be written.
        read: The netlist's :class:`mho.netlists.Outline`.

    Raises:
        InputError: If the options contradict each other or the netlist, or a file cannot be written.
    """
    from mho.core.errors import InputError

    analysis = read.analysis("tran" if asked.measured and asked.analysis is None else asked.analysis)
    if analysis != "tran":
        for option, given in (("--energy", asked.energy), ("--noise", asked.noise), ("samples", asked.samples)):
            if given:
                raise InputError(f"{option} is that of a transient, and .{analysis} is run. Choose --analysis tran.")
        if asked.measured:
            raise InputError(f"samples and spikes are those of a transient; --analysis {analysis} has none.")
    _check_samples(asked)
    _check_specs(asked, read)
    if asked.measured and not asked.spikes and not any(m.text.split()[1:2] == ["tran"] for m in read.requests.measures):
        raise InputError(
            "nothing is measured in the samples: write .measure tran lines, ask for spikes (--spikes 'v(out)=0.5'), or "
            "keep the waveforms (--waveforms)."
        )
    if asked.measured and files.raw is not None:
        raise InputError("--raw holds waveforms, and those of samples are kept with --waveforms alone.")
    _check_plot(asked, files, analysis)
    for option, path in (("--csv", files.csv), ("--json", files.json), ("--raw", files.raw), ("--plot", files.plot)):
        if path is not None:
            _check_writable(option, path)


def _check_samples(asked: Asked) -> None:
    from mho.core.errors import InputError

    if asked.waveforms:
        if (asked.samples is not None) != asked.mismatch or asked.spreads or asked.corners or asked.specs:
            raise InputError("--waveforms goes with --samples N --mismatch alone.")
    else:
        varies = asked.mismatch or asked.spreads or (asked.noise and asked.samples is not None)
        if (asked.samples is not None) != bool(varies):
            raise InputError(
                "--samples says how many, --mismatch, --spread or --noise what varies: give both, or neither "
                "(--corners alone runs each corner once)."
            )
    most = 100_000 if asked.waveforms else 1_000_000
    if asked.samples is not None and not 1 <= asked.samples <= most:
        raise InputError(f"--samples {asked.samples} must be between 1 and {most}.")
    if (asked.avt or asked.abeta) and not asked.mismatch:
        raise InputError("--avt and --abeta are coefficients of --mismatch; give it too.")
    if (asked.supplies or asked.temperatures) and not asked.corners:
        raise InputError("--supply and --temperatures belong to --corners five or --corners full; give it too.")
    if asked.corners not in (None, "five", "full"):
        raise InputError(f"--corners {asked.corners} must be five or full.")


def _check_specs(asked: Asked, read: Any) -> None:
    """Find a specification that nothing can meet, and spikes that nothing can show."""
    from mho.core.errors import InputError

    if asked.spikes:
        node, _, after = spikes_of(asked.spikes)
        stop = read.requests.tran.stop
        if after >= stop:
            raise InputError(f"--spikes counts those of v({node}) after {after:g} s, and the run ends at {stop:g} s.")
    words = [line.text.split() for line in read.requests.measures]
    known = {w[2] for w in words if w[1:2] == ["tran"] and len(w) > 2}
    known |= {"spikes", "rate", "width", "jitter", "energy"} if asked.spikes else set()
    for text in asked.specs:
        name, _, _ = limits_of(text)
        if name not in known and not (asked.spikes and name.startswith("energy(")):
            raise InputError(
                f"--spec {text!r} names no measurement; there is {', '.join(sorted(known)) or 'none'} "
                "(.measure tran lines, and with --spikes rate, width, energy, jitter)."
            )


def _check_plot(asked: Asked, files: Files, analysis: str) -> None:
    """A figure that has nothing to show."""
    from mho.core.errors import InputError

    if files.plot is None:
        return
    if files.plot.suffix.lower() != ".svg":
        raise InputError(f"--plot {files.plot} must end in .svg: figures are drawn as SVG.")
    if analysis == "op":
        raise InputError("an operating point has one value a signal and no curve to draw. Leave --plot out.")
    if asked.measured and (asked.samples or 1) == 1 and not asked.corners:
        raise InputError(
            "--plot shows how measurements are distributed over samples, and there is one circuit. Give --samples N, "
            "or leave --spikes out to draw its curves."
        )


def _check_writable(option: str, path: Path) -> None:
    from mho.core.errors import InputError

    if path.is_dir():
        raise InputError(f"{option} {path} is a folder. Name a file in it.")
    place = path if path.exists() else next((p for p in path.absolute().parents if p.exists()), path)
    if (place != path and not place.is_dir()) or not os.access(place, os.W_OK):
        raise InputError(f"{option} {path} cannot be written. Choose a folder that is yours to write.")
