"""Whole trials: honest ones, silence, crashes, healing, late comers, colluders, and determinism."""

import gc
import json
import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import pytest

from consensus.errors import CertificateError
from consensus.quorum import QuorumSet, majority_of
from consensus.statements import Vote
from crypto.digest import Digest
from crypto.identity import NodeId
from scenarios.findings import Status
from scenarios.schema import Scenario
from scenarios.schema_network import NetworkSection
from scenarios.schema_sections import Protocol
from scenarios.trials.certificates import Evidence, check
from scenarios.trials.checker import Property
from scenarios.trials.run import TrialOutcome, run_trial
from scenarios.trials.trial import PROTOCOLS, Trial, Verdicts, trial_of
from scenarios.trials.values import values_of
from scenarios.trials.wire import Certificate
from tests.trials import (
    MINUTE_US,
    VOTING,
    coalition,
    faults,
    names,
    organisations,
    run,
    silent,
    status,
    threshold,
    violated,
)

LOSSY = NetworkSection.model_validate({"loss": "20 %", "retransmit": "never"})
A, B = values_of(1).accepted, values_of(1).rejected


def heights(outcome: TrialOutcome) -> set[int]:
    return {len(decisions) for decisions in outcome.decisions.values()}


@pytest.mark.parametrize("mode", ["bare", "judged"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_an_honest_trial_holds_everything(count: int, protocol: Protocol, mode: str) -> None:
    trial = Trial(coalition(count), protocol, slots=3, seed=count)
    outcome = run(replace(trial, mode="judged" if mode == "judged" else "bare"))
    assert all(finding.status is Status.HELD for finding in outcome.findings.values())
    assert heights(outcome) == {3}
    expected = [values_of(slot).accepted for slot in (1, 2, 3)]
    for decisions in outcome.decisions.values():
        assert [each.value for each in decisions] == expected
    assert [each.slot for each in outcome.latencies] == [1, 2, 3]
    assert all(each.last_us is not None for each in outcome.latencies)
    assert outcome.culprits == outcome.faulty == frozenset()


@pytest.mark.parametrize("protocol", VOTING)
@pytest.mark.parametrize("count", [4, 7, 10, 13])
def test_a_flat_coalition_lives_with_n_minus_t_silent_and_not_with_more(
    count: int, protocol: Protocol
) -> None:
    sets = coalition(count)
    spare = count - threshold(sets)
    for gone, expected in ((spare, Status.HELD), (spare + 1, Status.UNDECIDED)):
        for hospitals in (names(count)[:gone], names(count)[-gone:]):
            trial = Trial(sets, protocol, faults=silent(hospitals), time_limit_us=2 * MINUTE_US)
            outcome = run(trial)
            assert status(outcome, Property.TERMINATION) is expected
            assert violated(outcome) == []


@pytest.mark.parametrize("protocol", VOTING)
def test_two_levels_live_until_organisations_are_blocked(protocol: Protocol) -> None:
    sets = organisations(3, 4, 2, 3)  # blocked by (4 - 3 + 1)(3 - 2 + 1) = 4
    halting = [NodeId(each) for each in ("o1-a", "o1-b", "o2-a", "o2-b")]
    spread = [NodeId(f"o{number}-a") for number in (1, 2, 3, 4)]
    one_gone = [NodeId(each) for each in ("o1-a", "o1-b", "o1-c", "o2-a")]
    for gone, expected in (
        (halting, Status.UNDECIDED),
        (halting[:3], Status.HELD),
        (spread, Status.HELD),
        (one_gone, Status.HELD),
    ):
        trial = Trial(sets, protocol, faults=silent(gone), time_limit_us=2 * MINUTE_US)
        assert status(run(trial), Property.TERMINATION) is expected


def test_without_its_authority_nothing_is_decided() -> None:
    outcome = run(
        Trial(coalition(4), "authority", faults=silent(names(1)), time_limit_us=MINUTE_US)
    )
    assert status(outcome, Property.TERMINATION) is Status.UNDECIDED
    assert all(not outcome.decisions[hospital] for hospital in names(4)[1:])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_hospital_that_crashed_stands_by_its_word_and_catches_up(protocol: Protocol) -> None:
    crash = {"kind": "crash", "hospital": "h03", "at": "60 ms", "recover": "8 s"}
    for seed in range(10):
        trial = Trial(coalition(4), protocol, faults=faults(crash), seed=seed, slots=4)
        outcome = run(replace(trial, mode="judged", time_limit_us=MINUTE_US))
        assert all(each.status is Status.HELD for each in outcome.findings.values())
        assert heights(outcome) == {4}
        assert outcome.decisions["h03"][-1].time_us > 8_000_000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_all_hospitals_may_crash_one_after_the_other(protocol: Protocol) -> None:
    crashes = faults(
        *(
            {
                "kind": "crash",
                "hospital": hospital,
                "at": f"{50 * number + 10} ms",
                "recover": f"{50 * number + 2000} ms",
            }
            for number, hospital in enumerate(names(4))
        )
    )
    for seed in range(10):
        trial = Trial(coalition(4), protocol, faults=crashes, seed=seed, slots=2)
        outcome = run(replace(trial, time_limit_us=10 * MINUTE_US))
        assert violated(outcome) == []
        assert heights(outcome) == {2}


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_after_a_partition_heals_everybody_decides_the_same(protocol: Protocol, drop: bool) -> None:
    cut = {"kind": "partition", "groups": [["h01", "h02"], ["h03", "h04"]], "heal": "5 s"}
    for seed in range(10):
        trial = Trial(coalition(4), protocol, faults=faults({**cut, "drop": drop}), seed=seed)
        outcome = run(replace(trial, slots=3, mode="judged", time_limit_us=5 * MINUTE_US))
        assert all(each.status is Status.HELD for each in outcome.findings.values())
        assert heights(outcome) == {3}
        if protocol != "authority":
            assert outcome.latencies[0].first_us > 5_000_000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_messages_that_get_lost_are_said_again_until_all_have_decided(protocol: Protocol) -> None:
    for seed in range(10):
        outcome = run(Trial(coalition(7), protocol, LOSSY, seed=seed, slots=3))
        assert all(each.status is Status.HELD for each in outcome.findings.values())
        assert heights(outcome) == {3}


def test_a_hospital_far_behind_gets_a_certificate_for_each_slot() -> None:
    cut = {
        "kind": "partition",
        "groups": [["h01", "h02", "h03"], ["h04"]],
        "heal": "20 s",
        "drop": True,
    }
    for protocol in VOTING:
        trial = Trial(coalition(4), protocol, faults=faults(cut), slots=20, seed=1)
        outcome = run(trial)
        assert violated(outcome) == []
        assert heights(outcome) == {20}
        first, last = outcome.decisions["h04"][0].time_us, outcome.decisions["h04"][-1].time_us
        assert 20_000_000 < first <= last < 23_000_000


@pytest.mark.parametrize(
    ("votes", "sentence"),
    [
        ([("h01", A), ("h02", A)], "expected a quorum, found none"),
        ([("h01", A), ("h02", A), ("h02", A)], "expected each voter once"),
        ([("h01", A), ("h02", A), ("h03", B)], "expected one value"),
        ([("h01", A), ("h02", A), ("h09", A)], "expected a quorum, found none among h01, h02, h09"),
    ],
)
def test_a_certificate_is_checked_and_never_believed(
    votes: list[tuple[str, Digest]], sentence: str
) -> None:
    statements = tuple((NodeId(node), Vote(1, value)) for node, value in votes)
    with pytest.raises(CertificateError, match=sentence):
        check(Certificate(1, A, statements, 0), "majority", NodeId("h04"), coalition(4))


def test_a_certificate_of_another_protocol_or_slot_is_refused() -> None:
    votes = tuple((node, Vote(1, A)) for node in names(3))
    check(Certificate(1, A, votes, 0), "majority", NodeId("h04"), coalition(4))
    for slot, protocol in ((2, "majority"), (1, "pbft")):
        with pytest.raises(CertificateError, match="expected what decides slot"):
            check(Certificate(slot, A, votes, 0), protocol, NodeId("h04"), coalition(4))


def test_evidence_is_kept_for_a_bounded_number_of_slots() -> None:
    evidence = Evidence("majority")
    for slot in range(1, 1500):
        for node in names(3):
            evidence.take(node, Vote(slot, A))
    assert evidence.certificate(1, A, NodeId("h01"), coalition(4)) is None
    assert evidence.certificate(1499, A, NodeId("h01"), coalition(4)) is not None


def test_colluders_below_a_quorum_do_not_get_a_poisoned_candidate_accepted() -> None:
    poison = {"kind": "poison", "hospital": "h01", "attack": "sign-flip"}
    rejected, accepted = values_of(1).rejected, values_of(1).accepted
    for liar_count, expected in ((0, rejected), (1, rejected), (4, rejected), (5, accepted)):
        liars = names(7)[1 : liar_count + 1]
        said = [poison]
        if liars:
            said.append({"kind": "collude", "hospitals": ["h01", *liars]})  # type: ignore[dict-item]  # a list, as in a file
        trial = Trial(coalition(7), "majority", faults=faults(*said), mode="judged", seed=5)
        outcome = run(replace(trial, time_limit_us=MINUTE_US))
        honest = [each for each in names(7) if each not in outcome.lying]
        values = {outcome.decisions[each][0].value for each in honest}
        if liar_count < 4:
            assert values == {expected}
        else:
            assert accepted in values or liar_count == 4


def test_hospitals_judge_by_chance_with_the_given_probability() -> None:
    def accepted(ppm: int) -> int:
        count = 0
        for seed in range(40):
            trial = Trial(coalition(4), "majority", seed=seed, mode="judged")
            outcome = run(replace(trial, verdicts=Verdicts(good_ppm=ppm)))
            count += outcome.decisions["h01"][0].value == values_of(1).accepted
        return count

    assert accepted(0) == 0
    assert accepted(1_000_000) == 40
    assert 0 < accepted(600_000) < 40


def test_a_scenario_becomes_a_trial_with_its_split_expanded() -> None:
    said = {
        "scenario": "x",
        "hospitals": 5,
        "rounds": 2,
        "seed": 9,
        "signature": "Ed25519",
        "protocol": {"name": "majority", "rule": "majority", "round_timeout": "3 s"},
        "faults": [{"kind": "split"}],
    }
    trial = trial_of(Scenario.model_validate(said))
    assert trial.hospitals == tuple(f"hospital-{number}" for number in range(1, 6))
    assert set(trial.quorum_sets.values()) == {majority_of(trial.hospitals)}
    assert (trial.protocol, trial.mode, trial.slots, trial.seed) == ("majority", "judged", 2, 9)
    assert trial.signature_bytes == 64
    assert trial.waits.view_us == trial.waits.ballot_us == 3_000_000
    assert [fault.kind for fault in trial.faults] == ["twin", "partition"]
    assert Property.AGREEMENT in violated(run(replace(trial, time_limit_us=MINUTE_US)))


def test_a_hospital_that_nobody_trusts_waits_for_nobody_and_needs_nobody() -> None:
    lonely = NodeId("h05")
    sets = {**coalition(4), lonely: QuorumSet(1, (lonely,))}
    outcome = run(Trial(sets, "majority", seed=2))
    assert heights(outcome) == {1}


SCRIPT = """
import json, sys
from scenarios.trials.text import from_text
from scenarios.trials.minimise import trace_lines
lines, outcome = trace_lines(from_text(sys.argv[1]))
said = {name: [(d.slot, d.value.hex(), d.time_us) for d in each]
        for name, each in outcome.decisions.items()}
findings = {str(which): finding.reason for which, finding in outcome.findings.items()}
print(json.dumps([lines, said, findings, outcome.event_count, outcome.size_bytes,
                  sorted(outcome.culprits)]))
"""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_trial_is_the_same_in_two_processes_with_other_hashes(protocol: Protocol) -> None:
    from scenarios.trials.text import to_text

    said = faults(
        {"kind": "twin", "hospital": "h02"},
        {"kind": "mutate", "hospital": "h03", "probability": 0.5},
        {"kind": "partition", "groups": [["h01", "h02"], ["h04", "h02/twin"]], "heal": "1 s"},
    )
    trial = Trial(coalition(5), protocol, LOSSY, said, 11, 2, MINUTE_US, mode="judged")
    outputs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT, to_text(trial)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    outcome = run_trial(trial)
    assert json.loads(outputs[0])[3:] == [
        outcome.event_count,
        outcome.size_bytes,
        sorted(outcome.culprits),
    ]


def test_a_trial_needs_no_torch() -> None:
    script = "import sys, scenarios.trials.run; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_memory_does_not_grow_from_trial_to_trial() -> None:
    trial = Trial(coalition(4), "scp")
    run_trial(trial)
    gc.collect()
    tracemalloc.start()
    try:
        for seed in range(20):
            run_trial(replace(trial, seed=seed))
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for seed in range(60):
            run_trial(replace(trial, seed=seed))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000
