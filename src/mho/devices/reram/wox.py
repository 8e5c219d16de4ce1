"""Volatile tungsten oxide (Michigan): conducting channels that a voltage widens and diffusion closes."""

from __future__ import annotations

import jax.numpy as jnp

from mho.core.fields import check_ranges, quantity
from mho.devices.device import ROOM, Number
from mho.devices.kinetics import arrhenius, relative_decay
from mho.devices.reram.cell import CLAMP, AbstractBareCell, CellState, relaxed, within


class WOx(AbstractBareCell):
    r"""A Schottky and a tunnelling path in parallel; their share w is driven by a sinh and decays by itself.

    .. math::
        i = (1-w)\,\alpha\,(1-e^{-\beta v}) + w\,\gamma\sinh(\delta v), \qquad
        \dot w = \lambda\eta_1\sinh(\eta_2 v) - w/\tau

    (w stops at 0 and 1). Linear in w, so the event face is closed: an exponential approach, clipped.

    Args:
        alpha: Amplitude of the Schottky path [A].
        beta: Its curvature [1/V].
        gamma: Amplitude of the tunnelling path [A].
        delta: Its curvature [1/V].
        lambda_w: Scale of the drive, lambda [1].
        eta_1: Rate of the drive [1/s].
        eta_2: Curvature of the drive [1/V].
        tau: Time constant of the decay [s].
        energy_decay: Activation energy of the decay [J].
        v_read: Voltage at which `conductance` reads [V].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range.

    Source: Chang, Jo, Kim, Sheridan, Gaba & Lu, Appl. Phys. A 102, 857 (2011).
    Limits: one time constant; what long training makes non-volatile is left out.
    """

    alpha: Number = quantity("A", positive=True)
    beta: Number = quantity("1/V", positive=True)
    gamma: Number = quantity("A", positive=True)
    delta: Number = quantity("1/V", positive=True)
    lambda_w: Number = quantity("1", positive=True)
    eta_1: Number = quantity("1/s", positive=True)
    eta_2: Number = quantity("1/V", positive=True)
    tau: Number = quantity("s", positive=True)
    energy_decay: Number = quantity("J", low=0.0, default=0.0)
    v_read: Number = quantity("V", positive=True, default=0.1)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    def __check_init__(self) -> None:
        check_ranges(self)

    @property
    def x_0(self) -> Number:
        """Nothing: what the decay goes to [1]."""
        return 0.0  # type: ignore[return-value]

    def window(self) -> tuple[Number, Number]:
        """Conductance at v_read without and with channels; which is larger depends on v_read [S]."""
        closed, opened = (self.through(x, self.v_read) / self.v_read for x in (0.0, 1.0))
        return jnp.minimum(closed, opened), jnp.maximum(closed, opened)

    def conductance(self, state: CellState, *, temperature: float = ROOM) -> Number:
        """Conductance at v_read [S]."""
        return self.through(state.x, self.v_read) / self.v_read

    def through(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Current of both paths [A]."""
        schottky = -self.alpha * jnp.expm1(-jnp.clip(self.beta * v, -CLAMP, CLAMP))
        tunnel = self.gamma * jnp.sinh(jnp.clip(self.delta * v, -CLAMP, CLAMP))
        return (1.0 - x) * schottky + x * tunnel

    def drive(self, v: Number) -> Number:
        """Rate at which voltage widens the channels [1/s]."""
        return self.lambda_w * self.eta_1 * jnp.sinh(jnp.clip(self.eta_2 * v, -CLAMP, CLAMP))

    def decay(self, temperature: Number) -> Number:
        """Rate at which they close [1/s]."""
        return 1.0 / (self.tau * arrhenius(self.energy_decay, temperature))

    def speed(self, x: Number, v: Number, *, temperature: float = ROOM) -> Number:
        """Change of the share [1/s]."""
        return within(x, self.drive(v) - x * self.decay(temperature))

    def after(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """State at the end, in closed form."""
        decay = self.decay(temperature)
        way = (self.drive(v) - x * decay) * duration * relative_decay(decay * duration)
        return jnp.clip(x + way, 0.0, 1.0)

    def spent(self, x: Number, v: Number, duration: Number, *, temperature: float = ROOM) -> Number:
        """Energy in closed form: the current is linear in the state, whose integral is known."""
        drive, decay = self.drive(v), self.decay(temperature)
        start = drive - x * decay
        end = jnp.where(start > 0.0, 1.0, 0.0)
        # x reaches its end only if it would move on there; (drive - end decay)/start is what is left of its speed.
        left = jnp.where(start == 0.0, 1.0, (drive - end * decay) / jnp.where(start == 0.0, 1.0, start))
        stops = (left > 0.0) & (start != 0.0)
        moving = jnp.where(stops, jnp.clip(-jnp.log(jnp.where(stops, left, 1.0)) / decay, 0.0, duration), duration)
        area = x * moving + start * moving * moving * _second(decay * moving) + end * (duration - moving)
        return v * (self.through(0.0, v) * (duration - area) + self.through(1.0, v) * area)

    def relax(self, state: CellState, duration: Number, *, temperature: float = ROOM) -> CellState:
        """The channels close exponentially."""
        return relaxed(state, state.x * jnp.exp(-duration * self.decay(temperature)))


def _second(y: Number) -> Number:
    """(y - 1 + exp(-y)) / y^2 for y >= 0, also at and near 0."""
    small = y < 0.05
    near, far = jnp.where(small, y, 0.0), jnp.where(small, 1.0, y)
    series = jnp.zeros_like(near)
    for n in (40320.0, 5040.0, 720.0, 120.0, 24.0, 6.0, 2.0):
        series = 1.0 / n - near * series
    return jnp.where(small, series, (far + jnp.expm1(-far)) / (far * far))
