"""Electrochemical random-access memory: volatile ion modes over a non-volatile conductance, in one device."""

from __future__ import annotations

import enum
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core import random
from mho.core.errors import ParameterError
from mho.core.fields import check_ranges, quantity
from mho.core.quantities import engineering
from mho.devices.device import ROOM, AbstractContinuousDevice, Number, Part, Pulse, nothing
from mho.devices.ecram_pulse import ECRAMPulse
from mho.devices.kinetics import arrhenius, flow, follow, integral_of_cube, known, relative_decay, signed_power

_CLAMP = 20.0  # largest argument of sinh; keeps a Newton iterate finite, never reached by a device in its range


class Gate(enum.Enum):
    """How the gate is left between pulses."""

    SHORTED = "shorted"
    OPEN = "open"


class ECRAMState(eqx.Module):
    """What moves in an ECRAM.

    Args:
        q: Volatile loading of each mode; their sum lies in [-1, 1] [1].
        z: Slow order that follows the loading [1].
        x: Non-volatile state in [0, 1] [1].
        age: Time spent under drive, counted at the reference pulse's rate [s].
        cycles: Equivalent full volatile loadings (wear) [1].
        charge: Ionic charge that has passed the gate, either way [C].
        pulses: Gate pulses seen (event face only) [1].
    """

    q: tuple[Number, ...] = quantity("1")
    z: Number = quantity("1")
    x: Number = quantity("1")
    age: Number = quantity("s")
    cycles: Number = quantity("1")
    charge: Number = quantity("C")
    pulses: Number = quantity("1")

    @property
    def loading(self) -> Number:
        """Q, the sum of the volatile modes."""
        return sum(self.q[1:], start=self.q[0])


