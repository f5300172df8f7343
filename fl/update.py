"""A hospital's contribution to a round: the difference its training made to the base model."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from crypto.digest import Digest, digest, sha256

from .errors import UpdateError, WeightsError
from .model import ModelSpec, Weights, flatten, parameter_count, unflatten

SAMPLE_COUNT_MAX = 2**40


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What one hospital hands in."""

    author: str
    """The hospital's node id."""
    delta: torch.Tensor
    """float32[n_params], trained minus base."""
    sample_count: int
    """Training samples behind it, by the author's word: its weight in the mean."""

    def __post_init__(self) -> None:
        if self.delta.dtype != torch.float32 or self.delta.dim() != 1:
            raise UpdateError(
                f"a delta is a vector of float32, not {self.delta.dtype} {list(self.delta.shape)}"
            )
        if not 1 <= self.sample_count <= SAMPLE_COUNT_MAX:
            raise UpdateError(f"sample_count is 1 to {SAMPLE_COUNT_MAX}, not {self.sample_count}")


def difference(weights: Weights, base: Weights) -> torch.Tensor:
    """Return weights minus base as float32[n_params]."""
    return flatten(weights) - flatten(base)


def norm_of(delta: torch.Tensor) -> float:
    """Return the Euclidean norm of a delta float32[n_params]; NaN if an entry is NaN.

    It is computed as in `fl.quantize`, which clips what is longer than its bound.
    """
    values = delta.detach().to(torch.float64).numpy()
    largest = float(np.abs(values).max())
    if largest == 0 or not math.isfinite(largest):
        return largest
    # By the largest entry first: the square of a large number is infinite, of a small one zero.
    shape = values / largest
    return largest * math.sqrt(float(np.sum(shape * shape)))


def apply(spec: ModelSpec, base: Weights, delta: torch.Tensor) -> Weights:
    """Return base plus delta.

    Rounding makes this differ in the last bit from the weights that `difference` was taken of: the
    result of `apply` is the candidate, so that everybody can recompute it from base and delta.

    Raises:
        WeightsError: The delta is not float32[n_params] of this model.
    """
    start = flatten(base)
    # Checked before the sum: broadcasting would accept a delta of length one.
    if delta.shape != start.shape:
        raise WeightsError(f"expected a delta of {len(start)} parameters, found {len(delta)}")
    return unflatten(spec, start + delta)


def delta_to_bytes(delta: torch.Tensor) -> bytes:
    """Return a delta float32[n_params] as little-endian bytes, four per parameter."""
    return delta.detach().numpy().astype("<f4").tobytes()


def delta_from_bytes(spec: ModelSpec, data: bytes) -> torch.Tensor:
    """Return the delta float32[n_params] that was sent; its values may be anything.

    Raises:
        UpdateError: The length is not four bytes per parameter.
    """
    expected = 4 * parameter_count(spec)
    if len(data) != expected:
        raise UpdateError(f"expected {expected} bytes of delta, found {len(data)}")
    return torch.tensor(np.frombuffer(data, dtype="<f4").astype(np.float32))


def update_digest(update: Update) -> Digest:
    """Return the digest of author, sample count and the exact bytes of the delta."""
    return digest(
        "tclearn/update-delta/v1",
        {
            "author": update.author,
            "delta": sha256(delta_to_bytes(update.delta)),
            "parameter_count": len(update.delta),
            "sample_count": update.sample_count,
        },
    )
