"""The space of cases: every case once, none left out, and names that stand for exactly one."""

from collections import Counter
from dataclasses import replace
from itertools import combinations_with_replacement
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.quorum import QuorumSet, two_thirds_of
from crypto.identity import NodeId
from scenarios.exploration.case import Case, Mutation, canonical, parse_case
from scenarios.exploration.errors import ExplorationError
from scenarios.exploration.lockstep import Lockstep
from scenarios.exploration.multisets import multiset, multiset_count
from scenarios.exploration.positions import Pace
from scenarios.exploration.search import judged
from scenarios.exploration.shrinking import shrunk
from scenarios.exploration.space import Bounds, Space
from scenarios.exploration.symmetry import interchangeable
from scenarios.exploration.verdict import Property
from tests.test_exploration_search import system


@pytest.mark.parametrize(("size", "kinds"), [(1, 5), (2, 4), (3, 3), (4, 2), (3, 7)])
def test_multisets_are_numbered_without_gaps(size: int, kinds: int) -> None:
    count = multiset_count(size, kinds)
    found = {multiset(rank, size, kinds) for rank in range(count)}
    assert found == set(combinations_with_replacement(range(kinds), size))
    assert len(found) == count


def test_hospitals_are_interchangeable_only_if_their_own_quorum_sets_agree() -> None:
    hospitals = [NodeId(name) for name in "abcd"]
    flat = two_thirds_of(hospitals)
    assert interchangeable(hospitals, dict.fromkeys(hospitals, flat)) == ((0, 1, 2, 3),)
    # Everybody names a and b alike, but a itself trusts others than b does.
    lonely = dict.fromkeys(hospitals, flat) | {hospitals[0]: QuorumSet(4, tuple(hospitals))}
    assert interchangeable(hospitals, lonely) == ((0,), (1, 2, 3))
    ring = {
        each: QuorumSet(2, (each, hospitals[(index + 1) % 4]))
        for index, each in enumerate(hospitals)
    }
    assert interchangeable(hospitals, ring) == ((0,), (1,), (2,), (3,))


@pytest.mark.parametrize("protocol", ["majority", "pbft", "scp"])
@pytest.mark.parametrize("bounds", [Bounds(1, 1), Bounds(0, 2), Bounds(0, 1, mutations=True)])
def test_every_number_is_another_case(protocol: str, bounds: Bounds) -> None:
    space = Space(system(protocol, 3), bounds)
    cases = [space.case(number) for number in range(space.size)]
    assert len(set(cases)) == space.size
    assert [len(case.twins) for case in cases] == sorted(len(case.twins) for case in cases)
    for case in cases:
        assert canonical(case) == case
        assert parse_case(str(case), 3, led=protocol != "majority") == case


def test_a_whole_space_has_every_choice() -> None:
    """Three hospitals, the first one leads; one value of two each, one cut, at most one twin."""
    space = Space(system("pbft", 3), Bounds(1, 1, symmetry=False))
    alone = 3 * 2**3 * 2**2  # leaders, values, sides of all but one
    twinned = 3 * 3 * 2**4 * 2**3
    assert space.size == alone + twinned


def test_symmetry_leaves_out_what_is_only_named_differently() -> None:
    """Of majority every verdict of the whole space is that of some case of the reduced one."""
    of = system("majority", 4)
    verdicts: list[set[tuple[Property | None, int, int]]] = []
    sizes: list[int] = []
    for symmetry in (True, False):
        space = Space(of, Bounds(1, 2, symmetry=symmetry))
        lockstep, seen = Lockstep(of, Pace()), set()
        for number in range(0, space.size, 1 if symmetry else 11):
            case = space.case(number)
            end = lockstep.play(case)
            violation = judged(end, case, lockstep, live=False)
            kind = None if violation is None else violation.property
            seen.add((kind, len(end.undecided), len(case.twins)))
        verdicts.append(seen)
        sizes.append(space.size)
    assert verdicts[1] <= verdicts[0]
    assert sizes[0] * 20 < sizes[1]


