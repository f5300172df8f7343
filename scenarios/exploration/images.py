"""Pictures of nodes: a few bytes from which a node can be made again, as it was.

Two nodes with equal pictures behave alike from then on, so a picture is also the name of a state.
The reverse does not hold: equal states may have different pictures, which costs time and nothing
else. What never changes (statements, quorum sets, enumerations, functions) is not copied but
numbered. Of SCP's nodes is left out what nobody can see: in which order a tally took the latest
statements in, and what a node remembers of comparisons that it would make again.

The pictures are pickles that never leave the process, and their reader makes nothing but nodes;
`copy.deepcopy` takes three times as long.
"""

import io
import pickle
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import BuiltinFunctionType, FunctionType
from typing import Any, cast

from consensus.messages import Node
from consensus.scp.node import _Slot as _ScpSlot
from consensus.scp.voting import Tally
from consensus.trust import Trust
from crypto.identity import NodeId

from .errors import ExplorationError

_SHARED = (Trust, Enum, type, FunctionType, BuiltinFunctionType)
"""Types whose instances never change, besides frozen dataclasses."""

_CACHES: Mapping[type, str] = {_ScpSlot: "moves"}
"""Types with an attribute in which a node only remembers what it would find out again."""

_Reduced = tuple[Callable[..., object], tuple[object, ...], object]
"""What pickle writes of an object: what makes it, of what, and its state."""


class Gallery:
    """Takes pictures of nodes, and keeps once what they have in common."""

    def __init__(self, nodes: Iterable[NodeId]) -> None:
        """Start empty.

        Args:
            nodes: The nodes of the coalition.
        """
        self._bits = {node: 1 << index for index, node in enumerate(sorted(nodes))}
        self._things: list[object] = []
        self._numbers: dict[Hashable, int] = {}
        self._by_id: dict[int, int] = {}
        self._seen: list[object] = []
        self._is_shared: dict[type, bool] = {}

    def picture(self, node: Node) -> bytes:
        """Take a picture of a node."""
        buffer = io.BytesIO()
        _Painter(buffer, self).dump(node)
        return buffer.getvalue()

    def revive(self, picture: bytes) -> Node:
        """Make the node of a picture again."""
        return cast(Node, _Reviver(io.BytesIO(picture), self).load())

    def thing(self, number: int) -> object:
        """What is kept under a number."""
        return self._things[number]

    def number(self, thing: object) -> int | None:
        """The number of what never changes; None for what does."""
        number = self._by_id.get(id(thing))
        if number is not None:
            return number
        kind = type(thing)
        shared = self._is_shared.get(kind)
        if shared is None:
            shared = self._is_shared[kind] = issubclass(kind, _SHARED) or _is_frozen(kind)
        if not shared:
            return None
        key = _identity(thing)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._things)
            self._things.append(thing)
        self._by_id[id(thing)] = number
        self._seen.append(thing)  # as long as it is kept, nothing else has its id
        return number

    def reduced(self, tally: Tally[Any, Any]) -> _Reduced:
        """How a tally is written: its node's view, and who said what last."""
        state = vars(tally)
        view = (state["_own"], state["_known"], state["_read"])
        latest = tuple(
            (node, self.number(group.statement)) for node, group in sorted(tally.latest.items())
        )
        return _tally, (type(tally), view, latest), None

    def tally(
        self,
        kind: type[Tally[Any, Any]],
        view: tuple[Any, Any, Any],
        latest: Iterable[tuple[NodeId, int]],
    ) -> Tally[Any, Any]:
        """Make a tally again."""
        tally = kind(*view)
        for node, number in latest:
            statement: Any = self._things[number]
            tally.record(node, self._bits[node], tally.group(statement))
        return tally


class _Painter(pickle.Pickler):
    """Writes a number in the place of what never changes."""

    def __init__(self, buffer: io.BytesIO, gallery: Gallery) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self._gallery = gallery

    def reducer_override(self, thing: object) -> Any:
        """Say how to write anything that is not built in."""
        if type(thing) is FunctionType and thing in _STAND_INS:
            return NotImplemented
        number = self._gallery.number(thing)
        if number is not None:
            return _kept, (number,)
        if isinstance(thing, Tally):
            return self._gallery.reduced(thing)
        if (cache := _CACHES.get(type(thing))) is not None:
            return _without(thing, cache)
        return NotImplemented


class _Reviver(pickle.Unpickler):
    """Reads what a painter wrote, and knows three names."""

    def __init__(self, buffer: io.BytesIO, gallery: Gallery) -> None:
        super().__init__(buffer)
        self._named = {"_kept": gallery.thing, "_tally": gallery.tally, "_new": _new}

    def find_class(self, module: str, name: str) -> Any:
        """Return what makes things again."""
        if module != __name__ or name not in self._named:
            raise ExplorationError(f"expected a picture of a node, found {module}.{name} in it")
        return self._named[name]


def _kept(*_: object) -> object:
    """Stands in a picture for `Gallery.thing`."""


def _tally(*_: object) -> object:
    """Stands in a picture for `Gallery.tally`."""


def _new(kind: type) -> object:
    return object.__new__(kind)


_STAND_INS = (_kept, _tally, _new)


def _without(thing: Any, cache: str) -> _Reduced:
    """How an object is written whose cache is left out."""
    state = {each.name: getattr(thing, each.name) for each in fields(thing)}
    return _new, (type(thing),), (None, state | {cache: {}})


def _is_frozen(kind: type) -> bool:
    return is_dataclass(kind) and bool(kind.__dataclass_params__.frozen)  # type: ignore[attr-defined]  # every dataclass has them


def _identity(thing: object) -> Hashable:
    """A key that is equal for things between which no node can tell."""
    if type(thing).__eq__ is not object.__eq__:
        return type(thing), thing
    if is_dataclass(thing) and not isinstance(thing, type):
        # Compared by identity for speed only (`consensus.scp.pledges`).
        return type(thing), tuple(getattr(thing, each.name) for each in fields(thing))
    return type(thing), id(thing)
