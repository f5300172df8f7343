"""The core of Stellar as seven organisations of three: what halts it, and what splits it.

The organisations are alike, so a set of hospitals is described by how many of each organisation are
in it: one representative of each such choice is run, and its fate is computed beside it.
"""

from collections.abc import Iterator
from itertools import combinations_with_replacement

import pytest

from consensus.quorum import greatest_quorum
from crypto.identity import NodeId
from scenarios.adversaries import plan_split
from scenarios.adversaries.splitting import splits
from scenarios.findings import Status
from scenarios.schema_faults import Partition
from scenarios.trials.checker import Property
from scenarios.trials.trial import Trial
from tests.trials import MINUTE_US, faults, organisations, run, silent, status, violated

CORE = organisations(5, 7, 2, 3)
"""Five of seven organisations, two of three in each."""


def choices(size: int) -> Iterator[tuple[NodeId, ...]]:
    """One set of this size for each way to spread it over the organisations."""
    for counts in combinations_with_replacement(range(4), 7):
        if sum(counts) == size:
            yield tuple(
                NodeId(f"o{number}-{letter}")
                for number, count in enumerate(counts, 1)
                for letter in "abc"[:count]
            )


def halts(gone: tuple[NodeId, ...]) -> bool:
    """Whether no quorum is left without some hospitals, by computation."""
    return not greatest_quorum(frozenset(CORE) - frozenset(gone), CORE)


def test_no_five_hospitals_halt_the_core_and_six_chosen_ones_do() -> None:
    assert [len(list(choices(size))) for size in (5, 6)] == [5, 7]
    assert not any(map(halts, choices(5)))
    assert [gone for gone in choices(6) if halts(gone)] == [
        ("o5-a", "o5-b", "o6-a", "o6-b", "o7-a", "o7-b")
    ]


@pytest.mark.parametrize("gone", [*choices(5), *choices(6)], ids=" ".join)
def test_silent_hospitals_halt_a_run_exactly_where_the_computation_says(
    gone: tuple[NodeId, ...],
) -> None:
    outcome = run(Trial(CORE, "scp", faults=silent(gone), time_limit_us=MINUTE_US))
    expected = Status.UNDECIDED if halts(gone) else Status.HELD
    assert status(outcome, Property.TERMINATION) is expected
    assert violated(outcome) == []


def test_three_chosen_hospitals_split_the_core() -> None:
    plan = plan_split(CORE, None, deletion=True)
    assert plan.needed == 3
    outcome = run(Trial(CORE, "scp", faults=plan.faults, time_limit_us=10 * MINUTE_US))
    assert violated(outcome) == [Property.AGREEMENT]
    assert outcome.culprits == set(plan.liars)
    ((_, blame),) = outcome.forks
    assert blame is not None
    assert len(blame.culprits) == len(blame.shared) == 3


def divisions(liars: tuple[NodeId, ...]) -> Iterator[tuple[frozenset[NodeId], frozenset[NodeId]]]:
    """Ways to divide the others: each organisation by the number of members on the first side."""
    rest = {
        number: [
            node for node in sorted(CORE) if node.startswith(f"o{number}-") and node not in liars
        ]
        for number in range(1, 8)
    }
    touched = [number for number in rest if len(rest[number]) < 3]
    whole = [number for number in rest if len(rest[number]) == 3]
    for spread in combinations_with_replacement(range(4), len(whole)):
        for code in range(4 ** len(touched)):
            counts = dict(zip(whole, spread, strict=True))
            for place, number in enumerate(touched):
                counts[number] = min(code // 4**place % 4, len(rest[number]))
            first = frozenset(
                node for number, count in counts.items() for node in rest[number][:count]
            )
            yield first, frozenset(CORE) - first - frozenset(liars)


@pytest.mark.parametrize("liars", [*choices(1), *choices(2)], ids=" ".join)
def test_no_two_hospitals_split_the_core_however_the_others_are_divided(
    liars: tuple[NodeId, ...],
) -> None:
    for sides in divisions(liars):
        assert not all(splits(side, liars, CORE, deletion=True) for side in sides)


@pytest.mark.parametrize("liars", [*choices(2)], ids=" ".join)
def test_two_twins_do_not_fork_a_run(liars: tuple[NodeId, ...]) -> None:
    plan = plan_split(CORE, None, deletion=True)
    (cut,) = (fault for fault in plan.faults if isinstance(fault, Partition))
    first = [each for each in cut.groups[0] if each not in liars]
    second = [each for each in sorted(CORE) if each not in first and each not in liars]
    twins = [f"{each}/twin" for each in liars]
    said = faults(
        *({"kind": "twin", "hospital": each} for each in liars),
        {"kind": "partition", "groups": [[*first, *liars], [*second, *twins]], "heal": "never"},
    )
    outcome = run(Trial(CORE, "scp", faults=said, time_limit_us=MINUTE_US // 2))
    assert violated(outcome) == []
