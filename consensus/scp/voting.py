"""Federated voting over the latest statement of each node.

Most nodes say the same. So the latest statements are kept in groups of equals, each with the bits
of its senders, and a predicate is asked once for each distinct statement. The plain twin of this
module stands in the tests.

Source: Mazières 2015, section 5; draft-mazieres-dinrg-scp-05, section 3.1; stellar-core
``Slot::federatedAccept`` and ``federatedRatify``, ``LocalNode::isQuorum``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from crypto.digest import Digest
from crypto.identity import NodeId

from ..statements import Externalized, ScpStatement
from ..trust import SliceMask, greatest_quorum_mask, is_blocking, is_slice

StatementT = TypeVar("StatementT", bound=ScpStatement)
MeaningT = TypeVar("MeaningT")

_SINGLETON = SliceMask(threshold=0, validators=0, inner_sets=(), blocking=1)
"""Stands for the quorum set {self} of each sender of EXTERNALIZE: satisfied wherever it is."""


@dataclass(slots=True, eq=False)
class Group(Generic[StatementT, MeaningT]):
    """Nodes whose latest statements are equal."""

    statement: StatementT
    """What each of them said last."""
    meaning: MeaningT
    """What that says, read once."""
    claim: Digest | None
    """The quorum set that it claims; None for {sender}, which EXTERNALIZE stands for."""
    members: int
    """The bits of the nodes."""


class Tally(Generic[StatementT, MeaningT]):
    """The latest statement of each node in one slot, and what follows from them for one node."""

    def __init__(
        self,
        own: SliceMask,
        known: Mapping[Digest, SliceMask],
        read: Callable[[StatementT], MeaningT],
    ) -> None:
        """Start without statements.

        Args:
            own: The quorum set of the node that judges.
            known: The quorum sets that statements may claim, by digest; it may grow.
            read: What a statement means, in the terms of the predicates.
        """
        self.groups: dict[StatementT, Group[StatementT, MeaningT]] = {}
        """Each distinct latest statement with its senders."""
        self.latest: dict[NodeId, Group[StatementT, MeaningT]] = {}
        """The group of each node that said anything."""
        self._own = own
        self._known = known
        self._read = read
        self._claims: dict[Digest | None, int] = {}

    def group(self, statement: StatementT) -> Group[StatementT, MeaningT]:
        """The group of a statement, a new one without members if nobody's latest is equal."""
        found = self.groups.get(statement)
        if found is not None:
            return found
        claim = None if isinstance(statement, Externalized) else statement.quorum_set
        return Group(statement, self._read(statement), claim, 0)

    def record(self, node: NodeId, bit: int, group: Group[StatementT, MeaningT]) -> None:
        """Make a statement the latest one of a node."""
        old = self.latest.get(node)
        self.latest[node] = group
        if not group.members:
            self.groups[group.statement] = group
        group.members |= bit
        if old is not None:
            old.members &= ~bit
            if not old.members:
                del self.groups[old.statement]
            if old.claim == group.claim:
                return
            left = self._claims[old.claim] & ~bit
            if left:
                self._claims[old.claim] = left
            else:
                del self._claims[old.claim]
        self._claims[group.claim] = self._claims.get(group.claim, 0) | bit

    def senders(self, predicate: Callable[[MeaningT], bool]) -> int:
        """The bits of the nodes whose latest statement satisfies ``predicate``."""
        found = 0
        for group in self.groups.values():
            if predicate(group.meaning):
                found |= group.members
        return found

    def accepts(
        self, voted: Callable[[MeaningT], bool], accepted: Callable[[MeaningT], bool]
    ) -> bool:
        """Whether this node accepts: a v-blocking set accepted, or a quorum voted or accepted."""
        accepting = self.senders(accepted)
        # SCP paper, definition of accepting: case 2 is cheaper and goes first, then case 1.
        return self.blocks(accepting) or self.convinces(accepting | self.senders(voted))

    def ratifies(self, accepted: Callable[[MeaningT], bool]) -> bool:
        """Whether this node confirms: a quorum accepted (SCP paper, definition of confirming)."""
        return self.convinces(self.senders(accepted))

    def blocks(self, members: int) -> bool:
        """Whether ``members`` hits every slice of this node."""
        return is_blocking(self._own, members)

    def convinces(self, members: int) -> bool:
        """Whether ``members`` contains a quorum, by the claims made, that satisfies this node."""
        # What remains of the members is no larger: without a slice there, there is none.
        if not is_slice(self._own, members):
            return False
        claims = [
            (_SINGLETON if claim is None else self._known[claim], nodes)
            for claim, nodes in self._claims.items()
        ]
        return is_slice(self._own, greatest_quorum_mask(members, claims))
