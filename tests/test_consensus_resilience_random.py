"""Every engine against brute force over all subsets, on thousands of small random networks."""

import os
from collections.abc import Callable
from itertools import combinations

import pytest

from consensus.resilience import (
    Engine,
    Fbas,
    Minimum,
    all_quorums,
    befouled,
    core,
    disjoint_quorums,
    dispensable_sets,
    intact,
    intertwined,
    merged,
    minimal_blocking_sets,
    minimal_quorums,
    minimal_splitting_sets,
    minimum_blocking_set,
    minimum_quorum,
    minimum_splitting_set,
    satisfiable,
    top_tier,
)
from consensus.resilience.splitting_by_solver import minimum_splitting_by_cp
from crypto.identity import NodeId
from tests.fbas_random import minimal, network, quorums_despite, splits, subsets, truth

BATCHES = range(20)
BATCH_SIZE = 1000 if "TCLEARN_CAMPAIGN" in os.environ else 100

Sets = frozenset[frozenset[NodeId]]


def seeds(batch: int, count: int = BATCH_SIZE) -> range:
    return range(batch * BATCH_SIZE, batch * BATCH_SIZE + count)


def once(sets: list[frozenset[NodeId]]) -> Sets:
    assert len(sets) == len(set(sets)), "a set stands twice"
    return frozenset(sets)


def smallest(sets: Sets) -> int | None:
    return min(map(len, sets), default=None)


@pytest.mark.parametrize("batch", BATCHES)
def test_the_search_in_python_finds_what_brute_force_finds(batch: int) -> None:
    for seed in seeds(batch):
        claimed = network(seed)
        fbas, true = Fbas(claimed), truth(claimed)
        assert once(list(minimal_quorums(fbas))) == true.minimal_quorums, seed
        assert once(list(minimal_blocking_sets(fbas))) == true.minimal_blocking, seed
        splitting = minimal_splitting_sets(fbas, engine=Engine.PYTHON)
        assert once(list(splitting)) == true.minimal_splitting, seed
        assert splitting.count == len(true.minimal_splitting)
        disjoint = disjoint_quorums(fbas, engine=Engine.PYTHON)
        assert (disjoint is not None) == true.has_disjoint, seed
        if disjoint is not None:
            assert set(disjoint) <= true.minimal_quorums
            assert not disjoint[0] & disjoint[1]
        assert once(list(all_quorums(fbas))) == true.quorums, seed
        assert top_tier(fbas) == frozenset().union(*true.minimal_quorums)
        assert top_tier(fbas) == minimal_blocking_sets(fbas).nodes


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("engine", list(Engine))
def test_the_smallest_sets_are_as_small_as_brute_force_says(batch: int, engine: Engine) -> None:
    needs_solvers(engine)
    for seed in seeds(batch, BATCH_SIZE // 5):
        claimed = network(seed)
        fbas, true = Fbas(claimed), truth(claimed)
        check(minimum_quorum(fbas), true.minimal_quorums, seed)
        check(minimum_blocking_set(fbas, engine=engine), true.minimal_blocking, seed)
        check(minimum_splitting_set(fbas, engine=engine), true.minimal_splitting, seed)


@pytest.mark.parametrize("batch", BATCHES)
def test_the_sat_solver_finds_what_brute_force_finds(batch: int) -> None:
    needs_solvers(Engine.SOLVER)
    for seed in seeds(batch, BATCH_SIZE // 5):
        claimed = network(seed)
        fbas, true = Fbas(claimed), truth(claimed)
        splitting = minimal_splitting_sets(fbas, engine=Engine.SOLVER)
        assert once(list(splitting)) == true.minimal_splitting, seed
        disjoint = disjoint_quorums(fbas, engine=Engine.SOLVER)
        assert (disjoint is not None) == true.has_disjoint, seed
        if disjoint is not None:
            assert set(disjoint) <= true.minimal_quorums
            assert not disjoint[0] & disjoint[1]


def test_cp_sat_finds_what_brute_force_finds() -> None:
    pytest.importorskip("ortools", reason="OR-tools is not installed")
    for seed in range(150):
        claimed = network(seed)
        check(
            minimum_splitting_by_cp(Fbas(claimed), lambda: False),
            truth(claimed).minimal_splitting,
            seed,
        )


@pytest.mark.parametrize("batch", BATCHES)
def test_restriction_drops_the_others_from_every_quorum_set(batch: int) -> None:
    restrictions: tuple[Callable[[Fbas], Fbas], ...] = (satisfiable, core)
    for seed in seeds(batch, BATCH_SIZE // 5):
        claimed = network(seed)
        for restrict in restrictions:
            kept = restrict(Fbas(claimed))
            left = {node: claimed[node] for node in claimed if node in kept.members}
            assert once(list(minimal_splitting_sets(kept))) == truth(left).minimal_splitting, seed


@pytest.mark.parametrize("batch", BATCHES)
def test_intact_nodes_are_outside_some_dispensable_set_that_holds_the_faulty(batch: int) -> None:
    for seed in seeds(batch, BATCH_SIZE // 10):
        claimed = network(seed)
        fbas, nodes = Fbas(claimed), frozenset(claimed)
        quorums = truth(claimed).quorums
        dispensable = [
            each
            for each in subsets(claimed)
            if (each == nodes or nodes - each in quorums) and not splits(claimed, each)
        ]
        assert once(list(dispensable_sets(fbas))) == frozenset(dispensable), seed
        for faulty in subsets(claimed):
            holding = [each for each in dispensable if faulty <= each]
            well = nodes - frozenset.intersection(nodes, *holding)
            assert intact(fbas, faulty) == well, (seed, faulty)
            assert befouled(fbas, faulty) == nodes - well


@pytest.mark.parametrize("batch", BATCHES)
def test_intertwined_nodes_have_no_disjoint_quorums(batch: int) -> None:
    for seed in seeds(batch, BATCH_SIZE // 10):
        claimed = network(seed)
        fbas = Fbas(claimed)
        for faulty in subsets(claimed)[: 2 * len(claimed)]:
            quorums = quorums_despite(claimed, faulty)
            for first, second in combinations([node for node in claimed if node not in faulty], 2):
                apart = any(
                    first in a and second in b and not a & b for a in quorums for b in quorums
                )
                assert intertwined(fbas, first, second, faulty) is not apart, (seed, faulty)


@pytest.mark.parametrize("batch", BATCHES)
def test_groups_do_what_some_of_their_nodes_do(batch: int) -> None:
    for seed in seeds(batch, BATCH_SIZE // 5):
        claimed = network(seed)
        kept = core(Fbas(claimed)).members
        left = {node: claimed[node] for node in claimed if node in kept}
        groups = {node: f"group-{number % 3}" for number, node in enumerate(claimed)}
        true = truth(left)
        found = merged(Fbas(claimed), groups)
        for family, sets in (
            (found.quorums, true.minimal_quorums),
            (found.blocking, true.minimal_blocking),
            (found.splitting, true.minimal_splitting),
        ):
            images = minimal({frozenset(NodeId(groups[node]) for node in each) for each in sets})
            assert once(list(family)) == images, seed


def check(found: Minimum, sets: Sets, seed: int) -> None:
    assert found.proved, seed
    assert found.upper == smallest(sets), seed
    assert found.members is None or found.members in sets


def needs_solvers(engine: Engine) -> None:
    if engine is Engine.SOLVER:
        pytest.importorskip("pysat", reason="python-sat is not installed")
