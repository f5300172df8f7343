"""Labelled samples, scikit-learn's WDBC, and the commitment to samples.

Nothing here scales or splits the data: `fl.cohort` does. CSV files are read in `fl.table`.

Source: features A8 (learning sets are blocks of data, committed to before use). WDBC: Street,
Wolberg and Mangasarian, "Nuclear feature extraction for breast tumor diagnosis", 1993.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crypto.digest import Digest, digest, sha256

from .errors import DataError

Features = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Rows of features with a class each; the arrays are seen through read-only views."""

    features: Features
    """float32[n, d]."""
    labels: Labels
    """int64[n], a class index from 0."""

    def __post_init__(self) -> None:
        features, labels = self.features.view(), self.labels.view()
        if features.dtype != np.float32 or labels.dtype != np.int64:
            raise DataError(
                f"samples are float32 features and int64 labels, "
                f"not {features.dtype} and {labels.dtype}"
            )
        if features.ndim != 2 or labels.shape != features.shape[:1]:
            raise DataError(
                f"samples are features [n, d] and labels [n], "
                f"not {list(features.shape)} and {list(labels.shape)}"
            )
        features.setflags(write=False)
        labels.setflags(write=False)
        object.__setattr__(self, "features", features)
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Samples as they were measured, with the names of their columns and classes."""

    name: str
    """Where the samples come from: a data set's name or a file's."""
    samples: Samples
    """All rows, in the order of the source."""
    feature_names: tuple[str, ...]
    """One name per feature column."""
    class_names: tuple[str, ...]
    """One name per class index."""


def breast_cancer() -> Dataset:
    """Return WDBC, 569 rows of 30 features, with 1 = malignant.

    scikit-learn codes malignant as 0; the codes are swapped so that the positive class is disease.
    """
    from sklearn.datasets import load_breast_cancer  # two seconds to import: only when asked for

    source = load_breast_cancer()
    samples = Samples(source.data.astype(np.float32), (1 - source.target).astype(np.int64))
    names = tuple(str(name) for name in source.feature_names)
    return Dataset("breast-cancer", samples, names, ("benign", "malignant"))


def samples_digest(samples: Samples) -> Digest:
    """Return the commitment to samples: types, shapes and little-endian bytes, in row order."""
    features = np.ascontiguousarray(samples.features, dtype="<f4")
    labels = np.ascontiguousarray(samples.labels, dtype="<i8")
    return digest(
        "tclearn/samples/v1",
        {
            "features": ["F32", list(features.shape), sha256(features.tobytes())],
            "labels": ["I64", list(labels.shape), sha256(labels.tobytes())],
        },
    )
