"""`tclearn report` as a person and as a program use it, and what it says when it cannot."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import environment, one_object, tclearn
from tests.reporting import make_run, make_study, quantile_results, threshold_results


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("reported"))


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """A run to be damaged."""
    return Path(shutil.copytree(run, tmp_path / "run"))


def refused(cwd: Path, *words: str | Path) -> str:
    """The one sentence that a report is refused with."""
    done = tclearn("report", *words, cwd=cwd)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_program_reads_what_was_written(run: Path, tmp_path: Path) -> None:
    words = ("report", run, "--out", "r.html", "--figures", "drawn", "--slot", "2", "--json")
    done = tclearn(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = one_object(done.stdout)
    assert said["kind"] == "run"
    assert said["verdict"] == "As expected"
    assert said["size_bytes"] == (tmp_path / "r.html").stat().st_size
    assert said["slots"] == {"shown": [1, 2, 3, 4, 5], "left_out": []}
    assert all((tmp_path / path).is_file() for path in said["figures"])
    assert "drawn/accuracy.svg" in said["figures"]


def test_a_person_reads_where_it_is(copied: Path) -> None:
    done = tclearn("report", "run", "--figures", "drawn", "--format", "png", cwd=copied.parent)
    assert done.returncode == 0, done.stderr
    assert "As expected" in done.stdout
    assert "drawn/radar.png" in done.stdout
    assert "run.report.html" in done.stdout
    assert (copied.parent / "run.report.html").is_file()
    assert tclearn("audit", "run", cwd=copied.parent).returncode == 0


def test_a_report_is_written_anew_and_nothing_else_is_overwritten(
    run: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("precious", "utf-8")
    assert "is there already" in refused(tmp_path, run, "--out", "mine.txt")
    assert (tmp_path / "mine.txt").read_text("utf-8") == "precious"
    for _ in range(2):
        assert tclearn("report", run, "--out", "r.html", cwd=tmp_path).returncode == 0


def test_the_same_run_gives_the_same_page(run: Path, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        assert tclearn("report", run, "--out", name, cwd=tmp_path).returncode == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_what_is_neither_run_nor_study_is_refused(tmp_path: Path) -> None:
    assert "neither a run nor a study" in refused(tmp_path, tmp_path)
    assert "no directory" in refused(tmp_path, "nothing")


def test_options_that_say_nothing_are_refused(run: Path, tmp_path: Path) -> None:
    study = make_study(tmp_path, threshold_results())
    assert "give --figures DIR" in refused(tmp_path, run, "--format", "png")
    assert "no slot 99; its slots are 1 to 5" in refused(tmp_path, run, "--slot", "99")
    assert "a study has no slots" in refused(tmp_path, study, "--slot", "1")
    assert "no directory" in refused(tmp_path, run, "--out", "none/r.html")
    assert "is a directory" in refused(tmp_path, run, "--out", ".")


@pytest.mark.parametrize(
    ("name", "words"),
    [("run.json", "{"), ("run.json", "[]"), ("scenario.yaml", "scenario: [")],
)
def test_a_run_that_cannot_be_read_is_one_sentence(copied: Path, name: str, words: str) -> None:
    (copied / name).write_text(words, "utf-8")
    refused(copied.parent, "run")


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("metrics/rounds.csv", "height\nx\n", "rounds.csv is damaged"),
        ("metrics/verdicts.csv", "", "verdicts.csv is damaged"),
        ("metrics/stages.csv", None, "stages.csv"),
        ("trace.jsonl", "no json\n", "trace.jsonl:1 is damaged"),
        ("trace.jsonl", None, "trace.jsonl"),
        ("ledger/hospital-1/00000000.seg", "no record", "hospital-1"),
    ],
)
def test_a_report_says_which_part_of_a_run_is_missing_or_damaged(
    copied: Path, name: str, words: str | None, told: str
) -> None:
    path = copied / name
    if words is None:
        path.unlink()
    else:
        path.chmod(0o644)
        path.write_text(words, "utf-8")
    done = tclearn("report", "run", cwd=copied.parent)
    assert done.returncode == 0, done.stderr
    assert told in (copied.parent / "run.report.html").read_text("utf-8")


def test_a_run_that_was_killed_is_reported_as_far_as_it_came(copied: Path) -> None:
    summary = json.loads((copied / "run.json").read_text("utf-8"))
    kept = ("scenario", "seed", "started", "environment", "signatures", "chain_id", "repeat")
    killed = {"status": "running", "replicas": None} | {key: summary[key] for key in kept}
    (copied / "run.json").write_text(json.dumps(killed), "utf-8")
    shutil.rmtree(copied / "metrics")
    trace = (copied / "trace.jsonl").read_bytes()
    (copied / "trace.jsonl").write_bytes(trace[: len(trace) // 2])
    done = tclearn("report", "run", cwd=copied.parent)
    assert done.returncode == 0, done.stderr
    assert "did not come to an end" in done.stdout
    page = (copied.parent / "run.report.html").read_text("utf-8")
    assert "tables are written when a run" in page


def test_an_interrupted_run_says_so(copied: Path) -> None:
    summary = json.loads((copied / "run.json").read_text("utf-8"))
    (copied / "run.json").write_text(json.dumps(summary | {"status": "interrupted"}), "utf-8")
    done = tclearn("report", "run", cwd=copied.parent)
    assert done.returncode == 0, done.stderr
    assert "The run was interrupted" in done.stdout


def test_a_failed_run_gives_its_reason(copied: Path) -> None:
    summary = json.loads((copied / "run.json").read_text("utf-8"))
    failed = summary | {"status": "failed", "reason": "the disk is full"}
    (copied / "run.json").write_text(json.dumps(failed), "utf-8")
    done = tclearn("report", "run", cwd=copied.parent)
    assert done.returncode == 0, done.stderr
    assert "the disk is full" in (copied.parent / "run.report.html").read_text("utf-8")


@pytest.mark.parametrize("make", [threshold_results, quantile_results])
def test_a_study_is_reported(tmp_path: Path, make: object) -> None:
    results = threshold_results() if make is threshold_results else quantile_results()
    make_study(tmp_path, results)
    done = tclearn("report", "study", "--figures", "drawn", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = one_object(done.stdout)
    assert said["kind"] == "study"
    assert said["slots"] is None
    assert said["figures"]


def test_a_study_that_is_not_finished_or_damaged_is_one_sentence(tmp_path: Path) -> None:
    study = make_study(tmp_path, threshold_results())
    damaged = threshold_results()
    del damaged["cells"][1]["estimate"]["low"]
    (study / "results.json").write_text(json.dumps(damaged), "utf-8")
    assert "cells.1.estimate.low" in refused(tmp_path, study)
    damaged = threshold_results()
    damaged["thresholds"][0]["axes"]["hospitals"] = [1]
    (study / "results.json").write_text(json.dumps(damaged), "utf-8")
    assert "thresholds.0.axes.hospitals" in refused(tmp_path, study)
    (study / "results.json").write_text("{", "utf-8")
    refused(tmp_path, study)
    (study / "results.json").unlink()
    assert "is not finished" in refused(tmp_path, study)


@pytest.mark.parametrize("library", ["plotly", "matplotlib"])
def test_without_its_library_a_report_says_how_to_get_it(
    run: Path, tmp_path: Path, library: str
) -> None:
    code = (
        f"import sys; sys.modules['{library}'] = None\n"
        f"sys.argv = ['tclearn', 'report', {str(run)!r}, '--out', 'r.html', '--figures', 'drawn']\n"
        "from scenarios.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert f"{library}, which is not installed; pip install 'tclearn[reports]'" in done.stderr
