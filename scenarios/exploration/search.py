"""Case after case, in order or drawn by lot, until a violation or a limit."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

from crypto.digest import digest

from ..errors import ScenarioError
from ..units import parse_duration
from .case import Case
from .errors import ExplorationError
from .lockstep import Lockstep
from .positions import Position
from .shrinking import shrunk
from .space import Space
from .verdict import Property, Violation, invalid

BATCH = 4096
"""Cases that are sorted before they are played, so that neighbours have more in common."""
CASES_MAX = 10**12
"""The most cases that a limit may name."""
_SHOWN_EVERY = 64
"""Cases after which somebody who watches is told."""


@dataclass(frozen=True, slots=True)
class Limit:
    """When to stop, besides at a violation."""

    cases: int | None = None
    """After so many cases."""
    seconds: float | None = None
    """After so much time."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much was explored."""

    size: int
    """Cases in the space."""
    explored: int = 0
    """Cases that were played."""
    undecided: int = 0
    """Of these, cases in which somebody honest did not decide."""
    seconds: float = 0.0
    """Processor time that it took."""


@dataclass(frozen=True, slots=True)
class Found:
    """A violation."""

    violation: Violation
    """What went wrong in the smallest case."""
    case: Case
    """The smallest case that was found to show it."""
    first: Case
    """The case in which it was seen first."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came out of an exploration."""

    coverage: Coverage
    """How much was explored."""
    found: Found | None
    """The first violation."""


def parse_limit(text: str) -> Limit:
    """Read a number of cases or a duration.

    Raises:
        ExplorationError: It is neither.
    """
    digits = text.replace(",", "")
    if digits.isascii() and digits.isdigit():
        if int(digits) > CASES_MAX:
            raise ExplorationError(f"--limit: expected at most {CASES_MAX:,} cases, found {text}")
        return Limit(cases=int(digits))
    try:
        return Limit(seconds=parse_duration(text) / 1_000_000)
    except ScenarioError:
        raise ExplorationError(
            f"--limit: expected a number of cases or a duration such as '30 s', found '{text}'"
        ) from None


def judged(position: Position, case: Case, lockstep: Lockstep, *, live: bool) -> Violation | None:
    """What went wrong in a case that was played.

    Args:
        position: Its last position.
        case: The case.
        lockstep: What played it.
        live: Whether it is a violation that somebody honest did not decide.
    """
    if position.violation is not None:
        return position.violation
    roster = position.roster
    who = range(len(case.values)) if lockstep.free else roster.honest
    justified = {lockstep.values[case.values[each]] for each in who}
    wrong = invalid(position.states, roster.names, roster.honest, justified)
    if wrong is None and live and position.undecided:
        late = ", ".join(roster.names[each] for each in position.undecided)
        return Violation(Property.TERMINATION, f"{late} did not decide in a whole network")
    return wrong


def search(
    lockstep: Lockstep,
    space: Space,
    limit: Limit,
    *,
    live: bool = False,
    stop: Callable[[], bool] = lambda: False,
    show: Callable[[Coverage], None] = lambda _: None,
) -> Report:
    """Play the cases of a space until one shows a violation, or a limit is reached.

    Args:
        lockstep: Plays them.
        space: Holds them.
        limit: When to stop.
        live: Whether it is a violation that somebody honest did not decide.
        stop: Asked between two cases.
        show: Told now and then how far it got.
    """
    coverage = Coverage(space.size)
    ends = None if limit.seconds is None else time.monotonic() + limit.seconds
    began, explored, undecided = time.process_time(), 0, 0
    found: Found | None = None

    def reached() -> Coverage:
        spent = time.process_time() - began
        return replace(coverage, explored=explored, undecided=undecided, seconds=spent)

    with _collector_off():
        for case in _cases(space, lockstep.system.seed, limit):
            if stop() or (ends is not None and time.monotonic() >= ends):
                break
            position = lockstep.play(case)
            explored += 1
            violation = judged(position, case, lockstep, live=live)
            if violation is not None:
                coverage = reached()
                found = _smallest(case, violation, lockstep, live=live)
                return Report(coverage, found)
            undecided += bool(position.undecided)
            if explored % _SHOWN_EVERY == 0:
                show(reached())
    return Report(reached(), None)


def _smallest(case: Case, violation: Violation, lockstep: Lockstep, *, live: bool) -> Found:
    def violates(smaller: Case) -> bool:
        seen = judged(lockstep.play(smaller), smaller, lockstep, live=live)
        return seen is not None and seen.property is violation.property

    least = shrunk(case, violates)
    reason = judged(lockstep.play(least), least, lockstep, live=live)
    return Found(reason or violation, least, case)


def _cases(space: Space, seed: int, limit: Limit) -> Iterator[Case]:
    """The cases to play: all of them in order, or as many as the limit says, drawn by lot."""
    whole = limit.seconds is None and (limit.cases is None or limit.cases >= space.size)
    numbers = iter(range(space.size)) if whole else _drawn(space.size, seed, limit.cases)
    while batch := [space.case(number) for number in islice(numbers, BATCH)]:
        yield from sorted(batch, key=_neighbours)


def _neighbours(case: Case) -> tuple[object, ...]:
    return len(case.twins), case.leader or 0, case.twins, case.values, case.script, str(case)


def _drawn(size: int, seed: int, count: int | None) -> Iterator[int]:
    """Numbers below ``size``, each once: all are equally likely, and a seed draws them alike."""
    wanted = size if count is None else min(count, size)
    drawn: set[int] = set()
    turn = 0
    while len(drawn) < wanted:
        # 256 bits: that some numbers are a little likelier cannot be noticed.
        lot = int.from_bytes(digest("tclearn/exploration/v1", ["lot", seed, turn]))
        turn += 1
        if (number := lot % size) not in drawn:
            drawn.add(number)
            yield number


@contextmanager
def _collector_off() -> Iterator[None]:
    """Keep Python's collector from looking again and again at all the positions that are kept."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def decision_rounds(lockstep: Lockstep) -> int:
    """How many rounds a decision takes if nothing goes wrong: as long a cut lasts by default."""
    system = lockstep.system
    values = (0,) * len(system.hospitals)
    return max(1, lockstep.play(Case(0 if system.led else None, (), values)).round_number)
