"""Levels L4 and L5 against runs that their operator tampered with, who holds every key.

All keys derive from the scenario's seed. What is forged here is signed and linked as an honest run
would be, so that the levels below find nothing: that is asserted where it is claimed.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from consensus.statements import NO_CANDIDATE, Proposal, Statement, Verdict, signing_fields
from crypto.digest import Digest, sha256
from crypto.envelope import sign_value
from crypto.identity import NodeId
from fl.candidate import Candidate, claim_for
from fl.model import from_bytes, to_bytes
from fl.validate import Bar, evaluate
from ledger.audit import Judgement, audit_run
from ledger.audit.run import replica_directories
from ledger.blobs import BlobStore
from ledger.block import (
    Block,
    Core,
    ProposalSeal,
    RecordType,
    Seal,
    VerdictSeal,
    VoteSeal,
    core_hash,
    decode_block,
    encode_block,
    recorded_as,
)
from ledger.body import candidate_digest
from ledger.candidate import ModelCandidate
from ledger.decision import sealed_statement
from ledger.errors import StoreError
from ledger.genesis import Genesis
from ledger.store import LedgerWriter, StoredRecord, read_records
from scenarios.replay import ReplayReport, audit_by_replay
from scenarios.replay import inputs as replay_inputs
from scenarios.replay.inputs import Inputs
from scenarios.run_directory import RunDirectory
from scenarios.schema import Scenario
from scenarios.simulation.candidates import claim_of, model_file
from scenarios.simulation.coalition import environment, found
from scenarios.simulation.learner import FIRST_BAR
from scenarios.simulation.simulate import simulate
from scenarios.source import load, parse, resolved_yaml

ROOT = Path(__file__).parent.parent

SMALL = """
scenario: small
seed: 42
rounds: 4
hospitals: 4
signature: Ed25519
faults:
  - {kind: poison, hospital: hospital-4, attack: sign-flip, from_round: 4, factor: 20}
"""
POISONED = 4
"""The height at which hospital-4 leads and its candidate is refused."""
END = 5

CRASH = """
scenario: crash
rounds: 3
hospitals: 4
signature: Ed25519
faults:
  - {kind: crash, hospital: hospital-4, at: 100 ms}
