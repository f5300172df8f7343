"""Networks of pure SCP nodes under random schedules, watched from outside.

`Network` has two phases. *Chaos*: statements arrive in random order, twice or never, nodes stop and
come back with what they recorded, timers run out whenever they like. *Fair*: whoever is undecided
says his last statements again, everything arrives within a bounded delay, and timers run out in
simulated time. Agreement must hold always, a decision must come once delivery is fair.
"""

import heapq
import random
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations, count

import pytest

from consensus.messages import (
    Accuse,
    Begin,
    Broadcast,
    CancelTimer,
    Externalize,
    Input,
    Justified,
    Output,
    Recall,
    Receive,
    Record,
    Reject,
    SetTimer,
    TimerExpired,
)
from consensus.quorum import QuorumSet, QuorumSets, two_thirds_of
from consensus.scp import ScpNode
from consensus.scp.order import contradicts, is_newer, what_is_insane
from consensus.statements import BallotStatement, Nominate, Statement
from consensus.trust import Trust
from crypto.digest import Digest, sha256
from crypto.identity import NodeId

SLOT = 1
PREVIOUS = Digest(bytes(32))
VALUES = tuple(Digest(bytes([number]) * 32) for number in (1, 2, 3))
LATENCY_US = 50_000
MakeNode = Callable[[NodeId, Trust], ScpNode]


def names(size: int) -> tuple[NodeId, ...]:
    return tuple(NodeId(f"n{number:02d}") for number in range(size))


def flat(size: int) -> dict[NodeId, QuorumSet]:
    """Everybody trusts more than two thirds of everybody."""
    nodes = names(size)
    return dict.fromkeys(nodes, two_thirds_of(nodes))


