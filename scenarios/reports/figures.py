"""Charts as files for a paper: SVG or PNG, the same bytes for the same chart and versions.

The only module that imports matplotlib. Widths are those of a column and of a page of two columns.
"""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from warnings import catch_warnings, simplefilter

from ledger.durability import replace_file

from ..results.errors import ReportError
from .chart import BARS_MAX, Axis, BarChart, Chart, Graph, HeatMap, Line, LineChart, Radar
from .palette import PALETTE, Role

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Format = Literal["svg", "png"]
"""What a figure is written as."""

COLUMN_INCHES: Final = 3.5
"""Width of a figure in one column of a paper."""
PAGE_INCHES: Final = 7.16
"""Width of a figure over both."""
PNG_DPI: Final = 300
"""Dots per inch of a PNG."""
NAME_MAX: Final = 24
"""Characters of a name that are drawn."""
TICKS_MAX: Final = 24
"""The most names along an axis."""

_STYLE: Final[dict[Any, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same on every machine
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e7eb",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "svg.hashsalt": "tclearn",
    "svg.fonttype": "path",
    "text.usetex": False,
    "text.parse_math": False,  # a dollar in a name is a dollar
}
_MARKERS: Final = {"circle": "o", "cross": "x", "diamond": "D", "square": "s"}


def write_figures(charts: Sequence[Chart], folder: Path, form: Format) -> list[Path]:
    """Write each chart to a file named after it.

    Returns:
        The files, in the order of the charts.

    Raises:
        OSError: When a file cannot be written.
        ReportError: When matplotlib is not installed.
    """
    try:
        import matplotlib  # loaded only where it is needed
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ReportError(
            "figures need matplotlib, which is not installed; pip install 'tclearn[reports]'"
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with matplotlib.rc_context(_STYLE):
        for chart in charts:
            figure = Figure(figsize=_size(chart), layout="constrained")
            FigureCanvasAgg(figure)
            _draw(chart, figure)
            out = BytesIO()
            # A date or a version in the file would make every writing of it another one.
            nothing = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
            with catch_warnings():
                # What it warns of is a letter that its font lacks, or little room: no one's fault.
                simplefilter("ignore", UserWarning)
                figure.savefig(out, format=form, dpi=PNG_DPI, metadata=nothing)
            path = folder / f"{chart.key}.{form}"
            replace_file(path, out.getvalue())
            written.append(path)
    return written


def _size(chart: Chart) -> tuple[float, float]:
    match chart:
        case LineChart():
            return COLUMN_INCHES, 2.6
        case BarChart(lying=True):
            return COLUMN_INCHES, 0.9 + 0.2 * len(chart.categories)
        case BarChart():
            return (COLUMN_INCHES if len(chart.categories) <= 16 else PAGE_INCHES), 2.4
        case HeatMap():
            wide = len(chart.columns) > 14
            return (PAGE_INCHES if wide else COLUMN_INCHES), 1.1 + min(7, 0.18 * len(chart.rows))
        case Radar():
            return COLUMN_INCHES, 3.0
        case Graph():
            return COLUMN_INCHES, 3.6


def _draw(chart: Chart, figure: "Figure") -> None:
    match chart:
        case LineChart():
            _lines(chart, figure.add_subplot())
        case BarChart():
            _bars(chart, figure.add_subplot())
        case HeatMap():
            _heat_map(chart, figure)
        case Radar():
            _radar(chart, figure)
        case Graph():
            _graph(chart, figure.add_subplot())


def _lines(chart: LineChart, axes: "Axes") -> None:
    names: dict[str, int] = {}
    for line in chart.lines:
        x = (
            [names.setdefault(str(each), len(names)) for each in line.x]
            if (chart.x.categories)
            else list(line.x)
        )
        _line(line, x, axes)
    if names:
        _names(axes, list(names), "x")
    _label(axes, chart.x, chart.y)
    _legend(axes, len(chart.lines))


def _line(line: Line, x: Sequence[Any], axes: "Axes") -> None:
    colour = _colour(line.role)
    y = [float("nan") if each is None else each for each in line.y]
    drawn = line.look in ("line", "line+points", "steps", "theory")
    axes.plot(
        x,
        y,
        color=colour,
        linestyle={"theory": "--"}.get(line.look, "-") if drawn else "none",
        linewidth=1.0 if line.look == "theory" else 1.4,
        drawstyle="steps-post" if line.look == "steps" else "default",
        marker=_MARKERS[line.symbol] if line.look in ("points", "line+points") else "",
        markersize=4 * line.size,
        label=_short(line.name) or None,
    )
    if line.low and line.high:
        low, high = (
            [float("nan") if each is None else each for each in ends]
            for ends in (line.low, line.high)
        )
        if len(line.x) > BARS_MAX:
            axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
        else:
            axes.vlines(x, low, high, color=colour, alpha=0.6, linewidth=0.8)


def _bars(chart: BarChart, axes: "Axes") -> None:
    places = range(len(chart.categories))
    beside = 1 if chart.stacked else max(1, len(chart.bars))
    width = 0.75 / beside
    stood = [0.0] * len(chart.categories)
    for number, bars in enumerate(chart.bars):
        lengths = [each or 0.0 for each in bars.values]
        offset = 0.0 if chart.stacked else (number - (beside - 1) / 2) * width
        at = [place + offset for place in places]
        colour = _colour(bars.role)
        if chart.lying:
            axes.barh(at, lengths, width, left=stood, color=colour, label=_short(bars.name))
        else:
            axes.bar(at, lengths, width, bottom=stood, color=colour, label=_short(bars.name))
        if chart.stacked:
            stood = [a + b for a, b in zip(stood, lengths, strict=True)]
    _names(axes, [str(each) for each in chart.categories], "y" if chart.lying else "x")
    x = replace(chart.x, whole=False)  # its ticks are names
    _label(axes, *((chart.y, x) if chart.lying else (x, chart.y)))
    if chart.lying:
        axes.invert_yaxis()
    axes.grid(visible=False, axis="y" if chart.lying else "x")
    if len(chart.bars) > 1:
        _legend(axes, len(chart.bars))


def _heat_map(chart: HeatMap, figure: "Figure") -> None:
    axes = figure.add_subplot()
    if not chart.rows or not chart.columns:
        _label(axes, chart.x, chart.y)
        return
    values = [[float("nan") if each is None else each for each in row] for row in chart.values]
    image = axes.imshow(
        values, aspect="auto", cmap="cividis", vmin=chart.unit.low, vmax=chart.unit.high
    )
    axes.grid(visible=False)
    for row, marks in enumerate(chart.marks if len(chart.columns) <= TICKS_MAX else ()):
        for column, mark in enumerate(marks):
            if mark:
                axes.text(
                    column,
                    row,
                    _short(mark),
                    ha="center",
                    va="center",
                    fontsize=6,
                    color="#ffffff",
                    bbox={"facecolor": "#00000066", "edgecolor": "none", "pad": 0.8},
                )
    _names(axes, chart.columns, "x")
    _names(axes, chart.rows, "y")
    axes.set_xlabel(chart.x.title)
    axes.set_ylabel(chart.y.title)
    bar = figure.colorbar(image, ax=axes, label=chart.unit.title)
    if chart.unit.percent:
        bar.formatter = _percent()
        bar.update_ticks()


def _radar(chart: Radar, figure: "Figure") -> None:
    from math import pi

    axes = figure.add_subplot(projection="polar")
    angles = [2 * pi * number / len(chart.spokes) for number in range(len(chart.spokes))]
    for outline in chart.outlines:
        known = [
            (angle, value)
            for angle, value in zip(angles, outline.values, strict=True)
            if value is not None
        ]
        closed = [*known, *known[:1]]
        colour = _colour(outline.role)
        x, y = [angle for angle, _ in closed], [value for _, value in closed]
        axes.plot(x, y, color=colour, marker="o", label=_short(outline.name))
        axes.fill(x, y, color=colour, alpha=0.18)
    # matplotlib's types know the polar axes by the plain ones only.
    polar: Any = axes
    polar.set_theta_zero_location("N")
    polar.set_theta_direction(-1)
    axes.set_ylim(0, 1)
    axes.set_yticks([0.25, 0.5, 0.75, 1.0], ["", "0.5", "", "1"])
    axes.set_xticks(angles, [_short(each).replace(" ", "\n", 1) for each in chart.spokes])
    axes.tick_params(axis="x", pad=12)
    if len(chart.outlines) > 1:
        _legend(axes, len(chart.outlines))


def _graph(chart: Graph, axes: "Axes") -> None:
    from matplotlib.collections import LineCollection

    places = [(point.x, point.y) for point in chart.points]
    lines = LineCollection(
        [[places[start], places[end]] for start, end in chart.edges],
        colors=_colour("faint"),
        linewidths=0.4,
        zorder=1,
    )
    axes.add_collection(lines)
    small = len(chart.points) > 40
    for kind in dict.fromkeys(point.kind for point in chart.points):
        chosen = [point for point in chart.points if point.kind == kind]
        axes.scatter(
            [point.x for point in chosen],
            [point.y for point in chosen],
            s=14 if small else 50,
            c=_colour(chosen[0].role),
            marker=_MARKERS[chosen[0].symbol],
            label=_short(kind),
            zorder=2,
        )
    for point in chart.points if not small else ():
        axes.annotate(
            _short(point.name),
            (point.x, point.y),
            textcoords="offset points",
            xytext=(0, 7),
            ha="center",
            fontsize=6,
        )
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.margins(0.12)
    _legend(axes, 1)


def _names(axes: "Axes", names: Sequence[str], which: Literal["x", "y"]) -> None:
    every = max(1, -(-len(names) // TICKS_MAX))
    chosen = range(0, len(names), every)
    words = [_short(names[number]) for number in chosen]
    if which == "y":
        axes.set_yticks(list(chosen), words)
    else:
        long = max(map(len, words), default=0) > 4 and len(words) > 4
        axes.set_xticks(
            list(chosen), words, rotation=45 if long else 0, ha="right" if long else "center"
        )


def _label(axes: "Axes", x: Axis, y: Axis) -> None:
    axes.set_xlabel(x.title)
    axes.set_ylabel(y.title)
    if x.whole:
        axes.locator_params(axis="x", integer=True)
    if x.percent:
        axes.xaxis.set_major_formatter(_percent())
    if y.percent:
        axes.yaxis.set_major_formatter(_percent())
    if x.low is not None or x.high is not None:
        axes.set_xlim(x.low, x.high)
    if y.low is not None or y.high is not None:
        axes.set_ylim(y.low, y.high)


def _percent() -> Any:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1.0, decimals=0)


def _legend(axes: "Axes", count: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        axes.legend(
            handles,
            labels,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=min(3, max(1, count)),
            columnspacing=1.0,
            handlelength=1.6,
        )


def _short(text: str) -> str:
    """A name that leaves room for the figure, on one line and printable."""
    plain = "".join(each if each.isprintable() else "?" for each in text)
    return plain if len(plain) <= NAME_MAX else plain[: NAME_MAX - 1] + "…"


def _colour(role: Role) -> str:
    return PALETTE[role][0]
