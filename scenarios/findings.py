"""What is found out about a run: an invariant was held, was violated, or is undecided.

Shared by the full engine (`simulation`) and by the consensus-only one (`trials`); it knows neither.
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What is known of an invariant."""

    HELD = "held"
    """It was not broken, and cannot be any more."""
    VIOLATED = "violated"
    """It was broken at the event named."""
    UNDECIDED = "undecided"
    """The run ended before it could be told."""


class Invariant(StrEnum):
    """What is checked in a run of the full engine."""

    AGREEMENT = "agreement"
    VALIDITY = "validity"
    CHAIN = "chain"
    TERMINATION = "termination"
    CONTAINMENT = "containment"
    ACCOUNTABILITY = "accountability"


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one invariant at the end of a run."""

    status: Status
    """Held, violated or undecided."""
    reason: str
    """One sentence; where violated, it names the event."""
    time_us: int | None = None
    """Simulated time of the violation."""
