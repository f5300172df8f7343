"""The commands around a ledger: anchors, evidence, history, proofs, and how far an audit goes."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from ledger.store import segment_path
from tests.program import one_object, tclearn

SMALL = (
    "--set",
    "rounds=3",
    "--set",
    "signature=Ed25519",
    "--set",
    "ledger.checkpoint_every=2",
    "-q",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; nobody changes it."""
    folder = tmp_path_factory.mktemp("ledger")
    assert tclearn("run", "honest", *SMALL, "--out", "run", cwd=folder).returncode == 0
    return folder / "run"


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which one hospital has two faces."""
    folder = tmp_path_factory.mktemp("twins")
    words = ("run", "two-thirds-twin", "--set", "signature=Ed25519", "-q", "--out", "run")
    assert tclearn(*words, cwd=folder).returncode == 0
    return folder / "run"


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may spoil."""
    return Path(shutil.copytree(run, tmp_path / "run"))


def genesis(run: Path, replica: str = "hospital-1") -> Path:
    return segment_path(run / "ledger" / replica, 0)


def cut_after(run: Path, replica: str, size: int) -> None:
    """Cut a tail at a record boundary, checkpoints with it, and forget the summary."""
    directory = run / "ledger" / replica
    done = json.loads(tclearn("ledger", "export", run, cwd=run).stdout.splitlines()[size])
    path = segment_path(directory, 0)
    path.write_bytes(path.read_bytes()[: done["offset"]])
    shutil.rmtree(directory / "checkpoints")
    (directory / "checkpoint").unlink()
    (run / "run.json").unlink()


def test_an_anchor_sees_a_tail_that_was_cut_where_the_run_itself_looks_unfinished(
    run: Path, copy: Path, tmp_path: Path
) -> None:
    done = tclearn("anchor", run, "--out", tmp_path / "kept.json", "--json", cwd=tmp_path)
    anchored = one_object(done.stdout)
    assert {each["size"] for each in anchored["replicas"]} == {5}
    assert {each["cosignatures"] for each in anchored["replicas"]} == {7}
    cut_after(copy, "hospital-1", 3)
    assert tclearn("audit", copy, cwd=tmp_path).returncode == 3
    audited = tclearn("audit", copy, "--anchor", "kept.json", "--json", cwd=tmp_path)
    assert audited.returncode == 1
    (finding,) = one_object(audited.stdout)["findings"]
    assert (finding["code"], finding["node"]) == ("ROLLED_BACK", "hospital-1")
    sound = tclearn("audit", run, "--anchor", tmp_path / "kept.json", "--json", cwd=tmp_path)
    assert one_object(sound.stdout)["verdict"] == "VALID"
    assert not any("anchor" in each for each in one_object(sound.stdout)["not_ruled_out"])


def test_an_anchor_of_another_run_does_not_fit(run: Path, twins: Path, tmp_path: Path) -> None:
    assert tclearn("anchor", twins, "--out", tmp_path / "other.json", cwd=tmp_path).returncode == 0
    audited = tclearn("audit", run, "--anchor", "other.json", "--json", cwd=tmp_path)
    found = {finding["code"] for finding in one_object(audited.stdout)["findings"]}
    assert audited.returncode == 1
    assert {"GENESIS_REPLACED", "REPLICA_MISSING"} <= found


