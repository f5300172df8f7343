"""Splitting sets: who must lie so that the others can be led to two different decisions.

A *split* is a set S of liars and the rest divided into two sides such that each side, with S's
help, contains somebody whom a quorum convinces. Two measures differ where the quorum sets do:

- under *deletion* (Mazières 2015, section 4) liars say anything, also about whom they trust; that
  is SCP, where quorum sets travel in statements;
- without it a liar's declared quorum set must be satisfied as well; that is every protocol that
  counts with the sets that are written down.

Closed forms serve where all hospitals declare one flat or one two-level set; else a plain search
over all sets in order of their size, for few hospitals; else `consensus.resilience`.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Final

from consensus.quorum import QuorumSet, QuorumSets, greatest_quorum, is_quorum_slice, nodes_of
from consensus.resilience import Engine, Fbas, minimum_splitting_set
from consensus.resilience.deadline import after
from consensus.resilience.intersection import disjoint_masks
from consensus.resilience.trust import delete
from crypto.identity import NodeId

from ..errors import SimulationError

SEARCH_MAX: Final = 10
"""The most hospitals whose sets are all tried."""

STEPS_MAX: Final = 200_000
"""The most steps of the analysis of quorum sets."""


@dataclass(frozen=True, slots=True)
class Splitting:
    """A smallest set of liars that can split the others, and the two sides."""

    liars: frozenset[NodeId]
    """S; empty where the quorum sets do not even intersect."""
    sides: tuple[frozenset[NodeId], frozenset[NodeId]]
    """Everybody else, each on one side."""


def minimum_splitting(quorum_sets: QuorumSets, *, deletion: bool) -> Splitting | None:
    """Find a smallest splitting set; None if no set splits what is left.

    Args:
        quorum_sets: Whom each hospital trusts.
        deletion: Whether liars may also lie about whom they trust.

    Raises:
        SimulationError: The quorum sets have no closed form, and searching takes too long.
    """
    found = closed_form(quorum_sets)
    if found is not None:
        return found
    if len(quorum_sets) <= SEARCH_MAX:
        return search(quorum_sets, deletion=deletion)
    found = analysed(quorum_sets)
    # What splits without deletion also splits with it: where both do, the smallest is the same.
    if (
        found is None
        or deletion
        or all(splits(side, found.liars, quorum_sets, deletion=False) for side in found.sides)
    ):
        return found
    raise SimulationError(
        f"expected at most {SEARCH_MAX} hospitals, or quorum sets of liars that are satisfied on "
        f"both sides, found {len(quorum_sets)} hospitals with others"
    )


def analysed(quorum_sets: QuorumSets) -> Splitting | None:
    """Ask the analysis of quorum sets for a smallest splitting set, under deletion.

    Its own search is asked, never a solver, and for a number of steps, not of seconds: the answer
    is the same on every machine.

    Raises:
        SimulationError: It takes more steps than that.
    """
    fbas = Fbas(quorum_sets)
    found = minimum_splitting_set(fbas, after(STEPS_MAX), Engine.PYTHON)
    if not found.proved:
        sizes = f"from {found.lower} to {found.upper} hospitals"
        raise SimulationError(f"the smallest splitting set is not found in time; it has {sizes}")
    if found.members is None:
        return None
    liars = fbas.mask(found.members)
    pair = disjoint_masks(delete(fbas.trust, liars, liars))
    if pair is None:
        raise SimulationError("expected two disjoint quorums beside a splitting set, found none")
    second = fbas.names(pair[1])
    return Splitting(found.members, (frozenset(quorum_sets) - found.members - second, second))


def closed_form(quorum_sets: QuorumSets) -> Splitting | None:
    """The splitting set of one common flat or two-level quorum set: None if it is another kind.

    Flat, T of n: 2T - n. Two levels, T of N organisations, t of k members in each:
    (2T - N)(2t - k), each factor at least 0.
    """
    declared = set(quorum_sets.values())
    if len(declared) != 1:
        return None
    quorum_set = next(iter(declared))
    named = set(nodes_of(quorum_set))
    if not named <= set(quorum_sets):
        return None
    others = sorted(set(quorum_sets) - named)
    if not quorum_set.inner_sets:
        parts = _divided(sorted(quorum_set.validators), quorum_set.threshold)
    elif _is_even(quorum_set):
        parts = _divided_organisations(quorum_set)
    else:
        return None
    liars, first, second = parts
    # Whoever is in no quorum set is on either side.
    half = len(others) // 2
    sides = (frozenset([*first, *others[:half]]), frozenset([*second, *others[half:]]))
    return Splitting(frozenset(liars), sides) if all(sides) else None


_Parts = tuple[Sequence[NodeId], Sequence[NodeId], Sequence[NodeId]]


def _is_even(quorum_set: QuorumSet) -> bool:
    """Whether it consists of organisations of one size and threshold."""
    shapes = {(each.threshold, len(each.validators)) for each in quorum_set.inner_sets}
    nested = any(each.inner_sets for each in quorum_set.inner_sets)
    return not quorum_set.validators and len(shapes) == 1 and not nested


def _divided(entries: Sequence[NodeId], threshold: int) -> _Parts:
    """Share out a flat set: the last 2T - n lie, the others are two equal sides."""
    liar_count = max(0, 2 * threshold - len(entries))
    honest = entries[: len(entries) - liar_count]
    # In turn, so that leaders who follow each other stand on different sides.
    return entries[len(honest) :], honest[::2], honest[1::2]


def _divided_organisations(quorum_set: QuorumSet) -> _Parts:
    """Share out organisations: the last 2T - N are divided inside, the others stay whole."""
    organisations = sorted(sorted(each.validators) for each in quorum_set.inner_sets)
    shared_count = max(0, 2 * quorum_set.threshold - len(organisations))
    whole = organisations[: len(organisations) - shared_count]
    liars: list[NodeId] = []
    first, second = [*chain(*whole[::2])], [*chain(*whole[1::2])]
    for organisation in organisations[len(whole) :]:
        parts = _divided(organisation, quorum_set.inner_sets[0].threshold)
        liars += parts[0]
        first += parts[1]
        second += parts[2]
    return liars, first, second


def search(quorum_sets: QuorumSets, *, deletion: bool) -> Splitting | None:
    """Try every set in order of its size, and every division of the rest."""
    nodes = sorted(quorum_sets)
    for size in range(len(nodes) - 1):
        for liars in combinations(nodes, size):
            found = _division(frozenset(liars), nodes, quorum_sets, deletion=deletion)
            if found is not None:
                return found
    return None


def _division(
    liars: frozenset[NodeId], nodes: Sequence[NodeId], quorum_sets: QuorumSets, *, deletion: bool
) -> Splitting | None:
    rest = [node for node in nodes if node not in liars]
    for first in _halves(rest):
        second = frozenset(rest) - first
        sides = (first, second)
        if all(splits(side, liars, quorum_sets, deletion=deletion) for side in sides):
            return Splitting(liars, sides)
    return None


def _halves(rest: Sequence[NodeId]) -> Iterator[frozenset[NodeId]]:
    """Each division into two sides once: the side of the first node, evenly divided ones first."""
    first, *others = rest
    sizes = sorted(range(len(others)), key=lambda size: abs(len(rest) - 2 * (size + 1)))
    for size in sizes:
        for more in combinations(others, size):
            yield frozenset((first, *more))


def splits(
    side: Collection[NodeId],
    liars: Collection[NodeId],
    quorum_sets: QuorumSets,
    *,
    deletion: bool,
) -> bool:
    """Whether a quorum convinces somebody on one side, if all there and the liars agree."""
    sets = dict(quorum_sets)
    if deletion:
        sets |= {liar: QuorumSet(1, (liar,)) for liar in liars}
    quorum = greatest_quorum(frozenset((*side, *liars)), sets)
    return any(is_quorum_slice(sets[node], quorum) for node in side)
