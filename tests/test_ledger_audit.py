"""The audit against ledgers that were tampered with: no miss, and the finding names the place."""

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consensus.quorum import QuorumSet
from crypto.digest import Digest, sha256
from crypto.encoding import Value, encode
from crypto.identity import NodeId
from crypto.signature import Algorithm
from ledger.audit import AuditReport, Judgement, audit_run
from ledger.blobs import BlobStore
from ledger.block import Block, RecordType, Seal, core_hash, core_value, encode_block
from ledger.candidate import EndCandidate, ModelCandidate
from ledger.chain import ChainState
from ledger.errors import StoreError
from ledger.record import HEADER_SIZE, frame
from ledger.store import StoredRecord, read_records, segment_path
from tests.forge import Forge, grow, model_bytes, start

H1, H2, H3, H4 = (NodeId(f"h{number}") for number in range(1, 5))


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge()


@pytest.fixture(scope="module")
def blocks(forge: Forge) -> list[Block]:
    return forge.blocks()


@pytest.fixture(scope="module")
def small() -> Forge:
    """Few bytes to walk through: one hospital; genesis, accepted, rejected, end."""
    return Forge(count=1)


def codes(report: AuditReport) -> list[str]:
    return [finding.code for finding in report.findings]


def audited(run: Path, forge: Forge, blocks: Sequence[Block]) -> AuditReport:
    return audit_run(forge.write(run, blocks))


def summarise(run: Path, blocks: Sequence[Block], names: Sequence[str] = ("h1",)) -> None:
    """Write what a finished run says of itself."""
    end = {"height": len(blocks) - 1, "chain_head": core_hash(blocks[-1].core).hex()}
    (run / "run.json").write_text(json.dumps({"replicas": dict.fromkeys(names, end)}))


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_sound_run_is_valid_under_every_algorithm(tmp_path: Path, algorithm: Algorithm) -> None:
    forge = Forge(algorithm=algorithm)
    blocks = forge.blocks()
    report = audit_run(forge.write(tmp_path, blocks, ["h1", "h2", "h3.twin"]))
    assert report.judgement is Judgement.VALID
    assert report.findings == ()
    assert report.exit_status == 0
    assert report.counters.records == 3 * len(blocks)
    assert {each.height for each in report.replicas} == {len(blocks) - 1}
    assert "derived from the scenario's seed" in report.not_ruled_out[0]


