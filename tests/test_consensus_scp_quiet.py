"""Nodes that ask only when an answer may have changed, against nodes that ask at every message."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.messages import Begin, Input, Justified, Output, Receive, TimerExpired
from consensus.quorum import QuorumSet
from consensus.scp import BALLOT_TIMER, NOMINATION_TIMER, ScpNode
from consensus.scp.order import contradicts, is_newer, move
from consensus.scp.voting import Tally
from consensus.statements import Nominate, ScpStatement
from consensus.trust import Trust, names_each_once
from crypto.digest import Digest, sha256
from crypto.identity import NodeId

from .test_consensus_scp_random import SETTINGS, Network, flat
from .test_consensus_scp_voting import VALUES, some_statement
from .test_consensus_trust import NODES, tree

BEGIN = Begin(1, NODES[0], Digest(bytes(32)), sha256(b"previous"))


class Restless(ScpNode):
    """A node whose tallies note nothing, so that every message is followed up."""

    def step(self, event: Input, /) -> tuple[Output, ...]:
        outputs = super().step(event)
        if isinstance(event, Begin) and self._open is not None:
            for tally in (self._open.nomination.tally, self._open.balloting.tally):
                vars(tally)["rest"] = lambda _: None
        return outputs


class Both(ScpNode):
    """A node, and a restless one that has to do the same in every step."""

    def __init__(self, node: NodeId, trust: Trust) -> None:
        super().__init__(node, trust)
        self.restless = Restless(node, trust)

    def step(self, event: Input, /) -> tuple[Output, ...]:
        outputs = super().step(event)
        assert outputs == self.restless.step(event)
        return outputs


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("seed", range(6))
def test_in_any_network_it_does_the_same(setting: str, seed: int) -> None:
    network = Network(SETTINGS[setting](), seed, make=Both)
    network.chaos(40 * len(network.live))
    network.justify_all()
    network.settle()
    assert len(network.decided) == len(network.live)


def some_nomination(chance: random.Random, claims: list[Digest]) -> Nominate:
    votes, accepted = (sorted(chance.sample(VALUES, chance.randint(0, 2))) for _ in range(2))
    return Nominate(1, chance.choice(claims), tuple(votes), tuple(accepted))


def some_event(chance: random.Random, claims: list[Digest]) -> Input:
    """Mostly statements, of whatever content: many contradict, some are insane."""
    dice = chance.random()
    if dice < 0.06:
        return Justified(1, chance.choice(VALUES))
    if dice < 0.10:
        return TimerExpired(1, chance.choice((NOMINATION_TIMER, BALLOT_TIMER)))
    make: Callable[[random.Random, list[Digest]], ScpStatement]
    make = some_nomination if dice < 0.4 else some_statement
    return Receive(chance.choice(NODES[1:]), make(chance, claims))


@given(st.integers(0, 2**32))
def test_whatever_is_said_it_does_the_same(seed: int) -> None:
    chance = random.Random(seed)
    sets = [tree(chance, depth=2) for _ in range(3)]
    trust = Trust({node: chance.choice(sets) for node in NODES})
    node = Both(NODES[0], trust)
    node.step(BEGIN)
    for _ in range(60):
        node.step(some_event(chance, list(trust.masks)))


def test_most_messages_are_not_followed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [0]
    senders = Tally.senders

    def counted(self: Tally[Any, Any], predicate: Callable[[Any], bool]) -> int:
        asked[0] += 1
        return senders(self, predicate)

    monkeypatch.setattr(Tally, "senders", counted)
    counts = []
    for make in (ScpNode, Restless):
        network = Network(flat(16), 1, make=make)
        for node in network.live:
            network.justify(node, VALUES[0])
        network.settle()
        assert len(network.decided) == 16
        counts.append(asked[0])
        asked[0] = 0
    assert 3 * counts[0] < 2 * counts[1]


def test_a_set_that_names_a_node_twice_may_lack_fewer_nodes_than_entries() -> None:
    a, b, c = NODES[:3]
    inner = tuple(QuorumSet(1, (node,)) for node in (b, c))
    once, twice = QuorumSet(2, (a,), inner), QuorumSet(2, (a,), (QuorumSet(1, (b,)),) * 2)
    trust = Trust({a: once, b: twice, c: once})
    assert names_each_once(trust.mask_of(a))
    assert not names_each_once(trust.mask_of(b))


@given(st.integers(0, 2**32))
def test_a_move_is_what_the_two_rules_say(seed: int) -> None:
    chance = random.Random(seed)
    make = chance.choice((some_statement, some_nomination))
    claims = [sha256(b"claim")]
    old, new = make(chance, claims), make(chance, claims)
    assert move(old, new) == (is_newer(old, new), contradicts(old, new))
