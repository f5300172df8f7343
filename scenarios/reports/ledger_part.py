"""What the page needs to verify a replica by itself: the very bytes that were hashed.

Of each block the page gets the core as bytes and recomputes everything from them. Beside them it
gets what the replica's seal says of verdicts and votes, without the signatures: these are many
times larger, and `tclearn audit` is who checks them.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crypto.digest import Digest
from crypto.encoding import decode
from crypto.errors import EncodingError
from ledger.audit.run import LEDGER_FOLDER
from ledger.block import CORE_LABEL, Block, RecordType, Seal, decode_block
from ledger.errors import StoreError, Violation
from ledger.notice import Action, EvidenceNotice, MembershipNotice
from ledger.store import TornTail, read_records

from ..adversaries import lying_hospitals, stopping_hospitals
from ..run_directory import replica_name
from ..schema import Scenario

LEDGER_SIZE_MAX: Final = 4 * 2**20
"""Bytes of cores and seals that a page holds; of a longer ledger, the newest blocks that fit."""


@dataclass(frozen=True, slots=True)
class Read:
    """One block of the replica that the page shows."""

    block: Block
    """The block."""
    core_hash: Digest
    """Its core hash."""
    core: bytes
    """The bytes that are hashed."""
    size_bytes: int
    """Bytes of the whole record's payload."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a replica ends."""

    replica: str
    """Its folder."""
    height: int | None
    """The height of its last block; None where it has none that can be read."""
    core_hash: Digest | None
    """The core hash of that block."""
    trouble: str
    """Why no more could be read; empty where everything could."""


@dataclass(frozen=True, slots=True)
class LedgerPart:
    """A ledger, for the page."""

    replica: str
    """Whose replica is shown."""
    blocks: tuple[Read, ...]
    """Its blocks in order, from the genesis block on."""
    heads: tuple[Head, ...]
    """Where every replica ends, sorted by name."""
    size_max: int = LEDGER_SIZE_MAX
    """Bytes that may go into the page."""

    def data(self) -> dict[str, Any]:
        """What is embedded, as JSON."""
        kept, left_out = _within(self.blocks, self.size_max)
        return {
            "label": CORE_LABEL,
            "replica": self.replica,
            "leftOut": left_out,
            "blocks": [
                {
                    "core": b64encode(each.core).decode("ascii"),
                    "hash": each.core_hash.hex(),
                    "size": each.size_bytes,
                    **_seal(each.block.seal),
                }
                for each in kept
            ],
            "heads": [
                {
                    "replica": head.replica,
                    "height": head.height,
                    "head": None if head.core_hash is None else head.core_hash.hex(),
                    "trouble": head.trouble,
                }
                for head in self.heads
            ],
        }


def read_ledger(run: Path, scenario: Scenario) -> LedgerPart | None:
    """Read every replica of a run; None where there is none, or none has a block."""
    folder = run / LEDGER_FOLDER
    try:
        names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    except OSError:
        return None
    replicas = {name: _read(folder / name) for name in names}
    heads = tuple(_head(name, *replicas[name]) for name in names)
    found = [head.replica for head in heads if head.height is not None]
    if not found:
        return None
    shown = next((name for name in _first_choices(scenario) if name in found), found[0])
    return LedgerPart(shown, _cores(folder / shown), heads)


def _first_choices(scenario: Scenario) -> Iterator[str]:
    """Hospitals whose replica is shown: correct ones first, as `Outcome.chain_head` has it."""
    at_fault = lying_hospitals(scenario.faults) | stopping_hospitals(scenario.faults)
    yield from (replica_name(each) for each in scenario.hospitals if each not in at_fault)
    yield from map(replica_name, scenario.hospitals)


def _read(directory: Path) -> tuple[bytes | None, str]:
    """The payload of the last record, and why there are no more."""
    last: bytes | None = None
    try:
        for record in read_records(directory):
            if isinstance(record, TornTail):
                return last, "its last record is torn: the writer was stopped"
            last = record.payload
    except (StoreError, Violation) as error:
        return last, str(error)
    return last, ""


def _head(name: str, last: bytes | None, trouble: str) -> Head:
    if last is None:
        return Head(name, None, None, trouble or "it holds no block")
    try:
        block, core_hash = decode_block(last)
    except Violation as violation:
        return Head(name, None, None, str(violation))
    return Head(name, block.core.height, core_hash, trouble)


def _cores(directory: Path) -> tuple[Read, ...]:
    """The blocks of a replica, up to the first that cannot be read."""
    found: list[Read] = []
    try:
        for record in read_records(directory):
            if isinstance(record, TornTail):
                break
            block, core_hash = decode_block(record.payload)
            core = core_bytes(record.payload)
            found.append(Read(block, core_hash, core, len(record.payload)))
    except (StoreError, Violation):
        pass  # the head of this replica says so
    return tuple(found)


def core_bytes(payload: bytes) -> bytes:
    """The core of a payload, as the bytes that stand there.

    Raises:
        Violation: ``BAD_ENCODING`` or ``BAD_SCHEMA``.
    """
    try:
        value = decode(payload)
    except EncodingError as error:
        raise Violation("BAD_ENCODING", "the strict encoding", str(error)) from None
    core = value.get("core") if isinstance(value, dict) else None
    if not isinstance(core, bytes):
        raise Violation("BAD_SCHEMA", "a core of bytes", type(core).__name__)
    return core


def _within(blocks: Sequence[Read], size_max: int) -> tuple[list[Read], int]:
    """The genesis block and the newest others that fit; how many after the genesis do not."""
    first, rest = list(blocks[:1]), list(blocks[1:])
    left = size_max - sum(map(_size, first))
    kept: list[Read] = []
    for each in reversed(rest):
        left -= _size(each)
        if left < 0:
            break
        kept.append(each)
    return first + kept[::-1], len(rest) - len(kept)


_VERDICT_SIZE: Final = 64
"""About the bytes of a verdict or a vote in the page."""


def _size(read: Read) -> int:
    seal = read.block.seal
    return len(read.core) * 4 // 3 + _VERDICT_SIZE * (len(seal.verdicts) + len(seal.votes))


def _seal(seal: Seal) -> dict[str, Any]:
    """What a seal says, its signatures left out."""
    return {
        "verdicts": [
            [each.node, each.accept, each.reason, dict(each.scores)] for each in seal.verdicts
        ],
        "votes": [
            [each.node, " ".join([each.kind, *map(str, each.numbers)])] for each in seal.votes
        ],
    }


def excluded(part: LedgerPart) -> tuple[dict[str, str], dict[str, str]]:
    """Who was convicted by evidence that stands in the ledger, and who was quarantined: why."""
    convicted: dict[str, str] = {}
    quarantined: dict[str, str] = {}
    for read in part.blocks:
        core = read.block.core
        where = f"recorded at height {core.height}"
        match core.type, core.body:
            case RecordType.EVIDENCE, EvidenceNotice() as notice:
                for node in notice.culprits:
                    convicted.setdefault(node, f"{notice.misconduct}, {where}")
            case RecordType.MEMBERSHIP, MembershipNotice(action=Action.QUARANTINE) as notice:
                quarantined.setdefault(notice.node, where)
            case _:
                pass  # nobody is excluded by it
    return convicted, quarantined
