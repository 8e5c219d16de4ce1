"""Nodes that only carry a formula's value: put into the formulas that read them, they cost no unknown.

Designers put a long formula's parts on nodes of their own, because ngspice computes one flat expression slowly. Such a
node is an unknown that Newton's method may throw far off, and a current that nobody asks for.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from mho import circuits as mc
from mho.circuits.elements import AbstractElement
from mho.interchange.spice.formulas import Formula, formula
from mho.netlists.expressions import Call, Expression, Probe

_BY_FORMULA = (mc.BehaviouralVoltage, mc.BehaviouralCurrent, mc.BehaviouralCapacitor, mc.BehaviouralCharge)
_LARGEST = 3_000  # terms of a formula that others were put into


def without_followers(
    elements: Mapping[str, AbstractElement], kept: Container[str]
) -> tuple[dict[str, AbstractElement], dict[str, tuple[str, Formula]]]:
    """The elements without those whose node only formulas read; and for each of these, its node and formula.

    Args:
        elements: By name.
        kept: Nodes that must stay, as something gives them a value.
    """
    sources = {e.plus: name for name, e in elements.items() if _bare(e) and e.plus not in kept}  # type: ignore[union-attr]
    for name, e in elements.items():
        for node in _terminals(e):
            if node in sources and sources[node] != name:
                del sources[node]
    work = _Substitution({node: elements[name].function for node, name in sources.items()})  # type: ignore[union-attr]
    found = {node: made for node in sources if (made := work.formula(node)) is not None}
    gone = {sources[node] for node in found}
    rest: dict[str, AbstractElement] = {}
    for name, e in elements.items():
        if name not in gone:
            rest[name] = _rewritten(e, work) if any(node in found for node in _controls(e)) else e
    return rest, {sources[node]: (node, made) for node, made in found.items()}


def _bare(e: AbstractElement) -> bool:
    """Whether an element sets a node against ground to a formula of others."""
    return (
        isinstance(e, mc.BehaviouralVoltage)
        and e.minus == "0"
        and isinstance(e.function, Formula)
        and bool(e.controls)
        and e.plus not in e.controls
    )


def _controls(e: AbstractElement) -> tuple[str, ...]:
    """Nodes that a formula reads."""
    return e.controls if isinstance(e, _BY_FORMULA) and isinstance(e.function, Formula) else ()


def _terminals(e: AbstractElement) -> tuple[str, ...]:
    """Nodes that an element touches otherwise than by a formula."""
    return e.nodes[:2] if _controls(e) else e.nodes


def _rewritten(e: AbstractElement, work: _Substitution) -> AbstractElement:
    tree = work.tree(e.function.tree)  # type: ignore[union-attr]
    made = formula(tree)
    if isinstance(e, mc.BehaviouralVoltage):
        return mc.BehaviouralVoltage(e.plus, e.minus, made.nodes, made)
    assert isinstance(e, mc.BehaviouralCurrent | mc.BehaviouralCapacitor | mc.BehaviouralCharge)
    return type(e)(e.a, e.b, made.nodes, made)


class _Substitution:
    """Formulas with the followers' formulas put in; a part that is used twice stays one object."""

    def __init__(self, formulas: Mapping[str, Formula]):
        self._formulas = dict(formulas)
        self._done: dict[str, Formula | None] = {}
        self._open: set[str] = set()

    def formula(self, node: str) -> Formula | None:
        """A follower's formula over nodes that stay; None if it follows itself, or grows too large."""
        if node in self._done:
            return self._done[node]
        if node in self._open or node not in self._formulas:
            return None
        self._open.add(node)
        tree = self.tree(self._formulas[node].tree)
        self._open.discard(node)
        made = formula(tree) if _size(tree) <= _LARGEST else None
        self._done[node] = made if made is not None and made.nodes and node not in made.nodes else None
        return self._done[node]

    def tree(self, tree: Expression) -> Expression:
        """A tree with every probe of a follower replaced."""
        if isinstance(tree, Probe):
            made = self.formula(tree.nodes[0])
            return tree if made is None else made.tree
        if not isinstance(tree, Call):
            return tree
        args = tuple(self.tree(x) for x in tree.args)
        return tree if all(a is b for a, b in zip(args, tree.args, strict=True)) else Call(tree.name, args)


def _size(tree: Expression, known: dict[int, int] | None = None) -> int:
    """Terms of a tree as it would be written out, with shared parts counted each time."""
    known = {} if known is None else known
    if id(tree) not in known:
        known[id(tree)] = 1 + (sum(_size(x, known) for x in tree.args) if isinstance(tree, Call) else 0)
    return known[id(tree)]
