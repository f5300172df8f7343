"""The heads of a hospital's log: signed by it, cosigned by the others, kept beside its ledger.

As an owner, a hospital signs the head of its Merkle log now and then and asks the others to cosign
it. As a witness, it cosigns a head only if that log still holds what it held when it was cosigned
last, and remembers that on the disk before the cosignature leaves. Source: C2SP tlog-witness.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crypto.digest import Digest
from crypto.identity import NodeId
from crypto.merkle import consistency_proof, merkle_root, verify_consistency
from crypto.signature import PrivateKey, PublicKey
from ledger.checkpoint import (
    Checkpoint,
    CheckpointError,
    Cosignature,
    Note,
    cosign,
    cosigner_name,
    format_note,
    log_origin,
    verify_cosignature,
)
from ledger.durability import replace_file
from ledger.errors import StoreError
from ledger.signstate import WitnessState
from ledger.store import CHECKPOINT_FILE, CHECKPOINTS_FOLDER, WITNESS_STATE_FILE

_SECOND_US = 1_000_000
_NO_ROOT = Digest(bytes(32))


@dataclass(frozen=True, slots=True)
class HeadMessage:
    """An owner asks a witness to cosign the head of its log."""

    owner: NodeId
    """Whose log."""
    checkpoint: Checkpoint
    """The head."""
    cosignature: Cosignature
    """The owner's own."""
    old_size: int
    """The size at which the owner believes this witness to have cosigned last."""
    proof: tuple[Digest, ...]
    """That the head contains the log of that size."""

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire."""
        digests = sum(map(len, self.proof)) + len(self.checkpoint.root)
        return digests + len(self.cosignature.signature) + len(self.checkpoint.origin) + 16


@dataclass(frozen=True, slots=True)
class CosignatureMessage:
    """A witness answers: its cosignature, or the size at which it cosigned last."""

    witness: NodeId
    """Who answers."""
    origin: str
    """Of which log."""
    size: int
    """The size cosigned; or, without a cosignature, the size to prove consistency from."""
    cosignature: Cosignature | None
    """The cosignature, if the witness was convinced."""

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire."""
        signature = 0 if self.cosignature is None else len(self.cosignature.signature)
        return signature + len(self.origin) + 16


class Notary:
    """Signs and cosigns heads for one hospital."""

    def __init__(
        self,
        node: NodeId,
        key: PrivateKey,
        witnesses: Mapping[NodeId, PublicKey],
        chain_id: Digest,
        directory: Path,
    ) -> None:
        """Open what the hospital remembers as a witness.

        Raises:
            StoreError: When it cannot be kept in ``directory``, the hospital's ledger.
        """
        self.signature_count = 0
        """Checkpoint signatures made."""
        self._node = node
        self._name = cosigner_name(node)
        self._key = key
        self._witnesses = witnesses
        self._chain_id = chain_id
        self._directory = directory
        self._seen = WitnessState(directory / WITNESS_STATE_FILE)
        self._acknowledged: dict[NodeId, int] = {}
        self._head: Checkpoint | None = None
        self._cosignatures: dict[NodeId, Cosignature] = {}

    def close(self) -> None:
        """Release the files."""
        self._seen.close()

    # As the owner of a log

    def sign_head(self, leaves: Sequence[Digest], time_us: int) -> None:
        """Sign the head of this hospital's own log and keep it beside the ledger.

        Args:
            leaves: The leaf hashes of all records.
            time_us: The simulated time.

        Raises:
            StoreError: When it cannot be written.
        """
        origin = log_origin(self._chain_id, self._node)
        self._head = Checkpoint(origin, len(leaves), merkle_root(leaves))
        self._cosignatures = {self._node: self._cosign(self._head, time_us)}
        self._write()

    def head_for(self, witness: NodeId, leaves: Sequence[Digest]) -> HeadMessage | None:
        """What to ask a witness, or None before there is a head or once it has cosigned it."""
        head = self._head
        if head is None or witness in self._cosignatures:
            return None
        old_size = self._acknowledged.get(witness, 0)
        proof = consistency_proof(leaves[: head.size], old_size) if old_size else []
        return HeadMessage(self._node, head, self._cosignatures[self._node], old_size, tuple(proof))

    def receive(self, answer: CosignatureMessage) -> bool:
        """Take an answer in; whether the witness is to be asked again, from another size.

        Raises:
            CheckpointError: When it is no cosignature of our head by that witness.
            StoreError: When it cannot be written.
        """
        head, witness = self._head, answer.witness
        if head is None or answer.origin != head.origin or witness not in self._witnesses:
            return False
        if answer.cosignature is None:
            again = self._acknowledged.get(witness, 0) != answer.size <= head.size
            self._acknowledged[witness] = answer.size
            return again
        self._acknowledged[witness] = max(self._acknowledged.get(witness, 0), answer.size)
        if answer.size != head.size:
            return False  # of a head that is no longer the newest
        name = cosigner_name(witness)
        verify_cosignature(self._witnesses[witness], name, head, answer.cosignature)
        self._cosignatures[witness] = answer.cosignature
        self._write()
        return False

    # As a witness of others

    def witness(self, message: HeadMessage, time_us: int) -> CosignatureMessage:
        """Cosign a head if its log still holds what this witness cosigned last.

        Raises:
            CheckpointError: When the owner did not sign it.
            MerkleError: When the log was rewritten: the head is not consistent with the last one.
            ConflictError: When it is older than, or contradicts, the last one.
            StoreError: When the new state cannot be kept; nothing is signed then.
        """
        head, owner = message.checkpoint, message.owner
        if owner not in self._witnesses or head.origin != log_origin(self._chain_id, owner):
            raise CheckpointError(f"the log of a node of this chain, {owner}", head.origin)
        key = self._witnesses[owner]
        verify_cosignature(key, cosigner_name(owner), head, message.cosignature)
        last_size, last_root = self._seen.latest(head.origin) or (0, _NO_ROOT)
        if last_size != message.old_size:
            return CosignatureMessage(self._node, head.origin, last_size, None)
        if last_size:
            proof = list(message.proof)
            verify_consistency(last_size, head.size, proof, last_root, head.root)
        self._seen.advance(head.origin, head.size, head.root)
        cosignature = self._cosign(head, time_us)
        return CosignatureMessage(self._node, head.origin, head.size, cosignature)

    def _cosign(self, head: Checkpoint, time_us: int) -> Cosignature:
        self.signature_count += 1
        return cosign(self._key, self._name, head, time_us // _SECOND_US)

    def _write(self) -> None:
        """Put the newest head, with the cosignatures it has so far, on the disk."""
        head = self._head
        if head is None:
            return
        signatures = tuple(each for _, each in sorted(self._cosignatures.items()))
        note = format_note(Note(head, signatures))
        folder = self._directory / CHECKPOINTS_FOLDER
        try:
            folder.mkdir(exist_ok=True)
            replace_file(folder / f"{head.size:08d}.note", note)
            replace_file(self._directory / CHECKPOINT_FILE, note)
        except OSError as error:
            raise StoreError(f"cannot write a checkpoint in {folder}: {error.strerror}") from None
