"""From a scenario file to a checked ``Scenario`` and back.

Every fault is a sentence with its file (or override), line and YAML path, what was expected and
found, and a suggestion where a name is close.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from ruamel.yaml import YAML

from crypto.digest import Digest, digest, sha256

from .errors import ScenarioError, shown
from .network_files import FILE_SUFFIXES, check_files
from .schema import Scenario, SchemaWithoutNull
from .schema_errors import default_at, sentences
from .schema_fields import NAME_PATTERN, kind_of
from .schema_relations import PROFILE_SUFFIX
from .schema_relations import Path as YamlPath
from .schema_sections import CSV_SUFFIX
from .source_yaml import DEPTH_MAX, Tree, dotted, read_yaml

SCENARIO_SIZE_MAX: Final = 4 * 2**20
"""The largest scenario file, in bytes."""

FILE_SIZE_MAX: Final = 2**30
"""The largest data file or cost profile, in bytes."""

ERRORS_MAX: Final = 10
"""The most faults that are reported at once."""

OVERRIDES_MAX: Final = 1000
"""The most overrides of one scenario."""

LIBRARY: Final = Path(__file__).parent / "library"
"""Where the scenarios that ship with tclearn are."""

DIGEST_LABEL: Final = "tclearn/scenario/v1"

# The fields that may be the path of a file, each with how such a path ends.
_FILES: Final[Mapping[YamlPath, tuple[str, ...]]] = {
    ("data", "source"): (CSV_SUFFIX,),
    ("costs",): (PROFILE_SUFFIX,),
    **FILE_SUFFIXES,
}


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """A scenario that ships with tclearn."""

    name: str
    """What it is loaded by."""

    description: str
    """What happens in it, in one line."""

    path: Path
    """Its file."""


@dataclass(frozen=True, slots=True)
class _Document:
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


def load(source: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Read a scenario file, or a scenario of the library by its name.

    Paths in the file are relative to its folder, paths in overrides to the working directory; in
    the scenario they are absolute.

    Args:
        source: The path of a file, or a name without suffix.
        overrides: Settings such as ``protocol.rule=majority`` or ``faults.0.factor=5``, the value
            in YAML.

    Raises:
        ScenarioError: The file, an override or the scenario is faulty; one sentence a line.
    """
    path, name = _locate(source)
    return parse(_read_text(path, name), name, path.parent, overrides)


def parse(
    text: str, name: str, folder: Path | None = None, overrides: Sequence[str] = ()
) -> Scenario:
    """Check a scenario that was read already.

    Args:
        text: The YAML.
        name: How the text is called in messages.
        folder: What paths in the text are relative to; the working directory if None.
        overrides: As of ``load``.

    Raises:
        ScenarioError: The text, an override or the scenario is faulty; one sentence a line.
    """
    if len(overrides) > OVERRIDES_MAX:
        raise ScenarioError(f"--set: expected at most {OVERRIDES_MAX}, found {len(overrides)}")
    document = _read_document(text, name)
    for override in overrides:
        _override(document, override)
    _anchor(document, folder or Path())
    try:
        scenario = Scenario.model_validate(document.tree)
    except ValidationError as error:
        raise ScenarioError(_report(document, error)) from None
    for path, file in _files(scenario):
        if not _exists(file) or file.is_dir():
            where = f"{document.place(path)}: {dotted(path)}"
            raise ScenarioError(f"{where}: expected a file, found none at '{file}'")
    fault = check_files(scenario.network, scenario.hospitals)
    if fault is not None:
        path, sentence = fault
        raise ScenarioError(f"{document.place(path)}: {dotted(path)}: {sentence}")
    return scenario


def library() -> tuple[LibraryEntry, ...]:
    """Return the scenarios that ship with tclearn, by name."""
    entries = []
    for path in sorted(LIBRARY.glob("*.yaml"), key=lambda path: path.stem):
        document = _read_document(_read_text(path, path.name), path.name)
        description = document.tree.get("description", "")
        entries.append(LibraryEntry(path.stem, str(description), path))
    return tuple(entries)


def read_text(source: str | Path) -> str:
    """Return a scenario file, or a scenario of the library, as its author wrote it.

    Raises:
        ScenarioError: There is no such file, or it is not text.
    """
    path, name = _locate(source)
    return _read_text(path, name)


def resolved(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario as it stands in a file, with every default spelled out in its units."""
    found: dict[str, Any] = _without_none(scenario.model_dump(mode="json"))
    return found


def resolved_yaml(scenario: Scenario) -> str:
    """Write a scenario with every default spelled out; it loads back to an equal scenario."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # declared None
    yaml.width = SCENARIO_SIZE_MAX
    text = StringIO()
    yaml.dump(resolved(scenario), text)
    return text.getvalue()


def scenario_digest(scenario: Scenario) -> Digest:
    """Return the identity of a scenario: all its fields, and its files by what is in them.

    Raises:
        ScenarioError: A file of the scenario cannot be read.
    """
    fields = _canonical(scenario.model_dump(mode="python"))
    for path, file in _files(scenario):
        section = _at(fields, path[:-1])
        section[path[-1]] = ["sha256", sha256(_read_bytes(file, str(file), FILE_SIZE_MAX))]
    return digest(DIGEST_LABEL, fields)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Scenario.model_json_schema(schema_generator=SchemaWithoutNull),
    }


# Our own reading of errors and overrides follows the same schema, made once.
_grammar = cache(json_schema)


