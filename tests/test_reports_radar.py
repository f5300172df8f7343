"""The radar and the principles: every value follows from what was measured of a run."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.audit.finding import Finding as AuditFinding
from scenarios.findings import Status
from scenarios.reports.measured import Measured, Recorded, Traffic, measure, tolerated_count
from scenarios.reports.principles import principles
from scenarios.reports.radar import Dimension, radar
from scenarios.results import load_run
from scenarios.source import load
from tests.recorded import END, recorded

DIMENSIONS = (
    "quantum resistance",
    "Byzantine tolerance",
    "gradient privacy",
    "channel confidentiality",
    "verifiability",
    "long-term security",
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    run = recorded(tmp_path_factory.mktemp("plain"), "signature=ML-DSA-65")
    return measure(load_run(run))


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    more = ["training.scheme=fedavg", "proof={norm_bound: 1.0}", "rounds=2", "faults=[]"]
    return measure(load_run(recorded(tmp_path_factory.mktemp("proven"), *more)))


def values(measured: Measured) -> dict[str, float | None]:
    return {each.name: each.value for each in radar(measured)}


def of(measured: Measured, name: str) -> Dimension:
    return next(each for each in radar(measured) if each.name == name)


def recorded_in(measured: Measured) -> Recorded:
    assert measured.recorded is not None
    return measured.recorded


def test_there_are_six_dimensions_each_with_formula_inputs_and_sentence(plain: Measured) -> None:
    dimensions = radar(plain)
    assert tuple(each.name for each in dimensions) == DIMENSIONS
    for each in dimensions:
        assert each.value is not None
        assert 0 <= each.value <= 1
        assert each.formula
        assert each.inputs
        assert each.sentence


def test_what_travels_in_clear_is_neither_private_nor_confidential(plain: Measured) -> None:
    found = values(plain)
    assert found["gradient privacy"] == 0
    assert found["channel confidentiality"] == 0
    assert found["long-term security"] == 0
    assert "no message is sealed" in of(plain, "channel confidentiality").sentence


def test_signatures_count_by_their_algorithm(plain: Measured, proven: Measured) -> None:
    assert values(plain)["quantum resistance"] == 1
    counted = recorded_in(proven).signatures
    assert set(counted) == {"Ed25519", "ML-DSA-44"}, "checkpoint keys are always ML-DSA-44"
    share = counted["ML-DSA-44"] / sum(counted.values())
    assert values(proven)["quantum resistance"] == share


def test_proven_updates_are_half_of_verifiability(plain: Measured, proven: Measured) -> None:
    assert values(plain)["verifiability"] == 0.5
    assert values(proven)["verifiability"] == 1
    assert recorded_in(proven).proven_count == recorded_in(proven).update_count == 8


def test_a_finding_of_the_audit_costs_verifiability(plain: Measured) -> None:
    finding = AuditFinding("BAD_CRC", "L0", "hospital-1", 1, "x", 9, "one", "other")
    broken = replace(plain, audit=replace(plain.audit, findings=(finding,)))
    records = plain.audit.counters.records
    assert records == 4 * (END + 1)
    assert values(broken)["verifiability"] == pytest.approx((1 - 1 / records) / 2)


def test_tolerance_counts_against_a_third_and_against_what_held(plain: Measured) -> None:
    assert values(plain)["Byzantine tolerance"] == 1
    one_broken = {**plain.invariants, "agreement": Status.VIOLATED}
    found = of(replace(plain, invariants=one_broken), "Byzantine tolerance")
    assert found.value == pytest.approx(5 / 6)
    assert "agreement did not hold" in found.sentence
    assert values(replace(plain, tolerated_count=0))["Byzantine tolerance"] == 0


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), 1),
        (("hospitals=7",), 2),
        (("hospitals=10",), 3),
        (("hospitals=64",), 21),
        (("hospitals=5", "protocol.rule=majority"), 0),
        (("hospitals=7", "protocol={name: authority, authority: hospital-1}"), 0),
    ],
)
def test_the_tolerated_number_follows_from_the_quorum_sets(
    overrides: tuple[str, ...], expected: int
) -> None:
    assert tolerated_count(load("honest", ["hospitals=4", *overrides])) == expected


def test_what_is_sealed_counts(plain: Measured, proven: Measured) -> None:
    """What a later version seals is seen in the tables of its runs."""
    assert plain.traffic is not None
    sealed = {**plain.traffic.clear_bytes, "model": 0}
    found = values(replace(plain, traffic=Traffic(plain.traffic.size_bytes, sealed)))
    assert found["gradient privacy"] == 1
    total = sum(plain.traffic.size_bytes.values())
    share = plain.traffic.size_bytes["model"] / total
    assert found["channel confidentiality"] == pytest.approx(share)
    assert proven.traffic is not None
    sealed = {**proven.traffic.clear_bytes, "model": 0}
    found = values(replace(proven, traffic=Traffic(proven.traffic.size_bytes, sealed)))
    assert found["gradient privacy"] == 0, "updates still travel to the leader in clear"


def test_what_was_not_measured_has_no_value(plain: Measured) -> None:
    nothing = replace(plain, recorded=None, traffic=None, tolerated_count=None)
    assert set(values(nothing).values()) == {None}
    for each in radar(nothing):
        assert each.sentence.startswith("not measured: ")


def test_a_killed_run_is_measured_as_far_as_it_goes(tmp_path: Path) -> None:
    run = recorded(tmp_path, events=300)
    shutil.rmtree(run / "metrics")
    (run / "run.json").write_text('{"status": "running"}', "utf-8")
    found = values(measure(load_run(run)))
    assert found["quantum resistance"] is not None
    assert found["verifiability"] is not None
    assert found["Byzantine tolerance"] is None
    assert found["channel confidentiality"] is None


def test_seven_principles_are_covered_by_what_the_run_shows(
    plain: Measured, proven: Measured
) -> None:
    found = {each.number: each for each in principles(plain, 200_000)}
    assert list(found) == ["I", "II", "III", "IV", "V", "VI", "VII"]
    assert sum(each.needs_cryptography for each in found.values()) == 4
    assert found["VII"].cover == "covered"
    assert {found[number].cover for number in ("I", "II", "III", "IV", "VI")} == {"partly"}
    assert {each.number: each.cover for each in principles(proven, 200_000)}["IV"] == "covered"


def test_a_broken_ledger_is_not_covered_by_accountability(plain: Measured) -> None:
    from ledger.audit import Judgement

    audit = replace(plain.audit, judgement=Judgement.INVALID)
    found = {each.number: each.cover for each in principles(replace(plain, audit=audit), 0)}
    assert found["VII"] == "partly"


def test_fairness_goes_by_the_worst_hospital(plain: Measured) -> None:
    scores = {"a": 900_000, "b": 900_000, "c": 600_000}
    uneven = replace(plain, recorded=replace(recorded_in(plain), local_scores=scores))
    for tolerated, met in ((199_999, False), (200_000, True)):
        (check,) = [
            check
            for each in principles(uneven, tolerated)
            for check in each.checks
            if check.asks.startswith("the model serves no hospital")
        ]
        assert check.met is met
        assert "c with 60.0%, mean 80.0%" in check.found
