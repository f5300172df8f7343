"""Level L4: the validation behind every recorded verdict is run again, and the two are compared.

A verdict is a function of the candidate's file, G, the hospital's L and its bar, and the bar is a
function of the chain. All hospitals judge honestly, poisoners and twins included, so that a verdict
that differs was not given by this program, or not on this candidate. Signatures, and whether the
verdicts suffice, are the work of the levels below.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from consensus.statements import NO_CANDIDATE, REASON_DEADLINE
from crypto.errors import ProofError
from fl.errors import WeightsError
from fl.validate import Reason, Validation
from ledger.audit.run import BLOBS_FOLDER
from ledger.blobs import BlobStore
from ledger.block import RecordType, VerdictSeal
from ledger.body import candidate_digest
from ledger.candidate import EndCandidate, ModelCandidate
from ledger.chain import ChainState
from ledger.errors import BlobError, Violation
from ledger.genesis import Genesis
from ledger.notice import EvidenceNotice, MembershipNotice, OpinionNotice, QualityNotice

from ..simulation.judgement import END_REASON, SUM_REASON
from .bench import Bars, Bench
from .inputs import Inputs
from .report import Progress, Tally
from .walk import Broken, Step, walk


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a verdict says of its candidate."""

    accept: bool
    """The judgement."""
    reason: str
    """Why."""
    scores: tuple[tuple[str, int], ...] = ()
    """Measurements behind it, in millionths, sorted by name."""

    def __str__(self) -> str:
        scores = "".join(f", {name} {score}" for name, score in self.scores)
        return f"{'accept' if self.accept else 'reject'}, {self.reason}{scores}"


_ABSENT = Assessment(accept=False, reason=REASON_DEADLINE)
"""What is said of a candidate that did not come in time."""


def revalidate(
    run: Path, replicas: Sequence[Path], inputs: Inputs, tally: Tally, progress: Progress
) -> None:
    """Judge the candidates of some replicas again, height by height.

    Memory holds, for each replica, one block and a bar per hospital.

    Args:
        run: The run.
        replicas: The ledger directories of replicas with the genesis of ``inputs``.
        inputs: What the run started from.
        tally: Added to.
        progress: Told how many bytes of ledger were read, and of how many.

    Raises:
        StoreError: When a ledger cannot be read.
    """
    blobs = BlobStore(run / BLOBS_FOLDER)
    bench = Bench(inputs.judges, inputs.coalition.curriculum, blobs)
    total = sum(path.stat().st_size for each in replicas for path in each.glob("*.seg"))
    reading = [_Replica(run, each, bench, blobs, tally) for each in replicas]
    done = 0
    while reading:
        bench.forget()
        sizes = [each.advance() for each in reading]
        reading = [each for each, size in zip(reading, sizes, strict=True) if size]
        done += sum(sizes)
        progress("judging again", done, total)
    tally.counters.validations += bench.validation_count


class _Replica:
    """One replica on its way from block to block, with the bars that its chain sets."""

    def __init__(
        self, run: Path, directory: Path, bench: Bench, blobs: BlobStore, tally: Tally
    ) -> None:
        self._run = run
        self._name = directory.name
        self._steps = walk(directory)
        self._bench = bench
        self._blobs = blobs
        self._tally = tally
        self._bars: Bars = bench.first_bars()

    def advance(self) -> int:
        """Judge the next block; the bytes it has, 0 where there is nothing more to judge."""
        match next(self._steps, None):
            case None:
                return 0
            case Broken(height=height, violation=violation):
                return self._stop(height, f"the block is not sound ({violation.code})")
            case Step() as step:
                self._judge(step)
                return step.size_bytes if self._raise_bars(step) else 0

    def _stop(self, height: int, reason: str) -> int:
        self._tally.leave(f"{self._name}: not judged again from height {height} on: {reason}")
        return 0

    def _judge(self, step: Step) -> None:
        body = step.block.core.body
        if isinstance(body, ModelCandidate) and not self._check_claim(step, body):
            return
        for seal in step.block.seal.verdicts:
            expected = None if step.before is None else self._expected(step, step.before, seal)
            if expected is None:
                self._tally.counters.verdicts_skipped += 1
                continue
            self._tally.counters.verdicts += 1
            found = Assessment(seal.accept, seal.reason, seal.scores)
            if found != expected:
                self._find(step, "VERDICT_DIFFERS", f"{seal.node}: {expected}", str(found))

    def _check_claim(self, step: Step, candidate: ModelCandidate) -> bool:
        """Compare the recorded score on G; whether the candidate can be judged at all.

        A claim that was refused for being false is a record of what happened, and no fault of it.
        """
        try:
            score = self._bench.global_score(candidate)
        except BlobError as error:
            self._tally.counters.verdicts_skipped += len(step.block.seal.verdicts)
            path = self._blobs.path(candidate.model.file)
            found = str(error) if path.exists() else "nothing"
            self._find(step, "CANDIDATE_UNREADABLE", f"the model in {self._relative(path)}", found)
            return False
        refused = step.block.core.type is RecordType.REJECTED and any(
            seal.reason == Reason.GLOBAL_CLAIM for seal in step.block.seal.verdicts
        )
        if score is not None and score != candidate.global_score and not refused:
            stated = f"{candidate.global_score} ppm"
            self._find(step, "CLAIM_DIFFERS", f"a score on G of {score} ppm", stated)
        return True

    def _is_sum(self, before: ChainState, candidate: ModelCandidate) -> bool | None:
        """Where norms are proven: whether the candidate is what was proven; None if untold."""
        try:
            return self._bench.is_sum(before.model.file, candidate)
        except (BlobError, WeightsError, ProofError):
            return None  # a finding of level L3

    def _expected(self, step: Step, before: ChainState, seal: VerdictSeal) -> Assessment | None:
        """What the signer should have said; None where that cannot be told from the run."""
        if seal.candidate == NO_CANDIDATE:
            return _ABSENT
        body = step.block.core.body
        match body:
            case ModelCandidate():
                bar = self._bars.get(seal.node)
                if bar is None or seal.candidate != candidate_digest(body):
                    return None  # a finding of level L2
                is_sum = self._is_sum(before, body)
                if not is_sum:
                    return None if is_sum is None else Assessment(accept=False, reason=SUM_REASON)
                return _assessment(self._bench.validation(seal.node, body, bar))
            case EndCandidate():
                end = EndCandidate(step.after.height, before.accepted_count, before.model.tensors)
                return Assessment(body == end, "ok" if body == end else END_REASON)
            case EvidenceNotice() | MembershipNotice() | OpinionNotice() | QualityNotice():
                return None
            case Genesis() | None:
                return None

    def _raise_bars(self, step: Step) -> bool:
        """Follow the chain; whether the bars for the next candidate are known."""
        core = step.block.core
        if core.type is not RecordType.ACCEPTED or not isinstance(core.body, ModelCandidate):
            return True
        try:
            self._bars = self._bench.raised(self._bars, core.body)
        except (BlobError, WeightsError):
            reason = f"the model accepted at height {core.height} sets the bar and cannot be read"
            self._stop(core.height + 1, reason)
            return False
        return True

    def _find(self, step: Step, code: str, expected: str, found: str) -> None:
        self._tally.find(
            "L4",
            Violation(code, expected, found),
            node=self._name,
            height=step.after.height,
            file=self._relative(step.file),
            offset=step.offset,
        )

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self._run))


def _assessment(validation: Validation) -> Assessment:
    scores = tuple(sorted(validation.scores.items()))
    return Assessment(validation.accept, validation.reason.value, scores)
