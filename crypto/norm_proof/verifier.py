"""The verifier: nothing if a proof holds, a `ProofError` otherwise.

Everything is exact, and everything that was not sent is computed again. What is read from a proof
are residues and short integers: there is no flag and no norm in it that could be believed.

Source: the specification, section 5 (Verify).
"""

import numpy as np

from ..digest import DIGEST_SIZE, Digest
from ..errors import ProofError
from . import transcript
from .challenges import joint_challenges, single_challenges
from .commitment import Centre, moved
from .context import Context
from .matrices import Matrices, joined, public_matrices, split_vectors
from .opening import open_blocks, open_garbage
from .parameters import KAPPA, KAPPA_0, PROJECTIONS, REPETITIONS, Params
from .projection import forms, projection_chunks, rho_limbs
from .relations import (
    Mixture,
    Weights,
    apply_forms,
    draw_mixture,
    draw_weights,
    linear_forms,
    split_squares,
    target,
    weighted_norms,
)
from .residues import Ints, Q, added, described, is_ints, largest, multiply, squared_norm
from .ring import Q_LIMBS, Z_LIMBS, H, Hat, N, small_product
from .wire import Proof, decode_commitment, decode_proof


def verify(
    params: Params,
    commitment: bytes,
    proof: bytes,
    context: Context,
    *,
    around: Centre | None = None,
) -> None:
    """Check that a committed vector is within the bounds.

    Args:
        params: Of the proof, as the verifier knows them.
        commitment: The commitment, as it was sent.
        proof: The proof, as it was sent.
        context: What the proof must be bound to, as the verifier knows it.
        around: The centre, if the norm is that of a difference.

    Raises:
        ProofError: It is not shown to be.
    """
    residues = decode_commitment(params, commitment)
    decoded = decode_proof(params, proof)
    check_proof(public_matrices(params), residues, decoded, context, around=around)


def check_proof(
    matrices: Matrices,
    commitment: Ints,
    proof: Proof,
    context: Context,
    *,
    around: Centre | None = None,
) -> None:
    """Check V0 to V3 for a decoded proof.

    Args:
        matrices: The public ones.
        commitment: t_i, residues int64[R, kappa, 256].
        proof: The proof, decoded.
        context: What the proof must be bound to.
        around: The centre.

    Raises:
        ProofError: One of them fails.
    """
    params = matrices.params
    check_form(params, commitment, proof)
    check_norms(params, proof)
    h0 = transcript.h_0(matrices, around, context)
    h1 = transcript.h_1(h0, commitment, proof.t_a)
    tau_1 = transcript.tau_1(h1, proof.t_0, proof.t_b1)
    tau_2 = transcript.tau_2(tau_1, proof.z_3)
    tau_3 = transcript.tau_3(tau_2, proof.h)
    weights = draw_weights(params, tau_2)
    mixture = draw_mixture(weights, tau_3)
    challenges = joint_challenges("c", proof.tau_4, params.blocks)
    hats = split_vectors(proof.z[None])
    w = masked_opening(matrices, moved(commitment, around), proof, challenges, hats)
    found = transcript.tau_4(tau_3, proof.t_b2, w, proof.mask_digest)
    _check_digest("opening of the blocks (V1)", expected=proof.tau_4, found=found)
    inner = inner_products(params, tau_1, weights, hats)
    v_1 = target(params, weights, mixture, proof.h, proof.z_3)
    v_2 = opened_square(params, weights, mixture, challenges, inner, hats)
    w_0, f_1, f_2 = masked_relations(matrices, weights, mixture, challenges, proof, (v_1, v_2))
    found = transcript.tau_5(proof.tau_4, proof.z, w_0, f_1, f_2)
    _check_digest("relations between the terms (V3)", expected=proof.tau_5, found=found)


