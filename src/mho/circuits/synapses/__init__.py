"""Synapse circuits around ECRAM channels."""

from mho.circuits.synapses.band_pass import BandPassSynapse as BandPassSynapse
from mho.circuits.synapses.design import gate_supply as gate_supply
from mho.circuits.synapses.facilitating import FacilitatingSynapse as FacilitatingSynapse
from mho.circuits.synapses.train import SynapticTrain as SynapticTrain
from mho.circuits.synapses.train import stimulate as stimulate
