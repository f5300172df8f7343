"""Which hospitals are faulty: nested, by the seed, and where it harms most."""

from typing import Any

import pytest

from consensus.quorum import greatest_quorum
from consensus.resilience import Fbas, minimum_blocking_set
from scenarios.adversaries.splitting import minimum_splitting, splits
from scenarios.quorum_sets import declared_quorum_sets
from scenarios.studies.errors import StudyError
from scenarios.studies.placement import Placement, Purpose, place, purpose_of
from tests.test_studies_theory import organisations, scenario

PLACEMENTS: tuple[Placement, ...] = ("last", "first", "random", "targeted")
PURPOSES: tuple[Purpose, ...] = ("stop", "lie", "convince")


@pytest.mark.parametrize("how", PLACEMENTS)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_each_placing_begins_with_every_smaller_one(how: Placement, purpose: Purpose) -> None:
    base = organisations(3, 4, 2, 3)
    whole = place(12, base, how, purpose, seed=7)
    assert sorted(whole) == sorted(base.hospitals)
    for count in range(12):
        assert place(count, base, how, purpose, seed=7) == whole[:count]


def test_first_and_last_go_by_the_order_of_the_scenario() -> None:
    base = scenario(12)
    assert place(2, base, "first") == ("hospital-1", "hospital-2")
    assert place(2, base, "last") == ("hospital-12", "hospital-11")


def test_chance_follows_from_the_seed() -> None:
    base = scenario(20)
    drawn = {place(5, base, "random", seed=seed) for seed in range(40)}
    assert place(5, base, "random", seed=3) == place(5, base, "random", "lie", seed=3)
    assert len(drawn) == 40
    assert {each for chosen in drawn for each in chosen} == set(base.hospitals)


@pytest.mark.parametrize("base", [scenario(10), organisations(3, 4, 2, 3)], ids=["flat", "two"])
def test_targets_are_smallest_sets_that_do_it(base: Any) -> None:
    sets = declared_quorum_sets(base.protocol, base.hospitals)
    everybody = frozenset(sets)
    needed = minimum_blocking_set(Fbas(sets)).upper
    assert needed is not None
    assert not greatest_quorum(everybody - set(place(needed, base, "targeted", "stop")), sets)
    split = minimum_splitting(sets, deletion=True)
    assert split is not None
    liars = set(place(len(split.liars), base, "targeted", "lie"))
    assert all(splits(side, liars, sets, deletion=True) for side in split.sides)
    least = next(
        count
        for count in range(len(sets) + 1)
        if greatest_quorum(frozenset(place(count, base, "targeted", "convince")), sets)
    )
    assert least == {10: 7, 12: 6}[len(sets)]


def test_targets_of_an_authority_are_the_authority() -> None:
    base = scenario(5, protocol={"name": "authority", "authority": "hospital-4"})
    for purpose in PURPOSES:
        assert place(1, base, "targeted", purpose) == ("hospital-4",)


def test_quorum_sets_alone_can_be_asked() -> None:
    base = scenario(7)
    sets = declared_quorum_sets(base.protocol, base.hospitals)
    for how in PLACEMENTS:
        assert place(3, sets, how) == place(3, base, how)


@pytest.mark.parametrize("count", [-1, 5])
def test_there_are_not_more_faulty_hospitals_than_hospitals(count: int) -> None:
    with pytest.raises(StudyError, match="expected 0 to 4 faulty hospitals"):
        place(count, scenario(4), "last")


@pytest.mark.parametrize(
    ("fault", "purpose"),
    [
        ({"kind": "silence"}, "stop"),
        ({"kind": "crash", "at": "0 s"}, "stop"),
        ({"kind": "delay", "extra": "1 s"}, "stop"),
        ({"kind": "bias", "verdict": "reject"}, "stop"),
        ({"kind": "bias", "verdict": "accept"}, "convince"),
        ({"kind": "collude"}, "convince"),
        ({"kind": "twin"}, "lie"),
        ({"kind": "equivocate"}, "lie"),
        ({"kind": "poison", "attack": "nan"}, "lie"),
    ],
)
def test_what_faults_are_there_for(fault: dict[str, object], purpose: Purpose) -> None:
    assert purpose_of(fault) == purpose
