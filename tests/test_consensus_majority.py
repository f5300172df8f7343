"""The count of votes: transcripts of single nodes, and every interleaving that chance finds."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.certificate import check_blocking, check_quorum, check_voters
from consensus.errors import CertificateError, ProtocolError
from consensus.majority import MajorityNode
from consensus.messages import (
    Accuse,
    Begin,
    Broadcast,
    Externalize,
    Input,
    Justified,
    Output,
    Propose,
    Recall,
    Receive,
    Record,
    Reject,
    TimerExpired,
)
from consensus.quorum import QuorumSet, QuorumSets, majority_of, two_thirds_of
from consensus.statements import Statement, Verdict, Vote
from consensus.trust import Trust
from crypto.digest import Digest
from crypto.identity import NodeId

from .parliament import Parliament, Seat

NODES = tuple(NodeId(name) for name in "abcde")
A, B, C, D, E = NODES
ACCEPTED, REJECTED, ABSENT = (Digest(bytes([n]) * 32) for n in (2, 3, 4))
OUTCOMES = (ACCEPTED, REJECTED, ABSENT)
OPEN = Begin(1, A, ABSENT, Digest(bytes(32)))
MAY_ACCEPT = Justified(1, ACCEPTED)


def node(name: NodeId = B, sets: QuorumSets | None = None) -> MajorityNode:
    claimed = dict.fromkeys(NODES, two_thirds_of(NODES)) if sets is None else sets
    machine = MajorityNode(name, Trust(claimed))
    assert machine.step(OPEN) == ()
    return machine


def drive(machine: MajorityNode, *events: Input) -> list[Output]:
    return [output for event in events for output in machine.step(event)]


def says(sender: NodeId, statement: Statement) -> Receive:
    return Receive(sender, statement)


def test_the_first_justified_value_is_recorded_before_it_is_sent() -> None:
    vote = Vote(1, ACCEPTED)
    assert drive(node(), MAY_ACCEPT) == [Record(vote), Broadcast(vote)]


def test_a_node_votes_once_in_a_slot() -> None:
    machine = node()
    drive(machine, MAY_ACCEPT)
    assert drive(machine, Justified(1, REJECTED), MAY_ACCEPT, Justified(2, ABSENT)) == []


def test_a_quorum_of_equal_votes_decides_once() -> None:
    machine = node()
    vote = Vote(1, ACCEPTED)
    assert drive(machine, MAY_ACCEPT, says(A, vote), says(C, vote))[2:] == []
    assert drive(machine, says(D, vote)) == [Externalize(1, ACCEPTED)]
    assert drive(machine, says(E, vote)) == []


def test_a_node_that_may_not_vote_for_it_still_follows_what_a_quorum_decided() -> None:
    machine = node()
    drive(machine, Justified(1, REJECTED))
    votes = [says(other, Vote(1, ACCEPTED)) for other in (A, C, D, E)]
    assert drive(machine, *votes) == [Externalize(1, ACCEPTED)]


def test_votes_for_two_values_do_not_add_up() -> None:
    machine = node()
    votes = [says(A, Vote(1, ACCEPTED)), says(C, Vote(1, REJECTED)), says(D, Vote(1, ABSENT))]
    assert drive(machine, MAY_ACCEPT, *votes)[2:] == []


def test_two_faces_are_accused_and_the_first_one_counts() -> None:
    machine = node()
    drive(machine, says(E, Vote(1, ACCEPTED)))
    second = drive(machine, says(E, Vote(1, REJECTED)))
    assert second == [Accuse(E, Vote(1, ACCEPTED), Vote(1, REJECTED))]


def test_a_repeated_statement_is_no_contradiction() -> None:
    machine = node()
    assert drive(machine, says(E, Vote(1, ACCEPTED)), says(E, Vote(1, ACCEPTED))) == []


def test_what_is_not_its_business_changes_nothing() -> None:
    assert drive(node(), Propose(1, ABSENT, ACCEPTED, REJECTED), TimerExpired(1, "any")) == []


@pytest.mark.parametrize(
    "event",
    [
        says(B, Vote(1, ACCEPTED)),
        says(NodeId("stranger"), Vote(1, ACCEPTED)),
        says(C, Verdict(1, ACCEPTED, True, "ok", ())),
        says(C, Vote(0, ACCEPTED)),
        says(C, Vote(2, ACCEPTED)),
    ],
)
def test_what_does_not_belong_here_is_refused_with_a_reason(event: Receive) -> None:
    (output,) = node().step(event)
    assert isinstance(output, Reject)
    assert output.reason


def test_driving_a_node_out_of_turn_is_the_shell_s_mistake() -> None:
    machine = MajorityNode(B, Trust(dict.fromkeys(NODES, majority_of(NODES))))
    with pytest.raises(ProtocolError, match="Begin"):
        machine.step(MAY_ACCEPT)
    machine.step(Begin(3, A, ABSENT, ABSENT))
    with pytest.raises(ProtocolError, match="after 3"):
        machine.step(Begin(3, A, ABSENT, ABSENT))


def test_after_a_stop_the_vote_stands_and_is_said_again() -> None:
    machine = node()
    vote = Vote(1, REJECTED)
    assert drive(machine, Recall((vote,)), MAY_ACCEPT) == [Broadcast(vote)]


# A whole coalition, driven in any order


def votes_of(
    sets: QuorumSets, may: dict[NodeId, list[Digest]], seed: int, linked: bool = True
) -> Parliament:
    """Honest nodes, each with what it may decide, first things first; everybody else lies.

    A liar tells each honest node something else: any vote, at random.
    """
    dice = random.Random(seed)
    trust = Trust(sets)
    house = Parliament(lambda name: MajorityNode(name, trust), sets, seed=seed)
    for liar in sorted(set(sets) - set(may)):
        house.crash(liar, 0)
    house.open(OPEN)
    for name, values in may.items():
        for at_us, value in enumerate(values):
            house.tell(name, Justified(1, value), at_us)
        for liar in sorted(set(sets) - set(may)):
            told = Vote(1, dice.choice(OUTCOMES))
            house.forge(liar, told, Seat(name), dice.randrange(200_000))
    house.run(1_000_000)
    return house


JUSTIFIED = st.lists(st.lists(st.sampled_from(OUTCOMES), max_size=3), min_size=5, max_size=5)
RULES = (majority_of, two_thirds_of)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 5),
    JUSTIFIED,
    st.integers(0, 2**32),
    st.sampled_from([majority_of, two_thirds_of]),
)
def test_honest_nodes_agree_in_every_order_and_under_every_rule(
    count: int, may: list[list[Digest]], seed: int, rule: object
) -> None:
    nodes = NODES[:count]
    quorum_set = majority_of(nodes) if rule is majority_of else two_thirds_of(nodes)
    house = votes_of(dict.fromkeys(nodes, quorum_set), dict(zip(nodes, may, strict=False)), seed)
    assert len(set(house.decided.values())) <= 1
    for value in house.decided.values():
        assert sum(values[:1] == [value] for values in may[:count]) >= quorum_set.threshold


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([4, 5]), JUSTIFIED, st.integers(0, 2**32))
def test_two_thirds_hold_against_one_liar_in_every_order(
    count: int, may: list[list[Digest]], seed: int
) -> None:
    sets = dict.fromkeys(NODES[:count], two_thirds_of(NODES[:count]))
    house = votes_of(sets, dict(zip(NODES[1:count], may, strict=False)), seed)
    assert len(set(house.decided.values())) <= 1


def test_a_plain_majority_of_five_falls_to_one_liar() -> None:
    sets = dict.fromkeys(NODES, majority_of(NODES))
    may = {B: [ACCEPTED], C: [ACCEPTED], D: [REJECTED], E: [REJECTED]}
    forks = sum(len(set(votes_of(sets, may, seed).decided.values())) > 1 for seed in range(100))
    assert forks > 0


def test_declared_quorum_sets_decide_by_themselves_not_by_a_count() -> None:
    """Two islands that trust only themselves decide apart: three of five count for nothing."""
    left, right = QuorumSet(2, (B, C)), QuorumSet(3, (A, D, E))
    sets = {B: left, C: left, A: right, D: right, E: right}
    machine = node(B, sets)
    vote = Vote(1, ACCEPTED)
    drive(machine, *(says(other, vote) for other in (A, D, E)))
    assert drive(machine, MAY_ACCEPT) == [Record(vote), Broadcast(vote)]
    assert drive(machine, says(C, vote)) == [Externalize(1, ACCEPTED)]


# Certificates


def test_a_certificate_needs_a_quorum_not_a_count() -> None:
    left, right = QuorumSet(2, (A, B)), QuorumSet(3, (C, D, E))
    sets = {A: left, B: left, C: right, D: right, E: right}
    check_quorum([A, B], A, sets)
    with pytest.raises(CertificateError, match="satisfies a"):
        check_quorum([C, D, E], A, sets)
    with pytest.raises(CertificateError, match="found none"):
        check_quorum([A, C, D], A, sets)
    with pytest.raises(CertificateError, match="found none among nobody"):
        check_quorum([], A, sets)


@pytest.mark.parametrize(
    ("voters", "message"),
    [([B, A], "a after b"), ([A, A], "a after a"), ([NodeId("z")], "found z")],
)
def test_voters_are_sorted_unique_and_known(voters: list[NodeId], message: str) -> None:
    with pytest.raises(CertificateError, match=message):
        check_voters(voters, dict.fromkeys(NODES, majority_of(NODES)))


def test_a_rejection_needs_a_blocking_set() -> None:
    sets = dict.fromkeys(NODES, two_thirds_of(NODES))
    check_blocking([A, B], C, sets)
    with pytest.raises(CertificateError, match="blocks c"):
        check_blocking([A], C, sets)
