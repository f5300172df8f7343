"""Delays drawn from the latencies of a scenario, in microseconds.

An empirical latency is resampled: each message takes one of the measured delays, each equally
likely. Nothing is interpolated, so that what comes in clusters stays in clusters.

Source of the resampling: B. Efron, Bootstrap methods, 1979, section 2.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from math import log, log1p, sqrt
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ..network_files import read_delays
from ..schema_network import Constant, Empirical, Gamma, Latency, Lognormal, Normal, Uniform

_BLOCK_MIN, _BLOCK_MAX = 16, 1024
"""Values are drawn this many at a time, first and at most."""

_REDRAWS_MAX: Final = 64
"""Rounds in which negative delays are drawn again; one in 2**64 survives them at worst."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Measured delays, read from wherever they were."""

    delays: npt.NDArray[np.float64]
    """float64[count], microseconds."""

    mean_us: int
    """Their mean, in whole microseconds."""


LinkLatency: TypeAlias = Latency | Sample
"""What an edge of the graph has: a latency, an empirical one as a sample."""

MakeGenerator: TypeAlias = Callable[[], np.random.Generator]
"""Makes the stream of a purpose, if it is needed."""


def sampled(latency: Latency) -> LinkLatency:
    """Read the delays of an empirical latency; leave the others as they are.

    Raises:
        ScenarioError: Its file cannot be read, or holds something else than delays.
    """
    if not isinstance(latency, Empirical):
        return latency
    delays = latency.delays_us
    if delays is None:
        delays = read_delays(Path(latency.file or ""))
    return Sample(np.array(delays, np.float64), sum(delays) // len(delays))


def mean_us(latency: LinkLatency) -> int:
    """Return the mean of a latency as it was given, in whole microseconds."""
    match latency:
        case Constant():
            return latency.value_us
        case Uniform():
            return (latency.low_us + latency.high_us) // 2
        case Empirical():
            return mean_us(sampled(latency))
        case Normal() | Lognormal() | Gamma() | Sample():
            return latency.mean_us


def draw(
    latency: LinkLatency, generator: np.random.Generator, count: int
) -> npt.NDArray[np.float64]:
    """Draw ``count`` delays: float64[count], microseconds, none negative."""
    match latency:
        case Constant(value_us=value):
            return np.full(count, float(value))
        case Uniform(low_us=low, high_us=high):
            return generator.uniform(low, high, count)
        case Normal(mean_us=mean, deviation_us=deviation):
            return _truncated_normal(mean, deviation, generator, count)
        case Lognormal(mean_us=mean, deviation_us=deviation):
            # The parameters of the logarithm that give the delay this mean and deviation.
            variance = log1p((deviation / mean) ** 2)
            return generator.lognormal(log(mean) - variance / 2, sqrt(variance), count)
        case Gamma(mean_us=mean, deviation_us=deviation):
            if deviation == 0:
                return np.full(count, float(mean))
            return generator.gamma((mean / deviation) ** 2, deviation**2 / mean, count)
        case Empirical():
            return draw(sampled(latency), generator, count)
        case Sample(delays=delays):
            return delays[generator.integers(0, len(delays), count)]


def _truncated_normal(
    mean: float, deviation: float, generator: np.random.Generator, count: int
) -> npt.NDArray[np.float64]:
    delays = generator.normal(mean, deviation, count)
    for _ in range(_REDRAWS_MAX):
        negative = delays < 0
        if not negative.any():
            break
        delays[negative] = generator.normal(mean, deviation, int(negative.sum()))
    return np.maximum(delays, 0.0)


def delays_over(route: Sequence[LinkLatency], make: MakeGenerator) -> Iterator[float]:
    """Return the delays over a route, one message after the other, in microseconds."""
    if constant := _constant(route):
        return repeat(constant[0])
    return chain.from_iterable(block.tolist() for block in _blocks(route, make))


def whole_delays_over(route: Sequence[LinkLatency], make: MakeGenerator) -> Iterator[int]:
    """Return the same delays as whole microseconds, each at least one."""
    if constant := _constant(route):
        return repeat(at_least_one(constant[0]))
    whole = (np.maximum(np.rint(block), 1.0) for block in _blocks(route, make))
    return chain.from_iterable(block.astype(np.int64).tolist() for block in whole)


def at_least_one(delay_us: float) -> int:
    """Round a delay to whole microseconds, half to even; nothing takes no time."""
    return round(delay_us) or 1


def chances(make: MakeGenerator) -> Iterator[float]:
    """Return numbers from 0 to below 1, each equally likely."""
    return chain.from_iterable(_uniform_blocks(make))


def _uniform_blocks(make: MakeGenerator) -> Iterator[list[float]]:
    generator, count = make(), _BLOCK_MIN
    while True:
        yield generator.random(count).tolist()
        count = min(2 * count, _BLOCK_MAX)


def _constant(route: Sequence[LinkLatency]) -> tuple[float] | None:
    """Return the one delay of a route over which all delays are constant."""
    constants = [latency.value_us for latency in route if isinstance(latency, Constant)]
    return (float(sum(constants)),) if len(constants) == len(route) else None


def _blocks(route: Sequence[LinkLatency], make: MakeGenerator) -> Iterator[npt.NDArray[np.float64]]:
    generator, count = make(), _BLOCK_MIN
    while True:
        delays = np.zeros(count)
        for latency in route:
            delays += draw(latency, generator, count)
        yield delays
        count = min(2 * count, _BLOCK_MAX)
