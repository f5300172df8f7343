"""Theory against counting by hand, and against what really happens at f and f + 1."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations, pairwise
from math import comb
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.quorum import QuorumSet, QuorumSets, greatest_quorum, is_quorum_slice
from crypto.identity import NodeId
from scenarios.quorum_sets import declared_quorum_sets
from scenarios.schema import Scenario
from scenarios.studies.counting import common_set, satisfying_counts, tried
from scenarios.studies.errors import StudyError
from scenarios.studies.placement import Placement, place, purpose_of
from scenarios.studies.replica import protocol_row
from scenarios.studies.statistics import Located
from scenarios.studies.theory import rate_theory, threshold_theory
from scenarios.trials.trial import Verdicts, trial_of
from tests.trials import VOTING

SILENCE = {"kind": "silence"}
SPLIT = {"kind": "split"}
REJECT = {"kind": "bias", "verdict": "reject"}
ACCEPT = {"kind": "bias", "verdict": "accept"}
NOTHING_GOOD = Verdicts(0, 0)


def scenario(hospitals: int | list[str], **more: Any) -> Scenario:
    said = {"scenario": "s", "hospitals": hospitals, "rounds": 1}
    return Scenario.model_validate(said | more)


def organisations(threshold: int, count: int, inner: int, size: int, **more: Any) -> Scenario:
    groups = [[f"o{number}-{letter}" for letter in "abcdef"[:size]] for number in range(count)]
    inner_sets = [{"threshold": inner, "validators": group} for group in groups]
    protocol = {
        "rule": "quorum-sets",
        "quorum_sets": {"default": {"threshold": threshold, "inner_sets": inner_sets}},
        **more.pop("protocol", {}),
    }
    return scenario([name for group in groups for name in group], protocol=protocol, **more)


def with_faulty(base: Scenario, fault: Mapping[str, Any], chosen: tuple[NodeId, ...]) -> Scenario:
    said = base.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if fault["kind"] == "split":
        faults = [{**fault, "faulty": len(chosen)}] if chosen else []
    else:
        faults = [{**fault, "hospital": each} for each in chosen]
    return Scenario.model_validate({**said, "faults": [*said.get("faults", []), *faults]})


def status_with(
    base: Scenario,
    of: str,
    fault: Mapping[str, Any],
    faulty: int,
    placement: Placement = "last",
    verdicts: Verdicts | None = None,
) -> object:
    chosen = place(faulty, base, placement, purpose_of(fault))
    trial = trial_of(with_faulty(base, fault, chosen))
    return protocol_row(replace(trial, verdicts=verdicts or Verdicts()))[of]


def check_bound(
    base: Scenario,
    of: str,
    fault: Mapping[str, Any],
    placement: Placement = "last",
    verdicts: Verdicts | None = None,
) -> Located:
    """What theory says, which a run on either side of the bound bears out."""
    found = threshold_theory(base, of, fault, placement=placement, verdicts=verdicts or Verdicts())
    assert found is not None
    if found.held is not None:
        assert status_with(base, of, fault, found.held, placement, verdicts) == "held"
    if found.broken is not None:
        assert status_with(base, of, fault, found.broken, placement, verdicts) != "held"
    return found


@pytest.mark.parametrize("protocol", VOTING)
@pytest.mark.parametrize("count", [4, 5, 6, 7, 10, 13])
def test_flat_two_thirds_break_where_more_than_a_third_are_faulty(
    protocol: str, count: int
) -> None:
    base = scenario(count, protocol={"name": protocol})
    bound = (count - 1) // 3
    threshold = 2 * count // 3 + 1
    split = check_bound(base, "agreement", SPLIT)
    assert split == Located(2 * threshold - count - 1, 2 * threshold - count)
    for of, fault in (("termination", SILENCE), ("judgement", SILENCE), ("judgement", REJECT)):
        assert check_bound(base, of, fault) == Located(count - threshold, count - threshold + 1)
    assert count - threshold == bound
    if count % 3 == 1:
        assert split == Located(bound, bound + 1)


@pytest.mark.parametrize("protocol", VOTING)
@pytest.mark.parametrize("rule", ["majority", "two-thirds"])
def test_liars_that_contain_a_slice_have_bad_models_accepted(protocol: str, rule: str) -> None:
    base = scenario(7, protocol={"name": protocol, "rule": rule})
    threshold = 4 if rule == "majority" else 5
    found = check_bound(base, "judgement", ACCEPT, verdicts=NOTHING_GOOD)
    assert found == Located(threshold - 1, threshold)


@pytest.mark.parametrize("protocol", VOTING)
def test_who_poisons_is_refused_until_liars_help(protocol: str) -> None:
    poison = {"kind": "poison", "hospital": "hospital-1", "attack": "nan"}
    base = scenario(7, protocol={"name": protocol}, faults=[poison])
    assert check_bound(base, "judgement", ACCEPT) == Located(4, 5)
    assert threshold_theory(base, "judgement", REJECT) == Located(6, None)


@pytest.mark.parametrize("protocol", VOTING)
@pytest.mark.parametrize("fault", [SILENCE, REJECT, ACCEPT], ids=lambda fault: fault["kind"])
def test_agreement_breaks_by_nobody_who_says_one_thing_to_all(
    protocol: str, fault: Mapping[str, Any]
) -> None:
    base = scenario(4, protocol={"name": protocol})
    assert check_bound(base, "agreement", fault) == Located(3, None)
    if fault == SILENCE:
        assert check_bound(base, "validity", fault) == Located(3, None)


@pytest.mark.parametrize("fault", [SILENCE, REJECT], ids=lambda fault: fault["kind"])
def test_an_authority_is_the_only_one_who_counts(fault: Mapping[str, Any]) -> None:
    protocol = {"name": "authority", "authority": "hospital-3"}
    base = scenario(5, protocol=protocol)
    assert check_bound(base, "judgement", fault) == Located(2, 3)
    assert check_bound(base, "judgement", fault, "targeted") == Located(0, 1)
    assert check_bound(base, "agreement", SPLIT) == Located(0, 1)


@pytest.mark.parametrize("protocol", VOTING)
@pytest.mark.parametrize("placement", ["first", "last", "targeted"])
@pytest.mark.parametrize("shape", [(2, 3, 2, 3), (3, 4, 2, 3)])
def test_two_levels_break_where_their_sets_say(
    protocol: str, placement: Placement, shape: tuple[int, int, int, int]
) -> None:
    base = organisations(*shape, protocol={"name": protocol})
    for of, fault in (("termination", SILENCE), ("judgement", REJECT)):
        check_bound(base, of, fault, placement)
    check_bound(base, "judgement", ACCEPT, placement, NOTHING_GOOD)
    organisation_count, inner_lost = shape[1] - shape[0] + 1, shape[3] - shape[2] + 1
    needed = organisation_count * inner_lost
    assert threshold_theory(base, "termination", SILENCE, placement="targeted") == Located(
        needed - 1, needed
    )
    overlap = (2 * shape[0] - shape[1]) * (2 * shape[2] - shape[3])
    assert check_bound(base, "agreement", SPLIT) == Located(overlap - 1, overlap)


def test_sets_that_do_not_intersect_are_split_by_nobody() -> None:
    pair = {"default": {"threshold": 1, "validators": ["hospital-1", "hospital-2"]}}
    base = scenario(2, protocol={"rule": "quorum-sets", "quorum_sets": pair})
    assert threshold_theory(base, "agreement", SPLIT) == Located(None, 0)
    assert threshold_theory(base, "agreement", SILENCE) is None


def test_theory_keeps_to_the_range_that_is_looked_at() -> None:
    base = scenario(10)
    assert threshold_theory(base, "termination", SILENCE, last=2) == Located(2, None)
    assert threshold_theory(base, "termination", SILENCE, first=5) == Located(None, 5)


@pytest.mark.parametrize(
    ("of", "fault", "more"),
    [
        ("latency_us", SILENCE, {}),
        ("termination", {"kind": "twin"}, {}),
        ("termination", {"kind": "crash", "at": "1 s"}, {}),
        ("termination", SILENCE, {"network": {"loss": "1 %", "retransmit": "never"}}),
        ("termination", SILENCE, {"faults": [{"kind": "silence", "hospital": "hospital-1"}]}),
    ],
)
def test_theory_is_silent_where_it_knows_nothing(
    of: str, fault: dict[str, Any], more: dict[str, Any]
) -> None:
    assert threshold_theory(scenario(4, **more), of, fault) is None


def test_theory_does_not_speak_of_verdicts_by_chance() -> None:
    assert threshold_theory(scenario(4), "judgement", REJECT, verdicts=Verdicts(900_000)) is None


def test_what_is_no_fault_is_one_sentence() -> None:
    with pytest.raises(StudyError, match=r"^faulty\.fault: expected a fault, found"):
        threshold_theory(scenario(4), "termination", {"kind": "sleep"})


# Counting


def members(count: int) -> list[NodeId]:
    return [NodeId(f"n{number}") for number in range(count)]


@st.composite
def quorum_sets(draw: st.DrawFn, count: int, depth: int = 2) -> QuorumSet:
    """A quorum set over some of the first nodes, each named once."""
    return draw(_over(members(draw(st.integers(1, count))), depth))


@st.composite
def _over(draw: st.DrawFn, nodes: list[NodeId], depth: int) -> QuorumSet:
    inner: list[QuorumSet] = []
    rest = nodes
    while depth and len(rest) > 1 and draw(st.booleans()):
        size = draw(st.integers(1, len(rest) - 1))
        inner.append(draw(_over(rest[:size], depth - 1)))
        rest = rest[size:]
    entries = len(rest) + len(inner)
    return QuorumSet(draw(st.integers(1, entries)), tuple(rest), tuple(inner))


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_counted_sets_are_those_that_satisfy(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 8))
    quorum_set = data.draw(quorum_sets(count))
    nodes = members(count)
    assert satisfying_counts(quorum_set, count) == tuple(
        sum(is_quorum_slice(quorum_set, frozenset(each)) for each in combinations(nodes, size))
        for size in range(count + 1)
    )


def survivors(sets: QuorumSets, faulty: int) -> float:
    nodes = frozenset(sets)
    left = [nodes - frozenset(each) for each in combinations(sorted(nodes), faulty)]
    return sum(bool(greatest_quorum(each, sets)) for each in left) / len(left)


@pytest.mark.parametrize("shape", [(2, 3, 2, 3), (2, 2, 1, 3), (3, 4, 2, 2)])
def test_the_rate_at_random_is_that_of_all_placings(shape: tuple[int, int, int, int]) -> None:
    base = organisations(*shape)
    sets = declared_quorum_sets(base.protocol, base.hospitals)
    for faulty in range(len(sets)):
        found = rate_theory(base, "termination", SILENCE, faulty, placement="random")
        assert found == pytest.approx(survivors(sets, faulty), abs=1e-12)


def test_the_rate_of_liars_at_random_counts_those_that_hold_a_slice() -> None:
    base = organisations(2, 3, 2, 3)
    sets = declared_quorum_sets(base.protocol, base.hospitals)
    for faulty in range(len(sets)):
        chosen = [frozenset(each) for each in combinations(sorted(sets), faulty)]
        expected = sum(not greatest_quorum(each, sets) for each in chosen) / len(chosen)
        found = rate_theory(
            base, "judgement", ACCEPT, faulty, placement="random", verdicts=NOTHING_GOOD
        )
        assert found == pytest.approx(expected, abs=1e-12)


def test_different_sets_are_tried_one_by_one_and_many_are_not() -> None:
    sets = {
        "default": {"threshold": 2, "validators": ["hospital-1", "hospital-2", "hospital-3"]},
        "hospital-4": {"threshold": 1, "validators": ["hospital-4"]},
    }
    base = scenario(4, protocol={"rule": "quorum-sets", "quorum_sets": sets})
    declared = declared_quorum_sets(base.protocol, base.hospitals)
    assert common_set(declared) is None
    for faulty in range(4):
        found = rate_theory(base, "termination", SILENCE, faulty, placement="random")
        assert found == survivors(declared, faulty)
    many = {node: QuorumSet(1, (node,)) for node in members(40)}
    assert tried(many, 20, bool) is None
    assert comb(40, 20) > 10**9


def test_a_threshold_at_random_is_where_the_rate_falls_below_the_level() -> None:
    base = organisations(2, 3, 2, 3)
    rates = [rate_theory(base, "termination", SILENCE, f, placement="random") for f in range(9)]
    assert all(
        one is not None and other is not None and one >= other for one, other in pairwise(rates)
    )
    found = threshold_theory(base, "termination", SILENCE, placement="random", level=0.5)
    assert found is not None
    assert found.held is not None
    assert found.broken is not None
    assert rates[found.held] > 0.5 >= rates[found.broken]  # type: ignore[operator]  # none is None
