"""Files of keys and values, as scenarios and studies are: places, overrides, faults.

Every fault is a sentence with its file (or override), line and YAML path, what was expected and
found, and a suggestion where a name is close.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from ruamel.yaml import YAML

from .errors import ScenarioError, shown
from .schema_errors import Grammar, default_at, sentences
from .schema_fields import NAME_PATTERN, kind_of
from .schema_relations import Path as YamlPath
from .source_yaml import DEPTH_MAX, Tree, dotted, read_yaml

DOCUMENT_SIZE_MAX: Final = 4 * 2**20
"""The largest file of keys and values, in bytes."""

ERRORS_MAX: Final = 10
"""The most faults that are reported at once."""

OVERRIDES_MAX: Final = 1000
"""The most overrides of one file."""


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a file and where each of them was written."""

    file: str
    """How the file is called in a message."""

    tree: dict[str, Tree] = field(default_factory=dict)
    """The values."""

    lines: dict[YamlPath, int] = field(default_factory=dict)
    """The line of each key and list entry, from 1."""

    overrides: dict[YamlPath, str] = field(default_factory=dict)
    """What was set on the command line: ``--set a.b=v`` by the path of b."""

    def place(self, path: YamlPath) -> str:
        """Say where a value, or what is nearest above it, was written."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.overrides:
                return self.overrides[path[:end]]
            if path[:end] in self.lines:
                return f"{self.file}:{self.lines[path[:end]]}"
        return self.file

    def line(self, path: YamlPath) -> int:
        """Return the line for sorting; what was set on the command line stands first."""
        place, _, line = self.place(path).rpartition(":")
        return int(line) if place == self.file else 0

    def set_on_command_line(self, path: YamlPath) -> bool:
        """Whether a value is an override's, or stands in one."""
        return self.place(path).startswith("--set ")


def locate(source: str | Path, library: Path, what: str) -> tuple[Path, str]:
    """Return the path of a file and how it is called in messages.

    Args:
        source: The path of a file, or a name of the library.
        library: The folder of the library.
        what: What is looked for: ``scenario``.

    Raises:
        ScenarioError: There is neither.
    """
    given = str(source)
    names = {path.stem: path for path in library.glob("*.yaml")}
    if given in names:
        return names[given], names[given].name
    path = Path(source)
    if given and exists(path):
        return path, given
    near = get_close_matches(path.stem, names, n=3)
    advice = (
        f"did you mean {' or '.join(repr(name) for name in near)} of the library?"
        if near
        else f"the library has {', '.join(sorted(names))}"
    )
    what = what if re.match(NAME_PATTERN, given) else "file"
    raise ScenarioError(f"{shown(given)}: no such {what}; {advice}")


def exists(path: Path) -> bool:
    """Whether there is such a file; there is none with a name that is too long, for example."""
    try:
        return path.exists()
    except OSError:
        return False


def read_bytes(path: Path, name: str, size_max: int) -> bytes:
    """Return what is in a file.

    Raises:
        ScenarioError: It cannot be read, or is larger than ``size_max`` bytes.
    """
    if path.is_dir():
        raise ScenarioError(f"{name}: expected a file, found a directory")
    try:
        with path.open("rb") as file:
            data = file.read(size_max + 1)
    except OSError as error:
        raise ScenarioError(f"{name}: cannot be read: {error.strerror}") from None
    if len(data) > size_max:
        raise ScenarioError(f"{name}: expected at most {size_max} bytes, found more")
    return data


def read_file(path: Path, name: str) -> str:
    """Return the text of a file.

    Raises:
        ScenarioError: It cannot be read, is too large, or no text.
    """
    data = read_bytes(path, name, DOCUMENT_SIZE_MAX)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{name}:{line}: expected UTF-8 text, found other bytes") from None


def read_document(text: str, name: str, what: str) -> Document:
    """Read keys and values.

    Args:
        text: The YAML.
        name: How the text is called in messages.
        what: What is expected, which is also its first key: ``scenario``.

    Raises:
        ScenarioError: It is no YAML, or no keys and values.
    """
    document = Document(name)
    tree = read_yaml(text, lambda line: f"{name}:{line}", document.lines)
    if tree is None:
        raise ScenarioError(f"{name}: expected a {what}, found nothing; begin with '{what}: …'")
    if not isinstance(tree, dict):
        raise ScenarioError(
            f"{name}: expected keys and values such as '{what}: …', found {kind_of(tree)}"
        )
    document.tree.update(tree)
    return document


def _no_dots(_: YamlPath) -> bool:
    return False


def override(
    document: Document,
    given: Sequence[str],
    grammar: Grammar,
    example: str,
    has_dots: Callable[[YamlPath], bool] = _no_dots,
) -> None:
    """Set values from the command line; what is missing above them is made from the defaults.

    Args:
        document: Where they are set.
        given: Settings such as ``protocol.rule=majority``, the value in YAML.
        grammar: The JSON Schema, which knows the defaults.
        example: A setting for messages.
        has_dots: Whether the keys of the mapping at a path are paths themselves: of a sweep.

    Raises:
        ScenarioError: A setting is none, or there is nothing like it to set.
    """
    if len(given) > OVERRIDES_MAX:
        raise ScenarioError(f"--set: expected at most {OVERRIDES_MAX}, found {len(given)}")
    for setting in given:
        key, equals, text = setting.partition("=")
        place = f"--set {shown(setting)}"
        if not (key and equals):
            raise ScenarioError(f"{place}: expected a path and a value, such as {example}")
        value = read_yaml(text, lambda _, place=place: place, {})  # type: ignore[misc]  # a default binds it now
        if value is None:
            raise ScenarioError(f"{place}: {key}: no value; give one")
        put(document, key, value, place, grammar, has_dots)


