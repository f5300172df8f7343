"""How likely hospitals accept: counted from real verdicts, kept in a file, read by a study."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scenarios.calibration import measure
from scenarios.calibration.measure import RUNS_MAX, calibrate, usable_cores
from scenarios.calibration.result import (
    Calibration,
    chance_of,
    load_calibration,
    to_yaml,
)
from scenarios.calibration.tally import GOOD, Counts, tally
from scenarios.cli.calibrate import calibrate_command
from scenarios.schema import Scenario
from scenarios.studies.errors import StudyError
from scenarios.studies.replica import full_outcome
from scenarios.studies.statistics import clustered_interval, rate_interval
from scenarios.trials.trial import Verdicts
from tests.program import one_object, tclearn

QUICK: Mapping[str, Any] = {
    "scenario": "quick",
    "hospitals": 4,
    "rounds": 3,
    "signature": "Ed25519",
    "model": {"kind": "logistic"},
    "training": {"epochs": 1},
}
WORDS = ("--set", "rounds=2", "--set", "signature=Ed25519", "--set", "training.epochs=1")


def scenario(**more: Any) -> Scenario:
    return Scenario.model_validate({**QUICK, **more})


def poison(hospital: int, attack: str = "nan", **more: Any) -> dict[str, Any]:
    return {"kind": "poison", "hospital": f"hospital-{hospital}", "attack": attack, **more}


# One run


def test_verdicts_on_good_candidates_are_counted() -> None:
    base = scenario()
    outcome = full_outcome(base)
    accepted = sum(verdict.accept for verdict in outcome.verdicts)
    learning = [verdict for verdict in outcome.verdicts if verdict.slot <= 3]
    assert tally(base, outcome) == {GOOD: (accepted - len(outcome.verdicts) + 12, 12)}
    assert len(learning) == 12


def test_verdicts_of_poisoners_and_liars_do_not_count() -> None:
    faults = [poison(2), {"kind": "bias", "hospital": "hospital-3", "verdict": "accept"}]
    found = tally(scenario(faults=faults), full_outcome(scenario(faults=faults)))
    assert {name: count for name, (_, count) in found.items()} == {GOOD: 4, "nan": 2}
    assert found["nan"] == (0, 2)


def test_attacks_are_told_apart_by_kind_strength_and_round() -> None:
    faults = [
        poison(1, "sign-flip", factor=5, until_round=2),
        poison(2, "label-flip", fraction="50 %", from_round=2),
        poison(3, "gaussian", sigma=0.5, from_round=7),
    ]
    base = scenario(rounds=8, faults=faults)
    found = tally(base, full_outcome(base))
    assert set(found) <= {GOOD, "sign-flip 5", "label-flip 50 %", "gaussian 0.5"}
    assert {"sign-flip 5", "label-flip 50 %", "gaussian 0.5", GOOD} == set(found)


def test_what_combines_a_poisoned_update_is_poisoned() -> None:
    faults = [poison(1, "scaling", factor=3, from_round=2), poison(2, "sign-flip", from_round=3)]
    base = scenario(faults=faults, training={"scheme": "fedavg", "epochs": 1})
    found = tally(base, full_outcome(base))
    assert {name: count for name, (_, count) in found.items()} == {
        GOOD: 2,
        "scaling 3": 2,
        "scaling 3 and sign-flip 1": 2,
    }


# Many runs


def made_up(*counts: Counts) -> Any:
    """In place of runs: what they count, one after the other."""
    turns = iter(counts)
    return lambda _: next(turns)


def test_a_calibration_puts_runs_together(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        {GOOD: (10, 10), "nan": (0, 5)},
        {GOOD: (8, 10), "nan": (1, 5), "scaling 3": (5, 5)},
        {GOOD: (9, 10)},
    ]
    monkeypatch.setattr(measure, "counted_verdicts", made_up(*runs))
    done: list[int] = []
    found = calibrate(scenario(), 3, progress=done.append)
    assert found is not None
    assert done == [1, 2, 3]
    assert (found.good.accepted, found.good.count, found.good.runs) == (27, 30, 3)
    assert found.verdicts == Verdicts(900_000, 400_000)
    assert found.poisoned == chance_of([0, 6, 0], [5, 10, 0], 0.95)
    assert set(found.attacks) == {"nan", "scaling 3"}
    assert found.attacks["nan"].runs == 2
    assert len(set(found.seeds)) == 3


def test_intervals_are_those_of_runs_and_not_of_verdicts() -> None:
    found = chance_of([16, 0, 16, 16], [16, 16, 16, 16], 0.95)
    narrow, wide = rate_interval(48, 64, 0.95), clustered_interval([16, 0, 16, 16], [16] * 4, 0.95)
    assert found.rate_ppm == 750_000
    assert found.low_ppm == round(wide.low * 1_000_000)
    assert found.low_ppm < narrow.low * 1_000_000 < narrow.high * 1_000_000 < found.high_ppm


def test_without_poison_only_good_candidates_are_measured() -> None:
    found = calibrate(scenario(rounds=1), 1)
    assert found is not None
    assert found.poisoned is None
    assert found.attacks == {}
    assert set(found.as_data()["verdicts"]) == {"good"}
    assert found.verdicts.poisoned_ppm == 0


def test_nothing_good_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "counted_verdicts", made_up({"nan": (0, 4)}))
    with pytest.raises(StudyError, match=r"^expected a candidate that nobody poisoned"):
        calibrate(scenario(), 1)


def test_a_calibration_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "counted_verdicts", made_up({GOOD: (1, 1)}))
    asked = iter((False, True))
    assert calibrate(scenario(), 3, stopped=lambda: next(asked)) is None


@pytest.mark.parametrize(("runs", "workers"), [(0, 1), (RUNS_MAX + 1, 1), (1, 0), (1, 10_000)])
def test_numbers_that_are_none_are_refused(runs: int, workers: int) -> None:
    with pytest.raises(StudyError, match=r"^expected 1 to"):
        calibrate(scenario(), runs, workers)


def test_the_number_of_processes_changes_nothing() -> None:
    base = scenario(rounds=1)
    done: list[int] = []
    several = calibrate(base, 3, 2, done.append)
    assert several == calibrate(base, 3, 1)
    assert done[-1] == 3
    assert usable_cores() >= 1


# Files


def example() -> Calibration:
    return Calibration(
        "quick",
        "00" * 32,
        0.95,
        (1, 2),
        {"torch": "2"},
        chance_of([19, 20], [20, 20], 0.95),
        chance_of([1, 0], [20, 20], 0.95),
        {"nan": chance_of([1, 0], [20, 20], 0.95)},
    )


def test_a_file_says_what_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.yaml"
    path.write_text(to_yaml(example()))
    assert load_calibration(path) == example().verdicts == Verdicts(975_000, 25_000)
    assert "seeds:" in path.read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("verdicts: [", ""),
        ("[" * 50, ""),
        ("- a", "expected keys and values"),
        ("", "found nothing"),
        ("verdicts: 5", "expected a mapping verdicts"),
        ("verdicts: {}", "expected a mapping verdicts.good"),
        ("verdicts: {good: 98 %}", "expected a mapping verdicts.good"),
        ("verdicts: {good: {rate_ppm: 98 %}}", "expected verdicts.good.rate_ppm from 0 to 1000000"),
        ("verdicts: {good: {rate_ppm: 1000001}}", "found 1000001"),
        ("verdicts: {good: {rate_ppm: true}}", "found True"),
        ("verdicts: {good: {rate_ppm: 1}, poisoned: {}}", "verdicts.poisoned.rate_ppm"),
        ("verdicts: {good: {rate_ppm: 1}, bad: {}}", "expected good and poisoned, found bad"),
    ],
)
def test_a_file_that_is_no_calibration_is_one_sentence(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "verdicts.yaml"
    path.write_text(text)
    with pytest.raises(StudyError) as raised:
        load_calibration(path)
    assert str(raised.value).startswith(f"{path}:")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read_are_one_sentence(tmp_path: Path) -> None:
    odd = tmp_path / "odd.yaml"
    odd.write_bytes(b"\xff\xfe\xff")
    for path in (tmp_path / "none.yaml", odd, tmp_path):
        with pytest.raises(StudyError) as raised:
            load_calibration(path)
        assert str(raised.value).startswith(str(path))
        assert "\n" not in str(raised.value)


# The command


def test_the_command_measures_prints_and_keeps(tmp_path: Path) -> None:
    words = ("calibrate", "honest", "--runs", "2", *WORDS, "--workers", "1")
    done = tclearn(*words, "--json", "--out", "kept/verdicts.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = one_object(done.stdout)
    assert found["runs"] == 2
    assert found["verdicts"]["good"]["count"] == 28
    kept = tmp_path / "kept/verdicts.yaml"
    assert load_calibration(kept).good_ppm == found["verdicts"]["good"]["rate_ppm"]
    assert list(tmp_path.iterdir()) == [tmp_path / "kept"]
    again = tclearn(*words, "--out", "kept/verdicts.yaml", cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr == (
        "tclearn: kept/verdicts.yaml exists; give another file with --out, or remove it\n"
    )


def test_people_see_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        measure, "counted_verdicts", made_up({GOOD: (9, 9)}, {GOOD: (8, 9), "nan": (0, 3)})
    )
    assert calibrate_command("honest", 2, 1, None, 5, [], False) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[:3]] == ["candidate", "good", "nan"]
    assert "94.4 %" in shown
    assert "keep it     with --out FILE" in shown


def test_an_interrupted_calibration_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupted(_: Scenario) -> Counts:
        signal.raise_signal(signal.SIGINT)
        return {GOOD: (1, 1)}

    monkeypatch.setattr(measure, "counted_verdicts", interrupted)
    out = tmp_path / "verdicts.yaml"
    assert calibrate_command("honest", 9, 1, out, None, [], True) == 128 + signal.SIGINT
    assert not out.exists()
    found = capfd.readouterr()
    assert found.out == ""
    assert "stopping; the runs under way end first" in found.err
    assert "interrupted; nothing was written" in found.err