def test_the_audit_writes_nothing_into_the_run(
    tmp_path: Path, forge: Forge, blocks: list[Block]
) -> None:
    forge.write(tmp_path, blocks)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    audit_run(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_round_without_a_candidate_is_recorded_and_valid(tmp_path: Path) -> None:
    forge = Forge(round_count=1)
    blocks = [forge.genesis()]
    state = start(blocks[0])
    for make in (forge.absent, forge.end):
        blocks.append(make(state))
        state = grow(state, blocks[-1])
    assert audited(tmp_path, forge, blocks).judgement is Judgement.VALID


# Every byte


def test_every_changed_byte_of_a_ledger_is_found_and_located(tmp_path: Path, small: Forge) -> None:
    blocks = small.blocks()
    run = small.write(tmp_path, blocks)
    path = segment_path(run / "ledger" / "h1", 0)
    whole = path.read_bytes()
    starts = _starts(run, "h1")
    for offset in range(len(whole)):
        changed = bytearray(whole)
        changed[offset] ^= 1 << offset % 8
        path.write_bytes(changed)
        report = audit_run(run)
        assert report.exit_status == 1, offset
        height = sum(start <= offset for start in starts) - 1
        finding = report.findings[0]
        assert (finding.height, finding.node) == (height, "h1"), offset
        assert finding.file == "ledger/h1/00000000.seg"
        assert finding.expected
        assert finding.found


def test_every_changed_byte_is_found_when_the_checksum_is_made_to_fit(
    tmp_path: Path, small: Forge
) -> None:
    blocks = small.blocks()
    run = small.write(tmp_path, blocks)
    path = segment_path(run / "ledger" / "h1", 0)
    payloads = [encode_block(block) for block in blocks]
    for height, payload in enumerate(payloads):
        for offset in range(len(payload)):
            changed = bytearray(payload)
            changed[offset] ^= 1 << offset % 8
            records = [*payloads[:height], bytes(changed), *payloads[height + 1 :]]
            path.write_bytes(b"".join(map(frame, records)))
            report = audit_run(run)
            assert report.exit_status == 1, (height, offset)
            assert report.findings[0].height in (height, height + 1), (height, offset)


def test_every_changed_byte_of_a_model_is_found(tmp_path: Path, small: Forge) -> None:
    blocks = small.blocks()
    run = small.write(tmp_path, blocks)
    for height, number in ((0, 0), (1, 1), (2, 2)):
        path = BlobStore(run / "blobs").path(sha256(model_bytes(number)))
        path.chmod(0o644)
        whole = path.read_bytes()
        for offset in range(len(whole)):
            changed = bytearray(whole)
            changed[offset] ^= 1 << offset % 8
            path.write_bytes(changed)
            report = audit_run(run)
            assert codes(report) == ["BLOB_DIGEST"], offset
            assert report.findings[0].height == height
            assert report.findings[0].file == str(path.relative_to(run))
            assert path.name in report.findings[0].expected
        path.write_bytes(whole)


def test_a_cut_at_any_offset_is_never_valid(tmp_path: Path, small: Forge) -> None:
    blocks = small.blocks()
    run = small.write(tmp_path, blocks)
    path = segment_path(run / "ledger" / "h1", 0)
    whole = path.read_bytes()
    starts = [*_starts(run, "h1"), len(whole)]
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        report = audit_run(run)
        torn = size not in starts
        expected = Judgement.VALID_PREFIX if torn else Judgement.INCOMPLETE
        assert report.judgement is expected, size
        assert report.exit_status == 3
        assert any("h1" in sentence for sentence in report.not_ruled_out)
    summarise(run, blocks)
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        report = audit_run(run)
        assert report.exit_status == 1
        assert codes(report) == ["SUMMARY_DIFFERS"]
        assert report.findings[0].node == "h1"


def _starts(run: Path, name: str) -> list[int]:
    records = read_records(run / "ledger" / name)
    return [each.offset for each in records if isinstance(each, StoredRecord)]


# Forged blocks: (what is done, codes expected at which height)

Forgery = Callable[[Forge, list[Block]], list[Block]]


def relink(forge: Forge, blocks: Sequence[Block], height: int, block: Block) -> list[Block]:
    """Put a block in place of another and link everything after it anew, old seals kept."""
    changed = [*blocks[:height], block]
    for old in blocks[height + 1 :]:
        core = replace(old.core, prev=core_hash(changed[-1].core))
        changed.append(Block(core, old.seal))
    return changed


def edit(block: Block, **changes: Any) -> Block:
    return Block(replace(block.core, **changes), block.seal)


def reseal(block: Block, **changes: Any) -> Block:
    return Block(block.core, replace(block.seal, **changes))


def state_before(blocks: Sequence[Block], height: int) -> ChainState:
    state = start(blocks[0])
    for block in blocks[1:height]:
        state = grow(state, block)
    return state


def field_edited(_: Forge, blocks: list[Block]) -> list[Block]:
    return [*blocks[:1], edit(blocks[1], time_us=5), *blocks[2:]]


def field_edited_and_relinked(forge: Forge, blocks: list[Block]) -> list[Block]:
    return relink(forge, blocks, 1, edit(blocks[1], time_us=5))


def block_removed(_: Forge, blocks: list[Block]) -> list[Block]:
    return [*blocks[:1], *blocks[2:]]


def blocks_swapped(_: Forge, blocks: list[Block]) -> list[Block]:
    return [blocks[0], blocks[2], blocks[1], *blocks[3:]]


def block_duplicated(_: Forge, blocks: list[Block]) -> list[Block]:
    return [*blocks[:2], *blocks[1:]]


def record_after_the_end(_: Forge, blocks: list[Block]) -> list[Block]:
    return [*blocks, blocks[1]]


def genesis_missing(_: Forge, blocks: list[Block]) -> list[Block]:
    return blocks[1:]


def second_genesis(_: Forge, blocks: list[Block]) -> list[Block]:
    again = edit(
        blocks[0],
        height=1,
        slot=1,
        chain=core_hash(blocks[0].core),
        prev=core_hash(blocks[0].core),
    )
    return [blocks[0], again]


def another_slot(forge: Forge, blocks: list[Block]) -> list[Block]:
    return relink(forge, blocks, 1, edit(blocks[1], slot=2))


def another_chain(forge: Forge, blocks: list[Block]) -> list[Block]:
    return relink(forge, blocks, 1, edit(blocks[1], chain=Digest(bytes(32))))


def time_runs_back(forge: Forge, blocks: list[Block]) -> list[Block]:
    return relink(forge, blocks, 2, edit(blocks[2], time_us=1))


def previous_voters_no_quorum(forge: Forge, blocks: list[Block]) -> list[Block]:
    return relink(forge, blocks, 2, edit(blocks[2], prev_voters=(H1, H2)))


def previous_voter_unknown(forge: Forge, blocks: list[Block]) -> list[Block]:
    voters = (*forge.voters, NodeId("x"))
    return relink(forge, blocks, 2, edit(blocks[2], prev_voters=voters))


def previous_voters_of_the_genesis(forge: Forge, blocks: list[Block]) -> list[Block]:
    return relink(forge, blocks, 1, edit(blocks[1], prev_voters=forge.voters))


def another_base(forge: Forge, blocks: list[Block]) -> list[Block]:
    state = state_before(blocks, 1)
    wrong = replace(forge.model(state, model_bytes(1)), base=Digest(bytes(32)))
    core = forge.core(state, RecordType.ACCEPTED, wrong)
    return [blocks[0], forge.seal(core, accepting=forge.voters)]


def update_by_a_stranger(forge: Forge, blocks: list[Block]) -> list[Block]:
    candidate = blocks[1].core.body
    assert isinstance(candidate, ModelCandidate)
    entry = replace(candidate.updates[0], author=NodeId("x"))
    stranger = replace(candidate, updates=(entry,))
    return relink(forge, blocks, 1, edit(blocks[1], body=stranger))


def model_after_the_last_round(forge: Forge, blocks: list[Block]) -> list[Block]:
    state = state_before(blocks, 3)
    return [*blocks[:3], forge.accepted(state, model_bytes(1))]


def end_before_the_last_round(forge: Forge, blocks: list[Block]) -> list[Block]:
    return [*blocks[:2], forge.end(state_before(blocks, 2))]


def end_that_counts_wrong(forge: Forge, blocks: list[Block]) -> list[Block]:
    state = state_before(blocks, 3)
    end = EndCandidate(3, 2, state.model.tensors)
    core = forge.core(state, RecordType.END, end)
    return [*blocks[:3], forge.seal(core, accepting=forge.voters)]


def nobody_proposed_a_model(forge: Forge, blocks: list[Block]) -> list[Block]:
    return relink(forge, blocks, 1, edit(blocks[1], proposer=None))


def another_proposer(forge: Forge, blocks: list[Block]) -> list[Block]:
    core = replace(blocks[1].core, proposer=H2)
    sealed = forge.seal(core, accepting=forge.voters)
    return [blocks[0], sealed]


def outcome_turned_round(forge: Forge, blocks: list[Block]) -> list[Block]:
    """The rejected candidate is recorded as accepted, with votes by a quorum that says so."""
    core = replace(blocks[2].core, type=RecordType.ACCEPTED)
    return [*blocks[:2], forge.seal(core, accepting=())]


def accepted_turned_down(forge: Forge, blocks: list[Block]) -> list[Block]:
    core = replace(blocks[1].core, type=RecordType.REJECTED)
    return [blocks[0], forge.seal(core, accepting=forge.voters)]


def too_few_votes(_: Forge, blocks: list[Block]) -> list[Block]:
    return [blocks[0], reseal(blocks[1], votes=blocks[1].seal.votes[:-1]), *blocks[2:]]


def no_votes(_: Forge, blocks: list[Block]) -> list[Block]:
    return [blocks[0], reseal(blocks[1], votes=()), *blocks[2:]]


def same_vote_three_times(_: Forge, blocks: list[Block]) -> list[Block]:
    return [blocks[0], reseal(blocks[1], votes=blocks[1].seal.votes[:1] * 3), *blocks[2:]]


def relabelled_voter(_: Forge, blocks: list[Block]) -> list[Block]:
    first, second, third = blocks[1].seal.votes
    votes = (first, second, replace(third, node=H4))
    return [blocks[0], reseal(blocks[1], votes=votes), *blocks[2:]]


def vote_of_another_height(_: Forge, blocks: list[Block]) -> list[Block]:
    votes = (*blocks[1].seal.votes[:2], blocks[2].seal.votes[2])
    return [blocks[0], reseal(blocks[1], votes=votes), *blocks[2:]]


def voter_unknown(_: Forge, blocks: list[Block]) -> list[Block]:
    votes = (*blocks[1].seal.votes, replace(blocks[1].seal.votes[0], node=NodeId("x")))
    return [blocks[0], reseal(blocks[1], votes=votes), *blocks[2:]]


def verdict_turned_round(_: Forge, blocks: list[Block]) -> list[Block]:
    first, *rest = blocks[1].seal.verdicts
    verdicts = (replace(first, accept=False), *rest)
    return [blocks[0], reseal(blocks[1], verdicts=verdicts), *blocks[2:]]


def score_edited(_: Forge, blocks: list[Block]) -> list[Block]:
    first, *rest = blocks[1].seal.verdicts
    verdicts = (replace(first, scores=(("global", 999_999), ("local", 880_000))), *rest)
    return [blocks[0], reseal(blocks[1], verdicts=verdicts), *blocks[2:]]


def verdict_of_another_candidate(forge: Forge, blocks: list[Block]) -> list[Block]:
    wrong = forge.verdict(blocks[1].core, H4, sha256(b"other"), accept=True)
    verdicts = (*blocks[1].seal.verdicts, wrong)
    return [blocks[0], reseal(blocks[1], verdicts=verdicts), *blocks[2:]]


def verdict_by_a_stranger(_: Forge, blocks: list[Block]) -> list[Block]:
    verdicts = (*blocks[1].seal.verdicts, replace(blocks[1].seal.verdicts[0], node=NodeId("x")))
    return [blocks[0], reseal(blocks[1], verdicts=verdicts), *blocks[2:]]


def verdicts_left_out(_: Forge, blocks: list[Block]) -> list[Block]:
    return [blocks[0], reseal(blocks[1], verdicts=blocks[1].seal.verdicts[:2]), *blocks[2:]]


def proposal_left_out(_: Forge, blocks: list[Block]) -> list[Block]:
    return [blocks[0], reseal(blocks[1], proposal=None), *blocks[2:]]


def proposal_of_another_block(_: Forge, blocks: list[Block]) -> list[Block]:
    return [blocks[0], reseal(blocks[1], proposal=blocks[2].seal.proposal), *blocks[2:]]


def proposal_without_candidate(forge: Forge, blocks: list[Block]) -> list[Block]:
    absent = forge.absent(state_before(blocks, 1))
    return [blocks[0], reseal(absent, proposal=blocks[1].seal.proposal)]


def update_unsigned(_: Forge, blocks: list[Block]) -> list[Block]:
    return [blocks[0], reseal(blocks[1], attestations=()), *blocks[2:]]


def update_signature_of_another(_: Forge, blocks: list[Block]) -> list[Block]:
    wrong = replace(blocks[1].seal.attestations[0], signature=blocks[1].seal.votes[0].signature)
    return [blocks[0], reseal(blocks[1], attestations=(wrong,)), *blocks[2:]]


def possession_left_out(_: Forge, blocks: list[Block]) -> list[Block]:
    return [reseal(blocks[0], possessions=blocks[0].seal.possessions[1:]), *blocks[1:]]


def possession_of_another(_: Forge, blocks: list[Block]) -> list[Block]:
    first, second, *rest = blocks[0].seal.possessions
    wrong = (replace(first, signature=second.signature), second, *rest)
    return [reseal(blocks[0], possessions=wrong), *blocks[1:]]


FORGERIES: list[tuple[Forgery, str, int]] = [
    (field_edited, "BAD_PROPOSAL", 1),
    (field_edited_and_relinked, "BAD_PROPOSAL", 1),
    (block_removed, "BAD_HEIGHT", 1),
    (blocks_swapped, "BAD_HEIGHT", 1),
    (block_duplicated, "BAD_HEIGHT", 2),
    (record_after_the_end, "AFTER_END", 4),
    (genesis_missing, "BAD_GENESIS", 0),
    (second_genesis, "BAD_TYPE", 1),
    (another_slot, "BAD_SLOT", 1),
    (another_chain, "BAD_CHAIN", 1),
    (time_runs_back, "BAD_TIME", 2),
    (previous_voters_no_quorum, "BAD_PREV_VOTERS", 2),
    (previous_voter_unknown, "BAD_PREV_VOTERS", 2),
    (previous_voters_of_the_genesis, "BAD_PREV_VOTERS", 1),
    (another_base, "BAD_BASE", 1),
    (update_by_a_stranger, "BAD_AUTHOR", 1),
    (model_after_the_last_round, "BAD_ROUND", 3),
    (end_before_the_last_round, "BAD_ROUND", 2),
    (end_that_counts_wrong, "BAD_END", 3),
    (nobody_proposed_a_model, "BAD_PROPOSER", 1),
    (another_proposer, "BAD_PROPOSER", 1),
    (outcome_turned_round, "UNJUSTIFIED", 2),
    (accepted_turned_down, "UNJUSTIFIED", 1),
    (too_few_votes, "NO_QUORUM", 1),
    (no_votes, "NO_QUORUM", 1),
    (same_vote_three_times, "BAD_SCHEMA", 1),
    (relabelled_voter, "BAD_VOTE_SIGNATURE", 1),
    (vote_of_another_height, "BAD_VOTE_SIGNATURE", 1),
    (voter_unknown, "NO_QUORUM", 1),
    (verdict_turned_round, "BAD_VERDICT_SIGNATURE", 1),
    (score_edited, "BAD_VERDICT_SIGNATURE", 1),
    (verdict_of_another_candidate, "BAD_VERDICT", 1),
    (verdict_by_a_stranger, "UNKNOWN_SIGNER", 1),
    (verdicts_left_out, "UNJUSTIFIED", 1),
    (proposal_left_out, "BAD_PROPOSAL", 1),
    (proposal_of_another_block, "BAD_PROPOSAL", 1),
    (proposal_without_candidate, "BAD_PROPOSAL", 1),
    (update_unsigned, "BAD_ATTESTATION", 1),
    (update_signature_of_another, "BAD_ATTESTATION_SIGNATURE", 1),
    (possession_left_out, "BAD_POSSESSION", 0),
    (possession_of_another, "BAD_POSSESSION", 0),
]


@pytest.mark.parametrize(
    ("forgery", "code", "height"), FORGERIES, ids=[each[0].__name__ for each in FORGERIES]
)
def test_every_forgery_is_named_at_its_height(
    tmp_path: Path, forge: Forge, blocks: list[Block], forgery: Forgery, code: str, height: int
) -> None:
    report = audited(tmp_path, forge, forgery(forge, blocks))
    assert report.judgement is Judgement.INVALID
    assert (code, height) in [(finding.code, finding.height) for finding in report.findings]
    first = report.findings[0]
    assert (first.height, first.node, first.file) == (height, "h1", "ledger/h1/00000000.seg")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda value: value["core"]["body"].update(extra=1), "BAD_SCHEMA"),
        (lambda value: value["core"].update(version=2), "BAD_SCHEMA"),
        (lambda value: value["core"].update(type="other"), "BAD_SCHEMA"),
        (lambda value: value["core"].pop("prev"), "BAD_SCHEMA"),
        (lambda value: value["core"].update(height=-1), "BAD_SCHEMA"),
        (lambda value: value["core"].update(height=True), "BAD_SCHEMA"),
        (lambda value: value["core"].update(prev=bytes(31)), "BAD_SCHEMA"),
        (lambda value: value["core"].update(proposer="Not A Name"), "BAD_SCHEMA"),
        (lambda value: value["seal"].update(votes=None), "BAD_SCHEMA"),
        (lambda value: value["seal"].update(votes=[{}] * 2000), "BAD_SCHEMA"),
        (lambda value: value["seal"]["votes"][0].update(signature=b""), "BAD_SCHEMA"),
        (lambda value: value["seal"]["votes"][0].update(signature=bytes(9000)), "BAD_SCHEMA"),
        (lambda value: value["seal"]["verdicts"][0].update(reason="x" * 300), "BAD_SCHEMA"),
        (
            lambda value: value["seal"]["verdicts"][0].update(
                scores={str(n): n for n in range(99)}
            ),
            "BAD_SCHEMA",
        ),
    ],
)
def test_what_does_not_fit_the_schema_is_a_finding(
    tmp_path: Path, forge: Forge, blocks: list[Block], change: Callable[[Any], Any], code: str
) -> None:
    seal: Any = {
        "proposal": None,
        "attestations": [],
        "verdicts": [
            {
                "node": "h1",
                "candidate": bytes(32),
                "accept": True,
                "reason": "ok",
                "scores": {},
                "signature": b"s",
            }
        ],
        "votes": [{"node": "h1", "signature": b"s"}],
    }
    value = {"core": deepcopy(core_value(blocks[1].core)), "seal": seal}
    change(value)
    value["core"] = encode(value["core"])
    forge.write(tmp_path, blocks[:1])
    path = segment_path(tmp_path / "ledger" / "h1", 0)
    path.write_bytes(path.read_bytes() + frame(encode(value)))
    report = audit_run(tmp_path)
    assert codes(report) == [code]
    assert report.findings[0].height == 1