"""

H1, H2, H3, H4 = (NodeId(f"hospital-{number}") for number in range(1, 5))


def recorded(
    scenario: Scenario, run: Path, stopped: Callable[[], int | None] = lambda: None
) -> Path:
    """Run a scenario as the command does, as far as an audit can tell."""
    directory = RunDirectory(run)
    beginning = {"status": "running", "environment": environment(), "replicas": None}
    directory.create(resolved_yaml(scenario), beginning)
    outcome = simulate(scenario, found(scenario), directory, lambda _: None, stopped)
    status = "finished" if outcome.stopped_by is None else "interrupted"
    directory.write_summary(beginning | {"status": status})
    return run


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(parse(SMALL, "small.yaml"), tmp_path_factory.mktemp("small") / "run")


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scenario = load("majority-twin", ["signature=Ed25519"])
    return recorded(scenario, tmp_path_factory.mktemp("twins") / "run")


@pytest.fixture(scope="module")
def operator() -> "Operator":
    scenario = parse(SMALL, "small.yaml")
    return Operator(Inputs(scenario, found(scenario)))


@pytest.fixture
def run(small: Path, tmp_path: Path) -> Path:
    """A copy of the small run to tamper with."""
    return Path(shutil.copytree(small, tmp_path / "run"))


def blocks_of(run: Path, name: str) -> list[Block]:
    records = read_records(run / "ledger" / name)
    return [decode_block(each.payload)[0] for each in records if isinstance(each, StoredRecord)]


def write(run: Path, name: str, blocks: Sequence[Block]) -> None:
    """Replace a replica, without its checkpoints: nobody is bound to keep any."""
    directory = run / "ledger" / name
    shutil.rmtree(directory, ignore_errors=True)
    with LedgerWriter(directory) as writer:
        for block in blocks:
            writer.append(encode_block(block))


def names(run: Path) -> list[str]:
    return [directory.name for directory in replica_directories(run)]


def found_in(report: ReplayReport) -> list[tuple[str, str | None, int | None]]:
    return [(each.code, each.node, each.height) for each in report.findings]


def assert_sound(report: ReplayReport) -> None:
    assert report.findings == ()
    assert report.unchecked == ()


def assert_hidden_below(run: Path) -> None:
    """The levels L0 to L3 find nothing."""
    report = audit_run(run)
    assert report.findings == ()
    assert report.judgement is Judgement.VALID


@dataclass(frozen=True)
class Operator:
    """Whoever runs the simulation: has the scenario, and with it every key and all data."""

    inputs: Inputs

    def sign(self, node: NodeId, statement: Statement) -> bytes:
        coalition = self.inputs.coalition
        quorum_set = coalition.quorum_set_digests[node]
        label, fields = signing_fields(statement, coalition.chain_id, node, quorum_set)
        return sign_value(coalition.keys[node], label, fields)

    def verdict(self, slot: int, seal: VerdictSeal) -> VerdictSeal:
        """Sign what this verdict says now."""
        said = Verdict(slot, seal.candidate, seal.accept, seal.reason, seal.scores)
        return replace(seal, signature=self.sign(seal.node, said))

    def vote(self, seal: VoteSeal, core: Core) -> VoteSeal:
        """Say the same of another core."""
        quorum_set = self.inputs.coalition.quorum_set_digests[seal.node]
        said = sealed_statement(seal, core.slot, core_hash(core), quorum_set)
        return replace(seal, signature=self.sign(seal.node, said))

    def reword(
        self, block: Block, node: NodeId, change: Callable[[VerdictSeal], VerdictSeal]
    ) -> Block:
        """Let one hospital say something else of the block's candidate."""
        verdicts = tuple(
            self.verdict(block.core.slot, change(each)) if each.node == node else each
            for each in block.seal.verdicts
        )
        return Block(block.core, replace(block.seal, verdicts=verdicts))

    def reseal(self, block: Block, bars: Mapping[NodeId, Bar] | None, file: bytes) -> Block:
        """Sign a changed core as those did who signed the old one; judge again, given bars."""
        core, seal = block.core, block.seal
        body = core.body
        assert body is not None
        assert not isinstance(body, Genesis)
        assert core.proposer is not None
        judged = candidate_digest(body)
        values = (
            core_hash(replace(core, type=recorded_as(body))),
            core_hash(replace(core, type=RecordType.REJECTED)),
        )
        signature = self.sign(core.proposer, Proposal(core.slot, judged, *values))
        verdicts = []
        for each in seal.verdicts:
            verdict = replace(each, candidate=judged)
            if bars is not None and isinstance(body, ModelCandidate):
                judge = self.inputs.judges[each.node]
                said = judge.validate(file, claim_of(body), bars[each.node])
                scores = tuple(sorted(said.scores.items()))
                verdict = replace(
                    verdict, accept=said.accept, reason=said.reason.value, scores=scores
                )
            verdicts.append(self.verdict(core.slot, verdict))
        votes = tuple(self.vote(each, core) for each in seal.votes)
        proposal = ProposalSeal(*values, signature)
        return Block(core, Seal(proposal, seal.attestations, tuple(verdicts), votes))

    def bars(self, run: Path, blocks: Sequence[Block]) -> dict[NodeId, Bar]:
        """The bars after some blocks."""
        judges = self.inputs.judges
        bars = dict.fromkeys(judges, FIRST_BAR)
        for block in blocks:
            body = block.core.body
            if block.core.type is RecordType.ACCEPTED and isinstance(body, ModelCandidate):
                file = BlobStore(run / "blobs").get(body.model.file)
                score = body.global_score
                bars = {node: judges[node].raised(bar, file, score) for node, bar in bars.items()}
        return bars

    def replace_candidate(
        self, run: Path, candidate: ModelCandidate, file: bytes, *, judged: bool
    ) -> None:
        """Rewrite every replica from the poisoned round on, with another candidate in it."""
        for name in names(run):
            blocks = blocks_of(run, name)
            sound, old, end = blocks[:POISONED], blocks[POISONED], blocks[END]
            bars = self.bars(run, sound) if judged else None
            swapped = self.reseal(Block(replace(old.core, body=candidate), old.seal), bars, file)
            linked = replace(end.core, prev=core_hash(swapped.core))
            write(run, name, [*sound, swapped, self.reseal(Block(linked, end.seal), None, b"")])


