"""Will a neuron with an ECRAM inside run away? A quasi-static check before a long run."""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax
import numpy as np

from mho.circuits.neurons.bench import bench, run
from mho.circuits.neurons.neuron import MEMBRANE, AbstractNeuron
from mho.core.errors import InputError, SolverError
from mho.core.results import Status

_FROZEN = 1e-12  # efficacy at which the ions stand still
_LOADINGS = np.linspace(0.0, 0.98, 8)
_SPIKES = 5
_SHORTEST = 2.0  # an interval must last this many spike widths


@dataclass(frozen=True)
class Stability:
    """Verdict on a neuron with its ECRAM.

    Args:
        status: Status.OK or Status.RUNAWAY.
        loading: Loadings of the ECRAM that were held fixed, in order of its modulation [1].
        interval: Interval at each of them under the input, infinite if silent [s].
        unprompted: Spikes fired at each of them without input, after one that was forced.
        reached: Loading at which steady firing settles, mean over a period [1].
        runaway_from: Smallest loading at which it runs away; None if at none.
    """

    status: Status
    loading: np.ndarray
    interval: np.ndarray
    unprompted: np.ndarray
    reached: float
    runaway_from: float | None

    def require(self) -> None:
        """Raise if the neuron runs away.

        Raises:
            SolverError: Says at which loading, and what helps.
        """
        if self.status is Status.RUNAWAY:
            raise SolverError(
                f"The neuron runs away: at a loading of {self.runaway_from:.2f} of its ECRAM (steady firing reaches "
                f"{self.reached:.2f}) it fires without input or faster than its own spikes end. Lengthen the reset "
                "(v_refractory up), reduce the ECRAM's g_volatile, or reverse its polarity."
            )


def stability(neuron: AbstractNeuron, *, current: float = 20e-9) -> Stability:
    r"""Hold the ions still at several loadings and look at the fast circuit alone.

    The ions are slow against a spike, so a neuron's fate is that of the fast circuit at the loading Q that steady
    firing reaches. Spikes of width w at rate f load the modes against their release,

    .. math:: |Q| = \frac{S}{1+S}, \qquad S = \lambda_{ref}\, w f \sum_k a_k \tau_k

    The neuron runs away if, at any loading up to there, it goes on firing after one forced spike without any input,
    or its intervals fall below two spike widths.

    Args:
        neuron: The neuron with its ECRAM.
        current: Input [A].

    Raises:
        InputError: If the neuron has no ECRAM.
    """
    if neuron.excitability is None:
        raise InputError(f"{type(neuron).__name__} has no ECRAM inside, so there is nothing to run away.")
    device = neuron.excitability.device
    sign = float(device.polarity)
    loads = np.tile(_LOADINGS, 2)
    driven = np.repeat([1.0, 0.0], len(_LOADINGS))
    frozen = eqx.tree_at(
        lambda n: (n.excitability.device.efficacy, n.excitability.device.polarity),
        neuron,
        (np.full(len(loads), _FROZEN), np.full(len(loads), sign)),
    )
    held = {f"excitability.ecram.q{k}": sign * loads * float(a) for k, a in enumerate(device.weights)}
    forced = {MEMBRANE: np.where(driven > 0, 0.0, 0.9 * float(neuron.v_supply))}
    stop = 2e-4
    circuit = bench(
        frozen, current=current * driven, windows=((1e-6, 0.9 * stop), (stop, 1.1 * stop)), initial=held | forced
    )
    firing = run(circuit, stop)
    half = len(_LOADINGS)
    interval = np.array([_early(row) for row in firing.intervals[:half]])
    width = float(np.nanmedian(firing.widths)) if np.isfinite(firing.widths).any() else float(device.t_ref)
    unprompted = firing.counts[half:]
    rate = float(np.max(1.0 / interval))
    moved = float(np.asarray(device.loading_rate)) * width * rate
    with jax.enable_x64(True):
        load = moved * sum(float(a) * float(t) for a, t in zip(device.weights, device.tau, strict=True))
    reached = load / (1.0 + load)
    bad = (unprompted >= _SPIKES) | (interval < _SHORTEST * width)
    wild = [float(q) for q, b in zip(_LOADINGS, bad, strict=True) if b and (q <= reached or q == 0.0)]
    status = Status.RUNAWAY if wild else Status.OK
    first = [float(q) for q, b in zip(_LOADINGS, bad, strict=True) if b]
    return Stability(status, sign * _LOADINGS, interval, unprompted, sign * reached, first[0] if first else None)


def _early(row: np.ndarray) -> float:
    """An interval after the first few spikes, before the still ions have relaxed; infinite if there is none [s]."""
    good = row[np.isfinite(row)][: _SPIKES - 1]
    return float(good[-1]) if len(good) else np.inf
