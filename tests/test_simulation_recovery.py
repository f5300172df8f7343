"""Crashes and recoveries in the full engine: what comes back is what the disk holds, and it binds.

A crash at a time comes before everything else that happens at that time, so a crash one microsecond
after an event falls between what was signed there and its being sent.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from consensus.forensics import convict
from consensus.statements import Statement, Vote
from crypto.digest import sha256
from crypto.envelope import Signed
from crypto.identity import NodeId
from ledger.audit import Judgement
from scenarios.errors import ScenarioError
from scenarios.simulation.hospital import Hospital
from scenarios.simulation.inbox import Inbox
from scenarios.simulation.wire import StatementMessage
from tests.engine import PROTOCOLS, Run, check_harmless, crash, crash_after, faults, run, spoken

SWEEP_COUNT = 25
"""Crash times that are tried with each protocol."""
SOON_US = 100_000
LATE_US = 20_000_000

PLEDGES = [
    ("scp", "nominate"),
    ("scp", "prepare"),
    ("scp", "confirm"),
    ("scp", "externalize"),
    ("majority", "verdict"),
    ("majority", "vote"),
    ("pbft", "pre-prepare"),
    ("pbft", "view-prepare"),
    ("pbft", "view-commit"),
]
"""What binds, by protocol: the kinds of statements after which a hospital crashes."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The run of each protocol in which nothing fails."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return {name: run(folder / name, protocol={"name": name}) for name in PROTOCOLS}


