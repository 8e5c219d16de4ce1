"""``mho export``: a parameter set as a SPICE subcircuit or a Verilog-A module."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from mho.cli.environment import prepare
from mho.cli.failure import told


class Language(enum.StrEnum):
    """What `--to` takes."""

    SPICE = "spice"
    VERILOG_A = "verilog-a"


@told
def export(
    name: Annotated[
        str, typer.Argument(help="A packaged set (mho device list), or the path of your own ending in .toml.")
    ],
    to: Annotated[Language, typer.Option(help="spice: a .subckt for ngspice. verilog-a: a module.")] = Language.SPICE,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write it; without, it is printed.")] = None,
    bench: Annotated[
        bool,
        typer.Option(
            "--bench",
            help="Write a netlist that drives the device with the pulses of its set, for ngspice -b: with the "
            "subcircuit in it, or loading the module as OpenVAF compiles it (NAME.osdi).",
        ),
    ] = False,
) -> None:
    """Write a device for a circuit simulator, from the very equations that mho computes with.

    Every number of the set becomes a parameter of its name, and a comment says where it comes from. The states stand
    on internal nodes x_<state>, one volt for 1; ic_<state> is where they start. Read noise laid over the model
    (thermal, shot, 1/f) becomes noise sources of the module. A set that mho fit wrote exports as a packaged one does.
    Models that know only pulses (a step model, a table) have no current to write, and say so.

    Examples:
      mho export ecram_stp_ref > ecram.sub

      mho export my_ecram.toml --to verilog-a --out my_ecram.va

      mho export hzo_fefet_28nm --bench --out bench.cir && ngspice -b bench.cir -r bench.raw
    """
    prepare()
    from mho.devices import parameters
    from mho.interchange import behaviour, bench_text, osdi_bench, subcircuit, verilog_a
    from mho.interchange import bench as voltages

    numbers = parameters(name)
    device = behaviour(numbers.device(), name=numbers.name, numbers=numbers)
    if bench:
        drive = voltages(numbers)
        netlist = bench_text(device, drive) if to is Language.SPICE else osdi_bench(device, drive)
        text = netlist.text
    else:
        text = subcircuit(device) if to is Language.SPICE else verilog_a(device)
    _put(text, out)


def _put(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    from mho.core.errors import InputError

    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"--out {out} cannot be written: {error.strerror}. Name a file in a folder that exists."
        ) from None
    typer.echo(f"{out}: {len(text.splitlines())} lines", err=True)
