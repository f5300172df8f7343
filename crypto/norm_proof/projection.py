"""The random projections R', and the linear forms that stand for them in an equation over R_q.

R' is a matrix of 256 rows with entries -1, 0, 0, 1, alike for all blocks: the difference of two bit
planes. It is never held whole. It is expanded chunk by chunk, as float32, because products of small
integers are exact in single precision below 2^24 and quick.

Source: the specification, section 5, steps 1 and 2.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .hashing import expanded
from .parameters import PROJECTIONS, Params
from .residues import Ints
from .ring import Q_LIMBS, H, Hat, N, q_limbs, transform

CHUNK: Final = 8
"""Ring elements that are expanded at a time: 2 MB of float32 stay in the cache."""

STRIP: Final = 64
"""Columns of R' that are multiplied at a time: so few that BLAS does not start threads for them.

Its threads wait for each other in a loop. On a machine that others share, a product of 0.3 ms was
seen to take 60 ms with them.
"""

Rows: TypeAlias = NDArray[np.float32]
"""Columns of R', transposed: float32[256 * elements, 256]."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of columns of R', as random bits."""

    start: int
    """The first ring element of a block that it belongs to."""
    count: int
    """Ring elements."""
    bits: bytes = field(repr=False)
    """Two bit planes, one after the other."""


def projection_chunks(params: Params, seed: bytes) -> Iterator[Chunk]:
    """Expand R' from tau_1."""
    for start in range(0, params.columns, CHUNK):
        count = min(CHUNK, params.columns - start)
        yield Chunk(start, count, expanded(f"R/{start}", seed, count * N * PROJECTIONS // 4))


def chunk_rows(chunk: Chunk) -> Rows:
    """Return the columns of R' in a chunk, transposed: float32[256 * count, 256] of -1, 0, 1."""
    bits = np.unpackbits(np.frombuffer(chunk.bits, np.uint8)).view(np.int8)
    planes = bits.reshape(2, chunk.count * N, PROJECTIONS)
    difference: NDArray[np.int8] = np.subtract(planes[0], planes[1])
    return difference.astype(np.float32)


def project(chunks: Sequence[Chunk], blocks: Ints) -> Ints:
    """Return R' x_i for all blocks: int64[R, 256], for blocks int64[R, columns, 256].

    Exact where sums of 2048 entries stay below 2^24, as those of an honest witness do.
    """
    flat = blocks.reshape(len(blocks), -1, STRIP).astype(np.float32).transpose(1, 0, 2)
    total = np.zeros((len(blocks), PROJECTIONS), np.float64)
    for chunk in chunks:
        strips = chunk_rows(chunk).reshape(-1, STRIP, PROJECTIONS)
        start = chunk.start * N // STRIP
        total += np.matmul(flat[start : start + len(strips)], strips).sum(axis=0)
    return np.rint(total).astype(np.int64)


def rho_limbs(rho: Ints) -> Rows:
    """Return the limbs of rho_k, residues int64[3, 256], as float32[12, 256]."""
    return np.ascontiguousarray(q_limbs(rho).reshape(-1, PROJECTIONS).astype(np.float32))


def forms(limbs: Rows, chunk: Chunk) -> Hat:
    """Return phi_k = sigma(R'^T rho_k) for a chunk: complex[128, 12, count], by limbs of rho."""
    strips = chunk_rows(chunk).reshape(-1, STRIP, PROJECTIONS)
    products = np.matmul(limbs, strips.transpose(0, 2, 1))  # below 2^13 * 256 = 2^21: exact
    hats = transform(products.transpose(1, 0, 2).reshape(len(limbs), chunk.count, N))
    return np.conjugate(hats).transpose(2, 0, 1)


def all_forms(params: Params, chunks: Sequence[Chunk], rho: Ints) -> Hat:
    """Return phi_k for all columns: complex[128, 12, columns]."""
    limbs = rho_limbs(rho)
    found = np.empty((H, Q_LIMBS * len(rho), params.columns), np.complex128)
    for chunk in chunks:
        found[:, :, chunk.start : chunk.start + chunk.count] = forms(limbs, chunk)
    return found
