"""Carries a study out: hands batches to an engine, keeps what comes back, until all is known.

A few batches per worker are in flight, and replicas are held in memory for the cells in progress
alone. What is decided is decided by ``work``; here is only who computes what, and when.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Final, Protocol

from .axes import named
from .cell import Answer, versions
from .engines.engine import Engine
from .errors import StudyError
from .plan import Cell, Plan
from .store import StudyDirectory
from .work import Batch, Job, Source, job_of, sources_of

POLL_S: Final = 0.2
"""How often a signal is looked for while workers compute, in seconds."""


class Progress(Protocol):
    """Who is told how far a study is."""

    def replicas(self, cell: Cell, count: int) -> None:
        """So many replicas of a cell were computed, or found in the directory."""

    def cell(self, job: Job) -> None:
        """A cell is done."""

    def source(self, source: Source) -> None:
        """What was to be found out is."""


@dataclass(slots=True)
class _Open:
    """Something that is being found out."""

    source: Source
    """What."""
    job: Job
    """The cell that is computed for it."""


@dataclass(frozen=True, slots=True)
class _Flight:
    """A batch that is being computed."""

    owner: _Open
    """For what."""
    job: Job
    """Of which cell."""
    batch: Batch
    """Which."""


def carry_out(
    plan: Plan,
    directory: StudyDirectory,
    identity: str,
    engine: Engine,
    progress: Progress,
    stop: Callable[[], bool],
) -> bool:
    """Compute what is missing of a study.

    Args:
        plan: The study.
        directory: Where it is kept; held by this process.
        identity: Of the study.
        engine: Who computes.
        progress: Who is told.
        stop: Whether it is asked to stop; what was computed then is kept.

    Returns:
        Whether all is there; else it was stopped.

    Raises:
        StudyError: Workers were lost, have other versions, or could not compute a replica.
        StoreError: Something cannot be written or read.
    """
    return _Coordinator(plan, directory, identity, progress).run(engine, stop)


class _Coordinator:
    """What is open, and what is in flight."""

    def __init__(
        self, plan: Plan, directory: StudyDirectory, identity: str, progress: Progress
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._identity = identity
        self._progress = progress
        self._versions = versions(plan.study.fidelity)
        self._sources = sources_of(plan.families)
        self._open: list[_Open] = []
        self._flights: dict[Future[Answer], _Flight] = {}

    def run(self, engine: Engine, stop: Callable[[], bool]) -> bool:
        while True:
            if stop():
                self._keep_finished()
                return False
            self._fill(engine)
            if not self._flights:
                return True
            self._gather(engine, POLL_S)

    def _fill(self, engine: Engine) -> None:
        """Keep the workers busy: with what is needed first, then with what may be."""
        capacity = engine.capacity
        for ahead in (False, True):
            while len(self._flights) < capacity:
                found = self._next(ahead=ahead)
                if found is None:
                    break
                self._launch(engine, *found)

    def _launch(self, engine: Engine, owner: _Open, batch: Batch) -> None:
        future = engine.submit(owner.job.cell.task, batch.first, batch.count)
        self._flights[future] = _Flight(owner, owner.job, batch)

    def _next(self, *, ahead: bool) -> tuple[_Open, Batch] | None:
        """The next batch: of what is open, else of something new."""
        for owner in self._open:
            batch = owner.job.take(ahead=ahead)
            if batch is not None:
                return owner, batch
        for source in self._sources:
            opened = self._opened(source)
            batch = None if opened is None else opened.job.take(ahead=True)
            if opened is not None and batch is not None:
                return opened, batch
        return None

    def _opened(self, source: Source) -> _Open | None:
        """Go on with a source as far as the directory knows it; None if that is to its end."""
        job = self._next_job(source)
        if job is None:
            return None
        owner = _Open(source, job)
        self._open.append(owner)
        return owner

    def _next_job(self, source: Source) -> Job | None:
        """The next job that needs computing; cells that are there are taken as they are."""
        while (cell := source.next()) is not None:
            study = self._plan.study
            job = job_of(source, cell, study.replications, study.batch)
            done = self._directory.done(cell, self._identity)
            kept = (
                dict(enumerate(done))
                if done is not None
                else self._directory.part(cell, self._identity)
            )
            self._progress.replicas(cell, job.recover(kept))
            if not job.done:
                return job
            self._finish(source, job, written=done is not None)
        self._progress.source(source)
        return None

    def _finish(self, source: Source, job: Job, *, written: bool) -> None:
        if not written:
            self._directory.finish(job.cell, self._identity, job.lines())
        source.learn(job)
        self._progress.cell(job)

    def _gather(self, engine: Engine, timeout_s: float) -> None:
        """Take what is computed."""
        done, _ = wait(self._flights, timeout_s, FIRST_COMPLETED)
        # In the order in which they were launched, so that progress reads well.
        for future in [each for each in self._flights if each in done]:
            flight = self._flights.pop(future)
            if future.cancelled() or future.exception() is not None:
                self._failed(engine, future, flight)
            elif not flight.job.done:
                self._take(flight, future.result())

    def _keep_finished(self) -> None:
        """Keep what was computed when it is time to stop."""
        for future, flight in self._flights.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                self._directory.keep(flight.job.cell, self._identity, future.result().lines)

    def _take(self, flight: _Flight, answer: Answer) -> None:
        job = flight.job
        self._check(answer.versions)
        self._directory.keep(job.cell, self._identity, answer.lines)
        self._progress.replicas(job.cell, flight.batch.count)
        job.give(flight.batch.number, answer.lines)
        if not job.done:
            return
        self._finish(flight.owner.source, job, written=False)
        following = self._next_job(flight.owner.source)
        if following is None:
            self._open.remove(flight.owner)
        else:
            flight.owner.job = following

    def _failed(self, engine: Engine, future: "Future[Answer]", flight: _Flight) -> None:
        if engine.survives(future):
            if not flight.job.done:
                again = engine.submit(flight.job.cell.task, flight.batch.first, flight.batch.count)
                self._flights[again] = flight
            return
        if flight.job.done:
            return  # it was computed ahead, and is not needed
        error = future.exception() or StudyError("a batch was cancelled")
        cell = f"cell {flight.job.cell.id}"
        if flight.job.cell.axes:
            cell += f" ({named(flight.job.cell.axes)})"
        error.add_note(f"in {cell}, replicas from {flight.batch.first} on")
        raise error

    def _check(self, theirs: Mapping[str, str]) -> None:
        """Check the versions of a worker, which may have joined a cluster just now."""
        for name, ours in self._versions.items():
            if theirs.get(name) != ours:
                raise StudyError(
                    f"a worker has {name} {theirs.get(name)}, and this is {ours}; the same "
                    "versions are needed everywhere for the same results"
                )


def sources(plan: Plan) -> Iterator[Source]:
    """Yield all that a study finds out, in order."""
    return sources_of(plan.families)