def first(undisturbed: Run, event: str, hospital: str | None = None) -> dict[str, Any]:
    return undisturbed.lines(event, hospital)[0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_crash_at_any_time_costs_nothing_but_time(
    tmp_path: Path, undisturbed: dict[str, Run], protocol: str
) -> None:
    times = sorted({line["time_us"] for line in undisturbed[protocol].trace})
    for number in range(SWEEP_COUNT):
        at_us = times[number * len(times) // SWEEP_COUNT] + number % 2
        hospital = f"hospital-{number % 4 + 1}"
        back_us = at_us + (SOON_US if number % 3 else LATE_US)
        found = run(
            tmp_path / f"{number}-{hospital}-{at_us}",
            protocol={"name": protocol},
            faults=[crash(hospital, at_us, back_us)],
        )
        check_harmless(found)
        heads = {row.chain_head for row in found.outcome.instances}
        assert len(heads) == 1, (hospital, at_us)
        assert found.types[-1] == "end"


@pytest.mark.parametrize(("protocol", "kind"), PLEDGES)
def test_what_was_signed_before_a_crash_binds_after_it(
    tmp_path: Path,
    undisturbed: dict[str, Run],
    monkeypatch: pytest.MonkeyPatch,
    protocol: str,
    kind: str,
) -> None:
    """It is signed and not yet sent; only the disk remembers it, and it is what is sent after."""
    line = first(undisturbed[protocol], kind)
    hospital = line["at"]
    crashed = crash_after(monkeypatch, hospital, kind, SOON_US)
    said = spoken(monkeypatch)
    found = run(tmp_path, protocol={"name": protocol})
    check_harmless(found)
    assert convict(said) == {}
    assert crashed == [line["time_us"] + 1]
    sent = [
        each["time_us"]
        for each in found.lines("send", hospital)
        if (each["kind"], each["slot"]) == (kind, line["slot"])
    ]
    decided = kind == "externalize"  # the block was on the disk by then
    assert sent[:2] == [line["time_us"], *([] if decided else [crashed[0] + SOON_US])]


def test_a_hospital_knows_what_its_disk_holds_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disk is emptied while it is down: it comes back at the genesis, and is told the rest."""
    folder = tmp_path / "run" / "ledger" / "hospital-2"
    original = Hospital._crash

    def crash_and_lose(hospital: Hospital) -> None:
        original(hospital)
        shutil.rmtree(folder)

    monkeypatch.setattr(Hospital, "_crash", crash_and_lose)
    crash_after(monkeypatch, "hospital-2", "append", SOON_US * 40, number=1)
    found = run(tmp_path)
    assert first(found, "recover")["height"] == 0
    assert first(found, "catch-up")["height"] == 3
    # The checker stands outside and sees it record height 1 a second time.
    broken = [name for name, verdict in found.verdicts.items() if verdict != "held"]
    assert broken == ["chain"]


def test_a_crash_leaves_nothing_of_what_came_too_early() -> None:
    inbox = Inbox()
    vote: Statement = Vote(7, sha256(b"x"))
    assert inbox.keep(StatementMessage(Signed(vote, NodeId("hospital-1"), b""), None, 1))
    assert inbox.latest_slot == 7
    inbox.clear()
    assert (inbox.latest_slot, inbox.take(7)) == (0, [])


@pytest.mark.parametrize("height", [0, 1, 2])
def test_a_hospital_comes_back_at_the_height_of_its_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, height: int
) -> None:
    event, number = ("append", height - 1) if height else ("verdict", 0)
    crash_after(monkeypatch, "hospital-3", event, SOON_US, number=number)
    found = run(tmp_path)
    assert first(found, "recover")["height"] == height
    check_harmless(found)


# Leaders


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_leader_that_crashes_while_it_trains_trains_again(
    tmp_path: Path, undisturbed: dict[str, Run], protocol: str
) -> None:
    at_us = first(undisturbed[protocol], "proposal")["time_us"] // 2
    found = run(
        tmp_path,
        protocol={"name": protocol},
        faults=[crash("hospital-1", at_us, at_us + SOON_US)],
    )
    check_harmless(found)
    assert found.types == ["accepted", "accepted", "end"]
    proposal = first(found, "proposal", "hospital-1")
    assert proposal["candidate"] == first(undisturbed[protocol], "proposal")["candidate"]
    assert proposal["time_us"] > at_us + SOON_US


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_leader_that_crashes_after_its_proposal_gets_its_own_draft_back(
    tmp_path: Path, undisturbed: dict[str, Run], protocol: str
) -> None:
    """One of four is silent, so that nothing is accepted without the leader's own verdict."""
    line = first(undisturbed[protocol], "proposal")
    at_us = first(undisturbed[protocol], "verdict", "hospital-1")["time_us"]  # not yet given
    found = run(
        tmp_path,
        protocol={"name": protocol},
        faults=[
            crash("hospital-1", at_us, at_us + SOON_US),
            *faults("{kind: silence, hospital: hospital-4}"),
        ],
    )
    check_harmless(found)
    assert [each["time_us"] for each in found.lines("proposal", "hospital-1")] == [line["time_us"]]
    verdict = first(found, "verdict", "hospital-1")
    assert verdict["accept"]
    assert verdict["time_us"] > at_us + SOON_US
    assert found.types == ["accepted", "accepted", "end"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_proposal_that_was_signed_and_never_sent_costs_its_round_only(
    tmp_path: Path, undisturbed: dict[str, Run], protocol: str
) -> None:
    """The draft is lost; its leader gives the round up as the others do, or they lack a quorum."""
    at_us = first(undisturbed[protocol], "proposal")["time_us"] + 1
    found = run(
        tmp_path,
        protocol={"name": protocol},
        faults=[
            crash("hospital-1", at_us, at_us + SOON_US),
            *faults("{kind: silence, hospital: hospital-4}"),
        ],
    )
    check_harmless(found)
    assert found.types == ["rejected", "accepted", "end"]
    assert set(found.outcome.rounds[0].reject_reasons) == {"deadline"}


def test_a_contributor_that_crashes_signs_the_same_update_again(tmp_path: Path) -> None:
    text = "training: {epochs: 1, scheme: fedavg}"
    whole = run(tmp_path / "whole", text)
    sent_us = first(whole, "verdict", "hospital-3")["time_us"] - 30_000
    found = run(tmp_path / "crash", text, faults=[crash("hospital-3", sent_us, sent_us + SOON_US)])
    check_harmless(found)
    assert all(len(row.authors) >= 3 for row in found.outcome.rounds if row.authors)


def test_what_was_trained_ahead_is_lost_in_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed = crash_after(monkeypatch, "hospital-2", "verdict", SOON_US)
    found = run(tmp_path, "training: {epochs: 1, pipeline: true}")
    assert crashed
    check_harmless(found)
    assert found.types == ["accepted", "accepted", "end"]


# Together with other faults


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_two_of_four_crash_at_once_and_the_run_goes_on_when_they_are_back(
    tmp_path: Path, undisturbed: dict[str, Run], protocol: str
) -> None:
    times = [line["time_us"] for line in undisturbed[protocol].lines("verdict")]
    crashes = [crash("hospital-1", times[2], LATE_US), crash("hospital-2", times[2], LATE_US + 1)]
    found = run(tmp_path, protocol={"name": protocol}, faults=crashes)
    check_harmless(found)
    assert found.outcome.time_us > LATE_US


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_hospital_that_comes_back_cut_off_catches_up_when_the_network_heals(
    tmp_path: Path, protocol: str, drop: bool
) -> None:
    groups = [["hospital-2"], ["hospital-1", "hospital-3", "hospital-4"]]
    cut = {"kind": "partition", "groups": groups, "start": "0.1 s", "heal": "9 s", "drop": drop}
    found = run(
        tmp_path,
        protocol={"name": protocol},
        faults=[crash("hospital-2", 50_000, 1_000_000), cut],
    )
    check_harmless(found)
    assert found.lines("append", "hospital-2")[-1]["time_us"] >= 9_000_000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_twin_recovers_with_its_hospital_and_convicts_nobody_else(
    tmp_path: Path, undisturbed: dict[str, Run], protocol: str
) -> None:
    at_us = undisturbed[protocol].lines("verdict")[2]["time_us"]
    found = run(
        tmp_path,
        protocol={"name": protocol},
        faults=[
            *faults("{kind: twin, hospital: hospital-4}"),
            crash("hospital-4", at_us, at_us + SOON_US),
        ],
    )
    assert set(found.verdicts.values()) == {"held"}, found.verdicts
    assert set(found.outcome.accused) <= {"hospital-4"}
    assert {line["at"] for line in found.lines("recover")} == {"hospital-4", "hospital-4/twin"}
    assert not found.report.findings
    assert found.report.judgement in (Judgement.VALID, Judgement.INCOMPLETE)


@pytest.mark.parametrize("recover_us", [0, 9, 10])
def test_a_recovery_that_is_not_after_the_crash_is_a_sentence(
    tmp_path: Path, recover_us: int
) -> None:
    with pytest.raises(ScenarioError, match="expected a time after 'at', or never"):
        run(tmp_path, faults=[crash("hospital-1", 10, recover_us)])
