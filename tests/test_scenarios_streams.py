"""Random streams: the same for the same seed and labels, independent of all others."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scenarios.simulation.streams import stream, stream_seed

SEED = 8726284900245786267
DRAWN = [3024481098, 2439350292, 1590089017, 541205045]

LABELS = st.lists(st.text(max_size=8) | st.integers(0, 2**63), max_size=4)


@given(st.integers(0, 2**63 - 1), LABELS)
def test_the_same_seed_and_labels_give_the_same_stream(seed: int, labels: list[str | int]) -> None:
    first, second = stream(seed, *labels), stream(seed, *labels)
    assert first.integers(0, 2**63, 4).tolist() == second.integers(0, 2**63, 4).tolist()
    assert stream_seed(seed, *labels) == stream_seed(seed, *labels)


@given(st.integers(0, 2**63 - 1), LABELS, LABELS)
def test_other_labels_give_another_stream(
    seed: int, one: list[str | int], other: list[str | int]
) -> None:
    if one != other:
        assert stream_seed(seed, *one) != stream_seed(seed, *other)


def test_labels_are_not_joined() -> None:
    labels = [("ab", "c"), ("a", "bc"), ("abc",), ("ab", "", "c"), (1, 2), (12,), ("1", "2")]
    assert len({stream_seed(0, *each) for each in labels}) == len(labels)


def test_a_seed_is_not_a_label() -> None:
    assert stream_seed(1, 2) != stream_seed(2, 1)


def test_streams_do_not_change_between_versions() -> None:
    assert stream_seed(42, "network", "hospital-1", "hospital-2") == SEED
    assert stream(42, "network", "hospital-1", "hospital-2").integers(0, 2**32, 4).tolist() == DRAWN


@given(st.integers(0, 2**63 - 1))
def test_a_stream_seed_has_63_bits(seed: int) -> None:
    assert 0 <= stream_seed(seed, "any") < 2**63


def test_neighbouring_streams_are_not_correlated() -> None:
    draws = np.array([stream(7, "purpose", index).random(2000) for index in range(20)])
    correlation = np.corrcoef(draws) - np.eye(20)
    assert np.abs(correlation).max() < 0.1  # about 4.5 standard errors of 0.022
    assert abs(draws.mean() - 0.5) < 0.01


def test_drawing_from_one_stream_does_not_shift_another() -> None:
    alone = stream(1, "b").random(3).tolist()
    stream(1, "a").random(1000)
    assert stream(1, "b").random(3).tolist() == alone
