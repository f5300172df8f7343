"""Between the learning's words for a model and the ledger's: neither knows the other."""

from crypto.digest import Digest, sha256
from fl.candidate import Candidate, ModelClaim
from ledger.candidate import ModelCandidate, UpdateEntry
from ledger.model import ModelFile


def model_file(candidate: Candidate) -> ModelFile:
    """What the ledger keeps of a model file."""
    claim = candidate.claim
    return ModelFile(claim.file_digest, claim.tensor_digest, len(candidate.file))


def model_candidate(
    candidate: Candidate,
    base: Digest,
    scheme: str,
    updates: tuple[UpdateEntry, ...],
    total: bytes = b"",
) -> ModelCandidate:
    """What the ledger records of a candidate."""
    score = candidate.claim.global_score_ppm
    opens = sha256(total) if total else None
    return ModelCandidate(model_file(candidate), base, scheme, score, updates, opens)


def claim_of(candidate: ModelCandidate) -> ModelClaim:
    """What a validator checks of a recorded candidate."""
    return ModelClaim(candidate.model.file, candidate.model.tensors, candidate.global_score)
