"""What came out of a run: the rounds as they were recorded, and the verdicts on the invariants."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from consensus.statements import Statement, Verdict
from crypto.digest import Digest
from ledger.block import Block, RecordType
from ledger.candidate import ModelCandidate

from .checker import Finding, Invariant, Status
from .handed_in import UpdateBook, UpdateRow
from .network import Traffic
from .stages import Freight, Work


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One height of the ledger, as the first hospital to record it did."""

    height: int
    """Height, slot and round in one."""
    type: RecordType
    """What was recorded."""
    proposer: str
    """Who proposed it; empty when nobody did."""
    authors: tuple[str, ...]
    """Whose updates the candidate combines."""
    global_score: int | None
    """The candidate's score on G, in millionths."""
    global_loss: float | None
    """Its mean cross-entropy on G (natural logarithm); None where it is no model of ours."""
    accept_count: int
    """Verdicts for it in the seal."""
    reject_reasons: Mapping[str, int]
    """Verdicts against it, counted by reason."""
    voter_count: int
    """Votes in the certificate."""
    decided_us: int
    """Simulated time of the record."""


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One verdict of one hospital."""

    slot: int
    """The round."""
    instance: str
    """Who judged."""
    accept: bool
    """The judgement."""
    reason: str
    """Why."""
    global_score: int | None
    """Score on G, in millionths."""
    local_score: int | None
    """Score on the hospital's own L, in millionths."""
    time_us: int
    """Simulated time."""


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """One instance at the end of a run."""

    instance: str
    """Its name."""
    height: int
    """Height of its replica."""
    chain_head: Digest
    """Core hash of its last block."""
    ended: bool
    """Whether that is an end record."""
    signature_count: int
    """Signatures it made."""
    busy_us: int
    """Simulated time it spent computing."""
    sent: Traffic
    """What it sent."""


@dataclass(frozen=True, slots=True)
class StageRow:
    """What one instance spent on one stage of its work: computing time, or what it sent for it."""

    instance: str
    """Its name."""
    stage: Work | Freight
    """What it was spent on."""
    busy_us: int = 0
    """Simulated time it spent computing."""
    sent: Traffic = field(default_factory=Traffic)
    """What it sent; parts of other messages count as bytes alone."""

    @property
    def clear_bytes(self) -> int:
        """Bytes of it that whoever taps a link can read: all, as nothing on the wire is sealed."""
        return self.sent.size_bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run."""

    scenario: str
    """Its name."""
    seed: int
    """Its master seed."""
    findings: Mapping[Invariant, Finding]
    """The verdict on each invariant."""
    expected: Mapping[Invariant, Status]
    """What the scenario's author expects."""
    rounds: tuple[RoundRow, ...]
    """One row per height."""
    verdicts: tuple[VerdictRow, ...]
    """One row per verdict."""
    updates: tuple[UpdateRow, ...]
    """One row per update that was handed in."""
    instances: tuple[InstanceRow, ...]
    """One row per instance, in the order of their names."""
    stages: tuple[StageRow, ...]
    """One row per instance and stage that cost it anything."""
    traffic: Mapping[tuple[str, str], Traffic]
    """What went from whom to whom."""
    accused: Mapping[str, int]
    """How often honest hospitals caught a node with two contradicting statements."""
    first_score: int
    """Score of the first model on G, in millionths."""
    final_score: int
    """Score on G of the model accepted last, in millionths."""
    first_loss: float | None
    """Mean cross-entropy of the first model on G."""
    final_loss: float | None
    """Mean cross-entropy on G of the model accepted last."""
    chain_head: Digest
    """Core hash of the last block, in the replica of the first hospital that is correct."""
    trace_digest: Digest
    """SHA-256 of the trace."""
    event_count: int
    """Lines in the trace."""
    time_us: int
    """Simulated time of the last record."""
    stopped_by: int | None
    """The signal that stopped the run before its end."""

    @property
    def accepted_count(self) -> int:
        """Models accepted."""
        return sum(row.type is RecordType.ACCEPTED for row in self.rounds)

    @property
    def rejected_count(self) -> int:
        """Rounds whose candidate was rejected or never came."""
        return sum(row.type is RecordType.REJECTED for row in self.rounds)

    @property
    def as_expected(self) -> bool:
        """Whether every invariant came out as the scenario's author expects."""
        return not self.unexpected

    @property
    def unexpected(self) -> tuple[Invariant, ...]:
        """The invariants that did not."""
        return tuple(
            invariant
            for invariant, finding in self.findings.items()
            if finding.status is not self.expected[invariant]
        )

    @property
    def exit_status(self) -> int:
        """0 as expected, 1 not, 3 undecided; 128 + its number where a signal stopped the run."""
        if self.stopped_by is not None:
            return 128 + self.stopped_by
        statuses = {self.findings[invariant].status for invariant in self.unexpected}
        if not statuses:
            return 0
        return 3 if statuses == {Status.UNDECIDED} else 1


class Recorder:
    """Keeps the rows of a run while it goes on."""

    def __init__(self, loss_of: Callable[[ModelCandidate], float | None]) -> None:
        """Begin with no rows.

        Args:
            loss_of: Measures a candidate on G, once, as an observer: no hospital sees it.
        """
        self._loss_of = loss_of
        self.rounds: dict[int, RoundRow] = {}
        """By height, as first recorded."""
        self.verdicts: list[VerdictRow] = []
        """In the order given."""
        self.updates = UpdateBook()
        """What was handed in."""
        self.accused: dict[str, int] = {}
        """Accusations, by node."""

    def said(self, instance: str, statement: Statement, time_us: int) -> None:
        """Keep a verdict."""
        match statement:
            case Verdict():
                scores = dict(statement.scores)
                row = VerdictRow(
                    statement.slot,
                    instance,
                    statement.accept,
                    statement.reason,
                    scores.get("global"),
                    scores.get("local"),
                    time_us,
                )
                self.verdicts.append(row)
            case _:
                pass  # stands in the round's row, or nowhere

    def appended(self, block: Block, time_us: int) -> RoundRow | None:
        """Keep a block; its row, if it is the first at its height."""
        height = block.core.height
        if height in self.rounds:
            return None
        body = block.core.body
        loss = self._loss_of(body) if isinstance(body, ModelCandidate) else None
        self.updates.recorded(block)
        self.rounds[height] = row = _round_row(block, loss, time_us)
        return row

    def accuse(self, node: str) -> None:
        """Count an accusation."""
        self.accused[node] = self.accused.get(node, 0) + 1


def _round_row(block: Block, loss: float | None, time_us: int) -> RoundRow:
    body = block.core.body
    model = body if isinstance(body, ModelCandidate) else None
    reasons: dict[str, int] = {}
    for verdict in block.seal.verdicts:
        if not verdict.accept:
            reasons[verdict.reason] = reasons.get(verdict.reason, 0) + 1
    return RoundRow(
        block.core.height,
        block.core.type,
        block.core.proposer or "",
        () if model is None else tuple(entry.author for entry in model.updates),
        None if model is None else model.global_score,
        loss,
        sum(verdict.accept for verdict in block.seal.verdicts),
        dict(sorted(reasons.items())),
        len(block.seal.votes),
        time_us,
    )