def test_a_longer_way_to_write_an_integer_is_found(
    tmp_path: Path, forge: Forge, blocks: list[Block]
) -> None:
    key = b"\x66height\x01"
    core = encode(core_value(blocks[1].core))
    assert core.count(key) == 1
    seal: dict[str, Value] = {"proposal": None, "attestations": [], "verdicts": [], "votes": []}
    longer = encode({"core": core.replace(key, b"\x66height\x18\x01"), "seal": seal})
    forge.write(tmp_path, blocks[:1])
    path = segment_path(tmp_path / "ledger" / "h1", 0)
    path.write_bytes(path.read_bytes() + frame(longer))
    assert codes(audit_run(tmp_path)) == ["BAD_ENCODING"]


@pytest.mark.parametrize(
    "quorum_set",
    [QuorumSet(0, (H1, H2)), QuorumSet(3, (H1, H2)), QuorumSet(1, (H1, H1))],
)
def test_a_quorum_set_that_is_not_sane_is_refused_in_the_genesis(
    tmp_path: Path, quorum_set: QuorumSet
) -> None:
    forge = Forge(quorum_set=lambda _: quorum_set)
    assert codes(audited(tmp_path, forge, [forge.genesis()])) == ["BAD_QUORUM_SET"]


@pytest.mark.parametrize("kind", ["two nodes", "two purposes"])
def test_a_key_that_counts_twice_is_refused_in_the_genesis(tmp_path: Path, kind: str) -> None:
    forge = Forge(algorithm=Algorithm.ML_DSA_44)
    forge.keys[H2] = forge.keys[H1] if kind == "two nodes" else forge.witness_keys[H3]
    assert codes(audited(tmp_path, forge, [forge.genesis()])) == ["BAD_GENESIS"]


