"""SCP's ballot protocol: from a candidate to the decision.

    b   the current ballot                     h   the highest confirmed prepared; once a commit
    p   the highest accepted prepared              is accepted, the highest of those
    p'  the highest accepted prepared          c   the lowest vote to commit
        below p and incompatible with it       z   the value of the next ballot, once h was set

It never asks whether a value is valid: values come from a confirmed nomination, or from statements
that a v-blocking set or a quorum stands behind. Its own statement is counted like all others, and
each change of it is a new statement to follow up; what goes out is only the last of a step.

Source: Mazières 2015, section 6.2 ("step"); draft-mazieres-dinrg-scp-05, sections 3.5 to 3.8; the
order of the attempts follows stellar-core ``BallotProtocol::advanceSlot``.
"""

from collections.abc import Callable, Sequence
from enum import Enum, auto

from crypto.digest import Digest
from crypto.identity import NodeId

from ..errors import InvariantError, ProtocolError
from ..messages import Broadcast, CancelTimer, Externalize, Output, Record, SetTimer
from ..statements import (
    COUNTER_MAX,
    Ballot,
    BallotStatement,
    Confirm,
    Externalized,
    Prepare,
)
from .order import is_newer
from .pledges import NO_BALLOT, Pledge, aborts, covers, is_compatible
from .timeouts import BALLOT_TIMER, ScpTimeouts
from .voting import Group, Tally

ADVANCE_MAX = 50
"""Transitions that may follow from one statement, one in another (stellar-core: the same)."""

BallotTally = Tally[BallotStatement, Pledge]
BallotGroup = Group[BallotStatement, Pledge]


class Phase(Enum):
    """How far a node is."""

    PREPARE = auto()
    CONFIRM = auto()
    EXTERNALIZE = auto()


