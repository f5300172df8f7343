"""Grouped voting against its plain twin; what statements mean against the draft's table."""

import random
from collections.abc import Callable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from consensus.quorum import (
    QuorumSet,
    greatest_quorum,
    is_quorum_slice,
    is_v_blocking,
    quorum_set_digest,
)
from consensus.scp.pledges import Pledge, read
from consensus.scp.voting import Tally
from consensus.statements import (
    COUNTER_MAX,
    Ballot,
    BallotStatement,
    Confirm,
    Externalized,
    Prepare,
)
from consensus.trust import Trust
from crypto.digest import Digest
from crypto.identity import NodeId

from .test_consensus_trust import NODES, tree

VALUES = tuple(Digest(bytes([number]) * 32) for number in (1, 2))
CLAIM = Digest(b"q" * 32)
Predicate = Callable[[Pledge], bool]


class PlainTally:
    """Federated voting in the plainest way: one statement for each node, sets of names."""

    def __init__(self, own: QuorumSet, known: Mapping[Digest, QuorumSet]) -> None:
        self.own = own
        self.known = known
        self.latest: dict[NodeId, BallotStatement] = {}

    def senders(self, predicate: Predicate) -> frozenset[NodeId]:
        return frozenset(node for node, said in self.latest.items() if predicate(read(said)))

    def claimed(self, node: NodeId) -> QuorumSet:
        said = self.latest[node]
        if isinstance(said, Externalized):
            return QuorumSet(1, (node,))
        return self.known[said.quorum_set]

    def convinces(self, members: frozenset[NodeId]) -> bool:
        claims = {node: self.claimed(node) for node in members}
        return is_quorum_slice(self.own, greatest_quorum(members, claims))

    def blocks(self, members: frozenset[NodeId]) -> bool:
        return is_v_blocking(self.own, members)

    def accepts(self, voted: Predicate, accepted: Predicate) -> bool:
        if self.blocks(self.senders(accepted)):
            return True
        return self.convinces(self.senders(lambda said: voted(said) or accepted(said)))

    def ratifies(self, accepted: Predicate) -> bool:
        return self.convinces(self.senders(accepted))


def some_ballot(chance: random.Random) -> Ballot:
    return Ballot(chance.choice((1, 2, 3, COUNTER_MAX)), chance.choice(VALUES))


def some_statement(chance: random.Random, claims: list[Digest]) -> BallotStatement:
    claim, ballot, low = chance.choice(claims), some_ballot(chance), chance.randint(1, 3)
    match chance.choice(("prepare", "prepare", "confirm", "externalize")):
        case "prepare":
            p, prime = (chance.choice((None, some_ballot(chance))) for _ in range(2))
            low = chance.randint(0, 2)
            return Prepare(1, claim, ballot, p, prime, low, low + chance.randint(0, 1))
        case "confirm":
            return Confirm(1, claim, ballot, chance.randint(1, 3), low, low + 1)
        case _:
            return Externalized(1, claim, Ballot(low, ballot.value), low + 1)


def predicates(chance: random.Random) -> list[tuple[Predicate, Predicate]]:
    """What balloting asks: who voted, and who accepted."""
    ballot, low = some_ballot(chance), chance.randint(1, 3)
    return [
        (lambda said: said.prepares(ballot), lambda said: said.prepared(ballot)),
        (
            lambda said: said.commits(ballot.value, low, low + 1),
            lambda said: said.committed(ballot.value, low, low + 1),
        ),
    ]


@given(st.integers(0, 2**32))
def test_grouped_voting_agrees_with_its_plain_twin(seed: int) -> None:
    chance = random.Random(seed)
    sets = [tree(chance, depth=2) for _ in range(3)]
    declared = {node: chance.choice(sets) for node in NODES}
    trust = Trust(declared)
    known = {quorum_set_digest(each): each for each in sets}
    own = declared[chance.choice(NODES)]
    masks = {name: trust.compile(each) for name, each in known.items()}
    fast: Tally[BallotStatement, Pledge] = Tally(trust.compile(own), masks, read)
    plain = PlainTally(own, known)
    for _ in range(chance.randint(1, 14)):
        sender, statement = chance.choice(NODES), some_statement(chance, list(known))
        group = fast.group(statement)
        if fast.latest.get(sender) is not group:
            fast.record(sender, trust.bits[sender], group)
        plain.latest[sender] = statement
        for voted, accepted in predicates(chance):
            assert trust.names(fast.senders(voted)) == tuple(sorted(plain.senders(voted)))
            assert fast.accepts(voted, accepted) == plain.accepts(voted, accepted)
            assert fast.ratifies(accepted) == plain.ratifies(accepted)
            assert fast.blocks(fast.senders(voted)) == plain.blocks(plain.senders(voted))
    assert sum(group.members.bit_count() for group in fast.groups.values()) == len(plain.latest)
    assert all(group.members for group in fast.groups.values())


