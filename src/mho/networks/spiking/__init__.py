"""Spiking layers that are trained through time, with synapses that remember: static, Tsodyks-Markram, or devices."""

from mho.networks.spiking.costs import Bill as Bill
from mho.networks.spiking.costs import Costs as Costs
from mho.networks.spiking.costs import EventEnergy as EventEnergy
from mho.networks.spiking.delays import delayed as delayed
from mho.networks.spiking.device import ClockedDevice as ClockedDevice
from mho.networks.spiking.exponential_lif import ExponentialLIF as ExponentialLIF
from mho.networks.spiking.layer import Activity as Activity
from mho.networks.spiking.layer import Readout as Readout
from mho.networks.spiking.layer import SpikingLayer as SpikingLayer
from mho.networks.spiking.layer import SpikingNetwork as SpikingNetwork
from mho.networks.spiking.layer import listed as listed
from mho.networks.spiking.layer import weights_of as weights_of
from mho.networks.spiking.neurons import ConductanceLIF as ConductanceLIF
from mho.networks.spiking.neurons import CurrentLIF as CurrentLIF
from mho.networks.spiking.neurons import Placed as Placed
from mho.networks.spiking.plasticity import ClockedTM as ClockedTM
from mho.networks.spiking.plasticity import Eventwise as Eventwise
from mho.networks.spiking.plasticity import Static as Static
from mho.networks.spiking.training import Conditions as Conditions
from mho.networks.spiking.training import Ensemble as Ensemble
from mho.networks.spiking.training import Tuned as Tuned
from mho.networks.spiking.training import accuracies as accuracies
from mho.networks.spiking.training import outputs_of as outputs_of
from mho.networks.spiking.training import stacked_networks as stacked_networks
from mho.networks.spiking.training import train_ensemble as train_ensemble
