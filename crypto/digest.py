"""SHA-256 digests that say what they are digests of.

``sha256`` is for bytes that somebody else defined (a file). Everything of our own has a label, so
that no digest of one kind can be taken for another: the label is not empty and begins with a
printable character, while the hashes of ``crypto.merkle`` begin with byte 0 or 1.
"""

import hashlib
from functools import lru_cache
from typing import Final, NewType

from .encoding import Value, encode
from .errors import EncodingError

Digest = NewType("Digest", bytes)

DIGEST_SIZE: Final = 32
"""Bytes in a digest."""

LABEL_SIZE_MAX: Final = 255
"""The longest label, in bytes: a label is also a FIPS 204 context."""

LABELS_MAX: Final = 256
"""How many checked labels are remembered."""


def sha256(data: bytes) -> Digest:
    """Return the SHA-256 digest of bytes as they are, without a label."""
    return Digest(hashlib.sha256(data).digest())


def digest(label: str, value: Value) -> Digest:
    """Return SHA-256(label || 0x00 || the encoding of ``value``).

    Raises:
        EncodingError: The label is malformed, or the value has no encoding.
    """
    return digest_encoded(label, encode(value))


def digest_encoded(label: str, encoded: bytes) -> Digest:
    """Return what ``digest`` returns for the value that ``encoded`` is the encoding of."""
    return sha256(label_bytes(label) + b"\0" + encoded)


@lru_cache(LABELS_MAX)
def label_bytes(label: str) -> bytes:
    """Return a label in ASCII.

    Raises:
        EncodingError: The label is empty, too long or not printable ASCII.
    """
    if not (label.isascii() and label.isprintable() and 0 < len(label) <= LABEL_SIZE_MAX):
        raise EncodingError(
            f"expected a label of 1 to {LABEL_SIZE_MAX} printable ASCII characters, found {label!r}"
        )
    return label.encode("ascii")
