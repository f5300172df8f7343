"""The candidate: the model put to the vote in a round, and what its author claims of it.

Which updates it combines, and on what base, is the ledger's to record; the file itself lives beside
the chain under its digest. Source: features A8-A9, A15.
"""

from dataclasses import dataclass, field

from crypto.digest import Digest, sha256
from crypto.tensors import tensor_digest


@dataclass(frozen=True, slots=True)
class ModelClaim:
    """What the author says of the file; validation checks every word."""

    file_digest: Digest
    """SHA-256 of the file's bytes."""
    tensor_digest: Digest
    """Digest of the names, types, shapes and values, whatever the layout of the file."""
    global_score_ppm: int
    """Score on G, in millionths."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model with its claim."""

    file: bytes = field(repr=False)
    """The weights, a safetensors file."""
    claim: ModelClaim
    """What its author says of the file."""


def claim_for(file: bytes, global_score_ppm: int) -> ModelClaim:
    """Return the true claim for a weights file and its score.

    Raises:
        crypto.errors.TensorFileError: The file is not a safetensors file.
    """
    return ModelClaim(sha256(file), tensor_digest(file), global_score_ppm)
