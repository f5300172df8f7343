"""What a node has signed, on the disk before anybody sees it: no crash makes it contradict itself.

`SignState` guards statements: of each kind one in a slot, and asked again it gives the signature
given before. `WitnessState` guards checkpoint cosignatures: a log only grows. Both are a file of
framed records (`ledger.record`), written before a signature is released and read before the next.

    first record     {format, count}: how many records were written together with it
    of a SignState   {floor} | {slot, kind, preimage, signature}
    of a witness     {origin, size, root}

A torn tail is a signature that was never released, and is dropped. Everything else that is wrong
is an error: a damaged guard must not sign. Opening writes the file anew, because after a flush that
failed the system may still read back what the disk does not have. What the guard cannot see is a
file that was deleted or put back from a copy: then `SignState.forget_before` the height of the own
ledger is the least that must be done before signing. Source: docs/ledger-format.md.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from crypto.digest import Digest, digest
from crypto.encoding import Value, decode, encode
from crypto.errors import EncodingError

from . import schema
from .durability import flush_directory, replace_file, write_all
from .errors import LedgerError, StoreError, Violation
from .record import HEADER_SIZE, MAGIC, check_payload, checksum, frame, read_header

ENTRY_SIZE_MAX = 16 * 1024
"""Bytes in the payload of one record of a guard."""
ENTRY_COUNT_MAX = 10_000
"""Statements, or origins, that a guard holds; slots that are decided are to be forgotten."""
STALE_COUNT_MAX = 1000
"""Records of no more use that a file may hold before it is written anew."""
FILE_SIZE_MAX = 128 * 1024 * 1024
"""Bytes; more than the counts above allow."""

_PREIMAGE_LABEL = "tclearn/signstate/v1"
_SIGN_FORMAT = "tclearn/signstate/v1"
_WITNESS_FORMAT = "tclearn/witness/v1"
_LOCK = ".lock"
_MODE = 0o600


class ConflictError(LedgerError):
    """The node was asked to sign what contradicts, or may contradict, what it signed before."""


class _Guard:
    """What both guards share: they hold a file until they are closed."""

    _journal: "_Journal"

    def close(self) -> None:
        """Release the file and the lock; safe to call again."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class SignState(_Guard):
    """The sign-state guard of one node. Use as a context manager; there is one at a time.

    After any error but `ConflictError` while writing, it is closed: what the disk holds is known
    only after opening it again.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """Open the file and read it; it is made if it does not exist.

        Args:
            path: The file; beside it stand its lock and, while it is replaced, its new content.
            durable: Whether each record is flushed to the disk. A simulation that is not killed
                may do without.

        Raises:
            StoreError: When another guard holds it, it is damaged, or it cannot be written.
        """
        self._signed: dict[tuple[int, str], _Signature] = {}
        self._floor = 0
        self._journal = _Journal(path, _SIGN_FORMAT, durable=durable)
        with self._journal.changing():
            self._journal.replay(self._restore)
            self._journal.rewrite(self._records())

    @property
    def floor(self) -> int:
        """The least slot in which this node may still sign."""
        return self._floor

    def release(self, slot: int, kind: str, preimage: bytes, sign: Callable[[], bytes]) -> bytes:
        """The signature of a statement: the stored one, or a new one that is on the disk by now.

        Args:
            slot: The slot of the statement.
            kind: What is unique in a slot: ``proposal``, ``verdict``, ``vote``, ``update``.
            preimage: The bytes that the signature covers.
            sign: Makes the signature; called only if there is none.

        Raises:
            ConflictError: When the node signed another statement of this kind in this slot, or has
                forgotten the slot.
            StoreError: When the signature could not be put on the disk; it is then not released.
            Violation: ``BAD_SCHEMA`` when the slot, the kind or the signature breaks a limit.
        """
        self._journal.check_open()
        key = (schema.integer(slot, "slot"), schema.text(kind, "kind"))
        name = digest(_PREIMAGE_LABEL, preimage)
        if slot < self._floor:
            raise ConflictError(
                f"expected a slot of at least {self._floor}, found a {kind} of slot {slot}: "
                "what was signed there is forgotten"
            )
        known = self._signed.get(key)
        if known is not None:
            if known.preimage != name:
                raise ConflictError(
                    f"expected the {kind} that was signed in slot {slot} "
                    f"({known.preimage.hex()}), found another ({name.hex()})"
                )
            return known.signature
        _check_room(self._signed)
        made = _Signature(name, schema.signature(sign(), f"the signature of a {kind}"))
        with self._journal.changing():
            self._journal.append(_signature_value(key, made))
            self._signed[key] = made
        return made.signature

    def forget_before(self, slot: int) -> None:
        """Never sign again in slots below this one, and drop what was signed there.

        Raises:
            StoreError: When it could not be put on the disk.
        """
        self._journal.check_open()
        if schema.integer(slot, "slot") <= self._floor:
            return
        with self._journal.changing():
            self._journal.append({"floor": slot})
            self._raise_floor(slot)
            self._journal.shrink(len(self._signed) + 1, self._records)

    def _raise_floor(self, slot: int) -> None:
        self._floor = slot
        self._signed = {key: each for key, each in self._signed.items() if key[0] >= slot}

    def _records(self) -> Iterator[Value]:
        yield {"floor": self._floor}
        for key, each in self._signed.items():
            yield _signature_value(key, each)

    def _restore(self, value: Any) -> None:
        """Take in a stored record, which is one that this class would have written."""
        if type(value) is dict and "floor" in value:
            (floor,) = schema.fields(value, "a floor", "floor")
            self._raise_floor(schema.integer(floor, "a floor", least=self._floor))
            return
        slot, kind, preimage, signature = schema.fields(
            value, "a signed statement", "slot", "kind", "preimage", "signature"
        )
        key = (schema.integer(slot, "slot", least=self._floor), schema.text(kind, "kind"))
        if key in self._signed:
            raise Violation("SIGNED_TWICE", f"one {kind} in slot {slot}", "a second")
        self._signed[key] = _Signature(
            schema.digest32(preimage, "preimage"), schema.signature(signature, "signature")
        )


class WitnessState(_Guard):
    """What a witness has cosigned: the size and root it last saw of each log.

    As `SignState`, it is closed by any error while writing.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """Open the file and read it; see `SignState`.

        Raises:
            StoreError: When another guard holds it, it is damaged, or it cannot be written.
        """
        self._seen: dict[str, tuple[int, Digest]] = {}
        self._journal = _Journal(path, _WITNESS_FORMAT, durable=durable)
        with self._journal.changing():
            self._journal.replay(self._restore)
            self._journal.rewrite(self._records())

    def latest(self, origin: str) -> tuple[int, Digest] | None:
        """The size and root last cosigned for a log: where a proof of consistency must begin."""
        return self._seen.get(origin)

    def advance(self, origin: str, size: int, root: Digest) -> None:
        """Note a checkpoint before its cosignature is released.

        The caller has checked that it is consistent with `latest`; this refuses what no proof can
        make right. The same checkpoint again is fine.

        Raises:
            ConflictError: When the log got smaller, or has another root at the same size.
            StoreError: When it could not be put on the disk; the cosignature is not to be released.
            Violation: ``BAD_SCHEMA`` when the origin, the size or the root breaks a limit.
        """
        self._journal.check_open()
        _read_checkpoint(_checkpoint_value(origin, size, root))
        known = self._seen.get(origin)
        if known == (size, root):
            return
        if known is None:
            _check_room(self._seen)
        elif size <= known[0]:
            raise ConflictError(
                f"expected more than {known[0]} entries of {origin}, or root {known[1].hex()}; "
                f"found {size} entries and root {root.hex()}"
            )
        with self._journal.changing():
            self._journal.append(_checkpoint_value(origin, size, root))
            self._seen[origin] = (size, root)
            self._journal.shrink(len(self._seen), self._records)

    def _records(self) -> Iterator[Value]:
        for origin, (size, root) in self._seen.items():
            yield _checkpoint_value(origin, size, root)

    def _restore(self, value: Any) -> None:
        origin, size, root = _read_checkpoint(value)
        known = self._seen.get(origin)
        if known is not None and size <= known[0]:
            raise Violation("SIGNED_TWICE", f"more than {known[0]} entries of {origin}", f"{size}")
        self._seen[origin] = (size, root)


@dataclass(frozen=True, slots=True)
class _Signature:
    """A signature with what it covers."""

    preimage: Digest
    """Digest of the bytes that were signed."""
    signature: bytes
    """The signature."""


class _Journal:
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


def _signature_value(key: tuple[int, str], each: _Signature) -> Value:
    slot, kind = key
    return {"slot": slot, "kind": kind, "preimage": each.preimage, "signature": each.signature}


def _checkpoint_value(origin: str, size: int, root: Digest) -> Value:
    return {"origin": origin, "size": size, "root": root}


def _read_checkpoint(value: Any) -> tuple[str, int, Digest]:
    origin, size, root = schema.fields(value, "a checkpoint", "origin", "size", "root")
    return (
        schema.text(origin, "origin"),
        schema.integer(size, "size"),
        schema.digest32(root, "root"),
    )


def _check_room(entries: dict[Any, Any]) -> None:
    if len(entries) >= ENTRY_COUNT_MAX:
        raise StoreError(f"the guard holds {ENTRY_COUNT_MAX} entries: forget slots that are over")