def poisoned_candidate(run: Path) -> ModelCandidate:
    body = blocks_of(run, H1)[POISONED].core.body
    assert isinstance(body, ModelCandidate)
    return body


# Runs that nobody touched


def test_an_untouched_run_with_a_poisoner_passes_both_levels(small: Path) -> None:
    report = audit_by_replay(small, "L5")
    assert_sound(report)
    assert blocks_of(small, H1)[POISONED].core.type is RecordType.REJECTED
    assert report.counters.blocks == 4 * (END + 1)
    assert report.counters.verdicts > 4 * END
    assert report.counters.verdicts_skipped == 0


def test_the_replicas_of_one_chain_share_their_validations(small: Path) -> None:
    report = audit_by_replay(small, "L4")
    assert_sound(report)
    assert report.counters.validations == 4 * 4  # hospitals and rounds, whatever the replicas
    assert report.counters.blocks == 0


def test_an_untouched_run_of_averaged_updates_passes_both_levels(tmp_path: Path) -> None:
    scenario = load("fedavg", ["rounds=2", "hospitals=4", "signature=Ed25519"])
    report = audit_by_replay(recorded(scenario, tmp_path / "run"), "L5")
    assert_sound(report)


def test_both_sides_of_a_fork_pass_both_levels(twins: Path) -> None:
    heads = {core_hash(blocks_of(twins, name)[-1].core) for name in names(twins)}
    assert len(heads) == 2
    report = audit_by_replay(twins, "L5")
    assert_sound(report)
    assert report.counters.verdicts_skipped == 0


def test_a_crashed_hospital_has_the_replica_that_its_replay_has(tmp_path: Path) -> None:
    run = recorded(parse(CRASH, "crash.yaml"), tmp_path / "run")
    assert len(blocks_of(run, H4)) < len(blocks_of(run, H1))
    assert_sound(audit_by_replay(run, "L5"))
    write(run, H4, blocks_of(run, H1))
    report = audit_by_replay(run, "L5")
    assert [(each.code, each.node) for each in report.findings] == [("REPLAY_DIFFERS", H4)]
    assert "no block after height" in report.findings[0].expected


def test_of_an_interrupted_run_what_was_recorded_is_compared(tmp_path: Path) -> None:
    events = count()
    scenario = parse(SMALL, "small.yaml")
    run = recorded(scenario, tmp_path / "run", lambda: 2 if next(events) > 250 else None)
    shortest = min(len(blocks_of(run, name)) for name in names(run))
    assert 1 < shortest <= END
    report = audit_by_replay(run, "L5")
    assert report.findings == ()
    assert f"{H1}: the replay goes on from height {len(blocks_of(run, H1))}" in report.unchecked[0]


# Verdicts and claims: level L4


def test_a_verdict_turned_around_and_signed_again_is_found(run: Path, operator: Operator) -> None:
    blocks = blocks_of(run, H2)
    blocks[POISONED] = operator.reword(
        blocks[POISONED], H3, lambda seal: replace(seal, accept=True, reason="ok")
    )
    write(run, H2, blocks)
    assert_hidden_below(run)
    report = audit_by_replay(run, "L4")
    assert found_in(report) == [("VERDICT_DIFFERS", H2, POISONED)]
    finding = report.findings[0]
    assert finding.level == "L4"
    assert finding.file == f"ledger/{H2}/00000000.seg"
    assert finding.expected.startswith("hospital-3: reject, global-score, global ")
    assert finding.found.startswith("accept, ok, global ")


@pytest.mark.parametrize("name", ["global", "local"])
def test_a_score_edited_and_signed_again_is_found(run: Path, operator: Operator, name: str) -> None:
    def edited(seal: VerdictSeal) -> VerdictSeal:
        scores = tuple((each, score + (each == name)) for each, score in seal.scores)
        return replace(seal, scores=scores)

    blocks = blocks_of(run, H1)
    blocks[2] = operator.reword(blocks[2], H1, edited)
    write(run, H1, blocks)
    assert_hidden_below(run)
    assert found_in(audit_by_replay(run, "L4")) == [("VERDICT_DIFFERS", H1, 2)]


