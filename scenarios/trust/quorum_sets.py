"""Reads quorum sets out of JSON, in the four ways they are written.

| source | threshold | validators | inner sets |
|---|---|---|---|
| stellarbeat, MobileCoin's crawler | `threshold` | `validators` | `innerQuorumSets` |
| stellar-core | `t` | `v`, texts | `v`, objects |
| python-fbas | `threshold` | `members`, names of nodes | `members`, names of quorum sets |

A validator that stands twice is kept: it then counts twice, as the programs count it.
"""

import marshal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from consensus.quorum import QuorumSet
from crypto.identity import NodeId

from ..errors import shown
from .errors import TrustError

DEPTH_MAX: Final = 16
"""Levels of inner sets below the outermost one; real networks have 3."""

ENTRIES_MAX: Final = 10_000
"""The most entries of one quorum set, at all its levels together."""

NAME_MAX: Final = 200
"""The most characters of a node's identity."""


@dataclass(slots=True)
class _Count:
    """How many entries a quorum set has had so far."""

    entries: int = field(default=0)

    def add(self, place: str, more: int) -> None:
        self.entries += more
        if self.entries > ENTRIES_MAX:
            raise TrustError(f"{place}: expected at most {ENTRIES_MAX} entries, found more")


def nested(value: object, place: str) -> QuorumSet:
    """A quorum set as stellarbeat and stellar-core write it.

    Raises:
        TrustError: When it is not one.
    """
    return _nested(value, place, 0, _Count())


class Nested:
    """The same for many nodes: what many of them write is read once."""

    def __init__(self) -> None:
        self._known: dict[bytes, QuorumSet] = {}

    def get(self, value: Any, place: str) -> QuorumSet:
        """A quorum set.

        Raises:
            TrustError: When it is not one.
        """
        key = marshal.dumps(value)  # the quickest way from a tree of JSON to something hashable
        if key not in self._known:
            self._known[key] = nested(value, place)
        return self._known[key]


def _nested(value: object, place: str, depth: int, count: _Count) -> QuorumSet:
    fields = expect_object(value, place)
    if depth > DEPTH_MAX:
        raise TrustError(f"{place}: expected at most {DEPTH_MAX} levels of inner sets, found more")
    if "t" in fields or "v" in fields:
        threshold = _threshold(fields, "t", place)
        entries = expect_list(fields.get("v"), f"{place}.v")
        validators = [each for each in entries if not isinstance(each, dict)]
        inner = [each for each in entries if isinstance(each, dict)]
        below = f"{place}.v"
    else:
        threshold = _threshold(fields, "threshold", place)
        validators = expect_list(fields.get("validators", []), f"{place}.validators")
        below = f"{place}.innerQuorumSets"
        inner = expect_list(fields.get("innerQuorumSets") or [], below)
    count.add(place, len(validators) + len(inner))
    return QuorumSet(
        threshold,
        tuple(expect_name(each, f"{place}: a validator") for each in validators),
        tuple(
            _nested(each, f"{below}[{number}]", depth + 1, count)
            for number, each in enumerate(inner)
        ),
    )


class Named:
    """Quorum sets that name each other, as python-fbas writes them."""

    def __init__(self, sets: Mapping[str, Any], place: str) -> None:
        self._sets = sets
        self._place = place
        self._known: dict[str, tuple[QuorumSet, int]] = {}

    def get(self, name: str) -> QuorumSet:
        """The quorum set of this name.

        Raises:
            TrustError: When it is not one, or contains itself.
        """
        return self._get(name, ())[0]

    def _get(self, name: str, above: tuple[str, ...]) -> tuple[QuorumSet, int]:
        place = f"{self._place}.{shown(name)}"
        if name in above:
            cycle = " in ".join(map(shown, [*above[above.index(name) :], name][::-1]))
            raise TrustError(f"{place}: expected no quorum set inside itself, found {cycle}")
        if len(above) > DEPTH_MAX:
            raise TrustError(
                f"{place}: expected at most {DEPTH_MAX} levels of inner sets, found more"
            )
        if name not in self._known:
            self._known[name] = self._read(name, place, above)
        quorum_set, entries = self._known[name]
        return quorum_set, entries

    def _read(self, name: str, place: str, above: tuple[str, ...]) -> tuple[QuorumSet, int]:
        if name not in self._sets:
            raise TrustError(f"{place}: expected a quorum set of this name, found none")
        fields = expect_object(self._sets[name], place)
        members = [
            expect_name(each, f"{place}: a member")
            for each in expect_list(fields.get("members"), f"{place}.members")
        ]
        inner = [self._get(each, (*above, name)) for each in members if each in self._sets]
        entries = len(members) + sum(each for _, each in inner)
        if entries > ENTRIES_MAX:
            raise TrustError(f"{place}: expected at most {ENTRIES_MAX} entries, found more")
        validators = tuple(each for each in members if each not in self._sets)
        threshold = _threshold(fields, "threshold", place)
        return QuorumSet(threshold, validators, tuple(each for each, _ in inner)), entries


def _threshold(fields: Mapping[str, Any], key: str, place: str) -> int:
    found = fields.get(key)
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise TrustError(
            f"{place}.{key}: expected a whole number from 0, found {_described(found)}"
        )
    return found


def expect_object(value: object, place: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        TrustError: When it is something else.
    """
    if not isinstance(value, dict):
        raise TrustError(f"{place}: expected an object, found {_described(value)}")
    return value


def expect_list(value: object, place: str) -> list[Any]:
    """A JSON list.

    Raises:
        TrustError: When it is something else.
    """
    if not isinstance(value, list):
        raise TrustError(f"{place}: expected a list, found {_described(value)}")
    return value


def expect_name(value: object, place: str) -> NodeId:
    """The identity of a node.

    Raises:
        TrustError: When it is something else.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= NAME_MAX:
        raise TrustError(
            f"{place}: expected a text of 1 to {NAME_MAX} characters, found {_described(value)}"
        )
    return NodeId(value)


def _described(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{shown(value)}'"
        case int() | float():
            return shown(repr(value))
        case list():
            return "a list"
        case _:
            return "an object"
