"""From the name of a protocol to its machine, for the full engine and for trials alike."""

from consensus.authority import AuthorityNode
from consensus.judging import JudgingNode, Timeouts
from consensus.majority import MajorityNode
from consensus.messages import Node
from consensus.pbft import PbftNode, PbftTimeouts
from consensus.scp import ScpNode, ScpTimeouts
from consensus.trust import Trust
from crypto.identity import NodeId

from .schema_sections import Protocol, ProtocolSection

PBFT_TIMEOUT_US_MAX = 1_800_000_000
"""Where a view's timeout stops doubling: half an hour, as SCP's."""


def machine(
    protocol: Protocol,
    node: NodeId,
    trust: Trust,
    authority: NodeId,
    views: PbftTimeouts,
    ballot_us: int,
) -> Node:
    """What decides on justified values.

    Args:
        protocol: Its name.
        node: Whose machine it is.
        trust: The quorum sets.
        authority: Who decides for all, with the protocol `authority`.
        views: How long PBFT's views wait.
        ballot_us: How long SCP's first nomination and ballot wait, and how much longer each next.
    """
    match protocol:
        case "majority":
            return MajorityNode(node, trust)
        case "authority":
            return AuthorityNode(node, trust, authority)
        case "pbft":
            return PbftNode(node, trust, views)
        case "scp":
            return ScpNode(node, trust, ScpTimeouts(ballot_us, ballot_us, ballot_us, ballot_us))


def agreement(protocol: ProtocolSection, node: NodeId, trust: Trust) -> Node:
    """What decides on justified values, as a scenario asks for it."""
    wait_us = protocol.round_timeout_us
    views = PbftTimeouts(wait_us, PBFT_TIMEOUT_US_MAX)
    return machine(protocol.name, node, trust, protocol.authority or node, views, wait_us)


def judging_node(protocol: ProtocolSection, node: NodeId, trust: Trust) -> JudgingNode:
    """A hospital's whole consensus side: verdicts on the candidate, around an agreement."""
    timeouts = Timeouts(protocol.proposal_timeout_us, protocol.vote_timeout_us)
    return JudgingNode(node, trust, timeouts, agreement(protocol, node, trust))
