"""The reference delay-feedback LIF of references/circuits/h4_lif.cir, built by hand element by element."""

from __future__ import annotations

from mho.circuits import DC, MOSFET, NMOS, PMOS, PWL, Capacitor, Circuit, Crossing, CurrentSource, VoltageSource

STOP = 70e-6
SUPPLIES = {"vn": 1.0, "vd": 1.0, "vdly": 0.36, "vrf": 0.5, "vb": 0.74, "vlk": 0.2}
CROSSINGS = (Crossing("spk", 0.5, after=1e-6), Crossing("spk", 0.5, rising=False, after=1e-6))

# name: (kind, drain, gate, source, bulk, width, length); nodes and sizes [m] are those of lif.lib
TRANSISTORS = {
    "leak.m": (NMOS, "mem", "vlk", "0", "0", 0.5e-6, 1e-6),
    "threshold.n1": (NMOS, "o1", "mem", "0", "0", 0.5e-6, 2e-6),
    "threshold.p1": (PMOS, "o1", "mem", "h", "vn", 1e-6, 0.2e-6),
    "threshold.header": (PMOS, "h", "vb", "vn", "vn", 0.5e-6, 1e-6),
    "threshold.bypass": (PMOS, "h", "d1", "vn", "vn", 1e-6, 0.13e-6),
    "threshold.n2": (NMOS, "spk", "o1", "0", "0", 0.5e-6, 0.13e-6),
    "threshold.p2": (PMOS, "spk", "o1", "vn", "vn", 1.2e-6, 0.13e-6),
    "feedback.cut": (PMOS, "hp", "rst", "vn", "vn", 0.5e-6, 0.2e-6),
    "feedback.push": (PMOS, "mem", "o1", "hp", "vn", 0.5e-6, 0.2e-6),
    "delay.n1": (NMOS, "d1", "spk", "dn", "0", 0.5e-6, 0.2e-6),
    "delay.starve_n": (NMOS, "dn", "vdly", "0", "0", 0.5e-6, 0.5e-6),
    "delay.p1": (PMOS, "d1", "spk", "dp", "vd", 0.5e-6, 0.2e-6),
    "delay.starve_p": (PMOS, "dp", "vrf", "vd", "vd", 0.5e-6, 0.5e-6),
    "delay.n2": (NMOS, "rst", "d1", "0", "0", 0.4e-6, 0.4e-6),
    "delay.p2": (PMOS, "rst", "d1", "vd", "vd", 0.8e-6, 0.4e-6),
    "reset.m": (NMOS, "mem", "rst", "0", "0", 2e-6, 0.2e-6),
}


def reference_lif() -> Circuit:
    """The neuron with its supplies, biases and the input current 0, 30 nA from 2 us, 60 nA from 40 us."""
    supplies = {f"supply.{name}": VoltageSource(name, "0", DC(v)) for name, v in SUPPLIES.items()}
    drive = PWL((0, 2e-6, 2.01e-6, 40e-6, 40.01e-6), (0, 0, 30e-9, 30e-9, 60e-9))
    transistors = {
        name: MOSFET(drain, gate, source, bulk, w, l, kind)
        for name, (kind, drain, gate, source, bulk, w, l) in TRANSISTORS.items()
    }
    capacitors = {"membrane.c": Capacitor("mem", "0", 1e-12), "delay.c": Capacitor("d1", "0", 20e-15)}
    return Circuit(
        {**supplies, "drive.i": CurrentSource("0", "mem", drive), **transistors, **capacitors}, initial={"mem": 0.0}
    )
