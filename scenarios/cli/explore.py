"""``tclearn explore``: every small thing that can go wrong in one slot, or a sample of it."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ..exploration.case import Case, parse_case
from ..exploration.lockstep import Lockstep
from ..exploration.positions import Pace
from ..exploration.search import (
    Coverage,
    Found,
    Report,
    decision_rounds,
    judged,
    parse_limit,
    search,
)
from ..exploration.space import Bounds, Space
from ..exploration.system import faulty_count, system_of
from ..exploration.trace import conclusion, trace
from ..exploration.verdict import Property, Violation
from ..schema import Scenario
from ..source import load
from .output import console, write_json
from .stopping import stop_on_signal
from .voice import say

_FIRST_LINE_S = 2.0
"""When the first line of progress is due."""
_LINES_APART_S = 30.0
"""Between the lines that follow."""
_UNDECIDED_STATUS = 3
"""Nothing was explored."""


@dataclass(frozen=True, slots=True)
class ExploreRequest:
    """What the command line says."""

    name: str
    """The scenario."""
    rounds: int
    """How often the network may be cut anew."""
    span: int | None
    """Rounds that a cut lasts; as long as a decision takes if absent."""
    last: int | None
    """Rounds that the last cut lasts; as the others if absent."""
    limit: str
    """When to stop."""
    faulty: int | None
    """How many hospitals may be twinned; as the scenario says if absent."""
    values: int
    """How many values there are."""
    patience: int
    """Rounds that the first timeout lasts."""
    mutations: bool
    """Whether a message may be changed."""
    loses: bool
    """Whether messages across a cut are lost."""
    free: bool
    """Whether everybody may decide every value from the beginning."""
    termination: bool
    """Whether it is a violation not to decide."""
    symmetry: bool
    """Whether names are exchanged."""
    case: str | None
    """The id of the only case to play."""
    overrides: tuple[str, ...]
    """Settings of the scenario."""


def explore_command(request: ExploreRequest, as_json: bool) -> int:
    """Explore a scenario's protocol; the exit status."""
    scenario = load(request.name, request.overrides)
    system = system_of(scenario)
    lockstep = Lockstep(system, Pace(request.patience, request.loses, request.free))
    if request.case is not None:
        only = parse_case(request.case, len(system.hospitals), led=system.led)
        return _play(request, scenario, lockstep, only, as_json)
    faulty = faulty_count(scenario) if request.faulty is None else request.faulty
    span = decision_rounds(lockstep) if request.span is None else request.span
    bounds = Bounds(
        request.rounds,
        faulty,
        span,
        request.last,
        request.values,
        request.mutations,
        request.symmetry,
    )
    space, limit = Space(system, bounds), parse_limit(request.limit)
    with (
        stop_on_signal("stopping; what was covered so far:") as stop,
        _progress(space.size, limit.cases) as show,
    ):
        report = search(
            lockstep, space, limit, live=request.termination, stop=stop.asked, show=show
        )
    told = _Told(request, scenario, lockstep, bounds, report, stop.signal())
    if as_json:
        write_json(told.value())
    else:
        told.print()
    return told.status()


