"""What the replicas of a cell say: estimates with intervals, and every measure in short."""

from collections.abc import Mapping, Sequence
from math import inf, isfinite
from statistics import fmean
from typing import Any

from .measures import MEASURES
from .plan import Cell, Family, Question
from .schema import PrecisionSection, Replications
from .statistics import (
    Interval,
    mean_interval,
    quantile_interval,
    rate_interval,
    rate_sequence,
)
from .theory import rate_theory

Rows = Sequence[Mapping[str, Any]]
"""The replicas of a cell, in order."""

_STATUSES = ("held", "violated", "undecided")


def measures_in(rows: Rows, confidence: float) -> dict[str, dict[str, Any]]:
    """Return every measure of a cell: counts of a status, or mean, interval and quantiles.

    A number that is missing in a replica counts in none of them but as infinite in the quantiles:
    what never came is late.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in rows[0] if rows else ():
        if name not in MEASURES:
            continue
        values = [row[name] for row in rows]
        if MEASURES[name].kind == "status":
            found[name] = {status: values.count(status) for status in _STATUSES}
        else:
            found[name] = _number(values, confidence)
    return found


def estimate(cell: Cell, family: Family, rows: Rows, replications: Replications) -> dict[str, Any]:
    """Return what the question asks of a cell."""
    question = cell.question
    theory = None
    interval: Interval | None
    match question.kind:
        case "rate" | "threshold":
            hits = sum(row[question.of] == question.status for row in rows)
            value: float | None = hits / len(rows) if rows else None
            stops = family.bisects or isinstance(replications, PrecisionSection)
            interval = rate_of(question, hits, len(rows), sequential=stops)
            theory = theory_of(cell)
        case "mean":
            numbers = _numbers(row[question.of] for row in rows)
            value = fmean(numbers) if numbers else None
            interval = mean_interval(numbers, question.confidence)
        case _:
            ordered = [inf if row[question.of] is None else row[question.of] for row in rows]
            value, interval = quantile_interval(ordered, question.quantile, question.confidence)
    return {
        "of": question.of,
        "value": _finite(value),
        "low": None if interval is None else _finite(interval.low),
        "high": None if interval is None else _finite(interval.high),
        "theory": theory,
    }


def rate_of(question: Question, hits: int, count: int, *, sequential: bool) -> Interval:
    """Return the interval of a rate: one that is right whenever it stopped, or a fixed one."""
    if sequential:
        return rate_sequence(hits, count, question.confidence)
    method = question.method
    if method == "clopper-pearson":
        return rate_interval(hits, count, question.confidence, "clopper-pearson")
    return rate_interval(hits, count, question.confidence, "wilson")


def theory_of(cell: Cell) -> float | None:
    """Return the rate that theory says; None where it says nothing."""
    task, question = cell.task, cell.question
    if task.fault is None or task.fidelity != "protocol" or question.status != "held":
        return None
    from ..trials.trial import Verdicts

    verdicts = Verdicts(task.good_ppm, task.poisoned_ppm)
    return rate_theory(
        task.scenario,
        question.of,
        task.fault,
        task.faulty,
        placement=task.placement,
        verdicts=verdicts,
    )


def cell_result(
    cell: Cell, family: Family, rows: Rows, replications: Replications
) -> dict[str, Any]:
    """Return what is known of a cell."""
    return {
        "id": cell.id,
        "axes": dict(cell.axes),
        "replications": len(rows),
        "estimate": estimate(cell, family, rows, replications),
        "measures": measures_in(rows, family.question.confidence),
    }


def _number(values: Sequence[int | float | None], confidence: float) -> dict[str, Any]:
    numbers = _numbers(values)
    interval = mean_interval(numbers, confidence)
    late = sorted(inf if value is None else value for value in values)
    return {
        "mean": fmean(numbers) if numbers else None,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "median": _finite(late[(len(late) + 1) // 2 - 1]),
        "p95": _finite(late[-(-len(late) * 95 // 100) - 1]),
        "min": min(numbers) if numbers else None,
        "max": max(numbers) if numbers else None,
        "count": len(numbers),
    }


def _numbers(values: Any) -> list[int | float]:
    return [value for value in values if value is not None]


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
