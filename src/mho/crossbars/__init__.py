"""Crossbars: cells on wires, programming, encodings, converters, tiles and chips."""

from mho.crossbars.converters import SAR as SAR
from mho.crossbars.converters import AbstractConverter as AbstractConverter
from mho.crossbars.converters import Pipeline as Pipeline
from mho.crossbars.converters import Quantiser as Quantiser
from mho.crossbars.converters import Ramp as Ramp
