"""Commitments to a vector of integers: t_i = A1 g_i + A2' r'_i + r''_i modulo q, block by block.

Commitments add up: the sum of commitments opens to the sum of vectors, which is what the sum check
of an aggregate relies on. Binding rests on module SIS for short openings, hiding on module LWE.

Source: the specification, section 3 and section 5 (Commit).
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ..digest import Digest
from ..errors import ProofError
from .hashing import hashed
from .matrices import Matrices, apply, public_matrices, split_vectors, vectors
from .parameters import LAMBDA, RANDOM, Params
from .residues import Ints, Q, described, is_ints, largest, squared_norm
from .ring import Hat, N
from .sampling import Stream, commitment_randomness
from .wire import encode_commitment

RANDOMNESS_SIZE: Final = 32
"""Secret bytes that a prover needs for each commitment and for each proof."""

CENTRE_ENTRY_MAX: Final = 2**26
"""Entries of a centre are below this."""


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """A commitment and what it commits to: secret but for the commitment."""

    params: Params
    """Of the commitment."""
    commitment: bytes = field(repr=False)
    """The commitments to all blocks, as they are sent."""
    residues: Ints = field(repr=False)
    """The same as residues, int64[R, kappa, 256]."""
    payload: Ints = field(repr=False)
    """Secret: (g_i | r'_i | r''_i), int64[R, m + 16, 256]. What is encrypted or masked."""


@dataclass(frozen=True, slots=True, eq=False)
class Centre:
    """A public vector v: what is proven is that g - v is short."""

    params: Params
    """Of the proofs around it."""
    digest: Digest
    """Of the values."""
    blocks: Ints = field(repr=False)
    """The values, int64[R, m, 256]."""
    image: Ints = field(repr=False)
    """A1 v_i modulo q, int64[R, kappa, 256]: what moves a commitment from g to g - v."""


def commit(params: Params, values: Ints, randomness: bytes) -> Opening:
    """Commit to a vector.

    Args:
        params: Say how many values there are and how they are laid out.
        values: int64[d], below 2^26; their norm matters to the proof alone.
        randomness: 32 fresh secret bytes.

    Raises:
        ProofError: The values are no such vector.
    """
    placed = place(params, checked_values(params, values))
    key = hashed("commit", checked_randomness(randomness), params.tag, placed)
    payload = np.empty((params.blocks, params.payload, N), np.int64)
    payload[:, : params.width] = placed
    payload[:, params.width :] = short_randomness(params, Stream(key))
    residues = commit_blocks(public_matrices(params), vectors(payload), payload)
    return Opening(params, encode_commitment(residues), residues, payload)


def centre(params: Params, values: Ints) -> Centre:
    """Prepare a centre v, once for all proofs around it.

    Args:
        params: Of the proofs.
        values: int64[d], below 2^26.

    Raises:
        ProofError: The values are no such vector.
    """
    blocks = place(params, checked_values(params, values))
    matrix = public_matrices(params).a[:, :, : params.width]
    image = apply(matrix, split_vectors(blocks), split=True)
    return Centre(params, hashed("centre", params.tag, blocks), blocks, image.transpose(1, 0, 2))


def check_centre(params: Params, around: Centre | None) -> None:
    """Check that a centre was made for these parameters.

    Raises:
        ProofError: It was made for others.
    """
    if around is not None and around.params != params:
        raise ProofError(f"centre: expected one for {params}, found one for {around.params}")


def moved(residues: Ints, around: Centre | None) -> Ints:
    """Return the commitments to g - v of those to g: int64[R, kappa, 256]."""
    return residues if around is None else (residues - around.image) % Q


def commit_blocks(matrices: Matrices, hats: Hat, payload: Ints) -> Ints:
    """Return A x_i: residues int64[R, kappa, 256].

    Args:
        matrices: The public ones.
        hats: complex[128, >= m + 16, R], transforms of the blocks.
        payload: int64[R, >= m + 16, 256], the blocks.
    """
    inner = matrices.params.width + LAMBDA
    products = apply(matrices.a, hats[:, :inner], split=False).transpose(1, 0, 2)
    return (products + payload[:, inner : inner + products.shape[1]]) % Q


def short_randomness(params: Params, stream: Stream) -> Ints:
    """Return the randomness of all blocks, int64[R, 16, 256], of norm B_r together at most."""
    shape = (params.blocks, RANDOM, N)
    # The slack of a proof adds randomness of one block more; each takes its share of B_r^2.
    limit = params.randomness2 * params.blocks / (params.blocks + 1)
    while True:
        found = commitment_randomness(stream, shape)
        if squared_norm(found) <= limit:
            return found


def place(params: Params, values: Ints) -> Ints:
    """Lay values int64[d] out in blocks int64[R, m, 256]: every layer is spread over all blocks.

    Layers are padded with zeros to whole ring elements in every block.
    """
    blocks = np.zeros((params.blocks, params.width, N), np.int64)
    start = column = 0
    for layer, width in zip(params.layers, params.widths, strict=True):
        padded = np.zeros(params.blocks * width * N, np.int64)
        padded[: layer.length] = values[start : start + layer.length]
        blocks[:, column : column + width] = padded.reshape(params.blocks, width, N)
        start, column = start + layer.length, column + width
    return blocks


def collect(params: Params, blocks: Ints) -> Ints:
    """Return the values int64[d] that blocks int64[R, >= m, 256] hold."""
    found = []
    column = 0
    for layer, width in zip(params.layers, params.widths, strict=True):
        found.append(blocks[:, column : column + width].reshape(-1)[: layer.length])
        column += width
    return np.concatenate(found)


def layer_norms2(params: Params, values: Ints) -> tuple[int, ...]:
    """Return the squared norm of each layer of values int64[d]."""
    ends = np.cumsum([layer.length for layer in params.layers])[:-1]
    return tuple(squared_norm(part) for part in np.split(values, ends))


def checked_values(params: Params, values: Ints) -> Ints:
    """Return values that are a vector of integers of the right length.

    Raises:
        ProofError: They are not.
    """
    if not is_ints(values, (params.length,)):
        raise ProofError(f"expected values int64[{params.length}], found {described(values)}")
    if largest(values) >= CENTRE_ENTRY_MAX:
        raise ProofError(f"expected values below {CENTRE_ENTRY_MAX}, found {largest(values)}")
    return values


def checked_randomness(randomness: bytes) -> bytes:
    """Return bytes that have the size of randomness.

    Raises:
        ProofError: They have not; the message does not show them.
    """
    if type(randomness) is not bytes or len(randomness) != RANDOMNESS_SIZE:
        raise ProofError(f"expected {RANDOMNESS_SIZE} bytes of randomness")
    return randomness
