"""Named tensors read from the bytes of a safetensors file, and the digest of what they hold.

The digest of the file changes with the order of its header; the digest of the tensors does not, so
a model record carries both. Reading is strict: only files without ``__metadata__`` whose tensors
cover the data without gap, overlap or rest are read, and nothing is computed from the values.

Source: the format of https://github.com/huggingface/safetensors: 8 bytes with the size of the
header (little-endian), the header (JSON, padded with spaces), the data.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from .digest import Digest, digest, sha256
from .encoding import Value
from .errors import TensorFileError

TENSORS_LABEL: Final = "tclearn/tensors/v1"
"""The label of a digest of tensors."""

HEADER_SIZE_MAX: Final = 2**20
"""The longest header, in bytes."""

TENSORS_MAX: Final = 4096
"""The most tensors in a file."""

RANK_MAX: Final = 8
"""The most dimensions of a tensor."""

LENGTH_MAX: Final = 2**40
"""The longest dimension of a tensor and the largest offset."""

# {dtype: bytes in one element}
_DTYPES: Final = {
    "BOOL": 1,
    **dict.fromkeys(("U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}

_PREFIX_SIZE: Final = 8
_FIELDS: Final = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor of a file."""

    name: str
    """Its name in the model."""
    dtype: str
    """The type of its elements, as safetensors names it: F32, I64 and so on."""
    shape: tuple[int, ...]
    """Its dimensions; empty for a scalar."""
    raw: bytes = field(repr=False)
    """Its elements in row-major order, little-endian."""


def tensor_digest(data: bytes) -> Digest:
    """Return the digest of the tensors in a safetensors file, whatever the order of its header.

    Raises:
        TensorFileError: The bytes are not a strict safetensors file.
    """
    entries: list[Value] = [
        [entry.name, entry.dtype, entry.shape, sha256(entry.raw)] for entry in read_tensors(data)
    ]
    return digest(TENSORS_LABEL, entries)


def read_tensors(data: bytes) -> tuple[TensorEntry, ...]:
    """Return the tensors in the bytes of a safetensors file, sorted by name.

    Raises:
        TensorFileError: The bytes are not a strict safetensors file.
    """
    header, body = _split(data)
    if len(header) > TENSORS_MAX:
        raise TensorFileError(f"expected at most {TENSORS_MAX} tensors, found {len(header)}")
    placed = sorted((*_offsets(name, entry), name) for name, entry in header.items())
    end = 0
    for start, stop, name in placed:
        if start != end:
            raise TensorFileError(f"tensor {name!r}: expected offset {end}, found {start}")
        end = stop
    if end != len(body):
        raise TensorFileError(f"expected {end} bytes of data, found {len(body)}")
    entries = (_entry(name, header[name], body[start:stop]) for start, stop, name in placed)
    return tuple(sorted(entries, key=lambda entry: entry.name))


def _split(data: bytes) -> tuple[dict[str, dict[str, Any]], bytes]:
    """Return the parsed header and the data after it."""
    size = int.from_bytes(data[:_PREFIX_SIZE], "little")
    if len(data) < _PREFIX_SIZE or size > HEADER_SIZE_MAX or _PREFIX_SIZE + size > len(data):
        raise TensorFileError(
            f"expected a header of at most {HEADER_SIZE_MAX} bytes inside a file of {len(data)} "
            f"bytes, found {size}"
        )
    text = data[_PREFIX_SIZE : _PREFIX_SIZE + size]
    if not (text.startswith(b"{") and text.rstrip(b" ").endswith(b"}")):
        raise TensorFileError("expected a header that begins with { and ends with } and spaces")
    try:
        header = json.loads(
            text.decode(), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_refuse
        )
    except (ValueError, RecursionError) as error:  # JSONDecodeError, UnicodeDecodeError are the one
        raise TensorFileError(f"expected a header in JSON: {error}") from None
    return header, data[_PREFIX_SIZE + size :]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a JSON object, which Python would otherwise do with duplicate keys as well."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise TensorFileError("expected unique keys in the header, found a duplicate")
    return result


def _refuse(text: str) -> NoReturn:
    raise TensorFileError(f"expected only integers in the header, found {text[:32]}")


def _offsets(name: str, entry: Any) -> tuple[int, int]:
    """Return the offsets of a tensor after checking the form of its entry."""
    if name == "__metadata__":
        raise TensorFileError("expected no __metadata__: the order of its keys is not stable")
    if not name.isprintable():
        raise TensorFileError(f"expected a printable name of a tensor, found {name!r}")
    if not isinstance(entry, dict) or entry.keys() != _FIELDS:
        raise TensorFileError(f"tensor {name!r}: expected the keys {', '.join(sorted(_FIELDS))}")
    offsets = entry["data_offsets"]
    if not (_is_sizes(offsets) and len(offsets) == 2 and offsets[0] <= offsets[1]):
        raise TensorFileError(f"tensor {name!r}: expected two offsets in order, found {offsets!r}")
    return offsets[0], offsets[1]


def _entry(name: str, entry: Mapping[str, Any], raw: bytes) -> TensorEntry:
    dtype, shape = entry["dtype"], entry["shape"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise TensorFileError(f"tensor {name!r}: expected a known dtype, found {dtype!r}")
    if not (_is_sizes(shape) and len(shape) <= RANK_MAX):
        raise TensorFileError(
            f"tensor {name!r}: expected at most {RANK_MAX} dimensions up to {LENGTH_MAX}, "
            f"found {shape!r}"
        )
    size = math.prod(shape) * _DTYPES[dtype]
    if len(raw) != size:
        raise TensorFileError(
            f"tensor {name!r}: expected {size} bytes for {dtype} {shape}, found {len(raw)}"
        )
    return TensorEntry(name, dtype, tuple(shape), raw)


def _is_sizes(found: Any) -> bool:
    """Return whether this is a list of lengths; ``True`` is an int in Python and is none here."""
    return isinstance(found, list) and all(type(n) is int and 0 <= n <= LENGTH_MAX for n in found)
