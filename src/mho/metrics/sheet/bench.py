"""The bench on which a device is measured: nominal, noisy and sampled devices side by side in one batch.

One compiled program serves all sets of a structure: devices, pulses, pauses and counts enter as arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mho.core.fields import cast
from mho.core.parameters import ParameterSet
from mho.core.quantities import engineering as text
from mho.core.sampling import sample
from mho.devices import AbstractContinuousDevice, AbstractDevice, AbstractMemory, AbstractProgrammed, Pulse

PULSES = 64  # of a ramp, where neither the set nor a first pulse says
FEWEST, MOST = 16, 1024  # pulses of a ramp, where the set does not say
_CHUNK = 256  # pulses that one call of the compiled program can record
_MORE = 4  # times as many devices where they are programmed, not pulsed
_NOISE = "sigma"  # the fields that draw: standard deviations of cycle and read


@dataclass(frozen=True)
class Drive:
    """One kind of pulse: amplitude [V], width [s], pause after it [s]."""

    amplitude: float
    width: float
    gap: float


@dataclass(frozen=True)
class Train:
    """What a train of equal pulses did, one column a device.

    Args:
        start: Conductance before [S], shape (devices,).
        after: Right after each pulse [S], shape (pulses, devices).
        later: After the pause that follows each pulse [S].
        energy: Of each pulse of the nominal device [J], shape (pulses,).
        state: At the end.
    """

    start: np.ndarray
    after: np.ndarray
    later: np.ndarray
    energy: np.ndarray
    state: Any

    @property
    def ramp(self) -> np.ndarray:
        """Conductance before the first pulse and after each pulse with its pause [S]."""
        return np.concatenate([self.start[None], self.later])


@dataclass(frozen=True)
class Bench:
    """A set's device on the bench.

    The batch holds, in this order: one nominal device without noise, `n` nominal ones with cycle-to-cycle noise, `n`
    drawn from the set's spread without noise, and the same `n` with noise.

    Args:
        numbers: The set.
        device: The batch.
        n: Devices of each group.
        temperature: [K].
        up: Pulse that raises the conductance, None where the set names none.
        down: Pulse that lowers it, None where the set names none.
        pulses: Of one ramp.
        v_read: Read voltage [V].
        seed: From which everything is drawn.
    """

    numbers: ParameterSet
    device: Any
    n: int
    temperature: float
    up: Drive | None
    down: Drive | None
    pulses: int
    v_read: float
    seed: int

    @property
    def pulsed(self) -> bool:
        """Whether the device answers to pulses."""
        return isinstance(self.device, AbstractDevice)

    @property
    def bare(self) -> Any:
        """The batch without its effects."""
        return getattr(self.device, "bare", self.device)

    @property
    def ages(self) -> bool:
        """Whether the effect of a pulse depends on the age of an ECRAM."""
        return bool(np.any(np.asarray(getattr(self.bare, "aging_rate", 0.0)) != 0.0))

    @property
    def noisy(self) -> slice:
        """The nominal devices with noise."""
        return slice(1, 1 + self.n)

    @property
    def spread(self) -> slice:
        """The drawn devices without noise."""
        return slice(1 + self.n, 1 + 2 * self.n)

    @property
    def drawn(self) -> slice:
        """All drawn devices, with and without noise (of programmed devices, all have noise)."""
        return slice(1 + self.n, None)

    @property
    def population(self) -> slice:
        """The drawn devices with noise."""
        return slice(1 + 2 * self.n, 1 + 3 * self.n)

    def key(self, name: str) -> jax.Array:
        """A random key for what is called `name`."""
        return jax.random.fold_in(jax.random.key(self.seed), sum(ord(c) * 31**i for i, c in enumerate(name)) % 2**31)

    # ---- what is done on the bench ---------------------------------------------------------------------------------
    def fresh(self) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
        """State of the fresh batch, its conductance [S], and low and high end of its window [S]."""
        with jax.enable_x64(True):
            state, g, low, high = _fresh(self.device, _scalar(self.temperature))
            return state, np.asarray(g), np.asarray(low), np.asarray(high)

    def train(self, state: Any, drive: Drive, count: int, name: str) -> Train:
        """A train of `count` equal pulses from `state`; `name` sets its random numbers."""
        key, parts, start = self.key(name), [], None
        with jax.enable_x64(True):
            for first in range(0, max(count, 1), _CHUNK):
                size = min(_CHUNK, count - first)
                v, width, gap, warmth = (
                    _scalar(x) for x in (drive.amplitude, drive.width, drive.gap, self.temperature)
                )
                of_part = jax.random.fold_in(key, first)
                state, g, records = _train(
                    self.device, state, v, width, gap, warmth, jnp.asarray(size), of_part, self.ages
                )
                start = np.asarray(g) if start is None else start
                parts.append([np.asarray(x)[:size] for x in records])
        assert start is not None
        after, later, energy = (np.concatenate(x) for x in zip(*parts, strict=True))
        return Train(start, after, later, energy, state)

    def later(self, state: Any, duration: float, temperature: float | None = None) -> tuple[Any, np.ndarray]:
        """State and conductance [S] some time [s] after a state, without drive; read at the bench's temperature."""
        with jax.enable_x64(True):
            warmth = _scalar(self.temperature if temperature is None else temperature)
            state, g = _later(self.device, state, _scalar(duration), warmth, _scalar(self.temperature))
            return state, np.asarray(g)

    def course(self, state: Any, times: np.ndarray, temperature: float | None = None) -> np.ndarray:
        """Conductance [S] at each of the rising `times` [s] after a state, shape (times, devices)."""
        found, now = [], 0.0
        for t in times:
            state, g = self.later(state, float(t) - now, temperature)
            now = float(t)
            found.append(g)
        return np.array(found)

    def reads(self, state: Any, name: str, count: int = 48) -> np.ndarray:
        """Read conductance [S], `count` times over, shape (count, devices)."""
        with jax.enable_x64(True):
            keys = jax.random.split(self.key(name), count)
            currents = _reads(self.device, state, _scalar(self.v_read), keys, _scalar(self.temperature))
            return np.asarray(currents) / self.v_read

    def program(self, share: float, name: str) -> Any:
        """State after programming every device to a share of the nominal window."""
        _, _, low, high = self.fresh()
        target = float(low[0] + share * (high[0] - low[0]))
        with jax.enable_x64(True):
            return _program(self.device, jnp.full(len(low), target, jnp.float64), self.key(name))

    def current(self, state: Any, v: float) -> np.ndarray | None:
        """Current [A] through the device held in a state at `v` [V]; None where it has no continuous face."""
        if not isinstance(self.bare, AbstractContinuousDevice):
            return None
        with jax.enable_x64(True):
            inner = getattr(state, "inner", state)
            return np.asarray(_current(self.bare, inner, _scalar(v), _scalar(self.temperature)))

    def pulse_text(self) -> dict[str, str]:
        """The conditions of a ramp."""
        found = {"temperature": f"{self.temperature - 273.15:.4g} °C", "read": text(self.v_read, "V")}
        for name, drive in (("pulse up", self.up), ("pulse down", self.down)):
            if drive is not None:
                found[name] = f"{text(drive.amplitude, 'V')}, {text(drive.width, 's')}"
        if self.up is not None:
            found["pause"] = text(self.up.gap, "s") if self.up.gap else "none"
            found["pulses"] = str(self.pulses)
        return found


