"""What a replica says of the updates in it: how long they were, and what poisoned ones did."""

from collections.abc import Sequence
from math import isfinite

from ledger.block import RecordType

from ..simulation.handed_in import Fate, UpdateRow
from ..simulation.outcome import Outcome, RoundRow
from .measures import Value


def measures_of_updates(outcome: Outcome) -> dict[str, Value]:
    """The measures that come from the updates themselves, in the order of `measures.MEASURES`."""
    honest = [row for row in outcome.updates if not row.origin.poisoned]
    poisoned = [row for row in outcome.updates if row.origin.poisoned]
    forged = [row for row in outcome.updates if row.origin.forged]
    admitted = _fated(poisoned, Fate.ACCEPTED)
    began = min((row.slot for row in poisoned), default=None)
    in_force = _in_force(outcome.rounds, outcome.first_score)
    attacked = [score for slot, score in in_force if began is not None and slot >= began]
    return {
        "mean_score": sum(score for _, score in in_force) // len(in_force) if in_force else None,
        "lowest_score": min(attacked, default=None),
        "honest_count": len(honest),
        "honest_rejected": _fated(honest, Fate.REJECTED),
        "false_alarm_rate": _fated(honest, Fate.REJECTED) / len(honest) if honest else None,
        "honest_over_bound": _over(honest),
        "honest_over_rate": _over(honest) / len(honest) if honest else None,
        "poisoned_count": len(poisoned),
        "poisoned_accepted": admitted,
        "detection_rate": 1 - admitted / len(poisoned) if poisoned else None,
        "poisoned_over_bound": _over(poisoned),
        "poisoned_over_rate": _over(poisoned) / len(poisoned) if poisoned else None,
        "forged_updates": len(forged),
        "forged_refused": sum(bool(row.refused_by) for row in forged),
        "longest_honest": max(
            (row.origin.norm for row in honest if isfinite(row.origin.norm)), default=None
        ),
    }


def _fated(rows: Sequence[UpdateRow], fate: Fate) -> int:
    return sum(row.fate is fate for row in rows)


def _over(rows: Sequence[UpdateRow]) -> int:
    return sum(row.origin.over_bound for row in rows)


def _in_force(rounds: Sequence[RoundRow], first_score: int) -> list[tuple[int, int]]:
    """After each round of learning: its height, and the score on G of the model accepted last."""
    score, found = first_score, []
    for row in rounds:
        if row.type is RecordType.ACCEPTED and row.global_score is not None:
            score = row.global_score
        if row.type in (RecordType.ACCEPTED, RecordType.REJECTED):
            found.append((row.height, score))
    return found
