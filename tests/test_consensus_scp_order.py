"""Sanity, order and contradiction of statements, rule by rule and against honest nodes.

The last part is what evidence rests on: whatever the others sign and however often it crashes, a
node that follows the protocol never signs two statements that contradict each other.
"""

import random
from itertools import combinations

import pytest

from consensus.messages import Begin, Input, Justified, Recall, Receive, Record, TimerExpired
from consensus.quorum import QuorumSet
from consensus.scp import ScpNode
from consensus.scp.order import NOMINATED_MAX, contradicts, is_newer, what_is_insane
from consensus.statements import (
    COUNTER_MAX,
    Ballot,
    Confirm,
    Externalized,
    Nominate,
    Prepare,
    ScpStatement,
    Statement,
)
from consensus.trust import Trust
from crypto.digest import Digest
from crypto.identity import NodeId

from .test_consensus_scp_random import VALUES, Network, check_honest, flat, two_level

X, Y, Z = VALUES
Q, R = Digest(b"q" * 32), Digest(b"r" * 32)


def nominate(votes: tuple[Digest, ...], accepted: tuple[Digest, ...] = ()) -> Nominate:
    return Nominate(1, Q, votes, accepted)


def ballot(counter: int, value: Digest) -> Ballot:
    return Ballot(counter, value)


def prepare(
    b: Ballot, p: Ballot | None = None, prime: Ballot | None = None, low: int = 0, high: int = 0
) -> Prepare:
    return Prepare(1, Q, b, p, prime, low, high)


def confirm(b: Ballot, prepared: int, low: int, high: int) -> Confirm:
    return Confirm(1, Q, b, prepared, low, high)


def externalized(commit: Ballot, high: int) -> Externalized:
    return Externalized(1, Q, commit, high)


X1, X2, X3, Y1, Y2, Z1, Z2 = (
    ballot(counter, value)
    for value, counters in ((X, (1, 2, 3)), (Y, (1, 2)), (Z, (1, 2)))
    for counter in counters
)

SANE: dict[str, ScpStatement] = {
    "one vote": nominate((X,)),
    "only accepted": nominate((), (X,)),
    "votes and accepted may overlap": nominate((X, Y), (X,)),
    "a first ballot": prepare(X1),
    "p above b": prepare(X1, Y2),
    "p and an incompatible p' below": prepare(X2, Y1, X1),
    "h at p": prepare(X2, X1, None, 0, 1),
    "c and h": prepare(X2, X2, None, 1, 2),
    "confirm": confirm(X3, 3, 1, 2),
    "confirm with nP below nC": confirm(X3, 1, 2, 3),
    "confirm at infinity": confirm(ballot(COUNTER_MAX, X), COUNTER_MAX, 1, COUNTER_MAX),
    "externalize": externalized(X1, 1),
    "externalize a range": externalized(X1, COUNTER_MAX),
}

INSANE: dict[str, ScpStatement] = {
    "an empty nomination": nominate(()),
    "votes not sorted": nominate((Y, X)),
    "a vote twice": nominate((X, X)),
    "accepted not sorted": nominate((X,), (Y, X)),
    "too many values": nominate((X,) * (NOMINATED_MAX + 1)),
    "a value that is no digest": nominate((Digest(b"x"),)),
    "b with counter 0": prepare(ballot(0, X)),
    "b beyond the largest counter": prepare(ballot(COUNTER_MAX + 1, X)),
    "b without a value": prepare(ballot(1, Digest(b""))),
    "p with counter 0": prepare(X1, ballot(0, X)),
    "p' compatible with p": prepare(X2, X2, X1),
    "p' above p": prepare(X2, X1, Y2),
    "p' equal to p": prepare(X2, X1, X1),
    "h without p": prepare(X2, None, None, 0, 1),
    "h above p": prepare(X2, X1, None, 0, 2),
    "c without h": prepare(X2, X2, None, 1, 0),
    "c above h": prepare(X2, X2, None, 2, 1),
    "h above b while c is set": prepare(X1, X2, None, 1, 2),
    "negative h": prepare(X1, X1, None, 0, -1),
    "negative c": prepare(X1, X1, None, -1, 1),
    "confirm of counter 0": confirm(ballot(0, X), 1, 0, 0),
    "confirm without c": confirm(X1, 1, 0, 1),
    "confirm with c above h": confirm(X3, 3, 2, 1),
    "confirm with h above b": confirm(X1, 3, 1, 2),
    "confirm without nP": confirm(X1, 0, 1, 1),
    "confirm with a large nP": confirm(X1, COUNTER_MAX + 1, 1, 1),
    "externalize of counter 0": externalized(ballot(0, X), 1),
    "externalize with h below c": externalized(X2, 1),
    "externalize with a large h": externalized(X2, COUNTER_MAX + 1),
}


@pytest.mark.parametrize("name", SANE)
def test_a_sane_statement_is_taken(name: str) -> None:
    assert what_is_insane(SANE[name]) is None


