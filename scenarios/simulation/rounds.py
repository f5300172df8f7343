"""The learning side of a slot, as processes in simulated time: train, contribute, propose.

Training of the next round may begin while this one is decided (`training.pipeline`): from the
candidate that this hospital has accepted, on the guess that the others accept it too. If they do
not, the work is thrown away.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

import simpy

from consensus.judging import leader_of
from crypto.digest import Digest
from crypto.identity import NodeId
from crypto.tensors import tensor_digest
from fl.update import Update, delta_to_bytes, update_digest
from ledger.block import NodeSeal
from ledger.candidate import ModelCandidate, UpdateEntry

from .candidates import model_candidate
from .life import Life
from .open_slot import OpenSlot
from .processor import Processor
from .speaker import Speaker
from .wire import UpdateMessage
from .world import Rules


class Put(Protocol):
    """Puts a candidate to the vote."""

    def __call__(
        self,
        open_slot: OpenSlot,
        candidate: ModelCandidate,
        file: bytes,
        seals: tuple[NodeSeal, ...],
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
        node: NodeId,
        env: simpy.Environment,
        processor: Processor,
        rules: Rules,
        is_open: Callable[[OpenSlot], bool],
        put: Put,
        speaker: Speaker,
    ) -> None:
        """Begin with nothing trained.

        Args:
            node: The hospital.
            env: Simulated time.
            processor: Where its computing takes place.
            rules: What the coalition agreed on.
            is_open: Whether a slot is still the open one in this life.
            put: Puts a candidate to the vote.
            speaker: Sends updates to whoever leads.
        """
        self._node = node
        self._env = env
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
        nodes = tuple(state.genesis.nodes.keys() - state.excluded)
        if self._rules.scheme == "sequential" and leader_of(slot, nodes) != self._node:
            return
        if self._node in state.excluded:
            return
        update = life.learner.train(slot, file)
        done = self._processor.computing(self._train_us(life))
        self._ahead = _Ahead(slot, tensor_digest(file), update, done)

    def forget(self) -> None:
        """Throw away what was trained ahead: a crash."""
        self._ahead = None

    def take(
        self, open_slot: OpenSlot, update: Update, entry: UpdateEntry, signature: bytes
    ) -> None:
        """Add a contribution to the candidate of a slot that this hospital leads."""
        open_slot.updates.setdefault(entry.author, (update, entry, signature))
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
        entry, signature = self._sign(open_slot.slot, base.tensors, update, life)
        self.take(open_slot, update, entry, signature)
        if self._rules.scheme == "fedavg" and len(open_slot.updates) < open_slot.awaited:
            open_slot.collected = self._env.event()
            patience = self._env.timeout(self._rules.proposal_timeout_us // 2)
            yield open_slot.collected | patience
            if not self._is_open(open_slot):
                return
        parts = [open_slot.updates[author] for author in sorted(open_slot.updates)]
        made = life.learner.combine(base_file, [update for update, _, _ in parts])
        entries = tuple(entry for _, entry, _ in parts)
        candidate = model_candidate(made, base.tensors, self._rules.scheme, entries)
        seals = tuple(NodeSeal(entry.author, signature) for _, entry, signature in parts)
        self._put(open_slot, candidate, made.file, seals)

    def _contribute(self, open_slot: OpenSlot, life: Life) -> Generator[simpy.Event, None, None]:
        """Train, and send the update to whoever leads the round."""
        base = life.replica.state.model.tensors
        update = yield from self._trained(open_slot.slot, base, life)
        if not self._is_open(open_slot):
            return
        entry, signature = self._sign(open_slot.slot, base, update, life)
        delta = delta_to_bytes(update.delta)
        message = UpdateMessage(open_slot.slot, base, entry, delta, signature)
        self._speaker.hand_in(message, open_slot.leader)

    def _trained(self, slot: int, base: Digest, life: Life) -> Generator[simpy.Event, None, Update]:
        """Train, or wait for the training that was begun ahead on the right guess."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and (ahead.slot, ahead.base) == (slot, base):
            if not ahead.done.processed:
                yield ahead.done
            return ahead.update
        update = life.learner.train(slot, life.replica.model)
        yield self._processor.computing(self._train_us(life))
        return update

    def _train_us(self, life: Life) -> int:
        return self._rules.costs.train_us(life.learner.train_count, self._rules.epoch_count)

    def _sign(
        self, slot: int, base: Digest, update: Update, life: Life
    ) -> tuple[UpdateEntry, bytes]:
        entry = UpdateEntry(self._node, update_digest(update), update.sample_count)
        self.signature_count += 1
        return entry, life.signer.sign_update(slot, base, entry)
