"""Append-only segment files: one writer, one flush per block, nothing acknowledged is lost.

A ledger directory holds ``00000000.seg``, ``00000001.seg``, …, and beside them the files named in
`_BESIDE`. The writer holds the
lock, writes a record with one call and flushes it to the disk before it returns; a torn tail that a
crash left is cut off when the ledger is opened again, anything else that is wrong is an error. The
reader never writes and never trusts an index.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from .durability import flush_directory, is_leftover, open_regular, write_all
from .errors import StoreError, Violation
from .record import HEADER_SIZE, MAGIC, check_payload, checksum, frame, read_header

SEGMENT_SIZE_MAX = 64 * 1024 * 1024
"""Bytes after which the next record starts a new segment."""
SEGMENT_COUNT_MAX = 100_000
"""Segments that one ledger may have."""

_SEARCH_SIZE_MAX = 256 * 1024 * 1024
CHECKPOINT_FILE = "checkpoint"
"""The newest signed tree head, beside the segments."""
CHECKPOINTS_FOLDER = "checkpoints"
"""Earlier signed tree heads, one file each."""
SIGN_STATE_FILE = "signstate"
"""What the owner has signed: see `ledger.signstate`."""
WITNESS_STATE_FILE = "witness"
"""Which heads of other logs the owner has cosigned."""

_SUFFIX = ".seg"
_LOCK = "lock"
_BESIDE = frozenset(
    {
        _LOCK,
        CHECKPOINT_FILE,
        CHECKPOINTS_FOLDER,
        SIGN_STATE_FILE,
        f"{SIGN_STATE_FILE}.lock",
        WITNESS_STATE_FILE,
        f"{WITNESS_STATE_FILE}.lock",
    }
)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record as it stands in a file."""

    file: Path
    """The segment."""
    offset: int
    """Where the record starts in it, in bytes."""
    payload: bytes
    """The payload, its checksum verified."""


@dataclass(frozen=True, slots=True)
class TornTail:
    """Bytes at the end of the last segment that are the beginning of a record, and no more."""

    file: Path
    """The segment."""
    offset: int
    """Where the unfinished record starts."""
    size_bytes: int
    """How many bytes of it there are."""


class ReadError(Violation):
    """A file breaks the framing. Raise as ``ReadError(code, expected, found, file, offset)``."""

    @property
    def file(self) -> Path:
        """The segment."""
        return Path(self.args[3])

    @property
    def offset(self) -> int:
        """Where in the segment, in bytes."""
        return int(self.args[4])


def segment_path(directory: Path, index: int) -> Path:
    """The file of the segment with this index, counted from 0."""
    return directory / f"{index:08d}{_SUFFIX}"


def segments(directory: Path) -> list[Path]:
    """The segment files in order.

    Raises:
        ReadError: ``SEGMENT_GAP`` or ``STRAY_FILE`` when the directory holds anything but a gapless
            sequence of segments and the files that stand beside them.
        StoreError: When the directory cannot be read.
    """
    try:
        entries = [entry for entry in directory.iterdir() if not is_leftover(entry)]
        names = sorted(entry.name for entry in entries if entry.name not in _BESIDE)
    except OSError as error:
        raise StoreError(f"cannot read the ledger {directory}: {error.strerror}") from None
    for index, name in enumerate(names):
        path = segment_path(directory, index)
        if name != path.name:
            code = "SEGMENT_GAP" if name.endswith(_SUFFIX) else "STRAY_FILE"
            raise ReadError(code, f"the segment {path.name}", name, directory / name, 0)
    return [directory / name for name in names]


def read_records(directory: Path) -> Iterator[StoredRecord | TornTail]:
    """Yield every record in order; a torn tail, if there is one, comes last.

    Memory holds one record at a time.

    Raises:
        ReadError: At the first byte that is neither a record nor the beginning of the last one.
        StoreError: When a file cannot be read.
    """
    paths = segments(directory)
    for path in paths:
        yield from read_frames(path, last=path is paths[-1])


def read_frames(path: Path, *, last: bool = True) -> Iterator[StoredRecord | TornTail]:
    """Yield the framed records of one file, whatever they are.

    Args:
        path: The file.
        last: Whether its end may be torn.

    Raises:
        ReadError: As `read_records`.
        StoreError: When it cannot be read.
    """
    try:
        with open_regular(path) as file:
            yield from _read_segment(file, path, last=last)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None