def test_a_weakened_quorum_set_in_the_genesis_breaks_the_chain_after_it(
    tmp_path: Path, forge: Forge, blocks: list[Block]
) -> None:
    weak = Forge(quorum_set=lambda nodes: QuorumSet(1, tuple(nodes)))
    report = audited(tmp_path, forge, [weak.genesis(), *blocks[1:]])
    assert codes(report) == ["BAD_CHAIN"]


def test_a_certificate_must_convince_the_owner_of_the_replica(tmp_path: Path) -> None:
    """The islands h1-h2 and h3-h4 trust only themselves: no block convinces both."""
    forge = Forge()
    islands = {H1: (H1, H2), H2: (H1, H2), H3: (H3, H4), H4: (H3, H4)}
    forge.quorum_sets = {node: QuorumSet(2, island) for node, island in islands.items()}
    blocks = forge.blocks()
    report = audit_run(forge.write(tmp_path, blocks, ["h1", "h3"]))
    by_name = {replica.node: replica.judgement for replica in report.replicas}
    assert by_name == {"h1": Judgement.VALID, "h3": Judgement.INVALID}
    assert {finding.node for finding in report.findings} == {"h3"}


# Replicas against each other, models, the summary


def _fork(forge: Forge, blocks: list[Block], voters: Sequence[NodeId]) -> list[Block]:
    state = state_before(blocks, 1)
    core = forge.core(state, RecordType.ACCEPTED, forge.model(state, model_bytes(2)))
    return [blocks[0], forge.seal(core, accepting=voters, voters=voters)]


