"""Two traces line by line: the first line in which they differ, if any does."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from ledger.errors import StoreError

LINE_SIZE_MAX = 2**20
"""The longest line that is compared as a whole, in bytes."""


@dataclass(frozen=True, slots=True)
class Parting:
    """Where two traces part."""

    line: int
    """Number of the line, from 1."""
    recorded: str | None
    """What stands there in the run; None where its trace has ended."""
    replayed: str | None
    """What stands there in the replay; None where its trace has ended."""


@dataclass(frozen=True, slots=True)
class TraceComparison:
    """What comparing two traces gave."""

    line_count: int
    """Lines that are the same, from the first on."""
    parting: Parting | None
    """Where they part; None where they do not."""
    recorded: str
    """SHA-256 of the recorded trace, in hexadecimal."""


def compare_traces(recorded: Path, replayed: Path, *, whole: bool) -> TraceComparison:
    """Compare a recorded trace with that of its replay.

    Args:
        recorded: The trace of the run; a line without an end, cut off by a kill, does not count.
        replayed: That of the replay.
        whole: Whether both must end together; else only what both have is compared.

    Raises:
        StoreError: When one cannot be read.
    """
    digest = hashlib.sha256()
    count, parting, comparing = 0, None, True
    for ours, theirs in zip_longest(_lines(replayed), _lines(recorded)):
        digest.update(theirs or b"")
        if not comparing:
            continue
        if ours == theirs:
            count += 1
            continue
        comparing = False
        ended = ours is None or theirs is None or not theirs.endswith(b"\n")
        if whole or not ended:
            parting = Parting(count + 1, _shown(theirs), _shown(ours))
    return TraceComparison(count, parting, digest.hexdigest())


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as lines:
            while line := lines.readline(LINE_SIZE_MAX):
                yield line
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None


def _shown(line: bytes | None) -> str | None:
    return None if line is None else line.decode(errors="backslashreplace").rstrip("\n")
