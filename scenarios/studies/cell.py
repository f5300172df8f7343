"""One cell of a study, and what a worker does with it: some of its replicas, as lines of JSON.

A task holds all that its replicas depend on, so that any process on any machine of equal versions
gives the same bytes. Replica i of every cell has the same seed: cells are compared in pairs.
"""

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from pydantic import TypeAdapter

from crypto.identity import NodeId

from ..schema import Scenario
from ..schema_faults import Fault
from ..simulation.streams import stream_seed
from .measures import Fidelity
from .placement import Placement, place, purpose_of

_DISTRIBUTIONS: Final[Mapping[Fidelity, tuple[str, ...]]] = {
    "protocol": ("tclearn", "networkx", "numpy", "scipy", "simpy"),
    "full": ("tclearn", "networkx", "numpy", "scikit-learn", "scipy", "simpy", "torch"),
}
"""What a row can depend on."""

_FAULTS: Final[TypeAdapter[tuple[Fault, ...]]] = TypeAdapter(tuple[Fault, ...])

COLLUDE: Final = "collude"
"""The kind of fault that names several hospitals."""
SPLIT: Final = "split"
"""The kind of fault that names none, and finds its own."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the replicas of one cell depend on."""

    fidelity: Fidelity
    """Agreement alone, or everything."""
    scenario: Scenario
    """Without the hospitals that are made faulty; its seed is replaced."""
    seed: int
    """Of the study."""
    fault: Mapping[str, Any] | None = None
    """What each faulty hospital does, without its name."""
    faulty: int = 0
    """How many they are."""
    placement: Placement = "last"
    """Which they are."""
    good_ppm: int = 1_000_000
    """How likely an honest hospital accepts a good candidate, where nothing is trained."""
    poisoned_ppm: int = 0
    """How likely it accepts a poisoned one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Some replicas of a cell."""

    lines: tuple[bytes, ...]
    """A JSON object each, in order."""
    versions: Mapping[str, str]
    """Of what computed them."""


def replicas(task: Task, first: int, count: int) -> Answer:
    """Compute some replicas of a cell: the work of one worker.

    Args:
        task: The cell.
        first: The first replica, from 0.
        count: How many.
    """
    rows = _protocol_rows if task.fidelity == "protocol" else _full_rows
    lines = []
    for index, (seed, row) in enumerate(rows(task, first, count), first):
        try:
            lines.append(encoded({"replica": index, "seed": seed, **row}))
        except ValueError as error:  # a number that is none
            error.add_note(f"replica {index} of seed {seed}")
            raise
    return Answer(tuple(lines), versions(task.fidelity))


def encoded(value: Mapping[str, Any]) -> bytes:
    """Return an object as one line of a cell's file."""
    return (json.dumps(value, allow_nan=False, separators=(",", ":")) + "\n").encode()


def replica_seed(seed: int, index: int) -> int:
    """Return the seed of a replica of a study."""
    return stream_seed(seed, "replica", index)


@cache
def versions(fidelity: Fidelity) -> dict[str, str]:
    """Return the versions on which rows depend."""
    found = {name: version(name) for name in _DISTRIBUTIONS[fidelity]}
    python = ".".join(platform.python_version_tuple()[:2])
    return {**found, "python": python, "machine": platform.machine()}


def filled(fault: Mapping[str, Any], hospitals: tuple[NodeId, ...]) -> list[dict[str, Any]]:
    """Return what a fault is of some hospitals, as in a scenario file."""
    if not hospitals:
        return []
    if fault.get("kind") == SPLIT:
        return [{**fault, "faulty": len(hospitals)}]
    if fault.get("kind") == COLLUDE:
        return [{**fault, "hospitals": list(hospitals)}]
    return [{**fault, "hospital": hospital} for hospital in hospitals]


def scenario_of(task: Task, seed: int) -> Scenario:
    """Return the scenario of a replica.

    Raises:
        StudyError: The faulty hospitals cannot be placed.
    """
    changes: dict[str, Any] = {"seed": seed}
    if task.fault is not None and task.faulty:
        purpose = purpose_of(task.fault)
        chosen = place(task.faulty, task.scenario, task.placement, purpose, seed)
        faults = _FAULTS.validate_python(tuple(filled(task.fault, chosen)))
        changes["faults"] = (*task.scenario.faults, *faults)
    return task.scenario.model_copy(update=changes)


def _protocol_rows(task: Task, first: int, count: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    from ..trials.trial import Verdicts, trial_of
    from .replica import protocol_row

    verdicts = Verdicts(task.good_ppm, task.poisoned_ppm)
    trial = None
    for index in range(first, first + count):
        seed = replica_seed(task.seed, index)
        if trial is None or task.placement == "random":
            trial = replace(trial_of(scenario_of(task, seed)), verdicts=verdicts)
        trial = replace(trial, seed=seed)
        yield seed, protocol_row(trial)


def _full_rows(task: Task, first: int, count: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    from .replica import full_row

    for index in range(first, first + count):
        seed = replica_seed(task.seed, index)
        yield seed, full_row(scenario_of(task, seed))
