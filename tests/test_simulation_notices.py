"""Notices in the full engine: evidence that convicts, quarantine, and what neither may do."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from consensus.quorum import quorum_set_digest
from consensus.statements import Nominate, Statement, Verdict, signing_fields
from crypto.digest import Digest, sha256
from crypto.envelope import Signed, sign_value
from crypto.identity import NodeId
from ledger.blobs import BlobStore
from ledger.block import Block, RecordType, core_hash
from ledger.body import Candidate
from ledger.candidate import ModelCandidate
from ledger.chain import ChainState
from ledger.evidence import (
    Equivocation,
    check_exhibit,
    encode_evidence,
    evidence_subject,
    notice_of,
)
from ledger.genesis import Genesis
from ledger.notice import Action, EvidenceNotice, MembershipNotice, Misconduct
from scenarios.simulation.coalition import found as founded
from scenarios.simulation.docket import Docket
from scenarios.simulation.hospital import Hospital
from scenarios.simulation.wire import UpdateMessage
from scenarios.source import parse
from tests.engine import PROTOCOLS, SMALL, Run, faults, run
from tests.program import one_object, tclearn

TWO_FACED = faults("{kind: twin, hospital: hospital-1}")
HONEST = [f"hospital-{number}" for number in range(2, 6)]
NODES = [NodeId(f"hospital-{number}") for number in range(1, 5)]
H1, H2, H3, H4 = NODES

POISON = "{{kind: poison, hospital: {}, attack: nan, from_round: {}, until_round: {}}}"

Matter = tuple[Candidate, bytes]


def check_held(found: Run) -> None:
    assert set(found.verdicts.values()) == {"held"}, found.verdicts
    assert not found.report.findings


def authors(found: Run) -> set[str]:
    return {author for row in found.outcome.rounds for author in row.authors}


# Evidence against a two-faced leader


@pytest.fixture(scope="module", params=PROTOCOLS)
def two_faced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The first leader has two faces, in three rounds of five hospitals."""
    folder = tmp_path_factory.mktemp("two-faced")
    protocol = {"name": request.param}
    return run(folder, hospitals=5, rounds=6, protocol=protocol, faults=TWO_FACED)


def evidence_in(blocks: list[Block]) -> list[Block]:
    return [block for block in blocks if block.core.type is RecordType.EVIDENCE]


def test_evidence_against_a_two_faced_leader_is_on_every_honest_ledger(two_faced: Run) -> None:
    check_held(two_faced)
    assert set(two_faced.outcome.accused) == {H1}
    store = BlobStore(two_faced.folder / "blobs")
    genesis = two_faced.coalition.genesis
    for hospital in HONEST:
        (block,) = evidence_in(list(two_faced.blocks(hospital)))
        notice, exhibit = block.core.body, block.seal.exhibit
        assert isinstance(notice, EvidenceNotice)
        assert notice.culprits == (H1,)
        assert exhibit is not None
        check_exhibit(store.get(exhibit), notice, genesis)


def test_who_is_convicted_leads_and_contributes_no_more(two_faced: Run) -> None:
    height = two_faced.types.index("evidence") + 1
    after = [row for row in two_faced.outcome.rounds if row.height > height]
    assert len(after) >= 6
    assert all(row.proposer not in ("", H1) and H1 not in row.authors for row in after)
    assert two_faced.types[-1] == "end"


def test_the_same_culprit_is_not_convicted_twice(two_faced: Run) -> None:
    assert two_faced.types.count("evidence") == 1
    assert two_faced.types.count("accepted") == 6


