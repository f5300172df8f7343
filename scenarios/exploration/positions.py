"""Where a case stands between two rounds, and what a round is made of."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from consensus.messages import Begin, Justified
from crypto.identity import NodeId

from .case import Cut, Mutation
from .states import Parcel, State, Step
from .verdict import Violation

ROUNDS_PLAYED_MAX = 200
"""Rounds after which a case that goes on is left undecided."""
Mail = tuple[tuple[int, Parcel], ...]
"""What waits for an instance: who sent it, and what; in the order in which it was said."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How time passes."""

    patience: int = 4
    """How many rounds the protocol's first timeout lasts."""
    loses: bool = False
    """Whether messages across a cut are lost; they wait otherwise."""
    free: bool = False
    """Whether everybody may decide every value of the case from the beginning, its own first; only
    in a whole network otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """The instances of a case."""

    begin: Begin
    """How the slot opens."""
    names: tuple[str, ...]
    """What they are called: the hospitals, then the twins."""
    hospitals: tuple[NodeId, ...]
    """Whose they are."""
    honest: tuple[int, ...]
    """Those whose hospital runs once."""
    peers: tuple[tuple[int, ...], ...]
    """Whom each sends to: all instances of other hospitals."""


@dataclass(slots=True, eq=False)
class Position:
    """Where a case stands after a round. Of equal positions there is only one."""

    roster: Roster
    """The instances."""
    states: tuple[State, ...]
    """Where each of them stands."""
    mail: tuple[Mail, ...]
    """What waits for each."""
    now_us: int
    """The time of the round."""
    round_number: int
    """Its number; 0 is the opening."""
    violation: Violation | None
    """What went wrong, if anything did."""
    next: dict[Hashable, "Position"] = field(default_factory=dict)
    """What follows, by what is special about the next round."""
    end: "Position | None" = None
    """Where it leads if nobody is cut off any more."""

    @property
    def undecided(self) -> tuple[int, ...]:
        """The honest instances that have not decided."""
        return tuple(each for each in self.roster.honest if self.states[each].decided is None)

    @property
    def over(self) -> bool:
        """Whether nothing that matters is left to happen."""
        if self.violation is not None or not self.undecided:
            return True
        idle = not any(self.mail) and not any(state.timers for state in self.states)
        return idle or self.round_number >= ROUNDS_PLAYED_MAX


@dataclass(frozen=True, slots=True)
class Special:
    """What tells a round from one in which the network is whole and everybody honest."""

    cut: Cut = ()
    """Who is cut off."""
    mutation: Mutation | None = None
    """What said in this round is changed."""
    spread: tuple[Justified, ...] = ()
    """What everybody may decide from this round on."""


PLAIN = Special()
"""A round of which nothing is to be said."""


@dataclass(frozen=True, slots=True)
class Round:
    """What happened in a round, for whoever watches."""

    special: Special
    """What was special about it."""
    arrived: tuple[tuple[Parcel, ...], ...]
    """What each instance took in."""
    steps: tuple[Step | None, ...]
    """What each did; None if nothing happened to it."""
    after: Position
    """Where it ended."""
