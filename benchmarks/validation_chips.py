"""Published chips by the cost model: what their stated parameters give, and what has to be assumed (a table)."""

from mho.crossbars import PulseWidth, Quantiser, TileCosts, adc_energy, costs_at
from mho.crossbars.costs import energies, events, latency
from mho.crossbars.mapping import grid

# HERMES, 64 cores: stated are 256 x 256 unit cells, 8 bits in and out, a clock of 1 GHz, 14 nm, 256 converters a core.
HERMES = {"cores": 64, "outputs": 256, "inputs": 256, "tops_per_watt": 9.76, "tops": 63.1}
ASSUMED = {
    "read voltage": 0.2,  # [V]
    "mean conductance of a unit cell": 4.1e-6,  # [S], a fifth of the 20.7 uS that two devices reach
    "mean magnitude of an input": 0.25,
    "power of a column's oscillator, counter and regulator": 0.15e-3,  # [W], for the length of the pulses
    "logic, clock and leakage of a core": 25e-3,  # [W]
}


def cells_energy() -> float:
    """Of one product in the cells of a core [J]."""
    t = PulseWidth(8).duration * ASSUMED["mean magnitude of an input"]
    power = HERMES["outputs"] * HERMES["inputs"] * ASSUMED["mean conductance of a unit cell"]
    return float(power * ASSUMED["read voltage"] ** 2 * t)


def product(costs: TileCosts) -> tuple[float, float]:
    """TOPS/W and the time of one product of a HERMES core [s]."""
    drive = PulseWidth(8, v_read=ASSUMED["read voltage"])
    cut = grid(HERMES["outputs"], HERMES["inputs"], 256, 256)
    e = events(cut, drive, lines=1)
    total = cells_energy() + sum(energies(e, drive, costs).values())
    return e.operations / total * 1e-12, latency(e, drive, costs)


def hermes_bound() -> tuple[float, float]:
    """With the best converters of the survey and nothing else of a core: an upper bound."""
    drive = PulseWidth(8, v_read=ASSUMED["read voltage"])
    return product(costs_at(14e-9, Quantiser(8), drive, rate=7.5e6, columns=256))


def hermes() -> tuple[float, float]:
    """With oscillators that count for the length of the pulses, and the power of a core's logic."""
    drive = PulseWidth(8, v_read=ASSUMED["read voltage"])
    plain = costs_at(14e-9, Quantiser(8), drive, rate=7.5e6, columns=256)
    count = ASSUMED["power of a column's oscillator, counter and regulator"] * float(drive.duration)
    static = ASSUMED["logic, clock and leakage of a core"]
    return product(
        TileCosts(
            adc_energy=count,
            adc_time=6e-9,
            dac_energy=plain.dac_energy,
            driver_energy=plain.driver_energy,
            digital_energy=plain.digital_energy,
            scaling_energy=plain.scaling_energy,
            bit_energy=plain.bit_energy,
            static_power=static,
        )
    )


def main():
    stated = HERMES["cores"] * 2 * 256 * 256 / (HERMES["tops"] * 1e12)
    print(f"HERMES, one phase: stated {HERMES['tops_per_watt']} TOPS/W, {stated * 1e9:.1f} ns a product")
    for name, (tops, t) in (("best converters alone", hermes_bound()), ("oscillators and logic", hermes())):
        ratio = tops / HERMES["tops_per_watt"]
        print(f"  {name:24} {tops:7.1f} TOPS/W ({ratio:.2f} of the stated), {t * 1e9:.1f} ns")
    print("  assumed:", ", ".join(f"{k} {v:g}" for k, v in ASSUMED.items()))
    print("8-bit conversion at 100 MS/s [pJ], by node and model:")
    for node in (65, 32, 22, 14):
        row = (adc_energy(8, 100e6, node * 1e-9, model=m) * 1e12 for m in ("survey", "isaac", "neurosim", "walden"))
        print(f"  {node:3} nm  " + "  ".join(f"{e:6.3f}" for e in row))


if __name__ == "__main__":
    main()