def _read_segment(file: BinaryIO, path: Path, *, last: bool) -> Iterator[StoredRecord | TornTail]:
    size = os.fstat(file.fileno()).st_size
    offset = 0
    while offset < size:
        try:
            payload = _read_payload(file, size - offset)
        except Violation as error:
            raise ReadError(error.code, error.expected, error.found, path, offset) from None
        if payload is None:
            if not last:
                expected = "a whole record at the end of a segment that is not the last"
                raise ReadError("BAD_LENGTH", expected, "a part of one", path, offset)
            yield TornTail(path, offset, size - offset)
            return
        yield StoredRecord(path, offset, payload)
        offset += HEADER_SIZE + len(payload)


def _read_payload(file: BinaryIO, available: int) -> bytes | None:
    """The payload of the next record; None when the file ends inside the record."""
    header = file.read(HEADER_SIZE)
    if len(header) < HEADER_SIZE:
        if not MAGIC.startswith(header[: len(MAGIC)]):
            raise Violation("BAD_MAGIC", f"{MAGIC!r} at the start of a record", repr(header))
        return None
    length, crc = read_header(header)
    if HEADER_SIZE + length > available:
        _check_length_field(file.read(), crc, length)
        return None
    payload = file.read(length)
    check_payload(payload, crc)
    return payload


def _check_length_field(rest: bytes, crc: int, length: int) -> None:
    """Tell a damaged length from a torn tail.

    It is damage when the checksum matches a shorter payload, or when an intact record follows: a
    crash tears only what was written last.

    Raises:
        Violation: ``BAD_LENGTH``.
    """
    end = hashed = 0
    while hashed <= _SEARCH_SIZE_MAX:
        end = rest.find(MAGIC, end + 1)
        end = len(rest) if end < 0 else end
        hashed += end + HEADER_SIZE
        if checksum(rest[:end], end) == crc or _starts_record(rest, end):
            raise Violation("BAD_LENGTH", f"a payload of {end} bytes", str(length))
        if end == len(rest):
            return


def _starts_record(data: bytes, start: int) -> bool:
    with suppress(Violation, struct.error):
        length, crc = read_header(data[start : start + HEADER_SIZE])
        begin = start + HEADER_SIZE
        check_payload(data[begin : begin + length], crc)
        return True
    return False


class LedgerWriter:
    """The one writer of a ledger directory. Use as a context manager.

    Opening takes the lock, reads every record's framing and cuts off a torn tail; ``torn`` says
    what was cut.
    """

    def __init__(self, directory: Path) -> None:
        """Open for appending; the directory is made if it does not exist.

        Raises:
            StoreError: When another writer holds it, or it cannot be written or read.
            ReadError: When it holds anything but whole records and a torn tail.
        """
        self._directory = directory
        self._segment = -1
        self._lock = -1
        self.torn: TornTail | None = None
        """The torn tail that was cut off on opening."""
        self.record_count = 0
        """Records in the ledger."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            flush_directory(directory.parent)
            self._lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._take_lock()
            self._recover()
        except OSError as error:
            self.close()
            raise _cannot_write(directory, error) from None
        except (StoreError, ReadError):
            self.close()
            raise

    def append(self, payload: bytes) -> None:
        """Write one record and return when the disk has it.

        Raises:
            StoreError: When it could not be written or flushed. The writer is then closed: whether
                the record is on the disk is known only after opening the ledger again.
        """
        record = frame(payload)
        if self._segment < 0:
            raise StoreError(f"the ledger {self._directory} is closed")
        try:
            if self._size and self._size + len(record) > SEGMENT_SIZE_MAX:
                self._roll()
            write_all(self._segment, record)
            os.fdatasync(self._segment)
        except OSError as error:
            self.close()
            raise _cannot_write(self._directory, error) from None
        self._size += len(record)
        self.record_count += 1

    def close(self) -> None:
        """Release the files and the lock; safe to call again."""
        for descriptor in (self._segment, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._segment = self._lock = -1

    def __enter__(self) -> "LedgerWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"another process writes the ledger {self._directory}") from None

    def _recover(self) -> None:
        for record in read_records(self._directory):
            if isinstance(record, TornTail):
                self.torn = record
                os.truncate(record.file, record.offset)
            else:
                self.record_count += 1
        existing = segments(self._directory)
        self._index = max(len(existing) - 1, 0)
        self._open_segment()
        if self.torn is not None:
            os.fdatasync(self._segment)

    def _roll(self) -> None:
        if self._index + 1 >= SEGMENT_COUNT_MAX:
            raise StoreError(f"the ledger {self._directory} has {SEGMENT_COUNT_MAX} segments")
        os.close(self._segment)
        self._segment = -1
        self._index += 1
        self._open_segment()

    def _open_segment(self) -> None:
        path = segment_path(self._directory, self._index)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._segment = os.open(path, flags, 0o644)
        self._size = os.fstat(self._segment).st_size
        flush_directory(self._directory)


def _cannot_write(directory: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot write the ledger {directory}: {error.strerror}")
