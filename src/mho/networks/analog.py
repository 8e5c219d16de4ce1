"""Networks compiled onto chips: every weight matrix is programmed, everything between them stays digital."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mho.core.errors import ChipError
from mho.crossbars import AbstractRange, Chip, Placement, Report, Snapshot, Tile
from mho.crossbars.calibration import Drift
from mho.crossbars.scaling import Outside
from mho.networks.calls import Call, batch, outputs, plainly, told, usual
from mho.networks.folding import folded
from mho.networks.listening import Heard
from mho.networks.operand import Ear, Slot, is_slot, slots_of
from mho.networks.plan import shares, slotted
from mho.networks.weights import Grouped

_MOST = 8192  # vectors of a matrix that calibration looks at
_TOGETHER = 512  # samples of one compiled call


class AnalogNetwork(eqx.Module):
    """A network on a chip. Nothing changes it: every verb gives a new one.

    Args:
        network: The network with slots for its matrices.
        chip: The chip, with one matrix a slot, by the slot's name.
        reports: What programming took and left, by matrix.
        call: How the network is called with one sample.
    """

    network: Any
    chip: Chip
    reports: dict[str, Report] = eqx.field(default_factory=dict)
    call: Call = eqx.field(static=True, default=plainly)

    # ---- running ---------------------------------------------------------------------------------------------------
    def __call__(self, x: Any, *, key: jax.Array) -> Any:
        """Outputs of a batch of samples (n, ...), noise and converters and all; books nothing.

        Args:
            x: Samples.
            key: JAX random key; one key gives one set of reads.
        """
        return self._run(x, key)

    def ideal(self, x: Any) -> Any:
        """The same without read noise and converters: what the conductances alone say."""
        return self._run(x, None)

    def run(self, x: Any, *, key: jax.Array) -> tuple[Any, AnalogNetwork]:
        """Outputs of a batch, and the network whose chip has booked the energy, time and counts of all products."""
        y, spent = self.spent(x, key=key)
        chip = self.chip
        for name, (n, energy) in spent.items():
            chip = chip.booked(name, n, energy)
        return y, self._with(chip)

    def spent(self, x: Any, *, key: jax.Array, ear: Ear = "cost") -> tuple[Any, dict[str, tuple[int, float]]]:
        """Outputs of a batch; and of each matrix the vectors that it multiplied, and the energy of its drivers [J].

        Args:
            x: Samples (n, ...).
            key: JAX random key.
            ear: ``"flow"`` takes the program of calibration, which holds all that flows: for few samples.
        """
        y, words = self._heard(x, key, ear)
        found: dict[str, tuple[int, float]] = {}
        for word in words:
            if ear == "flow":
                seen, _, energy = word.what
                vectors = int(np.prod(seen.shape[:-1]))
            else:
                energy, counts = word.what
                vectors = int(np.asarray(counts).sum())
            n, total = found.get(word.name, (0, 0.0))
            found[word.name] = (n + vectors, total + float(np.asarray(energy, np.float64).sum()))
        return y, found

    def _heard(self, x: Any, key: jax.Array | None, ear: Ear) -> tuple[Any, list[Heard]]:
        x = batch(x)
        keys = None if key is None else jax.random.split(key, len(x))
        return told(self.network, self._products, x, keys, ear, self.call)

    @property
    def _products(self) -> dict[str, Any]:
        return {name: m.product for name, m in self.chip.matrices.items()}

    def _run(self, x: Any, key: jax.Array | None) -> Any:
        x, products = batch(x), self._products
        n = len(x)
        keys = None if key is None else jax.random.split(key, n)
        if n <= _TOGETHER:
            return outputs(self.network, products, x, keys, self.call)
        found = []
        for first in range(0, n, _TOGETHER):
            part, own = x[first : first + _TOGETHER], None if keys is None else keys[first : first + _TOGETHER]
            short = _TOGETHER - len(part)  # one shape, one program
            if short:
                part = jnp.concatenate([part, jnp.repeat(part[-1:], short, axis=0)])
                own = None if own is None else jnp.concatenate([own, jnp.repeat(own[-1:], short, axis=0)])
            y = outputs(self.network, products, part, own, self.call)
            found.append(y)
        return jax.tree.map(lambda *parts: jnp.concatenate(parts)[:n], *found)

    # ---- calibration -----------------------------------------------------------------------------------------------
    def calibrate(
        self,
        x: Any,
        *,
        key: jax.Array,
        how: AbstractRange | None = None,
        input_percent: float | None = 100.0,
        statistics: bool = False,
    ) -> AnalogNetwork:
        """The network with converter and input ranges from samples that flow through it, one matrix after the other.

        A first pass without converters gives every matrix a range; then, in the order in which the data meet them, each
        is set anew from what arrives through the analog matrices before it.

        Args:
            x: Samples (n, ...), as the network will see them.
            key: JAX random key.
            how: How a converter's range follows from currents; default the 99.9 % percentile.
            input_percent: Percentile of a matrix's inputs that drives its rows fully; None scales each vector by its
                largest entry, which takes a search for it in hardware.
            statistics: Also scale and shift each output, as numbers, so that its mean and spread over the samples are
                those that the exact weights give: batch normalisations estimated anew on the analog network.

        Raises:
            ChipError: If a matrix gets no input, or a negative one that its rows cannot be driven by.
        """
        of_first, of_pass, of_range = jax.random.split(key, 3)
        flow = self._flow(x, None)
        missing = [name for name in self.chip.matrices if name not in flow]
        if missing:
            raise ChipError(f"No input reaches {', '.join(missing)}; give samples for which the network uses them.")
        found = self
        for k, (name, (seen, _)) in enumerate(flow.items()):
            found = found._ranged(name, seen, jax.random.fold_in(of_first, k), how, input_percent)
            if statistics:  # slots keep one structure from here on, so that one program does
                outputs = self.chip.of(name).grid.outputs
                found = found._matched(name, np.ones(outputs), np.zeros(outputs))
        for k, name in enumerate(flow):
            seen, y = found._flow(x, jax.random.fold_in(of_pass, k))[name]
            found = found._ranged(name, seen, jax.random.fold_in(of_range, k), how, input_percent)
            if statistics:
                found = found._matched(name, *_moments(seen, y, self.chip.of(name).exact()))
        return found

    def _flow(self, x: Any, key: jax.Array | None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Inputs and products of each matrix, (n, inputs) and (n, outputs), in the order in which data meet them."""
        found: dict[str, list[tuple[np.ndarray, ...]]] = {}
        for word in self._heard(x, key, "flow")[1]:
            rows = tuple(np.asarray(a).reshape(-1, a.shape[-1]) for a in word.what[:2])
            found.setdefault(word.name, []).append(rows)
        joined = {}
        for name, words in found.items():
            seen, y = (_few(np.concatenate(parts)) for parts in zip(*words, strict=True))
            joined[name] = (seen, y)
        return joined

    def _ranged(
        self, name: str, seen: np.ndarray, key: jax.Array, how: AbstractRange | None, input_percent: float | None
    ) -> AnalogNetwork:
        try:
            chip = self.chip.calibrate(seen, key=key, matrix=name, how=how, input_percent=input_percent)
        except ChipError as error:
            error.add_note(f"It happened at the inputs of {name!r}.")
            raise
        return self._with(chip)

    def _matched(self, name: str, scale: np.ndarray, shift: np.ndarray) -> AnalogNetwork:
        def one(node: Any) -> Any:
            fits = isinstance(node, Slot) and node.name == name
            return node.corrected(scale, shift) if fits else node

        network = jax.tree.map(one, self.network, is_leaf=is_slot)
        return eqx.tree_at(lambda n: n.network, self, network)

    # ---- time ------------------------------------------------------------------------------------------------------
    def advance(self, duration: float, *, key: jax.Array, temperature: float | None = None) -> AnalogNetwork:
        """The network `duration` [s] later, its chip kept at `temperature` [K]."""
        return self._with(self.chip.advance(duration, key=key, temperature=temperature))

    def remember(self, x: Any = None, *, key: jax.Array, vectors: int = 32, repeats: int = 4) -> AnalogNetwork:
        """The network with reference products of every matrix, against which drift is told later.

        Args:
            x: Samples (n, ...): what arrives at each matrix when they flow through gives its reference vectors, evenly
                chosen. None for random vectors, which fill neither the inputs' nor the outputs' range as well.
            key: JAX random key.
            vectors: Reference vectors of each matrix.
            repeats: Products that are averaged.
        """
        of_flow, key = jax.random.split(key)
        flow = {} if x is None else self._flow(x, of_flow)
        chip = self.chip
        for k, name in enumerate(chip.matrices):
            seen = _few(flow[name][0], vectors) if name in flow else None
            chip = chip.remember(seen, key=jax.random.fold_in(key, k), matrix=name, vectors=vectors, repeats=repeats)
        return self._with(chip)

    def compensate(self, how: Drift = "global", *, key: jax.Array, repeats: int = 1) -> AnalogNetwork:
        """The network with every matrix corrected for drift: all of it alike, each output, or gain and shift."""
        chip = self.chip
        for k, name in enumerate(chip.matrices):
            chip = chip.compensate(how, key=jax.random.fold_in(key, k), matrix=name, repeats=repeats)
        return self._with(chip)

    def refresh(self, *, key: jax.Array) -> AnalogNetwork:
        """The network with all cells programmed anew to their targets."""
        chip, reports = self.chip.refresh(key=key)
        return AnalogNetwork(self.network, chip, reports, self.call)

    # ---- power -----------------------------------------------------------------------------------------------------
    def snapshot(self) -> Snapshot:
        """The chip and the numbers of the digital part, as arrays by name."""
        held = self.chip.snapshot()
        leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(self.network, eqx.is_array))
        own = {f"{_DIGITAL}{jax.tree_util.keystr(path)}": np.array(leaf) for path, leaf in leaves}
        return Snapshot({**held.numbers, **own}, held.head)

    def restore(self, snapshot: Snapshot | str | Path) -> AnalogNetwork:
        """The network as it was when the snapshot was taken.

        Raises:
            ChipError: If the snapshot is of another chip or another network.
        """
        found = snapshot if isinstance(snapshot, Snapshot) else Snapshot.load(snapshot)
        numbers = dict(found.numbers)

        def put(path: Any, leaf: Any) -> Any:
            if not eqx.is_array(leaf):
                return leaf
            name = f"{_DIGITAL}{jax.tree_util.keystr(path)}"
            number = numbers.get(name)
            if number is None or number.shape != jnp.shape(leaf):
                had = "no number" if number is None else f"numbers of shape {number.shape} as"
                raise ChipError(f"The snapshot has {had} {name}; it is that of another network. {_CURE}")
            return jnp.asarray(number, leaf.dtype)

        network, chip = _with_affine(self.network, numbers), self.chip.restore(found)
        for name, slot in self.slots.items():
            held = chip.matrices[name].grid if name in chip.matrices else None
            if held is None or (held.outputs, held.inputs) != slot.shape:
                had = "none" if held is None else f"{held.outputs} x {held.inputs}"
                raise ChipError(
                    f"The snapshot is that of another network: this one has a matrix {name!r} of "
                    f"{slot.shape[0]} x {slot.shape[1]} weights, and the snapshot {had}. {_CURE}"
                )
        return AnalogNetwork(jax.tree_util.tree_map_with_path(put, network), chip, self.reports, self.call)

    # ---- reports ---------------------------------------------------------------------------------------------------
    @property
    def slots(self) -> dict[str, Slot]:
        """Slots by name, in the order of the network."""
        return slots_of(self.network)

    @property
    def ledger(self) -> Any:
        """What the chip has spent."""
        return self.chip.ledger

    def placement(self) -> Placement:
        """Which block lies on which array."""
        return self.chip.placement()

    def report(self) -> list[dict[str, Any]]:
        """One record a matrix.

        Name, kind, outputs, inputs, blocks, arrays, cells, share of the arrays that it fills, weights clipped, cells
        that failed, and the error of its weights relative to the largest.
        """
        laid, rows = shares(self.placement()), []
        for name, slot in self.slots.items():
            matrix, report = self.chip.of(name), self.reports.get(name)
            error = np.asarray(matrix.weights() - matrix.exact(), np.float64)
            rows.append(
                {
                    "name": name,
                    "kind": slot.kind,
                    "outputs": matrix.grid.outputs,
                    "inputs": matrix.grid.inputs,
                    **laid[name],
                    "clipped": matrix.clipped,
                    "failed": 0 if report is None else sum(report.failures.values()),
                    "error": float(np.sqrt(np.mean(error**2)) / np.max(np.asarray(matrix.product.scale))),
                }
            )
        return rows

    def _with(self, chip: Chip) -> AnalogNetwork:
        return AnalogNetwork(self.network, chip, self.reports, self.call)


