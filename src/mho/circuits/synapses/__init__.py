"""Synapse circuits around ECRAM channels."""

from mho.circuits.synapses.band_pass import BandPassSynapse as BandPassSynapse
from mho.circuits.synapses.facilitating import FacilitatingSynapse as FacilitatingSynapse
