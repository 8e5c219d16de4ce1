"""Stage "synapse": facilitation, recovery, paired pulses and the energy of an event, in the circuit."""

from __future__ import annotations

import jax
import numpy as np

from mho.circuits.synapses import FacilitatingSynapse, gate_supply
from mho.core.quantities import engineering
from mho.devices import Pulse
from mho.metrics import synapse as metrics
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Mark, Outcome, Series
from mho.studies.stages.bench import with_gate_supply
from mho.studies.stages.grounds import grounded
from mho.studies.stages.measurement import floor_set

INTERVALS = np.geomspace(10e-6, 1.0, 16).tolist()  # [s]


def work(context: Context) -> Outcome:
    """Trains at the study's rates, each followed by probes; pairs; and what an event costs."""
    study, found = context.study, floor_set(context)
    device = found.device()
    context.progress(0.02, "gate supply at which the first spike has the device's effect")
    bare = FacilitatingSynapse(device, v_supply=study.supply)
    synapse = with_gate_supply(bare, gate_supply(bare))
    context.progress(0.5, "trains and probes")
    trains = metrics.facilitation(synapse, study.synapse_rates)
    context.progress(0.85, "pairs")
    pairs = metrics.paired_pulse(synapse, INTERVALS)
    event = metrics.synaptic_event(trains.train)
    energies = {name: float(np.nanmean(x[:, 0])) for name, x in trains.train.energies.items()}
    return Outcome(
        kpis=grounded(
            context,
            [
                metrics.resistance_per_spike(trains.train, device_step=float(device.r_step)),
                metrics.facilitation_ratio(trains),
                event,
            ],
            found,
        ),
        series=_trains(trains) | {"synapse.paired_pulse": _pairs(device, pairs)},
        sources=provenance.sources(found),
        handover={"v_gate": float(synapse.v_gate), "energy_per_synaptic_event": event.value, "event": energies},
    )


def _trains(found: metrics.Facilitation) -> dict[str, Series]:
    number = Axis("spike number", "1", np.arange(1, found.ratio.shape[1] + 1))
    names = [engineering(float(rate), "Hz", 3) for rate in found.rates]
    order = np.argsort(-found.rates)
    fastest = order[0]
    return {
        "synapse.facilitation": Series(
            number, [Curve(names[k], "1", found.ratio[k], "both") for k in order], "charge over the first spike's",
            caption=f"Above: at {names[fastest]} the tenth spike carries {found.ratio[fastest, -1]:.3g} times the "
            "first's charge into the membrane; slow trains relax in between.",
        ),
        "synapse.resistance": Series(
            number, [Curve(names[k], "ohm", found.resistance[k], "both") for k in order], "channel resistance",
            caption="Below: the channel resistance after each spike, which is what moves the charge.",
        ),
        "synapse.recovery": Series(
            Axis("silence before the probe", "s", found.silences, "log"),
            [Curve(names[k], "1", found.recovery[k], "both") for k in order],
            "charge over the first spike's", marks=[Mark("", y=1.0)],
            caption="Left: one probe after a train of ten and a silence; the memory fades with the device's own times.",
        ),
    }  # fmt: skip


def _pairs(device, pairs: np.ndarray) -> Series:
    """The circuit's paired-pulse ratio beside the conductance ratio of the device's event face."""
    grid = np.geomspace(INTERVALS[0], INTERVALS[-1], 80)
    with jax.enable_x64(True):
        spike = device.prepare(Pulse(device.v_ref, device.t_ref))
        first = spike(device, device.rest())

        def second(gap):
            return device.conductance(spike(device, device.relax(first, gap - device.t_ref)))

        ratio = np.asarray(jax.vmap(second)(grid)) / float(device.conductance(first))
    return Series(
        Axis("interval of the pair", "s", INTERVALS, "log"),
        [Curve("circuit, charge", "1", pairs, "points"), Curve("device, conductance", "1", ratio, x=grid)],
        "second over first",
        caption="Right: pairs of spikes; the source-degenerated read passes about half of the conductance's change.",
    )
