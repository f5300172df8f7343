"""The shell of one instance of a trial: it carries out, in order, what a pure node wants.

It decides nothing itself. What the node said outlives a crash, as sign-state on a disk does;
everything else does not. A decision reached by others is taken over only with a certificate that
convinces this hospital's own quorum set.
"""

from collections.abc import Callable
from functools import partial

from consensus.errors import CertificateError
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
    Output,
    Propose,
    Recall,
    Record,
    Reject,
    SetTimer,
    TimerExpired,
    Validated,
)
from consensus.statements import Statement, ViewChange, kind_of
from crypto.digest import Digest
from crypto.identity import NodeId

from ..adversaries import Interposer
from ..schema_faults import hospital_of
from .certificates import Evidence, check
from .outbox import Outbox
from .protocols import node_of
from .timers import Timers
from .values import accepts, proposal_of, reason_of
from .wire import (
    CHAIN_ID,
    Ask,
    Certificate,
    Message,
    Parcel,
    Repeated,
    short,
    worded,
)
from .world import Decision, World

PENDING_MAX = 100_000
"""Messages of later slots that an instance keeps until it gets there."""

_AGAIN = "shell/again"
_SECOND_VALUE = "shell/second-value"
_BEHIND = "shell/behind"


class Peer:
    """One instance: a hospital, or the twin that runs under its key."""

    def __init__(
        self, instance: str, peers: tuple[str, ...], world: World, interposer: Interposer | None
    ) -> None:
        self.instance = instance
        """Its name in the run."""
        self.node = NodeId(hospital_of(instance))
        """The hospital whose key it has."""
        self.decisions: list[Decision] = []
        """What it decided, slot after slot."""
        self.event_count = 0
        """Messages and timers that it handled."""
        self._world = world
        self._outbox = Outbox(instance, peers, world, interposer)
        self._interposer = interposer
        self._slot = 0
        self._last_slot = world.trial.slots
        self._opened_us = 0
        self._decided: Digest | None = None
        self._down = False
        self._timers = Timers(world.env, self._expire)
        self._said: dict[type[Statement], Statement] = {}
        self._pending: dict[int, list[Parcel]] = {}
        self._pending_count = 0
        self._evidence = Evidence(world.trial.protocol) if world.helps else None
        self._step: Callable[[Input], tuple[Output, ...]]
        self._renew()
        world.network.connect(instance, self.receive if world.trace is None else self._traced)

    # From outside

    def start(self) -> None:
        """Open the first slot."""
        self._enter(1)
        self._settle()

    def receive(self, sender: str, message: Message) -> None:
        """Take a message in."""
        self.event_count += 1
        if self._down:
            return
        # The common case first: a statement of the open slot.
        if type(message) is Parcel and message.slot == self._slot and self._evidence is None:
            step = self._step
            for event in message.events:
                outputs = step(event)
                if outputs:
                    self._carry_out(outputs)
        else:
            self._receive_rest(sender, message)
        if self._decided is not None and self._slot < self._last_slot:
            self._settle()

    def leave(self) -> None:
        """Let go of the world when the trial is over, so that both can be freed at once."""
        self._timers.forget()
        del self._world, self._outbox, self._timers, self._step

    def crash(self) -> None:
        """Stop."""
        self._down = True
        self._timers.forget()
        self._pending.clear()
        self._pending_count = 0
        self._note("crash")

    def recover(self) -> None:
        """Run again, with the ledger and what was signed in the open slot."""
        self._down = False
        self._note("recover", f"slot {self._slot}")
        self._renew()
        self._begin(Recall(tuple(self._said.values())))
        self._outbox.ask(self._outbox.peers, self._slot)
        self._settle()

    # Slots

    def _renew(self) -> None:
        """Make a node that knows nothing."""
        own = None if self._interposer is None else self._interposer.trusts
        world = self._world
        noted = partial(world.checker.justified, self.instance)
        self._step = node_of(world.trial, world.trust, self.node, own, noted).step

    def _settle(self) -> None:
        """Go on to the next slot while the open one is decided."""
        while self._decided is not None and self._slot < self._world.trial.slots:
            self._enter(self._slot + 1)
            waiting = self._pending.pop(self._slot, [])
            self._pending_count -= len(waiting)
            for parcel in waiting:
                self._take(parcel)

    def _enter(self, slot: int) -> None:
        self._slot = slot
        self._opened_us = self._world.now_us
        self._decided = None
        self._timers.forget()
        self._said = {}
        self._begin(None)

    def _begin(self, recall: Recall | None) -> None:
        """Open the slot in the node, and tell it what it may decide."""
        world, slot = self._world, self._slot
        leader = world.leader(slot)
        before = self.decisions[slot - 2].value if slot > 1 else CHAIN_ID
        self._give(Begin(slot, leader, world.values(slot).absent, before))
        if recall is not None:
            self._give(recall)
        for claimed in world.claims_to(self.instance) if recall or slot == 1 else ():
            self._give(Learn(claimed))
        if world.loses and self._decided is None:
            self._timers.set(_AGAIN, slot, world.trial.waits.rebroadcast_us)
        if world.trial.mode == "bare":
            self._tell(world.faces.of(slot, self.instance))
            if world.faces.two(slot):
                self._timers.set(_SECOND_VALUE, slot, world.trial.waits.proposal_us)
        elif leader == self.node:
            made = proposal_of(slot, int(self.instance != leader))
            self._give(Propose(slot, made.candidate, made.accepted, made.rejected))

    def _tell(self, face: int) -> None:
        """Tell the node that the value of one face may be decided."""
        values = self._world.values(self._slot)
        value = values.rejected if face else values.accepted
        self._world.checker.justified(self.instance, self._slot, value)
        self._give(Justified(self._slot, value))

    # Messages

    def _traced(self, sender: str, message: Message) -> None:
        self._note("deliver", f"from {sender}: {describe(message)}")
        self.receive(sender, message)

    def _receive_rest(self, sender: str, message: Message) -> None:
        if isinstance(message, Parcel):
            self._take(message)
            again = isinstance(message, Repeated)
            if again or isinstance(message.events[-1].statement, ViewChange):
                self._answer(sender, message.slot)
        elif isinstance(message, Ask):
            self._answer(sender, message.slot)
        else:
            self._receive_certificate(sender, message)

    def _take(self, parcel: Parcel) -> None:
        """Give the node the statements of the open slot; keep those of later ones."""
        if self._evidence is not None and parcel.slot <= self._slot:
            for event in parcel.events:
                self._evidence.take(event.sender, event.statement)
        if parcel.slot == self._slot:
            for event in parcel.events:
                self._give(event)
        elif parcel.slot > self._slot and self._pending_count < PENDING_MAX:
            self._pending.setdefault(parcel.slot, []).append(parcel)
            self._pending_count += 1
            if self._evidence is not None and not self._timers.runs(_BEHIND):
                self._timers.set(_BEHIND, self._slot, self._world.trial.waits.rebroadcast_us)

    def _answer(self, sender: str, slot: int) -> None:
        """Show somebody who is behind how a slot was decided."""
        if self._evidence is None or slot > len(self.decisions):
            return
        world, value = self._world, self.decisions[slot - 1].value
        statements = self._evidence.certificate(slot, value, self.node, world.sets)
        if statements is not None:
            self._outbox.certify(sender, slot, value, statements)

    def _receive_certificate(self, sender: str, certificate: Certificate) -> None:
        if certificate.slot != self._slot or self._decided is not None:
            return
        try:
            check(certificate, self._world.trial.protocol, self.node, self._world.sets)
        except CertificateError as error:
            self._note("refuse", f"from {sender}: {error}")
            return
        if self._evidence is not None:
            for each in certificate.statements:
                self._evidence.take(*each)
        self._decide(certificate.value)
        if self._slot < self._world.trial.slots:
            self._outbox.ask((sender,), self._slot + 1)

    # What the node wants

    def _give(self, event: Input) -> None:
        outputs = self._step(event)
        if outputs:
            self._carry_out(outputs)

    def _carry_out(self, outputs: tuple[Output, ...]) -> None:
        for output in outputs:
            match output:
                case Record(statement=statement):
                    self._record(statement)
                case Broadcast(statement=statement, supporting=supporting):
                    self._outbox.say(statement, supporting)
                case SetTimer(slot=slot, timer=timer, delay_us=delay_us):
                    self._timers.set(timer, slot, delay_us)
                case CancelTimer(timer=timer):
                    self._timers.cancel(timer)
                case Externalize(value=value):
                    self._decide(value)
                case AskValidation(slot=slot, candidate=candidate):
                    self._validate(slot, candidate)
                case Accuse(node=node):
                    self._note("accuse", node)
                case Reject(sender=sender, reason=reason):
                    self._note("reject", f"from {sender}: {reason}")

    def _record(self, statement: Statement) -> None:
        kind = type(statement)
        self._said.pop(kind, None)  # the order is that of signing
        self._said[kind] = statement
        if self._evidence is not None:
            self._evidence.take(self.node, statement)
        if self._world.trace is not None:
            self._note("say", worded(statement))
        world = self._world
        world.checker.said(self.instance, world.same(statement), world.now_us)

    def _decide(self, value: Digest) -> None:
        world, now_us = self._world, self._world.now_us
        world.checker.decided(self.instance, self._slot, value, now_us)
        if self._decided is None:
            self._decided = value
            if len(self.decisions) < self._slot:
                self.decisions.append(Decision(self._slot, value, now_us, self._opened_us))
            self._timers.cancel(_AGAIN)
            self._note("decide", f"slot {self._slot} {short(value)}")

    def _validate(self, slot: int, candidate: Digest) -> None:
        """Answer the node with a judgement by chance, after the time that it takes."""

        def answer() -> None:
            accept = accepts(self._world.trial, slot, self.instance)
            validated = Validated(slot, candidate, accept, reason_of(accept), ())
            if self._interposer is not None:
                validated = self._interposer.judge(validated, self._world.leader(slot))
            self._give(validated)
            self._settle()

        self._timers.after(self._world.trial.waits.validate_us, answer)

    # Time

    def _expire(self, timer: str, slot: int) -> None:
        self.event_count += 1
        if timer == _AGAIN:
            self._say_again()
        elif timer == _BEHIND:
            self._outbox.ask(
                self._outbox.peers, self._slot
            )  # others are in later slots, and this one is still open here
            self._timers.set(_BEHIND, slot, self._world.trial.waits.rebroadcast_us)
        elif timer == _SECOND_VALUE:
            self._tell(1 - self._world.faces.of(slot, self.instance))
        else:
            self._note("timer", timer)
            self._give(TimerExpired(slot, timer))
        self._settle()

    def _say_again(self) -> None:
        """Say again what was said last in the open slot, or ask, until it is decided."""
        for statement in self._said.values():
            self._outbox.say(statement, (), Repeated)
        if not self._said:
            self._outbox.ask(self._outbox.peers, self._slot)
        self._timers.set(_AGAIN, self._slot, self._world.trial.waits.rebroadcast_us)

    def _note(self, event: str, words: str = "") -> None:
        if self._world.trace is not None:
            self._world.trace(self._world.now_us, self.instance, event, words)


def describe(message: Message) -> str:
    """Name a message in a trace."""
    match message:
        case Parcel(events=events):
            first = "again " if isinstance(message, Repeated) else ""
            return first + ", ".join(f"{each.sender} {kind_of(each.statement)}" for each in events)
        case Ask(slot=slot):
            return f"asks for slot {slot}"
        case Certificate(slot=slot, value=value):
            return f"certificate of slot {slot} {short(value)}"
