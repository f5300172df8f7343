"""The learning side of a slot, as processes in simulated time: train, contribute, propose.

Training of the next round may begin while this one is decided (`training.pipeline`): from the
candidate that this hospital has accepted, on the guess that the others accept it too. If they do
not, the work is thrown away.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import simpy

from crypto.digest import Digest, sha256
from crypto.identity import NodeId
from crypto.tensors import tensor_digest
from fl.update import Update, delta_to_bytes, update_digest
from ledger.block import NodeSeal
from ledger.candidate import ModelCandidate, UpdateEntry

from ..schema_faults import hospital_of
from .candidates import model_candidate
from .contribution import Contribution
from .life import Life
from .norms import sum_of_payloads
from .open_slot import OpenSlot
from .processor import Processor
from .speaker import Speaker
from .stages import Effort, Work
from .wire import UpdateMessage
from .world import Rules, World


class Put(Protocol):
    """Puts a candidate to the vote."""

    def __call__(
        self,
        open_slot: OpenSlot,
        candidate: ModelCandidate,
        file: bytes,
        seals: tuple[NodeSeal, ...],
        proofs: tuple[bytes, ...],
        total: bytes,
    ) -> None:
        """Make a draft of a candidate with its file and its authors' signatures, and propose it."""


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A training that began before its round did."""

    slot: int
    base: Digest
    update: Update
    done: simpy.Event


class Rounds:
    """Makes one hospital's updates and candidates."""

    def __init__(
        self,
        instance: str,
        world: World,
        processor: Processor,
        rules: Rules,
        is_open: Callable[[OpenSlot], bool],
        put: Put,
        speaker: Speaker,
    ) -> None:
        """Begin with nothing trained.

        Args:
            instance: The hospital, or its twin.
            world: Simulated time, and who sees what is handed in.
            processor: Where its computing takes place.
            rules: What the coalition agreed on.
            is_open: Whether a slot is still the open one in this life.
            put: Puts a candidate to the vote.
            speaker: Sends updates to whoever leads.
        """
        self._instance = instance
        self._node = NodeId(hospital_of(instance))
        self._env = world.env
        self._observer = world.observer
        self._processor = processor
        self._rules = rules
        self._is_open = is_open
        self._put = put
        self._speaker = speaker
        self._ahead: _Ahead | None = None
        self.signature_count = 0
        """Updates signed."""

    def begin(self, open_slot: OpenSlot, life: Life) -> None:
        """Do this hospital's part of a round of learning."""
        state = life.replica.state
        open_slot.awaited = len(self._rules.nodes) - len(state.excluded)
        if self._node in state.excluded:
            return  # leads, perhaps, where everybody is: only to end
        if state.leader == self._node:
            self._env.process(self._lead(open_slot, life))
        elif self._rules.scheme == "fedavg":
            self._env.process(self._contribute(open_slot, life))

    def train_ahead(self, slot: int, file: bytes, life: Life) -> None:
        """Begin the training of a later slot from a candidate that may become its base."""
        state = life.replica.state
        ends = state.round_count + 1 >= self._rules.round_count
        begun = self._ahead is not None and self._ahead.slot >= slot
        if not self._rules.pipeline or begun or ends:
            return
        if self._rules.scheme == "sequential" and state.leader_at(slot) != self._node:
            return
        if self._node in state.excluded:
            return
        update = life.learner.train(slot, file)
        done = self._processor.computing(self._training(life))
        self._ahead = _Ahead(slot, tensor_digest(file), update, done)

    def forget(self) -> None:
        """Throw away what was trained ahead: a crash."""
        self._ahead = None

    def take(self, open_slot: OpenSlot, contribution: Contribution) -> None:
        """Add a contribution to the candidate of a slot that this hospital leads."""
        open_slot.updates.setdefault(contribution.entry.author, contribution)
        collected = open_slot.collected
        everybody = len(open_slot.updates) >= open_slot.awaited
        if everybody and collected is not None and not collected.triggered:
            collected.succeed()

    def _lead(self, open_slot: OpenSlot, life: Life) -> Generator[simpy.Event, None, None]:
        """Make the round's candidate and put it forward."""
        base, base_file = life.replica.state.model, life.replica.model
        update = yield from self._trained(open_slot.slot, base.tensors, life)
        if not self._is_open(open_slot):
            return
        own = self._sign(open_slot.slot, base.tensors, update, life)
        yield from self._proving(own)
        if not self._is_open(open_slot):
            return
        self.take(open_slot, own)
        if self._rules.scheme == "fedavg" and len(open_slot.updates) < open_slot.awaited:
            open_slot.collected = self._env.event()
            patience = self._env.timeout(self._rules.proposal_timeout_us // 2)
            yield open_slot.collected | patience
            if not self._is_open(open_slot):
                return
        parts = [open_slot.updates[author] for author in sorted(open_slot.updates)]
        total = self._total(parts, life)
        made = life.learner.combine(base_file, [part.update for part in parts], total)
        entries = tuple(part.entry for part in parts)
        candidate = model_candidate(made, base.tensors, self._rules.scheme, entries, total)
        seals = tuple(NodeSeal(part.entry.author, part.signature) for part in parts)
        proofs = tuple(part.proof for part in parts if part.proof)
        self._put(open_slot, candidate, made.file, seals, proofs, total)

    def _total(self, parts: Sequence[Contribution], life: Life) -> bytes:
        """What opens the sum of the commitments; empty where nothing is proven."""
        rule = life.replica.state.genesis.norm
        if rule is None:
            return b""
        return sum_of_payloads(rule, [part.payload for part in parts])

    def _contribute(self, open_slot: OpenSlot, life: Life) -> Generator[simpy.Event, None, None]:
        """Train, and send the update to whoever leads the round."""
        base = life.replica.state.model.tensors
        update = yield from self._trained(open_slot.slot, base, life)
        if not self._is_open(open_slot):
            return
        own = self._sign(open_slot.slot, base, update, life)
        yield from self._proving(own)
        if not self._is_open(open_slot):
            return
        delta = delta_to_bytes(update.delta)
        message = UpdateMessage(
            open_slot.slot, base, own.entry, delta, own.signature, own.proof, own.payload
        )
        self._speaker.hand_in(message, open_slot.leader)

    def _proving(self, own: Contribution) -> Generator[simpy.Event, None, None]:
        """The time that a proof takes."""
        if own.proof:
            count = len(own.update.delta)
            yield self._processor.computing({Work.PROVE: self._rules.costs.prove_us(count)})

    def _trained(self, slot: int, base: Digest, life: Life) -> Generator[simpy.Event, None, Update]:
        """Train, or wait for the training that was begun ahead on the right guess."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and (ahead.slot, ahead.base) == (slot, base):
            if not ahead.done.processed:
                yield ahead.done
            return ahead.update
        update = life.learner.train(slot, life.replica.model)
        yield self._processor.computing(self._training(life))
        return update

    def _training(self, life: Life) -> Effort:
        rules = self._rules
        return {Work.TRAIN: rules.costs.train_us(life.learner.train_count, rules.epoch_count)}

    def _sign(self, slot: int, base: Digest, update: Update, life: Life) -> Contribution:
        """Prove, if that is asked for, and sign."""
        parent = life.replica.state.head
        entry = UpdateEntry(self._node, update_digest(update), update.sample_count)
        proven = life.learner.prove(slot, entry, parent, base)
        if proven is not None:
            entry = replace(entry, proof=sha256(proven.file))
        self.signature_count += 1
        self._observer.handed_in(self._instance, slot, entry, life.learner.origin(slot))
        signature = life.signer.sign_update(slot, parent, base, entry)
        if proven is None:
            return Contribution(update, entry, signature)
        return Contribution(update, entry, signature, proven.file, proven.payload)
