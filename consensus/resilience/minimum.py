"""The smallest set of a kind, or bounds on its size that are proved."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from crypto.identity import NodeId

from .errors import UndecidedError
from .trust import Fbas, bits


@dataclass(frozen=True, slots=True)
class Minimum:
    """What is known of the smallest set of a kind."""

    members: frozenset[NodeId] | None
    """The smallest set that was found; None where none was."""
    lower: int | None
    """No set has fewer nodes; None where it is proved that there is no set at all."""

    @property
    def upper(self) -> int | None:
        """Some set has no more nodes than this; None where none was found."""
        return None if self.members is None else len(self.members)

    @property
    def proved(self) -> bool:
        """Whether the question is settled: the set is a smallest one, or there is none."""
        return self.lower == self.upper


NONE = Minimum(None, None)
"""There is no such set, and this is proved."""


def least(
    fbas: Fbas,
    takes: Iterable[tuple[int, ...]],
    sets_up_to: Callable[[int], Iterator[int]],
    any_set: Callable[[], int | None],
) -> Minimum:
    """Look for sets of at most 0, 1, 2 … nodes until there is one.

    Args:
        fbas: The network, for the names.
        takes: What a set can have of each class; sizes that no sum of them has are passed over.
        sets_up_to: The sets with at most so many nodes, as masks; raises when the time is up.
        any_set: Some set, quickly found, for the bound from above; None where none is known.
    """
    size = 0
    try:
        for size in _sizes(takes):
            mask = next(sets_up_to(size), None)
            if mask is not None:
                return Minimum(fbas.names(mask), size)
    except UndecidedError:
        mask = any_set()
        return Minimum(None if mask is None else fbas.names(mask), size)
    return NONE


def _sizes(takes: Iterable[tuple[int, ...]]) -> Iterator[int]:
    """Every number of nodes that one choice for each class can sum up to."""
    sums = 1
    for choices in takes:
        reached = 0
        for take in choices:
            reached |= sums << take.bit_count()
        sums = reached
    return bits(sums)
