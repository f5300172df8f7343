"""The shell of one hospital: a pure consensus node, a learner and a replica, joined by messages.

It verifies what comes in before the node sees it, signs what the node says before it goes out,
answers the node's questions with the learner, and appends what the node decides. It decides no vote
itself. Everything it does is the effect of one event at one simulated time; what it computes takes
the time that the cost profile says, one thing after the other.
"""

from collections.abc import Mapping, Sequence

from consensus.messages import (
    Accuse,
    AskValidation,
    Begin,
    Broadcast,
    CancelTimer,
    Externalize,
    Input,
    Learn,
    Output,
    Propose,
    Recall,
    Receive,
    Record,
    Reject,
    SetTimer,
    Validated,
)
from consensus.statements import Proposal, Statement
from crypto.digest import Digest
from crypto.envelope import Signed
from crypto.errors import SignatureError
from crypto.identity import NodeId
from fl.errors import FlError
from ledger.audit.authority import authority
from ledger.block import Block, NodeSeal, RecordType, core_hash
from ledger.body import Candidate, candidate_digest
from ledger.candidate import EndCandidate, ModelCandidate
from ledger.errors import BlobError, Violation
from ledger.evidence import Evidence
from ledger.statement import check_recordable

from ..schema_faults import hospital_of
from .catching_up import CatchUp, sound_blocks
from .channel import Traffic
from .diary import Diary
from .docket import Docket
from .inbox import PENDING_COUNT_MAX, Inbox
from .judgement import judge
from .life import Life, OpenLife
from .notary import CosignatureMessage, HeadMessage
from .open_slot import OpenSlot
from .outbox import Mail, Outbox
from .processor import Processor
from .reception import effort_of, received_draft, received_update
from .replica import Replica
from .rounds import Rounds
from .sealing import absent_core, accepted_core, rejected_core
from .speaker import Speaker
from .stages import Effort, Freight, Work
from .timers import Timers
from .trace import short
from .wire import (
    Draft,
    Message,
    MissedAnswer,
    MissedRequest,
    QuorumSetMessage,
    StatementMessage,
    UpdateMessage,
    describe,
)
from .witnessing import Witnessing
from .world import Conduct, Rules, World


