"""What the program says when it is asked to end; loads nothing, so that it can always be said."""

import os
import signal
from contextlib import suppress

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What asks the program to end."""


def say(message: str) -> None:
    """Write to stderr, past every buffer: a signal may have come while one is in use."""
    lines = "".join(f"tclearn: {line}\n" for line in message.splitlines())
    with suppress(OSError):
        os.write(2, lines.encode(errors="backslashreplace"))
