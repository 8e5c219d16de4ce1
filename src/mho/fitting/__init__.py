"""Measurements to parameters: reading, fits with honest intervals, populations, and what a device would have to be."""

from mho.fitting.endurance import EnduranceRun as EnduranceRun
from mho.fitting.endurance import read_endurance as read_endurance
from mho.fitting.gate_cycles import fit_gate_cycles as fit_gate_cycles
from mho.fitting.jump_and_relax import fit as fit
from mho.fitting.measurement import PulseMeasurement as PulseMeasurement
from mho.fitting.noise import NoiseTrace as NoiseTrace
from mho.fitting.noise import read_noise as read_noise
from mho.fitting.paired import PairedPulses as PairedPulses
from mho.fitting.paired import read_paired_pulses as read_paired_pulses
from mho.fitting.population import RampPopulation as RampPopulation
from mho.fitting.population import ramp_population as ramp_population
from mho.fitting.pulse_file import packaged_measurement as packaged_measurement
from mho.fitting.pulse_file import read_pulses as read_pulses
from mho.fitting.ramps import RampTable as RampTable
from mho.fitting.ramps import read_ramp as read_ramp
from mho.fitting.result import Candidate as Candidate
from mho.fitting.result import Estimate as Estimate
from mho.fitting.result import Fit as Fit
from mho.fitting.retention import Retention as Retention
from mho.fitting.retention import read_retention as read_retention
from mho.fitting.suitability import CircuitNeeds as CircuitNeeds
from mho.fitting.suitability import suitability as suitability
from mho.fitting.sweep import Sweep as Sweep
from mho.fitting.sweep import read_sweep as read_sweep