def test_a_fork_names_the_voters_that_signed_both(
    tmp_path: Path, forge: Forge, blocks: list[Block]
) -> None:
    forge.write(tmp_path, blocks)
    forge.write_replica(tmp_path, "h4", _fork(forge, blocks, [H2, H3, H4]))
    report = audit_run(tmp_path)
    (finding,) = report.findings
    assert (finding.code, finding.node, finding.height) == ("FORK", "h4", 1)
    assert finding.culprits == ("h2", "h3")
    assert "h2, h3" in str(finding)


def test_a_fork_without_a_common_voter_convicts_nobody(tmp_path: Path) -> None:
    forge = Forge()
    islands = {H1: (H1, H2), H2: (H1, H2), H3: (H3, H4), H4: (H3, H4)}
    forge.quorum_sets = {node: QuorumSet(2, island) for node, island in islands.items()}
    genesis = forge.genesis()
    state = start(genesis)
    for name, voters, number in (("h1", (H1, H2), 1), ("h3", (H3, H4), 2)):
        core = forge.core(state, RecordType.ACCEPTED, forge.model(state, model_bytes(number)))
        forge.write_replica(
            tmp_path, name, [genesis, forge.seal(core, accepting=voters, voters=voters)]
        )
    for number in range(3):
        BlobStore(tmp_path / "blobs").put(model_bytes(number))
    (finding,) = audit_run(tmp_path).findings
    assert (finding.code, finding.culprits) == ("FORK_CONFIG_NO_INTERSECTION", ())


