"""Strict readers for decoded values: exact keys, exact types, a limit on every length."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, TypeVar

from crypto.digest import DIGEST_SIZE, Digest
from crypto.errors import IdentityError
from crypto.identity import NodeId, node_id

from .errors import Violation

TEXT_SIZE_MAX = 256
"""Characters in any text of a record."""
ITEM_COUNT_MAX = 1000
"""Items in any list of a record: as many as a quorum set may name nodes."""
SIGNATURE_SIZE_MAX = 8192
"""Bytes; ML-DSA-87 signatures have 4,627."""
INTEGER_MAX = 2**63 - 1
"""The largest integer in a record."""

NODES_REMEMBERED_MAX = 4096
"""Names that need not be checked again; a ledger names the same few in every block."""

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def fields(value: Any, where: str, *names: str) -> tuple[Any, ...]:
    """The values of a map with exactly these keys, in the order asked for."""
    if type(value) is not dict:
        raise _bad(f"a map as {where}", type(value).__name__)
    try:
        found: tuple[Any, ...] = _getter(names)(value)
    except KeyError as error:
        raise _bad(f"the key {error.args[0]!r} in {where}", _keys(value)) from None
    if len(value) != len(names):
        raise _bad(f"only the keys {_keys(names)} in {where}", _keys(value))
    return found


@cache
def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) == 1:
        return lambda value: (value[names[0]],)
    return itemgetter(*names)


def integer(value: Any, where: str, *, least: int = 0, most: int = INTEGER_MAX) -> int:
    """An integer from ``least`` to ``most``."""
    if type(value) is not int or not least <= value <= most:
        raise _bad(f"an integer of {least} to {most} as {where}", repr(value)[:80])
    return value


def boolean(value: Any, where: str) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise _bad(f"true or false as {where}", repr(value)[:80])
    return value


def text(value: Any, where: str) -> str:
    """A text of at most `TEXT_SIZE_MAX` characters."""
    if type(value) is not str or len(value) > TEXT_SIZE_MAX:
        raise _bad(f"a text of at most {TEXT_SIZE_MAX} characters as {where}", repr(value)[:80])
    return value


def node(value: Any, where: str) -> NodeId:
    """The name of a node."""
    try:
        return _node(text(value, where))
    except IdentityError as error:
        raise _bad(f"the name of a node as {where}", str(error)) from None


_node = lru_cache(NODES_REMEMBERED_MAX)(node_id)


def member(value: Any, where: str, kinds: type[E]) -> E:
    """One of the texts of an enumeration."""
    try:
        return kinds(text(value, where))
    except ValueError:
        known = ", ".join(each.value for each in kinds)
        raise _bad(f"one of {known} as {where}", repr(value)[:80]) from None


def octets(value: Any, where: str, *, size_max: int) -> bytes:
    """A byte string of 1 to ``size_max`` bytes."""
    if type(value) is not bytes or not 1 <= len(value) <= size_max:
        raise _bad(f"1 to {size_max} bytes as {where}", _size(value))
    return value


def signature(value: Any, where: str) -> bytes:
    """A signature, of whatever algorithm."""
    return octets(value, where, size_max=SIGNATURE_SIZE_MAX)


def digest32(value: Any, where: str) -> Digest:
    """A 32-byte digest."""
    if type(value) is not bytes or len(value) != DIGEST_SIZE:
        raise _bad(f"{DIGEST_SIZE} bytes as {where}", _size(value))
    return Digest(value)


def items(value: Any, where: str, read: Callable[[Any, str], T]) -> tuple[T, ...]:
    """A list of at most `ITEM_COUNT_MAX` items, each read by ``read``."""
    if type(value) is not list or len(value) > ITEM_COUNT_MAX:
        raise _bad(f"a list of at most {ITEM_COUNT_MAX} items as {where}", _size(value))
    return tuple(read(item, where) for item in value)


def row(value: Any, where: str, size: int) -> list[Any]:
    """The items of a list of exactly this size."""
    if type(value) is not list or len(value) != size:
        raise _bad(f"a list of {size} as {where}", _size(value))
    return value


def check_sorted(names: Iterable[NodeId], where: str) -> None:
    """Check that nodes are sorted and stand once each."""
    previous = ""
    for name in names:
        if name <= previous:
            raise _bad(f"nodes sorted and once each in {where}", f"{name} after {previous}")
        previous = name


def _bad(expected: str, found: str) -> Violation:
    return Violation("BAD_SCHEMA", expected, found)


def _keys(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _size(value: Any) -> str:
    kind = type(value).__name__
    return f"{kind} of {len(value)}" if hasattr(value, "__len__") else kind
