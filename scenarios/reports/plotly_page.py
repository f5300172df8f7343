"""Charts as figures of plotly.js: plain data, which the page hands to ``Plotly.newPlot``.

A colour is written as ``@role`` or ``@role/opacity``, and only where a colour stands: the page puts
in that of the light or of the dark palette, and does so again when the reader's preference changes.
plotly takes a few tags and entities in texts for markup; every text is escaped here. plotly itself
is loaded for its script alone.
"""

from collections.abc import Sequence
from html import escape
from typing import Any, Final

from ..results.errors import ReportError
from .chart import (
    BARS_MAX,
    Axis,
    BarChart,
    Chart,
    Graph,
    HeatMap,
    Line,
    LineChart,
    Place,
    Point,
    Radar,
)
from .palette import Role

Figure = dict[str, Any]
"""``data`` and ``layout``, as plotly.js takes them."""

LABEL_MAX: Final = 28
"""Characters of a name that an axis shows; the rest shows under the pointer."""
EVERY_MAX: Final = 14
"""Of an axis of counts no longer than this, every number is written."""
NUMBERS_MAX: Final = 26
"""The most numbers along an axis of cells."""
NAMES_MAX: Final = 60
"""The most names along one."""
TEXT_ON_CELLS_MAX: Final = 600
"""The most cells that have something written on them."""

_MODES: Final = {
    "line": "lines",
    "points": "markers",
    "line+points": "lines+markers",
    "steps": "lines",
    "theory": "lines",
}
_SYMBOLS: Final = {"circle": "circle", "cross": "x", "diamond": "diamond", "square": "square"}


def script() -> str:
    """plotly.js, from the wheel of plotly.

    Raises:
        ReportError: When plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs  # loaded only where it is needed
    except ImportError:
        raise ReportError(
            "a report needs plotly, which is not installed; pip install 'tclearn[reports]'"
        ) from None
    return str(get_plotlyjs())


def figure(chart: Chart) -> Figure:
    """What plotly.js draws for a chart."""
    match chart:
        case LineChart():
            return _lines(chart)
        case BarChart():
            return _bars(chart)
        case HeatMap():
            return _heat_map(chart)
        case Radar():
            return _radar(chart)
        case Graph():
            return _graph(chart)


def _lines(chart: LineChart) -> Figure:
    data: list[Figure] = []
    for line in chart.lines:
        if line.low and line.high and len(line.x) > BARS_MAX:
            data.append(_band(line))
        trace: Figure = {
            "type": "scatter",
            "mode": _MODES[line.look],
            "name": _plain(line.name),
            "x": [_place(each) for each in line.x],
            "y": list(line.y),
            "line": {"color": _colour(line.role), "width": 2},
            "marker": {
                "color": _colour(line.role),
                "size": 8 * line.size,
                "symbol": _SYMBOLS[line.symbol],
            },
            "showlegend": bool(line.name),
        }
        if line.low and line.high and len(line.x) <= BARS_MAX:
            trace["error_y"] = _error_bars(line)
        if line.look == "theory":
            trace["line"] |= {"dash": "dash", "width": 1.5}
        if line.look == "steps":
            trace["line"]["shape"] = "hv"
        if line.notes:
            trace |= {"hovertext": [_lines_of(note) for note in line.notes], "hoverinfo": "text"}
        data.append(trace)
    layout = _layout(chart.x, chart.y)
    places = [each for line in chart.lines for each in line.x if isinstance(each, int | float)]
    if chart.x.whole and places and max(places) - min(places) <= EVERY_MAX:
        layout["xaxis"]["dtick"] = 1
    # plotly shows one line's name nowhere unless it is told to.
    layout["showlegend"] = any(line.name for line in chart.lines)
    return {"data": data, "layout": layout}


def _band(line: Line) -> Figure:
    """The intervals of a line, as one closed outline."""
    ends = [
        (x, low, high)
        for x, low, high in zip(line.x, line.low, line.high, strict=True)
        if low is not None and high is not None
    ]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [_place(x) for x, _, _ in ends] + [_place(x) for x, _, _ in reversed(ends)],
        "y": [low for _, low, _ in ends] + [high for _, _, high in reversed(ends)],
        "fill": "toself",
        "fillcolor": _colour(line.role, 0.16),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _error_bars(line: Line) -> Figure:
    """The intervals of a line, as a bar at each point."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [_span(y, high) for y, high in zip(line.y, line.high, strict=True)],
        "arrayminus": [_span(low, y) for low, y in zip(line.low, line.y, strict=True)],
        "color": _colour(line.role, 0.6),
        "thickness": 1.3,
        "width": 4,
    }


