"""Whole runs in this process: faults, schemes and rules, and messages that nobody honest sent."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import simpy

import scenarios.simulation.simulate as simulation
from consensus.statements import Confirm, Nominate, Prepare, Verdict, ViewCommit, Vote
from crypto.digest import sha256
from crypto.envelope import Signed
from crypto.identity import NodeId
from ledger.audit import AuditReport, Judgement, audit_run
from ledger.block import RecordType
from ledger.candidate import ModelCandidate
from scenarios.run_directory import RunDirectory
from scenarios.simulation.coalition import found
from scenarios.simulation.diary import Diary
from scenarios.simulation.hospital import Hospital
from scenarios.simulation.outcome import Outcome
from scenarios.simulation.wire import Draft, StatementMessage, UpdateMessage
from scenarios.source import parse
from tests.forge import model_bytes

QUICK = """
scenario: quick
seed: 3
rounds: 2
hospitals: 4
model: {kind: logistic}
training: {epochs: 2}
signature: Ed25519
network: {latency: {distribution: uniform, low: 10 ms, high: 30 ms}}
"""

QUORUM_SETS = """
protocol:
  rule: quorum-sets
  quorum_sets:
    default: {threshold: 3, validators: [hospital-1, hospital-2, hospital-3, hospital-4]}
