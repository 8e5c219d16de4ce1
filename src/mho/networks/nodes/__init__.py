"""Nodes of spiking networks on a clock, with the meaning that NIR gives them; and the network that they make."""

from mho.networks.nodes.chain import network_of_layers as network_of_layers
from mho.networks.nodes.delay import Delay as Delay
from mho.networks.nodes.ends import Input as Input
from mho.networks.nodes.ends import Output as Output
from mho.networks.nodes.firing import IF as IF
from mho.networks.nodes.firing import LIF as LIF
from mho.networks.nodes.firing import CubaLIF as CubaLIF
from mho.networks.nodes.firing import Reset as Reset
from mho.networks.nodes.firing import Threshold as Threshold
from mho.networks.nodes.integrators import LI as LI
from mho.networks.nodes.integrators import CubaLI as CubaLI
from mho.networks.nodes.integrators import Integrator as Integrator
from mho.networks.nodes.network import Notes as Notes
from mho.networks.nodes.network import SpikingNetwork as SpikingNetwork
from mho.networks.nodes.node import AbstractNode as AbstractNode
from mho.networks.nodes.plain import Flatten as Flatten
from mho.networks.nodes.plain import Matrix as Matrix
from mho.networks.nodes.plain import Pool as Pool
from mho.networks.nodes.plain import Scale as Scale
from mho.networks.nodes.run import Run as Run
from mho.networks.nodes.run import simulate as simulate
from mho.networks.nodes.run import steps as steps
from mho.networks.nodes.synapses import Synapses as Synapses
