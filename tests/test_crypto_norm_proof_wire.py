"""The bytes of proofs: one encoding each, every other input one `ProofError`, quickly and small.

TCLEARN_CAMPAIGN=1 asks for ten thousand mutations and more; the plain suite takes some hundred.
"""

import os
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import ProofError
from crypto.norm_proof import Claim, commit, commitment_size, parameters, prove, verify
from crypto.norm_proof.matrices import public_matrices
from crypto.norm_proof.packing import (
    Response,
    decode_response,
    encode_response,
    pack,
    unpack,
)
from crypto.norm_proof.residues import Ints, Q
from crypto.norm_proof.ring import N
from crypto.norm_proof.verifier import check_proof
from crypto.norm_proof.wire import (
    decode_commitment,
    decode_proof,
    encode_commitment,
    encode_proof,
    proof_size_max,
    responses,
)
from tests.norm_proof_forger import CONTEXT, ONE, TOYS, secret, vector

CAMPAIGN = os.environ.get("TCLEARN_CAMPAIGN") == "1"
MUTATIONS = 4000 if CAMPAIGN else 60
"""Of each kind and each set of parameters: 3 parameters and more than one kind."""

SLOW_S = 5.0
MEMORY_MAX = 40 * 2**20
"""What refusing may take beyond the matrices: about what verifying takes."""


@pytest.fixture(scope="module")
def claims() -> dict[str, Claim]:
    """An honest claim for each set of parameters."""
    found = {}
    for name, params in TOYS.items():
        opening = commit(params, vector(params), secret())
        proof = prove(opening, CONTEXT, secret())
        found[name] = Claim(params, opening.commitment, proof, CONTEXT)
    return found


def refused(claim: Claim) -> str:
    with pytest.raises(ProofError) as fault:
        verify(claim.params, claim.commitment, claim.proof, claim.context)
    return str(fault.value)


# Mutations.


def flip(data: bytes, chance: np.random.Generator) -> bytes:
    found = bytearray(data)
    found[int(chance.integers(len(data)))] ^= 1 << int(chance.integers(8))
    return bytes(found)


def overwrite(data: bytes, chance: np.random.Generator) -> bytes:
    start = int(chance.integers(len(data)))
    piece = chance.bytes(int(chance.integers(1, 64)))[: len(data) - start]
    return data[:start] + piece + data[start + len(piece) :]


def swap(data: bytes, chance: np.random.Generator) -> bytes:
    size = int(chance.integers(1, 4000))
    first, second = sorted(int(k) for k in chance.integers(0, len(data) - size, 2))
    if first + size > second:
        return flip(data, chance)
    return (
        data[:first]
        + data[second : second + size]
        + data[first + size : second]
        + data[first : first + size]
        + data[second + size :]
    )


def cut(data: bytes, chance: np.random.Generator) -> bytes:
    return data[: int(chance.integers(len(data)))]


def insert(data: bytes, chance: np.random.Generator) -> bytes:
    place = int(chance.integers(len(data) + 1))
    return data[:place] + chance.bytes(int(chance.integers(1, 9))) + data[place:]


KINDS: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "flip": flip,
    "overwrite": overwrite,
    "swap": swap,
    "cut": cut,
    "insert": insert,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TOYS)
