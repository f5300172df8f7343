"""Quorum sets compiled to bit masks: whom each node trusts, as numbers.

A node is a bit, in the order of the caller's mapping. A level whose validators are all different is
one mask and is satisfied by a population count; a validator that stands in a level twice counts
twice, so that there is a mask for the second time as well. Two rules decide what odd files mean
(they change the answers, and other programs decide otherwise):

- A node without a quorum set is satisfied by nobody, and is in no quorum.
- A validator that is not among the nodes is dropped, and the threshold of its level stays.

``helpers`` are deleted in the sense of Mazières (2015, section 4): they count as satisfied for
everybody, which is the same as striking them out and lowering the thresholds.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from crypto.identity import NodeId

from ..errors import QuorumSetError
from ..quorum import QuorumSet

_DEPTH_MAX = 64
"""Levels of inner sets that can be compiled; far above what ``check_sane`` allows."""


@dataclass(frozen=True, slots=True)
class Level:
    """A threshold over nodes and inner levels."""

    threshold: int
    """How many entries are needed; at most 0 is always satisfied."""
    layers: tuple[int, ...]
    """Mask number i holds the validators that stand here more than i times."""
    inner: tuple["Level", ...]
    """The inner levels; none of them is always or never satisfied."""


ALWAYS = Level(0, (), ())
"""Satisfied by the empty set."""

NEVER = Level(1, (), ())
"""Satisfied by nobody."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Who is there, and whom each of them trusts."""

    members: int
    """The nodes that are there."""
    demands: tuple[tuple[Level, int], ...]
    """Each different quorum set that somebody can satisfy, and the nodes that claim it."""


@dataclass(frozen=True, slots=True, init=False)
class Fbas:
    """A federated Byzantine agreement system: nodes with names, and whom each trusts."""

    nodes: tuple[NodeId, ...]
    """The names; bit i of a mask is node number i."""
    trust: Trust
    """The quorum sets in masks; its members may be fewer than the names."""

    def __init__(self, quorum_sets: Mapping[NodeId, QuorumSet | None]) -> None:
        nodes = tuple(quorum_sets)
        _fill(self, nodes, _compile(nodes, quorum_sets))

    def mask(self, names: Iterable[NodeId]) -> int:
        """The mask of these nodes.

        Raises:
            QuorumSetError: When one of them is not a node.
        """
        places = {node: 1 << place for place, node in enumerate(self.nodes)}
        mask = 0
        for name in names:
            if name not in places:
                raise QuorumSetError(f"expected a node of the network, found {name}")
            mask |= places[name]
        return mask

    def names(self, mask: int) -> frozenset[NodeId]:
        """The nodes of a mask."""
        return frozenset(self.nodes[place] for place in bits(mask))

    @property
    def members(self) -> frozenset[NodeId]:
        """The nodes that are there."""
        return self.names(self.trust.members)


def restricted(fbas: Fbas, members: int) -> Fbas:
    """The same network with only these members; the others are dropped from every quorum set."""
    if members & fbas.trust.members == fbas.trust.members:
        return fbas
    return _fill(object.__new__(Fbas), fbas.nodes, restrict(fbas.trust, members))


def _fill(fbas: Fbas, nodes: tuple[NodeId, ...], trust: Trust) -> Fbas:
    object.__setattr__(fbas, "nodes", nodes)
    object.__setattr__(fbas, "trust", trust)
    return fbas


def _compile(nodes: tuple[NodeId, ...], quorum_sets: Mapping[NodeId, QuorumSet | None]) -> Trust:
    places = {node: 1 << place for place, node in enumerate(nodes)}
    known: dict[int, Level] = {}  # by identity: to hash a large quorum set is slow
    same: dict[int, int] = {}
    for node, quorum_set in quorum_sets.items():
        if quorum_set is not None:
            if id(quorum_set) not in known:
                known[id(quorum_set)] = _level(quorum_set, places, 0)
            same[id(quorum_set)] = same.get(id(quorum_set), 0) | places[node]
    claims: dict[Level, int] = {}
    for number, owners in same.items():
        if known[number] != NEVER:
            claims[known[number]] = claims.get(known[number], 0) | owners
    return Trust((1 << len(nodes)) - 1, tuple(claims.items()))


