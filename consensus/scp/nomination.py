"""SCP's nomination: from justified values to one composite candidate for the ballots.

A node votes for its own value only if it is a leader itself, and otherwise follows its leaders,
which become more with each round; but it votes only for values that are justified. Accepting and
confirming need no such thing: a v-blocking set or a quorum stands behind the value. Rounds begin
with the first justified value; what others nominate is taken in from the opening of the slot.

Source: draft-mazieres-dinrg-scp-05, section 3.4; Mazières 2015, section 6.1; stellar-core
``NominationProtocol.cpp``.
"""

from collections.abc import Callable, Hashable, Iterable, Set
from dataclasses import dataclass

from crypto.digest import Digest
from crypto.identity import NodeId

from ..errors import ProtocolError
from ..messages import Broadcast, CancelTimer, Output, Record, SetTimer
from ..statements import Nominate
from . import leaders
from .timeouts import NOMINATION_TIMER, ScpTimeouts
from .voting import Group, Tally

Combine = Callable[[frozenset[Digest]], Digest]
"""Makes one value of the confirmed candidates; the same at every node."""


@dataclass(frozen=True, slots=True, eq=False)
class Nominated:
    """A nomination, read."""

    votes: frozenset[Digest]
    """X: votes to nominate these."""
    accepted: frozenset[Digest]
    """Y: accepts these as nominated."""

    @property
    def terms(self) -> Set[Hashable]:
        """None: of others is asked only what the statement heard and this node itself name."""
        return frozenset()


def read(statement: Nominate) -> Nominated:
    """What a nomination says."""
    return Nominated(frozenset(statement.votes), frozenset(statement.accepted))


NominateTally = Tally[Nominate, Nominated]
NominateGroup = Group[Nominate, Nominated]


