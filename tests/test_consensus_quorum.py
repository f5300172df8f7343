"""Quorum sets against brute force over all subsets, and the published Stellar files."""

import json
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import QuorumSetError
from consensus.quorum import (
    NESTING_MAX,
    QuorumSet,
    check_sane,
    convinces,
    greatest_quorum,
    is_quorum,
    is_quorum_slice,
    is_v_blocking,
    majority_of,
    nodes_of,
    quorum_set_digest,
    two_thirds_of,
)
from crypto.identity import NodeId

STELLAR = Path(__file__).parents[2] / "shared" / "vectors" / "stellar-quorum"
NODES = tuple(NodeId(f"n{number}") for number in range(6))


def subsets(nodes: tuple[NodeId, ...]) -> list[frozenset[NodeId]]:
    sizes = range(len(nodes) + 1)
    return [frozenset(each) for each in chain(*(combinations(nodes, size) for size in sizes))]


@st.composite
def quorum_sets(draw: st.DrawFn, nodes: tuple[NodeId, ...] = NODES) -> QuorumSet:
    """A sane quorum set of up to two levels: each node at most once."""
    order = draw(st.permutations(nodes))
    count = draw(st.integers(1, len(nodes)))
    inner_count = draw(st.integers(0, count - 1))
    validators = tuple(order[: count - inner_count])
    inner: tuple[QuorumSet, ...] = ()
    if inner_count:
        members = tuple(order[count - inner_count : count])
        inner = (QuorumSet(draw(st.integers(1, len(members))), members),)
    return QuorumSet(draw(st.integers(1, len(validators) + len(inner))), validators, inner)


def slices_by_force(quorum_set: QuorumSet, members: frozenset[NodeId]) -> bool:
    """Count satisfied entries in the plainest way."""
    hits = sum(validator in members for validator in quorum_set.validators)
    hits += sum(slices_by_force(inner, members) for inner in quorum_set.inner_sets)
    return hits >= quorum_set.threshold


@given(quorum_sets(), st.frozensets(st.sampled_from(NODES)))
def test_a_slice_is_what_counting_entries_says(
    quorum_set: QuorumSet, members: frozenset[NodeId]
) -> None:
    assert is_quorum_slice(quorum_set, members) == slices_by_force(quorum_set, members)


@given(quorum_sets(), st.frozensets(st.sampled_from(NODES)))
def test_v_blocking_is_the_dual_of_the_slice(
    quorum_set: QuorumSet, members: frozenset[NodeId]
) -> None:
    rest = frozenset(NODES) - members
    assert is_v_blocking(quorum_set, members) == (not is_quorum_slice(quorum_set, rest))


@given(quorum_sets(), st.frozensets(st.sampled_from(NODES)))
def test_a_v_blocking_set_hits_every_slice(
    quorum_set: QuorumSet, members: frozenset[NodeId]
) -> None:
    slices = [each for each in subsets(NODES) if is_quorum_slice(quorum_set, each)]
    assert is_v_blocking(quorum_set, members) == all(members & each for each in slices)


@given(st.lists(quorum_sets(NODES[:5]), min_size=5, max_size=5), st.data())
def test_the_greatest_quorum_is_the_union_of_all_quorums_inside(
    sets: list[QuorumSet], data: st.DataObject
) -> None:
    nodes = NODES[:5]
    claimed = dict(zip(nodes, sets, strict=True))
    members = data.draw(st.frozensets(st.sampled_from(nodes)))
    quorums = [
        each
        for each in subsets(nodes)
        if each and all(slices_by_force(claimed[node], each) for node in each)
    ]
    inside = [each for each in quorums if each <= members]
    assert greatest_quorum(members, claimed) == frozenset().union(*inside)
    assert is_quorum(members, claimed) == (members in quorums)
    for node in nodes:
        expected = any(slices_by_force(claimed[node], each) for each in inside)
        assert convinces(node, members, claimed) == expected


def test_a_node_without_a_quorum_set_is_in_no_quorum() -> None:
    a, b = NODES[:2]
    claimed = {a: QuorumSet(2, (a, b))}
    assert greatest_quorum({a, b}, claimed) == frozenset()


