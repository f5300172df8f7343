"""Which systems exploration breaks, and which it does not: bounds, and bugs put in on purpose."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import consensus.pbft.node
from consensus.majority import MajorityNode
from consensus.messages import Broadcast, Input, Justified, Node, Output, Record
from consensus.quorum import QuorumSet, majority_of, two_thirds_of
from consensus.scp import ScpNode
from consensus.scp.voting import Tally
from consensus.statements import Vote
from consensus.trust import Trust
from crypto.identity import NodeId
from scenarios.exploration.case import Case, parse_case
from scenarios.exploration.lockstep import Lockstep
from scenarios.exploration.positions import Pace
from scenarios.exploration.search import (
    Limit,
    Report,
    decision_rounds,
    judged,
    parse_limit,
    search,
)
from scenarios.exploration.space import Bounds, Space
from scenarios.exploration.system import System
from scenarios.exploration.trace import conclusion, trace
from scenarios.exploration.verdict import Property
from scenarios.protocols import agreement
from scenarios.schema_sections import ProtocolSection

Rule = Callable[[list[NodeId]], QuorumSet]
ALL = Limit()
OTHERS = "hospital-2, hospital-3, hospital-4"


def system(protocol: str, count: int, rule: Rule = two_thirds_of) -> System:
    hospitals = [NodeId(f"hospital-{number}") for number in range(1, count + 1)]
    section = ProtocolSection.model_validate(
        {"name": protocol} | ({"authority": hospitals[0]} if protocol == "authority" else {})
    )
    sets: Mapping[NodeId, QuorumSet] = dict.fromkeys(hospitals, rule(hospitals))
    trust = Trust(sets)

    def make(node: NodeId) -> Node:
        return agreement(section, node, trust)

    return System(sets, protocol, section.round_timeout_us, make, section.authority)


def explored(
    of: System, faulty: int, cuts: int, limit: Limit = ALL, *, live: bool = False
) -> tuple[Lockstep, Report]:
    lockstep = Lockstep(of, Pace())
    bounds = Bounds(cuts, faulty, decision_rounds(lockstep))
    return lockstep, search(lockstep, Space(of, bounds), limit, live=live)


BROKEN = [
    ("majority", 5, majority_of, 1, 2, ALL, "l0/t1/AAABBB/000011"),
    ("majority", 4, two_thirds_of, 2, 1, ALL, "l0/t1,2/AAABBB/000111"),
    ("pbft", 5, majority_of, 1, 1, ALL, None),
    ("pbft", 4, two_thirds_of, 2, 1, Limit(cases=100), "l1/t1,2/ABBABA/x3/011010"),
    ("scp", 4, two_thirds_of, 2, 1, Limit(cases=100), "l1/t1,2/AAABBB/x6/000111"),
    ("authority", 3, two_thirds_of, 1, 1, ALL, None),
]


@pytest.mark.parametrize(("protocol", "count", "rule", "faulty", "cuts", "limit", "case"), BROKEN)
def test_at_the_bound_a_fork_is_found_and_convicts_the_twins_alone(
    protocol: str, count: int, rule: Rule, faulty: int, cuts: int, limit: Limit, case: str | None
) -> None:
    lockstep, report = explored(system(protocol, count, rule), faulty, cuts, limit)
    found = report.found
    assert found is not None
    assert found.violation.property is Property.AGREEMENT
    if case is not None:
        assert str(found.case) == case
    twins = {lockstep.system.hospitals[twin] for twin in found.case.twins}
    assert set(trace(lockstep, found.case).culprits) == twins


SAFE = [
    ("majority", 4, 1, 2, ALL),
    ("majority", 5, 1, 2, ALL),
    ("pbft", 4, 1, 1, ALL),
    ("pbft", 4, 1, 2, Limit(cases=200)),
    ("scp", 4, 1, 1, ALL),
    ("scp", 4, 1, 2, Limit(cases=50)),
]


@pytest.mark.parametrize(("protocol", "count", "faulty", "cuts", "limit"), SAFE)
def test_below_the_bound_two_thirds_hold(
    protocol: str, count: int, faulty: int, cuts: int, limit: Limit
) -> None:
    _, report = explored(system(protocol, count), faulty, cuts, limit)
    coverage = report.coverage
    assert report.found is None
    assert coverage.explored == min(coverage.size, limit.cases or coverage.size)
    if protocol != "majority":  # which has no ballots: split votes stay split
        assert coverage.undecided == 0


def test_a_cut_may_change_in_every_round_and_one_message_may_lie() -> None:
    for protocol, count in (("majority", 200), ("pbft", 100), ("scp", 30)):
        of = system(protocol, 4)
        space = Space(of, Bounds(3, 1, mutations=True))
        report = search(Lockstep(of, Pace()), space, Limit(cases=count))
        assert report.found is None
        assert report.coverage.explored == count


def test_a_found_case_is_minimal() -> None:
    lockstep, report = explored(system("majority", 5, majority_of), 1, 2)
    assert report.found is not None
    case = report.found.case
    assert (len(case.cuts), len(case.twins)) == (1, 1)
    without_cut = Case(None, case.twins, case.values)
    without_twin = Case(None, (), case.values[:5], ((0, 0, 0, 0, 1),))
    for smaller in (without_cut, without_twin):
        assert judged(lockstep.play(smaller), smaller, lockstep, live=False) is None


def test_a_trace_says_who_is_cut_off_who_says_what_and_who_decides() -> None:
    lockstep, report = explored(system("majority", 5, majority_of), 1, 1)
    assert report.found is not None
    told = trace(lockstep, report.found.case)
    assert told.lines == (
        "opening",
        "  hospital-1 runs twice",
        "  hospital-1, hospital-2, hospital-3 may decide A",
        "  hospital-4, hospital-5, hospital-1/twin may decide B",
        "  'vote A' is said by hospital-1, hospital-2, hospital-3",
        "  'vote B' is said by hospital-4, hospital-5, hospital-1/twin",
        f"round 1, 0.25 s: hospital-1, {OTHERS} | hospital-5, hospital-1/twin",
        "  A is decided by hospital-1, hospital-2, hospital-3, hospital-4",
        "round 2, 0.50 s: the network is whole",
        "  everybody may decide A, B",
        "  B is decided by hospital-5, hospital-1/twin",
    )
    assert conclusion(told, report.found.violation) == [
        "agreement violated: hospital-2 and hospital-5 decided differently",
        "hospital-1 convicts itself: two statements in slot 1, each a vote",
    ]


# Bugs put in on purpose: exploration finds each.


class VotesTwice:
    """Votes for every value that it may decide."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def step(self, event: Input, /) -> tuple[Output, ...]:
        outputs = self.node.step(event)
        if isinstance(event, Justified) and not outputs:
            vote = Vote(event.slot, event.value)
            return Record(vote), Broadcast(vote)
        return outputs


