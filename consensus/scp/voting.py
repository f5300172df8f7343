"""Federated voting over the latest statement of each node.

Most nodes say the same. So the latest statements are kept in groups of equals, each with the bits
of its senders, and a predicate is asked once for each distinct statement. The plain twin of this
module stands in the tests.

Most messages change nothing either: one more node says what was too little when it was last asked
about. So a tally notes how many nodes the answers "no" lacked. Until as many have spoken, or
something new can be asked, the owner of a tally need not ask again (`Tally.rest`).

Source: Mazières 2015, section 5; draft-mazieres-dinrg-scp-05, section 3.1; stellar-core
``Slot::federatedAccept`` and ``federatedRatify``, ``LocalNode::isQuorum``.
"""

from collections.abc import Callable, Hashable, Mapping, Set
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from crypto.digest import Digest
from crypto.identity import NodeId

from ..statements import Externalized, ScpStatement
from ..trust import SliceMask, greatest_quorum_mask, is_blocking, is_slice, names_each_once


class Meaning(Protocol):
    """What a statement says, read."""

    @property
    def terms(self) -> Set[Hashable]:
        """What is asked of all senders because one of them says it."""
        ...


StatementT = TypeVar("StatementT", bound=ScpStatement)
MeaningT = TypeVar("MeaningT", bound=Meaning)

_SINGLETON = SliceMask(threshold=0, validators=0, inner_sets=(), blocking=1)
"""Stands for the quorum set {self} of each sender of EXTERNALIZE: satisfied wherever it is."""

_MANY = 1 << 62
"""More nodes than there are: what is lacking where nothing was asked."""


@dataclass(slots=True, eq=False)
class Group(Generic[StatementT, MeaningT]):
    """Nodes whose latest statements are equal."""

    statement: StatementT
    """What each of them said last."""
    meaning: MeaningT
    """What that says, read once."""
    claim: Digest | None
    """The quorum set that it claims; None for {sender}, which EXTERNALIZE stands for."""
    heard: StatementT
    """The equal object that was heard last: recognised without comparing."""
    members: int = 0
    """The bits of the nodes."""
    quiet_version: int = -1
    """The version of the tally in which the answers about this statement were all "no"."""
    quiet_until: int = 0
    """The number of the last message up to which they are."""


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
        self._heard: dict[int, Group[StatementT, MeaningT]] = {}
        self._one_by_one = names_each_once(own)
        self._version = 0
        self._recorded = 0
        self._watched = -1
        self._unanswered = 0
        self._lacking = _MANY

    def group(self, statement: StatementT) -> Group[StatementT, MeaningT]:
        """The group of a statement, a new one without members if nobody's latest is equal."""
        found = self._heard.get(id(statement))
        if found is not None and found.heard is statement:
            return found
        found = self.groups.get(statement)
        if found is not None:
            self._heard.pop(id(found.heard), None)
            found.heard = statement
            self._heard[id(statement)] = found
            return found
        claim = None if isinstance(statement, Externalized) else statement.quorum_set
        return Group(statement, self._read(statement), claim, statement)

    def record(self, node: NodeId, bit: int, group: Group[StatementT, MeaningT]) -> bool:
        """Make a statement the latest one of a node.

        Returns:
            Whether it can turn an answer to yes; see `rest`.
        """
        self._recorded += 1
        latest = self.latest
        old = latest.get(node)
        latest[node] = group
        if not group.members:
            self._open(group)
        group.members |= bit
        if old is not None:
            old.members &= ~bit
            if not old.members:
                del self.groups[old.statement]
                self._heard.pop(id(old.heard), None)
        if old is None or old.claim != group.claim:
            self._claim(bit, old, group.claim)
        return group.quiet_version != self._version or self._recorded > group.quiet_until

    def _claim(
        self, bit: int, old: Group[StatementT, MeaningT] | None, claim: Digest | None
    ) -> None:
        """Note that a node claims another quorum set than before."""
        if old is not None:
            left = self._claims[old.claim] & ~bit
            if left:
                self._claims[old.claim] = left
            else:
                del self._claims[old.claim]
        self._claims[claim] = self._claims.get(claim, 0) | bit

    def _open(self, group: Group[StatementT, MeaningT]) -> None:
        """Begin a group; if more can be asked because of it, no answer stands."""
        terms = group.meaning.terms
        there = [each.meaning.terms for each in self.groups.values()]
        if not any(terms <= some for some in there) and not terms <= frozenset().union(*there):
            self._version += 1
        self.groups[group.statement] = group
        self._heard[id(group.heard)] = group

    def senders(self, predicate: Callable[[MeaningT], bool]) -> int:
        """The bits of the nodes whose latest statement satisfies ``predicate``."""
        self._unanswered += 1
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
        own = self._own
        lacking = own.blocking - (own.validators & members).bit_count()
        if lacking > 0:
            for inner in own.inner_sets:
                lacking -= is_blocking(inner, members)
        return lacking <= 0 or self._no(lacking)

    def convinces(self, members: int) -> bool:
        """Whether ``members`` contains a quorum, by the claims made, that satisfies this node."""
        own = self._own
        lacking = own.threshold - (own.validators & members).bit_count()
        if lacking > 0:
            for inner in own.inner_sets:
                lacking -= is_slice(inner, members)
            # What remains of the members is no larger: without a slice there, there is none.
            if lacking > 0:
                return self._no(lacking)
        claims = [
            (_SINGLETON if claim is None else self._known[claim], nodes)
            for claim, nodes in self._claims.items()
        ]
        return is_slice(own, greatest_quorum_mask(members, claims)) or self._no(1)

    # Asking no more often than needed.

    def _no(self, lacking: int) -> bool:
        """Answer no about some senders, of which at least so many are lacking."""
        self._unanswered -= 1
        if lacking < self._lacking:
            self._lacking = lacking
        return False

    def changed(self) -> None:
        """The node's own state changed, so that other things are asked from now on."""
        self._version += 1

    def watch(self) -> None:
        """From now until `rest`, everything is asked that a new statement gives reason to."""
        self._watched = self._version
        self._unanswered = 0
        self._lacking = _MANY

    def rest(self, group: Group[StatementT, MeaningT]) -> None:
        """If all answers were no, note until when they stay so for statements of this group.

        Each message adds one node at most to the senders of anything; taking one away turns no
        answer to yes.
        """
        if self._version == self._watched and not self._unanswered:
            group.quiet_version = self._version
            group.quiet_until = self._recorded + (self._lacking if self._one_by_one else 1) - 1
