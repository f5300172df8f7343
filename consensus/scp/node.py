"""One node's side of SCP in a slot: what comes in, judged, handed to nomination and balloting.

It rejects what cannot count (strangers, other slots, insane statements, quorum sets it has not
learned), ignores what is not newer, and accuses who contradicts itself: every statement is held
against the latest one of its sender. The newer of two contradicting statements still counts, as in
stellar-core: safety never rests on catching the sender.

Source: stellar-core ``Slot::processEnvelope``, ``setStateFromEnvelope``.
"""

from dataclasses import dataclass, field

from crypto.digest import Digest
from crypto.identity import NodeId

from ..errors import ProtocolError, QuorumSetError
from ..messages import (
    Accuse,
    Begin,
    Input,
    Justified,
    Learn,
    Output,
    Propose,
    Recall,
    Receive,
    Reject,
    TimerExpired,
    Validated,
)
from ..quorum import QuorumSet, check_sane, quorum_set_digest
from ..statements import (
    BallotStatement,
    Externalized,
    Nominate,
    ScpStatement,
    Statement,
)
from ..trust import SliceMask, Trust
from . import nomination, pledges
from .balloting import Balloting
from .leaders import Electorate
from .nomination import Combine, Nomination
from .order import move, what_is_insane
from .timeouts import BALLOT_TIMER, NOMINATION_TIMER, ScpTimeouts
from .voting import Group, MeaningT, StatementT, Tally

LEARNED_MAX = 4096
"""The most quorum sets that a node keeps besides the declared ones."""

_MOVES_MAX = 4096
"""How many pairs of a latest and a received statement are remembered."""

_FOLLOWS = object()
"""Stands for such a pair of which the second is newer and does not contradict the first."""


@dataclass(slots=True, eq=False)
class _Slot:
    """The open slot."""

    slot: int
    nomination: Nomination
    balloting: Balloting
    moves: dict[tuple[object, object], object] = field(default_factory=dict)
    """Of two groups, or of none and one: the second's statement may follow the first's."""
    combined: int = 0
    """How many candidates the composite is made of."""


