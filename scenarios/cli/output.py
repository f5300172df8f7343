"""How the commands speak: one JSON object on stdout for machines, rich text for people."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console
from rich.markup import escape

DIGEST_CHARACTERS = 16
"""Characters of a digest that tables show; ``--json`` has all."""

WIDTH_MIN = 40
"""Characters of the narrowest table; in less, rich drops words."""


class OutputError(Exception):
    """What a command says cannot be written."""


class ReaderGone(Exception):  # noqa: N818 (a wish of the reader, not a failure)
    """Whoever read what a command says has seen enough."""


class _Voice(Console):
    """A console whose results must arrive, and whose progress need not."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as a console does.

        Raises:
            OutputError: When stdout cannot be written.
            ReaderGone: When nobody reads it.
        """
        with suppress(OSError) if self.stderr else stdout_written():
            super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """Let ``print`` say so; rich would exit with a status of its own."""
        raise  # the error that rich is handling as it calls this


def console(*, error: bool = False) -> Console:
    """A console for people: stdout for results, stderr for progress."""
    voice = _Voice(stderr=error, highlight=False, soft_wrap=True)
    voice.width = max(voice.width, WIDTH_MIN)
    return voice


def write_json(value: Any) -> None:
    """Print one JSON object on stdout."""
    write_text(json.dumps(value, indent=2) + "\n")


def write_text(text: str) -> None:
    """Print a text on stdout.

    Raises:
        OutputError: When stdout cannot be written.
        ReaderGone: When nobody reads it.
    """
    with stdout_written():
        sys.stdout.write(text)


@contextmanager
def stdout_written() -> Iterator[None]:
    """Flush what is written to stdout meanwhile, and say it if that does not work.

    Raises:
        OutputError: When it cannot be written.
        ReaderGone: When nobody reads it.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGone("nobody reads stdout any more") from None
    except OSError as error:
        raise OutputError(f"cannot write to stdout: {error.strerror}") from None


@contextmanager
def stdout_reserved(reserved: bool) -> Iterator[None]:
    """Send what libraries print meanwhile, those in C too, to stderr."""
    if not reserved:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def quoted(text: str) -> str:
    """A text of somebody else for a console: nothing in it moves a cursor or is markup."""
    plain = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    return escape(plain)


def percent(millionths: int | None) -> str:
    """A score as people read it."""
    return "-" if millionths is None else f"{millionths / 10_000:.1f} %"


def seconds(time_us: int) -> str:
    """A simulated time as people read it."""
    return f"{time_us / 1_000_000:.2f} s"
