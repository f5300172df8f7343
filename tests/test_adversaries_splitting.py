"""Splitting sets: the closed forms, the plain search, and what a split is expanded into."""

import pytest

from consensus.quorum import QuorumSet, QuorumSets, majority_of
from crypto.identity import NodeId
from scenarios.adversaries import expanded, plan_split
from scenarios.adversaries.splitting import (
    Splitting,
    analysed,
    closed_form,
    minimum_splitting,
    search,
    splits,
)
from scenarios.schema import Scenario
from scenarios.schema_adversaries import Slices
from scenarios.schema_faults import Partition, Twin
from tests.trials import coalition, names, organisations


def check_split(found: Splitting, sets: QuorumSets) -> None:
    """The two sides and the liars are everybody, and each side decides with their help."""
    first, second = found.sides
    assert not first & second
    assert not (first | second) & found.liars
    assert first | second | found.liars == set(sets)
    for side in found.sides:
        assert splits(side, found.liars, sets, deletion=False)
        assert splits(side, found.liars, sets, deletion=True)


@pytest.mark.parametrize("count", range(2, 30))
def test_the_closed_form_of_a_flat_set_is_2t_minus_n(count: int) -> None:
    for need in range(1, count):
        sets = dict.fromkeys(names(count), QuorumSet(need, tuple(names(count))))
        found = closed_form(sets)
        assert found is not None
        assert len(found.liars) == max(0, 2 * need - count)
        check_split(found, sets)


def test_nothing_splits_a_coalition_that_needs_everybody() -> None:
    sets = dict.fromkeys(names(4), QuorumSet(4, tuple(names(4))))
    assert minimum_splitting(sets, deletion=True) is None
    assert not plan_split(sets, None, deletion=True).possible


@pytest.mark.parametrize(
    ("need", "count", "inner", "size"),
    [(5, 7, 2, 3), (3, 4, 2, 3), (2, 3, 3, 4), (3, 4, 3, 3), (2, 4, 2, 3), (4, 5, 1, 2)],
)
def test_the_closed_form_of_two_levels_is_a_product(
    need: int, count: int, inner: int, size: int
) -> None:
    sets = organisations(need, count, inner, size)
    found = closed_form(sets)
    assert found is not None
    assert len(found.liars) == max(0, 2 * need - count) * max(0, 2 * inner - size)
    check_split(found, sets)


@pytest.mark.parametrize("deletion", [False, True])
@pytest.mark.parametrize(
    "sets",
    [
        coalition(4),
        coalition(5, majority_of),
        coalition(6, majority_of),
        coalition(7),
        organisations(2, 3, 2, 2),
        organisations(2, 2, 2, 3),
    ],
)
def test_the_closed_forms_agree_with_the_search(sets: QuorumSets, deletion: bool) -> None:
    form, plain = closed_form(sets), search(sets, deletion=deletion)
    assert form is not None
    assert plain is not None
    assert len(form.liars) == len(plain.liars)
    check_split(plain, sets)


def uneven() -> dict[NodeId, QuorumSet]:
    """Two triangles that are joined by h04, who itself trusts one node outside of them."""
    first, second = names(7)[:3], names(7)[4:]
    joint, outside = NodeId("h04"), NodeId("h08")
    return {
        **{node: QuorumSet(3, (*first, joint)) for node in first},
        **{node: QuorumSet(3, (*second, joint)) for node in second},
        joint: QuorumSet(2, (joint, outside)),
        outside: QuorumSet(1, (outside,)),
    }


def test_deletion_lets_a_liar_help_where_its_own_quorum_set_would_not() -> None:
    first = NodeId("h01"), NodeId("h02"), NodeId("h03")
    joint = NodeId("h03")
    sets = {
        NodeId("h01"): QuorumSet(2, (first[0], joint)),
        NodeId("h02"): QuorumSet(2, (first[1], joint)),
        joint: QuorumSet(3, first),
    }
    assert search(sets, deletion=True) == Splitting(
        frozenset({joint}), (frozenset({first[0]}), frozenset({first[1]}))
    )
    assert search(sets, deletion=False) is None