def put(
    document: Document,
    key: str,
    value: Tree,
    place: str,
    grammar: Grammar,
    has_dots: Callable[[YamlPath], bool] = _no_dots,
) -> None:
    """Set one value at a dotted path.

    Args:
        document: Where it is set.
        key: The path.
        value: The value.
        place: Who says so, for messages.
        grammar: The JSON Schema, which knows the defaults.
        has_dots: As of ``override``.

    Raises:
        ScenarioError: There is nothing like it to set.
    """
    _Setter(document, grammar, has_dots, place).set(key, value)


class _Setter:
    """Goes down a document to where one value is set."""

    def __init__(
        self,
        document: Document,
        grammar: Grammar,
        has_dots: Callable[[YamlPath], bool],
        place: str,
    ) -> None:
        self._document = document
        self._grammar = grammar
        self._has_dots = has_dots
        self._place = place

    def set(self, key: str, value: Tree) -> None:
        """Set a value at a dotted path."""
        container: Tree = self._document.tree
        path: YamlPath = ()
        rest = key.split(".", DEPTH_MAX)
        while True:
            step, rest = self._first(container, path, rest)
            if not rest:
                break
            path, container = self._step(container, (*path, step))
        if isinstance(container, list):
            index = self._index(container, path, step)
            path, container[index] = (*path, index), value
        elif isinstance(container, dict):
            path = (*path, step)
            container[step] = value
        else:
            raise self._no_container(container, path)
        for below in [known for known in self._document.lines if known[: len(path)] == path]:
            del self._document.lines[below]
        self._document.overrides[path] = self._place

    def _first(self, container: Tree, path: YamlPath, rest: list[str]) -> tuple[str, list[str]]:
        """Return the next step, and what is left: of dotted keys, the longest that is there."""
        if isinstance(container, dict) and self._has_dots(path):
            for end in range(len(rest), 0, -1):
                if ".".join(rest[:end]) in container:
                    return ".".join(rest[:end]), rest[end:]
            return ".".join(rest), []
        return rest[0], rest[1:]

    def _step(self, container: Tree, path: YamlPath) -> tuple[YamlPath, Tree]:
        """Go one key or index down, to the last step of a path."""
        *above, step = path
        if isinstance(container, list):
            index = self._index(container, tuple(above), str(step))
            return (*above, index), container[index]
        if not isinstance(container, dict):
            raise self._no_container(container, tuple(above))
        key = str(step)
        if key not in container:
            default = default_at(path, self._grammar)
            container[key] = deepcopy(default) if isinstance(default, (dict, list)) else {}
            self._document.overrides[path] = self._place
        return path, container[key]

    def _index(self, entries: list[Tree], path: YamlPath, step: str) -> int:
        where = f"{self._place}: {dotted(path)}"
        if not entries:
            raise ScenarioError(f"{where}: the list is empty; nothing to set in it")
        if not (step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(entries)):
            wanted = f"an index from 0 to {len(entries) - 1}"
            raise ScenarioError(f"{where}: expected {wanted}, found '{step}'")
        return int(step)

    def _no_container(self, found: Tree, path: YamlPath) -> ScenarioError:
        return ScenarioError(
            f"{self._place}: {dotted(path)}: expected a mapping or a list, found {kind_of(found)}"
        )


def anchor(document: Document, files: Mapping[YamlPath, tuple[str, ...]], folder: Path) -> None:
    """Make the paths of files absolute.

    Args:
        document: Where they stand.
        files: The fields that may be the path of a file, each with how such a path ends.
        folder: What paths in the file are relative to; overrides are to the working directory.
    """
    for pattern, suffixes in files.items():
        for path in matches(document.tree, pattern):
            section: Any = at(document.tree, path[:-1])
            value = section[path[-1]]
            if isinstance(value, str) and value.endswith(suffixes):
                base = Path() if document.set_on_command_line(path) else folder
                section[path[-1]] = str((base / value).absolute())


def matches(tree: Any, pattern: YamlPath) -> Iterator[YamlPath]:
    """Yield the paths of a tree that follow a pattern, in which ``*`` is any entry of a list."""
    if not pattern:
        yield ()
        return
    step, *below = pattern
    if isinstance(tree, dict):
        steps: Sequence[str | int] = [step] if step in tree else []
    elif isinstance(tree, (list, tuple)):
        indices = range(len(tree))
        steps = indices if step == "*" else [i for i in indices if i == step]
    else:
        return
    for taken in steps:
        for path in matches(tree[taken], tuple(below)):
            yield (taken, *path)


def at(tree: Any, path: YamlPath) -> Any:
    """Return what stands at a path."""
    for step in path:
        tree = tree[step]
    return tree


def report(document: Document, error: ValidationError, grammar: Grammar) -> str:
    """Word the errors of a document, the first lines first."""
    found = sorted(sentences(error, grammar), key=lambda item: document.line(item[0]))
    lines = [
        f"{document.place(path)}: {dotted(path)}: {sentence}"
        for path, sentence in found[:ERRORS_MAX]
    ]
    if len(found) > ERRORS_MAX:
        lines.append(f"{document.file}: {len(found) - ERRORS_MAX} more")
    return "\n".join(lines)


def as_yaml(tree: Mapping[str, Any]) -> str:
    """Write a tree as a file, its keys in order."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # declared None
    yaml.width = DOCUMENT_SIZE_MAX
    text = StringIO()
    yaml.dump(tree, text)
    return text.getvalue()


def without_none(value: Any) -> Any:
    """Leave out what is absent."""
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_none(item) for item in value if item is not None]
    return value


def canonical(value: Any) -> Any:
    """Replace floats by the shortest decimal that reads as them; no float enters a digest."""
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    return repr(value + 0.0) if isinstance(value, float) else value
