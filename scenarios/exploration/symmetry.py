"""Which hospitals are interchangeable: exchanging two of them changes nobody's quorum set."""

from collections.abc import Mapping, Sequence

from consensus.quorum import QuorumSet, quorum_set_digest
from crypto.identity import NodeId


def interchangeable(
    hospitals: Sequence[NodeId], quorum_sets: Mapping[NodeId, QuorumSet]
) -> tuple[tuple[int, ...], ...]:
    """The classes of hospitals that may be exchanged for each other, by their positions.

    It is not enough that others treat two hospitals alike: their own quorum sets have to agree too.
    """
    classes: list[list[int]] = []
    for index, hospital in enumerate(hospitals):
        for found in classes:
            if _may_be_exchanged(hospitals[found[0]], hospital, quorum_sets):
                found.append(index)
                break
        else:
            classes.append([index])
    return tuple(tuple(found) for found in classes)


def _may_be_exchanged(
    first: NodeId, second: NodeId, quorum_sets: Mapping[NodeId, QuorumSet]
) -> bool:
    names = {first: second, second: first}
    return all(
        quorum_set_digest(_renamed(quorum_set, names))
        == quorum_set_digest(quorum_sets[names.get(owner, owner)])
        for owner, quorum_set in quorum_sets.items()
    )


def _renamed(quorum_set: QuorumSet, names: Mapping[NodeId, NodeId]) -> QuorumSet:
    return QuorumSet(
        quorum_set.threshold,
        tuple(names.get(each, each) for each in quorum_set.validators),
        tuple(_renamed(inner, names) for inner in quorum_set.inner_sets),
    )
