"""Whole runs and their audits as a user sees them: results, statuses, directories, bad data."""

import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from scenarios.source import library
from tests.program import PROGRAM, TIME_LIMIT_S, environment, one_object, summary, tclearn

NAMES = [entry.name for entry in library()]

AUDITS: dict[str, tuple[int, str]] = {
    "fedavg": (0, "VALID"),
    "honest": (0, "VALID"),
    "majority-twin": (1, "INVALID"),
    "quickstart": (0, "VALID"),
    "two-faced-leader": (3, "INCOMPLETE"),
    "two-thirds-twin": (0, "VALID"),
}

SHORT = ("--set", "rounds=1", "--set", "hospitals=3", "--set", "faults=[]")

Table = Callable[[list[str]], None]

FAULTY_TABLES: dict[str, tuple[Table, str]] = {
    "a value that is missing": (
        lambda lines: lines.__setitem__(3, "nan,0.5,1"),
        "ward.csv, line 4, column 'age': the value is missing ('nan'); fill it in or remove",
    ),
    "text among numbers": (
        lambda lines: lines.__setitem__(3, "old,0.5,1"),
        "ward.csv, line 4, column 'age': 'old' is not a number; give a number or drop the column",
    ),
    "no label column": (
        lambda lines: lines.__setitem__(0, "age,dose,clas"),
        "ward.csv, line 1: there is no label column 'class'; did you mean 'clas'?",
    ),
    "too few rows": (
        lambda lines: lines.__delitem__(slice(5, None)),
        "ward.csv: 4 data rows are too few to split; give at least 20",
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_of_the_library_comes_out_as_its_author_expects(
    tmp_path: Path, name: str
) -> None:
    done = tclearn("run", name, "--out", "r", "--json", cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    result = one_object(done.stdout)
    assert (done.returncode, result["as_expected"], result["status"]) == (0, True, "finished")
    assert result == summary(tmp_path / "r")
    assert {"verdicts", "accepted", "rejected", "trace_digest", "chain_head"} <= result.keys()
    assert result["run_dir"] == "r"
    for verdict in result["verdicts"].values():
        assert verdict["verdict"] == verdict["expected"]

    audited = tclearn("audit", "r", "--json", cwd=tmp_path)
    report = one_object(audited.stdout)
    assert audited.stderr == ""
    status, judgement = AUDITS.get(name, (audited.returncode, report["verdict"]))
    assert (audited.returncode, report["verdict"]) == (status, judgement)
    for finding in report["findings"]:
        assert {"code", "height", "node", "expected", "found"} <= finding.keys()
    if name == "majority-twin":
        found = [(each["code"], each["height"], each["culprits"]) for each in report["findings"]]
        assert found == [("FORK", 1, ["hospital-5"])]
    else:
        assert report["findings"] == [] or name not in AUDITS


def test_the_library_that_is_listed_is_the_library_that_is_run(tmp_path: Path) -> None:
    listed = one_object(tclearn("list", "--json", cwd=tmp_path).stdout)
    assert [each["name"] for each in listed["scenarios"]] == NAMES
    assert set(AUDITS) <= set(NAMES)


def test_what_is_not_expected_has_status_1_and_what_is_undecided_3(tmp_path: Path) -> None:
    wrong = "expect={agreement: violated}"
    done = tclearn("run", "quickstart", *SHORT, "--set", wrong, "--out", "r", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "not as expected: agreement" in done.stdout
    limit = ("--set", "time_limit=50 ms")
    done = tclearn("run", "quickstart", *SHORT, *limit, "-q", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_runs_are_numbered_and_a_resolved_scenario_gives_the_same_chain(tmp_path: Path) -> None:
    overrides = ("--set", "rounds=2", "--set", "faults=[]", "--seed", "7")
    first = tclearn("run", "quickstart", *overrides, cwd=tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert "\x1b" not in first.stdout
    shown = tclearn("show", "quickstart", "--resolved", *overrides[:4], cwd=tmp_path)
    (tmp_path / "mine.yaml").write_text(shown.stdout)
    again = tclearn("run", "mine.yaml", "--seed", "7", "--json", cwd=tmp_path)
    assert (again.returncode, again.stderr.count("accepted")) == (0, 2)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "quickstart",
        "quickstart-2",
    ]
    one, two = (summary(tmp_path / "runs" / each) for each in ("quickstart", "quickstart-2"))
    assert one["chain_head"] == two["chain_head"] != ""
    assert one["chain_head"] in first.stdout
    assert one["trace_digest"] == two["trace_digest"]
    stored = (tmp_path / "runs" / "quickstart" / "scenario.yaml").read_text()
    assert YAML(typ="safe").load(stored)["rounds"] == 2


def test_one_hospital_without_messages_leaves_whole_tables(tmp_path: Path) -> None:
    words = ("run", "quickstart", *SHORT, "--set", "hospitals=1", "--out", "r", "-q")
    done = tclearn(*words, cwd=tmp_path, variables={"COLUMNS": "40"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    messages = (tmp_path / "r" / "metrics" / "messages.csv").read_text()
    assert messages == "sender,receiver,message_count,size_bytes,held_count,dropped_count\n"
    audited = tclearn("audit", "r", cwd=tmp_path, variables={"COLUMNS": "40"})
    assert audited.returncode == 0
    assert audited.stdout.endswith("\nVALID\n")
    for form in ((), ("--csv",)):
        with Path("/dev/full").open("wb") as full:
            words = ("ledger", "export", "r", *form)
            exported = tclearn(*words, cwd=tmp_path, stdout=full.fileno())
        assert exported.returncode == 2
        assert exported.stderr == "tclearn: cannot write to stdout: No space left on device\n"


@pytest.mark.parametrize("name", FAULTY_TABLES)
def test_a_faulty_table_is_named_with_its_line_and_column(tmp_path: Path, name: str) -> None:
    spoil, sentence = FAULTY_TABLES[name]
    lines = ["age,dose,class", *(f"{20 + row},{row / 4},{row % 2}" for row in range(24))]
    spoil(lines)
    (tmp_path / "ward.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "x.yaml").write_text("scenario: x\ndata: {source: ward.csv, label: class}\n")
    check_refused(tclearn("run", "x.yaml", "--json", cwd=tmp_path), sentence, tmp_path)


def test_an_unknown_cost_profile_is_a_sentence(tmp_path: Path) -> None:
    done = tclearn("run", "quickstart", "--set", "costs=fast", cwd=tmp_path)
    check_refused(done, "profiles by name: default", tmp_path)


def test_an_unknown_signature_library_is_a_sentence(tmp_path: Path) -> None:
    done = tclearn("run", "quickstart", cwd=tmp_path, variables={"TCLEARN_SIGNATURES": "nonsense"})
    sentence = "TCLEARN_SIGNATURES: expected one of auto, liboqs, openssl, found 'nonsense'"
    check_refused(done, sentence, tmp_path)


def test_a_signature_library_that_is_not_there_is_a_sentence_and_is_not_built(
    tmp_path: Path,
) -> None:
    (tmp_path / "home").mkdir()
    nowhere = str(tmp_path / "home")
    variables = {"OQS_INSTALL_PATH": nowhere, "HOME": nowhere, "TCLEARN_SIGNATURES": "liboqs"}
    done = tclearn("run", "quickstart", cwd=tmp_path, variables=variables)
    if done.returncode == 0:
        pytest.skip("liboqs is installed where the system finds it")
    check_refused(done, "liboqs is not available: ", tmp_path)
    assert "https://github.com/open-quantum-safe/liboqs" in done.stderr


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"garbage", "BAD_MAGIC"), (b"TCL1" + bytes(64), "BAD_")],
    ids=["no magic", "no record"],
)
def test_what_is_no_ledger_is_a_finding(tmp_path: Path, content: bytes, code: str) -> None:
    folder = tmp_path / "ledger" / "x"
    folder.mkdir(parents=True)
    (folder / "00000000.seg").write_bytes(content)
    done = tclearn("audit", tmp_path, "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    report = one_object(done.stdout)
    finding = report["findings"][0]
    assert report["verdict"] == "INVALID"
    assert finding["code"].startswith(code)
    assert (finding["node"], finding["file"]) == ("x", "ledger/x/00000000.seg")


def test_a_terminal_sees_that_the_program_loads_and_no_colour_where_none_is_wanted(
    tmp_path: Path,
) -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "run", "quickstart", *SHORT],
        cwd=tmp_path,
        env=environment(NO_COLOR="1", TERM="xterm"),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    seen = b"".join(iter(lambda: _chunk(controller), b"")).decode()
    os.close(controller)
    assert process.wait(TIME_LIMIT_S) == 0
    assert seen.index("loading torch and the data") < seen.index("3 of 3 accept")
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")  # the cursor is back
    assert re.search(r"\x1b\[[0-9;]*3[0-7]m", seen) is None


def _chunk(controller: int) -> bytes:
    try:
        return os.read(controller, 65536)
    except OSError:  # Linux: nobody has the other end open any more
        return b""


def check_refused(done: subprocess.CompletedProcess[str], sentence: str, folder: Path) -> None:
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (done.returncode, done.stdout) == (2, "")
    assert not (folder / "runs").exists()