class Balloting:
    """One node's ballots in one slot."""

    def __init__(
        self,
        slot: int,
        quorum_set: Digest,
        node: NodeId,
        bit: int,
        timeouts: ScpTimeouts,
        tally: BallotTally,
    ) -> None:
        """Open the ballots of a slot.

        Args:
            slot: The slot.
            quorum_set: Digest of the node's own quorum set.
            node: The node.
            bit: Its bit.
            timeouts: How long a counter lasts.
            tally: For the latest statements.
        """
        self.tally = tally
        self.phase = Phase.PREPARE
        self.composite: Digest | None = None
        """The combined candidates of nomination, if there are any."""
        self.b: Ballot | None = None
        self.p: Ballot | None = None
        self.p_prime: Ballot | None = None
        self.h: Ballot | None = None
        self.c: Ballot | None = None
        self.z: Digest | None = None
        self._slot = slot
        self._quorum_set = quorum_set
        self._node = node
        self._bit = bit
        self._timeouts = timeouts
        self._own: BallotStatement | None = None
        self._said: BallotStatement | None = None
        self._depth = 0
        self._moved = False
        self._heard = False
        self._timer_runs = False
        self._announced = False

    @property
    def decided(self) -> bool:
        """Whether a commit was confirmed."""
        return self.phase is Phase.EXTERNALIZE

    def receive(self, node: NodeId, bit: int, group: BallotGroup) -> tuple[Output, ...]:
        """Take in the newest statement of another node."""
        tally = self.tally
        stirs = tally.record(node, bit, group)
        if not stirs or self.phase is Phase.EXTERNALIZE:
            return ()
        tally.watch()
        self._advance(group.meaning)
        outputs = self._outputs()
        tally.rest(group)
        return outputs

    def nominate(self, composite: Digest) -> tuple[Output, ...]:
        """Take over what nomination combined; the first time it becomes the first ballot."""
        self.composite = composite
        if self.b is None:
            self._bump(1)
        return self._outputs()

    def expire(self) -> tuple[Output, ...]:
        """The ballot's timer ran out: go on to the next counter."""
        self._timer_runs = False
        if self.b is not None and self.b.counter < COUNTER_MAX:
            self._bump(self.b.counter + 1)
        return self._outputs()

    def recall(self, statement: BallotStatement) -> tuple[Output, ...]:
        """Take up one's own last statement after a crash, and say it again.

        Raises:
            ProtocolError: This node has already gone on without it.
        """
        if self._own is not None:
            raise ProtocolError("expected Recall before this node says anything in the slot")
        match statement:
            case Prepare():
                value = statement.ballot.value
                self.b, self.p = statement.ballot, statement.prepared
                self.p_prime = statement.prepared_prime
                if statement.high_counter:
                    self.h, self.z = Ballot(statement.high_counter, value), value
                if statement.commit_counter:
                    self.c = Ballot(statement.commit_counter, value)
            case Confirm():
                self.phase, self.b, self.z = Phase.CONFIRM, statement.ballot, statement.ballot.value
                self.p = Ballot(statement.prepared_counter, self.z)
                self.h = Ballot(statement.high_counter, self.z)
                self.c = Ballot(statement.commit_counter, self.z)
            case Externalized():
                self.phase, self.c, self.z = (
                    Phase.EXTERNALIZE,
                    statement.commit,
                    statement.commit.value,
                )
                self.b = self.p = Ballot(COUNTER_MAX, self.z)
                self.h = Ballot(statement.high_counter, self.z)
        self.check_invariants()
        self._own = self._said = statement
        self.tally.changed()
        self.tally.record(self._node, self._bit, self.tally.group(statement))
        return (Broadcast(statement), *self._outputs())

    def check_invariants(self) -> None:
        """Check what the rules keep true of b, p, p', h and c.

        Raises:
            InvariantError: Naming what does not hold.
        """
        b, p, h, c = self.b, self.p, self.h, self.c
        if self.phase is not Phase.PREPARE and (not b or not p or not h or not c):
            raise InvariantError(f"expected b, p, h and c in {self.phase.name}")
        if self.p_prime and not aborts(p, self.p_prime):
            raise InvariantError("expected p' below p and incompatible with it")
        if h and not (b and covers(b, h)):
            raise InvariantError("expected h no higher than b and compatible with it")
        if self.phase is Phase.CONFIRM and not (p and h and is_compatible(p, h)):
            raise InvariantError("expected p compatible with h in CONFIRM")
        if c and not (h and covers(h, c)):
            raise InvariantError("expected c no higher than h and compatible with it")

    # Advancing: what one new statement lets this node do.

    def _advance(self, hint: Pledge) -> None:
        """Follow up one statement: another node's, or the own one that it led to."""
        self._depth += 1
        if self._depth > ADVANCE_MAX:
            raise InvariantError(f"expected at most {ADVANCE_MAX} transitions from one statement")
        self._accept_prepared(hint)
        self._confirm_prepared(hint)
        self._accept_commit(hint)
        self._confirm_commit(hint)
        if self._depth == 1:
            while self._catch_up(hint.counter):
                pass
        self._depth -= 1

    def _accept_prepared(self, hint: Pledge) -> None:
        for ballot in self._candidates(hint.ballots, self._may_raise_p):
            # stellar-core stops at the first one and so may leave p' behind until it hears more.
            if self._may_raise_p(ballot) and self._may_accept(ballot):
                self._set_prepared(ballot)

    def _may_accept(self, ballot: Ballot) -> bool:
        return self.tally.accepts(
            lambda said: said.prepares(ballot), lambda said: said.prepared(ballot)
        )

    def _may_raise_p(self, ballot: Ballot) -> bool:
        """Whether accepting a ballot as prepared would change p or p'."""
        if self.phase is Phase.EXTERNALIZE:
            return False
        if self.p is None:
            return True
        if covers(self.p, ballot) or (self.p_prime is not None and ballot <= self.p_prime):
            return False
        return self.phase is Phase.PREPARE or covers(ballot, self.p)

    def _set_prepared(self, ballot: Ballot) -> None:
        """Keep the two highest incompatible ballots accepted as prepared (step 1)."""
        if self.p is None or self.p < ballot:
            if self.p is not None and not is_compatible(self.p, ballot):
                self.p_prime = self.p
            self.p = ballot
        else:
            self.p_prime = ballot
        self._reset_commit()
        self._restate()

    def _reset_commit(self) -> None:
        """Give up the vote to commit if a ballot that aborts it was accepted (step 1)."""
        if self.c and self.h and (aborts(self.p, self.h) or aborts(self.p_prime, self.h)):
            self.c = None

    def _confirm_prepared(self, hint: Pledge) -> None:
        if self.phase is not Phase.PREPARE or self.p is None:
            return
        candidates = self._candidates(hint.ballots, self._may_raise_h)
        for index, high in enumerate(candidates):
            if self._is_prepared(high):
                self._set_high(high, self._lowest_commit(high, candidates[index:]))
                return

    def _may_raise_h(self, ballot: Ballot) -> bool:
        return self.h is None or self.h < ballot

    def _is_prepared(self, ballot: Ballot) -> bool:
        return self.tally.ratifies(lambda said: said.prepared(ballot))

    def _lowest_commit(self, high: Ballot, candidates: Sequence[Ballot]) -> Ballot | None:
        """The new c, if h rises to ``high`` (step 3).

        Only if none is set and no ballot that aborts ``high`` was accepted: the lowest ballot from
        b on that is confirmed prepared and compatible.
        """
        if self.c or aborts(self.p, high) or aborts(self.p_prime, high):
            return None
        lowest: Ballot | None = None
        for ballot in candidates:
            if self.b is not None and ballot < self.b:
                break
            if not covers(high, ballot):
                continue
            if not self._is_prepared(ballot):
                break
            lowest = ballot
        return lowest

    def _set_high(self, high: Ballot, commit: Ballot | None) -> None:
        self.z = high.value  # step 2
        changed = False
        if self.b is None or is_compatible(self.b, high):
            self.h, changed = high, True
            self.c = commit or self.c
        if self._raise_to(high) or changed:  # step 8
            self._restate()

    def _accept_commit(self, hint: Pledge) -> None:
        if self.phase is Phase.EXTERNALIZE or hint.votes_commit is None:
            return
        value, floor = hint.value, 0
        if self.phase is Phase.CONFIRM and self.h is not None:
            if value != self.h.value:
                return
            floor = self.h.counter
        boundaries = self._boundaries(value)
        if not boundaries or boundaries[0] <= floor:
            return  # no interval there reaches above h

        def accepted(low: int, high: int) -> bool:
            return self.tally.accepts(
                lambda said: said.commits(value, low, high),
                lambda said: said.committed(value, low, high),
            )

        found = _highest_interval(boundaries, accepted)
        if found and found[1] > floor:
            self._set_commit(Ballot(found[0], value), Ballot(found[1], value))

    def _set_commit(self, low: Ballot, high: Ballot) -> None:
        """Accept a commit (steps 4 and 6): from now on the value is fixed."""
        self.c, self.h, self.z = low, high, high.value
        if self.phase is Phase.PREPARE:
            self.phase = Phase.CONFIRM
            if self.p is None or not is_compatible(self.p, high):
                # Accepting a commit implies accepting its ballots as prepared. stellar-core leaves
                # an incompatible p and would go on to state its counter with the value of h.
                prime = self.p_prime
                self.p = prime if prime is not None and is_compatible(prime, high) else high
            self.p_prime = None
            if self.b is not None and not covers(self.b, high):
                self._move_to(high)
        self._raise_to(high)
        self._restate()

    def _confirm_commit(self, hint: Pledge) -> None:
        if self.phase is not Phase.CONFIRM or hint.accepts_commit is None:
            return
        value = hint.value
        if self.c is None or value != self.c.value:
            return
        found = _highest_interval(
            self._boundaries(value),
            lambda low, high: self.tally.ratifies(lambda said: said.committed(value, low, high)),
        )
        if found:  # step 7
            self.c, self.h = Ballot(found[0], value), Ballot(found[1], value)
            self._raise_to(self.h)
            self.phase = Phase.EXTERNALIZE
            self._restate()

    def _catch_up(self, heard: int) -> bool:
        """Go to the lowest counter with no v-blocking set ahead (step 9).

        Args:
            heard: The counter that was heard last: only what is ahead of b can change anything,
                as long as b stays where it was when this was asked last.
        """
        counter = self.b.counter if self.b is not None else 0
        if self.phase is Phase.EXTERNALIZE or (heard <= counter and not self._moved):
            return False
        self._moved = False
        if not self._blocked_above(counter):
            return False
        ahead = {group.meaning.counter for group in self.tally.groups.values()}
        for each in sorted(ahead):
            if each > counter and not self._blocked_above(each):
                return self._bump(each)
        return False

    def _blocked_above(self, counter: int) -> bool:
        return self.tally.blocks(self.tally.senders(lambda said: said.counter > counter))

    def _candidates(
        self, tops: Sequence[Ballot], useful: Callable[[Ballot], bool]
    ) -> Sequence[Ballot]:
        """The useful ballots that ``tops`` may let this node prepare, highest first.

        What lies below a top that is of no use is of no use either.
        """
        found: dict[tuple[int, Digest], Ballot] = {}  # hashed and sorted faster than ballots
        for top in tops:
            if useful(top):
                for group in self.tally.groups.values():
                    for each in group.meaning.candidates(top):
                        found[each.counter, each.value] = each
        if len(found) < 2:
            return [each for each in found.values() if useful(each)]
        return [found[key] for key in sorted(found, reverse=True) if useful(found[key])]

    def _boundaries(self, value: Digest) -> Sequence[int]:
        """The counters at which the set of nodes behind the commit of a value may change."""
        found: set[int] = set()
        for group in self.tally.groups.values():
            if group.meaning.value == value:
                found.update(group.meaning.boundaries)
        return sorted(found, reverse=True)

    # Moving b, and saying so.

    def _bump(self, counter: int) -> bool:
        """Go to a higher counter, with z, else the composite candidate, else the value of b."""
        value = self.z or self.composite or (self.b.value if self.b is not None else None)
        if value is None or self.decided:
            return False
        ballot = Ballot(counter, value)
        if self.c is not None and not is_compatible(self.c, ballot):
            return False  # a vote to commit is not given up for a timer
        if not self._raise_to(ballot):
            return False
        self._restate()
        return True

    def _raise_to(self, ballot: Ballot) -> bool:
        if self.b is not None and ballot <= self.b:
            return False
        self._move_to(ballot)
        return True

    def _move_to(self, ballot: Ballot) -> None:
        if self.b is None or self.b.counter != ballot.counter:
            self._heard = False
        self.b, self._moved = ballot, True
        if self.h is not None and not is_compatible(self.h, ballot):
            self.h = self.c = None

    def _restate(self) -> None:
        """Count the own statement that the state now makes, and follow it up."""
        self.tally.changed()
        self.check_invariants()
        statement = self._statement()
        if statement == self._own:
            return
        if self._own is not None and not is_newer(self._own, statement):
            raise InvariantError(f"expected a statement newer than {self._own}, found {statement}")
        self._own = statement
        group = self.tally.group(statement)
        self.tally.record(self._node, self._bit, group)
        if not self.decided:
            self._advance(group.meaning)

    def _statement(self) -> BallotStatement:
        b = self.b or NO_BALLOT
        low = self.c.counter if self.c is not None else 0
        high = self.h.counter if self.h is not None else 0
        claim = (self._slot, self._quorum_set)
        match self.phase:
            case Phase.PREPARE:
                return Prepare(*claim, b, self.p, self.p_prime, low, high)
            case Phase.CONFIRM:
                return Confirm(*claim, b, self.p.counter if self.p is not None else 0, low, high)
            case Phase.EXTERNALIZE:
                return Externalized(*claim, self.c or NO_BALLOT, high)

    def _outputs(self) -> tuple[Output, ...]:
        """What a step lets out: the last own statement, the timer, the decision."""
        outputs: tuple[Output, ...] = ()
        if self._own is not self._said and self._own is not None and self.b is not None:
            self._said = self._own
            outputs = (Record(self._own), Broadcast(self._own))
        outputs += self._timer()
        if self.c is not None and self.decided and not self._announced:
            self._announced = True
            outputs += (Externalize(self._slot, self.c.value),)
        return outputs

    def _timer(self) -> tuple[Output, ...]:
        """Arm the timer when a quorum is heard at this counter, disarm it when it is lost.

        draft-mazieres-dinrg-scp-05, section 3.6; a quorum once heard stays: counters only rise.
        """
        if self._heard and not self.decided:
            return ()
        if self.b is not None and not self.decided:
            counter = self.b.counter
            # CONFIRM and EXTERNALIZE count whatever their counter: they vote for (inf, x).
            if self.tally.convinces(
                self.tally.senders(lambda said: said.votes_prepare.counter >= counter)
            ):
                self._heard = self._timer_runs = True
                delay = self._timeouts.ballot_delay_us(counter)
                return (SetTimer(self._slot, BALLOT_TIMER, delay),)
        return self.stop()

    def stop(self) -> tuple[Output, ...]:
        """Forget the timer: the slot is decided, the next one opens, or the quorum is lost."""
        if not self._timer_runs:
            return ()
        self._timer_runs = False
        return (CancelTimer(self._slot, BALLOT_TIMER),)


def _highest_interval(
    boundaries: Sequence[int], holds: Callable[[int, int], bool]
) -> tuple[int, int] | None:
    """The highest range of counters for which ``holds``, as long as it gets.

    Args:
        boundaries: The counters that may bound it, highest first.
        holds: Whether it holds of a lowest and a highest counter; of a part if of the whole.
    """
    found: tuple[int, int] | None = None
    for counter in boundaries:
        high = found[1] if found else counter
        if holds(counter, high):
            found = (counter, high)
        elif found:
            break
    return found