class _Told:
    """What there is to say about an exploration."""

    def __init__(
        self,
        request: ExploreRequest,
        scenario: Scenario,
        lockstep: Lockstep,
        bounds: Bounds,
        report: Report,
        stopped_by: int | None,
    ) -> None:
        self._request = request
        self._scenario = scenario
        self._lockstep = lockstep
        self._bounds = bounds
        self._report = report
        self._stopped_by = stopped_by

    def status(self) -> int:
        """The exit status."""
        if (found := self._report.found) is not None:
            return int(not _expected(self._scenario, found.violation))
        if self._stopped_by is not None:
            return 128 + self._stopped_by
        return 0 if self._report.coverage.explored else _UNDECIDED_STATUS

    def value(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        coverage, found, bounds = self._report.coverage, self._report.found, self._bounds
        spent = coverage.seconds
        return {
            "scenario": self._scenario.name,
            "protocol": self._scenario.protocol.name,
            "hospitals": list(self._lockstep.system.hospitals),
            "seed": self._scenario.seed,
            "bounds": {
                "faulty": bounds.faulty,
                "rounds": bounds.cuts,
                "span": bounds.span,
                "last": bounds.rounds_of_last,
                "values": bounds.values,
                "mutations": bounds.mutations,
                "symmetry": bounds.symmetry,
                "cut_messages": "lost" if self._request.loses else "wait",
                "free_values": self._request.free,
                "patience": self._request.patience,
            },
            "status": self._ending(),
            "cases": {
                "space": coverage.size,
                "explored": coverage.explored,
                "undecided": coverage.undecided,
            },
            "speed": {
                "cpu_seconds": round(spent, 3),
                "cases_per_second": round(coverage.explored / spent) if spent else None,
            },
            "violation": None if found is None else self._violation(found),
        }

    def _ending(self) -> str:
        coverage = self._report.coverage
        if self._report.found is not None:
            return "violated"
        if self._stopped_by is not None:
            return "interrupted"
        return "exhausted" if coverage.explored == coverage.size else "sampled"

    def _violation(self, found: Found) -> dict[str, Any]:
        played = trace(self._lockstep, found.case)
        return {
            "property": found.violation.property.value,
            "reason": found.violation.reason,
            "expected": _expected(self._scenario, found.violation),
            "case": str(found.case),
            "first_case": str(found.first),
            "culprits": dict(played.culprits),
            "trace": list(played.lines),
            "repeat": _repeat(self._request, found.case),
        }

    def print(self) -> None:
        """Say it to people."""
        out, found = console(), self._report.found
        out.print(escape(self._covered()))
        if found is None:
            if self._stopped_by is not None:
                out.print("[yellow]interrupted[/]: nothing violated so far")
            elif not self._report.coverage.explored:
                out.print("[yellow]undecided[/]: the limit was reached before the first case")
            else:
                out.print(f"[bold green]nothing found[/]: {_held(self._request)}")
            return
        played = trace(self._lockstep, found.case)
        out.print()
        for line in (*played.lines, *conclusion(played, found.violation)):
            out.print(escape(line))
        out.print()
        out.print(f"case    {escape(str(found.case))}, the smallest of what {found.first} shows")
        out.print(f"repeat  {escape(_repeat(self._request, found.case))}")
        _print_expectation(self._scenario, found.violation)

    def _covered(self) -> str:
        coverage, bounds = self._report.coverage, self._bounds
        twins = "nobody twinned" if not bounds.faulty else f"up to {bounds.faulty} twinned"
        rate = coverage.explored / coverage.seconds if coverage.seconds else 0
        return (
            f"{coverage.explored:,} of {coverage.size:,} cases: "
            f"{len(self._lockstep.system.hospitals)} hospitals, {twins}, "
            f"{_count(bounds.cuts, 'cut')} of {_count(bounds.span, 'round')}"
            f"{'' if bounds.last is None else f' (the last of {bounds.last})'}, "
            f"{_count(bounds.values, 'value')}\n"
            f"{coverage.undecided:,} undecided; {rate:,.0f} cases a second of processor time"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _held(request: ExploreRequest) -> str:
    checked = [each.value for each in Property]
    if not request.termination:
        checked.remove(Property.TERMINATION.value)
    return ", ".join(checked) + " held in all of them"


def _play(
    request: ExploreRequest, scenario: Scenario, lockstep: Lockstep, case: Case, as_json: bool
) -> int:
    """Play one case and print it."""
    played = trace(lockstep, case)
    violation = judged(played.end, case, lockstep, live=request.termination)
    expected = violation is None or _expected(scenario, violation)
    if as_json:
        write_json(
            {
                "scenario": scenario.name,
                "protocol": scenario.protocol.name,
                "case": str(case),
                "violation": None
                if violation is None
                else {
                    "property": violation.property.value,
                    "reason": violation.reason,
                    "expected": expected,
                },
                "undecided": [played.end.roster.names[each] for each in played.end.undecided],
                "culprits": dict(played.culprits),
                "trace": list(played.lines),
            }
        )
        return int(not expected)
    out = console()
    for line in (f"case {case}", *played.lines, *conclusion(played, violation)):
        out.print(escape(line))
    if violation is not None:
        _print_expectation(scenario, violation)
    return int(not expected)


def _expected(scenario: Scenario, violation: Violation) -> bool:
    """Whether the author of the scenario expects this property to be violated."""
    match violation.property:
        case Property.AGREEMENT:
            return scenario.expect.agreement == "violated"
        case Property.VALIDITY:
            return scenario.expect.validity == "violated"
        case Property.TERMINATION:
            return scenario.expect.termination == "violated"
        case Property.CONSISTENCY:
            return False


def _print_expectation(scenario: Scenario, violation: Violation) -> None:
    if _expected(scenario, violation):
        name = violation.property.value
        console().print(f"[bold green]as expected[/]: the scenario says {name}: violated")
    else:
        console().print("[bold red]not as expected[/]")


def _repeat(request: ExploreRequest, case: Case) -> str:
    """The command that plays exactly this case."""
    words = ["tclearn", "explore", request.name, "--case", str(case)]
    if request.loses:
        words.append("--drop")
    if request.free:
        words.append("--free")
    if request.patience != Pace().patience:
        words += ["--patience", str(request.patience)]
    if request.termination:
        words.append("--termination")
    for override in request.overrides:
        words += ["--set", override]
    return shlex.join(words)


class _Show:
    """A bar of how far an exploration is; where nobody could see it move, a line now and then."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("exploring", total=total)
        self._next_line = time.monotonic() + _FIRST_LINE_S

    def __call__(self, coverage: Coverage) -> None:
        words = f"{coverage.explored:,} of {coverage.size:,} cases"
        if not self._progress.disable:
            self._progress.update(self._task, completed=coverage.explored, description=words)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _LINES_APART_S
            say(words)


@contextmanager
def _progress(size: int, wanted: int | None) -> Iterator[_Show]:
    voice = console(error=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=voice,
        transient=True,
        disable=not voice.is_terminal,
    ) as progress:
        yield _Show(progress, size if wanted is None else min(size, wanted))
