"""Figures and KPIs of a run of populations, from a result put together by hand."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import mho
from mho.core.errors import InputError
from mho.metrics import spiking
from mho.networks import LIF, DeviceSynapse, TsodyksMarkram
from mho.networks import populations as pop
from mho.networks.populations.result import Spikes
from mho.report import figure, spiking_series

PULSE = mho.Pulse(1.0, 200e-9)


@pytest.fixture(scope="module")
def result():
    neuron = LIF(250e-12, 20e-3, 5e-3, 2e-3, -70e-3, -70e-3, -55e-3)
    device = DeviceSynapse.of(mho.parameters("ecram_stp_ref").device(), PULSE, dtype=np.float64)
    wires, energy = pop.one_to_one(3), pop.EventEnergy(PULSE, v_read=0.1, t_read=1e-6)
    network = pop.SpikingNetwork(
        [pop.Population("cells", 3, neuron)],
        [
            pop.Projection("in", "cells", wires, 1e-10, 1e-3, device, energy=energy, keep=("cycles",), name="devices"),
            pop.Projection("cells", "cells", wires, 1e-10, 1e-3, TsodyksMarkram(0.5, 0.1, 0.2)),
        ],
        1e-4,
        [pop.SpikeSource("in", 3)],
    )
    laid = pop.plan(network, np.float64)
    leaves = tuple(
        np.asarray([1.0, 2.0, 3.0]) if name == "cycles" else x
        for name, x in zip(laid.fields[0], laid.rest.synapses[0].leaves, strict=True)
    )
    state = laid.rest._replace(
        step=1000, synapses=(laid.rest.synapses[0]._replace(leaves=leaves), laid.rest.synapses[1])
    )
    times = np.arange(1, 1001) * 1e-4
    wave = -70e-3 + 1e-3 * np.sin(times[:, None] * 100 + np.arange(2))
    return pop.SpikingResult(
        network=network,
        start=0.0,
        duration=0.1,
        spikes={"cells": Spikes(np.asarray([0.01, 0.02, 0.03]), np.asarray([0, 2, 0]))},
        grid={
            "cells": (np.asarray([101, 201, 301]), np.asarray([0, 2, 0])),
            "in": (np.asarray([10, 20, 500]), np.asarray([1, 1, 1])),
        },
        traces={"cells": pop.Traces(times, np.asarray([0, 2]), wave, wave * 1e-9)},
        events={"devices": 3, "cells to cells": 3},
        energy={"devices": 6e-12, "cells to cells": float("nan")},
        neurons={"cells": float("nan")},
        state=state,
        fields=dict(zip(("devices", "cells to cells"), laid.fields, strict=True)),
        engine="jax",
        noisy=False,
        dtype=np.float64,
    )


def test_every_figure_draws(result):
    voltages, currents = spiking_series.membranes(result, "cells")
    panels = [
        spiking_series.raster(result),
        voltages,
        currents,
        spiking_series.efficacies(result, "cells to cells", [0, 2]),
        spiking_series.conductances(result, "devices", [1], points=30),
        spiking_series.rate_response([10.0, 20.0], [result, result], "cells"),
    ]
    for k, panel in enumerate(panels):
        ET.fromstring(figure([panel.as_dict()], name=f"f{k}", title="one"))
    np.testing.assert_array_equal(panels[0].y[0].values, [0.0, 2.0, 0.0])
    assert panels[3].y[0].values[0] == pytest.approx(0.5)  # a first spike releases U


def test_a_conductance_stands_between_spikes_where_the_device_relaxed_to(result):
    device = result.network.projection("devices").synapse
    found = result.conductance("devices", [1], [0.0005, 0.0011, 0.0015, 0.09])[0]
    rest = float(device.device.g_rest)
    assert found[0] == pytest.approx(rest, rel=1e-9)  # before the first spike, at 1 ms
    assert found[1] > found[2] > rest  # after it
    assert found[3] < found.max()


def test_kpis_of_a_run(result):
    found = spiking.run_kpis(result)
    assert [kpi.name for kpi in found].count("network.synaptic_events") == 2
    rate = next(k for k in found if k.name == "network.firing_rate")
    assert rate.value == pytest.approx(10.0)
    energy = next(k for k in found if k.name == "network.energy_per_synaptic_event")
    assert energy.value == pytest.approx(2e-12)
    assert energy.conditions["read voltage"] == "100 mV"
    wear = next(k for k in found if k.name == "network.volatile_cycles")
    assert wear.value == pytest.approx(2.0)
    without = spiking.energy_per_event(result, "cells to cells")
    assert without.value is None
    assert "no EventEnergy" in without.note


def test_what_a_run_does_not_hold_is_said(result):
    with pytest.raises(InputError, match="kept no 'age'"):
        result.kept("devices", "age")
    with pytest.raises(InputError, match="are no devices"):
        result.conductance("cells to cells", [0], [0.0])
    with pytest.raises(InputError, match="in is a source"):
        result.rates("in")
    with pytest.raises(InputError, match="synapses 0 to 2"):
        result.history("devices", [3])
