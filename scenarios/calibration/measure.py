"""Runs a scenario many times, in processes of this machine, and counts the verdicts.

The seed of a run follows from the scenario's and from its number: how many processes there are, and
which of them is first, changes nothing.
"""

import os
from collections.abc import Callable, Sequence
from typing import Final

from ..schema import Scenario
from ..simulation.streams import stream_seed
from ..source import scenario_digest
from ..studies.errors import StudyError
from ..studies.replica import full_outcome
from .processes import Progress, mapped
from .result import Calibration, chance_of
from .tally import GOOD, Counts, tally

RUNS_MAX: Final = 100_000
"""The most runs."""

WORKERS_MAX: Final = 256
"""The most processes."""

CONFIDENCE: Final = 0.95
"""Of the intervals."""


def calibrate(
    scenario: Scenario,
    runs: int,
    workers: int = 1,
    progress: Progress = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Calibration | None:
    """Measure how likely honest hospitals accept the candidates of a scenario.

    Args:
        scenario: What is run.
        runs: How often.
        workers: In how many processes; with one, in this one.
        progress: Told how far it is.
        stopped: Asked between runs whether to stop.

    Returns:
        What was measured; None if it was stopped.

    Raises:
        StudyError: The numbers are none; no candidate was judged that nobody poisoned; a worker
            process ended.
        ScenarioError: The scenario cannot be run.
    """
    if not 1 <= runs <= RUNS_MAX:
        raise StudyError(f"expected 1 to {RUNS_MAX} runs, found {runs}")
    if not 1 <= workers <= WORKERS_MAX:
        raise StudyError(f"expected 1 to {WORKERS_MAX} workers, found {workers}")
    seeds = tuple(stream_seed(scenario.seed, "calibration", number) for number in range(runs))
    replicas = [scenario.model_copy(update={"seed": seed}) for seed in seeds]
    counted = mapped(counted_verdicts, replicas, min(workers, runs), progress, stopped)
    return None if counted is None else _summary(scenario, seeds, counted)


def usable_cores() -> int:
    """Processor cores that this process may use."""
    return min(len(os.sched_getaffinity(0)), WORKERS_MAX)


def counted_verdicts(scenario: Scenario) -> Counts:
    """Run a scenario and count its verdicts."""
    return tally(scenario, full_outcome(scenario))


def _summary(scenario: Scenario, seeds: tuple[int, ...], counted: Sequence[Counts]) -> Calibration:
    names = sorted({name for counts in counted for name in counts} - {GOOD})
    if not any(GOOD in counts for counts in counted):
        raise StudyError(
            "expected a candidate that nobody poisoned, found none that an honest hospital judged; "
            "let some hospitals be honest in some rounds"
        )
    from ..simulation.coalition import environment

    return Calibration(
        scenario.name,
        scenario_digest(scenario).hex(),
        CONFIDENCE,
        seeds,
        environment(),
        chance_of(*_by_run(counted, [GOOD]), CONFIDENCE),
        chance_of(*_by_run(counted, names), CONFIDENCE) if names else None,
        {name: chance_of(*_by_run(counted, [name]), CONFIDENCE) for name in names},
    )


def _by_run(counted: Sequence[Counts], names: Sequence[str]) -> tuple[list[int], list[int]]:
    """Verdicts that accept, and verdicts, of each run."""
    kept = [[counts.get(name, (0, 0)) for name in names] for counts in counted]
    return (
        [sum(accepted for accepted, _ in each) for each in kept],
        [sum(count for _, count in each) for each in kept],
    )
