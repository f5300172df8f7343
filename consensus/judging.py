"""From a candidate to the values that may be decided: one proposal, verdicts, deadlines.

Validation is subjective: each hospital has its own data. Agreement is not. So what is agreed on is
an *outcome*, and an outcome is valid objectively: *accepted* needs verdicts that contain a quorum
of this node's quorum set, *rejected* needs verdicts that block it, and *absent* needs a deadline.
The leader of a slot proposes a candidate; every node validates it and states a verdict; once the
verdicts held justify an outcome, the agreement inside is told so. How one justified value is
chosen is the agreement's business.

Source: Macq 2021, figure 1; Mazières 2015, section 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from crypto.digest import Digest
from crypto.identity import NodeId

from .errors import ProtocolError
from .messages import (
    Accuse,
    AskValidation,
    Begin,
    Broadcast,
    Input,
    Justified,
    Learn,
    Node,
    Output,
    Propose,
    Recall,
    Receive,
    Record,
    Reject,
    SetTimer,
    TimerExpired,
    Validated,
)
from .statements import NO_CANDIDATE, REASON_DEADLINE, Judging, Proposal, Statement, Verdict
from .trust import Trust

PROPOSAL_TIMER = "proposal"
"""Runs out when no candidate arrived in time."""
VERDICT_TIMER = "verdict"
"""Runs out when the verdicts did not justify any outcome in time."""


def leader_of(slot: int, nodes: Sequence[NodeId]) -> NodeId:
    """Who may propose in a slot: the nodes take turns in the order of their names."""
    ordered = sorted(nodes)
    return ordered[(slot - 1) % len(ordered)]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a node waits for what others have to do before an outcome is justified."""

    proposal_us: int
    """For the leader's candidate, in simulated microseconds from the opening of the slot."""
    verdict_us: int
    """For verdicts that justify an outcome, counted from this node's own verdict."""


@dataclass(slots=True)
class _Slot:
    """What a node knows of the open slot's candidate."""

    slot: int
    leader: NodeId
    absent: Digest
    proposal: Proposal | None = None
    verdicts: dict[NodeId, Verdict] = field(default_factory=dict)
    judges: dict[tuple[Digest, bool], int] = field(default_factory=dict)
    too_late: bool = False
    justified: set[Digest] = field(default_factory=set)


