"""How often a poisoned candidate is refused, per attack and strength, over seeds.

    python -m benchmarks.attack_detection [--seeds 100] [--rounds 5 25]

The coalition of the scenario quickstart without network, ledger and vote: five hospitals with alike
patients take turns to train one model. All are honest until the last of the given rounds, which
belongs to hospital 5. Its candidate is then made with each attack in turn from one and the same
training, and all five hospitals judge it on G and on their own L. It is refused when fewer than
four accept it: the rule two-thirds among five. Seeds are 1 to N; a seed decides the split, the
first weights, the order of the samples and the attack's noise. The line "honest" is the rate of
false alarms. Intervals are Wilson's, of 95 %.
"""

import argparse
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from fl.attack import Attack, poison_delta, poison_samples
from fl.candidate import claim_for
from fl.cohort import Cohort, Dataset, Iid, breast_cancer, split
from fl.model import ModelSpec, Weights, deterministic, initial_weights, to_bytes
from fl.train import TrainingSpec, train
from fl.update import apply, difference
from fl.validate import Bar, Reason, Thresholds, evaluate, validate

HOSPITAL_COUNT = 5
ACCEPT_MIN = 4
"""Hospitals that must accept: more than two thirds of five."""
MODEL = ModelSpec("mlp", 30, 2, (16,))
TRAINING = TrainingSpec(epochs=5, batch_size=16, learning_rate=0.1)
THRESHOLDS = Thresholds(30_000, 200_000, "accuracy")
ATTACKS: tuple[Attack | None, ...] = (
    None,
    *(Attack("sign-flip", factor) for factor in (1, 3, 5, 10, 20, 50)),
    *(Attack("scaling", factor) for factor in (3, 10, 20, 100)),
    *(Attack("gaussian", sigma) for sigma in (0.1, 0.3, 1, 3)),
    *(Attack("label-flip", fraction) for fraction in (0.1, 0.3, 0.5, 1)),
    Attack("nan"),
)
Z = 1.959964
"""The normal quantile of a two-sided interval of 95 %."""


@dataclass(slots=True)
class Coalition:
    """What the hospitals hold between rounds."""

    cohort: Cohort
    """The data."""
    weights: Weights
    """The model last accepted."""
    best_global_ppm: int = 0
    """The bar on G."""
    last_local_ppm: tuple[int, ...] = (0,) * HOSPITAL_COUNT
    """The bar of each hospital on its own L."""


def judge(coalition: Coalition, weights: Weights) -> list[Reason]:
    """What each hospital says of a candidate."""
    file = to_bytes(weights)
    cohort = coalition.cohort
    claim = claim_for(file, evaluate(MODEL, weights, cohort.global_set, THRESHOLDS.score))
    return [
        validate(
            MODEL,
            file,
            claim,
            Bar(coalition.best_global_ppm, local_ppm),
            THRESHOLDS,
            cohort.global_set,
            share.local,
        ).reason
        for share, local_ppm in zip(cohort.shares, coalition.last_local_ppm, strict=True)
    ]


def accepted(reasons: Sequence[Reason]) -> bool:
    """Whether enough hospitals accept."""
    return reasons.count(Reason.OK) >= ACCEPT_MIN


def propose(coalition: Coalition, turn: int, attack: Attack | None, seed: int) -> Weights:
    """The candidate that the hospital whose turn it is makes."""
    samples = coalition.cohort.shares[turn % HOSPITAL_COUNT].train
    if attack is not None:
        samples = poison_samples(attack, samples, len(coalition.cohort.class_names), seed)
    trained = train(MODEL, coalition.weights, samples, TRAINING, seed)
    delta = difference(trained, coalition.weights)
    if attack is not None:
        delta = poison_delta(attack, delta, seed)
    return apply(MODEL, coalition.weights, delta)


def adopt(coalition: Coalition, weights: Weights) -> None:
    """Take an accepted candidate and raise the bars."""
    cohort = coalition.cohort
    score = evaluate(MODEL, weights, cohort.global_set, THRESHOLDS.score)
    coalition.weights = weights
    coalition.best_global_ppm = max(coalition.best_global_ppm, score)
    coalition.last_local_ppm = tuple(
        evaluate(MODEL, weights, share.local, THRESHOLDS.score) for share in cohort.shares
    )


def attacked(
    dataset: Dataset, rounds: Sequence[int], seed: int
) -> Iterator[tuple[int, Attack | None, bool, Reason]]:
    """Every attack in every given round: whether it was refused, and the commonest judgement."""
    cohort = split(dataset, HOSPITAL_COUNT, Iid(), global_ppm=200_000, local_ppm=250_000, seed=seed)
    coalition = Coalition(cohort, initial_weights(MODEL, seed))
    for turn in range(max(rounds)):
        chance = 1000 * seed + turn
        if turn + 1 in rounds:
            for attack in ATTACKS:
                reasons = judge(coalition, propose(coalition, turn, attack, chance))
                (commonest, _), *_ = Counter(reasons).most_common()
                yield turn + 1, attack, not accepted(reasons), commonest
        weights = propose(coalition, turn, None, chance)
        if accepted(judge(coalition, weights)):
            adopt(coalition, weights)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Wilson's interval for a rate."""
    rate = hits / count
    middle = rate + Z * Z / (2 * count)
    spread = Z * math.sqrt(rate * (1 - rate) / count + Z * Z / (4 * count * count))
    scale = 1 + Z * Z / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def main() -> None:
    """Measure and print one line per round, attack and strength."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--rounds", type=int, nargs="+", default=[5, 25])
    options = parser.parse_args()
    if any(number % HOSPITAL_COUNT for number in options.rounds):
        parser.error("hospital 5 leads the rounds 5, 10, 15 and so on")
    deterministic()
    torch.manual_seed(0)
    dataset = breast_cancer()
    refusals: Counter[tuple[int, Attack | None]] = Counter()
    said: dict[tuple[int, Attack | None], Counter[Reason]] = {}
    for seed in range(1, options.seeds + 1):
        for number, attack, refused, reason in attacked(dataset, options.rounds, seed):
            refusals[number, attack] += refused
            said.setdefault((number, attack), Counter())[reason] += 1
    print(f"{options.seeds} seeds; refused when fewer than {ACCEPT_MIN} of {HOSPITAL_COUNT} accept")
    print("round  attack      strength  refused   95 % interval      commonest judgement")
    for number in options.rounds:
        for attack in ATTACKS:
            hits = refusals[number, attack]
            low, high = wilson(hits, options.seeds)
            (reason, _), *_ = said[number, attack].most_common()
            name, strength = ("honest", "") if attack is None else (attack.kind, attack.strength)
            print(
                f"{number:5d}  {name:10}  {strength!s:>8}  {hits / options.seeds:7.1%}"
                f"  {low:6.1%} to {high:6.1%}   {reason}"
            )


if __name__ == "__main__":
    main()
