"""What came out of a study, from its cells alone: no times, no engine, no directory in it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import StudyError
from .estimates import Rows, cell_result, rate_of
from .findings import judged
from .plan import Family, Plan
from .statistics import Decision, Located, bounds_of
from .stopping import decision, hits_in
from .store import StudyDirectory
from .theory import threshold_theory


def summarise(plan: Plan, directory: StudyDirectory, identity: str) -> dict[str, Any]:
    """Return what ``results.json`` says.

    Raises:
        StoreError: A cell cannot be read.
    """
    cells: list[dict[str, Any]] = []
    thresholds: list[dict[str, Any]] = []
    for family in plan.families:
        probes: dict[int, tuple[int, int]] = {}
        for cell in family.cells():
            lines = directory.done(cell, identity)
            if lines is None:
                continue
            rows: Rows = [json.loads(line) for line in lines]
            cells.append(cell_result(cell, family, rows, plan.study.replications))
            if plan.searches:
                probes[cell.task.faulty] = (hits_in(rows, family.question), len(rows))
        if plan.searches:
            thresholds.append(threshold_result(family, probes))
    question = plan.families[0].question
    results: dict[str, Any] = {
        "study": plan.study.name,
        "description": plan.study.description,
        "fidelity": plan.study.fidelity,
        "seed": plan.study.seed,
        "as_expected": True,
        "expectations": [],
        "question": {
            "kind": question.kind,
            "of": question.of if len({each.question.of for each in plan.families}) == 1 else None,
            "is": question.status,
            "quantile": question.quantile,
            "level": question.level,
            "confidence": question.confidence,
            "interval": question.method,
            "search": question.search,
        },
        "axes": [{"name": name, "values": list(values)} for name, values in plan.axes],
        "cells": cells,
        "thresholds": thresholds,
    }
    results["expectations"] = judged(plan.study.expect, results)
    results["as_expected"] = all(each["met"] for each in results["expectations"])
    return results


def threshold_result(family: Family, probes: Mapping[int, tuple[int, int]]) -> dict[str, Any]:
    """Return where a property breaks.

    Args:
        family: Of which cells.
        probes: By number of faulty hospitals: in how many replicas it is so, of how many.
    """
    counts = family.counts or ()
    known: dict[int, Decision] = {}
    undecided = []
    for faulty, (hits, count) in sorted(probes.items()):
        found = decision(family, hits, count)
        if found is None:
            undecided.append(faulty)
        else:
            known[faulty] = found
    bounds, note = _bounds(known, counts)
    undecided = [each for each in undecided if _matters(each, bounds)]
    if undecided:
        note = f"not decided with {_listed(undecided)} faulty within the replications"
    located = bounds.held if bounds.broken is not None and not undecided else None
    expected = _theory(family)
    size = len(family.task.scenario.hospitals)
    return {
        "axes": dict(family.axes),
        "of": family.question.of,
        "hospitals": size,
        "located": located,
        "located_fraction": None if located is None else located / size,
        "interval": [bounds.held, bounds.broken],
        "theory": None if expected is None or expected.broken is None else expected.held,
        "theory_interval": None if expected is None else [expected.held, expected.broken],
        "agrees": None if expected is None or undecided else _agree(bounds, expected),
        "decided": not undecided,
        "note": note,
        "confidence": family.question.confidence,
        "replications": sum(count for _, count in probes.values()),
        "probes": [_probe(family, faulty, *found) for faulty, found in sorted(probes.items())],
    }


def _probe(family: Family, faulty: int, hits: int, count: int) -> dict[str, Any]:
    interval = rate_of(family.question, hits, count, sequential=family.bisects)
    return {
        "faulty": faulty,
        "held": hits,
        "replications": count,
        "low": interval.low,
        "high": interval.high,
    }


def _bounds(known: Mapping[int, Decision], counts: Sequence[int]) -> tuple[Located, str]:
    """Between which numbers it breaks, and what is to be said of it."""
    try:
        bounds = bounds_of(known)
    except StudyError:
        # All numbers were looked at, and it comes and goes: what counts is where it first breaks.
        broken = min(each for each, found in known.items() if found == "broken")
        below = [each for each, found in known.items() if found == "held" and each < broken]
        return Located(max(below, default=None), broken), "broken, and held again with more"
    if bounds.broken is None and bounds.held == max(counts):
        return bounds, f"never broken, with up to {max(counts)} faulty"
    if bounds.held is None and bounds.broken == min(counts):
        return bounds, f"broken already with {min(counts)} faulty"
    return bounds, ""


def _matters(undecided: int, bounds: Located) -> bool:
    """Whether a threshold may lie at a number that was not decided: not beyond one that breaks."""
    return bounds.broken is None or undecided < bounds.broken


def _theory(family: Family) -> Located | None:
    task, question = family.task, family.question
    if task.fault is None or task.fidelity != "protocol" or question.status != "held":
        return None
    from ..trials.trial import Verdicts

    counts = family.counts or ()
    return threshold_theory(
        task.scenario,
        question.of,
        task.fault,
        placement=task.placement,
        verdicts=Verdicts(task.good_ppm, task.poisoned_ppm),
        level=question.level,
        first=min(counts),
        last=max(counts),
    )


def _agree(found: Located, expected: Located) -> bool:
    """Whether theory's threshold lies where the study's does: with steps, in between."""
    held_below = found.held is None or (expected.held is not None and found.held <= expected.held)
    if found.broken is None:
        return held_below and expected.broken is None
    return held_below and expected.broken is not None and expected.broken <= found.broken


def _listed(numbers: Sequence[int]) -> str:
    return " and ".join(map(str, numbers))
