"""Quorum sets: whom a node trusts, and what follows from it.

A *slice* of a node is a set that convinces it; a *quorum* is a non-empty set that contains a slice
of each of its members; a *v-blocking* set hits every slice of a node. Nothing here knows a
protocol. Source: Mazières, The Stellar Consensus Protocol (2015), sections 3 and 4;
stellar-core ``src/scp/LocalNode.cpp`` and ``QuorumSetUtils.cpp``.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from crypto.digest import Digest, digest
from crypto.encoding import Value, encode
from crypto.identity import NodeId

from .errors import QuorumSetError

NESTING_MAX = 4
"""Levels of inner sets below the outermost one (stellar-core: MAXIMUM_QUORUM_NESTING_LEVEL)."""
NODE_COUNT_MAX = 1000
"""Nodes that one quorum set may name (stellar-core: MAXIMUM_QUORUM_NODES)."""


@dataclass(frozen=True, slots=True)
class QuorumSet:
    """A threshold over validators and inner sets; each of them is one *entry*."""

    threshold: int
    """How many entries make a slice."""
    validators: tuple[NodeId, ...]
    """Nodes named directly, each an entry."""
    inner_sets: tuple["QuorumSet", ...] = ()
    """Nested quorum sets, each an entry."""

    @property
    def entry_count(self) -> int:
        """Number of validators and inner sets at this level."""
        return len(self.validators) + len(self.inner_sets)


QuorumSets = Mapping[NodeId, QuorumSet]
"""The quorum set that each node claims."""


def nodes_of(quorum_set: QuorumSet) -> Iterable[NodeId]:
    """Yield every node named at any level, in order of appearance."""
    yield from quorum_set.validators
    for inner in quorum_set.inner_sets:
        yield from nodes_of(inner)


def check_sane(quorum_set: QuorumSet) -> None:
    """Check thresholds, nesting, size and duplicates at every level.

    Raises:
        QuorumSetError: Naming the first rule broken, with what was expected and found.
    """
    _check_level(quorum_set, nesting=0)
    named = list(nodes_of(quorum_set))
    if len(named) > NODE_COUNT_MAX:
        raise QuorumSetError(f"expected at most {NODE_COUNT_MAX} nodes, found {len(named)}")
    seen: set[NodeId] = set()
    for node in named:
        if node in seen:
            raise QuorumSetError(f"expected each node once, found {node} twice")
        seen.add(node)


def _check_level(quorum_set: QuorumSet, nesting: int) -> None:
    if nesting > NESTING_MAX:
        raise QuorumSetError(f"expected at most {NESTING_MAX} levels of inner sets, found more")
    entries = quorum_set.entry_count
    if not 1 <= quorum_set.threshold <= entries:
        raise QuorumSetError(
            f"expected a threshold of 1 to {entries} (its number of entries), "
            f"found {quorum_set.threshold}"
        )
    for inner in quorum_set.inner_sets:
        _check_level(inner, nesting + 1)


def is_quorum_slice(quorum_set: QuorumSet, members: Set[NodeId]) -> bool:
    """Whether ``members`` satisfies at least ``threshold`` entries."""
    missing = quorum_set.threshold
    for validator in quorum_set.validators:
        if validator in members:
            missing -= 1
            if missing == 0:
                return True
    for inner in quorum_set.inner_sets:
        if is_quorum_slice(inner, members):
            missing -= 1
            if missing == 0:
                return True
    return missing <= 0


def is_v_blocking(quorum_set: QuorumSet, members: Set[NodeId]) -> bool:
    """Whether ``members`` hits every slice: more than entries - threshold entries are hit."""
    missing = quorum_set.entry_count - quorum_set.threshold + 1
    for validator in quorum_set.validators:
        if validator in members:
            missing -= 1
            if missing == 0:
                return True
    for inner in quorum_set.inner_sets:
        if is_v_blocking(inner, members):
            missing -= 1
            if missing == 0:
                return True
    return False


def greatest_quorum(members: Set[NodeId], quorum_sets: QuorumSets) -> frozenset[NodeId]:
    """The largest quorum inside ``members``, possibly empty.

    Greatest fixpoint: drop every node whose own quorum set the rest does not satisfy, until nothing
    changes. A node without a quorum set is never satisfied.
    """
    kept = frozenset(members)
    while True:
        satisfied = frozenset(
            node
            for node in kept
            if node in quorum_sets and is_quorum_slice(quorum_sets[node], kept)
        )
        if satisfied == kept:
            return kept
        kept = satisfied


def is_quorum(members: Set[NodeId], quorum_sets: QuorumSets) -> bool:
    """Whether ``members`` is itself a quorum: non-empty, a slice of each member inside it."""
    return bool(members) and greatest_quorum(members, quorum_sets) == frozenset(members)


def convinces(node: NodeId, members: Set[NodeId], quorum_sets: QuorumSets) -> bool:
    """Whether ``members`` contains a quorum that satisfies the quorum set of ``node``.

    ``node`` itself need not be among ``members`` (stellar-core ``LocalNode::isQuorum``).
    """
    quorum = greatest_quorum(members, quorum_sets)
    return bool(quorum) and is_quorum_slice(quorum_sets[node], quorum)


def majority_of(nodes: Iterable[NodeId]) -> QuorumSet:
    """More than half of ``nodes``: the vote of TCLearn's figure 1, read literally."""
    validators = tuple(sorted(nodes))
    return QuorumSet(len(validators) // 2 + 1, validators)


def two_thirds_of(nodes: Iterable[NodeId]) -> QuorumSet:
    """More than two thirds of ``nodes``: 2f + 1 of 3f + 1."""
    validators = tuple(sorted(nodes))
    return QuorumSet(2 * len(validators) // 3 + 1, validators)


def quorum_set_value(quorum_set: QuorumSet) -> Value:
    """The value that is encoded and hashed: entries sorted, so that order does not matter.

    Validators are sorted by name, inner sets by their encoding.
    """
    inner = sorted((quorum_set_value(each) for each in quorum_set.inner_sets), key=encode)
    return [quorum_set.threshold, sorted(quorum_set.validators), inner]


def quorum_set_digest(quorum_set: QuorumSet) -> Digest:
    """Digest of a quorum set; it travels in each statement that is signed under it."""
    return digest("tclearn/quorum-set/v1", quorum_set_value(quorum_set))
