"""docs/results.md shows what is kept of the studies, and nothing else."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scenarios.studies.measures import MEASURES
from scenarios.studies.plan import plan
from scenarios.studies.source import library, load

ROOT = Path(__file__).parent.parent
KEPT = sorted((ROOT / "docs" / "results").glob("*.json"))
SIZE_MAX = 100_000
"""Bytes of what is kept of a study: a page's worth."""


@pytest.fixture(scope="module")
def results() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_results", ROOT / "docs" / "results.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_command_makes_of_what_is_kept(results: ModuleType) -> None:
    page = (ROOT / "docs" / "results.md").read_text("utf-8")
    assert results.rendered(page, results.read_kept()) == page, "run: python docs/results.py"


def test_every_study_of_the_library_is_on_the_page() -> None:
    assert [path.stem for path in KEPT] == sorted(entry.name for entry in library())


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_is_kept_is_of_the_study_as_it_is(path: Path) -> None:
    assert path.stat().st_size < SIZE_MAX
    kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
    study = load(path.stem).study
    assert kept["study"] == path.stem
    assert (kept["seed"], kept["description"]) == (study.seed, study.description)
    axes = [(axis["name"], tuple(axis["values"])) for axis in kept["axes"]]
    assert axes == list(plan(load(path.stem)).axes)
    assert len(kept["expectations"]) == len(study.expect)
    assert kept["as_expected"]


def found(of: str, *values: tuple[str, float | None]) -> dict[str, Any]:
    """The results of a study with one axis."""
    cells = [
        {
            "id": f"{number:04d}",
            "axes": {"axis": label},
            "replications": 3,
            "estimate": {"of": of, "value": value, "low": value, "high": value, "theory": None},
            "measures": {"events": {"mean": 1.0, "low": 1.0, "high": 1.0, "count": 3}},
        }
        for number, (label, value) in enumerate(values, 1)
    ]
    return {
        "study": "mine",
        "description": "",
        "fidelity": "full",
        "seed": 7,
        "as_expected": True,
        "expectations": [{"expects": "something", "met": False, "found": "else"}],
        "question": {"kind": "mean", "of": of, "confidence": 0.95, "quantile": 0.5},
        "axes": [{"name": "axis", "values": [label for label, _ in values]}],
        "cells": cells,
        "thresholds": [],
    }


def test_a_section_says_what_was_run_and_what_was_not_met(results: ModuleType) -> None:
    text = results.section(found("final_score", ("a", 987_654.0), ("b", None)))
    assert "seed 7, 2 cells, 3 replicas of each; intervals of 95 %" in text
    assert MEASURES["final_score"].meaning in text
    assert "| 98.8 % | - |" in text
    assert "- **not met**: something" in text


@pytest.mark.parametrize(
    ("of", "value", "low", "high", "text"),
    [
        ("final_score", 973_450.0, 970_000.0, 1_000_000.0, "97.3 (97 to 100) %"),
        ("detection_rate", 0.45, 0.18, 0.72, "45 (18 to 72) %"),
        ("train_us", 1_250.0, 1_250.0, 1_250.0, "1.25 ms"),
        ("bytes", 2_500_000.0, 2_400_000.0, 2_600_000.0, "2.50 (2.40 to 2.60) MB"),
        ("final_loss", 0.0952, None, None, "0.095"),
    ],
)
def test_values_are_written_with_their_unit(
    results: ModuleType, of: str, value: float, low: float, high: float, text: str
) -> None:
    cell = {
        "estimate": {"of": "other"},
        "measures": {of: {"mean": value, "low": low, "high": high}},
    }
    assert results._value(cell, of, {}) == text


def test_a_page_without_a_place_for_a_study_is_refused(results: ModuleType) -> None:
    with pytest.raises(SystemExit, match="mine"):
        results.rendered("# Results\n", {"mine": found("events", ("a", 1.0))})
