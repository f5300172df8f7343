"""Validation: one test per reason, and nothing that arrives can make it raise."""

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from crypto.digest import Digest, sha256
from crypto.errors import TensorFileError
from fl.attack import Attack, poison_delta, poison_samples
from fl.candidate import ModelClaim, claim_for
from fl.cohort import Dirichlet, Iid, Partition, Samples, breast_cancer, split
from fl.errors import DataError, SpecError
from fl.model import ModelSpec, Weights, deterministic, initial_weights, to_bytes, unflatten
from fl.train import TrainingSpec, train
from fl.update import apply, difference
from fl.validate import (
    Bar,
    Check,
    Reason,
    Score,
    Thresholds,
    Validation,
    evaluate,
    loss,
    validate,
)

deterministic()

LOGISTIC = ModelSpec("logistic", 30, 2)
MLP = ModelSpec("mlp", 30, 2, (16,))
SPECS = (LOGISTIC, MLP)
TRAINING = TrainingSpec(epochs=5, batch_size=16, learning_rate=0.2)
THRESHOLDS = Thresholds(epsilon_global_ppm=30_000, epsilon_local_ppm=200_000, score="accuracy")
COHORT = split(breast_cancer(), 5, Iid(), global_ppm=200_000, local_ppm=250_000, seed=1)
GLOBAL, LOCAL = COHORT.global_set, COHORT.shares[0].local


def good_model(spec: ModelSpec) -> Weights:
    """A model after every hospital's turn."""
    weights = initial_weights(spec, 1)
    for seed, share in enumerate(COHORT.shares):
        weights = train(spec, weights, share.train, TRAINING, seed)
    return weights


GOOD = {spec: good_model(spec) for spec in SPECS}


def bar_of(spec: ModelSpec) -> Bar:
    return Bar(
        evaluate(spec, GOOD[spec], GLOBAL, "accuracy"),
        evaluate(spec, GOOD[spec], LOCAL, "accuracy"),
    )


def honest_claim(spec: ModelSpec, weights: Weights) -> tuple[bytes, ModelClaim]:
    file = to_bytes(weights)
    return file, claim_for(file, evaluate(spec, weights, GLOBAL, "accuracy"))


def verdict(
    file: bytes,
    claim: ModelClaim,
    bar: Bar | None = None,
    checks: frozenset[Check] = frozenset({"global", "local"}),
    spec: ModelSpec = LOGISTIC,
) -> Validation:
    return validate(
        spec, file, claim, bar or bar_of(spec), THRESHOLDS, GLOBAL, LOCAL, checks=checks
    )


FILE, CLAIM = honest_claim(LOGISTIC, GOOD[LOGISTIC])
GOOD_BAR = bar_of(LOGISTIC)


def test_a_good_model_with_a_true_claim_is_accepted_with_both_scores() -> None:
    for spec in SPECS:
        result = verdict(*honest_claim(spec, GOOD[spec]), spec=spec)
        bar = bar_of(spec)
        assert result.accept
        assert result.reason is Reason.OK
        assert result.scores == {"global": bar.best_global_ppm, "local": bar.last_local_ppm}
        assert result.detail == ""


def test_other_bytes_than_claimed_are_refused() -> None:
    result = verdict(FILE[:-1] + bytes([FILE[-1] ^ 1]), CLAIM)
    assert (result.accept, result.reason, result.scores) == (False, Reason.FILE_DIGEST, {})
    assert result.detail.startswith(f"claimed digest {CLAIM.file_digest.hex()}, found ")


def test_a_file_that_is_no_safetensors_file_is_refused() -> None:
    file = b"not a model"
    result = verdict(file, replace(CLAIM, file_digest=sha256(file)))
    assert (result.reason, result.scores) == (Reason.MALFORMED, {})
    assert result.detail


def test_other_tensors_than_claimed_are_refused() -> None:
    result = verdict(FILE, replace(CLAIM, tensor_digest=Digest(bytes(32))))
    assert (result.reason, result.scores) == (Reason.TENSOR_DIGEST, {})
    assert result.detail.startswith(f"claimed digest {'00' * 32}, found ")