def test_the_program_says_what_the_evidence_of_a_run_proves(tmp_path: Path, two_faced: Run) -> None:
    (file, *_) = sorted((two_faced.folder / "evidence").iterdir())
    genesis = two_faced.folder / "ledger" / "hospital-2" / "00000000.seg"
    done = tclearn("evidence", file, "--genesis", genesis, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert one_object(done.stdout)["culprits"] == ["hospital-1"]


def test_the_cores_are_the_same_when_the_signatures_are_not(tmp_path: Path) -> None:
    """ML-DSA signs with fresh randomness: what is hashed depends neither on it nor on a hash seed.

    One of the two runs has the hash seed of this process, whatever it is.
    """
    changes: dict[str, Any] = {"rounds": 1, "signature": "ML-DSA-44", "faults": TWO_FACED}
    yaml = YAML(typ="safe")
    with (tmp_path / "small.yaml").open("w") as file:
        yaml.dump(yaml.load(SMALL) | changes, file)
    done = tclearn(
        *("run", "small.yaml", "--json", "--out", "other"),
        cwd=tmp_path,
        variables={"PYTHONHASHSEED": "1"},
    )
    assert done.returncode == 0, done.stderr
    other, found = one_object(done.stdout), run(tmp_path, **changes)
    assert other["chain_id"] == found.coalition.chain_id.hex()
    assert other["chain_head"] == found.outcome.chain_head.hex()
    assert other["trace_digest"] == found.outcome.trace_digest.hex()
    one, two = (
        {path.name: path.read_bytes() for path in (folder / "evidence").iterdir()}
        for folder in (found.folder, tmp_path / "other")
    )
    assert one.keys() == two.keys() != set()
    assert all(one[name] != two[name] for name in one)


# Evidence that proves nothing, or again


class Court:
    """Makes evidence as whoever holds every key could: true and false."""

    def __init__(self, genesis: Block) -> None:
        self.genesis = genesis
        self.keys = founded(parse(SMALL, "small.yaml")).keys  # of the seed alone
        self.chain_id = core_hash(genesis.core)
        body = genesis.core.body
        assert isinstance(body, Genesis)
        self.quorum_sets = body.quorum_sets

    def signed(self, node: NodeId, statement: Statement, by: NodeId | None = None) -> Any:
        digest = quorum_set_digest(self.quorum_sets[node])
        label, fields = signing_fields(statement, self.chain_id, node, digest)
        signature = sign_value(self.keys[by or node], label, fields)
        return Signed(statement, node, signature)

    def verdict(self, accept: bool) -> Verdict:
        return Verdict(1, sha256(b"candidate"), accept, "ok", ())

    def equivocation(self, node: NodeId, by: NodeId | None = None) -> Equivocation:
        both = (self.signed(node, self.verdict(accept), by) for accept in (True, False))
        return Equivocation(self.chain_id, *both)

    def matter(self, evidence: Equivocation, *culprits: NodeId) -> Matter:
        """A notice of it, whether it is so or not."""
        accused = culprits or (evidence.first.node,)
        subject = evidence_subject(evidence)
        notice = EvidenceNotice(Misconduct.EQUIVOCATION, accused, subject)
        return notice, encode_evidence(evidence)

    def true(self, node: NodeId) -> Matter:
        evidence = self.equivocation(node)
        return notice_of(evidence, self.genesis), encode_evidence(evidence)


def docket_that_says(
    patch: pytest.MonkeyPatch, matters: Mapping[int, Callable[[Court], Matter]]
) -> None:
    """Let whoever leads the slot after a height propose this in the place of what it would."""
    original = Docket.next_matter

    def next_matter(docket: Docket, state: ChainState) -> Matter | None:
        matter = matters.get(state.height)
        if matter is None:
            return original(docket, state)
        return matter(Court(docket._genesis))

    patch.setattr(Docket, "next_matter", next_matter)


def bad_signature(court: Court) -> Matter:
    evidence = court.equivocation(H4)
    flipped = bytes([evidence.second.signature[0] ^ 1]) + evidence.second.signature[1:]
    return court.matter(replace(evidence, second=replace(evidence.second, signature=flipped)))


def framed(court: Court) -> Matter:
    """A liar signs both statements in the name of another."""
    return court.matter(court.equivocation(H3, by=H1))


def no_contradiction(court: Court) -> Matter:
    digest = quorum_set_digest(court.quorum_sets[H4])
    said = (Nominate(1, digest, votes, ()) for votes in ((), (sha256(b"x"),)))
    return court.matter(Equivocation(court.chain_id, *(court.signed(H4, each) for each in said)))


def the_same_twice(court: Court) -> Matter:
    once = court.signed(H4, court.verdict(True))
    return court.matter(Equivocation(court.chain_id, once, once))


def another_culprit(court: Court) -> Matter:
    return court.matter(court.equivocation(H4), H2)


def one_culprit_more(court: Court) -> Matter:
    return court.matter(court.equivocation(H4), H2, H4)


def two_nodes(court: Court) -> Matter:
    one, other = court.signed(H3, court.verdict(True)), court.signed(H4, court.verdict(False))
    return court.matter(Equivocation(court.chain_id, one, other))


def another_chain(court: Court) -> Matter:
    court.chain_id = Digest(sha256(b"x"))
    return court.matter(court.equivocation(H4))


def no_file(court: Court) -> Matter:
    return court.true(H4)[0], b""


def noise(court: Court) -> Matter:
    return court.true(H4)[0], b"\xff" * 99


FORGED: list[tuple[Callable[[Court], Matter], str]] = [
    (bad_signature, "BAD_SIGNATURE"),
    (framed, "BAD_SIGNATURE"),
    (no_contradiction, "NO_CONTRADICTION"),
    (the_same_twice, "SAME_STATEMENT"),
    (another_culprit, "BAD_EXHIBIT"),
    (one_culprit_more, "BAD_EXHIBIT"),
    (two_nodes, "TWO_NODES"),
    (another_chain, "BAD_CHAIN"),
    (no_file, "BAD_ENCODING"),
    (noise, "BAD_ENCODING"),
]


@pytest.mark.parametrize(("forge", "reason"), FORGED, ids=[each.__name__ for each, _ in FORGED])
def test_a_leader_with_forged_evidence_loses_its_round_and_convicts_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: Callable[[Court], Matter], reason: str
) -> None:
    docket_that_says(monkeypatch, {0: forge})
    found = run(tmp_path)
    for hospital in (H2, H3, H4):
        refused = [line["reason"] for line in found.lines("refuse", hospital)]
        assert any(each.startswith(reason) for each in refused), refused
    check_held(found)
    assert found.types == ["rejected", "accepted", "end"]
    assert not evidence_in(list(found.blocks("hospital-4")))