@pytest.mark.parametrize(
    ("count", "majority", "two_thirds"),
    [(1, 1, 1), (3, 2, 3), (4, 3, 3), (5, 3, 4), (7, 4, 5), (10, 6, 7)],
)
def test_the_rules_set_the_thresholds_of_the_sources(
    count: int, majority: int, two_thirds: int
) -> None:
    nodes = [NodeId(f"n{number}") for number in range(count)]
    assert majority_of(nodes).threshold == majority
    assert two_thirds_of(nodes).threshold == two_thirds


@pytest.mark.parametrize(
    ("quorum_set", "message"),
    [
        (QuorumSet(0, NODES), "threshold of 1 to 6"),
        (QuorumSet(7, NODES), "threshold of 1 to 6"),
        (QuorumSet(1, ()), "threshold of 1 to 0"),
        (QuorumSet(1, (NODES[0], NODES[0])), "n0 twice"),
        (QuorumSet(1, NODES[:1], (QuorumSet(1, NODES[:1]),)), "n0 twice"),
        (QuorumSet(1, NODES[:1], (QuorumSet(2, NODES[1:2]),)), "threshold of 1 to 1"),
    ],
)
def test_a_quorum_set_that_is_not_sane_is_refused(quorum_set: QuorumSet, message: str) -> None:
    with pytest.raises(QuorumSetError, match=message):
        check_sane(quorum_set)


def test_nesting_has_a_limit() -> None:
    quorum_set = QuorumSet(1, NODES[:1])
    for number in range(1, NESTING_MAX + 1):
        quorum_set = QuorumSet(1, (NodeId(f"m{number}"),), (quorum_set,))
    check_sane(quorum_set)
    with pytest.raises(QuorumSetError, match="levels"):
        check_sane(QuorumSet(1, (NodeId("top"),), (quorum_set,)))


@given(quorum_sets())
def test_the_digest_does_not_depend_on_the_order_of_entries(quorum_set: QuorumSet) -> None:
    turned = QuorumSet(
        quorum_set.threshold, quorum_set.validators[::-1], quorum_set.inner_sets[::-1]
    )
    assert quorum_set_digest(turned) == quorum_set_digest(quorum_set)


def test_the_digest_depends_on_the_threshold_and_on_the_level_of_a_node() -> None:
    flat = QuorumSet(1, NODES[:2])
    digests = {
        quorum_set_digest(flat),
        quorum_set_digest(QuorumSet(2, NODES[:2])),
        quorum_set_digest(QuorumSet(1, NODES[:1], (QuorumSet(1, NODES[1:2]),))),
    }
    assert len(digests) == 3


def _stellar(name: str) -> dict[NodeId, QuorumSet]:
    """Read a file of stellar-core's: nodes with their quorum sets."""
    if not STELLAR.is_dir():
        pytest.skip("the published Stellar quorum files (shared/vectors) are not here")

    def read(value: dict[str, Any]) -> QuorumSet:
        inner = tuple(read(each) for each in value["v"] if isinstance(each, dict))
        validators = tuple(NodeId(each) for each in value["v"] if isinstance(each, str))
        return QuorumSet(value["t"], validators, inner)

    nodes = json.loads((STELLAR / name).read_text())["nodes"]
    return {NodeId(each["node"]): read(each["qset"]) for each in nodes}


@pytest.mark.parametrize(
    ("name", "intersects"),
    [("enjoys-intersection.json", True), ("no-intersection.json", False)],
)
def test_stellar_files_intersect_as_their_names_say(name: str, intersects: bool) -> None:
    claimed = _stellar(name)
    for quorum_set in claimed.values():
        check_sane(quorum_set)
        assert set(nodes_of(quorum_set)) <= set(claimed)
    quorums = [each for each in subsets(tuple(claimed)) if is_quorum(each, claimed)]
    disjoint = any(not a & b for a, b in combinations(quorums, 2))
    assert disjoint is not intersects
