"""What the author of a study expects is checked before it runs: axes, values, measures."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import shown
from ..schema_relations import Break, known_as
from ..schema_relations import Path as YamlPath
from ..source_yaml import dotted
from .errors import StudyError
from .measures import MEASURES, measures_of
from .schema import FAULTY_AXIS, Expectation, Label, ThresholdClaim
from .source import StudyFile

Axes = Mapping[str, Sequence[Label]]
"""The axes and their values."""


def check_expectations(
    expected: Sequence[Expectation], axes: Sequence[tuple[str, Sequence[Label]]], file: StudyFile
) -> None:
    """Check that what is expected can come out at all.

    Values that an override took out of an axis may still be expected; nothing comes of that.

    Raises:
        StudyError: An axis, a value or a measure does not exist; one sentence.
    """
    known = dict(axes)
    for index, each in enumerate(expected):
        for path, sentence in _breaks(("expect", index), each, known, file):
            place = file.document.place(path)
            raise StudyError(f"{place}: {dotted(path)}: {sentence}")


def _breaks(path: YamlPath, each: Expectation, axes: Axes, file: StudyFile) -> Iterator[Break]:
    if isinstance(each.thresholds, ThresholdClaim):
        without = {name: values for name, values in axes.items() if name != FAULTY_AXIS}
        where: YamlPath = (*path, "thresholds", "where")
        yield from _breaks_in_where(where, each.thresholds.where, without, file)
    yield from _breaks_in_where((*path, "where"), each.where, axes, file)
    yield from _breaks_in_measure((*path, "of"), each.of, file)
    for key in ("less_than", "more_than"):
        other = getattr(each, key)
        if other is not None:
            yield from _breaks_in_where((*path, key, "where"), other.where, axes, file)
            yield from _breaks_in_measure((*path, key, "of"), other.of, file)


def _breaks_in_where(
    path: YamlPath, where: Mapping[str, Any], axes: Axes, file: StudyFile
) -> Iterator[Break]:
    for axis, wanted in where.items():
        if axis not in axes:
            advice = known_as(axis, axes) if axes else "the study has none"
            yield (*path, axis), f"no axis; {advice}"
            continue
        place: YamlPath = ("faulty",) if axis == FAULTY_AXIS else ("sweep", axis)
        if file.document.set_on_command_line(place):
            continue
        for value in wanted if isinstance(wanted, tuple) else (wanted,):
            if value not in axes[axis]:
                has = ", ".join(map(str, axes[axis][:8]))
                yield (*path, axis), f"no value of the axis: {shown(str(value))}; it has {has}"


def _breaks_in_measure(path: YamlPath, of: str | None, file: StudyFile) -> Iterator[Break]:
    known = measures_of(file.study.fidelity)
    if of is not None and of not in known:
        what = "unknown measure" if of not in MEASURES else "no measure of this fidelity"
        yield path, f"{what}: '{shown(of)}'; {known_as(of, known)}"
