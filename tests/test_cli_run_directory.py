"""The run directory and the voice, where a test as root cannot make the system refuse."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import StoreError
from scenarios.cli.main import fail
from scenarios.cli.output import OutputError, ReaderGone, console, write_text
from scenarios.run_directory import RunDirectory, check_writable, make_default_directory


def refusing(number: int) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return refuse


def test_a_run_takes_an_empty_directory_once(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "a" / "b")
    directory.create("scenario: x\n", {"status": "running"})
    with pytest.raises(StoreError, match="b holds another run; give another directory with --out"):
        directory.create("scenario: y\n", {})
    assert (directory.path / "scenario.yaml").read_text() == "scenario: x\n"


def test_of_two_runs_that_start_at_once_one_gets_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = RunDirectory(tmp_path)
    directory.create("scenario: x\n", {"status": "running"})
    monkeypatch.setattr(RunDirectory, "check_free", lambda _: None)  # it looked a moment too early
    with pytest.raises(StoreError, match="holds another run"):
        directory.create("scenario: y\n", {})
    assert '"running"' in (tmp_path / "run.json").read_text()


def test_runs_without_a_name_are_numbered(tmp_path: Path) -> None:
    made = [make_default_directory(tmp_path / "runs", "x").name for _ in range(3)]
    assert made == ["x", "x-2", "x-3"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_directory_that_cannot_be_made_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(Path, "mkdir", refusing(number))
    reason = f"{os.strerror(number)}; give another directory with --out"
    with pytest.raises(StoreError, match=reason):
        RunDirectory(tmp_path / "x").create("", {})
    with pytest.raises(StoreError, match=reason):
        make_default_directory(tmp_path, "x")


def test_a_folder_that_may_not_be_written_is_refused_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_writable(tmp_path / "a" / "b")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(StoreError, match=f"no permission to write in {tmp_path}; give another"):
        check_writable(tmp_path / "a" / "b")


def test_a_failure_that_cannot_be_written_down_keeps_the_first_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = RunDirectory(tmp_path)
    directory.create("scenario: x\n", {"status": "running"})
    monkeypatch.setattr("os.fsync", refusing(errno.ENOSPC))
    directory.write_failure({"status": "running"}, "the disk is full")
    assert '"running"' in (tmp_path / "run.json").read_text()
    monkeypatch.undo()
    directory.write_failure({"status": "running"}, "the disk is full")
    assert '"failed"' in (tmp_path / "run.json").read_text()


def test_results_that_cannot_be_written_are_an_error_and_progress_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = Path("/dev/full")
    with full.open("w", buffering=1) as out, full.open("w", buffering=1) as err:
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", err)
        console(error=True).print("progress")
        with pytest.raises(OutputError, match="cannot write to stdout: No space left on device"):
            console().print("a result")
        for stream in (out, err):  # what they still hold, they cannot write, either
            with pytest.raises(OSError, match="No space left"):
                stream.close()


def test_a_reader_that_went_away_is_told_from_a_disk_that_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    monkeypatch.setattr("sys.stdout", stream)
    for speak in (write_text, console().print):
        with pytest.raises(ReaderGone):
            speak("text")
    with pytest.raises(BrokenPipeError):
        stream.close()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.csv"), "a.csv: No such file"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (MemoryError(), "out of memory; take fewer hospitals, a smaller model"),
    ],
)
def test_an_error_of_the_system_is_a_sentence(
    error: Exception, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    error.add_note("and a remedy")
    with pytest.raises(SystemExit) as exit_:
        fail(error)
    assert exit_.value.code == 2
    found = capfd.readouterr().err.splitlines()
    assert found[0].startswith(f"tclearn: {sentence}")
    assert found[1] == "tclearn: and a remedy"
