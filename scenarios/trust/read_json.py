"""Reads JSON strictly: a size, a depth, no key twice, no NaN; each fault is one sentence."""

import json
from pathlib import Path
from typing import Any, Final, Never

from ..errors import shown
from .errors import TrustError

FILE_SIZE_MAX: Final = 64 * 2**20
"""The largest file, in bytes."""


def read_json(path: Path) -> Any:
    """The value in a file.

    Raises:
        TrustError: When it cannot be read or is not strict JSON.
    """
    text = _read_text(path)
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refused)
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}:{error.colno}"
        raise TrustError(f"{place}: expected JSON; {error.msg}") from None
    except RecursionError:
        raise TrustError(f"{path}: expected lists and objects less deep than these") from None
    except _KeyTwiceError as error:
        raise TrustError(f"{path}: expected each key once, found {error} twice") from None
    except ValueError as error:  # NaN, or a number of too many digits
        raise TrustError(f"{path}: expected plain numbers; {error}") from None


class _KeyTwiceError(Exception):
    """A key stands twice in an object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _KeyTwiceError(f"'{shown(key)}'")
            seen.add(key)
    return found


def _refused(text: str) -> Never:
    raise ValueError(f"found {text}")


def _read_text(path: Path) -> str:
    try:
        if path.is_dir():
            raise TrustError(f"{path}: expected a file, found a directory")
        with path.open("rb") as file:
            data = file.read(FILE_SIZE_MAX + 1)
    except OSError as error:
        raise TrustError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > FILE_SIZE_MAX:
        raise TrustError(f"{path}: expected at most {FILE_SIZE_MAX} bytes, found more")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TrustError(f"{path}: expected UTF-8 text, found other bytes") from None
