"""What a study asks of whoever computes its replicas."""

import os
from concurrent.futures import Future
from typing import Literal, Protocol

from ..cell import Answer, Task
from ..errors import StudyError

WORKERS_MAX = 1024
"""The most processes of this machine."""

EngineName = Literal["local", "dask"]
"""The engines by name."""


class WorkersLost(StudyError):  # noqa: N818 (what happened to whom; the base says Error)
    """So many workers were lost that a study cannot go on; what is done is kept."""


class Engine(Protocol):
    """Computes replicas, some at a time, in an order of its own."""

    @property
    def capacity(self) -> int:
        """How many tasks are worth being in flight at once."""

    def submit(self, task: Task, first: int, count: int) -> "Future[Answer]":
        """Begin to compute some replicas."""

    def survives(self, failed: "Future[Answer]") -> bool:
        """Whether a task failed because workers were lost, and may be submitted again.

        Raises:
            WorkersLost: There were too many.
        """

    def close(self) -> None:
        """End, at once; what is in flight is lost."""


def choose(name: EngineName, workers: int | None, scheduler: str | None) -> Engine:
    """Start an engine.

    Args:
        name: Which.
        workers: How many processes of this machine; as many as it has processors if None.
        scheduler: The address of a Dask scheduler; a cluster on this machine if None.

    Raises:
        StudyError: There is no such engine, or it cannot be started.
    """
    if workers is not None and not 1 <= workers <= WORKERS_MAX:
        raise StudyError(f"--workers: expected 1 to {WORKERS_MAX}, found {workers}")
    if scheduler is not None and name != "dask":
        raise StudyError(f"--scheduler: belongs to --engine dask, found --engine {name}")
    if scheduler is not None and workers is not None:
        raise StudyError("--workers: a scheduler has workers of its own; leave it out")
    count = workers or usable_cpus()
    match name:
        case "local":
            from .local import LocalEngine

            return LocalEngine(count)
        case "dask":
            from .cluster import start

            return start(scheduler, count)


def usable_cpus() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
