"""Make the packaged pulse measurement: synthetic, from `ecram_stp_ref`, with noise and missing samples.

Run ``python scripts/make_packaged_measurement.py``; it writes src/mho/fitting/data/ecram_stp_synthetic.csv. The same
key gives the
same file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import equinox as eqx
import jax
import jax.random as jr
import numpy as np

from mho.core import random
from mho.devices import ECRAM, Pulse, parameters

TARGET = Path(__file__).resolve().parents[1] / "src" / "mho" / "fitting" / "data" / "ecram_stp_synthetic.csv"
KEY = 20260511
MISSING = 0.012  # share of readings that the instrument lost
PROBES = (1, 2, 5, 10, 20, 50, 100, 200, 400, 700, 1000)  # [ms] after the last pulse of a train
READS = (0.1, 0.4, 0.7, 0.95)  # shares of the interval to the next pulse at which the channel is read, 0.05 ms at least


def train(times: np.ndarray, amplitude: float = 1.0) -> list[tuple[float, float]]:
    """Events (time [ms], amplitude [V], 0 for a reading) of one train: rest, pulses and readings, recovery."""
    events = [(t, 0.0) for t in (1.0, 2.0, 3.0, 4.0)]
    for t, following in zip(times, [*times[1:], None], strict=True):
        events.append((float(t), amplitude))
        if following is None:
            events += [(float(t) + p, 0.0) for p in PROBES]
        else:
            shares = READS if following - t >= 5 else READS[1:3]
            events += [(round(float(t) + max(s * (following - t), 0.05), 2), 0.0) for s in shares]
    return events


def protocol() -> dict[int, list[tuple[float, float]]]:
    """The sweeps: five rates, pairs at several intervals, two other amplitudes, and last an irregular train."""
    sweeps: dict[int, list[tuple[float, float]]] = {}
    for rate, count in ((10, 20), (30, 30), (100, 50), (300, 60), (1000, 80)):
        sweeps[len(sweeps) + 1] = train(10.0 + np.round(np.arange(count) * 1e3 / rate, 2))
    pairs = np.cumsum([10.0, 2, 500, 5, 500, 10, 500, 20, 500, 50, 500, 100, 500, 200])
    sweeps[len(sweeps) + 1] = train(pairs)
    for amplitude in (0.9, 1.1):
        sweeps[len(sweeps) + 1] = train(10.0 + np.arange(25) * 20.0, amplitude)
    intervals = np.maximum(np.round(-16.0 * np.log(1.0 - (np.arange(60) * 0.6180339887 % 1.0)), 1), 0.8)
    sweeps[len(sweeps) + 1] = train(10.0 + np.cumsum(intervals))
    return sweeps


@eqx.filter_jit
def _advance(device: ECRAM, state, gap):
    return device.relax(state, gap)


@eqx.filter_jit
def _pulse(device: ECRAM, state, amplitude, key):
    return device.pulse(state, Pulse(amplitude, 200e-9), key=key)


def measure(
    device: ECRAM, sweeps: dict[int, list[tuple[float, float]]], *, key: jax.Array
) -> Iterator[tuple[int, float, float, float]]:
    """Rows (sweep, time [ms], amplitude [V], resistance [ohm], NaN for a pulse) of a device put through the sweeps.

    The volatile state is lost between sweeps; the non-volatile one stays.
    """
    key_pulse, key_read, key_lost = jr.split(key, 3)
    count = sum(len(events) for events in sweeps.values())
    reads, lost = np.asarray(random.normal(key_read, (count,))), np.asarray(random.uniform(key_lost, (count,)))
    number, state = 0, device.rest()
    for sweep, events in sweeps.items():
        state = eqx.tree_at(lambda s: (s.q, s.z), state, (device.rest().q, device.rest().z))
        now = 0.0
        for t, amplitude in events:
            state = _advance(device, state, np.float64((t - now) * 1e-3))
            now = t
            if amplitude:
                state = _pulse(device, state, np.float64(amplitude), jr.fold_in(key_pulse, number))
                now = t + 200e-6
                yield sweep, t, amplitude, np.nan
            else:
                r = 1.0 / (float(device.conductance(state)) * (1.0 + float(device.sigma_read) * reads[number]))
                yield sweep, t, 0.0, np.nan if lost[number] < MISSING else r
            number += 1


def text(rows: Iterator[tuple[int, float, float, float]]) -> str:
    """The CSV, header included."""
    ref = parameters("ecram_stp_ref")
    lines = [
        "# SYNTHETIC pulse measurement, not a real device.",
        f"# made by: scripts/make_packaged_measurement.py, key {KEY}, with mho's own ECRAM model",
        f"# parameter set: {ref.name} ({ref.summary})",
        f"# noise: read {ref.numbers['sigma_read'].value:g} of the conductance, cycle to cycle "
        f"{ref.numbers['sigma_cycle'].value:g} of a pulse's effect; {100 * MISSING:g} % of the readings missing",
        "# sweeps: trains at 10, 30, 100, 300 and 1000 Hz with recovery, pairs 2 to 200 ms apart, 50 Hz at 0.9 V and "
        "at 1.1 V, an irregular train",
        "# between sweeps: the device rested until the volatile state was gone",
        "# temperature: 27 degC",
        "# form: a row with v_gate and width is a gate pulse that starts at t; the others are readings of the channel",
        "sweep, t [ms], v_gate [V], width [ns], r [kOhm]",
    ]
    for sweep, t, amplitude, r in rows:
        if amplitude:
            lines.append(f"{sweep},{t:.2f},{amplitude:g},200,")
        else:
            lines.append(f"{sweep},{t:.2f},0,," + ("" if np.isnan(r) else f"{r / 1e3:.4f}"))
    return "\n".join(lines) + "\n"


def main(path: str | Path = TARGET) -> Path:
    """Write the file."""
    with jax.enable_x64(True):
        content = text(measure(parameters("ecram_stp_ref").device(), protocol(), key=jr.key(KEY)))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content, encoding="utf-8")
    return Path(path)


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