class ScpNode:
    """One node's side of SCP: an agreement, see `consensus.messages`."""

    def __init__(
        self,
        node: NodeId,
        trust: Trust,
        timeouts: ScpTimeouts | None = None,
        combine: Combine = max,
    ) -> None:
        """Make a node; `Begin` opens its first slot.

        Args:
            node: Its name.
            trust: The quorum sets declared in the coalition.
            timeouts: How long it waits; the draft's times if not given.
            combine: Makes one value of the confirmed candidates, the same at every node.

        Raises:
            ProtocolError: The node declares no quorum set.
        """
        if node not in trust.bits:
            raise ProtocolError(f"expected a node of the coalition, found {node}")
        self._node = node
        self._trust = trust
        self._timeouts = timeouts or ScpTimeouts()
        self._combine = combine
        self._known: dict[Digest, SliceMask] = dict(trust.masks)
        self._electorate = Electorate.of(node, trust)
        self._open: _Slot | None = None

    def step(self, event: Input, /) -> tuple[Output, ...]:
        """Take one input in and return what the shell is to do, in order.

        Raises:
            ProtocolError: When the shell opens a slot out of turn, speaks before any is open, or
                recalls a statement after this node has said something in the slot.
        """
        slot = self._open
        if type(event) is Receive and slot is not None:
            return self._receive(slot, event.sender, event.statement)
        if isinstance(event, Begin):
            return self._begin(event)
        if isinstance(event, Learn):
            return self._learn(event.quorum_set)
        if slot is None:
            raise ProtocolError("expected Begin before any other input")
        match event:
            case Justified():
                return self._justified(slot, event)
            case TimerExpired():
                return self._expired(slot, event)
            case Recall():
                return self._recall(slot, event)
            case Receive():
                return self._receive(slot, event.sender, event.statement)
            case Propose() | Validated():
                return ()  # the judging around this node sees to them

    def _begin(self, event: Begin) -> tuple[Output, ...]:
        before = self._open
        if before is not None and event.slot <= before.slot:
            raise ProtocolError(f"expected a slot after {before.slot}, found {event.slot}")
        node, number = self._node, event.slot
        own, claim = self._trust.mask_of(node), self._trust.digests[node]
        bit = self._trust.bits[node]
        self._open = _Slot(
            number,
            Nomination(
                number,
                event.previous,
                claim,
                bit,
                self._electorate,
                self._timeouts,
                Tally(own, self._known, nomination.read),
            ),
            Balloting(
                number, claim, node, bit, self._timeouts, Tally(own, self._known, pledges.read)
            ),
        )
        if before is None:
            return ()
        return (*before.nomination.stop(), *before.balloting.stop())

    def _learn(self, quorum_set: QuorumSet) -> tuple[Output, ...]:
        """Take in a quorum set that somebody claims; an insane one never counts."""
        try:
            check_sane(quorum_set)
        except QuorumSetError:
            return ()
        if len(self._known) < LEARNED_MAX + len(self._trust.masks):
            self._known[quorum_set_digest(quorum_set)] = self._trust.compile(quorum_set)
        return ()

    def _justified(self, slot: _Slot, event: Justified) -> tuple[Output, ...]:
        if event.slot != slot.slot:
            return ()
        return self._after_nomination(slot, slot.nomination.justify(event.value))

    def _expired(self, slot: _Slot, event: TimerExpired) -> tuple[Output, ...]:
        if event.slot != slot.slot:
            return ()
        if event.timer == NOMINATION_TIMER:
            return self._after_nomination(slot, slot.nomination.expire())
        if event.timer == BALLOT_TIMER:
            return self._after_balloting(slot, slot.balloting.expire())
        return ()

    def _recall(self, slot: _Slot, event: Recall) -> tuple[Output, ...]:
        """Take up where this node stopped: the newest of each protocol says all it had reached."""
        said = [each for each in event.statements if each.slot == slot.slot]
        nominations = [each for each in said if isinstance(each, Nominate)]
        ballots = [each for each in said if isinstance(each, BallotStatement)]
        outputs: tuple[Output, ...] = ()
        if nominations:
            outputs += slot.nomination.recall(nominations[-1])
        if ballots:
            outputs += slot.balloting.recall(ballots[-1])
        return self._after_balloting(slot, outputs)

    def _receive(self, slot: _Slot, sender: NodeId, statement: Statement) -> tuple[Output, ...]:
        bit = self._trust.bits.get(sender)
        if bit is None or sender == self._node:
            return (Reject(sender, f"{sender} is not one of the other nodes"),)
        if statement.slot != slot.slot:
            return (Reject(sender, f"slot {statement.slot} is not open, slot {slot.slot} is"),)
        outputs: tuple[Output, ...] = ()
        if isinstance(statement, Nominate):
            tally = slot.nomination.tally
            named = tally.group(statement)
            if slot.moves.get((tally.latest.get(sender), named)) is not _FOLLOWS:
                newer, outputs = self._judge(slot, tally, sender, named)
                if not newer:
                    return outputs
            outputs += slot.nomination.receive(sender, bit, named)
            return self._after_nomination(slot, outputs)
        if isinstance(statement, BallotStatement):
            said = slot.balloting.tally
            pledged = said.group(statement)
            if slot.moves.get((said.latest.get(sender), pledged)) is not _FOLLOWS:
                newer, outputs = self._judge(slot, said, sender, pledged)
                if not newer:
                    return outputs
            outputs += slot.balloting.receive(sender, bit, pledged)
            return self._after_balloting(slot, outputs) if outputs else ()
        return (Reject(sender, "expected a statement of SCP, found one of another protocol"),)

    def _judge(
        self,
        slot: _Slot,
        tally: Tally[StatementT, MeaningT],
        sender: NodeId,
        group: Group[StatementT, MeaningT],
    ) -> tuple[bool, tuple[Output, ...]]:
        """Hold a statement against the rules and against the sender's latest one.

        Returns:
            Whether it is to be taken in, and what to say of it.
        """
        statement, latest = group.heard, tally.latest.get(sender)
        if not group.members:  # equal statements were checked when the first one came
            reason = self._what_is_wrong(statement)
            if reason is not None:
                return False, (Reject(sender, reason),)
        if latest is group:
            return False, ()
        newer, contradiction = move(latest.statement, statement) if latest else (True, False)
        if newer and not contradiction:
            if len(slot.moves) >= _MOVES_MAX:
                slot.moves.clear()
            slot.moves[latest, group] = _FOLLOWS
        if contradiction and latest:
            return newer, (Accuse(sender, latest.statement, statement),)
        return newer, ()

    def _what_is_wrong(self, statement: ScpStatement) -> str | None:
        if not isinstance(statement, Externalized) and statement.quorum_set not in self._known:
            return f"the claimed quorum set {statement.quorum_set.hex()[:16]} is not known"
        return what_is_insane(statement)

    def _after_nomination(self, slot: _Slot, outputs: tuple[Output, ...]) -> tuple[Output, ...]:
        """Hand the candidates over if there are new ones."""
        candidates = slot.nomination.candidates
        if len(candidates) == slot.combined or slot.balloting.decided:
            return outputs
        slot.combined = len(candidates)
        composite = self._combine(frozenset(candidates))
        return self._after_balloting(slot, outputs + slot.balloting.nominate(composite))

    def _after_balloting(self, slot: _Slot, outputs: tuple[Output, ...]) -> tuple[Output, ...]:
        """With the decision, nomination ends."""
        return outputs + slot.nomination.stop() if slot.balloting.decided else outputs
