"""Validation of a candidate by one hospital: integrity and score on G, then score on its own L.

Every check is cheap before dear, and the first that fails is the verdict. Nothing that another
hospital can put into a file or a claim makes this raise. Source: features A15 (G for integrity and
the same for all, L for performance, both needed for a vote; ablation none / G / L / both).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from fractions import Fraction
from typing import Literal

import torch
from torch.nn.functional import cross_entropy

from crypto.digest import sha256
from crypto.errors import TensorFileError
from crypto.tensors import tensor_digest

from .candidate import ModelClaim
from .dataset import Samples
from .errors import SpecError, WeightsError
from .model import ModelSpec, Weights, as_tensors, flatten, from_bytes, logits

Score = Literal["accuracy", "balanced-accuracy"]
Check = Literal["global", "local"]

BOTH_CHECKS: frozenset[Check] = frozenset({"global", "local"})
DETAIL_MAX = 500
"""Longest detail, in characters: a hostile file may hold names of a megabyte."""
_MILLION = 1_000_000


@unique
class Reason(StrEnum):
    """Why a candidate was accepted or refused; the words are signed and recorded, so they stay."""

    OK = "ok"
    FILE_DIGEST = "file-digest"
    MALFORMED = "malformed"
    TENSOR_DIGEST = "tensor-digest"
    SHAPE = "shape"
    NOT_FINITE = "not-finite"
    GLOBAL_CLAIM = "global-claim"
    GLOBAL_SCORE = "global-score"
    LOCAL_SCORE = "local-score"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How much worse than before a candidate may be."""

    epsilon_global_ppm: int
    """ε_G: tolerated loss of score on G, in millionths."""
    epsilon_local_ppm: int
    """ε_L: tolerated loss of score on L, in millionths; one of n samples is 1,000,000 / n."""
    score: Score
    """What is measured."""

    def __post_init__(self) -> None:
        for name, value in (
            ("epsilon_global_ppm", self.epsilon_global_ppm),
            ("epsilon_local_ppm", self.epsilon_local_ppm),
        ):
            if not 0 <= value <= _MILLION:
                raise SpecError(f"{name} is 0 to {_MILLION}, not {value}")
        if self.score not in ("accuracy", "balanced-accuracy"):
            raise SpecError(f"a score is accuracy or balanced-accuracy, not {self.score!r}")


@dataclass(frozen=True, slots=True)
class Bar:
    """What a candidate is measured against."""

    best_global_ppm: int
    """Best score on G of the models accepted so far, in millionths."""
    last_local_ppm: int
    """Score of the last accepted model on this hospital's L, in millionths."""


@dataclass(frozen=True, slots=True)
class Validation:
    """One hospital's verdict on one candidate."""

    reason: Reason
    """`ok`, or the first check that failed."""
    scores: Mapping[str, int]
    """`global` and `local` in millionths, as far as they were computed."""
    detail: str = ""
    """What was expected and what was found; empty when accepted."""

    @property
    def accept(self) -> bool:
        """Whether the hospital votes for the candidate."""
        return self.reason is Reason.OK


def evaluate(spec: ModelSpec, weights: Weights, samples: Samples, score: Score) -> int:
    """Return the score in millionths, rounded down.

    A sample whose outputs are not all finite counts as wrong. Balanced accuracy is the mean over
    the classes that occur in the samples.

    Raises:
        DataError: The samples are not made for this model.
    """
    features, labels = as_tensors(spec, samples)
    outputs = logits(weights, features)
    correct = (outputs.argmax(dim=1) == labels) & outputs.isfinite().all(dim=1)
    match score:
        case "accuracy":
            return int(correct.sum()) * _MILLION // len(labels)
        case "balanced-accuracy":
            totals = torch.bincount(labels).tolist()
            hits = torch.bincount(labels[correct], minlength=len(totals)).tolist()
            recalls = [Fraction(h, n) for h, n in zip(hits, totals, strict=True) if n]
            return int(sum(recalls) * _MILLION / len(recalls))


def loss(spec: ModelSpec, weights: Weights, samples: Samples) -> float:
    """Return the mean cross-entropy, for figures only: never compared, never hashed.

    Raises:
        DataError: The samples are not made for this model.
    """
    features, labels = as_tensors(spec, samples)
    return float(cross_entropy(logits(weights, features), labels))


def validate(
    spec: ModelSpec,
    file: bytes,
    claim: ModelClaim,
    bar: Bar,
    thresholds: Thresholds,
    global_set: Samples,
    local_set: Samples,
    *,
    checks: frozenset[Check] = BOTH_CHECKS,
) -> Validation:
    """Return the verdict of the hospital that holds this L.

    Args:
        spec: The model that all agreed to learn.
        file: The candidate's weights as received.
        claim: What the author says of the file.
        bar: The scores to hold.
        thresholds: How far below the bar is still accepted.
        global_set: G.
        local_set: L.
        checks: Which scores must reach the bar; integrity, the claimed score included, always must.

    Raises:
        DataError: G or L is not made for this model.
    """
    weights = _read(spec, file, claim)
    if isinstance(weights, Validation):
        return weights
    found = evaluate(spec, weights, global_set, thresholds.score)
    scores = {"global": found}
    if found != claim.global_score_ppm:
        return Validation(
            Reason.GLOBAL_CLAIM, scores, f"claimed {claim.global_score_ppm} ppm on G, found {found}"
        )
    needed = bar.best_global_ppm - thresholds.epsilon_global_ppm
    if "global" in checks and found < needed:
        return Validation(
            Reason.GLOBAL_SCORE, scores, f"expected at least {needed} ppm on G, found {found}"
        )
    found = evaluate(spec, weights, local_set, thresholds.score)
    scores["local"] = found
    needed = bar.last_local_ppm - thresholds.epsilon_local_ppm
    if "local" in checks and found < needed:
        return Validation(
            Reason.LOCAL_SCORE, scores, f"expected at least {needed} ppm on L, found {found}"
        )
    return Validation(Reason.OK, scores)


def _read(spec: ModelSpec, file: bytes, claim: ModelClaim) -> Weights | Validation:
    """Return the weights in the file, or the verdict if it is not sound."""
    file_digest = sha256(file)
    if file_digest != claim.file_digest:
        return _mismatch(Reason.FILE_DIGEST, claim.file_digest, file_digest)
    try:
        tensors = tensor_digest(file)
    except TensorFileError as error:
        return Validation(Reason.MALFORMED, {}, str(error)[:DETAIL_MAX])
    if tensors != claim.tensor_digest:
        return _mismatch(Reason.TENSOR_DIGEST, claim.tensor_digest, tensors)
    try:
        weights = from_bytes(spec, file)
    except WeightsError as error:
        return Validation(Reason.SHAPE, {}, str(error)[:DETAIL_MAX])
    broken = int((~torch.isfinite(flatten(weights))).sum())
    if broken:
        return Validation(Reason.NOT_FINITE, {}, f"{broken} parameters are not finite")
    return weights


def _mismatch(reason: Reason, expected: bytes, found: bytes) -> Validation:
    return Validation(reason, {}, f"claimed digest {expected.hex()}, found {found.hex()}")