@pytest.mark.parametrize(
    "tensors",
    [
        {"layers.00.bias": torch.zeros(2)},
        {"layers.00.bias": torch.zeros(3), "layers.00.weight": torch.zeros(3, 30)},
        {"layers.00.bias": torch.zeros(2).double(), "layers.00.weight": torch.zeros(2, 30)},
        {"layers.00.bias": torch.zeros(2), "layers.00.weights": torch.zeros(2, 30)},
        dict(initial_weights(MLP, 1)),
    ],
)
def test_a_file_of_another_model_is_refused(tensors: dict[str, torch.Tensor]) -> None:
    file = save(tensors)
    result = verdict(file, claim_for(file, CLAIM.global_score_ppm))
    assert (result.reason, result.scores) == (Reason.SHAPE, {})
    assert result.detail


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_weight_that_is_not_finite_is_refused(value: float) -> None:
    weights = dict(GOOD[LOGISTIC])
    weights["layers.00.bias"] = torch.tensor([0.0, value])
    file = to_bytes(weights)
    result = verdict(file, claim_for(file, CLAIM.global_score_ppm))
    assert (result.reason, result.scores) == (Reason.NOT_FINITE, {})
    assert result.detail == "1 parameters are not finite"


@pytest.mark.parametrize("off", [-1, 1])
@pytest.mark.parametrize("checks", [frozenset(), frozenset({"global", "local"})])
def test_a_claimed_score_one_millionth_off_is_refused(off: int, checks: frozenset[Check]) -> None:
    claim = replace(CLAIM, global_score_ppm=CLAIM.global_score_ppm + off)
    result = verdict(FILE, claim, checks=checks)
    assert result.reason is Reason.GLOBAL_CLAIM
    assert result.scores == {"global": CLAIM.global_score_ppm}
    assert f"claimed {claim.global_score_ppm} ppm on G, found {CLAIM.global_score_ppm}" in (
        result.detail
    )


def test_the_score_on_g_may_fall_by_epsilon_and_no_further() -> None:
    edge = CLAIM.global_score_ppm + THRESHOLDS.epsilon_global_ppm
    assert verdict(FILE, CLAIM, replace(GOOD_BAR, best_global_ppm=edge)).accept
    result = verdict(FILE, CLAIM, replace(GOOD_BAR, best_global_ppm=edge + 1))
    assert result.reason is Reason.GLOBAL_SCORE
    assert result.scores == {"global": CLAIM.global_score_ppm}
    assert result.detail == (
        f"expected at least {CLAIM.global_score_ppm + 1} ppm on G, found {CLAIM.global_score_ppm}"
    )


def test_the_score_on_l_may_fall_by_epsilon_and_no_further() -> None:
    score = GOOD_BAR.last_local_ppm
    edge = score + THRESHOLDS.epsilon_local_ppm
    assert verdict(FILE, CLAIM, replace(GOOD_BAR, last_local_ppm=edge)).accept
    result = verdict(FILE, CLAIM, replace(GOOD_BAR, last_local_ppm=edge + 1))
    assert result.reason is Reason.LOCAL_SCORE
    assert result.scores == {"global": CLAIM.global_score_ppm, "local": score}
    assert result.detail == f"expected at least {score + 1} ppm on L, found {score}"


@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        (frozenset(), Reason.OK),
        (frozenset({"global"}), Reason.GLOBAL_SCORE),
        (frozenset({"local"}), Reason.LOCAL_SCORE),
        (frozenset({"global", "local"}), Reason.GLOBAL_SCORE),
    ],
)
def test_an_ablated_check_asks_for_less_and_scores_are_reported_all_the_same(
    checks: frozenset[Check], reason: Reason
) -> None:
    weights = initial_weights(LOGISTIC, 1)
    result = verdict(*honest_claim(LOGISTIC, weights), Bar(1_100_000, 1_300_000), checks)
    assert result.reason is reason
    assert result.scores["global"] == evaluate(LOGISTIC, weights, GLOBAL, "accuracy")
    if reason is not Reason.GLOBAL_SCORE:
        assert result.scores["local"] == evaluate(LOGISTIC, weights, LOCAL, "accuracy")


