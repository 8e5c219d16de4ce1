"""Which of the two forms of program a circuit gets."""

from __future__ import annotations

import enum
from typing import Any

from mho.circuits.assembly import Assembly
from mho.circuits.layout import Layout, layout
from mho.circuits.ledger import Accounts
from mho.circuits.netlist import Circuit
from mho.circuits.stacked import StackedAssembly

# Measured on chains of inverters (benchmarks/circuit_size.py). Few lanes: equal at 12 unknowns, stacked 3 to 7 times
# faster at 36 and compiled in a quarter of the time. Many lanes: unrolled 3.5 times faster at 12 and 2.4 times at 24,
# but it compiles for minutes from 36 on. Few lanes keep to the same limit until derivatives have been compared in both
# forms; 16 would suit them.
LARGE_ALONE = 36  # unknowns above which a program for few lanes is stacked
LARGE = 36  # unknowns above which any is
MANY = 150  # elements above which any is


class Form(enum.Enum):
    """How a circuit becomes a program."""

    UNROLLED = "unrolled"
    """Straight code for every element and every entry of the matrix: the fastest for small circuits."""
    STACKED = "stacked"
    """Elements of a kind together, and a factorisation by tables: compiled in seconds at any size."""


def suited(circuit: Circuit, *, wide: bool) -> Form:
    """The form for a circuit of this size, on many lanes (`wide`) or few."""
    small = layout(circuit).n <= (LARGE if wide else LARGE_ALONE) and len(circuit.elements) <= MANY
    return Form.UNROLLED if small else Form.STACKED


def assembled(circuit: Circuit, layout: Layout, accounts: Accounts, form: Form, *, unrolled: bool = False) -> Any:
    """The equations of a circuit in one of the forms.

    Args:
        circuit: Any circuit of the structure.
        layout: Its numbering.
        accounts: What the ledger asks for.
        form: The form.
        unrolled: Whether, in an unrolled program, transistors are evaluated one by one.
    """
    if form is Form.STACKED:
        return StackedAssembly(circuit, layout, accounts)
    return Assembly(circuit, layout, accounts, unrolled=unrolled)
