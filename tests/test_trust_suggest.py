"""Proposed quorum sets meet their wish, by the analysis; refusals are proved, by trying all."""

from itertools import product

import pytest

from consensus.quorum import QuorumSet
from consensus.resilience import Fbas, minimum_blocking_set, minimum_splitting_set
from crypto.identity import NodeId
from scenarios.trust.suggest import Wish, suggest


def coalition(*sizes: int) -> dict[str, list[NodeId]]:
    return {
        f"o{number}": [NodeId(f"o{number}-{one}") for one in range(size)]
        for number, size in enumerate(sizes)
    }


@pytest.mark.parametrize("sizes", [(1,) * 4, (1,) * 7, (3, 3, 3), (2, 2, 2, 2), (3, 3, 2, 1)])
def test_a_proposal_bears_what_was_wished(sizes: tuple[int, ...]) -> None:
    groups, count = coalition(*sizes), sum(sizes)
    for failing, lying in product(range(3), range(4)):
        found = suggest(groups, Wish(failing, lying))
        if count <= 2 * failing + lying and failing:
            assert found.proposal is None
            assert found.impossible is not None
            continue
        assert found.proposal is not None, (failing, lying)
        everybody = [node for nodes in groups.values() for node in nodes]
        fbas = Fbas(dict.fromkeys(everybody, found.proposal.quorum_set))
        assert (minimum_blocking_set(fbas).upper or 0) > failing
        splitting = minimum_splitting_set(fbas).upper
        assert splitting is None or splitting > lying


def test_organisations_are_borne_as_a_whole() -> None:
    found = suggest(coalition(3, 3, 3, 3), Wish(failing_groups=1, lying_groups=1))
    assert found.proposal is not None
    assert found.proposal.blocking_groups == 2
    assert found.proposal.splitting_groups == 2
    refused = suggest(coalition(3, 3, 3), Wish(failing_groups=1, lying_groups=1))
    assert refused.impossible is not None
    assert "At least 4 organisations are needed." in refused.impossible


def test_nobody_is_left_when_all_fail() -> None:
    found = suggest(coalition(1, 1), Wish(failing=2))
    assert found.impossible == "2 of 2 hospitals may fail: then nobody is left to go on."


def test_what_is_refused_is_impossible_for_all_flat_quorum_sets_of_three() -> None:
    """Each of three hospitals takes any threshold over any of the three, itself among them."""
    nodes = coalition(1, 1, 1)
    names = [node for group in nodes.values() for node in group]
    choices = [
        QuorumSet(threshold, tuple(members))
        for members in ([names[0], names[1]], [names[1], names[2]], names)
        for threshold in range(1, len(members) + 1)
    ]
    for failing, lying in product((1, 2), (0, 1, 2)):
        possible = any(
            bears(Fbas(dict(zip(names, each, strict=True))), failing, lying)
            for each in product(choices, repeat=3)
        )
        found = suggest(nodes, Wish(failing, lying))
        assert possible is (found.proposal is not None), (failing, lying)


def bears(fbas: Fbas, failing: int, lying: int) -> bool:
    if (minimum_blocking_set(fbas).upper or 0) <= failing:
        return False
    splitting = minimum_splitting_set(fbas).upper
    return splitting is None or splitting > lying
