"""Attacks on what vouches for a log: checkpoints, witnesses, and the word of an earlier audit."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.identity import NodeId
from crypto.merkle import merkle_root
from ledger.audit import AuditOptions, AuditReport, Judgement, Level, Resume, audit_run
from ledger.block import Block
from ledger.policy import Group, Policy, default_policy
from ledger.store import CHECKPOINT_FILE
from tests.corpus import checkpoints
from tests.corpus.attacks import (
    ATTACKS,
    H1,
    H2,
    H3,
    H4,
    Attack,
    Scene,
    anchored,
    cosignature,
    cosigned,
    head,
    leaves,
    put_note,
    relinked,
    resealed,
    staged,
)
from tests.forge import Forge, start
from tests.test_attack_matrix import Cell, shown

VALID, INVALID = Judgement.VALID, Judgement.INVALID


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge()


@pytest.fixture(scope="module")
def blocks(forge: Forge) -> tuple[Block, ...]:
    return tuple(forge.blocks())


TWICE = 2
"""A note stands in two files: under its size, and as the newest."""
UNKNOWN: Cell = ("L2 UNKNOWN_SIGNER 3",) * TWICE
CHECKPOINTS: Sequence[tuple[Attack, Level, Cell]] = (
    (checkpoints.checkpoints_sound, Level.L3, ()),
    (checkpoints.checkpoint_with_a_strangers_line, Level.L2, UNKNOWN),
    (checkpoints.checkpoint_with_a_line_of_another_type, Level.L2, UNKNOWN),
    (checkpoints.checkpoint_of_bytes, Level.L1, ("L1 CHECKPOINT_MALFORMED -",)),
    (checkpoints.checkpoint_cut, Level.L1, ("L1 CHECKPOINT_MALFORMED -",)),
    (checkpoints.checkpoint_too_large, Level.L1, ("L1 CHECKPOINT_MALFORMED -",)),
    (checkpoints.checkpoint_of_another_log, Level.L2, ("L2 BAD_CHECKPOINT 3",) * TWICE),
    (checkpoints.checkpoint_of_another_chain, Level.L2, ("L2 BAD_CHECKPOINT 3",) * TWICE),
    (checkpoints.checkpoint_without_its_owner, Level.L2, ("L2 BAD_COSIGNATURE 3",) * TWICE),
    (checkpoints.checkpoint_with_a_false_cosignature, Level.L2, ("L2 BAD_COSIGNATURE 3",) * TWICE),
    (checkpoints.checkpoint_with_another_key_id, Level.L2, ("L2 BAD_COSIGNATURE 3",) * TWICE),
    (checkpoints.checkpoint_signed_with_another_key, Level.L2, ("L2 BAD_COSIGNATURE 3",) * TWICE),
    (checkpoints.checkpoint_of_another_root, Level.L1, ("L1 REWRITTEN 3",) * TWICE),
    (checkpoints.checkpoint_of_another_beginning, Level.L1, ("L1 REWRITTEN 1",) * TWICE),
    (checkpoints.checkpoint_ahead_of_the_log, Level.L1, ("L1 ROLLED_BACK -",) * TWICE),
    (checkpoints.log_rewritten_under_its_checkpoint, Level.L1, ("L1 REWRITTEN 2",) * TWICE),
)


@pytest.mark.parametrize(
    ("attack", "least", "findings"), CHECKPOINTS, ids=[each[0].__name__ for each in CHECKPOINTS]
)
def test_each_level_sees_of_a_checkpoint_what_is_wrong_with_it(
    tmp_path: Path,
    forge: Forge,
    blocks: tuple[Block, ...],
    attack: Attack,
    least: Level,
    findings: Cell,
) -> None:
    scene = staged(tmp_path, forge, blocks, attack)
    for level in (Level.L0, Level.L1, Level.L2, Level.L3):
        report = audit_run(scene.run, AuditOptions(level=level))
        assert shown(report.findings) == (findings if level >= least else ()), level
        if findings and level >= least:
            assert report.judgement is INVALID
            assert CHECKPOINT_FILE in report.findings[-1].file + report.findings[-1].expected


def test_a_checkpoint_of_the_empty_log_is_sound(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks)
    empty = replace(head(blocks), size=0, root=merkle_root([]))
    put_note(scene.run, cosigned(forge, empty, [H1]))
    assert audit_run(scene.run).judgement is VALID


def test_a_log_that_cannot_be_read_to_its_end_is_not_said_to_be_shorter(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks, ATTACKS["field_edited"])
    report = audit_run(scene.run, AuditOptions(level=Level.L1, anchor=anchored(forge, blocks)))
    assert "ROLLED_BACK" not in [each.code for each in report.findings]


# Witness policies


def with_policy(scene: Scene, policy: Policy, level: Level = Level.L3) -> AuditReport:
    return audit_run(scene.run, AuditOptions(level=level, policy=policy))


@pytest.mark.parametrize(
    ("signers", "findings"),
    [
        ((H1, H2, H3), ()),
        ((H1, H2, H3, H4), ()),
        ((H1, H2), ("LA WITNESS_POLICY 3",)),
        ((H2, H3, H4), ("L2 BAD_COSIGNATURE 3",) * 2),  # enough of them, and not the owner
        ((), ("LA WITNESS_POLICY -",)),
    ],
)
def test_more_than_two_thirds_of_the_witnesses_have_to_cosign(
    tmp_path: Path,
    forge: Forge,
    blocks: tuple[Block, ...],
    signers: Sequence[NodeId],
    findings: Cell,
) -> None:
    scene = staged(tmp_path, forge, blocks)
    if signers:
        put_note(scene.run, cosigned(forge, head(blocks), signers))
    genesis = start(blocks[0]).genesis
    assert shown(with_policy(scene, default_policy(genesis)).findings) == findings


def test_the_newest_checkpoint_counts_for_a_policy_and_no_older_one(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks)
    put_note(scene.run, cosigned(forge, head(blocks[:3]), [H1, H2, H3]))
    put_note(scene.run, cosigned(forge, head(blocks), [H1]))
    genesis = start(blocks[0]).genesis
    report = with_policy(scene, default_policy(genesis))
    assert shown(report.findings) == ("LA WITNESS_POLICY 3",)
    assert "missing are tclearn.invalid/h2" in report.findings[0].found


def test_a_false_cosignature_satisfies_no_policy_even_beside_enough_others(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks)
    note = cosigned(forge, head(blocks), [H1, H2, H3])
    false = replace(cosignature(forge, head(blocks), H4), timestamp=1)
    put_note(scene.run, replace(note, signatures=(*note.signatures, false)))
    policy = default_policy(start(blocks[0]).genesis)
    findings = shown(with_policy(scene, policy).findings)
    # The note stands in two files: under its size, and as the newest.
    assert findings == ("L2 BAD_COSIGNATURE 3",) * 2 + ("LA WITNESS_POLICY 3",)


def test_a_policy_may_ask_for_one_witness_of_another_coalition(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    other = Forge(label="other")
    policy = replace(default_policy(start(other.genesis()).genesis), groups=(), quorum=None)
    policy = replace(
        policy, groups=(Group("one", 1, tuple(each.name for each in policy.witnesses)),)
    )
    policy = replace(policy, quorum="one")
    scene = staged(tmp_path, forge, blocks)
    put_note(scene.run, cosigned(forge, head(blocks), [H1, H2, H3]))
    assert shown(with_policy(scene, policy).findings) == ("LA WITNESS_POLICY 3",)
    ours = cosigned(forge, head(blocks), [H1])
    theirs = cosignature(other, head(blocks), H2)
    put_note(scene.run, replace(ours, signatures=(*ours.signatures, theirs)))
    assert "LA WITNESS_POLICY 3" not in shown(with_policy(scene, policy).findings)


def test_a_level_that_reads_no_checkpoints_does_not_say_that_there_are_none(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks)
    put_note(scene.run, cosigned(forge, head(blocks), [H1, H2, H3]))
    policy = default_policy(start(blocks[0]).genesis)
    assert with_policy(scene, policy, Level.L0).findings == ()


# Resuming


def resumed(
    forge: Forge, blocks: Sequence[Block], size: int, run: Path, *, name: str = "h1"
) -> AuditReport:
    """The audit of a run of which the first records were checked before."""
    root = merkle_root(leaves(blocks[:size]))
    return audit_run(run, AuditOptions(resume={name: Resume(size, root, "earlier.json")}))


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_seals_that_were_checked_before_are_not_checked_again(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...], size: int
) -> None:
    scene = staged(tmp_path, forge, blocks)
    whole = audit_run(scene.run)
    report = resumed(forge, blocks, size, scene.run)
    assert report.judgement is VALID
    assert report.replicas == whole.replicas
    counts = [0, 8, 16, 24, 31]  # signatures of the blocks up to each height
    assert whole.counters.signatures == counts[-1]
    assert report.counters.signatures == counts[-1] - counts[size]


@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_rewrite_of_what_was_checked_before_is_seen(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...], size: int
) -> None:
    for attack in ("rewritten_by_a_quorum", "vote_forged", "field_edited_and_relinked"):
        scene = staged(tmp_path / attack, forge, blocks, ATTACKS[attack])
        report = resumed(forge, blocks, size, scene.run)
        assert shown(report.findings)[0] == f"LA REWRITTEN {size - 1}", attack
        assert "earlier.json" in report.findings[0].expected


def test_a_cut_of_what_was_checked_before_is_seen(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks[:2])
    assert shown(resumed(forge, blocks, 3, scene.run).findings) == ("LA ROLLED_BACK -",)


def test_a_forged_vote_after_what_was_checked_before_is_seen(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    *rest, last = blocks
    one, two, three = last.seal.votes
    forged = resealed(last, votes=(one, two, replace(three, signature=bytes(64))))
    scene = staged(tmp_path, forge, [*rest, forged])
    for size in (1, 2, 3):
        report = resumed(forge, blocks, size, scene.run)
        assert shown(report.findings) == ("L2 BAD_VOTE_SIGNATURE 3",), size


def test_the_chain_is_checked_from_its_beginning_all_the_same(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    """A break of the chain needs no signature to be seen."""
    changed = [blocks[0], *relinked(blocks)[2:]]
    scene = staged(tmp_path, forge, changed)
    assert shown(resumed(forge, changed, 3, scene.run).findings)[0] == "L1 BAD_HEIGHT 1"


def test_what_was_checked_before_counts_for_that_replica_alone(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks, ATTACKS["vote_forged"])
    scene.put(blocks, "h2")
    report = resumed(forge, blocks, 4, scene.run, name="h2")
    assert shown(report.findings) == ("L2 BAD_VOTE_SIGNATURE 1",)


def test_an_empty_replica_that_was_checked_before_may_grow(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks)
    assert resumed(forge, blocks, 0, scene.run).judgement is VALID


def test_a_replica_that_was_checked_before_and_is_gone_is_missed(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks)
    report = resumed(forge, blocks, 4, scene.run, name="h2")
    assert [(each.code, each.node) for each in report.findings] == [("REPLICA_MISSING", "h2")]
