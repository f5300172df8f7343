"""Exact arithmetic in R_q = Z_q[X]/(X^256 + 1), by transforms of small limbs in double precision.

An element is an int64 array whose last axis has its 256 coefficients. Its transform has 128 complex
values along the last axis: the element at every second primitive root of -1; the other half are
their conjugates. Operands are split into limbs so small that every product is an integer below
2^51, and comes out of the inverse transform next to that integer: the distance is checked, and
rounding gives the same result on every machine, whatever the order of its sums.

sigma is the automorphism X -> X^-1. In the transform it is complex conjugation, and the constant
coefficient of sigma(a) b is the inner product of a and b.

Source: the specification, section 4; Lyubashevsky, Nguyen and Plancon, CRYPTO 2022, for sigma.
"""

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import ProofError
from .residues import Ints, centre, fold

Hat: TypeAlias = NDArray[np.complex128]
"""Transformed elements."""

N: Final = 256
"""Coefficients of an element."""

H: Final = N // 2
"""Values of a transformed element."""

Q_LIMBS: Final = 4
Q_LIMB_BITS: Final = 14
"""A residue is four balanced limbs of 14 bits."""

Z_LIMBS: Final = 2
Z_LIMB_BITS: Final = 13
"""A masked response is two balanced limbs of 13 bits: its entries are below 2^28."""

ROUNDING_MAX: Final = 0.125
"""How far from an integer an inverse transform may come out."""

INTEGER_MAX: Final = 2.0**51
"""What an inverse transform may come out as: from 2^53 on, every double is an integer."""

_TWIST: Final = np.exp(-2j * np.pi * np.arange(H) / (2 * N))


def transform(a: NDArray[Any]) -> Hat:
    """Return the transforms, complex[..., 128], of elements, int64 or float[..., 256]."""
    folded = np.empty((*a.shape[:-1], H), dtype=np.complex128)
    folded.real = a[..., :H]
    np.negative(a[..., H:], out=folded.imag)
    folded *= _TWIST
    return np.fft.fft(folded, axis=-1, out=folded)


def inverse(a: Hat) -> Ints:
    """Return the integer elements, int64[..., 256], that transforms complex[..., 128] come from.

    Raises:
        ProofError: An entry is not near an integer, or is too large to tell.
    """
    folded = np.fft.ifft(a, axis=-1)
    folded *= _TWIST.conj()
    exact = np.concatenate([folded.real, -folded.imag], axis=-1)
    rounded: NDArray[np.float64] = np.rint(exact)
    if exact.size:
        distance = float(np.max(np.abs(exact - rounded)))
        size = max(float(rounded.max()), -float(rounded.min()))
        if not (distance < ROUNDING_MAX and size < INTEGER_MAX):  # a NaN fails as well
            raise ProofError(
                "arithmetic out of range: expected integers below 2^51, found one of about "
                f"{size:.3g} that is {distance:.3g} from an integer"
            )
    return rounded.astype(np.int64)


def q_limbs(a: Ints) -> Ints:
    """Split residues int64[...] into int64[4, ...], least significant first."""
    return _limbs(centre(a), Q_LIMBS, Q_LIMB_BITS)


def z_limbs(a: Ints) -> Ints:
    """Split integers int64[...] below 2^28 into int64[2, ...], least significant first."""
    return _limbs(a, Z_LIMBS, Z_LIMB_BITS)


def _limbs(a: Ints, count: int, bits: int) -> Ints:
    limbs = np.empty((count, *a.shape), dtype=np.int64)
    rest = a
    for index in range(count - 1):
        high = (rest + (1 << (bits - 1))) >> bits
        limbs[index] = rest - (high << bits)
        rest = high
    limbs[-1] = rest
    return limbs


def product(a: Ints, b: Ints) -> Ints:
    """Return the products in R_q of residues int64[..., 256]; the leading axes broadcast."""
    a_hat, b_hat = transform(q_limbs(a)), transform(q_limbs(b))
    parts = [
        inverse(sum_of([a_hat[i] * b_hat[k - i] for i in range(Q_LIMBS) if 0 <= k - i < Q_LIMBS]))
        for k in range(2 * Q_LIMBS - 1)
    ]
    return fold(parts, Q_LIMB_BITS)


def sum_of(terms: list[Hat]) -> Hat:
    """Return the sum of at least one transform."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def small_product(a: Ints, b: Ints) -> Ints:
    """Return the products in R_q of small integers, below 2^13, and residues int64[..., 256]."""
    parts = transform(a) * transform(q_limbs(b))
    return fold(inverse(parts), Q_LIMB_BITS)


def sigma(a: Ints) -> Ints:
    """Apply sigma: coefficient i goes to place 256 - i with its sign changed, and 0 stays."""
    return np.concatenate([a[..., :1], -a[..., :0:-1]], axis=-1)
