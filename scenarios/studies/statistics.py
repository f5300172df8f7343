"""Intervals for rates, means and quantiles, and the search for a threshold.

Intervals of a fixed number of replicas are scipy's. What stops a study early, or steers a
bisection, looks at the data again and again: it goes by a confidence *sequence*, which holds the
true rate at all times at once, so that the moment of stopping may depend on what was seen.
Sources: Wilson 1927; Clopper and Pearson 1934; Robbins, Statistical Methods Related to the Law of
the Iterated Logarithm (1970); Howard, Ramdas, McAuliffe and Sekhon, Time-uniform, nonparametric,
nonasymptotic confidence sequences (2021).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf, isnan, lgamma, log, log2, sqrt
from statistics import NormalDist
from typing import Final, Literal, cast

from .errors import StudyError

RateMethod = Literal["wilson", "clopper-pearson"]
"""How the interval of a rate is made."""

Decision = Literal["held", "broken"]
"""What is found at a probe: whether the property holds with more than a given rate, or less."""

_METHODS: Final[Mapping[RateMethod, Literal["wilson", "exact"]]] = {
    "wilson": "wilson",
    "clopper-pearson": "exact",
}

_PRIOR: Final = 0.5
"""Both parameters of the beta mixture: Jeffreys's, which is narrow at rates near 0 and 1."""

_STEPS: Final = 60
"""Halvings of an interval of width 1: what is left is beneath the last digit of a float."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a number lies, with the confidence asked for."""

    low: float
    """The least it may be."""
    high: float
    """The most it may be."""

    @property
    def width(self) -> float:
        """How far the two are apart."""
        return self.high - self.low


def rate_interval(
    held: int, count: int, confidence: float, method: RateMethod = "wilson"
) -> Interval:
    """The interval of a rate, after a number of replicas that was fixed before.

    Args:
        held: In how many replicas it was so.
        count: Of how many; of none, nothing is known and the interval is 0 to 1.
        confidence: Above 0 and below 1.
        method: ``wilson`` has the confidence on average, ``clopper-pearson`` at every rate.

    Raises:
        StudyError: The counts or the confidence are none.
    """
    _check(held, count, confidence)
    if count == 0:
        return Interval(0.0, 1.0)
    from scipy.stats import binomtest  # a second to load: where it is used

    found = binomtest(held, count).proportion_ci(confidence, method=_METHODS[method])
    return Interval(float(found.low), float(found.high))


def clustered_interval(held: Sequence[int], counts: Sequence[int], confidence: float) -> Interval:
    """The interval of a rate whose cases come in clusters, as the verdicts of one run do.

    Wilson's for as many independent cases as tell as much: the count divided by the design effect,
    which is how much more the rate varies between clusters than independent cases would. A rate of
    0 or 1 shows no spread; then each cluster counts as one case. Source: Korn and Graubard,
    Confidence Intervals for Proportions with Small Expected Number of Positive Counts (1998).

    Args:
        held: In how many cases it was so, for each cluster.
        counts: Of how many.
        confidence: Above 0 and below 1.

    Raises:
        StudyError: The counts or the confidence are none.
    """
    for each, count in zip(held, counts, strict=True):
        _check(each, count, confidence)
    clusters = [(each, count) for each, count in zip(held, counts, strict=True) if count]
    total = sum(count for _, count in clusters)
    if not total:
        return Interval(0.0, 1.0)
    rate = sum(each for each, _ in clusters) / total
    if len(clusters) < 2 or rate in (0, 1):
        return _wilson(rate, len(clusters), confidence)
    spread = sum((each - rate * count) ** 2 for each, count in clusters) / total**2
    between = spread * len(clusters) / (len(clusters) - 1)
    effect = max(1.0, between / (rate * (1 - rate) / total))
    return _wilson(rate, total / effect, confidence)


def mean_interval(values: Sequence[float], confidence: float) -> Interval | None:
    """The interval of a mean by Student's t.

    Args:
        values: One per replica. Of fewer than two nothing can be said: None. If all are alike the
            interval is that one value: a lattice of replicas that never differ has no spread.
        confidence: Above 0 and below 1.

    Raises:
        StudyError: The confidence is none.
    """
    _check(0, 0, confidence)
    if len(values) < 2:
        return None
    first = float(values[0])
    if all(each == first for each in values):
        return Interval(first, first)
    import numpy as np
    from scipy.stats import t

    taken = np.asarray(values, dtype=np.float64)
    middle = float(taken.mean())
    error = float(taken.std(ddof=1)) / len(values) ** 0.5
    spread = float(t.ppf((1 + confidence) / 2, len(values) - 1)) * error
    return Interval(middle - spread, middle + spread)


def quantile_interval(
    values: Sequence[float], quantile: float, confidence: float
) -> tuple[float | None, Interval | None]:
    """An observed quantile and its interval between two order statistics.

    Nothing is assumed of the distribution. A value may be infinite: what never came.

    Args:
        values: One per replica.
        quantile: Above 0 and below 1.
        confidence: Above 0 and below 1.

    Returns:
        The least value that a fraction ``quantile`` of all does not exceed, None if there is no
        value; and the interval, None where there are too few values for the confidence.

    Raises:
        StudyError: The quantile or the confidence is none.
    """
    _check(0, 0, confidence)
    if not 0 < quantile < 1:
        raise StudyError(f"expected a quantile above 0 and below 1, found {quantile}")
    if not values:
        return None, None
    import numpy as np
    from scipy.stats import quantile_test

    taken = np.sort(np.asarray(values, dtype=np.float64))
    estimate = float(taken[ceil(round(quantile * len(values), 9)) - 1])
    # By ranks, so that infinite values are as good as others.
    ranks = np.arange(len(values), dtype=np.float64)
    found = quantile_test(ranks, p=quantile).confidence_interval
    low, high = cast("Callable[[float], tuple[float, float]]", found)(confidence)
    if isnan(low) or isnan(high):
        return estimate, None
    return estimate, Interval(float(taken[int(low)]), float(taken[int(high)]))


