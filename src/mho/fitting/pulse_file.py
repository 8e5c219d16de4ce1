"""Reading pulse measurements from the files that laboratories and instruments write."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np

from mho.core.errors import MeasurementError
from mho.core.quantities import engineering
from mho.fitting.columns import from_metadata, located
from mho.fitting.measurement import PulseMeasurement
from mho.fitting.reading import read_table
from mho.fitting.table import Table, listed

FEWEST_PULSES = 5

_ROLES = {  # role: (SI unit, names without case, spaces, dots and underscores)
    "t": ("s", ("t", "time", "timestamp", "times", "elapsedtime")),
    "v_gate": ("V", ("vgate", "vg", "vgs", "gate", "gatevoltage")),
    "width": ("s", ("width", "pulsewidth", "tpulse", "twidth", "tw", "tp")),
    "g": ("S", ("g", "conductance", "gds", "gch", "gchannel")),
    "r": ("ohm", ("r", "resistance", "rds", "rch", "rchannel")),
    "i": ("A", ("i", "ids", "id", "idrain", "draincurrent", "ichannel", "current")),
    "v_read": ("V", ("vds", "vread", "vd", "vdrain", "drainvoltage")),
    "i_gate": ("A", ("ig", "igate", "igs", "gatecurrent")),
    "read_delay": ("s", ("readdelay", "delay")),
    "sweep": ("1", ("sweep", "cycle", "run", "repeat", "segment", "sweepindex")),
}
_EXAMPLE = "'t [ms], v_gate [V], width [ns], r [kOhm]' (or 'g [uS]', or 'i_ds [A]' with 'v_ds [V]')"


def packaged_measurement() -> Path:
    """Path of the packaged measurement, a synthetic one (its header says how it was made)."""
    return Path(str(files("mho.fitting") / "data" / "ecram_stp_synthetic.csv"))


def read_pulses(path: str | Path) -> PulseMeasurement:
    """Read a pulse measurement from CSV or TSV.

    Headings carry units, in square or round brackets: ``t [ms]``, ``Time (ms)``, ``r [kOhm]``. Case, spaces and
    underscores do not matter. Two forms:

    *Events*, for pulses shorter than the sampling step. A row with a gate voltage and a width is a pulse that starts at
    `t`; a row with `v_gate` 0 is a reading. A reading in a pulse's own row was taken `read_delay` after the pulse's end
    (a column,
    or a comment line ``# read_delay = 1 ms``; 0 where not given)::

        # device 7, 27 degC
        sweep, t [ms], v_gate [V], width [ns], r [kOhm]
        1,     0,      0,          ,           25.01
        1,     10,     1,          200,
        1,     10.5,   0,          ,           23.53

    *Waveform*, where the gate is sampled like the channel, with no width column::

        Time (ms)   V_G (V)   I_DS (A)   I_G (A)
        0           0         -4.1e-9    4.1e-9

    The channel is given as conductance `g`, resistance `r`, or current `i_ds` with `v_ds` (a column, or a line ``V_DS =
    -0.6`` or ``# V_DS = -0.6 V``). `sweep` is optional; where the time starts again with a new sweep, the device is
    taken to have rested before it. Empty and NaN readings are masked and counted. Lines that begin with ``#`` are
    comments.

    Raises:
        MeasurementError: If the file cannot be used; names the line, the value with unit, the allowed range and the
        cure.
    """
    table = read_table(path)
    columns = _columns(table)
    warnings = list(table.warnings)
    used = {index for index, _ in columns.values()}
    unused = [h for i, h in enumerate(table.headings) if i not in used]
    data = {role: table.values[:, i] * scale for role, (i, scale) in columns.items()}
    t, v_gate = data["t"], data["v_gate"]
    for name, array in (("time", t), ("gate voltage", v_gate)):
        if not np.all(np.isfinite(array)):
            bad = np.flatnonzero(~np.isfinite(array))
            raise MeasurementError(
                f"{table.path}, line {table.lines[bad[0]]}: the {name} is missing or NaN ({len(bad)} such rows); "
                "every row needs a finite one. "
                "Fill it in, or delete the row."
            )
    g = _conductance(table, data, unused, warnings)
    sweep = _sweeps(table, data.get("sweep"), t)
    width = data.get("width")
    if width is not None:
        _check_widths(table, v_gate, width)
        if not np.any(np.isfinite(width) & (v_gate != 0)):
            width = None
    if unused:
        warnings.append(f"columns not used: {listed(unused)}")
    delay = data.get("read_delay")
    if width is not None and delay is None:
        delay = np.full(t.shape, from_metadata(table, ("readdelay",), "s") or 0.0)
    measurement = PulseMeasurement(
        table.path,
        t,
        v_gate,
        g,
        sweep,
        width,
        data.get("i_gate"),
        data.get("v_read"),
        delay,
        table.metadata,
        tuple(warnings),
    )
    return _checked(measurement, table)


def _columns(table: Table) -> dict[str, tuple[int, float]]:
    """Column index and factor to SI by role."""
    found = located(table, _ROLES)
    missing = [r for r in ("t", "v_gate") if r not in found]
    if not {"g", "r", "i"} & set(found):
        missing.append("g (or r, or i_ds)")
    if missing:
        raise MeasurementError(
            f"{table.path}: no column for {listed(missing)}; the headings are {', '.join(table.headings)}. A pulse "
            f"measurement has {_EXAMPLE}."
        )
    return found


def _conductance(table: Table, data: dict[str, np.ndarray], unused: list[str], warnings: list[str]) -> np.ndarray:
    """Conductance [S] from whichever of g, r, i was measured."""
    kind = next(k for k in ("g", "r", "i") if k in data)
    unused += [f"{k} (redundant beside {kind})" for k in ("g", "r", "i") if k in data and k != kind]
    raw = data[kind]
    if kind == "i":
        v = data.get("v_read")
        if v is None:
            given = from_metadata(table, _ROLES["v_read"][1], "V")
            if given is None:
                raise MeasurementError(
                    f"{table.path}: the channel is given as a current, but its voltage is missing. Add a column 'v_ds "
                    "[V]' or a line 'V_DS = -0.6'."
                )
            v = data["v_read"] = np.full(raw.shape, given)
        if np.any(v == 0):
            line = table.lines[np.flatnonzero(v == 0)[0]]
            raise MeasurementError(
                f"{table.path}, line {line}: v_ds is 0 V; a conductance needs a read voltage other than 0 V. Correct "
                "it, or delete the row."
            )
        g = raw / v
        return _with_feedthrough(table, g, warnings)
    good = np.isfinite(raw)
    bad = np.flatnonzero(good & (raw <= 0))
    if bad.size:
        unit = {"g": "S", "r": "ohm"}[kind]
        word = {"g": "conductance", "r": "resistance"}[kind]
        sign = "negative" if raw[bad[0]] < 0 else "zero"
        raise MeasurementError(
            f"{table.path}, line {table.lines[bad[0]]}: {sign} {word}, {engineering(float(raw[bad[0]]), unit)} "
            f"({bad.size} "
            "such rows); it must be above 0. "
            "Correct the sign or the offset of the read voltage, or leave the cell empty."
        )
    return raw.copy() if kind == "g" else np.where(good, 1.0 / np.where(good, raw, 1.0), np.nan)


def _with_feedthrough(table: Table, g: np.ndarray, warnings: list[str]) -> np.ndarray:
    """Currents may cross zero by the gate's displacement current; a channel that is negative as a whole is an error."""
    finite = g[np.isfinite(g)]
    if finite.size == 0:
        return g
    low, high = float(finite.min()), float(finite.max())
    if low < 0 and -low > 0.01 * high:
        line = table.lines[np.flatnonzero(g == low)[0]]
        raise MeasurementError(
            f"{table.path}, line {line}: negative resistance, {engineering(1 / low, 'ohm')} (i_ds / v_ds); it must be "
            "above 0. "
            "Check the sign of v_ds and of the current."
        )
    if low < 0:
        warnings.append(
            f"{int(np.sum(finite < 0))} readings have the opposite sign (at most {engineering(-low, 'S')}): gate "
            "current that leaves by the drain"
        )
    return g


def _sweeps(table: Table, sweep: np.ndarray | None, t: np.ndarray) -> np.ndarray:
    if sweep is None:
        sweep = np.ones(t.shape)
    bad = np.flatnonzero(~np.isfinite(sweep) | (sweep != np.round(sweep)))
    if bad.size:
        raise MeasurementError(
            f"{table.path}, line {table.lines[bad[0]]}: sweep is {sweep[bad[0]]:g}; it must be a whole number. "
            "Correct the cell."
        )
    if np.any(np.diff(sweep) < 0):
        line = table.lines[np.flatnonzero(np.diff(sweep) < 0)[0] + 1]
        raise MeasurementError(
            f"{table.path}, line {line}: the sweep number falls; sweeps must follow one another. Sort the rows by "
            "sweep, then time."
        )
    back = np.flatnonzero((np.diff(t) < 0) & (np.diff(sweep) == 0)) + 1
    if back.size:
        k = back[0]
        raise MeasurementError(
            f"{table.path}, line {table.lines[k]}: time goes back from {engineering(float(t[k - 1]), 's', 6)} to "
            f"{engineering(float(t[k]), 's', 6)} ({back.size} such rows); "
            "it must not fall within a sweep. Sort the rows, or add a 'sweep' column where the time starts again."
        )
    return sweep.astype(int)


def _check_widths(table: Table, v_gate: np.ndarray, width: np.ndarray) -> None:
    pulse = v_gate != 0
    bad = np.flatnonzero(pulse & ~np.isfinite(width))
    if bad.size and np.any(np.isfinite(width)):
        raise MeasurementError(
            f"{table.path}, line {table.lines[bad[0]]}: v_gate is {engineering(float(v_gate[bad[0]]), 'V')} but the "
            "width is "
            f"missing ({bad.size} such rows). "
            "Give the pulse's width, or set v_gate to 0 V where the row is a reading."
        )
    bad = np.flatnonzero(pulse & (width <= 0))
    if bad.size:
        raise MeasurementError(
            f"{table.path}, line {table.lines[bad[0]]}: the width is {engineering(float(width[bad[0]]), 's')}; it "
            "must be "
            "above 0 s. Correct it."
        )


def _checked(measurement: PulseMeasurement, table: Table) -> PulseMeasurement:
    pulses = measurement.pulses
    if len(pulses.t) < FEWEST_PULSES:
        raise MeasurementError(
            f"{table.path}: too few pulses, {len(pulses.t)} found and at least {FEWEST_PULSES} needed. "
            "Measure a longer train; or, if pulses are shorter than the sampling step, give them as rows with a "
            "'width [ns]' column."
        )
    if not np.any(np.isfinite(measurement.g)):
        raise MeasurementError(
            f"{table.path}: all {len(measurement.g)} readings are missing; at least one per pulse is needed. Check "
            "the column's name."
        )
    gap = pulses.t[1:] - (pulses.t[:-1] + pulses.width[:-1])
    over = np.flatnonzero((gap < -1e-12 * np.abs(pulses.t[1:])) & (np.diff(pulses.sweep) == 0))
    if over.size:
        k = over[0] + 1
        raise MeasurementError(
            f"{table.path}: the pulse at {engineering(float(pulses.t[k]), 's', 6)} starts before the one before it "
            "has ended "
            f"(width {engineering(float(pulses.width[k - 1]), 's')}). Correct the widths or the unit of the width "
            "column."
        )
    return measurement
