"""What a KPI rests on: its circuit's design values and the numbers of its device, each with its manner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mho.core.parameters import ParameterSet
from mho.metrics.kpi import KPI, provenance_of
from mho.studies.execution import Context

SYNTHETIC = "fitted to the packaged measurement, which was drawn from the reconstruction"


def grounded(
    context: Context, kpis: Iterable[KPI], device: ParameterSet | None = None, *, synthetic: bool | None = None
) -> list[KPI]:
    """KPIs with the numbers of their device added to what they rest on.

    A number fitted to the packaged measurement counts as assumed: that measurement was drawn from assumptions.

    Args:
        context: The run.
        kpis: With the provenance that their metric gave them.
        device: The set of the device that takes part, if its numbers are not among the provenance yet.
        synthetic: Whether the measurement is the packaged one; as the measurement stage says if None.
    """
    packaged = context.handover("measurement")["packaged"] if synthetic is None else synthetic
    added = provenance_of(device) if device is not None else []
    return [replace(kpi, provenance=[_plain(r, packaged) for r in (*kpi.provenance, *added)]) for kpi in kpis]


def _plain(record: Mapping[str, str], synthetic: bool) -> dict[str, str]:
    if synthetic and record.get("how") == "fitted":
        return {**record, "how": "assumed", "where": SYNTHETIC}
    return dict(record)
