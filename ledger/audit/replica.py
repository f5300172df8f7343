"""One replica, read once from its first byte to its last: levels L0, L1 and L2.

Framing (L0) and chain (L1) stop at the first thing wrong: what follows a broken link cannot be
placed. Seals (L2) are independent of each other, so every bad one is reported, up to a limit.
Memory holds the blocks whose signatures are being verified, and 32 bytes for each height.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crypto.digest import DIGEST_SIZE, Digest
from crypto.identity import NodeId
from crypto.merkle import MerkleTree, leaf_hash

from .. import chain
from ..block import Block, decode_block, model_of
from ..chain import ChainState
from ..errors import StoreError, Violation
from ..model import ModelFile
from ..store import (
    SIGN_STATE_FILE,
    WITNESS_STATE_FILE,
    ReadError,
    StoredRecord,
    TornTail,
    read_frames,
    read_records,
)
from .authority import Authority, authority, check_genesis, check_seal, signature_count
from .cosigned import StoredNote, check_note, read_notes
from .finding import Counters, Finding, Judgement, Level, ReplicaReport, worst
from .pins import Pin, PinBoard
from .signatures import Outcome, SignatureCheck, SignatureVerifier

FINDING_COUNT_MAX = 100
"""Findings kept of one replica; reading goes on to the end, later ones are only judged."""
PENDING_COUNT_MAX = 512
"""Signatures under way before the reading waits for the oldest."""

_INSTANCE = "."
"""Separates a node's name from what tells its replicas apart, in the name of a folder."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the replicas of one audit share."""

    root: Path
    """The run; files are named relative to it."""
    level: Level
    """How far to go."""
    verifier: SignatureVerifier
    """Verifies signatures."""
    counters: Counters
    """Added to."""
    model: Callable[[ModelFile, int], None]
    """Told of each model that a sound block names, with its height."""
    exhibit: Callable[[Block, Block], None]
    """Told of each sound block that names a file of evidence, with the genesis block."""
    proofs: Callable[[Block, Block], None]
    """Told of each sound block, with the genesis block: its candidate may name proofs."""
    progress: Callable[[int], None]
    """Told of the bytes read since the last call."""
    witnesses: frozenset[str] = frozenset()
    """Names beside those of the genesis under which a checkpoint may be signed."""


