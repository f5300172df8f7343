"""What an attack on a proof costs, by a simple formula: an estimate and not a guarantee.

Soundness errors are those of section 6. Lattice attacks are estimated by core-SVP: the block size b
that BKZ needs, at 2^(0.292 b) classical and 2^(0.265 b) quantum operations. For SIS, the shortest
vector found in the best sublattice has norm 2^(2 sqrt(n log q log delta)); for LWE it is the primal
attack. Refinements of today's estimators are left out; run one before relying on the numbers.

Source: the specification, section 6; Chen's thesis (2013) for delta(b); Alkim, Ducas, Poeppelmann
and Schwabe, USENIX Security 2016, for core-SVP.
"""

import math
from dataclasses import dataclass
from typing import Final

from .parameters import (
    ETA,
    KAPPA,
    KAPPA_0,
    LAMBDA,
    LAMBDA_0,
    PAIRS,
    RANDOM,
    REPETITIONS,
    SIGMA_R,
    Params,
)
from .residues import Q
from .ring import N

CLASSICAL: Final = 0.292
"""log2 of the cost of a core-SVP oracle, over the block size."""
QUANTUM: Final = 0.265
"""The same with Grover's search."""

_BLOCK_MIN: Final = 60
_BLOCK_MAX: Final = 4000
_CHALLENGE_LOSS: Final = 0.8  # bits that the refusal of large operator norms costs


@dataclass(frozen=True, slots=True)
class Hardness:
    """What breaking one assumption costs."""

    assumption: str
    """Which one, and what of."""
    dimension: int
    """n: rank times 256."""
    norm_log2: float
    """log2 of the norm of a SIS solution, or of the standard deviation of LWE errors."""
    block_size: int
    """b."""

    @property
    def classical_bits(self) -> int:
        """log2 of the classical cost."""
        return round(CLASSICAL * self.block_size)

    @property
    def quantum_bits(self) -> int:
        """log2 of the quantum cost."""
        return round(QUANTUM * self.block_size)


@dataclass(frozen=True, slots=True)
class Security:
    """The security of a proof of some parameters."""

    soundness: tuple[tuple[str, float], ...]
    """(step, -log2 of its error), for each query to the hash."""
    soundness_bits: float
    """-log2 of the sum of the errors."""
    assumptions: tuple[Hardness, ...]
    """What binding and hiding rest on."""


def security(params: Params, members: int = 50) -> Security:
    """Estimate the security of proofs, and of sums of so many commitments."""
    steps = soundness_steps(params)
    total = -math.log2(sum(2.0**-bits for _, bits in steps))
    doubled = 2 * 2 * ETA * 2  # |c' z - c z'| of two transcripts: 2 (2 eta) (2 beta)
    slack = 1.1**2 * float(params.sigma_1_2) * (len(params.layers) + RANDOM) * N
    summed = members * (
        2 * math.sqrt(params.bounds2) + math.sqrt(params.shortness2) + math.sqrt(params.randomness2)
    )
    sis = (
        ("MSIS, blocks", KAPPA, doubled * math.sqrt(params.z_norm2_max)),
        ("MSIS, slack", KAPPA, doubled * math.sqrt(slack)),
        ("MSIS, garbage", KAPPA_0, doubled * math.sqrt(params.z_s_norm2_max)),
        (f"MSIS, sum of {members}", KAPPA, summed),
    )
    lwe = (
        ("MLWE, r after the sum is known", LAMBDA, float(SIGMA_R) / math.sqrt(2)),
        ("MLWE, s", LAMBDA_0, 1.0),
    )
    return Security(
        steps,
        total,
        (
            *(
                Hardness(name, rank * N, math.log2(norm), sis_block_size(rank * N, norm))
                for name, rank, norm in sis
            ),
            *(
                Hardness(name, rank * N, math.log2(sigma), lwe_block_size(rank * N, sigma))
                for name, rank, sigma in lwe
            ),
        ),
    )


def soundness_steps(params: Params) -> tuple[tuple[str, float], ...]:
    """Return -log2 of the error of each step."""
    places = N // 2 - 1
    challenges = math.log2(math.comb(places, PAIRS)) + PAIRS - _CHALLENGE_LOSS
    return (
        (f"projections, R = {params.blocks}", 128 - math.log2(params.blocks)),
        ("equations, (2/q)^3", REPETITIONS * (math.log2(Q) - 1)),
        ("nu, 2/|C|", challenges - 1),
        (f"c, 2 R/|C|, R = {params.blocks}", challenges - math.log2(2 * params.blocks)),
        ("c_0, 1/|C|", challenges),
    )


def root_hermite(block_size: int) -> float:
    """Return delta(b): the root Hermite factor that BKZ with this block size reaches."""
    b = block_size
    return float(((math.pi * b) ** (1 / b) * b / (2 * math.pi * math.e)) ** (1 / (2 * (b - 1))))


def sis_block_size(dimension: int, norm: float) -> int:
    """Return the block size that finds a SIS solution of this norm; 0 where any vector is one."""
    if norm >= Q:
        return 0
    target = 2 ** (math.log2(norm) ** 2 / (4 * dimension * math.log2(Q)))
    low, high = _BLOCK_MIN, _BLOCK_MAX
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if root_hermite(middle) <= target else (middle, high)
    return high


def lwe_block_size(dimension: int, sigma: float) -> int:
    """Return the block size with which the primal attack finds a secret of this deviation."""
    low, high = _BLOCK_MIN, _BLOCK_MAX
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _primal_succeeds(dimension, sigma, middle) else (middle, high)
    return high


def _primal_succeeds(dimension: int, sigma: float, block_size: int) -> bool:
    delta_log2 = math.log2(root_hermite(block_size))
    short = math.log2(math.sqrt(block_size) * sigma)
    for samples in range(dimension // 4, 4 * dimension, max(1, dimension // 128)):
        rank = dimension + samples + 1
        if short <= delta_log2 * (2 * block_size - rank - 1) + math.log2(Q) * samples / rank:
            return True
    return False
