"""A data set divided over hospitals: the global set G, and each hospital's training set and L.

Sources: features A6 (silos), A15 (G is the same for all, L is a hospital's own). Dirichlet split:
Hsu, Qi and Brown, "Measuring the effects of non-identical data distribution for federated visual
classification", 2019, here per class over hospitals.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .dataset import Dataset, Features, Samples, breast_cancer, samples_digest
from .errors import DataError, SpecError
from .table import from_csv

__all__ = [
    "Cohort",
    "Dataset",
    "Dirichlet",
    "Iid",
    "Partition",
    "Samples",
    "Share",
    "breast_cancer",
    "from_csv",
    "samples_digest",
    "split",
]

SAMPLES_MIN = 10
LOCAL_SAMPLES_MIN = 5
ALPHA_MIN = 0.001
ALPHA_MAX = 1_000_000.0
HOSPITAL_COUNT_MAX = 10_000
DRAWS_MAX = 1_000
_MILLION = 1_000_000

_Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Iid:
    """Every hospital draws from the same distribution; parts differ in size by at most one."""


@dataclass(frozen=True, slots=True)
class Dirichlet:
    """Each class is divided over the hospitals in proportions drawn from Dirichlet(alpha)."""

    alpha: float
    """Concentration: 0.1 is strongly skewed, 100 nearly even."""


Partition = Iid | Dirichlet


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What one hospital holds and shows to nobody."""

    train: Samples
    """The samples it learns from."""
    local: Samples
    """L: the samples it judges candidates on, never trained on."""


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """A data set after its split, standardised with the mean and deviation of G."""

    dataset: str
    """The name of the data set."""
    class_names: tuple[str, ...]
    """One name per class index."""
    global_set: Samples
    """G: held by all, trained on by nobody."""
    shares: tuple[Share, ...]
    """One per hospital."""


