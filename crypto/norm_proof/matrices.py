"""The public matrices A, S, A_0 and B', and products with them, in the transform domain.

All follow from a seed and the parameters, so nobody chooses them. A opens the block commitments, S
the commitment to the slack, (A_0, B') the commitment to the garbage terms. The identity blocks of
the matrices are not stored.

Source: the specification, sections 3 and 5 (Commit).
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np

from ..digest import Digest
from .hashing import hashed, uniform_residues
from .parameters import KAPPA, KAPPA_0, LAMBDA, LAMBDA_0, Params
from .residues import Ints, fold
from .ring import (
    Q_LIMB_BITS,
    Q_LIMBS,
    Z_LIMB_BITS,
    Z_LIMBS,
    H,
    Hat,
    N,
    inverse,
    q_limbs,
    transform,
    z_limbs,
)

SEED: Final = b"tclearn/norm-proof/v1"
"""The seed of the matrices that everybody uses."""

CACHED_MAX: Final = 4
"""Sets of matrices that are remembered: one takes 23 MB for a million values."""


@dataclass(frozen=True, slots=True, eq=False)
class Matrices:
    """The public matrices of some parameters; each is complex[128, 4 * rows, columns]."""

    params: Params
    """What they are the matrices of."""
    digest: Digest
    """pp: the digest of seed and parameters."""
    a: Hat = field(repr=False)
    """A without its identity: kappa rows, m + lambda columns."""
    s: Hat = field(repr=False)
    """S without its identity: kappa rows, slack and lambda columns."""
    a_0: Hat = field(repr=False)
    """A_0 without its identity: kappa_0 rows, columns for s_e and s'."""
    b: Hat = field(repr=False)
    """B': a row for each garbage term, lambda_0 columns."""


@lru_cache(CACHED_MAX)
def public_matrices(params: Params, seed: bytes = SEED) -> Matrices:
    """Return the matrices of these parameters."""
    a = uniform_residues("A", seed, (KAPPA, params.width + LAMBDA, N))
    s = uniform_residues("S", seed, (KAPPA, len(params.layers) + LAMBDA, N))
    a_0 = uniform_residues("A0", seed, (KAPPA_0, params.rows + LAMBDA_0, N))
    b = uniform_residues("B", seed, (params.rows, LAMBDA_0, N))
    digest = hashed("pp", seed, params.tag)
    return Matrices(params, digest, *(_matrix(each) for each in (a, s, a_0, b)))


def _matrix(entries: Ints) -> Hat:
    """Transform residues int64[rows, columns, 256] to complex[128, 4 * rows, columns]."""
    rows, columns = entries.shape[:2]
    found = np.empty((H, Q_LIMBS * rows, columns), dtype=np.complex128)
    for column in range(columns):  # one at a time: the limbs of all would take twice the memory
        hat = transform(q_limbs(entries[:, column]))
        found[:, :, column] = hat.reshape(Q_LIMBS * rows, H).T
    return found


def vectors(entries: Ints) -> Hat:
    """Transform vectors of small entries, int64[count, n, 256], to complex[128, n, count]."""
    return np.ascontiguousarray(transform(entries).transpose(2, 1, 0))


def split_vectors(entries: Ints) -> Hat:
    """Transform vectors int64[count, n, 256] below 2^27 to complex[128, n, 2 * count], by limbs."""
    hats = transform(z_limbs(entries))  # (2, count, n, 128)
    stacked = hats.transpose(3, 2, 1, 0)
    return np.ascontiguousarray(stacked).reshape(H, entries.shape[1], -1)


def apply(matrix: Hat, argument: Hat, *, split: bool) -> Ints:
    """Return the product of a matrix of residues and vectors: residues int64[rows, count, 256].

    Args:
        matrix: complex[128, 4 * rows, n].
        argument: complex[128, n, count], or [128, n, 2 * count] from `split_vectors`.
        split: Whether the argument is split into limbs.
    """
    return joined(np.matmul(matrix, argument), split=split)


def joined(limbs: Hat, *, split: bool) -> Ints:
    """Return the residues int64[rows, count, 256] of limbs complex[128, 4 * rows, columns]."""
    integers = inverse(limbs.transpose(1, 2, 0))
    by_limb = integers.reshape(Q_LIMBS, -1, integers.shape[1], N)
    residues = fold(by_limb, Q_LIMB_BITS)
    if not split:
        return residues
    pairs = residues.reshape(len(residues), -1, Z_LIMBS, N)
    return fold((pairs[:, :, 0], pairs[:, :, 1]), Z_LIMB_BITS)
