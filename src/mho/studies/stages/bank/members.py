"""The members of the bank: what each is designed for, and the circuits that were found."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mho.circuits import Circuit
from mho.circuits.design import Bench, Design, Subject, Target, applied
from mho.circuits.design.benches import FIRST, net_charges, shares, spike_cost, train_wave
from mho.circuits.ledger import Detail
from mho.circuits.neurons.observation import Firing, observe
from mho.circuits.options import Options
from mho.core.quantities import engineering
from mho.studies.execution import Context

WIDTH = 200e-9  # [s] presynaptic spikes
LANES = 128
CHARGED = 7 / 8  # of a train: its last quarter, from which charges are taken, is then the middle of what is counted
WITHIN = 0.1  # largest deviation of a design from charges; what is left, and more, the whole circuits correct
_TOLERANCE = 3e-3  # of the transients: charges are then within 1e-3 of converged ones, at half the steps
_E_FOLD = 0.039  # [V] of the delay's control per e-fold of the spike's width: a larger membrane takes longer to reset
HOLD = 0.1  # [V] where the membrane is held: net charges are larger below and smaller above
_SLOW = 2e3  # [Hz] below it the membrane grows, so that charges stay well above what cut-off transistors leak
_GROWTH = 0.75  # exponent with which it grows: with 1 a member of 200 Hz would take twice the energy for little
_LEAK = 2.6e-7  # [A] current scale of the leak transistor: n-channel card, 0.5 um by 1 um
_SLOPE = 0.0337  # [V] its e-fold
_NET = 0.053e-12  # [C] what the leak may take of a spike's charge at the preferred rate, on 1 pF
_LEAST = 2e-12  # [A] the transistor's own at a gate near 0 V
_MIRROR, _OTHER = 26e-12, 45e-12  # [A] leaks at rest: of the mirror into the membrane, of all else out of it
BOUNDARY = "neuron and one synapse with its gate driver; without bias generation, wiring, and making the input spikes"


def wanted(study: Any, rate: float) -> Design:
    """The design of one member: responses at its own rate and half-way to its neighbours, and what a lone spike leaves.

    Charges are those of a train whose last quarter lies in the middle of the half that is counted: the ECRAM's slow
    modes go on moving. Three responses leave one of the four numbers open, and an ECRAM that relaxes over many periods
    meets them with the small difference of large charges: after a silence it has recovered, and one spike alone fires
    the neuron. What a lone spike leaves is therefore wanted too; it asks for relaxation within two periods.
    The search starts from an estimate that is near.
    """
    flank = rate_step(study)
    size = max(1.0, (_SLOW / rate) ** _GROWTH)
    targets = (
        Target("passes", study.response, rate),
        Target("passes", study.flank * study.response, rate / flank),
        Target("passes", study.flank * study.response, rate * flank),
        Target("lone", study.lone * study.response, rate),
    )
    mirror = 0.45 * size**0.85  # a larger membrane takes larger charges to the threshold
    leak = 0.4 + _SLOPE * math.log(max(_NET * mirror * rate + _MIRROR * mirror - _OTHER, _LEAST) / _LEAK)
    return Design(
        targets,
        {
            "v_leak": (0.0, 0.3),
            "synapse.mirror": (0.25 * mirror, 4.0 * mirror),
            "synapse.v_inhibit": (0.3, 1.0),
            "device.tau": (0.3 / rate, 30.0 / rate),
        },
        synapse="selective",
        device=study.device,
        fixed={
            "c_membrane": 1e-12 * size,
            "v_supply": study.supply,
            "v_delay": 0.36 - _E_FOLD * math.log(size),
            "device.g_min": study.floor,
            "device.g_volatile": 31e-6,
        },
        start={
            "v_leak": leak,
            "synapse.mirror": mirror,
            "device.tau": 1.3 / rate,
            "synapse.v_inhibit": 0.466 + 0.071 * math.log(size),
        },
        bench=Bench(
            current=study.current, width=WIDTH, spikes=int(CHARGED * study.spikes), hold=HOLD, tolerance=_TOLERANCE
        ),
        within=WITHIN,
        scouts=study.scouts,
        starts=1,
    )


def rate_step(study: Any) -> float:
    """Half the way between two members' rates, as a ratio; 2 for a bank of one."""
    rates = sorted(study.rates)
    steps = [b / a for a, b in itertools.pairwise(rates)]
    return math.sqrt(min(steps)) if steps else 2.0


