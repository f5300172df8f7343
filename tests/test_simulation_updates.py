"""The table of updates: how each came about, who refused it, and what became of it."""

import math
from pathlib import Path

import pytest
import torch

from fl.quantize import Quantizer, clipped
from fl.update import norm_of
from scenarios.metrics import tables, write_tables
from scenarios.results import load_run
from scenarios.simulation.handed_in import Fate, Origin, UpdateRow

from .engine import Run, crash, faults, run

PROVEN = "proof: {norm_bound: %s}\ntraining: {epochs: 1, scheme: %s}\nrounds: %s\n"


def by_author(found: Run, slot: int) -> dict[str, UpdateRow]:
    return {row.instance: row for row in found.outcome.updates if row.slot == slot}


def test_in_turn_each_round_has_the_update_of_its_leader(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert [(row.slot, row.instance) for row in found.outcome.updates] == [
        (row.height, row.proposer) for row in found.outcome.rounds if row.type.value == "accepted"
    ]
    for row in found.outcome.updates:
        assert row.fate is Fate.ACCEPTED
        assert row.origin.norm == row.origin.sent_norm > 0
        assert row.origin == Origin(row.origin.norm, row.origin.norm, *(False,) * 3)
        assert row.refused_by == ()


def test_averaged_each_round_has_an_update_of_everybody(tmp_path: Path) -> None:
    found = run(tmp_path, "training: {epochs: 1, scheme: fedavg}")
    assert [(row.slot, row.instance) for row in found.outcome.updates] == [
        (slot, f"hospital-{number}") for slot in (1, 2) for number in (1, 2, 3, 4)
    ]
    assert {row.fate for row in found.outcome.updates} == {Fate.ACCEPTED}


def test_what_is_longer_than_the_bound_is_clipped_to_it(tmp_path: Path) -> None:
    free = run(tmp_path / "free", "training: {epochs: 1, scheme: fedavg}")
    norms = sorted(row.origin.norm for row in by_author(free, 1).values())
    bound = (norms[1] + norms[2]) / 2
    found = run(tmp_path / "proven", PROVEN % (bound, "fedavg", 1))
    rows = by_author(found, 1)
    # Clipping changes what is handed in, not what was trained in the first round.
    assert {name: row.origin.norm for name, row in rows.items()} == {
        name: row.origin.norm for name, row in by_author(free, 1).items()
    }
    assert sum(row.origin.over_bound for row in rows.values()) == 2
    for row in rows.values():
        longest = min(row.origin.norm, bound)
        assert row.origin.over_bound == (row.origin.norm > bound)
        assert 0.99 * longest < row.origin.sent_norm <= longest * (1 + 1e-6)
        assert row.fate is Fate.ACCEPTED


def test_a_forged_update_says_so_and_who_refused_it(tmp_path: Path) -> None:
    attack = "{kind: poison, hospital: hospital-2, attack: scaling, factor: 50, forges: true}"
    found = run(tmp_path, PROVEN % (0.05, "fedavg", 1), faults=faults(attack))
    rows = by_author(found, 1)
    forged = rows.pop("hospital-2")
    leader = found.outcome.rounds[0].proposer
    assert forged.origin.poisoned
    assert forged.origin.forged
    assert forged.origin.over_bound
    assert forged.origin.sent_norm == pytest.approx(forged.origin.norm, rel=1e-2)
    assert forged.refused_by == (leader,)
    assert forged.fate is Fate.LEFT_OUT
    assert all(row.fate is Fate.ACCEPTED and not row.refused_by for row in rows.values())


def test_everybody_refuses_the_proposal_of_a_leader_that_forges(tmp_path: Path) -> None:
    attack = "{kind: poison, hospital: hospital-1, attack: scaling, factor: 50, forges: true}"
    found = run(tmp_path, PROVEN % (0.05, "sequential", 3), faults=faults(attack))
    forged = next(row for row in found.outcome.updates if row.instance == "hospital-1")
    assert forged.refused_by == ("hospital-2", "hospital-3", "hospital-4")
    assert forged.fate is Fate.LEFT_OUT


def test_a_poisoned_update_is_in_the_candidate_that_is_rejected(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        "rounds: 4",
        faults=faults("{kind: poison, hospital: hospital-3, attack: nan}"),
    )
    rows = {row.instance: row for row in found.outcome.updates}
    assert rows["hospital-3"].fate is Fate.REJECTED
    assert math.isnan(rows["hospital-3"].origin.norm)
    assert {row.instance for row in rows.values() if row.origin.poisoned} == {"hospital-3"}


@pytest.mark.parametrize("forges", [False, True])
def test_no_integer_stands_for_what_is_not_finite(tmp_path: Path, forges: bool) -> None:
    """A run used to end with an error of ours here."""
    attack = {"kind": "poison", "hospital": "hospital-2", "attack": "nan", "forges": forges}
    found = run(tmp_path, PROVEN % (5.0, "fedavg", 1), faults=faults(attack))
    poisoned = by_author(found, 1)["hospital-2"].origin
    assert math.isnan(poisoned.norm)
    assert 0 < poisoned.sent_norm < 5
    assert found.verdicts["termination"] == "held"


def test_an_update_made_again_after_a_crash_is_one_row(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        "rounds: 2\ntraining: {epochs: 1, scheme: fedavg}",
        faults=[crash("hospital-4", 30_000, 60_000)],
    )
    keys = [(row.slot, row.instance) for row in found.outcome.updates]
    assert len(keys) == len(set(keys))


def test_a_twin_hands_in_updates_of_its_own(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        "training: {epochs: 1, scheme: fedavg}",
        faults=faults("{kind: twin, hospital: hospital-2}"),
    )
    rows = by_author(found, 1)
    assert {"hospital-2", "hospital-2/twin"} <= set(rows)
    assert rows["hospital-2"].origin.norm != rows["hospital-2/twin"].origin.norm


def test_the_norm_that_is_told_is_the_one_that_is_clipped() -> None:
    generator = torch.Generator().manual_seed(1)
    for exponent in range(-30, 31, 3):
        delta = torch.randn(1000, generator=generator) * 10.0**exponent
        norm = norm_of(delta)
        assert norm == pytest.approx(float(torch.linalg.vector_norm(delta.double())), rel=1e-12)
        for bound, over in ((norm, False), (math.nextafter(norm, 0), True)):
            quantizer = Quantizer(1000, bound, 2**14)
            unchanged = bool((clipped(quantizer, delta) == delta.double().numpy()).all())
            assert unchanged is not over
            assert (norm > bound) is over


@pytest.mark.parametrize(
    ("entry", "expected"), [(math.nan, "nan"), (math.inf, "inf"), (0.0, "0.0"), (3.4e38, "big")]
)
def test_the_norm_of_anything_is_told(entry: float, expected: str) -> None:
    norm = norm_of(torch.full((4,), entry))
    assert str(norm) == expected or norm == pytest.approx(2 * 3.4e38)


def test_the_table_is_written_and_read_back(tmp_path: Path) -> None:
    attack = "{kind: poison, hospital: hospital-3, attack: nan}"
    found = run(tmp_path, "rounds: 4", faults=faults(attack))
    write_tables(found.outcome, found.folder / "metrics")
    table = load_run(found.folder).updates
    made = tables(found.outcome)["updates"]
    assert list(table.columns) == list(made.columns)
    assert list(table["fate"]) == [row.fate.value for row in found.outcome.updates]
    told = table.set_index("hospital")
    assert list(told.index[told["norm"].isna()]) == ["hospital-3"]
    assert told.loc["hospital-1", "norm"] == pytest.approx(
        next(row.origin.norm for row in found.outcome.updates if row.instance == "hospital-1")
    )
    assert list(told.index[told["poisoned"]]) == ["hospital-3"]
