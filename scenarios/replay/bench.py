"""The judges of a coalition on one bench: what one replica asked, the next need not ask again."""

from collections.abc import Mapping

from crypto.digest import Digest
from crypto.identity import NodeId
from fl.errors import WeightsError
from fl.model import from_bytes
from fl.validate import Bar, Validation, evaluate
from ledger.blobs import BlobStore
from ledger.body import candidate_digest
from ledger.candidate import ModelCandidate

from ..simulation.candidates import claim_of
from ..simulation.learner import FIRST_BAR, Curriculum, Judge

Bars = Mapping[NodeId, Bar]
"""What a candidate is measured against, by hospital."""


class Bench:
    """Answers what hospitals say of candidates; remembers the answers of one height."""

    def __init__(
        self, judges: Mapping[NodeId, Judge], curriculum: Curriculum, blobs: BlobStore
    ) -> None:
        self._judges = judges
        self._curriculum = curriculum
        self._blobs = blobs
        self._files: dict[Digest, bytes] = {}
        self._scores: dict[Digest, int | None] = {}
        self._validations: dict[tuple[NodeId, Digest, Bar], Validation] = {}
        self._raised: dict[tuple[NodeId, Digest, Bar], Bar] = {}
        self.validation_count = 0
        """Validations that were computed."""

    def first_bars(self) -> Bars:
        """The bars before any model was accepted."""
        return dict.fromkeys(self._judges, FIRST_BAR)

    def forget(self) -> None:
        """Drop all answers: the replicas go on to the next height."""
        for answers in (self._files, self._scores, self._validations, self._raised):
            answers.clear()

    def global_score(self, candidate: ModelCandidate) -> int | None:
        """The candidate's score on G in millionths; None where the file holds no model of ours.

        Raises:
            BlobError: When the file cannot be read.
        """
        name = candidate.model.file
        if name not in self._scores:
            self._scores[name] = _score(self._curriculum, self._file(candidate))
        return self._scores[name]

    def is_sum(self, base: Digest, candidate: ModelCandidate) -> bool:
        """Whether a candidate is its base and the mean of what was proven, if anything was.

        Args:
            base: SHA-256 of the file of the model that was trained further.
            candidate: The candidate.

        Raises:
            BlobError: When a file cannot be read.
            WeightsError: When the base holds no model of ours.
            ProofError: When the total has another size.
        """
        if self._curriculum.norm is None or candidate.total is None:
            return True
        file, total = self._blobs.get(base), self._blobs.get(candidate.total)
        made = self._curriculum.proven_sum(file, total, len(candidate.updates))
        return made == self._file(candidate)

    def validation(self, node: NodeId, candidate: ModelCandidate, bar: Bar) -> Validation:
        """What a hospital with this bar says of a candidate.

        Raises:
            BlobError: When the file cannot be read.
        """
        key = (node, candidate_digest(candidate), bar)
        if key not in self._validations:
            file = self._file(candidate)
            self._validations[key] = self._judges[node].validate(file, claim_of(candidate), bar)
            self.validation_count += 1
        return self._validations[key]

    def raised(self, bars: Bars, candidate: ModelCandidate) -> Bars:
        """The bars after this candidate was accepted.

        Raises:
            BlobError: When the file cannot be read.
            WeightsError: When it holds no model of ours.
        """
        return {node: self._raise(node, bar, candidate) for node, bar in bars.items()}

    def _raise(self, node: NodeId, bar: Bar, candidate: ModelCandidate) -> Bar:
        key = (node, candidate_digest(candidate), bar)
        if key not in self._raised:
            file = self._file(candidate)
            self._raised[key] = self._judges[node].raised(bar, file, candidate.global_score)
        return self._raised[key]

    def _file(self, candidate: ModelCandidate) -> bytes:
        name = candidate.model.file
        if name not in self._files:
            self._files[name] = self._blobs.get(name)
        return self._files[name]


def _score(curriculum: Curriculum, file: bytes) -> int | None:
    try:
        weights = from_bytes(curriculum.model, file)
    except WeightsError:
        return None
    return evaluate(curriculum.model, weights, curriculum.global_set, curriculum.thresholds.score)
