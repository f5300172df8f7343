"""The vote of TCLearn's figure 1: validate, vote, count. One proposal, two rounds of counting.

The leader proposes a candidate. Every node validates it and states a *verdict*. Once the verdicts a
node holds justify an outcome by its own quorum set (a quorum accepts, or a v-blocking set rejects),
it casts its only *vote* of the slot for the value that outcome would have; a quorum of equal votes
decides. "Quorum" is what the node's quorum set says, so one machine serves the plain majority, two
thirds, and declared quorum sets.

What it does not do: there are no ballots. If the votes of correct nodes split, nobody votes again
and the slot stays undecided (the price of leaving out SCP's balloting); and it is safe against f
equivocators only while 2T - n > f, which a plain majority of an odd n breaks at f = 1.

Source: Macq 2021, figure 1; thresholds from Mazières 2015, section 4.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import TypeVar

from crypto.digest import Digest
from crypto.identity import NodeId

from .errors import ProtocolError
from .messages import (
    NO_CANDIDATE,
    REASON_DEADLINE,
    Accuse,
    AskValidation,
    Begin,
    Broadcast,
    Externalize,
    Input,
    Output,
    Proposal,
    Propose,
    Receive,
    Record,
    Reject,
    SetTimer,
    Statement,
    TimerExpired,
    Validated,
    Verdict,
    Vote,
)
from .quorum import QuorumSets, convinces, is_v_blocking

PROPOSAL_TIMER = "proposal"
"""Runs out when no candidate arrived in time."""
VOTE_TIMER = "vote"
"""Runs out when the verdicts did not justify any outcome in time."""


S = TypeVar("S", Verdict, Vote)


def leader_of(slot: int, nodes: Sequence[NodeId]) -> NodeId:
    """Who may propose in a slot: the nodes take turns in the order of their names."""
    ordered = sorted(nodes)
    return ordered[(slot - 1) % len(ordered)]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a node waits."""

    proposal_us: int
    """For the leader's candidate, in simulated microseconds from the opening of the slot."""
    vote_us: int
    """For verdicts that justify a vote, counted from this node's own verdict."""


@dataclass(slots=True)
class _Slot:
    """What a node knows of the open slot."""

    slot: int
    leader: NodeId
    absent: Digest
    proposal: Proposal | None = None
    verdicts: dict[NodeId, Verdict] = field(default_factory=dict)
    votes: dict[NodeId, Vote] = field(default_factory=dict)
    decided: Digest | None = None


