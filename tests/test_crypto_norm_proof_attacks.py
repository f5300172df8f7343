"""Cheating provers, one by one: each knows its own openings and skips what hinders it.

Names with Z and a number are rows of what ZKFL-PQ's published code accepts.
"""

import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from crypto.errors import ProofError
from crypto.norm_proof import Context, Opening, Params, commit, parameters, prove, verify
from crypto.norm_proof import prover as prover_module
from crypto.norm_proof.challenges import joint_challenges
from crypto.norm_proof.commitment import place
from crypto.norm_proof.context import context_bytes
from crypto.norm_proof.estimate import soundness_steps
from crypto.norm_proof.matrices import public_matrices
from crypto.norm_proof.residues import Ints, Q, squared_norm
from crypto.norm_proof.ring import N, inverse, transform
from crypto.norm_proof.sampling import Stream, four_squares, gaussian
from crypto.norm_proof.verifier import check_proof
from crypto.norm_proof.wire import (
    Proof,
    decode_commitment,
    decode_proof,
    encode_commitment,
    encode_proof,
    params_digest,
)
from tests.norm_proof_forger import (
    CONTEXT,
    LAYERED,
    ONE,
    THREE,
    TOYS,
    Cheat,
    Forgery,
    forge,
    four_large_squares,
    of_norm2,
    secret,
    vector,
)

PLAIN = {name: TOYS[name] for name in ("one block", "three blocks")}
FIELDS = [field.name for field in fields(Proof)]


def refusal(params: Params, forgery: Forgery) -> str:
    """Why a forgery is refused, decoded and as bytes."""
    with pytest.raises(ProofError):
        verify(
            params,
            encode_commitment(forgery.commitment),
            encode_proof(params, forgery.proof),
            CONTEXT,
        )
    with pytest.raises(ProofError) as refused:
        check_proof(public_matrices(params), forgery.commitment, forgery.proof, CONTEXT)
    return str(refused.value)


def accept(params: Params, forgery: Forgery) -> None:
    verify(
        params, encode_commitment(forgery.commitment), encode_proof(params, forgery.proof), CONTEXT
    )


def slack_for(params: Params, values: Ints) -> list[tuple[int, ...]]:
    return [four_squares(Stream(b"slack"), params.layers[0].bound ** 2 - squared_norm(values))]


# Norms.


@pytest.mark.parametrize("name", PLAIN)
def test_the_harness_itself_makes_proofs_that_verify(name: str) -> None:
    params = PLAIN[name]
    values = vector(params)
    for large in (False, True):
        forgery = forge(params, values, Cheat(slack=slack_for(params, values), large=large))
        assert forgery.constants == [0, 0, 0]
        accept(params, forgery)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("hide", [False, True])
def test_a_norm_just_above_the_bound_is_refused(name: str, hide: bool) -> None:
    params = PLAIN[name]
    values = of_norm2(params, params.layers[0].bound ** 2 + 1)
    forgery = forge(params, values, Cheat(hide_constant=hide))
    assert any(forgery.constants)
    assert ("relations" if hide else "constant coefficients") in refusal(params, forgery)


@pytest.mark.parametrize("name", PLAIN)
def test_a_patched_linear_relation_breaks_the_quadratic_one(name: str) -> None:
    params = PLAIN[name]
    values = of_norm2(params, params.layers[0].bound ** 2 + 1)
    forgery = forge(params, values, Cheat(hide_constant=True, patch_garbage=True))
    assert "relations" in refusal(params, forgery)


@pytest.mark.parametrize("layer", range(len(LAYERED.layers)))
def test_every_layer_has_its_own_bound(layer: int) -> None:
    values = of_norm2(LAYERED, LAYERED.layers[layer].bound ** 2 + 1, layer)
    slack: list[tuple[int, ...]] = [
        four_squares(Stream(b"slack"), each.bound**2) for each in LAYERED.layers
    ]
    slack[layer] = (0, 0, 0, 0)
    forgery = forge(LAYERED, values, Cheat(slack=slack, hide_constant=True))
    assert "relations" in refusal(LAYERED, forgery)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("factor", [3.0, 50.0, 779 / 5])