def bench(numbers: ParameterSet, *, temperature: float, n: int, seed: int) -> Bench:
    """Put a set's device on the bench.

    Args:
        numbers: The set.
        temperature: [K].
        n: Devices of each group of the batch.
        seed: From which everything is drawn.
    """
    operation = {k: float(np.ravel(v.value)[0]) for k, v in numbers.operation.items()}
    device = numbers.device()
    if programmable(device):
        n *= _MORE  # devices cost little here, and all there is to know is how they scatter
    gap = operation.get("interval", 0.0)

    def drive(way: str) -> Drive | None:
        v, t = operation.get(f"v_{way}"), operation.get(f"t_{way}")
        if v is None and hasattr(device, "v_ref") and hasattr(device, "polarity"):  # an ECRAM names its own
            v = float(device.v_ref) * float(np.sign(device.polarity)) * (1.0 if way == "up" else -1.0)
            t = float(device.t_ref)
        return None if v is None or t is None else Drive(v, t, gap)

    found = Bench(
        numbers,
        batch(numbers, device, n, jax.random.key(seed)),
        n,
        temperature,
        drive("up"),
        drive("down"),
        PULSES,
        operation.get("v_read", float(getattr(getattr(device, "bare", device), "v_read", 0.1))),
        seed,
    )
    return replace(found, pulses=int(operation["pulses"]) if "pulses" in operation else _pulses(found))


def _pulses(found: Bench) -> int:
    """Pulses that would cross the window if all were as large as the first, within `FEWEST` and `MOST`."""
    if found.up is None or not found.pulsed:
        return PULSES
    state, _, low, high = found.fresh()
    first = found.train(state, found.up, 1, "first")
    step = abs(float(first.later[0, 0] - first.start[0]))
    wanted = float(high[0] - low[0]) / step if step > 0.0 else float(PULSES)
    return int(min(max(np.ceil(wanted), FEWEST), MOST)) if np.isfinite(wanted) else PULSES


