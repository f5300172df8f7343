"""How long SCP waits before it tries again: linear in the round, with a cap.

Source: draft-mazieres-dinrg-scp-05, sections 3.4 and 3.6; stellar-core ``computeTimeout``.
"""

from dataclasses import dataclass

NOMINATION_TIMER = "nomination"
"""Runs out when the leaders so far gave no candidate."""
BALLOT_TIMER = "ballot"
"""Runs out when a quorum is at this ballot's counter and it still did not commit."""


@dataclass(frozen=True, slots=True)
class ScpTimeouts:
    """The delays of both timers, in simulated microseconds."""

    nomination_us: int = 1_000_000
    """Before the second round of nomination."""
    nomination_increment_us: int = 1_000_000
    """What each further round of nomination waits longer."""
    ballot_us: int = 1_000_000
    """Before the first ballot is abandoned, counted from hearing of a quorum on it."""
    ballot_increment_us: int = 1_000_000
    """What each further counter waits longer."""
    longest_us: int = 1_800_000_000
    """The cap of both (stellar-core: 30 minutes)."""

    def nomination_delay_us(self, round_number: int) -> int:
        """The delay of a round of nomination, counted from 1."""
        delay = self.nomination_us + (round_number - 1) * self.nomination_increment_us
        return min(delay, self.longest_us)

    def ballot_delay_us(self, counter: int) -> int:
        """The delay of a ballot's counter, from 1 on."""
        return min(self.ballot_us + (counter - 1) * self.ballot_increment_us, self.longest_us)
