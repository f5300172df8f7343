"""From the protocol section of a scenario to the machine that each hospital runs."""

from consensus.authority import AuthorityNode
from consensus.judging import JudgingNode, Timeouts
from consensus.majority import MajorityNode
from consensus.messages import Node
from consensus.pbft import PbftNode, PbftTimeouts
from consensus.scp import ScpNode, ScpTimeouts
from consensus.trust import Trust
from crypto.identity import NodeId

from .schema_sections import ProtocolSection

PBFT_TIMEOUT_US_MAX = 1_800_000_000
"""Where a view's timeout stops doubling: half an hour, as SCP's."""


def agreement(protocol: ProtocolSection, node: NodeId, trust: Trust) -> Node:
    """What decides on justified values."""
    wait_us = protocol.round_timeout_us
    match protocol.name:
        case "majority":
            return MajorityNode(node, trust)
        case "authority":
            return AuthorityNode(node, trust, protocol.authority or node)
        case "pbft":
            return PbftNode(node, trust, PbftTimeouts(wait_us, PBFT_TIMEOUT_US_MAX))
        case "scp":
            return ScpNode(node, trust, ScpTimeouts(wait_us, wait_us, wait_us, wait_us))


def judging_node(protocol: ProtocolSection, node: NodeId, trust: Trust) -> JudgingNode:
    """A hospital's whole consensus side: verdicts on the candidate, around an agreement."""
    timeouts = Timeouts(protocol.proposal_timeout_us, protocol.vote_timeout_us)
    return JudgingNode(node, trust, timeouts, agreement(protocol, node, trust))
