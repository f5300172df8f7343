"""Soundness and zero knowledge, as far as they can be run: extractor, simulator, samplers.

The extractor rewinds a prover: the same randomness, another challenge. The simulator has no witness
and programs the hash instead. Statistical tests have fixed seeds, so they always say the same.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from crypto.errors import ProofError
from crypto.norm_proof import Params, commit, parameters, prove, transcript
from crypto.norm_proof import prover as prover_module
from crypto.norm_proof.challenges import joint_challenges, single_challenges
from crypto.norm_proof.commitment import commit_blocks, place
from crypto.norm_proof.hashing import Part, hashed
from crypto.norm_proof.matrices import public_matrices, split_vectors, vectors
from crypto.norm_proof.parameters import GAMMA_1, GAMMA_3, GAMMA_S, KAPPA, KAPPA_0
from crypto.norm_proof.relations import draw_mixture, draw_weights, target
from crypto.norm_proof.residues import Ints, Q, squared_norm
from crypto.norm_proof.ring import N, inverse, transform
from crypto.norm_proof.sampling import (
    Stream,
    accepted,
    below,
    binomial,
    four_squares,
    gaussian,
    log_repetitions,
    uniform,
    unit,
)
from crypto.norm_proof.verifier import (
    check_proof,
    inner_products,
    masked_opening,
    masked_relations,
    opened_square,
)
from crypto.norm_proof.wire import Proof, decode_proof
from tests.norm_proof_forger import CONTEXT, ONE, THREE, recklessness, secret, vector

CAMPAIGN = os.environ.get("TCLEARN_CAMPAIGN") == "1"
TOY = parameters(300, 1024, blocks=2)
SIMULATIONS = 40 if CAMPAIGN else 8


# Special soundness.


def response(params: Params, values: Ints, challenges: Ints) -> Proof:
    """What the prover shows for chosen challenges; its masks are the same each time."""
    with recklessness() as patch:
        patch.setattr(prover_module, "joint_challenges", lambda *_: challenges)
        opening = commit(params, values, secret())
        return decode_proof(params, prove(opening, CONTEXT, secret()))


@pytest.mark.parametrize("params", [TOY, THREE], ids=["toy", "three blocks"])
def test_an_extractor_recovers_the_witness_from_rewound_transcripts(params: Params) -> None:
    """Coordinate-wise special soundness: two challenges that differ in one c_i reveal x_i."""
    values = vector(params)
    opening = commit(params, values, secret())
    challenges = joint_challenges("c", bytes(32), params.blocks)
    first = response(params, values, challenges)
    extracted = np.empty((params.blocks, params.columns, N), np.int64)
    for block in range(params.blocks):
        moved = challenges.copy()
        (moved[block],) = single_challenges("c", bytes([block + 1]) * 32, 1)
        second = response(params, values, moved)
        assert np.array_equal(first.t_b2, second.t_b2)  # the same masks: it is a rewinding
        difference = transform(challenges[block] - moved[block])
        extracted[block] = inverse(transform(first.z - second.z) / difference)
    assert np.array_equal(extracted[:, : params.payload], opening.payload)
    hats = vectors(extracted)
    commitments = commit_blocks(public_matrices(params), hats, extracted)
    assert np.array_equal(commitments, opening.residues)
    slack = extracted[-1, params.payload, :4]
    assert squared_norm(values) + squared_norm(slack) == params.bounds2


def test_a_prover_who_knows_a_challenge_before_can_cheat() -> None:
    """The extractor's premise fails where a challenge is known: so it must come last."""
    matrices = public_matrices(TOY)
    simulated, oracle = simulate(TOY, 1)
    with oracle.programmed():
        check_proof(matrices, oracle.commitment, simulated, CONTEXT)
    with pytest.raises(ProofError):
        check_proof(matrices, oracle.commitment, simulated, CONTEXT)


# Zero knowledge.


