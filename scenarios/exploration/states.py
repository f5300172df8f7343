"""The states that single instances reach, each step from one to the next computed once.

Nodes are pure machines. So what an instance does depends on nothing but its state, the time and
what it is given, and most cases let it do what it did in another case before: then a step is one
look-up. Two instances of one hospital share their states.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from consensus.errors import ConsensusError
from consensus.forensics import Signed, contradiction
from consensus.messages import (
    Accuse,
    AskValidation,
    Begin,
    Broadcast,
    CancelTimer,
    Externalize,
    Input,
    Justified,
    Node,
    Output,
    Receive,
    Record,
    Reject,
    SetTimer,
    TimerExpired,
)
from consensus.statements import Statement
from crypto.digest import Digest
from crypto.identity import NodeId

from .images import Gallery
from .system import System

NEVER = 2**63
"""Later than any time that is reached."""
_RINGS_MAX = 1000
"""Timers that may run out at one time at one instance: more would be a fault of the protocol."""


@dataclass(frozen=True, slots=True, eq=False)
class Parcel:
    """What a receiver gives its node at once; of equal ones there is only one."""

    events: tuple[Input, ...]
    """In order."""


@dataclass(frozen=True, slots=True)
class Said:
    """A statement that was sent, with those of others that are to be taken in first."""

    node: NodeId
    """Who signed it."""
    statement: Statement
    """What is said."""
    supporting: tuple[Signed, ...] = ()
    """See `Broadcast`."""


@dataclass(slots=True, eq=False)
class State:
    """Where an instance stands. Of equal states there is only one."""

    hospital: NodeId
    """Whose instance it is."""
    slot: int
    """The open slot."""
    picture: bytes
    """Its node."""
    timers: tuple[tuple[int, str], ...]
    """When which timer runs out, in order."""
    decided: Digest | None
    """What it decided first."""
    signed: tuple[Statement, ...]
    """Everything it signed, in order."""
    accused: frozenset[NodeId]
    """Whom it caught with two contradicting statements."""
    broken: str | None
    """Which rule this instance broke, whatever the others did."""
    node: Node | None = None
    """The node itself, as long as nobody has gone on with it."""
    steps: dict[tuple[int, tuple[Parcel, ...]], "Step"] = field(default_factory=dict)
    """What follows, by time and what is given."""

    @property
    def due_us(self) -> int:
        """When the next timer runs out."""
        return self.timers[0][0] if self.timers else NEVER


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What an instance did in a round."""

    state: State
    """Where it stands now."""
    sent: tuple[Said, ...]
    """What it sends to all others."""
    rung: tuple[str, ...]
    """The timers that ran out."""


class States:
    """Every state that was reached."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._gallery = Gallery(system.quorum_sets)
        self._states: dict[tuple[object, ...], State] = {}
        self._roots: dict[tuple[Begin, NodeId, tuple[Digest, ...]], Step] = {}
        self._parcels: dict[tuple[Input, ...], Parcel] = {}
        self.step_count = 0
        """Steps that were computed, not looked up."""

    def __len__(self) -> int:
        return len(self._states)

    def root(self, begin: Begin, hospital: NodeId, values: tuple[Digest, ...]) -> Step:
        """Let an instance open the slot, with some values justified."""
        key = (begin, hospital, values)
        found = self._roots.get(key)
        if found is None:
            node = self._system.make(hospital)
            empty = State(hospital, begin.slot, b"", (), None, (), frozenset(), None, node)
            events: list[Input] = [begin]
            events += [Justified(begin.slot, value) for value in values]
            found = self._roots[key] = self._computed(empty, 0, events)
        return found

    def step(self, state: State, now_us: int, parcels: tuple[Parcel, ...]) -> Step:
        """Give an instance what arrives, then let the timers run out that are due."""
        key = (now_us, parcels)
        found = state.steps.get(key)
        if found is None:
            events = [event for parcel in parcels for event in parcel.events]
            found = state.steps[key] = self._computed(state, now_us, events)
        return found

    def parcel(self, events: Iterable[Input]) -> Parcel:
        """The parcel of these events."""
        key = tuple(events)
        found = self._parcels.get(key)
        if found is None:
            found = self._parcels[key] = Parcel(key)
        return found

    def carried(self, said: Said) -> Parcel:
        """The parcel in which a statement travels."""
        support = (Receive(*each) for each in said.supporting)
        return self.parcel((*support, Receive(said.node, said.statement)))

    def _computed(self, state: State, now_us: int, events: Sequence[Input]) -> Step:
        self.step_count += 1
        node = state.node if state.node is not None else self._gallery.revive(state.picture)
        state.node = None
        turn = _Turn(state, now_us)
        try:
            for event in events:
                turn.take(node.step(event))
            turn.ring(node)
        except ConsensusError as error:  # a node's own check of what its rules keep true
            turn.broken = turn.broken or f"{state.hospital} failed: {error}"
        reached = self._reached(turn, node)
        return Step(reached, tuple(turn.sent), tuple(turn.rung))

    def _reached(self, turn: "_Turn", node: Node) -> State:
        picture = self._gallery.picture(node)
        timers = tuple(sorted((due_us, name) for name, due_us in turn.timers.items()))
        accused, signed = frozenset(turn.accused), tuple(turn.signed)
        fields = (
            turn.hospital,
            turn.slot,
            picture,
            timers,
            turn.decided,
            signed,
            accused,
            turn.broken,
        )
        found = self._states.get(fields)
        if found is None:
            found = self._states[fields] = State(*fields, node)
        return found


class _Turn:
    """What comes out of a node in one round."""

    def __init__(self, state: State, now_us: int) -> None:
        self.hospital = state.hospital
        self.slot = state.slot
        self.timers = {name: due_us for due_us, name in state.timers}
        self.decided = state.decided
        self.signed = list(state.signed)
        self.accused = set(state.accused)
        self.broken = state.broken
        self.sent: list[Said] = []
        self.rung: list[str] = []
        self._now_us = now_us

    def take(self, outputs: Iterable[Output]) -> None:
        """Carry out what a node wants."""
        for output in outputs:
            match output:
                case Record(statement=statement):
                    self._sign(statement)
                case Broadcast():
                    said = Said(self.hospital, output.statement, output.supporting)
                    self.sent.append(said)
                case SetTimer():
                    self.timers[output.timer] = self._now_us + output.delay_us
                case CancelTimer():
                    self.timers.pop(output.timer, None)
                case Externalize(value=value):
                    self._decide(value)
                case Accuse(node=node):
                    self.accused.add(node)
                case AskValidation() | Reject():
                    pass

    def ring(self, node: Node) -> None:
        """Let the timers run out that are due and were not stopped by what arrived."""
        for _ in range(_RINGS_MAX):
            due = [(at, name) for name, at in self.timers.items() if at <= self._now_us]
            if not due:
                return
            _, name = min(due)
            del self.timers[name]
            self.rung.append(name)
            self.take(node.step(TimerExpired(self.slot, name)))

    def _decide(self, value: Digest) -> None:
        if self.decided is not None and self.decided != value:
            self.broken = self.broken or f"{self.hospital} decided twice"
        self.decided = self.decided or value

    def _sign(self, statement: Statement) -> None:
        for earlier in self.signed:
            reason = contradiction(earlier, statement)
            if reason is not None:
                self.broken = self.broken or f"{self.hospital} contradicted itself: {reason}"
        if statement not in self.signed:
            self.signed.append(statement)
