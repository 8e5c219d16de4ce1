"""Crossbars: cells on wires, solved exactly, read and written as they are biased; converters.

One array is M rows and N columns. Rows are driven, columns are sensed; a cell's current flows from its row to its
column. A batch of right-hand sides comes first in every shape.
"""

from mho.crossbars.bias import FLOATING as FLOATING
from mho.crossbars.bias import SCHEMES as SCHEMES
from mho.crossbars.bias import Bias as Bias
from mho.crossbars.bias import driven as driven
from mho.crossbars.bias import selecting as selecting
from mho.crossbars.converters import SAR as SAR
from mho.crossbars.converters import AbstractConverter as AbstractConverter
from mho.crossbars.converters import Pipeline as Pipeline
from mho.crossbars.converters import Quantiser as Quantiser
from mho.crossbars.converters import Ramp as Ramp
from mho.crossbars.power import Power as Power
from mho.crossbars.power import power as power
from mho.crossbars.power import segment_currents as segment_currents
from mho.crossbars.solve import Solution as Solution
from mho.crossbars.solve import solve as solve
from mho.crossbars.wires import TECHNOLOGIES as TECHNOLOGIES
from mho.crossbars.wires import Wires as Wires
from mho.crossbars.wires import wires_at as wires_at
