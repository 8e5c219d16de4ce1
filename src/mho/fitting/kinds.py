"""Which kind of measurement a file holds, by its headings."""

from __future__ import annotations

import re
from pathlib import Path

from mho.core.errors import MeasurementError
from mho.core.quantities import heading
from mho.fitting.columns import TIME, plain
from mho.fitting.reading import read_cell_table, read_table

KINDS = {
    "gate": "gate pulses of a three-terminal device: t, v_gate, and g, r or i_ds",
    "iv": "current-voltage sweeps of a cell: v, i, and t",
    "ramp": "conductance after each pulse: one column a ramp, or pulse, g, v_pulse",
    "retention": "conductance against the time since programming: t, g, and temperature, state, device",
    "noise": "one quantity of a device left alone, sampled evenly: t, i",
    "endurance": "device, cycles, failed; or cycle with both states",
    "paired": "interval and ratio of paired pulses",
}
_EVEN = 0.2  # largest relative deviation of a step from the median at which a series is evenly sampled
_CONDUCTANCES = (None, "S", "uS", "µS", "nS", "mS")  # units of ramps side by side
_LONG = 64  # samples from which an even series is a noise trace


def kind_of(path: str | Path) -> str:
    """The kind of a measurement, by its headings, and for a series of time by its clock.

    A current against time that is sampled evenly is read noise; a conductance whose steps of time grow is retention.

    Raises:
        MeasurementError: If the headings fit no kind, or the file cannot be read.
    """
    try:
        table = read_cell_table(path)
    except MeasurementError as error:
        if re.search(r"\d+ (of \d+ )?cells", str(error)) and _side_by_side(Path(path)):
            return "ramp"  # ragged columns: its own reader says what is wrong, if anything is
        raise
    names = [plain(heading(h)[0]) for h in table.headings]
    units = [heading(h)[1] for h in table.headings]
    have = set(names)
    if have & {"vgate", "vg", "vgs", "gate", "gatevoltage"} and have & {"t", "time", "timestamp"}:
        return "gate"
    if have & {"interval", "dt", "deltat", "pulseinterval"}:
        return "paired"
    if have & {"failed", "lifetime", "cyclestofailure"} or (
        have & {"cycle", "cycles"} and have & {"rlow", "ron", "rlrs", "glow", "goff", "ghigh", "gon", "lrs"}
    ):
        return "endurance"
    if have & {"pulse", "pulsenumber", "npulse", "pulses"}:
        return "ramp"
    if have & {"v", "voltage", "bias", "vapplied"} and have & {"i", "current", "id", "ids"}:
        v = table.values[:, next(k for k, n in enumerate(names) if n in ("v", "voltage", "bias", "vapplied"))]
        if v.size > 1 and v.max() > v.min():
            return "iv"
    if have & {"t", "time", "timestamp"}:
        t = table.values[:, next(k for k, n in enumerate(names) if n in ("t", "time", "timestamp"))]
        steps = abs(t[1:] - t[:-1])
        middle = sorted(steps)[len(steps) // 2] if len(steps) else 0.0
        even = middle > 0 and max(abs(steps - middle)) < _EVEN * middle
        return "noise" if even and len(t) >= _LONG else "retention"
    if len(names) >= 2 and all(u in _CONDUCTANCES for u in units):
        return "ramp"
    known = "; ".join(f"{k}: {v}" for k, v in KINDS.items())
    raise MeasurementError(
        f"{path}: the headings ({', '.join(table.headings)}) fit no kind of measurement. Say which it is with "
        f"--kind, or name the columns: {known}."
    )


def _side_by_side(path: Path) -> bool:
    """Whether a table whose rows may be short is one of ramps: every heading a conductance, or without a unit."""
    headings = [heading(h) for h in read_table(path, ragged=True).headings]
    return len(headings) >= 2 and all(u in _CONDUCTANCES and plain(n) not in TIME[1] for n, u in headings)