@pytest.mark.parametrize("name", INSANE)
def test_an_insane_statement_is_refused_with_a_reason(name: str) -> None:
    reason = what_is_insane(INSANE[name])
    assert reason is not None
    assert reason.startswith("expected ")


RISING: list[list[ScpStatement]] = [
    [
        nominate((X,)),
        nominate((X, Y)),
        nominate((X, Y), (X,)),
        nominate((X, Y), (X, Y)),
        nominate((X, Y, Z), (X, Y)),
    ],
    [
        prepare(X1),
        prepare(X1, X1),
        prepare(X1, Y1, X1),
        prepare(X1, Y1, X1, 0, 1),
        prepare(Y1, Y1, X1, 1, 1),
        prepare(Y2, Y1, X1, 1, 1),
        confirm(Y2, 1, 1, 1),
        confirm(Y2, 1, 1, 2),
        confirm(Y2, 2, 1, 2),
        confirm(ballot(3, Y), 2, 1, 2),
        externalized(Y1, 2),
    ],
]


@pytest.mark.parametrize("chain", RISING, ids=["nominations", "ballots"])
def test_each_statement_of_a_rising_chain_is_newer_than_those_before(
    chain: list[ScpStatement],
) -> None:
    for first, second in combinations(chain, 2):
        assert is_newer(first, second)
        assert not is_newer(second, first)
        assert not contradicts(first, second)
        assert not contradicts(second, first)


@pytest.mark.parametrize("statement", [*SANE.values()])
def test_no_statement_is_newer_than_itself_or_contradicts_itself(statement: ScpStatement) -> None:
    assert not is_newer(statement, statement)
    assert not contradicts(statement, statement)


def test_a_nomination_and_a_ballot_statement_are_not_compared() -> None:
    assert not is_newer(nominate((X,)), prepare(X1))
    assert not is_newer(prepare(X1), nominate((X,)))
    assert not contradicts(nominate((X,)), externalized(Y1, 1))


