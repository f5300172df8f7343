"""What an audit by replay says: findings, what it could not check and why, how much it did."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ledger.audit.finding import Finding
from ledger.audit.replica import FINDING_COUNT_MAX
from ledger.errors import Violation

ReplayLevel = Literal["L4", "L5"]
"""L4 judges the candidates again; L5 does that and replays the run."""
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how far it is, and how far it goes."""


@dataclass(slots=True)
class ReplayCounters:
    """How much was checked."""

    verdicts: int = 0
    """Signed verdicts compared with what their signers should have said, over all replicas."""
    verdicts_skipped: int = 0
    """Signed verdicts that could not be: on notices, or on a file that cannot be read."""
    validations: int = 0
    """Validations run for them; replicas of one chain share theirs."""
    blocks: int = 0
    """Recorded blocks compared with those of the replay, over all replicas."""


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """The result of an audit by replay."""

    findings: tuple[Finding, ...]
    """What is wrong, in the order found; at most `FINDING_COUNT_MAX` of one replica."""
    unchecked: tuple[str, ...]
    """What could not be checked and why, in sentences: no fault, and no proof of soundness."""
    counters: ReplayCounters
    """How much was checked."""


@dataclass(slots=True)
class Tally:
    """Collects a report while an audit goes on."""

    counters: ReplayCounters = field(default_factory=ReplayCounters)
    """How much was checked so far."""
    _findings: list[Finding] = field(default_factory=list)
    _unchecked: dict[str, None] = field(default_factory=dict)
    _found: dict[str | None, int] = field(default_factory=dict)

    def find(
        self,
        level: ReplayLevel,
        violation: Violation,
        *,
        node: str | None,
        height: int | None,
        file: str,
        offset: int | None = None,
    ) -> None:
        """Keep a finding; of one replica, only the first ones.

        Args:
            level: The level that saw it.
            violation: What is wrong.
            node: The replica, by the name of its folder; None for what replicas share.
            height: Height of the block, where there is one.
            file: The file, relative to the run.
            offset: Where in it, in bytes.
        """
        self._found[node] = self._found.get(node, 0) + 1
        if self._found[node] <= FINDING_COUNT_MAX:
            code, expected, found = violation.code, violation.expected, violation.found
            finding = Finding(code, level, node, height, file, offset, expected, found)
            self._findings.append(finding)

    def leave(self, sentence: str) -> None:
        """Keep what could not be checked, once."""
        self._unchecked[sentence] = None

    def report(self) -> ReplayReport:
        """What was collected."""
        return ReplayReport(tuple(self._findings), tuple(self._unchecked), self.counters)
