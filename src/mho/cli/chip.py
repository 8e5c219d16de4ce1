"""``mho chip``: a trained network on analog arrays, laid out, programmed and put to the test over time."""

from __future__ import annotations

import json as plain
from pathlib import Path
from typing import Annotated

import typer

from mho.cli.chip_account import drawn, keep, put, record, tell_bill, tell_chip, tell_course
from mho.cli.chip_options import (
    calibrated,
    checked,
    chip_of,
    compensations_of,
    fitting,
    grouped_of,
    matrices_of,
    network_of,
    restored,
    samples_of,
    split,
    tile_of,
    times_of,
)
from mho.cli.environment import prepare
from mho.cli.failure import told
from mho.cli.text import aligned

verbs = typer.Typer(help="Trained networks on analog arrays.", no_args_is_help=True, rich_markup_mode=None)

Network = Annotated[
    Path, typer.Argument(help="Trained network: ONNX, or weights (.pt, .safetensors) with --architecture/--activation.")
]
Architecture = Annotated[
    str | None, typer.Option(help="For weights alone: 'conv1 padding=1; relu; flatten; fc', or a .toml file.")
]
Activation = Annotated[str | None, typer.Option(help="For weights of a chain of linear layers: relu, tanh, ...")]
Device = Annotated[str, typer.Option(help="Parameter set of the cells ('mho device list'), or a .toml file.")]
Rows = Annotated[int, typer.Option(help="Rows of an array.")]
Columns = Annotated[int, typer.Option(help="Columns of an array; a weight is a pair of cells, side by side.")]
Arrays = Annotated[int | None, typer.Option(help="Arrays of the chip; as many as are needed if not said.")]
InputBits = Annotated[int, typer.Option(help="Bits of the row drivers, sign included.")]
OutputBits = Annotated[int, typer.Option(help="Bits of the converters.")]
Node = Annotated[str, typer.Option(help="Technology node of the periphery, for the costs.")]
Digital = Annotated[list[str] | None, typer.Option(help="Name of a layer that stays digital. May be repeated.")]
Grouped = Annotated[str, typer.Option(help="A convolution in groups as one matrix ('block') or 'separate' ones.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the chip: its cells, their programming and their noise.")]
Shape = Annotated[str | None, typer.Option(help="Of one sample, where the file has it flat: 1,8,8.")]
Calibration = Annotated[
    int, typer.Option(help="Samples, the file's first, that set the converters and are not tested.")
]


@verbs.command("map")
@told
def map_(
    network: Network,
    architecture: Architecture = None,
    activation: Activation = None,
    device: Device = "pcm_hermes2",
    rows: Rows = 256,
    columns: Columns = 256,
    arrays: Arrays = None,
    digital: Digital = None,
    grouped: Grouped = "block",
) -> None:
    """Lay a network's matrices onto arrays: blocks, arrays, cells, how well arrays are used. Nothing is programmed.

    Every linear layer, convolution (its places one after the other), gated cell and attention projection is a matrix;
    what stands between stays digital.

    Examples:
      mho chip map digits.onnx

      mho chip map mlp.safetensors --activation relu --device reram_neurram --rows 128 --columns 128
    """
    prepare()
    from mho.networks.plan import planned, shares

    weights, kinds = matrices_of(network, architecture, activation, digital, grouped)
    tile = tile_of(device, rows, columns, 8, 8, "22 nm")
    placement = planned(weights, tile, arrays=arrays)
    typer.echo(placement.report().splitlines()[0])
    table = [["matrix", "layer", "outputs x inputs", "blocks", "arrays", "cells", "of these arrays"]]
    for name, one in shares(placement).items():
        shape = " x ".join(map(str, weights[name].shape))
        share = f"{100 * one['share']:.1f} %"
        table.append([name, kinds[name], shape, *(str(one[k]) for k in ("blocks", "arrays", "cells")), share])
    order = {name: k for k, name in enumerate(weights)}
    table[1:] = sorted(table[1:], key=lambda row: order[row[0]])
    typer.echo(aligned(table))


