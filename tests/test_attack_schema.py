"""Every rule of the schema and of the chain, broken once in a record of each type it holds for."""

from pathlib import Path

import pytest

from ledger.audit import Judgement, audit_run
from ledger.block import Block
from tests.corpus.attacks import Scene
from tests.corpus.malformed import CHAIN, SCHEMA, TYPES, Malformed, every_type, malformed
from tests.forge import Forge

CASES = [*SCHEMA, *CHAIN]


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge()


@pytest.fixture(scope="module")
def blocks(forge: Forge) -> tuple[Block, ...]:
    return tuple(every_type(forge))


def test_a_chain_with_a_record_of_each_type_is_valid(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = Scene(tmp_path, forge, blocks)
    scene.put_blobs()
    scene.put(blocks)
    report = audit_run(tmp_path)
    assert report.judgement is Judgement.VALID
    assert report.replicas[0].size == len(TYPES)


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.name.replace(" ", "-") for case in CASES])
def test_a_broken_rule_is_the_one_finding_at_its_height(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...], case: Malformed
) -> None:
    scene = Scene(tmp_path, forge, blocks)
    scene.put_blobs()
    malformed(scene, case)
    report = audit_run(tmp_path)
    found = [(each.code, each.level, each.node, each.height) for each in report.findings]
    assert found == [(case.code, "L1", "h1", case.height)]
    assert report.judgement is Judgement.INVALID
