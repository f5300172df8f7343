"""Updates as integers: clipped to a norm, scaled, rounded, and the way back.

A `Quantizer` maps a vector u of real numbers to integers g of norm B at most, *always*: what a
norm proof with the bound B is about. With s the scale, in units of the integers per unit of u, and
u' the clipped vector (u' = u where |u| <= clip, else clip * u/|u|):

    rounding    scale s                error per entry of g/s - u'     mean of the error
    truncate    B / clip               less than 1/s, toward zero      up to 1/s: shrinks the update
    unbiased    a little less          less than 1/s                   zero but for 2^-38

so that |g/s - u'| < sqrt(n)/s, and for unbiased rounding the expected square of it is at most
n/(4 s^2). Unbiased rounding makes a vector longer, by about n/(8 B) at most; its scale leaves room
for that, and for a deviation that happens once in 10^13 updates: then the vector is rounded again.

Source: the specification of the norm proof, section 3 (Quantiser).
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from .errors import SpecError, UpdateError

BOUND_MAX: Final = 2**15
"""The largest norm of integers: what a norm proof can be about."""

ATTEMPTS_MAX: Final = 64
"""How often a vector is rounded before it is truncated instead."""

_MARGIN: Final = 1e-12  # of the scale, for the rounding errors of norm and products
_DEVIATIONS: Final = 8.0


class Rounding(StrEnum):
    """How real numbers become integers."""

    TRUNCATE = "truncate"
    """Toward zero: never longer, a little smaller."""
    UNBIASED = "unbiased"
    """Up or down at random, right on average."""


@dataclass(frozen=True, slots=True)
class Quantizer:
    """A map from updates to integers that all hospitals of a round share.

    Raises:
        SpecError: No scale keeps a vector of this length within the bound.
    """

    length: int
    """n: parameters of an update."""
    clip: float
    """The norm to which longer updates are scaled down."""
    bound: int
    """B: the norm of the integers, at most."""
    rounding: Rounding = Rounding.TRUNCATE
    """How to round."""

    def __post_init__(self) -> None:
        if self.length < 1:
            raise SpecError(f"length is at least 1, not {self.length}")
        if not (math.isfinite(self.clip) and self.clip > 0):
            raise SpecError(f"clip is a positive number, not {self.clip}")
        if not 1 <= self.bound <= BOUND_MAX:
            raise SpecError(f"bound is 1 to {BOUND_MAX}, not {self.bound}")
        if self._radius <= 0:
            raise SpecError(
                f"{self.length} parameters cannot be rounded without bias within a norm of "
                f"{self.bound}: take a larger bound, or truncate"
            )
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise SpecError(f"a scale of {self.bound}/{self.clip} cannot be computed with")

    @property
    def _radius(self) -> float:
        """The norm of a clipped vector after scaling: B, or what leaves room for rounding.

        Rounding adds e with |e_i| < 1 and mean 0: |g|^2 = r^2 + 2 <u s, e> + |e|^2. By Hoeffding
        both terms stay below r t and n/4 + t sqrt(n)/2, but for exp(-t^2/2) each, with t = 8.
        """
        if self.rounding is Rounding.TRUNCATE:
            return float(self.bound)
        room = self.bound**2 - self.length / 4 - _DEVIATIONS * math.sqrt(self.length) / 2
        return math.sqrt(room + _DEVIATIONS**2 / 4) - _DEVIATIONS / 2 if room > 0 else 0.0

    @property
    def scale(self) -> float:
        """s: integers per unit of an update."""
        return self._radius / self.clip * (1 - _MARGIN)

    @property
    def name(self) -> str:
        """The map in a text, exactly: what a proof is bound to."""
        return f"{self.rounding}/n={self.length}/clip={self.clip.hex()}/bound={self.bound}"


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedUpdate:
    """An update as integers."""

    values: NDArray[np.int64]
    """int64[n_params], of norm B at most."""
    scale: float
    """Integers per unit of the update."""


def quantize(
    quantizer: Quantizer, delta: torch.Tensor, generator: np.random.Generator | None = None
) -> QuantizedUpdate:
    """Clip an update and round it to integers.

    Args:
        quantizer: The map.
        delta: float32 or float64[n_params].
        generator: What decides between up and down; needed for unbiased rounding.

    Raises:
        UpdateError: The delta is not of this length or holds what is not finite.
        SpecError: There is no generator where one is needed.
    """
    scaled = clipped(quantizer, delta) * quantizer.scale
    if quantizer.rounding is Rounding.UNBIASED:
        if generator is None:
            raise SpecError("unbiased rounding needs a generator of random numbers")
        values = _round_unbiased(quantizer, scaled, generator)
    else:
        values = np.trunc(scaled).astype(np.int64)
    return QuantizedUpdate(values, quantizer.scale)


def dequantize(quantized: QuantizedUpdate) -> torch.Tensor:
    """Return the way back, float32[n_params]: the values over the scale."""
    return torch.from_numpy((quantized.values / quantized.scale).astype(np.float32))


def clipped(quantizer: Quantizer, delta: torch.Tensor) -> NDArray[np.float64]:
    """Return a delta as float64[n_params], scaled down to the clip norm where it is longer.

    Raises:
        UpdateError: The delta is not of this length or holds what is not finite.
    """
    if delta.shape != (quantizer.length,) or not delta.dtype.is_floating_point:
        raise UpdateError(
            f"expected a delta of {quantizer.length} floats, found {delta.dtype} "
            f"{list(delta.shape)}"
        )
    values = delta.detach().to(torch.float64).numpy()
    largest = float(np.abs(values).max())
    if not math.isfinite(largest):
        raise UpdateError("expected finite numbers in a delta, found others")
    if largest == 0:
        return values.copy()
    # By the largest entry first: the square of a large number is infinite, of a small one zero.
    shape = values / largest
    norm = math.sqrt(float(np.sum(shape * shape)))
    if largest * norm <= quantizer.clip:  # an infinite product is larger
        return values.copy()
    return shape * (quantizer.clip / norm)


def _round_unbiased(
    quantizer: Quantizer, scaled: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Round up with the probability of the fraction; again if the result is too long."""
    for _ in range(ATTEMPTS_MAX):
        values = np.floor(scaled + generator.random(len(scaled))).astype(np.int64)
        if int(values @ values) <= quantizer.bound**2:
            return values
    return np.trunc(scaled).astype(np.int64)