def rate_sequence(held: int, count: int, confidence: float) -> Interval:
    """The interval of a rate that is right after every number of replicas at once.

    The rates p at which the mixture of likelihood ratios over a beta prior,
    B(k + 1/2, n - k + 1/2) / (B(1/2, 1/2) p^k (1 - p)^(n - k)), stays below 1 / (1 - confidence).
    At the true rate it is a martingale that starts at 1, and exceeds that ever with a chance of at
    most 1 - confidence (Ville).

    Args:
        held: In how many replicas it was so.
        count: Of how many.
        confidence: Above 0 and below 1.

    Raises:
        StudyError: The counts or the confidence are none.
    """
    _check(held, count, confidence)
    if count == 0:
        return Interval(0.0, 1.0)
    bound, middle = -log(1 - confidence), held / count
    low = 0.0 if held == 0 else _edge(held, count, bound, 0.0, middle)
    high = 1.0 if held == count else _edge(held, count, bound, 1.0, middle)
    return Interval(low, high)


def decide(held: int, count: int, level: float, error: float) -> Decision | None:
    """Whether a rate is above a level or below it; None if too few replicas tell.

    Args:
        held: In how many replicas it was so.
        count: Of how many, so far.
        level: Above 0 and below 1.
        error: The chance, over all numbers of replicas together, of a wrong answer.

    Raises:
        StudyError: The counts or the error are none.
    """
    _check(held, count, 1 - error)
    if count == 0 or _evidence(held, count, level) < -log(error):
        return None
    return "held" if held > level * count else "broken"


@dataclass(frozen=True, slots=True)
class Probe:
    """Where to look next."""

    faulty: int
    """The number of faulty hospitals."""


@dataclass(frozen=True, slots=True)
class Located:
    """Between which numbers of faulty hospitals a property breaks."""

    held: int | None
    """The greatest number with which it holds; None if it holds with none that was looked at."""
    broken: int | None
    """The least number with which it is broken; None if none that was looked at breaks it."""


def next_probe(known: Mapping[int, Decision], first: int, last: int) -> Probe | Located:
    """Where to look next for a threshold between two numbers, or where it is.

    Bisection assumes that what breaks with f faulty hospitals also breaks with more, and has looked
    at both sides of what it locates, or at the end of the range.

    Args:
        known: What was found so far, by number.
        first: The least number.
        last: The greatest.

    Raises:
        StudyError: What is known contradicts itself: held above broken.
    """
    bounds = bounds_of(known)
    low = first - 1 if bounds.held is None else max(bounds.held, first - 1)
    high = last + 1 if bounds.broken is None else min(bounds.broken, last + 1)
    if high - low > 1:
        return Probe((low + high) // 2)
    return bounds


def bounds_of(known: Mapping[int, Decision]) -> Located:
    """The greatest number that is known to hold, the least that is known to be broken.

    Raises:
        StudyError: The first is not below the second.
    """
    held = max((each for each, found in known.items() if found == "held"), default=None)
    broken = min((each for each, found in known.items() if found == "broken"), default=None)
    if held is not None and broken is not None and held > broken:
        raise StudyError(
            f"expected a property that, once broken, stays broken; found it broken with {broken} "
            f"faulty hospitals and held with {held}"
        )
    return Located(held, broken)


def probes_max(first: int, last: int) -> int:
    """The most probes that a bisection from first to last needs."""
    return max(1, ceil(log2(last - first + 2)))


def error_each(confidence: float, first: int, last: int) -> float:
    """What each probe may err, so that a threshold is right with a confidence (union bound)."""
    return (1 - confidence) / probes_max(first, last)


def _wilson(rate: float, count: float, confidence: float) -> Interval:
    """Wilson's interval; the count need not be whole."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = rate + z * z / (2 * count)
    spread = z * sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return Interval(max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


def _edge(held: int, count: int, bound: float, outside: float, inside: float) -> float:
    """Where the evidence against a rate reaches the bound, between two rates."""
    for _ in range(_STEPS):
        middle = (outside + inside) / 2
        if _evidence(held, count, middle) < bound:
            inside = middle
        else:
            outside = middle
    return outside


def _evidence(held: int, count: int, rate: float) -> float:
    """The logarithm of the mixture of likelihood ratios against a rate."""
    lost = count - held
    mixture = _log_beta(held + _PRIOR, lost + _PRIOR) - _log_beta(_PRIOR, _PRIOR)
    chance = (held * log(rate) if held and rate else -inf if held else 0.0) + (
        lost * log(1 - rate) if lost and rate < 1 else -inf if lost else 0.0
    )
    return mixture - chance


def _log_beta(first: float, second: float) -> float:
    return lgamma(first) + lgamma(second) - lgamma(first + second)


def _check(held: int, count: int, confidence: float) -> None:
    if not 0 < confidence < 1:
        raise StudyError(f"expected a confidence above 0 and below 1, found {confidence}")
    if not 0 <= held <= count:
        raise StudyError(f"expected from 0 to {count} replicas, found {held}")
