"""Forensics: no honest node is ever convicted; of a fork enough of the guilty are."""

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from consensus.authority import AuthorityNode
from consensus.errors import CertificateError, QuorumSetError
from consensus.forensics import Signed, contradiction, convict, fork_culprits, least_overlap
from consensus.judging import JudgingNode, Timeouts, leader_of
from consensus.majority import MajorityNode
from consensus.messages import Begin, Justified, Node, Propose
from consensus.pbft import PbftNode, PbftTimeouts
from consensus.quorum import (
    QuorumSet,
    QuorumSets,
    convinces,
    greatest_quorum,
    majority_of,
    two_thirds_of,
)
from consensus.scp import ScpNode, ScpTimeouts
from consensus.statements import (
    Ballot,
    Confirm,
    Externalized,
    NewView,
    Nominate,
    Prepare,
    PrePrepare,
    Proposal,
    Statement,
    Verdict,
    ViewChange,
    ViewCommit,
    ViewPrepare,
    Vote,
)
from consensus.trust import Trust
from crypto.digest import Digest
from crypto.identity import NodeId

from .parliament import Parliament, Seat

NODES = tuple(NodeId(name) for name in "abcd")
A, B, C, D = NODES
X, Y, Z = (Digest(bytes([n]) * 32) for n in (1, 2, 3))
SLOT = 1
OPEN = Begin(SLOT, A, Z, Z)
Q = Digest(bytes(32))


def verdict(accept: bool) -> Verdict:
    return Verdict(SLOT, X, accept, "ok", ())


def prepare(counter: int, value: Digest = X, prepared: Ballot | None = None) -> Prepare:
    return Prepare(SLOT, Q, Ballot(counter, value), prepared, None, 0, 0)


def confirm(counter: int, value: Digest) -> Confirm:
    return Confirm(SLOT, Q, Ballot(counter, value), counter, counter, counter)


# Two statements


GUILTY: dict[str, tuple[Statement, Statement]] = {
    "two proposals": (Proposal(SLOT, X, X, Y), Proposal(SLOT, X, Y, X)),
    "two verdicts": (verdict(True), verdict(False)),
    "two votes": (Vote(SLOT, X), Vote(SLOT, Y)),
    "neither nomination contains the other": (
        Nominate(SLOT, Q, (X,), ()),
        Nominate(SLOT, Q, (Y,), ()),
    ),
    "ballots of which neither is newer": (
        prepare(2, X),
        Prepare(SLOT, Q, Ballot(2, X), None, None, 1, 0),
    ),
    "commit accepted for two values": (confirm(1, X), confirm(2, Y)),
    "externalized two values": (
        Externalized(SLOT, Q, Ballot(1, X), 1),
        Externalized(SLOT, Q, Ballot(2, Y), 2),
    ),
    "two pre-prepares": (PrePrepare(SLOT, 0, X), PrePrepare(SLOT, 0, Y)),
    "two prepares": (ViewPrepare(SLOT, 3, X), ViewPrepare(SLOT, 3, Y)),
    "two commits": (ViewCommit(SLOT, 3, X), ViewCommit(SLOT, 3, Y)),
    "two new views": (NewView(SLOT, 3, X, (A, B, C)), NewView(SLOT, 3, X, (A, B, D))),
    "a commit forgotten": (ViewCommit(SLOT, 1, X), ViewChange(SLOT, 3, None, None)),
    "a commit in a lower view claimed": (ViewCommit(SLOT, 1, X), ViewChange(SLOT, 3, 0, X)),
    "another value claimed": (ViewCommit(SLOT, 1, X), ViewChange(SLOT, 3, 1, Y)),
}

INNOCENT: dict[str, tuple[Statement, Statement]] = {
    "said twice": (Vote(SLOT, X), Vote(SLOT, X)),
    "in two slots": (Vote(1, X), Vote(2, Y)),
    "of two kinds": (Vote(SLOT, X), ViewCommit(SLOT, 0, Y)),
    "a nomination that grew": (Nominate(SLOT, Q, (X,), ()), Nominate(SLOT, Q, (X, Y), (X,))),
    "nominated one and balloted for another": (Nominate(SLOT, Q, (X,), ()), prepare(1, Y)),
    "a higher ballot": (prepare(1, X), prepare(2, X)),
    "prepared before the view was left, or was it after": (
        ViewPrepare(SLOT, 1, X),
        ViewChange(SLOT, 2, None, None),
    ),
    "committed in two views": (ViewCommit(SLOT, 0, X), ViewCommit(SLOT, 1, Y)),
    "a later claim": (ViewCommit(SLOT, 0, X), ViewChange(SLOT, 2, 1, Y)),
}


