"""The sum check (level 1): does a decrypted sum open the sum of the commitments?

The ciphertexts are added up in public and somebody decrypts the sum. If the result opens the sum of
the commitments and is as short as it must be, it *is* the sum of vectors that each were proven to
be within the bounds, whoever decrypted it: decryption and addition are checked as well. Hospitals
that collude can shift something between each other, no more.

Source: the specification, section 5 (Level 1).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..errors import ProofError
from .commitment import Centre, check_centre, collect, moved
from .matrices import apply, public_matrices, split_vectors
from .parameters import BOUND_MAX, KAPPA, LAMBDA, Params
from .residues import Ints, Q, described, is_ints, largest, squared_norm
from .ring import N
from .wire import decode_commitment

MEMBERS_MAX: Final = 4096
"""The most terms of a sum: with it, entries stay below 2^27."""


def check_sum(
    params: Params,
    commitments: Sequence[bytes],
    total: Ints,
    *,
    around: Centre | None = None,
) -> Ints:
    """Check a sum of payloads against the commitments to its terms.

    Args:
        params: Of the commitments.
        commitments: One for each term, as they were sent.
        total: The decrypted sum of payloads (g_i | r'_i | r''_i), int64[R, m + 16, 256].
        around: The centre that the proofs were about, if there was one.

    Returns:
        The sum of the vectors, int64[d].

    Raises:
        ProofError: It is not shown to be that sum.
    """
    check_centre(params, around)
    members = len(commitments)
    if not 1 <= members <= MEMBERS_MAX:
        raise ProofError(f"expected 1 to {MEMBERS_MAX} commitments, found {members}")
    shape = (params.blocks, params.payload, N)
    if not is_ints(total, shape):
        raise ProofError(f"sum of payloads: expected int64{list(shape)}, not {described(total)}")
    residues = _sum_of_residues(params, commitments, around)
    rest = total if around is None else _without(total, around, members)
    _check_lengths(params, rest, members)
    inner = params.width + LAMBDA
    matrices = public_matrices(params)
    opened = apply(matrices.a, split_vectors(rest[:, :inner]), split=True).transpose(1, 0, 2)
    if not np.array_equal((opened + rest[:, inner:]) % Q, residues):
        raise ProofError("sum of payloads: expected it to open the sum of the commitments")
    return collect(params, total)


def encode_payload(payload: Ints) -> bytes:
    """Return a payload, or a sum of some, as bytes: int64 little endian, row by row."""
    return payload.astype("<i8").tobytes()


def decode_payload(params: Params, data: bytes) -> Ints:
    """Read a payload, or a sum of some, int64[R, m + 16, 256].

    Raises:
        ProofError: It has another size.
    """
    shape = (params.blocks, params.payload, N)
    expected = 8 * shape[0] * shape[1] * shape[2]
    if len(data) != expected:
        raise ProofError(f"payload: expected {expected} bytes, found {len(data)}")
    return np.frombuffer(data, "<i8").reshape(shape).astype(np.int64)


def _sum_of_residues(params: Params, commitments: Sequence[bytes], around: Centre | None) -> Ints:
    """Return the sum of the commitments, moved by the centre: int64[R, kappa, 256]."""
    found = np.zeros((params.blocks, KAPPA, N), np.int64)
    for commitment in commitments:
        found = (found + moved(decode_commitment(params, commitment), around)) % Q
    return found


def _without(total: Ints, around: Centre, members: int) -> Ints:
    """Return the sum without the centres in it; what is out of range before is so after."""
    if largest(total) >= 2**62:
        raise ProofError("sum of payloads: expected shorter entries")
    rest = total.copy()
    rest[:, : around.blocks.shape[1]] -= members * around.blocks
    return rest


def _check_lengths(params: Params, total: Ints, members: int) -> None:
    """Check the norms that a sum of so many terms can have."""
    # Entries first: it keeps them below 2^27 for the norms and for the limbs.
    if largest(total) > members * BOUND_MAX:
        raise ProofError("sum of payloads: expected shorter entries")
    start = 0
    for number, (layer, width) in enumerate(zip(params.layers, params.widths, strict=True)):
        # With what stands behind the values: a proof is about it as well, so it may be anything.
        if squared_norm(total[:, start : start + width]) > (members * layer.bound) ** 2:
            raise ProofError(f"sum of payloads: expected a shorter sum in layer {number}")
        start += width
    if squared_norm(total[:, params.width :]) > members**2 * params.randomness2:
        raise ProofError("sum of payloads: expected shorter randomness")
