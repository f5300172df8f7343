"""Integers modulo the prime q, elementwise: int64 arrays in, int64 arrays out, always exact.

Products of two 54-bit residues do not fit in 64 bits. They are taken modulo 2^64, where numpy
wraps, and so is the multiple of q next to them, whose quotient comes from a rounded double: both
errors cancel, because the difference is smaller than 2^59.

Source: the specification, section 4 (choice of q); Lyubashevsky and Seiler, EUROCRYPT 2018, for
primes that are 5 modulo 8.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import ProofError

Ints: TypeAlias = NDArray[np.int64]
"""Integers, residues or small ones; the docstring beside says which and of what shape."""

Q_BITS: Final = 54
Q: Final = 2**Q_BITS - 131
"""The modulus: prime, and 5 modulo 8, so that X^256 + 1 has two factors modulo q."""

NORM_ENTRY_MAX: Final = 2**40
"""Entries of this size or more have no norm here."""

_NORM_CHUNK: Final = 2**20


def multiply(a: Ints, b: Ints) -> Ints:
    """Return the elementwise product modulo q of residues in (-q, q); the shapes broadcast."""
    # The quotient is off by 12 at most: it is below 2^54, and five roundings of 2^-53 lead to it.
    quotient = np.rint(a.astype(np.float64) * b.astype(np.float64) * (1.0 / Q))
    return (a * b - quotient.astype(np.int64) * Q) % Q


def fold(limbs: Sequence[Ints] | Ints, bits: int) -> Ints:
    """Return the sum of limbs[l] * 2^(bits * l) modulo q.

    Args:
        limbs: Along the first axis, least significant first; of any sign and below 2^51.
        bits: Bits between one limb and the next, 14 at most.
    """
    total = limbs[-1]
    for limb in limbs[-2::-1]:
        # The total stays below 2^54, so the shifted one is below 2^68 and the quotient exact to 1.
        quotient = np.rint((total.astype(np.float64) * 2.0**bits + limb) * (1.0 / Q))
        total = total * np.int64(1 << bits) + limb - quotient.astype(np.int64) * Q
    return total % Q


def added(terms: Ints, axis: int) -> Ints:
    """Return the sum modulo q along an axis of at most 500 residues in (-q, q)."""
    total: Ints = terms.sum(axis=axis)
    return total % Q


def centre(a: Ints) -> Ints:
    """Return the residues nearest to zero: in [-(q - 1)/2, (q - 1)/2]."""
    residues = a % Q
    return np.where(residues > Q // 2, residues - Q, residues)


def largest(a: Ints) -> int:
    """Return the largest absolute value; numpy's ``abs`` would leave the least int64 negative."""
    return max(int(a.max()), -int(a.min())) if a.size else 0


def is_ints(found: object, shape: tuple[int, ...]) -> bool:
    """Return whether this is an array of int64 of a shape."""
    return isinstance(found, np.ndarray) and found.dtype == np.int64 and found.shape == shape


def described(found: object) -> str:
    """Return what there is in the place of an array, without its entries."""
    if isinstance(found, np.ndarray):
        return f"{found.dtype}{list(found.shape)}"
    return type(found).__name__


def squared_norm(a: Ints) -> int:
    """Return the exact sum of squares.

    Raises:
        ProofError: An entry is 2^40 or larger.
    """
    if largest(a) >= NORM_ENTRY_MAX:
        raise ProofError(f"expected entries below 2^40, found one of {largest(a)}")
    flat = a.reshape(-1)
    small = largest(a) < 2**20
    total = 0
    for start in range(0, flat.size, _NORM_CHUNK):
        part = flat[start : start + _NORM_CHUNK]
        if small:
            total += int(part @ part)
            continue
        high = part >> 20
        low = part - (high << 20)
        total += (int(high @ high) << 40) + (int(high @ low) << 21) + int(low @ low)
    return total
