"""The committed corpus of tampered runs: the audit says of each what was written down once."""

import json
from pathlib import Path

import pytest

from tests.corpus.judge import EXPECT, judged
from tests.corpus.make import CORPUS, HERE, expectation, folder, write_corpus

CASES = sorted(HERE.glob("*_fail")) + sorted(HERE.glob("*_ok"))
SIZE_MAX = 1_000_000
"""Bytes of the whole corpus."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_audit_says_of_a_case_exactly_what_is_expected(case: Path) -> None:
    expected = json.loads((case / EXPECT).read_bytes())
    assert judged(case) == expected
    assert case.name.endswith("_ok") is (expected["exit_status"] == 0)


def test_the_corpus_is_what_its_script_says() -> None:
    assert {case.name for case in CASES} == {folder(name) for name in CORPUS}
    for name, expected in CORPUS.items():
        found = json.loads((HERE / folder(name) / EXPECT).read_bytes())
        assert found == expectation(expected), name


def test_the_corpus_is_small() -> None:
    files = [path for case in CASES for path in case.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < SIZE_MAX
    assert len(CASES) <= 25


def test_a_corpus_that_is_made_anew_is_judged_the_same(tmp_path: Path) -> None:
    """Its bytes differ, for ML-DSA signatures are randomised; what is wrong with it does not."""
    write_corpus(tmp_path, anew=True)
    assert {case.name: judged(case) for case in tmp_path.iterdir()} == {
        folder(name): expectation(expected) for name, expected in CORPUS.items()
    }
