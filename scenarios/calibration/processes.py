"""A function over many values, in processes of this machine, that can be stopped in between."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Final, TypeVar

from ..studies.errors import StudyError

_LOOK_S: Final = 0.2
"""How long to wait for a result before looking whether to stop, in seconds."""

_Value = TypeVar("_Value")
_Result = TypeVar("_Result")

Progress = Callable[[int], None]
"""Told how many values are done."""


def mapped(
    function: Callable[[_Value], _Result],
    values: Sequence[_Value],
    workers: int,
    progress: Progress,
    stopped: Callable[[], bool],
) -> list[_Result] | None:
    """Call a function with each value.

    Args:
        function: At the top of a module, so that other processes find it.
        values: What it is called with.
        workers: In how many processes; with one, in this one.
        progress: Told how many are done.
        stopped: Asked in between whether to stop; what is under way then ends first.

    Returns:
        The results, in the order of the values; None if it was stopped.

    Raises:
        StudyError: A process ended before its time.
    """
    if workers > 1:
        return _abroad(function, values, workers, progress, stopped)
    found: list[_Result] = []
    for value in values:
        if stopped():
            return None
        found.append(function(value))
        progress(len(found))
    return None if stopped() else found


def _abroad(
    function: Callable[[_Value], _Result],
    values: Sequence[_Value],
    workers: int,
    progress: Progress,
    stopped: Callable[[], bool],
) -> list[_Result] | None:
    with _pool(workers) as pool:
        with _interrupts_held():
            futures = [pool.submit(function, value) for value in values]
        waiting: set[Future[_Result]] = set(futures)
        while waiting:
            done, waiting = wait(waiting, _LOOK_S, FIRST_COMPLETED)
            if stopped():
                return None
            for each in done:
                each.result()  # the first that failed ends it
            progress(len(futures) - len(waiting))
        return [each.result() for each in futures]


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    # Spawned: torch does not survive a fork of a process that has used it.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _end_with_parent)
    try:
        yield pool
    except BrokenProcessPool:
        raise StudyError(
            "a worker process ended in mid-run, perhaps for want of memory; take fewer with "
            "--workers"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Start processes that never see Ctrl-C, not even as they start: what is held, they inherit."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """Have a worker end with the process that started it, however that ends."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
