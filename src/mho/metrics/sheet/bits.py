"""Effective bits of a device that answers to pulses, and of one known by the outcome of programming."""

from __future__ import annotations

from collections.abc import Mapping

from mho.metrics.kpi import KPI
from mho.metrics.sheet import precision
from mho.metrics.sheet.bench import Bench
from mho.metrics.sheet.entry import entry, missing

DEFINITIONS = {
    "effective_bits": (
        "log2(1 + window/(6 sigma)), levels 6 sigma apart; verified write: sigma^2 = step^2/12 + cycle^2 + read^2"
    ),
    "effective_bits_snr": "log2(window/sigma) - log2(2 sqrt 3) with the same sigma",
    "effective_bits_one_day": "log2(1 + window/(6 sigma)) a day after the write, with what time has changed",
    "effective_bits_open_loop": (
        "log2(1 + window/(6 sigma)); half a ramp by count, unverified: sigma^2 = cycles^2 + devices^2 + read^2"
    ),
}
Causes = Mapping[str, Mapping[str, float]]


def bits_kpis(bench: Bench, window: float, parts: Causes, why: Mapping[str, str], n: int, first: str = "") -> list[KPI]:
    """KPIs of effective bits.

    Args:
        bench: Where it was measured.
        window: [S].
        parts: By KPI, the standard deviation [S] that each cause contributes.
        why: By KPI, why it is not to be had.
        n: Samples.
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
        share = f"sigma is {100 * sigma / window:.3g} % of the window"
        found.append(
            entry(bench, name, of(window, sigma), "1", definition, n=n, note=f"{precision.limits(causes)}; {share}")
        )
    return found