"""


def run(
    folder: Path, text: str = "", stopped: Callable[[], int | None] = lambda: None
) -> tuple[Outcome, AuditReport]:
    """Run the quick scenario with more sections, and audit what it left."""
    scenario = parse(QUICK + text, "quick.yaml")
    directory = RunDirectory(folder / "run")
    directory.create("", {"replicas": None})
    outcome = simulation.simulate(scenario, found(scenario), directory, lambda _: None, stopped)
    return outcome, audit_run(directory.path)


def types(outcome: Outcome) -> list[str]:
    return [row.type.value for row in outcome.rounds]


def test_an_honest_run_holds_everything_and_its_ledger_is_valid(tmp_path: Path) -> None:
    outcome, report = run(tmp_path)
    assert outcome.as_expected
    assert outcome.exit_status == 0
    assert types(outcome) == ["accepted", "accepted", "end"]
    assert report.judgement is Judgement.VALID
    assert {replica.height for replica in report.replicas} == {3}
    assert report.counters.cosignatures > 0


@pytest.mark.parametrize(
    "text",
    [
        "protocol: {rule: majority}",
        QUORUM_SETS,
        "validation: {score: balanced-accuracy, checks: []}",
        "data: {partition: dirichlet, alpha: 1.0}",
        "ledger: {checkpoint_every: 1}",
    ],
)
def test_other_rules_scores_and_splits_run_as_well(tmp_path: Path, text: str) -> None:
    outcome, report = run(tmp_path, text)
    assert outcome.as_expected
    assert report.judgement is Judgement.VALID


def test_federated_averaging_combines_the_signed_updates_of_all(tmp_path: Path) -> None:
    scenario = QUICK.replace("epochs: 2", "epochs: 2, scheme: fedavg")
    parsed = parse(scenario, "quick.yaml")
    directory = RunDirectory(tmp_path / "run")
    directory.create("", {"replicas": None})
    coalition = found(parsed)
    outcome = simulation.simulate(parsed, coalition, directory, lambda _: None, lambda: None)
    assert outcome.as_expected
    assert all(len(row.authors) == 4 for row in outcome.rounds if row.authors)
    assert audit_run(directory.path).judgement is Judgement.VALID


def test_a_crashed_leader_costs_its_round_and_nothing_else(tmp_path: Path) -> None:
    faults = "faults: [{kind: crash, hospital: hospital-1, at: 0 s}]"
    outcome, report = run(tmp_path, faults)
    assert types(outcome) == ["rejected", "accepted", "end"]
    assert outcome.rounds[0].reject_reasons == {"deadline": 3}
    assert outcome.as_expected
    by_name = {replica.node: replica.judgement for replica in report.replicas}
    assert by_name.pop("hospital-1") is Judgement.INCOMPLETE
    assert set(by_name.values()) == {Judgement.VALID}


def test_a_crashed_hospital_says_nothing_more_even_when_computing_is_free(tmp_path: Path) -> None:
    profile = tmp_path / "free.yaml"
    free = ("validate", "sign", "verify", "prove", "prove_parameter", "check", "check_parameter")
    profile.write_text("train_ns: 1000\n" + "".join(f"{name}_ns: 0\n" for name in free))
    text = f"costs: {profile}\nfaults: [{{kind: crash, hospital: hospital-1, at: 10 us}}]"
    outcome, _ = run(tmp_path, text)
    row = next(each for each in outcome.instances if each.instance == "hospital-1")
    assert (row.signature_count, row.sent.message_count, row.height) == (0, 0, 0)
    assert types(outcome) == ["rejected", "accepted", "end"]


def test_a_silent_hospital_is_outvoted_and_still_keeps_its_replica(tmp_path: Path) -> None:
    outcome, report = run(tmp_path, "faults: [{kind: silence, hospital: hospital-2}]")
    assert types(outcome)[0] == "accepted"
    assert outcome.as_expected
    assert report.judgement is Judgement.VALID


@pytest.mark.parametrize(
    ("protocol", "status"), [("majority", 1), ("scp", 3), ("pbft", 1)]
)  # SCP tries again and again until time is up
def test_a_coalition_without_a_quorum_is_undecided_or_stuck_and_writes_no_end(
    tmp_path: Path, protocol: str, status: int
) -> None:
    faults = (
        f"protocol: {{name: {protocol}}}\n"
        "faults: [{kind: crash, hospital: hospital-1, at: 0 s}, "
        "{kind: crash, hospital: hospital-2, at: 0 s}]"
    )
    outcome, report = run(tmp_path, faults)
    assert not outcome.as_expected
    assert outcome.exit_status == status
    assert types(outcome) == []
    assert report.judgement is Judgement.INCOMPLETE


def test_the_time_limit_leaves_termination_undecided(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, "time_limit: 100 ms")
    assert outcome.exit_status == 3
    assert [each.value for each in outcome.unexpected] == ["termination"]


def test_a_signal_stops_the_run_between_two_events(tmp_path: Path) -> None:
    asked = iter([None] * 60)
    outcome, report = run(tmp_path, stopped=lambda: next(asked, 2))
    assert outcome.stopped_by == 2
    assert outcome.exit_status == 130
    assert report.judgement in (Judgement.INCOMPLETE, Judgement.VALID)


@pytest.mark.parametrize(
    "attack",
    [
        "attack: nan",
        "attack: label-flip",
        "attack: gaussian, sigma: 50",
        "attack: sign-flip, factor: 50",
        "attack: scaling, factor: 1000",
    ],
)
def test_a_poisoned_candidate_is_refused_with_its_reasons(tmp_path: Path, attack: str) -> None:
    text = f"faults: [{{kind: poison, hospital: hospital-2, from_round: 2, {attack}}}]"
    outcome, report = run(tmp_path, text)
    assert types(outcome) == ["accepted", "rejected", "end"]
    assert sum(outcome.rounds[1].reject_reasons.values()) >= 2
    assert outcome.as_expected
    assert report.judgement is Judgement.VALID


def test_without_any_check_the_poison_gets_through_and_the_checker_says_so(tmp_path: Path) -> None:
    text = (
        "validation: {checks: []}\n"
        "faults: [{kind: poison, hospital: hospital-2, attack: label-flip}]\n"
        "expect: {containment: violated}"
    )
    outcome, report = run(tmp_path, text)
    assert outcome.as_expected
    assert report.judgement is Judgement.VALID  # an audit cannot see poison that was voted in


def test_every_changed_byte_beside_the_segments_is_found(tmp_path: Path) -> None:
    """Checkpoints and the guards against signing twice: in steps, from different offsets."""
    run(tmp_path)
    ledger = tmp_path / "run" / "ledger" / "hospital-2"
    (tmp_path / "run" / "run.json").unlink()
    files = [path for path in sorted(ledger.rglob("*")) if path.is_file()]
    beside = [path for path in files if path.suffix != ".seg" and path.stat().st_size]
    assert {path.name for path in beside} >= {"checkpoint", "signstate", "witness"}
    for number, path in enumerate(beside):
        whole = path.read_bytes()
        for offset in range(number % 13, len(whole), 199):
            changed = bytearray(whole)
            changed[offset] ^= 1 << offset % 8
            path.write_bytes(changed)
            report = audit_run(tmp_path / "run")
            assert report.exit_status == 1, (path.name, offset)
            assert report.findings[0].file == str(path.relative_to(tmp_path / "run"))
        path.write_bytes(whole)


# Messages that nobody honest sent


class Wire:
    """A coalition whose messages can be held up, changed and sent again."""

    def __init__(self, folder: Path, stack: ExitStack, text: str = "") -> None:
        self.scenario = parse(QUICK + text, "quick.yaml")
        self.coalition = found(self.scenario)
        self.refused: list[tuple[str, str]] = []
        self.seen: list[StatementMessage | UpdateMessage] = []
        self.folder = folder
        self.stack = stack

    def run(self, change: Callable[[Any], list[Any]]) -> Outcome:
        """Run with every message to hospital-3 replaced by what ``change`` makes of it."""
        directory = RunDirectory(self.folder / "run")
        directory.create("", {"replicas": None})
        original = Hospital._arrive
        refuse = Diary.refused
        wire = self

        def arrive(hospital: Any, sender: str, message: Any) -> None:
            is_target = hospital.instance == "hospital-3"
            known = isinstance(message, StatementMessage | UpdateMessage)
            for each in change(message) if is_target and known else [message]:
                original(hospital, sender, each)

        def refused(diary: Any, sender: NodeId, reason: str) -> None:
            wire.refused.append((diary._instance, reason))
            refuse(diary, sender, reason)

        patch = pytest.MonkeyPatch()
        self.stack.callback(patch.undo)
        patch.setattr(Hospital, "_arrive", arrive)
        patch.setattr(Diary, "refused", refused)
        return simulation.simulate(
            self.scenario, self.coalition, directory, lambda _: None, lambda: None
        )


def with_statement(message: Any, **changes: Any) -> Any:
    """The message with another statement under the old signature."""
    signed = message.signed
    statement = replace(signed.statement, **changes)
    return replace(message, signed=Signed(statement, signed.node, signed.signature))


def with_core(message: Any, **changes: Any) -> Any:
    draft = message.draft
    return replace(message, draft=replace(draft, core=replace(draft.core, **changes)))


def with_file(message: Any, file: bytes) -> Any:
    if not isinstance(message.draft.candidate, ModelCandidate):
        return message
    return replace(message, draft=replace(message.draft, file=file))


def is_proposal(message: Any) -> bool:
    return isinstance(message, StatementMessage) and isinstance(message.draft, Draft)


def is_a(kind: type) -> Callable[[Any], bool]:
    return lambda message: (
        isinstance(message, StatementMessage) and isinstance(message.signed.statement, kind)
    )


CHAFF = sha256(b"x")

FORGERIES: list[tuple[str, Callable[[Any], bool], Callable[[Any], Any], str]] = [
    ("verdict", is_a(Verdict), lambda m: with_statement(m, accept=False), "signature"),
    ("scores", is_a(Verdict), lambda m: with_statement(m, scores=()), "signature"),
    ("vote", is_a(Vote), lambda m: with_statement(m, value=sha256(b"x")), "signature"),
    ("nomination", is_a(Nominate), lambda m: with_statement(m, votes=()), "signature"),
    ("quorum set", is_a(Prepare), lambda m: with_statement(m, quorum_set=CHAFF), "signature"),
    ("commit", is_a(Prepare), lambda m: with_statement(m, commit_counter=1), "signature"),
    ("decision", is_a(Confirm), lambda m: with_statement(m, high_counter=9), "signature"),
    ("view", is_a(ViewCommit), lambda m: with_statement(m, view=1), "signature"),
    (
        "stranger",
        is_a(Vote),
        lambda m: replace(m, signed=replace(m.signed, node=NodeId("stranger"))),
        "node of the coalition",
    ),
    (
        "relabelled",
        is_a(Vote),
        lambda m: replace(m, signed=replace(m.signed, node=NodeId("hospital-4"))),
        "signature",
    ),
    (
        "negative score",
        is_a(Verdict),
        lambda m: with_statement(m, scores=(("global", -1),)),
        "signature",
    ),
    ("no draft", is_proposal, lambda m: replace(m, draft=None), "BAD_PROPOSAL"),
    ("future", is_proposal, lambda m: with_core(m, time_us=10**12), "a time of at most"),
    ("history", is_proposal, lambda m: with_core(m, prev=sha256(b"x")), "BAD_PREV"),
    ("type", is_proposal, lambda m: with_core(m, type=RecordType.END), "BAD_TYPE"),
    ("height", is_proposal, lambda m: with_core(m, height=9), "BAD_HEIGHT"),
    ("time", is_proposal, lambda m: with_core(m, time_us=m.draft.core.time_us - 1), "its draft"),
    ("no file", is_proposal, lambda m: with_file(m, b""), "safetensors"),
    ("another file", is_proposal, lambda m: with_file(m, model_bytes(1)), "the file"),
    (
        "updates",
        is_proposal,
        lambda m: replace(m, draft=replace(m.draft, attestations=())),
        "BAD_UPDATE",
    ),
    (
        "candidate",
        is_proposal,
        lambda m: replace(
            m, draft=replace(m.draft, candidate=replace(m.draft.candidate, global_score=1))
        ),
        "its core names",
    ),
]


@pytest.mark.parametrize(
    ("matches", "forge", "reason"),
    [each[1:] for each in FORGERIES],
    ids=[each[0] for each in FORGERIES],
)
def test_a_forged_message_is_refused_and_changes_nothing(
    tmp_path: Path, matches: Callable[[Any], bool], forge: Callable[[Any], Any], reason: str
) -> None:
    forged = []

    def change(message: Any) -> list[Any]:
        if not matches(message):
            return [message]
        forged.append(message)
        return [forge(message), message]

    for protocol in ("scp", "majority", "pbft"):  # a kind of message is not sent in all of them
        folder = tmp_path / protocol
        with ExitStack() as stack:
            wire = Wire(folder, stack, f"protocol: {{name: {protocol}}}\n")
            outcome = wire.run(change)
        if forged:
            break
    assert any(instance == "hospital-3" and reason in text for instance, text in wire.refused), (
        wire.refused
    )
    assert outcome.as_expected
    assert types(outcome) == ["accepted", "accepted", "end"]


def test_a_repeated_message_changes_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        wire = Wire(tmp_path, stack)
        outcome = wire.run(lambda m: [m, m])
    assert outcome.as_expected
    assert not wire.refused
    assert not outcome.accused


def test_an_update_that_is_not_what_its_author_signed_is_refused(tmp_path: Path) -> None:
    def forge(message: Any) -> list[Any]:
        if not isinstance(message, UpdateMessage):
            return [message]
        other = replace(message, delta=bytes(len(message.delta)))
        moved = replace(message, base=sha256(b"x"))
        short = replace(message, delta=message.delta[:-4])
        return [other, moved, short, message]

    with ExitStack() as stack:
        wire = Wire(tmp_path, stack)
        text = QUICK.replace("epochs: 2", "epochs: 2, scheme: fedavg").replace(
            "rounds: 2", "rounds: 3"
        )
        wire.scenario = parse(text, "quick.yaml")
        wire.coalition = found(wire.scenario)
        outcome = wire.run(forge)
    reasons = " ".join(reason for _, reason in wire.refused)
    for expected in ("BAD_UPDATE", "signature", "bytes"):
        assert expected in reasons
    assert outcome.as_expected


def test_a_message_for_a_later_slot_waits_until_it_is_open(tmp_path: Path) -> None:
    held: list[Any] = []

    def delay(message: Any) -> list[Any]:
        """Hold everything of slot 1 back until something of slot 2 has come."""
        if message.slot == 1 and not any(each.slot == 2 for each in held):
            held.append(message)
            return []
        if message.slot == 2 and not any(each.slot == 2 for each in held):
            first = [message, *held]
            held.append(message)
            return first
        return [message]

    with ExitStack() as stack:
        outcome = Wire(tmp_path, stack).run(delay)
    assert outcome.as_expected


def test_simulated_time_is_whole_microseconds(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path)
    assert all(isinstance(row.decided_us, int) for row in outcome.rounds)
    assert isinstance(simpy.Environment().now, int)