class JudgingNode:
    """One hospital's side of a slot, around an agreement. Satisfies `consensus.messages.Node`."""

    def __init__(self, node: NodeId, trust: Trust, timeouts: Timeouts, agreement: Node) -> None:
        self._node = node
        self._trust = trust
        self._timeouts = timeouts
        self._agreement = agreement
        self._open: _Slot | None = None

    def step(self, event: Input, /) -> tuple[Output, ...]:
        """Take one input in and return what the shell is to do, in order.

        Raises:
            ProtocolError: When the shell opens a slot out of turn or speaks before any is open.
        """
        if isinstance(event, Begin):
            return self._begin(event)
        if isinstance(event, Learn):
            return self._agreement.step(event)
        if self._open is None:
            raise ProtocolError("expected Begin before any other input")
        slot = self._open
        match event:
            case Recall():
                return self._recall(slot, event)
            case Propose():
                return self._propose(slot, event)
            case Receive():
                return self._receive(slot, event)
            case Validated():
                return self._validated(slot, event)
            case TimerExpired():
                return self._expired(slot, event)
            case Justified():
                return self._agreement.step(event)

    def _begin(self, event: Begin) -> tuple[Output, ...]:
        if self._open is not None and event.slot <= self._open.slot:
            raise ProtocolError(f"expected a slot after {self._open.slot}, found {event.slot}")
        self._open = _Slot(event.slot, event.leader, event.absent)
        timer = SetTimer(event.slot, PROPOSAL_TIMER, self._timeouts.proposal_us)
        return (timer, *self._agreement.step(event))

    def _recall(self, slot: _Slot, event: Recall) -> tuple[Output, ...]:
        """Take up where this node stopped: what it said stands, and is said again."""
        said_again: list[Output] = []
        others: list[Statement] = []
        for statement in event.statements:
            match statement:
                case Proposal():
                    slot.proposal = statement
                    said_again.append(Broadcast(statement))
                case Verdict():
                    self._take(slot, self._node, statement)
                    said_again.append(Broadcast(statement))
                    said_again.append(self._verdict_timer(slot))
                case _:
                    others.append(statement)
        if slot.proposal is not None and self._node not in slot.verdicts:
            said_again.append(AskValidation(slot.slot, slot.proposal.candidate))
        inner = self._agreement.step(Recall(tuple(others))) if others else ()
        # A verdict may justify an outcome by itself; nothing else might tell before the deadline.
        return (*said_again, *inner, *self._justify(slot))

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
        if event.timer not in (PROPOSAL_TIMER, VERDICT_TIMER):
            return self._agreement.step(event)
        if event.slot != slot.slot:
            return ()
        if event.timer == PROPOSAL_TIMER:
            if slot.proposal is not None or self._node in slot.verdicts:
                return ()
            verdict = Verdict(slot.slot, NO_CANDIDATE, False, REASON_DEADLINE, ())
            return self._state_verdict(slot, verdict)
        slot.too_late = True
        return self._justify(slot)

    def _receive(self, slot: _Slot, event: Receive) -> tuple[Output, ...]:
        statement, sender = event.statement, event.sender
        if not isinstance(statement, Judging):
            return self._agreement.step(event)
        if sender == self._node or sender not in self._trust.bits:
            return (Reject(sender, f"{sender} is not one of the other nodes"),)
        if statement.slot != slot.slot:
            return (Reject(sender, f"slot {statement.slot} is not open, slot {slot.slot} is"),)
        match statement:
            case Proposal():
                return self._receive_proposal(slot, sender, statement)
            case Verdict():
                return self._receive_verdict(slot, sender, statement)

    def _receive_proposal(
        self, slot: _Slot, sender: NodeId, proposal: Proposal
    ) -> tuple[Output, ...]:
        if sender != slot.leader:
            return (Reject(sender, f"{slot.leader} leads slot {slot.slot}, not {sender}"),)
        if slot.proposal is not None:
            return _contradiction(sender, slot.proposal, proposal)
        slot.proposal = proposal
        if self._node in slot.verdicts:  # arrived after our deadline: known, no longer judged
            return self._justify(slot)
        return (AskValidation(slot.slot, proposal.candidate), *self._justify(slot))

    def _receive_verdict(self, slot: _Slot, sender: NodeId, verdict: Verdict) -> tuple[Output, ...]:
        if sender in slot.verdicts:
            return _contradiction(sender, slot.verdicts[sender], verdict)
        self._take(slot, sender, verdict)
        return self._justify(slot)

    def _state_verdict(self, slot: _Slot, verdict: Verdict) -> tuple[Output, ...]:
        self._take(slot, self._node, verdict)
        timer = self._verdict_timer(slot)
        return (Record(verdict), Broadcast(verdict), timer, *self._justify(slot))

    def _verdict_timer(self, slot: _Slot) -> SetTimer:
        return SetTimer(slot.slot, VERDICT_TIMER, self._timeouts.verdict_us)

    def _justify(self, slot: _Slot) -> tuple[Output, ...]:
        """Tell the agreement what has become justified, once this node has judged for itself."""
        if self._node not in slot.verdicts:
            return ()
        outputs: list[Output] = []
        for value in self._justified(slot):
            if value not in slot.justified:
                slot.justified.add(value)
                outputs.extend(self._agreement.step(Justified(slot.slot, value)))
        return tuple(outputs)

    def _justified(self, slot: _Slot) -> Sequence[Digest]:
        """The values that the verdicts held justify, by this node's own quorum set."""
        values: list[Digest] = []
        if slot.too_late or self._rejected(slot, NO_CANDIDATE):
            values.append(slot.absent)
        proposal = slot.proposal
        if proposal is not None:
            accepting = slot.judges.get((proposal.candidate, True), 0)
            if self._trust.convinces(self._node, accepting):
                values.append(proposal.accepted)
            if self._rejected(slot, proposal.candidate):
                values.append(proposal.rejected)
        return values

    def _rejected(self, slot: _Slot, candidate: Digest) -> bool:
        return self._trust.blocks(self._node, slot.judges.get((candidate, False), 0))

    def _take(self, slot: _Slot, node: NodeId, verdict: Verdict) -> None:
        slot.verdicts[node] = verdict
        judgement = (verdict.candidate, verdict.accept)
        slot.judges[judgement] = slot.judges.get(judgement, 0) | self._trust.bits[node]


def _contradiction(node: NodeId, first: Statement, second: Statement) -> tuple[Output, ...]:
    """An accusation, unless the second statement only repeats the first."""
    return () if first == second else (Accuse(node, first, second),)
