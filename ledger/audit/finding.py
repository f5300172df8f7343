"""What an audit says: findings, counters, a judgement of each replica and of the run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from ..evidence import ForkEvidence


class Level(IntEnum):
    """How far an audit goes; each level includes those below."""

    L0 = 0
    """Structure: framing, checksums, lengths, torn tails, segments."""
    L1 = 1
    """Chain: decoding, schema, links, the end record."""
    L2 = 2
    """Authority: signatures, certificates, possession proofs, cosignatures."""
    L3 = 3
    """Artefacts: model files, their tensors and sizes."""
    L4 = 4
    """Re-validation: every verdict is judged again on the stored candidates."""
    L5 = 5
    """Replay: the run is run again and compared block by block."""


class Judgement(StrEnum):
    """The outcome of an audit, from best to worst."""

    VALID = "VALID"
    """Every check passed and every replica ends with an end record."""
    INCOMPLETE = "INCOMPLETE"
    """Nothing is wrong, but a replica has no end record: an unfinished run, or a cut tail."""
    VALID_PREFIX = "VALID_PREFIX"
    """As `INCOMPLETE`, and the last record of a replica is torn: a crash, or a cut."""
    INVALID = "INVALID"
    """At least one finding."""


_SEVERITY = tuple(Judgement)
_EXIT_STATUS = {
    Judgement.VALID: 0,
    Judgement.INCOMPLETE: 3,
    Judgement.VALID_PREFIX: 3,
    Judgement.INVALID: 1,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule, located."""

    code: str
    """Stable machine-readable name of the rule."""
    level: str
    """The level that saw it: L0 framing, L1 chain, L2 authority, L3 artefacts, LA replicas."""
    node: str | None
    """The replica, by the name of its folder; None for what all replicas share."""
    height: int | None
    """Height of the block, where there is one."""
    file: str
    """The file, relative to the run."""
    offset: int | None
    """Byte offset in the file, where it is known."""
    expected: str
    """What the rule asks for."""
    found: str
    """What stood there."""
    culprits: tuple[str, ...] = ()
    """Nodes that the finding convicts by their own signatures."""

    def __str__(self) -> str:
        place = self.file if self.offset is None else f"{self.file} at byte {self.offset}"
        height = "" if self.height is None else f", height {self.height}"
        blame = f"; convicted by their own signatures: {', '.join(self.culprits)}"
        return (
            f"{self.code} in {place}{height}: expected {self.expected}, found {self.found}"
            f"{blame if self.culprits else ''}"
        )


@dataclass(slots=True)
class Counters:
    """How much was checked."""

    records: int = 0
    """Records read."""
    bytes: int = 0
    """Bytes of ledger files read."""
    signatures: int = 0
    """Signatures verified."""
    verified: int = 0
    """Distinct signatures verified: replicas hold many in common."""
    cosignatures: int = 0
    """Signatures of checkpoints verified."""
    blobs: int = 0
    """Blob files whose content was compared with their name."""
    proofs: int = 0
    """Distinct proofs of norms verified."""


@dataclass(frozen=True, slots=True)
class ReplicaReport:
    """One replica."""

    node: str
    """Name of its folder."""
    judgement: Judgement
    """Its own judgement."""
    height: int | None
    """Height of the last sound block; None when there is none."""
    chain_head: str | None
    """Core hash of that block, in hexadecimal."""
    size: int
    """Records in its log."""
    root: str
    """RFC 9162 root of the log over their exact bytes, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of an audit."""

    level: Level
    """How far it went."""
    judgement: Judgement
    """The worst of all replicas."""
    findings: tuple[Finding, ...]
    """What is wrong, in the order found."""
    replicas: tuple[ReplicaReport, ...]
    """One entry per replica."""
    counters: Counters = field(default_factory=Counters)
    """How much was checked."""
    not_ruled_out: tuple[str, ...] = ()
    """What the checks made cannot see, and why."""
    forks: tuple[ForkEvidence, ...] = ()
    """For each fork, what convicts whoever signed both sides."""
    replayed: Mapping[str, int] | None = None
    """How much was judged again and replayed, at the levels that do."""

    @property
    def exit_status(self) -> int:
        """0 valid, 1 invalid, 3 incomplete."""
        return _EXIT_STATUS[self.judgement]


def worst(judgements: Iterable[Judgement]) -> Judgement:
    """The most severe of several judgements; of none, `Judgement.INCOMPLETE`."""
    return max(judgements, key=_SEVERITY.index, default=Judgement.INCOMPLETE)
