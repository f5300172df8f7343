"""The directory of one study: what is computed stays, and two processes never write it at once.

    study.json  study.yaml  cells/<id>.jsonl  parts/<id>.jsonl  results.json  lock

A cell is done when its file is there: it is written as a whole or not at all. What is computed of
an unfinished cell is appended to its part; a line that a kill cut off is dropped. The bytes of a
cell depend on the study and on versions only. ``study.json`` alone knows when and how.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from ledger.durability import replace_file
from ledger.errors import StoreError

from .cell import encoded, replica_seed
from .errors import StudyError
from .plan import Cell

SUMMARY_FILE: Final = "study.json"
"""What the study says of itself while it runs and afterwards."""
STUDY_FILE: Final = "study.yaml"
"""The effective study, every default spelled out."""
RESULTS_FILE: Final = "results.json"
"""What came out."""
CELLS_FOLDER: Final = "cells"
"""A file for each cell that is done."""
PARTS_FOLDER: Final = "parts"
"""What is done of the others."""
LOCK_FILE: Final = "lock"
"""Held by the process that writes."""
CELL_SIZE_MAX: Final = 2**30
"""The largest file of a cell, in bytes."""
SUMMARY_SIZE_MAX: Final = 2**26
"""The largest summary or results, in bytes."""
DEFAULT_COUNT_MAX: Final = 10_000
"""Studies of one name that get a directory of their own below the default folder."""

_REMEDY: Final = "give another directory with --out"


class StudyDirectory:
    """Paths of a study, and what is in them; made by one of the functions below."""

    def __init__(self, path: Path) -> None:
        self.path = path
        """The study."""
        self.cells = path / CELLS_FOLDER
        """Cells that are done."""
        self.parts = path / PARTS_FOLDER
        """Cells that are not."""
        self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def take(self) -> None:
        """Make the directory if it is not there, and hold it against other processes.

        Raises:
            StoreError: Another process holds it, or it cannot be made.
        """
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
            self.parts.mkdir(exist_ok=True)
            file = self.path / LOCK_FILE
            self._lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise StoreError(
                f"{self.path} is being written by another process; wait for it, or {_REMEDY}"
            ) from None
        except OSError as error:
            self.release()
            raise cannot_write(self.path, error) from None

    def release(self) -> None:
        """Let other processes write it; safe to call again."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def write(self, name: str, content: bytes) -> None:
        """Replace a file.

        Raises:
            StoreError: It cannot be written.
        """
        try:
            replace_file(self.path / name, content)
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def summary(self) -> dict[str, Any] | None:
        """What the study says of itself; None if it is none.

        Raises:
            StoreError: It cannot be read.
        """
        return read_json(self.path / SUMMARY_FILE)

    def finish(self, cell: Cell, identity: str, lines: Sequence[bytes]) -> None:
        """Write a cell that is done; its part is not needed any more.

        Raises:
            StoreError: It cannot be written.
        """
        self.write(f"{CELLS_FOLDER}/{cell.id}.jsonl", header(cell, identity) + b"".join(lines))
        with suppress(OSError):
            self._part(cell).unlink(missing_ok=True)

    def keep(self, cell: Cell, identity: str, lines: Sequence[bytes]) -> None:
        """Add replicas to the part of a cell that is not done.

        Raises:
            StoreError: They cannot be written.
        """
        path = self._part(cell)
        try:
            with path.open("ab") as file:
                first = b"" if file.tell() else header(cell, identity)
                file.write(first + b"".join(lines))
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def done(self, cell: Cell, identity: str) -> tuple[bytes, ...] | None:
        """The lines of a cell that is done; None if it is not.

        Raises:
            StoreError: Its file is damaged.
        """
        path = self.cells / f"{cell.id}.jsonl"
        data = _read(path)
        if data is None:
            return None
        first, *lines = data.splitlines(keepends=True) or [b""]
        sound = first == header(cell, identity)
        if not sound or not all(_is_replica(cell, at, line) for at, line in enumerate(lines)):
            raise StoreError(f"{path} is damaged; remove it, and --resume computes it again")
        return tuple(lines)

    def part(self, cell: Cell, identity: str) -> dict[int, bytes]:
        """What is there of a cell that is not done: lines by replica.

        A part is rewritten without what was cut off, so that nothing is appended to half a line.

        Raises:
            StoreError: It cannot be read or rewritten.
        """
        path = self._part(cell)
        data = _read(path)
        if data is None:
            return {}
        first, *rest = data.splitlines(keepends=True) or [b""]
        found: dict[int, bytes] = {}
        if first == header(cell, identity):
            for line in rest:
                index = _index(line)
                if index is not None and _is_replica(cell, index, line):
                    found[index] = line
        whole = header(cell, identity) + b"".join(found.values())
        if whole != data:
            self.write(f"{PARTS_FOLDER}/{path.name}", whole)
        return found

    def tidy(self) -> None:
        """Remove the folder of parts if nothing is in it."""
        with suppress(OSError):
            self.parts.rmdir()

    def _part(self, cell: Cell) -> Path:
        return self.parts / f"{cell.id}.jsonl"


