"""Records beside models: evidence, membership, opinions, reviews; who must have signed them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.digest import Digest, sha256
from crypto.identity import NodeId
from ledger.audit import AuditReport, Judgement, audit_run
from ledger.block import Block, RecordType, Seal, decode_block, encode_block, recorded_as
from ledger.notice import (
    Action,
    EvidenceNotice,
    MembershipNotice,
    Misconduct,
    Notice,
    OpinionNotice,
    QualityNotice,
)
from tests.forge import Forge, grow, start

H1, H2, H3 = (NodeId(f"h{number}") for number in range(1, 4))
STRANGER = NodeId("stranger")
NO_SUBJECT = Digest(bytes(32))

NOTICES: list[Notice] = [
    EvidenceNotice(Misconduct.EQUIVOCATION, (H2,), sha256(b"evidence")),
    EvidenceNotice(Misconduct.FORK, (), sha256(b"evidence")),
    MembershipNotice(Action.JOIN, STRANGER, sha256(b"key"), "asks to join"),
    MembershipNotice(Action.LEAVE, H2, NO_SUBJECT, ""),
    MembershipNotice(Action.ROTATE, H2, sha256(b"key"), "yearly"),
    MembershipNotice(Action.QUARANTINE, H3, NO_SUBJECT, "three rejected candidates"),
    MembershipNotice(Action.WITHDRAW, H1, sha256(b"data"), "consent withdrawn"),
    OpinionNotice(H2, sha256(b"model"), 800_000, sha256(b"text")),
    QualityNotice(H1, sha256(b"data"), ((H2, 900_000), (H3, 1_000_000))),
    QualityNotice(H1, sha256(b"data"), ()),
]


def identify(notice: Notice) -> str:
    detail = notice.action.value if isinstance(notice, MembershipNotice) else ""
    return f"{type(notice).__name__}{detail}"


def recorded(forge: Forge, notice: Notice, record_type: RecordType | None = None) -> list[Block]:
    """A genesis and one notice."""
    genesis = forge.genesis()
    core = forge.core(start(genesis), record_type or recorded_as(notice), notice)
    accepting = () if record_type is RecordType.REJECTED else forge.voters
    return [genesis, forge.seal(core, accepting=accepting)]


def audited(tmp_path: Path, forge: Forge, blocks: list[Block]) -> AuditReport:
    return audit_run(forge.write(tmp_path, blocks))


def attested(notice: Notice) -> bool:
    """Whether somebody of the coalition has to sign its content."""
    if isinstance(notice, MembershipNotice):
        return notice.action not in (Action.QUARANTINE, Action.JOIN)
    return not isinstance(notice, EvidenceNotice) and notice != NOTICES[-1]


@pytest.mark.parametrize("notice", NOTICES, ids=identify)
def test_a_notice_reads_back_and_is_audited(tmp_path: Path, notice: Notice) -> None:
    forge = Forge()
    blocks = recorded(forge, notice)
    if isinstance(notice, MembershipNotice) and notice.action is Action.JOIN:
        blocks[1] = with_word(forge, blocks[1])
    block, _ = decode_block(encode_block(blocks[1]))
    assert block == blocks[1]
    report = audited(tmp_path, forge, blocks)
    assert report.findings == ()
    assert report.judgement is Judgement.INCOMPLETE  # no end record yet
    assert report.replicas[0].height == 1


def with_word(forge: Forge, block: Block) -> Block:
    """Who asks to join has no key in the genesis; its word stands there, and proves nothing yet."""
    seal = block.seal
    word = replace(seal.votes[0], node=STRANGER)
    return Block(block.core, replace(seal, attestations=(word,)))


@pytest.mark.parametrize("notice", NOTICES, ids=identify)
def test_a_notice_is_no_round_of_learning(tmp_path: Path, notice: Notice) -> None:
    forge = Forge(round_count=1)
    blocks = recorded(forge, notice, RecordType.REJECTED)
    if isinstance(notice, MembershipNotice) and notice.action is Action.JOIN:
        blocks[1] = with_word(forge, blocks[1])
    state = grow(start(blocks[0]), blocks[1])
    for make in (forge.absent, forge.end):
        blocks.append(make(state))
        state = grow(state, blocks[-1])
    report = audited(tmp_path, forge, blocks)
    assert report.judgement is Judgement.VALID, report.findings


def bare(block: Block) -> Seal:
    return replace(block.seal, attestations=())


def foreign(block: Block) -> Seal:
    """The signatures of something else in their place."""
    vote = block.seal.votes[0].signature
    return replace(
        block.seal,
        attestations=tuple(replace(each, signature=vote) for each in block.seal.attestations),
    )


@pytest.mark.parametrize(
    ("spoil", "code"), [(bare, "BAD_ATTESTATION"), (foreign, "BAD_ATTESTATION_SIGNATURE")]
)
@pytest.mark.parametrize("notice", [each for each in NOTICES if attested(each)], ids=identify)
def test_content_that_its_author_did_not_sign_is_found(
    tmp_path: Path, notice: Notice, spoil: Callable[[Block], Seal], code: str
) -> None:
    forge = Forge()
    genesis, block = recorded(forge, notice)
    report = audited(tmp_path, forge, [genesis, Block(block.core, spoil(block))])
    assert {(finding.code, finding.height) for finding in report.findings} == {(code, 1)}


@pytest.mark.parametrize(
    "notice",
    [
        EvidenceNotice(Misconduct.FORK, (STRANGER,), sha256(b"e")),
        MembershipNotice(Action.LEAVE, STRANGER, NO_SUBJECT, ""),
        OpinionNotice(STRANGER, sha256(b"m"), 1, sha256(b"t")),
        QualityNotice(STRANGER, sha256(b"d"), ()),
        QualityNotice(H1, sha256(b"d"), ((STRANGER, 1),)),
    ],
)
def test_a_stranger_is_no_author(tmp_path: Path, notice: Notice) -> None:
    forge = Forge()
    genesis = forge.genesis()
    core = forge.core(start(genesis), recorded_as(notice), notice)
    report = audited(tmp_path, forge, [genesis, Block(core, Seal())])
    assert [(finding.code, finding.height) for finding in report.findings] == [("BAD_AUTHOR", 1)]


def test_a_notice_stands_in_a_block_of_its_own_type(tmp_path: Path) -> None:
    forge = Forge()
    blocks = recorded(forge, NOTICES[0], RecordType.OPINION)
    assert [finding.code for finding in audited(tmp_path, forge, blocks).findings] == ["BAD_TYPE"]


@pytest.mark.parametrize(
    "notice",
    [
        OpinionNotice(H2, sha256(b"m"), 1_000_001, sha256(b"t")),
        QualityNotice(H1, sha256(b"d"), ((H2, -1),)),
        QualityNotice(H1, sha256(b"d"), ((H3, 1), (H2, 1))),
        EvidenceNotice(Misconduct.FORK, (H2, H2), sha256(b"e")),
        MembershipNotice(Action.LEAVE, H2, NO_SUBJECT, "x" * 300),
    ],
)
def test_a_notice_outside_its_limits_is_refused(tmp_path: Path, notice: Notice) -> None:
    forge = Forge()
    genesis = forge.genesis()
    core = forge.core(start(genesis), recorded_as(notice), notice)
    report = audited(tmp_path, forge, [genesis, Block(core, Seal())])
    assert [finding.code for finding in report.findings] == ["BAD_SCHEMA"]
