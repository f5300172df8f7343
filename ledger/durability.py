"""Writing so that a crash leaves either the old content or the new, never a part."""

import os
from pathlib import Path

_TEMPORARY = ".tmp"


def flush_directory(directory: Path) -> None:
    """Put the names in a directory on the disk; needed after a file is made or renamed."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Give ``path`` this content: written aside, flushed, renamed over the old one.

    Raises:
        OSError: When it cannot be written; the old content then still stands.
    """
    temporary = path.with_name(path.name + _TEMPORARY)
    temporary.unlink(missing_ok=True)
    with temporary.open("xb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    temporary.rename(path)
    flush_directory(path.parent)


def is_leftover(path: Path) -> bool:
    """Whether this is what a crash inside `replace_file` leaves behind."""
    return path.name.endswith(_TEMPORARY)
