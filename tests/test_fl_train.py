"""Local training: a twin, learning, and the same bits every time."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from fl.cohort import Iid, Samples, breast_cancer, split
from fl.errors import DataError, SpecError
from fl.model import ModelSpec, deterministic, flatten, initial_weights, logits
from fl.train import TrainingSpec, train
from fl.validate import evaluate, loss

deterministic()

LOGISTIC = ModelSpec("logistic", 30, 2)
MLP = ModelSpec("mlp", 30, 2, (16,))
SPECS = (LOGISTIC, MLP)
POOLED = split(breast_cancer(), 1, Iid(), global_ppm=200_000, local_ppm=10_000, seed=1)
TRAIN = POOLED.shares[0].train


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_training_is_what_torchs_own_sgd_does(spec: ModelSpec, momentum: float) -> None:
    training = TrainingSpec(epochs=2, batch_size=33, learning_rate=0.1, momentum=momentum)
    start = initial_weights(spec, 1)
    twin = {name: value.clone().requires_grad_() for name, value in start.items()}
    optimiser = torch.optim.SGD(list(twin.values()), lr=0.1, momentum=momentum)
    features, labels = torch.tensor(TRAIN.features), torch.tensor(TRAIN.labels)
    generator = torch.Generator().manual_seed(9)
    for _ in range(training.epochs):
        order = torch.randperm(len(labels), generator=generator)
        for first in range(0, len(labels), 33):
            batch = order[first : first + 33]
            optimiser.zero_grad()
            cross_entropy(logits(twin, features[batch]), labels[batch]).backward()  # type: ignore[no-untyped-call] # torch
            optimiser.step()
    trained = train(spec, start, TRAIN, training, 9)
    for name, value in trained.items():
        assert torch.allclose(value, twin[name].detach(), atol=1e-6)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_the_pooled_data_are_learned_to_93_percent_on_g(spec: ModelSpec) -> None:
    start = initial_weights(spec, 1)
    training = TrainingSpec(epochs=10, batch_size=16, learning_rate=0.1)
    trained = train(spec, start, TRAIN, training, 1)
    assert evaluate(spec, trained, POOLED.global_set, "accuracy") >= 930_000
    assert evaluate(spec, trained, POOLED.global_set, "balanced-accuracy") >= 930_000
    assert loss(spec, trained, POOLED.global_set) < loss(spec, start, POOLED.global_set) / 2


def test_training_leaves_its_inputs_and_the_global_chance_as_they_were() -> None:
    start = initial_weights(MLP, 1)
    before = flatten(start)
    chance = torch.get_rng_state()
    trained = train(MLP, start, TRAIN, TrainingSpec(1, 16, 0.1), 1)
    assert torch.equal(flatten(start), before)
    assert torch.equal(torch.get_rng_state(), chance)
    assert not any(value.requires_grad for value in trained.values())


def test_the_seed_orders_the_samples() -> None:
    start, training = initial_weights(MLP, 1), TrainingSpec(1, 16, 0.1)
    one, two, other = (flatten(train(MLP, start, TRAIN, training, seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


PROGRAM = """
import numpy as np
from crypto.digest import sha256
from fl.cohort import Samples
from fl.model import ModelSpec, deterministic, initial_weights, to_bytes
from fl.train import TrainingSpec, train
deterministic()
features = np.random.Generator(np.random.PCG64(1)).normal(size=(90, 30)).astype(np.float32)
samples = Samples(features, (features[:, 0] > 0).astype(np.int64))
for spec in (ModelSpec("logistic", 30, 2), ModelSpec("mlp", 30, 2, (16,))):
    start = initial_weights(spec, 2**63 - 1)
    trained = train(spec, start, samples, TrainingSpec(20, 16, 0.1, 0.5), 2**63 - 1)
    print(sha256(to_bytes(trained)).hex())
"""


def test_two_processes_with_other_hash_seeds_write_the_same_file() -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in ("1", "2")
    ]
    outputs = {run.communicate(timeout=300)[0] for run in runs}
    assert [run.returncode for run in runs] == [0, 0]
    assert len(outputs) == 1
    assert len(outputs.pop().split()) == 2


def test_a_run_that_diverges_returns_weights_and_does_not_raise() -> None:
    trained = train(MLP, initial_weights(MLP, 1), TRAIN, TrainingSpec(3, 16, 1e30), 1)
    assert not bool(torch.isfinite(flatten(trained)).all())


def test_one_sample_is_enough_to_train_on() -> None:
    one = Samples(TRAIN.features[:1], TRAIN.labels[:1])
    trained = train(LOGISTIC, initial_weights(LOGISTIC, 1), one, TrainingSpec(50, 16, 0.1), 1)
    assert evaluate(LOGISTIC, trained, one, "accuracy") == 1_000_000


def test_samples_of_another_width_are_refused() -> None:
    narrow = Samples(np.zeros((4, 3), dtype=np.float32), np.zeros(4, dtype=np.int64))
    with pytest.raises(DataError, match="30 inputs"):
        train(LOGISTIC, initial_weights(LOGISTIC, 1), narrow, TrainingSpec(1, 1, 0.1), 1)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((0, 16, 0.1, 0.0), "epochs is 1 to 10000, not 0"),
        ((1, 0, 0.1, 0.0), "batch_size is at least 1, not 0"),
        ((1, 16, 0.0, 0.0), "learning_rate is above 0 and finite, not 0"),
        ((1, 16, float("inf"), 0.0), "not inf"),
        ((1, 16, 0.1, 1.0), "momentum is 0 to below 1, not 1"),
        ((1, 16, 0.1, float("nan")), "momentum is 0 to below 1, not nan"),
    ],
)
def test_a_training_outside_its_ranges_is_refused(
    arguments: tuple[int, int, float, float], problem: str
) -> None:
    with pytest.raises(SpecError, match=problem):
        TrainingSpec(*arguments)
