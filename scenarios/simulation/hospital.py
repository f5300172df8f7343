"""The shell of one hospital: a pure consensus node, a learner and a replica, joined by messages.

It verifies what comes in before the node sees it, signs what the node says before it goes out,
answers the node's questions with the learner, and appends what the node decides. It decides no vote
itself. Everything it does is the effect of one event at one simulated time; what it computes takes
the time that the cost profile says, one thing after the other.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import simpy

from consensus.majority import leader_of
from consensus.messages import (
    Accuse,
    AskValidation,
    Begin,
    Broadcast,
    Externalize,
    Input,
    Node,
    Proposal,
    Propose,
    Receive,
    Record,
    Reject,
    SetTimer,
    Statement,
    TimerExpired,
    Validated,
    Verdict,
    Vote,
)
from crypto.digest import Digest
from crypto.envelope import Signed
from crypto.errors import SignatureError
from crypto.identity import NodeId
from fl.errors import FlError
from fl.update import Update, delta_from_bytes, delta_to_bytes, update_digest
from ledger.block import Block, Core, NodeSeal, RecordType, core_hash
from ledger.body import Candidate, candidate_digest
from ledger.candidate import EndCandidate, ModelCandidate, UpdateEntry
from ledger.errors import Violation
from ledger.evidence import Equivocation
from ledger.statement import check_recordable

from ..schema_faults import hospital_of
from .candidates import claim_of, model_candidate
from .learner import Learner
from .notary import CosignatureMessage, HeadMessage, Notary
from .processor import Processor
from .replica import Replica
from .sealing import (
    absent_core,
    accepted_core,
    check_draft,
    decided_core,
    rejected_core,
    seal_of,
)
from .signer import Signer
from .trace import Word, short
from .wire import Draft, Message, StatementMessage, UpdateMessage, describe, statement_message
from .witnessing import Mail, Witnessing
from .world import Conduct, Rules, World

PENDING_COUNT_MAX = 10_000
"""Messages of later slots that a hospital keeps until it gets there."""

END_REASON = "end"
"""Reason of a verdict on an end candidate that is not what this replica holds."""


_Pair = tuple[Signed[Statement], Signed[Statement]]
_Effect = Record | Broadcast | SetTimer | AskValidation | Externalize | Reject


@dataclass(slots=True)
class _OpenSlot:
    """What the shell knows of the slot that is open."""

    slot: int
    leader: NodeId
    absent: Core
    draft: Draft | None = None
    signed: dict[tuple[type[Statement], NodeId], Signed[Statement]] = field(default_factory=dict)
    updates: dict[NodeId, tuple[Update, UpdateEntry, bytes]] = field(default_factory=dict)
    collected: simpy.Event | None = None


class Hospital:
    """One instance: a hospital, or the twin that runs under its key."""

    def __init__(
        self,
        instance: str,
        peers: Sequence[str],
        world: World,
        rules: Rules,
        node: Node,
        signer: Signer,
        learner: Learner,
        replica: Replica,
        notary: Notary,
        conduct: Conduct,
    ) -> None:
        self.instance = instance
        """Its name in the run: the node's, or the node's with ``/twin``."""
        self.replica = replica
        """Its ledger."""
        self._statement_count = 0
        self._node_id = NodeId(hospital_of(instance))
        self._peers = tuple(peers)
        self._env = world.env
        self._network = world.network
        self._verifier = world.verifier
        self._trace = world.trace
        self._observer = world.observer
        self._rules = rules
        self._node = node
        self._signer = signer
        self._learner = learner
        self._notary = notary
        self._conduct = conduct
        self._processor = Processor(world.env, conduct.crash_us)
        self._witnessing = Witnessing(
            instance, peers, notary, self._processor, world.network, rules.costs
        )
        self._pending: dict[int, list[Message]] = {}
        self._open: _OpenSlot
        world.network.connect(instance, self._arrive)

    @property
    def signature_count(self) -> int:
        """Signatures it made."""
        return self._statement_count + self._notary.signature_count

    @property
    def busy_us(self) -> int:
        """Simulated microseconds it spent computing."""
        return self._processor.busy_us

    @property
    def finished(self) -> bool:
        """Whether its replica ends with an end record."""
        return self.replica.state.ended

    def start(self) -> None:
        """Open the first slot."""
        self._processor.at(0, self._open_slot)

    # Slots

    def _open_slot(self) -> None:
        state = self.replica.state
        slot = state.height + 1
        leader = leader_of(slot, self._rules.nodes)
        absent = absent_core(state, self._rules.proposal_timeout_us)
        self._open = _OpenSlot(slot, leader, absent)
        self._step(Begin(slot, leader, core_hash(absent)))
        if state.round_count < self._rules.round_count:
            if leader == self._node_id:
                self._env.process(self._lead(slot))
            elif self._rules.scheme == "fedavg":
                self._env.process(self._contribute(slot, leader))
        elif leader == self._node_id:
            self._propose_end()
        for message in self._pending.pop(slot, []):
            self._handle(message)

    # Learning

    def _lead(self, slot: int) -> Generator[simpy.Event, None, None]:
        """Make the round's candidate and put it forward."""
        base = self.replica.state.model
        base_file = self.replica.model
        update = self._learner.train(slot, base_file)
        yield self._processor.computing(self._train_us())
        open_slot = self._open
        if self._is_over(slot):
            return
        self._take_update(open_slot, *self._sign_update(slot, base.tensors, update))
        if self._rules.scheme == "fedavg" and len(open_slot.updates) < len(self._rules.nodes):
            open_slot.collected = self._env.event()
            patience = self._env.timeout(self._rules.proposal_timeout_us // 2)
            yield open_slot.collected | patience
            if self._is_over(slot):
                return
        parts = [open_slot.updates[author] for author in sorted(open_slot.updates)]
        made = self._learner.combine(base_file, [update for update, _, _ in parts])
        entries = tuple(entry for _, entry, _ in parts)
        candidate = model_candidate(made, base.tensors, self._rules.scheme, entries)
        seals = tuple(NodeSeal(entry.author, signature) for _, entry, signature in parts)
        self._propose(candidate, made.file, seals)

    def _contribute(self, slot: int, leader: NodeId) -> Generator[simpy.Event, None, None]:
        """Train, and send the update to whoever leads the round."""
        base = self.replica.state.model.tensors
        update = self._learner.train(slot, self.replica.model)
        yield self._processor.computing(self._train_us())
        if self._is_over(slot) or self._mute(slot):
            return
        _, entry, signature = self._sign_update(slot, base, update)
        message = UpdateMessage(slot, base, entry, delta_to_bytes(update.delta), signature)
        for peer in self._peers:
            if hospital_of(peer) == leader:
                self._send(peer, message)

    def _is_over(self, slot: int) -> bool:
        """Whether a slot was decided meanwhile, or this hospital has crashed."""
        return self._processor.crashed or self._open.slot != slot

    def _train_us(self) -> int:
        return self._rules.costs.train_us(self._learner.train_count, self._rules.epoch_count)

    def _sign_update(
        self, slot: int, base: Digest, update: Update
    ) -> tuple[Update, UpdateEntry, bytes]:
        entry = UpdateEntry(self._node_id, update_digest(update), update.sample_count)
        self._statement_count += 1
        return update, entry, self._signer.sign_update(slot, base, entry)

    def _take_update(
        self, open_slot: _OpenSlot, update: Update, entry: UpdateEntry, signature: bytes
    ) -> None:
        open_slot.updates.setdefault(entry.author, (update, entry, signature))
        everybody = len(open_slot.updates) == len(self._rules.nodes)
        collected = open_slot.collected
        if everybody and collected is not None and not collected.triggered:
            collected.succeed()

    # Proposing

    def _propose_end(self) -> None:
        state = self.replica.state
        end = EndCandidate(state.height + 1, state.accepted_count, state.model.tensors)
        self._propose(end, b"", ())

    def _propose(self, candidate: Candidate, file: bytes, updates: tuple[NodeSeal, ...]) -> None:
        state, now_us = self.replica.state, self._processor.now_us
        accepted = accepted_core(state, candidate, now_us, self._node_id)
        self._open.draft = Draft(accepted, candidate, file, updates)
        values = core_hash(accepted), core_hash(rejected_core(accepted))
        self._step(Propose(self._open.slot, candidate_digest(candidate), *values))

    # Messages

    def _arrive(self, sender: str, message: Mail) -> None:
        """A message reached this hospital; it is handled once it has been verified."""
        if self._processor.crashed:
            return
        if isinstance(message, HeadMessage | CosignatureMessage):
            silent = self._mute(self.replica.state.height)
            self._witnessing.arrive(message, self._refuse, silent=silent)
            return
        kind, author, slot = describe(message)
        words: dict[str, str | int] = {"from": sender, "kind": kind, "by": author, "slot": slot}
        self._trace.add(self._processor.now_us, "deliver", self.instance, **words)
        self._processor.after(self._rules.costs.verify_us, lambda: self._handle(message))

    def _handle(self, message: Message) -> None:
        slot = self._open.slot
        if message.slot < slot or self.finished:
            return  # decided without it
        if message.slot > slot:
            self._keep(message)
            return
        try:
            if isinstance(message, UpdateMessage):
                self._receive_update(message)
            else:
                self._receive_statement(message)
        except (SignatureError, Violation, FlError) as error:
            self._refuse(describe(message)[1], str(error))

    def _keep(self, message: Message) -> None:
        if sum(map(len, self._pending.values())) < PENDING_COUNT_MAX:
            self._pending.setdefault(message.slot, []).append(message)
        else:
            self._refuse(describe(message)[1], f"more than {PENDING_COUNT_MAX} messages wait")

    def _receive_update(self, message: UpdateMessage) -> None:
        """Take a contribution in if it is signed, of this round, and what it says it is."""
        entry = message.entry
        self._verifier.check_update(message.slot, message.base, entry, message.signature)
        base = self.replica.state.model.tensors
        if message.base != base:
            raise Violation("BAD_BASE", f"the accepted model {base.hex()}", message.base.hex())
        delta = delta_from_bytes(self._learner.model, message.delta)
        update = Update(entry.author, delta, entry.sample_count)
        found = update_digest(update)
        if found != entry.update:
            raise Violation("BAD_UPDATE", f"an update of {entry.update.hex()}", found.hex())
        self._take_update(self._open, update, entry, message.signature)

    def _receive_statement(self, message: StatementMessage) -> None:
        """Hand a statement to the node, its signature checked, its values rebuilt."""
        signed = message.signed
        self._verifier.check(signed)
        statement = signed.statement
        check_recordable(statement)
        if isinstance(statement, Proposal):
            self._receive_draft(statement, message.draft, signed.node)
        held = self._open.signed.setdefault((type(statement), signed.node), signed)
        self._step(Receive(signed.node, statement), contradicting=(held, signed))

    def _receive_draft(self, proposal: Proposal, draft: Draft | None, sender: NodeId) -> None:
        """Keep the first sound draft of the slot's leader; a proposal that differs is refused."""
        if sender != self._open.leader:
            raise Violation("BAD_PROPOSER", f"{self._open.leader}, who leads the slot", sender)
        check_draft(proposal, draft, sender, self.replica.state, self._processor.now_us)
        if draft is not None and isinstance(draft.candidate, ModelCandidate):
            self._check_updates(draft.candidate, draft.attestations)
        if self._open.draft is None:
            self._open.draft = draft

    def _check_updates(self, candidate: ModelCandidate, seals: tuple[NodeSeal, ...]) -> None:
        if [seal.node for seal in seals] != [entry.author for entry in candidate.updates]:
            raise Violation("BAD_UPDATE", "a signature of each author", "others")
        for entry, seal in zip(candidate.updates, seals, strict=True):
            self._verifier.check_update(self._open.slot, candidate.base, entry, seal.signature)

    # The node's outputs

    def _step(self, event: Input, contradicting: _Pair | None = None) -> None:
        """Give the node an input and carry out what it wants.

        Args:
            event: The input.
            contradicting: What was held and what was heard, if the node should find that the two
                contradict each other.
        """
        for output in self._node.step(event):
            if isinstance(output, Accuse):
                self._accuse(output, contradicting)
            else:
                self._carry_out(output)

    def _carry_out(self, output: _Effect) -> None:
        match output:
            case Record(statement=statement):
                signed = self._signer.sign(statement)
                self._statement_count += 1
                self._open.signed[type(statement), self._node_id] = signed
                self._note(statement)
            case Broadcast(statement=statement):
                self._broadcast(statement)
            case SetTimer(slot=slot, timer=timer, delay_us=delay_us):
                self._processor.at(delay_us, lambda: self._step(TimerExpired(slot, timer)))
            case AskValidation(slot=slot, candidate=candidate):
                self._validate(slot, candidate)
            case Externalize(slot=slot, value=value):
                self._append(slot, value)
            case Reject(sender=sender, reason=reason):
                self._refuse(sender, reason)

    def _accuse(self, accusation: Accuse, pair: _Pair | None) -> None:
        self._trace.add(self._processor.now_us, "accuse", self.instance, node=accusation.node)
        if pair is not None:
            self._observer.accused(self.instance, Equivocation(self._rules.chain_id, *pair))

    def _broadcast(self, statement: Statement) -> None:
        if self._mute(statement.slot):
            return
        signed = self._open.signed[type(statement), self._node_id]
        draft = self._open.draft if isinstance(statement, Proposal) else None
        quorum_set = self._rules.quorum_sets[self._node_id]
        message = statement_message(signed, draft, self._rules.chain_id, quorum_set)
        kind, author, slot = describe(message)
        words: dict[str, str | int] = {"kind": kind, "by": author, "slot": slot}
        self._trace.add(
            self._processor.now_us, "send", self.instance, **words, bytes=message.size_bytes
        )

        def send() -> None:
            for peer in self._peers:
                self._send(peer, message)

        self._processor.after(self._rules.costs.sign_us, send)

    def _send(self, peer: str, message: Message) -> None:
        self._network.send(self.instance, peer, message, message.size_bytes)

    def _validate(self, slot: int, digest: Digest) -> None:
        """Answer the node with this hospital's own judgement, after the time that it takes."""
        draft = self._open.draft
        if draft is None:
            return
        candidate = draft.candidate
        if not isinstance(candidate, ModelCandidate):
            cost_us = 1
            answer = self._judge_end(slot, digest, candidate)
        else:
            cost_us = self._rules.costs.validate_us(self._learner.validate_count)
            validation = self._learner.validate(draft.file, claim_of(candidate))
            scores = tuple(sorted(validation.scores.items()))
            answer = Validated(slot, digest, validation.accept, validation.reason.value, scores)
        self._processor.after(cost_us, lambda: self._step(answer))

    def _judge_end(self, slot: int, digest: Digest, candidate: Candidate) -> Validated:
        state = self.replica.state
        sound = EndCandidate(slot, state.accepted_count, state.model.tensors) == candidate
        return Validated(slot, digest, sound, "ok" if sound else END_REASON, ())

    def _append(self, slot: int, value: Digest) -> None:
        """Put the decided block, with what shows that it was decided, on our own replica."""
        open_slot = self._open
        core, draft = decided_core(value, open_slot.draft, open_slot.absent)
        block = Block(core, seal_of(open_slot.signed.values(), value, draft))
        self.replica.append(block, draft.file if draft is not None else b"")
        self._trace.add(
            self._processor.now_us,
            "append",
            self.instance,
            height=core.height,
            type=core.type.value,
            core=short(value),
        )
        self._observer.appended(self.instance, block, self._processor.now_us)
        if core.type is RecordType.ACCEPTED and draft is not None:
            candidate = draft.candidate
            if isinstance(candidate, ModelCandidate):
                self._learner.adopt(draft.file, candidate.global_score)
        self._signer.forget_before(slot)
        if self.finished or core.height % self._rules.checkpoint_every == 0:
            self._witnessing.publish(self.replica.leaves, silent=self._mute(core.height))
        if not self.finished:
            self._processor.at(0, self._open_slot)

    def _note(self, statement: Statement) -> None:
        """Trace what was said and tell the observer."""
        words: dict[str, Word] = {}
        match statement:
            case Proposal():
                words = {"candidate": short(statement.candidate)}
            case Verdict():
                words = {"accept": statement.accept, "reason": statement.reason}
                words |= dict(statement.scores)
            case Vote():
                words = {"value": short(statement.value)}
        kind = type(statement).__name__.lower()
        now_us = self._processor.now_us
        self._trace.add(now_us, kind, self.instance, slot=statement.slot, **words)
        self._observer.said(self.instance, statement)

    def _refuse(self, sender: NodeId, reason: str) -> None:
        words: dict[str, str] = {"from": sender, "reason": reason}
        self._trace.add(self._processor.now_us, "refuse", self.instance, **words)

    def _mute(self, slot: int) -> bool:
        silent_from = self._conduct.silent_from
        return silent_from is not None and slot >= silent_from
