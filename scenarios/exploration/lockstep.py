"""Rounds in which all messages travel at once: a case, played from the opening to the decisions.

A round lets every instance take in what reaches it, in the order in which it was said, then lets
its due timers run out. What is said in a round arrives in the next one; across a cut it waits until
a round in which sender and receiver are on one side, or is lost (`Pace.loses`). A round lasts a
part of the protocol's first timeout; one in which nothing arrives anywhere lasts until the next
timer. After the last cut the network stays whole, every instance may decide whatever any honest one
may (`Pace.free`: from the opening on), and rounds follow until all honest instances decided or
nothing is left to happen.

Positions are kept and compared, so that what many cases have in common is played once: their first
rounds, and everything after they have come to the same position on different ways.
"""

import gc
from collections.abc import Callable, Hashable, Sequence

from consensus.messages import Begin, Justified
from crypto.digest import Digest

from .case import Case, Mutation
from .lies import changed
from .positions import PLAIN, Pace, Position, Roster, Round, Special
from .states import NEVER, Parcel, State, States, Step
from .system import System, instance_names, opening, value_digests
from .verdict import violation_of

KEPT_MAX = 80_000
"""Positions and states that are kept, about 5 kB each; then all are forgotten."""

Watch = Callable[[Round], None]
"""Called for the opening and each round."""