def _span(low: float | None, high: float | None) -> float:
    return 0.0 if low is None or high is None else max(0.0, high - low)


def _bars(chart: BarChart) -> Figure:
    places = [_place(each) for each in chart.categories]
    data: list[Figure] = []
    for bars in chart.bars:
        along, across = ("y", "x") if chart.lying else ("x", "y")
        trace: Figure = {
            "type": "bar",
            "name": _plain(bars.name),
            along: places,
            across: list(bars.values),
            "orientation": "h" if chart.lying else "v",
            "marker": {"color": _colour(bars.role), "line": {"width": 0}},
        }
        if bars.notes:
            trace |= {
                "hovertext": [_lines_of(note) for note in bars.notes],
                "hoverinfo": "text",
                "textposition": "none",
            }
        data.append(trace)
    layout = _layout(*((chart.y, chart.x) if chart.lying else (chart.x, chart.y)))
    if chart.x.whole and len(places) <= EVERY_MAX:
        layout["xaxis"]["dtick"] = 1
    layout |= {"barmode": "stack" if chart.stacked else "group", "bargap": 0.25}
    layout["showlegend"] = len(chart.bars) > 1
    if chart.lying:
        layout["yaxis"]["autorange"] = "reversed"
        layout["height"] = 130 + 26 * max(1, len(places))
    return {"data": data, "layout": layout}


def _heat_map(chart: HeatMap) -> Figure:
    trace: Figure = {
        "type": "heatmap",
        "x": list(range(len(chart.columns))),
        "y": list(range(len(chart.rows))),
        "z": [list(row) for row in chart.values],
        "colorscale": "Cividis",
        "xgap": 1 if len(chart.columns) <= 60 else 0,
        "ygap": 1 if len(chart.rows) <= 60 else 0,
        "hoverongaps": False,
        "colorbar": {
            "title": {"text": _plain(chart.unit.title), "side": "right", "font": {"size": 12}},
            "thickness": 12,
            "outlinewidth": 0,
        },
    }
    if chart.unit.percent:
        trace["colorbar"]["tickformat"] = ",.0%"
    if chart.unit.low is not None and chart.unit.high is not None:
        trace |= {"zmin": chart.unit.low, "zmax": chart.unit.high}
    if chart.marks and len(chart.columns) * len(chart.rows) <= TEXT_ON_CELLS_MAX:
        trace |= {
            "text": [[_plain(mark) for mark in row] for row in chart.marks],
            "texttemplate": "%{text}",
        }
    if chart.notes:
        trace |= {
            "hovertext": [[_lines_of(note) for note in row] for row in chart.notes],
            "hoverinfo": "text",
        }
    layout = _layout(chart.x, chart.y)
    layout["xaxis"] |= _names(chart.columns) | {"showgrid": False}
    layout["yaxis"] |= _names(chart.rows) | {"showgrid": False, "autorange": "reversed"}
    layout["height"] = 150 + min(900, max(110, 24 * len(chart.rows)))
    return {"data": [trace], "layout": layout}


