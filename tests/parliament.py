"""A deterministic driver for pure nodes: one slot, virtual time, and a network that misbehaves.

    house = Parliament(lambda node: PbftNode(node, trust, TIMEOUTS), NODES, seed=7, loss=0.2)
    house.open(Begin(1, leader, absent, previous))
    house.tell(node, Justified(1, value), at_us=0)      # as often as wanted
    house.run(until_us=60_000_000)
    house.decided                                        # seat -> value

A *seat* is one running machine. A node has one seat; a twin has two under one name, which is how
lost state, double votes and equivocation come about without any code that lies. Everything that
anybody signed is in ``signed``, in order: that is the transcript for forensics. The driver checks
the contract of outputs by itself: nothing is sent before it is recorded, nobody shows a statement
of another node that this node has not signed, and nobody decides twice in one life. ``decided``
keeps the first decision of a seat; ``revised`` names those that decided otherwise after a crash.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from consensus.messages import (
    Accuse,
    AskValidation,
    Begin,
    Broadcast,
    CancelTimer,
    Externalize,
    Input,
    Justified,
    Learn,
    Node,
    Output,
    Recall,
    Receive,
    Record,
    Reject,
    SetTimer,
    TimerExpired,
    Validated,
)
from consensus.statements import Statement
from crypto.digest import Digest
from crypto.identity import NodeId

STEPS_MAX = 2_000_000
"""Events after which a run is taken to be caught in a loop."""


@dataclass(frozen=True, order=True)
class Seat:
    """One running machine."""

    node: NodeId
    """Whose key it signs with."""
    face: int = 0
    """0, and for the second machine of a twin 1."""


@dataclass
class _Running:
    """What belongs to a seat: some of it survives a crash, some does not."""

    machine: Node
    recorded: list[Statement] = field(default_factory=list)
    sent: dict[Statement, Broadcast] = field(default_factory=dict)
    timers: dict[str, int] = field(default_factory=dict)
    told: list[Input] = field(default_factory=list)
    decided: bool = False
    up: bool = True
    dying: bool = False


Linked = Callable[[Seat, Seat, int], bool]
"""Whether a message that one seat sends to another at some time gets through."""


def everybody(sender: Seat, receiver: Seat, now_us: int) -> bool:
    """A network without partitions."""
    return True


class Parliament:
    """Nodes in one slot, and the network between them."""

    def __init__(
        self,
        build: Callable[[NodeId], Node],
        nodes: Iterable[NodeId],
        *,
        seed: int,
        twins: Iterable[NodeId] = (),
        linked: Linked = everybody,
        delay_us: tuple[int, int] = (1_000, 100_000),
        loss: float = 0.0,
        duplication: float = 0.0,
        rebroadcast_us: int | None = None,
        accepts: Mapping[NodeId, bool] | None = None,
    ) -> None:
        """Seat the nodes.

        Args:
            build: Makes the machine of a node, at the start and after each crash.
            nodes: Everybody.
            seed: Decides delays, losses and duplicates: the same seed gives the same run.
            twins: Nodes that run two machines under one name.
            linked: The partitions.
            delay_us: Shortest and longest delay of a message; messages overtake one another.
            loss: Probability that a message is lost.
            duplication: Probability that it arrives twice.
            rebroadcast_us: How often each seat sends again all that it has broadcast; None: never.
            accepts: What each node thinks of candidates, where it is asked.
        """
        self.nodes = tuple(sorted(nodes))
        self.now_us = 0
        self.signed: list[tuple[NodeId, Statement]] = []
        self.decided: dict[Seat, Digest] = {}
        self.revised: list[Seat] = []
        self.decided_at: dict[Seat, int] = {}
        self.accused: list[Accuse] = []
        self.rejected: list[Reject] = []
        self.delivered = 0
        self._build = build
        self._dice = random.Random(seed)
        self._linked = linked
        self._delay_us = delay_us
        self._loss = loss
        self._duplication = duplication
        self._rebroadcast_us = rebroadcast_us
        self._accepts = accepts or {}
        faces = [Seat(node, 1) for node in twins]
        self._running = {
            seat: _Running(build(seat.node)) for seat in [*map(Seat, self.nodes), *faces]
        }
        self._undecided = set(self._running)
        self._begin: Begin | None = None
        self._order = count()
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._known: set[tuple[NodeId, Statement]] = set()

    @property
    def seats(self) -> tuple[Seat, ...]:
        """Every seat, sorted."""
        return tuple(sorted(self._running))

    def seats_of(self, node: NodeId) -> tuple[Seat, ...]:
        """The seats of a node: two for a twin."""
        return tuple(seat for seat in self.seats if seat.node == node)

    def honest_decisions(self) -> dict[NodeId, Digest]:
        """What nodes with one seat decided."""
        return {s.node: v for s, v in self.decided.items() if len(self.seats_of(s.node)) == 1}

    def open(self, begin: Begin) -> None:
        """Open the slot at every seat."""
        self._begin = begin
        for seat in self.seats:
            self._step(seat, begin)
        if self._rebroadcast_us is not None:
            self._at(self._rebroadcast_us, self._rebroadcast)

    def tell(self, node: NodeId, event: Input, at_us: int = 0, face: int | None = None) -> None:
        """Give an input of its own shell to a node, at one or at all of its seats."""
        for seat in self.seats_of(node):
            if face is None or face == seat.face:
                self._at(at_us, lambda seat=seat: self._local(seat, event))  # type: ignore[misc]

    def forge(self, node: NodeId, statement: Statement, to: Seat, at_us: int = 0) -> None:
        """Let a node sign whatever statement, and show it to one seat."""
        self._sign(node, statement)
        self._at(at_us, lambda: self._step(to, Receive(node, statement)))

    def crash(self, node: NodeId, at_us: int, until_us: int | None = None) -> None:
        """Stop a node in the midst of what it does next after a time; later start it anew."""
        for seat in self.seats_of(node):
            self._at(at_us, lambda seat=seat: self._die(seat))  # type: ignore[misc]
            if until_us is None:
                self._undecided.discard(seat)
            else:
                self._at(until_us, lambda seat=seat: self._restart(seat))  # type: ignore[misc]

    def run(self, until_us: int, until_decided: bool = False) -> None:
        """Carry everything out up to a time, or until all have decided that do not stay down."""
        for _ in range(STEPS_MAX):
            if until_decided and not self._undecided:
                return
            if not self._queue or self._queue[0][0] > until_us:
                self.now_us = until_us
                return
            self.now_us, _, action = heappop(self._queue)
            action()
        raise AssertionError(f"expected at most {STEPS_MAX} events, found more")

    def _at(self, time_us: int, action: Callable[[], None]) -> None:
        heappush(self._queue, (max(time_us, self.now_us), next(self._order), action))

    def _local(self, seat: Seat, event: Input) -> None:
        if isinstance(event, Justified | Learn):
            self._running[seat].told.append(event)
        self._step(seat, event)

    def _step(self, seat: Seat, event: Input) -> None:
        running = self._running[seat]
        if not running.up:
            return
        outputs = running.machine.step(event)
        if running.dying and outputs:
            outputs = outputs[: self._dice.randrange(len(outputs) + 1)]
            running.up = running.dying = False
        for output in outputs:
            self._carry_out(seat, running, output)

    def _carry_out(self, seat: Seat, running: _Running, output: Output) -> None:
        match output:
            case Record(statement=statement):
                self._sign(seat.node, statement)
                running.recorded.append(statement)
            case Broadcast(statement=statement, supporting=supporting):
                assert statement in running.recorded, "sent before it was recorded"
                assert all(each in self._known for each in supporting), "shows what nobody signed"
                running.sent[statement] = output
                self._send(seat, output)
            case SetTimer(timer=timer, delay_us=delay):
                run = running.timers[timer] = next(self._order)
                expiry = TimerExpired(output.slot, timer)
                self._at(self.now_us + delay, lambda: self._expire(seat, expiry, run))
            case CancelTimer(timer=timer):
                running.timers.pop(timer, None)
            case AskValidation(slot=slot, candidate=candidate):
                opinion = self._accepts.get(seat.node, True)
                answer = Validated(slot, candidate, opinion, "ok" if opinion else "no", ())
                self._at(self.now_us + self._delay(), lambda: self._step(seat, answer))
            case Externalize(value=value):
                assert not running.decided, "decided twice"
                running.decided = True
                if self.decided.setdefault(seat, value) != value:
                    self.revised.append(seat)
                self._undecided.discard(seat)
                self.decided_at.setdefault(seat, self.now_us)
            case Accuse():
                self.accused.append(output)
            case Reject():
                self.rejected.append(output)

    def _sign(self, node: NodeId, statement: Statement) -> None:
        if (node, statement) not in self._known:
            self._known.add((node, statement))
            self.signed.append((node, statement))

    def _send(self, sender: Seat, broadcast: Broadcast) -> None:
        for receiver in self.seats:
            if receiver.node == sender.node or not self._linked(sender, receiver, self.now_us):
                continue
            copies = 1 + (self._dice.random() < self._duplication)
            for _ in range(copies):
                if self._dice.random() >= self._loss:
                    self._deliver_later(sender, receiver, broadcast)

    def _deliver_later(self, sender: Seat, receiver: Seat, broadcast: Broadcast) -> None:
        def arrive() -> None:
            self.delivered += 1
            for node, statement in broadcast.supporting:
                if node != receiver.node:
                    self._step(receiver, Receive(node, statement))
            self._step(receiver, Receive(sender.node, broadcast.statement))

        self._at(self.now_us + self._delay(), arrive)

    def _delay(self) -> int:
        return self._dice.randint(*self._delay_us)

    def _expire(self, seat: Seat, expiry: TimerExpired, run: int) -> None:
        running = self._running[seat]
        if running.timers.get(expiry.timer) == run:
            del running.timers[expiry.timer]
            self._step(seat, expiry)

    def _rebroadcast(self) -> None:
        for seat in self.seats:
            running = self._running[seat]
            for broadcast in running.sent.values() if running.up else ():
                self._send(seat, broadcast)
        if self._rebroadcast_us is not None:
            self._at(self.now_us + self._rebroadcast_us, self._rebroadcast)

    def _die(self, seat: Seat) -> None:
        self._running[seat].dying = True

    def _restart(self, seat: Seat) -> None:
        """Lose everything but what was recorded, and recall of each kind the last."""
        running = self._running[seat]
        running.machine, running.up, running.dying = self._build(seat.node), True, False
        running.decided = False
        running.timers.clear()
        running.sent.clear()
        last = {type(statement): statement for statement in running.recorded}
        recalled = tuple(s for s in running.recorded if last[type(s)] is s)
        assert self._begin is not None
        self._step(seat, self._begin)
        if recalled:
            self._step(seat, Recall(recalled))
        for event in running.told:
            self._step(seat, event)
