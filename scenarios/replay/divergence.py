"""The first field in which two cores differ, by its path, with both values in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crypto.encoding import Value
from ledger.block import Core, core_value

SHOWN_MAX = 80
"""The most characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """One field of two cores."""

    field: str
    """Its path in the encoded core, such as ``body.candidate.model.tensors``."""
    first: str
    """What stands in the first core."""
    second: str
    """What stands in the second."""


def first_divergence(first: Core, second: Core) -> Divergence | None:
    """The first field that differs, in the order in which a core is written; None if none does."""
    return _compare(core_value(first), core_value(second), ())


def _compare(first: Value, second: Value, path: tuple[str, ...]) -> Divergence | None:
    """Compare two values of the encoding; its nesting is limited, and so is the recursion."""
    ours, theirs = _entries(first), _entries(second)
    if not ours or [key for key, _ in ours] != [key for key, _ in theirs]:
        same = type(first) is type(second) and first == second
        return None if same else Divergence(".".join(path), _shown(first), _shown(second))
    found = (
        _compare(value, other, (*path, key))
        for (key, value), (_, other) in zip(ours, theirs, strict=True)
    )
    return next((each for each in found if each is not None), None)


def _entries(value: Value) -> list[tuple[str, Value]]:
    """What is inside a map or a list, by key or number."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, Sequence) and not isinstance(value, bytes | str):
        return [(str(number), each) for number, each in enumerate(value)]
    return []


def _shown(value: Value) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bytes):
        text = value.hex()
    elif isinstance(value, Mapping):
        text = f"a map of {', '.join(value)}"
    elif isinstance(value, Sequence) and not isinstance(value, str):
        text = f"a list of {len(value)}"
    else:
        text = str(value)
    return text[:SHOWN_MAX]
