"""What can go wrong in ``scenarios``, sorted by whose fault it is.

Every exception keeps the default ``__init__``, so that simpy can raise it again by its arguments.
"""

from typing import Final

SHOWN_MAX: Final = 80
"""The most characters of what was found that a message shows."""


def shown(text: str) -> str:
    """Return what was found as a message shows it: on one line, printable, cut to a length."""
    escaped = text if text.isprintable() else repr(text)[1:-1]
    return escaped if len(escaped) <= SHOWN_MAX else escaped[: SHOWN_MAX - 1] + "…"


class ScenarioError(Exception):
    """A scenario cannot be used.

    One sentence for each fault: the file and line, the YAML path, what was expected and what was
    found, what to do. More than one fault of a file stand on a line each.
    """


class SimulationError(Exception):
    """The simulator was used wrongly by its caller."""
