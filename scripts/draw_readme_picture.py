"""Draw the README's picture from a finished study's own figures.

Run ``mho study run ecram-stp`` first, then ``python scripts/draw_readme_picture.py``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mho.report import alone, figure
from mho.studies import read_results
from mho.studies.folder import write

PANELS = {
    "synapse.facilitation": "its synapse facilitates",
    "excitability.rate": "its neuron adapts",
    "network.band_pass": "its network prefers a rate",
}


def main() -> None:
    """Read the results, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", default="results/ecram-stp", help="results folder of the study")
    parser.add_argument("--out", type=Path, default=Path("docs/picture.svg"))
    parser.add_argument("--panels", nargs="+", default=list(PANELS), help="names of series, side by side")
    chosen = parser.parse_args()
    series = read_results(chosen.results)["series"]
    missing = [name for name in chosen.panels if name not in series]
    if missing:
        parser.error(f"{chosen.results} has no {missing[0]}; it has {', '.join(series)}")
    svg = figure(
        [series[name] for name in chosen.panels],
        name="picture",
        title="One ECRAM: its synapse facilitates, its neuron fires, its network prefers a rate",
        arrangement="row",
        height=2.6,
        headings=[PANELS.get(name, "") for name in chosen.panels],
    )
    print(write(chosen.out, alone(svg)))


if __name__ == "__main__":
    main()