def test_the_columns_of_interchangeable_hospitals_are_multisets() -> None:
    space = Space(system("majority", 4), Bounds(1, 0))
    # The first hospital is on side 0 and justified of A; three others, four columns each.
    assert space.size == comb(4 + 3 - 1, 3)
    counts = Counter(space.case(number).values.count(1) for number in range(space.size))
    assert sum(counts.values()) == space.size


# Ids


CASES = st.builds(
    lambda values, cuts, span, last, variant: canonical(
        Case(
            0,
            (1,),
            values,
            cuts,
            span,
            last,
            None if variant is None else Mutation(2, 1, None, variant),
        )
    ),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.lists(st.tuples(*[st.integers(0, 1)] * 4), max_size=5).map(tuple),
    st.integers(1, 20),
    st.none() | st.integers(1, 20),
    st.none() | st.integers(0, 7),
)


@settings(deadline=None)
@given(case=CASES)
def test_an_id_is_read_as_the_case_it_names(case: Case) -> None:
    assert parse_case(str(case), 3, led=True) == case
    assert canonical(case) == case


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nonsense", "expected an id such as"),
        ("l9/t0/AAA", "expected a leader from l1 to l3, found l9"),
        ("l0/t0/AAA", "expected a leader from l1 to l3, found l0"),
        ("l1/t4/AAAA", "expected twins from 1 to 3"),
        ("l1/t2,1/AAAAA", "expected twins from 1 to 3, ascending"),
        ("l1/t1/AAA", "expected 4 values, found 3"),
        ("l1/t0/AAA/01", "expected 3 sides in cut 1, found 2"),
        ("l1/t0/AAA/100", "expected the same case as l1/t0/AAA/011"),
        ("l1/t0/AAA/x0/010", "expected cuts of 1 to 99 rounds, found 0 to 0"),
        ("l1/t0/AAA/" + "/".join(["010"] * 17), "expected at most 16 cuts, found 17"),
        ("l1/t1/AAAA/m0.2.0.0", "expected a mutation by a twin, found instance 2"),
        ("l1/t1/AAAA/m0.1.9.0", "expected a receiver up to 4, found 9"),
    ],
)
def test_an_id_that_names_nothing_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ExplorationError) as caught:
        parse_case(text, 3, led=True)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [
        (Bounds(17, 1), "--rounds: expected 0 to 16, found 17"),
        (Bounds(1, 5), "--faulty: expected 0 to 4, found 5"),
        (Bounds(1, 1, values=4), "--values: expected 1 to 3, found 4"),
        (Bounds(1, 1, span=0), "--span: expected 1 to 99, found 0"),
        (Bounds(1, 1, last=100), "--last: expected 1 to 99, found 100"),
    ],
)
def test_a_bound_out_of_its_range_is_a_sentence(bounds: Bounds, sentence: str) -> None:
    with pytest.raises(ExplorationError) as caught:
        Space(system("pbft", 4), bounds)
    assert str(caught.value) == sentence


def test_a_number_beyond_the_space_is_a_sentence() -> None:
    space = Space(system("majority", 3), Bounds(1, 0))
    with pytest.raises(ExplorationError):
        space.case(space.size)


def test_shrinking_leaves_nothing_that_can_be_left_out() -> None:
    cuts = ((0, 1, 0, 1, 1), (), (0, 0, 1, 1, 0))
    case = Case(0, (1,), (0, 1, 1, 1, 0), cuts, 3, 9, Mutation(1, 1, None, 3))

    def violates(smaller: Case) -> bool:
        return any(cut[2] != cut[0] for cut in smaller.cuts if cut) and smaller.values[3] == 1

    least = shrunk(case, violates)
    assert least == Case(0, (), (0, 0, 0, 1), ((0, 0, 1, 0),))
    assert shrunk(replace(least), violates) == least