@pytest.mark.parametrize("name", GUILTY)
def test_what_no_correct_node_signs_in_any_order_convicts_with_a_sentence(name: str) -> None:
    first, second = GUILTY[name]
    assert contradiction(first, second)
    assert contradiction(second, first)
    assert convict([(A, first), (B, second), (A, second)]) == {A: (first, second)}


@pytest.mark.parametrize("name", INNOCENT)
def test_what_a_correct_node_may_sign_convicts_nobody(name: str) -> None:
    first, second = INNOCENT[name]
    assert contradiction(first, second) is None
    assert contradiction(second, first) is None
    assert convict([(A, first), (A, second)]) == {}


def test_the_first_contradicting_pair_in_the_order_given_is_kept() -> None:
    votes = [Vote(SLOT, value) for value in (X, Y, Z)]
    assert convict((A, vote) for vote in votes) == {A: (votes[0], votes[1])}
    assert convict((A, vote) for vote in votes[::-1]) == {A: (votes[2], votes[1])}


# Whole executions


Build = Callable[[Trust, NodeId], Node]

PROTOCOLS: Mapping[str, Build] = {
    "majority": lambda trust, node: MajorityNode(node, trust),
    "authority": lambda trust, node: AuthorityNode(node, trust, trust.nodes[0]),
    "pbft": lambda trust, node: PbftNode(node, trust, PbftTimeouts(400_000, 5_000_000)),
    "scp": lambda trust, node: ScpNode(
        node, trust, ScpTimeouts(200_000, 100_000, 200_000, 100_000, 2_000_000)
    ),
}
SEEDS = range(30)
END_US = 20_000_000


def storm(protocol: str, seed: int, twin_count: int) -> tuple[Parliament, set[NodeId]]:
    """Loss, duplicates, partitions, crashes with recall, and perhaps twins: all by chance."""
    dice = random.Random(seed)
    size = dice.choice([4, 5])
    nodes = [NodeId(name) for name in "abcde"[:size]]
    trust = Trust(dict.fromkeys(nodes, two_thirds_of(nodes)))
    twins = dice.sample(nodes, twin_count)
    seats = [Seat(node, face) for node in nodes for face in (0, 1)]
    sides = [{seat: dice.random() < 0.5 for seat in seats} for _ in range(8)]

    def linked(sender: Seat, receiver: Seat, now_us: int) -> bool:
        spell = now_us // 400_000
        if spell >= len(sides) or spell % 3 == 2:
            return True
        return sides[spell][sender] == sides[spell][receiver]

    house = Parliament(
        lambda node: PROTOCOLS[protocol](trust, node),
        nodes,
        seed=seed,
        twins=twins,
        linked=linked,
        loss=dice.choice([0.0, 0.1, 0.3]),
        duplication=0.1,
        rebroadcast_us=700_000,
    )
    slot = dice.randint(1, size)
    house.open(Begin(slot, leader_of(slot, nodes), Z, Z))
    for node, face in itertools.product(nodes, (0, 1)):
        for value in dice.sample([X, Y, Z], dice.randint(1, 3)):
            house.tell(node, Justified(slot, value), dice.randrange(1_000_000), face)
    for node in nodes:
        if dice.random() < 0.5:
            at_us = dice.randrange(3_000_000)
            house.crash(node, at_us, at_us + dice.randrange(1, 1_000_000))
    house.run(END_US, until_decided=True)
    return house, set(twins)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_honest_node_is_ever_convicted_or_accused(protocol: str) -> None:
    for seed in SEEDS:
        house, _ = storm(protocol, seed, 0)
        assert convict(house.signed) == {}, f"seed {seed}"
        assert house.accused == [], f"seed {seed}"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_among_twins_only_twins_are_convicted_or_accused(protocol: str) -> None:
    for seed in SEEDS:
        house, twins = storm(protocol, seed, 1 + seed % 2)
        assert set(convict(house.signed)) <= twins, f"seed {seed}"
        assert {accusation.node for accusation in house.accused} <= twins, f"seed {seed}"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_accusations_of_nodes_are_convictions(protocol: str) -> None:
    for seed in range(10):
        house, _ = storm(protocol, seed, 2)
        for accusation in house.accused:
            assert contradiction(accusation.first, accusation.second)
            both = {(accusation.node, each) for each in (accusation.first, accusation.second)}
            assert both <= set(house.signed)


def judging(trust: Trust, node: NodeId) -> Node:
    agreement = PROTOCOLS["pbft"](trust, node)
    return JudgingNode(node, trust, Timeouts(1_000_000, 1_000_000), agreement)


