"""The report of a study: what goes into which figure, and the page in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from scenarios.reports.chart import HeatMap, LineChart
from scenarios.reports.page_parts import Choice, Part
from scenarios.reports.study_charts import (
    estimate_parts,
    heat_map_parts,
    other_parts,
    rate_parts,
    threshold_parts,
)
from tests.browser import chromium, opened
from tests.program import tclearn
from tests.reporting import HOSTILE, make_study, quantile_results, threshold_results


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def one(parts: Iterator[Part]) -> Any:
    (found,) = parts
    return found


def test_thresholds_are_drawn_against_the_number_of_hospitals_with_theory_beside_them() -> None:
    chart = one(threshold_parts(threshold_results()))
    assert isinstance(chart, LineChart)
    lines = {(line.name, line.look): line for line in chart.lines}
    assert lines["majority", "points"].x == (4, 7)
    assert lines["majority", "points"].y == (1 / 4, 2 / 7)
    assert lines["theory", "theory"].y == (1 / 4, 2 / 7)
    assert lines["a third", "theory"].y == (1 / 3, 1 / 3)


def test_rates_are_drawn_against_the_share_of_faulty_hospitals() -> None:
    choice = one(rate_parts(threshold_results()))
    assert isinstance(choice, Choice)
    assert choice.axes == (("protocol.name", ("majority", "scp")),)
    chart = choice.charts[0][1]
    assert isinstance(chart, LineChart)
    line = next(each for each in chart.lines if each.name == "7 hospitals")
    assert line.x == (2 / 7, 3 / 7)
    assert line.y == (1.0, 0.0)
    assert line.low == (0.8, 0.0)
    theory = [each for each in chart.lines if each.look == "theory"]
    assert [each.x for each in theory] == [(1.5 / 4, 1.5 / 4), (2.5 / 7, 2.5 / 7)]


def test_without_an_axis_of_sizes_thresholds_are_bars() -> None:
    results = threshold_results()
    results["axes"] = [each for each in results["axes"] if each["name"] != "hospitals"]
    for each in results["thresholds"]:
        del each["axes"]["hospitals"]
    chart = one(threshold_parts(results))
    assert chart.categories == ("majority", "majority", "scp", "scp")
    assert chart.bars[0].values == (1, 2, 1, 2)


def test_quantiles_are_drawn_along_the_longest_axis_of_numbers_in_milliseconds() -> None:
    choice = one(estimate_parts(quantile_results()))
    assert [values for values, _ in choice.charts] == [("0",), ("0.1",)]
    chart = choice.charts[0][1]
    assert chart.y.title == "latency, milliseconds"
    assert {line.name for line in chart.lines} == {"majority", "scp"}
    assert chart.lines[0].x == (4, 7, 10)
    assert chart.lines[0].y == (400.0, 700.0, 1000.0)


def test_two_axes_make_a_heat_map() -> None:
    choice = one(heat_map_parts(quantile_results()))
    chart = choice.charts[0][1]
    assert isinstance(chart, HeatMap)
    assert chart.columns == ("4", "7", "10")
    assert chart.rows == ("majority", "scp")
    assert chart.values[0] == (400.0, 700.0, 1000.0)


def test_a_cell_that_is_missing_is_a_gap() -> None:
    results = quantile_results()
    results["cells"] = [each for each in results["cells"] if each["id"] != "c0"]
    chart = one(heat_map_parts(results)).charts[0][1]
    assert chart.values[0][0] is None


def test_names_of_figures_differ_whatever_the_labels_are() -> None:
    results = threshold_results()
    choice = one(rate_parts(results))
    keys = [chart.key for _, chart in choice.charts]
    assert keys == ["rates-01-majority", "rates-02-scp"]
    hostile = quantile_results("../../" + HOSTILE)
    keys = [chart.key for _, chart in one(heat_map_parts(hostile)).charts]
    assert len(set(keys)) == len(keys)
    assert all("/" not in key and "<" not in key for key in keys)


def test_a_study_of_no_cells_draws_nothing() -> None:
    results = quantile_results() | {"cells": []}
    assert list(rate_parts(results)) == []
    assert list(estimate_parts(results)) == []
    assert list(heat_map_parts(results)) == []


@pytest.mark.parametrize("kind", ["threshold", "quantile"])
def test_every_figure_of_a_study_can_be_chosen_and_is_drawn(
    browser: Browser, tmp_path: Path, kind: str
) -> None:
    results = threshold_results(HOSTILE) if kind == "threshold" else quantile_results(HOSTILE)
    make_study(tmp_path, results)
    done = tclearn("report", "study", "--out", "s.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with opened(browser, tmp_path / "s.html", viewport={"width": 400, "height": 800}) as found:
        page = found.page
        seen = set(found.drawn())
        for select in page.locator(".chooser select").all():
            for number in range(select.locator("option").count()):
                select.select_option(index=number)
                drawn = found.drawn()
                assert all(drawn.values()), drawn
                seen |= set(drawn)
        assert seen == set(found.embedded("figures"))
        page.get_by_label("Filter").last.fill("nothing like this")
        assert page.locator("#table-cells tbody tr:visible").count() == 0
        assert page.evaluate("window.hacked") is None
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert found.troubles == []


def test_every_other_measure_that_differs_can_be_chosen() -> None:
    results = quantile_results()
    for number, cell in enumerate(results["cells"]):
        cell["measures"] = {
            "messages": {"mean": number, "low": number - 1, "high": number + 1},
            "agreement": {"held": number % 3, "violated": 2, "undecided": 0},
            "termination": {"held": 20, "violated": 0, "undecided": 0},
        }
    choice = one(other_parts(results))
    assert choice.axes[0] == ("measure", ("agreement", "messages"))
    charts = dict(choice.charts)
    assert charts["messages", "0"].lines[0].y == (0, 4, 8)
    assert charts["messages", "0"].lines[0].low == (-1, 3, 7)
    assert charts["agreement", "0"].lines[0].y == (0.0, 1 / 3, 0.5)
    assert list(other_parts(threshold_results())) == []
