"""Netlists as designers write them, unchanged through `mho simulate` and through ngspice: errors and times.

    python benchmarks/netlists_against_ngspice.py [NAME or PATH ...] [--kept FOLDER]

Lines `*# kind ...` of a netlist say what is compared:

    *# wave SIGNAL ...               worst error over the swing, where the other run within 2e-4 of the run time counts
    *# spikes SIGNAL LEVEL           number of spikes, intervals and widths
    *# period SIGNAL LEVEL           mean period of the second half
    *# energy CURRENT SIGNAL LEVEL   charge from spike to spike
    *# charge CURRENT                total charge
    *# edges SIGNAL LEVEL            crossing times, over the run time
    *# dc SIGNAL ...                 worst error over the swing of a sweep

and every .measure is compared. ngspice is run at reltol 1e-4 and 1e-5; what these two differ by is printed beside what
mho differs from the finer one, and an error within three times the former counts as met.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from mho.core.errors import SolverError
from mho.interchange.ngspice import read_raw

HERE = Path(__file__).parent / "netlists"
SETTLED = 1e-6  # [s]; with uic the sources jump, and crossings before this (or 2 % of a shorter run) do not count
GRID, REACH = 20_000, 4  # points of the common grid; points to each side whose values count as the same time
ASKED = {
    "wave": 1e-3, "spikes": 0.0, "interval": 1e-3, "width": 5e-3, "period": 3e-3, "energy": 1e-2, "charge": 5e-3,
    "edges": 2e-4, "dc": 1e-3, "measure": 3e-3,
}  # fmt: skip
TIGHT = "abstol=1e-15 vntol=1e-8 chgtol=1e-18"


class Failed(Exception):  # noqa: N818
    """A program that gave no result."""


def used() -> float:
    """Processor time of ended children [s]."""
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def ours(path: Path) -> tuple[dict, dict, float]:
    """Signals, measures and processor time of mho."""
    with tempfile.TemporaryDirectory() as folder:
        out, before = Path(folder) / "out.json", used()
        command = [sys.executable, "-c", "from mho.cli import main; main()", "simulate", str(path), "--json", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
        if done.returncode:
            raise Failed(f"mho ended with code {done.returncode}: {done.stderr.strip()[-400:]}")
        found = json.loads(out.read_text())
    signals = {name: np.array([np.nan if v is None else v for v in x]) for name, x in found["signals"].items()}
    return signals, {n: m["value"] for n, m in found["measures"].items()}, used() - before


def theirs(path: Path, reltol: float, kept: Path | None) -> tuple[dict, dict, float]:
    """The same of ngspice at a relative tolerance."""
    text = path.read_text()
    options = f".options reltol={reltol:g} {TIGHT}\n.end"
    text = re.sub(r"^\.end\b.*", options, text, flags=re.MULTILINE | re.IGNORECASE)
    text = re.sub(r"^\.control.*?^\.endc", "", text, flags=re.MULTILINE | re.DOTALL | re.IGNORECASE)
    whole = text + "".join(p.read_text() for p in sorted(path.parent.glob("*.lib")))
    cache = kept / f"{path.stem}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}.pickle" if kept else None
    if cache is not None and cache.is_file():
        return pickle.loads(cache.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        for lib in path.parent.glob("*.lib"):
            (Path(folder) / lib.name).write_text(lib.read_text())
        (Path(folder) / "x.cir").write_text(text)
        before = used()
        done = subprocess.run(
            ["ngspice", "-b", "-r", "x.raw", "x.cir"], cwd=folder, capture_output=True, text=True, errors="replace",
            check=False, timeout=3600, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        seconds = used() - before
        if not (Path(folder) / "x.raw").is_file():
            raise Failed(f"ngspice wrote nothing: {(done.stderr + done.stdout)[-400:]}")
        try:
            raw = read_raw(Path(folder) / "x.raw", done.stderr[-400:])
        except SolverError as error:
            raise Failed(str(error)) from error
        plain = subprocess.run(
            ["ngspice", "-b", "x.cir"], cwd=folder, capture_output=True, text=True, errors="replace", check=False,
            timeout=3600, env={**os.environ, "OMP_NUM_THREADS": "1"},
        ).stdout if re.search(r"^\.meas", text, re.MULTILINE | re.IGNORECASE) else ""  # fmt: skip
    said = re.findall(r"^(\w+)\s+=\s+([-+.\deE]+)", plain, re.MULTILINE)
    result = raw, {name: float(x) for name, x in said}, seconds
    if cache is not None:
        cache.write_bytes(pickle.dumps(result))
    return result


def signal(run: dict, name: str) -> np.ndarray:
    """A signal, also the difference of two nodes."""
    pair = re.fullmatch(r"v\(([^,()]+),([^,()]+)\)", name)
    if name in run or not pair:
        return run[name]
    return run[f"v({pair[1]})"] - run[f"v({pair[2]})"]


def crossings(t: np.ndarray, y: np.ndarray, level: float, *, rising: bool, after: float) -> np.ndarray:
    """Times at which y passes a level."""
    z = (y - level) * (1 if rising else -1)
    k = np.flatnonzero((z[:-1] < 0) & (z[1:] >= 0))
    found = t[k] - z[k] * (t[k + 1] - t[k]) / (z[k + 1] - z[k])
    return found[found > after]


def charge(t: np.ndarray, i: np.ndarray) -> np.ndarray:
    """Running integral."""
    return np.concatenate([[0.0], np.cumsum(np.diff(t) * (i[1:] + i[:-1]) / 2)])


def compared(kind: str, words: list[str], a: dict, b: dict) -> dict[str, float]:
    """Errors of run a against run b."""
    if kind == "dc":
        return {"dc": max(float(np.max(np.abs(a[n] - b[n])) / np.ptp(b[n])) for n in words)}
    t, u = a["time"], b["time"]
    stop = u[-1]
    after = min(SETTLED, 0.02 * stop)
    if kind == "wave":
        return {"wave": max(wave_error(t, signal(a, n), u, signal(b, n), after) for n in words)}
    if kind == "charge":
        q, p = charge(t, a[words[0]]), charge(u, b[words[0]])
        return {"charge": abs(q[-1] - p[-1]) / max(np.ptp(p), 1e-30)}
    level = float(words[-1])
    name = words[-2]
    up, vp = (crossings(x["time"], signal(x, name), level, rising=True, after=after) for x in (a, b))
    if kind == "edges":
        both = [(up, vp)]
        both += [[crossings(x["time"], signal(x, name), level, rising=False, after=after) for x in (a, b)]]
        if any(len(x) != len(y) for x, y in both):
            return {"edges": np.inf}
        return {"edges": max(float(np.max(np.abs(x - y), initial=0.0)) for x, y in both) / stop}
    if kind == "period":
        mean = [float(np.mean(np.diff(x[len(x) // 2 :]))) if len(x) > 3 else np.nan for x in (up, vp)]
        return {"period": abs(mean[0] / mean[1] - 1)}
    if len(up) != len(vp) and abs(len(up) - len(vp)) > (kind == "energy"):
        return {"spikes": float(len(up) - len(vp))}
    if kind == "energy":
        n = min(len(up), len(vp))
        q, p = (np.diff(np.interp(x[:n], r["time"], charge(r["time"], r[words[0]]))) for x, r in ((up, a), (vp, b)))
        return {"energy": float(np.max(np.abs(q / p - 1), initial=0.0))}
    found = {"spikes": float(len(up) - len(vp))}
    found["interval"] = float(np.max(np.abs(np.diff(up) / np.diff(vp) - 1), initial=0.0))
    down, wn = (crossings(x["time"], signal(x, name), level, rising=False, after=after) for x in (a, b))
    n = min(len(up), len(down), len(wn))
    if n and len(down) == len(wn) and down[0] > up[0]:
        found["width"] = float(np.max(np.abs((down[:n] - up[:n]) / (wn[:n] - vp[:n]) - 1)))
    return found


def wave_error(t: np.ndarray, y: np.ndarray, u: np.ndarray, z: np.ndarray, after: float) -> float:
    """Worst distance of y from what z is within a short time, over z's swing."""
    grid = np.linspace(max(u[0], after), u[-1], GRID)
    y, z = np.interp(grid, t, y), np.interp(grid, u, z)
    low, high = minimum_filter1d(z, 2 * REACH + 1), maximum_filter1d(z, 2 * REACH + 1)
    return float(
        np.max(np.maximum(np.maximum(y - high, low - y), 0.0)) / max(np.ptp(z), 1e-3 * np.max(np.abs(z)), 1e-30)
    )


