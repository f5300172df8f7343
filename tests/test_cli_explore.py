"""``tclearn explore``: what it prints, how it ends, how a case is played again."""

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import ended, environment, one_object, started, tclearn

BROKEN = "l0/t1/AAABBB/000011"
SMALL = "scenario: small\nhospitals: 4\nprotocol: {name: pbft}\n"
FORKS = "scenario: forks\nhospitals: 5\nprotocol: {name: majority, rule: majority}\n"


def test_an_expected_violation_is_found_and_ends_with_0(tmp_path: Path) -> None:
    done = tclearn("explore", "majority-twin", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert " of 2,970 cases: 5 hospitals, up to 1 twinned" in done.stdout
    assert "agreement violated: hospital-2 and hospital-5 decided differently" in done.stdout
    assert "hospital-1 convicts itself: two statements in slot 1, each a vote" in done.stdout
    assert f"repeat  tclearn explore majority-twin --case {BROKEN}\n" in done.stdout
    assert done.stdout.endswith("as expected: the scenario says agreement: violated\n")


def test_a_violation_nobody_expects_ends_with_1_and_its_command_repeats_it(tmp_path: Path) -> None:
    (tmp_path / "forks.yaml").write_text(FORKS)
    words = ("explore", "forks.yaml", "--set", "seed=7", "--json")
    done = tclearn(*words, cwd=tmp_path)
    found = one_object(done.stdout)
    assert done.returncode == 1
    assert found["status"] == "violated"
    violation = found["violation"]
    assert (violation["property"], violation["case"]) == ("agreement", BROKEN)
    assert violation["culprits"] == {"hospital-1": "two statements in slot 1, each a vote"}
    again = tclearn(*shlex.split(violation["repeat"])[1:], "--json", cwd=tmp_path)
    repeated = one_object(again.stdout)
    assert again.returncode == 1
    assert repeated["trace"] == violation["trace"]
    assert repeated["violation"]["reason"] == violation["reason"]


def test_a_whole_space_without_a_violation_ends_with_0(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    words = ("--rounds", "1", "--faulty", "0", "--json")
    done = tclearn("explore", "small.yaml", *words, cwd=tmp_path)
    found = one_object(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (found["status"], found["violation"]) == ("exhausted", None)
    assert found["cases"]["space"] == found["cases"]["explored"]
    assert found["cases"]["undecided"] == 0


def test_a_sample_says_how_much_it_is_and_is_drawn_alike(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    words = ("explore", "small.yaml", "--span", "1", "--rounds", "4", "--limit", "20")
    done = tclearn(*words, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("20 of 5,406,720 cases: 4 hospitals, up to 1 twinned")
    assert "nothing found: agreement, validity, consistency held in all" in done.stdout


def test_without_time_nothing_is_explored(tmp_path: Path) -> None:
    done = tclearn("explore", "two-thirds-twin", "--limit", "0 s", cwd=tmp_path)
    assert done.returncode == 3
    assert "undecided: the limit was reached before the first case" in done.stdout


def test_a_sound_case_can_be_played(tmp_path: Path) -> None:
    done = tclearn("explore", "quickstart", "--case", case_of("AAAAA"), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("nothing violated; decided after ")


def case_of(values: str) -> str:
    """A case of the quickstart, whatever its protocol."""
    from scenarios.exploration.system import system_of
    from scenarios.source import load

    return f"l{int(system_of(load('quickstart')).led)}/t0/{values}"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--limit", "soon"], "--limit: expected a number of cases or a duration such as '30 s'"),
        (["--case", "l0/t9/AAAAAA"], "--case l0/t9/AAAAAA: expected twins from 1 to 5"),
        (["--set", "hospitals=11"], "expected at most 10 hospitals, found 11"),
    ],
)
def test_wrong_words_are_answered_by_a_sentence(
    tmp_path: Path, words: list[str], sentence: str
) -> None:
    (tmp_path / "forks.yaml").write_text(FORKS)
    done = tclearn("explore", "forks.yaml", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_says_what_was_covered_so_far(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    words = ("--span", "1", "--rounds", "6", "--limit", "5 min")
    process = started("explore", "small.yaml", *words, cwd=tmp_path)
    assert process.stderr is not None
    assert " of 1,3" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert status == 130
    assert err.endswith("tclearn: stopping; what was covered so far:\n")
    assert " cases: 4 hospitals, up to 1 twinned" in out
    assert "interrupted: nothing violated so far" in out


def test_help_has_examples_and_torch_is_not_loaded(tmp_path: Path) -> None:
    done = tclearn("explore", "--help", cwd=tmp_path)
    assert "Examples:" in done.stdout
    code = (
        "import sys, scenarios.cli.explore as explore;"
        "print([name for name in ('torch', 'sklearn', 'pandas') if name in sys.modules])"
    )
    imported = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert imported.stdout == "[]\n"
