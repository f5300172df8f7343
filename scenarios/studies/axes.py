"""The axes of a study: what each of their values sets, and all combinations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from ..schema_relations import Path as YamlPath
from .schema import Label


@dataclass(frozen=True, slots=True)
class Setting:
    """A value at a path of the scenario or of the study."""

    path: str
    """Dotted."""
    value: Any
    """As in the file."""
    origin: YamlPath
    """Where the file says so."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of an axis."""

    label: Label
    """What it is called."""
    settings: tuple[Setting, ...]
    """What it sets."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What differs between cells."""

    name: str
    """A path of the scenario, or a name of the author's."""
    points: tuple[Point, ...]
    """Its values, in order."""

    @property
    def labels(self) -> tuple[Label, ...]:
        """What its values are called."""
        return tuple(point.label for point in self.points)


def axes_of(sweep: Mapping[str, Any]) -> tuple[Axis, ...]:
    """Return the axes of a study, in the order of the file."""
    return tuple(Axis(name, tuple(_points(name, points))) for name, points in sweep.items())


def _points(axis: str, points: Mapping[str, Any] | Sequence[Any]) -> Iterator[Point]:
    if isinstance(points, Mapping):
        for label, settings in points.items():
            origin: YamlPath = ("sweep", axis, label)
            yield Point(
                label,
                tuple(Setting(path, value, (*origin, path)) for path, value in settings.items()),
            )
    else:
        for index, value in enumerate(points):
            yield Point(value, (Setting(axis, value, ("sweep", axis, index)),))


def combinations(axes: Sequence[Axis]) -> Iterator[tuple[Point, ...]]:
    """Yield one value of each axis, the last axis fastest."""
    yield from product(*(axis.points for axis in axes))


def count_of(axes: Sequence[Axis]) -> int:
    """How many combinations there are."""
    count = 1
    for axis in axes:
        count *= len(axis.points)
    return count


def named(axes: Mapping[str, Label]) -> str:
    """Name a cell in a message."""
    return ", ".join(f"{axis}={_shown(value)}" for axis, value in axes.items())


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
