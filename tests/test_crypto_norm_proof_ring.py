"""Arithmetic modulo q and in R_q, against integers of Python and schoolbook products."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crypto.errors import ProofError
from crypto.norm_proof.challenges import joint_challenges, single_challenges
from crypto.norm_proof.hashing import hashed, uniform_residues
from crypto.norm_proof.matrices import apply, split_vectors, vectors
from crypto.norm_proof.parameters import ETA, ETA_TENTHS, PAIRS, parameters
from crypto.norm_proof.projection import all_forms, projection_chunks
from crypto.norm_proof.residues import (
    Ints,
    Q,
    added,
    centre,
    fold,
    largest,
    multiply,
    squared_norm,
)
from crypto.norm_proof.ring import (
    ROUNDING_MAX,
    H,
    Hat,
    N,
    inverse,
    product,
    q_limbs,
    sigma,
    small_product,
    transform,
    z_limbs,
)

residues = st.integers(0, Q - 1)
edges = st.sampled_from([0, 1, 2, Q // 2, Q // 2 + 1, Q - 2, Q - 1, 2**53, 2**53 + 1])


def array(*values: int) -> Ints:
    return np.array(values, np.int64)


def chance(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def schoolbook(a: Ints, b: Ints) -> list[int]:
    found = [0] * N
    for i, x in enumerate(a.tolist()):
        for j, y in enumerate(b.tolist()):
            place, sign = (i + j, 1) if i + j < N else (i + j - N, -1)
            found[place] += sign * x * y
    return [value % Q for value in found]


@given(a=residues | edges, b=residues | edges)
def test_products_modulo_q_are_exact(a: int, b: int) -> None:
    assert multiply(array(a), array(b))[0] == a * b % Q
    assert multiply(array(-a), array(b))[0] == -a * b % Q


@given(limbs=st.lists(st.integers(-(2**51) + 1, 2**51 - 1), min_size=1, max_size=7))
def test_limbs_are_folded_exactly(limbs: list[int]) -> None:
    for bits in (13, 14):
        expected = sum(limb << bits * place for place, limb in enumerate(limbs)) % Q
        assert fold([array(limb) for limb in limbs], bits)[0] == expected


@given(a=residues | edges)
def test_residues_are_split_and_put_together(a: int) -> None:
    limbs = q_limbs(array(a))
    assert largest(limbs) <= 2**13
    assert fold(limbs, 14)[0] == a
    assert (int(centre(array(a))[0]) - a) % Q == 0
    assert abs(int(centre(array(a))[0])) <= Q // 2


@given(a=st.integers(-(2**27) + 1, 2**27 - 1))
def test_responses_are_split_and_put_together(a: int) -> None:
    low, high = z_limbs(array(a))
    assert int(low[0]) + (int(high[0]) << 13) == a
    assert abs(int(low[0])) <= 2**12


@pytest.mark.parametrize("seed", range(3))
def test_ring_products_are_those_of_the_schoolbook(seed: int) -> None:
    a, b = chance(seed).integers(0, Q, (2, N))
    small = chance(seed).integers(-(2**13) + 1, 2**13, N)
    assert product(a, b).tolist() == schoolbook(a, b)
    assert small_product(small, b).tolist() == schoolbook(small, b)


@pytest.mark.parametrize("value", [0, 1, Q // 2, Q // 2 + 1, Q - 1])
def test_ring_products_of_the_largest_entries_are_exact(value: int) -> None:
    a = np.full(N, value, np.int64)
    b = np.where(np.arange(N) % 2, value, Q - 1 - value).astype(np.int64)
    assert product(a, b).tolist() == schoolbook(a, b)


def test_matrices_act_as_sums_of_ring_products() -> None:
    from crypto.norm_proof.matrices import _matrix

    entries = chance(1).integers(0, Q, (2, 3, N))
    small = chance(2).integers(-60, 61, (2, 3, N))
    large = chance(3).integers(-(2**26), 2**26, (2, 3, N))
    hats = _matrix(entries)
    for found, argument in (
        (apply(hats, vectors(small), split=False), small),
        (apply(hats, split_vectors(large), split=True), large),
    ):
        assert found.shape == (2, 2, N)
        for row in range(2):
            for column in range(2):
                terms = np.array(
                    [schoolbook(entries[row, k], argument[column, k]) for k in range(3)]
                )
                assert np.array_equal(found[row, column], added(terms, 0))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_sigma_is_an_automorphism_and_conjugation(seed: int) -> None:
    a, b = chance(seed).integers(-1000, 1000, (2, N))
    assert np.array_equal(sigma(sigma(a)), a)
    assert np.allclose(transform(sigma(a)), transform(a).conj())
    both = small_product(a, b % Q)
    assert np.array_equal(sigma(both) % Q, small_product(sigma(a), sigma(b) % Q))
    assert int(small_product(sigma(a), b % Q)[0]) == int(a @ b) % Q


def test_the_least_int64_is_the_largest() -> None:
    """A bug of the prototype: |-2^63| is negative in numpy, and passed the norm check."""
    least = np.iinfo(np.int64).min
    assert largest(array(0, least)) == 2**63
    assert largest(array(-5, 3)) == 5
    assert largest(array()) == 0
    with pytest.raises(ProofError, match="found one of 9223372036854775808"):
        squared_norm(array(least))


@pytest.mark.parametrize("size", [2.0**51, 2.0**53, 2.0**60, np.inf, np.nan])
def test_what_is_too_large_to_round_is_refused(size: float) -> None:
    """A bug of the prototype: above 2^53 every double is an integer, and the check passed."""
    hats = np.full(H, size, np.complex128)
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ProofError, match="arithmetic out of range"),
    ):
        inverse(hats)


def test_what_is_not_near_an_integer_is_refused() -> None:
    element = np.zeros(N)
    element[7] = 5.2
    with pytest.raises(ProofError, match=r"0\.2 from an integer"):
        inverse(transform(element))
    element[7] = 5.1
    assert inverse(transform(element))[7] == 5


@given(values=st.lists(st.integers(-(2**40) + 1, 2**40 - 1), max_size=50))
def test_norms_are_exact(values: list[int]) -> None:
    assert squared_norm(np.array(values, np.int64)) == sum(value**2 for value in values)


def test_norms_of_long_vectors_are_exact() -> None:
    assert squared_norm(np.full(3 * 10**6, -(2**40) + 1)) == 3 * 10**6 * (2**40 - 1) ** 2


def test_rounding_errors_stay_small_when_an_adversary_chooses_the_response() -> None:
    """The forms are random, but who makes z knows them: z in phase with them, or at one root."""
    params = parameters(100_000)
    rho = uniform_residues("rho", b"test", (3, N))
    phi = all_forms(params, list(projection_chunks(params, bytes(32))), rho)
    low_max = 2**12
    at_root = transform(np.eye(N))[:, 5]
    in_phase = np.sign(sigma(inverse(phi[:, 0].T)))
    at_one_root = np.sign((phi[5, 0].conj()[:, None] * at_root).real)
    for signs in (in_phase, at_one_root):
        hats = np.ascontiguousarray(transform(low_max * signs).T[:, :, None])
        sums = np.matmul(phi, hats).transpose(1, 2, 0)
        assert distance_from_integers(sums) < ROUNDING_MAX / 20


def distance_from_integers(hats: Hat) -> float:
    found = 0.0

    def watched(exact: NDArray[np.float64]) -> NDArray[np.float64]:
        nonlocal found
        rounded: NDArray[np.float64] = rint(exact)
        found = max(found, float(np.abs(exact - rounded).max()))
        return rounded

    rint = np.rint
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "rint", watched)
        inverse(hats)
    return found


@pytest.mark.parametrize("count", ETA_TENTHS)
def test_challenges_have_their_form_and_their_norms(count: int) -> None:
    found = joint_challenges("c", bytes([count]) * 32, count)
    assert found.shape == (count, N)
    assert (np.abs(found).sum(axis=1) == 2 * PAIRS).all()
    assert largest(found) == 1
    assert np.array_equal(sigma(found), found)
    values = np.abs(transform(found))
    assert values.max() <= ETA + 1e-4
    assert np.sqrt(np.square(values).sum(axis=0)).max() <= ETA_TENTHS[count] / 10 + 1e-3


def test_challenges_follow_from_the_seed_and_differ() -> None:
    seeds = [hashed("test", bytes([k])) for k in range(64)]
    found = {single_challenges("c0", seed, 1).tobytes() for seed in seeds}
    assert len(found) == len(seeds)
    assert np.array_equal(
        single_challenges("c0", seeds[0], 1), single_challenges("c0", seeds[0], 1)
    )


def test_differences_of_challenges_are_invertible() -> None:
    """They are shorter than sqrt(q), which suffices for a prime that is 5 modulo 8."""
    assert Q % 8 == 5
    assert 2 * (2 * PAIRS) ** 2 < Q  # |c - c'|_2^2 <= (2 |c|_1)^2 / 2
    assert all(pow(base, Q - 1, Q) == 1 for base in (2, 3, 5, 7, 11, 13))


def test_uniform_residues_are_uniform_enough() -> None:
    found = uniform_residues("test", b"seed", (40, 1000))
    assert found.min() >= 0
    assert found.max() < Q
    bins = np.histogram(found, bins=16, range=(0, Q))[0]
    assert np.abs(bins / 2500 - 1).max() < 0.1
    assert uniform_residues("test", b"seed", (0, 5)).shape == (0, 5)


def test_hashes_are_injective_in_their_parts() -> None:
    found = {
        hashed("a", b"bc"),
        hashed("ab", b"c"),
        hashed("a", b"b", b"c"),
        hashed("a", b"", b"bc"),
        hashed("a", b"bc", b""),
        hashed("a"),
    }
    assert len(found) == 6


def test_an_element_has_half_as_many_values() -> None:
    assert transform(np.zeros((3, N))).shape == (3, H)
