"""The Fiat-Shamir transcript: one chain of hashes from the context to the last challenge.

Each link covers all that was said before it, so no challenge can be known before what it tests is
fixed. Prover and verifier call the same functions.

Source: the specification, section 5 (h_0, h_1, tau_1 to tau_5).
"""

from ..digest import Digest
from .commitment import Centre, check_centre
from .context import Context, context_bytes
from .hashing import hashed
from .matrices import Matrices
from .residues import Ints


def h_0(matrices: Matrices, around: Centre | None, context: Context) -> Digest:
    """Return the digest of what is public before anybody proves: parameters, centre, context.

    Raises:
        ProofError: The context cannot be encoded, or the centre is one of other parameters.
    """
    check_centre(matrices.params, around)
    statement = matrices.digest
    if around is not None:
        statement = hashed("around", statement, around.digest)
    return hashed("ctx", statement, context_bytes(context))


def h_1(h0: Digest, commitment: Ints, t_a: Ints) -> Digest:
    """Return the digest that adds the commitments."""
    return hashed("com", h0, commitment, t_a)


def tau_1(h1: Digest, t_0: Ints, t_b1: Ints) -> Digest:
    """Return what R' is expanded from."""
    return hashed("r1", h1, t_0, t_b1)


def tau_2(tau1: Digest, z_3: Ints) -> Digest:
    """Return what rho, theta and mu are drawn from."""
    return hashed("r2", tau1, z_3)


def tau_3(tau2: Digest, h: Ints) -> Digest:
    """Return what nu is drawn from."""
    return hashed("r3", tau2, h)


def tau_4(tau3: Digest, t_b2: Ints, w: Ints, mask_digest: bytes) -> Digest:
    """Return what c_1..c_R are drawn from."""
    return hashed("r4", tau3, t_b2, w, mask_digest)


def tau_5(tau4: bytes, z: Ints, w_0: Ints, f_1: Ints, f_2: Ints) -> Digest:
    """Return what c_0 is drawn from."""
    return hashed("r5", tau4, z, w_0, f_1, f_2)
