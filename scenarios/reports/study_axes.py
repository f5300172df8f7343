"""The axes of a study: which goes where in a figure, and which the reader chooses by."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Final, TypeAlias

from .chart import Chart
from .page_parts import Absent, Choice, Part

Value: TypeAlias = str | int | float | bool
"""A point of an axis."""
Axes: TypeAlias = Sequence[tuple[str, Sequence[Value]]]
"""Names and values, in the order of the study."""

FAULTY: Final = "faulty"
"""The axis of the number of faulty hospitals."""
HOSPITALS: Final = "hospitals"
"""The axis of the number of hospitals."""
LINES_MAX: Final = 8
"""The most lines of one figure."""
CHARTS_MAX: Final = 240
"""The most figures that one choice is made of."""


def axes_of(results: Mapping[str, Any]) -> list[tuple[str, list[Value]]]:
    """Every axis with its values."""
    return [(str(each["name"]), list(each["values"])) for each in results["axes"]]


def value_words(value: object) -> str:
    """A point of an axis as text."""
    if isinstance(value, float):
        return f"{value:g}"
    return "-" if value is None else str(value)


def is_number(value: object) -> bool:
    """Whether a point of an axis is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def lines_axis(axes: Axes, taken: str) -> str | None:
    """The axis whose values become the lines of a figure; None where there is none for it."""
    for wanted in (HOSPITALS, "protocol.name"):
        for name, values in axes:
            if name == wanted != taken and 2 <= len(values) <= LINES_MAX:
                return name
    for name, values in axes:
        if name not in (taken, FAULTY) and 2 <= len(values) <= LINES_MAX:
            return name
    return None


def along_axis(axes: Axes) -> str | None:
    """The axis that a figure goes along: of numbers, the one with most; else the first."""
    several = [(name, values) for name, values in axes if name != FAULTY and len(values) > 1]
    numbers = [each for each in several if all(map(is_number, each[1]))]
    chosen = max(numbers, key=lambda each: len(each[1]), default=None)
    if chosen is None:
        chosen = several[0] if several else None
    return None if chosen is None else chosen[0]


def chosen_by(
    key: str,
    axes: Axes,
    used: Sequence[str | None],
    make: Callable[[Mapping[str, Value]], Chart | None],
) -> Iterator[Part]:
    """One figure for each point of the axes that no figure shows, for the reader to choose.

    Args:
        key: Begins the names of all these figures.
        axes: All axes.
        used: Those that a figure shows itself.
        make: Draws the figure at a point; None where there is nothing to draw.
    """
    others = [(name, values) for name, values in axes if name not in used]
    single = {name: values[0] for name, values in others if len(values) == 1}
    several = [(name, values) for name, values in others if len(values) > 1]
    charts: list[tuple[tuple[str, ...], Chart]] = []
    left_out = 0
    for point in product(*(values for _, values in several)):
        if len(charts) == CHARTS_MAX:
            left_out += 1
            continue
        where = {**single, **dict(zip((name for name, _ in several), point, strict=True))}
        chart = make(where)
        if chart is not None:
            words = tuple(map(value_words, point))
            charts.append((words, replace(chart, key=_key(key, words, len(charts)))))
    if not charts:
        return
    if len(charts) == 1:
        yield charts[0][1]
    else:
        values_seen = (dict.fromkeys(words[i] for words, _ in charts) for i in range(len(several)))
        names = (name for name, _ in several)
        chosen = tuple((n, tuple(v)) for n, v in zip(names, values_seen, strict=True))
        yield Choice(key, chosen, tuple(charts))
    if left_out:
        yield Absent(f"{left_out} more figures", "see the table of cells for their numbers")


def _key(key: str, words: Sequence[str], number: int) -> str:
    """A name for a file: what it shows, and a number lest two are alike."""
    plain = [re.sub(r"[^a-z0-9.]+", "-", word.lower()).strip("-.") for word in words]
    joined = "-".join(filter(None, plain))[:80]
    return f"{key}-{number + 1:02d}-{joined}" if joined else key
