"""The parameters of a proof, every bound that follows from them, and the guards.

Bounds that a verifier compares with are integers, computed from fractions: no float decides. The
letters are those of the specification, sections 4 and 5.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from ..encoding import encode
from ..errors import ProofError
from .residues import Q_BITS, Q
from .ring import N

KAPPA: Final = 6
"""kappa: rank of the block commitments, rows of A."""
LAMBDA: Final = 10
"""lambda: ring elements of randomness r' of a block."""
RANDOM: Final = KAPPA + LAMBDA
"""K2: all ring elements of randomness of a block, r' and r''."""
KAPPA_0: Final = 5
"""kappa_0: rank of the commitment to the garbage terms, rows of A_0."""
LAMBDA_0: Final = 10
"""lambda_0: ring elements of its randomness s'."""
PROJECTIONS: Final = 256
"""Rows of the projection R': one ring element holds the projections of a block."""
REPETITIONS: Final = 3
"""Of the check of constant coefficients: its error is (2/q)^3."""
PAIRS: Final = 34
"""Nonzero pairs of a challenge."""

ETA: Final = 24
"""Bound on the operator norm of one challenge."""
ETA_TENTHS: Final = {
    1: 240,
    2: 275,
    3: 300,
    4: 325,
    5: 345,
    6: 365,
    7: 380,
    8: 395,
    9: 410,
    10: 425,
    12: 450,
}
"""{R: eta_R in tenths}: bounds on the joint operator norm of R challenges."""

SIGMA_R: Final = Fraction(9, 2)
"""Standard deviation of the randomness of commitments."""
GAMMA_1: Final = 12
"""sigma_1 over the largest shift of z."""
GAMMA_3: Final = 17
"""sigma_3 over the largest shift of z_3."""
GAMMA_S: Final = 24
"""sigma_s over the largest shift of z_s."""
STRETCH_MAX: Final = 337
"""The squared norm of a projection over that of its argument, at most, for an honest prover."""
STRETCH_MIN: Final = 26
"""The same at least, but for a probability of 2^-128: the lemma of section 6."""
TAIL: Final = 14
"""Standard deviations within which every entry of a response lies."""

LENGTH_MAX: Final = 2**22
"""The most values."""
LAYERS_MAX: Final = 64
"""The most layers with bounds of their own."""
BOUND_MAX: Final = 2**15
"""The largest bound; the guards refuse most of those above 2^14.3."""
_Z_ENTRY_MAX: Final = 2**28
_PRECISE_SUM_MAX: Final = 2**24


@dataclass(frozen=True, slots=True)
class Layer:
    """Consecutive values with a bound of their own."""

    length: int
    """Values in it."""
    bound: int
    """B: the greatest Euclidean norm of them that can be proven."""


