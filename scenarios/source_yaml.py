"""Values and their lines from a YAML text.

YAML 1.2 with its core types only: text, whole and decimal numbers, true and false. Null, tags,
anchors, aliases and keys that stand twice are refused, so that a file means what it shows.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from .errors import ScenarioError, shown
from .schema_relations import Path

DEPTH_MAX: Final = 32
"""The deepest nesting of mappings and lists."""

NUMBER_MAX: Final = 40
"""The most characters in a number; what is longer is text."""

_YAML_TAG: Final = "tag:yaml.org,2002:"

# YAML 1.2.2, section 10.3.2, without null, octal, hexadecimal, infinity and NaN.
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {
    text: truth
    for word, truth in (("true", True), ("false", False))
    for text in (word, word.capitalize(), word.upper())
}

# What ruamel.yaml says, by how it begins, in words that say what to do.
_ADVICE: Final[Mapping[str, str]] = {
    "found character '\\t'": "found a tab; indent with spaces",
    "mapping values are not allowed": (
        "found ':' where no key can stand; check the indentation, "
        "and put text that contains ': ' in quotes"
    ),
    "expected <block end>": "the indentation does not match the lines above",
}

Tree: TypeAlias = "str | int | float | bool | list[Tree] | dict[str, Tree]"
"""What a YAML text holds."""


def dotted(path: Path) -> str:
    """Write a path as it is written on the command line: ``faults.0.factor``."""
    return ".".join(shown(str(step)) for step in path)


def read_yaml(text: str, place: Callable[[int], str], lines: dict[Path, int]) -> "Tree | None":
    """Return the value of a YAML text, or None if there is nothing in it.

    Args:
        text: The YAML.
        place: Names the place of a line in a message.
        lines: Receives the line of each key and list entry, from 1.

    Raises:
        ScenarioError: It is not YAML, or more of YAML than is read here.
    """
    return _Reader(text, place, lines).read()


class _Reader:
    """Builds values from the events of a YAML text and notes their lines."""

    def __init__(self, text: str, place: Callable[[int], str], lines: dict[Path, int]) -> None:
        self._text = text
        self._place = place
        self._lines = lines
        self._events: Iterator[Event] = iter(())

    def read(self) -> "Tree | None":
        """Return the value of the text, or None if there is nothing in it."""
        try:
            self._events = YAML(typ="safe", pure=True).parse(self._text)
            return self._read_stream()
        except MarkedYAMLError as error:
            raise self._fault(_line_of(error), _in_our_words(error)) from None
        except ReaderError as error:
            line = self._text.count("\n", 0, error.position) + 1
            found = f"U+{error.character:04X}"
            raise self._fault(line, f"expected printable text, found {found}") from None
        except YAMLError as error:
            raise self._fault(1, f"not YAML: {str(error).splitlines()[0]}") from None

    def _read_stream(self) -> "Tree | None":
        tree: Tree | None = None
        document_count = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                document_count += 1
                if document_count > 1:
                    raise self._fault(_line(event), "expected one document, found another")
                first = next(self._events)
                self._lines[()] = _line(first)
                if not _is_null(first):
                    tree = self._value(first, ())
        return tree

    def _value(self, event: Event, path: Path) -> Tree:
        self._refuse_references(event)
        if len(path) > DEPTH_MAX:
            raise self._fault(_line(event), f"expected at most {DEPTH_MAX} levels, found more")
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path)
        if not isinstance(event, ScalarEvent) or _is_null(event):
            where = f"{dotted(path)}: no value; give one or remove the key"
            raise self._fault(self._lines.get(path, _line(event)), where)
        return str(event.value) if event.style else _plain(event.value)

    def _sequence(self, path: Path) -> list[Tree]:
        entries: list[Tree] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            here = (*path, len(entries))
            self._lines[here] = _line(event)
            entries.append(self._value(event, here))
        return entries

    def _mapping(self, path: Path) -> dict[str, Tree]:
        entries: dict[str, Tree] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            self._refuse_references(event)
            if not isinstance(event, ScalarEvent):
                raise self._fault(_line(event), "expected text as a key")
            here = (*path, event.value)
            if event.value in entries:
                first = self._lines[here]
                sentence = f"{dotted(here)}: this key stands in line {first} already; remove one"
                raise self._fault(_line(event), sentence)
            self._lines[here] = _line(event)
            entries[event.value] = self._value(next(self._events), here)
        return entries

    def _refuse_references(self, event: Event) -> None:
        if isinstance(event, NodeEvent) and event.anchor is not None:
            raise self._fault(_line(event), "anchors and aliases are not read; write the value out")
        if isinstance(event, (ScalarEvent, CollectionStartEvent)) and event.tag is not None:
            tag = str(event.tag).replace(_YAML_TAG, "!!")
            raise self._fault(_line(event), f"tags are not read; remove '{tag}'")

    def _fault(self, line: int, sentence: str) -> ScenarioError:
        return ScenarioError(f"{self._place(line)}: {sentence}")


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


def _line_of(error: MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return 1 if mark is None else int(mark.line) + 1


def _in_our_words(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context)
    for beginning, advice in _ADVICE.items():
        if problem.startswith(beginning):
            return advice
    return f"not YAML: {problem}"


def _is_null(event: Event) -> bool:
    return isinstance(event, ScalarEvent) and not event.style and event.value in _NULLS


def _plain(text: str) -> Tree:
    """Return what text without quotes stands for."""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if len(text) <= NUMBER_MAX:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text
