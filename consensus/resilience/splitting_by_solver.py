"""Splitting sets, asked of the solvers.

The SAT solver finds the minimal ones one after another: a model, then fewer liars until none can be
spared, then a clause that no later set may contain this one. For a smallest one it counts up from
no liars at all; where some are not enough, CP-SAT looks for a small set, which ends the count.
"""

from collections.abc import Iterator

from . import cp
from .deadline import Deadline
from .engine import installed
from .errors import UndecidedError
from .formula import Split, split_formula, value
from .minimum import NONE, Minimum
from .sat import Sat
from .symmetry import prefix
from .trust import Fbas, Trust

_LIARS_MANY = 4
"""If so few liars are not enough, the count will be long, and CP-SAT looks for its end."""


def splitting_by_sat(trust: Trust, deadline: Deadline) -> Iterator[int]:
    """One minimal splitting set of each orbit.

    Raises:
        UndecidedError: When the time is up.
    """
    split = split_formula(trust, lies=True)
    with Sat(split.clauses.found) as solver:
        model = solver.model((), deadline)
        while model is not None:
            counts = _shrink(solver, split, _counts(split, model), deadline)
            yield _taken(split, counts)
            # No set that holds as many of each class is minimal any more.
            solver.add(
                [[-number[n - 1] for number, n in zip(split.liars, counts, strict=True) if n]]
            )
            model = solver.model((), deadline)


def minimum_splitting_by_sat(fbas: Fbas, deadline: Deadline) -> Minimum:
    """A splitting set with the fewest nodes, or bounds on how many it needs."""
    split = split_formula(fbas.trust, lies=True)
    clauses, liars = split.clauses, [each for number in split.liars for each in number]
    with Sat(clauses.found) as solver:
        some: int | None = None
        size = 0
        try:
            model = solver.model((), deadline)
            if model is None:
                return NONE
            some = _taken(split, _counts(split, model))
            some = _taken(split, _shrink(solver, split, _counts(split, model), deadline))
            known = len(clauses.found)
            above = clauses.at_most(liars, some.bit_count())
            solver.add(clauses.found[known:])
            while size < some.bit_count():
                if size == _LIARS_MANY and installed(cp.MODULE):
                    some = _improved(split, liars, some, deadline)
                model = solver.model([-above[size]], deadline)
                if model is not None:
                    some = _taken(split, _counts(split, model))
                    break
                size += 1
        except UndecidedError:
            pass
    return Minimum(None if some is None else fbas.names(some), size)


def minimum_splitting_by_cp(fbas: Fbas, deadline: Deadline) -> Minimum:
    """The same without a SAT solver."""
    split = split_formula(fbas.trust, lies=True)
    liars = [each for number in split.liars for each in number]
    best = cp.fewest(split.clauses.found, liars, deadline)
    if best.model is None:
        return NONE if best.closed else Minimum(None, best.lower)
    return Minimum(fbas.names(_taken(split, _counts(split, best.model))), best.lower)


def _improved(split: Split, liars: list[int], some: int, deadline: Deadline) -> int:
    """A smaller splitting set, if CP-SAT finds one in its first slice of time."""
    slices = 0

    def once() -> bool:
        nonlocal slices
        slices += 1
        return slices > 1 or deadline()

    best = cp.fewest(split.clauses.found, liars, once)
    if best.model is None:
        return some
    return min(some, _taken(split, _counts(split, best.model)), key=int.bit_count)


def _shrink(solver: Sat, split: Split, counts: list[int], deadline: Deadline) -> list[int]:
    """Fewer liars of every class, until none can be spared."""
    for place in range(len(counts)):
        while counts[place]:
            fewer = [*counts[:place], counts[place] - 1, *counts[place + 1 :]]
            model = solver.model(_at_most(split, fewer), deadline)
            if model is None:
                break
            counts = _counts(split, model)
    return counts


def _at_most(split: Split, counts: list[int]) -> list[int]:
    """Assumptions: no more liars of each class than these."""
    return [
        -number[count]
        for number, count in zip(split.liars, counts, strict=True)
        if count < len(number)
    ]


def _counts(split: Split, model: frozenset[int]) -> list[int]:
    return [value(number, model) for number in split.liars]


def _taken(split: Split, counts: list[int]) -> int:
    mask = 0
    for part, count in zip(split.parts, counts, strict=True):
        mask |= prefix(part, count)
    return mask
