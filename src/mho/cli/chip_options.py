"""What the verbs of ``mho chip`` are given: files, designs and numbers, looked at before anything long begins."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any


def network_of(path: Path, architecture: str | None, activation: str | None) -> Any:
    """The network of a file, its normalisations folded."""
    import numpy as np

    from mho.core.errors import NetworkError
    from mho.interchange import read_network
    from mho.networks.folding import folded
    from mho.networks.weights import weight_matrices

    network = folded(read_network(path, architecture=architecture, activation=activation))
    for name, matrix in weight_matrices(network).items():
        bad = int(np.sum(~np.isfinite(np.asarray(matrix))))
        if bad:
            raise NetworkError(
                f"{path}: {bad} of {np.size(matrix)} weights of {name!r} are not finite. Train and export it again."
            )
    return network


def matrices_of(path: Path, architecture: str | None, activation: str | None, digital: Any, grouped: str) -> Any:
    """Matrices and kinds of layers of a file's network, by name."""
    from mho.networks.operand import slots_of
    from mho.networks.plan import slotted

    network = network_of(path, architecture, activation)
    template, weights = slotted(network, digital=tuple(digital or ()), grouped=grouped_of(grouped))
    return weights, {name: slot.kind for name, slot in slots_of(template).items()}


def grouped_of(text: str) -> Any:
    """How convolutions in groups are mapped."""
    from mho.core.errors import InputError

    if text not in ("block", "separate"):
        raise InputError(f"--grouped is {text!r}; it must be block or separate.")
    return text


def tile_of(device: str, rows: int, columns: int, input_bits: int, output_bits: int, node: str) -> Any:
    """A tile around a parameter set."""
    from mho.core.quantities import si
    from mho.crossbars import tile_for
    from mho.devices import parameters

    return tile_for(
        parameters(device), rows=rows, columns=columns, input_bits=input_bits, output_bits=output_bits,
        node=si(node, "m"),
    )  # fmt: skip


def chip_of(tile: Any, arrays: int | None) -> Any:
    """An empty chip."""
    from mho.crossbars import Chip

    return Chip(tile, arrays)


def samples_of(path: Path, shape: str | None) -> Any:
    """Samples of a file."""
    from mho.core.errors import InputError
    from mho.interchange import read_samples

    if shape is None:
        return read_samples(path)
    try:
        sizes = tuple(int(part) for part in shape.split(","))
    except ValueError:
        raise InputError(f"--shape is {shape!r}; write whole numbers with commas between: 1,8,8.") from None
    return read_samples(path, shape=sizes)


def split(samples: Any, calibration: int) -> tuple[Any, Any, Any]:
    """Samples that set the converters, and those of the test with their labels."""
    from mho.core.errors import InputError

    if not 0 < calibration < len(samples.x):
        raise InputError(
            f"--calibration takes {calibration} of {len(samples.x)} samples; give a number from 1 to "
            f"{len(samples.x) - 1}, so that some are left for the test."
        )
    return samples.x[:calibration], samples.x[calibration:], samples.labels[calibration:]


def times_of(text: str) -> list[float]:
    """Times [s] of a text."""
    from mho.core.errors import InputError
    from mho.core.quantities import si

    found = [si(part.strip(), "s") for part in text.split(",") if part.strip()]
    if not found or any(b <= a for a, b in pairwise(found)) or found[0] < 0.0:
        raise InputError(f"--times is {text!r}; give times in ascending order, such as '1 s, 1 day, 1 year'.")
    return found


def compensations_of(text: str) -> tuple[str, ...]:
    """Ways to compensate drift of a text."""
    from mho.core.errors import InputError
    from mho.networks.inference import KNOWN

    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found or not set(found) <= set(KNOWN):
        raise InputError(f"--compensate is {text!r}; name some of {', '.join(KNOWN)}.")
    return found


def checked(network: Any, x: Any, labels: Any, data: Path) -> None:
    """Whether accuracy can be told of the network's outputs and the labels, before anything long begins."""
    from mho.core.errors import InputError

    gives = fitting(network, x, data)
    if len(gives) != 1:
        raise InputError(f"The network gives {gives} for a sample; accuracy needs one number a class.")
    if labels.max() >= gives[0]:
        raise InputError(f"{data} has a label {labels.max()}, and the network has {gives[0]} outputs.")


def fitting(network: Any, x: Any, data: Path) -> tuple[int, ...]:
    """Shape of what the network gives for one of the samples of a file; nothing is computed.

    Raises:
        InputError: If the network does not take samples of their shape; with a shape that it takes, if one is found.
    """
    from mho.core.errors import InputError

    shape = tuple(x.shape[1:])
    gives = _gives(network, shape)
    if gives is not None:
        return gives
    takes, other = _taken(network, x[0].size)
    cure = "Give samples of the shape that it was trained with."
    if other != shape and other is not None and _gives(network, other) is not None:
        cure = f"Give --shape {','.join(map(str, other))}."
    raise InputError(f"{data} has samples of shape {shape}, which the network does not take: {takes}. {cure}")


def _gives(network: Any, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Shape of the output for a sample of a shape; None where the network does not take it."""
    import jax
    import numpy as np

    from mho.core.errors import MhoError
    from mho.networks.inference import exactly

    try:
        return tuple(jax.eval_shape(lambda x: exactly(network, x), np.zeros((2, *shape), np.float32)).shape[1:])
    except MhoError:
        raise
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None  # what JAX says of shapes inside the network helps nobody who gave a file


def _taken(network: Any, count: int) -> tuple[str, tuple[int, ...] | None]:
    """What the first layer takes, in words, and how so many numbers would have to lie for it, square if an image."""
    import equinox as eqx
    import jax

    kinds = (eqx.nn.Linear, eqx.nn.Conv)
    for layer in jax.tree.leaves(network, is_leaf=lambda n: isinstance(n, kinds)):
        if isinstance(layer, eqx.nn.Linear):
            n = int(layer.in_features)
            return f"its first layer takes {n} numbers", ((n,) if n == count else None)
        if isinstance(layer, eqx.nn.Conv):
            n, axes = layer.in_channels, layer.num_spatial_dims
            side = round((count / n) ** (1.0 / axes))
            words = f"its first layer takes {n} channel{'s' * (n > 1)} of {axes} ax{'e' if axes > 1 else 'i'}s"
            return words, ((n, *[side] * axes) if n * side**axes == count else None)
    return "it wants another", None


def calibrated(network: Any, tile: Any, arrays: int | None, first: Any, key: Any, options: Any) -> Any:
    """The network on a fresh chip, its converters set."""
    from mho.networks import compiled

    return compiled(network, chip_of(tile, arrays), key=key, **options).calibrate(first, key=key)


def restored(path: Path, network: Any, tile: Any, arrays: int | None, options: Any) -> Any:
    """The network on the chip of a file."""
    import numpy as np

    from mho.core.errors import ChipError
    from mho.networks.analog import unprogrammed

    empty, weights = unprogrammed(network, chip_of(tile, arrays), **options)
    found = empty.restore(path)
    for name, w in weights.items():
        if not np.allclose(found.chip.of(name).exact(), w, rtol=0.0, atol=1e-5 * np.max(np.abs(w))):
            raise ChipError(
                f"{path} was programmed with other weights of {name!r} than the network has. Give that network."
            )
    if not found.chip.references:
        raise ChipError(f"{path} has no reference products. Program it with --data, which takes them.")
    return found
