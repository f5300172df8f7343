"""What a prover draws: a stream that follows from secret bytes, and the distributions over it.

The stream is SHAKE-256 in counter mode, so a prover is a function of its arguments. Gaussians are
rounded Box-Muller samples: neither constant in time nor exact beyond double precision, which is
stated among what is not claimed. Soundness does not depend on this module.

Source: the specification, sections 4 and 6.
"""

import math

import numpy as np
from numpy.typing import NDArray

from .hashing import expanded, uniform_residues
from .parameters import SIGMA_R
from .residues import Ints, squared_norm


class Stream:
    """Secret bytes without end; every call takes the next ones."""

    __slots__ = ("_count", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._count = 0

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        self._count += 1
        return expanded(f"rng/{self._count}", self._key, size)


def unit(stream: Stream) -> float:
    """Return a number of (0, 1)."""
    return ((int.from_bytes(stream.take(8), "little") >> 11) + 0.5) * 2.0**-53


def below(stream: Stream, limit: int) -> int:
    """Return an integer of [0, limit), uniform but for 2^-64."""
    return int.from_bytes(stream.take((limit.bit_length() + 15) // 8 + 8), "little") % limit


def gaussian(stream: Stream, shape: tuple[int, ...], sigma: float) -> Ints:
    """Return rounded Gaussians, int64[shape], of a standard deviation."""
    count = math.prod(shape)
    half = (count + 1) // 2
    draws = np.frombuffer(stream.take(16 * half), dtype="<u8") >> np.uint64(11)
    radius: NDArray[np.float64] = (draws[:half].astype(np.float64) + 0.5) * 2.0**-53
    np.log(radius, out=radius)
    radius *= -2 * sigma**2
    np.sqrt(radius, out=radius)
    angle = draws[half:].astype(np.float64) * (2 * np.pi * 2.0**-53)
    both = np.empty(2 * half)
    np.multiply(radius, np.cos(angle), out=both[:half])
    np.multiply(radius, np.sin(angle), out=both[half:])
    return np.rint(both[:count], out=both[:count]).astype(np.int64).reshape(shape)


def binomial(stream: Stream, shape: tuple[int, ...]) -> Ints:
    """Return centred binomials CBD(2), int64[shape]: of -2 to 2, variance 1."""
    count = math.prod(shape)
    bits = np.unpackbits(np.frombuffer(stream.take((4 * count + 7) // 8), np.uint8))
    four: Ints = bits[: 4 * count].reshape(count, 2, 2).sum(axis=2, dtype=np.int64)
    return (four[:, 0] - four[:, 1]).reshape(shape)


def uniform(stream: Stream, shape: tuple[int, ...]) -> Ints:
    """Return uniform residues modulo q, int64[shape]."""
    return uniform_residues("u", stream.take(32), shape)


def commitment_randomness(stream: Stream, shape: tuple[int, ...]) -> Ints:
    """Return the randomness of a commitment, int64[shape]."""
    return gaussian(stream, shape, float(SIGMA_R))


def four_squares(stream: Stream, total: int) -> tuple[int, int, int, int]:
    """Return a random representation of ``total`` as a sum of four squares, with random signs.

    Every integer from 0 has one (Lagrange). A multiple of 4^k that is not one of 4^(k + 1) is
    represented by 2^k times the squares for the rest: of 2 * 4^k there are but 24 representations,
    and chance would search for them for minutes. The rest has more than it is large.
    """
    if total and total % 4 == 0:
        a, b, c, d = four_squares(stream, total // 4)
        return 2 * a, 2 * b, 2 * c, 2 * d
    while True:
        a = below(stream, math.isqrt(total) + 1)
        b = below(stream, math.isqrt(total - a * a) + 1)
        rest = total - a * a - b * b
        thirds = np.arange(math.isqrt(rest) + 1, dtype=np.int64)
        squares = rest - thirds * thirds
        fourths = np.rint(np.sqrt(squares.astype(np.float64))).astype(np.int64)
        hits = np.flatnonzero(fourths * fourths == squares)
        if hits.size:
            place = int(hits[below(stream, int(hits.size))])
            signs = [1 - 2 * below(stream, 2) for _ in range(4)]
            return (
                a * signs[0],
                b * signs[1],
                int(thirds[place]) * signs[2],
                int(fourths[place]) * signs[3],
            )


def accepted(stream: Stream, z: Ints, shift: Ints, sigma2: float, gamma: float) -> bool:
    """Decide whether a response may be shown: then it says nothing about the shift in it.

    Args:
        stream: Where the coin comes from.
        z: int64[...], the response.
        shift: int64[...], what was added to the mask; its norm is at most sigma / gamma.
        sigma2: The squared standard deviation of the mask.
        gamma: Standard deviations over the largest shift.
    """
    inner = float(z.reshape(-1).astype(np.float64) @ shift.reshape(-1).astype(np.float64))
    exponent = (float(squared_norm(shift)) - 2 * inner) / (2 * sigma2) - log_repetitions(gamma)
    return unit(stream) < math.exp(min(0.0, exponent))


def log_repetitions(gamma: float) -> float:
    """Return ln M, where M is the expected number of attempts: section 4."""
    return 13.37 / gamma + 1 / (2 * gamma**2)
