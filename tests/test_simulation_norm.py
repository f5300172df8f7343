"""Proofs of norms in the whole engine: what is proven counts, what is forged convicts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crypto.digest import Digest, sha256
from ledger.audit import AuditReport, Judgement, audit_run
from ledger.block import RecordType
from ledger.candidate import ModelCandidate
from ledger.evidence import FalseProof, check_evidence, decode_evidence
from ledger.notice import Misconduct
from scenarios.run_directory import RunDirectory
from scenarios.simulation.candidates import model_candidate
from scenarios.simulation.coalition import found
from scenarios.simulation.outcome import Outcome
from scenarios.simulation.rounds import Rounds
from scenarios.simulation.simulate import simulate
from scenarios.source import parse

PROVEN = """
scenario: proven
seed: 3
rounds: 3
hospitals: 4
signature: Ed25519
model: {kind: logistic}
training: {epochs: 1, scheme: %s}
proof: {norm_bound: 0.5, rounding: %s}
"""


def scenario(scheme: str = "sequential", rounding: str = "truncate", more: str = "") -> str:
    return PROVEN % (scheme, rounding) + more


def run(folder: Path, text: str) -> tuple[Outcome, AuditReport]:
    """Run and audit."""
    made = parse(text, "proven.yaml")
    directory = RunDirectory(folder / "run")
    directory.create("", {"replicas": None})
    outcome = simulate(made, found(made), directory, lambda _: None, lambda: None)
    return outcome, audit_run(directory.path)


FORGERY = (
    "faults: [{kind: poison, hospital: hospital-2, attack: scaling, factor: 50, forges: true}]"
)


def blobs(folder: Path) -> dict[Digest, bytes]:
    files = (folder / "run" / "blobs" / "sha256").rglob("*")
    contents = [path.read_bytes() for path in files if path.is_file()]
    return {sha256(content): content for content in contents}


@pytest.mark.parametrize("scheme", ["sequential", "fedavg"])
@pytest.mark.parametrize("rounding", ["truncate", "unbiased"])
def test_proven_updates_are_learned_from_and_audited(
    tmp_path: Path, scheme: str, rounding: str
) -> None:
    outcome, report = run(tmp_path, scenario(scheme, rounding))
    assert outcome.as_expected
    assert outcome.accepted_count == 3
    assert report.judgement is Judgement.VALID
    assert report.counters.proofs == (12 if scheme == "fedavg" else 3)


@pytest.mark.parametrize("scheme", ["sequential", "fedavg"])
def test_a_forged_proof_is_not_counted_and_convicts_its_author(tmp_path: Path, scheme: str) -> None:
    text = scenario(scheme, more=FORGERY).replace("rounds: 3", "rounds: 5")
    outcome, report = run(tmp_path, text)
    assert outcome.as_expected, outcome.findings
    assert report.judgement is Judgement.VALID, report.findings
    assert set(outcome.accused) == {"hospital-2"}
    assert RecordType.EVIDENCE in [row.type for row in outcome.rounds]
    assert all("hospital-2" not in row.authors for row in outcome.rounds)
    files = sorted((tmp_path / "run" / "evidence").iterdir())
    assert files
    for path in files:
        evidence = decode_evidence(path.read_bytes())
        assert isinstance(evidence, FalseProof)
        conviction = check_evidence(evidence, own_genesis(tmp_path))
        assert conviction.misconduct is Misconduct.NORM
        assert conviction.culprits == ("hospital-2",)


def own_genesis(folder: Path) -> Any:
    from ledger.block import decode_block
    from ledger.store import StoredRecord, read_records

    first = next(iter(read_records(folder / "run" / "ledger" / "hospital-1")))
    assert isinstance(first, StoredRecord)
    return decode_block(first.payload)[0]


def test_a_poisoner_that_keeps_to_the_bound_moves_the_model_by_no_more(tmp_path: Path) -> None:
    honest = FORGERY.replace(", forges: true", "")
    outcome, report = run(tmp_path, scenario(more=honest + "\nexpect: {containment: violated}"))
    assert report.judgement is Judgement.VALID
    assert not outcome.accused


def test_a_leader_whose_model_is_not_the_sum_of_what_was_proven_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hospital-1 proposes a model of its own under sound proofs."""
    put = Rounds._lead

    def another(self: Any, open_slot: Any, life: Any) -> Any:
        honest_put = self._put

        def lie(slot: Any, candidate: ModelCandidate, file: bytes, *rest: Any) -> None:
            made = life.learner._curriculum
            from fl.candidate import Candidate, claim_for
            from fl.model import from_bytes, to_bytes
            from fl.validate import evaluate

            weights = from_bytes(made.model, file)
            for tensor in weights.values():
                tensor += 0.01
            other = to_bytes(weights)
            score = evaluate(made.model, weights, made.global_set, made.thresholds.score)
            false = Candidate(other, claim_for(other, score))
            claimed = model_candidate(false, candidate.base, candidate.scheme, candidate.updates)
            honest_put(slot, replace(claimed, total=candidate.total), other, *rest)

        if life.replica.state.height == 0:
            self._put = lie
        yield from put(self, open_slot, life)
        self._put = honest_put

    monkeypatch.setattr(Rounds, "_lead", another)
    outcome, report = run(tmp_path, scenario())
    assert outcome.rounds[0].type is RecordType.REJECTED
    assert outcome.rounds[0].reject_reasons == {"sum": 4}
    assert report.judgement is Judgement.VALID


def test_two_runs_give_the_same_proofs(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(tmp_path / name, scenario())
    first, second = blobs(tmp_path / "one"), blobs(tmp_path / "two")
    assert first.keys() == second.keys()
