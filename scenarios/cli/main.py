"""Parses the command line, runs a command, and turns what went wrong into one sentence.

Exit statuses: 0 as expected or valid; 1 violated, not as expected or invalid; 2 usage, input or
output; 3 undecided or incomplete; 128 + n stopped by signal n.
"""

import os
import signal
import sys
from types import FrameType
from typing import Never

from consensus.errors import ConsensusError
from crypto.errors import CryptoError
from fl.errors import FlError
from ledger.errors import LedgerError

from ..errors import ScenarioError, SimulationError
from .app import app

USAGE_STATUS = 2
"""Something the user can mend: input, output, usage."""

_OURS = (ConsensusError, CryptoError, FlError, LedgerError, ScenarioError, SimulationError)


def main() -> Never:
    """Run the command line and exit."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    try:
        app(prog_name="tclearn")
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep the interpreter from flushing to nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (*_OURS, OSError) as error:
        fail(str(error))
    sys.exit(0)


def fail(message: str) -> Never:
    """Say what went wrong, where, and what to do; exit with status 2."""
    for line in message.splitlines():
        print(f"tclearn: {line}", file=sys.stderr)  # noqa: T201 (the command's voice)
    sys.exit(USAGE_STATUS)


def _interrupted(number: int, _: FrameType | None) -> Never:
    print("tclearn: interrupted", file=sys.stderr)  # noqa: T201 (the command's voice)
    sys.exit(128 + number)