@pytest.mark.parametrize(
    ("out", "said"), [("run/anchor.json", "inside the run"), ("there.json", "never replaced")]
)
def test_an_anchor_is_kept_elsewhere_and_never_replaced(
    copy: Path, tmp_path: Path, out: str, said: str
) -> None:
    (tmp_path / "there.json").write_text("{}")
    done = tclearn("anchor", "run", "--out", out, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert copy.is_dir()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--anchor", "none.json"), "cannot read none.json"),
        (("--anchor", "text"), "expected"),
        (("--policy", "text"), "line 1"),
        (("--resume-from", "text"), "not the JSON report of an audit"),
        (("--replica", "nowhere"), "not the directory of a replica"),
        (("--level", "L9"), "expected one of L0, L1, L2, L3, L4, L5"),
        (("--threads", "0"), "--threads"),
    ],
)
def test_a_wrong_option_of_the_audit_is_one_sentence(
    run: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "text").write_text("mine\n")
    done = tclearn("audit", run, *words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_levels_say_what_they_leave_out(run: Path, tmp_path: Path) -> None:
    for level, said in (("L0", "only the framing"), ("L1", "signatures"), ("L2", "model files")):
        report = one_object(tclearn("audit", run, "--level", level, "--json", cwd=tmp_path).stdout)
        assert report["level"] == int(level[1])
        assert any(said in sentence for sentence in report["not_ruled_out"])


def test_the_highest_level_judges_again_and_replays(run: Path, tmp_path: Path) -> None:
    done = tclearn("audit", run, "--level", "L5", "--json", cwd=tmp_path)
    report = one_object(done.stdout)
    assert (done.returncode, report["verdict"]) == (0, "VALID")
    assert report["replayed"]["blocks"] > 0
    assert not any("replayed" in sentence for sentence in report["not_ruled_out"])


def test_an_audit_is_resumed_where_another_one_ended(run: Path, copy: Path, tmp_path: Path) -> None:
    first = tclearn("audit", run, "--json", cwd=tmp_path)
    (tmp_path / "report.json").write_text(first.stdout)
    again = tclearn("audit", run, "--resume-from", "report.json", "--json", cwd=tmp_path)
    report = one_object(again.stdout)
    assert report["verdict"] == "VALID"
    assert report["checked"]["signatures"] == 0
    path = genesis(copy, "hospital-2")
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    spoilt = tclearn("audit", copy, "--resume-from", "report.json", "--json", cwd=tmp_path)
    assert spoilt.returncode == 1
    assert one_object(spoilt.stdout)["findings"][0]["node"] == "hospital-2"


def test_a_copy_kept_elsewhere_tells_a_fork(run: Path, twins: Path, tmp_path: Path) -> None:
    kept = run / "ledger" / "hospital-3"
    assert tclearn("audit", run, "--replica", kept, cwd=tmp_path).returncode == 0
    other = twins / "ledger" / "hospital-3"
    done = tclearn("audit", run, "--replica", other, "--json", cwd=tmp_path)
    assert done.returncode == 1
    (finding,) = one_object(done.stdout)["findings"]
    assert finding["code"] == "GENESIS_DIFFERS"


def test_evidence_of_two_faces_convicts_from_the_genesis_alone(
    run: Path, twins: Path, tmp_path: Path
) -> None:
    (file,) = (twins / "evidence").iterdir()
    done = tclearn("evidence", file, "--genesis", genesis(twins), "--json", cwd=tmp_path)
    judged = one_object(done.stdout)
    assert (done.returncode, judged["culprits"]) == (0, ["hospital-5"])
    assert judged["misconduct"] == "equivocation"
    foreign = tclearn("evidence", file, "--genesis", genesis(run), cwd=tmp_path)
    assert foreign.returncode == 1
    assert "not proven" in foreign.stdout
    assert tclearn("evidence", file, "--genesis", file, cwd=tmp_path).returncode == 2


def test_a_fork_leaves_evidence_that_convicts_whoever_signed_both_sides(tmp_path: Path) -> None:
    words = ("run", "majority-twin", "--set", "rounds=1", "--set", "signature=Ed25519", "-q")
    assert tclearn(*words, "--out", "run", cwd=tmp_path).returncode == 0
    audited = tclearn("audit", "run", "--evidence", "kept", "--json", cwd=tmp_path)
    assert audited.returncode == 1
    (file,) = one_object(audited.stdout)["evidence"]
    first = genesis(tmp_path / "run")
    judged = tclearn("evidence", file, "--genesis", first, "--json", cwd=tmp_path)
    assert one_object(judged.stdout)["misconduct"] == "fork"
    assert one_object(judged.stdout)["culprits"] == ["hospital-5"]


def test_the_history_and_a_block_can_be_read(run: Path, tmp_path: Path) -> None:
    history = one_object(tclearn("ledger", "log", run, "--json", cwd=tmp_path).stdout)
    types = [block["type"] for block in history["blocks"]]
    assert types == ["genesis", "accepted", "accepted", "accepted", "end"]
    shown = tclearn("ledger", "show", run, "1", "--replica", "hospital-4", cwd=tmp_path).stdout
    assert history["blocks"][1]["core_hash"] in shown
    assert "verdict of" in shown
    block = one_object(tclearn("ledger", "show", run, "1", "--json", cwd=tmp_path).stdout)
    assert block["core"]["type"] == "accepted"
    assert tclearn("ledger", "log", run, cwd=tmp_path).stdout.count("accepted") == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "RUN", "99"), "no block at height 99"),
        (("log", "RUN", "--replica", "hospital-9"), "no replica 'hospital-9'"),
        (("log", "nowhere"), "is not a run"),
        (("prove", "RUN", "99"), "no checkpoint that covers height 99"),
        (("export", "RUN", "--out", "there"), "cannot write there"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(
    run: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "there").write_text("mine")
    given = [str(run) if word == "RUN" else word for word in words]
    done = tclearn("ledger", *given, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_replica_is_exported_as_json_and_as_a_table(run: Path, tmp_path: Path) -> None:
    lines = tclearn("ledger", "export", run, cwd=tmp_path).stdout.splitlines()
    assert [json.loads(line)["core"]["height"] for line in lines] == [0, 1, 2, 3, 4]
    tclearn("ledger", "export", run, "--csv", "--out", "history.csv", cwd=tmp_path)
    table = list(csv.DictReader(io.StringIO((tmp_path / "history.csv").read_text())))
    assert [row["type"] for row in table][-1] == "end"


def test_a_record_is_proven_against_a_checkpoint_alone(
    run: Path, twins: Path, tmp_path: Path
) -> None:
    made = one_object(tclearn("ledger", "prove", run, "2", "--json", cwd=tmp_path).stdout)
    words = ("ledger", "verify-proof", made["proof"], made["record"])
    done = tclearn(*words, "--genesis", genesis(run, "hospital-5"), "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert one_object(done.stdout)["height"] == 2
    assert tclearn(*words, "--genesis", genesis(twins), cwd=tmp_path).returncode == 1
    record = tmp_path / made["record"]
    changed = bytearray(record.read_bytes())
    changed[-1] ^= 1
    record.write_bytes(changed)
    spoilt = tclearn(*words, "--genesis", genesis(run), cwd=tmp_path)
    assert spoilt.returncode == 1
    assert "not proven" in spoilt.stdout
