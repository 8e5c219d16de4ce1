"""Ground floor: quantities, fields with units, parameter sets, sampling, random numbers, errors. Knows no device."""

from mho.core.errors import ChipError as ChipError
from mho.core.errors import InputError as InputError
from mho.core.errors import MeasurementError as MeasurementError
from mho.core.errors import MhoError as MhoError
from mho.core.errors import NetlistError as NetlistError
from mho.core.errors import NetworkError as NetworkError
from mho.core.errors import ParameterError as ParameterError
from mho.core.errors import SolverError as SolverError
from mho.core.errors import StudyError as StudyError
from mho.core.errors import UnitError as UnitError
from mho.core.quantities import engineering as engineering
from mho.core.quantities import heading as heading
from mho.core.quantities import si as si
