"""Processes of this machine, by the standard library.

Workers are spawned: nothing of this process is theirs but what a task says. They ignore Ctrl-C,
which is for the coordinator to answer, and end with it, however it ends.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import MappingProxyType
from typing import Final
from weakref import WeakKeyDictionary

from ..cell import Answer, Task, replicas
from .engine import WorkersLost

RESTARTS_MAX: Final = 5
"""How often lost workers are replaced by new ones."""

TASKS_PER_WORKER: Final = 2
"""One that is computed, and one that waits."""

_THREADS: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
)
"""A worker computes on one processor."""


class LocalEngine:
    """A pool of processes, replaced as a whole when one of them is lost."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._restarts = 0
        self._pool = self._start()
        self._pools: WeakKeyDictionary[Future[Answer], ProcessPoolExecutor] = WeakKeyDictionary()

    @property
    def capacity(self) -> int:
        """How many tasks are worth being in flight at once."""
        return self._workers * TASKS_PER_WORKER

    def submit(self, task: Task, first: int, count: int) -> "Future[Answer]":
        """Begin to compute some replicas.

        Raises:
            WorkersLost: Workers were lost too often.
        """
        while True:
            try:
                future = self._pool.submit(replicas, task, first, count)
            except BrokenProcessPool:
                self._replace(self._pool)
                continue
            self._pools[future] = self._pool
            return future

    def survives(self, failed: "Future[Answer]") -> bool:
        """Whether a task failed because workers were lost, and may be submitted again.

        Raises:
            WorkersLost: They were lost too often.
        """
        pool = self._pools.pop(failed, None)
        if not isinstance(failed.exception(), BrokenProcessPool):
            return False
        self._replace(pool)
        return True

    def close(self) -> None:
        """End, at once."""
        self._pools.clear()
        _end(self._pool)

    def _start(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._workers, context, initializer=_begin)

    def _replace(self, broken: ProcessPoolExecutor | None) -> None:
        """Start new workers in place of a pool, unless that was done already."""
        if broken is not self._pool:
            return
        self._restarts += 1
        if self._restarts > RESTARTS_MAX:
            raise WorkersLost(
                f"worker processes were lost {self._restarts} times, perhaps for want of memory; "
                "take fewer with --workers"
            )
        _end(broken)
        self._pool = self._start()


def _begin() -> None:
    """Prepare a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.update(_THREADS)
    threading.Thread(target=_end_with_coordinator, daemon=True).start()


def _end_with_coordinator() -> None:
    """Do not wait for tasks of a coordinator that was killed."""
    coordinator = multiprocessing.parent_process()
    if coordinator is not None:
        coordinator.join()
        os._exit(1)


def _end(pool: ProcessPoolExecutor) -> None:
    """End a pool and its workers, whatever they are doing."""
    processes = list((pool._processes or {}).values())  # no public name before Python 3.14
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()
    for process in processes:
        process.join()
