"""Runs that are stopped, killed, or run out of disk: what they recorded is there and audits."""

import os
import resource
import signal
from pathlib import Path

import pytest

from tests.program import ended, one_object, started, summary, tclearn

LONG = ("run", "quickstart", "--set", "rounds=2000", "--out", "r")
"""Prints a line for each rejected round; the first is round 5."""
FILE_SIZE_MAX = 300_000
"""Bytes: enough for some blocks of a replica, not for all."""


def test_ctrl_c_twice_in_a_run_leaves_ledgers_and_a_summary(tmp_path: Path) -> None:
    process = started(*LONG, cwd=tmp_path)
    assert process.stdout is not None
    assert "rejected" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (130, "tclearn: stopping; the event under way ends first\n")
    assert "interrupted: what was recorded is on the disk and can be audited" in out
    found = summary(tmp_path / "r")
    assert found["status"] == "interrupted"
    assert found["replicas"]["hospital-1"]["height"] >= 4
    assert (tmp_path / "r" / "metrics" / "rounds.csv").read_text().count("\n") >= 6
    check_incomplete(tmp_path, ("INCOMPLETE",))


def test_sigterm_in_a_run_ends_it_with_one_json_object(tmp_path: Path) -> None:
    process = started(*LONG, "--json", cwd=tmp_path)
    assert process.stderr is not None
    assert "rejected" in process.stderr.readline()
    process.terminate()
    status, out, err = ended(process)
    assert status == 143
    assert "Traceback" not in err
    assert one_object(out) == summary(tmp_path / "r")
    assert one_object(out)["status"] == "interrupted"
    check_incomplete(tmp_path, ("INCOMPLETE",))


@pytest.mark.parametrize(("number", "count"), [(signal.SIGINT, 2), (signal.SIGTERM, 1)])
def test_a_signal_while_the_data_load_leaves_nothing(
    tmp_path: Path, number: signal.Signals, count: int
) -> None:
    fifo = tmp_path / "ward.csv"
    os.mkfifo(fifo)
    (tmp_path / "x.yaml").write_text("scenario: x\ndata: {source: ward.csv, label: y}\n")
    process = started("run", "x.yaml", "--json", cwd=tmp_path)
    with fifo.open("wb"):  # once the program reads its data
        for _ in range(count):
            process.send_signal(number)
        assert ended(process) == (128 + number, "", "tclearn: interrupted\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ward.csv", "x.yaml"]


def test_a_run_that_was_killed_audits_as_unfinished(tmp_path: Path) -> None:
    process = started(*LONG, cwd=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.kill()
    assert ended(process)[0] == -signal.SIGKILL
    found = summary(tmp_path / "r")
    assert (found["status"], found["replicas"]) == ("running", None)
    check_incomplete(tmp_path, ("INCOMPLETE", "VALID_PREFIX"))


def test_a_full_disk_is_a_sentence_and_earlier_blocks_stay(tmp_path: Path) -> None:
    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE_MAX, FILE_SIZE_MAX))

    status, _, err = ended(started(*LONG, cwd=tmp_path, prepare=small_files))
    sentence, note = err.splitlines()
    assert status == 2
    assert sentence.startswith("tclearn: cannot write the ledger r/ledger/hospital-")
    assert sentence.endswith(": File too large")
    assert note == "tclearn: what was recorded before is on the disk: tclearn audit r"
    found = summary(tmp_path / "r")
    assert (found["status"], found["replicas"]) == ("failed", None)
    assert found["reason"] == sentence.removeprefix("tclearn: ")
    check_incomplete(tmp_path, ("INCOMPLETE", "VALID_PREFIX"))


def test_a_reader_that_leaves_in_a_run_stops_it(tmp_path: Path) -> None:
    process = started(*LONG, cwd=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait() == 141
    process.stderr.close()
    found = summary(tmp_path / "r")
    assert (found["status"], found["reason"]) == ("failed", "nobody reads stdout any more")
    check_incomplete(tmp_path, ("INCOMPLETE",))


def test_a_result_that_cannot_be_printed_is_on_the_disk(tmp_path: Path) -> None:
    words = ("run", "quickstart", "--set", "rounds=1", "--set", "faults=[]", "--out", "r")
    with Path("/dev/full").open("wb") as full:
        done = tclearn(*words, "--json", cwd=tmp_path, stdout=full.fileno())
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[-1] == "tclearn: cannot write to stdout: No space left on device"
    assert "Traceback" not in done.stderr
    assert summary(tmp_path / "r")["status"] == "finished"
    assert tclearn("audit", "r", cwd=tmp_path).returncode == 0


def check_incomplete(folder: Path, judgements: tuple[str, ...]) -> None:
    done = tclearn("audit", "r", "--json", cwd=folder)
    report = one_object(done.stdout)
    assert (done.returncode, report["findings"]) == (3, [])
    assert report["verdict"] in judgements
    assert min(replica["height"] for replica in report["replicas"]) >= 1
