"""Multisets by number: the combinatorial number system, for choices in which order is nothing.

Source: Knuth, The Art of Computer Programming 4A, section 7.2.1.3.
"""

from math import comb


def multiset_count(size: int, kinds: int) -> int:
    """How many multisets of a size there are."""
    return comb(kinds + size - 1, size)


def multiset(rank: int, size: int, kinds: int) -> tuple[int, ...]:
    """The multiset of a number, ascending; kinds are numbered from 0.

    Args:
        rank: From 0 to below ``multiset_count(size, kinds)``.
        size: How many elements it has.
        kinds: How many kinds there are.
    """
    chosen: list[int] = []
    bound = kinds + size - 1
    for left in range(size, 0, -1):
        # A multiset a1 <= a2 <= ... is the combination a1 < a2 + 1 < a3 + 2 < ...
        highest = _highest(rank, left, bound)
        rank -= comb(highest, left)
        chosen.append(highest - (left - 1))
        bound = highest
    return tuple(reversed(chosen))


def _highest(rank: int, size: int, bound: int) -> int:
    """The largest number below ``bound`` of which ``comb(number, size)`` is at most ``rank``."""
    low, high = size - 1, bound - 1
    while low < high:
        middle = (low + high + 1) // 2
        if comb(middle, size) <= rank:
            low = middle
        else:
            high = middle - 1
    return low
