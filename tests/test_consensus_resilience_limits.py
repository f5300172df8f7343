"""Closed forms, deadlines and their bounds, misuse, and what is not loaded."""

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest

from consensus.errors import QuorumSetError
from consensus.quorum import QuorumSet, two_thirds_of
from consensus.resilience import (
    ClosedForm,
    Engine,
    Fbas,
    SolverMissingError,
    UndecidedError,
    closed_form,
    disjoint_quorums,
    engine,
    flat,
    intact,
    merged,
    minimal_blocking_sets,
    minimal_quorums,
    minimal_splitting_sets,
    minimum_blocking_set,
    minimum_quorum,
    minimum_splitting_set,
    top_tier,
    two_level,
)
from consensus.resilience.deadline import Deadline, after
from crypto.identity import NodeId


def nodes(count: int, prefix: str = "n") -> tuple[NodeId, ...]:
    return tuple(NodeId(f"{prefix}{number}") for number in range(count))


def same_for_all(quorum_set: QuorumSet) -> Fbas:
    members = [*quorum_set.validators]
    for inner in quorum_set.inner_sets:
        members.extend(inner.validators)
    return Fbas(dict.fromkeys(members, quorum_set))


def organisations(count: int, threshold: int, size: int, inner_threshold: int) -> QuorumSet:
    inner = tuple(QuorumSet(inner_threshold, nodes(size, f"o{number}-")) for number in range(count))
    return QuorumSet(threshold, (), inner)


