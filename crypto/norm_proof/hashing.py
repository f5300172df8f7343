"""The hash H and the stream of bytes behind every challenge: SHAKE-256 with a label.

The arguments of H stand behind their lengths, so that H is injective in them before it is hashed;
arrays are their entries as int64, least significant byte first. Shapes follow from the parameters,
which are hashed first.

Source: the specification, section 5 (definition of H); FIPS 202.
"""

import hashlib
from typing import Final, TypeAlias

import numpy as np

from ..digest import DIGEST_SIZE, Digest
from .residues import Q_BITS, Ints, Q

Part: TypeAlias = "bytes | Ints"
"""What is hashed."""

_DOMAIN: Final = b"PQ-L2-ZK/v1/"
_SPARE_RESIDUES: Final = 8


def hashed(label: str, *parts: Part) -> Digest:
    """Return H(label, parts): 32 bytes."""
    state = hashlib.shake_256(_DOMAIN + _framed(label.encode()))
    for part in parts:
        state.update(_framed(part if isinstance(part, bytes) else _entries(part)))
    return Digest(state.digest(DIGEST_SIZE))


def expanded(label: str, seed: bytes, size: int) -> bytes:
    """Return ``size`` bytes that follow from a label and a seed."""
    state = hashlib.shake_256(_DOMAIN + b"xof/" + _framed(label.encode()) + _framed(seed))
    return state.digest(size)


def uniform_residues(label: str, seed: bytes, shape: tuple[int, ...]) -> Ints:
    """Return uniform residues modulo q, int64[shape], by rejection."""
    count = int(np.prod(shape))
    found: list[Ints] = []
    missing, attempt = count, 0
    while missing > 0:
        # A draw is refused with probability 2^-47: the second attempt is a formality.
        data = expanded(f"{label}/{attempt}", seed, 8 * (missing + _SPARE_RESIDUES))
        draws = np.frombuffer(data, dtype="<u8") & np.uint64((1 << Q_BITS) - 1)
        found.append(draws[draws < Q].astype(np.int64))
        missing -= found[-1].size
        attempt += 1
    return np.concatenate(found)[:count].reshape(shape) if found else np.empty(shape, np.int64)


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(8, "little") + data


def _entries(array: Ints) -> bytes:
    return np.ascontiguousarray(array, dtype="<i8").tobytes()
