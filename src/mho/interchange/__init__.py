"""To and from other tools: circuits and devices for ngspice and as Verilog-A, ngspice run, trained networks read."""

from mho.interchange.behaviour import Behaviour as Behaviour
from mho.interchange.behaviour import behaviour as behaviour
from mho.interchange.bench import Bench as Bench
from mho.interchange.bench import bench as bench
from mho.interchange.bench import bench_text as bench_text
from mho.interchange.bench import osdi_bench as osdi_bench
from mho.interchange.library import library_text as library_text
from mho.interchange.ngspice import NgspiceRun as NgspiceRun
from mho.interchange.ngspice import run_ngspice as run_ngspice
from mho.interchange.nir import read_nir as read_nir
from mho.interchange.nir import write_nir as write_nir
from mho.interchange.samples import Samples as Samples
from mho.interchange.samples import read_samples as read_samples
from mho.interchange.spice import Netlist as Netlist
from mho.interchange.spice import read_spice as read_spice
from mho.interchange.spice_text import Block as Block
from mho.interchange.spice_text import SpiceText as SpiceText
from mho.interchange.spice_text import spice_text as spice_text
from mho.interchange.subcircuit import subcircuit as subcircuit
from mho.interchange.transistors import Foundry as Foundry
from mho.interchange.transistors import cards as cards
from mho.interchange.transistors import sky130 as sky130
from mho.interchange.verilog_a import verilog_a as verilog_a
from mho.interchange.weights import read_network as read_network
