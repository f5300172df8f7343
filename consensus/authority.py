"""The source's alternative: one certifying node in the place of the vote.

Here "a centralised certification authority" checks each candidate as the hospitals do and says
alone what is recorded. In the terms of quorum sets everybody's only slice is {authority}, so the
count of `consensus.majority` is reused as it is: the authority's vote is a quorum. The one
difference is that nobody else votes. That saves messages and costs nothing in agreement while the
authority is correct, and it makes plain what is traded for it: if the authority stops, the slot
stays open; if it votes both ways, two hospitals record two values (`consensus.forensics` convicts
it).

Source: Macq 2021, on the risk of corruption in distributed learning; the vote is its alternative.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from crypto.identity import NodeId

from .errors import ProtocolError
from .majority import MajorityNode
from .messages import Input, Justified, Output
from .quorum import QuorumSet, QuorumSets
from .trust import Trust

_KEPT = 4
"""Coalitions that are kept compiled: all nodes of a run share one."""


def trusting_only(authority: NodeId, nodes: Iterable[NodeId]) -> QuorumSets:
    """The quorum sets under which one node decides for all."""
    return dict.fromkeys(nodes, QuorumSet(1, (authority,)))


@lru_cache(_KEPT)
def _compiled(authority: NodeId, nodes: Sequence[NodeId]) -> Trust:
    """The same for all nodes of a run."""
    return Trust(trusting_only(authority, nodes))


class AuthorityNode:
    """One node's side: an agreement, see `consensus.messages`."""

    def __init__(self, node: NodeId, trust: Trust, authority: NodeId) -> None:
        """Wrap the count.

        Args:
            node: This node.
            trust: Only its nodes matter: the authority replaces the quorum sets they declare.
            authority: The certifying node, one of them.

        Raises:
            ProtocolError: When the authority is not one of the nodes.
        """
        if authority not in trust.bits:
            raise ProtocolError(f"expected an authority among the nodes, found {authority}")
        self._certifies = node == authority
        self._count = MajorityNode(node, _compiled(authority, trust.nodes))

    def step(self, event: Input, /) -> tuple[Output, ...]:
        """Take one input in and return what the shell is to do, in order.

        Raises:
            ProtocolError: When the shell opens a slot out of turn or speaks before any is open.
        """
        if isinstance(event, Justified) and not self._certifies:
            return ()  # only the authority votes
        return self._count.step(event)
