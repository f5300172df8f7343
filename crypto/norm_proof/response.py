"""The response check (level 2): do the ciphertexts of a hospital hold what it committed to?

The proof shows z = y + sum_i c_i x_i. Whoever holds the key decrypts the same combination of the
ciphertexts, Enc(y) + sum_i c_i Enc(x_i), and compares: a difference convicts the hospital, and the
value reveals nothing, because z is public already. The ciphertexts are made and combined elsewhere;
here stand the coefficients and the comparison.

Source: the specification, section 5 (Level 2).
"""

import numpy as np

from ..errors import ProofError
from .challenges import joint_challenges
from .commitment import Centre, check_centre
from .parameters import Params
from .residues import Ints, described, is_ints
from .ring import N, inverse, transform
from .wire import decode_proof


def response_challenges(params: Params, proof: bytes) -> Ints:
    """Return the coefficients c_i of the combination, int64[R, 256], each -1, 0 or 1.

    Raises:
        ProofError: The bytes are no proof.
    """
    return joint_challenges("c", decode_proof(params, proof).tau_4, params.blocks)


def check_response(
    params: Params,
    proof: bytes,
    mask_digest: bytes,
    decrypted: Ints,
    *,
    around: Centre | None = None,
) -> None:
    """Check a decrypted combination against the response in a proof that was verified before.

    Args:
        params: Of the proof.
        proof: The proof, as it was sent.
        mask_digest: The digest of the encrypted mask that was combined.
        decrypted: y + sum_i c_i x_i on the payload, int64[m + 16, 256], nearest to zero.
        around: The centre of the proof: the payload holds g, the response is about g - v.

    Raises:
        ProofError: They differ: the ciphertexts do not hold what the commitments do.
    """
    check_centre(params, around)
    decoded = decode_proof(params, proof)
    if mask_digest != decoded.mask_digest:
        raise ProofError(
            f"mask: expected digest {decoded.mask_digest.hex()}, found {mask_digest.hex()}"
        )
    expected = decoded.z[: params.payload].copy()
    if around is not None:
        challenges = joint_challenges("c", decoded.tau_4, params.blocks)
        expected[: params.width] += _combined(challenges, around.blocks)
    shape = (params.payload, N)
    if not is_ints(decrypted, shape):
        raise ProofError(
            f"decrypted response: expected int64{list(shape)}, found {described(decrypted)}"
        )
    if not np.array_equal(decrypted, expected):
        count = int(np.count_nonzero(decrypted != expected))
        raise ProofError(f"decrypted response: expected that of the proof, {count} entries differ")


def _combined(challenges: Ints, blocks: Ints) -> Ints:
    """Return sum_i c_i v_i, int64[m, 256]."""
    return inverse((transform(challenges)[:, None] * transform(blocks)).sum(axis=0))
