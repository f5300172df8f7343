"""The Stellar Consensus Protocol, complete: nomination, then balloting, by federated voting.

    voting      who accepts and who confirms, over grouped statements
    pledges     what a statement of the ballot protocol says, in the four terms that voting needs
    order       which statements are sane, which of two is newer, which two convict their signer
    leaders     whose nominations a node follows
    nomination  from justified values to one composite candidate
    balloting   from a candidate to the decision
    node        one node's side of a slot: an agreement, see `consensus.messages`

Source: Mazières, The Stellar Consensus Protocol (2015); draft-mazieres-dinrg-scp-05; the rules that
the papers leave open follow stellar-core ``src/scp``.
"""

from .node import ScpNode
from .timeouts import BALLOT_TIMER, NOMINATION_TIMER, ScpTimeouts

__all__ = ["BALLOT_TIMER", "NOMINATION_TIMER", "ScpNode", "ScpTimeouts"]
