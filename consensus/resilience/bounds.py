"""How many nodes a quorum must have at least: the smallest slice of somebody who is in it.

Where every node stands once in a quorum set, its cheapest slice is found by taking the cheapest
entries at every level. Where a node stands twice, entries share nodes, and nothing is claimed.
"""

from .trust import Level, Trust, named, satisfied


def each_once(level: Level) -> bool:
    """Whether a level names every node at most once, at any depth."""
    seen = 0
    for layer in level.layers:
        if seen & layer:
            return False
        seen |= layer
    for each in level.inner:
        inside = named(each)
        if seen & inside or not each_once(each):
            return False
        seen |= inside
    return True


def plain_demands(trust: Trust) -> tuple[tuple[Level, int], ...]:
    """The quorum sets about which something can be claimed."""
    return tuple((level, owners) for level, owners in trust.demands if each_once(level))


def still_needed(plain: tuple[tuple[Level, int], ...], chosen: int) -> int:
    """How many nodes a quorum that contains ``chosen`` needs beside them, at least."""
    return max(
        (_missing(level, chosen) for level, owners in plain if owners & chosen),
        default=0,
    )


def _missing(level: Level, chosen: int) -> int:
    """Nodes that satisfy a level together with ``chosen``, at least."""
    if satisfied(level, chosen):
        return 0
    own = level.layers[0] if level.layers else 0
    missing = level.threshold - (own & chosen).bit_count()
    prices = sorted(_missing(each, chosen) for each in level.inner)
    free = (own & ~chosen).bit_count()
    cheap = [price for price in prices if price == 0]
    # Validators cost one each, and no unsatisfied inner level costs less.
    rest = missing - len(cheap)
    return min(rest, free) + sum(prices[len(cheap) : len(cheap) + max(0, rest - free)])
