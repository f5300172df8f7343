"""The library's studies with real training: each loads, plans, and runs when it is made small."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from scenarios.studies.cell import Answer, Task, replicas
from scenarios.studies.coordinate import carry_out
from scenarios.studies.identity import identity_of
from scenarios.studies.measures import measures_of
from scenarios.studies.plan import Plan, plan
from scenarios.studies.schema import Expectation
from scenarios.studies.source import load
from scenarios.studies.store import new_directory
from scenarios.studies.summary import summarise

FLIP = "{faulty.fault: {kind: poison, attack: sign-flip, factor: 20}}"
NOISE = "{kind: poison, hospital: hospital-2, attack: gaussian, sigma: 50, forges: true}"
SMALL: Mapping[str, tuple[str, ...]] = {
    "validation-ablation": (
        "scenario.rounds=2",
        "scenario.hospitals=2",
        "sweep.checks={none: {validation.checks: []}, both: {validation.epsilon_global: 3 %}}",
        f"sweep.attack={{sign-flip: {FLIP}, nan: {{faulty.fault: {{kind: poison, attack: nan}}}}}}",
    ),
    "proof-cost": (
        "scenario.rounds=1",
        "scenario.model={kind: logistic}",
        "sweep.parameters={few: {signature: Ed25519}}",
        "sweep.hospitals=[4]",
    ),
    "norm-bound-sweep": (
        "scenario.rounds=1",
        "scenario.hospitals=3",
        "scenario.model={kind: logistic}",
        "sweep.proof.norm_bound=[0.3]",
        f"sweep.case={{none: {{faults: []}}, one: {{faults: [{NOISE}]}}}}",
    ),
    "non-iid": ("scenario.rounds=1", "sweep={data.alpha: [1, 100], training.scheme: [fedavg]}"),
    "sequential-vs-fedavg": (
        "sweep.rounds=[2]",
        "sweep.learning={sequential: {training.scheme: sequential}, pooled: {hospitals: 1}}",
    ),
}
"""What makes each small enough for a test."""


class Nobody:
    """Progress that nobody sees."""

    def replicas(self, cell: object, count: int) -> None:
        """Say nothing."""

    def cell(self, job: object) -> None:
        """Say nothing."""

    def source(self, source: object) -> None:
        """Say nothing."""


class Here:
    """An engine in this process."""

    capacity = 1

    def submit(self, task: Task, first: int, count: int) -> "Future[Answer]":
        """Compute at once."""
        future: Future[Answer] = Future()
        future.set_result(replicas(task, first, count))
        return future

    def survives(self, failed: object) -> bool:
        """Nothing is lost here."""
        return False

    def close(self) -> None:
        """Nothing to close."""


def small(name: str) -> Plan:
    return plan(load(name, [*SMALL[name], "replications=1", "expect=[]"]))


def cells_of(folder: Path, name: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What each cell of a small study found, by its axes."""
    made = small(name)
    with new_directory(None, folder, name) as directory:
        identity = identity_of(made)
        assert carry_out(made, directory, identity, Here(), Nobody(), lambda: False)
        results = summarise(made, directory, identity)
    assert all(cell["replications"] == 1 for cell in results["cells"])
    return {tuple(cell["axes"].values()): cell["measures"] for cell in results["cells"]}


@pytest.mark.parametrize("name", SMALL)
def test_a_study_plans_cells_of_full_replicas(name: str) -> None:
    made = plan(load(name))
    assert made.study.name == name
    assert made.study.fidelity == "full"
    assert made.study.description
    assert sum(len(list(family.cells())) for family in made.families) <= 40


@pytest.mark.parametrize("name", SMALL)
def test_a_study_says_what_it_expects_of_cells_that_it_has(name: str) -> None:
    made = plan(load(name))
    values = dict(made.axes)
    assert made.study.expect
    for expected in made.study.expect:
        assert (expected.of or "final_score") in measures_of("full")
        for axis, wanted in _where(expected):
            for value in wanted if isinstance(wanted, tuple) else (wanted,):
                assert value in values[axis], f"{name}: {axis} {value}"


def _where(expected: Expectation) -> Iterator[tuple[str, Any]]:
    yield from expected.where.items()
    for other in (expected.less_than, expected.more_than):
        if other is not None:
            yield from other.where.items()


def test_a_check_refuses_what_integrity_alone_lets_pass(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, "validation-ablation")
    assert cells["none", "sign-flip", 1]["detection_rate"]["mean"] == 0
    assert cells["both", "sign-flip", 1]["detection_rate"]["mean"] == 1
    for checks in ("none", "both"):
        assert cells[checks, "nan", 1]["detection_rate"]["mean"] == 1  # NaN has no integrity


def test_with_proofs_a_round_costs_what_every_peer_verifies(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, "proof-cost")
    assert cells["few", 4, "without"]["check_proof_us"]["mean"] == 0
    proven = cells["few", 4, "with"]
    # The leader checks three as they come in, the three others all four in its proposal.
    each = proven["check_proof_us"]["mean"] / (3 + 3 * 4)
    assert each == pytest.approx(33_005, abs=2)
    assert proven["check_peer_us"]["mean"] == pytest.approx(15 * each / 4, abs=1)
    assert proven["proof_bytes"]["mean"] > 0


def test_forged_updates_are_refused_and_honest_ones_clipped(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, "norm-bound-sweep")
    assert cells[0.3, "none"]["forged_updates"]["mean"] == 0
    assert cells[0.3, "none"]["honest_over_rate"]["mean"] > 0
    attacked = cells[0.3, "one"]
    assert attacked["forged_refused"]["mean"] == attacked["forged_updates"]["mean"] > 0
    assert attacked["poisoned_over_rate"]["mean"] == 1
    assert attacked["containment"]["held"] == 1


def test_skewed_hospitals_learn_too(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, "non-iid")
    assert set(cells) == {(1, "fedavg"), (100, "fedavg")}
    for measures in cells.values():
        assert measures["accepted"]["mean"] == 1


def test_one_hospital_may_hold_all_data(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, "sequential-vs-fedavg")
    assert cells["pooled", 2]["final_loss"]["mean"] < cells["sequential", 2]["final_loss"]["mean"]
