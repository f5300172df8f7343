"""How many sets of so many hospitals satisfy a quorum set: exact, by generating functions.

A quorum set names each hospital once, so that its entries are independent: what is counted for each
is multiplied. Where each hospital declares another set there is no such product, and all sets of a
size are tried.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb
from typing import Final

from consensus.quorum import QuorumSet, QuorumSets, nodes_of
from crypto.identity import NodeId

TRIED_MAX: Final = 50_000
"""The most sets that are tried one by one."""

Survives = Callable[[frozenset[NodeId]], bool]
"""Whether a property survives that these hospitals are faulty."""


def common_set(sets: QuorumSets) -> QuorumSet | None:
    """The one quorum set of all hospitals, naming none but them; None if they differ."""
    declared = set(sets.values())
    if len(declared) != 1:
        return None
    found = next(iter(declared))
    return found if set(nodes_of(found)) <= set(sets) else None


def satisfying_counts(quorum_set: QuorumSet, node_count: int) -> tuple[int, ...]:
    """How many sets of 0, 1, 2 … hospitals satisfy a quorum set.

    Args:
        quorum_set: It names each hospital at most once.
        node_count: Of how many hospitals, those included that it does not name.
    """
    counts, size = _counted(quorum_set)
    return _product(counts, _all(node_count - size))


def tried(sets: QuorumSets, size: int, survives: Survives) -> tuple[int, int] | None:
    """Of all sets of a size, how many a property survives, and how many there are.

    Returns:
        None if there are too many to try.
    """
    total = comb(len(sets), size)
    if total > TRIED_MAX:
        return None
    return sum(survives(frozenset(each)) for each in combinations(sorted(sets), size)), total


def _counted(quorum_set: QuorumSet) -> tuple[tuple[int, ...], int]:
    """Sets that satisfy, by size, and how many hospitals are named."""
    named = 0
    # ways[j]: sets of the hospitals named so far that satisfy j entries, by size.
    ways: list[tuple[int, ...]] = [(1,)]
    entries = [((0, 1), 1)] * len(quorum_set.validators) + [
        _counted(inner) for inner in quorum_set.inner_sets
    ]
    for counts, size in entries:
        lost = _difference(_all(size), counts)
        before = [*ways, (0,)]
        ways = [
            _sum(_product(each, lost), _product(before[index - 1], counts) if index else (0,))
            for index, each in enumerate(before)
        ]
        named += size
    found: tuple[int, ...] = (0,)
    for each in ways[quorum_set.threshold :]:
        found = _sum(found, each)
    return found, named


def _all(size: int) -> tuple[int, ...]:
    return tuple(comb(size, each) for each in range(size + 1))


def _sum(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    length = max(len(one), len(other))
    return tuple(_at(one, index) + _at(other, index) for index in range(length))


def _difference(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(each - _at(other, index) for index, each in enumerate(one))


def _product(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    found = [0] * (len(one) + len(other) - 1)
    for index, first in enumerate(one):
        if first:
            for offset, second in enumerate(other):
                found[index + offset] += first * second
    return tuple(found)


def _at(counts: Sequence[int], index: int) -> int:
    return counts[index] if index < len(counts) else 0
