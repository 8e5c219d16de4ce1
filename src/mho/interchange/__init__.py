"""To and from other tools: netlists written for ngspice and run by it."""

from mho.interchange.ngspice import NgspiceRun as NgspiceRun
from mho.interchange.ngspice import run_ngspice as run_ngspice
from mho.interchange.spice_text import SpiceText as SpiceText
from mho.interchange.spice_text import spice_text as spice_text
