"""The trace of a run: one JSON line per event, and a digest over all of them.

Two runs of one scenario, seed and set of versions give the same bytes. A trace therefore names
digests and never signatures, which are randomised.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from consensus.statements import Proposal, Statement, Verdict, Vote, statement_body
from crypto.digest import Digest
from crypto.encoding import Value
from ledger.errors import StoreError

DIGEST_CHARACTERS = 16
"""Characters of a digest that a trace line shows."""

Word = str | int | bool | None
Hear = Callable[[int, str, str, Mapping[str, Word]], None]
"""Told of a line: time, event, instance, and the rest."""


class Trace:
    """Writes trace lines to a file; use as a context manager."""

    def __init__(self, path: Path, hear: Hear | None = None) -> None:
        """Start a trace.

        Args:
            path: A new file.
            hear: Told of every line, too.

        Raises:
            StoreError: When the file cannot be written.
        """
        self._path = path
        self._hear = hear
        self._state = hashlib.sha256()
        self.event_count = 0
        """Lines written."""
        try:
            self._file = path.open("xb")
        except OSError as error:
            raise StoreError(f"cannot write the trace {path}: {error.strerror}") from None

    def add(self, time_us: int, event: str, instance: str, **words: Word) -> None:
        """Write one event that happened at ``instance``.

        Raises:
            StoreError: When the file cannot be written.
        """
        line = json.dumps({"time_us": time_us, "event": event, "at": instance, **words}) + "\n"
        data = line.encode()
        self._state.update(data)
        self.event_count += 1
        try:
            self._file.write(data)
        except OSError as error:
            raise StoreError(f"cannot write the trace {self._path}: {error.strerror}") from None
        if self._hear is not None:
            self._hear(time_us, event, instance, words)

    def digest(self) -> Digest:
        """SHA-256 over all lines so far: the SHA-256 of the file once it is closed."""
        return Digest(self._state.digest())

    def close(self) -> None:
        """Write what is left.

        Raises:
            StoreError: When it cannot be written.
        """
        try:
            self._file.close()
        except OSError as error:
            raise StoreError(f"cannot write the trace {self._path}: {error.strerror}") from None

    def __enter__(self) -> "Trace":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def words_of(statement: Statement) -> dict[str, Word]:
    """What a trace line shows of a statement, digests by their beginnings."""
    match statement:
        case Proposal():
            return {"candidate": short(statement.candidate)}
        case Verdict():
            words: dict[str, Word] = {"accept": statement.accept, "reason": statement.reason}
            return words | dict(statement.scores)
        case Vote():
            return {"value": short(statement.value)}
        case _:
            return {"says": _in_short(statement_body(statement)[1:])}


def _in_short(said: Value) -> str:
    match said:
        case bytes():
            return short(Digest(said))
        case list():
            return f"[{' '.join(map(_in_short, said))}]"
        case _:
            return str(said)


def short(digest: Digest) -> str:
    """The beginning of a digest, as traces and tables show it."""
    return digest.hex()[:DIGEST_CHARACTERS]