class Hospital:
    """One instance: a hospital, or the twin that runs under its key."""

    def __init__(
        self,
        instance: str,
        peers: Sequence[str],
        world: World,
        rules: Rules,
        open_life: OpenLife,
        conduct: Conduct,
    ) -> None:
        self.instance = instance
        """Its name in the run: the node's, or the node's with ``/twin``."""
        self.node_id = NodeId(hospital_of(instance))
        """The node whose key it has."""
        self._peers = tuple(peers)
        self._env = world.env
        self._outbox = outbox = Outbox(instance, world.network)
        self._verifier = world.verifier
        self._observer = world.observer
        self._rules = rules
        self._open_life = open_life
        self._conduct = conduct
        self._statement_count = self._cosigned_count = 0
        self._processor = processor = Processor(world.env)
        self._diary = Diary(instance, processor, world.trace)
        self._timers = Timers(processor, self._step)
        self._speaker = speaker = Speaker(
            instance, peers, outbox, processor, self._diary, rules, conduct.interposer
        )
        self._rounds = Rounds(instance, world, processor, rules, self._is_open, self._put, speaker)
        self._catch_up = CatchUp(
            self.node_id, peers, processor, speaker, rules.catch_up_us, self._is_behind
        )
        self._docket = Docket(rules.genesis)
        self._inbox = Inbox()
        self._unanswered = False
        self._open: OpenSlot | None = None
        self._born()
        self._authority = authority(self._life.replica.state, self.node_id)
        world.network.connect(instance, self._arrive)

    @property
    def replica(self) -> Replica:
        """Its ledger; of a hospital that is down, as it was."""
        return self._life.replica

    @property
    def efforts(self) -> Effort:
        """Simulated microseconds it spent computing, by what they went to."""
        return self._processor.efforts

    @property
    def freights(self) -> Mapping[Freight, Traffic]:
        """What it sent, by what it was for."""
        return self._outbox.sent()

    @property
    def signature_count(self) -> int:
        """Signatures it made."""
        voted = self._statement_count + self._rounds.signature_count
        return voted + self._cosigned_count + self._life.notary.signature_count

    @property
    def finished(self) -> bool:
        """Whether its replica ends with an end record."""
        return self.replica.state.ended

    def start(self) -> None:
        """Open the first slot, and have the crash happen when it is to happen."""
        crash_us, recover_us = self._conduct.crash_us, self._conduct.recover_us
        if crash_us is not None:
            self._env.timeout(crash_us).callbacks.append(lambda _: self._crash())
            if recover_us is not None:
                self._env.timeout(recover_us).callbacks.append(lambda _: self._recover())
        self._speaker.announce()
        self._processor.at(0, self._open_slot)

    def close(self) -> None:
        """Release the files."""
        self._life.close()

    # Lives

    def _born(self) -> None:
        """Open the files; all that this hospital knows is what they hold."""
        self._life: Life = self._open_life()
        self._witnessing = Witnessing(
            self._peers, self._life.notary, self._processor, self._outbox, self._rules.costs
        )

    def _crash(self) -> None:
        self._diary.write("crash")
        self._processor.crash()
        self._rounds.forget()
        self._timers.clear()
        self._inbox.clear()
        self._docket = Docket(self._rules.genesis)
        self._open = None
        self._cosigned_count += self._life.notary.signature_count
        self._life.close()

    def _recover(self) -> None:
        """Begin again from the disk: the ledger, and what was signed in the slot that was open."""
        self._processor.recover()
        self._born()
        height = self.replica.state.height
        self._diary.write("recover", height=height)
        if not self.finished:
            self._unanswered = True
            self._open_slot()
            self._catch_up.ask(height)
            self._catch_up.watch(height)

    # Slots

    def _open_slot(self) -> None:
        """Open the slot after the last block; what was signed there in an earlier life stands."""
        if self._open is not None or self.finished:
            return
        state = self.replica.state
        slot = state.height + 1
        leader = state.leader
        absent = absent_core(state, self._rules.proposal_timeout_us)
        self._open = open_slot = OpenSlot(slot, leader, absent)
        self._timers.clear()
        self._step(Begin(slot, leader, core_hash(absent), state.head))
        recall = open_slot.recall(self._life.signer.said(slot))
        if recall is not None:
            self._step(recall)
        if not open_slot.has_proposed(self.node_id):
            self._take_part(open_slot)
        if self._rules.rebroadcast_us is not None:
            signer, period_us = self._life.signer, self._rules.rebroadcast_us
            self._speaker.keep_repeating(open_slot, signer, period_us, self._is_open)
        for message in self._inbox.take(slot):
            self._handle(message)

    def _take_part(self, open_slot: OpenSlot) -> None:
        """Propose what is to be proposed, or contribute to it."""
        state = self.replica.state
        leads = open_slot.leader == self.node_id
        matter = self._docket.next_matter(state) if leads else None
        if matter is not None:
            self._put(open_slot, *matter)
        elif state.round_count < self._rules.round_count:
            self._rounds.begin(open_slot, self._life)
        elif leads:
            end = EndCandidate(state.height + 1, state.accepted_count, state.model.tensors)
            self._put(open_slot, end, b"")

    def _is_open(self, open_slot: OpenSlot) -> bool:
        """Whether a slot is still the open one in this life."""
        return self._open is open_slot and not self._processor.crashed

    def _is_behind(self, height: int) -> bool:
        """Whether nothing came after a height, though others are further or we know it decided."""
        if self.replica.state.height != height or self.finished or self._open is None:
            return False
        later = self._inbox.latest_slot > height + 1
        return later or self._unanswered or self._open.decided is not None

    # Proposing

    def _put(
        self,
        open_slot: OpenSlot,
        candidate: Candidate,
        file: bytes,
        seals: tuple[NodeSeal, ...] = (),
        proofs: tuple[bytes, ...] = (),
        total: bytes = b"",
    ) -> None:
        """Make a draft of a candidate and put it to the vote."""
        state, now_us = self.replica.state, self._processor.now_us
        accepted = accepted_core(state, candidate, now_us, self.node_id)
        open_slot.keep_draft(Draft(accepted, candidate, file, seals, proofs, total))
        values = core_hash(accepted), core_hash(rejected_core(accepted))
        self._step(Propose(open_slot.slot, candidate_digest(candidate), *values))

    # Messages

    def _arrive(self, sender: str, message: Mail) -> None:
        """A message reached this hospital; it is handled once it has been verified."""
        if self._processor.crashed:
            return
        match message:
            case HeadMessage() | CosignatureMessage():
                silent = self._speaker.mute(self.replica.state.height)
                self._witnessing.arrive(message, self._diary.refused, silent=silent)
            case QuorumSetMessage():
                self._life.node.step(Learn(message.quorum_set))
            case MissedRequest():
                self._answer(sender, message)
            case MissedAnswer():
                needed_us = self._rules.costs.verify_us * max(1, len(message.blocks))
                self._processor.after({Work.VERIFY: needed_us}, lambda: self._take_missed(message))
            case StatementMessage() | UpdateMessage():
                self._diary.delivered(message, sender)
                genesis = self.replica.state.genesis
                effort = effort_of(message, genesis, self._rules.costs)
                self._processor.after(effort, lambda: self._handle(message, sender))

    def _handle(self, message: Message, sender: str | None = None) -> None:
        open_slot = self._open
        height = self.replica.state.height
        if message.slot <= height or self.finished:
            if isinstance(message, StatementMessage) and message.again and sender is not None:
                author = message.signed.node
                self._answer(sender, MissedRequest(author, message.slot - 1, with_blocks=True))
            return  # decided without it
        if open_slot is None or message.slot > open_slot.slot:
            self._keep(message)
            return
        try:
            if isinstance(message, UpdateMessage):
                self._receive_update(open_slot, message)
            else:
                self._receive_statement(open_slot, message)
        except (SignatureError, Violation, FlError) as error:
            self._diary.refused(describe(message)[1], str(error))

    def _keep(self, message: Message) -> None:
        if not self._inbox.keep(message):
            self._diary.refused(
                describe(message)[1], f"more than {PENDING_COUNT_MAX} messages wait"
            )
        self._catch_up.watch(self.replica.state.height)

    def _receive_update(self, open_slot: OpenSlot, message: UpdateMessage) -> None:
        """Take a contribution in."""
        model, state = self._life.learner.model, self.replica.state
        accuse = self._accuse_of_false_proof
        self._rounds.take(open_slot, received_update(message, state, model, self._verifier, accuse))

    def _receive_statement(self, open_slot: OpenSlot, message: StatementMessage) -> None:
        """Hand a statement to the node, its signature checked, its values rebuilt."""
        for signed in message.supporting:
            if signed.statement.slot == open_slot.slot and signed.node != self.node_id:
                self._hear(open_slot, signed)
        signed = message.signed
        self._verifier.check(signed)
        came_back = (
            isinstance(signed.statement, Proposal)
            and (self.node_id, signed.statement) in open_slot.signed
            and open_slot.draft_of(signed.statement) is None
        )
        if isinstance(signed.statement, Proposal):
            state, now_us = self.replica.state, self._processor.now_us
            checks = (self._rules.genesis, self._verifier, self._accuse_of_false_proof)
            draft = received_draft(message, signed.statement, state, now_us, *checks)
            open_slot.keep_draft(draft)
        if signed.node != self.node_id:
            self._hear(open_slot, signed)
        elif came_back:
            # Our own, from a life before: what it was about came back to us.
            self._step(Recall((signed.statement,)))

    def _hear(self, open_slot: OpenSlot, signed: Signed[Statement]) -> None:
        """Give the node one statement of another, and see what has become possible."""
        self._verifier.check(signed)
        check_recordable(signed.statement)
        if not open_slot.keep(signed):
            raise Violation("TOO_MANY", "fewer statements in one slot", "more")
        self._step(Receive(signed.node, signed.statement))

    # What was missed

    def _answer(self, asker: str, request: MissedRequest) -> None:
        if self._speaker.mute(self.replica.state.height + 1):
            return
        try:
            self._catch_up.answer(asker, request, self.replica, self._open)
        except BlobError as error:
            self._diary.refused(request.node, str(error))

    def _take_missed(self, answer: MissedAnswer) -> None:
        """Append what a peer has and our own audit passes; then hear what else it says."""
        before = self.replica.state.height
        self._unanswered = False
        self._inbox.latest_slot = max(self._inbox.latest_slot, answer.height + 1)
        try:
            for block, files in sound_blocks(
                answer, self.replica, self._authority, self._verifier, self._rules.genesis
            ):
                self._append(block, files)
        except (SignatureError, Violation) as error:
            self._diary.refused(answer.node, str(error))
        height = self.replica.state.height
        if height > before:
            self._diary.write("catch-up", height=height, by=answer.node)
        if self._inbox.latest_slot > height + 1:
            if height > before:
                self._catch_up.ask(height)
            self._catch_up.watch(height)
        self._open_slot()
        for message in answer.statements:
            self._handle(message)

    # The node's outputs

    def _step(self, event: Input) -> None:
        """Give the node an input and carry out what it wants."""
        open_slot = self._open
        if open_slot is None:
            return  # between two slots
        outputs = self._life.node.step(event)
        self._observer.stepped(self.instance, event, outputs)
        for output in outputs:
            self._carry_out(open_slot, output)
        self._try_to_append(open_slot)

    def _carry_out(self, open_slot: OpenSlot, output: Output) -> None:
        match output:
            case Record(statement=statement):
                signed = self._life.signer.sign(statement)
                self._statement_count += 1
                open_slot.keep(signed)
                self._diary.said(statement)
                self._observer.said(self.instance, statement)
            case Broadcast(statement=statement, supporting=supporting):
                self._broadcast(open_slot, statement, supporting)
            case SetTimer():
                self._timers.set(output)
            case CancelTimer(slot=slot, timer=timer):
                self._timers.cancel(slot, timer)
            case AskValidation(slot=slot, candidate=candidate):
                self._validate(slot, candidate)
            case Externalize(value=value):
                open_slot.decided = value
                self._diary.write("externalize", slot=open_slot.slot, value=short(value))
                self._observer.externalized(self.instance, open_slot.slot, value)
            case Accuse():
                self._accuse(output.node, self._docket.accuse(output, open_slot))
            case Reject(sender=sender, reason=reason):
                self._diary.refused(sender, reason)

    def _broadcast(
        self,
        open_slot: OpenSlot,
        statement: Statement,
        supporting: Sequence[tuple[NodeId, Statement]],
    ) -> None:
        signed = open_slot.signed[self.node_id, statement]
        if isinstance(statement, Proposal) and open_slot.draft_of(statement) is None:
            return  # of a life before; what it was about has to come back first
        known = (open_slot.signed.get(each) for each in supporting)
        support = tuple(each for each in known if each is not None)
        self._speaker.broadcast(signed, open_slot, self._life.signer, support)

    def _accuse(self, node: NodeId, evidence: Evidence | None) -> None:
        """Tell of evidence that this hospital came across; its docket keeps it."""
        self._diary.write("accuse", node=node)
        if evidence is not None:
            self._observer.accused(self.instance, evidence)

    def _accuse_of_false_proof(self, message: UpdateMessage) -> None:
        author, parent = message.entry.author, self.replica.state.head
        self._accuse(author, self._docket.accuse_of_false_proof(message, parent))

    # Judging

    def _validate(self, slot: int, digest: Digest) -> None:
        """Answer the node with this hospital's own judgement, after the time that it takes."""
        open_slot = self._open
        draft = None if open_slot is None else open_slot.drafts.get(digest)
        if open_slot is None or draft is None:
            return
        needed_us, answer = judge(slot, draft, self._life, self._docket, self._rules.costs)
        if self._conduct.interposer is not None:
            answer = self._conduct.interposer.judge(answer, open_slot.leader)
        effort = {Work.VALIDATE: needed_us}
        self._processor.after(effort, lambda: self._judged(open_slot, draft, answer))

    def _judged(self, open_slot: OpenSlot, draft: Draft, answer: Validated) -> None:
        self._step(answer)
        a_model = isinstance(draft.candidate, ModelCandidate)
        if answer.accept and a_model and self._is_open(open_slot):
            self._rounds.train_ahead(open_slot.slot + 1, draft.file, self._life)

    # Recording

    def _try_to_append(self, open_slot: OpenSlot) -> None:
        """Record what was decided once it can be shown; in the end ask for what is missing."""
        if open_slot.decided is None or not self._is_open(open_slot):
            return
        found = open_slot.recordable(self.replica.state, self._authority)
        if found is None:
            self._catch_up.watch(self.replica.state.height)
            return
        self._append(*found)
        self._processor.at(0, self._open_slot)

    def _append(self, block: Block, files: Sequence[bytes]) -> None:
        """Put a block on our own replica, and do what follows from it."""
        core, replica = block.core, self.replica
        replica.append(block, files)
        self._open = None
        head = short(replica.state.head)
        self._diary.write("append", height=core.height, type=core.type.value, core=head)
        self._observer.appended(self.instance, block, self._processor.now_us)
        if core.type is RecordType.ACCEPTED and isinstance(core.body, ModelCandidate):
            self._life.learner.adopt(files[0], core.body.global_score)
        self._docket.settle(block)
        self._life.signer.forget_before(core.height)
        if self.finished or core.height % self._rules.checkpoint_every == 0:
            silent = self._speaker.mute(core.height)
            self._witnessing.publish(replica.leaves, silent=silent)
