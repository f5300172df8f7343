"""What a user can do wrong: a clear sentence on stderr, status 2, an empty stdout, no traceback.

The faults of a scenario file are tested one by one in ``test_scenarios_source``; here, that they
reach the user.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.schema import ROUNDS_MAX, SEED_MAX
from tests.program import PROGRAM, environment, one_object, tclearn

TOO_LARGE = str(SEED_MAX + 1)

FAULTY_FILES = {
    "unknown key": (
        b"scenario: x\nprotocl:\n  rule: majority\n",
        "x.yaml:2: protocl: unknown key; did you mean 'protocol'?",
    ),
    "wrong type": (
        b"scenario: x\nrounds: many\n",
        "x.yaml:2: rounds: expected a whole number, found 'many'",
    ),
    "negative count": (
        b"scenario: x\nhospitals: -3\n",
        "x.yaml:2: hospitals: expected a count from 1 to 1000, found -3",
    ),
    "threshold above its entries": (
        b"""
scenario: x
hospitals: 3
protocol:
  rule: quorum-sets
  quorum_sets:
    default: {threshold: 4, validators: [hospital-1, hospital-2, hospital-3]}
""",
        "threshold: expected a threshold from 1 to 3, its entries, found 4",
    ),
    "binary": (b"\x7fELF\x00\x01\xff\xfe", "x.yaml:1: expected UTF-8 text, found other bytes"),
    "empty": (b"", "x.yaml: expected a scenario, found nothing"),
    "two faults": (b"scenario: x\nsede: 1\nround: 2\n", "did you mean 'rounds'?"),
}

FAULTY_WORDS = [
    (["run", "quikstart"], "quikstart: no such scenario; did you mean 'quickstart'"),
    (["show", "quikstart"], "quikstart: no such scenario; did you mean 'quickstart'"),
    (["run", "missing.yaml"], "missing.yaml: no such file; the library has authority-lies, "),
    (["run", "."], ".: expected a file, found a directory"),
    (["run", "quickstart", "--set", "rounds"], "--set rounds: expected a path and a value"),
    (["run", "quickstart", "--set", "round=3"], "did you mean 'rounds'?"),
    (["run", "quickstart", "--set", "rounds=1000000000"], f"at most {ROUNDS_MAX}"),
    (["run", "quickstart", "--set", "rounds=-1"], "rounds: expected at least 1, found -1"),
    (["run", "quickstart", "--seed", "abc"], "seed: expected a whole number, found 'abc'"),
    (["run", "quickstart", "--seed", "-5"], "seed: expected at least 0, found -5"),
    (["run", "quickstart", "--seed", TOO_LARGE], f"seed: expected at most {SEED_MAX}"),
    (["run", "quickstart", "--set", "costs=nix.yaml"], "costs: expected a file, found none"),
    (["run", "quickstart", "--sed", "5"], "No such option: --sed"),
    (["run"], "Missing argument 'SCENARIO'"),
    (["nonsense"], "No such command 'nonsense'"),
    (["audit", "missing"], "missing is not a run: cannot read missing/ledger: No such file"),
    (["audit", "file"], "file is not a run: cannot read file/ledger: Not a directory"),
    (["audit", "empty"], "empty is not a run: cannot read empty/ledger: No such file"),
    (["audit", "hollow"], "hollow is not a run: hollow/ledger holds no replica"),
    (["run", "quickstart", "--out", "full"], "full holds other files (note.txt); give another"),
    (["run", "quickstart", "--out", "taken"], "taken holds another run; give another directory"),
    (["run", "quickstart", "--out", "file"], "file is not a directory; give another directory"),
    (["run", "quickstart", "--out", "file/x"], "file is not a directory; give another directory"),
    (["run", "quickstart", "--out", "x" * 300], "File name too long; give another directory"),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory with things that are no runs."""
    (tmp_path / "file").write_text("text")
    (tmp_path / "empty").mkdir()
    (tmp_path / "hollow" / "ledger").mkdir(parents=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "run.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("name", FAULTY_FILES)
def test_a_faulty_file_is_named_with_its_line_and_a_remedy(tmp_path: Path, name: str) -> None:
    content, sentence = FAULTY_FILES[name]
    (tmp_path / "x.yaml").write_bytes(content)
    check_refused(tclearn("run", "x.yaml", cwd=tmp_path), sentence)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("words", "sentence"), FAULTY_WORDS, ids=lambda part: str(part)[:60])