def subjects(context: Context) -> list[Subject]:
    """The circuits that were designed and corrected, one a rate."""
    found = context.handover("correct")["members"]
    return [
        applied(wanted(context.study, rate).subject(), member["values"])
        for rate, member in zip(context.study.rates, found, strict=True)
    ]


def together(members: Sequence[Subject], times: int = 1) -> Subject:
    """The members as one batch, each `times` times."""

    def stack(*leaves: Any) -> Any:
        same = all(np.ndim(x) == 0 and float(x) == float(leaves[0]) for x in leaves)
        return leaves[0] if same else np.repeat(np.array([float(x) for x in leaves]), times)

    numbers = [eqx.partition(m, eqx.is_array_like) for m in members]
    return eqx.combine(jax.tree.map(stack, *(n for n, _ in numbers)), numbers[0][1])


def driven(subject: Subject, rates: Any, spikes: int) -> Circuit:
    """Neuron and synapse under a regular train of presynaptic spikes; rates may be a batch [Hz]."""
    return subject.neuron.circuit(synapse=subject.synapse, spikes=train_wave(rates, spikes, WIDTH))


def fired(circuit: Circuit, slowest: float, spikes: int, threads: int = 1) -> Firing:
    """What the neurons of a batch do until the slowest train ends."""
    options = Options(tolerance=_TOLERANCE, max_events=spikes + 4, max_points=64, ledger=Detail.SUPPLIES)
    stop = FIRST + spikes / slowest
    return observe(circuit, stop, lanes=LANES, spikes=spikes + 4, options=options, threads=threads)


def counted(firing: Firing, rates: np.ndarray, spikes: int) -> np.ndarray:
    """Whole output spikes per presynaptic spike in the second half of each train [1]."""
    half = FIRST + (spikes // 2) / rates
    with np.errstate(invalid="ignore"):
        return np.sum(firing.times > half[:, None], axis=1) / (spikes - spikes // 2)


def responses(times: np.ndarray, rates: np.ndarray, spikes: int) -> np.ndarray:
    r"""Output spikes per presynaptic spike in the second half of each train, without the steps of whole spikes [1].

    Between spikes a phase climbs by one at constant slope, so that each moment counts as the inverse of the interval
    that it lies in; after the last spike it climbs as before it, and waits before the next whole number:

    .. math:: T = \frac{\varphi(t_{end}) - \varphi(t_{half})}{n - n/2}

    Args:
        times: Of output spikes, NaN where there are no more, (samples, spikes) [s].
        rates: Presynaptic rate of each sample [Hz].
        spikes: Presynaptic spikes n of a train.
    """
    found = np.zeros(len(times))
    for k, (row, rate) in enumerate(zip(times, rates, strict=True)):
        half, end = FIRST + (spikes // 2) / rate, FIRST + spikes / rate
        row = row[np.isfinite(row) & (row < end)]
        if len(row):
            known = np.append(FIRST, row)
            known = np.append(known, 2.0 * known[-1] - known[-2])
            phases = np.interp([half, end], known, np.arange(len(known)))  # which waits at its last number
            found[k] = (phases[1] - phases[0]) / (spikes - spikes // 2)
    return found


def answered(times: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Output spikes that each train's first presynaptic spike causes by itself: those before the second.

    Args:
        times: Of output spikes, NaN where there are no more, (samples, spikes) [s].
        rates: Presynaptic rate of each sample [Hz].
    """
    with np.errstate(invalid="ignore"):
        return np.sum(times < FIRST + 1.0 / rates[:, None], axis=1)


def from_charges(study: Any, batch: Subject, presented: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What charges on a held membrane give, with which the designs worked: the response, and a lone spike's share."""
    bench = wanted(study, study.rates[0]).bench
    threshold, dead, _ = spike_cost(batch, bench, len(presented))
    net, _ = net_charges(batch, bench, presented)
    found = shares(net, threshold, dead, presented)
    return np.maximum(found["passes"], 0.0), found["lone"]


def names(context: Context) -> list[str]:
    """The members' names: their rates."""
    return [engineering(rate, "Hz", 3) for rate in context.study.rates]
