"""What comes out of a trial, whichever way it was played."""

from collections.abc import Mapping
from dataclasses import dataclass

from consensus.forensics import ForkFinding
from crypto.identity import NodeId

from ..findings import Finding
from .checker import Fork, Property
from .world import Decision


@dataclass(frozen=True, slots=True)
class SlotLatency:
    """How long a slot took, in simulated time from its first opening."""

    slot: int
    """The slot."""
    first_us: int
    """Until the first correct instance decided."""
    last_us: int | None
    """Until the last one did; None if some did not."""


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What came out of a trial."""

    findings: Mapping[Property, Finding]
    """The state of each property."""
    decisions: Mapping[str, tuple[Decision, ...]]
    """What each instance decided, slot after slot."""
    latencies: tuple[SlotLatency, ...]
    """Of each slot that a correct instance decided."""
    message_count: int
    """Messages that were sent."""
    size_bytes: int
    """Their bytes."""
    lost_count: int
    """Those that got lost by chance."""
    event_count: int
    """Messages and timers that the instances handled."""
    end_us: int
    """When the trial ended, in simulated time."""
    faulty: frozenset[NodeId]
    """Hospitals that the scenario made faulty: lying, silent or stopped."""
    lying: frozenset[NodeId]
    """Those that it made lie."""
    culprits: frozenset[NodeId]
    """Hospitals that two statements of theirs convict."""
    forks: tuple[tuple[Fork, ForkFinding | None], ...]
    """Each slot that was decided differently, and whom that convicts; None where what was signed
    contains no two certificates."""

    @property
    def wrongly_convicted(self) -> frozenset[NodeId]:
        """Honest hospitals that are convicted: none, or forensics is wrong."""
        return self.culprits - self.lying
