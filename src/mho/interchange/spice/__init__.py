"""Reads SPICE netlists: circuits to simulate, sample and differentiate, with what the netlist asks for."""

from mho.interchange.spice.measure import Measured as Measured
from mho.interchange.spice.netlist import Netlist as Netlist
from mho.interchange.spice.netlist import read_spice as read_spice
from mho.interchange.spice.outcome import Outcome as Outcome
from mho.interchange.spice.simulation import asked as asked
from mho.interchange.spice.simulation import simulate as simulate
from mho.netlists.analyses import Requests as Requests
