"""One certifying node: it decides alone, so it can fail alone and be convicted alone."""

import pytest

from consensus.authority import AuthorityNode, trusting_only
from consensus.errors import ProtocolError
from consensus.forensics import convict
from consensus.judging import JudgingNode, Timeouts
from consensus.messages import (
    Accuse,
    Begin,
    Broadcast,
    Externalize,
    Justified,
    Propose,
    Recall,
    Receive,
    Record,
    Reject,
)
from consensus.quorum import two_thirds_of
from consensus.statements import PrePrepare, Verdict, Vote
from consensus.trust import Trust
from crypto.digest import Digest
from crypto.identity import NodeId

from .parliament import Parliament, Seat

NODES = tuple(NodeId(name) for name in "abcde")
A, B, C, D, E = NODES
AUTHORITY = C
X, Y, ABSENT = (Digest(bytes([n]) * 32) for n in (1, 2, 3))
OPEN = Begin(1, A, ABSENT, ABSENT)
TRUST = Trust(dict.fromkeys(NODES, two_thirds_of(NODES)))


def node(name: NodeId) -> AuthorityNode:
    machine = AuthorityNode(name, TRUST, AUTHORITY)
    machine.step(OPEN)
    return machine


def test_the_authority_votes_for_the_first_justified_value_and_has_decided() -> None:
    vote = Vote(1, X)
    machine = node(AUTHORITY)
    assert machine.step(Justified(1, X)) == (Record(vote), Broadcast(vote), Externalize(1, X))
    assert machine.step(Justified(1, Y)) == ()


def test_nobody_else_votes_and_everybody_follows_its_vote() -> None:
    machine = node(A)
    assert machine.step(Justified(1, Y)) == ()
    assert machine.step(Receive(AUTHORITY, Vote(1, X))) == (Externalize(1, X),)


def test_the_votes_of_all_others_together_decide_nothing() -> None:
    machine = node(A)
    for other in (B, D, E):
        assert machine.step(Receive(other, Vote(1, X))) == ()


def test_an_authority_of_two_faces_is_accused_and_convicted() -> None:
    machine = node(A)
    machine.step(Receive(AUTHORITY, Vote(1, X)))
    both = (Vote(1, X), Vote(1, Y))
    assert machine.step(Receive(AUTHORITY, Vote(1, Y))) == (Accuse(AUTHORITY, *both),)
    assert convict((AUTHORITY, vote) for vote in both) == {AUTHORITY: both}


def test_after_a_stop_the_authority_repeats_its_vote_and_casts_no_other() -> None:
    machine = node(AUTHORITY)
    vote = Vote(1, X)
    assert machine.step(Recall((vote,))) == (Broadcast(vote), Externalize(1, X))
    assert machine.step(Justified(1, Y)) == ()


def test_other_protocols_and_other_slots_are_refused() -> None:
    machine = node(A)
    for statement in (PrePrepare(1, 0, X), Vote(2, X)):
        (output,) = machine.step(Receive(AUTHORITY, statement))
        assert isinstance(output, Reject)


def test_an_authority_is_one_of_the_nodes() -> None:
    with pytest.raises(ProtocolError, match="found nobody"):
        AuthorityNode(A, TRUST, NodeId("nobody"))


def judging(name: NodeId) -> JudgingNode:
    """A hospital that leaves the judgement of candidates to the authority as well."""
    trust = Trust(trusting_only(AUTHORITY, NODES))
    agreement = AuthorityNode(name, trust, AUTHORITY)
    return JudgingNode(name, trust, Timeouts(1_000_000, 1_000_000), agreement)


def coalition(accepts: bool) -> Parliament:
    """Only the authority's opinion differs from what the hospitals think of the candidate."""
    opinions = {**dict.fromkeys(NODES, not accepts), AUTHORITY: accepts}
    house = Parliament(judging, NODES, seed=1, accepts=opinions)
    house.open(OPEN)
    house.tell(A, Propose(1, Digest(bytes([9]) * 32), X, Y))
    return house


@pytest.mark.parametrize(("accepts", "value"), [(True, X), (False, Y)])
def test_what_the_authority_thinks_of_a_candidate_is_what_all_record(
    accepts: bool, value: Digest
) -> None:
    house = coalition(accepts)
    house.run(10_000_000)
    assert house.honest_decisions() == dict.fromkeys(NODES, value)
    assert sum(isinstance(said, Vote) for _, said in house.signed) == 1
    assert sum(isinstance(said, Verdict) for _, said in house.signed) == len(NODES)


def test_without_the_authority_nothing_is_decided() -> None:
    house = coalition(True)
    house.crash(AUTHORITY, 0)
    house.run(60_000_000)
    assert not house.decided


def test_an_authority_with_two_faces_splits_the_coalition_alone() -> None:
    house = Parliament(
        lambda name: AuthorityNode(name, TRUST, AUTHORITY),
        NODES,
        seed=1,
        twins=[AUTHORITY],
        linked=lambda a, b, _: (a == Seat(AUTHORITY, 1)) == (b.node in (D, E)),
    )
    house.open(OPEN)
    for face, value in enumerate((X, Y)):
        house.tell(AUTHORITY, Justified(1, value), face=face)
    house.run(10_000_000)
    assert set(house.honest_decisions().values()) == {X, Y}
    assert set(convict(house.signed)) == {AUTHORITY}


def test_all_nodes_of_a_run_share_one_compiled_trust() -> None:
    first, second = (AuthorityNode(node, TRUST, AUTHORITY) for node in (C, D))
    assert first._count._trust is second._count._trust
