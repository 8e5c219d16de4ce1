"""What the source of a set claims, and where that is far from what is computed here."""

from __future__ import annotations

from collections.abc import Sequence

from mho.core.quantities import engineering
from mho.metrics.kpi import KPI
from mho.metrics.sheet.bench import Bench
from mho.metrics.sheet.entry import entry

_FAR = 3.0  # times: claims and figures further apart are told
_COMPUTED = {"write_energy": "write_energy", "write_time": "write_time", "dynamic_range": "dynamic_range",
             "retention": "retention_time"}  # fmt: skip


def claims(on: Bench) -> list[KPI]:
    """What the source claims, marked as claims: no model computes them."""
    found = []
    for name, x in on.numbers.reported.items():
        record = {"number": f"{on.numbers.name}.reported.{name}", "source": x.source, "where": x.where, "how": x.how}
        where = f"{x.source}, {x.where} ({x.how})"
        found.append(
            entry(on, f"reported_{name}", x.value, x.unit, "claimed by the source, not computed here",
                  note=f"{where}: {x.note}" if x.note else where, provenance=[record], boundary="as its source has it")
        )  # fmt: skip
    return found


def contradictions(kpis: Sequence[KPI]) -> list[str]:
    """One line for each claim that lies more than three times from a figure computed here."""
    found, by_name = [], {k.name.partition(".")[2]: k for k in kpis}
    for short, name in _COMPUTED.items():
        claim, computed = by_name.get(f"reported_{short}"), by_name.get(name)
        if claim is None or computed is None:
            continue
        said, here = _values(claim), _values(computed)
        if any(max(a / b, b / a) > _FAR for a in said for b in here):
            a, b = (", ".join(engineering(x, claim.unit, 3) for x in values) for values in (said, here))
            found.append(f"The source claims a {short.replace('_', ' ')} of {a}; the model computes {b}.")
    return found


def _values(kpi: KPI) -> list[float]:
    """The values above zero."""
    values = kpi.value if isinstance(kpi.value, Sequence) else [kpi.value]
    return [float(x) for x in values if x is not None and x > 0.0]
