"""Framing of one record in a segment file: magic, length, checksum, payload.

    record = "TCL1" | u32le length | u32le crc32(length || payload) | payload

The checksum finds disk errors; it is no security. Source: docs/ledger-format.md.
"""

import struct
import zlib

from .errors import Violation

MAGIC = b"TCL1"
HEADER_SIZE = 12
"""Bytes before the payload."""
PAYLOAD_SIZE_MAX = 16 * 1024 * 1024
"""Bytes; the largest payload that is written or read."""

_HEADER = struct.Struct("<4sII")
_LENGTH = struct.Struct("<I")


def checksum(payload: bytes, length: int) -> int:
    """CRC-32 over the length field and the payload."""
    return zlib.crc32(payload, zlib.crc32(_LENGTH.pack(length)))


def frame(payload: bytes) -> bytes:
    """The bytes of one record.

    Raises:
        Violation: ``BAD_LENGTH`` when the payload is empty or above `PAYLOAD_SIZE_MAX`.
    """
    length = _checked_length(len(payload))
    return _HEADER.pack(MAGIC, length, checksum(payload, length)) + payload


def read_header(header: bytes) -> tuple[int, int]:
    """Length and checksum of the record that starts with these 12 bytes.

    Raises:
        Violation: ``BAD_MAGIC`` or ``BAD_LENGTH``.
    """
    magic, length, crc = _HEADER.unpack(header)
    if magic != MAGIC:
        raise Violation("BAD_MAGIC", f"{MAGIC!r} at the start of a record", repr(magic))
    return _checked_length(length), crc


def check_payload(payload: bytes, crc: int) -> None:
    """Check a payload against the checksum of its header.

    Raises:
        Violation: ``BAD_CRC``.
    """
    found = checksum(payload, len(payload))
    if found != crc:
        raise Violation("BAD_CRC", f"checksum {crc:08x}", f"{found:08x}")


def _checked_length(length: int) -> int:
    if not 1 <= length <= PAYLOAD_SIZE_MAX:
        raise Violation("BAD_LENGTH", f"a payload of 1 to {PAYLOAD_SIZE_MAX} bytes", str(length))
    return length