def judged(path: Path, kept: Path | None) -> tuple[list[str], bool]:
    """Lines of the table for one netlist, and whether all is met."""
    try:
        a, measures, seconds = ours(path)
        coarse, _, _ = theirs(path, 1e-4, kept)
        fine, their_measures, their_seconds = theirs(path, 1e-5, kept)
    except (Failed, subprocess.TimeoutExpired) as error:
        return [f"{path.stem:20s} FAILED  {' '.join(str(error).split())}"], False
    lines, good = [], True
    head = f"{path.stem:20s} {len(a) - 1:4d} {seconds:7.1f} {their_seconds:7.1f}"
    rows = []
    for line in path.read_text().splitlines():
        if line.startswith("*#"):
            kind, *words = line[2:].split()
            mine = compared(kind, words, a, fine)
            own = compared(kind, words, coarse, fine)
            rows += [(f"{k} {words[0]}", v, own.get(k, np.nan), ASKED[k]) for k, v in mine.items()]
    for name, value in their_measures.items():
        if name in measures:
            mine = measures[name]
            error = abs(mine / value - 1) if mine is not None and value else np.inf if mine is None else abs(mine)
            rows.append((f"measure {name}", error, np.nan, ASKED["measure"]))
    for label, error, own, asked in rows:
        met = abs(error) <= asked or abs(error) <= 3 * abs(own)
        good &= met
        lines.append(f"{head} {label:22s} {error:9.1e} {own:9.1e} {asked:7.0e} {'' if met else ' <-- missed'}")
        head = " " * len(head)
    return lines, good


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("netlists", nargs="*")
    ask.add_argument("--kept", type=Path, help="keep ngspice's results in this folder")
    args = ask.parse_args()
    if args.kept:
        args.kept.mkdir(parents=True, exist_ok=True)
    paths = [Path(n) if Path(n).is_file() else HERE / f"{n}.cir" for n in args.netlists] or sorted(HERE.glob("*.cir"))
    print(f"{'netlist':20s} cols   mho s ngspice s compared           {'mho':>9s} {'ngspice':>9s} {'asked':>7s}")
    met = 0
    for path in paths:
        lines, good = judged(path.resolve(), args.kept)
        met += good
        print("\n".join(lines), flush=True)
    print(f"{met} of {len(paths)} netlists met")
    sys.exit(met < len(paths))


if __name__ == "__main__":
    main()
