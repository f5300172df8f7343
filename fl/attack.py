"""The catalogue of corruptions: what a faulty or hostile hospital does to its data or its update.

Each is a function of its input and a seed. The shell hands an attacker's samples and delta through
`poison_samples` and `poison_delta`: an attack on one of the two leaves the other as it is.

Sources: features A10 (corruption, intended or not: NaN, label flip, sign flip, scaling) and B3
(Byzantine updates: Gaussian). Labels: Tolpegin et al., "Data poisoning attacks against federated
learning systems", 2020. Updates: Li et al., "RSA: Byzantine-robust stochastic aggregation", 2019
(sign flip, Gaussian); Bagdasaryan et al., "How to backdoor federated learning", 2020 (scaling).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch

from .dataset import Samples
from .errors import SpecError

AttackKind = Literal["label-flip", "sign-flip", "scaling", "gaussian", "nan"]


@dataclass(frozen=True, slots=True)
class OnData:
    """An attack on the training samples."""

    run: Callable[[Samples, int, float, np.random.Generator], Samples]
    """Samples, number of classes, strength, chance to samples."""
    strength: str
    """What the strength means."""
    strength_max: float
    """The largest strength."""


@dataclass(frozen=True, slots=True)
class OnDelta:
    """An attack on the update."""

    run: Callable[[torch.Tensor, float, torch.Generator], torch.Tensor]
    """Delta float32[n_params], strength, chance to delta."""
    strength: str
    """What the strength means."""
    strength_max: float
    """The largest strength."""


@dataclass(frozen=True, slots=True)
class Attack:
    """What a hospital does wrong."""

    kind: AttackKind
    """A key of `ATTACKS`."""
    strength: float = 1.0
    """How hard; `ATTACKS` says what it means."""

    def __post_init__(self) -> None:
        if self.kind not in ATTACKS:
            raise SpecError(f"an attack is one of {', '.join(ATTACKS)}, not {self.kind!r}")
        limit = ATTACKS[self.kind].strength_max
        if not 0 <= self.strength <= limit:
            meaning = ATTACKS[self.kind].strength
            raise SpecError(
                f"the strength of {self.kind} ({meaning}) is 0 to {limit:g}, not {self.strength}"
            )


def poison_samples(attack: Attack, samples: Samples, class_count: int, seed: int) -> Samples:
    """Return the samples the attacker trains on: the given ones unless the attack is on data."""
    match ATTACKS[attack.kind]:
        case OnData(run=run):
            generator = np.random.Generator(np.random.PCG64(seed))
            return run(samples, class_count, attack.strength, generator)
        case OnDelta():
            return samples


def poison_delta(attack: Attack, delta: torch.Tensor, seed: int) -> torch.Tensor:
    """Return the delta float32[n_params] the attacker hands in: the given one if it is on data."""
    match ATTACKS[attack.kind]:
        case OnData():
            return delta
        case OnDelta(run=run):
            return run(delta, attack.strength, torch.Generator().manual_seed(seed))


def _label_flip(
    samples: Samples, class_count: int, fraction: float, generator: np.random.Generator
) -> Samples:
    """Give a fraction of the samples, rounded down, a class drawn from the others (A10)."""
    count = math.floor(len(samples) * fraction)
    rows = generator.permutation(len(samples))[:count]
    labels = samples.labels.copy()
    labels[rows] = (labels[rows] + generator.integers(1, class_count, size=count)) % class_count
    return Samples(samples.features, labels)


def _sign_flip(delta: torch.Tensor, factor: float, _: torch.Generator) -> torch.Tensor:
    """Step away from what was learned (A10)."""
    return delta * -factor


def _scaling(delta: torch.Tensor, factor: float, _: torch.Generator) -> torch.Tensor:
    """Overstate what was learned, to outweigh the others (A10)."""
    return delta * factor


def _gaussian(delta: torch.Tensor, sigma: float, generator: torch.Generator) -> torch.Tensor:
    """Hand in noise of N(0, sigma²) instead of what was learned (B3)."""
    return torch.randn(delta.shape, generator=generator) * sigma


def _nan(delta: torch.Tensor, _: float, generator: torch.Generator) -> torch.Tensor:
    """Make one coordinate NaN, which one step of averaging spreads to the model (A10)."""
    poisoned = delta.clone()
    poisoned[torch.randint(len(delta), (1,), generator=generator)] = math.nan
    return poisoned


ATTACKS: Mapping[AttackKind, OnData | OnDelta] = MappingProxyType(
    {
        "label-flip": OnData(_label_flip, "fraction of the training labels", 1.0),
        "sign-flip": OnDelta(_sign_flip, "factor of the reversed delta", 1e6),
        "scaling": OnDelta(_scaling, "factor of the delta", 1e6),
        "gaussian": OnDelta(_gaussian, "standard deviation of the noise", 1e6),
        "nan": OnDelta(_nan, "without meaning", 1.0),
    }
)
