"""Training the next round while this one is decided: the same models, in less simulated time."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from crypto.digest import Digest
from crypto.identity import NodeId
from ledger.block import RecordType
from ledger.candidate import ModelCandidate
from scenarios.simulation.costs import PROFILES
from tests.engine import PROTOCOLS, Run, check_harmless, faults, run
from tests.test_simulation_notices import docket_that_says

SLOW = {"epochs": 1, "batch_size": 16}
SLOW_NS = {"train_ns": 500_000, "validate_ns": 5_000, "sign_ns": 300_000, "verify_ns": 100_000}
TRAINING_US = 40_000
"""About what training takes by these: as much as a hop or two."""


def models(found: Run, hospital: str = "hospital-1") -> list[tuple[RecordType, Digest]]:
    """Each model that was put to the vote, with what became of it."""
    return [
        (block.core.type, block.core.body.model.tensors)
        for block in found.blocks(hospital)
        if isinstance(block.core.body, ModelCandidate)
    ]


def both(folder: Path, **changes: Any) -> tuple[Run, Run]:
    """The same run without and with it."""
    folder.mkdir(parents=True, exist_ok=True)
    profile = folder / "slow.yaml"
    yaml = YAML(typ="safe")
    costs = yaml.load((PROFILES / "default.yaml").read_text("utf-8")) | SLOW_NS
    yaml.dump(costs, profile)
    scheme = changes.pop("scheme", "sequential")
    plain, ahead = (
        run(
            folder / name,
            rounds=changes.get("rounds", 4),
            costs=str(profile),
            training={**SLOW, "scheme": scheme, "pipeline": name == "ahead"},
            **{key: value for key, value in changes.items() if key != "rounds"},
        )
        for name in ("plain", "ahead")
    )
    return plain, ahead


@pytest.mark.parametrize("scheme", ["sequential", "fedavg"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_leads_to_the_same_models_sooner(tmp_path: Path, protocol: str, scheme: str) -> None:
    plain, ahead = both(tmp_path, protocol={"name": protocol}, scheme=scheme)
    for found in (plain, ahead):
        check_harmless(found)
        assert found.types == [*["accepted"] * 4, "end"]
    assert models(ahead) == models(plain)
    assert ahead.outcome.time_us < plain.outcome.time_us
    assert ahead.outcome.chain_head != plain.outcome.chain_head  # the times differ


@pytest.mark.parametrize("scheme", ["sequential", "fedavg"])
def test_a_wrong_guess_is_thrown_away(tmp_path: Path, scheme: str) -> None:
    """Biased hospitals accept, and train on, what hospital-2 poisons; the others refuse it."""
    changes = faults(
        "{kind: poison, hospital: hospital-2, attack: nan, from_round: 2, until_round: 2}",
        "{kind: bias, hospital: hospital-3, verdict: accept}",
    )
    plain, ahead = both(tmp_path, scheme=scheme, faults=changes)
    for found in (plain, ahead):
        assert set(found.verdicts.values()) == {"held"}
        assert found.types == ["accepted", "rejected", "accepted", "accepted", "end"]
        assert not found.report.findings
    assert models(ahead) == models(plain)


def test_a_guess_that_only_a_liar_makes_never_reaches_the_chain(tmp_path: Path) -> None:
    """hospital-3 leads after the refused round: what it trained on the refused model is gone."""
    text = "{kind: poison, hospital: hospital-2, attack: scaling, factor: 1000, from_round: 2}"
    _, ahead = both(
        tmp_path, faults=faults(text, "{kind: bias, hospital: hospital-3, verdict: accept}")
    )
    bodies = [block.core.body for block in ahead.blocks("hospital-1")]
    found = [each for each in bodies if isinstance(each, ModelCandidate)]
    assert ahead.types[1] == "rejected"
    assert found[2].base == found[0].model.tensors != found[1].model.tensors
    assert ahead.types[2] == "accepted"


def test_work_that_was_never_used_does_not_stop_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hospital-2 trains for slot 2, proposes evidence there, and trains ahead for slot 5 too."""
    docket_that_says(monkeypatch, {1: lambda court: court.true(NodeId("hospital-4"))})
    _, ahead = both(tmp_path)
    assert ahead.types == ["accepted", "evidence", *["accepted"] * 3, "end"]
    (proposal,) = [line for line in ahead.lines("proposal", "hospital-2") if line["slot"] == 5]
    (before,) = [line for line in ahead.lines("append", "hospital-2") if line["height"] == 4]
    assert proposal["time_us"] - before["time_us"] < TRAINING_US // 2


@pytest.mark.parametrize("scheme", ["sequential", "fedavg"])
def test_it_is_deterministic(tmp_path: Path, scheme: str) -> None:
    text = f"training: {{epochs: 1, pipeline: true, scheme: {scheme}}}"
    one, other = (run(tmp_path / name, text).outcome for name in ("one", "other"))
    assert (one.trace_digest, one.chain_head) == (other.trace_digest, other.chain_head)


@pytest.mark.parametrize("scheme", ["sequential", "fedavg"])
def test_evidence_in_between_is_no_model_to_train_on(tmp_path: Path, scheme: str) -> None:
    found = run(
        tmp_path,
        rounds=4,
        hospitals=5,
        training={"epochs": 1, "pipeline": True, "scheme": scheme},
        faults=faults("{kind: twin, hospital: hospital-1}"),
    )
    assert set(found.verdicts.values()) == {"held"}
    assert found.types.count("evidence") == 1
    assert found.types.count("accepted") >= 3  # the two faces may cost their round
    assert not found.report.findings