def test_replicas_of_two_coalitions_are_told_apart(
    tmp_path: Path, forge: Forge, blocks: list[Block]
) -> None:
    forge.write(tmp_path, blocks)
    other = Forge(label="other")
    other.write_replica(tmp_path, "h2", other.blocks())
    assert "GENESIS_DIFFERS" in codes(audit_run(tmp_path))


def test_a_replica_of_nobody_is_found(tmp_path: Path, forge: Forge, blocks: list[Block]) -> None:
    report = audit_run(forge.write(tmp_path, blocks, ["h1", "stranger"]))
    assert ("UNKNOWN_REPLICA", "stranger") in [(f.code, f.node) for f in report.findings]


def test_models_must_be_there_and_be_what_the_chain_says(
    tmp_path: Path, forge: Forge, blocks: list[Block]
) -> None:
    forge.write(tmp_path, blocks)
    store = BlobStore(tmp_path / "blobs")
    store.path(sha256(model_bytes(1))).unlink()
    (tmp_path / "blobs" / "sha256" / "notes.txt").write_text("mine")
    store.put(b"a file that the chain does not name")
    report = audit_run(tmp_path)
    found = {(finding.code, finding.height) for finding in report.findings}
    assert found == {("STRAY_FILE", None), ("BLOB_MISSING", 1)}


