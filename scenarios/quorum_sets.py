"""Whom each hospital of a scenario trusts, by the scenario's rule."""

from collections.abc import Sequence

from consensus.authority import trusting_only
from consensus.quorum import QuorumSet, majority_of, two_thirds_of
from crypto.identity import NodeId

from .schema_relations import DEFAULT
from .schema_sections import ProtocolSection, QuorumSetSection


def declared_quorum_sets(
    protocol: ProtocolSection, hospitals: Sequence[NodeId]
) -> dict[NodeId, QuorumSet]:
    """The quorum set of each hospital."""
    if protocol.authority is not None:
        return dict(trusting_only(protocol.authority, hospitals))
    match protocol.rule:
        case "majority":
            return dict.fromkeys(hospitals, majority_of(hospitals))
        case "two-thirds":
            return dict.fromkeys(hospitals, two_thirds_of(hospitals))
        case "quorum-sets":
            declared = {owner: _quorum_set(each) for owner, each in protocol.quorum_sets.items()}
            return {
                hospital: declared[hospital if hospital in declared else DEFAULT]
                for hospital in hospitals
            }


def _quorum_set(section: QuorumSetSection) -> QuorumSet:
    inner = tuple(_quorum_set(each) for each in section.inner_sets)
    return QuorumSet(section.threshold, section.validators, inner)
