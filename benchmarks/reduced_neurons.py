"""Every packaged neuron circuit beside its reduced form: the numbers of docs/spiking-networks.md.

Run ``python benchmarks/reduced_neurons.py [NAME ...]``: the table as Markdown, and with ``--plot FILE.svg`` the f-I
curves with the energy of an interval. Each circuit is compiled anew, some ten seconds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from mho.circuits.neurons import NEURONS
from mho.core import engineering
from mho.networks.reduced import ReducedNeuron, reduce

CURRENTS = {"threshold_switch": np.geomspace(5e-9, 200e-9, 14)}
USUAL = np.geomspace(1e-9, 200e-9, 14)  # [A]
COLUMNS = (
    "circuit | rate departs, at most / rms | rheobase | charge of a spike | refractory time | energy of an interval | "
    "power at rest | trains: spikes of form/circuit, time of the last, energy"
)


def row(name: str, model: ReducedNeuron) -> str:
    """A line of the table."""
    n, total = model.numbers, model.curve.supplied + model.curve.input
    trials = "; ".join(
        f"{len(t.model)}/{len(t.circuit)}, {100 * (t.model[k] / t.circuit[k] - 1):+.1f} %, "
        f"{100 * (t.billed / t.spent - 1):+.0f} %"
        for t in model.trials
        if (k := min(len(t.model), len(t.circuit)) - 1) >= 0
    )
    cells = (
        name.replace("_", " "),
        f"{100 * model.departure:.1f} % / {100 * float(np.sqrt(np.mean(model.departures**2))):.1f} %",
        engineering(model.rheobase, "A", 3),
        engineering(n["c"] * (n["v_threshold"] - n["v_reset"]), "C", 3),
        engineering(n["t_ref"], "s", 3),
        f"{engineering(float(total[-1]), 'J', 3)} to {engineering(float(total[0]), 'J', 3)}",
        engineering(float(model.energy.power[0]), "W", 3),
        trials,
    )
    return f"| {' | '.join(cells)} |"


def plot(models: dict[str, ReducedNeuron], path: Path) -> None:
    """The f-I curves and the energies as one figure in the house's look."""
    from mho.report import alone, figure
    from mho.studies.outcome import Axis, Curve, Series

    rates: list[Any] = []
    energies: list[Any] = []
    for name, m in models.items():
        title, c = name.replace("_", " "), m.curve
        fine = np.geomspace(*m.valid, 120)
        rates.append(Curve(title, "Hz", c.rate, "points", x=c.current))
        rates.append(Curve(f"{title}, reduced", "Hz", m.rate(fine), "line", x=fine))
        energies.append(Curve(title, "J", c.supplied + c.input, "both", x=c.current))
    axis = Axis("input current", "A", USUAL, "log")
    panels = [
        Series(axis, rates, "firing rate", "log", caption="Points: the circuit; lines: its reduced form."),
        Series(axis, energies, "energy of an interval", "log", caption="Supplies and input, from spike to spike."),
    ]
    text = alone(figure([p.as_dict() for p in panels], name="reduced", title="Neuron circuits and their reduced forms"))
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(NEURONS))
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    print(f"| {COLUMNS} |\n|{'---|' * (COLUMNS.count('|') + 1)}")
    models, begin = {}, time.perf_counter()
    for name in asked.names:
        models[name] = reduce(NEURONS[name](), CURRENTS.get(name, USUAL))
        print(row(name, models[name]), flush=True)
    print(f"\n{time.perf_counter() - begin:.0f} s")
    if asked.plot:
        plot(models, asked.plot)


if __name__ == "__main__":
    main()
