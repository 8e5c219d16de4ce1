"""``mho design``: targets in, the numbers of a circuit out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from mho.cli.environment import prepare
from mho.cli.failure import NOT_MET, told
from mho.cli.text import aligned

Many = list[str] | None


@told
def design(
    what: Annotated[
        str,
        typer.Argument(
            help="A neuron (delay_feedback, axon_hillock, comparator, schmitt, threshold_switch), or a "
            "design as a .toml file."
        ),
    ] = "delay_feedback",
    target: Annotated[
        Many, typer.Option("--target", "-t", metavar="FIGURE=VALUE[@AT]", help="What is wanted. May be repeated.")
    ] = None,
    free: Annotated[
        Many,
        typer.Option("--free", "-f", metavar="NAME[=LOW:HIGH],...", help="What may move, within usual or own bounds."),
    ] = None,
    weight: Annotated[
        Many, typer.Option(metavar="FIGURE=WEIGHT", help="How much a target counts beside others; 1 if not said.")
    ] = None,
    fix: Annotated[Many, typer.Option(metavar="NAME=VALUE", help="Hold a number: --fix v_supply=1.1V.")] = None,
    synapse: Annotated[str | None, typer.Option(help="An ECRAM synapse: facilitating, depressing, selective.")] = None,
    device: Annotated[
        str | None,
        typer.Option(help="Parameter set of the synapse's ECRAM, or a .toml file."),
    ] = None,
    inside: Annotated[str | None, typer.Option(help="Parameter set of an ECRAM inside the neuron.")] = None,
    current: Annotated[
        str | None, typer.Option(help="Input of the neuron where a target names none; 20 nA if not said.")
    ] = None,
    within: Annotated[str | None, typer.Option(help="Deviation that counts as met; 1 % if not said.")] = None,
    starts: Annotated[int | None, typer.Option(help="Searches side by side; 4 if not said.")] = None,
    scouts: Annotated[int | None, typer.Option(help="Circuits that scout the bounds; 127 if not said.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the scouts; 1 if not said.")] = None,
    ngspice: Annotated[bool, typer.Option(help="Measure what was found in ngspice too, where it is installed.")] = True,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the design with what was found as TOML.")
    ] = None,
    netlist: Annotated[Path | None, typer.Option(help="Write the designed circuit for ngspice.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw waveform and search as SVG.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write everything found, in SI.")] = None,
) -> None:
    """Choose numbers of a neuron or synapse so that targets are met.

    A population scouts the space between the bounds; from its best places several searches go on side by side, each by
    least squares on derivatives through the transient. Found is what mho's circuits do, and what ngspice says of them.

    Figures that can be wanted:

      width         of a spike                            width=500ns

      rate          at an input current                   rate=60kHz@20nA

      energy        per spike, all supplies and input     energy=1.5pJ

      dead_time     from a spike's begin to its reset's end

      facilitation  tenth spike of a train over first     facilitation=1.12@5kHz

      step          of the ECRAM's resistance by a spike  step=1.5kohm@1kHz

      event         energy of a synaptic event            event=0.9pJ@1kHz

      passes        output spikes per presynaptic spike   passes=0.2@1kHz

      lone          share a train's first spike leaves    lone=0.35@1kHz

    Free numbers are fields of the neuron (v_delay, v_refractory, v_leak, v_bias, c_membrane, c_delay, v_supply; short:
    vdly, vrf, vlk, vb, cmem, cd, vdd), of the synapse (synapse.v_read, synapse.mirror), of its ECRAM (device.tau,
    device.g_volatile) and of an ECRAM in the neuron (inside.g_volatile). Of several times the first is named; the
    others keep their ratio.

    Ends with 0 if every target is met, with 1 if not (what stands in the way is said), with 2 if it cannot be done.

    Examples:
      mho design -t width=500ns -t energy=1.5pJ --free vdly,vlk --out designed.toml --netlist designed.cir

      mho design comparator -t rate=50kHz@20nA --free cmem=0.3pF:3pF,v_threshold --plot designed.svg

      mho design --synapse facilitating -t facilitation=1.12@1kHz -t facilitation=1.2@5kHz -f device.tau,synapse.v_gate

      mho design designed.toml --json designed.json
    """
    given = {"synapse": synapse, "device": device, "inside": inside, "within": within, "current": current}
    given |= {"starts": starts, "scouts": scouts, "seed": seed}
    lists = {"target": target, "free": free, "weight": weight, "fix": fix}
    said = {name: value for name, value in {**given, **lists}.items() if value is not None}
    prepare()
    from mho.circuits.design import design as carry_out
    from mho.cli.progress import Part, watcher

    record = _read(what, said) if what.endswith(".toml") else _record(what, said)
    judging = ngspice and _ngspice_is_there()
    with watcher() as progress:
        search = Part("search", f"a {record.neuron} that meets {', '.join(t.label for t in record.targets)}")
        found = _watched(progress, search, 1, 1 + judging, lambda told: carry_out(record, told))
        judged = None
        if judging:
            outside = Part("ngspice", "the same figures from outside")
            judged = _watched(progress, outside, 2, 2, lambda told: _judged(found))
    _show(found, judged)
    if out is not None:
        _write("design", out, found.start().to_toml())
    if netlist is not None:
        _write("netlist", netlist, _netlist(found))
    if json is not None:
        _write("json", json, _json(found, judged))
    if plot is not None:
        from mho.report import alone, figure
        from mho.report.design_figure import panels

        drawn = [series.as_dict() for series in panels(found, judged).values()]
        _write("plot", plot, alone(figure(drawn, name="design", title=f"Designed {record.neuron}", below=0.8)))
    if not found.met.all():
        raise typer.Exit(NOT_MET)


def _read(path: str, said: dict[str, Any]) -> Any:
    from mho.circuits.design import Design
    from mho.core.errors import InputError

    if said:
        raise InputError(f"{path} is a whole design, so --{next(iter(said))} has no place beside it. Change it there.")
    return Design.from_toml(path)


def _record(neuron: str, said: dict[str, Any]) -> Any:
    """The design that the options say."""
    from mho.circuits.design import Design

    weights = dict(map(_pair, said.pop("weight", [])))
    record: dict[str, Any] = {"neuron": neuron}
    record["target"] = [_target(text) | _weighed(text, weights) for text in said.pop("target", [])]
    record["free"] = dict(b for text in said.pop("free", []) for b in _bounds(text))
    record["fixed"] = dict(map(_pair, said.pop("fix", [])))
    if "current" in said:
        record["bench"] = {"current": said.pop("current")}
    if "within" in said:
        record["within"] = _share(said.pop("within"))
    return Design.from_text(record | said)


def _target(text: str) -> dict[str, Any]:
    name, value = _pair(text)
    value, at, condition = value.partition("@")
    return {"figure": name, "value": value.strip()} | ({"at": condition.strip()} if at else {})


def _weighed(text: str, weights: dict[str, str]) -> dict[str, Any]:
    from mho.core.quantities import si

    name = text.partition("=")[0].strip()
    return {"weight": si(weights[name], "1")} if name in weights else {}


def _bounds(text: str) -> list[tuple[str, list[str]]]:
    """Names with their bounds: ``vdly,vlk=0V:0.3V``."""
    found = []
    for part in text.split(","):
        name, equals, span = part.strip().partition("=")
        low, colon, high = span.partition(":")
        if equals and not colon:
            from mho.core.errors import InputError

            raise InputError(f"--free {part.strip()!r} is not name=low:high. Write for example v_delay=0.2V:0.4V.")
        found.append((name.strip(), [low.strip(), high.strip()] if colon else []))
    return found


def _pair(text: str) -> tuple[str, str]:
    from mho.core.errors import InputError

    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise InputError(f"{text!r} is not name=value. Write for example width=500ns.")
    return name.strip(), value.strip()


def _share(text: str) -> float:
    from mho.core.quantities import si

    return si(text, "1")


def _watched(progress: Any, part: Any, index: int, total: int, work: Callable[[Callable[..., None]], Any]) -> Any:
    """One part of the work, with its bar while it goes on and its time when it has ended."""
    begin = time.perf_counter()
    progress.begin(part, index, total)
    done = work(lambda share, text="": progress.update(part, share, text))
    progress.end(part, time.perf_counter() - begin, kept=False)
    return done


def _ngspice_is_there() -> bool:
    import shutil

    if shutil.which("ngspice") is None:
        typer.echo("ngspice is not installed, so nothing outside mho will judge this design.", err=True)
        return False
    return True


def _judged(found: Any) -> Any:
    """The same figures from ngspice."""
    from mho.interchange.resimulation import resimulate

    return resimulate(found.subject, found.design.targets, found.design.bench)


def _show(found: Any, judged: Any) -> None:
    from mho.report import design_text as text

    typer.echo(text.opening(found))
    for rows in text.sections(found, judged):
        typer.echo("\n" + aligned(rows))
    typer.echo("\n" + "\n".join(text.closing(found, judged)))


def _netlist(found: Any) -> str:
    """The circuit that the first target is measured on."""
    from mho.circuits.design.benches import nominal, stop_of, trace
    from mho.circuits.design.benches import saved as shown
    from mho.interchange import spice_text
    from mho.interchange.resimulation import driven_text

    record = found.design
    first = record.targets[0]
    circuit = nominal(found.subject, first, record.bench)
    if first.about.bench == "driven":
        current = record.bench.current if first.at is None else first.at
        return driven_text(circuit, trace(found.subject, record.bench, current, stop_of(record.targets)))[0].text
    spikes = 10 if first.about.bench == "held" else record.bench.spikes
    return spice_text(circuit, spikes / first.at + 1e-6, save=("synapse.gate", *shown(circuit)[1:])).text


def _json(found: Any, judged: Any) -> str:
    import json

    from mho.studies.outcome import plain

    record = found.as_dict()
    if judged is not None:
        record["ngspice"] = [
            {"figure": t.figure, "at": t.at, "found": float(x), "deviation": float(t.deviation(x))}
            for t, x in zip(found.design.targets, judged.found, strict=True)
        ]
    return json.dumps(plain(record), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _write(what: str, path: Path, text: str) -> None:
    from mho.studies.folder import write

    typer.echo(f"{what:<8} {write(path, text)}")
