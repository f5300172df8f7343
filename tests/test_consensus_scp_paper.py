"""The Stellar Consensus Protocol, sentence by sentence.

Each test is one sentence of the internet-draft (draft-mazieres-dinrg-scp-05) or of the whitepaper
(Mazières 2015, section 6), in the order in which they stand there. The node is v0 of v0 .. v4, any
four of which are a quorum, so that any two block; it starts without having heard anything.
"""

import pytest

from consensus.messages import (
    Begin,
    Broadcast,
    CancelTimer,
    Externalize,
    Input,
    Justified,
    Output,
    Receive,
    SetTimer,
    TimerExpired,
)
from consensus.quorum import QuorumSet
from consensus.scp import BALLOT_TIMER, NOMINATION_TIMER, ScpNode, leaders
from consensus.statements import (
    COUNTER_MAX,
    Ballot,
    Confirm,
    Externalized,
    Nominate,
    Prepare,
    ScpStatement,
)
from consensus.trust import Trust
from crypto.digest import Digest
from crypto.identity import NodeId

NODES = tuple(NodeId(f"v{number}") for number in range(5))
V0, V1, V2, V3, V4 = NODES
TRUST = Trust(dict.fromkeys(NODES, QuorumSet(4, NODES)))
CLAIM = TRUST.digests[V0]
X, Y, Z = (Digest(bytes([number]) * 32) for number in (1, 2, 3))