@pytest.mark.parametrize(
    ("content", "change", "code"),
    [
        (b"no safetensors", {}, "MODEL_MALFORMED"),
        (model_bytes(7), {"tensors": sha256(b"x")}, "TENSOR_DIGEST"),
        (model_bytes(7), {"size_bytes": 1}, "MODEL_SIZE"),
    ],
)
def test_a_model_that_contradicts_the_chain_is_found(
    tmp_path: Path, content: bytes, change: dict[str, Any], code: str
) -> None:
    forge = Forge(round_count=1)
    genesis = forge.genesis()
    state = start(genesis)
    candidate = forge.model(state, model_bytes(7))
    model = replace(candidate.model, file=sha256(content), **change)
    core = forge.core(state, RecordType.REJECTED, replace(candidate, model=model))
    run = forge.write(tmp_path, [genesis, forge.seal(core, accepting=())])
    BlobStore(run / "blobs").put(content)
    (finding,) = audit_run(run).findings
    assert (finding.code, finding.height) == (code, 1)


def test_the_summary_is_not_trusted_but_must_not_contradict(
    tmp_path: Path, forge: Forge, blocks: list[Block]
) -> None:
    run = forge.write(tmp_path, blocks)
    summarise(run, blocks)
    assert audit_run(run).judgement is Judgement.VALID
    summarise(run, blocks[:-1])
    assert codes(audit_run(run)) == ["SUMMARY_DIFFERS"]
    summarise(run, blocks, ["h1", "h2"])
    assert [f.node for f in audit_run(run).findings] == ["h2"]
    (run / "run.json").write_text('{"replicas": null}')
    assert audit_run(run).judgement is Judgement.VALID
    for malformed in ("{", "[]", '{"replicas": 5}', '{"replicas": {"h1": {}}}', "[" * 100_000):
        (run / "run.json").write_text(malformed)
        assert codes(audit_run(run)) == ["SUMMARY_MALFORMED"]