def _level(quorum_set: QuorumSet, places: Mapping[NodeId, int], depth: int) -> Level:
    if depth > _DEPTH_MAX:
        raise QuorumSetError(f"expected at most {_DEPTH_MAX} levels of inner sets, found more")
    layers: list[int] = []
    for validator in quorum_set.validators:
        bit = places.get(validator, 0)
        for place, layer in enumerate(layers):
            if not layer & bit:
                layers[place] |= bit
                break
        else:
            if bit:
                layers.append(bit)
    inner = [_level(each, places, depth + 1) for each in quorum_set.inner_sets]
    return simple(quorum_set.threshold, layers, inner)


def simple(threshold: int, layers: Iterable[int], inner: Iterable[Level]) -> Level:
    """A level in its one form: no empty mask, no inner level that is always or never satisfied."""
    kept_layers = tuple(layer for layer in layers if layer)
    kept_inner: list[Level] = []
    for each in inner:
        if each == ALWAYS:
            threshold -= 1
        elif each != NEVER:
            kept_inner.append(each)
    if threshold <= 0:
        return ALWAYS
    if threshold > sum(map(int.bit_count, kept_layers)) + len(kept_inner):
        return NEVER
    if threshold == 1 and not kept_layers and len(kept_inner) == 1:
        return kept_inner[0]
    # Sorted, so that levels that say the same are the same.
    return Level(threshold, kept_layers, tuple(sorted(kept_inner, key=_order)))


def _order(level: Level) -> tuple[object, ...]:
    return (level.threshold, level.layers, tuple(map(_order, level.inner)))


def restrict(trust: Trust, members: int) -> Trust:
    """Drop everybody else; thresholds stay."""
    claims: dict[Level, int] = {}
    for level, owners in trust.demands:
        if owners & members:
            kept = _restrict(level, members)
            if kept != NEVER:
                claims[kept] = claims.get(kept, 0) | owners & members
    return Trust(trust.members & members, tuple(claims.items()))


def _restrict(level: Level, members: int) -> Level:
    layers = (layer & members for layer in level.layers)
    return simple(level.threshold, layers, (_restrict(each, members) for each in level.inner))


def delete(trust: Trust, helpers: int, gone: int) -> Trust:
    """Mazières' delete: ``helpers`` count as satisfied for everybody; ``gone`` are not there.

    Whoever is a helper and not gone may still be in a quorum, which he does not need to be.
    """
    claims: dict[Level, int] = {}
    members = trust.members & ~gone
    for level, owners in trust.demands:
        if owners & members:
            kept = _delete(level, helpers, members)
            if kept != NEVER:
                claims[kept] = claims.get(kept, 0) | owners & members
    return Trust(members, tuple(claims.items()))


def _delete(level: Level, helpers: int, members: int) -> Level:
    threshold = level.threshold - sum((layer & helpers).bit_count() for layer in level.layers)
    layers = (layer & members & ~helpers for layer in level.layers)
    return simple(threshold, layers, (_delete(each, helpers, members) for each in level.inner))


def satisfied(level: Level, members: int) -> bool:
    """Whether ``members`` satisfies at least as many entries as the threshold says."""
    missing = level.threshold
    for layer in level.layers:
        missing -= (layer & members).bit_count()
    if missing <= 0:
        return True
    if missing > len(level.inner):
        return False
    for each in level.inner:
        if satisfied(each, members):
            missing -= 1
            if missing <= 0:
                return True
    return False


def closure(trust: Trust, pool: int, helpers: int = 0) -> int:
    """The greatest quorum inside ``pool``, possibly empty; ``helpers`` are deleted."""
    able = 0
    for level, owners in trust.demands:
        if owners & pool and satisfied(level, pool | helpers):
            able |= owners
    while pool & ~able:
        pool &= able
        able = 0
        for level, owners in trust.demands:
            if owners & pool and satisfied(level, pool | helpers):
                able |= owners
    return pool


def level_of(trust: Trust, bit: int) -> Level:
    """The quorum set of one node."""
    for level, owners in trust.demands:
        if owners & bit:
            return level
    return NEVER


def named(level: Level) -> int:
    """Every node that a level names, at any depth."""
    mask = level.layers[0] if level.layers else 0
    for each in level.inner:
        mask |= named(each)
    return mask


def bits(mask: int) -> Iterator[int]:
    """The places of the bits of a mask, from the lowest."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