class ECRAM(AbstractContinuousDevice):
    r"""A three-terminal electrochemical transistor with K volatile modes and one non-volatile state.

    With the gate's effective voltage :math:`\eta = v_{ion} - (v_d + v_s)/2`, its normalised drive
    :math:`s = p\,\sinh(\eta/v_0)/\sinh(v_{ref}/v_0)`, the loading rate :math:`\lambda = \lambda_{ref}|s|` with
    :math:`\lambda_{ref} = -\ln(1-U)/t_{ref}`, :math:`\rho = 1/(1+h\lambda)` and :math:`Q = \sum_k q_k`:

    .. math::
        \dot q_k &= a_k k_a \lambda\,(\operatorname{sign} s - Q) - \rho\,q_k/\tau_k \\
        \dot z &= [k_a(1-\rho)/\tau_{z,on} + \rho/\tau_{z,off}]\,(Q - z) \\
        \dot x &= w_+ (1-s_u x) - \beta w_- [1-s_d(1-x)] - (x-x_0)/\tau_x \\
        w &= b\lambda\operatorname{sign}s + \kappa Q^3 \\
        G &= \max\{g_{min} + (g_{max}-g_{min})x + g_v g_a\operatorname{sign}(Q)|Q|^m[r+(1-r)|z|],\ g_{min}\} \\
        k_a &= e^{-\kappa_r T/T_a}, \qquad g_a = e^{-\kappa_g T/T_a}, \qquad \dot T = |s|, \qquad T_a = 400\ \mathrm{s}

    (x stops at 0 and 1). With one mode, :math:`h \to \infty`, m = r = 1 and no aging a pulse train
    is exactly Tsodyks-Markram facilitation: :math:`u = Q`, U the efficacy, :math:`\tau_f = \tau_1`, weight
    :math:`g_{nv} + g_v u` read after the pulse, intervals counted from a pulse's end to the next one's start.

    Args:
        g_min: Smallest channel conductance [S].
        g_max: Channel conductance at full non-volatile insertion [S].
        x_0: Non-volatile state at the start, to which self-discharge returns [1].
        g_volatile: Conductance of the fully loaded volatile state, g_v [S].
        efficacy: Share of the free volatile room that a reference pulse loads, U [1].
        v_ref: Amplitude of the reference pulse [V].
        t_ref: Width of the reference pulse [s].
        v_0: Hopping voltage, in which the loading rate grows e-fold [V].
        weights: Share of each mode in loading, a_k; they sum to 1 [1].
        tau: Relaxation time of each mode, tau_k, gate shorted [s].
        hold: Loading-rate scale of held release, h: 0 releases while driven, a large value does not [s].
        exponent: Read-out exponent m: 1 linear, above 1 percolation [1].
        order_floor: Share of the read-out that needs no order, r [1].
        tau_order_on: Ordering time under drive [s].
        tau_order_off: Ordering time without drive [s].
        aging_rate: Aging of the loading rates per 400 s of drive, kappa_r [1].
        aging_conductance: Aging of g_volatile per 400 s of drive, kappa_g [1].
        write_share: Non-volatile loading relative to volatile loading, b [1].
        softness_up: Share of the upward write rate that is lost at x = 1, s_u: 1 soft bounds, 0 linear [1].
        softness_down: Share of the downward write rate that is lost at x = 0, s_d [1].
        depression: Downward write rate relative to upward, beta [1].
        consolidation: Rate at which a full volatile state becomes non-volatile, kappa [1/s].
        tau_retention: Return of the non-volatile state, gate shorted [s].
        tau_retention_open: The same, gate open [s].
        open_release: Volatile release rate with the gate open, relative to shorted [1].
        polarity: +1 if a positive gate voltage raises the conductance, -1 if it lowers it [1].
        r_ion: Series resistance of electrolyte and gate line [ohm].
        c_gate: Gate capacitance [F].
        r_leak: Leakage from the ion node to the source [ohm].
        charge_full: Ionic charge of the full volatile state [C].
        drain_share: Share of the gate's current that leaves by the drain, f_D [1].
        energy_release: Activation energy of release [J].
        energy_loading: Activation energy of loading [J].
        energy_conduction: Activation energy of the channel [J].
        sigma_cycle: Cycle-to-cycle relative standard deviation of a pulse's effect [1].
        sigma_read: Relative standard deviation of one read [1].

    Raises:
        ParameterError: If a value is out of range, g_max <= g_min, or weights and tau do not match.

    Limits: the gate's intermediate voltages, temperature and age laws are forms, not measured here. The event face is
    exact but for four things. Age is averaged over a pulse (exact where release is held). A write that changes sign
    within an event, and consolidation against self-discharge, are taken one after the other (error below the product
    of the two). `charge` counts the net change of each event. A gate capacitance that charges is left out (its time
    constant must be short against the pulse).
    """

    terminals: ClassVar[tuple[str, ...]] = ("gate", "drain", "source")
    internal: ClassVar[tuple[str, ...]] = ("ion",)
    states: ClassVar[tuple[str, ...]] = ("q", "z", "x", "age", "cycles", "charge", "pulses")

    g_min: Number = quantity("S", positive=True)
    g_max: Number = quantity("S", positive=True)
    x_0: Number = quantity("1", low=0.0, high=1.0)
    g_volatile: Number = quantity("S", positive=True)
    efficacy: Number = quantity("1", positive=True, high=0.999999)
    v_ref: Number = quantity("V", positive=True)
    t_ref: Number = quantity("s", positive=True)
    v_0: Number = quantity("V", positive=True)
    weights: tuple[Number, ...] = quantity("1", low=0.0, high=1.0)
    tau: tuple[Number, ...] = quantity("s", positive=True)
    hold: Number = quantity("s", low=0.0, default=0.0)
    exponent: Number = quantity("1", positive=True, default=1.0)
    order_floor: Number = quantity("1", low=0.0, high=1.0, default=1.0)
    tau_order_on: Number = quantity("s", positive=True, default=1.0)
    tau_order_off: Number = quantity("s", positive=True, default=1.0)
    aging_rate: Number = quantity("1", low=0.0, default=0.0)
    aging_conductance: Number = quantity("1", low=0.0, default=0.0)
    write_share: Number = quantity("1", low=0.0, default=0.0)
    softness_up: Number = quantity("1", low=0.0, high=1.0, default=1.0)
    softness_down: Number = quantity("1", low=0.0, high=1.0, default=1.0)
    depression: Number = quantity("1", positive=True, default=1.0)
    consolidation: Number = quantity("1/s", low=0.0, default=0.0)
    tau_retention: Number = quantity("s", positive=True, default=1e9)
    tau_retention_open: Number = quantity("s", positive=True, default=1e12)
    open_release: Number = quantity("1", low=0.0, high=1.0, default=1.0)
    polarity: Number = quantity("1", low=-1.0, high=1.0, default=1.0)
    r_ion: Number = quantity("ohm", positive=True, default=1e3)
    c_gate: Number = quantity("F", positive=True, default=0.2e-12)
    r_leak: Number = quantity("ohm", positive=True, default=1e12)
    charge_full: Number = quantity("C", low=0.0, default=0.0)
    drain_share: Number = quantity("1", low=0.0, high=1.0, default=0.5)
    energy_release: Number = quantity("J", low=0.0, default=0.0)
    energy_loading: Number = quantity("J", low=0.0, default=0.0)
    energy_conduction: Number = quantity("J", low=0.0, default=0.0)
    sigma_cycle: Number = quantity("1", low=0.0, default=0.0)
    sigma_read: Number = quantity("1", low=0.0, default=0.0)

    aging_time: ClassVar[float] = 400.0  # T_a [s]: only a scale for the two aging constants

    def __check_init__(self) -> None:
        check_ranges(self)
        if len(self.weights) != len(self.tau) or not self.tau:
            raise ParameterError(
                f"ECRAM has {len(self.weights)} weights and {len(self.tau)} times tau; give one of each per mode."
            )
        plain = all(isinstance(x, np.ndarray) and x.ndim == 0 for x in (*self.weights, self.g_min, self.g_max))
        if plain and abs(sum(float(w) for w in self.weights) - 1.0) > 1e-6:
            raise ParameterError(f"ECRAM.weights sum to {sum(float(w) for w in self.weights):.6g}; they must sum to 1.")
        if plain and float(self.g_max) <= float(self.g_min):
            raise ParameterError(
                f"ECRAM.g_max ({engineering(float(self.g_max), 'S')}) must exceed g_min "
                f"({engineering(float(self.g_min), 'S')}). Were they swapped?"
            )

    # ---- quantities of the model -----------------------------------------------------------------------------------
    @property
    def loading_rate(self) -> Number:
        """Loading rate of the reference pulse, lambda_ref [1/s]."""
        return -jnp.log1p(-self.efficacy) / self.t_ref

    @property
    def g_rest(self) -> Number:
        """Channel conductance at rest [S]."""
        return self.g_min + (self.g_max - self.g_min) * self.x_0

    @property
    def r_step(self) -> Number:
        """Fall of the channel resistance by one reference pulse from rest (linear read-out, no age) [ohm]."""
        return 1.0 / self.g_rest - 1.0 / (self.g_rest + self.g_volatile * self.efficacy)

    def drive(self, eta: Number) -> Number:
        """Normalised drive s at effective gate voltage `eta` [V]; 1 at the reference amplitude [1]."""
        reference = jnp.clip(self.v_ref / self.v_0, 0.0, _CLAMP)
        return self.polarity * jnp.sinh(jnp.clip(eta / self.v_0, -_CLAMP, _CLAMP)) / jnp.sinh(reference)

    def slowing(self, age: Number) -> Number:
        """k_a, what aging leaves of the loading rates [1]."""
        return _faded(self.aging_rate, age)

    def volatile_left(self, age: Number) -> Number:
        """Volatile conductance of a full loading, as far as aging left it [S]."""
        return self.g_volatile * _faded(self.aging_conductance, age)

    # ---- state and read-out ----------------------------------------------------------------------------------------
    def rest(self) -> ECRAMState:
        """No volatile loading, x at x_0; leaves have the batch shape of the device."""
        zero = nothing(self)
        return ECRAMState(tuple(zero for _ in self.tau), zero, zero + self.x_0, zero, zero, zero, zero)

    def conductance(self, state: ECRAMState, *, temperature: float = ROOM) -> Number:
        """Channel conductance [S], never below g_min."""
        volatile = self.volatile_left(state.age) * signed_power(state.loading, self.exponent)
        if not known(self.order_floor, 1.0):
            volatile = volatile * (self.order_floor + (1.0 - self.order_floor) * jnp.abs(state.z))
        g = self.g_min + (self.g_max - self.g_min) * state.x + volatile
        # Not maximum(): at rest a device may sit on the floor, and its derivative there must be the channel's.
        return jnp.where(g < self.g_min, self.g_min, g) / arrhenius(self.energy_conduction, temperature)

    def window(self) -> tuple[Number, Number]:
        """g_min and g_max: the window of the non-volatile state [S]."""
        return self.g_min, self.g_max

    def read(self, state: ECRAMState, v: Number, *, key: jax.Array, temperature: float = ROOM) -> Number:
        """Channel current [A] at read voltage `v` [V], with relative read noise."""
        g = self.conductance(state, temperature=temperature)
        noise = random.normal(key, jnp.shape(g), jnp.result_type(g))
        return g * (1.0 + self.sigma_read * noise) * v

    # ---- continuous face -------------------------------------------------------------------------------------------
    def parts(self) -> tuple[Part, ...]:
        """Ion resistance, gate capacitance shared between drain and source, and leakage."""
        return (
            Part("R", "gate", "ion", self.r_ion),
            Part("C", "ion", "drain", self.c_gate * self.drain_share),
            Part("C", "ion", "source", self.c_gate * (1.0 - self.drain_share)),
            Part("R", "ion", "source", self.r_leak),
        )

    def rate(self, state, voltages, *, temperature: float = ROOM, gate: Gate = Gate.SHORTED) -> ECRAMState:
        """Time derivative of the state at the voltages of gate, drain, source and ion node [V]."""
        _, drain, source, ion = voltages
        s = self.drive(ion - 0.5 * (drain + source))
        q = state.loading
        k_a = self.slowing(state.age)
        load, speed, rho = self._driven(s, temperature)
        loading = k_a * (load - speed * q)
        release = [rho * r * x for r, x in zip(self.release_rates(temperature, gate), state.q, strict=True)]
        write = self.write_share * load + self.consolidation * q * q * q
        d_q = tuple(a * loading - r for a, r in zip(self.weights, release, strict=True))
        return ECRAMState(
            q=d_q,
            z=(k_a * (1.0 - rho) / self.tau_order_on + rho / self.tau_order_off) * (q - state.z),
            x=self._writing(state.x, write) - (state.x - self.x_0) / self._retention(gate),
            age=jnp.abs(s),
            cycles=jnp.abs(loading),
            charge=self.charge_full * jnp.abs(sum(d_q[1:], start=d_q[0])),
            pulses=jnp.zeros_like(q),
        )

    def current(self, state, voltages, *, temperature: float = ROOM) -> tuple[Number, ...]:
        """Channel current, and the ions' current from the ion node to drain and source [A]; they sum to zero."""
        _, drain, source, _ = voltages
        channel = self.conductance(state, temperature=temperature) * (drain - source)
        d_q = self.rate(state, voltages, temperature=temperature).q
        ionic = self.polarity * self.charge_full * sum(d_q[1:], start=d_q[0])
        return (
            jnp.zeros_like(channel),
            channel - self.drain_share * ionic,
            (self.drain_share - 1.0) * ionic - channel,
            ionic,
        )

    def _driven(self, s: Number, temperature: float) -> tuple[Number, Number, Number]:
        """Signed loading rate, its size, and what drive leaves of the release."""
        load = self.loading_rate / arrhenius(self.energy_loading, temperature) * s
        speed = jnp.abs(load)
        return load, speed, 1.0 / (1.0 + self.hold * speed)

    def release_rates(self, temperature: float = ROOM, gate: Gate = Gate.SHORTED) -> list[Number]:
        """Release rate of each volatile mode without drive [1/s]."""
        slow = self.open_release if gate is Gate.OPEN else 1.0
        return [slow / (tau * arrhenius(self.energy_release, temperature)) for tau in self.tau]

    def _retention(self, gate: Gate) -> Number:
        return self.tau_retention_open if gate is Gate.OPEN else self.tau_retention

    def _writing(self, x: Number, write: Number) -> Number:
        """Rate of x under the signed write rate `write`, with the room that is left either way."""
        up = jnp.where(x < 1.0, write * (1.0 - self.softness_up * x), 0.0)
        down = jnp.where(x > 0.0, write * self.depression * (1.0 - self.softness_down * (1.0 - x)), 0.0)
        return jnp.where(write > 0.0, up, down)

    def written(self, x: Number, write: Number, discharge: Number) -> Number:
        """The non-volatile state after an integrated signed write and self-discharge rate, both spread evenly."""
        fall = write * self.depression
        source = jnp.where(write > 0.0, write, fall * (1.0 - self.softness_down)) + discharge * self.x_0
        sink = jnp.where(write > 0.0, write * self.softness_up, -fall * self.softness_down) + discharge
        x = x + (source - sink * x) * relative_decay(sink)
        return jnp.where(x > 1.0, 1.0, jnp.where(x < 0.0, 0.0, x))

    # ---- event face ------------------------------------------------------------------------------------------------
    def pulse(self, state: ECRAMState, pulse: Pulse, *, key: jax.Array, temperature: float = ROOM) -> ECRAMState:
        """State after one gate pulse, with cycle-to-cycle noise. For many pulses of a kind, `prepare` once."""
        age = 0.0 if known(self.aging_rate, 0.0) else state.age
        return self.prepare(pulse, age=age, temperature=temperature).noisy(self, state, key=key)

    def prepare(self, pulse: Pulse, *, age: Number = 0.0, temperature: float = ROOM) -> ECRAMPulse:
        """The effect of one kind of pulse in closed form, computed once, to be applied to many states.

        Args:
            pulse: Amplitude, width, channel bias.
            age: Age at which the pulse comes [s]; it matters only where `aging_rate` is not zero.
            temperature: [K].
        """
        s = self.drive(pulse.amplitude - pulse.channel)
        aging = jnp.abs(s) * pulse.width
        k_a = self.slowing(age)
        if not known(self.aging_rate, 0.0):
            k_a = k_a * relative_decay(self.aging_rate * aging / self.aging_time)
        load, speed, rho = self._driven(s, temperature)
        order = k_a * (1.0 - rho) / self.tau_order_on + rho / self.tau_order_off
        zero = jnp.zeros_like(k_a * load)
        k = len(self.tau)
        rows = []  # of q_1 .. q_K, 1, z, and the loading itself
        for i, (a, r) in enumerate(zip(self.weights, self.release_rates(temperature), strict=True)):
            rows.append(
                [-a * k_a * speed - (rho * r if i == j else zero) for j in range(k)] + [a * k_a * load, zero, zero]
            )
        rows.append([zero] * (k + 3))
        rows.append([order + zero] * k + [zero, zero - order, zero])
        rows.append([-k_a * speed + zero] * k + [k_a * load, zero, zero])
        change, form = flow(rows, pulse.width, [1.0] * k + [0.0])
        return ECRAMPulse.of(
            change, form, write=self.write_share * load * pulse.width, aging=aging, width=pulse.width * 1.0
        )

    def energy(self, state: ECRAMState, pulse: Pulse, *, temperature: float = ROOM) -> Number:
        """Energy [J] from the gate's driver: the gate capacitance, its leakage, and the ions that are moved."""
        return self.spent(state, self.prepare(pulse, age=state.age, temperature=temperature)(self, state), pulse)

    def spent(self, state: ECRAMState, after: ECRAMState, pulse: Pulse) -> Number:
        """As :meth:`energy`, of a pulse whose effect is known already: it took `state` to `after` [J]."""
        across = pulse.amplitude - pulse.channel
        ions = self.polarity * self.charge_full * (after.loading - state.loading)
        leak = across * pulse.width / (self.r_ion + self.r_leak)
        return pulse.amplitude * (self.c_gate * across + leak + ions)

    def relax(self, state, duration, *, temperature: float = ROOM, gate: Gate = Gate.SHORTED) -> ECRAMState:
        """State after `duration` [s] at zero drive, the gate shorted to the channel or left open."""
        modes = list(zip(state.q, self.release_rates(temperature, gate), strict=True))
        q = tuple(a * jnp.exp(-duration * r) for a, r in modes)
        moved = sum(a * -jnp.expm1(-duration * r) for a, r in modes)
        x = self.written(state.x, self.consolidation * integral_of_cube(modes, duration), 0.0)
        same = jnp.zeros_like(x * duration)
        return ECRAMState(
            q=q,
            z=follow(state.z, 1.0 / self.tau_order_off, modes, duration),
            x=self.x_0 + (x - self.x_0) * jnp.exp(-duration / self._retention(gate)),
            age=state.age + same,
            cycles=state.cycles + same,
            charge=state.charge + self.charge_full * jnp.abs(moved),
            pulses=state.pulses + same,
        )


def _faded(constant: Number, age: Number) -> Number:
    """What an aging constant leaves at `age` [s]."""
    return 1.0 if known(constant, 0.0) else jnp.exp(-constant * age / ECRAM.aging_time)  # type: ignore[return-value]
