"""SPICE netlists as text: lines, definitions, parameters, formulas, requests. Knows no physics and needs no JAX."""

from mho.netlists.outline import Outline as Outline
from mho.netlists.outline import outline as outline
