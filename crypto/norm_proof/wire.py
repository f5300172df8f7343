"""The canonical bytes of a commitment and of a proof: one encoding for each, and nothing else read.

    commitment = "PQC" 1 | t
    proof      = "PQL" 2 | digest of the parameters | mh | tau_4 | tau_5
                 | t_a | t_0 | t_B1 | h | t_B2 | z_3 | z | z_s

Residues have 54 bits each, and are below q. The constant coefficients of h are zero and left out.
Responses are Golomb-Rice codes behind a length of four bytes. What a length may be follows from the
parameters, so memory is bounded before it is taken. Bits are filled up with zeros to whole bytes,
least significant first.

Source: the specification, section 5 (Proof).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ..digest import DIGEST_SIZE, Digest
from ..errors import ProofError
from .hashing import hashed
from .packing import Response, decode_response, encode_response, low_bits_for, pack, unpack
from .parameters import KAPPA, KAPPA_0, PROJECTIONS, REPETITIONS, Params
from .residues import Q_BITS, Ints, Q, largest
from .ring import N

COMMITMENT_MAGIC: Final = b"PQC\x01"
PROOF_MAGIC: Final = b"PQL\x02"

_LENGTH_SIZE: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """A proof, decoded; the letters of the specification stand in the docstrings."""

    mask_digest: bytes
    """mh: digest of the encrypted mask Enc(y), or zeros."""
    tau_4: bytes
    """tau_4, from which c_1..c_R follow."""
    tau_5: bytes
    """tau_5, from which c_0 follows."""
    t_a: Ints = field(repr=False)
    """t_a: commitment to the slack, residues int64[kappa, 256]."""
    t_0: Ints = field(repr=False)
    """t_0: top of the commitment to the garbage, residues int64[kappa_0, 256]."""
    t_b1: Ints = field(repr=False)
    """t_B1: the garbage of step 1, residues int64[R + 3, 256]."""
    h: Ints = field(repr=False)
    """h_k: residues int64[3, 256], constant coefficients zero."""
    t_b2: Ints = field(repr=False)
    """t_B2: the garbage of step 3, residues int64[(R + 1)(R + 2)/2, 256]."""
    z_3: Ints = field(repr=False)
    """z_3: masked projections, int64[R, 256]."""
    z: Ints = field(repr=False)
    """z: the amortised opening of all blocks, int64[columns, 256]."""
    z_s: Ints = field(repr=False)
    """z_s: the opening of the garbage, int64[m_s, 256]."""


def responses(params: Params) -> tuple[Response, Response, Response]:
    """Return the codes of z_3, z and z_s."""
    z3_max = math.isqrt(params.z3_norm2_max)
    return (
        Response(
            (params.blocks, PROJECTIONS),
            low_bits_for(params.sigma_3_2),
            z3_max,
            params.z3_norm2_max,
        ),
        Response(
            (params.columns, N),
            low_bits_for(params.sigma_1_2),
            params.z_entry_max,
            params.z_norm2_max,
        ),
        Response(
            (params.hiding_columns, N),
            low_bits_for(params.sigma_s2),
            params.z_s_entry_max,
            params.z_s_norm2_max,
        ),
    )


def proof_size_max(params: Params) -> int:
    """Return the size of the longest proof, in bytes."""
    residues = (KAPPA, KAPPA_0, params.rows_1, params.rows_2)
    packed = sum(_packed_size(rows * N) for rows in residues) + _packed_size(REPETITIONS * (N - 1))
    head = len(PROOF_MAGIC) + 4 * DIGEST_SIZE
    return head + packed + sum(_LENGTH_SIZE + code.size_max for code in responses(params))


def commitment_size(params: Params) -> int:
    """Return the size of every commitment, in bytes."""
    return len(COMMITMENT_MAGIC) + _packed_size(params.blocks * KAPPA * N)


def params_digest(params: Params) -> Digest:
    """Return the digest by which a proof names its parameters."""
    return hashed("params", params.tag)


def encode_commitment(residues: Ints) -> bytes:
    """Return the bytes of commitments, residues int64[R, kappa, 256]."""
    return COMMITMENT_MAGIC + pack(residues, Q_BITS)


def decode_commitment(params: Params, data: bytes) -> Ints:
    """Return the commitments int64[R, kappa, 256] in their bytes.

    Raises:
        ProofError: The bytes are no commitment of these parameters.
    """
    _check_bytes("commitment", data)
    if len(data) != commitment_size(params) or not data.startswith(COMMITMENT_MAGIC):
        raise ProofError(
            f"commitment: expected {commitment_size(params)} bytes that begin with "
            f"{COMMITMENT_MAGIC!r}, found {len(data)} bytes that begin with {data[:4]!r}"
        )
    reader = _Reader(data, len(COMMITMENT_MAGIC))
    return reader.residues("t", (params.blocks, KAPPA, N))


def encode_proof(params: Params, proof: Proof) -> bytes:
    """Return the bytes of a proof."""
    parts = [PROOF_MAGIC, params_digest(params), proof.mask_digest, proof.tau_4, proof.tau_5]
    residues = (proof.t_a, proof.t_0, proof.t_b1, proof.h[:, 1:], proof.t_b2)
    parts += [pack(each, Q_BITS) for each in residues]
    for code, array in zip(responses(params), (proof.z_3, proof.z, proof.z_s), strict=True):
        encoded = encode_response(code, array)
        parts += [len(encoded).to_bytes(_LENGTH_SIZE, "little"), encoded]
    return b"".join(parts)


def decode_proof(params: Params, data: bytes) -> Proof:
    """Return the proof in its bytes; its equations are not checked here, its norms are.

    Raises:
        ProofError: The bytes are no canonical encoding of a proof of these parameters.
    """
    _check_bytes("proof", data)
    if len(data) > proof_size_max(params):
        raise ProofError(f"proof: expected {proof_size_max(params)} bytes at most, not {len(data)}")
    head = PROOF_MAGIC + params_digest(params)
    if not data.startswith(head):
        raise ProofError(
            f"proof: expected {head[:8].hex()}.. of version and parameters, found "
            f"{data[:8].hex()}.."
        )
    reader = _Reader(data, len(head))
    digests = [reader.take(DIGEST_SIZE) for _ in range(3)]
    t_a = reader.residues("t_a", (KAPPA, N))
    t_0 = reader.residues("t_0", (KAPPA_0, N))
    t_b1 = reader.residues("t_B1", (params.rows_1, N))
    h = np.zeros((REPETITIONS, N), np.int64)
    h[:, 1:] = reader.residues("h", (REPETITIONS, N - 1))
    t_b2 = reader.residues("t_B2", (params.rows_2, N))
    code_3, code, code_s = responses(params)
    z_3, z, z_s = (
        reader.response(*each) for each in (("z_3", code_3), ("z", code), ("z_s", code_s))
    )
    reader.finish()
    mask_digest, tau_4, tau_5 = digests
    return Proof(mask_digest, tau_4, tau_5, t_a, t_0, t_b1, h, t_b2, z_3, z, z_s)


class _Reader:
    """Bytes from front to back; past the end is an error."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._at = start

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        end = self._at + size
        if end > len(self._data):
            raise ProofError(f"offset {self._at}: expected {size} bytes more, found the end")
        found = self._data[self._at : end]
        self._at = end
        return found

    def residues(self, name: str, shape: tuple[int, ...]) -> Ints:
        """Return the next residues."""
        count = math.prod(shape)
        found = self._located(name, lambda: unpack(self.take(_packed_size(count)), count, Q_BITS))
        if largest(found) >= Q:
            raise ProofError(f"{name}: expected residues below q, found {largest(found)}")
        return found.reshape(shape)

    def response(self, name: str, code: Response) -> Ints:
        """Return the next response."""
        size = int.from_bytes(self.take(_LENGTH_SIZE), "little")
        if not code.low_size < size <= code.size_max:
            raise ProofError(
                f"{name}: expected more than {code.low_size} and at most {code.size_max} bytes, "
                f"found {size}"
            )
        return self._located(name, lambda: decode_response(code, self.take(size)))

    def finish(self) -> None:
        """Check that nothing is left."""
        if self._at != len(self._data):
            left = len(self._data) - self._at
            raise ProofError(f"offset {self._at}: expected the end, found {left} bytes more")

    @staticmethod
    def _located(name: str, read: Callable[[], Ints]) -> Ints:
        try:
            return read()
        except ProofError as error:
            raise ProofError(f"{name}: {error}") from None


def _packed_size(count: int) -> int:
    return -(-count * Q_BITS // 8)


def _check_bytes(what: str, data: bytes) -> None:
    if type(data) is not bytes:
        raise ProofError(f"{what}: expected bytes, found {type(data).__name__}")
