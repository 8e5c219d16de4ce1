"""Neuron circuits as neurons of networks: extracted from the circuit floor once, with what their spikes cost."""

from mho.networks.reduced.extraction import reduce as reduce
from mho.networks.reduced.extraction import reduce_over as reduce_over
from mho.networks.reduced.model import Curve as Curve
from mho.networks.reduced.model import ReducedNeuron as ReducedNeuron
from mho.networks.reduced.model import Trial as Trial
from mho.networks.reduced.modulated import ModulatedNeuron as ModulatedNeuron
