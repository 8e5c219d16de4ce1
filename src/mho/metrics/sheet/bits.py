"""Effective bits of a device that answers to pulses, and of one known by the outcome of programming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mho.core.quantities import engineering
from mho.metrics.kpi import KPI
from mho.metrics.sheet import precision
from mho.metrics.sheet.bench import Bench
from mho.metrics.sheet.entry import entry, missing

DEFINITIONS = {
    "effective_bits": (
        "log2(1 + window/(6 sigma)), levels 6 sigma apart; verified write: sigma^2 = step^2/12 + cycle^2 + read^2"
    ),
    "effective_bits_snr": "log2(window/sigma) - log2(2 sqrt 3) with the same sigma",
    "effective_bits_one_day": (
        "log2(1 + window/(6 sigma)) a day after the write: sigma with what time has changed, the window as far as the "
        "levels' means still span it"
    ),
    "effective_bits_open_loop": (
        "log2(1 + window/(6 sigma)); half a ramp by count, unverified: sigma^2 = cycles^2 + devices^2 + read^2"
    ),
}
FADED = "the memory has faded: no level differs from another"
_WHOLE = 0.995  # of the window: what is more is all of it
_NOTHING = 1e-6  # of the window: what is less is none of it
_SHORT = 1.0  # [s] a device that keeps its levels for less is told so
Causes = Mapping[str, Mapping[str, float]]


def bits_kpis(
    bench: Bench,
    window: float,
    parts: Causes,
    why: Mapping[str, str],
    n: int,
    *,
    kept: float = 1.0,
    retention: float | None = None,
    first: str = "",
) -> list[KPI]:
    """KPIs of effective bits.

    Args:
        bench: Where it was measured.
        window: [S].
        parts: By KPI, the standard deviation [S] that each cause contributes.
        why: By KPI, why it is not to be had.
        n: Samples.
        kept: Share of the window that the levels' means span after a day.
        retention: Time to a 10 % change of a level [s], None where it never comes.
        first: Definition of the first, where it is another than for a verified ramp.
    """
    found = []
    for name, definition in DEFINITIONS.items():
        definition = first if first and name == "effective_bits" else definition
        causes = parts.get("effective_bits" if name == "effective_bits_snr" else name, {})
        sigma = precision.total(causes)
        if name in why or not (sigma > 0.0 and window > 0.0):
            found.append(missing(bench, name, "1", definition, why.get(name, "nothing in the model limits them")))
            continue
        of = precision.snr_bits if name == "effective_bits_snr" else precision.effective_bits
        left = kept if name == "effective_bits_one_day" else 1.0
        notes = [precision.limits(causes), f"sigma is {100 * sigma / window:.3g} % of the window"]
        if left < _WHOLE:
            notes.append(f"of which the levels' means still span {100 * left:.2g} %" if left > 0.0 else FADED)
        if name in ("effective_bits", "effective_bits_snr") and retention is not None and retention < _SHORT:
            notes.append(f"for {engineering(retention, 's', 3)} only: by then a level has changed by 10 %")
        found.append(entry(bench, name, of(left * window, sigma), "1", definition, n=n, note="; ".join(notes)))
    return found


def kept(written: Sequence[np.ndarray], later: Sequence[np.ndarray]) -> float:
    """Share of what the levels' means spanned at once that they span later, 1 at most, 0 where nothing is left.

    Args:
        written: Conductance of the devices at once [S], one array a level.
        later: The same later.
    """
    before, after = (float(np.ptp([np.nanmean(g) for g in levels])) for levels in (written, later))
    share = min(after / before, 1.0) if before > 0.0 else 1.0
    return share if share > _NOTHING else 0.0