@verbs.command("program")
@told
def program(
    network: Network,
    architecture: Architecture = None,
    activation: Activation = None,
    data: Annotated[Path | None, typer.Option(help="Samples (.npz, .csv) that set the converters' ranges.")] = None,
    shape: Shape = None,
    device: Device = "pcm_hermes2",
    rows: Rows = 256,
    columns: Columns = 256,
    arrays: Arrays = None,
    input_bits: InputBits = 8,
    output_bits: OutputBits = 8,
    node: Node = "22 nm",
    digital: Digital = None,
    grouped: Grouped = "block",
    calibration: Calibration = 128,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the programmed chip (.npz).")] = None,
) -> None:
    """Program a network onto a chip: errors of its weights, cells given up, pulses, energy, time.

    With data, converters are set, layer by layer, by what flows, and reference products for drift are taken; without,
    it is faster. Cells given up are those that programming did not bring to their target; the weight error counts them.

    Examples:
      mho chip program digits.onnx --device reram_neurram

      mho chip program digits.onnx --data train.npz --seed 3 --out chip.npz
    """
    prepare()
    import jax

    from mho.networks import compiled

    found, digits = network_of(network, architecture, activation), None
    if data is not None:
        digits = samples_of(data, shape)
        fitting(found, digits.x, data)
    key = jax.random.key(seed)
    chip = chip_of(tile_of(device, rows, columns, input_bits, output_bits, node), arrays)
    ready = compiled(found, chip, key=key, digital=tuple(digital or ()), grouped=grouped_of(grouped))
    if digits is not None:
        ready = ready.calibrate(digits.x[:calibration], key=key).remember(digits.x[:calibration], key=key)
    tell_chip(ready)
    if out is not None:
        keep(out, ready)


@verbs.command("evaluate")
@told
def evaluate(
    network: Network,
    data: Annotated[Path, typer.Argument(help="Samples with labels: .npz with x and y, or CSV with the label last.")],
    architecture: Architecture = None,
    activation: Activation = None,
    shape: Shape = None,
    chip: Annotated[Path | None, typer.Option(help="A chip of 'mho chip program', with the same options.")] = None,
    device: Device = "pcm_hermes2",
    rows: Rows = 256,
    columns: Columns = 256,
    arrays: Arrays = None,
    input_bits: InputBits = 8,
    output_bits: OutputBits = 8,
    node: Node = "22 nm",
    digital: Digital = None,
    grouped: Grouped = "block",
    times: Annotated[str, typer.Option(help="Since programming, ascending.")] = "1 s, 1 hour, 1 day, 30 day, 10 year",
    compensate: Annotated[str, typer.Option(help="Of none, global, output, affine.")] = "none, global, output",
    programmings: Annotated[int, typer.Option(help="Chips that are programmed.")] = 5,
    calibration: Calibration = 128,
    seed: Seed = 0,
    json: Annotated[Path | None, typer.Option(help="Write everything found, in SI.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw accuracy over time as SVG.")] = None,
) -> None:
    """Accuracy of a network on chips over time, with and without drift compensation; and what an inference costs.

    The first samples of the file set the converters; the others are the test. Each programming is a chip of its own.
    Fewer --programmings, --times and ways to --compensate are faster. With --chip it is that one chip, which may lie
    far from the mean of many: its cells relax by errors of their own.

    Examples:
      mho chip evaluate digits.onnx test.npz --device reram_neurram --programmings 10

      mho chip evaluate mlp.pt test.csv --activation relu --times '1 s, 1 day, 1 year' --plot accuracy.svg

      mho chip evaluate digits.onnx test.npz --chip chip.npz
    """
    prepare()
    import jax

    from mho.networks.inference import accuracy, ageing, exactly, over_time

    moments, hows = times_of(times), compensations_of(compensate)
    found, samples = network_of(network, architecture, activation), samples_of(data, shape)
    first, x, labels = split(samples, calibration)
    tile = tile_of(device, rows, columns, input_bits, output_bits, node)
    key = jax.random.key(seed)
    options = {"digital": tuple(digital or ()), "grouped": grouped_of(grouped)}
    checked(found, x, labels, data)
    if chip is None:
        result = over_time(
            found, chip_of(tile, arrays), x, labels, key=key, calibration=first, times=moments,
            programmings=programmings, compensations=hows, **options,
        )  # fmt: skip
        one = calibrated(found, tile, arrays, first, key, options)
    else:
        one = restored(chip, found, tile, arrays, options)
        exact = accuracy(exactly(found, x), labels)
        result = ageing(one, x, labels, key=key, exact=exact, times=moments, compensations=hows)
    tell_course(result)
    tell_bill(one, x, key, node)
    if json is not None:
        put(json, plain.dumps(record(result), indent=1, allow_nan=False) + "\n")
        typer.echo(f"json     {json}")
    if plot is not None:
        put(plot, drawn(result))
        typer.echo(f"plot     {plot}")
