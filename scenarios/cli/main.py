"""Parses the command line, runs a command, and turns what went wrong into one sentence.

Exit statuses: 0 as expected or valid; 1 violated, not as expected or invalid; 2 usage, input or
output; 3 undecided or incomplete; 70 a fault of ours; 128 + n stopped by signal n, where 141 says
that nobody read on.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from io import TextIOWrapper
from types import FrameType
from typing import Never

from .voice import SIGNALS, say

USAGE_STATUS = 2
"""Something the user can mend: input, output, usage."""
FAULT_STATUS = 70
"""A fault of ours (EX_SOFTWARE): never to be taken for a verdict."""


def main() -> Never:
    """Run the command line and exit."""
    _handle(_end)
    try:
        _open_standard_streams()
        _run()
    finally:
        _handle(signal.SIG_IGN)  # what is left is the interpreter's, and short
    sys.exit(0)


def _run() -> None:
    # They load here, where a signal finds its handler.
    from consensus.errors import ConsensusError
    from crypto.errors import CryptoError
    from fl.errors import FlError
    from ledger.errors import LedgerError

    from ..errors import ScenarioError, SimulationError
    from .app import app
    from .output import OutputError, ReaderGone

    ours = (ConsensusError, CryptoError, FlError, LedgerError, ScenarioError, SimulationError)
    try:
        app(prog_name="tclearn")
    except ReaderGone:
        _drop_output()
        sys.exit(128 + signal.SIGPIPE)
    except OutputError as error:
        _drop_output()
        fail(error)
    except (*ours, OSError, MemoryError) as error:
        fail(error)
    except Exception:
        traceback.print_exc()
        say("this is a fault of tclearn; please report it with the lines above")
        sys.exit(FAULT_STATUS)


def fail(error: Exception) -> Never:
    """Say what went wrong, where, and what to do; exit with status 2."""
    say("\n".join([_sentence(error), *getattr(error, "__notes__", [])]))
    sys.exit(USAGE_STATUS)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        what = error.strerror or str(error)
        return what if error.filename is None else f"{error.filename}: {what}"
    if isinstance(error, MemoryError):
        return "out of memory; take fewer hospitals, a smaller model or a smaller data file"
    return str(error)


def _handle(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in SIGNALS:
        signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> Never:
    """End; whoever asks once more does not wait until everything is tidied up."""
    _handle(_end_now)
    say("interrupted")
    sys.exit(128 + number)


def _end_now(number: int, _: FrameType | None) -> Never:
    os._exit(128 + number)


def _open_standard_streams() -> None:
    """Open what the caller closed, lest a ledger file gets the number of stdout or stderr."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 (open until the end)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 (open until the end)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A file name may hold what the terminal's encoding does not.
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Keep the interpreter from flushing, on exit, what nobody takes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