def batch(numbers: ParameterSet, device: AbstractMemory, n: int, key: jax.Array) -> Any:
    """The groups of devices of a `Bench`, in one batch of 1 + 3n."""
    drawn = sample(device, *numbers.spreads(), n=n, key=key, correlation=numbers.correlation())
    quiet = np.concatenate([[0.0], np.ones(n), np.zeros(n), np.ones(n)])
    if programmable(device):  # what programming makes of a target is all noise: none without
        quiet = np.ones_like(quiet)

    def lane(path: Any, nominal: Any, own: Any) -> Any:
        if not eqx.is_inexact_array_like(nominal):
            return nominal
        own = np.broadcast_to(np.asarray(own, np.float64), (n,))
        leaf = np.concatenate([np.full(1 + n, float(np.asarray(nominal))), own, own])
        draws = any(str(getattr(step, "name", "")).startswith(_NOISE) for step in path)
        return leaf * quiet if draws else leaf

    with jax.enable_x64(True):
        return cast(jax.tree_util.tree_map_with_path(lane, device, drawn), jnp.float64)


def _scalar(x: float) -> Any:
    return jnp.asarray(x, jnp.float64)


def programmable(device: Any) -> bool:
    """Whether a device is known by the outcome of programming only."""
    return isinstance(device, AbstractProgrammed)


# ---- compiled programs -----------------------------------------------------------------------------------------------
@eqx.filter_jit
def _fresh(device: Any, temperature: Any) -> Any:
    state = device.rest()
    low, high = device.window()
    g = device.conductance(state, temperature=temperature)
    return jax.tree.map(lambda x: x + jnp.zeros_like(g), state), g, low + 0.0 * g, high + 0.0 * g


@eqx.filter_jit
def _train(device, state, amplitude, width, gap, temperature, count, key, ages: bool) -> Any:
    pulse = Pulse(amplitude, width)
    strike = _strike(device, pulse, temperature, ages)
    start = device.conductance(state, temperature=temperature)
    seen = tuple(jnp.zeros((_CHUNK, *start.shape), start.dtype) for _ in range(2))
    nominal = jax.tree.map(lambda x: jnp.broadcast_to(x[0], (_CHUNK,)), state)  # before each pulse

    def put(record: Any, x: Any, i: Any) -> Any:
        return lax.dynamic_update_index_in_dim(record, x, i, 0)

    def one(i: Any, carry: Any) -> Any:
        state, seen, nominal = carry
        nominal = jax.tree.map(lambda r, x: put(r, x[0], i), nominal, state)
        hit = strike(state, jax.random.fold_in(key, i))
        now = device.relax(hit, gap, temperature=temperature)
        new = (device.conductance(hit, temperature=temperature), device.conductance(now, temperature=temperature))
        now = jax.tree.map(lambda x, like: x.astype(like.dtype), now, state)
        return now, tuple(put(r, x, i) for r, x in zip(seen, new, strict=True)), nominal

    state, seen, nominal = lax.fori_loop(0, count, one, (state, seen, nominal))
    first = jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, device)
    energy = first.energy(nominal, pulse, temperature=temperature) + jnp.zeros(_CHUNK, start.dtype)
    return state, start, (*seen, energy)


def _strike(device: Any, pulse: Pulse, temperature: Any, ages: bool) -> Any:
    """What one pulse does to a state; an ECRAM that does not age computes it once for the whole train."""
    if hasattr(device, "prepare") and not ages:
        kind = device.prepare(pulse, temperature=temperature)
        return lambda state, key: kind.noisy(device, state, key=key)
    return lambda state, key: device.pulse(state, pulse, key=key, temperature=temperature)


@eqx.filter_jit
def _later(device, state, duration, temperature, at) -> Any:
    state = device.relax(state, duration, temperature=temperature)
    return state, device.conductance(state, temperature=at)


@eqx.filter_jit
def _reads(device, state, v, keys, temperature) -> Any:
    return jax.vmap(lambda key: device.read(state, v, key=key, temperature=temperature))(keys)


@eqx.filter_jit
def _program(device, target, key) -> Any:
    return device.program(target, key=key)


@eqx.filter_jit
def _current(device, state, v, temperature) -> Any:
    count = len(device.terminals) + len(device.internal)
    hot = 0 if len(device.terminals) == 2 else 1  # the drain, where there is a gate
    voltages = tuple(v if k == hot else jnp.zeros_like(v) for k in range(count))
    return device.current(state, voltages, temperature=temperature)[hot]
