"""Bugs put into SCP on purpose: an outside observer has to see each of them.

Each scenario is played twice, as the product is and with one rule switched off from here.
"""

from collections.abc import Callable
from typing import Any

import pytest

from consensus.quorum import QuorumSet
from consensus.scp import BALLOT_TIMER
from consensus.scp.balloting import Balloting
from consensus.scp.voting import Tally
from consensus.statements import Confirm, Nominate, Prepare, ScpStatement, Statement
from crypto.digest import Digest
from crypto.identity import NodeId

from .test_consensus_scp_random import VALUES, Network, flat, names

V0, V1, V2, V3 = names(4)
LOW, HIGH = VALUES[:2]
Allowed = Callable[[NodeId, NodeId, Statement], bool]


class Scripted(Network):
    """A network whose deliveries are chosen by hand."""

    def flow(self, allowed: Allowed) -> None:
        """Deliver what is allowed, and what comes of it, in the order it was sent."""
        while True:
            kept = []
            pool, self.pool = self.pool, []
            for to, event in pool:
                if allowed(event.sender, to, event.statement):
                    self.feed(to, event)
                else:
                    kept.append((to, event))
            quiet = not self.pool
            self.pool = kept + self.pool
            if quiet or len(kept) == len(pool):
                return

    def kill(self, node: NodeId) -> None:
        self.live.remove(node)
        self.decided.pop(node, None)
        for key in [key for key in self.deadlines if key[0] == node]:
            del self.deadlines[key]

    def all_decided(self) -> bool:
        return len(self.decided) == len(self.live)

    def outcomes(self) -> set[Digest]:
        return {value for values in self.decided.values() for value in values}


def within(*nodes: NodeId) -> Allowed:
    return lambda sender, to, statement: sender in nodes and to in nodes


def straggler() -> Scripted:
    """Three of four decide; one of them is lost for good before the fourth hears anything.

    The fourth cannot justify what they decided, so it never votes for it.
    """
    network = Scripted(flat(4), seed=1)
    for node in (V0, V1, V2):
        network.justify(node, LOW)
    network.justify(V3, HIGH)
    network.flow(within(V0, V1, V2))
    assert network.decided.keys() == {V0, V1, V2}
    network.kill(V2)
    network.settle(120_000_000)
    return network


def test_the_last_node_decides_because_a_blocking_set_accepted() -> None:
    network = straggler()
    network.check()
    assert network.all_decided()


def test_without_accepting_from_a_blocking_set_the_last_node_is_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def quorum_only(
        self: Tally[ScpStatement, Any],
        voted: Callable[[object], bool],
        accepted: Callable[[object], bool],
    ) -> bool:
        return self.convinces(self.senders(accepted) | self.senders(voted))

    monkeypatch.setattr(Tally, "accepts", quorum_only)
    network = straggler()
    assert network.outcomes()
    assert V3 not in network.decided


def overtaken() -> Scripted:
    """One node votes to commit a ballot that the three others, who had not seen it, abort.

    Then one of the three is lost, so that the others need the first one's vote.
    """
    network = Scripted(flat(4), seed=1)
    for node in network.live:
        network.justify(node, HIGH)
    network.flow(lambda sender, to, said: isinstance(said, Nominate))
    network.flow(lambda sender, to, said: isinstance(said, Prepare) and said.prepared is None)
    network.flow(lambda sender, to, said: to == V0)
    voted = network.last_said(V0)[-1]
    assert isinstance(voted, Prepare)
    assert voted.commit_counter == 1
    network.pool.clear()
    for node in (V1, V2, V3):  # nomination went on meanwhile and gave them another composite
        opened = network.nodes[node]._open
        assert opened is not None
        opened.balloting.composite = LOW
        network.expire((node, BALLOT_TIMER))
    network.flow(
        lambda sender, to, said: (
            isinstance(said, Prepare)
            and said.ballot.value == LOW
            and (said.prepared is None or said.prepared.value == HIGH or to == V0)
        )
    )
    seen = network.last_said(V0)[-1]
    assert isinstance(seen, Prepare)
    assert seen.prepared is not None
    assert seen.prepared.value == LOW
    network.kill(V1)
    network.pool.clear()
    network.settle(120_000_000)
    return network


def test_a_vote_to_commit_what_others_aborted_is_given_up() -> None:
    network = overtaken()
    network.check()
    assert network.all_decided()
    assert network.outcomes() == {LOW}


def test_without_the_commit_reset_nobody_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Balloting, "_reset_commit", lambda self: None)
    network = overtaken()
    assert not network.decided