def test_a_node_that_votes_twice_is_found() -> None:
    right = system("majority", 4)
    trust = Trust(right.quorum_sets)
    wrong = System(
        right.quorum_sets,
        "majority",
        right.timeout_us,
        lambda node: VotesTwice(MajorityNode(node, trust)),
    )
    _, report = explored(wrong, 0, 1)
    assert report.found is not None
    assert report.found.violation.property is Property.CONSISTENCY
    assert "contradicted itself: two statements in slot 1" in report.found.violation.reason
    assert not report.found.case.twins


STAGGERED = Bounds(cuts=5, faulty=1, last=12)
"""Cuts that change in each round, so that one decides alone; then time for another view."""


def test_a_new_view_that_ignores_what_was_prepared_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of, pace = system("pbft", 4), Pace(free=True)
    sound = search(Lockstep(of, pace), Space(of, STAGGERED), Limit(cases=40))
    assert sound.found is None
    monkeypatch.setattr(consensus.pbft.node, "last_prepared", lambda _: None)
    monkeypatch.setattr(consensus.pbft.node, "carries", lambda *_: False)
    report = search(Lockstep(of, pace), Space(of, STAGGERED), Limit(cases=3000))
    assert report.found is not None
    assert report.found.violation.property is Property.AGREEMENT


def core_and_leaf() -> System:
    """Three hospitals of which two are enough, and one that needs everybody."""
    hospitals = [NodeId(f"hospital-{number}") for number in range(1, 5)]
    core = QuorumSet(2, tuple(hospitals[:3]))
    sets = dict.fromkeys(hospitals[:3], core) | {hospitals[3]: everybody(hospitals)}
    trust = Trust(sets)
    return System(sets, "scp", 1_000_000, lambda node: ScpNode(node, trust))


def test_accepting_without_v_blocking_sets_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert explored(core_and_leaf(), 0, 1, live=True)[1].found is None
    monkeypatch.setattr(Tally, "blocks", lambda *_: False)
    _, report = explored(core_and_leaf(), 0, 1, live=True)
    assert report.found is not None
    assert report.found.violation.property is Property.TERMINATION
    assert report.found.violation.reason.startswith("hospital-4 did not decide")


def everybody(hospitals: list[NodeId]) -> QuorumSet:
    return QuorumSet(len(hospitals), tuple(hospitals))


def test_counting_two_thirds_instead_of_slices_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = system("scp", 4, everybody)
    assert explored(right, 2, 1, Limit(cases=50))[1].found is None
    monkeypatch.setattr(Tally, "convinces", lambda _, members: members.bit_count() >= 3)
    _, report = explored(right, 2, 1, Limit(cases=100))
    assert report.found is not None
    assert report.found.violation.property is Property.AGREEMENT


# The same exploration always says the same.

SCRIPT = """
from scenarios.exploration.search import Limit
from tests.test_exploration_search import explored, system
_, broken = explored(system("pbft", 4), 2, 1, Limit(cases=100))
_, sound = explored(system("scp", 4), 1, 2, Limit(cases=10))
print(broken.found, broken.coverage.explored, sound.coverage.size, sound.coverage.explored)
"""


def test_hash_seeds_change_nothing() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=Path(__file__).parent.parent,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(said) == 1
    assert "Property.AGREEMENT" in said.pop()


def test_an_id_plays_the_same_case() -> None:
    lockstep, report = explored(system("pbft", 5, majority_of), 1, 1)
    assert report.found is not None
    found = report.found
    for case in (found.case, found.first):
        again = parse_case(str(case), 5, led=True)
        assert again == case
        fresh = Lockstep(lockstep.system, Pace())
        assert trace(fresh, again).lines == trace(lockstep, case).lines


@pytest.mark.parametrize(
    ("text", "limit"),
    [("20000", Limit(20_000)), ("20,000", Limit(20_000)), ("30 s", Limit(None, 30.0))],
)
def test_a_limit_is_a_number_or_a_time(text: str, limit: Limit) -> None:
    assert parse_limit(text) == limit


def test_a_sample_is_the_beginning_of_a_larger_one_and_names_no_case_twice() -> None:
    of = system("pbft", 4)
    space = Space(of, Bounds(2, 1))
    played: list[set[str]] = []
    for count in (50, 200):
        cases: set[str] = set()

        class Listening(Lockstep):
            def play(self, case: Case, *more: object) -> object:  # type: ignore[override]
                cases.add(str(case))  # noqa: B023
                return super().play(case)

        search(Listening(of, Pace()), space, Limit(cases=count))
        assert len(cases) == count
        played.append(cases)
    assert played[0] < played[1]
