"""What a node has signed, on the disk before anybody sees it: no crash makes it contradict itself.

`SignState` guards what a node signs for a slot: of a consensus protocol, statements that never
contradict each other (`consensus.forensics`); of anything else one of each kind. Asked again it
gives the signature given before, and after a crash it knows what was said. `WitnessState` guards
checkpoint cosignatures: a log only grows. Both are a file of framed records (`ledger.record`),
written before a signature is released and read before the next.

    of a SignState   {floor} | {slot, kind, preimage, signature} | {statement, preimage, signature}
    of a witness     {origin, size, root}

A damaged guard must not sign: opening it fails (`ledger.journal`). What the guard cannot see is a
file that was deleted or put back from a copy: then `SignState.forget_before` the height of the own
ledger is the least that must be done before signing. Source: docs/ledger-format.md.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from consensus.forensics import contradiction
from consensus.statements import Statement, kind_of
from crypto.digest import Digest, digest
from crypto.encoding import Value

from . import schema
from .errors import LedgerError, StoreError, Violation
from .journal import Journal
from .statement import check_recordable, read_statement, statement_value

ENTRY_COUNT_MAX = 10_000
"""Statements, or origins, that a guard holds; slots that are decided are to be forgotten."""

_PREIMAGE_LABEL = "tclearn/signstate/v1"
_SIGN_FORMAT = "tclearn/signstate/v1"
_WITNESS_FORMAT = "tclearn/witness/v1"


class ConflictError(LedgerError):
    """The node was asked to sign what contradicts, or may contradict, what it signed before."""


class _Guard:
    """What both guards share: they hold a file until they are closed."""

    _journal: "Journal"

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
        self._said: dict[int, dict[Digest, _Said]] = {}
        self._floor = 0
        self._journal = Journal(path, _SIGN_FORMAT, durable=durable)
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
            kind: What is unique in a slot, such as ``update``.
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
        self._check_floor(slot, kind)
        known = self._signed.get(key)
        if known is not None:
            if known.preimage != name:
                raise ConflictError(
                    f"expected the {kind} that was signed in slot {slot} "
                    f"({known.preimage.hex()}), found another ({name.hex()})"
                )
            return known.signature
        self._check_room()
        made = _Signature(name, schema.signature(sign(), f"the signature of a {kind}"))
        with self._journal.changing():
            self._journal.append(_signature_value(key, made))
            self._signed[key] = made
        return made.signature

    def release_statement(
        self, statement: Statement, preimage: bytes, sign: Callable[[], bytes]
    ) -> bytes:
        """The signature of a statement: the stored one, or a new one that is on the disk by now.

        Args:
            statement: What the node says.
            preimage: The bytes that the signature covers.
            sign: Makes the signature; called only if there is none.

        Raises:
            ConflictError: When it contradicts what the node said in the slot before, or the node
                has forgotten the slot.
            StoreError: When the signature could not be put on the disk; it is then not released.
            Violation: ``BAD_SCHEMA`` when the statement or the signature breaks a limit.
        """
        self._journal.check_open()
        check_recordable(statement)
        slot, kind = statement.slot, kind_of(statement)
        name = digest(_PREIMAGE_LABEL, preimage)
        self._check_floor(slot, kind)
        said = self._said.setdefault(slot, {})
        known = said.get(name)
        if known is not None:
            return known.signature
        for each in said.values():
            why = _against(each.statement, statement)
            if why is not None:
                raise ConflictError(
                    f"expected no {kind} in slot {slot} against what was signed there, found one: "
                    f"{why}"
                )
        self._check_room()
        made = _Said(statement, schema.signature(sign(), f"the signature of a {kind}"))
        with self._journal.changing():
            self._journal.append(_said_value(name, made))
            said[name] = made
        return made.signature

    def said(self, slot: int) -> Sequence[tuple[Statement, bytes]]:
        """What this node said in a slot, in that order, with the signatures."""
        return [(each.statement, each.signature) for each in self._said.get(slot, {}).values()]

    def _check_floor(self, slot: int, kind: str) -> None:
        if slot < self._floor:
            raise ConflictError(
                f"expected a slot of at least {self._floor}, found a {kind} of slot {slot}: "
                "what was signed there is forgotten"
            )

    def _check_room(self) -> None:
        _check_room(self._count())

    def _count(self) -> int:
        return len(self._signed) + sum(map(len, self._said.values()))

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
            self._journal.shrink(self._count() + 1, self._records)

    def _raise_floor(self, slot: int) -> None:
        self._floor = slot
        self._signed = {key: each for key, each in self._signed.items() if key[0] >= slot}
        self._said = {when: said for when, said in self._said.items() if when >= slot}

    def _records(self) -> Iterator[Value]:
        yield {"floor": self._floor}
        for key, each in self._signed.items():
            yield _signature_value(key, each)
        for said in self._said.values():
            for name, statement in said.items():
                yield _said_value(name, statement)

    def _restore(self, value: Any) -> None:
        """Take in a stored record, which is one that this class would have written."""
        if type(value) is dict and "floor" in value:
            (floor,) = schema.fields(value, "a floor", "floor")
            self._raise_floor(schema.integer(floor, "a floor", least=self._floor))
            return
        if type(value) is dict and "statement" in value:
            self._restore_statement(value)
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

    def _restore_statement(self, value: Any) -> None:
        said, preimage, signature = schema.fields(
            value, "a signed statement", "statement", "preimage", "signature"
        )
        statement = read_statement(said)
        schema.integer(statement.slot, "slot", least=self._floor)
        name = schema.digest32(preimage, "preimage")
        slot = self._said.setdefault(statement.slot, {})
        for each in slot.values():
            why = _against(each.statement, statement)
            if why is not None:
                raise Violation("SIGNED_TWICE", f"no contradicting {kind_of(statement)}", why)
        slot[name] = _Said(statement, schema.signature(signature, "signature"))


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
        self._journal = Journal(path, _WITNESS_FORMAT, durable=durable)
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
            _check_room(len(self._seen))
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


@dataclass(frozen=True, slots=True)
class _Said:
    """A statement with its signature."""

    statement: Statement
    """What was said."""
    signature: bytes
    """The signature."""


def _against(said: Statement, statement: Statement) -> str | None:
    """Why nothing more may be signed after what was said: it contradicts it, or is it again."""
    return "the same one twice" if said == statement else contradiction(said, statement)


def _signature_value(key: tuple[int, str], each: _Signature) -> Value:
    slot, kind = key
    return {"slot": slot, "kind": kind, "preimage": each.preimage, "signature": each.signature}


def _said_value(preimage: Digest, said: _Said) -> Value:
    statement = statement_value(said.statement)
    return {"statement": statement, "preimage": preimage, "signature": said.signature}


def _checkpoint_value(origin: str, size: int, root: Digest) -> Value:
    return {"origin": origin, "size": size, "root": root}


def _read_checkpoint(value: Any) -> tuple[str, int, Digest]:
    origin, size, root = schema.fields(value, "a checkpoint", "origin", "size", "root")
    return (
        schema.text(origin, "origin"),
        schema.integer(size, "size"),
        schema.digest32(root, "root"),
    )


def _check_room(count: int) -> None:
    if count >= ENTRY_COUNT_MAX:
        raise StoreError(f"the guard holds {ENTRY_COUNT_MAX} entries: forget slots that are over")
