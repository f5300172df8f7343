"""From a study file to a checked ``Study``, and what it says with every default spelled out.

Faults are sentences as those of scenario files. The scenario of each cell is checked by ``plan``.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from ..errors import ScenarioError
from ..schema import Scenario
from ..schema_fields import kind_of
from ..schema_relations import Path as YamlPath
from ..source import FILES, LibraryEntry, entries, values
from ..source import LIBRARY as SCENARIOS
from ..source import resolved as resolved_scenario
from ..source_document import (
    Document,
    anchor,
    as_yaml,
    locate,
    override,
    read_document,
    read_file,
    report,
    without_none,
)
from ..source_yaml import Tree, dotted
from .axes import Axis, axes_of
from .schema import Study, json_schema

LIBRARY: Final = Path(__file__).parent / "library"
"""Where the studies that ship with tclearn are."""

CALIBRATION_SUFFIXES: Final = (".json", ".yaml")
"""How the path of a calibration ends."""

WHAT: Final = "study"

_EXAMPLE: Final = "replications=5 or scenario.rounds=2"

_OWNED: Final[Mapping[str, str]] = {
    "scenario": "a study names its scenarios itself; remove it",
    "seed": "the replicas of a study have seeds of their own, derived from the study's; write "
    "'seed' beside 'scenario', not in it",
}
"""Keys of a scenario that a study does not set."""

_LEFT_OUT: Final = (*_OWNED, "description", "expect")
"""Keys of a scenario that say nothing in a study."""

_KINDS: Final = ("kind", "distribution")
"""Keys that say which keys stand beside them: a mapping with another of these is another one."""


@dataclass(frozen=True, slots=True)
class StudyFile:
    """A study as it was read."""

    study: Study
    """What it says."""
    axes: tuple[Axis, ...]
    """Its axes."""
    scenario: Mapping[str, Any]
    """What all cells have in common: the base, and what is changed in it; paths absolute."""
    document: Document
    """Where everything stands."""
    folder: Path
    """What paths in the file are relative to."""


def load(source: str | Path, overrides: Sequence[str] = ()) -> StudyFile:
    """Read a study file, or a study of the library by its name.

    Args:
        source: The path of a file, or a name without suffix.
        overrides: Settings such as ``replications=5`` or ``sweep.hospitals=[4, 7]``.

    Raises:
        ScenarioError: The file or an override is faulty; one sentence a line.
    """
    path, name = locate(source, LIBRARY, WHAT)
    return parse(read_file(path, name), name, path.parent, overrides)


def parse(
    text: str, name: str, folder: Path | None = None, overrides: Sequence[str] = ()
) -> StudyFile:
    """Check a study that was read already.

    Args:
        text: The YAML.
        name: How the text is called in messages.
        folder: What paths in the text are relative to; the working directory if None.
        overrides: As of ``load``.

    Raises:
        ScenarioError: The text or an override is faulty; one sentence a line.
    """
    folder = folder or Path()
    document = read_document(text, name, WHAT)
    override(document, overrides, grammar(), _EXAMPLE, _has_dots)
    files = {("scenario", *path): suffixes for path, suffixes in FILES.items()}
    anchor(document, files, folder)
    anchor(document, {("calibration",): CALIBRATION_SUFFIXES}, folder)
    _anchor_sweep(document, folder)
    try:
        study = Study.model_validate(document.tree)
    except ValidationError as error:
        raise ScenarioError(report(document, error, grammar())) from None
    _refuse_owned(document, study)
    return StudyFile(
        study, axes_of(study.sweep), _scenario(document, study, folder), document, folder
    )


def library() -> tuple[LibraryEntry, ...]:
    """Return the studies that ship with tclearn, by name."""
    return entries(LIBRARY, WHAT)


def read_text(source: str | Path) -> str:
    """Return a study file, or a study of the library, as its author wrote it.

    Raises:
        ScenarioError: There is no such file, or it is not text.
    """
    return read_file(*locate(source, LIBRARY, WHAT))


def is_study(source: str | Path) -> bool:
    """Whether this is a study of the library, or a file that begins as one."""
    if any(entry.stem == str(source) for entry in LIBRARY.glob("*.yaml")):
        return True
    if any(entry.stem == str(source) for entry in SCENARIOS.glob("*.yaml")):
        return False
    try:
        document = read_document(read_text(source), str(source), WHAT)
    except ScenarioError:
        return False
    return "study" in document.tree


def resolved(file: StudyFile) -> dict[str, Any]:
    """Return a study as it stands in a file, with every default spelled out in its units.

    The scenario has all its defaults if it stands by itself; otherwise, where the axes give what is
    missing, it is as its author wrote it.
    """
    found: dict[str, Any] = without_none(file.study.model_dump(mode="json"))
    found.pop("base", None)
    try:
        scenario = Scenario.model_validate({"scenario": file.study.name, **file.scenario})
    except ValidationError:
        found["scenario"] = deepcopy(dict(file.scenario))
    else:
        spelled = resolved_scenario(scenario)
        found["scenario"] = {key: spelled[key] for key in spelled if key not in _LEFT_OUT}
    return found


def resolved_yaml(file: StudyFile) -> str:
    """Write a study with every default spelled out; it loads back to an equal study."""
    return as_yaml(resolved(file))


@cache
def grammar() -> dict[str, Any]:
    """Return the JSON Schema by which errors and overrides are read, made once."""
    return json_schema()


def _has_dots(path: YamlPath) -> bool:
    """Whether keys are paths themselves: those of a sweep, of its variants, of a selection."""
    in_sweep = path[:1] == ("sweep",) and len(path) in (1, 3)
    return in_sweep or path[-1:] == ("where",)


def _anchor_sweep(document: Document, folder: Path) -> None:
    """Make the paths of files absolute that axes set."""
    sweep = document.tree.get("sweep")
    for axis, points in sweep.items() if isinstance(sweep, dict) else ():
        if isinstance(points, list):
            places: list[tuple[YamlPath, str]] = [
                (("sweep", axis, index), axis) for index in range(len(points))
            ]
        elif isinstance(points, dict):
            places = [
                (("sweep", axis, label, path), path)
                for label, settings in points.items()
                if isinstance(settings, dict)
                for path in settings
            ]
        else:
            continue
        for place, path in places:
            steps = tuple(path.split("."))
            below = {
                (*place, *pattern[len(steps) :]): suffixes
                for pattern, suffixes in FILES.items()
                if pattern[: len(steps)] == steps
            }
            anchor(document, below, folder)


def _refuse_owned(document: Document, study: Study) -> None:
    for key, sentence in _OWNED.items():
        if key in study.scenario:
            path: YamlPath = ("scenario", key)
            raise ScenarioError(f"{document.place(path)}: {dotted(path)}: {sentence}")
    for axis in axes_of(study.sweep):
        for setting in (each for point in axis.points for each in point.settings):
            first = setting.path.partition(".")[0]
            if first in _OWNED:
                place = document.place(setting.origin)
                raise ScenarioError(f"{place}: {dotted(setting.origin)}: {_OWNED[first]}")


def _scenario(document: Document, study: Study, folder: Path) -> dict[str, Any]:
    """Return the base with what the study changes in it."""
    changes = deepcopy(dict(study.scenario))
    if study.base is None:
        return changes
    is_name = any(path.stem == study.base for path in SCENARIOS.glob("*.yaml"))
    relative_to = Path() if document.set_on_command_line(("base",)) else folder
    try:
        base = values(study.base if is_name else relative_to / study.base)
    except ScenarioError as error:
        raise ScenarioError(f"{document.place(('base',))}: base: {error}") from None
    merged = _merged({key: base[key] for key in base if key not in _OWNED}, changes)
    if not isinstance(merged, dict):
        raise ScenarioError(f"{document.file}: scenario: expected keys, found {kind_of(merged)}")
    return merged


def _merged(below: Tree, above: Tree) -> Tree:
    """Lay a tree over another: keys of both from above, unless they make it another kind."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    if any(key in above and above[key] != below.get(key) for key in _KINDS):
        return above
    found = dict(below)
    for key, value in above.items():
        found[key] = _merged(below[key], value) if key in below else value
    return found
