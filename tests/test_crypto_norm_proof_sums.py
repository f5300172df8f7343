"""Level 1 and level 2: sums that open sums of commitments, and responses that convict."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from crypto.errors import ProofError
from crypto.norm_proof import (
    Opening,
    Params,
    centre,
    check_response,
    check_sum,
    commit,
    prove,
    response_challenges,
    verify,
)
from crypto.norm_proof.commitment import commit_blocks
from crypto.norm_proof.matrices import public_matrices, vectors
from crypto.norm_proof.residues import Ints, Q
from crypto.norm_proof.ring import inverse, transform
from crypto.norm_proof.wire import encode_commitment
from tests.norm_proof_forger import CONTEXT, LAYERED, THREE, secret, vector

MEMBERS = 3
PLAIN_MODULUS = 2**28 - 57
"""t, the plaintext modulus of the specification."""


def openings(params: Params) -> list[Opening]:
    return [commit(params, vector(params, seed=seed), secret(seed)) for seed in range(MEMBERS)]


def total(found: list[Opening]) -> Ints:
    result: Ints = np.sum([opening.payload for opening in found], axis=0)
    return result


@pytest.mark.parametrize("params", [THREE, LAYERED], ids=["three blocks", "layers"])
def test_the_sum_of_payloads_opens_the_sum_of_commitments(params: Params) -> None:
    found = openings(params)
    expected = np.sum([vector(params, seed=seed) for seed in range(MEMBERS)], axis=0)
    commitments = [opening.commitment for opening in found]
    assert np.array_equal(check_sum(params, commitments, total(found)), expected)


def test_a_sum_around_a_centre_is_a_sum_of_the_vectors_themselves() -> None:
    reference = np.random.default_rng(1).integers(-(10**5), 10**5, THREE.length)
    around = centre(THREE, reference)
    found = [commit(THREE, reference + vector(THREE, seed=k), secret(k)) for k in range(MEMBERS)]
    expected = MEMBERS * reference + np.sum([vector(THREE, seed=k) for k in range(3)], axis=0)
    commitments = [opening.commitment for opening in found]
    summed = check_sum(THREE, commitments, total(found), around=around)
    assert np.array_equal(summed, expected)
    with pytest.raises(ProofError, match="expected shorter"):
        check_sum(THREE, commitments, total(found))


def changed(place: tuple[int, int, int], by: int) -> Callable[[Ints], Ints]:
    def change(found: Ints) -> Ints:
        found[place] += by
        return found

    return change


WRONG: dict[str, Callable[[Ints], object]] = {
    "a value one more": changed((0, 0, 0), 1),
    "a value one less": changed((2, 3, 100), -1),
    "randomness one more": changed((-1, -1, -1), 1),
    "secret part one more": changed((0, THREE.width, 3), 1),
    "padding": changed((2, 3, 255), 1),
    "a whole q": changed((0, 0, 0), Q),
    "q modulo t": lambda found: np.where(
        found == found[0, 0, 0], (found + Q) % PLAIN_MODULUS, found
    ),
    "all zero": lambda found: found * 0,
    "twice": lambda found: found * 2,
    "negated": lambda found: -found,
    "the least int64": lambda found: np.full(found.shape, np.iinfo(np.int64).min),
    "the largest int64": lambda found: np.full(found.shape, np.iinfo(np.int64).max),
    "floats": lambda found: found.astype(np.float64),
    "NaN": lambda found: np.full(found.shape, np.nan),
    "objects": lambda found: found.astype(object),
    "a block less": lambda found: found[:-1],
    "an axis more": lambda found: found[None],
    "nothing": lambda _: None,
}


@pytest.mark.parametrize("name", WRONG)
def test_any_other_sum_is_refused(name: str) -> None:
    found = openings(THREE)
    wrong = WRONG[name](total(found))
    for around in (None, centre(THREE, np.zeros(THREE.length, np.int64))):
        with pytest.raises(ProofError):
            check_sum(THREE, [each.commitment for each in found], wrong, around=around)  # type: ignore[arg-type]


def test_terms_that_are_missing_or_count_twice_are_seen() -> None:
    found = openings(THREE)
    commitments = [each.commitment for each in found]
    summed = total(found)
    for others in (
        commitments[:2],
        [*commitments[:2], commitments[0]],
        [*commitments, commitments[0]],
        [],
        [*commitments[:2], b""],
        commitments * 2000,
    ):
        with pytest.raises(ProofError):
            check_sum(THREE, others, summed)
    with pytest.raises(ProofError):
        check_sum(THREE, commitments, summed - found[0].payload)
    assert check_sum(THREE, commitments[::-1], summed) is not None


def test_a_layer_of_a_sum_has_its_own_bound() -> None:
    found = openings(LAYERED)
    summed = total(found)
    summed[:, -17] = 1  # the last layer, whose bound is zero
    with pytest.raises(ProofError, match="shorter sum in layer 2"):
        check_sum(LAYERED, [each.commitment for each in found], summed)


# Level 2.


def answered(params: Params, proof: bytes, mask: Ints, payload: Ints) -> Ints:
    """What the holder of the key decrypts: y + sum_i c_i x_i."""
    challenges = transform(response_challenges(params, proof))
    products = transform(payload) * challenges[:, None]
    return mask + inverse(products.sum(axis=0))


class Masked:
    """An encryption that is none: it keeps the mask and hands out a digest."""

    def __init__(self) -> None:
        self.mask: Ints = np.zeros(0, np.int64)
        self.count = 0

    def __call__(self, mask: Ints) -> bytes:
        self.mask = mask.copy()
        self.count += 1
        return bytes([self.count]) * 32

    @property
    def digest(self) -> bytes:
        return bytes([self.count]) * 32


@pytest.mark.parametrize("centred", [False, True])
def test_a_response_agrees_with_honest_ciphertexts_alone(centred: bool) -> None:
    reference = np.random.default_rng(2).integers(-(10**5), 10**5, THREE.length) * centred
    around = centre(THREE, reference) if centred else None
    opening = commit(THREE, reference + vector(THREE), secret())
    masked = Masked()
    proof = prove(opening, CONTEXT, secret(), around=around, encrypt_mask=masked)
    verify(THREE, opening.commitment, proof, CONTEXT, around=around)
    honest = answered(THREE, proof, masked.mask, opening.payload)
    check_response(THREE, proof, masked.digest, honest, around=around)

    def convicted(payload: Ints) -> None:
        found = answered(THREE, proof, masked.mask, payload)
        with pytest.raises(ProofError, match="entries differ"):
            check_response(THREE, proof, masked.digest, found, around=around)

    boosted = opening.payload.copy()
    boosted[:, : THREE.width] *= 50
    convicted(boosted)
    for place in ((0, 0, 17), (2, 3, 100), (1, THREE.payload - 1, 0)):
        off = opening.payload.copy()
        off[place] += 1
        convicted(off)
    off = opening.payload.copy()
    off[0, 0, 0] += Q % PLAIN_MODULUS  # the same commitment, another plaintext
    convicted(off)
    with pytest.raises(ProofError, match="mask: expected digest"):
        check_response(THREE, proof, bytes(32), honest, around=around)


@pytest.mark.parametrize("name", ["floats", "short", "objects", "nothing"])
def test_responses_of_another_form_are_refused(name: str) -> None:
    opening = commit(THREE, vector(THREE), secret())
    masked = Masked()
    proof = prove(opening, CONTEXT, secret(), encrypt_mask=masked)
    honest = answered(THREE, proof, masked.mask, opening.payload)
    wrong: dict[str, object] = {
        "floats": honest.astype(np.float64),
        "short": honest[:-1],
        "objects": honest.astype(object),
        "nothing": None,
    }
    with pytest.raises(ProofError, match="decrypted response: expected int64"):
        check_response(THREE, proof, masked.digest, wrong[name])  # type: ignore[arg-type]


def test_a_mask_digest_is_bound_to_its_proof() -> None:
    opening = commit(THREE, vector(THREE), secret())
    proof = prove(opening, CONTEXT, secret(), encrypt_mask=Masked())
    at = 4 + 32
    with pytest.raises(ProofError):
        verify(THREE, opening.commitment, proof[:at] + bytes(32) + proof[at + 32 :], CONTEXT)


def test_what_stands_behind_the_values_does_not_stop_a_sum() -> None:
    """A proof is about it as well; refusing it here would let one member stop a round unnamed."""
    found = openings(THREE)
    payload = found[0].payload.copy()
    payload[2, 3, 255] = 3
    matrices = public_matrices(THREE)
    residues = commit_blocks(matrices, vectors(payload), payload)
    odd = replace(
        found[0], payload=payload, residues=residues, commitment=encode_commitment(residues)
    )
    proof = prove(odd, CONTEXT, secret())
    with pytest.raises(ProofError):
        verify(THREE, odd.commitment, proof, CONTEXT)  # the honest prover does not count it
    terms = [odd, *found[1:]]
    summed = check_sum(THREE, [each.commitment for each in terms], total(terms))
    assert np.array_equal(summed, check_sum(THREE, [e.commitment for e in found], total(found)))


def test_a_centre_is_of_its_parameters() -> None:
    other = centre(LAYERED, np.zeros(LAYERED.length, np.int64))
    opening = commit(THREE, vector(THREE), secret())
    proof = prove(opening, CONTEXT, secret())
    payload = opening.payload[0]
    with pytest.raises(ProofError, match="centre: expected one for"):
        prove(opening, CONTEXT, secret(), around=other)
    with pytest.raises(ProofError, match="centre: expected one for"):
        verify(THREE, opening.commitment, proof, CONTEXT, around=other)
    with pytest.raises(ProofError, match="centre: expected one for"):
        check_sum(THREE, [opening.commitment], opening.payload, around=other)
    with pytest.raises(ProofError, match="centre: expected one for"):
        check_response(THREE, proof, bytes(32), payload, around=other)