class ReplicaAudit:
    """Reads a replica record by record: see `steps`."""

    def __init__(
        self,
        name: str,
        directory: Path,
        context: Context,
        pins: Iterable[Pin] = (),
        trusted_size: int = 0,
    ) -> None:
        """Start.

        Args:
            name: How the report calls it.
            directory: The ledger directory.
            context: What all replicas of the audit share.
            pins: Roots that somebody kept of its log.
            trusted_size: Records whose seals an earlier audit has checked; one of the pins says
                that they are still the same bytes.
        """
        self.name = name
        """How the report calls it."""
        self.directory = directory
        """The ledger directory."""
        self.findings: list[Finding] = []
        """What is wrong with it."""
        self.state: ChainState | None = None
        """The chain after its last sound block."""
        self.torn: TornTail | None = None
        """The torn tail, if it ends in one."""
        self.tree = MerkleTree()
        """The log over the exact bytes of its records."""
        self.file = _relative(directory, context.root)
        """The file read last."""
        self._context = context
        self._invalid = False
        self._owner = owner_of(directory.name)
        self._notes = self._read_notes()
        self._pins = PinBoard([*pins, *self._note_pins()])
        self._trusted_size = trusted_size
        self._known: Authority | None = None
        self._genesis: Block | None = None
        self._leader = self._owner
        self._hashes = bytearray()
        self._pending: deque[tuple[int, int, str, Violation | _Pending]] = deque()

    @property
    def latest(self) -> StoredNote | None:
        """The checkpoint over the most records."""
        return max(self._notes, key=lambda stored: stored.note.checkpoint.size, default=None)

    @property
    def block_count(self) -> int:
        """Sound blocks read so far."""
        return len(self._hashes) // DIGEST_SIZE

    def core_hash(self, height: int) -> Digest:
        """Core hash of a sound block."""
        start = height * DIGEST_SIZE
        return Digest(bytes(self._hashes[start : start + DIGEST_SIZE]))

    def steps(self) -> Iterator[None]:
        """Read one record at each step, so that several replicas can be read side by side.

        Raises:
            StoreError: When a file cannot be read.
        """
        segment: Path | None = None
        cut_short = False
        try:
            for record in read_records(self.directory):
                if record.file is not segment:
                    segment = record.file
                    self.file = _relative(segment, self._context.root)
                if isinstance(record, TornTail):
                    self._tear(record)
                    break
                if not self._read(record):
                    cut_short = True
                    break
                yield
        except ReadError as error:
            cut_short = True
            self._settle(0)
            file = Path(error.file)
            self.file = _relative(file, self._context.root) if file.name else self.file
            self._add("L0", error, self.tree.size, error.offset, self.file)
        self._settle(0)
        if not cut_short:  # else nobody knows what stands behind
            for pin, violation in self._pins.missing(self.tree.size):
                self._add(pin.level, violation, None, None, self.file)
        self._check_notes()
        self._check_guards()

    def report(self) -> ReplicaReport:
        """The replica's own judgement."""
        state = self.state
        ended = state is not None and state.ended
        judgements = [Judgement.VALID if ended else Judgement.INCOMPLETE]
        if self.torn is not None:
            judgements.append(Judgement.VALID_PREFIX)
        if self._invalid:
            judgements.append(Judgement.INVALID)
        return ReplicaReport(
            self.name,
            worst(judgements),
            None if state is None else state.height,
            None if state is None else state.head.hex(),
            self.tree.size,
            self.tree.root().hex(),
        )

    def _read(self, record: StoredRecord) -> bool:
        """Take one record in; whether the next one can be placed."""
        context = self._context
        context.counters.records += 1
        context.counters.bytes += len(record.payload)
        context.progress(len(record.payload))
        height = self.tree.size
        self.tree.append(leaf_hash(record.payload))
        for pin, violation in self._pins.compare(self.tree):
            self._add(pin.level, violation, height, record.offset, self.file)
        if context.level < Level.L1:
            return True
        block = self._link(record, height)
        if block is None:
            return False
        if context.level >= Level.L2 and height >= self._trusted_size:
            self._check_seal(block, record)
        return True

    def _check_guards(self) -> None:
        """The framing of what the owner keeps beside its ledger, to sign nothing twice."""
        for name in (SIGN_STATE_FILE, WITNESS_STATE_FILE):
            path = self.directory / name
            if not path.exists():
                continue
            try:
                deque(read_frames(path), maxlen=0)
            except ReadError as error:
                file = _relative(path, self._context.root)
                self._add("L0", error, None, error.offset, file)

    def _read_notes(self) -> list[StoredNote]:
        """The replica's own checkpoints, from level L1 on."""
        if self._context.level < Level.L1:
            return []

        def report(path: Path, violation: Violation) -> None:
            self._add("L1", violation, None, None, _relative(path, self._context.root))

        return list(read_notes(self.directory, report))

    def _note_pins(self) -> Iterator[Pin]:
        for stored in self._notes:
            head = stored.note.checkpoint
            source = _relative(stored.path, self._context.root)
            yield Pin(head.size, head.root, source, "L1")

    def _check_notes(self) -> None:
        """Check who signed the checkpoints, once the genesis is known."""
        state, context = self.state, self._context
        if state is None or context.level < Level.L2:
            return
        if self._owner not in state.genesis.nodes:
            return
        for stored in self._notes:
            context.counters.cosignatures += len(stored.note.cosignatures)
            for violation in check_note(
                stored, state.genesis, state.chain_id, self._owner, context.witnesses
            ):
                height = stored.note.checkpoint.size - 1
                self._add("L2", violation, height, None, _relative(stored.path, context.root))

    def _link(self, record: StoredRecord, height: int) -> Block | None:
        """Decode a record and take it into the chain, or report why not."""
        try:
            block, value = decode_block(record.payload)
            state = self.state
            if state is None:
                self.state = chain.start(block, value)
                self._genesis = block
            else:
                self.state = chain.extend(state, block, value)
                self._leader = state.leader
        except Violation as violation:
            self._settle(0)
            self._add("L1", violation, height, record.offset, self.file)
            return None
        self._hashes += value
        model = model_of(block)
        if model is not None:
            self._context.model(model, height)
        if self._genesis is not None:
            if block.seal.exhibit is not None:
                self._context.exhibit(block, self._genesis)
            self._context.proofs(block, self._genesis)
        return block

    def _check_seal(self, block: Block, record: StoredRecord) -> None:
        """Report what is wrong with a seal, in the order of heights."""
        if self.state is None:
            return
        if self._known is None:
            self._known = authority(self.state, self._owner)
        known, height = self._known, block.core.height
        self._context.counters.signatures += signature_count(block)
        if known.owner not in known.genesis.nodes:
            if height == 0:
                expected = "the replica of a node of the genesis"
                stranger = Violation("UNKNOWN_REPLICA", expected, known.owner)
                self._pending.append((height, record.offset, self.file, stranger))
            return
        if height == 0:
            for violation in check_genesis(block, known.genesis):
                self._pending.append((height, record.offset, self.file, violation))
            return
        for each in check_seal(block, self.core_hash(height), known, self._leader):
            if isinstance(each, SignatureCheck):
                outcome = self._context.verifier.submit(each)
                pending = _Pending(each.code, each.node, each.label, outcome)
                self._pending.append((height, record.offset, self.file, pending))
            else:
                self._pending.append((height, record.offset, self.file, each))
        self._settle(PENDING_COUNT_MAX)

    def _settle(self, keep: int) -> None:
        """Wait for the oldest signatures until no more than ``keep`` are under way."""
        while len(self._pending) > keep:
            height, offset, file, each = self._pending.popleft()
            violation = each.violation() if isinstance(each, _Pending) else each
            if violation is not None:
                self._add("L2", violation, height, offset, file)

    def _tear(self, torn: TornTail) -> None:
        """An unfinished record is what a crash leaves, but not behind the end of a finished run."""
        if self.state is not None and self.state.ended:
            found = f"{torn.size_bytes} bytes"
            extra = Violation("AFTER_END", "nothing after the end record", found)
            self._add("L0", extra, None, torn.offset, self.file)
        else:
            self.torn = torn

    def _add(
        self, level: str, violation: Violation, height: int | None, offset: int | None, file: str
    ) -> None:
        self._invalid = True
        if len(self.findings) < FINDING_COUNT_MAX:
            finding = Finding(
                violation.code,
                level,
                self.name,
                height,
                file,
                offset,
                violation.expected,
                violation.found,
            )
            self.findings.append(finding)


@dataclass(frozen=True, slots=True)
class _Pending:
    """A signature under way."""

    code: str
    node: NodeId
    label: str
    outcome: Outcome

    def violation(self) -> Violation | None:
        """Wait for it; what is wrong, if anything."""
        found = self.outcome()
        if found is None:
            return None
        return Violation(self.code, f"a signature by {self.node} over {self.label}", found)


def owner_of(folder: str) -> NodeId:
    """The node whose replica a folder holds: ``hospital-5.twin`` is one of ``hospital-5``."""
    return NodeId(folder.partition(_INSTANCE)[0])


def block_at(directory: Path, height: int) -> Block:
    """The block at a height that was read before.

    Raises:
        StoreError: When it is not there any more.
    """
    for number, record in enumerate(read_records(directory)):
        if number == height and isinstance(record, StoredRecord):
            block, _ = decode_block(record.payload)
            return block
    raise StoreError(f"{directory} changed while it was audited")


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
