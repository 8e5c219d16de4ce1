"""What the stages share: contestants, rules, keys, intervals, and networks as a stage left them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.parameters import ParameterSet
from mho.core.quantities import engineering
from mho.core.sampling import Spread
from mho.devices import Pulse, parameters
from mho.metrics.learning import within_one
from mho.metrics.network import interval
from mho.networks.bank import pulse_width
from mho.networks.spiking import Bill, ClockedDevice, ClockedTM, Conditions, EventEnergy, Static, weights_of
from mho.networks.spiking.contest import SOURCES, Played, Rules, play
from mho.networks.spiking.plasticity import AbstractShortTerm
from mho.studies.execution import Context
from mho.studies.outcome import Curve

STATIC, TM, DEVICE = "static", "tm", "device"
NAMES = {STATIC: "static", TM: "Tsodyks-Markram", DEVICE: "device"}


class Interval(NamedTuple):
    """Mean of networks, and the 95 % interval of the mean."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Any) -> Interval:
        """Student's interval of a mean, each value of a network of its own."""
        values = np.asarray(values, np.float64)
        return cls(float(np.mean(values)), *interval(values))

    def __str__(self) -> str:
        return f"{100 * self.mean:.1f} ± {100 * (self.high - self.mean):.1f}"


def kinds(context: Context) -> tuple[str, ...]:
    """Which kinds are compared, in the order of the figures."""
    return tuple(kind for kind in NAMES if kind in (STATIC, DEVICE, *context.study.rivals))


def rules(context: Context, **changes: Any) -> Rules:
    """What is alike for all contestants."""
    s = context.study
    own = Rules(
        s.hidden, s.tau_m, s.tau_syn, training=s.training, test=s.test, networks=s.seeds, epochs=s.epochs,
        batch=s.batch,
    )  # fmt: skip
    return own._replace(**changes)


def key_of(context: Context, task: str) -> jax.Array:
    """The key of a task: the same for all kinds and stages, so that they meet the same trials and first weights."""
    return jax.random.key(context.seed(f"task {task}"))


def found(context: Context) -> ParameterSet:
    """The set of the device."""
    return parameters(context.study.device)


def pulse(context: Context) -> Pulse:
    """What a spike applies to a gate: the amplitude of the set, and the width that loads the study's share."""
    device = found(context).device()
    amplitude = float(device.v_ref)
    return Pulse(amplitude, float(pulse_width(device, context.study.utilisation, amplitude=amplitude)))


def synapses(
    context: Context, kind: str, *, age: float = 0.0, calibrated: bool = False, hidden: int | None = None
) -> tuple[AbstractShortTerm, AbstractShortTerm]:
    """Synapses of a kind in front of the two layers; one device a source where devices are drawn.

    Args:
        context: Of the stage.
        kind: One of the three.
        age: Time that the devices have spent under drive [s].
        calibrated: Whether the read-out's gain was set at that age; else it is the one of new devices.
        hidden: Neurons of a layer; default those of the study.
    """
    s = context.study
    if kind == STATIC:
        return Static(), Static()
    if kind == TM:
        one = ClockedTM(s.tm_utilisation, s.tm_recovery, s.tm_facilitation, s.tm_utilisation)
        return one, one
    device = ageing(found(context).device())
    one = ClockedDevice.of(device, pulse(context), age=age)
    one = one.calibrated() if calibrated else one
    return _each(one, SOURCES), _each(one, hidden or s.hidden)


def ageing(device: Any) -> Any:
    """The device with aging constants of 1, an assumption: no set states any. At age 0 they change nothing."""
    return eqx.tree_at(lambda d: (d.aging_rate, d.aging_conductance), device, (np.ones(()), np.ones(())))


def _each(synapse: ClockedDevice, n: int) -> ClockedDevice:
    """A device a source, all alike: what is drawn has the same shape, and one program serves both."""
    device = synapse.device
    device = eqx.tree_at(
        lambda d: (d.g_volatile, d.efficacy, *d.tau),
        device,
        tuple(np.full(n, float(x)) for x in (device.g_volatile, device.efficacy, *device.tau)),
    )
    return eqx.tree_at(lambda x: x.device, synapse, device)


@functools.lru_cache(maxsize=8)
def spread_of(device: str) -> tuple[Spread, ...]:
    """A set's device-to-device spread, the same objects every time: a compiled program knows them by identity."""
    return tuple(parameters(device).spreads())


def met_in_training(context: Context, kind: str, factor: float = 1.0) -> Conditions:
    """Devices are drawn anew for every batch, so that weights suit the kind and not one chip."""
    return Conditions(spreads=spread_of(context.study.device), scale=factor) if kind == DEVICE else Conditions()


def met_in_test(context: Context, kind: str, factor: float = 1.0) -> Conditions:
    """Every network has its own chip, and pulses and reads have their noise."""
    if kind != DEVICE:
        return Conditions()
    return Conditions(spreads=spread_of(context.study.device), scale=factor, noisy=True)


def event_energy(context: Context) -> EventEnergy:
    """Energy of a gate's pulse and of a weight's read, which lasts as long as the pulse."""
    s, one = context.study, pulse(context)
    return EventEnergy.of(
        found(context).device(), one, g=s.g_weight, v_read=s.v_read, t_read=float(np.asarray(one.width))
    )


def tried(
    context: Context, task: str, kind: str, *, training: Conditions | None = None, **changes: Any
) -> tuple[Played, Bill]:
    """How networks with a kind of synapse did at a task, and what a decision took them.

    Args:
        context: Of the stage.
        task: Its name.
        kind: Of synapse.
        training: What the training meets; default the devices' spread.
        changes: To the rules.
    """
    played = play(
        task, synapses(context, kind, hidden=changes.get("hidden")), rules(context, **changes),
        key=key_of(context, task),
        training=met_in_training(context, kind) if training is None else training, testing=met_in_test(context, kind),
    )  # fmt: skip
    return played, Bill.of(played.did, event_energy(context), plastic=kind == DEVICE)


def curve(label: str, row: Sequence[Interval], **how: Any) -> Curve:
    """Accuracies in per cent with their intervals, as far as there are such accuracies."""
    low, high = zip(*(within_one((one.low, one.high)) for one in row), strict=True)
    mean, low, high = ([100 * end for end in ends] for ends in ([one.mean for one in row], low, high))
    return Curve(label, "1", mean, "both", low, high, **how)


def kept(networks: Any) -> list[Any]:
    """Trained weights as plain lists."""
    return [np.asarray(w).tolist() for w in weights_of(networks)]


def restored(context: Context, kind: str, numbers: Any, **how: Any) -> Any:
    """Networks with weights that a stage kept."""
    network = rules(context).network(synapses(context, kind, **how), key=jax.random.key(0))
    return eqx.tree_at(weights_of, network, [jnp.asarray(w, jnp.float32) for w in numbers])


def conditions(context: Context, **more: str) -> dict[str, str]:
    """What every KPI of the study is told under."""
    s = context.study
    return {
        "device": s.device,
        "network": f"{SOURCES} - {s.hidden} - {s.hidden}, feed-forward",
        "networks of a kind": str(s.seeds),
        "membrane": engineering(s.tau_m, "s"),
        **more,
    }
