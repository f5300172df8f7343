"""Content-addressed files off the chain: ``sha256/ab/<hex>``, verified at every read.

A blob is written to a temporary file, flushed, made read-only and renamed, so that a name never
stands for half a content. Blobs are only ever added.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from crypto.digest import DIGEST_SIZE, Digest, sha256

from .durability import open_regular, read_regular, replace_file
from .errors import BlobError, StoreError

BLOB_SIZE_MAX = 1024 * 1024 * 1024
"""Bytes of the largest blob that is read into memory."""

_CHUNK_SIZE = 1024 * 1024


class BlobStore:
    """Blobs under one directory."""

    def __init__(self, directory: Path) -> None:
        self._root = directory / "sha256"

    def path(self, name: Digest) -> Path:
        """Where the blob of this digest is or would be."""
        text = name.hex()
        return self._root / text[:2] / text

    def put(self, content: bytes) -> Digest:
        """Keep ``content`` and return its digest; it is on the disk when this returns.

        Raises:
            StoreError: When it cannot be written.
        """
        name = sha256(content)
        path = self.path(name)
        if path.exists():
            return name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, content, mode=0o444)
        except OSError as error:
            raise StoreError(f"cannot write the blob {path}: {error.strerror}") from None
        return name

    def get(self, name: Digest) -> bytes:
        """The content of a blob, checked against its name.

        Raises:
            BlobError: When it is missing, unreadable, too large or not what its name says.
        """
        path = self.path(name)
        try:
            content = read_regular(path, BLOB_SIZE_MAX)
        except OSError as error:
            raise BlobError(f"cannot read the blob {path}: {error.strerror}") from None
        if sha256(content) != name:
            raise BlobError(
                f"expected content of digest {name.hex()}, found {sha256(content).hex()}"
            )
        return content

    def files(self) -> Iterator[Path]:
        """Yield every file of the store, sorted, whatever its name."""
        if self._root.is_dir():
            yield from sorted(path for path in self._root.rglob("*") if not path.is_dir())


def named_digest(path: Path) -> Digest | None:
    """The digest that a blob's file name states, or None when the name or folder states none."""
    try:
        digest = bytes.fromhex(path.name)
    except ValueError:
        return None
    sound = len(digest) == DIGEST_SIZE and path.parent.name == path.name[:2]
    return Digest(digest) if sound and path.name == digest.hex() else None


def file_digest(path: Path) -> Digest:
    """SHA-256 of a file, read in pieces.

    Raises:
        BlobError: When it cannot be read.
    """
    state = hashlib.sha256()
    try:
        with open_regular(path) as file:
            while chunk := file.read(_CHUNK_SIZE):
                state.update(chunk)
    except OSError as error:
        raise BlobError(f"cannot read the blob {path}: {error.strerror}") from None
    return Digest(state.digest())