def test_the_first_failing_check_is_the_verdict() -> None:
    """Each candidate fails its own check and every later one."""
    hopeless = Bar(2_000_000, 2_000_000)
    other = Digest(bytes(32))
    broken = save({"layers.00.bias": torch.full((3,), float("nan"))})
    nan = to_bytes(unflatten(LOGISTIC, torch.full((62,), float("nan"))))
    liar = ModelClaim(sha256(FILE), CLAIM.tensor_digest, 0)
    cases = [
        (b"", ModelClaim(other, other, 0), Reason.FILE_DIGEST),
        (b"", ModelClaim(sha256(b""), other, 0), Reason.MALFORMED),
        (broken, ModelClaim(sha256(broken), other, 0), Reason.TENSOR_DIGEST),
        (broken, claim_for(broken, 0), Reason.SHAPE),
        (nan, claim_for(nan, -1), Reason.NOT_FINITE),
        (FILE, liar, Reason.GLOBAL_CLAIM),
        (FILE, CLAIM, Reason.GLOBAL_SCORE),
    ]
    assert [verdict(file, claim, hopeless).reason for file, claim, _ in cases] == [
        reason for _, _, reason in cases
    ]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
@pytest.mark.parametrize(
    "attack",
    [
        Attack("label-flip", 1.0),
        Attack("sign-flip", 3.0),
        Attack("gaussian", 50.0),
        Attack("nan"),
    ],
    ids=lambda attack: attack.kind,
)
def test_an_attack_on_a_good_model_is_refused(spec: ModelSpec, attack: Attack) -> None:
    base, samples = GOOD[spec], COHORT.shares[0].train
    trained = train(spec, base, poison_samples(attack, samples, 2, 7), TRAINING, 7)
    delta = poison_delta(attack, difference(trained, base), 7)
    candidate = apply(spec, base, delta)
    result = verdict(*honest_claim(spec, candidate), spec=spec)
    assert not result.accept
    assert result.reason is (Reason.NOT_FINITE if attack.kind == "nan" else Reason.GLOBAL_SCORE)


def test_finite_weights_whose_outputs_overflow_score_nothing_and_crash_nothing() -> None:
    weights = unflatten(LOGISTIC, torch.full((62,), 3e38))
    assert evaluate(LOGISTIC, weights, GLOBAL, "accuracy") == 0
    assert evaluate(LOGISTIC, weights, GLOBAL, "balanced-accuracy") == 0
    file = to_bytes(weights)
    assert verdict(file, claim_for(file, 0)).reason is Reason.GLOBAL_SCORE


# What arrives: anything, honestly claimed or not.


def claim_of_any(file: bytes) -> ModelClaim:
    """The claim an attacker would make: right wherever it can be."""
    try:
        return claim_for(file, CLAIM.global_score_ppm)
    except TensorFileError:
        return replace(CLAIM, file_digest=sha256(file))


UNREADABLE = {Reason.MALFORMED, Reason.SHAPE}


@settings(deadline=None)
@given(file=st.binary(max_size=200))
@example(b"")
@example(b"\xff" * 8)
@example(b"\x02\0\0\0\0\0\0\0{}")
@example(b"\x02\0\0\0\0\0\0\0[]")
@example(b"\x04\0\0\0\0\0\0\0null")
@example(b"\x08\0\0\0\0\0\0\0" + b"[" * 8)
def test_random_bytes_are_malformed_or_of_another_model_and_never_raise(file: bytes) -> None:
    assert verdict(file, claim_of_any(file)).reason in UNREADABLE


@settings(deadline=None, max_examples=300)
@given(
    start=st.integers(0, len(FILE)),
    length=st.integers(0, 12),
    insert=st.binary(max_size=12),
)
def test_a_mutated_file_is_judged_and_never_raises(start: int, length: int, insert: bytes) -> None:
    file = FILE[:start] + insert + FILE[start + length :]
    result = verdict(file, claim_of_any(file))
    if len(file) != len(FILE):
        assert result.reason in UNREADABLE
    elif file == FILE:
        assert result.accept
    assert verdict(file, CLAIM).reason is (Reason.OK if file == FILE else Reason.FILE_DIGEST)


@settings(deadline=None)
@given(
    old=st.sampled_from([b"F32", b"bias", b"weight", b"[2]", b"[0,8]", b"[2,30]", b"layers", b"{"]),
    new=st.sampled_from(
        [b"F16", b"F64", b"I32", b"BOOL", b"[-2]", b"[1e9]", b"[null]", b"[0,-8]", b"\x00", b"]"]
    ),
)
def test_a_header_with_other_words_is_refused(old: bytes, new: bytes) -> None:
    size = int.from_bytes(FILE[:8], "little")
    header = FILE[8 : 8 + size].rstrip().replace(old, new, 1)
    header += b" " * (-len(header) % 8)
    file = len(header).to_bytes(8, "little") + header + FILE[8 + size :]
    assert verdict(file, claim_of_any(file)).reason in UNREADABLE


