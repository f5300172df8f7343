"""What an SCP node takes in, what it refuses, whom it accuses, and how it comes back."""

import pytest

from consensus.errors import InvariantError, ProtocolError
from consensus.messages import (
    Accuse,
    Begin,
    Broadcast,
    CancelTimer,
    Externalize,
    Input,
    Justified,
    Learn,
    Output,
    Propose,
    Recall,
    Receive,
    Record,
    Reject,
    SetTimer,
    TimerExpired,
    Validated,
)
from consensus.quorum import QuorumSet, quorum_set_digest
from consensus.scp import BALLOT_TIMER, NOMINATION_TIMER, ScpNode
from consensus.statements import Ballot, Confirm, Externalized, Nominate, Prepare, Vote
from consensus.trust import Trust
from crypto.digest import Digest
from crypto.identity import NodeId

NODES = tuple(NodeId(f"v{number}") for number in range(4))
ME, V1, V2, V3 = NODES
X, Y = Digest(b"x" * 32), Digest(b"y" * 32)
OWN_SET = QuorumSet(3, NODES)
CLAIM = quorum_set_digest(OWN_SET)
FOREIGN_SET = QuorumSet(2, NODES)
X1, X2, Y1 = Ballot(1, X), Ballot(2, X), Ballot(1, Y)


def prepare(b: Ballot, p: Ballot | None = None, low: int = 0, high: int = 0) -> Prepare:
    return Prepare(1, CLAIM, b, p, None, low, high)


def open_node(slot: int = 1) -> ScpNode:
    node = ScpNode(ME, Trust(dict.fromkeys(NODES, OWN_SET)))
    assert node.step(begin(slot)) == ()
    return node


def begin(slot: int) -> Begin:
    return Begin(slot, V1, Y, X)


def refused(outputs: tuple[Output, ...]) -> str:
    (reject,) = outputs
    assert isinstance(reject, Reject)
    return reject.reason


def test_nothing_is_taken_before_a_slot_is_open() -> None:
    node = ScpNode(ME, Trust(dict.fromkeys(NODES, OWN_SET)))
    for event in (Receive(V1, prepare(X1)), Justified(1, X), TimerExpired(1, BALLOT_TIMER)):
        with pytest.raises(ProtocolError, match="expected Begin"):
            node.step(event)


def test_a_slot_opens_only_after_the_one_before() -> None:
    node = open_node(2)
    for slot in (1, 2):
        with pytest.raises(ProtocolError, match="expected a slot after 2"):
            node.step(begin(slot))


def test_the_next_slot_forgets_the_last_one_and_its_timers() -> None:
    node = open_node()
    assert any(isinstance(output, SetTimer) for output in node.step(Justified(1, X)))
    assert node.step(begin(2)) == (CancelTimer(1, NOMINATION_TIMER),)
    assert node.step(TimerExpired(1, NOMINATION_TIMER)) == ()
    assert node.step(Justified(1, X)) == ()
    assert refused(node.step(Receive(V1, prepare(X1)))) == "slot 1 is not open, slot 2 is"


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Receive(ME, prepare(X1)), "v0 is not one of the other nodes"),
        (Receive(NodeId("stranger"), prepare(X1)), "stranger is not one of the other nodes"),
        (Receive(V1, Prepare(2, CLAIM, X1, None, None, 0, 0)), "slot 2 is not open, slot 1 is"),
        (Receive(V1, Vote(1, X)), "expected a statement of SCP, found one of another protocol"),
        (Receive(V1, Nominate(1, CLAIM, (), ())), "expected a nomination of at least one value"),
        (Receive(V1, prepare(Ballot(0, X))), "expected a ballot"),
        (Receive(V1, prepare(X1, None, 0, 1)), "expected nH of at most the counter of p"),
    ],
)
def test_what_cannot_count_is_rejected_with_a_reason(event: Input, reason: str) -> None:
    assert refused(open_node().step(event)).startswith(reason)


def test_what_the_judging_sees_to_is_left_to_it() -> None:
    node = open_node()
    assert node.step(Propose(1, X, X, Y)) == ()
    assert node.step(Validated(1, X, True, "", ())) == ()
    assert node.step(TimerExpired(1, "proposal")) == ()


def test_a_claimed_quorum_set_counts_once_it_is_learned() -> None:
    node = open_node()
    foreign = quorum_set_digest(FOREIGN_SET)
    said = Prepare(1, foreign, X1, X1, None, 0, 0)
    assert "is not known" in refused(node.step(Receive(V1, said)))
    assert node.step(Learn(FOREIGN_SET)) == ()
    assert node.step(Receive(V1, said)) == ()


def test_an_insane_quorum_set_is_never_learned() -> None:
    node = open_node()
    insane = QuorumSet(9, NODES)
    assert node.step(Learn(insane)) == ()
    said = Prepare(1, quorum_set_digest(insane), X1, None, None, 0, 0)
    assert "is not known" in refused(node.step(Receive(V1, said)))


def test_an_externalize_needs_no_known_quorum_set() -> None:
    said = Externalized(1, Digest(b"?" * 32), X1, 1)
    assert open_node().step(Receive(V1, said)) == ()


