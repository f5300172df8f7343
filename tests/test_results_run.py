"""A run read back as data frames: what was written, and one sentence for what is not there."""

import json
import math
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from fl.model import from_bytes
from fl.validate import loss
from ledger.audit.run import replica_directories
from ledger.blobs import BlobStore
from ledger.candidate import ModelCandidate
from scenarios.cli.ledger import entries
from scenarios.errors import ScenarioError
from scenarios.results import load_run
from scenarios.simulation.coalition import found
from scenarios.tables import COLUMNS
from tests.recorded import END, recorded

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("small"))


@pytest.fixture
def run(small: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(small, tmp_path / "run"))


def test_a_run_is_read_with_its_scenario_summary_and_every_table(small: Path) -> None:
    run = load_run(small)
    assert run.scenario.name == "small"
    assert run.status == run.summary["status"] == "finished"
    for name, columns in COLUMNS.items():
        table = getattr(run, name)
        assert list(table.columns) == list(columns), name
        assert len(table) > 0, name
    assert list(run.rounds["type"]) == ["accepted"] * 3 + ["rejected", "end"]
    assert list(run.rounds["height"]) == list(range(1, END + 1))


def test_columns_have_their_types_and_gaps_are_gaps(small: Path) -> None:
    run = load_run(small)
    assert run.rounds["decided_us"].dtype == "int64"
    assert str(run.rounds["global_score"].dtype) == "Int64"
    assert pd.isna(run.rounds["global_score"].iloc[-1])
    assert {type(each) for each in run.rounds["proposer"]} == {str}
    assert run.verdicts["accept"].dtype == bool


def test_the_loss_of_every_candidate_is_its_cross_entropy_on_g(small: Path) -> None:
    run = load_run(small)
    curriculum = found(run.scenario).curriculum
    replica = next(iter(replica_directories(small)))
    blobs = BlobStore(small / "blobs")
    measured = {}
    for entry in entries(replica):
        body = entry.block.core.body
        if isinstance(body, ModelCandidate):
            weights = from_bytes(curriculum.model, blobs.get(body.model.file))
            height = entry.block.core.height
            measured[height] = loss(curriculum.model, weights, curriculum.global_set)
    stated = run.rounds.set_index("height")["global_loss"].dropna()
    assert stated.to_dict() == measured
    assert run.summary["global_loss"]["final"] == measured[3]


def test_a_model_of_nan_leaves_a_gap_and_the_run_goes_on(tmp_path: Path) -> None:
    fault = "faults=[{kind: poison, hospital: hospital-2, attack: nan, until_round: 2}]"
    run = load_run(recorded(tmp_path, fault, "rounds=2"))
    assert [math.isnan(each) for each in run.rounds["global_loss"]] == [False, True, True]
    assert run.summary["as_expected"]


def test_the_score_matrix_has_a_row_for_each_judged_round_and_a_column_for_each_hospital(
    small: Path,
) -> None:
    run = load_run(small)
    for on in ("global", "local"):
        scores = run.scores(on)
        assert list(scores.index) == [1, 2, 3, 4]
        assert list(scores.columns) == list(run.scenario.hospitals)
    assert run.scores("global").notna().all(axis=None)
    assert run.scores("local").loc[4].isna().all(), "refused on G, nobody looked at L"
    matrix = run.scores("global").to_dict()
    for row in run.verdicts.to_dict("records"):
        if row["slot"] <= 4:
            assert matrix[row["hospital"]][row["slot"]] == row["global_score"]


def test_what_stages_sent_and_computed_is_what_costs_and_messages_say(small: Path) -> None:
    run = load_run(small)
    stages = run.stages.groupby("hospital")[["busy_us", "message_count", "size_bytes"]].sum()
    costs = run.costs.set_index("hospital")
    assert (stages == costs[["busy_us", "message_count", "size_bytes"]]).all(axis=None)
    sent = run.messages.groupby("sender")[["message_count", "size_bytes"]].sum()
    assert (stages[["message_count", "size_bytes"]] == sent).all(axis=None)
    computing = set(run.stages[run.stages["kind"] == "computing"]["stage"])
    assert computing == {"train", "validate", "sign", "verify"}


