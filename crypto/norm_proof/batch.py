"""Many proofs at once: each is verified by itself, on as many threads as there are cores.

numpy and hashlib leave the interpreter to others while they work, so threads share the matrices and
still run side by side. A verdict does not depend on the number of threads. A `Claim` can be pickled
for those who prefer processes.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from ..errors import ProofError
from .commitment import Centre
from .context import Context
from .matrices import public_matrices
from .parameters import Params
from .verifier import verify

WORKERS_MAX: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """The arguments of `verify`."""

    params: Params
    """Of the proof."""
    commitment: bytes = field(repr=False)
    """As it was sent."""
    proof: bytes = field(repr=False)
    """As it was sent."""
    context: Context
    """What the proof must be bound to."""
    around: Centre | None = None
    """The centre, if the norm is that of a difference."""


def verify_all(claims: Sequence[Claim], *, workers: int = 1) -> tuple[ProofError | None, ...]:
    """Return what is wrong with each claim, in their order; None where nothing is.

    Raises:
        ProofError: The number of workers is out of range.
    """
    if not 1 <= workers <= WORKERS_MAX:
        raise ProofError(f"expected 1 to {WORKERS_MAX} workers, found {workers}")
    for params in {claim.params for claim in claims}:
        public_matrices(params)  # once, and not on all threads at the same time
    if workers == 1 or len(claims) <= 1:
        return tuple(_fault(claim) for claim in claims)
    with ThreadPoolExecutor(min(workers, len(claims))) as executor:
        return tuple(executor.map(_fault, claims))


def _fault(claim: Claim) -> ProofError | None:
    try:
        verify(claim.params, claim.commitment, claim.proof, claim.context, around=claim.around)
    except ProofError as error:
        return error
    return None
