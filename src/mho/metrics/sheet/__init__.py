"""The datasheet of a device alone, and what it is made of."""

from mho.metrics.sheet.bench import Bench as Bench
from mho.metrics.sheet.datasheet import Datasheet as Datasheet
from mho.metrics.sheet.datasheet import Measured as Measured
from mho.metrics.sheet.datasheet import datasheet as datasheet