class Lockstep:
    """Plays cases of one system."""

    def __init__(self, system: System, pace: Pace) -> None:
        self.system = system
        self.values = value_digests()
        """The values that the letters of an id stand for."""
        self._pace = pace
        self._round_us = max(1, system.timeout_us // pace.patience)
        self._rosters: dict[tuple[int | None, tuple[int, ...]], Roster] = {}
        self._begins: dict[int | None, Begin] = {}
        self._forget()

    def play(self, case: Case, watch: Watch | None = None) -> Position:
        """Play a case; its last position.

        Args:
            case: The case; it must be one of this system.
            watch: Called for the opening and each round.
        """
        if len(self._positions) + len(self._states) > KEPT_MAX:
            self._forget()
            gc.collect()  # states refer to each other, so that nothing else frees them
        position = self._opened(case, watch)
        script = case.script
        for number, cut in enumerate(script, 1):
            special = Special(cut, _said_in(case, number)) if cut or case.mutation else PLAIN
            position = self._round(position, special, watch)
            if position.over:
                return position
        number = len(script) + 1
        spread = () if self._pace.free else self._spread(case, position.roster)
        position = self._round(position, Special((), _said_in(case, number), spread), watch)
        while case.mutation is not None and number < case.mutation.round_number:
            number += 1
            position = self._round(position, Special((), _said_in(case, number)), watch)
        return self._ended(position, watch)

    def _spread(self, case: Case, roster: Roster) -> tuple[Justified, ...]:
        """What everybody may decide once the network is whole: what any honest one may."""
        values = sorted({case.values[each] for each in roster.honest})
        return tuple(Justified(roster.begin.slot, self.values[value]) for value in values)

    @property
    def free(self) -> bool:
        """Whether everybody may decide every value of a case."""
        return self._pace.free

    def _forget(self) -> None:
        self._states = States(self.system)
        self._positions: dict[tuple[Hashable, ...], Position] = {}
        self._openings: dict[Hashable, Position] = {}

    def _roster(self, case: Case) -> Roster:
        key = (case.leader, case.twins)
        found = self._rosters.get(key)
        if found is not None:
            return found
        if case.leader not in self._begins:
            self._begins[case.leader] = opening(self.system, case.leader)
        everybody = self.system.hospitals
        hospitals = (*everybody, *(everybody[twin] for twin in case.twins))
        indices = range(len(hospitals))
        found = self._rosters[key] = Roster(
            self._begins[case.leader],
            instance_names(everybody, case.twins),
            hospitals,
            tuple(index for index in range(len(everybody)) if index not in case.twins),
            tuple(
                tuple(peer for peer in indices if hospitals[peer] != hospitals[index])
                for index in indices
            ),
        )
        return found

    def _opened(self, case: Case, watch: Watch | None) -> Position:
        special = Special((), _said_in(case, 0))
        roster = self._roster(case)
        key = (roster, case.values, special)
        found = self._openings.get(key)
        if found is None or watch is not None:
            steps = [
                self._states.root(roster.begin, hospital, self._may_decide(case, value))
                for hospital, value in zip(roster.hospitals, case.values, strict=True)
            ]
            mail: list[list[tuple[int, Parcel]]] = [[] for _ in steps]
            self._post(roster, steps, special, mail)
            states = tuple(step.state for step in steps)
            found = self._openings[key] = self._reached(roster, states, mail, 0, 0)
            if watch is not None:
                watch(Round(special, ((),) * len(steps), tuple(steps), found))
        return found

    def _may_decide(self, case: Case, value: int) -> tuple[Digest, ...]:
        """What an instance is justified of at the opening."""
        others = sorted(set(case.values) - {value}) if self._pace.free else []
        return tuple(self.values[each] for each in (value, *others))

    def _round(self, position: Position, special: Special, watch: Watch | None) -> Position:
        found = position.next.get(special)
        if found is not None and watch is None:
            return found
        given, kept = self._sorted_mail(position, special)
        now_us = self._time_after(position, given)
        steps: list[Step | None] = []
        for state, parcels in zip(position.states, given, strict=True):
            idle = not parcels and state.due_us > now_us
            steps.append(None if idle else self._states.step(state, now_us, parcels))
        states = tuple(
            state if step is None else step.state
            for state, step in zip(position.states, steps, strict=True)
        )
        self._post(position.roster, steps, special, kept)
        number = position.round_number + 1
        found = self._reached(position.roster, states, kept, now_us, number)
        position.next[special] = found
        if watch is not None:
            watch(Round(special, given, tuple(steps), found))
        return found

    def _ended(self, position: Position, watch: Watch | None) -> Position:
        """Where whole rounds lead; every position on the way remembers it."""
        way: list[Position] = []
        while not position.over:
            if position.end is not None and watch is None:
                position = position.end
                break
            way.append(position)
            position = self._round(position, PLAIN, watch)
        for each in way:
            each.end = position
        return position

    def _sorted_mail(
        self, position: Position, special: Special
    ) -> tuple[tuple[tuple[Parcel, ...], ...], list[list[tuple[int, Parcel]]]]:
        """What each instance is given in a round, and what keeps waiting for it."""
        cut = special.cut
        first = (self._states.parcel(special.spread),) if special.spread else ()
        if not cut:
            given = tuple((*first, *(parcel for _, parcel in waiting)) for waiting in position.mail)
            return given, [[] for _ in given]
        passed: list[tuple[Parcel, ...]] = []
        kept: list[list[tuple[int, Parcel]]] = []
        for waiting, side in zip(position.mail, cut, strict=True):
            passed.append((*first, *(parcel for sender, parcel in waiting if cut[sender] == side)))
            stay = [] if self._pace.loses else [item for item in waiting if cut[item[0]] != side]
            kept.append(stay)
        return tuple(passed), kept

    def _time_after(self, position: Position, given: Sequence[tuple[Parcel, ...]]) -> int:
        """When the next round is: soon if anything arrives, else when the next timer is due."""
        soon = position.now_us + self._round_us
        if any(given):
            return soon
        due = min(state.due_us for state in position.states)
        return soon if due == NEVER else max(soon, due)

    def _post(
        self,
        roster: Roster,
        steps: Sequence[Step | None],
        special: Special,
        mail: list[list[tuple[int, Parcel]]],
    ) -> None:
        """Put what was said into the mail of everybody else."""
        mutation = special.mutation
        for sender, step in enumerate(steps):
            if step is None or not step.sent:
                continue
            for number, said in enumerate(step.sent):
                item = (sender, self._states.carried(said))
                other = item
                if mutation is not None and mutation.sender == sender:
                    lie = changed(step.sent, number, mutation, self.values)
                    other = (sender, self._states.carried(lie))
                for peer in roster.peers[sender]:
                    turned = mutation is not None and mutation.receiver in (None, peer)
                    mail[peer].append(other if turned else item)

    def _reached(
        self,
        roster: Roster,
        states: tuple[State, ...],
        mail: Sequence[Sequence[tuple[int, Parcel]]],
        now_us: int,
        number: int,
    ) -> Position:
        fields = (roster, states, tuple(map(tuple, mail)), now_us, number)
        found = self._positions.get(fields)
        if found is None:
            violation = violation_of(states, roster.names, roster.honest)
            found = self._positions[fields] = Position(*fields, violation)
        return found


def _said_in(case: Case, number: int) -> Mutation | None:
    """The mutation of what is said in a round, if the case has one there."""
    mutation = case.mutation
    return mutation if mutation is not None and mutation.round_number == number else None
