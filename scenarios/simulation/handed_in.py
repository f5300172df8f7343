"""What was handed in: every update, with what only its maker knows of it, and what became of it.

An observer keeps this. No hospital asks it, and nothing of it is in a message, a trace or a ledger.
"""

from dataclasses import dataclass
from enum import StrEnum, unique

from ledger.block import Block, RecordType
from ledger.candidate import ModelCandidate, UpdateEntry


@dataclass(frozen=True, slots=True)
class Origin:
    """How an update came about."""

    norm: float
    """Euclidean norm of what training and attack made; NaN where an entry is NaN."""
    sent_norm: float
    """Of what was handed in: where norms are proven, after clipping and rounding to integers."""
    over_bound: bool
    """Whether it was longer than the bound of norms; then it was clipped, unless it is forged."""
    poisoned: bool
    """Whether its maker attacked."""
    forged: bool
    """Whether its maker did not keep to the bound of norms."""


@unique
class Fate(StrEnum):
    """What became of an update."""

    ACCEPTED = "accepted"
    """Part of a model that was accepted."""
    REJECTED = "rejected"
    """Part of a candidate that was rejected."""
    LEFT_OUT = "left-out"
    """In no recorded candidate: refused, late or lost."""


@dataclass(frozen=True, slots=True)
class UpdateRow:
    """One update."""

    slot: int
    """The round."""
    instance: str
    """Who made it."""
    origin: Origin
    """How it came about."""
    refused_by: tuple[str, ...]
    """Who found that its proof proves nothing."""
    fate: Fate
    """What became of it."""


class UpdateBook:
    """Keeps what is handed in while a run goes on."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, str], tuple[UpdateEntry, Origin]] = {}
        self._refused: dict[tuple[int, UpdateEntry], set[str]] = {}
        self._fates: dict[tuple[int, UpdateEntry], Fate] = {}

    def handed_in(self, instance: str, slot: int, entry: UpdateEntry, origin: Origin) -> None:
        """Keep an update; one that is made again after a crash takes the place of the first."""
        self._made[slot, instance] = entry, origin

    def refused(self, instance: str, slot: int, entry: UpdateEntry) -> None:
        """Keep who found that a proof proves nothing."""
        self._refused.setdefault((slot, entry), set()).add(instance)

    def recorded(self, block: Block) -> None:
        """Keep what became of the updates in the candidate of a block."""
        body, accepted = block.core.body, block.core.type is RecordType.ACCEPTED
        if isinstance(body, ModelCandidate):
            fate = Fate.ACCEPTED if accepted else Fate.REJECTED
            self._fates.update(((block.core.slot, entry), fate) for entry in body.updates)

    def rows(self) -> tuple[UpdateRow, ...]:
        """One row per update, by round and name."""
        return tuple(
            UpdateRow(
                slot,
                instance,
                origin,
                tuple(sorted(self._refused.get((slot, entry), ()))),
                self._fates.get((slot, entry), Fate.LEFT_OUT),
            )
            for (slot, instance), (entry, origin) in sorted(self._made.items())
        )
