"""The prover: from an opening to a proof, in the four steps of the specification.

Each step masks what it shows, and starts again where the mask would not hide it; a proof takes two
or three attempts at each. The steps are functions from what is known to what is said, and stand in
the order in which `prove_witness` goes through them.

Source: the specification, section 5 (Prove).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np

from ..digest import DIGEST_SIZE, Digest
from ..errors import ProofError
from . import transcript
from .challenges import joint_challenges, single_challenges
from .commitment import Centre, Opening, checked_randomness
from .context import Context
from .hashing import hashed
from .matrices import Matrices, apply, public_matrices, split_vectors, vectors
from .opening import open_blocks, open_garbage
from .parameters import GAMMA_1, GAMMA_3, GAMMA_S, PROJECTIONS, REPETITIONS, STRETCH_MAX
from .projection import Chunk, all_forms, project, projection_chunks
from .relations import (
    Mixture,
    Weights,
    apply_forms,
    constants,
    draw_mixture,
    draw_weights,
    linear_forms,
    pairs,
    split_squares,
    squares,
    weighted_norms,
)
from .residues import Ints, Q, added, fold, largest, multiply, squared_norm
from .ring import Z_LIMB_BITS, Hat, N, inverse, product, sigma, small_product, transform
from .sampling import Stream, accepted, binomial, gaussian, uniform
from .wire import Proof, encode_proof
from .witness import Witness, make_witness

EncryptMask = Callable[[Ints], bytes]
"""Encrypts the mask y of the payload, int64[m + 16, 256], and returns the digest of the result."""

NO_MASK: Final = bytes(DIGEST_SIZE)
"""mh where no encrypted mask goes with a proof."""

ATTEMPTS_MAX: Final = 2000
"""At one step: an honest prover needs so many with probability below 2^-800."""


def prove(
    opening: Opening,
    context: Context,
    randomness: bytes,
    *,
    around: Centre | None = None,
    encrypt_mask: EncryptMask | None = None,
) -> bytes:
    """Prove that a committed vector is within the bounds of its parameters.

    Args:
        opening: What `commit` returned.
        context: What the proof is bound to.
        randomness: 32 fresh secret bytes. Everything secret is drawn from them and the context;
            the same bytes with another ``encrypt_mask`` for the same context reveal the vector.
        around: Prove the norm of the difference to this public vector.
        encrypt_mask: Called at each attempt at step 3, for the response check.

    Returns:
        The proof, as it is sent.

    Raises:
        ProofError: The vector is not within the bounds.
    """
    matrices = public_matrices(opening.params)
    h0 = transcript.h_0(matrices, around, context)
    stream = Stream(hashed("prove", checked_randomness(randomness), h0, opening.residues))
    witness = make_witness(matrices, opening, around, stream)
    h1 = transcript.h_1(h0, opening.residues, witness.t_a)
    return encode_proof(opening.params, prove_witness(matrices, witness, h1, stream, encrypt_mask))


def prove_witness(
    matrices: Matrices,
    witness: Witness,
    h1: Digest,
    stream: Stream,
    encrypt_mask: EncryptMask | None = None,
) -> Proof:
    """Go through the four steps; whether the proof verifies depends on the witness."""
    garbage = hide(matrices, stream)
    projected = project_masked(matrices, witness, garbage, h1, stream)
    linear = combine(matrices, witness, projected)
    opened = open_masked(matrices, witness, garbage, linear, stream, encrypt_mask)
    z_s, tau_5 = relate(matrices, garbage, linear, opened, stream)
    return Proof(
        mask_digest=opened.mask_digest,
        tau_4=opened.tau_4,
        tau_5=tau_5,
        t_a=witness.t_a,
        t_0=garbage.t_0,
        t_b1=projected.t_b1,
        h=linear.h,
        t_b2=opened.t_b2,
        z_3=projected.z_3,
        z=opened.z,
        z_s=z_s,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Garbage:
    """The randomness of the commitment to garbage terms, before the terms."""

    s: Ints = field(repr=False)
    """Secret: (s_0 | s_e | s'), int64[m_s, 256]."""
    t_0: Ints = field(repr=False)
    """s_0 + A_0 (s_e | s'), residues int64[kappa_0, 256]."""
    rows: Ints = field(repr=False)
    """Secret: s_e + B' s', to which the terms are added, residues int64[rows, 256]."""


def hide(matrices: Matrices, stream: Stream) -> Garbage:
    """Draw the randomness of the commitment to the garbage."""
    params = matrices.params
    for _ in range(ATTEMPTS_MAX):
        s = binomial(stream, (params.hiding_columns, N))
        if squared_norm(s) <= params.hiding2:
            return Garbage(s, *open_garbage(matrices, vectors(s[None]), s, split=False))
    raise _exhausted("hiding")


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """Step 1: masked projections."""

    chunks: tuple[Chunk, ...] = field(repr=False)
    """R'."""
    y_3: Ints = field(repr=False)
    """Secret: the masks y3_i, int64[R, 256]."""
    masks: Ints = field(repr=False)
    """Secret: m_k, residues int64[3, 256] with constant 0."""
    t_b1: Ints = field(repr=False)
    """The commitment to both, residues int64[R + 3, 256]."""
    z_3: Ints = field(repr=False)
    """y3_i + R' x_i, int64[R, 256]."""
    tau_2: Digest
    """The hash of everything up to here."""


def project_masked(
    matrices: Matrices, witness: Witness, garbage: Garbage, h1: Digest, stream: Stream
) -> Projected:
    """Step 1: show z_3 = y3 + R' x."""
    params = matrices.params
    stretched = math.floor(STRETCH_MAX * params.witness2)
    for _ in range(ATTEMPTS_MAX):
        y_3 = gaussian(stream, (params.blocks, PROJECTIONS), _root(params.sigma_3_2))
        masks = uniform(stream, (REPETITIONS, N))
        masks[:, 0] = 0
        t_b1 = (garbage.rows[: params.rows_1] + np.concatenate([y_3, masks])) % Q
        tau_1 = transcript.tau_1(h1, garbage.t_0, t_b1)
        chunks = tuple(projection_chunks(params, tau_1))
        shift = project(chunks, witness.blocks)
        z_3 = y_3 + shift
        if (
            squared_norm(shift) <= stretched
            and accepted(stream, z_3, shift, float(params.sigma_3_2), GAMMA_3)
            and squared_norm(z_3) <= params.z3_norm2_max
        ):
            return Projected(chunks, y_3, masks, t_b1, z_3, transcript.tau_2(tau_1, z_3))
    raise _exhausted("projecting")


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """Step 2: the equations in one, its constant coefficient zero."""

    weights: Weights
    """rho, theta, mu."""
    mixture: Mixture
    """nu."""
    phi: Hat = field(repr=False)
    """phi_k, complex[128, 12, columns] by limbs of rho."""
    h: Ints = field(repr=False)
    """h_k, residues int64[3, 256]."""
    terms: Ints = field(repr=False)
    """Secret: D_i and E_ij, residues int64[R + R (R - 1)/2, 256]."""
    tau_3: Digest
    """The hash of everything up to here."""


def combine(matrices: Matrices, witness: Witness, projected: Projected) -> Combined:
    """Step 2: show h_k, then compute the garbage that does not depend on y."""
    params = matrices.params
    weights = draw_weights(params, projected.tau_2)
    phi = all_forms(params, projected.chunks, weights.rho)
    inner = apply(phi, witness.hats, split=False)  # <phi_k, x_i>
    norms = squares(params, witness.hats, witness.hats)  # sigma(x_i)^T x_j by layers
    diagonal = np.einsum("liin->lin", norms)
    h = _masked_sums(params.blocks, weights, projected, inner, diagonal)
    h[:, 0] = (h[:, 0] - constants(params, weights, projected.z_3)) % Q
    tau_3 = transcript.tau_3(projected.tau_2, h)
    mixture = draw_mixture(weights, tau_3)
    linear = small_product(mixture.nu[:, None], inner)  # nu_k <phi_k, x_i>
    first, second = pairs(params.blocks)
    squared = weighted_norms(mixture, diagonal) + _weighted(weights.theta, linear)
    crossed = (
        weighted_norms(mixture, norms[:, first, second] + norms[:, second, first])
        + _weighted(weights.theta[:, first], linear[:, second])
        + _weighted(weights.theta[:, second], linear[:, first])
    )
    terms = np.concatenate([squared, crossed]) % Q
    return Combined(weights, mixture, phi, h, terms, tau_3)


def _masked_sums(
    blocks: int, weights: Weights, projected: Projected, inner: Ints, diagonal: Ints
) -> Ints:
    """Return h_k before the constants: residues int64[3, 256]."""
    squared = added(diagonal, 1)
    norms = added(multiply(weights.mu[:, :, None], squared[None]), 1)
    mixed = added(multiply(weights.theta[:, :, None], projected.y_3[None] % Q), 1)
    masked = product(sigma(weights.rho) % Q, mixed)
    forms = added(multiply(weights.theta[:, :, None], inner), 1)
    return (projected.masks + norms + forms + masked) % Q


def _weighted(theta: Ints, parts: Ints) -> Ints:
    """Return theta_ki parts_ki, summed over k: residues int64[..., 256]."""
    return added(multiply(theta[:, :, None], parts), 0)


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """Step 3: the amortised opening."""

    challenges: Ints = field(repr=False)
    """c_1..c_R, int64[R, 256]."""
    mask_digest: bytes
    """mh."""
    t_b2: Ints = field(repr=False)
    """The commitment to D, E, E_0 and E_00, residues int64[rows_2, 256]."""
    z: Ints = field(repr=False)
    """y + sum_i c_i x_i, int64[columns, 256]."""
    tau_4: Digest
    """What the challenges follow from."""


def open_masked(
    matrices: Matrices,
    witness: Witness,
    garbage: Garbage,
    combined: Combined,
    stream: Stream,
    encrypt_mask: EncryptMask | None,
) -> Opened:
    """Step 3: show z = y + sum_i c_i x_i."""
    params = matrices.params
    for _ in range(ATTEMPTS_MAX):
        y = gaussian(stream, (params.columns, N), _root(params.sigma_1_2))
        hats = split_vectors(y[None])
        w = open_blocks(matrices, hats, y)
        terms = np.concatenate([combined.terms, mask_terms(matrices, witness, combined, hats)])
        t_b2 = (garbage.rows[params.rows_1 :] + terms) % Q
        mask_digest = NO_MASK if encrypt_mask is None else encrypt_mask(y[: params.payload])
        tau_4 = transcript.tau_4(combined.tau_3, t_b2, w, mask_digest)
        challenges = joint_challenges("c", tau_4, params.blocks)
        shift = challenged(challenges, witness)
        z = y + shift
        if (
            accepted(stream, z, shift, float(params.sigma_1_2), GAMMA_1)
            and largest(z) <= params.z_entry_max
            and squared_norm(z) <= params.z_norm2_max
        ):
            return Opened(challenges, mask_digest, t_b2, z, tau_4)
    raise _exhausted("opening")


def mask_terms(matrices: Matrices, witness: Witness, combined: Combined, hats: Hat) -> Ints:
    """Return the garbage that depends on y: E_0i and E_00, residues int64[R + 1, 256]."""
    params, mixture = matrices.params, combined.mixture
    inner = apply(combined.phi, hats, split=True)[:, 0]  # <phi_k, y>
    linear = small_product(mixture.nu, inner)
    by_limb = squares(params, hats, witness.hats)
    crossed = fold((by_limb[:, 0], by_limb[:, 1]), Z_LIMB_BITS)  # sigma(y)^T x_i
    e_0 = weighted_norms(mixture, crossed + sigma(crossed))
    e_0 = (e_0 + _weighted(combined.weights.theta, linear[:, None])) % Q
    e_00 = weighted_norms(mixture, split_squares(params, hats))
    return np.concatenate([e_0, e_00[None]])


def challenged(challenges: Ints, witness: Witness) -> Ints:
    """Return sum_i c_i x_i, int64[columns, 256]."""
    hats = transform(challenges).T
    return inverse(np.matmul(witness.hats, hats[:, :, None])[:, :, 0].T)


def relate(
    matrices: Matrices, garbage: Garbage, combined: Combined, opened: Opened, stream: Stream
) -> tuple[Ints, Digest]:
    """Step 4: show z_s = y_s + c_0 s, under which the garbage satisfies both relations.

    Returns:
        z_s, int64[m_s, 256], and tau_5.
    """
    params = matrices.params
    forms = linear_forms(combined.weights, combined.mixture, opened.challenges)
    for _ in range(ATTEMPTS_MAX):
        y_s = gaussian(stream, (params.hiding_columns, N), _root(params.sigma_s2))
        w_0, rows = open_garbage(matrices, split_vectors(y_s[None]), y_s, split=True)
        f_1, f_2 = apply_forms(forms, rows)
        tau_5 = transcript.tau_5(opened.tau_4, opened.z, w_0, -f_1 % Q, -f_2 % Q)
        c_0 = single_challenges("c0", tau_5, 1)
        shift = inverse(transform(garbage.s) * transform(c_0))
        z_s = y_s + shift
        if (
            accepted(stream, z_s, shift, float(params.sigma_s2), GAMMA_S)
            and largest(z_s) <= params.z_s_entry_max
            and squared_norm(z_s) <= params.z_s_norm2_max
        ):
            return z_s, tau_5
    raise _exhausted("relating")


def _root(variance: Fraction) -> float:
    return math.sqrt(variance)


def _exhausted(step: str) -> ProofError:
    return ProofError(f"{step}: expected to hide the witness within {ATTEMPTS_MAX} attempts")
