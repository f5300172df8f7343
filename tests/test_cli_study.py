"""``tclearn study`` as a user types it: results, interruptions, resumptions, refusals."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import StoreError
from scenarios.cli.study import StudyRequest, study_command
from scenarios.studies.errors import StudyError
from tests.program import ended, one_object, started, tclearn
from tests.studies import RATES, SMALL, files

LONG = RATES.replace("replications: 25", "replications: 200")
"""Prints a line on stderr after the first of two cells."""


def summary(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / "study.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the long study leaves if nothing stops it."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "x.yaml").write_text(LONG)
    done = tclearn("study", "x.yaml", "--workers", "2", "--out", "s", cwd=folder)
    assert done.returncode == 0, done.stderr
    return files(folder / "s")


def test_a_study_prints_its_thresholds_and_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(SMALL)
    done = tclearn("study", "x.yaml", "--workers", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = [line.split() for line in done.stdout.splitlines()]
    assert ["4", "two-faced", "agreement", "1", "2", "1", "|", "2", "agrees"] in table
    assert ["5", "silent", "termination", "1", "2", "1", "|", "2", "agrees"] in table
    assert "as expected" in done.stdout.splitlines()
    assert ["results", "studies/small/results.json"] in table
    assert ["report", "tclearn", "report", "studies/small"] in table
    assert "hospitals=4, adversary=silent: termination holds with 1 faulty, breaks with 2" in (
        done.stderr.splitlines()
    )
    assert summary(tmp_path / "studies" / "small")["status"] == "finished"
    again = tclearn("study", "x.yaml", "--resume", "--json", cwd=tmp_path)
    found = one_object(again.stdout)
    assert (again.returncode, found.pop("study_dir")) == (0, "studies/small")
    assert found == json.loads((tmp_path / "studies" / "small" / "results.json").read_text())
    assert found["as_expected"] is True
    first = found["thresholds"][0]
    assert (first["axes"], first["located"], first["interval"], first["theory"]) == (
        {"hospitals": 4, "adversary": "two-faced"},
        1,
        [1, 2],
        1,
    )
    assert (first["agrees"], first["located_fraction"], first["of"]) == (True, 0.25, "agreement")
    assert [probe["faulty"] for probe in first["probes"]] == [1, 2]


def study(*overrides: str, out: str | None = "s", resume: bool = False) -> int:
    """Run a study in this process."""
    where = None if out is None else Path(out)
    request = StudyRequest("x.yaml", 1, "local", None, resume, where, overrides, None)
    return study_command(request, as_json=False, quiet=True)


def test_a_second_study_of_a_name_gets_a_directory_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(RATES)
    for path in ("studies/rates", "studies/rates-2"):
        assert study("replications=1", out=None) == 0
        assert summary(Path(path))["status"] == "finished"
    # Without --out the newest that fits is gone on with.
    Path("studies/rates/results.json").unlink()
    Path("studies/rates-2/results.json").unlink()
    assert study("replications=1", out=None, resume=True) == 0
    assert not Path("studies/rates/results.json").exists()
    assert Path("studies/rates-2/results.json").exists()


def test_a_study_that_was_killed_goes_on_with_what_it_has(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    (tmp_path / "x.yaml").write_text(LONG)
    process = started("study", "x.yaml", "--workers", "2", "--out", "s", cwd=tmp_path)
    assert process.stderr is not None
    assert "200 of 200 held" in process.stderr.readline()
    process.kill()
    assert ended(process)[0] == -signal.SIGKILL
    assert summary(tmp_path / "s")["status"] == "running"
    assert not (tmp_path / "s" / "results.json").exists()
    done = tclearn("study", "x.yaml", "--out", "s", "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "s") == whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_study_that_is_asked_to_stop_says_how_to_go_on(
    tmp_path: Path, whole: dict[str, bytes], number: signal.Signals
) -> None:
    (tmp_path / "x.yaml").write_text(LONG)
    process = started("study", "x.yaml", "--workers", "2", cwd=tmp_path)
    assert process.stderr is not None
    assert "200 of 200 held" in process.stderr.readline()
    process.send_signal(number)
    status, out, err = ended(process)
    assert (status, out) == (128 + number, "")
    assert err.splitlines() == [
        "tclearn: stopping; what is computed is kept",
        "tclearn: to go on: tclearn study x.yaml --workers 2 --out studies/rates --resume",
    ]
    assert summary(tmp_path / "studies" / "rates")["status"] == "interrupted"
    done = tclearn("study", "x.yaml", "--out", "studies/rates", "--resume", cwd=tmp_path)
    assert done.returncode == 0
    assert files(tmp_path / "studies" / "rates") == whole


def test_half_a_line_of_a_part_is_computed_again(tmp_path: Path, whole: dict[str, bytes]) -> None:
    (tmp_path / "x.yaml").write_text(LONG)
    (tmp_path / "s" / "cells").mkdir(parents=True)
    (tmp_path / "s" / "parts").mkdir()
    cell = whole["cells/0002.jsonl"]
    (tmp_path / "s" / "parts" / "0002.jsonl").write_bytes(cell[: len(cell) // 2])
    identity = json.loads(cell.splitlines()[0])["identity"]
    (tmp_path / "s" / "study.json").write_text(json.dumps({"identity": identity}))
    done = tclearn("study", "x.yaml", "--out", "s", "--resume", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert files(tmp_path / "s") == whole


def test_a_directory_of_another_study_or_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(RATES)
    assert study("replications=1") == 0
    remedy = "give another directory with --out, or leave out --resume"
    with pytest.raises(StudyError) as raised:
        study("replications=1")
    assert str(raised.value) == (
        "s holds a study; go on with it by --resume, or give another directory with --out"
    )
    for override, difference in (
        ("seed=7", "seed is 42 there, and 7 here"),
        (
            "sweep.network.loss=[0 %]",
            "sweep.network.loss is ['0 %', '50 %'] there, and ['0 %'] here",
        ),
    ):
        with pytest.raises(StudyError) as raised:
            study("replications=1", override, resume=True)
        assert str(raised.value) == f"s holds results of another study: {difference}; {remedy}"
    found = summary(Path("s"))
    found["identity"] = "0" * 64
    found["environment"]["numpy"] = "1.0"
    Path("s/study.json").write_text(json.dumps(found))
    with pytest.raises(StudyError, match="of another version: made with numpy 1"):
        study("replications=1", resume=True)


def test_a_directory_with_other_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(RATES)
    Path("s").mkdir()
    Path("s/thesis.tex").touch()
    for resume in (False, True):
        with pytest.raises(StudyError, match=r"^s holds other files \(thesis.tex\); give another"):
            study(resume=resume)
    assert [each.name for each in Path("s").iterdir()] == ["thesis.tex"]


def test_a_damaged_cell_is_a_sentence_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(RATES)
    assert study("replications=3") == 0
    cell = Path("s/cells/0001.jsonl")
    before = files(Path("s"))
    cell.write_bytes(cell.read_bytes()[:-5])
    with pytest.raises(StoreError) as raised:
        study("replications=3", resume=True)
    (note,) = raised.value.__notes__
    assert str(raised.value).startswith(f"{cell} is damaged; remove it, and --resume")
    assert note.endswith(
        "to go on: tclearn study x.yaml --workers 1 --set replications=3 --out s --resume"
    )
    assert summary(Path("s"))["status"] == "failed"
    cell.unlink()
    assert study("replications=3", resume=True) == 0
    assert files(Path("s")) == before


def test_what_does_not_come_out_as_expected_is_status_1(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(SMALL + "  - thresholds: {located: 3}\n")
    done = tclearn("study", "x.yaml", "--set", "sweep.hospitals=[4]", cwd=tmp_path)
    assert done.returncode == 1
    assert "not as expected" in done.stdout.splitlines()
    assert "2 of 2 not: hospitals=4, adversary=two-faced: holds with 1, broken with 2" in (
        done.stdout
    )


def test_a_threshold_that_is_not_decided_is_status_3(tmp_path: Path) -> None:
    # One silent hospital of four stops the others if it is one of two: with a chance of one half.
    (tmp_path / "x.yaml").write_text(UNDECIDED)
    done = tclearn("study", "x.yaml", "--json", cwd=tmp_path)
    found = one_object(done.stdout)
    assert done.returncode == 3
    (threshold,) = found["thresholds"]
    assert threshold["decided"] is False
    assert threshold["located"] is None
    assert "not decided with" in threshold["note"]


UNDECIDED = """
study: undecided
scenario:
  hospitals: 4
  rounds: 1
  time_limit: 5 s
  protocol:
    name: majority
    rule: quorum-sets
    quorum_sets: {default: {threshold: 2, validators: [hospital-1, hospital-2]}}
faulty: {fault: {kind: silence}, count: [0, 1], placement: random}
question: {kind: threshold, of: termination}
replications: 20
"""


def test_help_shows_examples(tmp_path: Path) -> None:
    done = tclearn("study", "--help", cwd=tmp_path)
    assert "tclearn study two-thirds --engine dask --scheduler" in " ".join(done.stdout.split())
    listed = tclearn("list", "--json", cwd=tmp_path)
    names = [each["name"] for each in one_object(listed.stdout)["studies"]]
    assert names == sorted(names)
    assert "two-thirds" in names
    schema = one_object(tclearn("schema", "--study", cwd=tmp_path).stdout)
    assert schema["properties"]["scenario"]["properties"]["protocol"]
    shown = tclearn("show", "two-thirds", "--resolved", cwd=tmp_path)
    (tmp_path / "copy.yaml").write_text(shown.stdout)
    again = tclearn("show", "copy.yaml", "--resolved", cwd=tmp_path)
    assert again.stdout == shown.stdout
