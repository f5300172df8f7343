"""The split of a data set over hospitals: nothing lost, nothing twice, nothing leaked."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.cohort import (
    LOCAL_SAMPLES_MIN,
    SAMPLES_MIN,
    Cohort,
    Dataset,
    Dirichlet,
    Iid,
    Partition,
    Samples,
    breast_cancer,
    samples_digest,
    split,
)
from fl.errors import DataError, SpecError

PARTITIONS = (Iid(), Dirichlet(0.5))


def numbered(row_count: int, class_count: int = 2) -> Dataset:
    """A data set whose first feature is the number of the row, so that rows can be told apart."""
    numbers = np.arange(row_count)
    features = np.stack([numbers, numbers % 7], axis=1).astype(np.float32)
    names = tuple(f"class {index}" for index in range(class_count))
    return Dataset("numbered", Samples(features, numbers % class_count), ("number", "x"), names)


def sets(cohort: Cohort) -> list[Samples]:
    return [cohort.global_set, *(half for s in cohort.shares for half in (s.train, s.local))]


def wdbc(partition: Partition, hospital_count: int = 5, seed: int = 1) -> Cohort:
    return split(
        breast_cancer(), hospital_count, partition, global_ppm=200_000, local_ppm=250_000, seed=seed
    )


@settings(deadline=None)
@given(
    row_count=st.integers(20, 400),
    class_count=st.integers(2, 4),
    hospital_count=st.integers(1, 12),
    alpha=st.none() | st.floats(0.001, 1e6),
    global_ppm=st.integers(1, 900_000),
    local_ppm=st.integers(1, 900_000),
    seed=st.integers(0, 2**63 - 1),
)
def test_every_row_lands_in_exactly_one_set_or_the_error_says_which_numbers_to_change(
    row_count: int,
    class_count: int,
    hospital_count: int,
    alpha: float | None,
    global_ppm: int,
    local_ppm: int,
    seed: int,
) -> None:
    dataset = numbered(row_count, class_count)
    partition = Iid() if alpha is None else Dirichlet(alpha)
    cohort: Cohort | DataError
    try:
        cohort = split(
            dataset,
            hospital_count,
            partition,
            global_ppm=global_ppm,
            local_ppm=local_ppm,
            seed=seed,
        )
    except DataError as error:
        cohort = error
    if isinstance(cohort, DataError):
        assert "hospital_count" in str(cohort) or "global_ppm" in str(cohort)
        return
    # Scaling keeps the order of the first feature, so sorting by it gives the rows back in order.
    numbers = np.concatenate([part.features[:, 0] for part in sets(cohort)])
    labels = np.concatenate([part.labels for part in sets(cohort)])
    assert len(np.unique(numbers)) == row_count
    assert labels[np.argsort(numbers)].tolist() == dataset.samples.labels.tolist()
    assert len(cohort.shares) == hospital_count
    for share in cohort.shares:
        assert len(share.train) >= 1
        assert len(share.local) >= LOCAL_SAMPLES_MIN
        assert len(share.train) + len(share.local) >= SAMPLES_MIN


@pytest.mark.parametrize("partition", PARTITIONS)
def test_features_are_standardised_by_the_mean_and_deviation_of_g(partition: Partition) -> None:
    cohort = wdbc(partition)
    assert cohort.global_set.features.dtype == np.float32
    assert np.allclose(cohort.global_set.features.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(cohort.global_set.features.std(axis=0), 1, atol=1e-5)
    local = cohort.shares[0].local.features
    assert not np.allclose(local.mean(axis=0), 0, atol=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-30, 3e38])
def test_a_column_that_is_constant_in_g_is_centred_and_not_divided(value: float) -> None:
    dataset = numbered(100)
    features = dataset.samples.features.copy()
    features[:, 1] = value
    constant = Dataset("c", Samples(features, dataset.samples.labels), ("n", "c"), ("a", "b"))
    cohort = split(constant, 2, Iid(), global_ppm=200_000, local_ppm=250_000, seed=1)
    for part in sets(cohort):
        assert np.all(np.abs(part.features[:, 1]) <= abs(value) * 1e-6)


def test_a_column_whose_scaling_overflows_is_named() -> None:
    dataset = numbered(100)
    cohort = split(dataset, 2, Iid(), global_ppm=200_000, local_ppm=250_000, seed=1)
    inside = set(cohort.global_set.features[:, 0].tolist())
    ordered = np.sort(np.concatenate([part.features[:, 0] for part in sets(cohort)]))
    outside = next(row for row, value in enumerate(ordered.tolist()) if value not in inside)
    features = dataset.samples.features.copy()
    features[:, 1] *= np.float32(1e-10)
    features[outside, 1] = 3e38
    extreme = Dataset("e", Samples(features, dataset.samples.labels), ("n", "dose"), ("a", "b"))
    with pytest.raises(DataError, match="column 'dose' varies so much less in G"):
        split(extreme, 2, Iid(), global_ppm=200_000, local_ppm=250_000, seed=1)


def test_g_has_the_proportions_of_the_classes() -> None:
    cohort = wdbc(Iid())
    assert len(cohort.global_set) == 113
    # 212 of 569 rows are malignant: 42.1 of 113.
    assert int(cohort.global_set.labels.sum()) == 42


def test_g_depends_on_neither_the_partition_nor_the_number_of_hospitals() -> None:
    digests = {
        samples_digest(wdbc(partition, hospital_count).global_set)
        for partition in PARTITIONS
        for hospital_count in (2, 5, 9)
    }
    assert len(digests) == 1


def test_iid_shares_differ_in_size_by_at_most_one_row() -> None:
    sizes = {len(share.train) + len(share.local) for share in wdbc(Iid(), 7).shares}
    assert max(sizes) - min(sizes) <= 1


def test_l_has_the_proportions_of_the_hospitals_classes_as_far_as_rows_allow() -> None:
    for share in wdbc(Dirichlet(0.5)).shares:
        held = np.concatenate([share.train.labels, share.local.labels])
        exact = held.mean() * len(share.local)
        assert abs(int(share.local.labels.sum()) - exact) <= 1


def test_a_smaller_alpha_gives_more_skewed_hospitals() -> None:
    def skew(alpha: float) -> float:
        spreads = []
        for seed in range(10):
            cohort = wdbc(Dirichlet(alpha), seed=seed)
            spreads.append(np.std([share.train.labels.mean() for share in cohort.shares]))
        return float(np.mean(spreads))

    assert skew(0.3) > skew(3.0) > skew(300.0)


def test_the_seed_alone_decides_the_split() -> None:
    one, two, other = (wdbc(Dirichlet(0.5), seed=seed) for seed in (7, 7, 8))
    digests = [[samples_digest(part) for part in sets(cohort)] for cohort in (one, two, other)]
    assert digests[0] == digests[1]
    assert all(a != b for a, b in zip(digests[0], digests[2], strict=True))


def test_a_split_is_the_same_in_every_process_and_needs_no_torch() -> None:
    program = (
        "import sys, fl.cohort as c\n"
        "cohort = c.split(c.breast_cancer(), 5, c.Dirichlet(0.5),"
        " global_ppm=200_000, local_ppm=250_000, seed=3)\n"
        "print(*(c.samples_digest(s.train).hex() for s in cohort.shares))\n"
        "assert 'torch' not in sys.modules\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    expected = " ".join(
        samples_digest(share.train).hex() for share in wdbc(Dirichlet(0.5), seed=3).shares
    )
    assert outputs == {expected + "\n"}


def test_too_many_hospitals_are_refused_with_the_numbers_to_change() -> None:
    with pytest.raises(DataError, match=r"456 rows .* 10 for each of 46 hospitals; lower hospital"):
        wdbc(Iid(), 46)


def test_a_hopeless_dirichlet_draw_is_given_up_at_the_limit() -> None:
    with pytest.raises(DataError, match=r"1000 draws .* raise alpha or lower hospital_count"):
        wdbc(Dirichlet(0.001), 30)


def test_a_g_without_one_of_the_classes_is_refused() -> None:
    with pytest.raises(DataError, match=r"holds none of class 'class 0'; raise global_ppm \(1\)"):
        split(numbered(100), 2, Iid(), global_ppm=1, local_ppm=250_000, seed=1)


@pytest.mark.parametrize(
    ("hospital_count", "partition", "global_ppm", "local_ppm", "problem"),
    [
        (0, Iid(), 200_000, 250_000, "hospital_count is 1 to 10000, not 0"),
        (5, Iid(), 0, 250_000, "global_ppm is 1 to 900000 millionths, not 0"),
        (5, Iid(), 200_000, 900_001, "local_ppm is 1 to 900000 millionths, not 900001"),
        (5, Dirichlet(0.0), 200_000, 250_000, r"alpha is 0\.001 to 1000000\.0, not 0\.0"),
        (5, Dirichlet(float("nan")), 200_000, 250_000, "alpha is .* not nan"),
    ],
)
def test_numbers_outside_their_range_are_refused(
    hospital_count: int, partition: Partition, global_ppm: int, local_ppm: int, problem: str
) -> None:
    with pytest.raises(SpecError, match=problem):
        split(
            numbered(100),
            hospital_count,
            partition,
            global_ppm=global_ppm,
            local_ppm=local_ppm,
            seed=1,
        )
