"""A directory for one replica, in memory where there is room, and gone when the replica is over.

A ledger flushes each block to the disk before it goes on. That takes half the time of a replica
that nobody keeps; in a file system in memory it takes none. A worker that was killed leaves its
directory behind: it is locked while in use, so that whoever comes next tells and removes it.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ledger.errors import StoreError

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 (directories in it are made by mkdtemp)
"""Where Linux has a file system in memory."""

_FREE_MIN: Final = 2**30
"""Bytes that must be free there: a replica takes some megabytes, a large one some hundred."""

_PREFIX: Final = "tclearn-replica-"

_TRIES_MAX: Final = 10
"""How often another process may take a new directory for one that was left behind."""


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty directory, removed in the end whatever happens.

    Raises:
        StoreError: When none can be made.
    """
    try:
        parent = _parent()
        _sweep(parent)
        path, lock = _made(parent)
    except OSError as error:
        raise StoreError(f"cannot make a directory for a replica: {error.strerror}") from None
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _parent() -> Path:
    """In memory, unless there is little room or the user names another place."""
    if not any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")):
        with suppress(OSError):
            if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _FREE_MIN:
                return _MEMORY
    return Path(tempfile.gettempdir())


def _made(parent: Path) -> tuple[Path, int]:
    for _ in range(_TRIES_MAX):
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        with suppress(FileNotFoundError):  # swept away before it was locked
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if path.exists():
                return path, lock
            os.close(lock)
    raise FileExistsError(0, f"others remove what is made in {parent}")


def _sweep(parent: Path) -> None:
    """Remove what killed workers of ours left behind."""
    for path in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or in use, or gone by now
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)
