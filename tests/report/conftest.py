"""Results as a finished study would leave them, fabricated from simple formulas, for the tests of the page only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mho.metrics.kpi import KPI
from mho.studies import Axis, Curve, Mark, Outcome, Series, Table

STATED = {"source": "currie2026", "where": "abstract", "how": "stated"}
ASSUMED = {"source": "mho", "where": "reconstruction", "how": "assumed"}


def fabricate() -> dict[str, Any]:
    """Results of a study whose every number is invented."""
    rng = np.random.default_rng(3)
    outcome = Outcome(
        kpis=_kpis(),
        series=_series(rng),
        tables=_tables(),
        notes=["The measurement is synthetic: it was made from the reconstruction."],
    ).as_dict()
    return {
        "study": {
            "name": "ecram-stp",
            "title": "From a pulse measurement to spiking neurons that filter in time",
            "question": "What does this ECRAM do as a synapse, in a neuron, and in a network?",
            "headline": [
                "device.transient_resistance_per_spike",
                "circuit.energy_per_spike",
                "circuit.pulse_width",
                "network.filter_peak",
            ],
            "record": {"seed": 1, "measurement": "packaged", "supply": "1 V", "rates": ["1 Hz", "10 Hz", "1 kHz"]},
        },
        "answer": [
            "A spike lowers this device's channel resistance by 1.49 kΩ, and the change relaxes with 20 and 200 ms. In "
            "a delay-feedback neuron it costs 1.58 pJ per spike, 2.2 pJ with one synaptic event, and makes a synapse "
            "that passes rates above 40 Hz."
        ],
        "kpis": outcome["kpis"],
        "series": outcome["series"],
        "tables": outcome["tables"],
        "notes": outcome["notes"],
        "provenance": {
            "versions": {"mho": "0.1.0", "python": "3.11.7", "jax": "0.10.2"},
            "fingerprint": "ab" * 32,
            "seeds": {"population": 123456},
            "inputs": {"measurement": {"file": "pulses.csv", "bytes": 51234, "sha256": "0123456789abcdef" * 4}},
            "machine": {"system": "Linux x86_64", "processor": "a processor", "cores": "2"},
            "sources": {
                "currie2026": {"text": "Currie et al. 2026 (abstract only)", "url": "https://arxiv.org/abs/2605.11243"},
                "mho": {"text": "This project's reconstruction"},
            },
            "files": {},
            "stages": [{"stage": "measurement", "title": "read and fit", "seconds": 4.2}],
            "elapsed": 61.2,
            "finished": "2026-01-01T00:00:00+00:00",
        },
    }


def _kpis() -> list[KPI]:
    return [
        KPI(
            "device.transient_resistance_per_spike",
            1492.0,
            "ohm",
            "fall of the channel resistance by one reference pulse from rest",
            {"low": 1455.0, "high": 1540.0, "kind": "95 % interval of the fit"},
            n=3,
            boundary="channel alone",
            conditions={"pulse": "1 V, 200 ns", "temperature": "27 °C"},
            provenance=[STATED, ASSUMED, ASSUMED],
        ),
        KPI(
            "device.relaxation_times",
            [20.3e-3, 197e-3],
            "s",
            "time constants of the volatile modes",
            {"low": [19.4e-3, 180e-3], "high": [21.0e-3, 222e-3], "kind": "95 % interval of the fit"},
            provenance=[ASSUMED],
        ),
        KPI(
            "circuit.energy_per_spike",
            1.58e-12,
            "J",
            "supply energy over whole inter-spike intervals, divided by their number",
            {"low": 1.41e-12, "high": 1.83e-12, "kind": "5th to 95th percentile"},
            n=1000,
            failures={"MIN_STEP": 2, "RUNAWAY": 1},
            boundary="membrane, threshold stage, delay, reset, gate drive and input charge; not the bias generation",
            conditions={"supply": "1 V", "input": "20 nA"},
            provenance=[STATED] + [ASSUMED] * 20,
        ),
        KPI("circuit.energy_per_synaptic_event", 0.64e-12, "J", provenance=[ASSUMED]),
        KPI(
            "circuit.pulse_width",
            208e-9,
            "s",
            "time of the spike node above half the supply",
            {"low": 45e-9, "high": 13.2e-6, "kind": "tuning range"},
        ),
        KPI("circuit.facilitation_ratio", 1.206, "1", "charge of spike 12 over spike 1 at 20 kHz"),
        KPI(
            "circuit.excitability_change",
            [-0.453, 0.153],
            "1",
            "relative change of rate over the train, for both signs",
        ),
        KPI("circuit.topologies", None, "J", note="The threshold switch found no operating point."),
        KPI("network.filter_peak", 22.4, "Hz"),
        KPI("network.rate_discrimination", 0.93, "1"),
        KPI("floors.agreement", 0.012, "1"),
    ]


def _series(rng: np.random.Generator) -> dict[str, Series]:
    t = np.linspace(0, 2.0, 400)
    spikes = np.arange(0.1, 0.9, 0.04)
    r = 25e3 - sum(
        np.where(t > s, 1500 * (0.75 * np.exp(-(t - s) / 0.02) + 0.25 * np.exp(-(t - s) / 0.2)), 0) for s in spikes
    )
    noisy = r + 60 * rng.standard_normal(t.size)
    current = np.geomspace(0.7e-9, 200e-9, 12)
    rate = np.clip((current - 0.65e-9) / 3.2e-13, 0, None)
    vdly = np.linspace(0.2, 0.6, 9)
    number = np.arange(1, 13)
    hertz = np.geomspace(1, 1000, 40)
    parts = ("membrane", "threshold stage", "delay", "reset", "channel read", "gate drive", "drivers")
    names = ("delay feedback", "Axon-Hillock", "comparator", "Schmitt trigger", "threshold switch")
    peak = 1 / np.sqrt(0.03 * 0.53 * 0.13)

    def fac(tau: float, rate: np.ndarray) -> np.ndarray:
        d = np.exp(-1 / (rate * tau))
        return 1 / (1 - 0.92 * d)

    return {
        "measurement.fit": Series(
            Axis("time", "s", t),
            [Curve("measured", "ohm", noisy, "points"), Curve("model", "ohm", r)],
            "channel resistance",
        ),
        "measurement.residuals": Series(
            Axis("time", "s", t), [Curve("fitted", "ohm", noisy - r, "points")], "residual", marks=[Mark("", y=0.0)]
        ),
        "device.relaxation": Series(
            Axis("time after the spike", "s", np.geomspace(1e-3, 1, 40), "log"),
            [
                Curve("fitted", "1", np.exp(-np.geomspace(1e-3, 1, 40) / 0.021)),
                Curve("reference", "1", np.exp(-np.geomspace(1e-3, 1, 40) / 0.02), "guide"),
            ],
            "share that is left",
        ),
        "neuron.waveform": Series(
            Axis("time", "s", t * 1e-6),
            [Curve("membrane", "V", 0.5 * (t % 0.5)), Curve("spike", "V", (t % 0.5 > 0.45) * 1.0)],
            "voltage",
        ),
        "neuron.f_i": Series(
            Axis("input current", "A", current, "log"), [Curve("rate", "Hz", rate + 1e3, "both")], "firing rate", "log"
        ),
        "neuron.pulse_width": Series(
            Axis("delay control voltage", "V", vdly),
            [Curve("width", "s", 13e-6 * 10 ** (-(vdly - 0.2) * 9), "both")],
            "spike width",
            "log",
            marks=[Mark("reset incomplete below", y=100e-9)],
        ),
        "synapse.facilitation": Series(
            Axis("spike number", "1", number),
            [
                Curve(label, "1", 1 + a * (1 - np.exp(-number / 5)), "both")
                for label, a in (("20 kHz", 0.21), ("5 kHz", 0.15), ("2 kHz", 0.10), ("1 kHz", 0.07), ("200 Hz", 0.02))
            ],
            "charge over the first",
        ),
        "synapse.resistance": Series(
            Axis("spike number", "1", number),
            [
                Curve(label, "ohm", 25e3 - a * (1 - np.exp(-number / 5)), "both")
                for label, a in (
                    ("20 kHz", 7000.0),
                    ("5 kHz", 5000.0),
                    ("2 kHz", 4000.0),
                    ("1 kHz", 3000.0),
                    ("200 Hz", 1500.0),
                )
            ],
            "channel resistance",
        ),
        "synapse.recovery": Series(
            Axis("time after the train", "s", np.geomspace(1e-3, 1, 8), "log"),
            [Curve("probe", "1", 1 + 0.2 * np.exp(-np.geomspace(1e-3, 1, 8) / 0.05), "both")],
            "charge over the first",
        ),
        "synapse.paired_pulse": Series(
            Axis("interval", "s", np.geomspace(1e-5, 1, 30), "log"),
            [
                Curve("device", "1", 1 + 0.06 * np.exp(-np.geomspace(1e-5, 1, 30) / 0.02)),
                Curve(
                    "circuit",
                    "1",
                    [1.035, 1.019, 1.004],
                    "points",
                    x=[2e-5, 1e-3, 1e-2],
                    low=[1.03, 1.015, 1.0],
                    high=[1.04, 1.022, 1.008],
                ),
            ],
            "paired-pulse ratio",
        ),
        "excitability.rate": Series(
            Axis("time", "s", np.linspace(0, 6e-3, 60)),
            [
                Curve("lowers", "Hz", 42e3 + 34e3 * np.exp(-np.linspace(0, 6e-3, 60) / 1e-3), "both"),
                Curve("raises", "Hz", 22e3 - 3e3 * np.exp(-np.linspace(0, 6e-3, 60) / 1e-3), "both"),
            ],
            "rate",
        ),
        "excitability.resistance": Series(
            Axis("time", "s", np.linspace(0, 6e-3, 60)),
            [
                Curve("lowers", "ohm", 17e3 + 8e3 * np.exp(-np.linspace(0, 6e-3, 60) / 1e-3)),
                Curve("raises", "ohm", 30e3 - 5e3 * np.exp(-np.linspace(0, 6e-3, 60) / 1e-3)),
            ],
            "resistance",
        ),
        "energy.split": Series(
            Axis("boundary", "", ["neuron alone", "with one synaptic event", "with all events that led to it"]),
            [
                Curve(p, "J", np.array([a, a, a]) * 1e-12 if i < 4 else np.array([0, a, 4.5 * a]) * 1e-12)
                for i, (p, a) in enumerate(zip(parts, (0.09, 1.05, 0.10, 0.15, 0.45, 0.22, 0.18), strict=True))
            ],
            "energy per spike",
            kind="stacked_bars",
        ),
        "energy.current": Series(
            Axis("input current", "A", current, "log"),
            [Curve("energy", "J", 1.1e-12 + 1e-21 / current, "both")],
            "energy per spike",
        ),
        "topologies.energy": Series(
            Axis("topology", "", names),
            [Curve(p, "J", rng.random(5) * 1e-12) for p in parts[:4]],
            "energy per spike",
            kind="stacked_bars",
        ),
        "topologies.facilitation": Series(
            Axis("topology", "", names),
            [Curve("with facilitation", "1", [4, 4, 4, 4, 3]), Curve("without", "1", [3, 3, 3, 3, 0])],
            "output spikes",
            kind="bars",
        ),
        "population.energy": Series(
            Axis("energy per spike", "J", 1.58e-12 * np.exp(0.08 * rng.standard_normal(997))), kind="histogram"
        ),
        "population.width": Series(
            Axis("spike width", "s", 208e-9 * np.exp(0.2 * rng.standard_normal(997))), kind="histogram"
        ),
        "population.rate": Series(
            Axis("firing rate", "Hz", 61e3 * np.exp(0.15 * rng.standard_normal(997))), kind="histogram"
        ),
        "network.high_pass": Series(
            Axis("input rate", "Hz", hertz, "log"),
            [Curve(f"{1e3 * tau:.0f} ms", "1", fac(tau, hertz)) for tau in (0.01, 0.05, 0.2)],
            "steady efficacy over the first",
        ),
        "network.band_pass": Series(
            Axis("input rate", "Hz", hertz, "log"),
            [Curve("simulated", "1", 1.08 * np.exp(-(np.log(hertz / peak) ** 2) / 6))],
            "steady efficacy over the first",
            marks=[Mark("theory", x=peak)],
        ),
        "network.bank": Series(
            Axis("input rate", "Hz", hertz, "log"),
            [
                Curve(f"synapse {k}", "1", np.exp(-(np.log(hertz / c) ** 2) / 2))
                for k, c in enumerate((3, 12, 50, 200), start=1)
            ],
            "response",
        ),
        "floors.resistance": Series(
            Axis("spike number", "1", number),
            [
                Curve(f, "ohm", 25e3 - 1500 * number**0.7 * k, "both")
                for f, k in (("device", 1.0), ("circuit", 1.004), ("network", 1.0))
            ],
            "channel resistance",
        ),
        "floors.differences": Series(
            Axis("spike number", "1", number),
            [Curve("circuit", "1", 0.004 * number / 12, "both"), Curve("network", "1", 1e-6 * number, "both")],
            "difference",
        ),
        "other.thing": Series(Axis("x", "1", [1, 2, 3]), [Curve("y", "V", [1.0, float("nan"), 2.0])]),
    }


def _tables() -> dict[str, Table]:
    return {
        "paper.compared": Table(
            ["quantity", "paper", "mho", "assumed"],
            [
                ["transient resistance per spike", "1.5 kΩ", "1.49 kΩ (1.46 to 1.54)", "base resistance, pulse"],
                ["energy per spike", "about 2 pJ", "1.58 pJ alone; 2.2 pJ with one event", "supply, node, boundary"],
            ],
            "The two numbers of the abstract.",
        ),
        "measurement.parameters": Table(
            ["parameter", "fitted", "95 % interval", "generating value"],
            [["g_volatile", "30.1 µS", "29 to 31 µS", "30 µS"]],
        ),
        "topologies.compared": Table(
            ["topology", "rate [kHz]", "width [ns]", "ECRAM acts on"],
            [["delay feedback", 61.2, 208.0, "reset path"], ["Axon-Hillock", 44.0, None, "bias"]],
        ),
        "other.table": Table(["a"], [[True]]),
    }


@pytest.fixture
def results() -> dict[str, Any]:
    return fabricate()


@pytest.fixture
def few(results) -> dict[str, Any]:
    """The same with one figure only, for what does not concern figures."""
    return results | {"series": {"network.band_pass": results["series"]["network.band_pass"]}}


@pytest.fixture(scope="session")
def page() -> str:
    """The whole page, drawn once (seconds)."""
    from mho.report import render

    return render(fabricate())
