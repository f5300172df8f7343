"""Charts as files: every kind is drawn, the same bytes each time; and as plotly takes them."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import plotly.graph_objects
import pytest

from scenarios.reports.chart import (
    Axis,
    BarChart,
    Bars,
    Chart,
    Graph,
    HeatMap,
    Line,
    LineChart,
    Outline,
    Point,
    Radar,
)
from scenarios.reports.figures import Format, write_figures
from scenarios.reports.palette import KINDS, PALETTE, Role
from scenarios.reports.plotly_page import figure
from tests.program import environment
from tests.reporting import HOSTILE

X, Y = Axis("round"), Axis("score", 0.0, 1.0, percent=True)
LINE = Line(
    HOSTILE, (1, 2, 3), (0.5, None, 0.7), "global", low=(0.4, None, 0.6), high=(0.6, None, 0.8)
)
CHARTS: tuple[Chart, ...] = (
    LineChart(
        "lines", HOSTILE, HOSTILE, X, Y, (LINE, Line("", (1, 3), (0.3, 0.3), "faint", "theory"))
    ),
    LineChart(
        "names", "", "", Axis("", categories=True), Y, (Line("a", ("x", HOSTILE), (1, 0), "local"),)
    ),
    LineChart(
        "band",
        "",
        "",
        X,
        Y,
        (
            Line(
                "b",
                tuple(range(20)),
                (0.5,) * 20,
                "global",
                "steps",
                low=(0.4,) * 20,
                high=(0.6,) * 20,
            ),
        ),
    ),
    BarChart(
        "bars",
        "",
        "",
        X,
        Y,
        (1, 2),
        (Bars(HOSTILE, (1, None), "accepted"), Bars("b", (2, 3), "rejected")),
        stacked=True,
    ),
    BarChart(
        "lying",
        "",
        "",
        Axis("", categories=True),
        Y,
        ("a", HOSTILE),
        (Bars("b", (2, 3), "neutral"),),
        lying=True,
    ),
    HeatMap(
        "heat",
        "",
        "",
        X,
        Y,
        ("1", HOSTILE),
        ("r",),
        ((0.1, None),),
        Y,
        ((HOSTILE, ""),),
        (("a", HOSTILE),),
    ),
    Radar(
        "radar",
        "",
        "",
        ("one thing", "two", HOSTILE),
        (Outline("run", (0.5, None, 1.0), "global"),),
    ),
    Graph(
        "graph",
        "",
        "",
        (
            Point(HOSTILE, 0, 0, "honest", "global", "circle"),
            Point("b", 1, 1, "lies", "rejected", "cross"),
        ),
        ((0, 1),),
    ),
    Graph("nobody", "", "", (), ()),
    LineChart("nothing", "", "", X, Y, ()),
    BarChart("no-bars", "", "", X, Y, (), (Bars("a", (), "neutral"),)),
    HeatMap("no-cells", "", "", X, Y, (), (), (), Y),
    Radar("not-measured", "", "", ("a", "b", "c"), (Outline("run", (None, None, None), "global"),)),
)


@pytest.mark.parametrize("form", get_args(Format))
def test_every_kind_of_chart_is_drawn_and_twice_the_same(tmp_path: Path, form: Format) -> None:
    first = write_figures(CHARTS, tmp_path / "first", form)
    second = write_figures(CHARTS, tmp_path / "second", form)
    assert [path.name for path in first] == [f"{chart.key}.{form}" for chart in CHARTS]
    for one, other in zip(first, second, strict=True):
        data = one.read_bytes()
        assert data == other.read_bytes(), one.name
        assert data.startswith(b"<?xml" if form == "svg" else b"\x89PNG")


def test_another_process_draws_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from scenarios.reports.figures import write_figures;"
        "from tests.test_reports_figures import CHARTS;"
        "write_figures(CHARTS, Path(sys.argv[1]), 'svg')"
    )
    for seed in ("1", "2"):
        words = [sys.executable, "-c", code, str(tmp_path / seed)]
        root = Path(__file__).parent.parent
        subprocess.run(words, env=environment(PYTHONHASHSEED=seed), cwd=root, check=True)
    for chart in CHARTS:
        name = f"{chart.key}.svg"
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_no_word_of_a_chart_is_markup_in_an_svg(tmp_path: Path) -> None:
    for path in write_figures(CHARTS, tmp_path, "svg"):
        assert "<script" not in path.read_text("utf-8")


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.key)
def test_plotly_knows_every_property_of_a_figure(chart: Chart) -> None:
    made = figure(chart)
    known = plotly.graph_objects.Figure(_painted(made["data"]), _painted(made["layout"]))
    assert len(known.data) == len(made["data"])


def _painted(value: object) -> object:
    """Put one colour wherever the page puts in one of a palette."""
    if isinstance(value, dict):
        return {key: _painted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_painted(each) for each in value]
    return "#123456" if isinstance(value, str) and value.startswith("@") else value


def test_no_word_of_a_chart_is_markup_for_plotly() -> None:
    for chart in CHARTS:
        assert "<script" not in str(figure(chart))
        assert "<img" not in str(figure(chart))


def test_every_role_has_a_colour_on_light_and_on_dark_ground() -> None:
    assert set(PALETTE) == set(get_args(Role))
    assert set(KINDS.values()) <= set(PALETTE)
    assert all(len(each) == 7 for pair in PALETTE.values() for each in pair)