class Oracle:
    """The hash, which answers as it was told where it was told something."""

    def __init__(self, commitment: Ints) -> None:
        self.commitment = commitment
        self.told: dict[bytes, bytes] = {}

    def hashed(self, label: str, *parts: Part) -> bytes:
        honest = hashed(label, *parts)
        return self.told.get(honest, honest)

    def tell(self, answer: bytes, label: str, *parts: Part) -> None:
        self.told[hashed(label, *parts)] = answer

    @contextmanager
    def programmed(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(transcript, "hashed", self.hashed)
            yield


def simulate(params: Params, seed: int) -> tuple[Proof, Oracle]:
    """A proof without a witness: responses first, then what the hash must have been."""
    matrices = public_matrices(params)
    stream = Stream(b"simulator" + seed.to_bytes(4, "big"))
    h = uniform(stream, (3, N))
    h[:, 0] = 0
    proof = Proof(
        mask_digest=bytes(32),
        tau_4=stream.take(32),
        tau_5=stream.take(32),
        t_a=uniform(stream, (KAPPA, N)),
        t_0=uniform(stream, (KAPPA_0, N)),
        t_b1=uniform(stream, (params.rows_1, N)),
        h=h,
        t_b2=uniform(stream, (params.rows_2, N)),
        z_3=gaussian(stream, (params.blocks, N), math.sqrt(params.sigma_3_2)),
        z=gaussian(stream, (params.columns, N), math.sqrt(params.sigma_1_2)),
        z_s=gaussian(stream, (params.hiding_columns, N), math.sqrt(params.sigma_s2)),
    )
    oracle = Oracle(uniform(stream, (params.blocks, KAPPA, N)))
    h1 = transcript.h_1(transcript.h_0(matrices, None, CONTEXT), oracle.commitment, proof.t_a)
    tau_1 = transcript.tau_1(h1, proof.t_0, proof.t_b1)
    tau_2 = transcript.tau_2(tau_1, proof.z_3)
    tau_3 = transcript.tau_3(tau_2, proof.h)
    weights = draw_weights(params, tau_2)
    mixture = draw_mixture(weights, tau_3)
    challenges = joint_challenges("c", proof.tau_4, params.blocks)
    hats = split_vectors(proof.z[None])
    w = masked_opening(matrices, oracle.commitment, proof, challenges, hats)
    oracle.tell(proof.tau_4, "r4", tau_3, proof.t_b2, w, proof.mask_digest)
    inner = inner_products(params, tau_1, weights, hats)
    v_1 = target(params, weights, mixture, proof.h, proof.z_3)
    v_2 = opened_square(params, weights, mixture, challenges, inner, hats)
    masked = masked_relations(matrices, weights, mixture, challenges, proof, (v_1, v_2))
    oracle.tell(proof.tau_5, "r5", proof.tau_4, proof.z, *masked)
    return proof, oracle


@pytest.fixture(scope="module")
def transcripts() -> tuple[list[Proof], list[Proof]]:
    """Honest proofs of one vector at the bound, and simulated ones."""
    values = vector(TOY, 0.999)
    honest = []
    for seed in range(SIMULATIONS):
        opening = commit(TOY, values, secret(seed))
        honest.append(decode_proof(TOY, prove(opening, CONTEXT, secret(seed))))
    return honest, [simulate(TOY, seed)[0] for seed in range(SIMULATIONS)]


def kolmogorov_smirnov(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The distance of two samples in units of what chance makes of it."""
    both = np.sort(np.concatenate([a, b]))
    low = np.searchsorted(np.sort(a), both, side="right") / a.size
    high = np.searchsorted(np.sort(b), both, side="right") / b.size
    return float(np.abs(low - high).max()) * math.sqrt(a.size * b.size / (a.size + b.size))


@pytest.mark.parametrize("name", ["z_3", "z", "z_s", "t_a", "t_0", "t_b1", "t_b2", "h"])
def test_simulated_and_honest_transcripts_look_alike(
    transcripts: tuple[list[Proof], list[Proof]], name: str
) -> None:
    honest, simulated = (
        np.concatenate([getattr(proof, name).reshape(-1) for proof in proofs]).astype(np.float64)
        for proofs in transcripts
    )
    assert kolmogorov_smirnov(honest, simulated) < 2.2  # exceeded once in 10^4 by chance
    assert abs(float(np.std(honest) / np.std(simulated)) - 1) < 0.06


def test_responses_do_not_correlate_with_the_vector(
    transcripts: tuple[list[Proof], list[Proof]],
) -> None:
    blocks = place(TOY, vector(TOY, 0.999))
    width = TOY.width
    found = np.zeros(blocks.shape)
    for proof in transcripts[0]:
        challenges = joint_challenges("c", proof.tau_4, TOY.blocks)
        found += inverse(transform(proof.z[:width])[None] * transform(challenges).conj()[:, None])
    correlation = float(np.corrcoef(found.reshape(-1), blocks.reshape(-1))[0, 1])
    assert abs(correlation) < 4 / math.sqrt(blocks.size)


def test_responses_at_the_bound_are_as_long_as_those_of_zero() -> None:
    """The norm of a response says nothing about the norm of the vector."""
    lengths = []
    for fraction in (0.0, 0.999):
        found = [
            decode_proof(
                ONE, prove(commit(ONE, vector(ONE, fraction), secret(k)), CONTEXT, secret(k))
            )
            for k in range(SIMULATIONS)
        ]
        lengths.append([math.sqrt(squared_norm(proof.z)) for proof in found])
    low, high = (float(np.mean(each)) for each in lengths)
    assert abs(low / high - 1) < 0.01


# Samplers.


def test_gaussians_have_their_moments() -> None:
    for sigma in (4.5, 1000.0, 2.0**23):
        found = gaussian(Stream(b"gaussian"), (400_000,), sigma).astype(np.float64) / sigma
        assert abs(float(found.mean())) < 0.008
        assert abs(float(found.std()) - 1) < 0.008
        assert abs(float((found**3).mean())) < 0.02
        assert abs(float((found**4).mean()) - 3) < 0.08
        assert float(np.abs(found).max()) < 8.6


def test_gaussians_follow_their_distribution() -> None:
    found = gaussian(Stream(b"shape"), (200_000,), 2.0**20) / 2.0**20
    for quantile, expected in ((0.5, 0.6915), (1.0, 0.8413), (2.0, 0.97725), (-1.0, 0.1587)):
        assert abs(float((found < quantile).mean()) - expected) < 0.005


def test_binomials_have_their_distribution() -> None:
    found = binomial(Stream(b"binomial"), (160_000,))
    shares = np.bincount(found + 2, minlength=5) / found.size
    assert np.abs(shares - np.array([1, 4, 6, 4, 1]) / 16).max() < 0.005


def test_uniform_draws_stay_in_range() -> None:
    stream = Stream(b"uniform")
    assert {below(stream, 5) for _ in range(200)} == set(range(5))
    assert {below(stream, 1) for _ in range(20)} == {0}
    units = [unit(stream) for _ in range(2000)]
    assert min(units) > 0
    assert max(units) < 1
    assert abs(float(np.mean(units)) - 0.5) < 0.03
    assert int(uniform(stream, (1000,)).min()) >= 0
    assert int(uniform(stream, (1000,)).max()) < Q


def test_streams_differ_by_their_keys_and_never_repeat() -> None:
    first, second = Stream(b"one"), Stream(b"two")
    found = [first.take(16), first.take(16), second.take(16), second.take(16)]
    assert len(set(found)) == 4
    assert Stream(b"one").take(16) == found[0]


@pytest.mark.parametrize(
    "total",
    [*range(40), *(2 * 4**k for k in range(14)), *(7 * 4**k for k in range(12)), 2**28, 2**28 - 1],
)
def test_every_number_is_a_sum_of_four_squares_and_quickly(total: int) -> None:
    """Twice a power of four has 24 representations alone: chance searched for minutes."""
    stream = Stream(b"squares")
    for _ in range(3):
        assert sum(part**2 for part in four_squares(stream, total)) == total


def test_squares_are_chosen_at_random() -> None:
    stream = Stream(b"squares")
    found = {four_squares(stream, 10**6 + 1) for _ in range(20)}
    assert len(found) == 20
    assert any(part < 0 for each in found for part in each)


@pytest.mark.parametrize("gamma", [3.0, GAMMA_1, GAMMA_3, GAMMA_S])
def test_rejection_removes_the_largest_shift(gamma: float) -> None:
    """Without it <z, v> has mean 1/gamma; with it zero, at an acceptance of 1/M."""
    stream = Stream(b"rejection")
    size, tries = 64, 12_000
    shift = np.full(size, 500, np.int64)
    length = math.sqrt(squared_norm(shift))
    sigma = gamma * length
    z = gaussian(stream, (tries, size), sigma) + shift
    along = (z @ shift) / (length * sigma)
    kept = np.array([accepted(stream, row, shift, sigma**2, gamma) for row in z])
    rate = float(kept.mean())
    assert abs(float(along.mean()) - 1 / gamma) < 0.04
    assert abs(float(along[kept].mean())) < 4 / math.sqrt(kept.sum())
    assert abs(float(along[kept].std()) - 1) < 0.1
    assert abs(rate * math.exp(log_repetitions(gamma)) - 1) < (0.35 if gamma < 5 else 0.1)


def test_attempts_are_about_as_many_as_were_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """M is 3.06, 2.20 and 1.75: section 4."""
    found: dict[float, list[bool]] = {}

    def counted(stream: Stream, z: Ints, shift: Ints, sigma2: float, gamma: float) -> bool:
        verdict = accepted(stream, z, shift, sigma2, gamma)
        found.setdefault(gamma, []).append(verdict)
        return verdict

    monkeypatch.setattr(prover_module, "accepted", counted)
    for seed in range(SIMULATIONS * 2):
        prove(commit(TOY, vector(TOY), secret(seed)), CONTEXT, secret(seed))
    for gamma, repetitions in ((GAMMA_1, 3.06), (GAMMA_3, 2.20), (GAMMA_S, 1.75)):
        assert math.exp(log_repetitions(gamma)) == pytest.approx(repetitions, abs=0.01)
        verdicts = found[gamma]
        count = len(verdicts) / sum(verdicts)
        assert 0.5 * repetitions < count < 1.8 * repetitions


def test_a_prover_that_cannot_hide_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prover_module, "accepted", lambda *_: False)
    monkeypatch.setattr(prover_module, "ATTEMPTS_MAX", 3)
    with pytest.raises(ProofError, match="expected to hide the witness within 3 attempts"):
        prove(commit(ONE, vector(ONE), secret()), CONTEXT, secret())


def test_contexts_change_the_masks() -> None:
    opening = commit(TOY, vector(TOY), secret())
    one, two = (
        decode_proof(TOY, prove(opening, context, secret()))
        for context in (CONTEXT, replace(CONTEXT, author="hospital-2"))
    )
    assert squared_norm(one.z - two.z) > TOY.z_norm2_max // 4