@dataclass(frozen=True, slots=True)
class Params:
    """What is proven of how many values; most callers get it from `parameters`.

    Raises:
        ProofError: The parameters do not exclude that a norm wraps modulo q, or are out of range.
    """

    layers: tuple[Layer, ...]
    """The values from first to last, each in one layer."""
    blocks: int
    """R: blocks that the values are divided into; one opening serves all of them."""

    def __post_init__(self) -> None:
        if not (_is_int(self.blocks) and self.blocks in ETA_TENTHS):
            raise ProofError(f"expected blocks of {list(ETA_TENTHS)}, found {self.blocks!r}")
        if not 1 <= len(self.layers) <= LAYERS_MAX:
            raise ProofError(f"expected 1 to {LAYERS_MAX} layers, found {len(self.layers)}")
        for layer in self.layers:
            if not (_is_int(layer.length) and 1 <= layer.length <= LENGTH_MAX):
                raise ProofError(f"expected a length of 1 to {LENGTH_MAX}, found {layer.length!r}")
            if not (_is_int(layer.bound) and 0 <= layer.bound <= BOUND_MAX):
                raise ProofError(f"expected a bound of 0 to {BOUND_MAX}, found {layer.bound!r}")
        if self.length > LENGTH_MAX:
            raise ProofError(f"expected at most {LENGTH_MAX} values, found {self.length}")
        self._exclude_wrapping()

    def _exclude_wrapping(self) -> None:
        """Refuse parameters under which an equation modulo q is not one over the integers.

        Source: section 4, the two inequalities in bold.
        """
        if not self.shortness2 < Q:
            raise ProofError(
                f"expected barp^2 < q, found barp of 2^{math.log2(self.shortness2) / 2:.1f}: the "
                "bound is too large for this modulus"
            )
        if not (41 * N * self.columns) ** 2 * self.shortness2 < Q**2:
            raise ProofError(
                "expected 41 * 256 * columns * barp < q, found more: too many values, or too "
                "large a bound"
            )
        if not (self.z_entry_max < _Z_ENTRY_MAX and self.sigma_s2 * TAIL**2 < _Z_ENTRY_MAX**2):
            raise ProofError("expected responses below 2^28, found parameters that need more")
        if not self.witness2 * (8 * N) < _PRECISE_SUM_MAX**2:  # projections in single precision
            raise ProofError("expected sums of 2048 entries below 2^24, found more")

    # Shapes.

    @property
    def length(self) -> int:
        """d: the number of values."""
        return sum(layer.length for layer in self.layers)

    @property
    def bounds2(self) -> int:
        """The squared bounds, summed: the most that the squared norm of all values can be."""
        return sum(layer.bound**2 for layer in self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """Ring elements of each layer in every block."""
        return tuple(-(-layer.length // (self.blocks * N)) for layer in self.layers)

    @property
    def width(self) -> int:
        """m: ring elements of values in a block."""
        return sum(self.widths)

    @property
    def payload(self) -> int:
        """Ring elements of values and randomness in a block: what is encrypted."""
        return self.width + RANDOM

    @property
    def columns(self) -> int:
        """mt: all ring elements of a block, those of the slack of the last one included."""
        return self.payload + len(self.layers) + RANDOM

    @property
    def rows_1(self) -> int:
        """Garbage terms of step 1: y3_1..y3_R, m_1..m_3."""
        return self.blocks + REPETITIONS

    @property
    def rows_2(self) -> int:
        """Garbage terms of step 3: D_i, E_ij, E_0i, E_00."""
        return (self.blocks + 1) * (self.blocks + 2) // 2

    @property
    def rows(self) -> int:
        """All garbage terms."""
        return self.rows_1 + self.rows_2

    @property
    def hiding_columns(self) -> int:
        """m_s: ring elements of s = (s_0 | s_e | s')."""
        return KAPPA_0 + self.rows + LAMBDA_0

    # Norms; a name that ends in 2 is that of a square.

    @property
    def randomness2(self) -> Fraction:
        """B_r^2: the greatest squared norm of the randomness of an honest prover."""
        return (Fraction(106, 100) * SIGMA_R) ** 2 * ((self.blocks + 1) * RANDOM * N)

    @property
    def witness2(self) -> Fraction:
        """X^2: the greatest squared norm of the whole witness of an honest prover."""
        return self.bounds2 + self.randomness2

    @property
    def sigma_1_2(self) -> Fraction:
        """sigma_1^2, of the mask y."""
        return (GAMMA_1 * Fraction(ETA_TENTHS[self.blocks], 10)) ** 2 * self.witness2

    @property
    def sigma_3_2(self) -> Fraction:
        """sigma_3^2, of the masks y3_i."""
        return GAMMA_3**2 * STRETCH_MAX * self.witness2

    @property
    def hiding2(self) -> Fraction:
        """The greatest squared norm of s; an entry has variance 1."""
        return Fraction(106, 100) ** 2 * (self.hiding_columns * N)

    @property
    def sigma_s2(self) -> Fraction:
        """sigma_s^2, of the mask y_s."""
        return (GAMMA_S * ETA) ** 2 * self.hiding2

    @property
    def z_norm2_max(self) -> int:
        """beta_1^2."""
        return math.floor(Fraction(105, 100) ** 2 * self.sigma_1_2 * (N * self.columns))

    @property
    def z_entry_max(self) -> int:
        """The largest entry of z."""
        return math.isqrt(math.floor(TAIL**2 * self.sigma_1_2))

    @property
    def z3_norm2_max(self) -> int:
        """beta_3^2, where beta_3 = (1 + 0.15/sqrt(R)) sigma_3 sqrt(256 R)."""
        slack = Fraction(150_000, math.isqrt(self.blocks * 10**12))
        return math.floor((1 + slack) ** 2 * self.sigma_3_2 * (PROJECTIONS * self.blocks))

    @property
    def z_s_norm2_max(self) -> int:
        """beta_s^2."""
        return math.floor(Fraction(107, 100) ** 2 * self.sigma_s2 * (N * self.hiding_columns))

    @property
    def z_s_entry_max(self) -> int:
        """The largest entry of z_s."""
        return math.isqrt(math.floor(TAIL**2 * self.sigma_s2))

    @property
    def shortness2(self) -> Fraction:
        """barp^2 = 4 beta_3^2 / 26: the squared norm that the projections prove of every block."""
        return Fraction(4 * self.z3_norm2_max, STRETCH_MIN)

    @property
    def tag(self) -> bytes:
        """The parameters as they are hashed."""
        return encode(
            {
                "blocks": self.blocks,
                "layers": [[layer.length, layer.bound] for layer in self.layers],
                "pairs": PAIRS,
                "q": Q,
                "ranks": [KAPPA, LAMBDA, KAPPA_0, LAMBDA_0],
                "ring": N,
            }
        )


def parameters(length: int, bound: int = 2**14, *, blocks: int | None = None) -> Params:
    """Return the parameters of one bound on the norm of all values.

    Args:
        length: d, the number of values.
        bound: B, the greatest norm that can be proven; the honest bound is the same integer.
        blocks: R; by default what makes the proof short.

    Raises:
        ProofError: No parameters exclude that a norm wraps modulo q.
    """
    return layered_parameters([Layer(length, bound)], blocks=blocks)


def layered_parameters(layers: Sequence[Layer], *, blocks: int | None = None) -> Params:
    """Return the parameters of a bound for each layer.

    Raises:
        ProofError: No parameters exclude that a norm wraps modulo q.
    """
    if blocks is not None:
        return Params(tuple(layers), blocks)
    found = [Params(tuple(layers), 1)]
    for count in sorted(ETA_TENTHS)[1:]:
        if count * N > found[0].length:
            break
        try:
            found.append(Params(tuple(layers), count))
        except ProofError:
            break  # more blocks need more room below q
    return min(found, key=size_estimate)


def size_estimate(params: Params) -> int:
    """Return about how many bytes a commitment and a proof take together."""
    residues = (params.blocks + 1) * KAPPA + KAPPA_0 + params.rows + REPETITIONS
    gaussians = (
        (params.blocks * PROJECTIONS, params.sigma_3_2),
        (params.columns * N, params.sigma_1_2),
        (params.hiding_columns * N, params.sigma_s2),
    )
    bits = residues * N * Q_BITS
    return round((bits + sum(count * _entropy_bits(var) for count, var in gaussians)) / 8)


def _entropy_bits(variance: Fraction) -> float:
    """About what a Golomb-Rice code takes for an entry: sign, remainder and quotient."""
    return math.log2(variance) / 2 + 2.37


def _is_int(found: object) -> bool:
    return type(found) is int
