"""How the commands speak: one JSON object on stdout for machines, rich text for people."""

import json
import sys
from typing import Any

from rich.console import Console

DIGEST_CHARACTERS = 16
"""Characters of a digest that tables show; ``--json`` has all."""


def write_json(value: Any) -> None:
    """Print one JSON object on stdout."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def console(*, error: bool = False) -> Console:
    """A console for people: stdout for results, stderr for progress."""
    return Console(stderr=error, highlight=False, soft_wrap=True)


def percent(millionths: int | None) -> str:
    """A score as people read it."""
    return "-" if millionths is None else f"{millionths / 10_000:.1f} %"


def seconds(time_us: int) -> str:
    """A simulated time as people read it."""
    return f"{time_us / 1_000_000:.2f} s"
