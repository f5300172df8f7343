"""Quorum intersection: whether two quorums can agree without one node in common.

Two components that hold a quorum each are a witness at once. Inside one component a quorum is
searched whose complement holds a quorum, too; the smaller of the two is looked for, and the
cheapest slice of its members bounds its size from below.
"""

from crypto.identity import NodeId

from . import sat
from .bounds import plain_demands, still_needed
from .deadline import Deadline, check, never
from .engine import Engine, by_engine, solver_wanted
from .formula import split_formula, value
from .graph import core, quorum_components
from .quorums import Classes, decisions, next_class, shrunk
from .sat import Sat
from .symmetry import prefix
from .trust import Fbas, Trust, closure, restrict

Pair = tuple[int, int]
"""Two disjoint quorums, as masks."""


def disjoint_quorums(
    fbas: Fbas, deadline: Deadline = never, engine: Engine = Engine.AUTO
) -> tuple[frozenset[NodeId], frozenset[NodeId]] | None:
    """Two quorums without a common node, or None if every two quorums share one.

    A network without a quorum has none that are disjoint either; ask for ``minimal_quorums`` or the
    top tier to tell it from one whose quorums intersect.

    Args:
        fbas: The network.
        deadline: When to stop.
        engine: How to search.

    Raises:
        SolverMissingError: When a solver was asked for and is not installed.
        UndecidedError: When the time is up.
    """
    solver = solver_wanted(engine, sat.MODULE, sat.GAIN)
    pair = by_engine(
        engine,
        lambda until: disjoint_masks(fbas.trust, until),
        (lambda until: disjoint_by_sat(core(fbas).trust, until)) if solver else None,
        deadline,
    )
    return None if pair is None else (fbas.names(pair[0]), fbas.names(pair[1]))


def disjoint_masks(trust: Trust, deadline: Deadline = never) -> Pair | None:
    """Two disjoint minimal quorums, or None.

    Raises:
        UndecidedError: When the time is up.
    """
    components = quorum_components(trust)
    if len(components) > 1:
        first, second = (
            shrunk(part, Classes.of(part), part.members)
            for part in (restrict(trust, each) for each in components[:2])
        )
        return first, second
    if not components:
        return None
    return disjoint_inside(restrict(trust, components[0]), deadline)


def disjoint_inside(trust: Trust, deadline: Deadline) -> Pair | None:
    """Two disjoint minimal quorums of one component, or None; by search.

    Raises:
        UndecidedError: When the time is up.
    """
    classes = Classes.of(trust)
    plain = plain_demands(trust)
    size_max = sum(map(_both, classes.parts, classes.takes)) // 2
    stack = [(0, trust.members, 0)]
    while stack:
        check(deadline)
        chosen, open_, decided = stack.pop()
        open_ = closure(trust, open_)
        if not open_ or chosen & ~open_:
            continue
        inside = closure(trust, chosen)
        rest = closure(trust, trust.members & ~(inside or chosen))
        if not rest:
            continue
        if inside:
            return shrunk(trust, classes, inside), shrunk(trust, classes, rest)
        if chosen.bit_count() + still_needed(plain, chosen) > size_max:
            continue
        place = next_class(trust, classes, chosen, open_, decided)
        if place is not None:
            stack.extend(decisions(classes, place, chosen, open_, decided))
    return None


def _both(part: int, takes: tuple[int, ...]) -> int:
    """How many nodes of a class two disjoint minimal quorums can have together, at most."""
    counts = [take.bit_count() for take in takes]
    return max(a + b for a in counts for b in counts if a + b <= part.bit_count())


def disjoint_by_sat(trust: Trust, deadline: Deadline) -> Pair | None:
    """Two disjoint minimal quorums of a network, or None.

    Raises:
        UndecidedError: When the time is up.
    """
    split = split_formula(trust, lies=False)
    with Sat(split.clauses.found) as solver:
        model = solver.model((), deadline)
    if model is None:
        return None
    first, second = split.sides
    one = other = 0
    for part, mine, yours in zip(split.parts, first, second, strict=True):
        taken = prefix(part, value(mine, model))
        one |= taken
        other |= prefix(part & ~taken, value(yours, model))
    classes = Classes.of(trust)
    return shrunk(trust, classes, one), shrunk(trust, classes, other)