def test_bytes_after_the_end_record_are_a_finding(
    tmp_path: Path, forge: Forge, blocks: list[Block]
) -> None:
    run = forge.write(tmp_path, blocks)
    path = segment_path(run / "ledger" / "h1", 0)
    path.write_bytes(path.read_bytes() + frame(b"more")[: HEADER_SIZE - 2])
    (finding,) = audit_run(run).findings
    assert (finding.code, finding.offset) == ("AFTER_END", path.stat().st_size - HEADER_SIZE + 2)


def test_an_empty_replica_is_incomplete(tmp_path: Path, forge: Forge, blocks: list[Block]) -> None:
    run = forge.write(tmp_path, blocks)
    forge.write_replica(run, "h2", [])
    report = audit_run(run)
    assert report.judgement is Judgement.INCOMPLETE
    assert report.not_ruled_out[-1] == "h2 holds no block at all"


def test_what_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not a run"):
        audit_run(tmp_path)
    (tmp_path / "ledger").mkdir()
    with pytest.raises(StoreError, match="holds no replica"):
        audit_run(tmp_path)


def test_findings_of_one_replica_are_limited_in_number_not_in_effect(tmp_path: Path) -> None:
    forge = Forge(round_count=120)
    blocks = forge.blocks()
    bare = [blocks[0], *(Block(each.core, Seal()) for each in blocks[1:])]
    report = audited(tmp_path, forge, bare)
    assert len(report.findings) == 100
    assert report.replicas[0].height == 121
