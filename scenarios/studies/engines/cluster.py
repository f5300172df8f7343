"""More than one machine: Dask distributed, through its executor of the standard library's form.

The only module that imports it. Without an address it starts a cluster of processes here, which
costs seconds and gains nothing over the local engine but a trial of this one.
"""

import logging
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from importlib import import_module
from math import inf
from typing import Any, Final

from ..cell import Answer, Task, replicas, versions
from ..errors import StudyError
from .engine import WorkersLost

CONNECT_S: Final = 5
"""How long a scheduler may take to answer, in seconds."""

WORKERS_S: Final = 30
"""How long a scheduler may be without any worker, in seconds."""

STARTS_MAX: Final = 3
"""How often the library's event loop is started before it is given up."""

COUNT_S: Final = 2
"""How often the workers of a scheduler are counted, in seconds."""

TASKS_PER_THREAD: Final = 2
"""One that is computed, and one that waits."""


def start(scheduler: str | None, workers: int) -> "DaskEngine":
    """Connect with a scheduler, or start a cluster on this machine.

    Raises:
        StudyError: The library is missing, the scheduler does not answer, it has no workers, or
            they have other versions.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise StudyError(
            "--engine dask needs the library distributed; install it: "
            "pip install 'tclearn[cluster]'"
        ) from None
    _silence()
    cluster = None
    try:
        if scheduler is None:
            with _interrupts_ignored():
                cluster = distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                )
        client = connected(distributed, cluster or scheduler)
    except StudyError:
        if cluster is not None:
            cluster.close()
        raise
    except (OSError, TimeoutError, ValueError) as error:
        if cluster is not None:
            cluster.close()
        reason = str(error).partition("\n")[0] or type(error).__name__
        what = "a cluster on this machine" if scheduler is None else f"the scheduler {scheduler}"
        raise StudyError(f"{what} does not answer: {reason}") from None
    engine = DaskEngine(client, cluster, scheduler or "on this machine")
    try:
        engine.check()
    except BaseException:
        engine.close()
        raise
    return engine


def connected(distributed: Any, whereto: Any) -> Any:
    """Return a client of a scheduler or a cluster.

    The library gives its event loop ten seconds to start, and fails an assertion after that.

    Raises:
        StudyError: It took longer each time.
    """
    for _ in range(STARTS_MAX):
        with suppress(AssertionError):
            return distributed.Client(whereto, timeout=CONNECT_S, set_as_default=False)
    raise StudyError(
        "the event loop of distributed did not start in time: this machine is overloaded; "
        "try again when it has less to do"
    )


def _silence() -> None:
    """Let errors be said by us: distributed has a logger, and a level, for each module."""
    for name in [*logging.root.manager.loggerDict, "distributed", "tornado.application"]:
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Start processes that ignore Ctrl-C, which is for the coordinator to answer."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class DaskEngine:
    """The workers of a scheduler; a task whose worker is lost runs on another one."""

    def __init__(self, client: Any, cluster: Any, name: str) -> None:
        self._client = client
        self._cluster = cluster
        self._name = name
        self._executor = client.get_executor(pure=False)
        self._capacity = 0
        self._counted_s = -inf

    def check(self) -> None:
        """Check that there are workers, and that they have our versions.

        Raises:
            StudyError: There are none, or they have others.
        """
        try:
            self._client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError:
            raise StudyError(
                f"the scheduler {self._name} has no workers; start some: dask worker ADDRESS"
            ) from None
        try:
            found = self._client.run(versions, "full")
        except Exception as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise StudyError(
                f"the workers of {self._name} cannot run tclearn: {reason}; "
                "install the same version there"
            ) from None
        for worker, theirs in sorted(found.items()):
            check_versions(f"the worker {worker}", theirs, ours())

    @property
    def capacity(self) -> int:
        """How many tasks are worth being in flight at once: workers come and go.

        Raises:
            WorkersLost: The scheduler is gone.
        """
        now_s = time.monotonic()
        if now_s - self._counted_s > COUNT_S:
            try:
                threads = int(sum(self._client.nthreads().values()))
            except OSError as error:
                raise self._lost(error) from None
            self._capacity = max(1, threads) * TASKS_PER_THREAD
            self._counted_s = now_s
        return self._capacity

    def submit(self, task: Task, first: int, count: int) -> "Future[Answer]":
        """Begin to compute some replicas.

        Raises:
            WorkersLost: The scheduler is gone.
        """
        try:
            future: Future[Answer] = self._executor.submit(replicas, task, first, count)
        except OSError as error:
            raise self._lost(error) from None
        return future

    def _lost(self, error: BaseException | None = None) -> WorkersLost:
        reason = "" if error is None else f": {str(error) or type(error).__name__}"
        return WorkersLost(f"the scheduler {self._name} was lost{reason}")

    def survives(self, failed: "Future[Answer]") -> bool:
        """Whether a task may be submitted again: Dask has done that itself.

        Raises:
            WorkersLost: Some task lost worker after worker, or the scheduler is gone.
        """
        if failed.cancelled():
            raise self._lost()
        from distributed import KilledWorker

        error = failed.exception()
        if isinstance(error, KilledWorker):
            raise WorkersLost(f"the scheduler {self._name} lost worker after worker with one task")
        if isinstance(error, CancelledError | OSError):
            raise self._lost(error)
        return False

    def close(self) -> None:
        """End, at once; workers that we did not start go on without our tasks."""
        with suppress(OSError):
            self._executor.shutdown(wait=False)
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


def ours() -> dict[str, str]:
    """Our versions: of both fidelities."""
    return versions("full")


def check_versions(who: str, theirs: Mapping[str, str], ours: Mapping[str, str]) -> None:
    """Check that a worker gives the bytes that we would.

    Raises:
        StudyError: It has other versions.
    """
    for name in ours:
        if theirs.get(name) != ours[name]:
            raise StudyError(
                f"{who} has {name} {theirs.get(name, 'in no version')}, and this is {ours[name]}; "
                "the same versions are needed everywhere for the same results"
            )