def test_no_honest_hospital_is_convicted_for_its_judgements() -> None:
    trust = Trust(dict.fromkeys(NODES, two_thirds_of(NODES)))
    for seed in SEEDS:
        dice = random.Random(seed)
        house = Parliament(
            lambda node: judging(trust, node),
            NODES,
            seed=seed,
            loss=0.2,
            rebroadcast_us=500_000,
            accepts={node: dice.random() < 0.7 for node in NODES},
        )
        house.open(OPEN)
        house.tell(A, Propose(SLOT, Z, X, Y), dice.randrange(1_500_000))
        for node in NODES:
            if dice.random() < 0.5:
                at_us = dice.randrange(2_000_000)
                house.crash(node, at_us, at_us + dice.randrange(1, 1_000_000))
        house.run(END_US)
        assert convict(house.signed) == {}, f"seed {seed}"
        assert len(set(house.decided.values())) == 1, f"seed {seed}"


# Forks


@dataclass(frozen=True)
class Case:
    """A coalition of which so many twins, given the network, can make a fork."""

    protocol: str
    quorum_set: QuorumSet
    twin_count: int


FIVE = tuple(NodeId(name) for name in "abcde")
FORKS = {
    "majority of five": Case("majority", majority_of(FIVE), 1),
    "two thirds by votes": Case("majority", two_thirds_of(NODES), 2),
    "pbft": Case("pbft", two_thirds_of(NODES), 2),
    "pbft, five": Case("pbft", two_thirds_of(FIVE), 3),
    "scp": Case("scp", two_thirds_of(NODES), 2),
    "scp, five": Case("scp", two_thirds_of(FIVE), 3),
}


def two_camps(case: Case, seed: int) -> tuple[Parliament, set[NodeId], QuorumSets]:
    """Two camps of honest nodes, each with one face of every twin; sometimes a message leaks."""
    dice = random.Random(seed)
    nodes = case.quorum_set.validators
    sets = dict.fromkeys(nodes, case.quorum_set)
    trust = Trust(sets)
    twins = set(dice.sample(nodes, case.twin_count))
    camp = {node: number % 2 for number, node in enumerate(n for n in nodes if n not in twins)}
    leak = dice.choice([0.0, 0.0, 0.05])

    def linked(sender: Seat, receiver: Seat, now_us: int) -> bool:
        same = camp.get(sender.node, sender.face) == camp.get(receiver.node, receiver.face)
        return same or dice.random() < leak

    house = Parliament(
        lambda node: PROTOCOLS[case.protocol](trust, node),
        nodes,
        seed=seed,
        twins=twins,
        linked=linked,
    )
    house.open(OPEN)
    for node, face in itertools.product(nodes, (0, 1)):
        house.tell(node, Justified(SLOT, (X, Y)[camp.get(node, face)]), face=face)
    house.run(END_US, until_decided=True)
    return house, twins, sets


@pytest.mark.parametrize("name", FORKS)
def test_every_fork_convicts_as_many_as_two_quorums_share_and_twins_only(name: str) -> None:
    case, forks = FORKS[name], 0
    for seed in range(20):
        house, twins, sets = two_camps(case, seed)
        culprits = set(convict(house.signed))
        assert culprits <= twins, f"seed {seed}"
        if len(set(house.honest_decisions().values())) > 1:
            forks += 1
            least = least_overlap(sets).forensic
            assert least is not None
            assert len(culprits) >= least, f"seed {seed}"
    assert forks


def votes(value: Digest, *nodes: NodeId) -> list[Signed]:
    return [(node, Vote(SLOT, value)) for node in nodes]


def commits(view: int, value: Digest, *nodes: NodeId) -> list[Signed]:
    return [(node, ViewCommit(SLOT, view, value)) for node in nodes]


SETS = dict.fromkeys(NODES, two_thirds_of(NODES))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (votes(X, A, B, C), votes(Y, B, C, D)),
        (commits(2, X, A, B, C), commits(2, Y, B, C, D)),
        (
            [(node, confirm(1, X)) for node in (A, B, C)],
            [(node, Externalized(SLOT, Q, Ballot(4, Y), 4)) for node in (B, C, D)],
        ),
    ],
)
def test_two_certificates_convict_everybody_in_both_quorums(
    first: list[Signed], second: list[Signed]
) -> None:
    finding = fork_culprits(first, second, SETS)
    assert finding.first == {A, B, C}
    assert finding.second == {B, C, D}
    assert set(finding.culprits) == finding.shared == {B, C}
    assert not finding.unproven


def test_across_views_two_certificates_of_pbft_convict_nobody_and_the_view_changes_do() -> None:
    first, second = commits(0, X, A, B, C), commits(1, Y, B, C, D)
    finding = fork_culprits(first, second, SETS)
    assert not finding.culprits
    assert finding.unproven == {B, C}
    transcript = [(node, ViewChange(SLOT, 1, None, None)) for node in (B, C, D)]
    finding = fork_culprits(first, second, SETS, transcript)
    assert set(finding.culprits) == {B, C}
    assert not finding.unproven


