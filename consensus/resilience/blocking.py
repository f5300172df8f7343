"""Blocking sets: who stops the network when they fail together (loss of liveness).

A set blocks when no quorum is left without it: when it hits every quorum. The search decides one
class of interchangeable nodes after another. It takes a quorum that the present choice does not
hit; one of its undecided classes must be hit. What is already kept must not hold a quorum, and
every node chosen must be the only one to hit some quorum, or the set will not be minimal.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from . import sat
from .deadline import Deadline, check, never
from .engine import Engine, by_engine, solver_wanted
from .graph import core
from .hitting import minimum_blocking_by_sat
from .minimum import Minimum, least
from .quorums import Classes, shrunk
from .symmetry import Family, collected, prefix, thresholds_of
from .trust import ALWAYS, Fbas, Trust, bits, closure, level_of


def minimal_blocking_sets(fbas: Fbas, deadline: Deadline = never) -> Family:
    """All minimal blocking sets.

    A network without a quorum is blocked by nobody's doing: its one set is empty.

    Args:
        fbas: The network.
        deadline: When to stop; the family then is not complete.
    """
    search = _Search.of(core(fbas).trust)
    return collected(fbas, search.blockers.parts, search.masks(None, deadline))


def minimum_blocking_set(
    fbas: Fbas, deadline: Deadline = never, engine: Engine = Engine.AUTO
) -> Minimum:
    """A blocking set with the fewest nodes, or bounds on how many it needs.

    Args:
        fbas: The network.
        deadline: When to stop.
        engine: How to search.

    Raises:
        SolverMissingError: When a solver was asked for and is not installed.
    """
    kept = core(fbas)
    search = _Search.of(kept.trust)
    solver = solver_wanted(engine, sat.MODULE, sat.GAIN)
    return by_engine(
        engine,
        lambda until: least(
            kept, search.blockers.takes, lambda size: search.masks(size, until), search.any_mask
        ),
        (lambda until: minimum_blocking_by_sat(kept, search.any_mask(), until)) if solver else None,
        deadline,
    )


@dataclass(frozen=True, slots=True)
class _Search:
    """The network of the components that hold a quorum, and what can be taken of each class."""

    trust: Trust
    """The components that hold a quorum."""
    quorums: Classes
    """What a minimal quorum can take of each class."""
    blockers: Classes
    """What a minimal blocking set can take of each class."""

    @classmethod
    def of(cls, trust: Trust) -> "_Search":
        """Of such a network."""
        quorums = Classes.of(trust)
        takes = tuple(_takes(trust, part) for part in quorums.parts)
        return cls(trust, quorums, Classes(quorums.parts, takes))

    def masks(self, size_max: int | None, deadline: Deadline) -> Iterator[int]:
        """One minimal blocking set of each orbit, up to a size.

        Raises:
            UndecidedError: When the time is up.
        """
        trust, parts = self.trust, self.blockers.parts
        stack = [(0, 0)]
        while stack:
            check(deadline)
            chosen, decided = stack.pop()
            if closure(trust, decided & ~chosen) or not self._all_needed(chosen):
                continue
            left = closure(trust, trust.members & ~chosen)
            if not left:
                yield chosen
                continue
            quorum = shrunk(trust, self.quorums, left)
            if size_max is not None:
                room = size_max - chosen.bit_count()
                if self._price(quorum, left, decided, room) > room:
                    continue
            place = next(place for place, part in enumerate(parts) if part & quorum & ~decided)
            part = parts[place]
            stack.extend(
                (chosen | take, decided | part)
                for take in self.blockers.takes[place]
                if size_max is None or (chosen | take).bit_count() <= size_max
            )

    def _price(self, quorum: int, left: int, decided: int, room: int) -> int:
        """Nodes that are needed at least to hit every quorum that is left.

        Quorums without a common undecided node are hit by different nodes.
        """
        price = 0
        while quorum:
            price += min(
                (
                    takes[1].bit_count()
                    for part, takes in zip(self.blockers.parts, self.blockers.takes, strict=True)
                    if part & quorum & ~decided and len(takes) > 1
                ),
                default=room + 1,
            )
            if price > room:
                break
            left = closure(self.trust, left & ~self._undecided_classes(quorum, decided))
            quorum = shrunk(self.trust, self.quorums, left) if left else 0
        return price

    def _undecided_classes(self, quorum: int, decided: int) -> int:
        mask = 0
        for part in self.blockers.parts:
            if part & quorum & ~decided:
                mask |= part
        return mask

    def any_mask(self) -> int:
        """Some minimal blocking set: nobody of it can be left out, tried from the lowest node."""
        blocking = self.trust.members
        for place in bits(self.trust.members):
            less = blocking & ~(1 << place)
            if not closure(self.trust, self.trust.members & ~less):
                blocking = less
        return blocking

    def _all_needed(self, chosen: int) -> bool:
        """Whether each node chosen is the only one to hit some quorum."""
        rest = self.trust.members & ~chosen
        return all(
            closure(self.trust, rest | (part & chosen) & -(part & chosen))
            for part in self.blockers.parts
            if part & chosen
        )


def _takes(trust: Trust, part: int) -> tuple[int, ...]:
    """What a minimal blocking set can take of a class: so much that a threshold is missed."""
    size = part.bit_count()
    thresholds = thresholds_of(trust, part)
    if thresholds is None:
        counts = set(range(size + 1))
    else:
        counts = {0} | {size - threshold + 1 for threshold in thresholds if threshold <= size}
        if level_of(trust, part & -part) == ALWAYS:
            counts.add(size)
    return tuple(prefix(part, count) for count in sorted(counts))
