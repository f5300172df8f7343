"""The equations that a proof is about: their random combination, and both sides of it.

Three times over (k = 1..3), with random rho_k, theta_k and mu_k, the following is zero modulo q:

    sum_l mu_kl (sum_i |g_i|^2 + |a|^2 - B^2 on layer l)
        + sum_i theta_ki (<phi_k, x_i> + <rho_k, y3_i> - <rho_k, z3_i>)

It is the constant coefficient of a ring element f_k, which is shown masked, as h_k. In the
amortised opening z = y + sum_i c_i x_i the same expression becomes a polynomial in the c_i, whose
coefficients D_i, E_ij, E_0i and E_00 are committed to as garbage.

Source: the specification, section 5, steps 2 and 3, V2 and V3.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ..digest import Digest
from .challenges import single_challenges
from .hashing import uniform_residues
from .parameters import PROJECTIONS, REPETITIONS, Params
from .residues import Ints, Q, added, fold, multiply
from .ring import (
    Z_LIMB_BITS,
    Hat,
    N,
    inverse,
    product,
    sigma,
    small_product,
    transform,
)

_ONE: Final = np.eye(1, N, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The coefficients of step 2, drawn after z_3: residues."""

    rho: Ints = field(repr=False)
    """rho_k: int64[3, 256], of the projections of one block."""
    theta: Ints = field(repr=False)
    """theta_k: int64[3, R], of the blocks."""
    mu: Ints = field(repr=False)
    """mu_k: int64[3, L], of the norm equations, one for each layer."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """The coefficients of step 3, drawn after h."""

    nu: Ints = field(repr=False)
    """nu_k: small, int64[3, 256]; the first is 1."""
    norms: Ints = field(repr=False)
    """M_l = sum_k nu_k mu_kl: residues int64[L, 256]."""


def draw_weights(params: Params, tau_2: Digest) -> Weights:
    """Draw rho, theta and mu."""
    blocks = params.blocks
    shape = (REPETITIONS, PROJECTIONS + blocks + len(params.layers))
    drawn = uniform_residues("rho", tau_2, shape)
    return Weights(
        drawn[:, :PROJECTIONS],
        drawn[:, PROJECTIONS : PROJECTIONS + blocks],
        drawn[:, PROJECTIONS + blocks :],
    )


def draw_mixture(weights: Weights, tau_3: Digest) -> Mixture:
    """Draw nu."""
    nu = np.concatenate([_ONE, single_challenges("nu", tau_3, REPETITIONS - 1)])
    terms = multiply(nu[:, None], weights.mu[:, :, None])
    return Mixture(nu, added(terms, 0))


def squares(params: Params, left: Hat, right: Hat) -> Ints:
    """Return sigma(a)^T b over the values and the slack of each layer: int64[L, a, b, 256].

    Args:
        params: Say which columns are whose.
        left: complex[128, columns, a].
        right: complex[128, columns, b].
    """
    found = []
    start = 0
    for index, width in enumerate(params.widths):
        stop, slack = start + width, params.payload + index
        total = np.matmul(left[:, start:stop].conj().transpose(0, 2, 1), right[:, start:stop])
        total += left[:, slack].conj()[:, :, None] * right[:, slack][:, None, :]
        found.append(inverse(total.transpose(1, 2, 0)))
        start = stop
    return np.stack(found)


def split_squares(params: Params, split: Hat) -> Ints:
    """Return sigma(v)^T v for one vector, complex[128, columns, 2] by limbs: int64[L, 256]."""
    parts = squares(params, split, split)
    middle = parts[:, 0, 1] + parts[:, 1, 0]
    return fold((parts[:, 0, 0], middle, parts[:, 1, 1]), Z_LIMB_BITS)


def weighted_norms(mixture: Mixture, parts: Ints) -> Ints:
    """Return sum_l M_l parts_l: residues int64[..., 256], for int64[L, ..., 256]."""
    norms = mixture.norms.reshape(len(mixture.norms), *(1,) * (parts.ndim - 2), N)
    return added(product(norms, parts), 0)


def constants(params: Params, weights: Weights, z_3: Ints) -> Ints:
    """Return sum_l mu_kl B_l^2 + sum_i theta_ki <rho_k, z3_i>: residues int64[3]."""
    bounds2 = np.array([layer.bound**2 for layer in params.layers], np.int64)
    inner = added(multiply(weights.rho[:, None], z_3[None] % Q), 2)
    known = added(multiply(weights.mu, bounds2[None]), 1)
    return (known + added(multiply(weights.theta, inner), 1)) % Q


def target(params: Params, weights: Weights, mixture: Mixture, h: Ints, z_3: Ints) -> Ints:
    """Return v1 of V2: sum_k nu_k (h_k + what the verifier knows), residues int64[256]."""
    known = h.copy()
    known[:, 0] = (known[:, 0] + constants(params, weights, z_3)) % Q
    return added(small_product(mixture.nu, known), 0)


@dataclass(frozen=True, slots=True, eq=False)
class Forms:
    """The coefficients of the two linear relations between the garbage terms, V3."""

    mixture: Mixture
    """nu_k are the coefficients of m_k in f1."""
    projections: Ints = field(repr=False)
    """sum_k theta_ki nu_k sigma(rho_k): those of y3_i in f1, residues int64[R, 256]."""
    quadratic: Ints = field(repr=False)
    """c_i^2, c_i c_j, c_i, 1: those of D_i, E_ij, E_0i, E_00 in f2, small int64[rows_2, 256]."""


def linear_forms(weights: Weights, mixture: Mixture, challenges: Ints) -> Forms:
    """Return the two linear relations for challenges c_i, int64[R, 256]."""
    mixed = small_product(mixture.nu, sigma(weights.rho) % Q)
    projections = added(multiply(mixed[:, None], weights.theta[:, :, None]), 0)
    hats = transform(challenges)
    first, second = pairs(len(challenges))
    quadratic = np.concatenate(
        [inverse(hats * hats), inverse(hats[first] * hats[second]), challenges, _ONE]
    )
    return Forms(mixture, projections, quadratic)


def apply_forms(forms: Forms, rows: Ints) -> tuple[Ints, Ints]:
    """Return f1 and f2 of V3 on residues int64[rows, 256], without the known parts."""
    blocks = len(forms.projections)
    y_3, masks, rest = np.split(rows, [blocks, blocks + REPETITIONS])
    f_1 = added(product(forms.projections, y_3), 0)
    f_1 = f_1 + added(small_product(forms.mixture.nu, masks), 0) + added(rest[:blocks], 0)
    return f_1 % Q, added(small_product(forms.quadratic, rest), 0)


def pairs(count: int) -> tuple[Ints, Ints]:
    """Return the indices i and j of all pairs i < j, in the order of E_ij."""
    first, second = np.triu_indices(count, k=1)
    return first.astype(np.int64), second.astype(np.int64)
