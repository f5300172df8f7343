"""How far a study is: a bar with the remaining time on a terminal, else some lines."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ..studies.axes import named
from ..studies.plan import Cell, Family, Plan
from ..studies.statistics import probes_max
from ..studies.stopping import rule_of
from ..studies.work import Job, Search, Source
from .output import console

LINE_COUNT_MAX = 60
"""The most lines of a whole study."""


class StudyProgress:
    """Counts replicas, weighed by what they cost, and says what is found."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self._progress = progress
        self._done_of: dict[int, float] = {}
        self._expected = {each.number: _expected(plan, each) for each in plan.families}
        total = sum(self._expected.values())
        self._task = progress.add_task("starting", total=total)
        self._results = 0
        self._every = -(-_result_count(plan) // LINE_COUNT_MAX)
        self._searches = plan.searches
        self._replicas = 0

    def replicas(self, cell: Cell, count: int) -> None:
        """So many replicas of a cell were computed, or found in the directory."""
        self._replicas += count
        family = int(cell.id.partition("-")[0])
        before = self._done_of.get(family, 0.0)
        after = min(before + count * _weight(cell), self._expected[family])
        self._done_of[family] = after
        self._progress.update(
            self._task, advance=after - before, description=f"{self._replicas} replicas"
        )

    def cell(self, job: Job) -> None:
        """A cell is done."""
        cell = job.cell
        if not self._searches or cell.question.search == "every":
            rate = f"{job.hits} of {job.count} {cell.question.status}"
            counted = cell.question.kind in ("rate", "threshold")
            self._say(named(cell.axes), rate if counted else f"{job.count} replicas")

    def source(self, source: Source) -> None:
        """What was to be found out is."""
        family = source.family
        if isinstance(source, Search):
            before = self._done_of.get(family.number, 0.0)
            self._progress.update(self._task, advance=self._expected[family.number] - before)
            self._done_of[family.number] = self._expected[family.number]
            self._say(named(family.axes), _found(source))

    def _say(self, where: str, what: str) -> None:
        self._results += 1
        if self._results % self._every == 0:
            self._progress.console.print(f"{escape(where)}: {what}" if where else what)


@contextmanager
def progress_of(plan: Plan, *, hidden: bool) -> Iterator[StudyProgress]:
    """Show on stderr how far a study is."""
    voice = console(error=True)
    voice.quiet = hidden
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=voice,
        transient=True,
        disable=hidden or not voice.is_terminal,
    ) as progress:
        yield StudyProgress(plan, progress)


def _found(search: Search) -> str:
    counts = search.family.counts or ()
    if search.undecided:
        return "not decided within the replications"
    held = [counts[index] for index, found in search.known.items() if found == "held"]
    broken = [counts[index] for index, found in search.known.items() if found == "broken"]
    of = search.family.question.of
    if not broken:
        return f"{of} holds with up to {max(held)} faulty"
    if not held:
        return f"{of} breaks with {min(broken)} faulty"
    return f"{of} holds with {max(held)} faulty, breaks with {min(broken)}"


def _weight(cell: Cell) -> float:
    """What a replica costs beside others: about one message between any two hospitals."""
    return float(len(cell.task.scenario.hospitals) ** 2)


def _expected(plan: Plan, family: Family) -> float:
    """What a family will cost, about."""
    rule = rule_of(family, plan.study.replications)
    counts = family.counts or (0,)
    cells = probes_max(0, len(counts) - 1) if family.bisects else len(counts)
    each = rule.least if family.bisects else rule.most
    return float(cells * each) * len(family.task.scenario.hospitals) ** 2


def _result_count(plan: Plan) -> int:
    if plan.families[0].bisects:
        return len(plan.families)
    return sum(len(family.counts or (0,)) for family in plan.families)
