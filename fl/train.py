"""Local training: plain SGD on cross-entropy, a function of weights, samples and a seed.

No data loader and no optimiser object: at a hundred rows their overhead is most of the time.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from .dataset import Samples
from .errors import SpecError
from .model import ModelSpec, Weights, as_tensors, logits

EPOCH_COUNT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """How a hospital trains in its turn."""

    epochs: int
    """Passes over the training set."""
    batch_size: int
    """Samples per step; the last batch of a pass may be smaller."""
    learning_rate: float
    """Step length."""
    momentum: float = 0.0
    """Share of the last step that is kept, 0 to below 1."""

    def __post_init__(self) -> None:
        if not 1 <= self.epochs <= EPOCH_COUNT_MAX:
            raise SpecError(f"epochs is 1 to {EPOCH_COUNT_MAX}, not {self.epochs}")
        if self.batch_size < 1:
            raise SpecError(f"batch_size is at least 1, not {self.batch_size}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise SpecError(f"learning_rate is above 0 and finite, not {self.learning_rate}")
        if not 0 <= self.momentum < 1:
            raise SpecError(f"momentum is 0 to below 1, not {self.momentum}")


def train(
    spec: ModelSpec, weights: Weights, samples: Samples, training: TrainingSpec, seed: int
) -> Weights:
    """Return the weights after training; the given weights stay as they are.

    A diverging run returns weights that are not finite: validation refuses them.

    Args:
        spec: The model.
        weights: Where to start.
        samples: The hospital's training set.
        training: Epochs, batches and steps.
        seed: Orders the samples in each epoch.

    Raises:
        DataError: The samples are not made for this model.
    """
    features, labels = as_tensors(spec, samples)
    generator = torch.Generator().manual_seed(seed)
    trained = {name: value.clone().requires_grad_() for name, value in weights.items()}
    parameters = list(trained.values())
    velocities = [torch.zeros_like(value) for value in parameters]
    for _ in range(training.epochs):
        order = torch.randperm(len(labels), generator=generator)
        for batch in torch.split(order, training.batch_size):
            loss = cross_entropy(logits(trained, features[batch]), labels[batch])
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for value, velocity, gradient in zip(
                    parameters, velocities, gradients, strict=True
                ):
                    velocity.mul_(training.momentum).add_(gradient)
                    value.sub_(velocity, alpha=training.learning_rate)
    return {name: value.detach() for name, value in trained.items()}