_DIGITAL = "digital"
_CURE = "Give the network that the chip was programmed with."


def _with_affine(network: Any, numbers: Mapping[str, np.ndarray]) -> Any:
    """The network whose slots have a scale and shift where the numbers have them."""

    def one(path: Any, node: Any) -> Any:
        if not isinstance(node, Slot):
            return node
        given = (numbers.get(f"{_DIGITAL}{jax.tree_util.keystr(path)}.{name}") for name in ("scale", "shift"))
        return node.corrected(*given)

    return jax.tree_util.tree_map_with_path(one, network, is_leaf=is_slot)


def compiled(
    network: Any,
    chip: Chip | Tile,
    *,
    key: jax.Array,
    state: eqx.nn.State | None = None,
    matrices: Sequence[str] = (),
    digital: Sequence[str] = (),
    grouped: Grouped = "block",
    outside: Outside = "refuse",
    call: Call | None = None,
) -> AnalogNetwork:
    """A network on a chip: its weight matrices programmed under their names, everything else digital.

    Mapped are the layers of :data:`mho.networks.weights.MULTIPLIED`, convolutions of any number of axes (each place of
    the output is one vector), and what they make up: attention, perceptrons, recurrent networks in a scan. Batch
    normalisations are folded into the layer before them. Biases are added as numbers.

    Args:
        network: Any tree of Equinox modules.
        chip: A chip, empty or with other matrices; or a tile, of which as many are taken as are needed.
        key: JAX random key; one key makes one chip.
        state: State of batch normalisations, where there are some.
        matrices: Names of further arrays (outputs, inputs) that the network multiplies by ``array @ x``.
        digital: Names that stay digital.
        grouped: A convolution in groups is one matrix with a block for each, or (``"separate"``) a matrix for each.
        outside: What happens to weights beyond the tile's scale: ``"refuse"``, or ``"clip"`` and count.
        call: How the network is called with one sample; None for a network that takes one sample, or a graph.

    Raises:
        ChipError: If something cannot be mapped (it is named, with what helps), or does not fit the chip.
    """
    found, weights = unprogrammed(
        network, chip, state=state, matrices=matrices, digital=digital, grouped=grouped, call=call
    )
    full, reports = found.chip.program(weights, key=key, outside=outside)
    return AnalogNetwork(found.network, full, reports, found.call)


