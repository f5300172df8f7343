"""The Merkle log over the records of a replica, and proofs that a record stands in it.

A leaf is SHA-256(0x00 || payload), over the bytes of a record as stored, signatures included. A
proof file is a C2SP tlog-proof: it needs no ledger beside it.

    c2sp.org/tlog-proof@v1
    extra <base64>            optional, authenticated by nothing
    index <decimal>           the height of the record
    <base64>                  a hash on the way from the leaf to the root, any number of lines

    <the note of the checkpoint>

Source: RFC 9162, section 2.1; C2SP tlog-proof.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from crypto.digest import DIGEST_SIZE, Digest
from crypto.errors import MerkleError
from crypto.merkle import (
    LEAVES_MAX,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    merkle_root,
    verify_inclusion,
)

from .checkpoint import (
    NOTE_SIZE_MAX,
    Checkpoint,
    CheckpointError,
    Note,
    format_note,
    parse_base64,
    parse_decimal,
    parse_digest,
    parse_note,
    shown,
)
from .errors import StoreError
from .policy import Policy, check_policy
from .store import StoredRecord, read_records

HASHES_MAX: Final = 64
"""Hashes in a proof: as many as a tree of 2**64 leaves is high."""
EXTRA_SIZE_MAX: Final = 65536
"""Bytes of extra data."""
PROOF_SIZE_MAX: Final = NOTE_SIZE_MAX + 2 * EXTRA_SIZE_MAX
"""Bytes of a proof file."""

_FORMAT: Final = "c2sp.org/tlog-proof@v1"
_EXTRA: Final = "extra "
_INDEX: Final = "index "


class ProofError(CheckpointError):
    """A proof file is malformed or shows something else: ``ProofError(expected, found)``."""


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That a record stands at a height of a log of a certain size."""

    height: int
    """The height of the record: the index of its leaf."""
    size: int
    """How many leaves the log had."""
    leaf: Digest
    """The leaf hash of the record."""
    proof: tuple[Digest, ...]
    """The hashes from the sibling of the leaf up to the child of the root."""


@dataclass(frozen=True, slots=True)
class ProofFile:
    """What a reader needs beside a record and a policy.

    Raises:
        ProofError: A field cannot stand in the file.
    """

    index: int
    """The height of the record."""
    proof: tuple[Digest, ...]
    """The hashes from the sibling of the leaf up to the child of the root."""
    note: Note
    """The checkpoint whose root they lead to, with its signatures."""
    extra: bytes = b""
    """Whatever else the maker wanted to say; nothing vouches for it."""

    def __post_init__(self) -> None:
        if not 0 <= self.index <= LEAVES_MAX:
            raise ProofError(f"an index of 0 to {LEAVES_MAX}", str(self.index))
        if len(self.proof) > HASHES_MAX:
            raise ProofError(f"at most {HASHES_MAX} hashes", str(len(self.proof)))
        if any(len(each) != DIGEST_SIZE for each in self.proof):
            raise ProofError(f"hashes of {DIGEST_SIZE} bytes", "another size")
        if len(self.extra) > EXTRA_SIZE_MAX:
            raise ProofError(f"at most {EXTRA_SIZE_MAX} bytes of extra data", str(len(self.extra)))


def leaf_hashes(directory: Path, size: int | None = None) -> list[Digest]:
    """The leaf hashes of the first records of a replica; of all where no size is given.

    An unfinished record at the end is no leaf.

    Raises:
        ReadError: A file breaks the framing.
        StoreError: A file cannot be read, or there are not so many records.
    """
    leaves = list(islice(_leaves(directory), None if size is None else max(size, 0)))
    if size is not None and len(leaves) != size:
        raise StoreError(f"expected {size} records in {directory}, found {len(leaves)}")
    return leaves


def head(directory: Path, origin: str, size: int | None = None) -> Checkpoint:
    """The checkpoint of a replica at a size; at its present size where none is given.

    Raises:
        ReadError: A file breaks the framing.
        StoreError: A file cannot be read, or there are not so many records.
        CheckpointError: The origin cannot stand in a note.
    """
    leaves = leaf_hashes(directory, size)
    return Checkpoint(origin, len(leaves), merkle_root(leaves))


