"""Metrics: key performance indicators of every floor, each with unit, spread, boundary and provenance."""

from mho.metrics.kpi import KPI as KPI
from mho.metrics.kpi import percentiles as percentiles
from mho.metrics.sheet import Datasheet as Datasheet
from mho.metrics.sheet import datasheet as datasheet
