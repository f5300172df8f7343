"""Splitting sets: who makes the network disagree when they lie together (loss of safety).

A set splits when, deleted in the sense of Mazières (it satisfies everybody who asks it), it leaves
two disjoint quorums. More liars do not always split: the larger set may have swallowed one of the
quorums. But a set *contains* a splitting set whenever a subset of it does, and this can be decided
by leaving out at most two nodes: a subset D splits into the quorums A and B; everybody else in the
set only helps, except that one node of A and one of B must be left.

The minimal splitting sets are the minimal sets that contain a splitting set. They are searched
class by class, as the quorums are.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations_with_replacement

from . import cp, sat
from .deadline import Deadline, after, check, never
from .engine import Engine, by_engine, installed, solver_wanted
from .errors import UndecidedError
from .intersection import disjoint_masks
from .minimum import Minimum, least
from .quorums import Classes
from .splitting_by_solver import (
    minimum_splitting_by_cp,
    minimum_splitting_by_sat,
    splitting_by_sat,
)
from .symmetry import Family, classes_of, collected, prefix, thresholds_of
from .trust import Fbas, Trust, bits, delete, named

_PATIENCE = 40
"""Steps before a solver is asked; each looks for disjoint quorums once more."""

_STEPS_MAX = 300
"""Steps that a splitting set is looked for when the time is up, to have some bound."""


def minimal_splitting_sets(
    fbas: Fbas, deadline: Deadline = never, engine: Engine = Engine.AUTO
) -> Family:
    """All minimal splitting sets, out of all members of the network.

    The empty set is the only one where two quorums are disjoint as it is. Restrict the network
    first (``core``, ``satisfiable``) where only those nodes shall count.

    Args:
        fbas: The network.
        deadline: When to stop; the family then is not complete.
        engine: How to search.

    Raises:
        SolverMissingError: When a solver was asked for and is not installed.
    """
    trust = fbas.trust
    classes = _candidates(trust)
    solver = solver_wanted(engine, sat.MODULE, sat.GAIN)
    return by_engine(
        engine,
        lambda until: collected(fbas, classes.parts, _masks(trust, classes, None, until)),
        (lambda until: collected(fbas, classes.parts, splitting_by_sat(trust, until)))
        if solver
        else None,
        deadline,
        _PATIENCE,
    )


def minimum_splitting_set(
    fbas: Fbas, deadline: Deadline = never, engine: Engine = Engine.AUTO
) -> Minimum:
    """A splitting set with the fewest nodes, or bounds on how many it needs.

    Args:
        fbas: The network.
        deadline: When to stop.
        engine: How to search.

    Raises:
        SolverMissingError: When a solver was asked for and is not installed.
    """
    trust = fbas.trust
    classes = _candidates(trust)
    by_solver: Callable[[Deadline], Minimum] | None = None
    if engine is not Engine.PYTHON and not installed(sat.MODULE) and installed(cp.MODULE):
        by_solver = partial(minimum_splitting_by_cp, fbas)
    elif solver_wanted(engine, sat.MODULE, sat.GAIN):
        by_solver = partial(minimum_splitting_by_sat, fbas)
    return by_engine(
        engine,
        lambda until: least(
            fbas,
            classes.takes,
            lambda size: _masks(trust, classes, size, until),
            lambda: any_splitting(trust, classes),
        ),
        by_solver,
        deadline,
        _PATIENCE,
    )


def splits(trust: Trust, liars: int, deadline: Deadline = never) -> bool:
    """Whether exactly these nodes, deleted, leave two disjoint quorums.

    Raises:
        UndecidedError: When the time is up.
    """
    return disjoint_masks(delete(trust, liars, liars), deadline) is not None


def contains_splitting(trust: Trust, liars: int, deadline: Deadline = never) -> bool:
    """Whether some of these nodes split.

    Raises:
        UndecidedError: When the time is up.
    """
    if splits(trust, liars, deadline):
        return True
    lone = [1 << place for place in bits(_representatives(trust, liars, 1))]
    if any(splits(trust, liars & ~each, deadline) for each in lone):
        return True
    pairs = combinations_with_replacement(classes_of(trust), 2)
    return any(
        splits(trust, liars & ~left, deadline)
        for first, second in pairs
        if (left := _two(first & liars, second & liars, first == second))
    )


def _representatives(trust: Trust, mask: int, count: int) -> int:
    """Up to ``count`` nodes of each class."""
    kept = 0
    for part in classes_of(trust):
        kept |= prefix(part & mask, min(count, (part & mask).bit_count()))
    return kept


def _two(first: int, second: int, same: bool) -> int:
    """One node of each of two classes, or two of the same; 0 where there are not so many."""
    if same:
        return prefix(first, 2) if first.bit_count() > 1 else 0
    return first & -first | second & -second if first and second else 0


def _masks(
    trust: Trust, classes: Classes, size_max: int | None, deadline: Deadline
) -> Iterator[int]:
    """One minimal splitting set of each orbit, up to a size.

    Raises:
        UndecidedError: When the time is up.
    """
    everybody = 0
    for part in classes.parts:
        everybody |= part
    stack = [(0, 0)]
    while stack:
        check(deadline)
        chosen, decided = stack.pop()
        if size_max is not None and chosen.bit_count() > size_max:
            continue
        if splits(trust, chosen, deadline):
            if _is_minimal(trust, classes, chosen, deadline):
                yield chosen
            continue
        if size_max is not None and chosen.bit_count() == size_max:
            continue
        if not contains_splitting(trust, chosen | everybody & ~decided, deadline):
            continue
        place = next(
            (place for place, part in enumerate(classes.parts) if not part & decided), None
        )
        if place is not None:
            part = classes.parts[place]
            stack.extend((chosen | take, decided | part) for take in classes.takes[place])


def any_splitting(trust: Trust, classes: Classes) -> int | None:
    """Some splitting set, or None where none was found quickly.

    Everybody but two nodes lies, those two of any two classes; then as many as can stop lying.
    """
    until = after(_STEPS_MAX)
    liars: int | None = None
    try:
        for first, second in combinations_with_replacement(classes_of(trust), 2):
            left = _two(first, second, first == second)
            if left and splits(trust, trust.members & ~left, until):
                liars = trust.members & ~left
                break
        for part in reversed(classes.parts):
            for place in bits(part & (liars or 0)):
                if liars and splits(trust, liars & ~(1 << place), until):
                    liars &= ~(1 << place)
    except UndecidedError:
        pass
    return liars


def _is_minimal(trust: Trust, classes: Classes, liars: int, deadline: Deadline) -> bool:
    """Whether without one node of any class no splitting set is left."""
    return not any(
        contains_splitting(trust, liars & ~(part & liars & -(part & liars)), deadline)
        for part in classes.parts
        if part & liars
    )


def _candidates(trust: Trust) -> Classes:
    """Who can be in a minimal splitting set: nodes that somebody names, those of many first."""
    weights = [(named(level), owners.bit_count()) for level, owners in trust.demands]
    parts = [
        part for part in classes_of(trust) if any(part & everybody for everybody, _ in weights)
    ]
    parts.sort(
        key=lambda part: sum(weight for everybody, weight in weights if part & everybody),
        reverse=True,
    )
    return Classes(tuple(parts), tuple(_takes(trust, part) for part in parts))


def _takes(trust: Trust, part: int) -> tuple[int, ...]:
    """What a minimal splitting set can take of a class.

    Of a class that is alone wherever it is named, both quorums need some threshold. Where only one
    of them has nodes of the class, the liars must reach the threshold of the other; where both
    have, the two thresholds together exceed the class by the liars.
    """
    size = part.bit_count()
    thresholds = thresholds_of(trust, part)
    if thresholds is None:
        counts = set(range(size + 1))
    else:
        overlaps = {first + second - size for first in thresholds for second in thresholds}
        counts = {0} | {each for each in thresholds | overlaps if 0 < each <= size}
    return tuple(prefix(part, count) for count in sorted(counts))