# Scores.


@settings(deadline=None)
@given(
    labels=st.lists(st.integers(0, 2), min_size=1, max_size=30),
    seed=st.integers(0, 2**32),
    score=st.sampled_from(get_args(Score)),
)
def test_scores_are_those_of_a_count_by_hand(labels: list[int], seed: int, score: Score) -> None:
    spec = ModelSpec("logistic", 2, 3)
    weights = initial_weights(spec, seed)
    features = np.random.Generator(np.random.PCG64(seed)).normal(size=(len(labels), 2))
    samples = Samples(features.astype(np.float32), np.array(labels, dtype=np.int64))
    bias, weight = (weights[name].numpy() for name in ("layers.00.bias", "layers.00.weight"))
    found = [int(np.argmax(weight @ row + bias)) for row in samples.features]
    hits = [a == b for a, b in zip(found, labels, strict=True)]
    if score == "accuracy":
        expected = sum(hits) * 1_000_000 // len(hits)
    else:
        recalls = [
            np.mean([hit for hit, label in zip(hits, labels, strict=True) if label == c])
            for c in sorted(set(labels))
        ]
        expected = int(np.floor(np.mean(recalls) * 1e6 + 1e-6))
    assert evaluate(spec, weights, samples, score) == expected


def test_an_empty_set_cannot_be_scored() -> None:
    empty = Samples(np.zeros((0, 30), dtype=np.float32), np.zeros(0, dtype=np.int64))
    with pytest.raises(DataError, match="there are no samples"):
        evaluate(LOGISTIC, GOOD[LOGISTIC], empty, "accuracy")


def test_the_loss_of_equal_outputs_is_the_logarithm_of_the_class_count() -> None:
    weights = unflatten(LOGISTIC, torch.zeros(62))
    assert loss(LOGISTIC, weights, GLOBAL) == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((-1, 0, "accuracy"), "epsilon_global_ppm is 0 to 1000000, not -1"),
        ((0, 1_000_001, "accuracy"), "epsilon_local_ppm is 0 to 1000000, not 1000001"),
        ((0, 0, "auc"), "a score is accuracy or balanced-accuracy, not 'auc'"),
    ],
)
def test_thresholds_outside_their_ranges_are_refused(
    arguments: tuple[Any, ...], problem: str
) -> None:
    with pytest.raises(SpecError, match=problem):
        Thresholds(*arguments)


# The rounds that all of this is for.


def travel(spec: ModelSpec, partition: Partition, seed: int) -> tuple[int, int]:
    """Return the accuracy on G after ten turns and how many of them four of five accepted."""
    cohort = split(breast_cancer(), 5, partition, global_ppm=200_000, local_ppm=250_000, seed=seed)
    weights = initial_weights(spec, seed)
    best, last = 0, [0] * 5  # nothing has been accepted yet
    accepted = 0
    for turn in range(10):
        trained = train(spec, weights, cohort.shares[turn % 5].train, TRAINING, turn)
        file = to_bytes(trained)
        claim = claim_for(file, evaluate(spec, trained, cohort.global_set, "accuracy"))
        verdicts = [
            validate(
                spec,
                file,
                claim,
                Bar(best, last[index]),
                THRESHOLDS,
                cohort.global_set,
                share.local,
            )
            for index, share in enumerate(cohort.shares)
        ]
        if sum(one.accept for one in verdicts) >= 4:
            accepted += 1
            weights, best = trained, max(best, claim.global_score_ppm)
            last = [one.scores["local"] for one in verdicts]
    return evaluate(spec, weights, cohort.global_set, "accuracy"), accepted


@pytest.mark.parametrize("partition", [Iid(), Dirichlet(0.5)], ids=["iid", "dirichlet"])
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_models_that_travel_reach_95_percent_and_nine_in_ten_honest_turns_are_accepted(
    spec: ModelSpec, partition: Partition
) -> None:
    runs = [travel(spec, partition, seed) for seed in range(5)]
    assert sum(accuracy for accuracy, _ in runs) / len(runs) >= 950_000
    assert sum(accepted for _, accepted in runs) >= 45  # of 50 turns
