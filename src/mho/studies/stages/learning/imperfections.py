"""Stage "imperfections": accuracy as steps down weaken, as noise grows, and as devices differ, one at a time."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import numpy as np

from mho.core.errors import StudyError
from mho.devices import parameters
from mho.devices.behavioural import AbstractStepDevice
from mho.metrics.learning import within_one
from mho.metrics.network import interval
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series
from mho.studies.stages.learning.subjects import EPROP, REWARD, STDP, competed, on_clock, patterns, supervised


def work(context: Context) -> Outcome:
    """Each imperfection over its values, all else as the set has it."""
    study, given, found = context.study, patterns(context), parameters(context.study.device)
    base = pulse_model(found)
    trains = on_clock(context, given)
    rules = (STDP, REWARD, EPROP)
    total = len(rules) * len(study.asymmetries) + len(study.noises) + len(study.spreads)
    done = 0

    def over(values: Any, what: str, rule: str, vary: Any) -> Curve:
        nonlocal done
        kept = []
        for value in values:
            context.progress(done / total, f"{what}, {rule}")
            if rule == EPROP:
                runs = [supervised(context, trains, found, s, **vary(value)) for s in range(study.supervised_seeds)]
            else:
                runs = [competed(context, given, found, s, taught=rule == REWARD, **vary(value))
                        for s in range(study.seeds)]  # fmt: skip
            kept.append([run.right for run in runs])
            done += 1
        ends = [within_one(interval(np.array(row))) for row in kept]
        mean, low, high = ([100 * x for x in xs] for xs in ([np.mean(r) for r in kept], *zip(*ends, strict=True)))
        return Curve(rule, "1", mean, "both", low, high)

    def weaker(share: float) -> dict[str, Any]:
        return {"device": eqx.tree_at(lambda d: d.up_down, base, np.asarray(share))}

    def noisier(times: float) -> dict[str, Any]:
        return {"device": eqx.tree_at(lambda d: d.sigma_cycle, base, times * np.asarray(base.sigma_cycle))}

    asymmetry = [over(study.asymmetries, "asymmetry", rule, weaker) for rule in rules]
    noise = over(study.noises, "noise", STDP, noisier)
    spread = over(study.spreads, "spread", STDP, lambda s: {"spread": s})
    sigma = float(np.asarray(base.sigma_cycle))
    end = f"mean and 95 % interval of {study.seeds} seeds"
    return Outcome(
        series={
            "learning.asymmetry": Series(
                Axis("weakening of steps down (above 0) or up", "1", study.asymmetries), asymmetry, "accuracy [%]",
                marks=[Mark("as published", x=float(np.asarray(base.up_down)))],
                caption=f"Steps of one direction weakened by a share on {study.device}, all else as published; {end} "
                f"({study.supervised_seeds} under e-prop).",
            ),
            "learning.noise": Series(
                Axis("noise of a step", "1", [sigma * x for x in study.noises]), [noise], "accuracy [%]",
                marks=[Mark("as published", x=sigma)],
                caption=f"Standard deviation of a step over the step; {end}.",
            ),
            "learning.spread": Series(
                Axis("spread over the published one", "1", study.spreads), [spread], "accuracy [%]",
                marks=[Mark("as published", x=1.0)],
                caption=f"All spreads from device to device multiplied; {end}.",
            ),
        },
        handover={"asymmetry": {c.label: list(c.values) for c in asymmetry}, "noise": list(noise.values)},
    )  # fmt: skip


def pulse_model(found: Any) -> AbstractStepDevice:
    """The set's device, which must be a pulse model.

    Raises:
        StudyError: If it is another.
    """
    device = found.device(bare=True)
    if not isinstance(device, AbstractStepDevice):
        raise StudyError(
            f"{found.name} is a {type(device).__name__}, whose asymmetry is no number of its own. Take a pulse model "
            "for on-chip-learning.device, such as ecram_tang_pulse."
        )
    return device