class Node:
    """A node, and the last it said of each kind."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, leader: NodeId) -> None:
        def by_hand(slot: int, previous: Digest, tag: int, number: int, subject: object) -> int:
            return 1 + (subject == self.leader) if tag == leaders.Tag.PRIORITY else 0

        monkeypatch.setattr(leaders, "draw", by_hand)
        self.leader = leader
        self.machine = ScpNode(V0, TRUST)
        self.said: list[ScpStatement] = []
        self.timers: dict[str, int] = {}
        self.decided: Digest | None = None
        self.feed(Begin(1, V0, Z, X))

    def feed(self, event: Input) -> tuple[Output, ...]:
        outputs = self.machine.step(event)
        for output in outputs:
            match output:
                case Broadcast(statement=said) if isinstance(said, ScpStatement):
                    self.said.append(said)
                case SetTimer(timer=timer, delay_us=delay):
                    self.timers[timer] = delay
                case CancelTimer(timer=timer):
                    del self.timers[timer]
                case Externalize(value=value):
                    self.decided = value
                case _:
                    pass
        return outputs

    def hear(self, statement: ScpStatement, *senders: NodeId) -> None:
        for sender in senders:
            self.feed(Receive(sender, statement))

    def expire(self, timer: str) -> None:
        del self.timers[timer]
        self.feed(TimerExpired(1, timer))

    def last(self) -> ScpStatement:
        return self.said[-1]

    def start(self, value: Digest) -> None:
        """Let nomination confirm a value."""
        self.hear(nominate((value,), (value,)), V1, V2, V3)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch, leader=V1)


def nominate(votes: tuple[Digest, ...], accepted: tuple[Digest, ...] = ()) -> Nominate:
    return Nominate(1, CLAIM, votes, accepted)


def at(counter: int, value: Digest) -> Ballot:
    return Ballot(counter, value)


def prepare(
    b: Ballot, p: Ballot | None = None, prime: Ballot | None = None, low: int = 0, high: int = 0
) -> Prepare:
    return Prepare(1, CLAIM, b, p, prime, low, high)


def confirm(b: Ballot, prepared: int, low: int, high: int) -> Confirm:
    return Confirm(1, CLAIM, b, prepared, low, high)


def externalized(commit: Ballot, high: int) -> Externalized:
    return Externalized(1, CLAIM, commit, high)


# Federated voting (section 3.1)


def test_when_the_vote_message_reaches_quorum_threshold_the_node_accepts(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(1, X)), V1, V2)
    assert node.last() == prepare(at(1, X))
    node.hear(prepare(at(1, X)), V3)
    assert node.last() == prepare(at(1, X), at(1, X))


def test_a_node_accepts_if_vote_or_accept_reaches_quorum_threshold(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(1, X), at(1, X)), V1)
    node.hear(prepare(at(1, X)), V2, V3)
    assert node.last() == prepare(at(1, X), at(1, X))


def test_a_node_that_voted_for_the_opposite_still_accepts_at_blocking_threshold(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(1, Y), at(1, Y)), V1)
    assert node.last() == prepare(at(1, X))
    node.hear(prepare(at(1, Y), at(1, Y)), V2)
    assert node.last() == prepare(at(1, X), at(1, Y))


def test_when_accept_has_reached_quorum_threshold_the_node_has_confirmed(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(1, X), at(1, X)), V1, V2)
    assert node.last() == prepare(at(1, X), at(1, X))
    node.hear(prepare(at(1, X), at(1, X)), V3)
    assert node.last() == prepare(at(1, X), at(1, X), None, 1, 1)


def test_blocking_threshold_is_not_enough_to_confirm(node: Node) -> None:
    node.start(X)
    node.hear(externalized(at(1, X), 1), V1, V2)
    assert isinstance(node.last(), Confirm)
    assert node.decided is None


# Nomination (section 3.4, whitepaper section 6.1)


def test_nodes_send_no_nomination_until_a_field_is_not_empty(node: Node) -> None:
    node.feed(Justified(1, X))
    assert not node.said


def test_a_node_that_leads_itself_adds_its_input_value(node: Node) -> None:
    node.leader = V0
    node.feed(Justified(1, X))
    assert node.last() == nominate((X,))


def test_a_node_merges_the_values_of_the_peer_it_echoes(node: Node) -> None:
    node.feed(Justified(1, X))
    node.feed(Justified(1, Y))
    node.hear(nominate((Y,)), V2)
    assert not node.said
    node.hear(nominate((Y,)), V1)
    assert node.last() == nominate((Y,))


def test_nodes_do_not_vote_for_values_that_validity_rejects(node: Node) -> None:
    node.feed(Justified(1, X))
    node.hear(nominate((Y,)), V1)
    assert not node.said


def test_a_value_voted_or_accepted_by_a_quorum_becomes_accepted(node: Node) -> None:
    node.feed(Justified(1, X))
    node.hear(nominate((X,)), V1, V2)
    node.hear(nominate((X,), (X,)), V3)
    assert node.last() == nominate((X,), (X,))


def test_a_value_accepted_at_blocking_threshold_becomes_accepted(node: Node) -> None:
    node.hear(nominate((X,), (X,)), V1, V2)
    assert node.last() == nominate((X,), (X,))


def test_a_node_stops_adding_votes_once_a_value_is_confirmed_nominated(node: Node) -> None:
    node.feed(Justified(1, Y))
    node.start(X)
    said = len(node.said)
    node.hear(nominate((X, Y), (X,)), V1)
    assert len(node.said) == said
    assert NOMINATION_TIMER not in node.timers


def test_a_node_continues_adding_accepted_values_after_that(node: Node) -> None:
    node.start(X)
    node.hear(nominate((X, Y), (X, Y)), V1, V2)
    assert node.last() == nominate((X, Y), (X, Y))


def test_after_a_round_without_a_confirmed_value_the_node_proceeds_to_the_next(node: Node) -> None:
    node.feed(Justified(1, X))
    node.leader = V0
    node.expire(NOMINATION_TIMER)
    assert node.last() == nominate((X,))
    assert node.timers[NOMINATION_TIMER] == 2_000_000


def test_a_node_continues_to_echo_the_leaders_of_prior_rounds(node: Node) -> None:
    node.feed(Justified(1, X))
    node.leader = V2
    node.expire(NOMINATION_TIMER)
    node.hear(nominate((X,)), V1)
    assert node.last() == nominate((X,))


def test_several_confirmed_values_are_combined_into_one(node: Node) -> None:
    node.hear(nominate((X, Y), (X, Y)), V1, V2, V3)
    assert node.last() == prepare(at(1, Y))  # the combination is the greatest


# The ballot's counter (section 3.6)


def test_upon_entering_the_prepare_phase_the_counter_is_one(node: Node) -> None:
    node.start(X)
    assert node.last() == prepare(at(1, X))


def test_the_timer_is_armed_when_a_quorum_is_at_the_counter_or_above(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(1, Y)), V1)
    node.hear(prepare(at(2, Y)), V2)
    assert BALLOT_TIMER not in node.timers
    node.hear(prepare(at(1, Z)), V3)
    assert node.timers[BALLOT_TIMER] == 1_000_000


def test_confirm_and_externalize_count_for_the_timer(node: Node) -> None:
    node.start(X)
    node.hear(confirm(at(1, Y), 1, 1, 1), V1)
    node.hear(externalized(at(1, Z), 1), V2)
    node.hear(prepare(at(1, X)), V3)
    assert BALLOT_TIMER in node.timers


def test_if_the_timer_fires_the_counter_is_raised_by_one(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(1, X)), V1, V2, V3)
    node.expire(BALLOT_TIMER)
    assert node.last() == prepare(at(2, X), at(1, X))
    assert BALLOT_TIMER not in node.timers


def test_the_timer_lengthens_with_the_counter(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(3, X)), V1, V2, V3)
    assert node.timers[BALLOT_TIMER] == 3_000_000


def test_a_blocking_set_ahead_cancels_the_timer_and_raises_the_counter(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(1, X)), V1, V2, V3)
    node.hear(prepare(at(3, X)), V1)
    assert node.last() == prepare(at(1, X), at(1, X))
    node.hear(prepare(at(2, X)), V2)
    assert BALLOT_TIMER not in node.timers
    assert node.last() == prepare(at(2, X), at(1, X))


def test_the_counter_rises_to_the_lowest_at_which_no_blocking_set_is_ahead(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(9, Y)), V1)
    node.hear(prepare(at(4, Y)), V2)
    assert node.last() == prepare(at(4, X))


def test_externalize_conveys_a_counter_of_infinity(node: Node) -> None:
    node.start(X)
    node.hear(externalized(at(1, Y), 1), V1)
    node.hear(prepare(at(5, X)), V2)
    assert node.last() == prepare(at(5, X))


# The ballot's value (section 3.6)


def test_the_value_is_that_of_h_if_any_ballot_is_confirmed_prepared(node: Node) -> None:
    node.start(Y)
    node.hear(prepare(at(1, X), at(1, X)), V1, V2, V3, V4)
    node.expire(BALLOT_TIMER)
    assert node.last() == prepare(at(2, X), at(1, X), None, 0, 1)


def test_otherwise_the_value_is_the_combination_of_the_nominated_values(node: Node) -> None:
    node.start(X)
    node.hear(nominate((X, Y), (X, Y)), V1, V2, V3)
    node.hear(prepare(at(1, X)), V1, V2, V3)
    node.expire(BALLOT_TIMER)
    assert node.last() == prepare(at(2, Y), at(1, X))


def test_a_node_cannot_send_prepare_without_a_value(node: Node) -> None:
    node.hear(prepare(at(1, X)), V1, V2, V3)
    node.hear(prepare(at(2, X), at(1, X)), V1, V2)
    assert not node.said


def test_an_interim_node_joins_when_a_ballot_is_confirmed_prepared(node: Node) -> None:
    node.hear(prepare(at(1, X), at(1, X)), V1, V2, V3)
    assert node.last() == prepare(at(1, X), at(1, X), None, 1, 1)


# p, p', h and c (section 3.6, whitepaper section 6.2, steps 1 to 3 and 8)


def test_p_is_the_highest_accepted_prepared_ballot(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(1, X), at(1, X)), V1, V2)
    node.hear(prepare(at(2, X), at(2, X)), V1, V2)
    assert node.last() == prepare(at(2, X), at(2, X))


def test_p_prime_is_the_highest_below_p_and_incompatible_with_it(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(1, X), at(1, X)), V1, V2)
    node.hear(prepare(at(1, X), at(1, Y), at(1, X)), V1, V2)
    assert node.last() == prepare(at(1, X), at(1, Y), at(1, X))
    node.hear(prepare(at(1, X), at(1, Z), at(1, Y)), V1, V2)
    assert node.last() == prepare(at(1, X), at(1, Z), at(1, Y))


def locked_on(node: Node, value: Digest) -> None:
    """Let the node vote to commit (1, value)."""
    node.start(value)
    node.hear(prepare(at(1, value), at(1, value)), V1, V2, V3)
    assert node.last() == prepare(at(1, value), at(1, value), None, 1, 1)


def test_if_p_is_above_h_and_incompatible_c_is_reset(node: Node) -> None:
    locked_on(node, X)
    node.hear(prepare(at(1, Y), at(1, Y)), V1, V2)
    assert node.last() == prepare(at(1, X), at(1, Y), at(1, X), 0, 1)


def test_if_p_prime_is_above_h_and_incompatible_c_is_reset(node: Node) -> None:
    locked_on(node, X)
    node.hear(prepare(at(2, X), at(2, X), at(1, Z)), V1, V2)
    assert node.last() == prepare(at(2, X), at(2, X), at(1, Z), 0, 1)


def test_an_aborted_ballot_below_h_does_not_reset_c(node: Node) -> None:
    locked_on(node, Y)
    node.hear(prepare(at(1, Y), at(1, Y), at(1, X)), V1, V2)
    assert node.last() == prepare(at(1, Y), at(1, Y), at(1, X), 1, 1)


def test_c_is_not_set_while_an_abort_above_h_is_accepted(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(1, X), at(1, Y), at(1, X)), V1, V2)
    node.hear(prepare(at(1, X), at(1, X)), V3)
    assert node.last() == prepare(at(1, X), at(1, Y), at(1, X), 0, 1)


def test_c_is_the_lowest_confirmed_ballot_from_b_on(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(1, X)), V1, V2, V3)
    node.expire(BALLOT_TIMER)
    node.hear(prepare(at(3, X), at(3, X)), V1)
    node.hear(prepare(at(2, X), at(2, X)), V2)
    node.hear(prepare(at(3, X), at(3, X)), V3)
    assert node.last() == prepare(at(3, X), at(3, X), None, 2, 2)


def test_if_b_is_below_h_b_is_set_to_h(node: Node) -> None:
    node.start(X)
    node.hear(prepare(at(1, Y), at(1, Y)), V1, V2, V3, V4)
    assert node.last() == prepare(at(1, Y), at(1, Y), None, 1, 1)


def test_a_confirmed_ballot_below_b_sets_only_the_next_value(node: Node) -> None:
    node.start(Y)
    node.hear(prepare(at(1, X), at(1, X)), V1, V2, V3, V4)
    assert node.last() == prepare(at(1, Y), at(1, X))


def test_a_vote_to_commit_stays_when_the_timer_fires(node: Node) -> None:
    locked_on(node, X)
    node.expire(BALLOT_TIMER)
    assert node.last() == prepare(at(2, X), at(1, X), None, 1, 1)


# Commit and externalize (sections 3.7 and 3.8, whitepaper steps 4 to 7 and 9)


def test_accepting_a_commit_ends_the_prepare_phase(node: Node) -> None:
    locked_on(node, X)
    node.hear(prepare(at(1, X), at(1, X), None, 1, 1), V1, V2, V3)
    assert node.last() == confirm(at(1, X), 1, 1, 1)


def test_in_the_commit_phase_the_value_can_no_longer_change(node: Node) -> None:
    locked_on(node, X)
    node.hear(confirm(at(1, X), 1, 1, 1), V1, V2)
    node.hear(prepare(at(5, Y), at(5, Y), None, 1, 5), V3, V4)
    assert node.last() == confirm(at(5, X), 1, 1, 1)


def test_unless_h_is_compatible_and_no_higher_than_b_b_is_set_to_h(node: Node) -> None:
    node.start(X)
    node.hear(confirm(at(3, Y), 3, 2, 3), V1, V2)
    assert node.last() == confirm(at(3, Y), 3, 2, 3)


def test_in_the_commit_phase_p_is_raised_to_what_is_compatible_with_c(node: Node) -> None:
    locked_on(node, X)
    node.hear(confirm(at(1, X), 1, 1, 1), V1, V2)
    node.hear(confirm(at(4, X), 4, 1, 1), V1, V2)
    assert node.last() == confirm(at(4, X), 4, 1, 1)


def test_h_is_raised_to_the_highest_accepted_commit(node: Node) -> None:
    locked_on(node, X)
    node.hear(confirm(at(1, X), 1, 1, 1), V1, V2)
    node.hear(confirm(at(3, X), 3, 1, 3), V1, V2)
    assert node.last() == confirm(at(3, X), 3, 1, 3)


def test_a_range_is_accepted_only_where_a_blocking_set_agrees(node: Node) -> None:
    node.start(X)
    node.hear(confirm(at(4, X), 4, 1, 4), V1)
    node.hear(confirm(at(5, X), 5, 3, 5), V2)
    assert node.last() == confirm(at(4, X), 4, 3, 4)


def test_as_soon_as_a_node_confirms_a_commit_it_outputs_the_value(node: Node) -> None:
    node.start(X)
    node.hear(confirm(at(1, X), 1, 1, 1), V1, V2)
    assert isinstance(node.last(), Confirm)
    node.hear(confirm(at(1, X), 1, 1, 1), V3)
    assert node.decided == X
    assert node.last() == externalized(at(1, X), 1)


def test_externalize_names_the_lowest_and_the_highest_confirmed_commit(node: Node) -> None:
    node.hear(confirm(at(6, X), 6, 2, 4), V1)
    node.hear(confirm(at(6, X), 6, 1, 5), V2, V3)
    assert node.last() == externalized(at(2, X), 4)


def test_externalize_helps_stragglers_to_catch_up(node: Node) -> None:
    node.hear(externalized(at(2, X), 3), V1, V2)
    assert node.last() == confirm(at(COUNTER_MAX, X), COUNTER_MAX, 2, COUNTER_MAX)
    node.hear(externalized(at(2, X), 3), V3)
    assert node.last() == externalized(at(2, X), COUNTER_MAX)
    assert node.decided == X


def test_the_externalize_phase_never_ends(node: Node) -> None:
    node.hear(externalized(at(1, X), 1), V1, V2, V3)
    said = len(node.said)
    node.hear(prepare(at(9, Y), at(9, Y)), V4)
    node.feed(Justified(1, Y))
    assert len(node.said) == said
    assert not node.timers
