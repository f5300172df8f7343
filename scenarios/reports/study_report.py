"""The report of a study: where it breaks, with intervals and theory beside it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ledger.errors import StoreError

from ..results.study import StudyResults
from ..studies.store import RESULTS_FILE, SUMMARY_FILE, read_json
from .chart import Cell, Table
from .page_parts import Absent, Page, Part, Section, Verdict
from .study_axes import axes_of, value_words
from .study_charts import estimate_parts, heat_map_parts, other_parts, rate_parts, threshold_parts
from .study_measures import estimate_words, scale_of, words_of
from .study_shape import check_results
from .words import plural

CELLS_MAX = 2000
"""The most cells that the page lists one by one."""


def study_page(study: StudyResults) -> Page:
    """Lay out the report of a study.

    Raises:
        ReportError: When its results are damaged.
    """
    results = study.summary
    check_results(results, study.path / RESULTS_FILE)
    sections = [
        Section(
            "expectations",
            "Expectations",
            "What the author of the study expects, and what came out.",
            (_expectations(results),),
        )
    ]
    if results["thresholds"]:
        sections.append(
            Section(
                "thresholds",
                "Thresholds",
                "The greatest number of faulty hospitals with which the property still holds, as "
                "it was located, beside what theory says.",
                (*threshold_parts(results), _thresholds(results)),
            )
        )
    curves = tuple(rate_parts(results))
    if curves:
        words = (
            "How often the property holds, by the share of faulty hospitals. Dashed is what theory "
            "says; it is no measurement."
        )
        sections.append(Section("curves", "Curves", words, curves))
    estimates = (*estimate_parts(results), *heat_map_parts(results))
    if estimates:
        words = "What the question asks of each cell, along the axes of the study."
        sections.append(Section("cells-drawn", "Along the axes", words, estimates))
    others = tuple(other_parts(results))
    if others:
        words = "What else the replicas say: means with their intervals, and rates."
        sections.append(Section("measures", "Other measures", words, others))
    sections.append(
        Section("cells", "Cells", "Every point of all axes, in numbers.", (_cells(results),))
    )
    return Page(
        "tclearn · report of a study",
        str(results["study"]),
        str(results.get("description", "")),
        _verdict(results),
        tuple(_facts(results)),
        tuple(sections),
        tuple(_repeat(study)),
    )


def _verdict(results: Mapping[str, Any]) -> Verdict:
    expected = results["expectations"]
    met = sum(bool(each["met"]) for each in expected)
    if not expected:
        return Verdict("unsure", "Nothing was expected", "The study says what came out, no more.")
    if results["as_expected"]:
        return Verdict(
            "good", "As expected", f"{met} of {plural(len(expected), 'expectation')} met."
        )
    failed = [str(each["expects"]) for each in expected if not each["met"]]
    count = f"{len(failed)} of {plural(len(expected), 'expectation')} not met"
    return Verdict("bad", "Not as expected", f"{count}: {'; '.join(failed)}.")


def _facts(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    question = results["question"]
    of = question.get("of")
    yield "question", f"{question['kind']} of {words_of(of)}" if of else str(question["kind"])
    yield "fidelity", str(results.get("fidelity", ""))
    yield "cells", str(len(results["cells"]))
    yield "replicas", str(sum(each["replications"] for each in results["cells"]))
    if results["thresholds"]:
        located = sum(each["located"] is not None for each in results["thresholds"])
        yield "thresholds located", f"{located} of {len(results['thresholds'])}"
    yield "confidence", f"{question['confidence']:.0%}"
    yield "seed", str(results.get("seed", ""))


def _repeat(study: StudyResults) -> Iterator[tuple[str, str]]:
    """What ``study.json`` says of how it was made, as far as it can be read."""
    try:
        summary = read_json(study.path / SUMMARY_FILE) or {}
    except StoreError:
        summary = {}
    for key in ("repeat", "started", "identity"):
        if isinstance(summary.get(key), str):
            yield key, summary[key]
    environment = summary.get("environment")
    if isinstance(environment, Mapping):
        yield "versions", ", ".join(f"{name} {each}" for name, each in environment.items())


def _expectations(results: Mapping[str, Any]) -> Part:
    rows = tuple(
        (
            Cell("✓ met", "accepted") if each["met"] else Cell("✕ not met", "rejected"),
            Cell(str(each["expects"])),
            Cell(str(each["found"])),
        )
        for each in results["expectations"]
    )
    if not rows:
        return Absent("Expectations", "the author of the study states none")
    return Table("expectations", "", "", ("", "expected", "found"), rows)


def _thresholds(results: Mapping[str, Any]) -> Part:
    names = [name for name, _ in axes_of(results) if name != "faulty"]
    rows = tuple(
        (
            *(Cell(value_words(each["axes"].get(name))) for name in names),
            Cell(_number(each["located"]), number=True),
            Cell(_share(each.get("located_fraction")), number=True),
            Cell(_interval(each["interval"])),
            Cell(_number(each["theory"]), number=True),
            _agreement(each["agrees"]),
            Cell(str(each["replications"]), number=True),
            Cell(str(each.get("note", ""))),
        )
        for each in results["thresholds"]
    )
    heads = ("located", "of all", "between", "theory", "agrees", "replicas", "")
    return Table(
        "thresholds", "Every threshold", "", (*names, *heads), rows, filtered=len(rows) > 12
    )


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _interval(ends: Sequence[int | None]) -> str:
    held, broken = ends
    if broken is None:
        return "never broken"
    return f"broken with {broken}" if held is None else f"holds with {held}, broken with {broken}"


def _agreement(agrees: bool | None) -> Cell:
    if agrees is None:
        return Cell("-")
    return Cell("✓ yes", "accepted") if agrees else Cell("✕ no", "rejected")


def _cells(results: Mapping[str, Any]) -> Part:
    cells = results["cells"]
    if not cells:
        return Absent("Cells", "none is done")
    names = [name for name, _ in axes_of(results)]
    rows = []
    for each in cells[:CELLS_MAX]:
        estimate = each["estimate"]
        scale = scale_of(estimate["of"], results["question"]["kind"])
        value, ends, theory = estimate_words(estimate, scale)
        rows.append(
            (
                *(Cell(value_words(each["axes"].get(name))) for name in names),
                Cell(scale.axis.title),
                Cell(value, number=True),
                Cell(ends, number=True),
                Cell(theory, number=True),
                Cell(str(each["replications"]), number=True),
            )
        )
    about = f"The first {CELLS_MAX} of {len(cells)}." if len(cells) > CELLS_MAX else ""
    heads = ("measure", "value", "interval", "theory", "replicas")
    return Table("cells", "", about, (*names, *heads), tuple(rows), filtered=True)
