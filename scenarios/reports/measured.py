"""What a report measures of a run beside its tables: its first replica, its audit, its trust.

Everything here is read or computed from the run directory. What cannot be is None, and a report
says so; nothing is assumed.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from consensus.resilience import Fbas, minimum_blocking_set, minimum_splitting_set
from consensus.resilience.deadline import after
from consensus.resilience.engine import Engine
from crypto.algorithm import ML_DSA
from ledger.audit import AuditOptions, AuditReport, Level, audit_run
from ledger.audit.run import replica_directories
from ledger.block import Block, RecordType
from ledger.candidate import ModelCandidate
from ledger.genesis import Genesis
from ledger.notice import OpinionNotice, QualityNotice

from ..findings import Status
from ..quorum_sets import declared_quorum_sets
from ..replay.walk import Step, walk
from ..results.errors import ReportError
from ..results.run import RunResults
from ..schema import Scenario

STEPS_MAX = 200_000
"""The most steps of each question about quorum sets: the same answer on every machine."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the first replica of a run holds, counted."""

    replica: str
    """Its name."""
    block_count: int
    """Sound blocks, the genesis included."""
    hospital_count: int
    """Hospitals of the genesis."""
    committed_count: int
    """Hospitals whose data the genesis commits to."""
    signatures: Mapping[str, int]
    """Signatures in the seals, by algorithm."""
    update_count: int
    """Updates that recorded candidates combine."""
    alone_count: int
    """Those that are the only one of their candidate: two models in a row show such an update."""
    proven_count: int
    """Those whose norm was proven."""
    attested_count: int
    """Those that their authors signed."""
    accepted_count: int
    """Accepted models."""
    contributor_count: int
    """Hospitals with an update in an accepted model."""
    refusal_count: int
    """Verdicts against a candidate."""
    explained_count: int
    """Those that give a reason."""
    opinion_count: int
    """Experts' opinions and reviews of data."""
    local_scores: Mapping[str, int]
    """Of the model accepted last: score on each hospital's own L, in millionths."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went over the wire, in bytes: all, and what whoever taps a link can read."""

    size_bytes: Mapping[str, int]
    """By stage."""
    clear_bytes: Mapping[str, int]
    """By stage."""

    def clear_share(self, *stages: str) -> float | None:
        """The readable share of some stages' bytes, or of all; None where they have none."""
        chosen = stages or tuple(self.size_bytes)
        size = sum(self.size_bytes.get(each, 0) for each in chosen)
        return sum(self.clear_bytes.get(each, 0) for each in chosen) / size if size else None


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements behind the radar and the table of principles."""

    recorded: Recorded | None
    """None where no replica holds a genesis."""
    audit: AuditReport
    """Levels L0 to L3."""
    traffic: Traffic | None
    """None where the run wrote no tables."""
    tolerated_count: int | None
    """How many hospitals may fail or lie, whichever they are; None if not settled in time."""
    third_count: int
    """The most that any protocol tolerates without synchrony: (n - 1) / 3, rounded down."""
    invariants: Mapping[str, Status]
    """What the run found of each invariant; empty where it did not come to an end."""
    busy_us: int | None
    """Simulated computing time of all hospitals."""

    @property
    def held_count(self) -> int:
        """Invariants that held."""
        return sum(status is Status.HELD for status in self.invariants.values())

    @property
    def sound_share(self) -> float | None:
        """The share of all records, over all replicas, in which the audit found nothing."""
        total = self.audit.counters.records
        broken = {(each.node, each.height, each.file, each.offset) for each in self.audit.findings}
        return max(0.0, 1 - len(broken) / total) if total else None


def measure(run: RunResults, progress: Callable[[int], None] = lambda _: None) -> Measured:
    """Take the measurements of a run; audits it up to level L3.

    Args:
        run: The run.
        progress: Called with the bytes of ledger that the audit has read since the last call.

    Raises:
        StoreError: When a ledger cannot be read.
    """
    traffic, busy_us = _traffic(run)
    hospitals = run.scenario.hospitals
    return Measured(
        _recorded(run),
        audit_run(run.path, AuditOptions(Level.L3), progress),
        traffic,
        tolerated_count(run.scenario),
        (len(hospitals) - 1) // 3,
        _invariants(run),
        busy_us,
    )


def is_post_quantum(algorithm: str) -> bool:
    """Whether signatures of an algorithm stand against a quantum computer (FIPS 204 do)."""
    return algorithm in ML_DSA


def tolerated_count(scenario: Scenario) -> int | None:
    """How many hospitals may fail or lie before the others halt or part: one less than it takes.

    That is the smaller of a smallest blocking and a smallest splitting set, less one.
    """
    fbas = Fbas(declared_quorum_sets(scenario.protocol, scenario.hospitals))
    sizes = []
    for minimum in (minimum_blocking_set, minimum_splitting_set):
        found = minimum(fbas, after(STEPS_MAX), Engine.PYTHON)
        if not found.proved:
            return None
        if found.members is not None:
            sizes.append(len(found.members))
    return max(0, min(sizes, default=len(scenario.hospitals)) - 1)


def _traffic(run: RunResults) -> tuple[Traffic | None, int | None]:
    try:
        stages = run.stages
    except ReportError:
        return None, None
    sent = stages[stages["kind"] == "sending"].groupby("stage")[["size_bytes", "clear_bytes"]].sum()
    size, clear = ({str(k): int(v) for k, v in sent[name].items()} for name in sent)
    return Traffic(size, clear), int(stages["busy_us"].sum())


def _invariants(run: RunResults) -> Mapping[str, Status]:
    verdicts = run.summary.get("verdicts")
    if not isinstance(verdicts, dict):
        return {}
    known = set(Status)
    return {
        str(name): Status(each["verdict"])
        for name, each in verdicts.items()
        if isinstance(each, dict) and each.get("verdict") in known
    }


def _recorded(run: RunResults) -> Recorded | None:
    """Count along the first replica as far as its chain is sound."""
    directory = next(iter(replica_directories(run.path)))
    count = _Count()
    for step in walk(directory):
        if isinstance(step, Step):
            count.add(step.block, step.after.genesis)
    return count.result(directory.name)


class _Count:
    """Counts along a replica."""

    def __init__(self) -> None:
        self._genesis: Genesis | None = None
        self._counts: Counter[str] = Counter()
        self._signatures: Counter[str] = Counter()
        self._contributors: set[str] = set()
        self._local_scores: dict[str, int] = {}

    def add(self, block: Block, genesis: Genesis) -> None:
        """Count a block."""
        self._genesis = genesis
        self._counts["blocks"] += 1
        self._count_signatures(block, genesis)
        body, seal = block.core.body, block.seal
        refused = [each for each in seal.verdicts if not each.accept]
        self._counts["refusals"] += len(refused)
        self._counts["explained"] += sum(bool(each.reason) for each in refused)
        self._counts["opinions"] += isinstance(body, OpinionNotice | QualityNotice)
        if not isinstance(body, ModelCandidate):
            return
        authors = {each.author for each in body.updates}
        self._counts["updates"] += len(body.updates)
        self._counts["alone"] += len(body.updates) == 1
        self._counts["proven"] += sum(each.proof is not None for each in body.updates)
        self._counts["attested"] += sum(each.node in authors for each in seal.attestations)
        if block.core.type is RecordType.ACCEPTED:
            self._counts["accepted"] += 1
            self._contributors |= authors
            scores = ((each.node, dict(each.scores).get("local")) for each in seal.verdicts)
            self._local_scores = {node: score for node, score in scores if score is not None}

    def _count_signatures(self, block: Block, genesis: Genesis) -> None:
        seal = block.seal
        proposer = None if seal.proposal is None else block.core.proposer
        signers = [each.node for each in (*seal.attestations, *seal.possessions)]
        signers += [each.node for each in seal.verdicts]
        signers += [each.node for each in seal.votes]
        for node in (proposer, *signers):
            key = None if node is None else genesis.nodes.get(node)
            if key is not None:
                self._signatures[key.algorithm.value] += 1
        for each in seal.witness_possessions:
            if each.node in genesis.witnesses:
                self._signatures[genesis.witnesses[each.node].algorithm.value] += 1

    def result(self, replica: str) -> Recorded | None:
        """What was counted; None where there was no genesis."""
        if self._genesis is None:
            return None
        return Recorded(
            replica,
            self._counts["blocks"],
            len(self._genesis.nodes),
            len({each.node for each in self._genesis.data}),
            dict(self._signatures),
            self._counts["updates"],
            self._counts["alone"],
            self._counts["proven"],
            self._counts["attested"],
            self._counts["accepted"],
            len(self._contributors),
            self._counts["refusals"],
            self._counts["explained"],
            self._counts["opinions"],
            self._local_scores,
        )
