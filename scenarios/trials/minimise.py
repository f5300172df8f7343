"""From a trial that violates something to a small one that still does.

Faults first, by delta debugging; then slots; then hospitals, where everybody's quorum set is a rule
that can be applied to fewer. What comes out is 1-minimal: without any one of its faults (slots,
hospitals) the violation is gone.

Source: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input (2002), ddmin.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import Final, TypeVar

from consensus.quorum import QuorumSet, majority_of, two_thirds_of
from crypto.identity import NodeId

from ..errors import SimulationError
from ..findings import Status
from ..schema_adversaries import Collude
from ..schema_faults import Fault, Partition, hospital_of
from .checker import Property
from .run import TrialOutcome, run_trial
from .text import command
from .trial import Trial

RUNS_MAX: Final = 10_000
"""The most trials that are run to make one smaller."""

TRACE_LINES_MAX: Final = 100_000
"""The most lines of a trace that are kept."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Minimal:
    """A smallest trial found, and how to see it."""

    trial: Trial
    """The trial."""
    outcome: TrialOutcome
    """What came out of it."""
    trace: tuple[str, ...]
    """Its events, one line each."""
    command: str
    """The command that repeats it."""
    run_count: int
    """Trials that were run to find it."""


def ddmin(items: Sequence[Item], fails: Callable[[Sequence[Item]], bool]) -> Sequence[Item]:
    """Reduce a list that fails to one that fails and from which no single item can be left out.

    Args:
        items: A list that fails.
        fails: Whether a part of it still does.
    """
    if fails(()):
        return ()
    kept, parts = list(items), 2
    while len(kept) > 1:
        size = -(-len(kept) // parts)
        chunks = [kept[start : start + size] for start in range(0, len(kept), size)]
        rests = [
            [each for other, chunk in enumerate(chunks) if other != number for each in chunk]
            for number in range(len(chunks))
        ]
        if (chunk := next(filter(fails, chunks), None)) is not None:
            kept, parts = chunk, 2
        elif (rest := next(filter(fails, rests), None)) is not None:
            kept, parts = rest, max(parts - 1, 2)
        elif parts >= len(kept):
            break
        else:
            parts = min(2 * parts, len(kept))
    return kept


def minimise(trial: Trial, which: Property) -> Minimal:
    """Make a trial smaller as long as it violates a property.

    Args:
        trial: A trial that violates it.
        which: The property.

    Raises:
        SimulationError: The trial does not violate it.
    """
    runs = _Runs(which)
    if not runs.violates(trial):
        raise SimulationError(f"expected a trial that violates {which.value}, found none")
    faults = ddmin(trial.faults, lambda kept: runs.violates(replace(trial, faults=tuple(kept))))
    small = replace(trial, faults=tuple(faults))
    small = next(
        (
            fewer
            for slots in range(1, small.slots)
            if runs.violates(fewer := replace(small, slots=slots))
        ),
        small,
    )
    small = _with_fewer_hospitals(small, runs)
    trace, outcome = trace_lines(small)
    return Minimal(small, outcome, trace, command(small), runs.count)


def trace_lines(trial: Trial) -> tuple[tuple[str, ...], TrialOutcome]:
    """Run a trial and write down its events."""
    lines: list[str] = []

    def write(time_us: int, instance: str, event: str, words: str) -> None:
        if len(lines) < TRACE_LINES_MAX:
            lines.append(f"{time_us:>12} us  {instance:24} {event:8} {words}")

    outcome = run_trial(trial, write)
    return tuple(lines), outcome


class _Runs:
    """Runs trials and counts them."""

    def __init__(self, which: Property) -> None:
        self._which = which
        self.count = 0

    def violates(self, trial: Trial) -> bool:
        """Whether a trial violates the property; not, once there were too many."""
        if self.count >= RUNS_MAX:
            return False
        self.count += 1
        return run_trial(trial).findings[self._which].status is Status.VIOLATED


def _with_fewer_hospitals(trial: Trial, runs: _Runs) -> Trial:
    """Leave hospitals out, one or two at a time, until none can be spared.

    Two, because the bound of a majority depends on whether the number of hospitals is odd.
    """
    while True:
        hospitals = trial.hospitals[::-1]
        groups = chain.from_iterable(combinations(hospitals, count) for count in (1, 2))
        fewer = (_without(trial, group) for group in groups)
        found = next((each for each in fewer if each is not None and runs.violates(each)), None)
        if found is None:
            return trial
        trial = found


def _without(trial: Trial, gone: Collection[NodeId]) -> Trial | None:
    """The trial without some hospitals, if no fault needs them and its rule fits the rest."""
    rule = _rule_of(trial)
    rest = [each for each in trial.hospitals if each not in gone]
    named = any(getattr(fault, "hospital", None) in gone for fault in trial.faults)
    if rule is None or named or not rest or trial.authority in gone:
        return None
    faults: list[Fault] = []
    for fault in trial.faults:
        if isinstance(fault, Partition):
            groups = (
                tuple(each for each in group if hospital_of(each) not in gone)
                for group in fault.groups
            )
            kept = tuple(group for group in groups if group)
            if len(kept) < 2:
                return None
            faults.append(fault.model_copy(update={"groups": kept}))
        elif isinstance(fault, Collude) and set(gone) & set(fault.hospitals):
            return None
        else:
            faults.append(fault)
    return replace(trial, quorum_sets=dict.fromkeys(rest, rule(rest)), faults=tuple(faults))


def _rule_of(trial: Trial) -> Callable[[Sequence[NodeId]], QuorumSet] | None:
    declared = set(trial.quorum_sets.values())
    for rule in (two_thirds_of, majority_of):
        if declared == {rule(trial.hospitals)}:
            return rule
    return None