def test_models_updates_and_proofs_are_told_apart_on_the_wire(tmp_path: Path) -> None:
    text = ["training.scheme=fedavg", "proof={norm_bound: 1.0}", "rounds=1", "faults=[]"]
    run = load_run(recorded(tmp_path, *text))
    stages = run.stages.groupby("stage")[["busy_us", "message_count", "size_bytes"]].sum()
    assert {"update", "proposal", "model", "proof", "prove", "check-proof"} <= set(stages.index)
    files = {
        path.name: path.stat().st_size for path in (run.path / "blobs").rglob("*") if path.is_file()
    }
    replica = next(iter(replica_directories(run.path)))
    (candidate,) = (
        entry.block.core.body
        for entry in entries(replica)
        if isinstance(entry.block.core.body, ModelCandidate)
    )
    peers = len(run.scenario.hospitals) - 1
    model = files[candidate.model.file.hex()]
    assert stages.loc["model", "size_bytes"] == model * peers
    assert stages.loc["model", "message_count"] == 0
    assert stages.loc["update", "message_count"] == peers, "all but the leader hand one in"
    assert (run.stages["clear_bytes"] == run.stages["size_bytes"]).all(), "nothing is sealed"


def test_the_trace_is_read_line_by_line(small: Path) -> None:
    events = list(load_run(small).events())
    assert len(events) == load_run(small).summary["trace_events"]
    assert {"append", "deliver", "send", "verdict"} <= {each["event"] for each in events}


def test_an_interrupted_run_has_its_tables(tmp_path: Path) -> None:
    run = load_run(recorded(tmp_path, events=300))
    assert run.status == "interrupted"
    assert 0 < len(run.rounds) < END
    assert len(list(run.events())) > 0


def test_of_a_killed_run_the_trace_is_read_up_to_the_line_that_was_cut(run: Path) -> None:
    (run / "run.json").write_text(json.dumps({"status": "running"}), "utf-8")
    shutil.rmtree(run / "metrics")
    whole = (run / "trace.jsonl").read_bytes()
    (run / "trace.jsonl").write_bytes(whole[:-5])
    killed = load_run(run)
    assert len(list(killed.events())) == whole.count(b"\n") - 1
    with pytest.raises(ScenarioError, match="the run is running, and tables are written when"):
        _ = killed.rounds


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_text("height,type\n1,accepted\n", "utf-8")


def garble(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace("accepted,", "accepted,,,,,,,,,,,", 1), "utf-8")


def spoil(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace("\n1,", "\none,", 1), "utf-8")


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (remove, "cannot read .*rounds.csv: No such file"),
        (cut, "rounds.csv is damaged: it has no column proposer"),
        (garble, "rounds.csv is damaged"),
        (spoil, "rounds.csv is damaged: column height holds what is no whole"),
        (empty, "rounds.csv is damaged"),
    ],
)
def test_a_missing_or_damaged_table_is_one_sentence(
    run: Path, damage: object, expected: str
) -> None:
    assert callable(damage)
    damage(run / "metrics" / "rounds.csv")
    with pytest.raises(ScenarioError, match=expected) as raised:
        _ = load_run(run).rounds
    assert "\n" not in str(raised.value)
    assert len(load_run(run).verdicts) > 0, "the other tables are read"


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("run.json", None, "is no run: it has no run.json; give the directory of a run"),
        ("run.json", "{", "run.json is damaged: it is not JSON"),
        ("run.json", "[]", "run.json is not the summary of a run"),
        ("scenario.yaml", None, "is not a whole run: it has no scenario.yaml"),
        ("scenario.yaml", "scenario: x\nround: 3\n", "the scenario of the run .* cannot be read"),
        ("trace.jsonl", "{}\n", "trace.jsonl:1 is damaged: it is no event of a run"),
        ("trace.jsonl", None, "cannot read .*trace.jsonl"),
    ],
)
def test_what_is_no_run_is_one_sentence(
    run: Path, file: str, content: str | None, expected: str
) -> None:
    if content is None:
        (run / file).unlink()
    else:
        (run / file).write_text(content, "utf-8")
    with pytest.raises(ScenarioError, match=expected) as raised:
        list(load_run(run).events())
    assert "\n" not in str(raised.value)


def test_what_is_no_directory_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="is no directory; give the directory of a run"):
        load_run(tmp_path / "missing")


def test_the_page_names_every_column_of_every_table() -> None:
    text = (ROOT / "docs" / "scenarios.md").read_text("utf-8")
    stated = {}
    for name, rows in re.findall(r"<!-- table: (\w+) -->\n((?:\|.*\n)+)", text):
        cells = [row.split("|")[1] for row in rows.splitlines()[2:]]
        stated[name] = [column for cell in cells for column in re.findall(r"`(\w+)`", cell)]
    assert stated == {name: list(columns) for name, columns in COLUMNS.items()}