def test_true_evidence_is_recorded_once_and_a_second_time_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docket_that_says(monkeypatch, {0: lambda court: court.true(H4), 1: lambda c: c.true(H4)})
    found = run(tmp_path)
    assert found.types == ["evidence", "rejected", "accepted", "accepted", "end"]
    assert set(found.outcome.rounds[1].reject_reasons) == {"notice"}
    assert found.verdicts["agreement"] == found.verdicts["termination"] == "held"
    assert not found.report.findings


def test_other_notices_of_a_leader_are_refused_by_who_has_not_seen_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leader that would have another quarantined before the coalition's rule says so."""
    notice = MembershipNotice(Action.QUARANTINE, H4, Digest(bytes(32)), "I say so")
    docket_that_says(monkeypatch, {0: lambda _: (notice, b"")})
    found = run(tmp_path)
    check_held(found)
    assert found.types == ["rejected", "accepted", "end"]
    refused = [line["reason"] for line in found.lines("refuse", H2)]
    assert any(each.startswith("BAD_QUARANTINE") for each in refused)


def test_when_everybody_is_excluded_all_lead_again_and_the_run_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody may contribute: the rounds pass without a candidate, the end is agreed on."""
    against = {height: partial(Court.true, node=node) for height, node in enumerate(NODES)}
    docket_that_says(monkeypatch, against)
    found = run(tmp_path)
    assert found.types == [*["evidence"] * 4, "rejected", "rejected", "end"]
    assert found.outcome.rounds[-1].proposer == "hospital-3"  # the leader of slot 7 of four
    assert not found.lines("proposal")[-1]["time_us"] < found.outcome.rounds[-2].decided_us
    assert found.verdicts["agreement"] == found.verdicts["termination"] == "held"
    assert not found.report.findings


def test_an_excluded_contributor_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docket_that_says(monkeypatch, {0: lambda court: court.true(H4)})
    found = run(tmp_path, "training: {epochs: 1, scheme: fedavg}")
    models = [set(row.authors) for row in found.outcome.rounds if row.authors]
    assert models == [{H1, H2, H3}] * 2
    assert found.outcome.time_us < 2_000_000  # a leader that waited would wait 2.5 s
    assert not found.report.findings


def test_the_update_of_an_excluded_author_is_refused(tmp_path: Path) -> None:
    """A leader whose chain excludes the author does not take in what it sends all the same."""
    sent: list[tuple[str, NodeId]] = []

    def change(hospital: Hospital, sender: str, message: Any) -> list[Any]:
        state = hospital.replica.state
        if isinstance(message, UpdateMessage) and message.slot == state.height + 1 and not sent:
            author = message.entry.author
            sent.append((hospital.instance, author))
            hospital.replica.state = replace(state, excluded=frozenset({author}))
            hospital._handle(message, sender)
            hospital.replica.state = state
        return [message]

    found = run(tmp_path, "training: {epochs: 1, scheme: fedavg}", change=change)
    ((leader, author),) = sent
    (refused,) = found.lines("refuse", leader)
    assert refused["from"] == author
    assert refused["reason"].startswith("BAD_AUTHOR")
    check_held(found)


# Quarantine


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (1, ["accepted", "rejected", "membership", *["accepted"] * 5, "end"]),
        (2, ["accepted", "rejected", *["accepted"] * 3, "rejected", "membership", "accepted"]),
        (3, ["accepted", "rejected", *["accepted"] * 3, "rejected", "accepted", "end"]),
        (0, ["accepted", "rejected", *["accepted"] * 3, "rejected", "accepted", "end"]),
    ],
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_hospital_is_quarantined_after_so_many_rejections_and_not_before(
    tmp_path: Path, protocol: str, after: int, expected: list[str]
) -> None:
    found = run(
        tmp_path,
        rounds=7,
        protocol={"name": protocol, "quarantine_after": after},
        faults=faults(POISON.format("hospital-2", 1, 7)),
    )
    check_held(found)
    assert found.types[: len(expected)] == expected
    if "membership" not in expected:
        assert "membership" not in found.types
        return
    since = expected.index("membership") + 1
    assert all(H2 not in (row.proposer, *row.authors) for row in found.outcome.rounds[since:])
    blocks = list(found.blocks("hospital-4"))
    notice = blocks[since].core.body
    assert isinstance(notice, MembershipNotice)
    assert (notice.action, notice.node) == (Action.QUARANTINE, H2)
    assert {row.ended for row in found.outcome.instances} == {True}
    assert {line["at"] for line in found.lines("verdict") if line["slot"] > since} == set(NODES)


def test_a_hospital_alone_that_quarantines_itself_learns_no_more(tmp_path: Path) -> None:
    """Excluded from its own models, it leads on, as nobody else is left."""
    found = run(
        tmp_path,
        hospitals=1,
        rounds=3,
        protocol={"quarantine_after": 1},
        faults=faults(POISON.format("hospital-1", 1, 1)),
    )
    check_held(found)
    assert found.types == ["rejected", "membership", "rejected", "rejected", "end"]


def test_a_rejected_model_of_many_authors_quarantines_none_of_them(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        "training: {epochs: 1, scheme: fedavg}",
        rounds=3,
        protocol={"quarantine_after": 1},
        faults=faults(POISON.format("hospital-2", 1, 2)),
    )
    check_held(found)
    assert found.types == ["rejected", "rejected", "accepted", "end"]
    blocks = list(found.blocks("hospital-1"))
    bodies = [block.core.body for block in blocks]
    assert [len(each.updates) for each in bodies if isinstance(each, ModelCandidate)] == [4, 4, 4]
