"""A bank of band-pass synapses: one device, tuned member by member through the pulse that a spike applies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core import engineering
from mho.core.errors import InputError
from mho.devices import ECRAM, Pulse
from mho.devices.device import ROOM
from mho.networks.depression import BandPass, Resource
from mho.networks.device_synapse import DeviceSynapse
from mho.networks.response import effective_tau
from mho.networks.synapse import batch_shape

SELECTIVITY = 0.3  # U tau_f f_0 of a designed member: below 1, so that the high-pass corner lies above the centre


class Design(NamedTuple):
    """Band-pass synapses on paper, every leaf of shape (n,).

    Args:
        device: The devices.
        pulse: What a spike applies to each.
        recovery: Recovery time of each resource, 0 for none [s].
        baseline: Conductance that each read-out subtracts [S].
        unit: Conductance of unit efficacy [S].
    """

    device: ECRAM
    pulse: Pulse
    recovery: np.ndarray
    baseline: np.ndarray
    unit: np.ndarray

    def build(self, *, temperature: float = ROOM, dtype: Any = np.float32) -> BandPass:
        """The synapses themselves."""
        synapse = DeviceSynapse.of(
            self.device, self.pulse, baseline=self.baseline, unit=self.unit, temperature=temperature, dtype=dtype
        )
        with jax.enable_x64(True):
            return BandPass(synapse, Resource(jnp.asarray(self.recovery, dtype)))


def design_volatile(device: ECRAM, pulse: Pulse, recovery: Any) -> Design:
    """One synapse for each recovery time, whose efficacy is the volatile conductance as a share of the full one.

    The rest is taken away by a second, unpulsed device.

    Args:
        device: One device, or a batch of `len(recovery)`.
        pulse: One pulse, or a batch.
        recovery: Recovery time of each resource [s].
    """
    recovery = np.asarray(recovery, np.float64)
    n = recovery.size
    device = batched(device, n)
    with jax.enable_x64(True):
        rest = np.asarray(device.g_rest)
    return Design(device, batched(pulse, n), recovery, rest, np.asarray(device.g_volatile))


def design_bank(
    device: ECRAM,
    centres: Any,
    *,
    nominal: ECRAM | None = None,
    amplitude: float | None = None,
    selectivity: float = SELECTIVITY,
) -> Design:
    r"""Band-pass synapses with the given centre rates, from one device.

    A member of centre f_0 takes the utilisation :math:`U = s/(\tau_f f_0)`, set by the width of its pulse, and a
    resource that recovers in :math:`\tau_{rec} = 1/(s f_0)`: then :math:`1/\sqrt{U \tau_f \tau_{rec}} = f_0`.

    Args:
        device: The one device of all members, or a population of `len(centres)`.
        centres: Centre rates, shape (n,) [1/s].
        nominal: The device that the bank is designed for; default `device`, or the mean of the population.
        amplitude: Amplitude of the pulses; default the device's reference [V].
        selectivity: s, the product of U, tau_f and f_0 [1].

    Raises:
        InputError: If a centre lies too low for the device's times to facilitate at.
    """
    centres = np.atleast_1d(np.asarray(centres, np.float64))
    typical: Any = jax.tree.map(np.mean, device) if nominal is None else nominal
    tau_f = float(effective_tau(typical))
    lowest = 2.0 * selectivity / tau_f
    if np.min(centres) < lowest:
        raise InputError(
            f"A member's centre is {engineering(float(np.min(centres)), 'Hz')}; facilitation of "
            f"{engineering(tau_f, 's')} makes a band-pass above {engineering(lowest, 'Hz')}. "
            f"Raise the centre, or take a slower device."
        )
    amplitude = float(typical.v_ref) if amplitude is None else amplitude
    width = pulse_width(typical, selectivity / (tau_f * centres), amplitude=amplitude)
    amplitudes: Any = np.full(centres.shape, amplitude)
    return design_volatile(device, Pulse(amplitudes, width), 1.0 / (selectivity * centres))


def filter_bank(
    device: ECRAM,
    centres: Any,
    *,
    nominal: ECRAM | None = None,
    amplitude: float | None = None,
    selectivity: float = SELECTIVITY,
    temperature: float = ROOM,
    dtype: Any = np.float32,
) -> BandPass:
    """The synapses of :func:`design_bank`, built at a temperature [K] and in a precision."""
    design = design_bank(device, centres, nominal=nominal, amplitude=amplitude, selectivity=selectivity)
    return design.build(temperature=temperature, dtype=dtype)


def bank_centres(device: ECRAM, members: int = 5) -> np.ndarray:
    """Centre rates an octave apart that suit a device: the lowest at 3.25 over its facilitation time [Hz]."""
    lowest = float(f"{3.25 / float(np.mean(effective_tau(device))):.2g}")
    return lowest * 2.0 ** np.arange(members)


def pulse_width(device: ECRAM, share: Any, *, amplitude: float) -> Any:
    """Width of the pulse that loads `share` of the free room, release held or slow against it [s]."""
    drive = np.abs(_drive(device, np.float64(amplitude)))
    return np.log1p(-np.asarray(share)) / np.log1p(-np.asarray(device.efficacy)) * np.asarray(device.t_ref) / drive


def utilisation(device: ECRAM, pulse: Pulse) -> np.ndarray:
    """Share of the free room that a pulse loads, U of the pulse, release held or slow against it [1]."""
    drive = np.abs(_drive(device, np.asarray(pulse.amplitude - pulse.channel, np.float64)))
    return -np.expm1(
        np.log1p(-np.asarray(device.efficacy)) * drive * np.asarray(pulse.width) / np.asarray(device.t_ref)
    )


def _drive(device: ECRAM, eta: Any) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(eqx.filter_jit(ECRAM.drive)(device, eta))


def batched(module: Any, n: int) -> Any:
    """A module whose floating leaves all have shape (n,)."""
    return jax.tree.map(lambda x: np.broadcast_to(np.asarray(x), (n,)) if eqx.is_array_like(x) else x, module)


def stacked(modules: Sequence[Any]) -> Any:
    """Modules of one structure as one batch, for example devices of several parameter sets with as many modes each."""
    return jax.tree.map(lambda *x: np.stack([np.asarray(v, np.float64) for v in x]), *modules)


def joined(batches: Sequence[Any]) -> Any:
    """Batches of one structure, one after the other, as one."""
    return jax.tree.map(lambda *x: np.concatenate([np.asarray(v) for v in x]), *batches)


def part(batch: Any, lanes: slice) -> Any:
    """Some lanes of a batch; scalars stay."""
    return jax.tree.map(lambda x: x[lanes] if np.ndim(x) == 1 else x, batch)


def tiled(batch: Any, times: int) -> Any:
    """A batch of n repeated as a whole: lane k of the result is lane k % n; scalars become batches too."""
    n = batch_shape(batch)[0]
    return jax.tree.map(lambda x: np.tile(np.broadcast_to(np.asarray(x), (n,)), times), batch)
