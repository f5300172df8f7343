"""Certificates: which statements decide together, against a twin that tries every set and counter.

The twin tries every set of nodes and every counter or view that somebody names, in the plainest
words of the definition: a quorum all of whose members say one thing.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.certificate import (
    DECIDING,
    check_blocking,
    check_decision,
    check_quorum,
    check_voters,
    decided_quorum,
    decided_value,
    deciding_sets,
)
from consensus.errors import CertificateError
from consensus.quorum import QuorumSet, QuorumSets, is_quorum_slice, two_thirds_of
from consensus.statements import (
    COUNTER_MAX,
    KINDS,
    Ballot,
    Confirm,
    Externalized,
    NewView,
    Nominate,
    Prepare,
    PrePrepare,
    Proposal,
    Statement,
    Verdict,
    ViewChange,
    ViewCommit,
    ViewPrepare,
    Vote,
)
from crypto.digest import sha256
from crypto.identity import NodeId

A = sha256(b"a")
H1, H2, H3, H4 = NODES = tuple(NodeId(f"h{number}") for number in range(1, 5))
FLAT: QuorumSets = dict.fromkeys(NODES, two_thirds_of(NODES))
ISLANDS: QuorumSets = {
    node: QuorumSet(2, island) for island in ((H1, H2), (H3, H4)) for node in island
}
Said = Mapping[NodeId, Statement]


def vote() -> Statement:
    return Vote(1, A)


def confirm(low: int, high: int) -> Statement:
    return Confirm(1, A, Ballot(high, A), high, low, high)


def externalize(counter: int) -> Statement:
    return Externalized(1, A, Ballot(counter, A), counter)


def commit(view: int) -> Statement:
    return ViewCommit(1, view, A)


def subsets(nodes: tuple[NodeId, ...]) -> Iterator[frozenset[NodeId]]:
    sizes = range(1, len(nodes) + 1)
    yield from map(frozenset, chain(*(combinations(nodes, size) for size in sizes)))


def says(statement: Statement, number: int) -> bool:
    """Whether a statement commits in a view, accepts commit at a counter, or votes."""
    match statement:
        case Vote():
            return True
        case ViewCommit(view=view):
            return view == number
        case Confirm(commit_counter=low, high_counter=high):
            return low > 0 and low <= number <= high
        case Externalized(commit=ballot):
            return 0 < ballot.counter <= number
        case _:
            return False


def numbers_of(statement: Statement) -> set[int]:
    match statement:
        case ViewCommit(view=view):
            return {view}
        case Confirm(commit_counter=low, high_counter=high):
            return {low, high}
        case Externalized(commit=ballot):
            return {ballot.counter, COUNTER_MAX}
        case _:
            return {0}


def quorums_by_force(said: Said, sets: QuorumSets) -> list[frozenset[NodeId]]:
    """Every quorum whose members all say one thing."""
    numbers = set[int]().union(*map(numbers_of, said.values()))
    return [
        members
        for members in subsets(tuple(said))
        if all(is_quorum_slice(sets[node], members) for node in members)
        and any(all(says(said[node], number) for node in members) for number in numbers)
    ]


counters = st.integers(0, 4) | st.sampled_from([COUNTER_MAX - 1, COUNTER_MAX])
KINDS_OF: dict[str, st.SearchStrategy[Statement]] = {
    "majority": st.builds(vote),
    "authority": st.builds(vote),
    "pbft": st.builds(commit, st.integers(0, 2)),
    "scp": st.builds(confirm, counters, counters) | st.builds(externalize, counters),
}


@st.composite
def quorum_sets(draw: st.DrawFn) -> QuorumSets:
    """Of four nodes, each with a flat set of its own or one with an inner set."""
    sets = {}
    for node in NODES:
        named = tuple(sorted(draw(st.sets(st.sampled_from(NODES), min_size=1))))
        inner: tuple[QuorumSet, ...] = ()
        if len(named) > 2 and draw(st.booleans()):
            named, inside = named[:1], named[1:]
            inner = (QuorumSet(draw(st.integers(1, len(inside))), inside),)
        sets[node] = QuorumSet(draw(st.integers(1, len(named) + len(inner))), named, inner)
    return sets


@st.composite
def certificates(draw: st.DrawFn) -> Said:
    protocol = draw(st.sampled_from(list(KINDS_OF)))
    return draw(st.dictionaries(st.sampled_from(NODES), KINDS_OF[protocol]))


@given(certificates(), quorum_sets(), st.sampled_from(NODES))
def test_a_decision_is_what_trying_every_set_and_counter_finds(
    said: Said, sets: QuorumSets, node: NodeId
) -> None:
    quorums = quorums_by_force(said, sets)
    convincing = [each for each in quorums if is_quorum_slice(sets[node], each)]
    try:
        found = check_decision(said, node, sets)
    except CertificateError:
        assert convincing == []
    else:
        assert found in convincing


@given(certificates(), quorum_sets())
def test_the_decided_quorum_is_the_largest_of_all(said: Said, sets: QuorumSets) -> None:
    quorums = quorums_by_force(said, sets)
    try:
        found = decided_quorum(said, sets)
    except CertificateError:
        assert quorums == []
    else:
        assert found in quorums
        assert len(found) == max(map(len, quorums))


@given(certificates())
def test_what_counts_together_is_what_one_view_or_counter_has(said: Said) -> None:
    numbers = set[int]().union(*map(numbers_of, said.values()))
    together = {
        frozenset(node for node, statement in said.items() if says(statement, number))
        for number in numbers
    }
    found = list(deciding_sets(said))
    assert len(set(found)) == len(found)
    assert {each for each in found if each} <= together
    # And no set that could decide is left out: each lies in one that was found.
    assert all(any(each <= whole for whole in found) for each in together if each)


@given(certificates(), quorum_sets(), st.sampled_from(NODES), st.data())
def test_a_statement_more_undecides_nothing(
    said: Said, sets: QuorumSets, node: NodeId, data: st.DataObject
) -> None:
    kept = data.draw(st.sets(st.sampled_from(sorted(said)))) if said else set()
    fewer = {voter: statement for voter, statement in said.items() if voter in kept}
    try:
        check_decision(fewer, node, sets)
    except CertificateError:
        return
    check_decision(said, node, sets)


@pytest.mark.parametrize(
    "said",
    [
        {H1: vote(), H2: vote(), H3: vote()},
        {H1: commit(7), H2: commit(7), H3: commit(7)},
        {H1: commit(0), H2: commit(7), H3: commit(7), H4: commit(7)},
        {H1: confirm(1, 1), H2: confirm(1, 1), H3: confirm(1, 1)},
        {H1: confirm(1, 5), H2: confirm(5, 9), H3: confirm(2, 6)},
        {H1: confirm(1, 5), H2: externalize(5), H3: externalize(2)},
        {H1: externalize(1), H2: externalize(9), H3: externalize(COUNTER_MAX)},
        {H1: confirm(3, COUNTER_MAX), H2: externalize(COUNTER_MAX), H3: confirm(1, COUNTER_MAX)},
    ],
)
def test_a_quorum_that_says_one_thing_decides(said: Said) -> None:
    assert len(check_decision(said, H4, FLAT)) == 3
    assert len(decided_quorum(said, FLAT)) == 3


@pytest.mark.parametrize(
    "said",
    [
        {},
        {H1: vote(), H2: vote()},
        {H1: commit(0), H2: commit(0), H3: commit(1)},
        {H1: commit(0), H2: commit(0), H3: commit(1), H4: commit(1)},
        {H1: confirm(1, 2), H2: confirm(1, 2), H3: confirm(3, 4)},
        {H1: confirm(1, 2), H2: confirm(2, 3), H3: confirm(3, 4)},
        {H1: confirm(1, 4), H2: confirm(1, 4), H3: externalize(5)},
        {H1: confirm(0, 4), H2: confirm(0, 4), H3: confirm(0, 4)},
        {H1: confirm(0, 0), H2: confirm(0, 0), H3: confirm(0, 0)},
        {H1: confirm(3, 2), H2: confirm(3, 2), H3: confirm(3, 2)},
        {H1: confirm(1, 4), H2: confirm(1, 4), H3: confirm(3, 2)},
        {H1: externalize(0), H2: externalize(0), H3: externalize(0)},
    ],
)
def test_what_does_not_say_one_thing_decides_nothing(said: Said) -> None:
    with pytest.raises(CertificateError, match=r"expected a quorum, found none among"):
        check_decision(said, H1, FLAT)
    with pytest.raises(CertificateError, match=r"expected a quorum, found none among"):
        decided_quorum(said, FLAT)


def test_three_intervals_that_meet_two_by_two_meet_at_one_counter() -> None:
    """Intervals do, so that no certificate is missed for it; their lower ends are where to look."""
    said = {H1: confirm(1, 3), H2: confirm(2, 5), H3: confirm(3, 9)}
    assert check_decision(said, H1, FLAT) == {H1, H2, H3}


def test_a_quorum_may_decide_for_some_and_not_for_others() -> None:
    said = {H1: vote(), H2: vote()}
    assert check_decision(said, H1, ISLANDS) == {H1, H2}
    assert decided_quorum(said, ISLANDS) == {H1, H2}
    with pytest.raises(CertificateError, match="expected a quorum that satisfies h3, found h1, h2"):
        check_decision(said, H3, ISLANDS)


def test_the_error_is_of_the_first_set_that_was_tried() -> None:
    said = {H1: commit(0), H2: commit(0), H3: commit(1)}
    with pytest.raises(CertificateError, match="found none among h1, h2"):
        check_decision(said, H1, FLAT)
    with pytest.raises(CertificateError, match="found none among nobody"):
        check_decision({}, H1, FLAT)


def test_the_views_of_a_certificate_are_not_counted_together() -> None:
    """h3 and h4 decide in view 1, whatever h1 and h2 committed in view 0."""
    said = {H1: commit(0), H2: commit(0), H3: commit(1), H4: commit(1)}
    assert check_decision(said, H3, ISLANDS) == {H3, H4}
    assert check_decision(said, H1, ISLANDS) == {H1, H2}


OF_EACH_KIND: list[Statement] = [
    Proposal(1, A, A, A),
    Verdict(1, A, True, "ok", ()),
    vote(),
    Nominate(1, A, (A,), (A,)),
    Prepare(1, A, Ballot(1, A), Ballot(1, A), None, 1, 1),
    confirm(1, 1),
    externalize(1),
    PrePrepare(1, 0, A),
    ViewPrepare(1, 0, A),
    commit(0),
    ViewChange(1, 1, 0, A),
    NewView(1, 1, A, NODES[:3]),
]


def test_certificates_are_made_of_the_kinds_that_decide_and_of_no_other() -> None:
    assert {type(each) for each in OF_EACH_KIND} == KINDS.keys()
    deciding = {kind for kinds in DECIDING.values() for kind in kinds}
    for statement in OF_EACH_KIND:
        decides = type(statement) in deciding
        assert decided_value(statement) == (A if decides else None)
        said = dict.fromkeys(NODES, statement)
        if decides:
            assert check_decision(said, H1, FLAT) == frozenset(NODES)
        else:
            assert list(deciding_sets(said)) == []
            with pytest.raises(CertificateError):
                check_decision(said, H1, FLAT)


@pytest.mark.parametrize(
    ("voters", "found"),
    [
        ((H2, H1), "found h1 after h2"),
        ((H1, H1), "found h1 after h1"),
        ((H1, NodeId("x")), "expected nodes of the genesis, found x"),
        ((NodeId("a"), H1), "expected nodes of the genesis, found a"),
    ],
)
def test_voters_are_sorted_unique_and_known(voters: tuple[NodeId, ...], found: str) -> None:
    with pytest.raises(CertificateError, match=found):
        check_voters(voters, FLAT)


@pytest.mark.parametrize("voters", [(), (H1,), NODES])
def test_voters_may_be_nobody_or_everybody(voters: tuple[NodeId, ...]) -> None:
    check_voters(voters, FLAT)


@given(quorum_sets(), st.sets(st.sampled_from(NODES)), st.sampled_from(NODES))
def test_a_set_of_voters_is_checked_as_their_plain_votes_are(
    sets: QuorumSets, voters: set[NodeId], node: NodeId
) -> None:
    ordered = sorted(voters)
    said = {voter: vote() for voter in ordered}
    outcomes: list[frozenset[NodeId] | None] = []
    checks: tuple[Callable[[], frozenset[NodeId]], ...] = (
        lambda: check_quorum(ordered, node, sets),
        lambda: check_decision(said, node, sets),
    )
    for check in checks:
        try:
            outcomes.append(check())
        except CertificateError:
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]


@given(quorum_sets(), st.sets(st.sampled_from(NODES)), st.sampled_from(NODES))
def test_a_set_blocks_a_node_where_the_rest_has_no_slice_of_it(
    sets: QuorumSets, members: set[NodeId], node: NodeId
) -> None:
    rest = frozenset(NODES) - members
    try:
        check_blocking(sorted(members), node, sets)
    except CertificateError:
        assert is_quorum_slice(sets[node], rest)
    else:
        assert not is_quorum_slice(sets[node], rest)
