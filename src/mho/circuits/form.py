"""Which of the two forms of program a circuit gets."""

from __future__ import annotations

import enum
from typing import Any

from mho.circuits.assembly import Assembly
from mho.circuits.layout import Layout, layout
from mho.circuits.ledger import Accounts
from mho.circuits.netlist import Circuit
from mho.circuits.stacked import StackedAssembly

LARGE = 36  # unknowns above which a program is stacked
MANY = 150  # elements above which it is


class Form(enum.Enum):
    """How a circuit becomes a program."""

    UNROLLED = "unrolled"
    """Straight code for every element and every entry of the matrix: the fastest for small circuits."""
    STACKED = "stacked"
    """Elements of a kind together, and a factorisation by tables: compiled in seconds at any size."""


def suited(circuit: Circuit) -> Form:
    """The form for a circuit of this size."""
    small = layout(circuit).n <= LARGE and len(circuit.elements) <= MANY
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
