"""Designs: numbers of neurons and synapses chosen so that targets are met, by derivatives through the transient."""

from mho.circuits.design.benches import Bench as Bench
from mho.circuits.design.benches import measure as measure
from mho.circuits.design.correction import Corrected as Corrected
from mho.circuits.design.correction import correct as correct
from mho.circuits.design.designed import Designed as Designed
from mho.circuits.design.designed import design as design
from mho.circuits.design.record import SYNAPSES as SYNAPSES
from mho.circuits.design.record import Design as Design
from mho.circuits.design.search import Search as Search
from mho.circuits.design.search import search as search
from mho.circuits.design.subject import Free as Free
from mho.circuits.design.subject import Subject as Subject
from mho.circuits.design.subject import applied as applied
from mho.circuits.design.subject import free as free
from mho.circuits.design.target import FIGURES as FIGURES
from mho.circuits.design.target import Target as Target