def test_faulty_words_are_answered_by_a_sentence(
    place: Path, words: list[str], sentence: str
) -> None:
    before = sorted(place.rglob("*"))
    check_refused(tclearn(*words, cwd=place), sentence)
    assert sorted(place.rglob("*")) == before
    assert (place / "full" / "note.txt").read_text() == "mine"
    assert (place / "taken" / "run.json").read_text() == "{}"


def test_no_words_at_all_show_the_help(tmp_path: Path) -> None:
    done = tclearn(cwd=tmp_path)
    assert done.returncode == 2
    assert "Usage: tclearn" in done.stdout + done.stderr


def test_a_working_directory_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" run quickstart'
    done = subprocess.run(
        ["bash", "-c", script, PROGRAM],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    check_refused(done, "No such file or directory")
    assert not gone.exists()


def test_a_directory_without_permission_is_a_sentence(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; test_cli_run_directory takes the permission away")
    tmp_path.chmod(0o555)
    done = tclearn("run", "quickstart", cwd=tmp_path)
    tmp_path.chmod(0o755)
    check_refused(done, "no permission to write in")


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["show", "quickstart"]])
def test_a_full_stdout_is_a_sentence(tmp_path: Path, words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = tclearn(*words, cwd=tmp_path, stdout=full.fileno())
    assert done.returncode == 2
    assert done.stderr == "tclearn: cannot write to stdout: No space left on device\n"


@pytest.mark.parametrize("words", [["list"], ["schema"], ["show", "quickstart"]])
def test_a_reader_that_has_seen_enough_is_told_nothing(tmp_path: Path, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = tclearn(*words, cwd=tmp_path, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_closed_streams_are_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", 'exec "$0" list <&- >&- 2>&-', PROGRAM],
        cwd=tmp_path,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0


def test_an_error_without_a_stderr_keeps_its_status(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", 'exec "$0" run missing 2>/dev/full', PROGRAM],
        cwd=tmp_path,
        env=environment(),
        check=False,
    )
    assert done.returncode == 2


@pytest.mark.parametrize("columns", ["40", "0", "1000"])
def test_any_width_shows_every_scenario(tmp_path: Path, columns: str) -> None:
    found = one_object(listed(tmp_path))
    done = tclearn("list", cwd=tmp_path, variables={"COLUMNS": columns})
    assert done.returncode == 0
    for kind, table in zip(("scenarios", "studies"), done.stdout.split("\n\n"), strict=True):
        names = [each["name"] for each in found[kind]]
        assert [line.split()[0] for line in table.splitlines() if line[:1] != " "][1:] == names
    if columns == "40":
        assert max(map(len, done.stdout.splitlines())) <= 40


@pytest.mark.parametrize("words", [["list"], ["--help"], ["run", "--help"], ["doctor"]])
@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_a_pipe_gets_no_escape_codes(
    tmp_path: Path, words: list[str], variables: dict[str, str]
) -> None:
    done = tclearn(*words, cwd=tmp_path, variables=variables)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr


def test_doctor_says_when_no_library_would_sign(tmp_path: Path) -> None:
    done = tclearn("doctor", "--json", cwd=tmp_path, variables={"TCLEARN_SIGNATURES": "nonsense"})
    assert (done.returncode, done.stderr) == (1, "")
    report = one_object(done.stdout)
    assert report["signer"] is None
    assert "expected one of auto, liboqs, openssl, found 'nonsense'" in report["obstacle"]


@pytest.mark.parametrize(
    "code",
    [
        "import scenarios.cli.audit",
        "import scenarios.cli as c; sys.argv[1:] = ['-h']; atexit.register(show); c.main()",
    ],
    ids=["audit", "help"],
)
def test_help_and_audit_load_no_heavy_library(tmp_path: Path, code: str) -> None:
    heavy = ("torch", "simpy", "numpy", "pandas", "networkx", "pydantic", "sklearn")
    show = f"print([n for n in {heavy} if n in sys.modules], file=sys.stderr)"
    code = f"import atexit, sys; show = lambda: {show}; {code}; show()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "[]\n"


def listed(folder: Path) -> str:
    done = tclearn("list", "--json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def check_refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (2, "")
