"""``tclearn replay``: the same run again, what differs if it is not, and what a hospital knew."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.cli.replay import replay_command
from scenarios.cli.replay_story import HEAD_COUNT, TAIL_COUNT
from scenarios.errors import ScenarioError
from scenarios.results import load_run
from tests.program import one_object, tclearn
from tests.recorded import END, recorded


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("small"))


@pytest.fixture
def run(small: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(small, tmp_path / "run"))


Replayed = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def replayed(capfd: pytest.CaptureFixture[str]) -> Replayed:
    """Replay in this process; status and JSON."""

    def once(
        run: Path, until: int | None = None, node: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        capfd.readouterr()
        status = replay_command(run, until, node, as_json=True)
        return status, one_object(capfd.readouterr().out)

    return once


def test_a_run_is_the_same_again(small: Path, replayed: Replayed) -> None:
    status, found = replayed(small)
    assert (status, found["verdict"], found["whole"]) == (0, "same", True)
    summary = load_run(small).summary
    trace = found["trace"]
    assert trace["same_lines"] == summary["trace_events"]
    assert trace["replayed_digest"] == trace["recorded_digest"] == summary["trace_digest"]
    for name, pair in found["replicas"].items():
        assert pair["recorded_head"] == pair["replayed_head"], name
        assert pair["recorded_head"] == summary["replicas"][name]["chain_head"]
    assert found["differences"] == found["unchecked"] == []
    assert found["told"] is None


def test_the_program_says_so_to_people_and_to_machines(small: Path, tmp_path: Path) -> None:
    done = tclearn("replay", small, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "same"
    done = tclearn("replay", small, "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert one_object(done.stdout)["verdict"] == "same"


def test_a_line_changed_in_the_trace_is_named(run: Path, replayed: Replayed) -> None:
    lines = (run / "trace.jsonl").read_text("utf-8").splitlines(keepends=True)
    changed = json.loads(lines[99]) | {"time_us": 1}
    lines[99] = json.dumps(changed) + "\n"
    (run / "trace.jsonl").write_text("".join(lines), "utf-8")
    status, found = replayed(run)
    assert (status, found["verdict"]) == (1, "differs")
    assert found["trace"]["parting"]["line"] == 100
    assert found["trace"]["same_lines"] == 99
    (difference,) = found["differences"]
    assert difference.startswith("line 100 of trace.jsonl: expected ")
    assert found["findings"] == [], "the ledger is the same"


def test_a_trace_that_was_cut_short_is_named(run: Path, replayed: Replayed) -> None:
    lines = (run / "trace.jsonl").read_text("utf-8").splitlines(keepends=True)
    (run / "trace.jsonl").write_text("".join(lines[:-1]), "utf-8")
    status, found = replayed(run)
    assert status == 1
    assert found["trace"]["parting"] == {
        "line": len(lines),
        "recorded": None,
        "replayed": lines[-1].rstrip("\n"),
    }


def test_a_stated_digest_that_is_not_that_of_the_trace_is_named(
    run: Path, replayed: Replayed
) -> None:
    summary = json.loads((run / "run.json").read_text("utf-8")) | {"trace_digest": "00" * 32}
    (run / "run.json").write_text(json.dumps(summary), "utf-8")
    status, found = replayed(run)
    assert status == 1
    assert found["differences"][0].startswith(f"trace.jsonl: expected the digest {'00' * 32}")


def test_a_block_that_the_replay_has_not_is_named_with_its_replica(
    run: Path, small: Path, tmp_path: Path, replayed: Replayed
) -> None:
    (run / "ledger" / "hospital-2" / "00000000.seg").unlink()
    shutil.rmtree(run / "ledger" / "hospital-3")
    status, found = replayed(run)
    assert status == 1
    (missing,) = [each for each in found["findings"] if each["node"] == "hospital-3"]
    assert missing["code"] == "REPLAY_DIFFERS"
    assert any("hospital-2" in each for each in found["unchecked"])


def test_another_scenario_in_the_directory_is_named_and_nothing_is_run(
    run: Path, replayed: Replayed
) -> None:
    text = (run / "scenario.yaml").read_text("utf-8")
    (run / "scenario.yaml").write_text(text.replace("seed: 7", "seed: 8"), "utf-8")
    status, found = replayed(run)
    assert (status, found["replayed"]) == (1, False)
    assert found["findings"][0]["code"] == "SCENARIO_DIFFERS"


def test_a_run_of_other_versions_is_incomplete(
    run: Path, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scenarios.replay import inputs

    monkeypatch.setattr(inputs, "environment", lambda: {"torch": "0"})
    status, found = replayed(run)
    assert (status, found["verdict"], found["replayed"]) == (3, "incomplete", False)
    assert "ENVIRONMENT_DIFFERS" in found["unchecked"][0]


def test_an_interrupted_run_is_compared_as_far_as_it_went(
    tmp_path: Path, replayed: Replayed
) -> None:
    run = recorded(tmp_path, events=300)
    status, found = replayed(run)
    assert (status, found["verdict"], found["whole"]) == (0, "same", False)
    assert found["status"] == "interrupted"
    assert found["trace"]["same_lines"] == load_run(run).summary["trace_events"]


def test_a_killed_run_is_compared_and_its_end_is_not_vouched_for(
    run: Path, replayed: Replayed
) -> None:
    lines = (run / "trace.jsonl").read_bytes()
    (run / "trace.jsonl").write_bytes(lines[: len(lines) // 2])
    stated = json.loads((run / "run.json").read_text("utf-8"))
    kept = {key: stated[key] for key in ("environment", "scenario")}
    (run / "run.json").write_text(json.dumps({**kept, "status": "running"}), "utf-8")
    status, found = replayed(run)
    assert (status, found["differences"]) == (3, [])
    assert "the run says that it is running" in found["unchecked"][0]


def test_one_hospital_is_told_of_step_by_step(small: Path, replayed: Replayed) -> None:
    status, found = replayed(small, 4, "hospital-2")
    assert (status, found["whole"]) == (0, False)
    told = found["told"]
    assert (told["of"], told["until"]) == (["hospital-2"], 4)
    moments = told["moments"]
    assert {each["at"] for each in moments} == {"hospital-2"}
    assert [each["time_us"] for each in moments] == sorted(each["time_us"] for each in moments)
    verdicts = load_run(small).verdicts
    own = verdicts[(verdicts["hospital"] == "hospital-2") & (verdicts["slot"] <= 4)]
    judged = [each["words"] for each in moments if each["kind"] == "judges"]
    assert [each["global"] for each in judged] == list(own["global_score"])
    assert [each["accept"] for each in judged] == list(own["accept"])
    appended = [each["words"] for each in moments if each["kind"] == "appends"]
    assert [each["height"] for each in appended] == [1, 2, 3, 4]
    assert moments[-1]["kind"] == "appends", "nothing after the slot that was asked for"
    kinds = {each["kind"] for each in moments}
    assert {"opens", "arrives", "hears", "asked to judge", "says", "sends", "sets timer"} <= kinds


def test_every_moment_of_the_trace_stands_on_the_line_that_it_names(
    small: Path, replayed: Replayed
) -> None:
    lines = list(load_run(small).events())
    _, found = replayed(small, None, "hospital-3")
    named = [each for each in found["told"]["moments"] if each["line"] is not None]
    own = [each for each in lines if each["at"] == "hospital-3"]
    assert len(named) == len(own)
    for moment in named:
        line = lines[moment["line"] - 1]
        assert (line["at"], line["time_us"]) == ("hospital-3", moment["time_us"])


def test_up_to_a_slot_without_a_name_every_hospital_is_told_of_in_short(
    small: Path, replayed: Replayed
) -> None:
    _, found = replayed(small, 2)
    moments = found["told"]["moments"]
    assert len(found["told"]["of"]) == 4
    assert {each["slot"] for each in moments} == {1, 2}
    assert {"judges", "decides", "appends"} <= {each["kind"] for each in moments}
    assert not {"hears", "arrives", "says"} & {each["kind"] for each in moments}


def test_people_read_a_line_for_each_slot_and_one_slot_in_full(
    small: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    replay_command(small, 4, "hospital-2", as_json=False)
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("what hospital-2 knew and decided, up to slot 4")
    assert [line.split()[1] for line in lines if line.startswith("slot ")] == ["1", "2", "3", "4"]
    assert "judges accept (ok)" in lines[2]
    full = lines[lines.index("slot 4 in full") + 1 :]
    assert any("judges          reject (global-score), G " in line for line in full)
    assert any("rejected at height 4" in line for line in full)
    assert lines[-1] == "same"


def test_what_is_too_long_is_left_out_and_said(
    small: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scenarios.cli.replay_story.TAIL_COUNT", 5)
    monkeypatch.setattr("scenarios.cli.replay_story.HEAD_COUNT", 3)
    assert HEAD_COUNT + TAIL_COUNT > 100
    replay_command(small, 2, "hospital-1", as_json=False)
    lines = capfd.readouterr().out.splitlines()
    start = lines.index("slot 2 in full") + 1
    assert "moments left out: see --json" in lines[start + 3]
    assert "appends" in lines[start + 8]


def test_where_the_trace_differs_is_marked_in_what_is_told(
    run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = (run / "trace.jsonl").read_text("utf-8").splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if json.loads(line)["event"] == "append")
    lines[at] = json.dumps(json.loads(lines[at]) | {"height": 9}) + "\n"
    (run / "trace.jsonl").write_text("".join(lines), "utf-8")
    status = replay_command(run, 1, json.loads(lines[at])["at"], as_json=False)
    out = capfd.readouterr().out
    assert status == 1
    assert out.count("(not what the trace recorded)") == 1


def test_a_slot_after_the_end_is_said_so(small: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert replay_command(small, END + 5, "hospital-1", as_json=False) == 0
    assert f"slot {END + 5} was never opened: the run ends before it" in capfd.readouterr().out


def test_an_unknown_hospital_is_one_sentence(small: Path) -> None:
    with pytest.raises(ScenarioError, match="has no hospital 'x'; it has hospital-1, hospital-2"):
        replay_command(small, None, "x", as_json=True)


def test_what_is_no_run_is_usage(tmp_path: Path) -> None:
    done = tclearn("replay", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "is no run: it has no run.json" in done.stderr


def test_the_twin_of_a_hospital_is_told_of_by_its_own_name(
    tmp_path: Path, replayed: Replayed
) -> None:
    twin = "faults=[{kind: twin, hospital: hospital-4}]"
    run = recorded(tmp_path, twin, "rounds=1")
    _, found = replayed(run, 1, "hospital-4/twin")
    assert found["told"]["of"] == ["hospital-4/twin"]
    assert replayed(run, 1, "hospital-4.twin")[1]["told"] == found["told"]


def test_a_crash_and_a_recovery_are_told(tmp_path: Path, replayed: Replayed) -> None:
    crash = "faults=[{kind: crash, hospital: hospital-2, at: 300 ms, recover: 2 s}]"
    run = recorded(tmp_path, crash, "rounds=2")
    status, found = replayed(run, None, "hospital-2")
    assert status == 0
    kinds = [each["kind"] for each in found["told"]["moments"]]
    assert "crashes" in kinds
    assert "recovers" in kinds
