"""Synapse circuits around ECRAM channels. `SYNAPSES` is the registry."""

import equinox as eqx

from mho.circuits.synapses.band_pass import BandPassSynapse as BandPassSynapse
from mho.circuits.synapses.design import gate_supply as gate_supply
from mho.circuits.synapses.facilitating import FacilitatingSynapse as FacilitatingSynapse
from mho.circuits.synapses.selective import SelectiveSynapse as SelectiveSynapse
from mho.circuits.synapses.train import SynapticTrain as SynapticTrain
from mho.circuits.synapses.train import stimulate as stimulate

SYNAPSES: dict[str, type[eqx.Module]] = {
    "facilitating": FacilitatingSynapse,
    "band_pass": BandPassSynapse,
}
