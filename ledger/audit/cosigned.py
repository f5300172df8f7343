"""A replica's own checkpoints: do they describe its log, and did the witnesses sign them?"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crypto.digest import Digest
from crypto.identity import NodeId

from ..checkpoint import (
    CheckpointError,
    Cosignature,
    Note,
    cosigner_name,
    log_origin,
    parse_note,
    verify_cosignature,
)
from ..durability import read_regular
from ..errors import StoreError, Violation
from ..genesis import Genesis
from ..store import CHECKPOINT_FILE, CHECKPOINTS_FOLDER

NOTE_SIZE_MAX = 4 * 1024 * 1024
"""Bytes of one checkpoint file."""


@dataclass(frozen=True, slots=True)
class StoredNote:
    """A checkpoint file that could be read."""

    path: Path
    """The file."""
    note: Note
    """What it says."""


Report = Callable[[Path, Violation], None]


def read_notes(directory: Path, report: Report) -> Iterator[StoredNote]:
    """Yield the checkpoints beside a ledger in the order of their names; report malformed ones.

    Raises:
        StoreError: When the folder cannot be read.
    """
    folder = directory / CHECKPOINTS_FOLDER
    try:
        paths = sorted(folder.glob("*.note")) if folder.is_dir() else []
    except OSError as error:
        raise StoreError(f"cannot read {folder}: {error.strerror}") from None
    latest = directory / CHECKPOINT_FILE
    for path in [*paths, latest] if os.path.lexists(latest) else paths:
        try:
            yield StoredNote(path, parse_note(read_regular(path, NOTE_SIZE_MAX)))
        except OSError as error:
            report(path, _malformed("a file that can be read", str(error.strerror)))
        except CheckpointError as error:
            report(path, _malformed(error.expected, error.found))


def check_note(
    stored: StoredNote,
    genesis: Genesis,
    chain_id: Digest,
    owner: NodeId,
    others: frozenset[str],
) -> Iterator[Violation]:
    """Yield what is wrong with the origin and the signatures of a checkpoint.

    A verifier in general ignores lines by names it does not know. Here the owner wrote the file and
    knows its witnesses, so such a line is one that was changed.

    Args:
        stored: The checkpoint.
        genesis: Whose chain it is of.
        chain_id: Core hash of the genesis block.
        owner: Whose log it is of; it must have signed.
        others: Names of witnesses outside the coalition, which a policy knows.
    """
    checkpoint = stored.note.checkpoint
    origin = log_origin(chain_id, owner)
    if checkpoint.origin != origin:
        yield Violation("BAD_CHECKPOINT", f"the origin {origin}", checkpoint.origin)
    names = {cosigner_name(node): node for node in genesis.witnesses}
    signers = set()
    for cosignature in stored.note.cosignatures:
        node = names.get(cosignature.name)
        if node is None:
            if cosignature.name not in others:
                expected = "a witness of the genesis or of the policy"
                yield Violation("UNKNOWN_SIGNER", expected, cosignature.name)
            continue
        signers.add(node)
        try:
            verify_cosignature(genesis.witnesses[node], cosignature.name, checkpoint, cosignature)
        except CheckpointError as error:
            yield Violation("BAD_COSIGNATURE", f"{error.expected} by {node}", error.found)
    for line in stored.note.signatures:
        if not isinstance(line, Cosignature) and line.name not in others:
            yield Violation("UNKNOWN_SIGNER", "cosignatures of ML-DSA-44", f"a line by {line.name}")
    if owner not in signers:
        yield Violation("BAD_COSIGNATURE", f"a signature by {owner}, whose log it is", "none")


def _malformed(expected: str, found: str) -> Violation:
    return Violation("CHECKPOINT_MALFORMED", expected, found)
