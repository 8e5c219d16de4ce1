"""The rates of all integrals of a large circuit: charges and energies of sources, heat of groups, through tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from mho.circuits.ledger import Accounts
from mho.circuits.wiring import Wiring


class StackedRates:
    """Rates of the integrals of :class:`mho.circuits.ledger.Accounts`, for stacked vectors.

    Args:
        accounts: What is kept.
        wiring: The circuit's tables.
    """

    def __init__(self, accounts: Accounts, wiring: Wiring):
        self.accounts, self.wiring, self.layout = accounts, wiring, wiring.layout
        w, n, held = wiring, wiring.n, self.layout.held
        self.p = np.concatenate([w.linear.p, w.device.p])
        self.q = np.concatenate([w.linear.q, w.device.q])
        self.group = np.concatenate([w.linear.group, w.device.group])
        flows = len(w.linear.p)
        self.flow = np.concatenate([w.linear.flow, w.device.flow + flows])
        self.column = np.concatenate([w.linear.column, w.device.column])
        # What a held node's source delivers is its own node's current and those of the nodes that hang on it.
        above = [(k, k) for k in range(len(held))]
        for k, h in enumerate(held):
            base = h.base
            while base >= 0:
                above.append((base - n, k))
                base = held[base - n].base
        self.above = np.array(above, np.int32).reshape(-1, 2)
        self._plan()

    def _plan(self) -> None:
        """For each source's account: where its current stands, its sign, and the sources and nodes of its power."""
        n, ground = self.wiring.n, self.wiring.ground
        of_source = {h.source: (k, h.sign) for k, h in enumerate(self.layout.held)}
        number = {k: s for s, k in enumerate(self.wiring.sources)}
        index, sign, ends, what = [], [], [], []
        for kind, k in self.accounts.plan:
            if k in self.accounts.is_current:
                # Its own value times the voltage across it.
                a, b = (ground if i < 0 else i for i in self.accounts.ends[k])
                index.append(len(self.layout.held) + n + number[k])
                sign.append(1.0)
                ends.append((b, a))
                what.append(0)
                continue
            own = of_source.get(k)
            index.append(own[0] if own else len(self.layout.held) + self.layout.branches[k])
            sign.append(own[1] if own else -1.0)
            ends.append((number[k], 0))
            what.append(1 if kind == "charge" else 2)
        self.index, self.sign = np.array(index, np.int32), np.array(sign).reshape(-1, 1)
        self.ends = np.array(ends, np.int32).reshape(-1, 2)
        self.what = np.array(what, np.int32).reshape(-1, 1)

    def __call__(
        self, st: Any, update: Any, x: Any, charging: Any, slope: Any, source: Mapping[int, Any], linear: Any
    ) -> Any:
        """Rates (account, lane).

        Args:
            st: Currents and slopes before the update.
            update: Newton's update of every row (zero for held nodes and ground).
            x: Values after it.
            charging: Current into capacitances at every row, at the slopes after it.
            slope: Those slopes.
            source: Value of each independent source.
            linear: Slopes of the linear currents.
        """
        lanes = x.shape[1]
        by = jnp.concatenate([linear + jnp.zeros((1, lanes)), st.slopes])
        change = jnp.zeros_like(st.i).at[self.flow].add(by * update[self.column])
        out = [self._sources(st, update, x, change, charging, source)]
        if self.accounts.groups:
            across = st.x[self.p] - st.x[self.q]
            heat = (st.i - change) * across - st.i * (update[self.p] - update[self.q])
            out.append(self._by_group(self.group, heat))
        if self.accounts.charged:
            w = self.wiring.charge
            i = (st.c * slope[w.column] - st.bends * update[w.column]) * (x[w.p] - x[w.q])[w.flow]
            out.append(self._by_group(w.group[w.flow], i)[np.array(self.accounts.charged)])
        return jnp.concatenate(out)

    def _by_group(self, group: np.ndarray, power: Any) -> Any:
        count = self.wiring.group_count
        return jnp.zeros((count + 1, power.shape[1])).at[group].add(power)[:count]

    def _sources(self, st: Any, update: Any, x: Any, change: Any, charging: Any, source: Mapping[int, Any]) -> Any:
        """Current or power of every source."""
        lanes, n, held = x.shape[1], self.wiring.n, len(self.layout.held)
        leaving = st.f + charging
        leaving = leaving.at[np.concatenate([self.p, self.q])].add(jnp.concatenate([-change, change]))
        if st.bends is not None:
            w = self.wiring.charge
            bend = st.bends * update[w.column]
            leaving = leaving.at[np.concatenate([w.p[w.flow], w.q[w.flow]])].add(jnp.concatenate([-bend, bend]))
        own = leaving[n : n + held]
        delivered = jnp.zeros_like(own).at[self.above[:, 0]].add(own[self.above[:, 1]])
        values = jnp.stack([source[k] + jnp.zeros(lanes) for k in self.wiring.sources] or [jnp.zeros(lanes)])
        current = jnp.concatenate([delivered, x[:n], values])[self.index] * self.sign
        across = x[self.ends[:, 0] * (self.what[:, 0] == 0)] - x[self.ends[:, 1]]
        level = values[self.ends[:, 0] * (self.what[:, 0] != 0)]
        return current * jnp.where(self.what == 0, across, jnp.where(self.what == 1, 1.0, level))
