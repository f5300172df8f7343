"""The learning side of one hospital: trains, combines and judges, on its own data.

A poisoning hospital differs here and nowhere else: its consensus side is the unmodified protocol.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from crypto.identity import NodeId
from fl.aggregate import fedavg
from fl.attack import Attack, poison_delta, poison_samples
from fl.candidate import Candidate, ModelClaim, claim_for
from fl.cohort import Samples, Share
from fl.model import ModelSpec, from_bytes, to_bytes
from fl.train import TrainingSpec, train
from fl.update import Update, apply, difference
from fl.validate import Bar, Check, Thresholds, Validation, evaluate, validate

from .streams import stream_seed


@dataclass(frozen=True, slots=True)
class Curriculum:
    """What all hospitals of a run learn by."""

    seed: int
    """The master seed."""
    model: ModelSpec
    """What is learned."""
    training: TrainingSpec
    """How."""
    thresholds: Thresholds
    """When a candidate is good enough."""
    checks: frozenset[Check]
    """Which of G and L a candidate is measured on."""
    global_set: Samples
    """G."""
    class_count: int
    """Classes in the data."""


@dataclass(frozen=True, slots=True)
class Poisoning:
    """When a hospital attacks, and how."""

    attack: Attack
    """What it does."""
    first_round: int
    """The first round in which it does."""
    last_round: int
    """The last."""

    def active(self, slot: int) -> bool:
        """Whether it attacks in this round."""
        return self.first_round <= slot <= self.last_round


FIRST_BAR = Bar(0, 0)
"""The bar before a model was accepted: any sound candidate may be the first."""


@dataclass(frozen=True, slots=True)
class Judge:
    """How one hospital judges candidates; an audit that judges again asks the same judge."""

    curriculum: Curriculum
    """What a candidate is to be good at, and how good."""
    local_set: Samples
    """The hospital's own L."""

    def validate(self, file: bytes, claimed: ModelClaim, bar: Bar) -> Validation:
        """Judge a candidate on G, then on L, against a bar."""
        curriculum = self.curriculum
        return validate(
            curriculum.model,
            file,
            claimed,
            bar,
            curriculum.thresholds,
            curriculum.global_set,
            self.local_set,
            checks=curriculum.checks,
        )

    def raised(self, bar: Bar, file: bytes, global_score: int) -> Bar:
        """The bar after the coalition has accepted this model.

        Raises:
            WeightsError: The file does not hold the curriculum's model.
        """
        curriculum = self.curriculum
        weights = from_bytes(curriculum.model, file)
        local = evaluate(curriculum.model, weights, self.local_set, curriculum.thresholds.score)
        return Bar(max(bar.best_global_ppm, global_score), local)


class Learner:
    """One hospital's data, its bar for candidates, and its randomness."""

    def __init__(
        self,
        instance: str,
        node: NodeId,
        share: Share,
        curriculum: Curriculum,
        poisonings: tuple[Poisoning, ...],
    ) -> None:
        self._instance = instance
        self._node = node
        self._share = share
        self._curriculum = curriculum
        self._poisonings = poisonings
        self._judge = Judge(curriculum, share.local)
        self._bar = FIRST_BAR

    @property
    def model(self) -> ModelSpec:
        """What is learned."""
        return self._curriculum.model

    @property
    def train_count(self) -> int:
        """Samples it trains on."""
        return len(self._share.train)

    @property
    def validate_count(self) -> int:
        """Samples it judges a candidate on: G and L."""
        return len(self._curriculum.global_set) + len(self._share.local)

    def train(self, slot: int, base_file: bytes) -> Update:
        """Train one round from the model in ``base_file``, poisoned if this hospital poisons."""
        curriculum = self._curriculum
        samples = self._share.train
        attacks = [each.attack for each in self._poisonings if each.active(slot)]
        for number, attack in enumerate(attacks):
            seed = self._seed("poison-data", slot, number)
            samples = poison_samples(attack, samples, curriculum.class_count, seed)
        base = from_bytes(curriculum.model, base_file)
        seed = self._seed("train", slot)
        delta = difference(train(curriculum.model, base, samples, curriculum.training, seed), base)
        for number, attack in enumerate(attacks):
            delta = poison_delta(attack, delta, self._seed("poison-delta", slot, number))
        return Update(self._node, delta, len(samples))

    def combine(self, base_file: bytes, updates: Iterable[Update]) -> Candidate:
        """The candidate that these updates make of the base model."""
        curriculum = self._curriculum
        base = from_bytes(curriculum.model, base_file)
        weights = apply(curriculum.model, base, fedavg(updates))
        file = to_bytes(weights)
        score = evaluate(
            curriculum.model, weights, curriculum.global_set, curriculum.thresholds.score
        )
        return Candidate(file, claim_for(file, score))

    def validate(self, file: bytes, claimed: ModelClaim) -> Validation:
        """Judge a candidate on G, then on L."""
        return self._judge.validate(file, claimed, self._bar)

    def adopt(self, file: bytes, global_score: int) -> None:
        """Raise the bar: this model was accepted by the coalition."""
        self._bar = self._judge.raised(self._bar, file, global_score)

    def _seed(self, *labels: str | int) -> int:
        return stream_seed(self._curriculum.seed, self._instance, *labels)
