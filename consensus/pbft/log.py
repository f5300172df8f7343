"""What one PBFT node remembers of the open slot: its view, and who said what in which view.

A set of nodes is an integer with one bit each (`consensus.trust`), so taking a vote in is two
dictionary look-ups, whatever the number of nodes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from crypto.digest import Digest
from crypto.identity import NodeId

from ..judging import leader_of
from ..statements import NewView, PbftStatement, PrePrepare, ViewChange, ViewCommit, ViewPrepare
from .rules import Prepared


@dataclass(slots=True)
class Tally:
    """Votes of one kind, by view and value."""

    voters: dict[Prepared, int] = field(default_factory=dict)
    """Who voted for a value in a view."""
    spoke: dict[int, int] = field(default_factory=dict)
    """Who voted in a view at all."""

    def take(self, key: Prepared, bit: int) -> int:
        """Count a vote; return who voted alike."""
        self.spoke[key[0]] = self.spoke.get(key[0], 0) | bit
        voters = self.voters[key] = self.voters.get(key, 0) | bit
        return voters

    def faces(self, view: int, bit: int) -> int:
        """How many values one node voted for in a view: one, if it is correct."""
        return sum(key[0] == view for key in self.votes_of(bit))

    def votes_of(self, bit: int) -> Iterator[Prepared]:
        """Every vote of one node."""
        return (key for key, voters in self.voters.items() if voters & bit)


@dataclass(slots=True)
class Log:
    """One slot."""

    slot: int
    """The slot: PBFT's sequence number n."""
    nodes: Sequence[NodeId]
    """The replicas, sorted."""
    view: int = 0
    """v: the view this node is in, or asks for."""
    changing: bool = False
    """Whether it has asked for that view and waits for its new view."""
    timer_runs: bool = False
    """Whether the view's timer runs."""
    justified: dict[Digest, None] = field(default_factory=dict)
    """Values that may be decided, in the order in which they became so."""
    proposals: dict[Prepared, PrePrepare | NewView] = field(default_factory=dict)
    """What the primary of each view proposed, by view and value; more than one if it is faulty."""
    accepted: dict[int, Digest] = field(default_factory=dict)
    """The proposal of each view that this node was in, once it is checked."""
    carried: set[int] = field(default_factory=set)
    """Views whose proposal is proven to have been prepared in an earlier one."""
    prepares: Tally = field(default_factory=Tally)
    """ViewPrepares; a primary's proposal stands for its own."""
    commits: Tally = field(default_factory=Tally)
    """ViewCommits."""
    changes: dict[int, dict[NodeId, tuple[ViewChange, ...]]] = field(default_factory=dict)
    """View changes by the view asked for, this node's own ones included; one each, or more of a
    faulty node."""
    unopened: dict[Prepared, NewView] = field(default_factory=dict)
    """New views whose view changes have not all arrived with their proofs."""
    prepared: Prepared | None = None
    """What was prepared at this node in the highest view."""
    decided: Prepared | None = None
    """The decision and the view of its commits."""
    helped: int = 0
    """The highest view change that was answered with the decision."""

    def primary_of(self, view: int) -> NodeId:
        """Who leads a view: p = v mod R, where the slot decides who leads view 0."""
        return leader_of(self.slot + view, self.nodes)

    def vouched(self, node: NodeId, key: Prepared) -> PbftStatement:
        """The statement with which a node voted to prepare a value: a primary's is its proposal."""
        proposal = self.proposals.get(key)
        if proposal is not None and self.primary_of(key[0]) == node:
            return proposal
        return ViewPrepare(self.slot, *key)

    def said_by(self, node: NodeId, bit: int) -> Iterator[PbftStatement]:
        """Every statement held of one node that a later one of it could contradict."""
        for key in self.prepares.votes_of(bit):
            yield self.vouched(node, key)
        for view, value in self.commits.votes_of(bit):
            yield ViewCommit(self.slot, view, value)
        for changes in self.changes.values():
            yield from changes.get(node, ())
