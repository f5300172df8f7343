"""Weights, lots and leaders of nomination; the shares are those of stellar-core's SCPUnitTests.cpp.

Statistics are over a fixed range of slots; the tolerance is stated beside each.
"""

from collections import Counter

import pytest

from consensus.messages import Begin, Broadcast, Justified, Output, Receive, SetTimer, TimerExpired
from consensus.quorum import QuorumSet, two_thirds_of
from consensus.scp import NOMINATION_TIMER, ScpNode, ScpTimeouts, leaders
from consensus.scp.leaders import WEIGHT_MAX, Electorate, Tag, draw, weight, without
from consensus.statements import Nominate, Prepare
from consensus.trust import Trust
from crypto.digest import Digest, digest
from crypto.encoding import Value
from crypto.identity import NodeId

NODES = tuple(NodeId(f"v{number}") for number in range(7))
PREVIOUS = Digest(b"p" * 32)
X, Y, Z = (Digest(bytes([number]) * 32) for number in (1, 2, 3))
SLOTS = range(1, 2001)


def trust_in(quorum_set: QuorumSet) -> Trust:
    return Trust(dict.fromkeys(NODES, quorum_set))


def share(quorum_set: QuorumSet, node: NodeId) -> float:
    trust = trust_in(quorum_set)
    return weight(trust.mask_of(NODES[0]), trust.bits[node]) / WEIGHT_MAX


def test_a_node_of_three_of_four_weighs_three_quarters() -> None:
    assert share(QuorumSet(3, NODES[:4]), NODES[2]) == pytest.approx(0.75, abs=1e-15)


def test_a_node_that_is_not_named_weighs_nothing() -> None:
    assert share(QuorumSet(3, NODES[:4]), NODES[4]) == 0


def test_a_nested_node_weighs_the_product_of_its_levels() -> None:
    nested = QuorumSet(3, NODES[:4], (QuorumSet(1, NODES[4:6]),))
    assert share(nested, NODES[4]) == pytest.approx(0.6 * 0.5, abs=1e-15)
    assert share(nested, NODES[0]) == pytest.approx(0.6, abs=1e-15)


def test_only_the_first_occurrence_of_a_node_weighs() -> None:
    both = QuorumSet(1, NODES[:2], (QuorumSet(2, NODES[1:3]),))
    assert share(both, NODES[1]) == pytest.approx(1 / 3, abs=1e-15)
    assert share(both, NODES[2]) == pytest.approx(1 / 3, abs=1e-15)