def _names(names: Sequence[str]) -> Figure:
    """Names at the numbered places of an axis, thinned out where there are many."""
    most = NUMBERS_MAX if all(name.isdigit() for name in names) else NAMES_MAX
    every = max(1, -(-len(names) // most))
    chosen = range(0, len(names), every)
    return {
        "tickmode": "array",
        "tickvals": list(chosen),
        "ticktext": [_short(names[number]) for number in chosen],
        "zeroline": False,
    }


def _radar(chart: Radar) -> Figure:
    # A name on two lines leaves room for the figure on a phone.
    spokes = [_plain(each).replace(" ", "<br>", 1) for each in chart.spokes]
    data: list[Figure] = []
    for outline in chart.outlines:
        known = [value is not None for value in outline.values]
        shown = [number for number, is_known in enumerate(known) if is_known]
        closed = [*shown, *shown[:1]]
        trace: Figure = {
            "type": "scatterpolar",
            "name": _plain(outline.name),
            "r": [outline.values[number] for number in closed],
            "theta": [spokes[number] for number in closed],
            "mode": "lines+markers",
            "fill": "toself",
            "fillcolor": _colour(outline.role, 0.18),
            "line": {"color": _colour(outline.role), "width": 2},
            "marker": {"color": _colour(outline.role), "size": 7},
        }
        if outline.notes:
            trace |= {
                "hovertext": [_lines_of(outline.notes[number]) for number in closed],
                "hoverinfo": "text",
            }
        data.append(trace)
    axis = {"gridcolor": "@faint", "linecolor": "@faint"}
    layout = _frame() | {
        "polar": {
            "bgcolor": "rgba(0,0,0,0)",
            "radialaxis": axis
            | {"range": [0, 1], "tickformat": ",.0%", "dtick": 0.25, "tickfont": {"size": 10}},
            "angularaxis": axis
            | {
                "direction": "clockwise",
                "rotation": 90,
                "categoryorder": "array",
                "categoryarray": spokes,
            },
        },
        "showlegend": len(chart.outlines) > 1,
        "height": 440,
    }
    layout["margin"] = {"l": 80, "r": 80, "t": 40, "b": 40}
    return {"data": data, "layout": layout}


def _graph(chart: Graph) -> Figure:
    across: list[float | None] = []
    up: list[float | None] = []
    for start, end in chart.edges:
        across += [chart.points[start].x, chart.points[end].x, None]
        up += [chart.points[start].y, chart.points[end].y, None]
    data: list[Figure] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": across,
            "y": up,
            "line": {"width": 0.8, "color": "@faint"},
            "opacity": 0.7 if len(chart.edges) < 400 else 0.35,
            "hoverinfo": "skip",
            "name": "trusts",
        }
    ]
    count = max(1, len(chart.points))
    middle = (
        sum(point.x for point in chart.points) / count,
        sum(point.y for point in chart.points) / count,
    )
    for kind in dict.fromkeys(point.kind for point in chart.points):
        chosen = [point for point in chart.points if point.kind == kind]
        data.append(
            {
                "type": "scatter",
                "mode": "markers+text" if len(chart.points) <= 80 else "markers",
                "name": _plain(kind),
                "x": [point.x for point in chosen],
                "y": [point.y for point in chosen],
                "text": [_short(point.name) for point in chosen],
                "textposition": [_beside(point, middle) for point in chosen],
                "textfont": {"size": 11},
                "cliponaxis": False,
                "hovertext": [
                    _lines_of("\n".join(filter(None, (point.name, point.note)))) for point in chosen
                ],
                "hoverinfo": "text",
                "marker": {
                    "size": 16 if len(chart.points) <= 80 else 8,
                    "color": _colour(chosen[0].role),
                    "symbol": _SYMBOLS[chosen[0].symbol],
                    "line": {"width": 1.5, "color": "@ground"},
                },
            }
        )
    layout = _frame() | {"height": 540, "showlegend": True, "hovermode": "closest"}
    layout["margin"] = {"l": 70, "r": 70, "t": 24, "b": 24}
    hidden = {"visible": False}
    layout |= {"xaxis": hidden, "yaxis": {**hidden, "scaleanchor": "x"}}
    return {"data": data, "layout": layout}


def _beside(point: Point, middle: tuple[float, float]) -> str:
    """Where the name of a node stands: away from the middle of all."""
    across, up = point.x - middle[0], point.y - middle[1]
    if abs(across) > abs(up) * 0.6:
        return "middle right" if across > 0 else "middle left"
    return "top center" if up >= 0 else "bottom center"


def _layout(x: Axis, y: Axis) -> Figure:
    layout = _frame() | {"height": 360, "hovermode": "closest"}
    for name, axis in (("xaxis", x), ("yaxis", y)):
        layout[name] = {
            "title": {"text": _plain(axis.title), "standoff": 10, "font": {"size": 13}},
            "gridcolor": "@faint/0.45",
            "linecolor": "@faint",
            "zeroline": False,
            "automargin": True,
        }
        if axis.percent:
            layout[name]["tickformat"] = ",.0%"
        if axis.categories:
            layout[name]["type"] = "category"
        if axis.low is not None or axis.high is not None:
            layout[name]["range"] = [axis.low, axis.high]
    return layout


def _frame() -> Figure:
    """What all figures have in common."""
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "inherit", "size": 13, "color": "@text"},
        "margin": {"l": 60, "r": 20, "t": 16, "b": 50},
        "legend": {
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "traceorder": "normal",
        },
        "hoverlabel": {"align": "left", "bgcolor": "@ground", "bordercolor": "@faint"},
    }


def _colour(role: Role, opacity: float = 1.0) -> str:
    return f"@{role}" if opacity == 1.0 else f"@{role}/{opacity}"


def _plain(text: str) -> str:
    return escape(text, quote=False)


def _short(text: str) -> str:
    return _plain(text if len(text) <= LABEL_MAX else text[: LABEL_MAX - 1] + "…")


def _lines_of(text: str) -> str:
    """A text of several lines."""
    return _plain(text).replace("\n", "<br>")


def _place(place: Place) -> Place:
    return _plain(place) if isinstance(place, str) else place
