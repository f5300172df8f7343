"""The set of challenges C, and how challenges are drawn from a seed.

A challenge is the sum of 34 pairs +-(X^i - X^(256 - i)): it is its own image under sigma, its
coefficients are -1, 0 and 1, and every difference of two is invertible in R_q. Candidates of large
operator norm are refused. The operator norm is the largest value at a root of -1; it is taken from
a table of cosines in fixed point, because a float would let two machines disagree.

Source: the specification, section 4; Lyubashevsky and Seiler, EUROCRYPT 2018, for invertibility.
"""

import math
from typing import Final

import numpy as np

from .hashing import expanded
from .parameters import ETA, ETA_TENTHS, PAIRS
from .residues import Ints
from .ring import H, N

_PLACES: Final = N // 2 - 1
"""Pairs that could be nonzero: X^i - X^(256 - i) for i of 1 to 127."""

_SCALE_BITS: Final = 20
# 2 cos(pi i (2 j + 1) / 256), from the 512 values that it can have.
_COSINES: Final = np.array(
    [round(math.cos(math.pi * k / N) * 2 ** (_SCALE_BITS + 1)) for k in range(2 * N)], np.int64
)
_VALUES: Final[Ints] = _COSINES[np.outer(np.arange(1, _PLACES + 1), 2 * np.arange(H) + 1) % (2 * N)]
"""int64[127, 128]: the value of each pair at each root, times 2^20."""


def joint_challenges(label: str, seed: bytes, count: int) -> Ints:
    """Return int64[count, 256]: challenges, jointly of operator norm eta_R for R of ``count``."""
    limit = (ETA_TENTHS[count] << _SCALE_BITS) ** 2
    attempt = 0
    while True:
        halves = _halves(f"{label}/{attempt}", seed, count)
        joint = np.square(halves @ _VALUES).sum(axis=0)
        if count == 1 or int(joint.max()) * 100 <= limit:
            return _whole(halves)
        attempt += 1


def single_challenges(label: str, seed: bytes, count: int) -> Ints:
    """Return int64[count, 256]: challenges, each of operator norm 24."""
    return _whole(_halves(f"{label}/0", seed, count))


def _halves(label: str, seed: bytes, count: int) -> Ints:
    """Return int64[count, 127]: the coefficients of the pairs."""
    found: list[Ints] = []
    draw = 0
    while len(found) < count:
        half = _half(expanded(f"{label}/{draw}", seed, 8 * _PLACES))
        draw += 1
        if int(np.abs(half @ _VALUES).max()) <= ETA << _SCALE_BITS:
            found.append(half)
    return np.stack(found)


def _half(data: bytes) -> Ints:
    """Choose places and signs: those of the smallest keys, by their lowest bits."""
    keys = np.frombuffer(data, dtype="<u8")
    places = np.argsort(keys, kind="stable")[:PAIRS]
    half = np.zeros(_PLACES, np.int64)
    half[places] = 1 - 2 * (keys[places] & np.uint64(1)).astype(np.int64)
    return half


def _whole(halves: Ints) -> Ints:
    challenges = np.zeros((len(halves), N), np.int64)
    challenges[:, 1:H] = halves
    challenges[:, H + 1 :] = -halves[:, ::-1]
    return challenges
