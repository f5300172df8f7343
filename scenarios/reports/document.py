"""A page as one HTML file that needs nothing else: no network, no folder beside it.

Its policy lets no request leave and no script run but those whose digests it names; what a run or a
study says of itself is text everywhere, never markup or script.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from .animation import AnimationPart
from .chart import BarChart, Cell, Chart, Graph, HeatMap, LineChart, Radar, Table
from .ledger_part import LedgerPart
from .markup import Markup, join, tag
from .page_parts import Absent, Choice, Page, Part, Section, Verdict, charts_of
from .palette import KINDS, PALETTE
from .plotly_page import figure, script

SCRIPTS: Final = ("sha256.js", "cbor.js", "figures.js", "ledger.js", "animation.js", "start.js")
"""What the page runs after plotly, in this order."""
_GROUND: Final = ("#ffffff", "#14181d")
"""The colour of the page, light and dark: that of `--ground` in style.css."""
WORDY_MIN: Final = 48
"""A table with more characters than this in a cell is laid out as cards on a phone."""
HALF_COLUMNS_MAX: Final = 24
"""A heat map with more columns has a row of its own."""
_SIGNS: Final = {"good": "✓", "bad": "✕", "unsure": "?"}


def render(page: Page) -> str:
    """The page as HTML.

    Raises:
        ReportError: When plotly is not installed.
    """
    scripts = [script(), *map(_file, SCRIPTS)]
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(scripts)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{page.title}: {page.kicker}"),
        tag("style", Markup(_file("style.css"))),
    )
    body = (
        tag("a", "To the content", class_="skip", href="#content"),
        _header(page),
        _navigation(page),
        tag("main", *(_section(each) for each in page.sections), id="content"),
        _footer(page),
        *(_data(key, value) for key, value in _embedded(page).items()),
        *(tag("script", Markup(each)) for each in scripts),
    )
    html = tag("html", tag("head", *head), tag("body", *body), lang="en")
    return f"<!doctype html>\n{html}\n"


def _policy(scripts: list[str]) -> str:
    """Nothing but what stands in the file; styles are plotly's, which sets them on elements."""
    digests = (b64encode(sha256(each.encode()).digest()).decode("ascii") for each in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _embedded(page: Page) -> Mapping[str, Any]:
    """What the scripts read, by the id of the element that holds it."""
    data: dict[str, Any] = {
        "palette": {**PALETTE, "ground": _GROUND},
        "figures": {chart.key: figure(chart) for chart in charts_of(page)},
        "kind-roles": dict(KINDS),
    }
    for section in page.sections:
        for part in section.parts:
            if isinstance(part, LedgerPart):
                data["ledger-data"] = part.data()
            elif isinstance(part, AnimationPart):
                data["animation-data"] = part.data()
    return data


def _data(key: str, value: Any) -> Markup:
    """JSON that no text in it can end early."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return tag("script", Markup(text), type="application/json", id=key)


def _file(name: str) -> str:
    """A file that comes with this package."""
    return files(__package__).joinpath("page", name).read_text("utf-8")


def _header(page: Page) -> Markup:
    return tag(
        "header",
        tag("p", page.kicker, class_="kicker"),
        tag("h1", page.title),
        tag("p", page.description, class_="lead") if page.description else None,
        _verdict(page.verdict),
        tag(
            "dl",
            *(tag("div", tag("dt", name), tag("dd", value)) for name, value in page.facts),
            class_="facts",
        ),
    )


def _verdict(verdict: Verdict) -> Markup:
    return tag(
        "div",
        tag("span", _SIGNS[verdict.state], class_="sign", aria_hidden="true"),
        tag("div", tag("strong", verdict.words), tag("p", verdict.reason)),
        class_=f"verdict {verdict.state}",
    )


def _navigation(page: Page) -> Markup:
    items = (tag("li", tag("a", each.title, href=f"#{each.key}")) for each in page.sections)
    return tag("nav", tag("ul", *items), aria_label="Sections")


def _footer(page: Page) -> Markup:
    rows = (tag("p", tag("strong", f"{name} "), tag("code", value)) for name, value in page.repeat)
    return tag("footer", *rows)


def _section(section: Section) -> Markup:
    return tag(
        "section",
        tag("h2", section.title, id=f"{section.key}-title"),
        tag("p", section.words),
        tag("div", *(_part(each, section.narrow) for each in section.parts), class_="charts"),
        id=section.key,
        aria_labelledby=f"{section.key}-title",
    )


def _part(part: Part, narrow: frozenset[str]) -> Markup:
    match part:
        case Table():
            return _table(part)
        case Absent():
            return tag("p", f"{part.what}: {part.why}.", class_="absent")
        case Choice():
            return _choice(part)
        case LedgerPart():
            return tag("div", _without_scripts(), id="ledger-view")
        case AnimationPart():
            return _player(part)
        case LineChart() | BarChart() | HeatMap() | Radar() | Graph():
            return _chart(part, half=part.key in narrow and not _is_wide(part))


def _is_wide(chart: Chart) -> bool:
    return isinstance(chart, HeatMap) and len(chart.columns) > HALF_COLUMNS_MAX


def _chart(chart: Chart, *, half: bool = False) -> Markup:
    about = tag("p", chart.about) if chart.about else None
    return tag(
        "figure",
        tag("figcaption", tag("h3", chart.title), about),
        tag(
            "div",
            data_figure=chart.key,
            role="img",
            aria_label=f"{chart.title}. {chart.about}",
        ),
        class_="half" if half else None,
    )


def _choice(choice: Choice) -> Markup:
    selects = (
        tag(
            "label",
            f"{name} ",
            tag("select", *(tag("option", value, value=value) for value in values)),
        )
        for name, values in choice.axes
    )
    charts = (
        tag(
            "div",
            _chart(chart),
            data_choice=json.dumps(list(values), separators=(",", ":"), ensure_ascii=False),
            hidden=True,
        )
        for values, chart in choice.charts
    )
    controls = tag("div", *selects, class_="controls") if choice.axes else None
    return tag("div", controls, *charts, class_="chooser", id=choice.key)


def _table(table: Table) -> Markup:
    numbers = [cell.number for cell in table.rows[0]] if table.rows else []
    heads = (
        tag("th", text, scope="col", class_="number" if number else None)
        for text, number in zip(table.columns, numbers or [False] * len(table.columns), strict=True)
    )
    field = tag(
        "label",
        "Filter ",
        tag("input", type="search", data_filters=f"table-{table.key}", placeholder="words"),
    )
    wordy = any(len(cell.text) > WORDY_MIN for row in table.rows for cell in row)
    return tag(
        "div",
        tag("h3", table.title) if table.title else None,
        tag("p", table.about, class_="quiet") if table.about else None,
        tag("div", field, class_="controls") if table.filtered else None,
        tag(
            "div",
            tag(
                "table",
                tag("thead", tag("tr", *heads)),
                tag("tbody", *(tag("tr", *map(_cell, row, table.columns)) for row in table.rows)),
                id=f"table-{table.key}",
                class_="wordy" if wordy else None,
            ),
            class_="wide",
        ),
    )


def _cell(cell: Cell, column: str) -> Markup:
    lines = cell.text.split("\n")
    parts = [part for line in lines for part in (tag("br"), line)][1:]
    classes = [f"role-{cell.role}"] if cell.role else []
    classes += ["number"] if cell.number else []
    inside = tag("code", *parts) if cell.code else join(*parts)
    return tag("td", inside, class_=" ".join(classes) or None, data_label=column)


def _player(part: AnimationPart) -> Markup:
    words = []
    if part.left_out:
        count, first = len(part.left_out), ", ".join(map(str, part.left_out[:12]))
        more = " …" if count > 12 else ""
        words.append(
            f"The page has no room for the messages of {count} of {count + len(part.slots)} slots: "
            f"{first}{more}. Ask for one with tclearn report --slot N."
        )
    if part.refused:
        asked = ", ".join(map(str, part.refused))
        words.append(f"Asked for, and too large for a page: slot {asked}.")
    note = tag("p", " ".join(words), class_="quiet") if words else None
    return tag("div", tag("div", _without_scripts(), id="animation-view"), note)


def _without_scripts() -> Markup:
    return tag("noscript", tag("p", "This part needs scripts, which this browser does not run."))
