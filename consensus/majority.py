"""The vote of TCLearn's figure 1, after the candidate was judged: vote once, count.

A node casts its only *vote* of the slot for the first value that is justified; a quorum of equal
votes decides. "Quorum" is what the node's quorum set says, so one machine serves the plain
majority, two thirds, and declared quorum sets.

What it does not do: there are no ballots. If the votes of correct nodes split, nobody votes again
and the slot stays undecided (the price of leaving out SCP's balloting); and it is safe against f
equivocators only while 2T - n > f, which a plain majority of an odd n breaks at f = 1.

Source: Macq 2021, figure 1; thresholds from Mazières 2015, section 4.
"""

from dataclasses import dataclass, field

from crypto.digest import Digest
from crypto.identity import NodeId

from .errors import ProtocolError
from .messages import (
    Accuse,
    Begin,
    Broadcast,
    Externalize,
    Input,
    Justified,
    Learn,
    Output,
    Propose,
    Recall,
    Receive,
    Record,
    Reject,
    TimerExpired,
    Validated,
)
from .statements import Vote
from .trust import Trust


@dataclass(slots=True)
class _Slot:
    """What a node knows of the votes of the open slot."""

    slot: int
    votes: dict[NodeId, Vote] = field(default_factory=dict)
    voters: dict[Digest, int] = field(default_factory=dict)
    decided: Digest | None = None


class MajorityNode:
    """One node's side of the count: an agreement, see `consensus.messages`."""

    def __init__(self, node: NodeId, trust: Trust) -> None:
        self._node = node
        self._trust = trust
        self._open: _Slot | None = None

    def step(self, event: Input, /) -> tuple[Output, ...]:
        """Take one input in and return what the shell is to do, in order.

        Raises:
            ProtocolError: When the shell opens a slot out of turn or speaks before any is open.
        """
        if isinstance(event, Begin):
            if self._open is not None and event.slot <= self._open.slot:
                raise ProtocolError(f"expected a slot after {self._open.slot}, found {event.slot}")
            self._open = _Slot(event.slot)
            return ()
        slot = self._open
        if slot is None:
            raise ProtocolError("expected Begin before any other input")
        match event:
            case Justified():
                return self._justified(slot, event)
            case Receive():
                return self._receive(slot, event)
            case Recall():
                return self._recall(slot, event)
            case Learn() | Propose() | Validated() | TimerExpired():
                return ()  # nothing to count

    def _justified(self, slot: _Slot, event: Justified) -> tuple[Output, ...]:
        if event.slot != slot.slot or self._node in slot.votes:
            return ()
        vote = Vote(slot.slot, event.value)
        return (Record(vote), Broadcast(vote), *self._count(slot, self._node, vote))

    def _recall(self, slot: _Slot, event: Recall) -> tuple[Output, ...]:
        outputs: list[Output] = []
        for statement in event.statements:
            if isinstance(statement, Vote):
                outputs.append(Broadcast(statement))
                outputs.extend(self._count(slot, self._node, statement))
        return tuple(outputs)

    def _receive(self, slot: _Slot, event: Receive) -> tuple[Output, ...]:
        vote, sender = event.statement, event.sender
        if not isinstance(vote, Vote):
            return (Reject(sender, "expected a vote, found a statement of another protocol"),)
        if sender == self._node or sender not in self._trust.bits:
            return (Reject(sender, f"{sender} is not one of the other nodes"),)
        if vote.slot != slot.slot:
            return (Reject(sender, f"slot {vote.slot} is not open, slot {slot.slot} is"),)
        first = slot.votes.get(sender)
        if first is not None:
            return () if first == vote else (Accuse(sender, first, vote),)
        return self._count(slot, sender, vote)

    def _count(self, slot: _Slot, voter: NodeId, vote: Vote) -> tuple[Output, ...]:
        """Take a vote in; decide if a quorum of equal votes convinces this node."""
        slot.votes[voter] = vote
        voters = slot.voters.get(vote.value, 0) | self._trust.bits[voter]
        slot.voters[vote.value] = voters
        if slot.decided is not None or not self._trust.convinces(self._node, voters):
            return ()
        slot.decided = vote.value
        return (Externalize(slot.slot, vote.value),)
