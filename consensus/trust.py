"""Quorum sets compiled to bit masks: the same answers as `consensus.quorum`, in machine words.

A coalition's nodes are numbered by name; a set of nodes is an integer with one bit each. A level of
a quorum set is then one population count, and nodes with equal quorum sets are judged together: on
a flat network a test for a quorum takes the same time for 4 nodes and for 400. Everything here is
immutable and may be shared by all nodes of a run.

The plain twin is `consensus.quorum`; the tests hold the two against each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crypto.digest import Digest
from crypto.identity import NodeId

from .quorum import QuorumSet, QuorumSets, quorum_set_digest


@dataclass(frozen=True, slots=True)
class SliceMask:
    """A quorum set as bit masks."""

    threshold: int
    """How many entries make a slice."""
    validators: int
    """Nodes named directly, one bit each, each an entry; nodes that are not known have no bit."""
    inner_sets: tuple["SliceMask", ...]
    """Nested sets, each an entry."""
    blocking: int
    """How many entries block: entries - threshold + 1, counting the unknown ones."""


def is_slice(mask: SliceMask, members: int) -> bool:
    """Whether ``members`` satisfies at least ``threshold`` entries."""
    found = (mask.validators & members).bit_count()
    if found >= mask.threshold:
        return True
    for inner in mask.inner_sets:
        if is_slice(inner, members):
            found += 1
            if found >= mask.threshold:
                return True
    return False


def is_blocking(mask: SliceMask, members: int) -> bool:
    """Whether ``members`` hits every slice."""
    found = (mask.validators & members).bit_count()
    if found >= mask.blocking:
        return True
    for inner in mask.inner_sets:
        if is_blocking(inner, members):
            found += 1
            if found >= mask.blocking:
                return True
    return False


def names_each_once(mask: SliceMask) -> bool:
    """Whether no node stands in two places, so that one more node fills one more entry at most."""
    return sum(_places(mask)) == _everyone(mask)


def _places(mask: SliceMask) -> Iterable[int]:
    yield mask.validators
    for inner in mask.inner_sets:
        yield from _places(inner)


def _everyone(mask: SliceMask) -> int:
    found = 0
    for place in _places(mask):
        found |= place
    return found


def greatest_quorum_mask(members: int, claims: Iterable[tuple[SliceMask, int]]) -> int:
    """The largest quorum inside ``members``: 0 if there is none.

    Args:
        members: Bits of the nodes that pass the filter.
        claims: Each quorum set that is claimed, with the bits of the nodes that claim it; a node
            in no claim is never satisfied.
    """
    held = [(mask, nodes & members) for mask, nodes in claims if nodes & members]
    while True:
        kept = 0
        for _, nodes in held:
            kept |= nodes
        still = [(mask, nodes) for mask, nodes in held if is_slice(mask, kept)]
        if len(still) == len(held):
            return kept
        held = still


class Trust:
    """The quorum sets that a coalition's nodes declare, and the numbers of the nodes."""

    def __init__(self, quorum_sets: QuorumSets) -> None:
        """Compile the declared quorum sets.

        Args:
            quorum_sets: One for each node of the coalition.
        """
        self.nodes: Sequence[NodeId] = tuple(sorted(quorum_sets))
        """Every node; its position is the number of its bit."""
        self.bits: Mapping[NodeId, int] = {node: 1 << i for i, node in enumerate(self.nodes)}
        """The bit of each node."""
        self.digests: Mapping[NodeId, Digest]
        """Digest of the quorum set that each node declares."""
        self.masks: Mapping[Digest, SliceMask]
        """Every declared quorum set by its digest."""
        known: dict[int, Digest] = {}
        masks: dict[Digest, SliceMask] = {}
        digests: dict[NodeId, Digest] = {}
        for node in self.nodes:
            quorum_set = quorum_sets[node]
            name = known.get(id(quorum_set))
            if name is None:
                name = known[id(quorum_set)] = quorum_set_digest(quorum_set)
                masks[name] = self.compile(quorum_set)
            digests[node] = name
        self.digests, self.masks = digests, masks
        claims: dict[Digest, int] = {}
        for node, name in digests.items():
            claims[name] = claims.get(name, 0) | self.bits[node]
        self.claims: Sequence[tuple[SliceMask, int]] = tuple(
            (masks[name], nodes) for name, nodes in claims.items()
        )
        """Each declared quorum set with the bits of the nodes that declare it."""
        self._own = {node: masks[name] for node, name in digests.items()}
        self._alike = len(masks) == 1

    def compile(self, quorum_set: QuorumSet) -> SliceMask:
        """Turn a quorum set into masks; nodes outside the coalition can never satisfy an entry."""
        validators = 0
        for node in quorum_set.validators:
            validators |= self.bits.get(node, 0)
        inner = tuple(self.compile(each) for each in quorum_set.inner_sets)
        blocking = quorum_set.entry_count - quorum_set.threshold + 1
        return SliceMask(quorum_set.threshold, validators, inner, blocking)

    def mask_of(self, node: NodeId) -> SliceMask:
        """The quorum set that a node declares."""
        return self._own[node]

    def members(self, nodes: Iterable[NodeId]) -> int:
        """The bits of some nodes; those that are not known have none."""
        found = 0
        for node in nodes:
            found |= self.bits.get(node, 0)
        return found

    def names(self, members: int) -> tuple[NodeId, ...]:
        """The nodes whose bits are set, sorted."""
        return tuple(node for node, bit in self.bits.items() if members & bit)

    def convinces(self, node: NodeId, members: int) -> bool:
        """Whether ``members`` contains a quorum that satisfies the quorum set of ``node``."""
        own = self._own[node]
        # The quorum inside is no larger than the members: without a slice there, there is none.
        if (own.validators & members).bit_count() < own.threshold and not (
            own.inner_sets and is_slice(own, members)
        ):
            return False
        # Where all declare one quorum set, what satisfies it for one satisfies it for all.
        return self._alike or is_slice(own, greatest_quorum_mask(members, self.claims))

    def blocks(self, node: NodeId, members: int) -> bool:
        """Whether ``members`` hits every slice of ``node``."""
        return is_blocking(self.mask_of(node), members)
