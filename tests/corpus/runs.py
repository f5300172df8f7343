"""Attacks on a run directory as a whole: files, models, the summary, and what was kept outside.

What was kept outside stands beside the run for the tests alone: `anchor.json`, `policy.txt`,
`resume.json` and the replicas in `kept/`; see `tests.corpus.judge`.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from consensus.statements import Vote
from crypto.digest import Digest, sha256
from crypto.identity import NodeId
from crypto.merkle import merkle_root
from ledger.anchor import Anchor, format_anchor
from ledger.audit.compare import SUMMARY_FILE, SUMMARY_SIZE_MAX
from ledger.block import Block, Core, RecordType, core_hash, encode_block
from ledger.evidence import Equivocation, encode_evidence, evidence_subject
from ledger.notice import Action, EvidenceNotice, MembershipNotice, Misconduct
from ledger.policy import default_policy, format_policy
from ledger.record import PAYLOAD_SIZE_MAX, frame
from ledger.store import segment_path
from tests.forge import Forge, model_bytes, start

from .attacks import (
    ATTACKS,
    H1,
    H2,
    H3,
    H4,
    Attack,
    Scene,
    anchored,
    cosigned,
    head,
    leaves,
    put_blob,
    put_note,
    resealed,
    rewritten,
    state_before,
    write_segment,
)
from .judge import ANCHOR, KEPT, LEVEL, POLICY, RESUME
from .seals import convicted, islands

SUMMARY = SUMMARY_FILE
UNREADABLE = "cannot be read"
"""No finding: the audit refuses, with status 2."""


# What was kept outside


def keep_anchor(scene: Scene, anchor: Anchor) -> None:
    (scene.run / ANCHOR).write_bytes(format_anchor(anchor))


def keep_policy(scene: Scene) -> None:
    (scene.run / POLICY).write_bytes(format_policy(default_policy(start(scene.blocks[0]).genesis)))


def keep_report(scene: Scene, size: int) -> None:
    root = merkle_root(leaves(scene.blocks[:size])).hex()
    (scene.run / RESUME).write_text(json.dumps({"h1": {"size": size, "root": root}}))


def summarise(scene: Scene, blocks: Sequence[Block], names: Sequence[str] = ("h1",)) -> None:
    end = {"height": len(blocks) - 1, "chain_head": core_hash(blocks[-1].core).hex()}
    (scene.run / SUMMARY).write_text(json.dumps({"replicas": dict.fromkeys(names, end)}))


def anchor_and_a_sound_run(scene: Scene) -> None:
    keep_anchor(scene, anchored(scene.forge, scene.blocks[:3]))
    summarise(scene, scene.blocks)


def anchor_and_a_rewrite(scene: Scene) -> None:
    keep_anchor(scene, anchored(scene.forge, scene.blocks[:3]))
    scene.put(rewritten(scene, [H1, H2, H3]))


def anchor_and_a_cut(scene: Scene) -> None:
    keep_anchor(scene, anchored(scene.forge, scene.blocks))
    scene.put(scene.blocks[:-1])


def anchor_and_other_keys(scene: Scene) -> None:
    keep_anchor(scene, anchored(scene.forge, scene.blocks))
    ATTACKS["replaced_under_new_keys"](scene)


def anchor_and_a_replica_gone(scene: Scene) -> None:
    keep_anchor(scene, anchored(scene.forge, scene.blocks, ["h1", "h2"]))


def anchor_that_contradicts_its_note(scene: Scene) -> None:
    anchor = anchored(scene.forge, scene.blocks)
    note = cosigned(scene.forge, head(scene.blocks[:2]), [H1])
    keep_anchor(scene, replace(anchor, replicas=(replace(anchor.replicas[0], note=note),)))


def policy_satisfied(scene: Scene) -> None:
    keep_policy(scene)
    put_note(scene.run, cosigned(scene.forge, head(scene.blocks), [H1, H2, H3]))


def policy_not_satisfied(scene: Scene) -> None:
    keep_policy(scene)
    put_note(scene.run, cosigned(scene.forge, head(scene.blocks), [H1, H2]))


def policy_without_a_checkpoint(scene: Scene) -> None:
    keep_policy(scene)


def checked_before_and_sound(scene: Scene) -> None:
    keep_report(scene, 3)


def checked_before_and_rewritten(scene: Scene) -> None:
    keep_report(scene, 3)
    ATTACKS["vote_forged"](scene)


def checked_before_and_cut(scene: Scene) -> None:
    keep_report(scene, 3)
    scene.put(scene.blocks[:2])


def copy_of_another_branch(scene: Scene) -> None:
    write_segment(scene.run / KEPT / "h1", list(map(encode_block, scene.blocks)))
    ATTACKS["forked"](scene)


# Replicas


def replicas_in_two_branches(scene: Scene) -> None:
    scene.put(rewritten(scene, [H2, H3, H4], since=2), "h2")
    scene.put(scene.blocks, "h3")
    scene.put(rewritten(scene, [H2, H3, H4], since=2), "h4")


def replicas_of_islands(scene: Scene) -> None:
    """Two quorums that share nobody decide apart, and nobody has lied."""
    forge = islands()
    genesis = forge.genesis()
    state = start(genesis)
    for name, voters, number in (("h1", (H1, H2), 1), ("h3", (H3, H4), 2)):
        core = forge.core(state, RecordType.ACCEPTED, forge.model(state, model_bytes(number)))
        scene.put([genesis, forge.seal(core, accepting=voters, voters=voters)], name)


def replicas_of_two_chains(scene: Scene) -> None:
    scene.put(Forge(label="other").blocks(), "h2")


def replica_of_nobody(scene: Scene) -> None:
    scene.put(scene.blocks, "stranger")


def replica_that_lags(scene: Scene) -> None:
    scene.put(scene.blocks[:2], "h2")


def replica_without_a_block(scene: Scene) -> None:
    scene.put([], "h2")


# Files of a ledger


def stray_file(scene: Scene) -> None:
    scene.segment.with_name("notes.txt").write_text("mine")


def segment_missing(scene: Scene) -> None:
    scene.segment.rename(scene.segment.with_name("00000001.seg"))


def segments_split(scene: Scene) -> None:
    """Sound: the same records in two files."""
    _split(scene, 0)


def segment_torn_before_the_last(scene: Scene) -> None:
    _split(scene, 5)


def _split(scene: Scene, cut: int) -> None:
    records = [frame(encode_block(block)) for block in scene.blocks]
    first, second = b"".join(records[:2]), b"".join(records[2:])
    scene.segment.write_bytes(first[: len(first) - cut])
    segment_path(scene.segment.parent, 1).write_bytes(second)


def record_of_no_bytes(scene: Scene) -> None:
    _append(scene, b"TCL1" + bytes(8))


def record_too_large(scene: Scene) -> None:
    _append(scene, b"TCL1" + (PAYLOAD_SIZE_MAX + 1).to_bytes(4, "little") + bytes(4))


def zeros_at_the_end(scene: Scene) -> None:
    _append(scene, bytes(7))


def _append(scene: Scene, data: bytes) -> None:
    scene.put(scene.blocks[:-1])
    scene.segment.write_bytes(scene.segment.read_bytes() + data)


def segment_unreadable(scene: Scene) -> None:
    scene.segment.unlink()
    scene.segment.mkdir()


def torn_tail_with_a_magic_inside(scene: Scene) -> None:
    """No finding: what stands inside an unfinished payload is no record."""
    inside = b"TCL1" + (1).to_bytes(4, "little") + bytes(5)
    _append(scene, frame(b"x" * 30 + inside + bytes(50))[:-9])


def guard_damaged(scene: Scene) -> None:
    scene.segment.with_name("signstate").write_bytes(b"no guard at all")


def guard_torn(scene: Scene) -> None:
    """No finding: a signature that was never released."""
    scene.segment.with_name("witness").write_bytes(frame(b"a signature")[:-3])


def no_replica(scene: Scene) -> None:
    shutil.rmtree(scene.run / "ledger" / "h1")


def no_ledger(scene: Scene) -> None:
    shutil.rmtree(scene.run / "ledger")


def copy_that_is_a_file(scene: Scene) -> None:
    (scene.run / KEPT).mkdir()
    (scene.run / KEPT / "h1").write_text("no replica")


def checkpoint_unreadable(scene: Scene) -> None:
    scene.segment.with_name("checkpoint").mkdir()


# Models


def _blob(scene: Scene, number: int) -> Any:
    name = sha256(model_bytes(number)).hex()
    return scene.run / "blobs" / "sha256" / name[:2] / name


def model_missing(scene: Scene) -> None:
    _blob(scene, 1).unlink()


def model_unreadable(scene: Scene) -> None:
    _blob(scene, 1).unlink()
    _blob(scene, 1).mkdir()


def model_that_nobody_names_substituted(scene: Scene) -> None:
    put_blob(scene.run, b"other", sha256(b"a file that no block names"))


def stray_blob(scene: Scene) -> None:
    (scene.run / "blobs" / "sha256" / "notes.txt").write_text("mine")


def _contradicted(scene: Scene, content: bytes, **changes: Any) -> None:
    """A quorum signs a model record that is wrong about its file."""
    forge, state = scene.forge, state_before(scene.blocks, 1)
    candidate = forge.model(state, model_bytes(7))
    model = replace(candidate.model, file=sha256(content), **changes)
    core = forge.core(state, RecordType.REJECTED, replace(candidate, model=model))
    scene.put([scene.blocks[0], forge.seal(core, accepting=())])
    put_blob(scene.run, content)


def model_malformed(scene: Scene) -> None:
    _contradicted(scene, b"no safetensors")


def model_of_other_tensors(scene: Scene) -> None:
    _contradicted(scene, model_bytes(7), tensors=Digest(bytes(32)))


def model_of_another_size(scene: Scene) -> None:
    _contradicted(scene, model_bytes(7), size_bytes=1)


# Evidence


def _exhibited(scene: Scene) -> list[Block]:
    blocks = convicted(scene, H2)
    scene.put(blocks)
    scene.put_blobs()
    return blocks


def _exhibit(scene: Scene, block: Block) -> Any:
    assert block.seal.exhibit is not None
    name = block.seal.exhibit.hex()
    return scene.run / "blobs" / "sha256" / name[:2] / name


def _showing(scene: Scene, block: Block, file: bytes) -> None:
    """The seal names another file, which is there: no signature covers its name."""
    put_blob(scene.run, file)
    scene.put([scene.blocks[0], resealed(block, exhibit=sha256(file))])


def exhibit_sound(scene: Scene) -> None:
    _exhibited(scene)


def exhibit_missing(scene: Scene) -> None:
    _exhibit(scene, _exhibited(scene)[1]).unlink()


def exhibit_altered(scene: Scene) -> None:
    path = _exhibit(scene, _exhibited(scene)[1])
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def exhibit_of_bytes(scene: Scene) -> None:
    _showing(scene, _exhibited(scene)[1], b"no evidence")


def exhibit_of_another_culprit(scene: Scene) -> None:
    _showing(scene, _exhibited(scene)[1], encode_evidence(_two_votes(scene, H3)))


def exhibit_of_another_deed(scene: Scene) -> None:
    """The culprit is the same one, what it did is not what was voted on."""
    _showing(scene, _exhibited(scene)[1], encode_evidence(_two_votes(scene, H2)))


def exhibit_forged(scene: Scene) -> None:
    """A quorum convicts h2 by a signature that is none."""
    block = _exhibited(scene)[1]
    evidence = _two_votes(scene, H2)
    false = replace(evidence, second=replace(evidence.second, signature=bytes(64)))
    notice = EvidenceNotice(Misconduct.EQUIVOCATION, (H2,), evidence_subject(false))
    _showing(scene, _noticed(scene, notice, block.core), encode_evidence(false))


def exhibit_of_two_notices(scene: Scene) -> None:
    """The file that convicts h2 is named beside the name of h3 as well."""
    blocks = _exhibited(scene)
    notice = blocks[1].core.body
    assert isinstance(notice, EvidenceNotice)
    state = state_before(blocks, 2)
    other = scene.forge.notice(state, replace(notice, culprits=(H3,)))
    scene.put([*blocks, resealed(other, exhibit=blocks[1].seal.exhibit)])


def exhibit_in_two_replicas(scene: Scene) -> None:
    """What is wrong with a file is said once, however many replicas name it."""
    block = _exhibited(scene)[1]
    _showing(scene, block, b"no evidence")
    scene.put([scene.blocks[0], resealed(block, exhibit=sha256(b"no evidence"))], "h2")


def exhibit_of_a_rejected_notice(scene: Scene) -> None:
    """No finding: it shows nothing, and the coalition saw that."""
    core = replace(_exhibited(scene)[1].core, type=RecordType.REJECTED)
    _showing(scene, scene.forge.seal(core, accepting=()), b"no evidence")


def exhibit_rejected_and_then_accepted(scene: Scene) -> None:
    """What was looked at once as a rejected notice is looked at again."""
    good = _exhibited(scene)[1]
    put_blob(scene.run, b"no evidence")
    core = replace(good.core, type=RecordType.REJECTED)
    first = resealed(scene.forge.seal(core, accepting=()), exhibit=sha256(b"no evidence"))
    state = state_before([scene.blocks[0], first], 2)
    body = good.core.body
    assert isinstance(body, EvidenceNotice)
    again = resealed(scene.forge.notice(state, body), exhibit=sha256(b"no evidence"))
    scene.put([scene.blocks[0], first, again])


def _two_votes(scene: Scene, node: NodeId) -> Equivocation:
    return scene.forge.equivocation(node, Vote(2, sha256(b"c")), Vote(2, sha256(b"d")))


def _noticed(scene: Scene, notice: EvidenceNotice, core: Core) -> Block:
    return scene.forge.seal(replace(core, body=notice), accepting=scene.forge.voters)


# Exclusion


def author_that_evidence_convicted(scene: Scene) -> None:
    blocks = _exhibited(scene)
    state = state_before(blocks, 2)
    core = scene.forge.core(
        state, RecordType.ACCEPTED, scene.forge.model(state, model_bytes(1), H2)
    )
    scene.put([*blocks, scene.forge.seal(core, accepting=scene.forge.voters)])


def quarantined(scene: Scene, node: NodeId) -> tuple[Forge, list[Block]]:
    """One candidate of h1 is rejected, which the rule says is enough; then a node is locked out."""
    forge = Forge(quarantine_after=1)
    blocks = [forge.genesis()]
    blocks.append(forge.rejected(start(blocks[0]), model_bytes(1)))
    notice = MembershipNotice(Action.QUARANTINE, node, Digest(bytes(32)), "one was rejected")
    blocks.append(forge.notice(state_before(blocks, 2), notice))
    scene.put(blocks)
    return forge, blocks


def quarantine_in_time(scene: Scene) -> None:
    quarantined(scene, H1)


def quarantine_too_early(scene: Scene) -> None:
    quarantined(scene, H2)


def author_that_is_quarantined(scene: Scene) -> None:
    forge, blocks = quarantined(scene, H1)
    state = state_before(blocks, 3)
    scene.put([*blocks, forge.rejected(state, model_bytes(2), H1)])


# The summary


def summary_of_another_end(scene: Scene) -> None:
    summarise(scene, scene.blocks[:-1])


def summary_of_a_replica_that_is_gone(scene: Scene) -> None:
    summarise(scene, scene.blocks, ["h1", "h2"])


def summary_without_a_replica(scene: Scene) -> None:
    summarise(scene, scene.blocks)
    scene.put(scene.blocks, "h2")


def summary_of_a_cut_run(scene: Scene) -> None:
    summarise(scene, scene.blocks)
    scene.put(scene.blocks[:-1])


def summary_of_a_run_that_goes_on(scene: Scene) -> None:
    (scene.run / SUMMARY).write_text('{"replicas": null}')


def summary_malformed(scene: Scene) -> None:
    (scene.run / SUMMARY).write_text('{"replicas": 5}')


def summary_too_large(scene: Scene) -> None:
    summarise(scene, scene.blocks)
    with (scene.run / SUMMARY).open("ab") as file:
        file.write(b" " * SUMMARY_SIZE_MAX)


def summary_unreadable(scene: Scene) -> None:
    (scene.run / SUMMARY).mkdir()


# Less than everything


def structure_alone(scene: Scene) -> None:
    (scene.run / LEVEL).write_text("L0")
    ATTACKS["field_edited"](scene)


def chain_alone(scene: Scene) -> None:
    (scene.run / LEVEL).write_text("L1")
    ATTACKS["too_few_votes"](scene)


def authority_alone(scene: Scene) -> None:
    (scene.run / LEVEL).write_text("L2")
    ATTACKS["model_substituted"](scene)


RUNS: Mapping[str, tuple[Attack, str]] = {
    each.__name__: (each, findings)
    for each, findings in (
        (anchor_and_a_sound_run, ""),
        (anchor_and_a_rewrite, "REWRITTEN h1 2"),
        (anchor_and_a_cut, "ROLLED_BACK h1 -"),
        (anchor_and_other_keys, "REWRITTEN h1 3, GENESIS_REPLACED h1 0"),
        (anchor_and_a_replica_gone, "REPLICA_MISSING h2 -"),
        (anchor_that_contradicts_its_note, "ANCHOR_MALFORMED h1 -"),
        (policy_satisfied, ""),
        (policy_not_satisfied, "WITNESS_POLICY h1 3"),
        (policy_without_a_checkpoint, "WITNESS_POLICY h1 -"),
        (checked_before_and_sound, ""),
        (checked_before_and_rewritten, "REWRITTEN h1 2"),
        (checked_before_and_cut, "ROLLED_BACK h1 -"),
        (copy_of_another_branch, "FORK kept/h1 2"),
        (replicas_in_two_branches, "FORK h2 2"),
        (replicas_of_islands, "FORK_CONFIG_NO_INTERSECTION h3 1"),
        (replicas_of_two_chains, "GENESIS_DIFFERS h2 0"),
        (replica_of_nobody, "UNKNOWN_REPLICA stranger 0"),
        (replica_that_lags, ""),
        (replica_without_a_block, ""),
        (stray_file, "STRAY_FILE h1 0"),
        (segment_missing, "SEGMENT_GAP h1 0"),
        (segments_split, ""),
        (segment_torn_before_the_last, "BAD_LENGTH h1 1"),
        (record_of_no_bytes, "BAD_LENGTH h1 3"),
        (record_too_large, "BAD_LENGTH h1 3"),
        (zeros_at_the_end, "BAD_MAGIC h1 3"),
        (segment_unreadable, UNREADABLE),
        (torn_tail_with_a_magic_inside, ""),
        (guard_damaged, "BAD_MAGIC h1 -"),
        (guard_torn, ""),
        (no_replica, UNREADABLE),
        (no_ledger, UNREADABLE),
        (copy_that_is_a_file, UNREADABLE),
        (checkpoint_unreadable, "CHECKPOINT_MALFORMED h1 -"),
        (model_missing, "BLOB_MISSING - 1"),
        (model_unreadable, "BLOB_UNREADABLE - 1"),
        (model_that_nobody_names_substituted, "BLOB_DIGEST - -"),
        (stray_blob, "STRAY_FILE - -"),
        (model_malformed, "MODEL_MALFORMED - 1"),
        (model_of_other_tensors, "TENSOR_DIGEST - 1"),
        (model_of_another_size, "MODEL_SIZE - 1"),
        (exhibit_sound, ""),
        (exhibit_missing, "BLOB_MISSING - 1"),
        (exhibit_altered, "BLOB_UNREADABLE - 1"),
        (exhibit_of_bytes, "BAD_EXHIBIT - 1"),
        (exhibit_of_another_culprit, "BAD_EXHIBIT - 1"),
        (exhibit_of_another_deed, "BAD_EXHIBIT - 1"),
        (exhibit_forged, "BAD_EXHIBIT - 1"),
        (exhibit_of_two_notices, "BAD_EXHIBIT - 2"),
        (exhibit_in_two_replicas, "BAD_EXHIBIT - 1"),
        (exhibit_of_a_rejected_notice, ""),
        (exhibit_rejected_and_then_accepted, "BAD_EXHIBIT - 2"),
        (author_that_evidence_convicted, "BAD_AUTHOR h1 2"),
        (quarantine_in_time, ""),
        (quarantine_too_early, "BAD_QUARANTINE h1 2"),
        (author_that_is_quarantined, "BAD_AUTHOR h1 3"),
        (summary_of_another_end, "SUMMARY_DIFFERS h1 3"),
        (summary_of_a_replica_that_is_gone, "SUMMARY_DIFFERS h2 -"),
        (summary_without_a_replica, "SUMMARY_DIFFERS h2 3"),
        (summary_of_a_cut_run, "SUMMARY_DIFFERS h1 2"),
        (summary_of_a_run_that_goes_on, ""),
        (summary_malformed, "SUMMARY_MALFORMED - -"),
        (summary_too_large, "SUMMARY_MALFORMED - -"),
        (summary_unreadable, "SUMMARY_MALFORMED - -"),
        (structure_alone, ""),
        (chain_alone, ""),
        (authority_alone, ""),
    )
}
"""An attack and its exact findings: code, node, height."""