def two_level(organisations: int, each: int) -> dict[NodeId, QuorumSet]:
    """Everybody trusts more than two thirds of the organisations, each by a majority of nodes."""
    nodes = names(organisations * each)
    inner = tuple(
        QuorumSet(each // 2 + 1, nodes[start : start + each])
        for start in range(0, len(nodes), each)
    )
    return dict.fromkeys(nodes, QuorumSet(2 * organisations // 3 + 1, (), inner))


def make_node(node: NodeId, trust: Trust) -> ScpNode:
    return ScpNode(node, trust)


class Network:
    """Pure nodes, what is under way between them, and an observer of all they say."""

    def __init__(
        self,
        quorum_sets: QuorumSets,
        seed: int,
        make: MakeNode = make_node,
        silent: Iterable[NodeId] = (),
        forgetful: bool = False,
    ) -> None:
        self.chance = random.Random(seed)
        self.trust = Trust(quorum_sets)
        self.make = make
        self.forgetful = forgetful
        self.live = [node for node in self.trust.nodes if node not in set(silent)]
        self.nodes = {node: make(node, self.trust) for node in self.live}
        self.now_us = 0
        self.pool: list[tuple[NodeId, Receive]] = []
        self.due: list[tuple[int, int, NodeId, Input]] = []
        self.order = count()
        self.deadlines: dict[tuple[NodeId, str], int] = {}
        self.justified: dict[NodeId, list[Digest]] = {node: [] for node in self.live}
        self.said: dict[NodeId, list[Statement]] = {node: [] for node in self.live}
        self.decided: dict[NodeId, set[Digest]] = {}
        self.complaints: list[Output] = []
        self.fair = False
        for node in self.live:
            self.feed(node, Begin(SLOT, node, PREVIOUS, sha256(b"previous")))

    def feed(self, node: NodeId, event: Input) -> None:
        for output in self.nodes[node].step(event):
            match output:
                case Record(statement=statement):
                    self.said[node].append(statement)
                case Broadcast(statement=statement):
                    self.send(node, statement)
                case SetTimer(timer=timer, delay_us=delay):
                    self.deadlines[node, timer] = self.now_us + delay
                case CancelTimer(timer=timer):
                    self.deadlines.pop((node, timer), None)
                case Externalize(value=value):
                    self.decided.setdefault(node, set()).add(value)
                case Accuse() | Reject():
                    self.complaints.append(output)
                case _:
                    raise AssertionError(output)

    def send(self, sender: NodeId, statement: Statement) -> None:
        for node in self.live:
            if node == sender:
                continue
            event = Receive(sender, statement)
            if self.fair:
                self.later(node, event)
            else:
                self.pool.append((node, event))

    def later(self, node: NodeId, event: Input) -> None:
        delay = self.chance.randint(1, LATENCY_US)
        heapq.heappush(self.due, (self.now_us + delay, next(self.order), node, event))

    def justify(self, node: NodeId, value: Digest) -> None:
        if value not in self.justified[node]:
            self.justified[node].append(value)
            self.feed(node, Justified(SLOT, value))

    def last_said(self, node: NodeId) -> tuple[Statement, ...]:
        """Of each kind the last statement: what the shell keeps for a crash."""
        last = {isinstance(said, Nominate): said for said in self.said[node]}
        return tuple(last.values())

    def restart(self, node: NodeId) -> None:
        for key in [key for key in self.deadlines if key[0] == node]:
            del self.deadlines[key]
        self.nodes[node] = self.make(node, self.trust)
        self.feed(node, Begin(SLOT, node, PREVIOUS, sha256(b"previous")))
        if not self.forgetful:
            self.feed(node, Recall(self.last_said(node)))
        for value in self.justified[node]:
            self.feed(node, Justified(SLOT, value))

    def chaos(self, steps: int, crashes: bool = True) -> None:
        """Let anything happen that a network and a clock may do."""
        for _ in range(steps):
            dice = self.chance.random()
            node = self.chance.choice(self.live)
            if dice < 0.80 and self.pool:
                index = self.chance.randrange(len(self.pool))
                to, event = self.pool[index]
                if self.chance.random() < 0.9:  # else it arrives again
                    self.pool[index] = self.pool[-1]
                    self.pool.pop()
                if self.chance.random() < 0.9:  # else it is lost
                    self.feed(to, event)
            elif dice < 0.90:
                self.justify(node, self.chance.choice(VALUES))
            elif dice < 0.97 and self.deadlines:
                self.expire(self.chance.choice(sorted(self.deadlines)))
            elif crashes and dice < 0.98:
                self.restart(node)
            else:
                self.say_again(node)

    def expire(self, key: tuple[NodeId, str]) -> None:
        node, timer = key
        del self.deadlines[key]
        self.feed(node, TimerExpired(SLOT, timer))

    def say_again(self, node: NodeId) -> None:
        for statement in self.last_said(node):
            self.send(node, statement)

    def settle(self, limit_us: int = 600_000_000) -> None:
        """Deliver everything, in simulated time, until all decided or the time is over."""
        self.fair = True
        self.pool.clear()
        again = self.now_us
        while len(self.decided) < len(self.live) and self.now_us < limit_us:
            if self.now_us >= again:
                again = self.now_us + 2_000_000
                for node in self.live:
                    self.say_again(node)
            timer = min(self.deadlines, key=lambda key: (self.deadlines[key], key), default=None)
            if timer is not None and (not self.due or self.deadlines[timer] <= self.due[0][0]):
                self.now_us = max(self.now_us, self.deadlines[timer])
                self.expire(timer)
            elif self.due:
                self.now_us, _, node, event = heapq.heappop(self.due)
                self.feed(node, event)
            else:
                self.now_us = again

    def justify_all(self) -> None:
        for node in self.live:
            for value in self.chance.sample(VALUES, len(VALUES)):
                self.justify(node, value)

    def check(self) -> None:
        """What an observer holds against a network of honest nodes."""
        outcomes = {value for values in self.decided.values() for value in values}
        assert len(outcomes) <= 1, "agreement"
        assert not self.complaints, "nobody accuses or rejects an honest node"
        for said in self.said.values():
            check_honest(said)


def check_honest(said: list[Statement]) -> None:
    """Each statement is sane and newer than the last of its kind; no two contradict."""
    for statement in said:
        assert isinstance(statement, Nominate | BallotStatement)
        assert what_is_insane(statement) is None
    for first, second in combinations(said, 2):
        assert isinstance(first, Nominate | BallotStatement)
        assert isinstance(second, Nominate | BallotStatement)
        assert not contradicts(first, second)
        assert not contradicts(second, first)
        if isinstance(first, Nominate) == isinstance(second, Nominate):
            assert is_newer(first, second)
            assert not is_newer(second, first)


SETTINGS: Mapping[str, Callable[[], QuorumSets]] = {
    "1": lambda: flat(1),
    "2": lambda: flat(2),
    "4": lambda: flat(4),
    "5": lambda: flat(5),
    "7": lambda: flat(7),
    "3x3": lambda: two_level(3, 3),
    "4x2": lambda: two_level(4, 2),
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("seed", range(12))
def test_chaos_never_breaks_agreement_and_fair_delivery_brings_a_decision(
    setting: str, seed: int
) -> None:
    network = Network(SETTINGS[setting](), seed)
    network.chaos(40 * len(network.live))
    network.check()
    network.justify_all()
    network.settle()
    network.check()
    assert len(network.decided) == len(network.live)


@pytest.mark.parametrize("seed", range(10))
def test_a_minority_that_is_silent_does_not_stop_the_others(seed: int) -> None:
    network = Network(flat(7), seed, silent=names(7)[:2])
    network.chaos(200)
    network.justify_all()
    network.settle()
    network.check()
    assert len(network.decided) == 5


@pytest.mark.parametrize("seed", range(5))
def test_a_v_blocking_set_that_is_silent_stops_the_others(seed: int) -> None:
    network = Network(flat(7), seed, silent=names(7)[:3])
    network.justify_all()
    network.settle(60_000_000)
    network.check()
    assert not network.decided


@pytest.mark.parametrize("seed", range(10))
def test_nodes_that_justify_different_values_first_still_agree(seed: int) -> None:
    network = Network(flat(6), seed)
    for number, node in enumerate(network.live):
        network.justify(node, VALUES[number % len(VALUES)])
    network.chaos(150, crashes=False)
    network.justify_all()
    network.settle()
    network.check()
    assert len(network.decided) == 6


@pytest.mark.parametrize("seed", range(5))
def test_a_value_that_one_node_cannot_justify_is_decided_there_all_the_same(seed: int) -> None:
    network = Network(flat(4), seed)
    for node in network.live[1:]:
        network.justify(node, VALUES[0])
    network.settle()
    network.check()
    assert network.decided == {node: {VALUES[0]} for node in network.live}


def test_a_quiet_network_decides_in_the_first_ballot() -> None:
    network = Network(flat(16), seed=0)
    for node in network.live:
        network.justify(node, VALUES[0])
    network.settle()
    network.check()
    ballots = [
        said
        for statements in network.said.values()
        for said in statements
        if isinstance(said, BallotStatement)
    ]
    assert len(network.decided) == 16
    assert len(ballots) == 16 * 5  # prepare, prepared, vote to commit, accept, externalize
