"""Whoever computes a study, in whatever order, and however often it is interrupted: the same bytes.

The cluster is a real scheduler with two worker processes, over TCP.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from ledger.errors import StoreError
from scenarios.studies.cell import Answer, Task, replicas, versions
from scenarios.studies.coordinate import carry_out
from scenarios.studies.engines.engine import WorkersLost, choose
from scenarios.studies.engines.local import RESTARTS_MAX, LocalEngine
from scenarios.studies.errors import StudyError
from scenarios.studies.identity import identity_of
from scenarios.studies.plan import Cell
from scenarios.studies.store import StudyDirectory
from tests.program import environment
from tests.studies import RATES, SMALL, Nobody, files, planned, run

TIME_LIMIT_S = 60


class Shuffled:
    """Computes in one thread of this process, in an order by chance."""

    def __init__(self, capacity: int, seed: int) -> None:
        self.capacity = capacity
        self.computed = 0
        self._random = Random(seed)
        self._waiting: list[tuple[Future[Answer], Task, int, int]] = []
        self._thread = ThreadPoolExecutor(1)

    def submit(self, task: Task, first: int, count: int) -> Future[Answer]:
        future: Future[Answer] = Future()
        self._waiting.append((future, task, first, count))
        self._thread.submit(self._compute)
        return future

    def _compute(self) -> None:
        future, task, first, count = self._waiting.pop(self._random.randrange(len(self._waiting)))
        self.computed += count
        future.set_result(self.answer(task, first, count))

    def answer(self, task: Task, first: int, count: int) -> Answer:
        return replicas(task, first, count)

    def survives(self, failed: Future[Answer]) -> bool:
        return False

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """The files of two studies, by one worker."""
    found = {}
    for name, text in (("small", SMALL), ("rates", RATES)):
        path = tmp_path_factory.mktemp("expected") / name
        with closing(LocalEngine(1)) as engine:
            run(planned(text), engine, path)
        found[name] = files(path)
    return found


@pytest.mark.parametrize("workers", [2, 8])
def test_the_number_of_workers_changes_no_byte(
    workers: int, tmp_path: Path, expected: dict[str, dict[str, bytes]]
) -> None:
    with closing(LocalEngine(workers)) as engine:
        for name, text in (("small", SMALL), ("rates", RATES)):
            run(planned(text), engine, tmp_path / name)
            assert files(tmp_path / name) == expected[name]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_batches_end_changes_no_byte(
    seed: int, tmp_path: Path, expected: dict[str, dict[str, bytes]]
) -> None:
    for name, text in (("small", SMALL), ("rates", RATES)):
        with closing(Shuffled(1 + seed * 3, seed)) as engine:
            run(planned(text), engine, tmp_path / name)
        assert files(tmp_path / name) == expected[name]


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_study_that_was_stopped_goes_on_with_what_it_has(
    after: int, tmp_path: Path, expected: dict[str, dict[str, bytes]]
) -> None:
    study = planned(RATES)
    identity = identity_of(study)
    with closing(Shuffled(1, 0)) as first, StudyDirectory(tmp_path) as directory:
        directory.take()
        stopped = not carry_out(
            study, directory, identity, first, Nobody(), lambda: first.computed >= 4 * after
        )
    assert stopped
    with closing(Shuffled(1, 0)) as second:
        run(study, second, tmp_path)
    assert files(tmp_path) == expected["rates"]
    assert second.computed <= 50 - 4 * (after - 1)


def test_a_worker_that_is_killed_is_replaced(
    tmp_path: Path, expected: dict[str, dict[str, bytes]]
) -> None:
    with closing(LocalEngine(2)) as engine:
        killed = kill_one(engine)
        run(planned(), engine, tmp_path)
    assert killed
    assert files(tmp_path) == expected["small"]


def kill_one(engine: LocalEngine) -> int:
    """Let a pool start its workers, and kill one."""
    engine.submit(planned().families[0].task, 0, 1).result(TIME_LIMIT_S)
    first, *_ = engine._pool._processes
    os.kill(first, signal.SIGKILL)
    return first


def test_workers_that_are_lost_again_and_again_are_a_sentence() -> None:
    with closing(LocalEngine(1)) as engine:
        for _ in range(RESTARTS_MAX):
            assert engine.survives(lost(engine))
        failed = lost(engine)
        with pytest.raises(WorkersLost, match=f"were lost {RESTARTS_MAX + 1} times"):
            engine.survives(failed)


def lost(engine: LocalEngine) -> Future[Answer]:
    """A task whose worker ends under it."""
    future: Future[Answer] = engine._pool.submit(os._exit, 1)
    engine._pools[future] = engine._pool
    future.exception(TIME_LIMIT_S)
    return future


def test_two_processes_never_write_one_study(tmp_path: Path) -> None:
    with StudyDirectory(tmp_path) as first:
        first.take()
        with pytest.raises(StoreError, match="is being written by another process; wait for it"):
            StudyDirectory(tmp_path).take()
    StudyDirectory(tmp_path).take()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("local", 0, None), "--workers: expected 1 to 1024, found 0"),
        (("local", None, "tcp://x:1"), "--scheduler: belongs to --engine dask"),
        (("dask", 2, "tcp://x:1"), "--workers: a scheduler has workers of its own"),
        (("dask", None, "tcp://127.0.0.1:1"), "the scheduler tcp://127.0.0.1:1 does not answer"),
        (("dask", None, "nonsense"), "the scheduler nonsense does not answer"),
    ],
)
def test_an_engine_that_cannot_be_had_is_a_sentence(
    given: tuple[str, int | None, str | None], sentence: str
) -> None:
    with pytest.raises(StudyError) as raised:
        choose(*given)  # type: ignore[arg-type]  # a name in text
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)


def test_a_missing_library_is_a_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(StudyError, match=r"install it: pip install 'tclearn\[cluster\]'"):
        choose("dask", 1, None)


# Dask


def test_a_loop_of_the_library_that_starts_late_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from scenarios.studies.engines import cluster as engine

    tried: list[str] = []

    def late(address: str, **_: object) -> str:
        tried.append(address)
        if len(tried) < engine.STARTS_MAX:
            raise AssertionError
        return "a client"

    library = SimpleNamespace(Client=late)
    assert engine.connected(library, "tcp://x:1") == "a client"
    tried.clear()
    monkeypatch.setattr(engine, "STARTS_MAX", 0)
    with pytest.raises(StudyError, match="overloaded"):
        engine.connected(library, "tcp://x:1")


@contextmanager
def started(*words: str, until: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a program of Dask; the line in which it says where it is."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        env=environment(PYTHONWARNINGS="ignore", DASK_DISTRIBUTED__LOGGING__DISTRIBUTED="info"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    reader: threading.Thread | None = None
    try:
        line = next(line for line in process.stderr if until in line)
        # What it says afterwards is read, so that it never waits.
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        reader.start()
        yield process, line
    finally:
        process.kill()
        process.wait(TIME_LIMIT_S)
        if reader is not None:
            reader.join(TIME_LIMIT_S)
        process.stderr.close()


@contextmanager
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """A scheduler with two workers: its address, and the processes, the scheduler first."""
    scheduler = ("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    with started(*scheduler, "--no-dashboard", until="Scheduler at:") as (boss, line):
        address = line.split()[-1]
        worker = ("distributed.cli.dask_worker", address, "--host", "127.0.0.1", "--no-nanny")
        alone = ("--nthreads", "1", "--no-dashboard")
        with (
            started(*worker, *alone, until="Registered to:") as (first, _),
            started(*worker, *alone, until="Registered to:") as (second, _),
        ):
            yield address, [boss, first, second]


DASK_WARNINGS = pytest.mark.filterwarnings(
    # Sockets and loops that distributed leaves to the collector when a peer dies.
    "ignore:unclosed:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@DASK_WARNINGS
def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(
    tmp_path: Path, expected: dict[str, dict[str, bytes]]
) -> None:
    study = planned()
    with cluster() as (address, (_, _, worker)), closing(choose("dask", None, address)) as engine:
        assert engine.capacity == 4
        with StudyDirectory(tmp_path) as directory:
            directory.take()
            killer = Killer(worker)
            identity = identity_of(study)
            assert carry_out(study, directory, identity, engine, killer, lambda: False)
        assert worker.wait(TIME_LIMIT_S) == -signal.SIGKILL
    assert files(tmp_path) == expected["small"]


@DASK_WARNINGS
def test_a_scheduler_that_is_lost_is_a_sentence_and_nothing_is_lost(
    tmp_path: Path, expected: dict[str, dict[str, bytes]]
) -> None:
    study = planned()
    with (
        cluster() as (address, (scheduler, *_)),
        closing(choose("dask", None, address)) as engine,
        StudyDirectory(tmp_path) as directory,
    ):
        directory.take()
        with pytest.raises(WorkersLost, match=f"^the scheduler {address} was lost"):
            carry_out(
                study, directory, identity_of(study), engine, Killer(scheduler), lambda: False
            )
    assert list(files(tmp_path))
    with closing(LocalEngine(1)) as local:
        run(study, local, tmp_path)
    assert files(tmp_path) == expected["small"]


class Killer(Nobody):
    """Kills a process once the first batch is there."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def replicas(self, cell: Cell, count: int) -> None:
        if count:
            self.process.kill()


@DASK_WARNINGS
def test_workers_of_another_version_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {**versions("full"), "numpy": "0.1"}
    with cluster() as (address, _):
        monkeypatch.setattr("scenarios.studies.engines.cluster.ours", lambda: ours)
        with pytest.raises(StudyError, match=r"the worker tcp:.* has numpy .*, and this is 0\.1"):
            choose("dask", None, address)


def test_a_worker_that_joined_with_another_version_is_refused(tmp_path: Path) -> None:
    class Old(Shuffled):
        def answer(self, task: Task, first: int, count: int) -> Answer:
            return Answer((), {**versions("protocol"), "scipy": "1"})

    with closing(Old(1, 0)) as engine, pytest.raises(StudyError, match="a worker has scipy 1, and"):
        run(planned(), engine, tmp_path)
