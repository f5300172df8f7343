"""Signing and verifying for one node: what a hospital says once, it says the same way for ever.

Verifying is a pure function of its arguments, so its successes are remembered across the hospitals
of a run: a broadcast is verified once by the program and once by every hospital in simulated time.
"""

from collections.abc import Mapping, Sequence

from consensus.statements import Statement, signing_fields
from crypto.digest import Digest, digest, sha256
from crypto.encoding import Value, encode
from crypto.envelope import Signed, sign_value, verify_value
from crypto.errors import SignatureError
from crypto.identity import KeyRing, NodeId
from crypto.signature import PrivateKey
from ledger.attestation import update_attestation
from ledger.candidate import UpdateEntry
from ledger.norm import NormRule, ProofFile, check_update_proof, decode_proof_file
from ledger.signstate import ConflictError, SignState

from ..errors import SimulationError

_REMEMBERED_MAX = 65_536
_NO_QUORUM_SET = Digest(b"")


class Signer:
    """One node's voice on one chain; what it says is on the disk before anybody hears it."""

    def __init__(
        self, node: NodeId, key: PrivateKey, chain_id: Digest, quorum_set: Digest, state: SignState
    ) -> None:
        self._node = node
        self._key = key
        self._chain_id = chain_id
        self._quorum_set = quorum_set
        self._state = state

    def sign(self, statement: Statement) -> Signed[Statement]:
        """Sign a statement and keep it; saying it again gives the same signature.

        Raises:
            SimulationError: When it contradicts what this node said before in the slot: a correct
                node never asks for that, so the protocol or the shell is at fault.
            StoreError: When it cannot be kept; it is not signed then.
        """
        label, fields = self._fields(statement)
        preimage = encode([label, *fields])
        try:
            signature = self._state.release_statement(
                statement, preimage, lambda: sign_value(self._key, label, fields)
            )
        except ConflictError as error:
            raise self._conflict(error) from None
        return Signed(statement, self._node, signature)

    def forswear(self, statement: Statement) -> Signed[Statement]:
        """Sign a statement as a liar does: nothing is kept, and it may contradict anything."""
        label, fields = self._fields(statement)
        return Signed(statement, self._node, sign_value(self._key, label, fields))

    def said(self, slot: int) -> tuple[Signed[Statement], ...]:
        """What this node signed in a slot, in that order; after a crash, what it said before."""
        said = self._state.said(slot)
        return tuple(Signed(statement, self._node, signature) for statement, signature in said)

    def sign_update(self, slot: int, parent: Digest, base: Digest, entry: UpdateEntry) -> bytes:
        """Sign a contribution to a round.

        Raises:
            SimulationError: When this node signed another one in this round.
            StoreError: When it cannot be kept; it is not signed then.
        """
        needed = update_attestation(self._chain_id, slot, parent, base, entry)
        label, fields = needed.label, needed.fields
        try:
            return self._state.release(
                slot,
                "update",
                encode([label, *fields]),
                lambda: sign_value(self._key, label, fields),
            )
        except ConflictError as error:
            raise self._conflict(error) from None

    def forget_before(self, slot: int) -> None:
        """Drop what was said in slots that are on the ledger, and never sign there again."""
        self._state.forget_before(slot)

    def close(self) -> None:
        """Release the files."""
        self._state.close()

    def _fields(self, statement: Statement) -> tuple[str, list[Value]]:
        return signing_fields(statement, self._chain_id, self._node, self._quorum_set)

    def _conflict(self, error: ConflictError) -> SimulationError:
        return SimulationError(f"{self._node} was asked to contradict itself: {error}")


class Verifier:
    """Checks what other nodes signed on one chain."""

    def __init__(
        self, ring: KeyRing, chain_id: Digest, quorum_sets: Mapping[NodeId, Digest]
    ) -> None:
        self._ring = ring
        self._chain_id = chain_id
        self._quorum_sets = quorum_sets
        self._verified: set[Digest] = set()
        self._proven: set[tuple[UpdateEntry, int, Digest, Digest, Digest]] = set()

    def check(self, signed: Signed[Statement]) -> None:
        """Check the signature of a statement.

        Raises:
            SignatureError: When the signer is not of the coalition or did not sign this.
        """
        quorum_set = self._quorum_sets.get(signed.node, _NO_QUORUM_SET)
        label, fields = signing_fields(signed.statement, self._chain_id, signed.node, quorum_set)
        self.check_fields(signed.node, label, fields, signed.signature)

    def check_update(
        self, slot: int, parent: Digest, base: Digest, entry: UpdateEntry, signature: bytes
    ) -> None:
        """Check the signature of a contribution.

        Raises:
            SignatureError: When the author is not of the coalition or did not sign this.
        """
        needed = update_attestation(self._chain_id, slot, parent, base, entry)
        self.check_fields(needed.node, needed.label, needed.fields, signature)

    def check_proof(
        self,
        rule: NormRule,
        entry: UpdateEntry,
        slot: int,
        parent: Digest,
        base: Digest,
        content: bytes,
    ) -> ProofFile:
        """Check the proof of an update's norm; what verified once is remembered.

        Raises:
            Violation: ``BAD_PROOF_FILE`` or ``BAD_PROOF``.
        """
        key = (entry, slot, parent, base, sha256(content))
        if key in self._proven:
            return decode_proof_file(content)
        file = check_update_proof(rule, entry, slot, parent, base, content)
        if len(self._proven) >= _REMEMBERED_MAX:
            self._proven.clear()
        self._proven.add(key)
        return file

    def check_fields(
        self, node: NodeId, label: str, fields: Sequence[Value], signature: bytes
    ) -> None:
        """Check a signature over any fields.

        Raises:
            SignatureError: When the signer is not of the coalition or did not sign this.
        """
        if node not in self._quorum_sets:
            raise SignatureError(f"expected a node of the coalition, found {node}")
        name = digest("tclearn/verified/v1", [node, label, fields, signature])
        if name in self._verified:
            return
        verify_value(self._ring[node], label, fields, signature)
        if len(self._verified) >= _REMEMBERED_MAX:
            self._verified.clear()
        self._verified.add(name)
