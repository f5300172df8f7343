"""The checker sees what is wrong: event by event, and in whole trials of nodes with bugs put in."""

from dataclasses import replace

import pytest

import scenarios.trials.peer as shell
from consensus.messages import Recall
from consensus.statements import Ballot, Confirm, Prepare, Verdict, ViewCommit, Vote
from consensus.trust import Trust
from crypto.digest import sha256
from crypto.identity import NodeId
from scenarios.adversaries import plan_split
from scenarios.findings import Status
from scenarios.trials.checker import Checker, Property
from scenarios.trials.run import run_trial
from scenarios.trials.trial import Trial, Waits
from tests.trials import MINUTE_US, VOTING, coalition, faults, violated

A, B, SET = (sha256(text) for text in (b"a", b"b", b"set"))


def checker(slots: int = 1) -> tuple[Checker, list[str]]:
    done: list[str] = []
    honest = {"h01", "h02"}
    return Checker(honest, honest, {"h02"}, slots, lambda: done.append("done")), done


def broken(watch: Checker) -> list[Property]:
    findings = watch.findings(blocked=False, quiet=False)
    return [which for which in findings if findings[which].status is Status.VIOLATED]


def test_two_honest_instances_that_decide_differently_break_agreement() -> None:
    watch, _ = checker()
    for instance, value in (("h01", A), ("liar", B), ("h02", B)):
        watch.justified("h01", 1, value)
        watch.decided(instance, 1, value, 7)
    finding = watch.findings(blocked=False, quiet=False)[Property.AGREEMENT]
    assert (finding.status, finding.time_us) == (Status.VIOLATED, 7)
    assert "in slot 1 h01 decided" in finding.reason
    assert [(fork.slot, fork.first, fork.second) for fork in watch.forks] == [(1, A, B)]


def test_a_value_that_only_a_liar_justified_breaks_validity() -> None:
    watch, _ = checker()
    watch.justified("liar", 1, A)
    watch.decided("h01", 1, A, 0)
    assert broken(watch) == [Property.VALIDITY]


def test_a_slot_is_decided_once() -> None:
    watch, _ = checker()
    for value in (A, A, B):
        watch.justified("h01", 1, value)
        watch.decided("h01", 1, value, 0)
    assert broken(watch) == [Property.AGREEMENT, Property.SINGLE_DECISION]


def test_an_honest_instance_that_contradicts_itself_is_seen_and_a_liar_is_not() -> None:
    watch, _ = checker()
    for instance in ("liar", "h01"):
        assert broken(watch) == []
        watch.said(instance, ViewCommit(1, 0, A), 0)
        watch.said(instance, ViewCommit(1, 0, B), 0)
    assert broken(watch) == [Property.CONSISTENCY]
    assert watch.inconsistent == {"h01"}


def test_a_commit_is_accepted_only_after_a_prepare() -> None:
    confirm = Confirm(1, SET, Ballot(1, A), 1, 1, 1)
    watch, _ = checker()
    watch.said("h02", confirm, 0)  # a quorum by itself
    assert broken(watch) == []
    watch.said("h01", confirm, 0)
    assert broken(watch) == [Property.COMMIT_AFTER_PREPARE]
    watch, _ = checker()
    watch.said("h02", Prepare(1, SET, Ballot(1, A), Ballot(1, A), None, 1, 1), 0)
    watch.said("h01", confirm, 0)
    assert broken(watch) == []


def test_termination_has_three_values() -> None:
    watch, done = checker(slots=2)
    watch.justified("h01", 1, A)
    watch.justified("h01", 2, A)
    for instance, slot in (("h01", 1), ("h02", 1), ("h01", 2)):
        watch.decided(instance, slot, A, 0)
    for blocked, quiet, expected in (
        (True, True, Status.UNDECIDED),
        (False, True, Status.VIOLATED),
        (False, False, Status.UNDECIDED),
    ):
        found = watch.findings(blocked=blocked, quiet=quiet)[Property.TERMINATION]
        assert found.status is expected
        assert "h02 and 0 more" in found.reason
    assert done == []
    watch.decided("h02", 2, A, 0)
    assert done == ["done"]
    assert broken(watch) == []
    found = watch.findings(blocked=False, quiet=True)[Property.TERMINATION]
    assert found.status is Status.HELD


def test_statements_are_kept_for_a_bounded_number_of_slots() -> None:
    watch, _ = checker()
    for slot in range(1, 1500):
        watch.said("h01", Vote(slot, A), 0)
    assert len(watch.said_by) == 1000


def amnesia() -> Trial:
    """h03 says its verdict, crashes, and is needed for a decision when it is back."""
    said = faults(
        {"kind": "silence", "hospital": "h04"},
        {"kind": "crash", "hospital": "h03", "at": "60 ms", "recover": "3 s"},
    )
    trial = Trial(coalition(4), "majority", faults=said, seed=1, mode="judged")
    waits = Waits(rebroadcast_us=MINUTE_US)  # nobody tells it again of the candidate before
    return replace(trial, time_limit_us=5 * MINUTE_US, waits=waits)


def test_a_hospital_that_keeps_its_sign_state_stands_by_its_verdict() -> None:
    for protocol in VOTING:
        assert violated(run_trial(replace(amnesia(), protocol=protocol))) == []


def test_a_hospital_that_forgets_its_sign_state_contradicts_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shell, "Recall", lambda _: Recall(()))
    outcome = run_trial(amnesia())
    assert Property.CONSISTENCY in violated(outcome)
    assert outcome.wrongly_convicted == {"h03"}
    reason = outcome.findings[Property.CONSISTENCY].reason
    assert reason.startswith("h03 said verdict: two ")


def test_counting_heads_in_the_place_of_slices_forks_below_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def most(self: Trust, node: NodeId, members: int) -> bool:
        del node
        return 2 * members.bit_count() > len(self.nodes)

    liars = plan_split(coalition(7), 1, deletion=False)
    assert not liars.possible
    trial = Trial(coalition(7), "majority", faults=liars.faults, time_limit_us=MINUTE_US)
    assert violated(run_trial(trial)) == []
    monkeypatch.setattr(Trust, "convinces", most)
    assert violated(run_trial(trial)) == [Property.AGREEMENT]


def test_a_verdict_is_one_word_in_a_slot() -> None:
    watch, _ = checker()
    watch.said("h01", Verdict(1, A, True, "ok", ()), 0)
    watch.said("h01", Verdict(1, A, False, "local-score", ()), 3)
    finding = watch.findings(blocked=False, quiet=False)[Property.CONSISTENCY]
    assert finding.time_us == 3