def header(cell: Cell, identity: str) -> bytes:
    """Return the first line of a cell's file."""
    return encoded(
        {
            "cell": cell.id,
            "axes": dict(cell.axes),
            "fidelity": cell.task.fidelity,
            "identity": identity,
        }
    )


def new_directory(out: Path | None, parent: Path, study: str) -> StudyDirectory:
    """Make a directory for a study, and hold it: ``out``, or its name with the next number.

    Raises:
        StoreError: There is something in it already, or it cannot be made.
    """
    if out is not None:
        directory = StudyDirectory(out)
        _check_free(out)
        directory.take()
        return directory
    for number in range(1, DEFAULT_COUNT_MAX + 1):
        path = parent / _numbered(study, number)
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue  # another study's, perhaps one that started a moment ago
        except OSError as error:
            raise cannot_write(path, error) from None
        directory = StudyDirectory(path)
        directory.take()
        return directory
    raise StoreError(f"{parent} holds {DEFAULT_COUNT_MAX} studies {study}; {_REMEDY}")


def existing(out: Path | None, parent: Path, study: str) -> Iterator[StudyDirectory]:
    """Yield the directories that a study may be resumed in, the newest number first."""
    if out is not None:
        yield StudyDirectory(out)
        return
    last = 0
    while last < DEFAULT_COUNT_MAX and (parent / _numbered(study, last + 1)).exists():
        last += 1
    for number in range(last, 0, -1):
        yield StudyDirectory(parent / _numbered(study, number))


def read_json(path: Path) -> dict[str, Any] | None:
    """Return an object from a file; None if there is no such file.

    Raises:
        StoreError: It cannot be read, or is none.
    """
    data = _read(path, SUMMARY_SIZE_MAX)
    if data is None:
        return None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise StoreError(f"{path} is damaged: it is no JSON object")
    return found


def as_json(value: Mapping[str, Any]) -> bytes:
    """Return an object as a file for people, too."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()


def cannot_write(path: Path, error: OSError) -> StoreError:
    """Return the error of a directory that cannot be written."""
    return StoreError(f"cannot write the study {path}: {error.strerror}; {_REMEDY}")


def _numbered(study: str, number: int) -> str:
    return study if number == 1 else f"{study}-{number}"


def _check_free(path: Path) -> None:
    try:
        found = next(path.iterdir(), None) if path.exists() else None
    except OSError as error:
        raise cannot_write(path, error) from None
    if found is None:
        return
    if (path / SUMMARY_FILE).exists():
        raise StudyError(f"{path} holds a study; go on with it by --resume, or {_REMEDY}")
    raise StudyError(f"{path} holds other files ({found.name}); {_REMEDY}")


def _read(path: Path, size_max: int = CELL_SIZE_MAX) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(size_max + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > size_max:
        raise StoreError(f"{path}: expected at most {size_max} bytes, found more")
    return data


def _index(line: bytes) -> int | None:
    row = _row(line)
    index = None if row is None else row.get("replica")
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def _is_replica(cell: Cell, index: int, line: bytes) -> bool:
    row = _row(line)
    if row is None or index < 0 or row.get("replica") != index:
        return False
    return row.get("seed") == replica_seed(cell.task.seed, index)


def _row(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