CONTRADICTIONS: dict[str, tuple[ScpStatement, ScpStatement]] = {
    "nominations that do not contain each other": (nominate((X,)), nominate((Y,))),
    "a vote taken back": (nominate((X, Y)), nominate((X,), (X,))),
    "two quorum sets in one nomination": (nominate((X,)), Nominate(1, R, (X,), ())),
    "two quorum sets in one ballot": (prepare(X1), Prepare(1, R, X1, None, None, 0, 0)),
    "the same PREPARE with and without c": (
        prepare(X2, X2, None, 0, 2),
        prepare(X2, X2, None, 1, 2),
    ),
    "two first ballots": (prepare(X1), prepare(Y1)),
    "another value at the same counter without h": (prepare(X2, X1), prepare(Y2, X1)),
    "p falls": (prepare(X1, X1), prepare(X2)),
    "p' falls": (prepare(X1, Y1, X1), prepare(X2, Y1)),
    "p changes its value and leaves no p'": (prepare(X1, X1), prepare(X1, Y1)),
    "h falls on one ballot": (prepare(X2, X1, None, 0, 1), prepare(X2, X2)),
    "c falls": (prepare(X2, X2, None, 2, 2), prepare(X3, X2, None, 1, 2)),
    "c is given up without a reason": (prepare(X1, X1, None, 1, 1), prepare(X2, X1, None, 0, 1)),
    "b leaves a vote to commit without a reason": (
        prepare(X1, X1, None, 1, 1),
        prepare(Y2, X1),
    ),
    "a vote to commit what the own vote aborts": (
        prepare(Y2),
        prepare(ballot(3, X), X2, None, 1, 2),
    ),
    "the same CONFIRM with another c": (confirm(X2, 2, 1, 2), confirm(X2, 2, 2, 2)),
    "two values in CONFIRM": (confirm(X2, 2, 1, 2), confirm(ballot(3, Y), 3, 1, 3)),
    "nP falls": (confirm(X2, 2, 1, 1), confirm(X3, 1, 1, 1)),
    "nH falls": (confirm(X2, 2, 1, 2), confirm(X3, 2, 1, 1)),
    "CONFIRM and EXTERNALIZE of two values": (confirm(X2, 2, 1, 2), externalized(Y1, 1)),
    "two EXTERNALIZE of two values": (externalized(X1, 1), externalized(Y1, 1)),
    "two EXTERNALIZE of one value": (externalized(X1, 1), externalized(X1, 2)),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_two_statements_that_no_honest_node_signs_contradict(name: str) -> None:
    first, second = CONTRADICTIONS[name]
    assert what_is_insane(first) is None
    assert what_is_insane(second) is None
    assert contradicts(first, second)
    assert contradicts(second, first)


ALLOWED: dict[str, tuple[ScpStatement, ScpStatement]] = {
    "b takes the value of h at the same counter": (prepare(X1), prepare(Y1, Y1, X1, 0, 1)),
    "another value after a timeout": (prepare(X1), prepare(Y2)),
    "c is given up because of p": (prepare(X1, X1, None, 1, 1), prepare(X1, Y1, X1, 0, 1)),
    "c is given up because of p'": (
        prepare(X1, X1, None, 1, 1),
        prepare(X2, X2, Y1, 0, 1),
    ),
    "h is lost with the value of b": (prepare(X1, X1, None, 0, 1), prepare(Y2, X1)),
    "accepting a commit against one's own vote": (
        prepare(X1, X1, None, 1, 1),
        confirm(Y2, 2, 2, 2),
    ),
    "b falls when a commit is accepted": (prepare(ballot(5, X)), confirm(Y2, 2, 2, 2)),
    "c falls in CONFIRM": (confirm(X2, 2, 2, 2), confirm(X3, 3, 1, 3)),
    "a smaller range is confirmed": (confirm(ballot(6, X), 6, 2, 6), externalized(X3, 4)),
    "deciding from PREPARE": (prepare(Y1), externalized(X1, COUNTER_MAX)),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_two_statements_that_an_honest_node_may_sign_do_not_contradict(name: str) -> None:
    first, second = ALLOWED[name]
    assert is_newer(first, second)
    assert not contradicts(first, second)
    assert not contradicts(second, first)


class Hostile:
    """One honest node; everything it hears is made up, its clock and its power are unreliable."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        nodes = tuple(NodeId(f"n{number}") for number in range(self.chance.choice((1, 2, 3, 4, 5))))
        size = len(nodes)
        self.trust = Trust({node: QuorumSet(self.chance.randint(1, size), nodes) for node in nodes})
        self.me, self.others = nodes[0], nodes[1:]
        self.said: list[Statement] = []
        self.justified: list[Digest] = []
        self.start()

    def start(self) -> None:
        self.node = ScpNode(self.me, self.trust)
        self.feed(Begin(1, self.me, X, X))
        last = {isinstance(said, Nominate): said for said in self.said}
        self.feed(Recall(tuple(last.values())))
        for value in self.justified:
            self.feed(Justified(1, value))

    def feed(self, event: Input) -> None:
        for output in self.node.step(event):
            if isinstance(output, Record):
                self.said.append(output.statement)

    def happen(self) -> None:
        dice = self.chance.random()
        if dice < 0.06:
            self.justified.append(self.chance.choice(VALUES))
            self.feed(Justified(1, self.justified[-1]))
        elif dice < 0.16:
            self.feed(TimerExpired(1, self.chance.choice(("nomination", "ballot"))))
        elif dice < 0.19:
            self.start()
        elif self.others:
            self.feed(Receive(self.chance.choice(self.others), self.statement()))

    def ballot(self) -> Ballot:
        return Ballot(self.chance.choice((1, 1, 2, 2, 3, 4, COUNTER_MAX)), self.value())

    def value(self) -> Digest:
        return self.chance.choice(VALUES)

    def some(self) -> tuple[Digest, ...]:
        return tuple(sorted(self.chance.sample(VALUES, self.chance.randint(0, 3))))

    def statement(self) -> ScpStatement:
        """Any statement, sane or not."""
        claim, b = self.trust.digests[self.chance.choice(self.others)], self.ballot()
        low = self.chance.choice((0, 1, 2))
        high = self.chance.choice((low, 1, 3, b.counter))
        match self.chance.choices(("nominate", "prepare", "confirm", "end"), (25, 50, 17, 8))[0]:
            case "nominate":
                return Nominate(1, claim, self.some(), self.some())
            case "prepare":
                p = self.chance.choice((None, b, self.ballot()))
                prime = self.chance.choice((None, None, self.ballot()))
                return Prepare(1, claim, b, p, prime, low, high)
            case "confirm":
                return Confirm(1, claim, b, self.chance.choice((1, 2, b.counter)), low, high)
            case _:
                return Externalized(1, claim, b, self.chance.choice((b.counter, COUNTER_MAX)))


@pytest.mark.parametrize("start", range(0, 600, 100))
def test_an_honest_node_among_liars_never_contradicts_itself(start: int) -> None:
    for seed in range(start, start + 100):
        hostile = Hostile(seed)
        for _ in range(60):
            hostile.happen()
        check_honest(hostile.said)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("setting", ["flat", "two levels"])
def test_honest_networks_under_chaos_never_contradict_themselves(setting: str, seed: int) -> None:
    network = Network(flat(5) if setting == "flat" else two_level(3, 3), 1000 + seed)
    network.chaos(600)
    network.check()


def test_a_node_that_forgets_is_convicted_by_what_it_said_twice() -> None:
    convicted = 0
    for seed in range(12):
        network = Network(flat(4), seed, forgetful=True)
        network.chaos(400)
        convicted += any(
            contradicts(first, second)
            for said in network.said.values()
            for first, second in combinations(said, 2)
            if isinstance(first, ScpStatement) and isinstance(second, ScpStatement)
        )
    assert convicted >= 6
