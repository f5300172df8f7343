"""``tclearn compare``: runs side by side, and where two chains of one genesis part."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.block import core_hash, decode_block, encode_block
from ledger.store import LedgerWriter, StoredRecord, read_records
from scenarios.cli.compare import compare_command
from scenarios.errors import ScenarioError
from scenarios.results import load_run
from scenarios.results.comparison import RUNS_MAX, Line, compare
from tests.program import one_object, tclearn
from tests.recorded import END, recorded


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    more = ["seed=8", "rounds=3", "faults=[]", "training.epochs=2"]
    return recorded(tmp_path_factory.mktemp("other"), *more)


def compared(*runs: Path) -> dict[str, dict[str, Line]]:
    found = compare([load_run(run) for run in runs])
    return {name: {line.name: line for line in lines} for name, lines in found.sections.items()}


def test_only_the_keys_that_differ_are_shown(one: Path, other: Path) -> None:
    scenario = compared(one, other)["scenario"]
    fault = {name for name in scenario if name.startswith("faults.0.")}
    assert scenario.keys() - fault == {"seed", "rounds", "training.epochs"}
    assert scenario["seed"].values == ("7", "8")
    assert scenario["faults.0.attack"].values == ("sign-flip", None)


def test_the_numbers_are_those_of_the_runs(one: Path, other: Path) -> None:
    sections = compared(one, other)
    runs = [load_run(one), load_run(other)]
    for number, run in enumerate(runs):
        outcome, messages = sections["outcome"], sections["messages"]
        assert outcome["models accepted"].values[number] == run.summary["accepted"]
        final = run.summary["global_score"]["final"]
        assert outcome["score on G, final"].values[number] == final
        assert messages["bytes"].values[number] == run.messages["size_bytes"].sum()
        assert sections["rounds"]["heights"].values[number] == len(run.rounds)
        longest = max(run.rounds["decided_us"].diff().max(), run.rounds["decided_us"].iloc[0])
        assert sections["rounds"]["time of a round, longest"].values[number] == longest
        trained = run.stages[run.stages["stage"] == "train"]["busy_us"].sum()
        assert sections["computing"]["train"].values[number] == trained
        local = run.scores("local").loc[3]
        assert sections["scores"]["score on L, worst hospital"].values[number] == local.min()
    assert {line.values for line in sections["verdicts"].values()} == {("held", "held")}


@pytest.mark.parametrize(
    ("values", "better", "best", "worst"),
    [
        ((3, 1, 2), "more", (0,), (1,)),
        ((3, 1, 2), "less", (1,), (0,)),
        ((2, 2, 1), "more", (0, 1), (2,)),
        ((2, 2), "more", (), ()),
        ((None, 2), "less", (), ()),
        ((None, 2, 1), "less", (2,), (1,)),
        ((1, 2), None, (), ()),
    ],
)
def test_the_best_and_the_worst_are_marked_where_there_are_such(
    values: tuple[int | None, ...], better: Any, best: tuple[int, ...], worst: tuple[int, ...]
) -> None:
    line = Line("x", "count", values, better)
    assert (line.best, line.worst) == (best, worst)


def test_the_program_prints_a_table_or_one_object(one: Path, other: Path, tmp_path: Path) -> None:
    done = tclearn("compare", one, other, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "score on G, final" in done.stdout
    done = tclearn("compare", one, other, "--json", cwd=tmp_path)
    found = one_object(done.stdout)
    assert found["runs"] == [str(one), str(other)]
    assert found["parting"]["height"] == 0
    lines = {line["name"]: line for line in found["sections"]["outcome"]}
    assert lines["models accepted"]["values"] == [3, 3]


def test_runs_of_different_genesis_have_no_common_chain(one: Path, other: Path) -> None:
    parting = compare([load_run(one), load_run(other)]).parting
    assert parting is not None
    assert (parting.common_height, parting.height) == (-1, 0)
    assert "different genesis blocks" in parting.sentence


def test_the_same_chain_is_said_to_be_the_same(one: Path, tmp_path: Path) -> None:
    again = recorded(tmp_path)
    parting = compare([load_run(one), load_run(again)]).parting
    assert parting is not None
    assert (parting.common_height, parting.height) == (END, None)
    assert compared(one, again)["scenario"] == {}


def test_a_chain_that_ends_early_is_the_beginning_of_the_other(one: Path, tmp_path: Path) -> None:
    short = recorded(tmp_path, events=300)
    parting = compare([load_run(one), load_run(short)]).parting
    assert parting is not None
    assert parting.height is None
    assert 0 <= parting.common_height < END
    assert f"up to height {parting.common_height}, where that of {short} ends" in parting.sentence


def test_two_chains_of_one_genesis_part_at_the_first_block_that_differs(
    one: Path, tmp_path: Path
) -> None:
    """An operator who rewrites the last block of a copy leaves a chain that parts there."""
    copy = Path(shutil.copytree(one, tmp_path / "copy"))
    directory = copy / "ledger" / "hospital-1"
    blocks = [
        decode_block(record.payload)[0]
        for record in read_records(directory)
        if isinstance(record, StoredRecord)
    ]
    last = blocks[-1]
    changed = replace(last, core=replace(last.core, time_us=last.core.time_us + 1))
    assert core_hash(changed.core) != core_hash(last.core)
    for path in directory.glob("*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with LedgerWriter(directory) as writer:
        for block in (*blocks[:-1], changed):
            writer.append(encode_block(block))
    parting = compare([load_run(one), load_run(copy)]).parting
    assert parting is not None
    assert (parting.common_height, parting.height) == (END - 1, END)
    assert f"part at height {END}: time_us {last.core.time_us}" in parting.sentence


def test_a_killed_run_has_gaps_where_it_wrote_nothing(one: Path, tmp_path: Path) -> None:
    killed = Path(shutil.copytree(one, tmp_path / "killed"))
    shutil.rmtree(killed / "metrics")
    (killed / "run.json").write_text(json.dumps({"status": "running"}), "utf-8")
    sections = compared(one, killed)
    assert sections["outcome"]["status"].values == ("finished", "running")
    assert sections["messages"]["bytes"].values[1] is None
    assert sections["computing"]["train"].values[1] is None
    assert sections["rounds"]["time of a round, median"].values[1] is None


def test_too_few_and_too_many_runs_are_one_sentence(one: Path) -> None:
    for count in (1, RUNS_MAX + 1):
        with pytest.raises(ScenarioError, match=f"expected 2 to {RUNS_MAX} runs .* found {count}"):
            compare_command([one] * count, as_json=False)


def test_what_is_no_run_is_usage(one: Path, tmp_path: Path) -> None:
    done = tclearn("compare", one, tmp_path / "none", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"tclearn: {tmp_path / 'none'} is no directory; give the directory of a run, such as"
        " runs/NAME\n"
    )


def test_runs_of_one_name_are_told_apart_by_their_paths(
    one: Path, other: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    compare_command([one, other, one], as_json=False)
    header = capfd.readouterr().out.splitlines()[0]
    assert header.split() == [str(one), str(other), str(one)]
