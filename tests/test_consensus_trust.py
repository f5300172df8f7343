"""Compiled quorum sets against the plain ones, over nested sets, strangers and many claims."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.quorum import (
    QuorumSet,
    convinces,
    greatest_quorum,
    is_quorum_slice,
    is_v_blocking,
    quorum_set_digest,
    two_thirds_of,
)
from consensus.trust import SliceMask, Trust, greatest_quorum_mask, is_blocking, is_slice
from crypto.identity import NodeId

NODES = tuple(NodeId(f"n{number}") for number in range(7))
STRANGERS = tuple(NodeId(f"s{number}") for number in range(2))
MEMBERS = st.frozensets(st.sampled_from(NODES))
SEEDS = st.integers(0, 2**32)


def tree(chance: random.Random, depth: int = 3) -> QuorumSet:
    """A quorum set of up to four levels; a node may stand in several places, or be a stranger."""
    validators = chance.sample(NODES + STRANGERS, chance.randint(0, 4))
    inner = [tree(chance, depth - 1) for _ in range(chance.randint(0, 2))] if depth else []
    if not validators and not inner:
        validators = [chance.choice(NODES)]
    threshold = chance.randint(1, len(validators) + len(inner))
    return QuorumSet(threshold, tuple(validators), tuple(inner))


def trees() -> st.SearchStrategy[QuorumSet]:
    return SEEDS.map(lambda seed: tree(random.Random(seed)))


def coalition_of(seed: int) -> dict[NodeId, QuorumSet]:
    chance = random.Random(seed)
    few = [tree(chance) for _ in range(chance.randint(1, 4))]
    return {node: chance.choice(few) for node in NODES}


def coalitions() -> st.SearchStrategy[dict[NodeId, QuorumSet]]:
    return SEEDS.map(coalition_of)


@given(trees(), MEMBERS)
def test_a_mask_has_the_slices_of_its_quorum_set(
    tree: QuorumSet, members: frozenset[NodeId]
) -> None:
    trust = Trust(dict.fromkeys(NODES, tree))
    assert is_slice(trust.mask_of(NODES[0]), trust.members(members)) == is_quorum_slice(
        tree, members
    )


@given(trees(), MEMBERS)
def test_a_mask_has_the_blocking_sets_of_its_quorum_set(
    tree: QuorumSet, members: frozenset[NodeId]
) -> None:
    trust = Trust(dict.fromkeys(NODES, tree))
    mask = trust.members(members)
    assert is_blocking(trust.mask_of(NODES[0]), mask) == is_v_blocking(tree, members)
    assert trust.blocks(NODES[0], mask) == is_v_blocking(tree, members)


@given(coalitions(), MEMBERS)
def test_the_greatest_quorum_is_the_plain_one(
    coalition: dict[NodeId, QuorumSet], members: frozenset[NodeId]
) -> None:
    trust = Trust(coalition)
    found = greatest_quorum_mask(trust.members(members), trust.claims)
    assert trust.names(found) == tuple(sorted(greatest_quorum(members, coalition)))


@given(coalitions(), MEMBERS, st.sampled_from(NODES))
def test_a_set_convinces_a_node_as_the_plain_rule_says(
    coalition: dict[NodeId, QuorumSet], members: frozenset[NodeId], node: NodeId
) -> None:
    trust = Trust(coalition)
    assert trust.convinces(node, trust.members(members)) == convinces(node, members, coalition)


@given(trees(), MEMBERS)
def test_blocking_is_the_dual_of_a_slice(tree: QuorumSet, members: frozenset[NodeId]) -> None:
    trust = Trust(dict.fromkeys(NODES, tree))
    mask = trust.mask_of(NODES[0])
    everyone = (1 << len(NODES)) - 1
    if not _names_strangers(tree):
        inside = trust.members(members)
        assert is_blocking(mask, inside) == (not is_slice(mask, everyone & ~inside))


def _names_strangers(tree: QuorumSet) -> bool:
    named = set(STRANGERS) & set(tree.validators)
    return bool(named) or any(_names_strangers(inner) for inner in tree.inner_sets)


def test_a_stranger_counts_as_an_entry_and_never_satisfies_it() -> None:
    tree = QuorumSet(2, (*NODES[:1], *STRANGERS))
    trust = Trust({NODES[0]: tree})
    assert not is_slice(trust.mask_of(NODES[0]), 1)
    assert not trust.convinces(NODES[0], 1)
    assert not is_blocking(trust.mask_of(NODES[0]), 1)  # the two strangers are a slice
    assert trust.members(STRANGERS) == 0


def test_a_node_in_no_claim_is_in_no_quorum() -> None:
    trust = Trust(dict.fromkeys(NODES, QuorumSet(1, NODES)))
    claims = [(trust.mask_of(NODES[0]), trust.members(NODES[:3]))]
    assert greatest_quorum_mask(trust.members(NODES), claims) == trust.members(NODES[:3])


def test_equal_quorum_sets_are_one_claim_and_keep_their_digest() -> None:
    trust = Trust({node: two_thirds_of(NODES) for node in NODES})
    assert len(trust.claims) == len(trust.masks) == 1
    assert trust.digests[NODES[0]] == quorum_set_digest(two_thirds_of(NODES))


def test_bits_follow_the_order_of_the_names() -> None:
    trust = Trust(dict.fromkeys(reversed(NODES), QuorumSet(1, NODES)))
    assert trust.nodes == NODES
    assert [trust.bits[node] for node in NODES] == [1 << number for number in range(len(NODES))]
    assert trust.names(0b101) == (NODES[0], NODES[2])


@pytest.mark.parametrize("size", [4, 16, 64, 400])
def test_a_flat_coalition_needs_its_threshold(size: int) -> None:
    nodes = tuple(NodeId(f"n{number:03d}") for number in range(size))
    trust = Trust(dict.fromkeys(nodes, two_thirds_of(nodes)))
    threshold = 2 * size // 3 + 1
    assert trust.convinces(nodes[0], trust.members(nodes[-threshold:]))
    assert not trust.convinces(nodes[0], trust.members(nodes[-threshold + 1 :]))
    assert trust.blocks(nodes[0], trust.members(nodes[: size - threshold + 1]))
    assert not trust.blocks(nodes[0], trust.members(nodes[: size - threshold]))


def test_an_empty_threshold_is_always_satisfied() -> None:
    assert is_slice(SliceMask(0, 0, (), 1), 0)
