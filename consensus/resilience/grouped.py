"""The same questions about groups: organisations, countries, whoever fails or lies together.

A set of groups blocks when its nodes do, and splits when some of its nodes do; a set of groups can
agree alone when its nodes hold a quorum. All three only grow with the set, so that one search finds
the minimal sets: group by group, in or out, until the property holds or cannot hold any more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from crypto.identity import NodeId

from .deadline import Deadline, check, never
from .errors import UndecidedError
from .graph import core
from .splitting import contains_splitting
from .symmetry import Choice, Family, Orbit
from .trust import Fbas, closure


@dataclass(frozen=True, slots=True)
class Merged:
    """The minimal sets of groups."""

    quorums: Family
    """Groups that can agree without anybody else."""
    blocking: Family
    """Groups that stop everybody when they fail together."""
    splitting: Family
    """Groups that make the rest disagree when they lie together."""


def merged(fbas: Fbas, groups: Mapping[NodeId, str], deadline: Deadline = never) -> Merged:
    """The minimal sets of groups in the core of a network.

    Args:
        fbas: The network.
        groups: The group of each node.
        deadline: When to stop; the families then are not complete.
    """
    kept = core(fbas)
    trust = kept.trust
    masks: dict[str, int] = {}
    for place, node in enumerate(kept.nodes):
        if trust.members >> place & 1:
            masks[groups[node]] = masks.get(groups[node], 0) | 1 << place
    search = _Search(masks, deadline)
    if not trust.members:
        return Merged(Family(()), Family((Orbit(()),)), Family(()))
    return Merged(
        search.family(lambda nodes: closure(trust, nodes) != 0),
        search.family(lambda nodes: not closure(trust, trust.members & ~nodes)),
        search.family(lambda nodes: contains_splitting(trust, nodes, deadline)),
    )


class _Search:
    """Finds minimal sets of groups for a property that only grows with the set."""

    def __init__(self, masks: Mapping[str, int], deadline: Deadline) -> None:
        self._names = tuple(sorted(masks, key=lambda name: (-masks[name].bit_count(), name)))
        self._masks = tuple(masks[name] for name in self._names)
        self._deadline = deadline

    def family(self, holds: Callable[[int], bool]) -> Family:
        """The minimal sets."""
        found: list[tuple[str, ...]] = []
        complete = True
        try:
            for chosen in self._minimal(holds):
                found.append(tuple(self._names[place] for place in chosen))  # noqa: PERF401 (kept)
        except UndecidedError:
            complete = False
        found.sort(key=lambda names: (len(names), names))
        return Family(tuple(_orbit(names) for names in found), complete)

    def _minimal(self, holds: Callable[[int], bool]) -> Iterator[tuple[int, ...]]:
        stack: list[tuple[tuple[int, ...], int]] = [((), 0)]
        while stack:
            check(self._deadline)
            chosen, place = stack.pop()
            if holds(self._union(chosen)):
                if not any(
                    holds(self._union(each for each in chosen if each != one)) for one in chosen
                ):
                    yield chosen
                continue
            if not holds(self._union(chosen) | self._union(range(place, len(self._names)))):
                continue
            stack.append((chosen, place + 1))
            stack.append(((*chosen, place), place + 1))

    def _union(self, places: Iterable[int]) -> int:
        mask = 0
        for place in places:
            mask |= self._masks[place]
        return mask


def _orbit(names: tuple[str, ...]) -> Orbit:
    return Orbit(tuple(Choice(1, (NodeId(name),)) for name in names))