def test_a_verdict_on_the_end_is_judged_again(run: Path, operator: Operator) -> None:
    blocks = blocks_of(run, H1)
    blocks[END] = operator.reword(
        blocks[END], H2, lambda seal: replace(seal, accept=False, reason="end")
    )
    write(run, H1, blocks)
    report = audit_by_replay(run, "L4")
    assert found_in(report) == [("VERDICT_DIFFERS", H1, END)]
    assert report.findings[0].expected == "hospital-2: accept, ok"


def test_a_verdict_on_no_candidate_is_a_rejection_at_the_deadline(
    twins: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(twins, tmp_path / "run"))
    scenario = load(run / "scenario.yaml")
    operator = Operator(Inputs(scenario, found(scenario)))
    name, height, seal = next(
        (name, height, seal)
        for name in names(run)
        for height, block in enumerate(blocks_of(run, name))
        for seal in block.seal.verdicts
        if seal.candidate == NO_CANDIDATE
    )
    blocks = blocks_of(run, name)
    scored = replace(seal, scores=(("global", 1),))
    blocks[height] = operator.reword(blocks[height], seal.node, lambda _: scored)
    write(run, name, blocks)
    assert found_in(audit_by_replay(run, "L4")) == [("VERDICT_DIFFERS", name, height)]


def test_a_false_claim_that_nobody_refused_is_found_with_the_verdicts_on_it(
    run: Path, operator: Operator
) -> None:
    candidate = poisoned_candidate(run)
    claimed = replace(candidate, global_score=candidate.global_score + 1)
    operator.replace_candidate(run, claimed, b"", judged=False)
    assert_hidden_below(run)
    report = audit_by_replay(run, "L4")
    of_first = [each for each in report.findings if each.node == H1]
    assert of_first[0].code == "CLAIM_DIFFERS"
    assert of_first[0].expected == f"a score on G of {candidate.global_score} ppm"
    assert of_first[0].found == f"{claimed.global_score} ppm"
    assert {each.code for each in of_first[1:]} == {"VERDICT_DIFFERS"}
    assert {each.node for each in report.findings} == {H1, H2, H3, H4}


def test_a_false_claim_that_was_refused_is_no_fault_of_the_record(
    run: Path, operator: Operator
) -> None:
    candidate = poisoned_candidate(run)
    claimed = replace(candidate, global_score=candidate.global_score + 1)
    file = BlobStore(run / "blobs").get(candidate.model.file)
    operator.replace_candidate(run, claimed, file, judged=True)
    assert_sound(audit_by_replay(run, "L4"))
    report = audit_by_replay(run, "L5")
    assert {each.code for each in report.findings} == {"REPLAY_DIFFERS"}
    assert report.findings[0].expected.startswith("body.candidate.global_score ")


def test_a_missing_file_of_a_refused_candidate_is_found_and_the_rest_judged(run: Path) -> None:
    candidate = poisoned_candidate(run)
    BlobStore(run / "blobs").path(candidate.model.file).unlink()
    report = audit_by_replay(run, "L4")
    assert found_in(report) == [
        ("CANDIDATE_UNREADABLE", name, POISONED) for name in (H1, H2, H3, H4)
    ]
    assert report.findings[0].found == "nothing"
    assert report.unchecked == ()
    assert report.counters.verdicts_skipped > 0


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_a_wrong_file_of_an_accepted_candidate_ends_what_can_be_judged(
    run: Path, content: bytes
) -> None:
    body = blocks_of(run, H1)[2].core.body
    assert isinstance(body, ModelCandidate)
    path = BlobStore(run / "blobs").path(body.model.file)
    path.unlink()
    path.write_bytes(content)
    report = audit_by_replay(run, "L4")
    assert found_in(report) == [("CANDIDATE_UNREADABLE", name, 2) for name in (H1, H2, H3, H4)]
    assert "expected content of digest" in report.findings[0].found
    assert [sentence.partition(":")[0] for sentence in report.unchecked] == [H1, H2, H3, H4]
    assert "from height 3 on" in report.unchecked[0]


# The replay: level L5


