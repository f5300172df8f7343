"""Measure the medians that a run counts as simulated time, and print them as a cost profile.

    python -m benchmarks.cost_profile [--repeat N] [--provider openssl|liboqs] > profile.yaml

One core, the quickstart's model (30 inputs, 16 hidden units, 2 classes), batches of 16, and a vote
under ML-DSA-65. Each value is the median of all repetitions, rounded to two significant digits: a
third digit would change with the day. What is measured is what the cost profile names, so a
validation is reading the file, both digests and both scores, divided by the samples of G and L.

Proofs of norms are made and checked at two lengths; the line through both medians gives what a
proof takes of however few parameters, and what each parameter adds. How many blocks a proof has
changes with its length, so that lengths between and beyond are near the line and not on it. A proof
lasts long enough to be interrupted: what counts is processor time of one thread, not the clock; its
products are too small for threads. Reading commitment and proof is part of checking.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from itertools import count

import numpy as np
import torch

from consensus.quorum import quorum_set_digest, two_thirds_of
from consensus.statements import Vote, signing_fields
from crypto.digest import digest
from crypto.encoding import encode
from crypto.identity import NodeId
from crypto.norm_proof import Context, commit, parameters, prove
from crypto.norm_proof import verify as check
from crypto.signature import Algorithm, private_key, sign, verify
from fl.candidate import claim_for
from fl.cohort import Iid, breast_cancer, split
from fl.model import ModelSpec, deterministic, initial_weights, to_bytes
from fl.train import TrainingSpec, train
from fl.validate import Bar, Thresholds, evaluate, validate

HOSPITAL_COUNT = 5
SEED = 42
TRAINING = TrainingSpec(epochs=5, batch_size=16, learning_rate=0.1)
MODEL = ModelSpec("mlp", 30, 2, (16,))
NORM = 2**14
"""The largest norm of integers that is proven."""
LENGTHS = (10_000, 1_000_000)
"""Parameters of the updates whose norm is proven."""
DIGITS = 2
"""Significant digits that are kept."""


def median_ns(
    work: Callable[[], object], repeat: int, clock: Callable[[], int] = time.perf_counter_ns
) -> float:
    """The median duration of ``work`` in nanoseconds, after a tenth as many calls to warm up."""
    for _ in range(max(1, repeat // 10)):
        work()
    durations = []
    for _ in range(repeat):
        start = clock()
        work()
        durations.append(clock() - start)
    return statistics.median(durations)


def rounded(value: float) -> int:
    """Round to ``DIGITS`` significant digits."""
    return int(float(f"{value:.{DIGITS - 1}e}"))


def learning(repeat: int) -> dict[str, float]:
    """Nanoseconds of training per sample and epoch, and of validating per sample."""
    deterministic()
    cohort = split(
        breast_cancer(), HOSPITAL_COUNT, Iid(), global_ppm=200_000, local_ppm=200_000, seed=SEED
    )
    share = cohort.shares[0]
    weights = initial_weights(MODEL, SEED)
    train_ns = median_ns(lambda: train(MODEL, weights, share.train, TRAINING, SEED), repeat)
    file = to_bytes(weights)
    claim = claim_for(file, evaluate(MODEL, weights, cohort.global_set, "accuracy"))
    bar, thresholds = Bar(0, 0), Thresholds(0, 0, "accuracy")

    def judge() -> object:
        sets = (cohort.global_set, share.local)
        return validate(MODEL, file, claim, bar, thresholds, *sets)

    return {
        "train_ns": train_ns / (len(share.train) * TRAINING.epochs),
        "validate_ns": median_ns(judge, repeat) / (len(cohort.global_set) + len(share.local)),
    }


def signing(provider: str, repeat: int) -> dict[str, float]:
    """Nanoseconds of signing a vote with ML-DSA-65 and of verifying it."""
    nodes = tuple(NodeId(f"hospital-{number}") for number in range(1, HOSPITAL_COUNT + 1))
    key = private_key(Algorithm.ML_DSA_65, digest("tclearn/benchmark/v1", SEED), provider)
    chain, value = (digest("tclearn/benchmark/v1", word) for word in ("chain", "value"))
    quorum_set = quorum_set_digest(two_thirds_of(nodes))
    label, fields = signing_fields(Vote(1, value), chain, nodes[0], quorum_set)
    message, context = encode([label, *fields]), label.encode()
    signature = sign(key, message, context)
    public = key.public_key
    return {
        "sign_ns": median_ns(lambda: sign(key, message, context), repeat),
        "verify_ns": median_ns(
            lambda: verify(public, signature, message, context, provider), repeat
        ),
    }


def proving(length: int, repeat: int) -> tuple[float, float]:
    """Nanoseconds of proving the norm of so many integers, and of checking such a proof."""
    params = parameters(length, NORM)
    generator = np.random.Generator(np.random.PCG64(SEED))
    spread = NORM / (2 * length**0.5)  # half of the norm that is allowed
    values = np.rint(generator.normal(0, spread, length)).astype(np.int64)
    parent, model, update = (
        digest("tclearn/benchmark/v1", word) for word in ("parent", "model", "update")
    )
    context = Context("hospital-1", 1, parent, model, update, HOSPITAL_COUNT, "benchmark")
    opening = commit(params, values, digest("tclearn/benchmark/v1", "randomness"))
    # Rejection makes some proofs longer than others: each repetition has randomness of its own.
    secrets = (digest("tclearn/benchmark/v1", number) for number in count())

    def make() -> bytes:
        return prove(opening, context, next(secrets))

    prove_ns = median_ns(make, repeat, time.thread_time_ns)
    commitment, proof = opening.commitment, make()

    def verifying() -> None:
        check(params, commitment, proof, context)

    return prove_ns, median_ns(verifying, repeat, time.thread_time_ns)


def proofs(repeat: int) -> dict[str, float]:
    """Nanoseconds of proving and of checking, of any proof and of each parameter beside."""
    short, long = (proving(length, repeat) for length in LENGTHS)
    found: dict[str, float] = {}
    for name, low, high in zip(("prove", "check"), short, long, strict=True):
        base, slope = line_through(low, high)
        found |= {f"{name}_ns": base, f"{name}_parameter_ns": slope}
    return found


def line_through(low: float, high: float) -> tuple[float, float]:
    """Value at zero and slope of the line through what was measured at the two `LENGTHS`."""
    slope = max(0.0, (high - low) / (LENGTHS[1] - LENGTHS[0]))
    return max(0.0, low - slope * LENGTHS[0]), slope


def document(profile: Mapping[str, int], provider: str) -> str:
    """The profile as YAML, saying which command gave it."""
    arguments = "" if provider == "openssl" else f" --provider {provider}"
    lines = (
        f"# Measured by: python -m benchmarks.cost_profile{arguments}",
        f"# Medians in nanoseconds on one core, rounded to {DIGITS} significant digits: training",
        "# per sample and epoch, validating per sample of G and L, making and verifying one",
        f"# ML-DSA-65 signature with {provider}, and making and checking one proof of a norm:",
        f"# what any takes, and each parameter beside, by the line through {LENGTHS[0]} and",
        f"# {LENGTHS[1]} parameters.",
        "# A change here changes simulated times, and with them trace digests and core hashes.",
        *(f"{name}: {value}" for name, value in profile.items()),
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5000)
    parser.add_argument("--provider", choices=("openssl", "liboqs"), default="openssl")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    # A training is as long as a hundred signatures, a proof as long as some hundreds.
    measured = {
        **learning(max(1, options.repeat // 20)),
        **signing(options.provider, options.repeat),
        **proofs(max(1, options.repeat // 100)),
    }
    profile = {name: rounded(value) for name, value in measured.items()}
    print(document(profile, options.provider), end="")


if __name__ == "__main__":
    main()
