"""One replica, read once from its first byte to its last: levels L0, L1 and L2.

Framing (L0) and chain (L1) stop at the first thing wrong: what follows a broken link cannot be
placed. Signatures (L2) are independent of each other, so every bad one is reported, up to a limit.
Memory holds one block, and 32 bytes for each height.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crypto.digest import Digest
from crypto.identity import NodeId

from .. import chain
from ..block import Block, NodeSeal, decode_block
from ..candidate import ModelCandidate
from ..chain import ChainState
from ..errors import Violation
from ..genesis import Genesis
from ..model import ModelFile
from ..store import ReadError, StoredRecord, TornTail, read_records
from .authority import Authority, authority, check_genesis, check_seal, signature_count
from .finding import Counters, Finding, Judgement, ReplicaReport, worst

FINDING_COUNT_MAX = 100
"""Findings kept of one replica; reading goes on to the end, later ones are only judged."""

_INSTANCE = "."
"""Separates a node's name from what tells its replicas apart, in the name of a folder."""


@dataclass(slots=True)
class ReplicaAudit:
    """What was found in one replica and what later steps need of it."""

    name: str
    """Name of its folder."""
    file: str
    """The file read last, relative to the run."""
    findings: list[Finding] = field(default_factory=list)
    """What is wrong with it."""
    invalid: bool = False
    """Whether anything was wrong, kept or not."""
    hashes: list[Digest] = field(default_factory=list)
    """Core hash of each sound block, by height."""
    state: ChainState | None = None
    """The chain after its last sound block."""
    torn: TornTail | None = None
    """The torn tail, if it ends in one."""
    models: dict[Digest, tuple[ModelFile, int]] = field(default_factory=dict)
    """Model files that its blocks name, by file digest, with the height that names each first."""

    def add(self, level: str, violation: Violation, height: int | None, offset: int | None) -> None:
        """Keep a finding."""
        self.invalid = True
        if len(self.findings) < FINDING_COUNT_MAX:
            self.findings.append(
                Finding(
                    violation.code,
                    level,
                    self.name,
                    height,
                    self.file,
                    offset,
                    violation.expected,
                    violation.found,
                )
            )

    def report(self) -> ReplicaReport:
        """The replica's own judgement."""
        state = self.state
        judgements = [
            Judgement.VALID if state is not None and state.ended else Judgement.INCOMPLETE
        ]
        if self.torn is not None:
            judgements.append(Judgement.VALID_PREFIX)
        if self.invalid:
            judgements.append(Judgement.INVALID)
        return ReplicaReport(
            self.name,
            worst(judgements),
            None if state is None else state.height,
            None if state is None else state.head.hex(),
        )


def owner_of(folder: str) -> NodeId:
    """The node whose replica a folder holds: ``hospital-5.twin`` is one of ``hospital-5``."""
    return NodeId(folder.partition(_INSTANCE)[0])


def audit_replica(
    directory: Path, root: Path, counters: Counters, progress: Callable[[int], None]
) -> ReplicaAudit:
    """Read one replica and check levels L0 to L2.

    Args:
        directory: The ledger directory.
        root: The run; files are named relative to it.
        counters: Added to.
        progress: Called with the bytes read since the last call.

    Raises:
        StoreError: When a file cannot be read.
    """
    audit = ReplicaAudit(directory.name, str(directory.relative_to(root)))
    known: Authority | None = None
    try:
        for record in read_records(directory):
            audit.file = str(record.file.relative_to(root))
            if isinstance(record, TornTail):
                _tear(audit, record)
                break
            counters.records += 1
            counters.bytes += len(record.payload)
            progress(len(record.payload))
            block = _link(audit, record)
            if block is None or audit.state is None:
                break
            if known is None:
                known = authority(audit.state, owner_of(directory.name))
            _check_authority(audit, block, record, known)
            counters.signatures += signature_count(block)
    except ReadError as error:
        file = Path(error.file)
        audit.file = str(file.relative_to(root)) if file.is_absolute() else audit.file
        audit.add("L0", error, len(audit.hashes), error.offset)
    return audit


def _tear(audit: ReplicaAudit, torn: TornTail) -> None:
    """An unfinished record is what a crash leaves, but not behind the end of a finished run."""
    if audit.state is not None and audit.state.ended:
        extra = Violation("AFTER_END", "nothing after the end record", f"{torn.size_bytes} bytes")
        audit.add("L0", extra, None, torn.offset)
    else:
        audit.torn = torn


def _link(audit: ReplicaAudit, record: StoredRecord) -> Block | None:
    """Decode a record and take it into the chain, or report why not."""
    height = len(audit.hashes)
    try:
        block, value = decode_block(record.payload)
        state = audit.state
        if state is None:
            audit.state = chain.start(block, value)
        else:
            audit.state = chain.extend(state, block, value)
    except Violation as violation:
        audit.add("L1", violation, height, record.offset)
        return None
    audit.hashes.append(value)
    body = block.core.body
    if isinstance(body, Genesis | ModelCandidate):
        audit.models.setdefault(body.model.file, (body.model, height))
    return block


def _check_authority(
    audit: ReplicaAudit, block: Block, record: StoredRecord, known: Authority
) -> None:
    height = block.core.height
    if height == 0 and known.owner not in known.genesis.nodes:
        stranger = Violation("UNKNOWN_REPLICA", "the replica of a node of the genesis", known.owner)
        audit.add("L2", stranger, height, record.offset)
        return
    if known.owner not in known.genesis.nodes:
        return  # said once, at the genesis: nobody's quorum set says what would convince it
    if height == 0:
        violations = check_genesis(block, known.genesis)
    else:
        violations = check_seal(block, audit.hashes[height], known)
    for violation in violations:
        audit.add("L2", violation, height, record.offset)


def votes_at(directory: Path, height: int) -> tuple[NodeSeal, ...]:
    """The votes that seal the block at a height that was read before."""
    for number, record in enumerate(_records(directory)):
        if number == height:
            block, _ = decode_block(record.payload)
            return block.seal.votes
    return ()


def _records(directory: Path) -> Iterator[StoredRecord]:
    for record in read_records(directory):
        if isinstance(record, StoredRecord):
            yield record
