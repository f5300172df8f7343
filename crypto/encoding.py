"""The one encoding that is hashed and signed: a strict, deterministic subset of CBOR.

Every value has exactly one encoding and every accepted input is the encoding of exactly one value:
``decode(data)`` succeeds only where ``encode(decode(data)) == data``. There are integers of
[-2**64, 2**64 - 1], bytes, UTF-8 text, arrays, maps with text keys, booleans and null. There are no
floats, no tags, no other simple values and no indefinite lengths.

Source: RFC 8949, section 3 (heads) and section 4.2.1 (core deterministic encoding: shortest
arguments, map keys in the bytewise order of their encodings).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from .errors import EncodingError

Value: TypeAlias = "bool | int | bytes | str | Sequence[Value] | Mapping[str, Value] | None"
"""What can be encoded. Arrays are lists or tuples, and are read back as lists; maps as dicts."""

SIZE_MAX: Final = 64 * 2**20
"""The longest encoding, in bytes."""

DEPTH_MAX: Final = 16
"""The deepest nesting of arrays and maps; a value that is neither has depth 0."""

SHORT_KEYS_MAX: Final = 4096
"""How many keys of less than 24 bytes are remembered with their encodings."""

# Major types, RFC 8949 section 3.1. Above _MAP stand tags, floats and other simple values.
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = range(6)

# An argument below 24 stands in the head. Others follow it, and the head says in how many bytes:
# {information in the head: (bytes, the least argument that needs as many)}.
_WIDTHS: Final = {24: (1, 24), 25: (2, 2**8), 26: (4, 2**16), 27: (8, 2**32)}

_FALSE, _TRUE, _NULL = b"\xf4", b"\xf5", b"\xf6"

# The heads that are a whole value.
_WHOLE: Final[dict[int, Value]] = {
    **{_UNSIGNED << 5 | n: n for n in range(24)},
    **{_NEGATIVE << 5 | n: -1 - n for n in range(24)},
    _FALSE[0]: False,
    _TRUE[0]: True,
    _NULL[0]: None,
}

# The heads of the keys that nearly all maps have: {head: bytes of the head and the text}.
_SHORT_KEY: Final = {_TEXT << 5 | n: 1 + n for n in range(24)}


def encode(value: Value) -> bytes:
    """Return the one encoding of a value.

    Raises:
        EncodingError: The value, or something in it, is outside the subset or a limit.
    """
    encoded = _encode(value, 0)
    if len(encoded) > SIZE_MAX:
        raise EncodingError(f"expected an encoding of at most {SIZE_MAX} bytes, got {len(encoded)}")
    return encoded


def _encode(value: Value, depth: int) -> bytes:
    if isinstance(value, str):
        return _encode_short_text(value) if len(value) < 24 else _encode_text(value)
    if isinstance(value, bytes):
        return _head(_BYTES, len(value)) + value
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, int):
        return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    if value is None:
        return _NULL
    if depth == DEPTH_MAX:
        raise EncodingError(f"expected at most {DEPTH_MAX} nested arrays and maps, found more")
    if isinstance(value, (list, tuple)):
        items = [_encode(item, depth + 1) for item in value]
        return _head(_ARRAY, len(items)) + b"".join(items)
    if isinstance(value, (dict, Mapping)):
        entries = {_encode_key(key): item for key, item in value.items()}
        pairs = [key + _encode(entries[key], depth + 1) for key in sorted(entries)]
        return _head(_MAP, len(pairs)) + b"".join(pairs)
    found = type(value).__name__
    advice = "; hash an integer instead, of millionths for example" if found == "float" else ""
    raise EncodingError(
        f"expected null, bool, int, bytes, str, list, tuple or a mapping, found {found}{advice}"
    )


def _head(major: int, argument: int) -> bytes:
    """Return a head: the major type and the argument in its shortest form."""
    if argument < _TABLE_SIZE:
        return _HEADS[major][argument]
    return _long_head(major, argument)


def _long_head(major: int, argument: int) -> bytes:
    kind = major << 5
    if argument < 24:
        return (kind | argument).to_bytes(1)
    if argument < 1 << 8:
        return bytes((kind | 24, argument))
    if argument < 1 << 16:
        return (kind | 25).to_bytes(1) + argument.to_bytes(2)
    if argument < 1 << 32:
        return (kind | 26).to_bytes(1) + argument.to_bytes(4)
    if argument < 1 << 64:
        return (kind | 27).to_bytes(1) + argument.to_bytes(8)
    raise EncodingError("expected an integer from -2**64 to 2**64 - 1, found one outside")


_TABLE_SIZE: Final = 256
_HEADS: Final = tuple(
    tuple(_long_head(major, argument) for argument in range(_TABLE_SIZE)) for major in range(8)
)


def _encode_text(value: str) -> bytes:
    try:
        text = value.encode()
    except UnicodeEncodeError as error:
        raise EncodingError(
            f"expected text that UTF-8 can carry, found a surrogate at character {error.start}"
        ) from None
    return _head(_TEXT, len(text)) + text


def _encode_key(key: str) -> bytes:
    if not isinstance(key, str):
        raise EncodingError(f"expected str as the key of a map, found {type(key).__name__}")
    return _encode_short_text(key) if len(key) < 24 else _encode_text(key)


_encode_short_text = lru_cache(SHORT_KEYS_MAX)(_encode_text)


def decode(data: bytes, *, size_max: int = SIZE_MAX) -> Value:
    """Return the value that ``data`` is the encoding of.

    Args:
        data: One whole encoding and nothing after it.
        size_max: The most bytes to accept.

    Raises:
        EncodingError: The bytes are not an encoding; names the offset and what was expected.
    """
    if len(data) > size_max:
        raise EncodingError(f"offset 0: expected at most {size_max} bytes, found {len(data)}")
    # The readers below never look for the end. Past it a head is an IndexError, and a slice comes
    # out short while the offset after it lies past the end: both are the one case named here.
    try:
        value, end = _decode(data, 0, 0)
    except IndexError:
        value, end = None, len(data) + 1
    if end > len(data):
        raise _refusal(data, 0, end, "an encoding")
    if end < len(data):
        raise EncodingError(f"offset {end}: expected the end, found {len(data) - end} bytes more")
    return value


def _decode(data: bytes, start: int, depth: int) -> tuple[Value, int]:
    """Read the value at an offset; return it and the offset after it."""
    head = data[start]
    major, argument, at = head >> 5, head & 0x1F, start + 1
    if major > _MAP:
        if head in _WHOLE:
            return _WHOLE[head], at
        raise EncodingError(f"offset {start}: expected no float or tag, found {head:#04x}")
    if argument > 23:
        argument, at = _argument(data, start)
    if major == _BYTES:
        end = at + argument
        return data[at:end], end
    if major == _TEXT:
        end = at + argument
        try:
            return str(data[at:end], "utf-8"), end
        except UnicodeDecodeError:
            raise _refusal(data, start, end, "text in UTF-8") from None
    if major == _UNSIGNED:
        return argument, at
    if major == _NEGATIVE:
        return -1 - argument, at
    if depth == DEPTH_MAX:
        raise EncodingError(f"offset {start}: expected at most {DEPTH_MAX} nested arrays and maps")
    if major == _MAP:
        return _decode_map(data, at, argument, depth + 1)
    return _decode_array(data, at, argument, depth + 1)


def _decode_array(data: bytes, at: int, count: int, depth: int) -> tuple[list[Value], int]:
    items = []
    for _ in range(count):
        item, at = _decode(data, at, depth)
        items.append(item)
    return items, at


def _decode_map(data: bytes, at: int, count: int, depth: int) -> tuple[dict[str, Value], int]:
    entries: dict[str, Value] = {}
    previous = b""
    end = at
    try:
        for _ in range(count):
            if data[at] in _SHORT_KEY:  # read in place: the audit spends its time in this loop
                end = at + _SHORT_KEY[data[at]]
                key = _short_key(data[at:end])
            else:
                start, end = _text_bounds(data, at)
                key = str(data[start:end], "utf-8")
            encoded = data[at:end]
            if encoded <= previous:
                raise _refusal(data, at, end, "a key that sorts after the last one")
            previous = encoded
            entries[key], at = _decode(data, end, depth)
    except UnicodeDecodeError:
        raise _refusal(data, at, end, "text in UTF-8") from None
    return entries, at


def _text_bounds(data: bytes, start: int) -> tuple[int, int]:
    """Read the head of a text at an offset; return where its bytes begin and end."""
    if data[start] >> 5 != _TEXT:
        raise EncodingError(f"offset {start}: expected text, found {data[start]:#04x}")
    size, at = _argument(data, start)
    return at, at + size


@lru_cache(SHORT_KEYS_MAX)
def _short_key(encoded: bytes) -> str:
    return str(encoded[1:], "utf-8")


def _argument(data: bytes, start: int) -> tuple[int, int]:
    """Read the argument of the head at an offset; return it and the offset after it."""
    information, at = data[start] & 0x1F, start + 1
    if information < 24:
        return information, at
    if information == 24 and data[at] > 23:  # digests, mostly: apart only because it is faster
        return data[at], at + 1
    if information not in _WIDTHS:
        raise EncodingError(f"offset {start}: expected a definite length, found {data[start]:#04x}")
    width, least = _WIDTHS[information]
    end = at + width
    argument = int.from_bytes(data[at:end])
    if argument < least:
        raise _refusal(data, start, end, f"the shortest form of {argument}")
    return argument, end


def _refusal(data: bytes, start: int, end: int, expected: str) -> EncodingError:
    """Say what was expected from an offset to another, or that the data ends between them."""
    if end > len(data):
        return EncodingError(f"offset {len(data)}: expected more bytes, found the end")
    return EncodingError(f"offset {start}: expected {expected}")