def test_a_fork_across_views_of_a_whole_run_is_solved_by_its_transcript() -> None:
    """The primary of view 0 is in one camp, so the other one decides in a later view."""
    solved = 0
    for seed in range(40):
        house, twins, sets = two_camps(FORKS["pbft"], seed)
        decided = house.honest_decisions()
        if A in twins or len(set(decided.values())) < 2:
            continue
        sides = {
            value: tuple(
                each
                for each in house.signed
                if isinstance(each[1], ViewCommit) and each[1].value == value
            )
            for value in set(decided.values())
        }
        finding = fork_culprits(sides[X], sides[Y], sets)
        views = {
            statement.view
            for side in sides.values()
            for _, statement in side
            if isinstance(statement, ViewCommit)
        }
        if len(views) > 1 and not finding.culprits:
            solved += 1
            assert fork_culprits(sides[X], sides[Y], sets, house.signed).culprits.keys() == twins
    assert solved


def test_of_disjoint_quorums_nobody_is_guilty_and_the_two_are_the_finding() -> None:
    sets = {A: QuorumSet(2, (A, B)), B: QuorumSet(2, (A, B))}
    sets |= {C: QuorumSet(2, (C, D)), D: QuorumSet(2, (C, D))}
    finding = fork_culprits(votes(X, A, B), votes(Y, C, D), sets)
    assert finding.first == {A, B}
    assert finding.second == {C, D}
    assert not finding.shared
    assert not finding.culprits
    assert least_overlap(sets) == (0, 0)


def test_what_is_no_certificate_is_no_finding() -> None:
    with pytest.raises(CertificateError):
        fork_culprits(votes(X, A, B), votes(Y, B, C, D), SETS)


# Both numbers


@pytest.mark.parametrize(
    ("threshold", "count", "least"), [(3, 4, 2), (3, 5, 1), (4, 5, 3), (5, 7, 3), (21, 32, 10)]
)
def test_flat_networks_have_the_closed_form(threshold: int, count: int, least: int) -> None:
    nodes = tuple(NodeId(f"n{number:02}") for number in range(count))
    flat = dict.fromkeys(nodes, QuorumSet(threshold, nodes))
    assert least_overlap(flat) == (least, least)


def test_of_two_levels_the_closed_form_holds() -> None:
    inner = [tuple(NodeId(f"{group}{number}") for number in range(3)) for group in "abcd"]
    quorum_set = QuorumSet(3, (), tuple(QuorumSet(2, group) for group in inner))
    nodes = [node for group in inner for node in group]
    assert least_overlap(dict.fromkeys(nodes, quorum_set)) == (2, 2)  # (2T - N)(2t - k)


def test_where_all_are_needed_no_lie_splits() -> None:
    assert least_overlap(dict.fromkeys(NODES, QuorumSet(4, NODES))) == (4, None)
    apart = {A: QuorumSet(2, (A, B)), B: QuorumSet(2, (A, NodeId("elsewhere")))}
    assert least_overlap(apart) == (None, None)


def test_a_network_too_large_to_try_every_set_is_refused() -> None:
    nodes = tuple(NodeId(f"n{number:02}") for number in range(17))
    sets = dict.fromkeys(nodes, QuorumSet(9, nodes)) | {nodes[0]: QuorumSet(1, nodes)}
    with pytest.raises(QuorumSetError, match="at most 16"):
        least_overlap(sets)


def random_sets(dice: random.Random) -> QuorumSets:
    nodes = [NodeId(name) for name in "abcde"[: dice.randint(2, 5)]]
    sets = {}
    for node in nodes:
        trusted = tuple(sorted({node, *dice.sample(nodes, dice.randint(1, len(nodes)))}))
        sets[node] = QuorumSet(dice.randint(1, len(trusted)), trusted)
    return sets


def test_both_numbers_agree_with_the_definitions_word_for_word() -> None:
    for seed in range(60):
        sets = random_sets(random.Random(seed))
        subsets = [
            frozenset(part)
            for size in range(len(sets) + 1)
            for part in itertools.combinations(sets, size)
        ]
        quorums = [part for part in subsets if part and greatest_quorum(part, sets) == part]
        overlaps = [len(one & other) for one in quorums for other in quorums]
        splitting = [len(part) for part in subsets if is_splitting(part, sets, subsets)]
        expected = (min(overlaps, default=None), min(splitting, default=None))
        assert least_overlap(sets) == expected, f"seed {seed}"


def is_splitting(
    liars: frozenset[NodeId], sets: QuorumSets, subsets: list[frozenset[NodeId]]
) -> bool:
    """Whether two well-behaved nodes are convinced by quorums that share only liars."""
    believing = {**sets, **dict.fromkeys(liars, QuorumSet(1, tuple(sets)))}
    parts = [part for part in subsets if part and not part & liars]
    quorums = [
        part for part in parts if all(convinces(node, part | liars, believing) for node in part)
    ]
    return any(not one & other for one in quorums for other in quorums)
