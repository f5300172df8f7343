"""Honest proofs verify, up to the bound and not beyond: completeness, exactness, the interface."""

import os
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import ProofError
from crypto.norm_proof import (
    Claim,
    Layer,
    Params,
    centre,
    commit,
    commitment_size,
    layered_parameters,
    parameters,
    proof_size_max,
    prove,
    size_estimate,
    verify,
    verify_all,
)
from crypto.norm_proof.residues import Ints, squared_norm
from crypto.norm_proof.wire import decode_proof
from tests.norm_proof_forger import (
    CONTEXT,
    LAYERED,
    ONE,
    THREE,
    TOYS,
    of_norm2,
    secret,
    vector,
)

CAMPAIGN = os.environ.get("TCLEARN_CAMPAIGN") == "1"


def proven(params: Params, values: Ints, seed: int = 0) -> Claim:
    opening = commit(params, values, secret(seed))
    return Claim(params, opening.commitment, prove(opening, CONTEXT, secret(seed)), CONTEXT)


def check(claim: Claim) -> None:
    verify(claim.params, claim.commitment, claim.proof, claim.context, around=claim.around)


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.5, 0.999])
def test_honest_vectors_of_every_norm_are_accepted(name: str, fraction: float) -> None:
    check(proven(TOYS[name], vector(TOYS[name], fraction)))


@pytest.mark.parametrize("seed", range(20))
def test_no_honest_vector_at_the_bound_is_refused(seed: int) -> None:
    """Z8, Z9: theirs refuses honest vectors from a tenth of the bound on."""
    check(proven(ONE, of_norm2(ONE, ONE.layers[0].bound ** 2), seed))