def split(
    dataset: Dataset,
    hospital_count: int,
    partition: Partition,
    *,
    global_ppm: int,
    local_ppm: int,
    seed: int,
) -> Cohort:
    """Divide a data set over hospitals; every row lands in exactly one set.

    G is drawn first, so it depends on neither the partition nor the number of hospitals.

    Args:
        dataset: The samples, as measured.
        hospital_count: How many shares to make.
        partition: How the rows outside G fall to the hospitals.
        global_ppm: Millionths of the rows that go to G, in the proportions of the classes.
        local_ppm: Millionths of a hospital's rows that go to its L (at least `LOCAL_SAMPLES_MIN`
            rows), in the proportions of its classes as far as whole rows allow.
        seed: The only randomness.

    Raises:
        SpecError: An argument is outside its range.
        DataError: The rows do not suffice, or no draw gave each hospital `SAMPLES_MIN` rows.
    """
    _check(hospital_count, partition, global_ppm, local_ppm)
    generator = np.random.Generator(np.random.PCG64(seed))
    samples = dataset.samples
    everything = np.arange(len(samples), dtype=np.int64)
    global_count = len(samples) * global_ppm // _MILLION
    in_global, rest = _stratified(samples, everything, global_count, generator)
    for index, name in enumerate(dataset.class_names):
        if not np.any(samples.labels[in_global] == index):
            raise DataError(
                f"{dataset.name}: a global set of {global_count} rows holds none of class {name!r};"
                f" raise global_ppm ({global_ppm}) or drop the class"
            )
    if len(rest) < hospital_count * SAMPLES_MIN:
        raise DataError(
            f"{dataset.name}: {len(rest)} rows outside G are fewer than {SAMPLES_MIN} for each of "
            f"{hospital_count} hospitals; lower hospital_count or global_ppm ({global_ppm})"
        )
    parts = _parts(dataset, rest, hospital_count, partition, generator)
    cuts = []
    for part in parts:
        local_count = max(LOCAL_SAMPLES_MIN, len(part) * local_ppm // _MILLION)
        cuts.append(_stratified(samples, part, local_count, generator))
    features = _standardised(dataset, in_global)

    def take(rows: _Indices) -> Samples:
        return Samples(features[rows], samples.labels[rows])

    shares = tuple(Share(train=take(train), local=take(local)) for local, train in cuts)
    return Cohort(dataset.name, dataset.class_names, take(in_global), shares)


def _check(hospital_count: int, partition: Partition, global_ppm: int, local_ppm: int) -> None:
    if not 1 <= hospital_count <= HOSPITAL_COUNT_MAX:
        raise SpecError(f"hospital_count is 1 to {HOSPITAL_COUNT_MAX}, not {hospital_count}")
    for name, value in (("global_ppm", global_ppm), ("local_ppm", local_ppm)):
        # At most nine tenths: a hospital of SAMPLES_MIN rows keeps one to train on.
        if not 1 <= value <= 900_000:
            raise SpecError(f"{name} is 1 to 900000 millionths, not {value}")
    if isinstance(partition, Dirichlet) and not ALPHA_MIN <= partition.alpha <= ALPHA_MAX:
        raise SpecError(f"alpha is {ALPHA_MIN} to {ALPHA_MAX}, not {partition.alpha}")


def _parts(
    dataset: Dataset,
    rows: _Indices,
    hospital_count: int,
    partition: Partition,
    generator: np.random.Generator,
) -> list[_Indices]:
    """Divide rows over the hospitals, at least `SAMPLES_MIN` to each."""
    match partition:
        case Iid():
            return np.array_split(generator.permutation(rows), hospital_count)
        case Dirichlet(alpha):
            for _ in range(DRAWS_MAX):
                parts = _dirichlet(dataset.samples, rows, hospital_count, alpha, generator)
                if min(len(part) for part in parts) >= SAMPLES_MIN:
                    return parts
            raise DataError(
                f"{dataset.name}: {DRAWS_MAX} draws of Dirichlet({alpha}) never gave each of "
                f"{hospital_count} hospitals {SAMPLES_MIN} of {len(rows)} rows; "
                f"raise alpha or lower hospital_count"
            )


def _dirichlet(
    samples: Samples,
    rows: _Indices,
    hospital_count: int,
    alpha: float,
    generator: np.random.Generator,
) -> list[_Indices]:
    """Draw one Dirichlet partition of rows, class by class."""
    pieces: list[list[_Indices]] = [[] for _ in range(hospital_count)]
    labels = samples.labels[rows]
    for label in np.unique(labels):
        of_class = generator.permutation(rows[labels == label])
        proportions = generator.dirichlet(np.full(hospital_count, alpha))
        cuts = np.floor(np.cumsum(proportions[:-1]) * len(of_class)).astype(np.int64)
        for piece, chunk in zip(pieces, np.split(of_class, cuts), strict=True):
            piece.append(chunk)
    return [np.concatenate(piece) for piece in pieces]


def _stratified(
    samples: Samples, rows: _Indices, count: int, generator: np.random.Generator
) -> tuple[_Indices, _Indices]:
    """Draw `count` rows in the proportions of their classes; return the drawn and the others.

    Both come back in the order of the data set, so that a set of rows has one digest.
    """
    labels = samples.labels[rows]
    classes, sizes = np.unique(labels, return_counts=True)
    # Largest remainders, in integers: quotas sum to `count` and never exceed a class.
    quotas, remainders = np.divmod(sizes * count, len(rows))
    order = np.argsort(-remainders, kind="stable")
    quotas[order[: count - int(quotas.sum())]] += 1
    drawn = [
        generator.permutation(rows[labels == label])[:quota]
        for label, quota in zip(classes, quotas, strict=True)
    ]
    chosen = np.sort(np.concatenate(drawn))
    return chosen, np.setdiff1d(rows, chosen)


def _standardised(dataset: Dataset, in_global: _Indices) -> Features:
    """Return all features scaled by the mean and deviation of G, which everybody knows.

    Scaling by a hospital's own data would publish its mean and deviation through the model.
    """
    features = dataset.samples.features.astype(np.float64)
    known = features[in_global]
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    # A constant column: compare values, for the computed deviation may be a rounding error.
    deviation[known.min(axis=0) == known.max(axis=0)] = 1.0
    with np.errstate(over="ignore"):
        scaled: Features = ((features - mean) / deviation).astype(np.float32)
    outside = ~np.isfinite(scaled).all(axis=0)
    if outside.any():
        name = dataset.feature_names[int(np.argmax(outside))]
        raise DataError(
            f"{dataset.name}: column {name!r} varies so much less in G than outside it that "
            f"scaling overflows; remove the outlier or the column"
        )
    return scaled
