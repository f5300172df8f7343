"""The learning side of one hospital: trains, combines and judges, on its own data.

A poisoning hospital differs here and nowhere else: its consensus side is the unmodified protocol.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crypto.digest import Digest
from crypto.identity import NodeId
from fl.aggregate import fedavg
from fl.attack import Attack, poison_delta, poison_samples
from fl.candidate import Candidate, ModelClaim, claim_for
from fl.cohort import Samples, Share
from fl.errors import WeightsError
from fl.model import ModelSpec, from_bytes, to_bytes
from fl.train import TrainingSpec, train
from fl.update import Update, apply, difference, norm_of
from fl.validate import Bar, Check, Thresholds, Validation, evaluate, loss, validate
from ledger.candidate import UpdateEntry

from .handed_in import Origin
from .norms import Norm, Proven
from .streams import stream, stream_seed


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
    norm: Norm | None = None
    """How updates become integers whose norm is proven; None where nothing is proven."""

    def proven_sum(self, base_file: bytes, total: bytes, count: int) -> bytes | None:
        """The file of the model that a base and proven updates make; None where nothing is proven.

        Args:
            base_file: The model that was trained further.
            total: What opens the sum of the commitments.
            count: How many updates it is the sum of.

        Raises:
            ProofError: The total has another size.
            WeightsError: The base holds no model of ours.
        """
        if self.norm is None:
            return None
        base = from_bytes(self.model, base_file)
        return to_bytes(apply(self.model, base, self.norm.mean_in(total, count)))

    def global_loss(self, file: bytes) -> float | None:
        """The mean cross-entropy of a model on G; None where a file holds no model of ours."""
        try:
            return loss(self.model, from_bytes(self.model, file), self.global_set)
        except WeightsError:
            return None


@dataclass(frozen=True, slots=True)
class Poisoning:
    """When a hospital attacks, and how."""

    attack: Attack
    """What it does."""
    first_round: int
    """The first round in which it does."""
    last_round: int
    """The last."""
    forges: bool = False
    """Whether it does not keep to the bound of norms, and hands in a proof that proves nothing."""

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
        self._integers: dict[int, NDArray[np.int64]] = {}
        self._origins: dict[int, Origin] = {}

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
        length, sent, over = norm_of(delta), delta, False
        forges = any(each.forges and each.active(slot) for each in self._poisonings)
        norm = curriculum.norm
        if norm is not None:
            generator = stream(curriculum.seed, self._instance, "quantise", slot)
            self._integers[slot] = values = norm.integers(delta, generator, clip=not forges)
            sent, over = norm.update_of(values), length > norm.quantizer.clip
        self._origins[slot] = Origin(length, norm_of(sent), over, bool(attacks), forges)
        return Update(self._node, sent, len(samples))

    def origin(self, slot: int) -> Origin:
        """How the update trained last for a slot came about, for an observer."""
        return self._origins.pop(slot)

    def prove(self, slot: int, entry: UpdateEntry, parent: Digest, base: Digest) -> Proven | None:
        """Prove the norm of the update trained for a slot; None where nothing is proven.

        A simulation draws the randomness of a proof from its seed, so that a replay gives the same
        file; what would have to be secret is then no secret of its operator.
        """
        norm, values = self._curriculum.norm, self._integers.pop(slot, None)
        if norm is None or values is None:
            return None
        labels = (self._instance, slot)
        return norm.prove(values, entry, slot, parent, base, self._curriculum.seed, labels)

    def combine(self, base_file: bytes, updates: Sequence[Update], total: bytes) -> Candidate:
        """The candidate that these updates make of the base model.

        Args:
            base_file: The base model.
            updates: What was handed in.
            total: What opens the sum of the commitments; empty where nothing is proven.
        """
        curriculum = self._curriculum
        proven = curriculum.proven_sum(base_file, total, len(updates))
        if proven is None:
            base = from_bytes(curriculum.model, base_file)
            proven = to_bytes(apply(curriculum.model, base, fedavg(updates)))
        file = proven
        weights = from_bytes(curriculum.model, file)
        score = evaluate(
            curriculum.model, weights, curriculum.global_set, curriculum.thresholds.score
        )
        return Candidate(file, claim_for(file, score))

    def is_sum(self, base_file: bytes, file: bytes, total: bytes, count: int) -> bool:
        """Whether a candidate is what its base and the proven updates make, if any are."""
        return self._curriculum.proven_sum(base_file, total, count) in (None, file)

    def validate(self, file: bytes, claimed: ModelClaim) -> Validation:
        """Judge a candidate on G, then on L."""
        return self._judge.validate(file, claimed, self._bar)

    def adopt(self, file: bytes, global_score: int) -> None:
        """Raise the bar: this model was accepted by the coalition."""
        self._bar = self._judge.raised(self._bar, file, global_score)

    def _seed(self, *labels: str | int) -> int:
        return stream_seed(self._curriculum.seed, self._instance, *labels)
