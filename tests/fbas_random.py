"""Random small networks, odd ones among them, and what brute force says of them."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from consensus.quorum import QuorumSet
from crypto.identity import NodeId

NODE_COUNT_MAX = 6


def network(seed: int) -> dict[NodeId, QuorumSet | None]:
    """Nested, with validators that stand twice, strangers, null sets, thresholds out of range."""
    chance = random.Random(seed)
    nodes = [NodeId(f"n{number}") for number in range(chance.randint(1, NODE_COUNT_MAX))]
    known = nodes + ([NodeId("stranger")] if chance.random() < 0.3 else [])
    shared = [_quorum_set(chance, known, 0) for _ in range(chance.randint(1, 3))]
    alike = chance.random() < 0.5
    return {
        node: None
        if chance.random() < 0.06
        else chance.choice(shared)
        if alike
        else _quorum_set(chance, known, 0)
        for node in nodes
    }


def _quorum_set(chance: random.Random, nodes: list[NodeId], depth: int) -> QuorumSet:
    count = min(len(nodes), chance.randint(0 if depth else 1, 5))
    validators = tuple(
        chance.choice(nodes) if chance.random() < 0.15 else node
        for node in chance.sample(nodes, count)
    )
    inner_count = chance.choice([0, 0, 1, 2, 3]) if depth < 2 else 0
    inner = tuple(_quorum_set(chance, nodes, depth + 1) for _ in range(inner_count))
    entries = len(validators) + inner_count
    threshold = chance.choice([0, 1, 2, 3, entries // 2 + 1, entries // 2 + 1, entries, entries])
    return QuorumSet(min(threshold, entries + (chance.random() < 0.05)), validators, inner)


@dataclass(frozen=True)
class Truth:
    """What is true of a network, by trying every subset."""

    quorums: frozenset[frozenset[NodeId]]
    minimal_quorums: frozenset[frozenset[NodeId]]
    minimal_blocking: frozenset[frozenset[NodeId]]
    minimal_splitting: frozenset[frozenset[NodeId]]
    has_disjoint: bool


def truth(network_: dict[NodeId, QuorumSet | None]) -> Truth:
    """Try every subset."""
    every = subsets(network_)
    quorums = quorums_despite(network_, frozenset())
    blocking = [each for each in every if all(each & quorum for quorum in quorums)]
    splitting: list[frozenset[NodeId]] = []
    for liars in every:  # by size
        if not any(smaller <= liars for smaller in splitting) and splits(network_, liars):
            splitting.append(liars)
    return Truth(
        frozenset(quorums),
        minimal(quorums),
        minimal(blocking),
        frozenset(splitting),
        splits(network_, frozenset()),
    )


def splits(network_: dict[NodeId, QuorumSet | None], liars: frozenset[NodeId]) -> bool:
    """Whether two disjoint quorums are left when these are deleted."""
    return any(not a & b for a, b in combinations(quorums_despite(network_, liars), 2))


def quorums_despite(
    network_: dict[NodeId, QuorumSet | None], liars: frozenset[NodeId]
) -> list[frozenset[NodeId]]:
    """The quorums of the others when liars satisfy everybody who asks."""
    return [
        each
        for each in subsets(node for node in network_ if node not in liars)
        if each and all(_satisfied(network_[node], each | liars) for node in each)
    ]


def _satisfied(quorum_set: QuorumSet | None, members: frozenset[NodeId]) -> bool:
    if quorum_set is None:
        return False
    hits = sum(validator in members for validator in quorum_set.validators)
    hits += sum(_satisfied(inner, members) for inner in quorum_set.inner_sets)
    return hits >= quorum_set.threshold


def subsets(nodes: Iterable[NodeId]) -> list[frozenset[NodeId]]:
    """All of them, by size."""
    everybody = tuple(nodes)
    sizes = range(len(everybody) + 1)
    return [frozenset(each) for size in sizes for each in combinations(everybody, size)]


def minimal(sets: Iterable[frozenset[NodeId]]) -> frozenset[frozenset[NodeId]]:
    """Those that contain no other one."""
    known = list(sets)
    return frozenset(each for each in known if not any(other < each for other in known))
