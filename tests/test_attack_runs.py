"""Attacks on seals, on the files of a run, and on what was kept outside of it."""

from pathlib import Path

import pytest

from ledger.audit import AuditOptions, Judgement, Level, audit_run
from ledger.block import Block
from tests.corpus.attacks import Attack, staged
from tests.corpus.judge import judged
from tests.corpus.runs import RUNS, UNREADABLE, summarise
from tests.corpus.seals import (
    SEALS,
    verdict_of_somebody_who_waited_in_vain,
    verdicts_that_convince_a_voter_alone,
)
from tests.forge import Forge


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge()


@pytest.fixture(scope="module")
def blocks(forge: Forge) -> tuple[Block, ...]:
    return tuple(forge.blocks())


@pytest.mark.parametrize(("attack", "code", "height"), SEALS.values(), ids=SEALS)
def test_a_false_seal_is_named_at_its_height(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...], attack: Attack, code: str, height: int
) -> None:
    report = judged(staged(tmp_path, forge, blocks, attack).run)
    assert report["verdict"] == "INVALID"
    assert {each["level"] for each in report["findings"]} <= {"L2", "LA"}
    first = report["findings"][0]
    assert (first["code"], first["height"]) == (code, height)


def test_a_verdict_of_somebody_who_waited_in_vain_is_sound(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks, verdict_of_somebody_who_waited_in_vain)
    assert judged(scene.run)["verdict"] == "VALID"


def test_verdicts_that_convince_one_of_the_voters_are_sound_for_everybody(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks, verdicts_that_convince_a_voter_alone)
    # Its replica is of another chain than that of h1, and of nothing else is there a word.
    assert [each["code"] for each in judged(scene.run)["findings"]] == ["GENESIS_DIFFERS"]


@pytest.mark.parametrize(("attack", "findings"), RUNS.values(), ids=RUNS)
def test_an_attack_on_a_run_has_exactly_these_findings(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...], attack: Attack, findings: str
) -> None:
    report = judged(staged(tmp_path, forge, blocks, attack).run)
    found = [
        f"{each['code']} {each['node'] or '-'} {'-' if each['height'] is None else each['height']}"
        for each in report["findings"]
    ]
    if findings == UNREADABLE:
        assert report == {"verdict": None, "exit_status": 2, "findings": []}
        return
    assert ", ".join(found) == findings
    assert (report["exit_status"] == 1) is bool(findings)


@pytest.mark.parametrize("level", [Level.L0, Level.L1, Level.L2, Level.L3])
def test_a_sound_run_with_its_summary_has_no_finding_at_any_level(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...], level: Level
) -> None:
    scene = staged(tmp_path, forge, blocks)
    summarise(scene, blocks)
    report = audit_run(scene.run, AuditOptions(level=level))
    assert report.findings == ()
    assert report.judgement is (Judgement.INCOMPLETE if level is Level.L0 else Judgement.VALID)
