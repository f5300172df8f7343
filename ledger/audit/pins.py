"""What a replica's log must have been at some size: its own checkpoints, anchors, earlier audits.

A hash chain shows that the records fit each other; only a root that was kept, or cosigned by
others, shows that they are the records that once stood there.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from crypto.digest import Digest
from crypto.merkle import EMPTY_ROOT, MerkleTree

from ..errors import Violation


@dataclass(frozen=True, slots=True)
class Pin:
    """A root that somebody kept."""

    size: int
    """Records in the log at that time."""
    root: Digest
    """RFC 9162 root over their exact bytes."""
    source: str
    """Where it was kept: a file, relative to the run where it is part of it."""
    level: str = "LA"
    """The audit level that knows of it: L1 for the replica's own checkpoints."""


class PinBoard:
    """Compares a growing log with its pins."""

    def __init__(self, pins: Iterable[Pin]) -> None:
        self._ahead = sorted(pins, key=lambda pin: pin.size, reverse=True)

    def compare(self, tree: MerkleTree) -> list[tuple[Pin, Violation]]:
        """What is wrong with the log at its present size."""
        wrong: list[tuple[Pin, Violation]] = []
        root: Digest | None = None
        while self._ahead and self._ahead[-1].size <= tree.size:
            pin = self._ahead.pop()
            root = tree.root() if root is None else root
            found = root if pin.size else EMPTY_ROOT
            if pin.root != found:
                expected = f"root {pin.root.hex()} at {pin.size} records, kept in {pin.source}"
                wrong.append((pin, Violation("REWRITTEN", expected, found.hex())))
        return wrong

    def missing(self, size: int) -> list[tuple[Pin, Violation]]:
        """What is wrong when the log ends at this size."""
        return [
            (
                pin,
                Violation(
                    "ROLLED_BACK",
                    f"at least {pin.size} records, as kept in {pin.source}",
                    f"{size} records",
                ),
            )
            for pin in reversed(self._ahead)
        ]