def unprogrammed(
    network: Any,
    chip: Chip | Tile,
    *,
    state: eqx.nn.State | None = None,
    matrices: Sequence[str] = (),
    digital: Sequence[str] = (),
    grouped: Grouped = "block",
    call: Call | None = None,
) -> tuple[AnalogNetwork, dict[str, np.ndarray]]:
    """A network beside a chip that does not have its matrices yet, and these by name: to program, or to `restore`.

    The arguments and what is raised are those of :func:`compiled`.
    """
    call = usual(network) if call is None else call
    network = folded(eqx.nn.inference_mode(network), state)
    template, weights = slotted(network, matrices=matrices, digital=digital, grouped=grouped)
    return AnalogNetwork(template, Chip(chip) if isinstance(chip, Tile) else chip, call=call), weights


def _few(x: np.ndarray, most: int = _MOST) -> np.ndarray:
    """At most so many vectors, evenly chosen."""
    return x if len(x) <= most else x[np.linspace(0, len(x) - 1, most).astype(int)]


def _moments(seen: np.ndarray, y: np.ndarray, exact: Any) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of outputs so that products `y` get mean and spread of the exact ones."""
    wanted = seen @ np.asarray(exact, np.float64).T
    spread = np.std(y, axis=0, dtype=np.float64)
    scale = np.where(spread > 1e-12, np.std(wanted, axis=0) / np.where(spread > 1e-12, spread, 1.0), 1.0)
    return scale, np.mean(wanted, axis=0) - scale * np.mean(y, axis=0, dtype=np.float64)
