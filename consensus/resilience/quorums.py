"""Minimal quorums: the smallest groups that can agree without anybody else.

Classes of interchangeable nodes are decided one after another: how many nodes of each are in the
quorum. What is chosen must stay inside the greatest quorum of what is still open; the next class is
one that somebody chosen still needs (after Lachowski 2019, here over counts).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from crypto.identity import NodeId

from .bounds import plain_demands, still_needed
from .deadline import Deadline, check, never
from .errors import UndecidedError
from .graph import quorum_components
from .minimum import NONE, Minimum, least
from .symmetry import Family, Orbit, classes_of, collected, prefix, useful_counts
from .trust import Fbas, Level, Trust, closure, named, restrict, satisfied


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of interchangeable nodes, and how many of each a minimal quorum can have."""

    parts: tuple[int, ...]
    """A mask for each class."""
    takes: tuple[tuple[int, ...], ...]
    """For each class, what can be taken of it: its first k nodes, for each useful k, ascending."""

    @classmethod
    def of(cls, trust: Trust) -> "Classes":
        """Of these members."""
        parts = classes_of(trust)
        takes = (tuple(prefix(each, k) for k in useful_counts(trust, each)) for each in parts)
        return cls(parts, tuple(takes))


def minimal_quorums(fbas: Fbas, deadline: Deadline = never) -> Family:
    """All minimal quorums: quorums that contain no smaller one.

    Args:
        fbas: The network.
        deadline: When to stop; the family then is not complete.
    """
    orbits: list[Orbit] = []
    complete = True
    for component in quorum_components(fbas.trust):
        trust = restrict(fbas.trust, component)
        classes = Classes.of(trust)
        found = collected(fbas, classes.parts, minimal_quorum_masks(trust, classes, deadline))
        orbits.extend(found.orbits)
        complete = complete and found.complete
    return Family(tuple(sorted(orbits, key=lambda orbit: orbit.size)), complete)


def minimum_quorum(fbas: Fbas, deadline: Deadline = never) -> Minimum:
    """A quorum with the fewest nodes, or bounds on how many it needs."""
    parts = [restrict(fbas.trust, each) for each in quorum_components(fbas.trust)]
    searches = [(part, Classes.of(part)) for part in parts]

    def up_to(size: int) -> Iterator[int]:
        for trust, classes in searches:
            yield from minimal_quorum_masks(trust, classes, deadline, size)

    def any_quorum() -> int:
        return min((shrunk(*each, each[0].members) for each in searches), key=int.bit_count)

    if not searches:
        return NONE
    takes = [each for _, classes in searches for each in classes.takes]
    return least(fbas, takes, up_to, any_quorum)


def top_tier(fbas: Fbas, deadline: Deadline = never) -> frozenset[NodeId]:
    """Everybody who is in a minimal quorum, which is everybody who is in a minimal blocking set.

    Raises:
        UndecidedError: When the time is up.
    """
    family = minimal_quorums(fbas, deadline)
    if not family.complete:
        raise UndecidedError("the time limit came before every minimal quorum was found")
    return family.nodes


def all_quorums(fbas: Fbas, deadline: Deadline = never) -> Family:
    """All quorums, minimal or not; there may be very many orbits of them.

    Args:
        fbas: The network.
        deadline: When to stop; the family then is not complete.
    """
    trust = restrict(fbas.trust, closure(fbas.trust, fbas.trust.members))
    parts = classes_of(trust)
    every = tuple(tuple(prefix(each, k) for k in range(each.bit_count() + 1)) for each in parts)
    return collected(fbas, parts, _quorum_masks(trust, Classes(parts, every), deadline))


def _quorum_masks(trust: Trust, classes: Classes, deadline: Deadline) -> Iterator[int]:
    stack = [(0, trust.members, 0)]
    while stack:
        check(deadline)
        chosen, open_, decided = stack.pop()
        if chosen & ~closure(trust, open_):
            continue
        place = next((n for n, part in enumerate(classes.parts) if not part & decided), None)
        if place is not None:
            stack.extend(decisions(classes, place, chosen, open_, decided))
        elif chosen:
            yield chosen


def minimal_quorum_masks(
    trust: Trust, classes: Classes, deadline: Deadline, size_max: int | None = None
) -> Iterator[int]:
    """One minimal quorum of each orbit, up to a size.

    Raises:
        UndecidedError: When the time is up.
    """
    plain = () if size_max is None else plain_demands(trust)
    stack = [(0, trust.members, 0)]
    while stack:
        check(deadline)
        chosen, open_, decided = stack.pop()
        if size_max is not None and chosen.bit_count() + still_needed(plain, chosen) > size_max:
            continue
        open_ = closure(trust, open_)
        if not open_ or chosen & ~open_:
            continue
        inside = closure(trust, chosen)
        if inside:
            if inside == chosen and is_minimal(trust, classes, chosen):
                yield chosen
            continue
        place = next_class(trust, classes, chosen, open_, decided)
        if place is not None:
            stack.extend(decisions(classes, place, chosen, open_, decided))


def decisions(
    classes: Classes, place: int, chosen: int, open_: int, decided: int
) -> Iterator[tuple[int, int, int]]:
    """Every way to decide one class: more is chosen, less is open."""
    part = classes.parts[place]
    for take in classes.takes[place]:
        if not take & ~open_:
            yield chosen | take, open_ & ~part | take, decided | part


def is_minimal(trust: Trust, classes: Classes, quorum: int) -> bool:
    """Whether a quorum contains no smaller one: without one of any class, no quorum is left."""
    return not any(
        closure(trust, quorum & ~(1 << ((quorum & part).bit_length() - 1)))
        for part in classes.parts
        if quorum & part
    )


def shrunk(trust: Trust, classes: Classes, pool: int) -> int:
    """A minimal quorum inside a pool that holds one."""
    quorum = closure(trust, pool)
    for part in classes.parts:
        while quorum & part:
            less = closure(trust, quorum & ~(1 << ((quorum & part).bit_length() - 1)))
            if not less:
                break
            quorum = less
    return quorum


def next_class(trust: Trust, classes: Classes, chosen: int, open_: int, decided: int) -> int | None:
    """A class that somebody chosen needs, or at the start the one that most nodes name."""
    undecided = open_ & ~decided
    if not undecided:
        return None
    for level, owners in trust.demands:
        if owners & chosen and not satisfied(level, chosen):
            wanted = _wanted(level, chosen, undecided)
            if wanted:
                return _class_of(classes, wanted)
    if chosen:
        return _class_of(classes, undecided)
    return max(
        (place for place, part in enumerate(classes.parts) if part & undecided),
        key=lambda place: sum(
            (owners & open_).bit_count()
            for level, owners in trust.demands
            if named(level) & classes.parts[place]
        ),
    )


def _wanted(level: Level, chosen: int, undecided: int) -> int:
    """Undecided nodes that bring an unsatisfied level nearer to its threshold."""
    own = (level.layers[0] if level.layers else 0) & undecided
    if own:
        return own
    for each in level.inner:
        if not satisfied(each, chosen) and satisfied(each, chosen | undecided):
            wanted = _wanted(each, chosen, undecided)
            if wanted:
                return wanted
    return 0


def _class_of(classes: Classes, mask: int) -> int:
    low = mask & -mask
    return next(place for place, part in enumerate(classes.parts) if part & low)