def test_quorum_sets_that_never_meet_are_split_by_nobody() -> None:
    found = search(uneven(), deletion=True)
    assert found is not None
    assert found.liars == frozenset()


def test_more_hospitals_with_other_quorum_sets_are_left_to_the_analysis() -> None:
    plain = organisations(3, 4, 2, 3)
    joined = QuorumSet(2, (), (next(iter(plain.values())), QuorumSet(1, (NodeId("x"),))))
    sets = {**dict.fromkeys(plain, joined), NodeId("x"): joined}
    found = minimum_splitting(sets, deletion=True)
    assert found is not None
    assert len(found.liars) == 1 + (2 * 3 - 4) * (2 * 2 - 3)
    assert all(splits(side, found.liars, sets, deletion=True) for side in found.sides)
    assert not found.sides[0] & found.sides[1]
    assert minimum_splitting(sets, deletion=False) == found


@pytest.mark.parametrize("sets", [coalition(4), coalition(7), organisations(2, 3, 2, 2)])
def test_the_analysis_agrees_with_the_closed_forms(sets: QuorumSets) -> None:
    form, found = closed_form(sets), analysed(sets)
    assert form is not None
    assert found is not None
    assert len(form.liars) == len(found.liars)
    check_split(found, sets)


def test_a_plan_twins_the_liars_and_cuts_the_network_between_them() -> None:
    plan = plan_split(coalition(4), None, deletion=True)
    assert plan.possible
    assert plan.needed == 2
    twins = [fault.hospital for fault in plan.faults if isinstance(fault, Twin)]
    (cut,) = (fault for fault in plan.faults if isinstance(fault, Partition))
    assert twins == list(plan.liars) == ["h03", "h04"]
    assert cut.groups == (("h01", "h03", "h04"), ("h02", "h03/twin", "h04/twin"))
    assert (cut.start_us, cut.heal_us) == (0, None)


def test_a_plan_with_too_few_liars_says_that_the_bound_forbids_it() -> None:
    plan = plan_split(coalition(7), 2, deletion=True)
    assert not plan.possible
    assert (plan.needed, len(plan.liars)) == (3, 2)
    assert plan.reason == "3 hospitals must lie for a fork, and only 2 may"


def test_a_liar_whose_own_quorum_set_is_in_the_way_lies_about_it() -> None:
    first = NodeId("h01"), NodeId("h02"), NodeId("h03")
    sets = {
        NodeId("h01"): QuorumSet(2, (first[0], first[2])),
        NodeId("h02"): QuorumSet(2, (first[1], first[2])),
        NodeId("h03"): QuorumSet(3, first),
    }
    plan = plan_split(sets, None, deletion=True)
    assert [f.hospital for f in plan.faults if isinstance(f, Slices)] == ["h03"]
    assert not plan_split(sets, None, deletion=False).possible


def scenario(*said: dict[str, object]) -> Scenario:
    return Scenario.model_validate({"scenario": "x", "hospitals": 4, "faults": list(said)})


def test_a_split_in_a_scenario_is_expanded_in_its_place() -> None:
    before = scenario({"kind": "silence", "hospital": "hospital-1"}, {"kind": "split"})
    after = expanded(before)
    kinds = [fault.kind for fault in after.faults]
    assert kinds == ["silence", "twin", "twin", "partition"]
    assert after.instances[-2:] == ("hospital-3/twin", "hospital-4/twin")


def test_a_scenario_without_a_split_stays_as_it_is() -> None:
    before = scenario({"kind": "twin", "hospital": "hospital-1"})
    assert expanded(before) is before


def test_an_authority_splits_its_hospitals_alone() -> None:
    authority = NodeId("h02")
    sets = dict.fromkeys(names(5), QuorumSet(1, (authority,)))
    found = minimum_splitting(sets, deletion=False)
    assert found is not None
    assert found.liars == {authority}
    assert len(found.sides[0]) == len(found.sides[1]) == 2
