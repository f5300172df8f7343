"""From a scenario file to a checked ``Scenario`` and back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from crypto.digest import Digest, digest, sha256

from .errors import ScenarioError
from .network_files import FILE_SUFFIXES, check_files
from .schema import Scenario, SchemaWithoutNull
from .schema_relations import PROFILE_SUFFIX
from .schema_relations import Path as YamlPath
from .schema_sections import CSV_SUFFIX
from .source_document import (
    Document,
    anchor,
    as_yaml,
    at,
    canonical,
    exists,
    locate,
    matches,
    override,
    read_bytes,
    read_document,
    read_file,
    report,
    without_none,
)
from .source_yaml import dotted

FILE_SIZE_MAX: Final = 2**30
"""The largest data file or cost profile, in bytes."""

LIBRARY: Final = Path(__file__).parent / "library"
"""Where the scenarios that ship with tclearn are."""

DIGEST_LABEL: Final = "tclearn/scenario/v1"

FILES: Final[Mapping[YamlPath, tuple[str, ...]]] = {
    ("data", "source"): (CSV_SUFFIX,),
    ("costs",): (PROFILE_SUFFIX,),
    **FILE_SUFFIXES,
}
"""The fields that may be the path of a file, each with how such a path ends."""

_WHAT: Final = "scenario"


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """A scenario or a study that ships with tclearn."""

    name: str
    """What it is loaded by."""

    description: str
    """What happens in it, in one line."""

    path: Path
    """Its file."""


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
    path, name = locate(source, LIBRARY, _WHAT)
    return parse(read_file(path, name), name, path.parent, overrides)


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
    return check(_document(text, name, folder or Path(), overrides))


def values(source: str | Path) -> dict[str, Any]:
    """Return what a scenario file says, checked, the paths in it absolute, no default spelled out.

    Raises:
        ScenarioError: The file or the scenario is faulty; one sentence a line.
    """
    path, name = locate(source, LIBRARY, _WHAT)
    document = _document(read_file(path, name), name, path.parent, ())
    check(document)
    return dict(document.tree)


def check(document: Document) -> Scenario:
    """Check the values of a document, and that the files it names are there.

    Raises:
        ScenarioError: The scenario is faulty; one sentence a line.
    """
    try:
        scenario = Scenario.model_validate(document.tree)
    except ValidationError as error:
        raise ScenarioError(report(document, error, grammar())) from None
    for path, file in _files(scenario):
        if not exists(file) or file.is_dir():
            where = f"{document.place(path)}: {dotted(path)}"
            raise ScenarioError(f"{where}: expected a file, found none at '{file}'")
    fault = check_files(scenario.network, scenario.hospitals)
    if fault is not None:
        path, sentence = fault
        raise ScenarioError(f"{document.place(path)}: {dotted(path)}: {sentence}")
    return scenario


def library() -> tuple[LibraryEntry, ...]:
    """Return the scenarios that ship with tclearn, by name."""
    return entries(LIBRARY, _WHAT)


def entries(folder: Path, what: str) -> tuple[LibraryEntry, ...]:
    """Return what ships with tclearn in a folder, by name."""
    found = []
    for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem):
        document = read_document(read_file(path, path.name), path.name, what)
        description = document.tree.get("description", "")
        found.append(LibraryEntry(path.stem, str(description), path))
    return tuple(found)


def read_text(source: str | Path) -> str:
    """Return a scenario file, or a scenario of the library, as its author wrote it.

    Raises:
        ScenarioError: There is no such file, or it is not text.
    """
    path, name = locate(source, LIBRARY, _WHAT)
    return read_file(path, name)


def resolved(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario as it stands in a file, with every default spelled out in its units."""
    found: dict[str, Any] = without_none(scenario.model_dump(mode="json"))
    return found


def resolved_yaml(scenario: Scenario) -> str:
    """Write a scenario with every default spelled out; it loads back to an equal scenario."""
    return as_yaml(resolved(scenario))


def scenario_digest(scenario: Scenario) -> Digest:
    """Return the identity of a scenario: all its fields, and its files by what is in them.

    Raises:
        ScenarioError: A file of the scenario cannot be read.
    """
    fields = canonical(scenario.model_dump(mode="python"))
    for path, file in _files(scenario):
        section = at(fields, path[:-1])
        section[path[-1]] = ["sha256", sha256(read_bytes(file, str(file), FILE_SIZE_MAX))]
    return digest(DIGEST_LABEL, fields)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Scenario.model_json_schema(schema_generator=SchemaWithoutNull),
    }


@cache
def grammar() -> dict[str, Any]:
    """Return the JSON Schema by which errors and overrides are read, made once."""
    return json_schema()


def _document(text: str, name: str, folder: Path, overrides: Sequence[str]) -> Document:
    document = read_document(text, name, _WHAT)
    override(document, overrides, grammar(), "protocol.rule=majority")
    anchor(document, FILES, folder)
    return document


def _files(scenario: Scenario) -> Iterator[tuple[YamlPath, Path]]:
    """Yield the files a scenario names, and by which field."""
    tree = scenario.model_dump(mode="python")
    for pattern, suffixes in FILES.items():
        for path in matches(tree, pattern):
            value = at(tree, path)
            if isinstance(value, str) and value.endswith(suffixes):
                yield path, Path(value)
