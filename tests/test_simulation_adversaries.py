"""Liars in the full engine: below the bound nothing forks, and nobody honest is ever accused."""

from pathlib import Path
from typing import Any

import pytest

from consensus.forensics import convict
from ledger.audit import Judgement
from ledger.evidence import check_evidence
from scenarios.adversaries.conduct import faulty_hospitals
from scenarios.replay import audit_by_replay
from scenarios.schema import Scenario
from tests.engine import PROTOCOLS, faults, run, spoken

BELOW: dict[str, tuple[int, list[str]]] = {
    "two-faced verdicts": (4, ["{kind: equivocate, hospital: hospital-2, what: verdict}"]),
    "two-faced statements": (4, ["{kind: equivocate, hospital: hospital-2}"]),
    "two-faced leader": (5, ["{kind: equivocate, hospital: hospital-1, until_round: 1}"]),
    "false slices": (4, ["{kind: slices, hospital: hospital-4}"]),
    "false slices to some": (4, ["{kind: slices, hospital: hospital-4, to: [hospital-1]}"]),
    "accepts all": (
        4,
        [
            "{kind: bias, hospital: hospital-3, verdict: accept}",
            "{kind: poison, hospital: hospital-2, attack: nan, from_round: 2}",
        ],
    ),
    "rejects all": (4, ["{kind: bias, hospital: hospital-3, verdict: reject}"]),
    "collusion": (
        4,
        [
            "{kind: collude, hospitals: [hospital-2]}",
            "{kind: poison, hospital: hospital-2, attack: nan}",
        ],
    ),
    "mutations": (4, ["{kind: mutate, hospital: hospital-1, probability: 100 %}"]),
    "rare mutations": (5, ["{kind: mutate, hospital: hospital-3, probability: 30 %}"]),
    "split below the bound": (4, ["{kind: split, faulty: 1}"]),
    "firewall": (
        4,
        [
            "{kind: firewall, senders: [hospital-1], receivers: [hospital-2], until_round: 1}",
            "{kind: firewall, senders: [hospital-3], receivers: [hospital-4], until_round: 2}",
        ],
    ),
    "delay": (4, ["{kind: delay, hospital: hospital-1, extra: 2 s, until_round: 1}"]),
    "twin": (4, ["{kind: twin, hospital: hospital-1}"]),
    "twin and false slices": (
        5,
        ["{kind: twin, hospital: hospital-5}", "{kind: slices, hospital: hospital-5}"],
    ),
    "silent liar": (
        5,
        [
            "{kind: silence, hospital: hospital-2, from_round: 2}",
            "{kind: mutate, hospital: hospital-2, probability: 50 %, until_round: 1}",
        ],
    ),
}
"""Adversaries below the bound, each with the number of hospitals."""

MAY_STOP = {
    *((protocol, "split below the bound") for protocol in PROTOCOLS),  # one side is cut off
    ("majority", "firewall"),
    ("majority", "two-faced statements"),
    ("majority", "two-faced leader"),
    ("majority", "mutations"),
    ("majority", "rare mutations"),
    ("majority", "twin"),
    ("majority", "two-faced verdicts"),
}
"""Where the cut never heals; and where votes split: one each, and no ballot to try again."""


def liars(scenario_faults: list[Any]) -> set[str]:
    """Who was made faulty; of a split, whoever is twinned in the end."""
    named = Scenario.model_validate({"scenario": "x", "hospitals": 5, "faults": scenario_faults})
    if any(each["kind"] == "split" for each in scenario_faults):
        return {"hospital-3", "hospital-4"}
    return set(faulty_hospitals(named.faults))


@pytest.mark.parametrize("name", BELOW)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_below_the_bound_nothing_forks_and_nobody_honest_is_accused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str, name: str
) -> None:
    hospital_count, lines = BELOW[name]
    made = faults(*lines)
    said = spoken(monkeypatch)
    found = run(
        tmp_path,
        hospitals=hospital_count,
        protocol={"name": protocol, "catch_up": "500 ms"},
        time_limit="30 s",
        faults=made,
    )
    verdicts = found.verdicts
    for invariant in ("agreement", "chain", "accountability", "containment"):
        assert verdicts[invariant] == "held", found.outcome.findings
    if (protocol, name) not in MAY_STOP:
        assert verdicts["termination"] == "held", found.outcome.findings
    faulty = liars(made)
    assert set(found.outcome.accused) <= faulty
    assert set(convict(said)) <= faulty
    assert not found.report.findings
    assert found.report.judgement in (Judgement.VALID, Judgement.INCOMPLETE)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_at_the_bound_the_chain_forks_and_the_audit_names_the_twins(
    tmp_path: Path, protocol: str
) -> None:
    found = run(tmp_path, protocol={"name": protocol}, faults=faults("{kind: split}"))
    assert found.verdicts["agreement"] == "violated"
    assert found.verdicts["chain"] == "held"  # each honest replica by itself
    assert found.verdicts["accountability"] == "held"
    twinned = {
        row.instance[: -len("/twin")] for row in found.outcome.instances if "/" in row.instance
    }
    forks = [each for each in found.report.findings if each.code == "FORK"]
    assert found.report.findings == tuple(forks) != ()
    culprits = {culprit for each in forks for culprit in each.culprits}
    if protocol != "pbft":
        assert culprits == twinned
        return
    # Decided in two views, of which two certificates alone convict nobody: they name whom to ask.
    assert culprits == set()
    suspects = f"{', '.join(sorted(twinned))} committed both in different views"
    for fork in found.report.forks:
        assert suspects in check_evidence(fork, found.coalition.genesis).explanation


def test_an_audit_that_judges_again_names_who_accepted_for_each_other(tmp_path: Path) -> None:
    """Three of four, a quorum, collude: what one poisons is accepted, and agreed upon."""
    colluding = ("hospital-2", "hospital-3", "hospital-4")
    found = run(
        tmp_path,
        protocol={"name": "scp"},
        faults=faults(
            f"{{kind: collude, hospitals: [{', '.join(colluding)}]}}",
            "{kind: poison, hospital: hospital-2, attack: sign-flip, factor: 20, from_round: 2}",
        ),
    )
    assert found.types == ["accepted", "accepted", "end"]
    assert found.verdicts["agreement"] == found.verdicts["chain"] == "held"
    assert found.verdicts["containment"] == "violated"
    assert not found.report.findings  # whoever cannot judge again sees nothing
    report = audit_by_replay(found.folder, "L4")
    assert {each.code for each in report.findings} == {"VERDICT_DIFFERS"}
    assert {each.height for each in report.findings} == {2}
    assert {each.expected.partition(":")[0] for each in report.findings} == set(colluding)