class MajorityNode:
    """One hospital's side of the vote. Satisfies `consensus.messages.Node`."""

    def __init__(self, node: NodeId, quorum_sets: QuorumSets, timeouts: Timeouts) -> None:
        self._node = node
        self._quorum_sets = quorum_sets
        self._timeouts = timeouts
        self._open: _Slot | None = None

    def step(self, event: Input, /) -> tuple[Output, ...]:
        """Take one input in and return what the shell is to do, in order.

        Raises:
            ProtocolError: When the shell opens a slot out of turn or speaks before any is open.
        """
        if isinstance(event, Begin):
            return self._begin(event)
        if self._open is None:
            raise ProtocolError("expected Begin before any other input")
        slot = self._open
        match event:
            case Propose():
                return self._propose(slot, event)
            case Receive():
                return self._receive(slot, event)
            case Validated():
                return self._validated(slot, event)
            case TimerExpired():
                return self._expired(slot, event)

    def _begin(self, event: Begin) -> tuple[Output, ...]:
        if self._open is not None and event.slot != self._open.slot + 1:
            raise ProtocolError(f"expected slot {self._open.slot + 1} next, found {event.slot}")
        self._open = _Slot(event.slot, event.leader, event.absent)
        return (SetTimer(event.slot, PROPOSAL_TIMER, self._timeouts.proposal_us),)

    def _propose(self, slot: _Slot, event: Propose) -> tuple[Output, ...]:
        if event.slot != slot.slot or slot.leader != self._node:
            raise ProtocolError(f"{self._node} does not lead slot {event.slot}")
        if slot.proposal is not None or self._node in slot.verdicts:
            return ()  # too late: this node has already judged the slot
        proposal = Proposal(event.slot, event.candidate, event.accepted, event.rejected)
        slot.proposal = proposal
        ask = AskValidation(slot.slot, proposal.candidate)
        return (Record(proposal), Broadcast(proposal), ask)

    def _validated(self, slot: _Slot, event: Validated) -> tuple[Output, ...]:
        stale = event.slot != slot.slot or self._node in slot.verdicts
        if stale or slot.proposal is None or slot.proposal.candidate != event.candidate:
            return ()
        verdict = Verdict(
            event.slot, event.candidate, event.accept, event.reason, tuple(sorted(event.scores))
        )
        return self._state_verdict(slot, verdict)

    def _expired(self, slot: _Slot, event: TimerExpired) -> tuple[Output, ...]:
        if event.slot != slot.slot or slot.decided is not None:
            return ()
        if event.timer == PROPOSAL_TIMER:
            if slot.proposal is not None or self._node in slot.verdicts:
                return ()
            verdict = Verdict(slot.slot, NO_CANDIDATE, False, REASON_DEADLINE, ())
            return self._state_verdict(slot, verdict)
        if self._node in slot.votes:
            return ()
        return (*self._cast(slot, slot.absent), *self._decide(slot))

    def _receive(self, slot: _Slot, event: Receive) -> tuple[Output, ...]:
        statement, sender = event.statement, event.sender
        if sender == self._node or sender not in self._quorum_sets:
            return (Reject(sender, f"{sender} is not one of the other nodes"),)
        if statement.slot != slot.slot:
            return (Reject(sender, f"slot {statement.slot} is not open, slot {slot.slot} is"),)
        match statement:
            case Proposal():
                return self._receive_proposal(slot, sender, statement)
            case Verdict():
                return self._count(slot, slot.verdicts, sender, statement)
            case Vote():
                return self._count(slot, slot.votes, sender, statement)

    def _receive_proposal(
        self, slot: _Slot, sender: NodeId, proposal: Proposal
    ) -> tuple[Output, ...]:
        if sender != slot.leader:
            return (Reject(sender, f"{slot.leader} leads slot {slot.slot}, not {sender}"),)
        if slot.proposal is not None:
            return _contradiction(sender, slot.proposal, proposal)
        slot.proposal = proposal
        if self._node in slot.verdicts:  # arrived after our deadline: known, no longer judged
            return self._progress(slot)
        return (AskValidation(slot.slot, proposal.candidate), *self._progress(slot))

    def _count(
        self, slot: _Slot, known: dict[NodeId, S], sender: NodeId, statement: S
    ) -> tuple[Output, ...]:
        if sender in known:
            return _contradiction(sender, known[sender], statement)
        known[sender] = statement
        return self._progress(slot)

    def _state_verdict(self, slot: _Slot, verdict: Verdict) -> tuple[Output, ...]:
        slot.verdicts[self._node] = verdict
        return (
            Record(verdict),
            Broadcast(verdict),
            SetTimer(slot.slot, VOTE_TIMER, self._timeouts.vote_us),
            *self._progress(slot),
        )

    def _progress(self, slot: _Slot) -> tuple[Output, ...]:
        """Vote if the verdicts justify it, decide if the votes do."""
        cast: tuple[Output, ...] = ()
        if self._node in slot.verdicts and self._node not in slot.votes:
            value = self._justified(slot)
            if value is not None:
                cast = self._cast(slot, value)
        return (*cast, *self._decide(slot))

    def _justified(self, slot: _Slot) -> Digest | None:
        """The value that the verdicts held justify, by this node's own quorum set."""
        if self._rejected_by_block(slot, NO_CANDIDATE):
            return slot.absent
        proposal = slot.proposal
        if proposal is None:
            return None
        if self._accepted_by_quorum(slot, proposal):
            return proposal.accepted
        if self._rejected_by_block(slot, proposal.candidate):
            return proposal.rejected
        return None

    def _accepted_by_quorum(self, slot: _Slot, proposal: Proposal) -> bool:
        accepting = _judges(slot, proposal.candidate, accept=True)
        return convinces(self._node, accepting, self._quorum_sets)

    def _rejected_by_block(self, slot: _Slot, candidate: Digest) -> bool:
        rejecting = _judges(slot, candidate, accept=False)
        return is_v_blocking(self._quorum_sets[self._node], rejecting)

    def _cast(self, slot: _Slot, value: Digest) -> tuple[Output, ...]:
        vote = Vote(slot.slot, value)
        slot.votes[self._node] = vote
        return (Record(vote), Broadcast(vote))

    def _decide(self, slot: _Slot) -> tuple[Output, ...]:
        if slot.decided is not None:
            return ()
        for value in sorted({vote.value for vote in slot.votes.values()}):
            voters = {node for node, vote in slot.votes.items() if vote.value == value}
            if convinces(self._node, voters, self._quorum_sets) and self._recordable(slot, value):
                slot.decided = value
                return (Externalize(slot.slot, value),)
        return ()

    def _recordable(self, slot: _Slot, value: Digest) -> bool:
        """Whether this node holds what the record of the outcome must show beside the votes.

        Votes may overtake the proposal or the verdicts they rest on; the node then waits for those,
        so that every record it keeps can be checked by itself.
        """
        if value == slot.absent:
            return True
        proposal = slot.proposal
        if proposal is None:
            return False
        if value == proposal.accepted:
            return self._accepted_by_quorum(slot, proposal)
        return value == proposal.rejected and self._rejected_by_block(slot, proposal.candidate)


def _judges(slot: _Slot, candidate: Digest, *, accept: bool) -> Set[NodeId]:
    return {
        node
        for node, verdict in slot.verdicts.items()
        if verdict.accept is accept and verdict.candidate == candidate
    }


def _contradiction(node: NodeId, first: Statement, second: Statement) -> tuple[Output, ...]:
    """An accusation, unless the second statement only repeats the first."""
    return () if first == second else (Accuse(node, first, second),)
