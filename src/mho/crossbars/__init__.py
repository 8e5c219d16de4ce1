"""Crossbars: cells on wires, solved exactly, read and written as they are biased; and chips that multiply with them.

One array is M rows and N columns. Rows are driven, columns are sensed; a cell's current flows from its row to its
column. A batch of right-hand sides comes first in every shape. Weights are matrices (outputs, inputs): inputs lie along
rows, outputs along columns.
"""

from mho.crossbars.array import Array as Array
from mho.crossbars.bias import Bias as Bias
from mho.crossbars.bias import FLOATING as FLOATING
from mho.crossbars.bias import SCHEMES as SCHEMES
from mho.crossbars.bias import driven as driven
from mho.crossbars.bias import selecting as selecting
from mho.crossbars.calibration import AbstractRange as AbstractRange
from mho.crossbars.calibration import CurrentPercentile as CurrentPercentile
from mho.crossbars.calibration import Granular as Granular
from mho.crossbars.calibration import Largest as Largest
from mho.crossbars.calibration import probes as probes
from mho.crossbars.checksum import Checksum as Checksum
from mho.crossbars.checksum import Verdict as Verdict
from mho.crossbars.chip import AbstractChip as AbstractChip
from mho.crossbars.chip import Chip as Chip
from mho.crossbars.chip import Report as Report
from mho.crossbars.converter_costs import adc_area as adc_area
from mho.crossbars.converter_costs import adc_energy as adc_energy
from mho.crossbars.converter_costs import dac_energy as dac_energy
from mho.crossbars.converters import AbstractConverter as AbstractConverter
from mho.crossbars.converters import Pipeline as Pipeline
from mho.crossbars.converters import Quantiser as Quantiser
from mho.crossbars.converters import Ramp as Ramp
from mho.crossbars.converters import SAR as SAR
from mho.crossbars.costs import TileCosts as TileCosts
from mho.crossbars.costs import area as area
from mho.crossbars.costs import costs_at as costs_at
from mho.crossbars.costs import digital_energy as digital_energy
from mho.crossbars.encoding import AbstractEncoding as AbstractEncoding
from mho.crossbars.encoding import DifferentialPair as DifferentialPair
from mho.crossbars.encoding import SingleCell as SingleCell
from mho.crossbars.inputs import AbstractInput as AbstractInput
from mho.crossbars.inputs import Amplitude as Amplitude
from mho.crossbars.inputs import BitSerial as BitSerial
from mho.crossbars.inputs import PulseWidth as PulseWidth
from mho.crossbars.ledger import Ledger as Ledger
from mho.crossbars.mapping import Grid as Grid
from mho.crossbars.mapping import Placement as Placement
from mho.crossbars.matrix import Matrix as Matrix
from mho.crossbars.matrix import programmed as programmed
from mho.crossbars.power import Power as Power
from mho.crossbars.power import power as power
from mho.crossbars.power import segment_currents as segment_currents
from mho.crossbars.product import Product as Product
from mho.crossbars.programming import AbstractProgramming as AbstractProgramming
from mho.crossbars.programming import OpenLoop as OpenLoop
from mho.crossbars.programming import Outcome as Outcome
from mho.crossbars.programming import Stated as Stated
from mho.crossbars.programming import WriteVerify as WriteVerify
from mho.crossbars.repair import AbstractRepair as AbstractRepair
from mho.crossbars.repair import Partner as Partner
from mho.crossbars.repair import SpareWords as SpareWords
from mho.crossbars.repair import survey as survey
from mho.crossbars.scaling import AbstractScaling as AbstractScaling
from mho.crossbars.scaling import Fixed as Fixed
from mho.crossbars.scaling import PerMatrix as PerMatrix
from mho.crossbars.scaling import PerOutput as PerOutput
from mho.crossbars.scaling import Percentile as Percentile
from mho.crossbars.slices import AbstractDigits as AbstractDigits
from mho.crossbars.slices import Analog as Analog
from mho.crossbars.slices import Balanced as Balanced
from mho.crossbars.slices import Corrected as Corrected
from mho.crossbars.slices import Unbalanced as Unbalanced
from mho.crossbars.snapshot import Snapshot as Snapshot
from mho.crossbars.solve import Solution as Solution
from mho.crossbars.solve import solve as solve
from mho.crossbars.tile import Tile as Tile
from mho.crossbars.updating import PulseUpdate as PulseUpdate
from mho.crossbars.wires import TECHNOLOGIES as TECHNOLOGIES
from mho.crossbars.wires import Wires as Wires
from mho.crossbars.wires import wires_at as wires_at
