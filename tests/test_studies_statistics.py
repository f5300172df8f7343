"""Intervals against published values, scipy and exact sums; bisection against every truth."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from math import comb, inf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scenarios.studies.errors import StudyError
from scenarios.studies.statistics import (
    Decision,
    Interval,
    Located,
    Probe,
    RateMethod,
    bounds_of,
    clustered_interval,
    decide,
    error_each,
    mean_interval,
    next_probe,
    probes_max,
    quantile_interval,
    rate_interval,
    rate_sequence,
)

# Rates


@pytest.mark.parametrize(
    ("held", "count", "method", "low", "high"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I.
        (81, 263, "wilson", 0.2553, 0.3662),
        (15, 148, "wilson", 0.0624, 0.1605),
        (0, 20, "wilson", 0.0, 0.1611),
        (1, 29, "wilson", 0.0061, 0.1718),
        (81, 263, "clopper-pearson", 0.2527, 0.3676),
        (15, 148, "clopper-pearson", 0.0578, 0.1617),
        (0, 20, "clopper-pearson", 0.0, 0.1684),
        (1, 29, "clopper-pearson", 0.0009, 0.1776),
    ],
)
def test_intervals_of_rates_are_the_published_ones(
    held: int, count: int, method: RateMethod, low: float, high: float
) -> None:
    found = rate_interval(held, count, 0.95, method)
    assert found.low == pytest.approx(low, abs=5.1e-5)
    assert found.high == pytest.approx(high, abs=5.1e-5)


def coverage(rate: float, count: int, interval: Callable[[int], Interval]) -> float:
    """The exact chance that an interval contains the rate."""
    return sum(
        float(stats.binom.pmf(held, count, rate))
        for held in range(count + 1)
        if interval(held).low <= rate <= interval(held).high
    )


@pytest.mark.parametrize("count", [1, 5, 20, 40])
def test_clopper_pearson_covers_every_rate_as_often_as_it_says(count: int) -> None:
    found = [rate_interval(held, count, 0.9, "clopper-pearson") for held in range(count + 1)]
    for rate in np.linspace(0.005, 0.995, 67):
        assert coverage(float(rate), count, found.__getitem__) >= 0.9


def test_nothing_is_known_of_no_replicas() -> None:
    assert rate_interval(0, 0, 0.95) == rate_sequence(0, 0, 0.95) == Interval(0.0, 1.0)
    assert clustered_interval([], [], 0.95) == clustered_interval([0], [0], 0.95)
    assert decide(0, 0, 0.5, 0.05) is None


@pytest.mark.parametrize(("held", "count"), [(-1, 3), (4, 3), (1, 0)])
def test_counts_that_are_none_are_refused(held: int, count: int) -> None:
    for call in (rate_interval, rate_sequence):
        with pytest.raises(StudyError, match="replicas"):
            call(held, count, 0.95)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, 2.0])
def test_a_confidence_is_between_0_and_1(confidence: float) -> None:
    with pytest.raises(StudyError, match="confidence"):
        rate_interval(1, 2, confidence)
    with pytest.raises(StudyError, match="confidence"):
        mean_interval([1.0, 2.0], confidence)


# Clusters


def test_clusters_of_one_rate_are_independent_cases() -> None:
    found, expected = clustered_interval([6, 6, 3], [10, 10, 5], 0.95), rate_interval(15, 25, 0.95)
    assert found.low == pytest.approx(expected.low)
    assert found.high == pytest.approx(expected.high)


def test_clusters_that_speak_with_one_voice_count_once() -> None:
    voices = [1, 1, 0, 1, 0, 1, 1, 1, 0, 1] * 4
    once = rate_interval(sum(voices), len(voices), 0.95)
    found = clustered_interval([16 * each for each in voices], [16] * len(voices), 0.95)
    assert found.low == pytest.approx(once.low, abs=0.005)
    assert found.high == pytest.approx(once.high, abs=0.005)


def test_a_rate_without_spread_is_as_sure_as_the_number_of_clusters() -> None:
    expected = rate_interval(20, 20, 0.95)
    found = clustered_interval([50] * 20, [50] * 20, 0.95)
    assert found.low == pytest.approx(expected.low)
    assert found.high == pytest.approx(expected.high)


def test_clusters_without_cases_tell_nothing() -> None:
    assert clustered_interval([2, 0, 3], [4, 0, 4], 0.9) == clustered_interval([2, 3], [4, 4], 0.9)


def test_the_interval_over_clusters_covers_the_rate_about_as_often_as_it_says() -> None:
    """Clusters of 8 that all say the same: exact over the number that says yes."""
    clusters, size, rate = 40, 8, 0.7
    covered = coverage(
        rate,
        clusters,
        lambda held: clustered_interval(
            [size] * held + [0] * (clusters - held), [size] * clusters, 0.95
        ),
    )
    assert covered >= 0.93
    naive = coverage(rate, clusters, lambda held: rate_interval(size * held, size * clusters, 0.95))
    assert naive < 0.7


# Means and quantiles


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.sampled_from([0.8, 0.95]))
@settings(deadline=None)
def test_the_interval_of_a_mean_is_students(values: list[float], confidence: float) -> None:
    found = mean_interval(values, confidence)
    assert found is not None
    assert found.low <= found.high
    if np.std(values) > 1e-3:
        error = stats.sem(values)
        low, high = stats.t.interval(confidence, len(values) - 1, np.mean(values), error)
        assert found.low == pytest.approx(low, rel=1e-6, abs=1e-6)
        assert found.high == pytest.approx(high, rel=1e-6, abs=1e-6)


def test_means_without_spread_or_with_one_value() -> None:
    assert mean_interval([], 0.95) is None
    assert mean_interval([3.0], 0.95) is None
    assert mean_interval([3, 3, 3], 0.95) == Interval(3.0, 3.0)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("count", [1, 2, 5, 10, 40, 100, 200])
def test_the_interval_of_a_quantile_covers_it_as_often_as_it_says(
    quantile: float, count: int
) -> None:
    """The chance that order statistics i and j enclose the quantile is a binomial sum."""
    estimate, interval = quantile_interval(list(range(count)), quantile, 0.9)
    assert estimate is not None
    assert sum(value <= estimate for value in range(count)) >= quantile * count - 1e-9
    assert sum(value < estimate for value in range(count)) < quantile * count
    if interval is None:
        assert max(quantile**count, (1 - quantile) ** count) > 0.05  # one end is out of reach
        return
    low, high = int(interval.low), int(interval.high)
    below = [comb(count, k) * quantile**k * (1 - quantile) ** (count - k) for k in range(count + 1)]
    # At least low + 1 values are below the quantile, and at most high.
    assert sum(below[low + 1 : high + 1]) >= 0.9


def test_what_never_came_counts_as_longer_than_anything() -> None:
    values = [5.0, inf, 3.0, inf, 4.0, inf, 1.0, inf, 2.0, inf]
    estimate, interval = quantile_interval(values, 0.5, 0.9)
    assert estimate == 5.0
    assert interval is not None
    assert interval.high == inf
    assert quantile_interval([], 0.5, 0.9) == (None, None)
    with pytest.raises(StudyError, match="quantile"):
        quantile_interval([1.0], 1.0, 0.9)


# Sequences


def ever(rate: float, last: int, wrong: Callable[[int, int], bool]) -> float:
    """The exact chance that something is ever wrong of (held, count), up to a count."""
    alive, gone = {0: 1.0}, 0.0
    wrong = cache(wrong)
    for count in range(1, last + 1):
        after: dict[int, float] = {}
        for held, chance in alive.items():
            for more, part in ((1, rate), (0, 1 - rate)):
                after[held + more] = after.get(held + more, 0.0) + chance * part
        gone += sum(chance for held, chance in after.items() if wrong(held, count))
        alive = {held: chance for held, chance in after.items() if not wrong(held, count)}
    return gone


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_a_sequence_ever_misses_the_rate_less_often_than_it_says(
    rate: float, confidence: float
) -> None:
    def misses(held: int, count: int) -> bool:
        found = rate_sequence(held, count, confidence)
        return not found.low <= rate <= found.high

    missed = ever(rate, 80, misses)
    assert missed <= 1 - confidence
    if rate == 0.5:  # and a fixed interval misses more often than it says, looked at so often

        def misses_fixed(held: int, count: int) -> bool:
            z = 1.2816 if confidence == 0.8 else 1.96
            return abs(held - rate * count) > z * sqrt(rate * (1 - rate) * count)

        assert ever(rate, 80, misses_fixed) > 2 * (1 - confidence)


@pytest.mark.parametrize("rate", [0.1, 0.45, 0.5])
def test_a_decision_is_wrong_less_often_than_its_error(rate: float) -> None:
    def wrong(held: int, count: int) -> bool:
        return decide(held, count, 0.5, 0.05) == "held"

    assert ever(rate, 150, wrong) <= 0.05


@given(st.integers(1, 400), st.data(), st.floats(0.02, 0.98), st.floats(0.001, 0.3))
@settings(deadline=None)
def test_a_decision_is_what_the_sequence_says(
    count: int, data: st.DataObject, level: float, error: float
) -> None:
    held = data.draw(st.integers(0, count))
    interval = rate_sequence(held, count, 1 - error)
    expected = "held" if interval.low > level else "broken" if interval.high < level else None
    if min(abs(interval.low - level), abs(interval.high - level)) > 1e-9:
        assert decide(held, count, level, error) == expected


@given(st.integers(1, 200), st.data())
@settings(deadline=None)
def test_a_sequence_contains_what_was_seen_and_is_alike_from_both_sides(
    count: int, data: st.DataObject
) -> None:
    held = data.draw(st.integers(0, count))
    found, other = rate_sequence(held, count, 0.95), rate_sequence(count - held, count, 0.95)
    assert found.low <= held / count <= found.high
    assert found.low == pytest.approx(1 - other.high, abs=1e-12)
    assert found.width > rate_interval(held, count, 0.95).width - 1e-9 or held in (0, count)


def test_few_replicas_settle_what_is_always_so() -> None:
    error = error_each(0.95, 0, 63)
    needed = next(count for count in range(1, 50) if decide(count, count, 0.5, error))
    assert needed <= 12
    assert decide(0, needed, 0.5, error) == "broken"


# Bisection


def located(first: int, last: int, answer: Callable[[int], Decision]) -> tuple[Located, int]:
    known: dict[int, Decision] = {}
    while True:
        found = next_probe(known, first, last)
        if isinstance(found, Located):
            return found, len(known)
        assert first <= found.faulty <= last
        assert found.faulty not in known
        known[found.faulty] = answer(found.faulty)


@given(st.integers(0, 40), st.integers(0, 80), st.data())
@settings(deadline=None)
def test_bisection_finds_every_threshold(first: int, length: int, data: st.DataObject) -> None:
    last = first + length
    broken = data.draw(st.integers(first, last + 1))
    found, probes = located(first, last, lambda f: "held" if f < broken else "broken")
    assert found == Located(
        broken - 1 if broken > first else None, broken if broken <= last else None
    )
    assert probes <= probes_max(first, last)


@given(st.integers(0, 40), st.integers(0, 80), st.data())
@settings(deadline=None)
def test_bisection_ends_whatever_it_is_told(first: int, length: int, data: st.DataObject) -> None:
    last = first + length
    answers = data.draw(st.lists(st.booleans(), min_size=length + 1, max_size=length + 1))
    found, probes = located(first, last, lambda f: "held" if answers[f - first] else "broken")
    assert probes <= probes_max(first, last)
    held = first - 1 if found.held is None else found.held
    assert (last + 1 if found.broken is None else found.broken) == held + 1


@pytest.mark.parametrize("last", [0, 1, 3, 6, 15])
def test_noisy_probes_locate_the_threshold_with_the_confidence_stated(last: int) -> None:
    """Exact over all ways in which the probes can err."""
    error = error_each(0.9, 0, last)
    for broken in range(last + 2):
        right = 0.0
        for errs in product((False, True), repeat=probes_max(0, last)):
            turns = iter(errs)

            def answer(f: int, broken: int = broken, turns: Iterator[bool] = turns) -> Decision:
                return "held" if (f < broken) != next(turns) else "broken"

            found, probes = located(0, last, answer)
            if any(errs[probes:]):
                continue  # the same case as without
            chance = 1.0
            for err in errs[:probes]:
                chance *= error if err else 1 - error
            right += chance * (found.broken == (broken if broken <= last else None))
        assert right >= 0.9


def test_a_property_that_recovers_is_refused() -> None:
    with pytest.raises(StudyError, match="once broken, stays broken"):
        next_probe({3: "broken", 5: "held"}, 0, 9)
    assert bounds_of({3: "held", 5: "broken"}) == Located(3, 5)
    assert next_probe({3: "held", 5: "broken"}, 0, 9) == Probe(4)
    assert bounds_of({}) == Located(None, None)
