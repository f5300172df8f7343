"""Agreement below the bound and at it: twins, partitions and loss, and the splitting adversary.

Below the bound 2T - n no seed may fork; at it the splitting adversary forks in every protocol. The
environment variable TCLEARN_CAMPAIGN=1 asks for 1,000 seeds where there are 100 otherwise.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal

import pytest

from consensus.quorum import QuorumSet, majority_of, two_thirds_of
from crypto.identity import NodeId
from scenarios.adversaries import plan_split
from scenarios.findings import Status
from scenarios.schema_faults import twin_of
from scenarios.schema_network import NetworkSection
from scenarios.schema_sections import Protocol
from scenarios.simulation.streams import stream
from scenarios.trials.checker import Property
from scenarios.trials.trial import PROTOCOLS, Trial
from tests.trials import (
    MINUTE_US,
    VOTING,
    coalition,
    faults,
    names,
    run,
    status,
    threshold,
    violated,
)

Rule = Callable[[Iterable[NodeId]], QuorumSet]

CAMPAIGN = os.environ.get("TCLEARN_CAMPAIGN") == "1"
SEEDS = 1000 if CAMPAIGN else 100
SIZES = (4, 7, 10, 13)
LOSSY = NetworkSection.model_validate({"loss": "10 %", "retransmit": "never"})


def hostile(count: int, protocol: Protocol, seed: int) -> Trial:
    """Twins one below the bound; in turn a partition at random, every tenth message lost, both."""
    sets = coalition(count)
    chance = stream(seed, "hostile", count)
    bound = 1 if protocol == "authority" else 2 * threshold(sets) - count
    liars = [names(count)[index] for index in chance.permutation(count)[: bound - 1]]
    said: list[dict[str, Any]] = [{"kind": "twin", "hospital": liar} for liar in liars]
    sides: tuple[list[str], list[str]] = ([], [])
    for instance in [*names(count), *map(twin_of, liars)]:
        sides[int(chance.integers(2))].append(instance)
    if all(sides) and seed % 4:
        heal = f"{int(chance.integers(1, 4))} s"
        said.append({"kind": "partition", "groups": sides, "heal": heal, "drop": seed % 4 == 2})
    network = LOSSY if seed % 4 in (0, 1) else NetworkSection()
    return Trial(sets, protocol, network, faults(*said), seed, time_limit_us=8_000_000)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("count", SIZES)
def test_below_the_bound_no_seed_forks(count: int, protocol: Protocol) -> None:
    decided = 0
    for seed in range(SEEDS):
        outcome = run(hostile(count, protocol, seed))
        assert violated(outcome) in ([], [Property.TERMINATION]), seed
        decided += status(outcome, Property.TERMINATION) is Status.HELD
    assert decided > SEEDS // 4


@pytest.mark.parametrize("mode", ["bare", "judged"])
@pytest.mark.parametrize("protocol", VOTING)
@pytest.mark.parametrize("rule", [majority_of, two_thirds_of])
@pytest.mark.parametrize("count", SIZES)
def test_the_splitting_adversary_forks_at_the_bound_and_never_below(
    count: int, rule: Rule, protocol: Protocol, mode: Literal["bare", "judged"]
) -> None:
    sets = coalition(count, rule)
    bound = 2 * threshold(sets) - count
    for liar_count in {0, bound - 1, bound}:
        plan = plan_split(sets, liar_count, deletion=protocol == "scp")
        assert plan.possible == (liar_count == bound)
        limit_us = 10 * MINUTE_US if plan.possible else MINUTE_US // 4
        trial = Trial(sets, protocol, faults=plan.faults, time_limit_us=limit_us, mode=mode)
        outcome = run(trial)
        if not plan.possible:
            assert violated(outcome) == []
            assert outcome.forks == ()
            continue
        assert violated(outcome) == [Property.AGREEMENT]
        ((_, blame),) = outcome.forks
        assert blame is not None
        # Without a gap: the overlap of the two quorums is who lied, and all of it is convicted.
        assert blame.shared == set(blame.culprits) == set(plan.liars) == outcome.culprits
        assert len(blame.culprits) >= bound


@pytest.mark.parametrize("count", [3, 5, 7, 9, 11])
def test_a_plain_majority_of_an_odd_number_falls_to_one_twin(count: int) -> None:
    sets = coalition(count, majority_of)
    plan = plan_split(sets, 1, deletion=False)
    assert plan.possible
    outcome = run(Trial(sets, "majority", faults=plan.faults, time_limit_us=MINUTE_US))
    assert violated(outcome) == [Property.AGREEMENT]
    assert outcome.culprits == set(plan.liars)


def test_an_authority_that_lies_forks_its_hospitals_and_is_convicted() -> None:
    trial = Trial(
        coalition(5), "authority", faults=faults({"kind": "equivocate", "hospital": "h01"})
    )
    outcome = run(trial)
    assert Property.AGREEMENT in violated(outcome)
    assert outcome.culprits == {"h01"}
    ((_, blame),) = outcome.forks
    assert blame is not None
    assert blame.first == blame.second == {"h01"}


@pytest.mark.parametrize("protocol", VOTING)
def test_quorums_that_never_meet_fork_and_nobody_is_guilty(protocol: Protocol) -> None:
    hospitals = names(6)
    sets = dict.fromkeys(hospitals, QuorumSet(3, tuple(hospitals)))
    plan = plan_split(sets, None, deletion=protocol == "scp")
    assert plan.needed == 0
    outcome = run(Trial(sets, protocol, faults=plan.faults, time_limit_us=10 * MINUTE_US))
    assert violated(outcome) == [Property.AGREEMENT]
    ((_, blame),) = outcome.forks
    assert blame is not None
    assert blame.shared == frozenset() == outcome.culprits


def test_a_liar_forks_scp_by_lying_about_its_slices_and_no_other_protocol() -> None:
    sets = {
        NodeId("h01"): QuorumSet(2, (NodeId("h01"), NodeId("h03"))),
        NodeId("h02"): QuorumSet(2, (NodeId("h02"), NodeId("h03"))),
        NodeId("h03"): QuorumSet(3, (NodeId("h01"), NodeId("h02"), NodeId("h03"))),
    }
    plan = plan_split(sets, None, deletion=True)
    assert plan.liars == ("h03",)
    for protocol in VOTING:
        outcome = run(Trial(sets, protocol, faults=plan.faults, time_limit_us=MINUTE_US))
        forked = Property.AGREEMENT in violated(outcome)
        assert forked == (protocol == "scp"), protocol


@pytest.mark.parametrize("kind", ["equivocate", "mutate", "slices", "bias"])
@pytest.mark.parametrize("protocol", VOTING)
def test_one_liar_of_four_never_breaks_safety(protocol: Protocol, kind: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "bias": {"verdict": "reject"},
        "mutate": {"probability": 0.5},
    }
    for seed in range(SEEDS // 10):
        said = {"kind": kind, "hospital": names(4)[seed % 4], **more.get(kind, {})}
        trial = Trial(
            coalition(4), protocol, faults=faults(said), seed=seed, slots=2, mode="judged"
        )
        outcome = run(replace(trial, time_limit_us=MINUTE_US // 2))
        assert violated(outcome) in ([], [Property.TERMINATION]), seed