def test_much_longer_vectors_are_refused(name: str, factor: float) -> None:
    params = PLAIN[name]
    for hide in (False, True):
        assert refusal(params, forge(params, vector(params, factor), Cheat(hide_constant=hide)))


@pytest.mark.parametrize("name", PLAIN)
def test_one_huge_coordinate_is_refused(name: str) -> None:
    params = PLAIN[name]
    values = np.zeros(params.length, np.int64)
    values[5] = 2**20
    assert refusal(params, forge(params, values, Cheat(hide_constant=True, large=True)))


@pytest.mark.parametrize("place_", [0, 300, 1024, 2999])
def test_z3_poison_anywhere_is_refused(place_: int) -> None:
    values = np.zeros(THREE.length, np.int64)
    values[place_] = 2 * THREE.layers[0].bound
    assert refusal(THREE, forge(THREE, values, Cheat(hide_constant=True)))


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("lie", [lambda z: z * 0, lambda z: z // 64, lambda z: z // 50])
def test_lying_projections_are_refused(name: str, lie: Callable[[Ints], Ints]) -> None:
    params = PLAIN[name]
    forgery = forge(params, vector(params, 50.0), Cheat(projected=lie, hide_constant=True))
    assert refusal(params, forgery)


@pytest.mark.parametrize("name", PLAIN)
def test_slack_that_wraps_modulo_q_is_refused_by_its_length_alone(name: str) -> None:
    """|g|^2 + |a|^2 = B^2 + q: all equations hold, and only the projections tell."""
    params = PLAIN[name]
    limit = params.layers[0].bound ** 2
    values = of_norm2(params, limit + 12345)
    slack = four_large_squares(Q - 12345)
    assert squared_norm(values) + sum(part**2 for part in slack) == limit + Q
    forgery = forge(params, values, Cheat(slack=[slack], large=True))
    assert forgery.constants == [0, 0, 0]
    assert refusal(params, forgery) == "z_3: expected a shorter vector"
    shrunk = replace(forgery.proof, z_3=forgery.proof.z_3 // 64)
    assert refusal(params, replace(forgery, proof=shrunk))


@pytest.mark.parametrize("name", PLAIN)
def test_wrapping_slack_with_lying_projections_is_refused(name: str) -> None:
    params = PLAIN[name]
    values = of_norm2(params, params.layers[0].bound ** 2 + 12345)
    cheat = Cheat(
        slack=[four_large_squares(Q - 12345)],
        large=True,
        projected=lambda z: z // 64,
        hide_constant=True,
    )
    forgery = forge(params, values, cheat)
    assert any(forgery.constants)
    assert refusal(params, forgery)


@pytest.mark.parametrize("good", [True, False])
def test_soundness_does_not_rest_on_randomness(good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prover without any randomness harms its own secrecy, nothing else."""

    def zeros(_: Stream, shape: tuple[int, ...], *__: float) -> Ints:
        return np.zeros(shape, np.int64)

    for name in ("gaussian", "binomial", "uniform"):
        monkeypatch.setattr(prover_module, name, zeros)
    if good:
        values = vector(ONE)
        accept(ONE, forge(ONE, values, Cheat(slack=slack_for(ONE, values))))
    else:
        values = of_norm2(ONE, ONE.layers[0].bound ** 2 + 1)
        assert refusal(ONE, forge(ONE, values, Cheat(hide_constant=True)))


# What a proof is bound to.

OTHERS: dict[str, dict[str, object]] = {
    "author": {"author": "hospital-2"},
    "round": {"round": 4},
    "parent": {"parent": b"\x09" * 32},
    "model": {"model": b"\x07" * 32},
    "ciphertext": {"ciphertext": b"\x05" * 32},
    "members": {"members": 6},
    "quantiser": {"quantiser": "unbiased"},
}


@pytest.fixture(scope="module")
def honest() -> tuple[bytes, bytes]:
    """An honest commitment and its proof."""
    opening = commit(ONE, vector(ONE), secret())
    return opening.commitment, prove(opening, CONTEXT, secret())


@pytest.mark.parametrize("name", OTHERS)
def test_z4_z5_a_proof_is_of_one_context(honest: tuple[bytes, bytes], name: str) -> None:
    commitment, proof = honest
    verify(ONE, commitment, proof, CONTEXT)
    with pytest.raises(ProofError, match="expected challenge"):
        verify(ONE, commitment, proof, replace(CONTEXT, **OTHERS[name]))  # type: ignore[arg-type]


def test_every_field_of_a_context_is_bound() -> None:
    assert {field.name for field in fields(Context)} == set(OTHERS)


def test_contexts_are_encoded_injectively() -> None:
    found = {
        context_bytes(replace(CONTEXT, author=author, quantiser=quantiser))
        for author, quantiser in (("a", "bc"), ("ab", "c"), ("abc", "x"), ("a", "b"), ("bc", "a"))
    }
    assert len(found) == 5
    swapped = replace(CONTEXT, parent=CONTEXT.model, model=CONTEXT.parent)
    assert context_bytes(swapped) != context_bytes(CONTEXT)


@pytest.mark.parametrize(
    "other",
    [
        parameters(600, 4095),
        parameters(600, 4097),
        parameters(599, 4096),
        parameters(601, 4096),
        parameters(600, 4096, blocks=2),
    ],
)
def test_a_proof_is_of_one_bound_and_length(honest: tuple[bytes, bytes], other: Params) -> None:
    commitment, proof = honest
    with pytest.raises(ProofError):
        verify(other, commitment, proof, CONTEXT)
    with pytest.raises(ProofError):  # even where the header is replaced
        verify(other, commitment, proof[:5] + params_digest(other) + proof[37:], CONTEXT)


def test_a_proof_is_of_one_set_of_matrices(honest: tuple[bytes, bytes]) -> None:
    commitment, proof = honest
    others = public_matrices(ONE, b"other seed")
    with pytest.raises(ProofError, match="expected challenge"):
        check_proof(others, decode_commitment(ONE, commitment), decode_proof(ONE, proof), CONTEXT)


@pytest.fixture(scope="module")
def two_proofs() -> list[tuple[Opening, Proof]]:
    """Honest proofs of two vectors."""
    found = []
    for seed in (1, 2):
        opening = commit(ONE, vector(ONE, seed=seed), secret(seed))
        found.append((opening, decode_proof(ONE, prove(opening, CONTEXT, secret(seed)))))
    return found


@pytest.mark.parametrize("name", FIELDS)
def test_no_field_can_be_taken_from_another_proof(
    two_proofs: list[tuple[Opening, Proof]], name: str
) -> None:
    (one, first), (_, second) = two_proofs
    part: Any = bytes([7]) * 32 if name == "mask_digest" else getattr(second, name)
    spliced = replace(first, **{name: part})
    assert refusal(ONE, Forgery(one.residues, spliced, []))


def test_z6_the_proof_of_zero_carries_nothing_else() -> None:
    zero = commit(ONE, vector(ONE, 0.0), secret(1))
    proof = prove(zero, CONTEXT, secret(1))
    for values in (vector(ONE, 0.5), vector(ONE, 200.0)):
        other = commit(ONE, values, secret(2))
        with pytest.raises(ProofError, match="expected challenge"):
            verify(ONE, other.commitment, proof, CONTEXT)
    swapped = replace(zero, payload=commit(ONE, vector(ONE), secret(1)).payload)
    with pytest.raises(ProofError, match="expected challenge"):
        verify(ONE, zero.commitment, prove(swapped, CONTEXT, secret(1)), CONTEXT)


# Rows of ZKFL-PQ.


def simulated(params: Params, seed: int) -> Proof:
    """Everything that a prover without a witness can choose: short responses, any residues."""
    chance = np.random.default_rng(seed)
    stream = Stream(seed.to_bytes(8, "big"))

    def residues(rows: int) -> Ints:
        return chance.integers(0, Q, (rows, N))

    h = residues(3)
    h[:, 0] = 0
    return Proof(
        mask_digest=bytes(32),
        tau_4=chance.bytes(32),
        tau_5=chance.bytes(32),
        t_a=residues(6),
        t_0=residues(5),
        t_b1=residues(params.rows_1),
        h=h,
        t_b2=residues(params.rows_2),
        z_3=gaussian(stream, (params.blocks, N), math.sqrt(params.sigma_3_2)),
        z=gaussian(stream, (params.columns, N), math.sqrt(params.sigma_1_2)),
        z_s=gaussian(stream, (params.hiding_columns, N), math.sqrt(params.sigma_s2)),
    )


def test_z1_challenges_cannot_be_guessed() -> None:
    """Theirs is one of 256; 292 tries forged a proof for a norm of 779."""
    assert min(bits for _, bits in soundness_steps(ONE)) >= 128
    long = commit(ONE, vector(ONE, 779 / 5), secret())
    for seed in range(20):
        assert refusal(ONE, Forgery(long.residues, simulated(ONE, seed), []))


def test_z2_a_commitment_that_nobody_can_open_is_refused() -> None:
    chance = np.random.default_rng(1)
    commitment = chance.integers(0, Q, (ONE.blocks, 6, N))
    for seed in range(5):
        assert refusal(ONE, Forgery(commitment, simulated(ONE, seed), []))
    honest_proof = decode_proof(ONE, prove(commit(ONE, vector(ONE), secret()), CONTEXT, secret()))
    assert refusal(ONE, Forgery(commitment, honest_proof, []))


def test_z7_a_proof_holds_no_verdict_and_no_norm() -> None:
    """Theirs carries `is_within_bound`, and the secret norm in clear."""
    opening = commit(ONE, vector(ONE, 0.5), secret())
    proof = decode_proof(ONE, prove(opening, CONTEXT, secret()))
    for field in fields(Proof):
        value = getattr(proof, field.name)
        assert isinstance(value, bytes) or value.dtype == np.int64
    sizes = [
        len(prove(commit(ONE, vector(ONE, fraction), secret()), CONTEXT, secret()))
        for fraction in (0.0, 0.5, 1.0)
    ]
    assert max(sizes) - min(sizes) < 200  # as two proofs of one vector differ


def test_z10_many_proofs_of_one_vector_do_not_show_it() -> None:
    """Theirs leaks the vector at a correlation of 0.92 over twenty proofs."""
    params = parameters(200, 4096)
    values = np.full(200, 289, np.int64)  # the longest shift that is possible
    x = place(params, values)[0].reshape(-1).astype(np.float64)
    found = np.zeros(N)
    for seed in range(20):
        opening = commit(params, values, secret(seed))
        proof = decode_proof(params, prove(opening, CONTEXT, secret(seed)))
        (challenge,) = joint_challenges("c", proof.tau_4, 1)
        # c sigma(c) is 68 and noise; so this is 68 x and noise, if z says anything about x.
        found += inverse(transform(proof.z[0]) * transform(challenge).conj())
    correlation = float(np.corrcoef(found, x)[0, 1])
    assert abs(correlation) < 4 / math.sqrt(N)


def test_z11_values_that_differ_have_commitments_that_differ() -> None:
    """Theirs commits to -3.840 and +3.841 alike, because its modulus is 7681."""
    zero = np.zeros(600, np.int64)
    found = set()
    for value in (0, 1, -1, 7681, -7681, -3840, 3841, 2**20):
        values = zero.copy()
        values[17] = value
        found.add(commit(ONE, values, secret()).residues.tobytes())
    assert len(found) == 8
    values = zero.copy()
    values[17] = Q  # the same commitment in exact arithmetic: refused by its size
    with pytest.raises(ProofError, match="expected values below"):
        commit(ONE, values, secret())


def test_z12_commitments_hide() -> None:
    """Theirs has no secret randomness: whoever knows the seed recovers the vector."""
    values = vector(ONE)
    one, two = (commit(ONE, values, secret(seed)) for seed in (1, 2))
    other = commit(ONE, vector(ONE, 0.0), secret(3))
    assert (one.residues != two.residues).mean() > 0.99
    for opening in (one, two, other):
        bins = np.histogram(opening.residues, bins=8, range=(0, Q))[0]
        assert np.abs(bins / (opening.residues.size / 8) - 1).max() < 0.25