def test_a_candidate_swapped_judged_signed_and_linked_is_found_by_the_replay_alone(
    run: Path, operator: Operator
) -> None:
    old = poisoned_candidate(run)
    curriculum = operator.inputs.coalition.curriculum
    blobs = BlobStore(run / "blobs")
    weights = from_bytes(curriculum.model, blobs.get(old.model.file))
    file = to_bytes({name: tensor * 1.5 for name, tensor in weights.items()})
    scaled = from_bytes(curriculum.model, file)
    score = evaluate(curriculum.model, scaled, curriculum.global_set, curriculum.thresholds.score)
    blobs.put(file)
    model = model_file(Candidate(file, claim_for(file, score)))
    operator.replace_candidate(
        run, replace(old, model=model, global_score=score), file, judged=True
    )
    assert_hidden_below(run)
    assert_sound(audit_by_replay(run, "L4"))
    report = audit_by_replay(run, "L5")
    assert found_in(report) == [("REPLAY_DIFFERS", name, POISONED) for name in (H1, H2, H3, H4)]
    finding = report.findings[0]
    assert finding.level == "L5"
    assert finding.expected == f"body.candidate.model.file {old.model.file.hex()}"
    assert finding.found == model.file.hex()


def test_a_tail_cut_off_a_finished_run_is_found_by_the_replay(run: Path) -> None:
    write(run, H3, blocks_of(run, H3)[:END])
    assert_sound(audit_by_replay(run, "L4"))
    report = audit_by_replay(run, "L5")
    assert found_in(report) == [("REPLAY_DIFFERS", H3, END)]
    assert report.findings[0].found == "none"


def test_a_replica_that_is_gone_and_one_too_many_are_found_by_the_replay(run: Path) -> None:
    (run / "ledger" / H2).rename(run / "ledger" / "hospital-9")
    report = audit_by_replay(run, "L5")
    assert found_in(report) == [
        ("REPLAY_DIFFERS", "hospital-9", None),
        ("REPLAY_DIFFERS", H2, None),
    ]


def test_what_follows_a_broken_block_is_left_to_the_levels_below(run: Path) -> None:
    blocks = blocks_of(run, H1)
    del blocks[2]
    write(run, H1, blocks)
    report = audit_by_replay(run, "L5")
    assert report.findings == ()
    assert report.unchecked == (
        "hospital-1: not judged again from height 2 on: the block is not sound (BAD_HEIGHT)",
        "hospital-1: not replayed from height 2 on: the block is not sound (BAD_HEIGHT)",
    )


# The inputs


def test_an_edited_scenario_is_found_and_not_replayed(run: Path) -> None:
    path = run / "scenario.yaml"
    path.write_text(path.read_text().replace("epochs: 5", "epochs: 6"))
    report = audit_by_replay(run, "L5")
    assert found_in(report) == [("SCENARIO_DIFFERS", None, 0)]
    assert report.findings[0].file == "scenario.yaml"
    assert len(report.unchecked) == 1
    assert report.counters.verdicts == report.counters.blocks == 0


