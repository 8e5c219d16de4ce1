"""Spiking networks from and to NIR, the format that simulators and chips of spiking networks share."""

from mho.interchange.nir.reading import network_of_nir as network_of_nir
from mho.interchange.nir.reading import read_nir as read_nir
from mho.interchange.nir.writing import nir_of_network as nir_of_network
from mho.interchange.nir.writing import write_nir as write_nir