def check_form(params: Params, commitment: Ints, proof: Proof) -> None:
    """V0: the arrays have their types and shapes, and residues are those of [0, q).

    `decode_proof` returns nothing else; a proof that was made otherwise may be anything.

    Raises:
        ProofError: One of them has not, or is not.
    """
    residues = {
        "t": (commitment, (params.blocks, KAPPA, N)),
        "t_a": (proof.t_a, (KAPPA, N)),
        "t_0": (proof.t_0, (KAPPA_0, N)),
        "t_B1": (proof.t_b1, (params.rows_1, N)),
        "h": (proof.h, (REPETITIONS, N)),
        "t_B2": (proof.t_b2, (params.rows_2, N)),
    }
    integers = {
        "z_3": (proof.z_3, (params.blocks, PROJECTIONS)),
        "z": (proof.z, (params.columns, N)),
        "z_s": (proof.z_s, (params.hiding_columns, N)),
    }
    for name, (array, shape) in {**residues, **integers}.items():
        if not is_ints(array, shape):
            raise ProofError(f"{name}: expected int64{list(shape)}, found {described(array)}")
    for name, (array, _) in residues.items():
        if array.min() < 0 or array.max() >= Q:
            raise ProofError(f"{name}: expected residues below q, found others")
    for text in (proof.mask_digest, proof.tau_4, proof.tau_5):
        if type(text) is not bytes or len(text) != DIGEST_SIZE:
            raise ProofError(f"expected digests of {DIGEST_SIZE} bytes, found something else")


def check_norms(params: Params, proof: Proof) -> None:
    """V0: the responses are short and the constant coefficients of h are zero.

    Raises:
        ProofError: One is not.
    """
    limits = (
        ("z_3", proof.z_3, params.z3_norm2_max, params.z3_norm2_max),
        ("z", proof.z, params.z_entry_max**2, params.z_norm2_max),
        ("z_s", proof.z_s, params.z_s_entry_max**2, params.z_s_norm2_max),
    )
    for name, array, entry2_max, norm2_max in limits:
        # The entries first: in Python integers, lest the square of a large one wraps.
        if largest(array) ** 2 > entry2_max or squared_norm(array) > norm2_max:
            raise ProofError(f"{name}: expected a shorter vector")
    if proof.h[:, 0].any():
        raise ProofError("h: expected constant coefficients of zero")


def masked_opening(
    matrices: Matrices, commitment: Ints, proof: Proof, challenges: Ints, hats: Hat
) -> Ints:
    """V1: return w = (A z - sum_i c_i t_i | S z_a - c_R t_a), residues int64[2 * kappa, 256]."""
    w = open_blocks(matrices, hats, proof.z)
    w[:KAPPA] -= added(small_product(challenges[:, None], commitment), 0)
    w[KAPPA:] -= small_product(challenges[-1], proof.t_a)
    return w % Q


def inner_products(params: Params, tau_1: Digest, weights: Weights, hats: Hat) -> Ints:
    """Return <phi_k, z>, residues int64[3, 256], expanding R' as it goes."""
    limbs = rho_limbs(weights.rho)
    total = np.zeros((H, Q_LIMBS * REPETITIONS, Z_LIMBS), np.complex128)
    for chunk in projection_chunks(params, tau_1):
        columns = hats[:, chunk.start : chunk.start + chunk.count]
        total += np.matmul(forms(limbs, chunk), columns)
    return joined(total, split=True)[:, 0]


def opened_square(
    params: Params,
    weights: Weights,
    mixture: Mixture,
    challenges: Ints,
    inner: Ints,
    hats: Hat,
) -> Ints:
    """V2: return v2 = M sigma(z)^T z + sum_i c_i sum_k theta_ki nu_k <phi_k, z>."""
    linear = small_product(mixture.nu, inner)
    by_block = added(multiply(weights.theta[:, :, None], linear[:, None]), 0)
    square = weighted_norms(mixture, split_squares(params, hats))
    return (square + added(small_product(challenges, by_block), 0)) % Q


def masked_relations(
    matrices: Matrices,
    weights: Weights,
    mixture: Mixture,
    challenges: Ints,
    proof: Proof,
    targets: tuple[Ints, Ints],
) -> tuple[Ints, Ints, Ints]:
    """V3: return w_0, residues int64[kappa_0, 256], and f1, f2, residues int64[256]."""
    c_0 = single_challenges("c0", proof.tau_5, 1)
    top, opened = open_garbage(matrices, split_vectors(proof.z_s[None]), proof.z_s, split=True)
    rows = (small_product(c_0, np.concatenate([proof.t_b1, proof.t_b2])) - opened) % Q
    f_1, f_2 = apply_forms(linear_forms(weights, mixture, challenges), rows)
    w_0 = (top - small_product(c_0, proof.t_0)) % Q
    known = small_product(c_0, np.stack(targets))
    return w_0, (f_1 - known[0]) % Q, (f_2 - known[1]) % Q


def _check_digest(what: str, *, expected: bytes, found: bytes) -> None:
    if found != expected:
        raise ProofError(f"{what}: expected challenge {expected.hex()}, found {found.hex()}")