def inclusion(directory: Path, height: int, size: int | None = None) -> InclusionProof:
    """Prove that a record stands in a replica, at a size or at the present one.

    Raises:
        ReadError: A file breaks the framing.
        StoreError: A file cannot be read, or there are not so many records.
        ProofError: There is no record of this height.
    """
    leaves = leaf_hashes(directory, size)
    try:
        proof = inclusion_proof(leaves, height)
    except MerkleError as error:
        raise ProofError(f"the height of a record of {directory}", str(error)) from None
    return InclusionProof(height, len(leaves), leaves[height], proof)


def consistency(directory: Path, size1: int, size2: int) -> tuple[Digest, ...]:
    """Prove that a replica of ``size2`` records begins with what it was at ``size1``.

    Raises:
        ReadError: A file breaks the framing.
        StoreError: A file cannot be read, or there are not so many records.
        ProofError: The first size is 0 or above the second.
    """
    if not 0 < size1 <= size2:
        raise ProofError("0 < size1 <= size2", f"size1 {size1} and size2 {size2}")
    return consistency_proof(leaf_hashes(directory, size2), size1)


def proof_file(shown: InclusionProof, note: Note, extra: bytes = b"") -> ProofFile:
    """Put an inclusion proof and a checkpoint of the same log together.

    Raises:
        ProofError: They do not belong together.
    """
    file = ProofFile(shown.height, shown.proof, note, extra)
    if note.checkpoint.size != shown.size:
        raise ProofError(f"a checkpoint of size {shown.size}", str(note.checkpoint.size))
    _check_inclusion(file, shown.leaf)
    return file


def verify_proof(file: ProofFile, payload: bytes, origin: str, policy: Policy) -> None:
    """Check that a record stands in a log, on the word of the witnesses of a policy alone.

    Args:
        file: The proof.
        payload: The record as it is stored, without its header.
        origin: The log that it should stand in.
        policy: Whose signatures of the checkpoint are enough.

    Raises:
        CheckpointError: It does not, or too few say so; `ProofError` where signatures hold.
    """
    checkpoint = file.note.checkpoint
    if checkpoint.origin != origin:
        raise ProofError(f"a checkpoint of {origin}", f"one of {shown(checkpoint.origin)}")
    check_policy(policy, checkpoint, file.note.cosignatures)
    _check_inclusion(file, leaf_hash(payload))


def format_proof(file: ProofFile) -> bytes:
    """The bytes of a proof file."""
    lines = [
        _FORMAT,
        *([f"{_EXTRA}{_base64(file.extra)}"] if file.extra else []),
        f"{_INDEX}{file.index}",
        *map(_base64, file.proof),
    ]
    return "".join(f"{line}\n" for line in lines).encode() + b"\n" + format_note(file.note)


def parse_proof(data: bytes) -> ProofFile:
    """Read a proof file; nothing is verified.

    Raises:
        CheckpointError: It is none in its one form, or exceeds a limit.
    """
    if len(data) > PROOF_SIZE_MAX:
        raise ProofError(f"a proof of at most {PROOF_SIZE_MAX} bytes", str(len(data)))
    before, separator, note = data.partition(b"\n\n")
    if not separator:
        raise ProofError("a proof, an empty line and a note", "no empty line")
    try:
        lines = before.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise ProofError("ASCII before the note", f"byte {error.start} that is not") from None
    if lines.pop(0) != _FORMAT:
        raise ProofError(f"{_FORMAT} as the first line", "another")
    extra = b""
    if lines and lines[0].startswith(_EXTRA):
        extra = parse_base64(lines.pop(0).removeprefix(_EXTRA), "extra data")
    if not lines or not lines[0].startswith(_INDEX):
        raise ProofError("the index of the record", "another line")
    index = parse_decimal(lines.pop(0).removeprefix(_INDEX), "an index")
    if len(lines) > HASHES_MAX:
        raise ProofError(f"at most {HASHES_MAX} hashes", str(len(lines)))
    hashes = tuple(parse_digest(line, "a hash") for line in lines)
    return ProofFile(index, hashes, parse_note(note), extra)


def _leaves(directory: Path) -> Iterator[Digest]:
    for record in read_records(directory):
        if isinstance(record, StoredRecord):
            yield leaf_hash(record.payload)


def _check_inclusion(file: ProofFile, leaf: Digest) -> None:
    checkpoint = file.note.checkpoint
    try:
        verify_inclusion(leaf, file.index, checkpoint.size, file.proof, checkpoint.root)
    except MerkleError as error:
        expected = f"the record with leaf hash {leaf.hex()} in {shown(checkpoint.origin)}"
        raise ProofError(expected, str(error)) from None


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
