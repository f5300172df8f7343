"""Arrays of integers as bits: residues packed, Gaussian integers in Golomb-Rice codes.

Either code is canonical: what is decoded has no other encoding. A Golomb-Rice code has the sign and
the low bits of all entries first, then the high bits in unary, ended by a zero each.

Source: the specification, section 5 (Proof).
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import ProofError
from .residues import Ints


@dataclass(frozen=True, slots=True)
class Response:
    """The code of one array of Gaussian integers."""

    shape: tuple[int, ...]
    """Of the array."""
    low_bits: int
    """Bits that are not in unary."""
    entry_max: int
    """The largest absolute value."""
    norm2_max: int
    """The largest squared norm."""

    @property
    def count(self) -> int:
        """Entries."""
        return math.prod(self.shape)

    @property
    def low_size(self) -> int:
        """Bytes of signs and low bits."""
        return -(-self.count * (self.low_bits + 1) // 8)

    @property
    def size_max(self) -> int:
        """Bytes at most: by Cauchy and Schwarz, the entries sum to sqrt(count * norm2) or less."""
        unary = self.count + (math.isqrt(self.count * self.norm2_max) >> self.low_bits)
        return self.low_size + -(-unary // 8)


def low_bits_for(variance: Fraction) -> int:
    """Return the bits that keep the unary part short: those of 0.8 standard deviations."""
    return math.isqrt(math.floor(variance * 16 / 25)).bit_length() - 1


def pack(values: Ints, bits: int) -> bytes:
    """Return non-negative integers of so many bits each, one after the other."""
    words = np.ascontiguousarray(values.reshape(-1), dtype="<i8").view(np.uint8)
    kept = np.unpackbits(words.reshape(-1, 8), axis=1, bitorder="little")[:, :bits]
    return np.packbits(kept.reshape(-1), bitorder="little").tobytes()


def unpack(data: bytes, count: int, bits: int) -> Ints:
    """Return the integers int64[count] that were packed.

    Raises:
        ProofError: The last bits are not zeros.
    """
    found = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if found[count * bits :].any():
        raise ProofError("expected zeros up to the last byte, found a one")
    words = np.zeros((count, 64), np.uint8)
    words[:, :bits] = found[: count * bits].reshape(count, bits)
    packed = np.packbits(words, axis=1, bitorder="little")
    return packed.view("<i8").reshape(-1).astype(np.int64, copy=False)


def encode_response(code: Response, array: Ints) -> bytes:
    """Return the Golomb-Rice code of an array of integers."""
    flat = array.reshape(-1)
    size = np.abs(flat)
    high = size >> code.low_bits
    low = size & ((1 << code.low_bits) - 1)
    sign = (flat < 0).astype(np.int64) << code.low_bits
    ones = np.ones(int(high.sum()) + flat.size, np.uint8)
    ones[np.cumsum(high + 1) - 1] = 0
    return pack(low | sign, code.low_bits + 1) + np.packbits(ones, bitorder="little").tobytes()


def decode_response(code: Response, data: bytes) -> Ints:
    """Return the array whose code this is.

    Raises:
        ProofError: It is the canonical code of no array.
    """
    words = unpack(data[: code.low_size], code.count, code.low_bits + 1)
    unary = np.unpackbits(np.frombuffer(data, np.uint8, offset=code.low_size), bitorder="little")
    stops = np.flatnonzero(unary == 0)[: code.count]
    if stops.size < code.count:
        raise ProofError(f"expected {code.count} entries, found {stops.size}")
    end = int(stops[-1]) + 1
    if unary.size - end >= 8 or unary[end:].any():
        raise ProofError("expected the end after the last entry, found more")
    high = np.diff(stops, prepend=-1) - 1
    if int(high.max()) > code.entry_max >> code.low_bits:
        raise ProofError(f"expected entries of {code.entry_max} at most, found a larger one")
    size = (high << code.low_bits) + (words & ((1 << code.low_bits) - 1))
    negative = (words >> code.low_bits).astype(bool)
    if (negative & (size == 0)).any():
        raise ProofError("expected zero without a sign, found a negative zero")
    return np.where(negative, -size, size).reshape(code.shape)
