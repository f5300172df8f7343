"""The attack matrix: what each level of the audit sees of each attack, and what it does not.

A cell holds the exact findings, in order; an empty one says that this level alone cannot tell the
tampered run from a sound one. Levels build on each other, so a row states a level only where it
sees more than the one before. The columns `genesis`, `anchor` and `replicas` are an audit of all
levels with one thing more that was kept outside the run: the chain id, an anchor, or what two other
hospitals hold. What they find besides is stated there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from consensus.quorum import QuorumSet
from ledger.anchor import Anchor, format_anchor, parse_anchor
from ledger.audit import AuditOptions, Finding, Judgement, Level, audit_run
from ledger.block import Block, RecordType, core_hash, encode_block
from ledger.evidence import check_evidence
from tests.corpus import checkpoints
from tests.corpus.attacks import (
    ATTACKS,
    H1,
    H2,
    H3,
    H4,
    anchored,
    cosigned,
    forked,
    head,
    resealed,
    rewritten,
    staged,
    write_segment,
)
from tests.forge import Forge, model_bytes, start

VALID, PREFIX, INCOMPLETE, INVALID = (
    Judgement.VALID,
    Judgement.VALID_PREFIX,
    Judgement.INCOMPLETE,
    Judgement.INVALID,
)
LEVELS = ("L0", "L1", "L2", "L3")
OUTSIDE = ("genesis", "anchor", "replicas")

Cell = tuple[str, ...]
"""Findings as ``level code height [node]``; the node is h1 where none is named."""

CUT: Cell = ("LA ROLLED_BACK -",)
"""The log ends before the anchored size."""
NOT_REACHED: Cell = ()
"""Reading stopped before the anchored size, and nobody knows what stands behind."""
VOTES: tuple[Cell, ...] = tuple((f"L2 BAD_VOTE_SIGNATURE {height}",) * 3 for height in range(4))
"""All three votes of a height are over another core."""


@dataclass(frozen=True, slots=True)
class Row:
    """An attack and who sees what of it."""

    attack: str
    """Its name in `ATTACKS`."""
    seen: Mapping[str, Cell]
    """By column; a level that is not named sees what the one before it sees."""
    finished: bool = True
    """Whether the run that is attacked has come to its end record."""
    unseen: Judgement | None = None
    """The verdict where nothing is found, if it is another one than on the sound run."""


def la(code: str, height: int, node: str = "h1") -> Cell:
    return (f"LA {code} {height} {node}",)


MATRIX: Sequence[Row] = (
    Row("bit_flipped_in_the_magic", {"L0": ("L0 BAD_MAGIC 1",), "anchor": NOT_REACHED}),
    Row("bit_flipped_in_the_length", {"L0": ("L0 BAD_CRC 1",), "anchor": NOT_REACHED}),
    Row("bit_flipped_in_the_last_length", {"L0": ("L0 BAD_LENGTH 3",), "anchor": NOT_REACHED}),
    Row("bit_flipped_in_the_checksum", {"L0": ("L0 BAD_CRC 2",), "anchor": NOT_REACHED}),
    Row("bit_flipped_in_the_payload", {"L0": ("L0 BAD_CRC 1",), "anchor": NOT_REACHED}),
    Row("length_and_payload_damaged", {"L0": ("L0 BAD_LENGTH 1",), "anchor": NOT_REACHED}),
    Row("truncated_inside_a_record", {"anchor": CUT}, unseen=PREFIX),
    Row("truncated_inside_a_record", {"anchor": CUT}, finished=False, unseen=PREFIX),
    Row("bytes_after_the_end", {"L1": ("L0 AFTER_END -",)}, unseen=PREFIX),
    Row(
        "field_edited",
        {
            "L1": ("L1 BAD_PREV 2",),
            "L2": ("L2 BAD_PROPOSAL 1", *VOTES[1], "L1 BAD_PREV 2"),
            "anchor": NOT_REACHED,
            "replicas": la("REPLICA_DIFFERS", 1),
        },
    ),
    Row("block_removed", {"L1": ("L1 BAD_HEIGHT 1",), "anchor": NOT_REACHED}),
    Row("blocks_swapped", {"L1": ("L1 BAD_HEIGHT 1",), "anchor": NOT_REACHED}),
    Row("block_duplicated", {"L1": ("L1 BAD_HEIGHT 2",), "anchor": NOT_REACHED}),
    Row("record_after_the_end", {"L1": ("L1 AFTER_END 4",)}),
    Row("genesis_missing", {"L1": ("L1 BAD_GENESIS 0",), "anchor": NOT_REACHED}),
    Row("second_genesis", {"L1": ("L1 BAD_TYPE 1",), "anchor": NOT_REACHED}),
    Row(
        "model_after_the_last_round",
        {"L1": ("L1 BAD_ROUND 3",), "anchor": la("REWRITTEN", 3)},
    ),
    Row("end_before_the_last_round", {"L1": ("L1 BAD_ROUND 2",), "anchor": NOT_REACHED}),
    Row(
        "integer_not_in_its_shortest_form",
        {"L1": ("L1 BAD_ENCODING 1",), "anchor": NOT_REACHED},
    ),
    Row(
        "quorum_set_weakened",
        {
            "L1": ("L1 BAD_CHAIN 1",),
            "genesis": la("GENESIS_REPLACED", 0),
            "anchor": (*NOT_REACHED, *la("GENESIS_REPLACED", 0)),
            "replicas": la("GENESIS_DIFFERS", 0),
        },
    ),
    Row(
        "field_edited_and_relinked",
        {
            "L2": tuple(
                each
                for height in (1, 2, 3)
                for each in (f"L2 BAD_PROPOSAL {height}", *VOTES[height])
            ),
            "anchor": la("REWRITTEN", 3),
            "replicas": la("REPLICA_DIFFERS", 1, "h2"),
        },
    ),
    Row("vote_forged", {"L2": VOTES[1][:1], "anchor": la("REWRITTEN", 3)}),
    Row(
        "vote_forged_and_a_bit_flipped",
        {
            "L0": ("L0 BAD_CRC 2",),
            "L2": (*VOTES[1][:1], "L0 BAD_CRC 2"),
            "anchor": NOT_REACHED,
        },
    ),
    Row("vote_of_another_height", {"L2": VOTES[1][:1], "anchor": la("REWRITTEN", 3)}),
    Row("voter_relabelled", {"L2": VOTES[1][:1], "anchor": la("REWRITTEN", 3)}),
    Row("same_vote_three_times", {"L1": ("L1 BAD_SCHEMA 1",), "anchor": NOT_REACHED}),
    Row("same_vote_under_three_names", {"L2": VOTES[1][:2], "anchor": la("REWRITTEN", 3)}),
    Row("too_few_votes", {"L2": ("L2 NO_QUORUM 1",), "anchor": la("REWRITTEN", 3)}),
    Row(
        "suffix_rewritten_with_one_key",
        {
            "L2": (
                "L2 UNJUSTIFIED 1",
                "L2 NO_QUORUM 1",
                "L2 NO_QUORUM 2",
                "L2 BAD_PROPOSAL_SIGNATURE 3",
                "L2 UNJUSTIFIED 3",
                "L2 NO_QUORUM 3",
            ),
            "anchor": la("REWRITTEN", 3),
            "replicas": la("FORK", 1, "h2"),
        },
    ),
    Row(
        "replaced_under_new_keys",
        {
            "genesis": la("GENESIS_REPLACED", 0),
            "anchor": (*la("REWRITTEN", 3), *la("GENESIS_REPLACED", 0)),
            "replicas": la("GENESIS_DIFFERS", 0, "h2"),
        },
    ),
    Row("tail_cut", {"anchor": CUT}, unseen=INCOMPLETE),
    Row("tail_cut", {"anchor": CUT}, finished=False),
    Row(
        "rewritten_by_a_quorum",
        {"anchor": la("REWRITTEN", 3), "replicas": la("FORK", 1, "h2")},
    ),
    Row(
        "rewritten_by_a_quorum",
        {"anchor": la("REWRITTEN", 2), "replicas": la("FORK", 1, "h2")},
        finished=False,
    ),
    Row("rolled_back_by_a_quorum", {"anchor": CUT}, finished=False),
    Row("forked", {"anchor": la("REWRITTEN", 3), "replicas": la("FORK", 2, "h2")}),
    Row("forked", {"anchor": la("REWRITTEN", 2), "replicas": la("FORK", 2, "h2")}, finished=False),
    Row("model_substituted", {"L3": ("L3 BLOB_DIGEST 1 -",)}),
)

CULPRITS: Mapping[str, tuple[str, ...]] = {
    "suffix_rewritten_with_one_key": ("h1",),
    "rewritten_by_a_quorum": ("h1", "h2", "h3"),
    "forked": ("h2", "h3"),
}
"""Whose valid votes stand in both branches; of all other attacks nobody may be convicted."""

IDS = [f"{row.attack}{'' if row.finished else '-unfinished'}" for row in MATRIX]


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge()


@pytest.fixture(scope="module")
def blocks(forge: Forge) -> tuple[Block, ...]:
    return tuple(forge.blocks())


@pytest.fixture(scope="module")
def anchor(forge: Forge, blocks: tuple[Block, ...]) -> Anchor:
    return anchored(forge, blocks)


def shown(findings: Sequence[Finding]) -> Cell:
    return tuple(
        " ".join(
            [
                finding.level,
                finding.code,
                "-" if finding.height is None else str(finding.height),
                *([] if finding.node == "h1" else [finding.node or "-"]),
            ]
        )
        for finding in findings
    )


def expected_at(row: Row, column: str) -> Cell:
    """What a level sees: the cell of the highest level up to it that the row names."""
    levels = LEVELS[: LEVELS.index(column) + 1]
    return next((row.seen[level] for level in reversed(levels) if level in row.seen), ())


def with_nodes(cell: Cell) -> list[str]:
    """The cell as `shown` writes it: h1 is not named."""
    return [each.removesuffix(" h1") for each in cell]


@pytest.mark.parametrize("row", MATRIX, ids=IDS)
def test_each_level_sees_of_an_attack_what_the_matrix_says(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...], row: Row
) -> None:
    sound = blocks if row.finished else blocks[:-1]
    before = staged(tmp_path / "sound", forge, sound)
    after = staged(tmp_path / "run", forge, sound, ATTACKS[row.attack])
    for column in LEVELS:
        options = AuditOptions(level=Level[column])
        report = audit_run(after.run, options)
        cell = expected_at(row, column)
        assert shown(report.findings) == cell, column
        unseen = audit_run(before.run, options).judgement if row.unseen is None else row.unseen
        assert report.judgement is (INVALID if cell else unseen), column


@pytest.mark.parametrize("row", MATRIX, ids=IDS)
def test_what_was_kept_outside_the_run_sees_of_an_attack_what_the_matrix_says(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...], row: Row
) -> None:
    sound = blocks if row.finished else blocks[:-1]
    scene = staged(tmp_path, forge, sound, ATTACKS[row.attack])
    alone = expected_at(row, "L3")
    chain_only = Anchor(core_hash(sound[0].core), ())
    for column, kept in (("genesis", chain_only), ("anchor", anchored(forge, sound))):
        report = audit_run(scene.run, AuditOptions(anchor=kept, anchor_source="kept.json"))
        more = with_nodes(row.seen.get(column, ()))
        assert sorted(shown(report.findings)) == sorted([*alone, *more]), column
        named = [each for each in report.findings if each.level == "LA"]
        assert all("kept.json" in each.expected for each in named)
        assert (report.judgement is INVALID) is bool([*alone, *more])
    for name in ("h2", "h3"):
        scene.put(sound, name)
    report = audit_run(scene.run)
    more = with_nodes(row.seen.get("replicas", ()))
    assert sorted(shown(report.findings)) == sorted([*alone, *more])
    if row.attack in ("tail_cut", "rolled_back_by_a_quorum"):  # no finding: replicas may lag
        sizes = {each.node: each.size for each in report.replicas}
        assert sizes["h1"] < sizes["h2"] == sizes["h3"] == len(sound)
        assert any("h1" in sentence for sentence in report.not_ruled_out)


@pytest.mark.parametrize("name", ATTACKS)
def test_nobody_is_convicted_but_by_valid_votes_for_both_branches(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...], name: str
) -> None:
    scene = staged(tmp_path, forge, blocks, ATTACKS[name])
    scene.put(blocks, "h2")
    convicted = {culprit for each in audit_run(scene.run).findings for culprit in each.culprits}
    assert convicted == set(CULPRITS.get(name, ()))


@pytest.mark.parametrize("level", [Level.L1, Level.L2])
def test_a_fork_of_forged_votes_frames_nobody(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...], level: Level
) -> None:
    """Who holds no key at all writes the names of honest voters under another block."""
    scene = staged(tmp_path, forge, blocks)
    *sound, last = rewritten(scene, [H2, H3, H4], since=2)[:3]
    false = tuple(replace(vote, signature=bytes(64)) for vote in last.seal.votes)
    scene.put([*sound, resealed(last, votes=false)], "h4")
    report = audit_run(scene.run, AuditOptions(level=level))
    assert report.judgement is INVALID
    assert [each.culprits for each in report.findings if each.culprits] == []


def test_the_evidence_that_an_audit_leaves_convicts_whom_its_finding_names(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    for name, attack in ATTACKS.items():
        scene = staged(tmp_path / name, forge, blocks, attack)
        scene.put(blocks, "h2")
        report = audit_run(scene.run)
        named = [each.culprits for each in report.findings if each.culprits]
        convicted = [check_evidence(each, blocks[0]).culprits for each in report.forks]
        assert convicted in ([], named), name


def test_two_quorums_without_a_common_node_are_the_fault_of_the_genesis(tmp_path: Path) -> None:
    islands = {H1: (H1, H2), H2: (H1, H2), H3: (H3, H4), H4: (H3, H4)}
    forge = Forge()
    forge.quorum_sets = {node: QuorumSet(2, island) for node, island in islands.items()}
    scene = staged(tmp_path, forge, [forge.genesis()])
    state = start(scene.blocks[0])
    for name, voters, number in (("h1", (H1, H2), 1), ("h3", (H3, H4), 2)):
        core = forge.core(state, RecordType.ACCEPTED, forge.model(state, model_bytes(number)))
        scene.put([scene.blocks[0], forge.seal(core, accepting=voters, voters=voters)], name)
    (finding,) = audit_run(scene.run).findings
    assert (finding.code, finding.level) == ("FORK_CONFIG_NO_INTERSECTION", "LA")
    assert (finding.node, finding.height, finding.culprits) == ("h3", 1, ())


def test_replicas_kept_elsewhere_are_compared_with_those_of_the_run(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path / "run", forge, blocks, forked)
    kept = tmp_path / "kept" / "h1"
    write_segment(kept, [encode_block(block) for block in blocks])
    (finding,) = audit_run(scene.run, AuditOptions(copies=(kept,))).findings
    assert (finding.code, finding.node, finding.height) == ("FORK", str(kept), 2)
    assert finding.culprits == ("h2", "h3")
    assert {each.node for each in audit_run(scene.run, AuditOptions(copies=(kept,))).replicas} == {
        "h1",
        str(kept),
    }


def test_a_copy_whose_path_reads_like_a_replica_hides_none(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Forge(label="other")
    scene = staged(tmp_path / "run", other, other.blocks())
    write_segment(tmp_path / "h1", [encode_block(block) for block in scene.blocks])
    monkeypatch.chdir(tmp_path)
    kept = Anchor(core_hash(blocks[0].core), ())
    report = audit_run(scene.run, AuditOptions(anchor=kept, copies=(Path("h1"),)))
    assert "GENESIS_REPLACED" in [each.code for each in report.findings]


# Anchors


def test_an_anchor_is_read_from_its_file_and_a_log_that_grew_matches_it(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks)
    scene.put(blocks, "h2.twin")
    for size in range(1, len(blocks) + 1):
        kept = parse_anchor(format_anchor(anchored(forge, blocks[:size], ["h1", "h2.twin"])))
        report = audit_run(scene.run, AuditOptions(anchor=kept))
        assert report.judgement is VALID
        assert not any("no anchor" in sentence for sentence in report.not_ruled_out)


def test_an_anchored_replica_that_is_gone_is_missed(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    scene = staged(tmp_path, forge, blocks)
    kept = anchored(forge, blocks, ["h1", "h2"])
    report = audit_run(scene.run, AuditOptions(anchor=kept, anchor_source="kept.json"))
    assert shown(report.findings) == ("LA REPLICA_MISSING - h2",)
    assert "kept.json" in report.findings[0].expected


def test_an_anchor_that_contradicts_its_own_note_is_malformed(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...], anchor: Anchor
) -> None:
    scene = staged(tmp_path, forge, blocks)
    note = cosigned(forge, head(blocks[:2]), [H1])
    kept = replace(anchor, replicas=(replace(anchor.replicas[0], note=note),))
    report = audit_run(scene.run, AuditOptions(anchor=kept, anchor_source="kept.json"))
    assert shown(report.findings) == ("LA ANCHOR_MALFORMED -",)
    assert report.findings[0].file == "kept.json"


def test_a_rewrite_before_the_anchor_is_no_finding(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    """An anchor says nothing of what came before it was made: the limit that the report names."""
    scene = staged(tmp_path, forge, blocks)
    changed = rewritten(scene, [H1, H2, H3])
    scene.put(changed)
    assert audit_run(scene.run, AuditOptions(anchor=anchored(forge, changed))).judgement is VALID


# Threads


def test_a_report_does_not_depend_on_the_number_of_threads(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    """Every attack in a replica of its own, all in one run."""
    scene = staged(tmp_path, forge, blocks)
    for number, attack in enumerate(ATTACKS.values()):
        inner = staged(tmp_path / "made" / str(number), forge, blocks, attack)
        target = scene.run / "ledger" / f"h{number % 4 + 1}.attack{number}"
        inner.segment.parent.rename(target)
    checkpoints.checkpoints_sound(scene)
    one = audit_run(scene.run, AuditOptions(thread_count=1))
    assert len(one.findings) > 40
    assert {finding.level for finding in one.findings} == {"L0", "L1", "L2", "LA"}
    for threads in (2, 4):
        assert audit_run(scene.run, AuditOptions(thread_count=threads)) == one


def test_a_signature_that_verified_counts_for_its_own_message_alone(
    tmp_path: Path, forge: Forge, blocks: tuple[Block, ...]
) -> None:
    genesis, first, second, *rest = blocks
    one, two, three = first.seal.votes
    moved = resealed(second, votes=(one, two, three))
    scene = staged(tmp_path, forge, blocks)
    scene.put([genesis, first, moved, *rest], "h2")
    assert shown(audit_run(scene.run).findings) == tuple(f"{each} h2" for each in VOTES[2])
