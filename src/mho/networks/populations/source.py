"""The C++ text of a network's kernel: loops written here, equations taken from the neurons and synapses themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from mho.networks.populations.cpp import Text, split
from mho.networks.populations.plan import Cells, Plan, Rows

_HEAD = """// A spiking network's kernel: the twin of mho.networks.populations.clocked.
#include "populations.h"
using namespace mho;
typedef {kind} T;

static ffi::Error run(ffi::RemainingArgs args, ffi::RemainingRets rets) {{
  int64_t arg = 0, ret = 0;
  auto input = [&]() {{ return args.get<ffi::AnyBuffer>(arg++).value(); }};
  auto output = [&]() {{ return rets.get<ffi::AnyBuffer>(ret++).value(); }};
  auto moving = [&]() {{  // state: what comes in goes on in the result
    auto from = input();
    auto to = output();
    void* data = to->untyped_data();
    if (from.untyped_data() != data) std::memcpy(data, from.untyped_data(), from.size_bytes());
    return data;
  }};
  auto* clock = static_cast<const int64_t*>(input().untyped_data());
  const int64_t first = clock[0], offset = clock[1], steps = clock[2];
"""
_TAIL = """  *done = k;
  return ffi::Error::Success();
}
XLA_FFI_DEFINE_HANDLER_SYMBOL(MhoPopulations, run, ffi::Ffi::Bind().RemainingArgs().RemainingRets());
"""
_BLOCK = 256  # neurons, or synapses, that are worked out together: their numbers stay in the nearest memory


def source(plan: Plan) -> str:
    """The kernel of a network's structure; sizes and numbers come when it runs.

    Raises:
        KernelError: If a neuron or a synapse has an operation without a C++ form.
    """
    pops = [_Population(k, cells, plan) for k, cells in enumerate(plan.cells)]
    rows = [_Projection(j, one, plan) for j, one in enumerate(plan.rows)]
    parts, inputs = range(len(plan.sizes)), range(len(plan.cells), len(plan.sizes))
    lines = [_HEAD.format(kind="double" if plan.dtype == np.float64 else "float")]
    for k in inputs:
        lines += [f"  auto given{k} = input();", f"  const int64_t most{k} = given{k}.dimensions()[1];"]
    for one in (*pops, *rows):
        lines += one.arguments()
    for one in (*pops, *rows):
        lines += one.state()
    for k in parts:
        lines += [
            f"  auto was{k} = args.get<ffi::AnyBuffer>(arg).value().dimensions();",
            f"  const int64_t depth{k} = was{k}[0], size{k} = was{k}[1];",
            f"  auto* flags{k} = static_cast<uint8_t*>(moving());",
            f"  Volleys volley{k}(flags{k}, depth{k}, size{k});",
        ]
    lines.append("  auto* done = static_cast<int64_t*>(output()->untyped_data());")
    for one in (*pops, *rows):
        lines += one.results()
    lines.append("  int64_t k = 0;")
    lines.append("  for (; offset + k < steps; ++k) {")
    lines.append("    const int32_t step = static_cast<int32_t>(first + k);")
    lines += [f"    if (count{p.k} + n{p.k} > room{p.k}) break;" for p in pops]
    for p in pops:
        lines += p.step()
    for k in inputs:
        lines += [
            f"    {{ auto* row = static_cast<const int32_t*>(given{k}.untyped_data()) + (offset + k) * most{k};",
            f"      auto& who = volley{k}.turn();",
            f"      for (int64_t j = 0; j < most{k}; ++j) if (row[j] < size{k}) who.push_back(row[j]); }}",
        ]
    for r in rows:
        lines += r.step()
    lines.append("  }")
    for p in pops:
        lines += p.leave()
    lines += [f"  volley{k}.leave(flags{k}, depth{k});" for k in parts]
    return "\n".join(lines) + "\n" + _TAIL


def _scalars(tree: Any) -> Any:
    """An example of each leaf, as a single number."""
    return jax.tree.map(lambda x: np.zeros((), np.asarray(x).dtype), tree)


class _Population:
    """The text of one population."""

    def __init__(self, k: int, cells: Cells, plan: Plan):
        self.k, self.rows = k, cells.rows
        self.prepared, self.receptors = jax.tree.leaves(cells.prepared), len(cells.model.receptors)
        state = plan.rest.neurons[k]
        self.types = ["int32_t" if np.asarray(x).dtype == np.int32 else "T" for x in jax.tree.leaves(state)]
        count = len(self.types)
        numbers = [f"p{k}_{j}" for j in range(len(self.prepared))]
        self.varying_numbers = [name for name, x in zip(numbers, self.prepared, strict=True) if x.ndim]
        self.before = [f"s{j}" for j in range(count)]
        jumps = [f"j{j}" for j in range(self.receptors)]
        after = [f"a{j}" for j in range(count)]
        zero = np.zeros((), plan.dtype)
        example = (_scalars(cells.prepared), _scalars(state), (zero,) * self.receptors)
        step = np.zeros((), np.int32)
        self.advance = Text(cells.model.advance, (*example, step), [*numbers, *self.before, *jumps, "step"], "x")
        self.moved, self.maybe = jax.tree.leaves(self.advance.outputs[0]), self.advance.outputs[1]
        self.changed = [j for j in range(count) if self.moved[j] != self.before[j]]
        afters = [after[j] if j in self.changed else self.before[j] for j in range(count)]
        self.fire = Text(
            cells.model.fire, (*example, _scalars(state), step), [*numbers, *self.before, *jumps, *afters, "step"], "y"
        )
        self.spike = self.fire.outputs
        self.fired, self.missed = (
            [(j, name) for j, name in enumerate(jax.tree.leaves(state)) if name != afters[j]]
            for state in (self.spike.state, self.spike.missed)
        )
        example = (_scalars(cells.prepared), _scalars(state))
        self.seen = Text(cells.model.seen, example, [*numbers, *self.before], "z")

    def arguments(self) -> list[str]:
        k = self.k
        found = [
            f"  auto* q{k}_{j} = static_cast<const T*>(input().untyped_data());" for j in range(len(self.prepared))
        ]
        fixed = [j for j, x in enumerate(self.prepared) if not x.ndim]
        found += [f"  const T p{k}_{j} = q{k}_{j}[0];" for j in fixed]
        found += [f"  auto watched{k} = input();"]
        return found

    def state(self) -> list[str]:
        k = self.k
        found = [f"  const int64_t n{k} = args.get<ffi::AnyBuffer>(arg).value().element_count();"]
        for j, kind in enumerate(self.types):
            found.append(f"  auto* h{k}_{j} = static_cast<{kind}*>(moving());")
        found += [
            f"  auto* l{k} = static_cast<T*>(moving());",
            f"  Line<T> line{k}(l{k}, {self.rows}, {self.receptors} * n{k});",
            f"  std::vector<int32_t> near{k};",
        ]
        return found

    def results(self) -> list[str]:
        k = self.k
        return [
            f"  auto at{k} = output(); const int64_t room{k} = at{k}->element_count();",
            f"  auto* spike_step{k} = static_cast<int32_t*>(at{k}->untyped_data());",
            f"  auto* spike_id{k} = static_cast<int32_t*>(output()->untyped_data());",
            f"  auto* spike_after{k} = static_cast<T*>(output()->untyped_data());",
            f"  auto* spikes{k} = static_cast<int64_t*>(output()->untyped_data());",
            f"  auto* trace_v{k} = static_cast<T*>(output()->untyped_data());",
            f"  auto* trace_i{k} = static_cast<T*>(output()->untyped_data());",
            f"  int64_t count{k} = 0;",
        ]

    def step(self) -> list[str]:
        """Neurons in blocks that stay in the nearest memory: all advance, and some are looked at."""
        k = self.k
        varying = [*self.before, *(f"j{j}" for j in range(self.receptors)), *self.varying_numbers]
        goals = [*(self.moved[j] for j in self.changed), self.maybe]
        statements = self.advance.needed(goals)
        before, within = split(statements, varying)
        used = {name for s in statements for name in s.reads} | set(goals)
        return [
            "    {",
            f"      T* const line = line{k}.row();",
            f"      auto& fired = volley{k}.turn();",
            *(f"      {text}" for text in before),
            f"      for (int64_t from = 0; from < n{k}; from += {_BLOCK}) {{",
            f"      const int64_t many = std::min<int64_t>(n{k} - from, {_BLOCK});",
            "      T* __restrict row = line + from;",
            *(f"      {kind}* __restrict o{j} = h{k}_{j} + from;" for j, kind in enumerate(self.types)),
            *(f"      {self.types[j]} b{j}[{_BLOCK}];" for j in self.changed),
            *(f"      T u{j}[{_BLOCK}];" for j in range(self.receptors)),
            f"      Flag<T> flag[{_BLOCK} + 64];",
            "#pragma GCC ivdep",
            "      for (int64_t c = 0; c < many; ++c) {",
            *self._loads(used | {self.before[j] for j in self.changed}, "c"),
            *(f"        const T j{j} = row[{j} * n{k} + c]; u{j}[c] = j{j};" for j in range(self.receptors)),
            *(f"        {text}" for text in within),
            *(f"        b{j}[c] = s{j}; o{j}[c] = {self.moved[j]};" for j in self.changed),
            *(f"        row[{j} * n{k} + c] = 0;" for j in range(self.receptors)),
            f"        flag[c] = {self.maybe} ? 1 : 0;",
            "      }",
            "      for (int64_t c = 0; c < 64; ++c) flag[many + c] = 0;",
            *self._fire(),
            "      }",
            f"      line{k}.pass();",
            *self._seen(),
            "    }",
        ]

    def _loads(self, used: set[str], c: str, *, saved: bool = False) -> list[str]:
        found = [
            f"        const {t} s{j} = {'b' if saved and j in self.changed else 'o'}{j}[{c}];"
            for j, t in enumerate(self.types)
            if f"s{j}" in used
        ]
        found += [f"        const T {p} = q{p[1:]}[from + {c}];" for p in self.varying_numbers if p in used]
        return found

    def _fire(self) -> list[str]:
        k, spike = self.k, self.spike
        outputs = [spike.fired, spike.after, *(name for _, name in (*self.fired, *self.missed))]
        statements = self.fire.needed(outputs)

        def written(state: list[tuple[int, str]]) -> str:
            return " ".join(f"o{j}[c] = {name};" for j, name in state)

        used = {name for s in statements for name in s.reads} | set(outputs)
        return [
            f"      set_places(flag, many, near{k});",
            f"      for (const int32_t c : near{k}) {{",
            *self._loads(used, "c", saved=True),
            *(f"        const T j{j} = u{j}[c];" for j in range(self.receptors) if f"j{j}" in used),
            *(f"        const {self.types[j]} a{j} = o{j}[c];" for j in self.changed if f"a{j}" in used),
            *(f"        {s.text}" for s in statements),
            f"        if (!({spike.fired})) {{ {written(self.missed)} continue; }}",
            f"        {written(self.fired)}",
            "        fired.push_back(static_cast<int32_t>(from) + c);",
            f"        spike_step{k}[count{k}] = static_cast<int32_t>(offset + k);",
            f"        spike_id{k}[count{k}] = static_cast<int32_t>(from) + c;",
            f"        spike_after{k}[count{k}++] = {spike.after};",
            "      }",
        ]

    def _seen(self) -> list[str]:
        k, (v, i) = self.k, self.seen.outputs
        statements = self.seen.needed([v, i])
        used = {name for s in statements for name in s.reads} | {v, i}
        loads = [f"        const {t} s{j} = h{k}_{j}[c];" for j, t in enumerate(self.types) if f"s{j}" in used]
        loads += [f"        const T {p} = q{p[1:]}[c];" for p in self.varying_numbers if p in used]
        return [
            f"      const int64_t seen = watched{k}.element_count();",
            "      for (int64_t e = 0; e < seen; ++e) {",
            f"        const int32_t c = static_cast<const int32_t*>(watched{k}.untyped_data())[e];",
            *loads,
            *(f"        {s.text}" for s in statements),
            f"        trace_v{k}[(offset + k) * seen + e] = {v};",
            f"        trace_i{k}[(offset + k) * seen + e] = {i};",
            "      }",
        ]

    def leave(self) -> list[str]:
        k = self.k
        return [f"  line{k}.leave();", f"  spikes{k}[0] = count{k};"]


class _Projection:
    """The text of one projection."""

    def __init__(self, j: int, rows: Rows, plan: Plan):
        self.j, self.rows, rule = j, rows, rows.rule
        zero = np.zeros((), plan.dtype)
        self.leaves, self.each, self.shared = len(rule.live), len(rule.each), len(rule.shared)
        names = [*(f"s{k}" for k in range(self.leaves)), "interval"]
        names += [*(f"r{j}_{k}" for k in range(self.shared)), *(f"e{k}" for k in range(self.each))]
        example = ((zero,) * self.leaves, zero, (zero,) * self.shared, (zero,) * self.each)
        self.text = Text(lambda live, t, shared, each: rule(live, t, shared, each), example, names, "x")
        numbers = plan.cells[rows.post].prepared
        place = next(k for k, x in enumerate(jax.tree.leaves(numbers)) if x is numbers.dt)
        self.dt = f"p{rows.post}_{place}"

    def arguments(self) -> list[str]:
        j = self.j
        found = [
            f"  auto* start{j} = static_cast<const int64_t*>(input().untyped_data());",
            f"  auto* target{j} = static_cast<const int32_t*>(input().untyped_data());",
            f"  auto* weight{j} = static_cast<const T*>(input().untyped_data());",
        ]
        found += [f"  const T r{j}_{k} = *static_cast<const T*>(input().untyped_data());" for k in range(self.shared)]
        found += [f"  auto* e{j}_{k} = static_cast<const T*>(input().untyped_data());" for k in range(self.each)]
        return found

    def state(self) -> list[str]:
        j = self.j
        found = [f"  auto* last{j} = static_cast<int32_t*>(moving());"]
        return found + [f"  auto* g{j}_{k} = static_cast<T*>(moving());" for k in range(self.leaves)]

    def results(self) -> list[str]:
        return [f"  auto* energy{self.j} = static_cast<double*>(output()->untyped_data()); *energy{self.j} = 0.0;"]

    def step(self) -> list[str]:
        j, (after, efficacy, energy) = self.j, self.text.outputs
        wanted = [*after, efficacy, *([] if energy is None else [energy])]
        statements = self.text.needed(wanted)
        used = {name for s in statements for name in s.reads} | set(wanted)
        varying = [*(f"s{k}" for k in range(self.leaves)), *(f"e{k}" for k in range(self.each))]
        before, within = split(statements, varying)
        lines = [
            f"    for (const int32_t source : volley{self.rows.pre}.at({self.rows.wait})) {{",
            f"      const int32_t before = last{j}[source];",
            f"      const T interval = before < 0 ? T(0) : T(step - before) * {self.dt};",
            f"      last{j}[source] = step;",
            *(f"      {text}" for text in before),
            f"      const int64_t end = start{j}[source + 1];",
            f"      for (int64_t from = start{j}[source]; from < end; from += {_BLOCK}) {{",
            f"        const int64_t many = std::min<int64_t>(end - from, {_BLOCK});",
            f"        T jump[{_BLOCK}];" + ("" if energy is None else f" T spent[{_BLOCK}];"),
            f"        const T* __restrict weight = weight{j} + from;",
            *(f"        T* __restrict g{k} = g{j}_{k} + from;" for k in range(self.leaves)),
            *(f"        const T* __restrict f{k} = e{j}_{k} + from;" for k in range(self.each)),
            "#pragma GCC ivdep",
            "        for (int64_t c = 0; c < many; ++c) {",
            *(f"          const T s{k} = g{k}[c];" for k in range(self.leaves) if f"s{k}" in used),
            *(f"          const T e{k} = f{k}[c];" for k in range(self.each) if f"e{k}" in used),
            *(f"          {text}" for text in within),
            *(f"          g{k}[c] = {name};" for k, name in enumerate(after)),
            f"          jump[c] = weight[c] * {efficacy};",
            *([] if energy is None else [f"          spent[c] = {energy};"]),
            "        }",
            f"        line{self.rows.post}.add(target{j} + from, jump, many);",
        ]
        if energy is not None:
            lines.append(f"        for (int64_t c = 0; c < many; ++c) *energy{j} += spent[c];")
        return [*lines, "      }", "    }"]


def arguments(plan: Plan, watched: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What the kernel reads and leaves alone, in its order."""
    found: list[np.ndarray] = []
    for cells, index in zip(plan.cells, watched, strict=True):
        found += [*(np.asarray(x) for x in jax.tree.leaves(cells.prepared)), index]
    for rows in plan.rows:
        found += [rows.starts, rows.target, rows.weight, *rows.rule.shared, *rows.rule.each]
    return found