def test_other_versions_make_a_run_incomparable_and_not_invalid(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = environment() | {"torch": "0.1"}
    monkeypatch.setattr(replay_inputs, "environment", lambda: here)
    report = audit_by_replay(run, "L5")
    assert report.findings == ()
    (sentence,) = report.unchecked
    assert "ENVIRONMENT_DIFFERS" in sentence
    assert f"(torch {environment()['torch']} there and 0.1 here)" in sentence


@pytest.mark.parametrize(
    "summary",
    [
        "",
        "[]",
        '{"environment": {"torch": "9"}}',
        '{"environment": 3}',
        r'{"environment": {"a": "\ud800"}}',
    ],
)
def test_a_summary_that_does_not_say_the_versions_of_the_genesis_is_not_believed(
    run: Path, monkeypatch: pytest.MonkeyPatch, summary: str
) -> None:
    (run / "run.json").write_text(summary)
    monkeypatch.setattr(replay_inputs, "environment", lambda: {"torch": "0.1"})
    report = audit_by_replay(run, "L4")
    assert "run.json does not say them" in report.unchecked[0]


def test_a_run_without_its_scenario_cannot_be_checked(run: Path) -> None:
    (run / "scenario.yaml").unlink()
    report = audit_by_replay(run, "L5")
    assert report.findings == ()
    assert report.unchecked == (
        "the run: neither judged again nor replayed: the run has no scenario.yaml",
    )


def test_a_run_whose_data_file_is_gone_cannot_be_checked(run: Path) -> None:
    path = run / "scenario.yaml"
    text = path.read_text()
    path.write_text(text.replace("source: breast-cancer", "source: gone.csv\n  label: class"))
    report = audit_by_replay(run, "L5")
    assert report.findings == ()
    assert "data.source: expected a file, found none" in report.unchecked[0]


def with_genesis(run: Path, name: str, change: Callable[[Genesis], Genesis]) -> None:
    """Leave a replica nothing but a changed genesis."""
    genesis = blocks_of(run, name)[0]
    assert isinstance(genesis.core.body, Genesis)
    changed = replace(genesis.core, body=change(genesis.core.body))
    write(run, name, [Block(changed, genesis.seal)])


def other_data(genesis: Genesis) -> Genesis:
    first, *rest = genesis.data
    return replace(genesis, data=(replace(first, local=sha256(b"other")), *rest))


CHANGES: list[tuple[Callable[[Genesis], Genesis], str, str]] = [
    (other_data, "DATA_DIFFERS", "L of hospital-1 of digest "),
    (
        lambda genesis: replace(genesis, global_set=Digest(bytes(32))),
        "DATA_DIFFERS",
        "G of digest ",
    ),
    (
        lambda genesis: replace(genesis, data=genesis.data[1:]),
        "DATA_DIFFERS",
        "L of hospital-1 of digest ",
    ),
    (
        lambda genesis: replace(genesis, model=replace(genesis.model, tensors=Digest(bytes(32)))),
        "MODEL_DIFFERS",
        "a first model of tensors ",
    ),
    (
        lambda genesis: replace(genesis, scenario=Digest(bytes(32))),
        "SCENARIO_DIFFERS",
        "the scenario of digest ",
    ),
]


@pytest.mark.parametrize(("change", "code", "expected"), CHANGES)
def test_a_genesis_that_names_other_inputs_is_found_in_the_replica_that_holds_it(
    run: Path, change: Callable[[Genesis], Genesis], code: str, expected: str
) -> None:
    with_genesis(run, H2, change)
    report = audit_by_replay(run, "L4")
    assert found_in(report)[0] == (code, H2, 0)
    assert report.findings[0].expected.startswith(expected)
    assert report.unchecked == (
        f"{H2}: neither judged again nor replayed: the inputs are not those named",
    )
    assert report.counters.verdicts > 0  # of the other replicas


def test_what_a_genesis_says_beside_its_inputs_is_compared_by_the_replay(run: Path) -> None:
    with_genesis(run, H2, lambda genesis: replace(genesis, rule="majority"))
    report = audit_by_replay(run, "L5")
    assert found_in(report) == [("REPLAY_DIFFERS", H2, 0)]
    assert report.findings[0].expected == "body.rule two-thirds"


def test_an_empty_replica_is_named_and_the_others_are_replayed(run: Path) -> None:
    write(run, H2, [])
    report = audit_by_replay(run, "L5")
    assert report.findings == ()
    assert report.unchecked == (f"{H2}: holds no block",)


# The audit itself


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not a run"):
        audit_by_replay(tmp_path, "L5")


def test_the_audit_leaves_nothing_behind_and_writes_nothing_into_the_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    audit_by_replay(run, "L5")
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    assert list(scratch.iterdir()) == []


def test_no_room_for_the_replay_is_said_in_a_sentence(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(StoreError, match="cannot make a directory for the replay"):
        audit_by_replay(run, "L5")


def test_progress_goes_to_the_end_of_each_task(small: Path) -> None:
    said: list[tuple[str, int, int]] = []
    audit_by_replay(small, "L5", lambda *words: said.append(words))
    last = {task: (done, total) for task, done, total in said}
    assert list(last) == ["judging again", "replaying"]
    size = sum(path.stat().st_size for path in small.glob("ledger/*/*.seg"))
    assert list(last.values()) == [(size, size), (END, END)]


def test_importing_the_package_loads_neither_torch_nor_simpy() -> None:
    program = (
        "import sys, scenarios.replay\n"
        "print([name for name in ('torch', 'simpy', 'sklearn', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
