r"""What a spike applies to a cell: a plateau and a fading tail of the other sign, from either side.

Where the two waves meet, the voltage across the cell tells how long one spike came after the other; what the cell makes
of it is its window of spike-timing-dependent plasticity, and nothing about it is assumed besides the waves.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, Number
from mho.devices.reram.cell import AbstractBareCell, CellState

_STEPS = 8  # of each stretch between two corners: within 2e-6 of 1024 for cells with thresholds


class SpikeWave(eqx.Module):
    r"""Voltage that a neuron's driver puts out from the moment it spikes, 0 before and after.

    .. math:: u(t) = V_s \ (0 \le t < t_s), \qquad u(t) = -V_t\,e^{-(t-t_s)/\tau} \ (t_s \le t < t_s + t_{tail})

    Args:
        plateau: Height of the plateau, V_s [V].
        width: Its duration, t_s [s].
        tail: Depth at which the tail of the other sign begins, V_t [V].
        tau: Time constant of the tail [s].
        length: Time after which the driver cuts the tail off, t_tail [s].

    Raises:
        ParameterError: If a value is out of range.
    """

    plateau: Number = quantity("V", low=0.0)
    width: Number = quantity("s", positive=True)
    tail: Number = quantity("V", low=0.0)
    tau: Number = quantity("s", positive=True)
    length: Number = quantity("s", positive=True)

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def end(self) -> Number:
        """Time from the spike to the end of the tail [s]."""
        return self.width + self.length

    def __call__(self, t: Number) -> Number:
        """Voltage at `t` [s] after the spike [V]."""
        fading = -self.tail * jnp.exp(-jnp.maximum(t - self.width, 0.0) / self.tau)
        return jnp.where((t < 0.0) | (t >= self.end), 0.0, jnp.where(t < self.width, self.plateau, fading))


class Overlap(eqx.Module):
    r"""A cell between two neurons whose spikes put waves on its two ends.

    .. math:: v(t) = o\,[u_{post}(t - \Delta) - u_{pre}(t)], \qquad \Delta = t_{post} - t_{pre}

    With a plateau below the cell's threshold and plateau plus tail above it, only pairs move the cell: a presynaptic
    spike first (:math:`\Delta > 0`) by :math:`V_{s,post} + V_{t,pre}e^{-\Delta/\tau_{pre}}`, later
    (:math:`\Delta < 0`) by :math:`-V_{s,pre} - V_{t,post}e^{\Delta/\tau_{post}}`.

    Args:
        pre: Wave of the presynaptic neuron.
        post: Wave of the postsynaptic neuron.
        orientation: +1 if a positive voltage raises the cell's conductance, -1 if a negative one does [1].

    Source: overlapping waveforms as Zamarreño-Ramos et al., Front. Neurosci. 5, 26 (2011).
    """

    pre: SpikeWave
    post: SpikeWave
    orientation: Number = quantity("1", low=-1.0, high=1.0, default=1.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    def voltage(self, t: Number, lag: Number) -> Number:
        """Voltage across the cell [V] at `t` [s] after the presynaptic spike, with the other one `lag` [s] later."""
        return self.orientation * (self.post(t - lag) - self.pre(t))

    def corners(self, lag: Number) -> Number:
        """Times at which a wave begins, leaves its plateau or ends, in order, (..., 6) [s]."""
        lag = jnp.asarray(lag)
        own = [x + 0.0 * lag for x in (0.0, self.pre.width, self.pre.end)]
        other = [lag, lag + self.post.width, lag + self.post.end]
        return jnp.sort(jnp.stack([*own, *other], axis=-1), axis=-1)

    @property
    def reach(self) -> tuple[Number, Number]:
        """Lags beyond which the waves do not meet, below and above 0 [s]."""
        return -self.post.end, self.pre.end

    def paired(
        self, device: AbstractBareCell, state: CellState, lag: Number, *, steps: int = _STEPS, temperature: Any = ROOM
    ) -> tuple[CellState, Number]:
        """State after one pair of spikes and the energy that both drivers deliver [J], integrated, without noise.

        The device's own equation of motion is integrated from corner to corner of the waves (Runge and Kutta's fourth
        order), and stopped at its ends.

        Args:
            device: A cell of two terminals and one state.
            state: Before the pair; batches of device, state and lag are broadcast together.
            lag: Postsynaptic after presynaptic spike [s].
            steps: Steps from corner to corner.
            temperature: [K].

        Raises:
            ParameterError: If the device is no such cell.
        """
        check_bare(device)
        zero = jnp.zeros(jnp.broadcast_shapes(*(jnp.shape(x) for x in jax.tree.leaves((device, state, lag)))))
        edge = 4.0 * jnp.finfo(zero.dtype).eps

        def slope(y: tuple[Number, ...], v: Number) -> tuple[Number, ...]:
            # Just inside its ends, where a state that would go on does not yet stop: it is stopped after the step.
            x = jnp.clip(y[0], edge, 1.0 - edge)
            power = v * device.through(x, v, temperature=temperature)
            return device.speed(x, v, temperature=temperature), power

        def stretch(now: Any, ends: Any) -> tuple[Any, None]:
            begin, end = ends
            h = (end - begin) / steps
            inside = 1e-6 * (end - begin)  # a corner belongs to the stretch that is asked, whichever side it lies on

            def at(t: Number) -> Number:
                return self.voltage(jnp.clip(t, begin + inside, end - inside), lag)

            def step(k: Any, now: Any) -> Any:
                y, way = now
                t = begin + k * h
                x, energy = _runge_kutta(slope, y, h, at(t), at(t + 0.5 * h), at(t + h))
                x = jnp.clip(x, 0.0, 1.0)
                return (x, energy), way + jnp.abs(x - y[0])

            return lax.fori_loop(0, steps, step, now), None

        corners = jnp.moveaxis(self.corners(lag + zero), -1, 0)
        ((x, energy), way), _ = lax.scan(stretch, ((state.x + zero, zero), zero), (corners[:-1], corners[1:]))
        return CellState(x, state.cycles + 0.5 * way, state.pulses + 1.0 + zero), energy


def check_bare(device: Any) -> None:
    """Raise if a device is no cell of two terminals and one state, without nodes inside.

    Raises:
        ParameterError: Names the device and what to do.
    """
    if not isinstance(device, AbstractBareCell):
        raise ParameterError(
            f"{type(device).__name__} is no two-terminal cell of one state, which overlapping waves need. Pulse it "
            "through a gate instead (GatedPulses)."
        )


def _runge_kutta(slope: Any, y: Any, h: Number, v_0: Number, v_1: Number, v_2: Number) -> Any:
    """One step under the voltages at its begin, middle and end."""

    def moved(share: Any, k: Any) -> Any:
        return tuple(a + share * h * b for a, b in zip(y, k, strict=True))

    a = slope(y, v_0)
    b = slope(moved(0.5, a), v_1)
    c = slope(moved(0.5, b), v_1)
    d = slope(moved(1.0, c), v_2)
    return tuple(x + h / 6.0 * (p + 2.0 * q + 2.0 * r + s) for x, p, q, r, s in zip(y, a, b, c, d, strict=True))
