"""Which hospitals are faulty, if it is said how many.

Each way of placing is nested: who is faulty among f is faulty among f + 1. So a property that more
faulty hospitals can only harm breaks once, and a bisection may look for where.
"""

from collections.abc import Mapping
from typing import Final, Literal

from consensus.quorum import QuorumSets
from consensus.resilience import (
    Deadline,
    Engine,
    Fbas,
    Minimum,
    minimum_blocking_set,
    minimum_quorum,
)
from consensus.resilience.deadline import after
from crypto.identity import NodeId

from ..adversaries.splitting import minimum_splitting
from ..quorum_sets import declared_quorum_sets
from ..schema import Scenario
from ..simulation.streams import stream
from .errors import StudyError

Placement = Literal["last", "first", "random", "targeted"]
"""From the end or the beginning of their list, by chance, or where it harms most."""

Purpose = Literal["stop", "lie", "convince"]
"""What faulty hospitals are there for: to withhold what others need, to lead them apart, or to
decide in their place."""

_STEPS_MAX: Final = 200_000
"""The most steps of the search for a smallest set."""

_STOPPING: Final = frozenset({"silence", "crash", "delay"})
"""Kinds of faults that withhold."""


def purpose_of(fault: Mapping[str, object]) -> Purpose:
    """What a fault of a scenario file is there for: refusing withholds, too.

    Args:
        fault: As the file says it: `kind` and what belongs to it.
    """
    kind = fault.get("kind")
    if kind == "bias":
        return "stop" if fault.get("verdict") == "reject" else "convince"
    if kind == "collude":
        return "convince"
    return "stop" if kind in _STOPPING else "lie"


def place(
    count: int,
    among: Scenario | QuorumSets,
    how: Placement,
    purpose: Purpose = "stop",
    seed: int = 0,
) -> tuple[NodeId, ...]:
    """Choose the faulty hospitals.

    Args:
        count: How many.
        among: The scenario, or whom each hospital trusts (where nobody lies about that).
        how: ``last`` and ``first`` go by the order in which they are given; ``random`` by the
            seed; ``targeted`` takes a smallest set that does what they are there for, then others.
        purpose: What for; counts where they are targeted.
        seed: Of the chance.

    Returns:
        In the order in which they were chosen: each placing begins with every smaller one.

    Raises:
        StudyError: There are not so many hospitals, or a smallest set is not found in time.
    """
    sets = sets_of(among)
    if not 0 <= count <= len(sets):
        raise StudyError(f"expected 0 to {len(sets)} faulty hospitals, found {count}")
    return _order(among, sets, how, purpose, seed)[:count]


def sets_of(among: Scenario | QuorumSets) -> QuorumSets:
    """The quorum sets that count: with an authority, everybody trusts it alone."""
    if isinstance(among, Scenario):
        return declared_quorum_sets(among.protocol, among.hospitals)
    return among


def _order(
    among: Scenario | QuorumSets, sets: QuorumSets, how: Placement, purpose: Purpose, seed: int
) -> tuple[NodeId, ...]:
    names = tuple(sets)
    match how:
        case "first":
            return names
        case "last":
            return tuple(reversed(names))
        case "random":
            order = stream(seed, "placement").permutation(len(names))
            return tuple(names[int(index)] for index in order)
        case "targeted":
            deletion = isinstance(among, Scenario) and among.protocol.name == "scp"
            wanted = _smallest(sets, purpose, deletion=deletion)
            return tuple(sorted(names, key=lambda each: each not in wanted))


def _smallest(sets: QuorumSets, purpose: Purpose, *, deletion: bool) -> frozenset[NodeId]:
    """A smallest set that does what faulty hospitals are there for; empty if there is none.

    Raises:
        StudyError: It is not found in time.
        SimulationError: Nor is a splitting set.
    """
    if purpose == "lie":
        splitting = minimum_splitting(sets, deletion=deletion)
        return frozenset() if splitting is None else splitting.liars
    search = minimum_quorum if purpose == "convince" else _blocking
    found = search(Fbas(sets), after(_STEPS_MAX))
    if not found.proved:
        raise StudyError(
            f"faulty.placement: a smallest set of {len(sets)} hospitals to target is not found in "
            f"time; it has {found.lower} or more of them: place them otherwise"
        )
    return found.members or frozenset()


def _blocking(fbas: Fbas, deadline: Deadline) -> Minimum:
    # Without a solver and by steps, not seconds: the answer is the same on every machine.
    return minimum_blocking_set(fbas, deadline, Engine.PYTHON)