def test_what_is_known_or_older_changes_nothing() -> None:
    node = open_node()
    for said in (prepare(X2, X1), prepare(X2, X1), prepare(X1), prepare(X1, X1)):
        assert node.step(Receive(V1, said)) == ()


def test_a_node_of_two_faces_is_accused_with_both_statements() -> None:
    node = open_node()
    node.step(Receive(V1, prepare(X1)))
    assert node.step(Receive(V1, prepare(Y1))) == (Accuse(V1, prepare(X1), prepare(Y1)),)


def test_the_newer_of_two_contradicting_statements_counts() -> None:
    node = open_node()
    first, second = prepare(X1, X1), prepare(Ballot(2, Y))
    node.step(Receive(V1, first))
    assert node.step(Receive(V1, second)) == (Accuse(V1, first, second),)
    assert node._open is not None
    assert node._open.balloting.tally.latest[V1].statement == second


def test_accepting_the_commit_of_two_values_is_accused_after_the_decision_too() -> None:
    node = open_node()
    for sender in (V1, V2, V3):
        node.step(Receive(sender, Externalized(1, CLAIM, X1, 1)))
    late = Externalized(1, CLAIM, Y1, 1)
    assert node.step(Receive(V1, late)) == (Accuse(V1, Externalized(1, CLAIM, X1, 1), late),)


def test_a_statement_is_recorded_before_it_is_broadcast() -> None:
    node = open_node()
    node.step(Receive(V1, Confirm(1, CLAIM, X1, 1, 1, 1)))
    record, broadcast, *_ = node.step(Receive(V2, Confirm(1, CLAIM, X1, 1, 1, 1)))
    assert isinstance(record, Record)
    assert isinstance(broadcast, Broadcast)
    assert record.statement is broadcast.statement


def test_a_decision_is_given_out_once_and_ends_the_timers() -> None:
    node = open_node()
    node.step(Justified(1, Y))
    outputs = [
        output
        for sender in (V1, V2, V3)
        for output in node.step(Receive(sender, Externalized(1, CLAIM, X1, 1)))
    ]
    assert [output for output in outputs if isinstance(output, Externalize)] == [Externalize(1, X)]
    assert CancelTimer(1, NOMINATION_TIMER) in outputs
    assert not node.step(Justified(1, X))
    assert not node.step(TimerExpired(1, BALLOT_TIMER))


def test_a_node_alone_decides_its_own_value_in_one_step() -> None:
    node = ScpNode(ME, Trust({ME: QuorumSet(1, (ME,))}))
    node.step(begin(1))
    outputs = node.step(Justified(1, X))
    assert outputs[-1] == Externalize(1, X)
    assert not any(isinstance(output, SetTimer | CancelTimer) for output in outputs)


def test_a_recalled_statement_is_said_again_and_not_recorded_again() -> None:
    node = open_node()
    nominated, balloted = Nominate(1, CLAIM, (X,), (X,)), prepare(X2, X1)
    assert node.step(Recall((nominated, balloted))) == (Broadcast(nominated), Broadcast(balloted))


def test_nothing_is_recalled_once_the_node_has_spoken() -> None:
    node = open_node()
    node.step(Recall((prepare(X1), Nominate(1, CLAIM, (X,), ()))))
    for said in (prepare(X2), Nominate(1, CLAIM, (X, Y), ())):
        with pytest.raises(ProtocolError, match="expected Recall before"):
            node.step(Recall((said,)))


def test_a_node_without_a_quorum_set_is_no_node() -> None:
    with pytest.raises(ProtocolError, match="found stranger"):
        ScpNode(NodeId("stranger"), Trust(dict.fromkeys(NODES, OWN_SET)))


def test_a_recalled_decision_is_given_out_again() -> None:
    node = open_node()
    said = Externalized(1, CLAIM, X1, 1)
    assert node.step(Recall((said,))) == (Broadcast(said), Externalize(1, X))


def test_a_recalled_statement_of_another_slot_or_protocol_is_nothing() -> None:
    node = open_node(2)
    assert node.step(Recall((prepare(X1), Vote(2, X)))) == ()


def test_accepting_a_commit_against_what_was_accepted_as_prepared_states_only_what_holds() -> None:
    """Beyond what the quorum sets tolerate: stellar-core would state nP = 5 for the other value."""
    five = (*NODES, NodeId("v4"))
    trust = Trust(dict.fromkeys(five, QuorumSet(4, five)))
    claim, node = trust.digests[ME], ScpNode(ME, trust)
    node.step(begin(1))
    other, committed = Ballot(5, Y), Ballot(2, X)
    for sender in (V1, V2):
        node.step(Receive(sender, Prepare(1, claim, other, other, None, 0, 0)))
    node.step(Receive(V1, Confirm(1, claim, committed, 2, 2, 2)))
    outputs = node.step(Receive(V2, Confirm(1, claim, committed, 2, 2, 2)))
    assert outputs[0] == Record(Confirm(1, claim, committed, 2, 2, 2))


def test_a_state_that_the_rules_exclude_is_an_error_of_ours() -> None:
    node = open_node()
    assert node._open is not None
    node._open.balloting.h = X1
    with pytest.raises(InvariantError, match="expected h no higher than b"):
        node._open.balloting.check_invariants()
