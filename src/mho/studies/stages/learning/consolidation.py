"""Stage "consolidation": trains of spikes on one device; what relaxes, and what has become the long-term weight."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.quantities import engineering
from mho.devices import Pulse, parameters
from mho.networks import DeviceSynapse
from mho.studies import provenance
from mho.studies.execution import Context
from mho.studies.outcome import Axis, Curve, Outcome, Series

SET = "ecram_stp_ref"
RATES = np.geomspace(1.0, 300.0, 13)  # [Hz]
SPIKES = 200
REST = 10.0  # [s] after which the volatile modes have relaxed


def work(context: Context) -> Outcome:
    """Trains of equally many spikes at rates, and a rest after each."""
    found = parameters(SET)
    device = found.device()
    reference = Pulse(device.v_ref, device.t_ref)
    with jax.enable_x64(True):
        synapse = DeviceSynapse.of(device, reference, dtype=np.float64)
        short, long = (np.asarray(x) for x in _trained(synapse, jnp.asarray(1.0 / RATES)))
    return Outcome(
        series={
            "learning.consolidation": Series(
                Axis("rate of the train", "Hz", RATES, "log"),
                [Curve("at the last spike", "1", 100 * short, "both"),
                 Curve("after the rest", "1", 100 * long, "both")],
                "efficacy gained [%]", "log",
                caption=f"{SPIKES} spikes on {SET}, and {engineering(REST, 's')} without one. What is left then is the "
                "non-volatile state: a full volatile state writes it, by the cube of its loading, so that fast trains "
                "consolidate and slow ones are forgotten. One device holds both weights.",
            )
        },
        sources=provenance.sources(found),
        handover={"rates": RATES.tolist(), "short": short.tolist(), "long": long.tolist()},
    )  # fmt: skip


@eqx.filter_jit
def _trained(synapse: DeviceSynapse, intervals: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Efficacy gained at the last spike and after the rest, for each interval between spikes."""
    start = jax.tree.map(lambda x: jnp.broadcast_to(x, intervals.shape), synapse.rest())
    first = synapse.efficacy(start)

    def one(k: jax.Array, state: object) -> object:
        return synapse.spike(state, jnp.where(k == 0, 0.0, intervals))[0]  # type: ignore[arg-type]

    end = jax.lax.fori_loop(0, SPIKES, one, start)
    rested = synapse.device.relax(end, REST, temperature=synapse.temperature)
    return synapse.efficacy(end) - first, synapse.efficacy(rested) - first