def test_no_mutation_of_the_bytes_is_accepted(
    claims: dict[str, Claim], name: str, kind: str
) -> None:
    claim = claims[name]
    chance = np.random.default_rng([len(name), len(kind)])
    for number in range(max(1, MUTATIONS // len(KINDS))):
        proof = KINDS[kind](claim.proof, chance)
        assert proof == claim.proof or refused(replace(claim, proof=proof))
        if number % 4 == 0:
            commitment = KINDS[kind](claim.commitment, chance)
            assert commitment == claim.commitment or refused(replace(claim, commitment=commitment))


ARRAYS = ("t_a", "t_0", "t_b1", "h", "t_b2", "z_3", "z", "z_s")
RESIDUES = ("t_a", "t_0", "t_b1", "h", "t_b2")


@pytest.mark.parametrize("name", TOYS)
def test_no_change_of_an_entry_is_accepted(claims: dict[str, Claim], name: str) -> None:
    claim = claims[name]
    matrices = public_matrices(claim.params)
    commitment = decode_commitment(claim.params, claim.commitment)
    proof = decode_proof(claim.params, claim.proof)
    chance = np.random.default_rng(5)
    for _ in range(max(8, MUTATIONS // 2)):
        field = str(chance.choice(ARRAYS))
        array: Ints = getattr(proof, field).copy()
        flat = array.reshape(-1)
        change = int(chance.choice([1, -1, 2, int(chance.integers(1, 2**20)), Q // 2]))
        for place in chance.integers(0, flat.size, int(chance.integers(1, 4))):
            moved = int(flat[place]) + change
            flat[place] = moved % Q if field in RESIDUES else moved
        if np.array_equal(array, getattr(proof, field)):
            continue
        with pytest.raises(ProofError):
            check_proof(matrices, commitment, replace(proof, **{field: array}), CONTEXT)  # type: ignore[arg-type]


def test_tampering_is_seen_at_every_offset(claims: dict[str, Claim]) -> None:
    claim = claims["one block"]
    step = 97 if CAMPAIGN else 2003
    for offset in range(0, len(claim.proof), step):
        found = bytearray(claim.proof)
        found[offset] ^= 1 << (offset % 8)
        refused(replace(claim, proof=bytes(found)))


# Malformed input.

MALFORMED: dict[str, Callable[[bytes], object]] = {
    "nothing": lambda _: b"",
    "the magic alone": lambda data: data[:4],
    "the head alone": lambda data: data[:133],
    "one byte less": lambda data: data[:-1],
    "one byte more": lambda data: data + b"\0",
    "half": lambda data: data[: len(data) // 2],
    "zeros": lambda data: bytes(len(data)),
    "ones": lambda data: b"\xff" * len(data),
    "the head and ones": lambda data: data[:133] + b"\xff" * (len(data) - 133),
    "the head and zeros": lambda data: data[:133] + bytes(len(data) - 133),
    "another version": lambda data: b"PQL\x01" + data[4:],
    "twice": lambda data: data + data,
    "a megabyte more": lambda data: data + bytes(10**6),
    "None": lambda _: None,
    "a number": lambda _: 5,
    "a text": lambda data: data.hex(),
    "a list": list,
    "a bytearray": bytearray,
    "an array": lambda data: np.frombuffer(data, np.uint8),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_bytes_are_refused_quickly_in_bounded_memory(
    claims: dict[str, Claim], name: str
) -> None:
    claim = claims["one block"]
    for field in ("proof", "commitment"):
        broken = MALFORMED[name](getattr(claim, field))
        tracemalloc.start()
        start = time.process_time()
        refused(replace(claim, **{field: broken}))  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert time.process_time() - start < SLOW_S
        assert peak < MEMORY_MAX


@pytest.mark.parametrize("size", [0, 1, 2**16, 2**30, 2**32 - 1])
def test_claims_of_length_are_checked_before_memory_is_taken(
    claims: dict[str, Claim], size: int
) -> None:
    claim = claims["one block"]
    code = responses(ONE)[0]
    at = claim.proof.index(encode_response(code, decode_proof(ONE, claim.proof).z_3)) - 4
    proof = claim.proof[:at] + size.to_bytes(4, "little") + claim.proof[at + 4 :]
    tracemalloc.start()
    assert refused(replace(claim, proof=proof)).startswith("z_3: expected more than")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY_MAX


def test_an_enormous_proof_is_refused_by_its_length(claims: dict[str, Claim]) -> None:
    start = time.process_time()
    huge = bytes(2**30)
    made = time.process_time() - start
    found = refused(replace(claims["one block"], proof=huge))
    assert found.startswith(f"proof: expected {proof_size_max(ONE)} bytes at most")
    assert time.process_time() - start - made < 0.5


BAD_ARRAYS: dict[str, Callable[[Ints], object]] = {
    "floats": lambda a: a.astype(np.float64),
    "NaN": lambda a: np.full(a.shape, np.nan),
    "infinity": lambda a: np.full(a.shape, np.inf),
    "objects": lambda a: a.astype(object),
    "int32": lambda a: a.astype(np.int32),
    "uint64": lambda a: a.astype(np.uint64),
    "a list": lambda a: a.tolist(),
    "None": lambda _: None,
    "a row less": lambda a: a[:-1],
    "an axis more": lambda a: a[None],
    "the least int64": lambda a: np.full(a.shape, np.iinfo(np.int64).min),
    "the largest int64": lambda a: np.full(a.shape, np.iinfo(np.int64).max),
    "2^53": lambda a: np.full(a.shape, 2**53 + 1),
    "q more": lambda a: a + Q,
    "q less": lambda a: a - Q,
    "one more": lambda a: a + 1,
}


@pytest.mark.parametrize("field", ARRAYS)
@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_arrays_of_any_other_form_are_refused(
    claims: dict[str, Claim], name: str, field: str
) -> None:
    claim = claims["one block"]
    proof = decode_proof(ONE, claim.proof)
    broken = replace(proof, **{field: BAD_ARRAYS[name](getattr(proof, field))})  # type: ignore[arg-type]
    with pytest.raises(ProofError):
        check_proof(public_matrices(ONE), decode_commitment(ONE, claim.commitment), broken, CONTEXT)


@pytest.mark.parametrize("field", ["mask_digest", "tau_4", "tau_5"])
@pytest.mark.parametrize("value", [b"", bytes(31), bytes(33), "0" * 32, None])
def test_digests_of_any_other_form_are_refused(
    claims: dict[str, Claim], field: str, value: bytes
) -> None:
    claim = claims["one block"]
    broken = replace(decode_proof(ONE, claim.proof), **{field: value})  # type: ignore[arg-type]
    with pytest.raises(ProofError):
        check_proof(public_matrices(ONE), decode_commitment(ONE, claim.commitment), broken, CONTEXT)


def test_residues_of_q_and_more_are_refused() -> None:
    residues = np.zeros((ONE.blocks, 6, N), np.int64)
    assert np.array_equal(decode_commitment(ONE, encode_commitment(residues)), residues)
    for value in (Q, Q + 1, 2**54 - 1):
        residues[0, 3, 7] = value
        with pytest.raises(ProofError, match="t: expected residues below q, found"):
            decode_commitment(ONE, encode_commitment(residues))
    assert len(encode_commitment(residues)) == commitment_size(ONE)


# Codes.


@given(values=st.lists(st.integers(0, 2**54 - 1), min_size=1, max_size=20), spare=st.integers(0, 3))
def test_packing_is_the_inverse_of_unpacking(values: list[int], spare: int) -> None:
    bits = 54 + spare
    data = pack(np.array(values, np.int64), bits)
    assert len(data) == -(-len(values) * bits // 8)
    assert unpack(data, len(values), bits).tolist() == values


def test_padding_is_zeros() -> None:
    data = pack(np.array([1, 2, 3], np.int64), 54)
    with pytest.raises(ProofError, match="expected zeros"):
        unpack(data[:-1] + bytes([data[-1] | 0x80]), 3, 54)


SMALL = Response((4,), low_bits=5, entry_max=2000, norm2_max=4 * 2000**2)


@given(values=st.lists(st.integers(-2000, 2000), min_size=4, max_size=4))
def test_responses_survive_their_code(values: list[int]) -> None:
    data = encode_response(SMALL, np.array(values, np.int64))
    assert len(data) <= SMALL.size_max
    assert decode_response(SMALL, data).tolist() == values


@settings(max_examples=2000 if CAMPAIGN else 300, derandomize="CI" in os.environ)
@given(data=st.binary(min_size=4, max_size=40))
def test_what_is_read_is_what_would_be_written(data: bytes) -> None:
    try:
        found = decode_response(SMALL, data)
    except ProofError:
        return
    assert encode_response(SMALL, found) == data


def test_a_negative_zero_is_refused() -> None:
    data = bytearray(encode_response(SMALL, np.array([0, 5, -7, 0], np.int64)))
    data[0] |= 1 << SMALL.low_bits
    with pytest.raises(ProofError, match="negative zero"):
        decode_response(SMALL, bytes(data))


def test_a_response_that_is_too_long_for_its_norm_has_no_room() -> None:
    code = responses(ONE)[1]
    params = parameters(600, 4096)
    longest = np.full(code.shape, params.z_entry_max, np.int64)
    assert len(encode_response(code, longest)) > code.size_max


@settings(max_examples=500 if CAMPAIGN else 40, deadline=None, derandomize="CI" in os.environ)
@given(data=st.data())
def test_random_bytes_behind_a_good_head_are_refused(data: st.DataObject) -> None:
    head = proof_head()
    body = data.draw(st.binary(max_size=2000))
    repeated = body * data.draw(st.integers(1, 30))
    with pytest.raises(ProofError):
        decode_proof(ONE, head + repeated)


def proof_head() -> bytes:
    zeros = np.zeros(0, np.int64)
    from crypto.norm_proof.wire import PROOF_MAGIC, params_digest

    assert pack(zeros, 54) == b""
    return PROOF_MAGIC + params_digest(ONE) + bytes(96)


@pytest.mark.parametrize("name", TOYS)
def test_a_proof_is_written_as_it_was_read(claims: dict[str, Claim], name: str) -> None:
    claim = claims[name]
    assert encode_proof(claim.params, decode_proof(claim.params, claim.proof)) == claim.proof
    residues = decode_commitment(claim.params, claim.commitment)
    assert encode_commitment(residues) == claim.commitment