def test_an_externalize_sender_counts_whatever_quorum_set_it_claims() -> None:
    nodes = NODES[:3]
    trust = Trust(dict.fromkeys(nodes, QuorumSet(2, nodes)))
    tally: Tally[BallotStatement, Pledge] = Tally(trust.mask_of(nodes[0]), dict(trust.masks), read)
    unknown = Externalized(1, Digest(b"?" * 32), Ballot(1, VALUES[0]), 1)
    for node in nodes[1:]:
        tally.record(node, trust.bits[node], tally.group(unknown))
    assert tally.ratifies(lambda said: said.committed(VALUES[0], 1, 1))


def test_a_sender_whose_claimed_slice_is_missing_does_not_count() -> None:
    nodes = NODES[:3]
    lonely = QuorumSet(3, nodes)
    trust = Trust(dict.fromkeys(nodes, QuorumSet(2, nodes)))
    known = {**trust.masks, quorum_set_digest(lonely): trust.compile(lonely)}
    tally: Tally[BallotStatement, Pledge] = Tally(trust.mask_of(nodes[0]), known, read)
    claims = {nodes[0]: trust.digests[nodes[0]], nodes[1]: quorum_set_digest(lonely)}
    for node, claim in claims.items():
        said = Prepare(1, claim, Ballot(1, VALUES[0]), None, None, 0, 0)
        tally.record(node, trust.bits[node], tally.group(said))
    assert not tally.convinces(trust.members(nodes[:2]))


X = VALUES[0]
OTHER = VALUES[1]


def test_a_prepare_says_what_the_table_says() -> None:
    p, prime = Ballot(3, X), Ballot(2, OTHER)
    said = read(Prepare(1, CLAIM, Ballot(4, X), p, prime, 2, 3))
    assert said.prepares(Ballot(4, X))
    assert not said.prepares(Ballot(5, X))
    assert not said.prepares(Ballot(1, OTHER))
    assert said.prepared(Ballot(3, X))
    assert not said.prepared(Ballot(4, X))
    assert said.prepared(Ballot(2, OTHER))
    assert not said.prepared(Ballot(3, OTHER))
    assert said.commits(X, 2, 3)
    assert not said.commits(X, 1, 3)
    assert not said.commits(X, 2, 4)
    assert not said.commits(OTHER, 2, 3)
    assert not said.committed(X, 2, 2)
    assert said.counter == 4


def test_a_prepare_without_c_votes_to_commit_nothing() -> None:
    said = read(Prepare(1, CLAIM, Ballot(4, X), Ballot(4, X), None, 0, 4))
    assert not said.commits(X, 1, 1)
    assert said.boundaries == ()


def test_a_confirm_says_what_the_table_says() -> None:
    said = read(Confirm(1, CLAIM, Ballot(5, X), 4, 2, 3))
    assert said.prepares(Ballot(COUNTER_MAX, X))
    assert not said.prepares(Ballot(1, OTHER))
    assert said.prepared(Ballot(4, X))
    assert not said.prepared(Ballot(5, X))
    assert said.commits(X, 2, COUNTER_MAX)
    assert not said.commits(X, 1, 2)
    assert said.committed(X, 2, 3)
    assert not said.committed(X, 2, 4)
    assert said.counter == 5


def test_an_externalize_says_what_the_table_says() -> None:
    said = read(Externalized(1, CLAIM, Ballot(2, X), 3))
    assert said.prepared(Ballot(COUNTER_MAX, X))
    assert said.committed(X, 2, COUNTER_MAX)
    assert not said.committed(X, 1, 2)
    assert said.counter == COUNTER_MAX
    assert said.boundaries == (2, 3, COUNTER_MAX)
