"""Files as a ledger needs them: replaced as a whole, and read only if they are files.

A crash leaves either the old content or the new, never a part. What somebody put into a run instead
of a file (a pipe, a device, a link to one) is an error at once, and never waited for.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

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


def write_all(descriptor: int, data: bytes) -> None:
    """One call writes the record; a short write (disk nearly full) is carried on or fails."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        OSError: When it cannot be opened or is anything else.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, size_max: int) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: When it cannot be read, is anything else, or has more than ``size_max`` bytes.
    """
    with open_regular(path) as file:
        content = file.read(size_max + 1)
    if len(content) > size_max:
        raise OSError(errno.EFBIG, f"more than {size_max} bytes", str(path))
    return content


def is_leftover(path: Path) -> bool:
    """Whether this is what a crash inside `replace_file` leaves behind."""
    return path.name.endswith(_TEMPORARY)
