"""What can go wrong, as one tree; the CLI prints any of these without a traceback and exits with code 2.

.. code-block:: text

    MhoError
    ├── InputError            a file, an option or a value that came from outside
    │   ├── UnitError         text that is not a quantity, or has the wrong dimension
    │   ├── ParameterError    a parameter set: a missing source, a value out of range
    │   ├── MeasurementError  a measurement: headings, missing samples, negative resistance
    │   ├── NetlistError      a circuit: a floating node, a loop of sources, a zero capacitor
    │   ├── ChipError         a chip: weights that do not fit, an empty converter range, a wrong shape
    │   ├── NetworkError      a network: a truncated file, an operation that is not there, shapes that do not fit
    │   └── StudyError        a study record: an unknown name, a value out of range
    └── SolverError           numerics that did not reach the asked accuracy

A message has the name, the value with its unit, the allowed range, and the cure.
"""


class MhoError(Exception):
    """Root of all errors that mho raises on purpose."""


class InputError(MhoError):
    """Something from outside (a file, an option, a value) cannot be used."""


class UnitError(InputError):
    """Text that is not a quantity, or whose dimension is not the one asked for."""


class ParameterError(InputError):
    """A parameter set or a parameter value cannot be used."""


class MeasurementError(InputError):
    """A measurement file or table cannot be used."""


class NetlistError(InputError):
    """A circuit cannot be simulated as it is connected."""


class ChipError(InputError):
    """A crossbar array or a chip cannot do what was asked."""


class NetworkError(InputError):
    """A network, or the file that holds one, cannot be used."""


class StudyError(InputError):
    """A study record cannot be run."""


class SolverError(MhoError):
    """A numerical method did not reach the asked accuracy."""


def reason_of(error: BaseException) -> str:
    """First line of what an error says; its kind, where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
