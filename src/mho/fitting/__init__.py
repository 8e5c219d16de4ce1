"""Measurements to parameters: reading, edges, fits with honest intervals, populations, and what a device would have to be."""

from mho.fitting.gate_cycles import fit_gate_cycles as fit_gate_cycles
from mho.fitting.jump_and_relax import fit as fit
from mho.fitting.measurement import PulseMeasurement as PulseMeasurement
from mho.fitting.measurement import packaged_measurement as packaged_measurement
from mho.fitting.measurement import read_pulses as read_pulses
from mho.fitting.result import Candidate as Candidate
from mho.fitting.result import Estimate as Estimate
from mho.fitting.result import Fit as Fit
