"""One replica as one row: what it says, the same in every process, and nothing is left of it."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scenarios.findings import Status
from scenarios.schema import Scenario
from scenarios.simulation import simulate as simulation
from scenarios.studies.judgement import judged
from scenarios.studies.measures import MEASURES, Fidelity, Row, measures_of
from scenarios.studies.replica import full_row, protocol_row
from scenarios.studies.scratch import scratch
from scenarios.trials.run import run_trial
from scenarios.trials.trial import PROTOCOLS, Trial, Verdicts, trial_of
from scenarios.trials.values import accepts
from tests.trials import coalition

STATUSES = {"held", "violated", "undecided"}


def scenario(hospitals: int = 4, **more: Any) -> Scenario:
    said = {"scenario": "s", "hospitals": hospitals, "rounds": 1, "signature": "Ed25519"}
    return Scenario.model_validate(said | more)


def biased(verdict: str, *numbers: int) -> list[dict[str, str]]:
    return [
        {"kind": "bias", "hospital": f"hospital-{number}", "verdict": verdict} for number in numbers
    ]


def silent(*numbers: int) -> list[dict[str, str]]:
    return [{"kind": "silence", "hospital": f"hospital-{number}"} for number in numbers]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place of its own for scratch directories."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield tmp_path
    monkeypatch.setattr(tempfile, "tempdir", None)


def check_row(row: Row, fidelity: Fidelity) -> None:
    """It says exactly the measures of its fidelity, in order, each of its kind."""
    assert tuple(row) == measures_of(fidelity)
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    for name, value in row.items():
        if MEASURES[name].kind == "status":
            assert value in STATUSES
        else:
            assert value is None or type(value) in (int, float)


# Agreement alone


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("faults", [(), silent(3), silent(2, 3, 4)], ids=["none", "one", "three"])
def test_a_row_of_agreement_says_its_measures(protocol: str, faults: list[dict[str, str]]) -> None:
    authority = {"authority": "hospital-1"} if protocol == "authority" else {}
    base = scenario(protocol={"name": protocol, **authority}, faults=faults)
    check_row(protocol_row(trial_of(base)), "protocol")


def test_what_nobody_decided_took_no_time() -> None:
    row = protocol_row(trial_of(scenario(faults=silent(3, 4))))
    assert row["termination"] == "undecided"
    assert row["latency_us"] is None
    assert row["agreement"] == "held"


def test_a_row_is_what_the_trial_says() -> None:
    trial = trial_of(scenario(7, faults=silent(7)))
    row, outcome = protocol_row(trial), run_trial(trial)
    assert row["messages"] == outcome.message_count
    assert row["bytes"] == outcome.size_bytes
    assert row["latency_us"] == outcome.latencies[0].last_us
    assert row["first_us"] == outcome.latencies[0].first_us
    assert row["end_us"] == outcome.end_us


def test_of_several_slots_the_mean_time_is_said() -> None:
    trial = trial_of(scenario(5, rounds=6))
    row, outcome = protocol_row(trial), run_trial(trial)
    lasts = [each.last_us for each in outcome.latencies]
    assert len(lasts) == 6
    assert row["latency_us"] == sum(each or 0 for each in lasts) // 6


def test_who_follows_from_no_quorum_is_not_waited_for() -> None:
    """hospital-4 trusts itself and the silent one: termination is that of the others."""
    sets = {
        "default": {"threshold": 2, "validators": ["hospital-1", "hospital-2", "hospital-3"]},
        "hospital-4": {"threshold": 2, "validators": ["hospital-4", "hospital-5"]},
        "hospital-5": {"threshold": 1, "validators": ["hospital-5"]},
    }
    protocol = {"rule": "quorum-sets", "quorum_sets": sets}
    row = protocol_row(trial_of(scenario(5, protocol=protocol, faults=silent(5))))
    assert row["termination"] == "held"
    assert row["latency_us"] is not None


# Judgement


def status(trial: Trial) -> Status:
    return judged(trial, run_trial(trial))


@pytest.mark.parametrize(
    ("good_ppm", "faults", "expected"),
    [
        (1_000_000, [], Status.HELD),
        (0, [], Status.HELD),
        (1_000_000, biased("reject", 6, 7), Status.HELD),
        (1_000_000, biased("reject", 5, 6, 7), Status.VIOLATED),
        (0, biased("accept", 4, 5, 6, 7), Status.HELD),
        (0, biased("accept", 3, 4, 5, 6, 7), Status.VIOLATED),
        (1_000_000, silent(5, 6, 7), Status.UNDECIDED),
        (1_000_000, silent(1), Status.HELD),  # who leads is silent: there is no candidate
    ],
)
def test_a_candidate_is_adopted_exactly_if_all_say_so(
    good_ppm: int, faults: list[dict[str, str]], expected: Status
) -> None:
    trial = trial_of(scenario(7, faults=faults))
    assert status(replace(trial, verdicts=Verdicts(good_ppm, 0))) is expected


def test_hospitals_that_differ_cannot_be_overruled() -> None:
    base = trial_of(scenario(7, faults=biased("reject", 5, 6, 7)))
    for seed in range(20):
        trial = replace(base, seed=seed, verdicts=Verdicts(600_000, 0))
        honest = [f"hospital-{number}" for number in range(1, 5)]
        opinions = {accepts(trial, 1, each) for each in honest}
        assert status(trial) is (Status.VIOLATED if opinions == {True} else Status.HELD)


def test_one_slot_of_many_is_enough_to_violate_it() -> None:
    poison = {"kind": "poison", "hospital": "hospital-3", "attack": "nan"}
    faults = [*biased("accept", 3, 4, 5, 6, 7), poison]
    base = scenario(7, faults=faults, rounds=4)
    assert status(trial_of(base)) is Status.VIOLATED
    assert status(replace(trial_of(base), slots=2)) is Status.HELD


def test_nobody_judges_in_a_bare_trial() -> None:
    assert status(Trial(coalition(4))) is Status.HELD


# Everything


QUICK: dict[str, Any] = {"rounds": 3, "training": {"epochs": 1}, "model": {"kind": "logistic"}}


def test_a_row_of_everything_says_its_measures_and_leaves_nothing(temporary: Path) -> None:
    row = full_row(scenario(**QUICK))
    check_row(row, "full")
    assert row["accepted"] == 3
    assert row["honest_count"] == 3
    assert row["poisoned_count"] == 0
    assert row["detection_rate"] is None
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("temporary")
def test_poisoned_candidates_are_counted_where_they_end() -> None:
    poison = {"kind": "poison", "hospital": "hospital-2", "attack": "nan"}
    row = full_row(scenario(**QUICK | {"rounds": 4}, faults=[poison]))
    assert (row["poisoned_count"], row["poisoned_accepted"], row["detection_rate"]) == (1, 0, 1.0)
    assert (row["honest_count"], row["honest_rejected"]) == (3, 0)
    assert (row["accepted"], row["rejected"]) == (3, 1)
    weak = {"kind": "poison", "hospital": "hospital-2", "attack": "label-flip", "fraction": "0 %"}
    row = full_row(scenario(**QUICK | {"rounds": 4}, faults=[weak]))
    assert (row["poisoned_accepted"], row["detection_rate"]) == (1, 0.0)
    assert row["containment"] == "violated"


@pytest.mark.usefixtures("temporary")
def test_forged_proofs_are_refused_one_by_one() -> None:
    forge = {
        "kind": "poison",
        "hospital": "hospital-3",
        "attack": "sign-flip",
        "factor": 20,
        "forges": True,
    }
    base = scenario(
        **QUICK | {"rounds": 2, "training": {"scheme": "fedavg", "epochs": 1}},
        proof={"norm_bound": 1.0},
        faults=[forge],
    )
    row = full_row(base)
    assert row["poisoned_accepted"] == 0
    assert row["detection_rate"] == 1.0
    assert row["honest_rejected"] == 0


def test_a_replica_that_fails_leaves_nothing(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        assert [each.name.startswith("tclearn-replica-") for each in temporary.iterdir()] == [True]
        raise RuntimeError("in mid-run")

    monkeypatch.setattr(simulation, "simulate", fail)
    with pytest.raises(RuntimeError, match="in mid-run"):
        full_row(scenario(**QUICK))
    assert list(temporary.iterdir()) == []


def test_what_a_killed_worker_left_is_swept_away_and_what_is_in_use_is_not(
    temporary: Path,
) -> None:
    left, used, other = (
        temporary / name for name in ("tclearn-replica-a", "tclearn-replica-b", "x")
    )
    for path in (left, used, other):
        path.mkdir()
        (path / "file").touch()
    lock = os.open(used, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with scratch() as path:
        assert not left.exists()
        assert (used / "file").exists()
        assert (other / "file").exists()
        with scratch() as second:
            assert path.exists()
            assert second != path
    os.close(lock)
    assert sorted(each.name for each in temporary.iterdir()) == ["tclearn-replica-b", "x"]


_PROGRAM = """
import json
from scenarios.schema import Scenario
from scenarios.studies.replica import full_row, protocol_row
from scenarios.trials.trial import trial_of
faults = [{"kind": "equivocate", "hospital": "hospital-4"},
          {"kind": "poison", "hospital": "hospital-2", "attack": "gaussian"}]
for name in ("majority", "pbft", "scp"):
    said = {"scenario": "s", "hospitals": 7, "rounds": 3, "protocol": {"name": name},
            "faults": faults}
    print(json.dumps(protocol_row(trial_of(Scenario.model_validate(said)))))
said = {"scenario": "s", "hospitals": 4, "rounds": 2, "model": {"kind": "logistic"},
        "training": {"scheme": "fedavg", "epochs": 1}, "faults": faults}
print(json.dumps(full_row(Scenario.model_validate(said))))
"""


def test_rows_are_equal_to_the_byte_in_two_processes() -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert found[0] == found[1]
    assert len(found[0].splitlines()) == 4
