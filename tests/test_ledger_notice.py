"""Records beside models: evidence, membership, opinions, reviews; who must have signed them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.quorum import QuorumSet
from consensus.statements import ViewCommit, Vote
from crypto.digest import Digest, sha256
from crypto.identity import NodeId
from ledger.audit import AuditOptions, AuditReport, Judgement, Level, audit_run
from ledger.blobs import BlobStore
from ledger.block import (
    Block,
    NodeSeal,
    RecordType,
    Seal,
    decode_block,
    encode_block,
    recorded_as,
)
from ledger.chain import ChainState
from ledger.errors import Violation
from ledger.evidence import (
    Evidence,
    ForkEvidence,
    check_evidence,
    check_exhibit,
    encode_evidence,
    evidence_subject,
    notice_of,
)
from ledger.notice import (
    Action,
    EvidenceNotice,
    MembershipNotice,
    Misconduct,
    Notice,
    OpinionNotice,
    QualityNotice,
)
from tests.forge import Forge, grow, model_bytes, start

H1, H2, H3, H4 = (NodeId(f"h{number}") for number in range(1, 5))
STRANGER = NodeId("stranger")
NO_SUBJECT = Digest(bytes(32))

TWO_VOTES = (Vote(7, sha256(b"a")), Vote(7, sha256(b"b")))


def two_votes(node: NodeId = H2, forge: Forge | None = None) -> Evidence:
    return (forge or Forge()).equivocation(node, *TWO_VOTES)


def fork() -> Evidence:
    return Forge().fork((H1, H2, H3), (H2, H3, H4))


NOTICES: list[Notice] = [
    EvidenceNotice(Misconduct.EQUIVOCATION, (H2,), evidence_subject(two_votes())),
    EvidenceNotice(Misconduct.FORK, (H2, H3), evidence_subject(fork())),
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
    block = forge.seal(core, accepting=accepting)
    if isinstance(notice, EvidenceNotice):
        file = encode_evidence(
            two_votes() if notice.misconduct is Misconduct.EQUIVOCATION else fork()
        )
        forge.exhibits.append(file)
        block = showing(block, file)
    return [genesis, block]


def showing(block: Block, file: bytes) -> Block:
    """The same record; its seal names this file."""
    return Block(block.core, replace(block.seal, exhibit=sha256(file)))


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
    word = NodeSeal(STRANGER, seal.votes[0].signature)
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


def named(notice: Notice) -> Seal:
    """A seal of nobody that reads back."""
    return Seal(exhibit=sha256(b"e")) if isinstance(notice, EvidenceNotice) else Seal()


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
    report = audited(tmp_path, forge, [genesis, Block(core, named(notice))])
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
    report = audited(tmp_path, forge, [genesis, Block(core, named(notice))])
    assert [finding.code for finding in report.findings] == ["BAD_SCHEMA"]


# Files of evidence


def convicted(forge: Forge, evidence: Evidence) -> list[Block]:
    genesis = forge.genesis()
    return [genesis, forge.evidence(start(genesis), evidence, genesis)]


def only_finding(report: AuditReport) -> tuple[str, str, int | None]:
    (finding,) = report.findings
    assert finding.node is None
    assert finding.file.startswith("blobs/sha256/")
    return finding.code, finding.level, finding.height


def test_a_notice_says_what_its_evidence_shows_whoever_found_it_and_in_whichever_order() -> None:
    forge, genesis = Forge(), Forge().genesis()
    one = two_votes()
    other = forge.equivocation(H2, *TWO_VOTES[::-1])
    assert notice_of(one, genesis) == notice_of(other, genesis) == NOTICES[0]
    first, second = Forge().decided(1, (H1, H2, H3)), Forge().decided(2, (H2, H3, H4))
    turned = ForkEvidence(second, first)
    assert notice_of(turned, genesis) == notice_of(fork(), genesis) == NOTICES[1]


def test_the_subject_of_evidence_is_another_for_other_nodes_chains_and_deeds() -> None:
    forge, other = Forge(), Forge(label="other")
    subjects = [
        evidence_subject(each)
        for each in (
            two_votes(),
            two_votes(H1),
            two_votes(H2, other),
            forge.equivocation(H2, Vote(8, sha256(b"a")), Vote(8, sha256(b"b"))),
            forge.equivocation(H2, Vote(7, sha256(b"a")), Vote(7, sha256(b"c"))),
            fork(),
            ForkEvidence(forge.decided(1, (H1, H2, H3)), forge.decided(3, (H2, H3, H4))),
        )
    ]
    assert len(set(subjects)) == len(subjects)


def test_other_votes_for_the_same_two_blocks_are_the_same_subject() -> None:
    assert evidence_subject(Forge().fork((H1, H2, H4), (H1, H3, H4))) == evidence_subject(fork())


def test_a_record_of_evidence_is_audited_with_its_file(tmp_path: Path) -> None:
    forge = Forge()
    report = audited(tmp_path, forge, convicted(forge, two_votes()))
    assert report.findings == ()
    assert report.counters.blobs == 2 + forge.round_count  # the file and the models


def test_a_file_of_evidence_is_checked_at_level_l3_alone(tmp_path: Path) -> None:
    forge = Forge()
    blocks = convicted(forge, two_votes())
    forge.exhibits.clear()
    run = forge.write(tmp_path, blocks)
    for level in (Level.L0, Level.L1, Level.L2):
        assert audit_run(run, AuditOptions(level=level)).findings == ()
    assert only_finding(audit_run(run)) == ("BLOB_MISSING", "L3", 1)


def test_an_altered_file_of_evidence_is_found(tmp_path: Path) -> None:
    forge = Forge()
    run = forge.write(tmp_path, convicted(forge, two_votes()))
    path = BlobStore(run / "blobs").path(sha256(forge.exhibits[0]))
    whole = path.read_bytes()
    path.unlink()
    for content in (b"", whole[:-1], whole[:-1] + b"x"):
        path.write_bytes(content)
        assert only_finding(audit_run(run)) == ("BLOB_UNREADABLE", "L3", 1)


def test_a_file_that_shows_something_else_is_found(tmp_path: Path) -> None:
    forge = Forge()
    genesis, block = convicted(forge, two_votes())
    forged = forge.equivocation(H2, *TWO_VOTES)
    forged = replace(forged, second=replace(forged.second, signature=forged.first.signature))
    files = {
        "of another culprit": encode_evidence(two_votes(H3)),
        "of another chain": encode_evidence(two_votes(H2, Forge(label="other"))),
        "of a fork": encode_evidence(fork()),
        "forged": encode_evidence(forged),
        "of one vote": encode_evidence(forge.equivocation(H2, TWO_VOTES[0], TWO_VOTES[0])),
        "of no contradiction": encode_evidence(
            forge.equivocation(H2, TWO_VOTES[0], Vote(8, sha256(b"b")))
        ),
        "no evidence": b"no evidence",
        "a block": encode_block(block),
    }
    for name, file in files.items():
        forge.exhibits = [file]
        run = forge.write(tmp_path / name, [genesis, showing(block, file)])
        assert only_finding(audit_run(run)) == ("BAD_EXHIBIT", "L3", 1), name
        assert isinstance(block.core.body, EvidenceNotice)
        with pytest.raises(Violation):
            check_exhibit(file, block.core.body, genesis)


def test_one_file_is_compared_with_every_notice_that_names_it(tmp_path: Path) -> None:
    """What convicts h2 does not convict h3 because it was looked at already."""
    forge = Forge()
    blocks = convicted(forge, two_votes())
    state = grow(start(blocks[0]), blocks[1])
    notice = blocks[1].core.body
    assert isinstance(notice, EvidenceNotice)
    framed = forge.notice(state, replace(notice, culprits=(H3,)))
    run = forge.write(tmp_path, [*blocks, showing(framed, forge.exhibits[0])])
    assert only_finding(audit_run(run)) == ("BAD_EXHIBIT", "L3", 2)


def test_a_notice_that_the_coalition_rejected_need_show_nothing(tmp_path: Path) -> None:
    forge = Forge()
    blocks = recorded(forge, NOTICES[0], RecordType.REJECTED)
    blocks[1] = showing(blocks[1], b"no evidence")
    forge.exhibits = [b"no evidence"]
    assert audited(tmp_path / "there", forge, blocks).findings == ()
    forge.exhibits = []
    assert only_finding(audited(tmp_path / "gone", forge, blocks)) == ("BLOB_MISSING", "L3", 1)


def test_a_fork_across_views_of_pbft_is_recorded_without_culprits(tmp_path: Path) -> None:
    forge = Forge(protocol="pbft")
    later = forge.decided(2, (H2, H3, H4), lambda _, slot, value: ViewCommit(slot, 2, value))
    evidence = ForkEvidence(forge.decided(1, (H1, H2, H3)), later)
    blocks = convicted(forge, evidence)
    assert blocks[1].core.body == EvidenceNotice(Misconduct.FORK, (), evidence_subject(evidence))
    assert check_evidence(evidence, blocks[0]).code == "FORK"
    assert audited(tmp_path, forge, blocks).findings == ()
    assert grow(start(blocks[0]), blocks[1]).excluded == frozenset()


# Who is excluded


def after(blocks: list[Block]) -> ChainState:
    state = start(blocks[0])
    for block in blocks[1:]:
        state = grow(state, block)
    return state


def test_the_nodes_that_are_not_excluded_take_turns_to_lead() -> None:
    forge = Forge(round_count=9)
    blocks = convicted(forge, forge.fork((H1, H2, H3), (H2, H3, H4)))
    state = after(blocks)
    assert state.excluded == {H2, H3}
    leaders = []
    for _ in range(4):
        leaders.append(state.leader)
        blocks.append(forge.absent(state))
        state = after(blocks)
    assert leaders == [H4, H1, H4, H1]  # slots 2 to 5, of h1 and h4


def test_where_all_are_excluded_all_take_turns() -> None:
    forge = Forge(count=1, round_count=9, quorum_set=lambda nodes: QuorumSet(1, tuple(nodes)))
    blocks = convicted(forge, forge.equivocation(H1, *TWO_VOTES))
    assert after(blocks).excluded == {H1}
    assert after(blocks).leader == H1


def test_who_is_excluded_votes_and_neither_leads_nor_contributes(tmp_path: Path) -> None:
    forge = Forge()
    blocks = convicted(forge, two_votes())
    state = after(blocks)
    assert state.leader == H3  # slot 2 would have been that of h2
    good = forge.accepted(state, model_bytes(1))
    assert [vote.node for vote in good.seal.votes] == [H1, H2, H3]
    assert audited(tmp_path / "good", forge, [*blocks, good]).findings == ()
    led = forge.seal(replace(good.core, proposer=H2), accepting=forge.voters)
    report = audited(tmp_path / "led", forge, [*blocks, led])
    assert [(each.code, each.level) for each in report.findings] == [("BAD_PROPOSER", "L2")]
    core = forge.core(state, RecordType.ACCEPTED, forge.model(state, model_bytes(1), H2))
    authored = (
        forge.seal(core, accepting=forge.voters),
        forge.rejected(state, model_bytes(1), H2),
    )
    for number, block in enumerate(authored):
        report = audited(tmp_path / f"by{number}", forge, [*blocks, block])
        assert [(each.code, each.level) for each in report.findings] == [("BAD_AUTHOR", "L1")]


def test_evidence_that_was_turned_down_excludes_nobody() -> None:
    blocks = recorded(Forge(), NOTICES[0], RecordType.REJECTED)
    assert after(blocks).excluded == frozenset()
    assert after(blocks).leader == H2


def quarantine(node: NodeId) -> MembershipNotice:
    return MembershipNotice(Action.QUARANTINE, node, NO_SUBJECT, "rejected")


def test_nobody_is_quarantined_before_the_rule_says_so(tmp_path: Path) -> None:
    forge = Forge(round_count=4, quarantine_after=2)
    blocks = [forge.genesis()]
    for number, author in enumerate((H2, H1, H2), 1):
        refused = forge.notice(after(blocks), quarantine(H2))
        report = audited(tmp_path / str(number), forge, [*blocks, refused])
        (finding,) = report.findings
        assert (finding.code, finding.level, finding.height) == ("BAD_QUARANTINE", "L1", number)
        assert finding.expected == "2 rejected candidates of h2"
        blocks.append(forge.rejected(after(blocks), model_bytes(number), author))
    assert after(blocks).rejections == {H1: 1, H2: 2}
    blocks.append(forge.notice(after(blocks), quarantine(H2)))
    assert audited(tmp_path / "sound", forge, blocks).findings == ()
    assert after(blocks).excluded == {H2}
    for node in (H1, H3):
        with pytest.raises(Violation, match="BAD_QUARANTINE"):
            grow(after(blocks), forge.notice(after(blocks), quarantine(node)))


def test_a_quarantine_that_is_turned_down_needs_no_rejections(tmp_path: Path) -> None:
    forge = Forge(quarantine_after=2)
    blocks = recorded(forge, quarantine(H2), RecordType.REJECTED)
    assert audited(tmp_path, forge, blocks).findings == ()
    assert after(blocks).excluded == frozenset()


def test_where_the_rule_is_a_vote_a_vote_is_enough(tmp_path: Path) -> None:
    forge = Forge(quarantine_after=0)
    blocks = recorded(forge, quarantine(H2))
    assert audited(tmp_path, forge, blocks).findings == ()
    assert after(blocks).excluded == {H2}


def test_other_words_about_a_member_exclude_nobody() -> None:
    for notice in NOTICES:
        if isinstance(notice, MembershipNotice) and notice.action is not Action.QUARANTINE:
            assert after(recorded(Forge(), notice)).excluded == frozenset()


def test_of_a_rejected_candidate_of_many_authors_nobody_can_tell_whose_part_was_bad() -> None:
    forge = Forge()
    genesis = forge.genesis()
    state = start(genesis)
    model = forge.model(state, model_bytes(1))
    mixed = replace(model, updates=(*model.updates, replace(model.updates[0], author=H2)))
    core = forge.core(state, RecordType.REJECTED, mixed)
    assert grow(state, Block(core, Seal())).rejections == {}
    assert grow(state, forge.accepted(state, model_bytes(1))).rejections == {}
    assert grow(state, forge.absent(state)).rejections == {}


def test_where_everybody_is_excluded_all_take_turns_again_at_any_height() -> None:
    forge = Forge()
    state = replace(start(forge.genesis()), excluded=frozenset(forge.nodes))
    assert [state.leader_at(height) for height in (1, 2, 3, 4, 5)] == [*forge.nodes, forge.nodes[0]]
    some = replace(state, excluded=frozenset((H2,)))
    assert H2 not in {some.leader_at(height) for height in range(1, 9)}
