"""Charts of a study: thresholds, curves with theory, estimates along the axes, heat maps."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .chart import Axis, BarChart, Bars, Chart, HeatMap, Line, LineChart, Place
from .page_parts import Part
from .palette import series
from .study_axes import (
    FAULTY,
    HOSPITALS,
    Value,
    along_axis,
    axes_of,
    chosen_by,
    is_number,
    lines_axis,
    value_words,
)
from .study_measures import Scale, meaning_of, other_measures, scale_of, seen_by, words_of

Results = Mapping[str, Any]
"""What ``results.json`` says."""
Where = Mapping[str, Value]
"""A point of some axes."""


def _at(found: Sequence[Results], where: Where) -> list[Results]:
    """What lies at a point; values of one type only are equal."""
    return [
        each
        for each in found
        if all(
            each["axes"].get(name) == value
            and isinstance(each["axes"].get(name), bool) == isinstance(value, bool)
            for name, value in where.items()
        )
    ]


def _values(results: Results, name: str | None) -> list[Value | None]:
    return next((list(values) for each, values in axes_of(results) if each == name), [None])


def _named(name: str | None, value: Value | None) -> str:
    if name is None:
        return ""
    return f"{value} hospitals" if name == HOSPITALS else value_words(value)


def _titled(title: str, where: Where, results: Results) -> str:
    """A title with the values that the reader has chosen."""
    several = {name for name, values in axes_of(results) if len(values) > 1}
    words = [value_words(value) for name, value in where.items() if name in several]
    return f"{title}: {', '.join(words)}" if words else title


def threshold_parts(results: Results) -> Iterator[Part]:
    """Located thresholds against the number of hospitals, or beside each other."""
    axes = [each for each in axes_of(results) if each[0] != FAULTY]
    counts = next((values for name, values in axes if name == HOSPITALS), [])
    if len(counts) > 1 and all(map(is_number, counts)):
        lines = next(
            (name for name, values in axes if name != HOSPITALS and 2 <= len(values) <= 8), None
        )
        used = (HOSPITALS, lines)
        yield from chosen_by(
            "thresholds", axes, used, lambda where: _threshold_lines(results, where, lines)
        )
    else:
        chart = _threshold_bars(results)
        if chart is not None:
            yield chart


def _threshold_lines(results: Results, where: Where, lines: str | None) -> Chart | None:
    drawn: list[Line] = []
    count = len(_values(results, lines))
    for number, value in enumerate(_values(results, lines)):
        point = {**where, **({} if lines is None or value is None else {lines: value})}
        found = sorted(_at(results["thresholds"], point), key=lambda each: each["axes"][HOSPITALS])
        located = [each for each in found if each["located"] is not None]
        theory = [each for each in found if each["theory"] is not None]
        name = _named(lines, value) or "located"
        drawn.append(
            Line(
                name,
                tuple(each["axes"][HOSPITALS] for each in located),
                tuple(each["located"] / each["axes"][HOSPITALS] for each in located),
                series(number),
                "points",
                notes=tuple(_threshold_note(each, name) for each in located),
                size=1 + 0.5 * (count - 1 - number),
            )
        )
        drawn.append(
            Line(
                _theory_name(drawn),
                tuple(each["axes"][HOSPITALS] for each in theory),
                tuple(each["theory"] / each["axes"][HOSPITALS] for each in theory),
                series(number),
                "theory",
            )
        )
    sizes = [each for each in _values(results, HOSPITALS) if isinstance(each, int | float)]
    third = Line("a third", (min(sizes), max(sizes)), (1 / 3, 1 / 3), "neutral", "theory")
    drawn = [line for line in drawn if line.x]
    if not drawn:
        return None
    most = max(y for line in drawn for y in line.y if y is not None)
    return LineChart(
        "thresholds",
        _titled("Share of faulty hospitals that is survived", where, results),
        "Points are located by replicas, dashed lines computed from the quorum sets.",
        Axis("hospitals"),
        Axis("greatest share with which it holds", 0.0, max(0.5, most) * 1.08, percent=True),
        (*drawn, third),
    )


def _threshold_note(found: Results, name: str) -> str:
    size = found["axes"].get(HOSPITALS, "")
    theory = "theory says nothing" if found["theory"] is None else f"theory: {found['theory']}"
    confidence = f"{found['confidence']:.0%} confidence, {found['replications']} replicas"
    held = f"holds with {found['located']}, not with more"
    return f"{name}, {size} hospitals\n{held}\n{theory}\n{confidence}"


def _threshold_bars(results: Results) -> Chart | None:
    found = results["thresholds"]
    several = [name for name, values in axes_of(results) if len(values) > 1 and name != FAULTY]
    names = tuple(
        ", ".join(value_words(each["axes"].get(name)) for name in several) or str(results["study"])
        for each in found
    )
    return BarChart(
        "thresholds",
        "Faulty hospitals that are survived",
        "As located by replicas, beside what theory says.",
        Axis("", categories=True),
        Axis("greatest number with which it holds"),
        names,
        (
            Bars("located", tuple(each["located"] for each in found), "series-1"),
            Bars("theory", tuple(each["theory"] for each in found), "faint"),
        ),
        lying=True,
    )


def rate_parts(results: Results) -> Iterator[Part]:
    """Rates against the share of faulty hospitals, from cells that have such an axis."""
    axes = axes_of(results)
    cells = [each for each in results["cells"] if is_number(each["axes"].get(FAULTY))]
    if not cells or results["question"]["kind"] not in ("rate", "threshold"):
        return
    others = [each for each in axes if each[0] != FAULTY]
    lines = lines_axis(others, FAULTY)
    if not any(name == FAULTY for name, _ in axes):
        axes = [*axes, (FAULTY, [])]
    yield from chosen_by(
        "rates", others, (FAULTY, lines), lambda where: _rates(results, cells, where, lines)
    )


def _rates(
    results: Results, cells: Sequence[Results], where: Where, lines: str | None
) -> Chart | None:
    drawn: list[Line] = []
    share = all(_size(each, results) for each in cells)
    for number, value in enumerate(_values(results, lines)):
        point = {**where, **({} if lines is None or value is None else {lines: value})}
        found = sorted(_at(cells, point), key=lambda each: each["axes"][FAULTY])
        found = [each for each in found if each["estimate"]["value"] is not None]
        if not found:
            continue
        name = _named(lines, value) or "measured"
        places = tuple(_share(each, results) if share else each["axes"][FAULTY] for each in found)
        drawn.append(_measured(name, places, found, Scale(1.0, Axis("")), number))
        # Theory that is sure of each cell would lie under the measurement: its step stands beside.
        steps = _theory_step(results, point, share, number, drawn) if _is_sure(found) else []
        drawn += steps or _theory_of(places, found, number, drawn)
    if not drawn:
        return None
    of = results["question"].get("of") or found_measure(cells, where)
    return LineChart(
        "rates",
        _titled(f"How often {of} holds", where, results),
        "Bars and bands are intervals; lines between points guide the eye.",
        Axis("share of faulty hospitals" if share else "faulty hospitals", percent=share),
        Axis("rate", -0.03, 1.05, percent=True),
        tuple(drawn),
    )


def found_measure(cells: Sequence[Results], where: Where) -> str:
    """What the cells at a point are asked for."""
    found = _at(cells, where)
    return str(found[0]["estimate"]["of"]) if found else "it"


def _measured(
    name: str, places: Sequence[Place], found: Sequence[Results], scale: Scale, number: int
) -> Line:
    estimates = [each["estimate"] for each in found]
    return Line(
        name,
        tuple(places),
        tuple(scale.of(each["value"]) for each in estimates),
        series(number),
        low=tuple(scale.of(each["low"]) for each in estimates),
        high=tuple(scale.of(each["high"]) for each in estimates),
        notes=tuple(_estimate_note(name, each) for each in found),
    )


def _estimate_note(name: str, cell: Results) -> str:
    estimate = cell["estimate"]
    axes = ", ".join(f"{axis} {value_words(value)}" for axis, value in cell["axes"].items())
    ends = f"{_short(estimate['low'])} to {_short(estimate['high'])}"
    theory = estimate.get("theory")
    said = "" if theory is None else f"\ntheory {_short(theory)}"
    value = f"{name}: {_short(estimate['value'])} ({ends})"
    return f"{value}\n{axes}\n{cell['replications']} replicas{said}"


def _short(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _is_sure(found: Sequence[Results]) -> bool:
    """Whether theory, where it says something, leaves nothing to chance."""
    return all(each["estimate"].get("theory") in (None, 0, 1) for each in found)


def _theory_of(
    places: Sequence[Place], found: Sequence[Results], number: int, drawn: Sequence[Line]
) -> list[Line]:
    """What theory says of the rates, where it says something."""
    known = [
        (place, each["estimate"]["theory"])
        for place, each in zip(places, found, strict=True)
        if each["estimate"].get("theory") is not None
    ]
    if not known:
        return []
    x, y = zip(*known, strict=True)
    return [Line(_theory_name(drawn), x, y, series(number), "theory")]


def _theory_name(drawn: Sequence[Line]) -> str:
    """The legend speaks of theory once."""
    return "" if any(line.look == "theory" for line in drawn) else "theory"


def _theory_step(
    results: Results, where: Where, share: bool, number: int, drawn: Sequence[Line]
) -> list[Line]:
    """A line where theory has the threshold: between the last that holds and the next."""
    lines = []
    for each in _at(results["thresholds"], where):
        size = each.get("hospitals") or each["axes"].get(HOSPITALS)
        if each["theory"] is None or (share and not size):
            continue
        x = (each["theory"] + 0.5) / (size if share else 1)
        lines.append(Line(_theory_name(drawn), (x, x), (0.0, 1.0), series(number), "theory"))
    return lines[:1]


def _size(cell: Results, results: Results) -> int | None:
    """How many hospitals a cell has; None where the results do not say."""
    count = cell["axes"].get(HOSPITALS)
    if isinstance(count, int) and count > 0:
        return count
    found = results.get("hospitals")
    return found if isinstance(found, int) and found > 0 else None


def _share(cell: Results, results: Results) -> float:
    return float(cell["axes"][FAULTY]) / (_size(cell, results) or 1)


def estimate_parts(results: Results) -> Iterator[Part]:
    """The estimate of each cell along the longest axis of numbers, a line for a value of another.

    Cells that have an axis of faulty hospitals are drawn by `rate_parts`.
    """
    by_faulty = any(is_number(each["axes"].get(FAULTY)) for each in results["cells"])
    if by_faulty and results["question"]["kind"] in ("rate", "threshold"):
        return
    axes = axes_of(results)
    along = along_axis(axes) or (axes[0][0] if axes else None)
    if along is None or not results["cells"]:
        return
    lines = lines_axis(axes, along)
    yield from chosen_by(
        "estimates", axes, (along, lines), lambda where: _estimates(results, where, along, lines)
    )


def other_parts(results: Results) -> Iterator[Part]:
    """Every other measure along the same axis, for the reader to choose."""
    axes = axes_of(results)
    along = along_axis(axes)
    seen = {measure: seen_by(results, measure) for measure in other_measures(results)}
    if along is None or not seen or results["thresholds"]:
        return
    lines = lines_axis(axes, along)
    chosen = [("measure", list[Value](seen)), *axes]

    def draw(where: Where) -> Chart | None:
        rest = {name: value for name, value in where.items() if name != "measure"}
        return _estimates(seen[str(where["measure"])], rest, along, lines)

    yield from chosen_by("measures", chosen, (along, lines), draw)


def _estimates(results: Results, where: Where, along: str, lines: str | None) -> Chart | None:
    numeric = all(map(is_number, _values(results, along)))
    drawn: list[Line] = []
    scale = None
    for number, value in enumerate(_values(results, lines)):
        point = {**where, **({} if lines is None or value is None else {lines: value})}
        found = [
            each for each in _at(results["cells"], point) if each["estimate"]["value"] is not None
        ]
        if not found:
            continue
        scale = scale or scale_of(found[0]["estimate"]["of"], results["question"]["kind"])
        places = [
            each["axes"][along] if numeric else value_words(each["axes"][along]) for each in found
        ]
        name = _named(lines, value) or "measured"
        drawn.append(_measured(name, places, found, scale, number))
        drawn += _theory_of(places, found, number, drawn)
    if scale is None:
        return None
    return LineChart(
        "estimates",
        _titled(_asked(results), where, results),
        f"{meaning_of(results['question'].get('of'))}Bars and bands are intervals of "
        f"{results['question']['confidence']:.0%} confidence.",
        Axis(along, categories=not numeric),
        scale.axis,
        tuple(drawn),
    )


def _asked(results: Results) -> str:
    question = results["question"]
    of = words_of(question.get("of"))
    match question["kind"]:
        case "quantile":
            share = question["quantile"]
            return f"Median of {of}" if share == 0.5 else f"Quantile {share:.0%} of {of}"
        case "mean":
            return f"Mean of {of}"
        case _:
            return f"Rate of {of}"


def heat_map_parts(results: Results) -> Iterator[Part]:
    """The estimate over two axes at once, where there are two with several values."""
    axes = axes_of(results)
    several = [name for name, values in axes if len(values) > 1]
    if len(several) < 2 or results["question"]["kind"] == "threshold":
        return
    along = along_axis([each for each in axes if each[0] in several]) or several[0]
    along = FAULTY if FAULTY in several else along
    down = next(name for name in several if name != along)
    yield from chosen_by(
        "heat", axes, (along, down), lambda where: _heat_map(results, where, along, down)
    )


def _heat_map(results: Results, where: Where, along: str, down: str) -> Chart | None:
    found = _at(results["cells"], where)
    if not found:
        return None
    scale = scale_of(found[0]["estimate"]["of"], results["question"]["kind"])
    columns, rows = _values(results, along), _values(results, down)
    by_point = {
        (value_words(each["axes"].get(down)), value_words(each["axes"].get(along))): each
        for each in found
    }
    values: list[tuple[float | None, ...]] = []
    notes: list[tuple[str, ...]] = []
    marks: list[tuple[str, ...]] = []
    for row in rows:
        cells = [by_point.get((value_words(row), value_words(column))) for column in columns]
        values.append(tuple(scale.of(c["estimate"]["value"]) if c else None for c in cells))
        notes.append(tuple(_estimate_note(value_words(row), c) if c else "" for c in cells))
        marks.append(tuple(scale.words(c["estimate"]["value"]) if c else "" for c in cells))
    unit = (
        Axis(scale.axis.title, scale.axis.low, min(scale.axis.high or 1.0, 1.0))
        if (scale.axis.low is not None)
        else scale.axis
    )
    unit = Axis(unit.title, unit.low, unit.high, percent=scale.axis.percent)
    return HeatMap(
        "heat",
        _titled(_asked(results), where, results),
        "The same estimates as colours.",
        Axis(along),
        Axis(down),
        tuple(map(value_words, columns)),
        tuple(map(value_words, rows)),
        tuple(values),
        unit,
        tuple(marks) if len(columns) <= 16 else (),
        tuple(notes),
    )