class Nomination:
    """One node's nomination in one slot."""

    def __init__(
        self,
        slot: int,
        previous: Digest,
        quorum_set: Digest,
        bit: int,
        electorate: leaders.Electorate,
        timeouts: ScpTimeouts,
        tally: NominateTally,
    ) -> None:
        """Open the nomination of a slot.

        Args:
            slot: The slot.
            previous: What the slot before decided: the seed of the lots.
            quorum_set: Digest of the node's own quorum set.
            bit: The node's own bit.
            electorate: The node and who may lead it.
            timeouts: How long a round lasts.
            tally: For the latest nominations.
        """
        self.tally = tally
        self.leaders: set[NodeId] = set()
        """The leaders of the rounds so far."""
        self.candidates: set[Digest] = set()
        """Z: values confirmed as nominated."""
        self._slot = slot
        self._previous = previous
        self._quorum_set = quorum_set
        self._node = electorate.node
        self._bit = bit
        self._electorate = electorate
        self._timeouts = timeouts
        self._justified: dict[Digest, None] = {}
        self._votes: set[Digest] = set()
        self._accepted: set[Digest] = set()
        self._round = 0
        self._stopped = False
        self._timer_runs = False
        self._own: Nominate | None = None
        self._said: Nominate | None = None

    def justify(self, value: Digest) -> tuple[Output, ...]:
        """A value may be voted for from now on; the first one opens the first round."""
        if value in self._justified:
            return ()
        self._justified[value] = None
        if not self._round:
            return self._next_round()
        if not self.candidates and not self._stopped:
            self._follow_leaders()
            self._settle()
        return self._outputs()

    def expire(self) -> tuple[Output, ...]:
        """The round's timer ran out: draw further leaders."""
        self._timer_runs = False
        return self._next_round() if self._round else ()

    def receive(self, node: NodeId, bit: int, group: NominateGroup) -> tuple[Output, ...]:
        """Take in the newest nomination of another node."""
        tally = self.tally
        stirs = tally.record(node, bit, group)
        follows = not self.candidates and node in self.leaders
        if self._stopped or not (stirs or follows):
            return ()
        tally.watch()
        self._promote(group.meaning)
        if follows and not self.candidates:
            self._follow(group.meaning)
        self._settle()
        tally.rest(group)
        return self._outputs()

    def recall(self, statement: Nominate) -> tuple[Output, ...]:
        """Take up one's own last nomination after a crash, and say it again.

        Raises:
            ProtocolError: This node has already gone on without it.
        """
        if self._own is not None:
            raise ProtocolError("expected Recall before this node says anything in the slot")
        self._votes.update(statement.votes)
        self._accepted.update(statement.accepted)
        self._own = self._said = statement
        self.tally.changed()
        self.tally.record(self._node, self._bit, self.tally.group(statement))
        return (Broadcast(statement),)

    def stop(self) -> tuple[Output, ...]:
        """Nominate no further: the slot is decided, or the next one opens."""
        self._stopped = True
        return self._cancel_timer()

    def _next_round(self) -> tuple[Output, ...]:
        # SCP paper, section 6.1: with a confirmed value, a node ceases to vote for new ones.
        if self.candidates or self._stopped:
            return ()
        self._draw_leaders()
        self._follow_leaders()
        if self._node in self.leaders and not self._votes:
            self._votes.add(next(iter(self._justified)))
        self._settle()
        outputs = self._outputs()
        if self.candidates:
            return outputs
        self._timer_runs = True
        delay = self._timeouts.nomination_delay_us(self._round)
        return (*outputs, SetTimer(self._slot, NOMINATION_TIMER, delay))

    def _draw_leaders(self) -> None:
        """Add the next round's leader; rounds that add none are over at once."""
        for _ in range(leaders.ROUNDS_MAX):
            self._round += 1
            if len(self.leaders) == len(self._electorate.weights):
                return
            before = len(self.leaders)
            self.leaders |= self._electorate.leaders(self._slot, self._previous, self._round)
            if len(self.leaders) > before:
                return

    def _follow_leaders(self) -> None:
        for leader in sorted(self.leaders):
            group = self.tally.latest.get(leader)
            if group is not None:
                self._follow(group.meaning)

    def _follow(self, leader: Nominated) -> None:
        """Vote for one more value of a leader: the justified one of the highest lot.

        Its accepted values go first: while it has justified ones, its votes are not looked at.
        """
        valid = [value for value in leader.accepted if value in self._justified]
        if not valid:
            valid = [value for value in leader.votes if value in self._justified]
        new = [value for value in valid if value not in self._votes]
        if new:
            self._votes.add(max(new, key=self._lot))

    def _lot(self, value: Digest) -> tuple[int, Digest]:
        lot = leaders.draw(self._slot, self._previous, leaders.Tag.VALUE, self._round, value)
        return lot, value

    def _promote(self, heard: Nominated) -> None:
        """Accept and confirm what a newest statement may have completed."""
        self._accept(heard.votes)
        if not heard.accepted <= heard.votes:
            self._accept(heard.accepted)
        for value in self._accepted - self.candidates:
            if self._confirms(value):
                self.candidates.add(value)
                self.tally.changed()

    def _accept(self, values: Iterable[Digest]) -> None:
        for value in values:
            if value not in self._accepted and self._accepts(value):
                self._accepted.add(value)
                self._votes.add(value)
                self.tally.changed()

    def _accepts(self, value: Digest) -> bool:
        return self.tally.accepts(
            lambda named: value in named.votes, lambda named: value in named.accepted
        )

    def _confirms(self, value: Digest) -> bool:
        return self.tally.ratifies(lambda named: value in named.accepted)

    def _settle(self) -> None:
        """Count one's own statement too, until it changes nothing; it only grows."""
        while True:
            own = self._own
            votes, accepted = len(self._votes), len(self._accepted)
            if own is None and not votes:
                return
            if own is not None and (votes, accepted) == (len(own.votes), len(own.accepted)):
                return
            self._own = Nominate(
                self._slot,
                self._quorum_set,
                tuple(sorted(self._votes)),
                tuple(sorted(self._accepted)),
            )
            group = self.tally.group(self._own)
            self.tally.record(self._node, self._bit, group)
            self._promote(group.meaning)

    def _outputs(self) -> tuple[Output, ...]:
        stopped = self._cancel_timer() if self.candidates else ()
        if self._own is self._said or self._own is None:
            return stopped
        self._said = self._own
        return (Record(self._own), Broadcast(self._own), *stopped)

    def _cancel_timer(self) -> tuple[Output, ...]:
        if not self._timer_runs:
            return ()
        self._timer_runs = False
        return (CancelTimer(self._slot, NOMINATION_TIMER),)