def _locate(source: str | Path) -> tuple[Path, str]:
    """Return the path of a file and how it is called in messages."""
    given = str(source)
    names = {path.stem: path for path in LIBRARY.glob("*.yaml")}
    if given in names:
        return names[given], names[given].name
    path = Path(source)
    if given and _exists(path):
        return path, given
    near = get_close_matches(path.stem, names, n=3)
    advice = (
        f"did you mean {' or '.join(repr(name) for name in near)} of the library?"
        if near
        else f"the library has {', '.join(sorted(names))}"
    )
    what = "scenario" if re.match(NAME_PATTERN, given) else "file"
    raise ScenarioError(f"{shown(given)}: no such {what}; {advice}")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, for example
        return False


def _read_bytes(path: Path, name: str, size_max: int) -> bytes:
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


def _read_text(path: Path, name: str) -> str:
    data = _read_bytes(path, name, SCENARIO_SIZE_MAX)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{name}:{line}: expected UTF-8 text, found other bytes") from None


def _read_document(text: str, name: str) -> _Document:
    document = _Document(name)
    tree = read_yaml(text, lambda line: f"{name}:{line}", document.lines)
    if tree is None:
        raise ScenarioError(f"{name}: expected a scenario, found nothing; begin with 'scenario: …'")
    if not isinstance(tree, dict):
        raise ScenarioError(
            f"{name}: expected keys and values such as 'scenario: …', found {kind_of(tree)}"
        )
    document.tree.update(tree)
    return document


def _override(document: _Document, override: str) -> None:
    """Set one value; what is missing above it is made from the defaults."""
    key, equals, text = override.partition("=")
    place = f"--set {shown(override)}"
    if not (key and equals):
        raise ScenarioError(f"{place}: expected a path and a value, such as protocol.rule=majority")
    value = read_yaml(text, lambda _: place, {})
    if value is None:
        raise ScenarioError(f"{place}: {key}: no value; give one")
    container: Tree = document.tree
    path: YamlPath = ()
    *above, last = key.split(".", DEPTH_MAX)
    for step in above:
        path, container = _step(document, container, (*path, step), place)
    if isinstance(container, list):
        index = _index(container, path, last, place)
        path, container[index] = (*path, index), value
    elif isinstance(container, dict):
        path = (*path, last)
        container[last] = value
    else:
        raise _no_container(container, path, place)
    for below in [known for known in document.lines if known[: len(path)] == path]:
        del document.lines[below]
    document.overrides[path] = place


def _step(
    document: _Document, container: Tree, path: YamlPath, place: str
) -> tuple[YamlPath, Tree]:
    """Go one key or index down, to the last step of a path."""
    *above, step = path
    if isinstance(container, list):
        index = _index(container, tuple(above), str(step), place)
        return (*above, index), container[index]
    if not isinstance(container, dict):
        raise _no_container(container, tuple(above), place)
    key = str(step)
    if key not in container:
        default = default_at(path, _grammar())
        container[key] = deepcopy(default) if isinstance(default, (dict, list)) else {}
        document.overrides[path] = place
    return path, container[key]


def _index(entries: list[Tree], path: YamlPath, step: str, place: str) -> int:
    if not entries:
        raise ScenarioError(f"{place}: {dotted(path)}: the list is empty; nothing to set in it")
    if not (step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(entries)):
        wanted = f"an index from 0 to {len(entries) - 1}"
        raise ScenarioError(f"{place}: {dotted(path)}: expected {wanted}, found '{step}'")
    return int(step)


def _no_container(found: Tree, path: YamlPath, place: str) -> ScenarioError:
    return ScenarioError(
        f"{place}: {dotted(path)}: expected a mapping or a list, found {kind_of(found)}"
    )


def _anchor(document: _Document, folder: Path) -> None:
    """Make the paths of files absolute."""
    for pattern, suffixes in _FILES.items():
        for path in _matches(document.tree, pattern):
            section: Any = _at(document.tree, path[:-1])
            value = section[path[-1]]
            if isinstance(value, str) and value.endswith(suffixes):
                base = Path() if document.place(path).startswith("--set ") else folder
                section[path[-1]] = str((base / value).absolute())


def _files(scenario: Scenario) -> Iterator[tuple[YamlPath, Path]]:
    """Yield the files a scenario names, and by which field."""
    tree = scenario.model_dump(mode="python")
    for pattern, suffixes in _FILES.items():
        for path in _matches(tree, pattern):
            value = _at(tree, path)
            if isinstance(value, str) and value.endswith(suffixes):
                yield path, Path(value)


def _matches(tree: Any, pattern: YamlPath) -> Iterator[YamlPath]:
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
        for path in _matches(tree[taken], tuple(below)):
            yield (taken, *path)


def _at(tree: Any, path: YamlPath) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _report(document: _Document, error: ValidationError) -> str:
    """Word the errors of a scenario, the first lines first."""
    found = sorted(sentences(error, _grammar()), key=lambda item: document.line(item[0]))
    lines = [
        f"{document.place(path)}: {dotted(path)}: {sentence}"
        for path, sentence in found[:ERRORS_MAX]
    ]
    if len(found) > ERRORS_MAX:
        lines.append(f"{document.file}: {len(found) - ERRORS_MAX} more")
    return "\n".join(lines)


def _without_none(value: Any) -> Any:
    """Leave out what is absent."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value if item is not None]
    return value


def _canonical(value: Any) -> Any:
    """Replace floats by the shortest decimal that reads as them; no float enters a digest."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    return repr(value + 0.0) if isinstance(value, float) else value