def test_a_weight_is_rounded_up_and_an_integer() -> None:
    trust = trust_in(QuorumSet(2, NODES[:3]))
    found = weight(trust.mask_of(NODES[0]), trust.bits[NODES[1]])
    assert found == -(-WEIGHT_MAX * 2 // 3)


def test_a_node_weighs_others_as_if_it_were_always_there_itself() -> None:
    electorate = Electorate.of(NODES[0], trust_in(QuorumSet(3, NODES[:4])))
    shares = {node: found / WEIGHT_MAX for node, found in electorate.weights}
    assert shares[NODES[0]] == 1
    assert shares[NODES[1]] == pytest.approx(2 / 3, abs=1e-15)
    assert set(shares) == set(NODES[:4])


def test_leaving_a_node_out_lowers_the_threshold_where_it_stood() -> None:
    trust = trust_in(QuorumSet(2, NODES[:2], (QuorumSet(2, NODES[2:5]),)))
    mask = without(trust.mask_of(NODES[0]), trust.bits[NODES[3]])
    assert (mask.threshold, mask.inner_sets[0].threshold) == (2, 1)
    assert weight(mask, trust.bits[NODES[2]]) == -(-(-(-WEIGHT_MAX // 2) * 2) // 3)
    assert weight(mask, trust.bits[NODES[3]]) == 0


def test_strangers_share_the_weight_but_never_lead() -> None:
    strangers = (NodeId("s0"), NodeId("s1"))
    electorate = Electorate.of(NODES[0], trust_in(QuorumSet(2, (*NODES[:2], *strangers))))
    assert dict(electorate.weights).keys() == set(NODES[:2])
    assert dict(electorate.weights)[NODES[1]] / WEIGHT_MAX == pytest.approx(1 / 3, abs=1e-15)


def test_a_lot_is_the_first_eight_bytes_of_a_labelled_digest() -> None:
    found = draw(7, PREVIOUS, Tag.PRIORITY, 3, NODES[0])
    fields: list[Value] = [7, PREVIOUS, 2, 3, NODES[0]]
    assert found == int.from_bytes(digest("tclearn/nomination/v1", fields)[:8], "big")
    assert [int(tag) for tag in Tag] == [1, 2, 3]


def test_lots_differ_by_slot_previous_value_tag_round_and_subject() -> None:
    lots = {
        draw(slot, previous, tag, number, subject)
        for slot in (1, 2)
        for previous in (X, Y)
        for tag in Tag
        for number in (1, 2)
        for subject in (NODES[0], NODES[1], Z)
    }
    assert len(lots) == 2 * 2 * 3 * 2 * 3


def test_all_nodes_of_a_flat_coalition_lead_equally_often() -> None:
    """Of 2000 first rounds each of 7 nodes leads about 1/7; tolerance 4 standard deviations.

    The node itself is always a neighbour, so its own share is larger: it is left out.
    """
    electorate = Electorate.of(NODES[0], trust_in(two_thirds_of(NODES)))
    wins = Counter(node for slot in SLOTS for node in electorate.leaders(slot, PREVIOUS, 1))
    others = [wins[node] for node in NODES[1:]]
    mean = sum(others) / len(others)
    assert all(abs(each - mean) < 4 * mean**0.5 for each in others)
    assert wins[NODES[0]] > max(others)


def test_a_neighbour_is_drawn_as_often_as_its_weight() -> None:
    """Of 2000 draws about two thirds; tolerance 4 standard deviations of the binomial: 0.043."""
    share = WEIGHT_MAX * 2 // 3
    hits = sum(draw(slot, PREVIOUS, Tag.NEIGHBOUR, 1, NODES[1]) <= share for slot in SLOTS)
    assert hits / len(SLOTS) == pytest.approx(2 / 3, abs=0.043)


def test_two_nodes_with_the_same_quorum_set_mostly_follow_a_common_leader() -> None:
    """In the first round at least half of the slots; after five rounds at least 95 %."""
    trust = trust_in(QuorumSet(3, NODES[:5]))
    pair = [Electorate.of(node, trust) for node in NODES[:2]]
    for rounds, least in ((1, 0.5), (5, 0.95)):
        common = 0
        for slot in SLOTS[:500]:
            first, second = (
                frozenset[NodeId]().union(
                    *(each.leaders(slot, PREVIOUS, number) for number in range(1, rounds + 1))
                )
                for each in pair
            )
            common += bool(first & second)
        assert common / 500 >= least


def said_by(outputs: tuple[Output, ...]) -> list[Nominate]:
    return [
        output.statement
        for output in outputs
        if isinstance(output, Broadcast) and isinstance(output.statement, Nominate)
    ]


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> ScpNode:
    """A node v0 of four, led by v1 alone: everybody is its neighbour, v1 has the priority."""

    def by_hand(slot: int, previous: Digest, tag: Tag, number: int, subject: object) -> int:
        return 1 + (subject == NODES[1]) if tag == Tag.PRIORITY else 0

    monkeypatch.setattr(leaders, "draw", by_hand)
    made = ScpNode(NODES[0], Trust(dict.fromkeys(NODES[:4], QuorumSet(3, NODES[:4]))))
    made.step(Begin(1, NODES[0], Z, PREVIOUS))
    return made


def nominate(
    node: ScpNode, sender: NodeId, votes: tuple[Digest, ...], accepted: tuple[Digest, ...] = ()
) -> tuple[Output, ...]:
    claim = node._trust.digests[sender]
    return node.step(Receive(sender, Nominate(1, claim, votes, accepted)))


def test_no_vote_is_cast_for_a_value_that_is_not_justified(node: ScpNode) -> None:
    node.step(Justified(1, X))
    assert not said_by(nominate(node, NODES[1], (Y,)))


def test_a_leaders_value_is_voted_for_as_soon_as_it_is_justified(node: ScpNode) -> None:
    node.step(Justified(1, X))
    nominate(node, NODES[1], (Y,))
    (said,) = said_by(node.step(Justified(1, Y)))
    assert said.votes == (Y,)
    assert said.accepted == ()


def test_accepting_needs_no_justification(node: ScpNode) -> None:
    nominate(node, NODES[2], (Y,), (Y,))
    (said,) = said_by(nominate(node, NODES[3], (Y,), (Y,)))
    assert said.votes == said.accepted == (Y,)


def test_confirming_needs_no_justification_and_starts_the_first_ballot(node: ScpNode) -> None:
    nominate(node, NODES[2], (Y,), (Y,))
    outputs = nominate(node, NODES[3], (Y,), (Y,))
    ballots = [each for each in outputs if isinstance(each, Broadcast)]
    assert [type(each.statement) for each in ballots] == [Nominate, Prepare]


def test_rounds_begin_with_the_first_justified_value(node: ScpNode) -> None:
    assert not node.step(TimerExpired(1, NOMINATION_TIMER))
    assert node.step(Justified(1, X)) == (SetTimer(1, NOMINATION_TIMER, 1_000_000),)
    assert node.step(Justified(1, X)) == ()


def test_a_round_that_draws_no_new_leader_is_over_at_once(
    node: ScpNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.step(Justified(1, X))

    def later(slot: int, previous: Digest, tag: Tag, number: int, subject: object) -> int:
        top = NODES[2] if number >= 10 else NODES[1]
        return 1 + (subject == top) if tag == Tag.PRIORITY else 0

    monkeypatch.setattr(leaders, "draw", later)
    assert node.step(TimerExpired(1, NOMINATION_TIMER)) == (
        SetTimer(1, NOMINATION_TIMER, 10_000_000),
    )
    assert node._open is not None
    assert node._open.nomination.leaders == set(NODES[1:3])


def test_rounds_without_a_new_leader_are_capped(node: ScpNode) -> None:
    node.step(Justified(1, X))
    (timer,) = node.step(TimerExpired(1, NOMINATION_TIMER))
    assert timer == SetTimer(1, NOMINATION_TIMER, (1 + leaders.ROUNDS_MAX) * 1_000_000)


def test_no_new_value_is_voted_for_once_one_is_confirmed(node: ScpNode) -> None:
    for value in (X, Y):
        node.step(Justified(1, value))
    nominate(node, NODES[2], (X,), (X,))
    nominate(node, NODES[3], (X,), (X,))
    assert not said_by(nominate(node, NODES[1], (X, Y), (X,)))


def test_a_leaders_accepted_values_go_before_its_votes(node: ScpNode) -> None:
    for value in (X, Y, Z):
        node.step(Justified(1, value))
    (said,) = said_by(nominate(node, NODES[1], (X, Y, Z), (X,)))
    assert said.votes == (X,)


def test_timeouts_are_linear_in_the_round_and_capped() -> None:
    timeouts = ScpTimeouts()
    assert [timeouts.nomination_delay_us(number) for number in (1, 2, 10)] == [
        1_000_000,
        2_000_000,
        10_000_000,
    ]
    assert timeouts.ballot_delay_us(3) == 3_000_000
    assert timeouts.ballot_delay_us(2**32 - 1) == 1_800_000_000
    assert timeouts.nomination_delay_us(5000) == 1_800_000_000
