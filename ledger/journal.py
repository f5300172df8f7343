"""The file of a guard: framed records, read as a whole, appended to, and replaced as a whole.

    first record     {format, count}: how many records were written together with it

A torn tail is a record that was never acknowledged, and is dropped. Everything else that is wrong
is an error. Opening writes the file anew, because after a flush that failed the system may still
read back what the disk does not have. Source: docs/ledger-format.md.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crypto.encoding import Value, decode, encode
from crypto.errors import EncodingError

from . import schema
from .durability import flush_directory, replace_file, write_all
from .errors import StoreError, Violation
from .record import HEADER_SIZE, MAGIC, check_payload, checksum, frame, read_header

ENTRY_SIZE_MAX = 128 * 1024
"""Bytes in the payload of one record of a guard: the longest statement and its signature fit."""
STALE_COUNT_MAX = 1000
"""Records of no more use that a file may hold before it is written anew."""
FILE_SIZE_MAX = 128 * 1024 * 1024
"""Bytes; more than a guard's entries allow."""

_LOCK = ".lock"
_MODE = 0o600


class Journal:
    """The file of a guard: read as a whole, appended to, and replaced as a whole."""

    def __init__(self, path: Path, format_name: str, *, durable: bool) -> None:
        self._path = path
        self._format = format_name
        self._durable = durable
        self._file = self._lock = -1
        self._count = 0
        with self.changing():
            path.parent.mkdir(parents=True, exist_ok=True)
            flush_directory(path.parent.parent)
            # The lock is a file of its own: the guarded one is replaced while it is held.
            lock = path.with_name(path.name + _LOCK)
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(f"another process signs with the guard {path}") from None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Close the file unless what is done inside goes through as a whole.

        An interrupt counts: between the disk and the memory of this object there is then no telling
        which of them has the change.
        """
        try:
            yield
        except OSError as error:
            self.close()
            raise StoreError(
                f"cannot use the guard {self._path}: {error.strerror}; no signature was released"
            ) from None
        except BaseException:
            self.close()
            raise

    def check_open(self) -> None:
        """Raise `StoreError` when the file is closed."""
        if self._file < 0:
            raise StoreError(f"the guard {self._path} is closed")

    def replay(self, restore: Callable[[Value], None]) -> None:
        """Give every stored record to ``restore``, in order.

        Raises:
            StoreError: Naming the first byte that is wrong.
        """
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            data = file.read(FILE_SIZE_MAX + 1)
        offset, found, expected = 0, 0, 1
        try:
            _check_size(data)
            while (payload := _read_payload(data, offset)) is not None:
                value = _decode(payload)
                if found == 0:
                    expected = _read_head(value, self._format)
                else:
                    restore(value)
                offset += HEADER_SIZE + len(payload)
                found += 1
            _check_count(found, expected)
        except Violation as violation:
            raise StoreError(
                f"the guard {self._path} is damaged at byte {offset}: {violation}; nothing may be "
                "signed with this key until the file is restored as it was"
            ) from None

    def append(self, value: Value) -> None:
        """Write one record and return when the disk has it."""
        write_all(self._file, frame(encode(value)))
        if self._durable:
            os.fdatasync(self._file)
        self._count += 1

    def shrink(self, needed: int, records: Callable[[], Iterable[Value]]) -> None:
        """Write the file anew if it holds too many records beside the ones that are needed."""
        if self._count - needed > STALE_COUNT_MAX:
            self.rewrite(records())

    def rewrite(self, records: Iterable[Value]) -> None:
        """Replace the file by one that holds these records."""
        framed = [frame(encode(each)) for each in records]
        head: Value = {"format": self._format, "count": 1 + len(framed)}
        replace_file(self._path, b"".join([frame(encode(head)), *framed]), mode=_MODE)
        old = self._file
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        if old >= 0:
            os.close(old)
        self._count = len(framed)

    def close(self) -> None:
        """Release the file and the lock."""
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1


def _check_size(data: bytes) -> None:
    if len(data) > FILE_SIZE_MAX:
        raise Violation("BAD_LENGTH", f"a file of at most {FILE_SIZE_MAX} bytes", "more")


def _check_count(found: int, expected: int) -> None:
    """What was written as a whole is there as a whole: only what was appended can be torn."""
    if found < expected:
        raise Violation("BAD_COUNT", f"at least {expected} records", str(found))


def _read_payload(data: bytes, offset: int) -> bytes | None:
    """The payload of the record at an offset; None when the data ends there or inside the record.

    A crash tears only what was written last. So a length is damaged, and the tail not torn, when
    the bytes that are there fit the checksum, or when another record begins among them; a signature
    that was released must not be cut off with it.
    """
    start = offset + HEADER_SIZE
    header = data[offset:start]
    if len(header) < HEADER_SIZE:
        if not MAGIC.startswith(header[: len(MAGIC)]):
            raise Violation("BAD_MAGIC", f"{MAGIC!r} at the start of a record", repr(header))
        return None
    length, crc = read_header(header)
    payload = data[start : start + length]
    if length > ENTRY_SIZE_MAX:
        raise Violation("BAD_LENGTH", f"a payload of at most {ENTRY_SIZE_MAX} bytes", str(length))
    if len(payload) < length:
        if MAGIC in payload or checksum(payload, len(payload)) == crc:
            raise Violation("BAD_LENGTH", "the length of the payload that follows", str(length))
        return None
    check_payload(payload, crc)
    return payload


def _decode(payload: bytes) -> Value:
    try:
        return decode(payload, size_max=ENTRY_SIZE_MAX)
    except EncodingError as error:
        raise Violation("BAD_ENCODING", "the strict encoding", str(error)) from None


def _read_head(value: Any, expected: str) -> int:
    """How many records were written together with the first, itself included."""
    format_name, count = schema.fields(value, "the first record", "format", "count")
    if format_name != expected:
        raise Violation("BAD_FORMAT", f"a guard of format {expected}", repr(format_name)[:80])
    return schema.integer(count, "the count of records", least=1)