@pytest.mark.parametrize("name", TOYS)
def test_the_bound_is_exact(name: str) -> None:
    params = TOYS[name]
    for number, layer in enumerate(params.layers):
        limit = layer.bound**2
        for norm2 in {0, min(1, limit), limit // 2, max(limit - 1, 0), limit}:
            check(proven(params, of_norm2(params, norm2, number)))
        opening = commit(params, of_norm2(params, limit + 1, number), secret())
        with pytest.raises(ProofError, match=f"layer {number}: expected a norm of {layer.bound}"):
            prove(opening, CONTEXT, secret())


@pytest.mark.parametrize("place", [0, 1, 255, 256, 1023, 1024, 2047, 2999])
def test_every_coordinate_counts(place: int) -> None:
    """Z3: theirs looks at 256 of 108,996 coordinates."""
    values = np.zeros(THREE.length, np.int64)
    values[place] = -THREE.layers[0].bound
    check(proven(THREE, values))
    values[place] -= 1
    with pytest.raises(ProofError, match="expected a norm of 4096 at most"):
        proven(THREE, values)


@settings(max_examples=60 if CAMPAIGN else 6, deadline=None, derandomize="CI" in os.environ)
@given(
    parts=st.lists(
        st.tuples(st.integers(1, 900), st.integers(0, 5000), st.floats(0, 1)),
        min_size=1,
        max_size=4,
    ),
    blocks=st.sampled_from([1, 2, 3, 4, 5]),
    seed=st.integers(0, 2**32),
)
def test_random_parameters_and_vectors_are_accepted(
    parts: list[tuple[int, int, float]], blocks: int, seed: int
) -> None:
    params = layered_parameters([Layer(length, bound) for length, bound, _ in parts], blocks=blocks)
    chance = np.random.default_rng(seed)
    found = []
    for length, bound, fraction in parts:
        part = chance.normal(size=length)
        part *= fraction * bound / max(float(np.linalg.norm(part)), 1e-9)
        found.append(np.trunc(part).astype(np.int64))
    check(proven(params, np.concatenate(found), seed))


def test_a_proof_around_a_centre_is_about_the_difference() -> None:
    chance = np.random.default_rng(1)
    reference = chance.integers(-(10**6), 10**6, THREE.length)
    around = centre(THREE, reference)
    for offset in (vector(THREE, 0.99), of_norm2(THREE, THREE.layers[0].bound ** 2)):
        opening = commit(THREE, reference + offset, secret())
        proof = prove(opening, CONTEXT, secret(), around=around)
        verify(THREE, opening.commitment, proof, CONTEXT, around=around)
        with pytest.raises(ProofError):
            verify(THREE, opening.commitment, proof, CONTEXT)
        other = centre(THREE, reference + of_norm2(THREE, 1))
        with pytest.raises(ProofError):
            verify(THREE, opening.commitment, proof, CONTEXT, around=other)
    beyond = of_norm2(THREE, THREE.layers[0].bound ** 2 + 1)
    with pytest.raises(ProofError, match="expected a norm"):
        prove(commit(THREE, reference + beyond, secret()), CONTEXT, secret(), around=around)
    with pytest.raises(ProofError, match="expected a norm"):
        prove(commit(THREE, of_norm2(THREE, 0), secret()), CONTEXT, secret(), around=around)


def test_one_commitment_can_have_two_proofs() -> None:
    values = vector(ONE, 0.4)
    around = centre(ONE, vector(ONE, 0.4))
    opening = commit(ONE, values, secret())
    plain = prove(opening, CONTEXT, secret(1))
    near = prove(opening, CONTEXT, secret(2), around=around)
    verify(ONE, opening.commitment, plain, CONTEXT)
    verify(ONE, opening.commitment, near, CONTEXT, around=around)


def test_a_prover_is_a_function_of_its_arguments() -> None:
    opening = commit(ONE, vector(ONE), secret())
    assert commit(ONE, vector(ONE), secret()).commitment == opening.commitment
    assert prove(opening, CONTEXT, secret()) == prove(opening, CONTEXT, secret())


def test_fresh_randomness_changes_everything() -> None:
    first, second = (proven(ONE, vector(ONE), seed) for seed in (1, 2))
    assert first.commitment != second.commitment
    one, two = (decode_proof(ONE, claim.proof) for claim in (first, second))
    for name in ("t_a", "t_0", "t_b1", "t_b2", "h", "z_3", "z", "z_s"):
        assert not np.array_equal(getattr(one, name), getattr(two, name)), name


def test_masks_are_fresh_when_a_caller_reuses_randomness() -> None:
    """For another context or another vector: theirs leaks a vector as soon as masks repeat."""
    same = secret()
    opening = commit(ONE, vector(ONE), same)
    proofs = [prove(opening, context, same) for context in (CONTEXT, replace(CONTEXT, round=4))] + [
        prove(commit(ONE, vector(ONE, seed=9), same), CONTEXT, same)
    ]
    masks = [decode_proof(ONE, proof).z for proof in proofs]
    for k in range(3):
        difference = masks[k] - masks[k - 1]
        assert squared_norm(difference) > ONE.z_norm2_max // 4


@pytest.mark.parametrize("name", TOYS)
def test_sizes_are_those_that_are_promised(name: str) -> None:
    params = TOYS[name]
    claim = proven(params, vector(params))
    assert len(claim.commitment) == commitment_size(params)
    assert len(claim.proof) <= proof_size_max(params)
    size = len(claim.commitment) + len(claim.proof)
    assert abs(size / size_estimate(params) - 1) < 0.02


BAD_VALUES: dict[str, Callable[[], object]] = {
    "floats": lambda: np.zeros(600),
    "NaN": lambda: np.full(600, np.nan),
    "infinity": lambda: np.full(600, np.inf),
    "int32": lambda: np.zeros(600, np.int32),
    "uint64": lambda: np.full(600, 2**64 - 1, np.uint64),
    "objects": lambda: np.zeros(600, object),
    "too short": lambda: np.zeros(599, np.int64),
    "too long": lambda: np.zeros(601, np.int64),
    "two axes": lambda: np.zeros((1, 600), np.int64),
    "a list": lambda: [0] * 600,
    "nothing": lambda: None,
    "large": lambda: np.full(600, 2**62),
    "the least int64": lambda: np.full(600, -(2**63)),
    "a whole q": lambda: np.full(600, 2**54 - 131),
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_values_that_are_no_vector_are_refused(name: str) -> None:
    with pytest.raises(ProofError):
        commit(ONE, BAD_VALUES[name](), secret())  # type: ignore[arg-type]  # tested here
    with pytest.raises(ProofError):
        centre(ONE, BAD_VALUES[name]())  # type: ignore[arg-type]  # tested here


@pytest.mark.parametrize("randomness", [b"", bytes(31), bytes(33), None, 5, "0" * 32])
def test_randomness_of_another_size_is_refused_and_not_shown(randomness: bytes) -> None:
    with pytest.raises(ProofError, match=r"^expected 32 bytes of randomness$"):
        commit(ONE, vector(ONE), randomness)
    opening = commit(ONE, vector(ONE), secret())
    with pytest.raises(ProofError, match=r"^expected 32 bytes of randomness$"):
        prove(opening, CONTEXT, randomness)


BAD_CONTEXTS: dict[str, dict[str, object]] = {
    "no author": {"author": ""},
    "a long author": {"author": "x" * 257},
    "bytes as author": {"author": b"hospital-1"},
    "a surrogate": {"author": "\ud800"},
    "a negative round": {"round": -1},
    "a round of a float": {"round": 1.0},
    "a truth value as round": {"round": True},
    "a short digest": {"parent": bytes(31)},
    "a text as digest": {"model": "0" * 32},
    "no digest": {"ciphertext": None},
    "too many members": {"members": 2**63},
    "no quantiser": {"quantiser": ""},
}


@pytest.mark.parametrize("name", BAD_CONTEXTS)
def test_a_context_has_types_and_sizes(name: str) -> None:
    opening = commit(ONE, vector(ONE), secret())
    with pytest.raises(ProofError):
        prove(opening, replace(CONTEXT, **BAD_CONTEXTS[name]), secret())  # type: ignore[arg-type]


def test_secrets_are_not_shown() -> None:
    opening = commit(ONE, vector(ONE), secret())
    assert repr(opening) == f"Opening(params={ONE!r})"
    assert "array" not in repr(decode_proof(ONE, prove(opening, CONTEXT, secret())))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_many_claims_are_judged_in_their_order(workers: int) -> None:
    good = [proven(params, vector(params)) for params in (ONE, LAYERED)]
    claims = [good[0], replace(good[0], proof=b""), good[1], replace(good[1], commitment=b"x")]
    claims.append(replace(good[0], context=replace(CONTEXT, round=9)))
    found = verify_all(claims, workers=workers)
    assert [fault is None for fault in found] == [True, False, True, False, False]
    assert all(isinstance(fault, ProofError) for fault in found if fault is not None)
    assert verify_all([], workers=workers) == ()


@pytest.mark.parametrize("workers", [0, -1, 257])
def test_workers_are_limited(workers: int) -> None:
    with pytest.raises(ProofError, match="expected 1 to 256 workers"):
        verify_all([], workers=workers)


@pytest.mark.parametrize(("length", "bound"), [(1, 0), (1, 1), (3, 2), (256, 1), (257, 30_000)])
def test_small_and_odd_parameters_work(length: int, bound: int) -> None:
    params = parameters(length, bound)
    values = np.zeros(length, np.int64)
    values[-1] = bound
    check(proven(params, values))
