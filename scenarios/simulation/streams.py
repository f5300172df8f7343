"""Random streams derived from one seed by labels, one for each purpose.

A stream depends on the seed and its labels only, never on which streams were made before: one more
hospital or fault does not shift the chance of the others.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.random.bit_generator import ISeedSequence

from crypto.digest import Digest, digest

_LABEL: Final = "tclearn/stream/v1"


class _Words(ISeedSequence):
    """Gives the words of a digest as they are: numpy's own mixing costs ten times the generator."""

    def __init__(self, words: Digest) -> None:
        self._words = words

    def generate_state(
        self, n_words: int, dtype: npt.DTypeLike = np.uint64
    ) -> npt.NDArray[np.uint64 | Any]:
        """Return the first words: PCG64 asks for four of 64 bits, which is the whole digest."""
        words = np.frombuffer(self._words, "<u8", n_words)
        return words.astype(dtype, copy=False)


def stream(seed: int, *labels: str | int) -> np.random.Generator:
    """Return the generator of a purpose: ``stream(seed, "network", sender, receiver)``."""
    words = _Words(_derive(seed, labels))
    return np.random.Generator(
        np.random.PCG64(words)  # type: ignore[arg-type]  # any ISeedSequence; the stub forgets it
    )


def stream_seed(seed: int, *labels: str | int) -> int:
    """Return a 63-bit seed for a purpose, for libraries that have generators of their own."""
    return int.from_bytes(_derive(seed, labels)[:8]) >> 1


def _derive(seed: int, labels: tuple[str | int, ...]) -> Digest:
    # The encoding under the digest is injective: ("ab", "c"), ("a", "bc") and (1,), ("1",) differ.
    return digest(_LABEL, [seed, *labels])
