"""Trials for tests: coalitions, faults from data, and runs in which nobody honest is convicted."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import TypeAdapter

from consensus.quorum import QuorumSet, QuorumSets, two_thirds_of
from crypto.identity import NodeId
from scenarios.adversaries.conduct import faulty_hospitals
from scenarios.findings import Status
from scenarios.schema_faults import Fault
from scenarios.schema_sections import Protocol
from scenarios.trials.checker import Property
from scenarios.trials.run import TrialOutcome, run_trial
from scenarios.trials.trial import Trial

_FAULTS: TypeAdapter[tuple[Fault, ...]] = TypeAdapter(tuple[Fault, ...])

VOTING: tuple[Protocol, ...] = ("majority", "pbft", "scp")
"""The protocols in which everybody's quorum set counts."""

MINUTE_US = 60_000_000


def names(count: int) -> list[NodeId]:
    return [NodeId(f"h{number:02}") for number in range(1, count + 1)]


def coalition(
    count: int, rule: Callable[[Iterable[NodeId]], QuorumSet] = two_thirds_of
) -> dict[NodeId, QuorumSet]:
    hospitals = names(count)
    return dict.fromkeys(hospitals, rule(hospitals))


def threshold(sets: QuorumSets) -> int:
    return next(iter(sets.values())).threshold


def organisations(threshold: int, count: int, inner: int, size: int) -> dict[NodeId, QuorumSet]:
    """Hospitals o1-a, o1-b … under one two-level quorum set."""
    groups = [
        tuple(NodeId(f"o{number}-{letter}") for letter in "abcdef"[:size])
        for number in range(1, count + 1)
    ]
    common = QuorumSet(threshold, (), tuple(QuorumSet(inner, group) for group in groups))
    return {node: common for group in groups for node in group}


def faults(*said: dict[str, Any]) -> tuple[Fault, ...]:
    return _FAULTS.validate_python(said)


def silent(hospitals: Iterable[NodeId]) -> tuple[Fault, ...]:
    return faults(*({"kind": "silence", "hospital": each} for each in hospitals))


def run(trial: Trial) -> TrialOutcome:
    """Run a trial; whatever happens in it, forensics convicts nobody who is honest."""
    outcome = run_trial(trial)
    assert outcome.wrongly_convicted == frozenset()
    assert outcome.culprits <= faulty_hospitals(trial.faults) == outcome.faulty
    for _, blame in outcome.forks:
        if blame is not None:
            assert set(blame.culprits) <= outcome.lying
    return outcome


def status(outcome: TrialOutcome, which: Property) -> Status:
    return outcome.findings[which].status


def violated(outcome: TrialOutcome) -> Sequence[Property]:
    return [which for which in Property if status(outcome, which) is Status.VIOLATED]
