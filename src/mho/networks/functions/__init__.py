"""Functions without weights that stand between layers: activations, shapes, pools; by name, in one table.

Arrays carry their batch as they do in the network that they came from; nothing is mapped over it here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mho.networks.functions.elementwise import ELEMENTWISE
from mho.networks.functions.reductions import REDUCTIONS
from mho.networks.functions.resize import RESIZING
from mho.networks.functions.shapes import SHAPES
from mho.networks.functions.windows import WINDOWS

FUNCTIONS: dict[str, Callable[..., Any]] = {**ELEMENTWISE, **REDUCTIONS, **RESIZING, **SHAPES, **WINDOWS}
