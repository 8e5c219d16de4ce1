"""The ECRAM on a clock: the device's own pulse and relaxation, prepared once a pass, with what a chip can tune."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core import random
from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.core.sampling import Spread
from mho.devices import ECRAM, Pulse
from mho.devices.device import ROOM
from mho.networks.bank import pulse_width
from mho.networks.spiking.plasticity import AbstractReleases, AbstractShortTerm, as_precise
from mho.networks.synapse import Number


class ClockedDevice(AbstractShortTerm):
    r"""An ECRAM whose gate takes a pulse at every spike and whose channel is read right after it.

    .. math:: q^+ = q + s\,(A q + b), \qquad e = (G(q^+) - G_{base})/G_{unit}, \qquad
              q \to q^+ e^{-(dt - s\,w)/\tau}

    A and b are the device's closed-form pulse of width w. Width and amplitude are leaves: training moves them, and with
    them the utilisation; temperature moves the relaxation times, all together. One device a source stands in front of
    a row of static weights; or there is one a weight.

    Args:
        device: One device, or one per source in its leaves.
        width: Width of a spike's pulse [s].
        amplitude: Its amplitude [V].
        baseline: Conductance that the read-out subtracts [S].
        unit: Conductance of efficacy 1 [S].
        temperature: [K].
        age: Time spent under drive, which slows loading where the device ages [s].

    Raises:
        ParameterError: If a value is out of range, or the device's read-out is not linear in its loading.

    Limits: long-term change (writing, consolidation) is left out: the loading forgets, the weight stays. The device's
    whole law runs as ``Eventwise(DeviceSynapse.of(...))``. Cycle-to-cycle noise scales a pulse's effect and is not cut
    at a full device.
    """

    device: ECRAM
    width: Number = quantity("s", positive=True)
    amplitude: Number = quantity("V")
    baseline: Number = quantity("S", low=0.0, default=0.0)
    unit: Number = quantity("S", positive=True, default=1.0)
    temperature: Number = quantity("K", positive=True, default=ROOM)
    age: Number = quantity("s", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)
        for name in ("exponent", "order_floor"):
            value = getattr(self.device, name)
            if isinstance(value, np.ndarray) and np.any(value != 1.0):
                raise ParameterError(
                    f"ECRAM.{name} is {float(np.ravel(value)[0]):.4g}; on a clock the read-out must be linear (1). "
                    "Use Eventwise(DeviceSynapse.of(device, pulse)), which runs every device."
                )

    @classmethod
    def of(
        cls,
        device: ECRAM,
        pulse: Pulse | None = None,
        *,
        utilisation: Any = None,
        baseline: Any = None,
        temperature: float = ROOM,
        age: float = 0.0,
    ) -> ClockedDevice:
        """A synapse whose efficacy is relative to the first spike of the (mean) device.

        Args:
            device: One device or a batch.
            pulse: What a spike applies; default the device's reference pulse.
            utilisation: In place of a width: the share of the free room that a spike loads, one or one per source [1].
            baseline: Conductance subtracted; default that of a second, unpulsed device of the same kind [S].
            temperature: [K].
            age: [s].

        Raises:
            ParameterError: If the device is no ECRAM, or a share lies outside 0 to 1.
        """
        if not isinstance(device, ECRAM):
            raise ParameterError(
                f"A ClockedDevice is an ECRAM, not a {type(device).__name__}. Take Eventwise for others."
            )
        typical: Any = jax.tree.map(np.mean, device)
        pulse = Pulse(typical.v_ref, typical.t_ref) if pulse is None else pulse
        if utilisation is not None:
            if not np.all((np.asarray(utilisation) > 0.0) & (np.asarray(utilisation) < 1.0)):
                raise ParameterError(f"utilisation is {utilisation}; every share must lie between 0 and 1. Correct it.")
            pulse = Pulse(pulse.amplitude, pulse_width(typical, utilisation, amplitude=float(pulse.amplitude)))
        baseline = np.asarray(device.g_rest) if baseline is None else np.asarray(baseline, np.float64)
        built = cls(device, pulse.width, pulse.amplitude, baseline, 1.0, temperature, 0.0).calibrated()
        return eqx.tree_at(lambda s: s.age, built, np.asarray(age, np.float64))

    def calibrated(self) -> ClockedDevice:
        """The same, the first spike of the mean device having efficacy 1 at the age that it has: the read-out's gain.

        A chip sets it by reading devices of its own kind; one number serves a whole layer.
        """
        typical: Any = jax.tree.map(np.mean, self.device)
        with jax.enable_x64(True):
            base = float(np.mean(self.baseline))
            alone = ClockedDevice(typical, self.width, self.amplitude, base, 1.0, self.temperature, self.age)
            first = np.abs(np.asarray(_first(alone, np.shape(self.width))))
        return eqx.tree_at(lambda s: s.unit, self, np.asarray(first, np.float64))

    def scattered(self, spreads: Sequence[Spread], n: int, *, key: jax.Array, scale: Number = 1.0) -> ClockedDevice:
        """The same with `n` devices drawn around this one, inside a compiled program: as `mho.sample` does outside.

        Args:
            spreads: How quantities of the device vary.
            n: Devices, one a source.
            key: JAX random key.
            scale: Factor on every spread [1].
        """
        device = self.device
        for k, spread in enumerate(spreads):
            leaves, tree = jax.tree.flatten(spread.of(device))
            drawn = scale * random.normal(jax.random.fold_in(key, k), (len(leaves), n), jnp.float32)
            moved = [_varied(leaf, spread, z) for leaf, z in zip(leaves, drawn, strict=True)]
            device = eqx.tree_at(spread.of, device, jax.tree.unflatten(tree, moved))
        return eqx.tree_at(lambda s: s.device, self, device)

    def prepared(self, dt: Number) -> DeviceReleases:
        """The pulse as an affine map of the loading, and the decays over a step."""
        device = self.device
        programme = device.prepare(
            Pulse(self.amplitude, self.width),
            age=self.age,
            temperature=self.temperature,  # type: ignore[arg-type]
        )
        rates = device.release_rates(self.temperature)  # type: ignore[arg-type]
        return DeviceReleases(
            load=programme.modes,
            wear=programme.wear,
            decays=tuple(jnp.exp(-dt * r) for r in rates),
            longer=tuple(jnp.expm1(self.width * r) for r in rates),
            g_rest=device.g_rest,
            g_volatile=device.volatile_left(self.age),
            g_min=device.g_min,
            baseline=self.baseline,
            unit=self.unit,
            sigma_cycle=device.sigma_cycle,
            sigma_read=device.sigma_read,
        )


def _varied(leaf: Number, spread: Spread, z: Number) -> Number:
    sigma = np.float32(spread.sigma)
    if spread.kind == "log-normal":
        return leaf * jnp.exp(sigma * z)
    varied = leaf * (1.0 + sigma * z) if spread.relative else leaf + sigma * z
    return jnp.abs(varied) if spread.kind == "folded normal" else varied


@eqx.filter_jit
def _first(synapse: ClockedDevice, shape: tuple[int, ...]) -> Number:
    ones = jnp.ones((1, *(shape or (1,))))
    ready = as_precise(synapse.prepared(1.0), ones.dtype)
    return ready.step(ready.rest(ones.shape, ones.dtype), ones, None)[1].reshape(shape)


class DeviceReleases(AbstractReleases):
    """A :class:`ClockedDevice` over one step; its state is the loading of each mode."""

    load: tuple[tuple[Number, ...], ...]
    wear: tuple[Number, ...]
    decays: tuple[Number, ...]
    longer: tuple[Number, ...]
    g_rest: Number
    g_volatile: Number
    g_min: Number
    baseline: Number
    unit: Number
    sigma_cycle: Number
    sigma_read: Number

    def rest(self, shape: tuple[int, ...], dtype: Any) -> tuple[Number, ...]:
        """No loading."""
        return tuple(jnp.zeros(shape, dtype) for _ in self.decays)

    def step(
        self, state: tuple[Number, ...], spikes: Number, key: jax.Array | None
    ) -> tuple[tuple[Number, ...], Number, Number]:
        """Pulse, read, relax for what the pulse leaves of the step."""
        spikes = jnp.broadcast_to(spikes, state[0].shape)
        factor: Any = 1.0
        reading: Any = 1.0
        if key is not None:
            of_cycle, of_read = jax.random.split(key)
            factor = 1.0 + self.sigma_cycle * random.normal(of_cycle, spikes.shape, spikes.dtype)
            reading = 1.0 + self.sigma_read * random.normal(of_read, spikes.shape, spikes.dtype)
        loaded = tuple(q + spikes * factor * _affine(row, state) for q, row in zip(state, self.load, strict=True))
        g = self.g_rest + self.g_volatile * sum(loaded[1:], start=loaded[0])
        g = jnp.where(g < self.g_min, self.g_min, g) * reading
        release = spikes * (g - self.baseline) / self.unit
        cycles = spikes * jnp.abs(_affine(self.wear, state))
        after = tuple(
            q * (kept * (1.0 + spikes * longer))
            for q, kept, longer in zip(loaded, self.decays, self.longer, strict=True)
        )
        return after, release, jnp.sum(cycles, axis=tuple(range(1, cycles.ndim)))


def _affine(row: tuple[Number, ...], state: tuple[Number, ...]) -> Number:
    """Of the loading: one number a mode, and the last the constant."""
    total = row[-1]
    for c, q in zip(row[:-1], state, strict=True):
        total = total + c * q
    return total
