"""Who stays well when given nodes fail: intact, befouled and intertwined nodes, dispensable sets.

After Mazières, The Stellar Consensus Protocol (2015), sections 4 and 5. A set is *dispensable* (a
DSet) when the network enjoys quorum intersection despite it and has a quorum without it. A node is
*intact* when some dispensable set holds every faulty node and not this one, else *befouled*.
"""

from collections.abc import Iterable, Iterator

from crypto.identity import NodeId

from .deadline import Deadline, check, never
from .intersection import disjoint_masks
from .quorums import all_quorums
from .trust import Fbas, Trust, closure, delete, named, satisfied


def intact(fbas: Fbas, faulty: Iterable[NodeId], deadline: Deadline = never) -> frozenset[NodeId]:
    """The nodes that agree and go on, whatever the faulty nodes do.

    Raises:
        QuorumSetError: When a faulty node is not in the network.
        UndecidedError: When the time is up.
    """
    well = 0
    for each in _sound(fbas.trust, fbas.mask(faulty), deadline):
        well |= each
    return fbas.names(well)


def befouled(fbas: Fbas, faulty: Iterable[NodeId], deadline: Deadline = never) -> frozenset[NodeId]:
    """The nodes that are not intact: the faulty ones, and those they drag along.

    Raises:
        QuorumSetError: When a faulty node is not in the network.
        UndecidedError: When the time is up.
    """
    return fbas.members - intact(fbas, faulty, deadline)


def is_dispensable(fbas: Fbas, nodes: Iterable[NodeId], deadline: Deadline = never) -> bool:
    """Whether a set is a DSet: quorum intersection and quorum availability despite it.

    Raises:
        QuorumSetError: When one of them is not in the network.
        UndecidedError: When the time is up.
    """
    trust = fbas.trust
    gone = fbas.mask(nodes)
    rest = trust.members & ~gone
    return (
        closure(trust, rest) == rest and disjoint_masks(delete(trust, gone, gone), deadline) is None
    )


def dispensable_sets(fbas: Fbas, deadline: Deadline = never) -> Iterator[frozenset[NodeId]]:
    """Every DSet: each leaves out a quorum; the set of everybody is one, too.

    Raises:
        UndecidedError: When the time is up.
    """
    yield fbas.members
    quorums = all_quorums(fbas, deadline)
    for quorum in quorums:
        nodes = fbas.members - quorum
        if is_dispensable(fbas, nodes, deadline):
            yield nodes
    if not quorums.complete:
        check(lambda: True)


def intertwined(
    fbas: Fbas,
    first: NodeId,
    second: NodeId,
    faulty: Iterable[NodeId] = (),
    deadline: Deadline = never,
) -> bool:
    """Whether every quorum of one and every quorum of the other share a node that is not faulty.

    Two nodes that are not intertwined can be made to disagree by the faulty ones.

    Raises:
        QuorumSetError: When one of the nodes is not in the network.
        UndecidedError: When the time is up.
    """
    liars = fbas.mask(faulty)
    mine, other = fbas.mask([first]), fbas.mask([second])
    if mine == other:
        return True
    trust = delete(fbas.trust, liars, liars)
    return _apart(trust, mine, other, deadline) is None


def _sound(trust: Trust, faulty: int, deadline: Deadline) -> Iterator[int]:
    """The greatest quorums of well-behaved nodes that cannot be split, whoever else lies.

    If two disjoint quorums exist inside such a pool, with everybody else lying, no sound quorum
    that meets both is there: what it shares with each of them would be two disjoint quorums, too.
    """
    pools = [closure(trust, trust.members & ~faulty)]
    seen: set[int] = set()
    while pools:
        check(deadline)
        pool = pools.pop()
        if not pool or pool in seen:
            continue
        seen.add(pool)
        liars = trust.members & ~pool
        pair = disjoint_masks(delete(trust, liars, liars), deadline)
        if pair is None:
            yield pool
        else:
            pools.extend(closure(trust, pool & ~each) for each in pair)


def _apart(trust: Trust, mine: int, other: int, deadline: Deadline) -> tuple[int, int] | None:
    """Two disjoint quorums, one with each of two nodes, or None."""
    stack = [(mine, trust.members & ~other)]
    while stack:
        check(deadline)
        chosen, open_ = stack.pop()
        open_ = closure(trust, open_)
        if chosen & ~open_:
            continue
        rest = closure(trust, trust.members & ~chosen)
        if not rest & other:
            continue
        if closure(trust, chosen) == chosen:
            return chosen, rest
        undecided = open_ & ~chosen
        if undecided:
            bit = _wanted_bit(trust, chosen, undecided)
            stack.append((chosen, open_ & ~bit))
            stack.append((chosen | bit, open_))
    return None


def _wanted_bit(trust: Trust, chosen: int, undecided: int) -> int:
    """Somebody undecided whom somebody unsatisfied names."""
    for level, owners in trust.demands:
        if owners & chosen and not satisfied(level, chosen):
            wanted = named(level) & undecided
            if wanted:
                return wanted & -wanted
    return undecided & -undecided
