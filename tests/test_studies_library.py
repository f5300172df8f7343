"""The studies that come with the program, made small: what their authors expect comes out."""

from contextlib import closing
from pathlib import Path

import pytest

from scenarios.studies.engines.local import LocalEngine
from scenarios.studies.plan import plan
from scenarios.studies.source import library, load
from tests.studies import run

REDUCED: dict[str, tuple[str, ...]] = {
    "two-thirds": ("sweep.hospitals=[4, 7]", "replications=12"),
    "majority-is-not-two-thirds": ("sweep.hospitals=[5, 7]", "replications=12"),
    "hierarchical-trust": ("question.search=bisection", "replications=300"),
    "network-loss": ("sweep.network.loss=[0 %, 40 %]", "replications=30"),
    "round-latency": ("sweep.hospitals=[4, 7]", "replications=10"),
}
"""Overrides that make a study a matter of seconds."""


def test_every_study_of_the_library_is_checked_as_a_whole() -> None:
    for entry in library():
        file = load(entry.name)
        assert file.study.name == entry.name
        assert file.study.description == entry.description
        if file.study.fidelity == "protocol":
            assert file.study.expect, f"{entry.name} expects nothing"
        assert plan(file).families


@pytest.mark.parametrize("name", REDUCED)
def test_a_study_of_the_library_comes_out_as_expected(name: str, tmp_path: Path) -> None:
    study = plan(load(name, REDUCED[name]))
    with closing(LocalEngine(1)) as engine:
        results = run(study, engine, tmp_path)
    assert [each for each in results["expectations"] if not each["met"]] == []
    assert results["as_expected"]
    assert all(each["decided"] for each in results["thresholds"])
    if study.searches:
        assert {each["agrees"] for each in results["thresholds"]} == {True}


def test_two_thirds_covers_sizes_protocols_and_adversaries() -> None:
    study = plan(load("two-thirds"))
    assert dict(study.axes[:-1]) == {
        "protocol.name": ("majority", "pbft", "scp"),
        "hospitals": (4, 7, 10, 16, 31, 64),
        "adversary": ("two-faced", "silent", "naysayers"),
    }
    assert study.families[-1].counts == tuple(range(64))
