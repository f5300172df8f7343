"""The catalogue of attacks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fl.attack import ATTACKS, Attack, OnData, OnDelta, poison_delta, poison_samples
from fl.dataset import Samples
from fl.errors import SpecError
from fl.model import deterministic

deterministic()

seeds = st.integers(0, 2**63 - 1)
KINDS = sorted(ATTACKS)


def samples_of(labels: list[int]) -> Samples:
    features = np.arange(len(labels), dtype=np.float32).reshape(-1, 1)
    return Samples(features, np.array(labels, dtype=np.int64))


DELTA = torch.linspace(-1, 1, 50)
SAMPLES = samples_of([0, 1] * 20)


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=40),
    fraction=st.floats(0, 1),
    seed=seeds,
)
def test_a_label_flip_changes_the_fraction_of_labels_each_to_another_class(
    labels: list[int], fraction: float, seed: int
) -> None:
    samples = samples_of(labels)
    poisoned = poison_samples(Attack("label-flip", fraction), samples, 4, seed)
    assert int((poisoned.labels != samples.labels).sum()) == int(len(labels) * fraction)
    assert set(poisoned.labels.tolist()) <= {0, 1, 2, 3}
    assert np.array_equal(poisoned.features, samples.features)
    assert samples.labels.tolist() == labels


def test_a_full_label_flip_of_two_classes_swaps_them() -> None:
    poisoned = poison_samples(Attack("label-flip", 1.0), SAMPLES, 2, 1)
    assert np.array_equal(poisoned.labels, 1 - SAMPLES.labels)


def test_a_sign_flip_reverses_the_delta_by_its_factor() -> None:
    assert torch.equal(poison_delta(Attack("sign-flip", 3.0), DELTA, 1), DELTA * -3)


def test_scaling_multiplies_the_delta_by_its_factor() -> None:
    assert torch.equal(poison_delta(Attack("scaling", 10.0), DELTA, 1), DELTA * 10)


def test_gaussian_noise_has_its_deviation_and_nothing_of_the_delta() -> None:
    noise = poison_delta(Attack("gaussian", 50.0), torch.ones(20_000), 1)
    assert noise.dtype == torch.float32
    assert abs(float(noise.mean())) < 2
    assert 49 < float(noise.std()) < 51
    assert torch.equal(noise, poison_delta(Attack("gaussian", 50.0), torch.zeros(20_000), 1))


@given(seed=seeds)
def test_the_nan_attack_breaks_exactly_one_coordinate(seed: int) -> None:
    poisoned = poison_delta(Attack("nan"), DELTA, seed)
    assert int(poisoned.isnan().sum()) == 1
    assert int((poisoned != DELTA).sum()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_attack_is_decided_by_its_seed_and_leaves_its_inputs_and_the_other_target(
    kind: str,
) -> None:
    attack = Attack(kind, 0.5)  # type: ignore[arg-type] # a key of ATTACKS
    delta = DELTA.clone()
    one, two = (poison_delta(attack, delta, 3) for _ in range(2))
    assert one.numpy().tobytes() == two.numpy().tobytes()
    assert torch.equal(delta, DELTA)
    first, second = (poison_samples(attack, SAMPLES, 2, 3) for _ in range(2))
    assert np.array_equal(first.labels, second.labels)
    match ATTACKS[attack.kind]:
        case OnData():
            assert one is delta
            assert not np.array_equal(first.labels, SAMPLES.labels)
        case OnDelta():
            assert first is SAMPLES
            assert not torch.equal(one, delta)


@pytest.mark.parametrize("kind", ["label-flip", "gaussian", "nan"])
def test_another_seed_gives_another_attack(kind: str) -> None:
    attack = Attack(kind, 0.5)  # type: ignore[arg-type] # a key of ATTACKS
    outcomes = {
        poison_delta(attack, DELTA, seed).numpy().tobytes()
        + poison_samples(attack, SAMPLES, 2, seed).labels.tobytes()
        for seed in range(5)
    }
    assert len(outcomes) == 5


@pytest.mark.parametrize(
    ("kind", "strength", "problem"),
    [
        ("bribe", 1.0, "an attack is one of label-flip, sign-flip, .* not 'bribe'"),
        ("label-flip", 1.1, "the strength of label-flip .* is 0 to 1, not 1.1"),
        ("sign-flip", -1.0, "the strength of sign-flip .* not -1"),
        ("gaussian", float("nan"), "the strength of gaussian .* not nan"),
        ("scaling", float("inf"), "the strength of scaling .* not inf"),
    ],
)
def test_an_attack_outside_the_catalogue_or_its_range_is_refused(
    kind: str, strength: float, problem: str
) -> None:
    with pytest.raises(SpecError, match=problem):
        Attack(kind, strength)  # type: ignore[arg-type] # wrong on purpose
