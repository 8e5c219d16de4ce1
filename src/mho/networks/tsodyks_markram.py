"""Tsodyks-Markram short-term plasticity, exact at every spike, in the update conventions that are in use."""

from __future__ import annotations

import enum

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.devices.kinetics import follow
from mho.networks.synapse import AbstractSynapse, Number, batch_shape


class Convention(enum.Enum):
    """Order of relaxation, jump and release at a spike. State it: results differ, up to twofold at the first spike."""

    MM2002 = "u decays to 0, jumps, then releases"
    UMINUS_RELAX_U = "u decays to U, releases, then jumps"
    UPLUS_RELAX_U = "u decays to U, jumps, then releases"
    TPM3 = "as MM2002, with the released resource inactive for tau_psc"


class TsodyksMarkramState(eqx.Module):
    """What moves in a Tsodyks-Markram synapse, right after a spike.

    Args:
        u: Utilisation of the resource [1].
        x: Resource that is left [1].
        y: Resource in the active state (TPM3) [1].
        released: Share asked for by the last spike [1].
    """

    u: Number = quantity("1")
    x: Number = quantity("1")
    y: Number = quantity("1")
    released: Number = quantity("1")


class TsodyksMarkram(AbstractSynapse):
    r"""Facilitation by a utilisation u, depression by a resource x; efficacy u x at release.

    .. math::
        u_{n+1} = U + u_n (1-U)\,e^{-D/\tau_f}, \qquad x_{n+1} = 1 - [1 - x_n (1 - u_n)]\,e^{-D/\tau_{rec}}

    in the default convention, with D the interval, u_1 = U, x_1 = 1.

    Args:
        U: Utilisation of a first spike [1].
        tau_f: Facilitation time; 0 for none [s].
        tau_rec: Recovery time; 0 for none [s].
        tau_psc: Inactivation time, TPM3 only [s].
        convention: Order of events at a spike.

    Source: Tsodyks, Pawelzik, Markram 1998 (three states); Maass and Markram 2002 (the recursion above).
    """

    U: Number = quantity("1", positive=True, high=1.0)
    tau_f: Number = quantity("s", low=0.0)
    tau_rec: Number = quantity("s", low=0.0)
    tau_psc: Number = quantity("s", positive=True, default=3e-3)
    convention: Convention = eqx.field(static=True, default=Convention.MM2002)

    def __check_init__(self) -> None:
        if not isinstance(self.convention, Convention):
            raise ParameterError(
                f"TsodyksMarkram.convention is {self.convention!r}; it must be one of: "
                f"{', '.join(str(c) for c in Convention)}."
            )
        check_ranges(self)
        if self.convention is Convention.TPM3 and isinstance(self.tau_rec, np.ndarray) and np.any(self.tau_rec <= 0):
            raise ParameterError(
                "TsodyksMarkram.tau_rec is 0 s; the three-state convention needs a recovery time above 0."
            )

    @property
    def width(self) -> Number:
        """A spike has no width."""
        return jnp.zeros_like(self.U)

    def rest(self) -> TsodyksMarkramState:
        """Recovered, and not facilitated."""
        zero = jnp.zeros(batch_shape(self), jnp.result_type(self.U))
        towards_u = self.convention in (Convention.UMINUS_RELAX_U, Convention.UPLUS_RELAX_U)
        return TsodyksMarkramState(zero + self.U if towards_u else zero, zero + 1.0, zero, zero)

    def spike(self, state: TsodyksMarkramState, interval: Number) -> tuple[TsodyksMarkramState, Number]:
        """Relax over the interval, jump and release in the convention's order."""
        used, u = self._utilisation(state.u, interval)
        if self.convention is Convention.TPM3:
            return self._three_states(state, used, interval)
        x = 1.0 - (1.0 - state.x) * decay(interval, self.tau_rec)
        return TsodyksMarkramState(u, x * (1.0 - used), state.y, used), used * x

    def noisy_spike(self, state, interval, *, key: jax.Array):
        """As :meth:`spike`: the reference synapse has no noise."""
        return self.spike(state, interval)

    def share(self, state: TsodyksMarkramState) -> Number:
        """Utilisation at the last release."""
        return state.released

    def steady(self, interval: Number) -> tuple[TsodyksMarkramState, Number]:
        """Fixed point of the recursion."""
        e_f, e_r = decay(interval, self.tau_f), decay(interval, self.tau_rec)
        before = 0.0 if self.convention in (Convention.MM2002, Convention.TPM3) else self.U
        jumped = (self.U + (1.0 - self.U) * before * (1.0 - e_f)) / (1.0 - (1.0 - self.U) * e_f)  # u after the jump
        used = jumped
        if self.convention is Convention.UMINUS_RELAX_U:
            used = before + (jumped - before) * e_f
        if self.convention is Convention.TPM3:
            return self._three_states_steady(used, interval)
        x = (1.0 - e_r) / (1.0 - (1.0 - used) * e_r)
        return TsodyksMarkramState(jumped, x * (1.0 - used), jnp.zeros_like(x), used), used * x

    def paired_pulse_ratio(self, interval: Number) -> Number:
        """Efficacy of the second of two spikes from rest over that of the first [1]."""
        state, first = self.spike(self.rest(), jnp.zeros_like(interval))
        return self.spike(state, interval)[1] / first

    def _utilisation(self, u: Number, interval: Number) -> tuple[Number, Number]:
        """Utilisation at release and after the jump."""
        e = decay(interval, self.tau_f)
        if self.convention in (Convention.MM2002, Convention.TPM3):
            u = self.U + u * (1.0 - self.U) * e
            return u, u
        relaxed = self.U + (u - self.U) * e
        jumped = relaxed + self.U * (1.0 - relaxed)
        return (jumped if self.convention is Convention.UPLUS_RELAX_U else relaxed), jumped

    def _three_states(self, state, used: Number, interval: Number) -> tuple[TsodyksMarkramState, Number]:
        y = state.y * decay(interval, self.tau_psc)
        inactive = 1.0 - state.x - state.y
        drive = state.y * self.tau_rec / self.tau_psc
        x = 1.0 - y - follow(inactive, 1.0 / self.tau_rec, [(drive, 1.0 / self.tau_psc)], interval)
        release = used * x
        return TsodyksMarkramState(used, x - release, y + release, used), release

    def _three_states_steady(self, used: Number, interval: Number) -> tuple[TsodyksMarkramState, Number]:
        shape = jnp.broadcast_shapes(jnp.shape(used), jnp.shape(interval))
        zero = jnp.zeros(shape, jnp.result_type(used))
        e_p = decay(interval, self.tau_psc)
        y_per_release = 1.0 / (1.0 - e_p)  # y right after release, per unit released
        drive = y_per_release * self.tau_rec / self.tau_psc
        # inactive share after the interval: z' = z e_r + f(y), and z is the same before every release
        gained = follow(zero, 1.0 / self.tau_rec, [(drive, 1.0 / self.tau_psc)], interval)
        z = gained / (1.0 - decay(interval, self.tau_rec))
        lost = z + y_per_release * e_p  # what is not recovered before a release, per unit released
        release = used / (1.0 + used * lost)
        y = release * y_per_release
        return TsodyksMarkramState(used, 1.0 - y - release * z, y, used + zero), release


def decay(interval: Number, tau: Number) -> Number:
    """exp(-interval/tau), and 0 where tau is 0, with finite derivatives."""
    safe = jnp.where(tau > 0, tau, 1.0)
    return jnp.where(tau > 0, jnp.exp(-interval / safe), 0.0)