def organisations() -> dict[NodeId, QuorumSet]:
    """Two of three organisations decide; the third one has seven of the nine nodes."""
    nodes = names(9)
    big = QuorumSet(4, nodes[2:])
    return dict.fromkeys(nodes, QuorumSet(2, nodes[:2], (big,)))


def count_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than two thirds of nine nodes are a quorum, more than a third block."""

    def convinces(self: Tally[ScpStatement, Any], members: int) -> bool:
        return members.bit_count() >= 7

    def blocks(self: Tally[ScpStatement, Any], members: int) -> bool:
        return members.bit_count() >= 3

    monkeypatch.setattr(Tally, "convinces", convinces)
    monkeypatch.setattr(Tally, "blocks", blocks)


def decide_among(nodes: tuple[NodeId, ...], silent: tuple[NodeId, ...]) -> Network:
    network = Network(organisations(), seed=1, silent=silent)
    for node in nodes:
        network.justify(node, HIGH)
    network.settle(120_000_000)
    return network


def test_two_organisations_decide_however_large_the_silent_third_is() -> None:
    network = decide_among(names(9)[:2], names(9)[2:])
    network.check()
    assert network.decided.keys() == set(names(9)[:2])


def test_one_organisation_alone_decides_nothing_however_large_it_is() -> None:
    network = decide_among(names(9)[2:], names(9)[:2])
    network.check()
    assert not network.decided


def test_counting_nodes_instead_of_slices_is_stuck_where_slices_decide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count_nodes(monkeypatch)
    assert not decide_among(names(9)[:2], names(9)[2:]).decided


def test_counting_nodes_instead_of_slices_decides_without_a_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count_nodes(monkeypatch)
    assert decide_among(names(9)[2:], names(9)[:2]).decided


def counted_apart(monkeypatch: pytest.MonkeyPatch, threshold: int) -> Network:
    """Two groups that trust each other's middle: counting heads lets each decide by itself."""

    def convinces(self: Tally[ScpStatement, Any], members: int) -> bool:
        return members.bit_count() >= threshold

    if threshold:
        monkeypatch.setattr(Tally, "convinces", convinces)
    left, right = names(6)[:3], names(6)[3:]
    everyone = QuorumSet(2, (), (QuorumSet(2, left), QuorumSet(2, right)))
    network = Scripted(dict.fromkeys(names(6), everyone), seed=1)
    for value, group in ((LOW, left), (HIGH, right)):
        for node in group:
            network.justify(node, value)
        network.flow(within(*group))
        for node in group:  # leaders of the other group are not heard: go on to one's own
            for _ in range(40):
                if (node, "nomination") in network.deadlines:
                    network.expire((node, "nomination"))
        network.flow(within(*group))
    return network


def test_groups_that_need_each_other_do_not_decide_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    network = counted_apart(monkeypatch, 0)
    network.check()
    assert not network.decided


def test_counting_nodes_instead_of_slices_breaks_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    network = counted_apart(monkeypatch, 3)
    assert len({value for values in network.decided.values() for value in values}) == 2
    with pytest.raises(AssertionError, match="agreement"):
        network.check()


def amnesia(forgetful: bool) -> Scripted:
    """Two nodes stop after a decision with a third, and come back to decide with a fourth."""
    network = Scripted(flat(4), seed=1, forgetful=forgetful)
    for node in (V0, V1, V2):
        network.justify(node, LOW)
    network.flow(within(V0, V1, V2))
    for node in (V0, V1, V2):
        network.deadlines.pop((node, "nomination"), None)
    assert network.decided.keys() == {V0, V1, V2}
    network.pool.clear()
    for node in (V0, V1):
        network.justified[node] = [HIGH]
        network.restart(node)
    network.justify(V3, HIGH)
    for _ in range(40):
        network.flow(within(V0, V1, V3))
        for key in sorted(network.deadlines):
            network.expire(key)
    return network


def test_nodes_that_recall_what_they_signed_decide_it_again() -> None:
    network = amnesia(forgetful=False)
    network.check()
    assert network.outcomes() == {LOW}
    assert network.all_decided()


def test_nodes_that_forget_what_they_signed_break_agreement() -> None:
    network = amnesia(forgetful=True)
    assert network.outcomes() == {LOW, HIGH}
    with pytest.raises(AssertionError, match="agreement"):
        network.check()


def test_whoever_heard_both_sides_accuses_the_nodes_that_forgot() -> None:
    network = amnesia(forgetful=True)
    said = [each for each in network.said[V0] if isinstance(each, Confirm)]
    assert {each.ballot.value for each in said} == {LOW, HIGH}
    network.pool.clear()
    for node in (V0, V1, V3):
        network.say_again(node)
    network.flow(lambda sender, to, statement: to == V2)
    assert network.complaints