def lopsided(count: int) -> Fbas:
    """Organisations of three that each trust most others, each a different choice: no symmetry."""
    inner = [QuorumSet(2, nodes(3, f"o{number:02}-")) for number in range(count)]
    claimed: dict[NodeId, QuorumSet] = {}
    for number, own in enumerate(inner):
        others = [
            inner[(number + step) % count] for step in range(count) if step * (number + 1) % 5 != 3
        ]
        quorum_set = QuorumSet(2 * len(others) // 3, (), tuple(others))
        claimed |= dict.fromkeys(own.validators, quorum_set)
    return Fbas(claimed)


def found(fbas: Fbas) -> ClosedForm:
    minima = minimum_quorum(fbas), minimum_blocking_set(fbas), minimum_splitting_set(fbas)
    assert all(each.proved for each in minima)
    quorum, blocking, splitting = (each.upper for each in minima)
    return ClosedForm(quorum or 0, blocking or 0, splitting)


@pytest.mark.parametrize("count", range(1, 8))
def test_flat_networks_have_the_closed_form(count: int) -> None:
    for threshold in range(1, count + 1):
        fbas = same_for_all(QuorumSet(threshold, nodes(count)))
        assert found(fbas) == flat(threshold, count) == closed_form(fbas)


def test_networks_of_organisations_have_the_closed_form() -> None:
    for count, size in product((1, 2, 3, 5), (1, 2, 3, 4)):
        for threshold, inner_threshold in product(range(1, count + 1), range(1, size + 1)):
            fbas = same_for_all(organisations(count, threshold, size, inner_threshold))
            form = two_level(threshold, count, inner_threshold, size)
            assert found(fbas) == form, (threshold, count, inner_threshold, size)
            assert closed_form(fbas) == form


@pytest.mark.parametrize("faults", [1, 2, 3, 10, 40])
def test_three_f_plus_one_bear_f_failures_and_f_lies(faults: int) -> None:
    fbas = Fbas(dict.fromkeys(nodes(3 * faults + 1), two_thirds_of(nodes(3 * faults + 1))))
    assert found(fbas) == ClosedForm(2 * faults + 1, faults + 1, faults + 1)


def test_the_organisations_of_stellar_need_ten_six_and_three() -> None:
    assert found(same_for_all(organisations(7, 5, 3, 2))) == ClosedForm(10, 6, 3)


def test_millions_of_sets_are_counted_without_being_listed() -> None:
    fbas = same_for_all(QuorumSet(67, nodes(100)))
    family = minimal_quorums(fbas)
    assert len(family.orbits) == 1
    assert family.count == 294_692_427_022_540_894_366_527_900
    assert len(next(iter(family))) == 67


def test_a_family_says_its_sizes_and_lists_its_sets() -> None:
    fbas = same_for_all(QuorumSet(2, nodes(1), (QuorumSet(2, nodes(3, "m")),)))
    family = minimal_quorums(fbas)
    assert (family.count, family.size_min, family.size_max) == (3, 3, 3)
    assert family.size_mean == Fraction(3)
    assert {frozenset({"n0", "m0", "m1"}), frozenset({"n0", "m0", "m2"})} < set(family)
    assert family.nodes == fbas.members


@pytest.mark.parametrize("steps", [0, 1, 5, 25, 125, 625])
@pytest.mark.parametrize("how", [Engine.PYTHON, Engine.AUTO])
def test_at_the_deadline_bounds_are_proved(steps: int, how: Engine) -> None:
    fbas = lopsided(7)
    for minimum in (minimum_blocking_set, minimum_splitting_set):
        exact, bounded = minimum(fbas), minimum(fbas, after(steps), how)
        assert exact.proved
        assert exact.upper is not None
        assert bounded.lower is not None
        assert bounded.lower <= exact.upper
        assert bounded.upper is None or bounded.upper >= exact.upper
    smallest = minimum_quorum(fbas)
    quorum = minimum_quorum(fbas, after(steps))
    assert (quorum.lower or 0) <= (smallest.upper or 0) <= (quorum.upper or 0)


def test_a_network_of_twenty_four_organisations_returns_bounds_at_once() -> None:
    fbas = lopsided(24)
    blocking = minimum_blocking_set(fbas, after(40))
    assert not blocking.proved
    assert blocking.members is not None
    assert blocking.lower is not None
    assert blocking.lower < len(blocking.members)
    splitting = minimum_splitting_set(fbas, after(40))
    assert splitting.lower is not None
    assert splitting.members is None or splitting.lower <= len(splitting.members)


@pytest.mark.parametrize("steps", [0, 3, 30])
def test_what_is_found_before_the_deadline_is_right(steps: int) -> None:
    fbas = lopsided(6)
    for sets in (minimal_quorums, minimal_blocking_sets, minimal_splitting_sets):
        some = sets(fbas, after(steps))
        assert not some.complete
        assert set(some) <= set(sets(fbas))


def test_a_question_without_a_middle_answer_is_undecided_at_the_deadline() -> None:
    fbas = lopsided(6)
    questions: list[Callable[[Deadline], object]] = [
        lambda until: disjoint_quorums(fbas, until),
        lambda until: top_tier(fbas, until),
        lambda until: intact(fbas, [], until),
    ]
    for question in questions:
        with pytest.raises(UndecidedError):
            question(after(0))


def test_a_deadline_may_end_the_search_by_raising() -> None:
    class StopError(Exception):
        pass

    def stop() -> bool:
        raise StopError

    with pytest.raises(StopError):
        minimal_quorums(lopsided(4), stop)
    with pytest.raises(StopError):
        merged(lopsided(4), dict.fromkeys(lopsided(4).nodes, "one"), stop)


def test_unknown_nodes_and_deep_quorum_sets_are_refused() -> None:
    with pytest.raises(QuorumSetError, match=r"^expected a node of the network, found stranger$"):
        intact(lopsided(2), [NodeId("stranger")])
    deep = QuorumSet(1, nodes(1))
    for _ in range(100):
        deep = QuorumSet(1, (), (deep,))
    with pytest.raises(QuorumSetError, match="levels of inner sets"):
        Fbas({NodeId("n0"): deep})


def test_a_solver_that_is_not_installed_is_asked_for_with_advice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda _: None)
    advice = r"pysat is not installed; pip install 'tclearn\[solvers\]' settles large networks"
    for question in (disjoint_quorums, minimum_blocking_set, minimum_splitting_set):
        with pytest.raises(SolverMissingError, match=advice):
            question(lopsided(3), engine=Engine.SOLVER)
    assert len(engine.missing_solvers()) == 2
    assert minimum_splitting_set(lopsided(3)).proved


def test_the_analysis_loads_no_solver_until_it_needs_one(tmp_path: Path) -> None:
    code = (
        "import sys; from consensus.quorum import QuorumSet; from consensus.resilience import *;"
        "f = Fbas({'a': QuorumSet(2, ('a', 'b')), 'b': QuorumSet(2, ('a', 'b'))});"
        "minimum_splitting_set(f), minimum_blocking_set(f), disjoint_quorums(f);"
        "print(sorted({'pysat', 'ortools', 'numpy', 'torch', 'networkx'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"
