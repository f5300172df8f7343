"""From the outcome of a run with training, cryptography and ledger to a row of measures."""

from collections.abc import Iterable
from itertools import pairwise
from math import isfinite

from ledger.block import RecordType

from ..simulation.outcome import Outcome
from ..simulation.stages import Freight, Work
from .measures import Row, stage_measure
from .updates import measures_of_updates


def measured(outcome: Outcome) -> Row:
    """The measures of a run, in the order of `measures.MEASURES`."""
    traffic = outcome.traffic.values()
    times = [0, *(row.decided_us for row in outcome.rounds)]
    scores = [
        row.global_score
        for row in outcome.rounds
        if row.type is RecordType.ACCEPTED and row.global_score is not None
    ]
    statuses = {name.value: found.status.value for name, found in outcome.findings.items()}
    return {
        "agreement": statuses["agreement"],
        "validity": statuses["validity"],
        "termination": statuses["termination"],
        "messages": sum(each.message_count for each in traffic),
        "bytes": sum(each.size_bytes for each in traffic),
        "lost": sum(each.lost_count for each in traffic),
        "chain": statuses["chain"],
        "containment": statuses["containment"],
        "accountability": statuses["accountability"],
        "first_score": outcome.first_score,
        "final_score": outcome.final_score,
        "best_score": max([outcome.first_score, *scores]),
        "first_loss": _finite(outcome.first_loss),
        "final_loss": _finite(outcome.final_loss),
        "accepted": outcome.accepted_count,
        "rejected": outcome.rejected_count,
        **measures_of_updates(outcome),
        "accused": len(outcome.accused),
        "simulated_us": outcome.time_us,
        "round_us": _mean(after - before for before, after in pairwise(times)),
        "busy_us": sum(row.busy_us for row in outcome.instances),
        "signatures": sum(row.signature_count for row in outcome.instances),
        **{stage_measure(work): _spent(outcome, work) for work in Work},
        "check_peer_us": _spent(outcome, Work.CHECK) // len(outcome.instances),
        **{stage_measure(freight): _spent(outcome, freight) for freight in Freight},
    }


def _spent(outcome: Outcome, stage: Work | Freight) -> int:
    """What all hospitals together spent on a stage: microseconds, or bytes sent."""
    rows = [row for row in outcome.stages if row.stage is stage]
    return sum(row.busy_us + row.sent.size_bytes for row in rows)


def _mean(numbers: Iterable[int]) -> int | None:
    """Rounded down; None of none."""
    kept = list(numbers)
    return sum(kept) // len(kept) if kept else None


def _finite(number: float | None) -> float | None:
    """A number as JSON knows numbers."""
    return number if number is not None and isfinite(number) else None
