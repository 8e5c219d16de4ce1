"""Filamentary and interface resistive memories: two terminals, an ion configuration as the state."""

from __future__ import annotations

from mho.devices.device import AbstractMemory
from mho.devices.reram.cell import CellState as CellState
from mho.devices.reram.interface import SchottkyInterface as SchottkyInterface
from mho.devices.reram.ion_drift import IonDrift as IonDrift
from mho.devices.reram.ion_drift import IonDriftBiolek as IonDriftBiolek
from mho.devices.reram.ion_drift import IonDriftJoglekar as IonDriftJoglekar
from mho.devices.reram.ion_drift import IonDriftProdromakis as IonDriftProdromakis
from mho.devices.reram.messaris import Messaris2018 as Messaris2018
from mho.devices.reram.messaris import Messaris2020 as Messaris2020
from mho.devices.reram.metastable import MetastableSwitch as MetastableSwitch
from mho.devices.reram.second_order import SecondOrder as SecondOrder
from mho.devices.reram.second_order import SecondOrderState as SecondOrderState
from mho.devices.reram.stanford import StanfordPKU as StanfordPKU
from mho.devices.reram.vteam import VTEAM as VTEAM
from mho.devices.reram.vteam import VTEAMExponential as VTEAMExponential
from mho.devices.reram.vteam import VTEAMWindowed as VTEAMWindowed
from mho.devices.reram.wox import WOx as WOx
from mho.devices.reram.yakopcic import Yakopcic as Yakopcic

MODELS: dict[str, type[AbstractMemory]] = {
    "ion_drift": IonDrift,
    "ion_drift_joglekar": IonDriftJoglekar,
    "ion_drift_biolek": IonDriftBiolek,
    "ion_drift_prodromakis": IonDriftProdromakis,
    "yakopcic": Yakopcic,
    "vteam": VTEAM,
    "vteam_exponential": VTEAMExponential,
    "vteam_windowed": VTEAMWindowed,
    "stanford_pku": StanfordPKU,
    "messaris_2018": Messaris2018,
    "messaris_2020": Messaris2020,
    "second_order": SecondOrder,
    "wox": WOx,
    "schottky_interface": SchottkyInterface,
    "metastable_switch": MetastableSwitch,
}
