"""Votes in seals say what they are: the ledgers of each protocol, sound ones and others."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.certificate import DECIDING, decided_value
from consensus.quorum import QuorumSet, quorum_set_digest
from consensus.statements import (
    COUNTER_MAX,
    Ballot,
    Confirm,
    Externalized,
    Nominate,
    Prepare,
    Statement,
    ViewCommit,
    ViewPrepare,
    Vote,
)
from crypto.digest import Digest, sha256
from crypto.encoding import Value, decode, encode
from crypto.envelope import Signed
from crypto.identity import NodeId
from ledger.audit import Judgement, audit_run
from ledger.block import Block, VoteKind, VoteSeal, core_hash, decode_block, encode_block
from ledger.decision import check_vote_kind, decides, sealed_statement, vote_seal
from ledger.errors import Violation
from ledger.evidence import check_evidence
from ledger.genesis import Genesis
from tests.forge import Ballots, Forge, grow, model_bytes, start

H1, H2, H3, H4 = (NodeId(f"h{number}") for number in range(1, 5))
PROTOCOLS = ("majority", "authority", "scp", "pbft")
A = sha256(b"a")
TRUSTED = quorum_set_digest(Forge().quorum_sets[H1])


@cache
def forge(protocol: str) -> Forge:
    if protocol == "authority":
        return Forge(protocol=protocol, quorum_set=lambda nodes: QuorumSet(1, (nodes[0],)))
    return Forge(protocol=protocol)


def votes_of(saying: Ballots, protocol: str) -> Block:
    """A block of slot 1 whose voters h1, h2, h3 say this."""
    return forge(protocol).decided(1, (H1, H2, H3), saying)


def codes(tmp_path: Path, protocol: str, *blocks: Block) -> list[tuple[str, str, int | None]]:
    by = forge(protocol)
    report = audit_run(by.write(tmp_path, [by.genesis(), *blocks]))
    return [(each.code, each.level, each.height) for each in report.findings]


def confirm(low: int, high: int, counter: int | None = None) -> Ballots:
    ballot = high if counter is None else counter
    return lambda _, slot, value: Confirm(slot, TRUSTED, Ballot(ballot, value), ballot, low, high)


def externalize(counter: int, high: int | None = None) -> Ballots:
    top = counter if high is None else high
    return lambda _, slot, value: Externalized(slot, TRUSTED, Ballot(counter, value), top)


def commit(view: int) -> Ballots:
    return lambda _, slot, value: ViewCommit(slot, view, value)


def each_its_own(**ballots: Ballots) -> Ballots:
    return lambda node, slot, value: ballots[node](node, slot, value)


# Votes as values


counters = st.integers(0, COUNTER_MAX)
digests = st.binary(min_size=32, max_size=32).map(Digest)


@given(
    st.builds(Vote, st.just(7), digests)
    | st.builds(
        Confirm,
        st.just(7),
        st.just(TRUSTED),
        st.builds(Ballot, counters, digests),
        counters,
        counters,
        counters,
    )
    | st.builds(
        Externalized,
        st.just(7),
        st.just(TRUSTED),
        st.builds(Ballot, counters, digests),
        counters,
    )
    | st.builds(ViewCommit, st.just(7), counters, digests)
)
def test_a_vote_in_a_seal_stands_for_the_statement_that_was_signed(statement: Statement) -> None:
    seal = vote_seal(Signed(statement, H1, b"signature"))
    assert seal is not None
    assert (seal.node, seal.signature) == (H1, b"signature")
    value = decided_value(statement)
    assert value is not None
    assert sealed_statement(seal, 7, value, TRUSTED) == statement
    block = forge("majority").decided(1, (H1, H2, H3))
    sealed = Block(block.core, replace(block.seal, votes=(seal,)))
    assert decode_block(encode_block(sealed))[0] == sealed


@pytest.mark.parametrize(
    "statement",
    [
        Nominate(1, TRUSTED, (A,), (A,)),
        Prepare(1, TRUSTED, Ballot(1, A), Ballot(1, A), None, 1, 1),
        ViewPrepare(1, 0, A),
    ],
)
def test_what_decides_nothing_is_no_vote(statement: Statement) -> None:
    assert vote_seal(Signed(statement, H1, b"s")) is None


def test_each_kind_of_vote_decides_in_the_protocols_that_have_it() -> None:
    expected = {
        VoteKind.VOTE: {"majority", "authority"},
        VoteKind.CONFIRM: {"scp"},
        VoteKind.EXTERNALIZE: {"scp"},
        VoteKind.VIEW_COMMIT: {"pbft"},
    }
    for kind in VoteKind:
        seal = VoteSeal(H1, b"s", kind, (1, 1, 1, 1))
        for protocol in DECIDING:
            assert decides(seal, protocol) is (protocol in expected[kind])
            if protocol not in expected[kind]:
                with pytest.raises(Violation, match=rf"BAD_VOTE: .*\({protocol}\), found {kind}"):
                    check_vote_kind(seal, protocol)
            else:
                check_vote_kind(seal, protocol)


def test_a_plain_vote_stands_in_a_seal_as_node_and_signature_alone() -> None:
    for protocol, keys in (("majority", 2), ("authority", 2), ("scp", 3), ("pbft", 3)):
        value = decode(encode_block(forge(protocol).decided(1, (H1, H2, H3))))
        assert isinstance(value, dict)
        assert isinstance(value["seal"], dict)
        assert isinstance(value["seal"]["votes"], list)
        assert {len(each) for each in value["seal"]["votes"] if isinstance(each, dict)} == {keys}


# Ledgers


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_sound_ledger_of_each_protocol_is_valid(tmp_path: Path, protocol: str) -> None:
    by = forge(protocol)
    blocks = by.blocks()
    report = audit_run(by.write(tmp_path, blocks, ["h1", "h2", "h4"]))
    assert report.findings == ()
    assert report.judgement is Judgement.VALID
    genesis = blocks[0].core.body
    assert isinstance(genesis, Genesis)
    assert genesis.protocol == protocol


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_round_without_a_candidate_is_decided_in_each_protocol(
    tmp_path: Path, protocol: str
) -> None:
    by = forge(protocol)
    assert codes(tmp_path, protocol, by.absent(start(by.genesis()))) == []


@pytest.mark.parametrize(
    ("protocol", "saying"),
    [
        ("scp", confirm(1, 1)),
        ("scp", confirm(1, COUNTER_MAX)),
        ("scp", externalize(1)),
        ("scp", externalize(COUNTER_MAX)),
        ("scp", each_its_own(h1=confirm(1, 5), h2=confirm(5, 9), h3=confirm(2, 5))),
        ("scp", each_its_own(h1=confirm(3, 3), h2=externalize(1), h3=externalize(3))),
        ("pbft", commit(0)),
        ("pbft", commit(COUNTER_MAX)),
    ],
)
def test_votes_with_one_counter_or_view_in_common_are_a_certificate(
    tmp_path: Path, protocol: str, saying: Ballots
) -> None:
    assert codes(tmp_path, protocol, votes_of(saying, protocol)) == []


@pytest.mark.parametrize(
    ("protocol", "saying"),
    [
        ("scp", each_its_own(h1=confirm(1, 2), h2=confirm(1, 2), h3=confirm(3, 4))),
        ("scp", each_its_own(h1=confirm(1, 2), h2=confirm(2, 3), h3=confirm(3, 4))),
        ("scp", each_its_own(h1=confirm(1, 2), h2=confirm(1, 2), h3=externalize(3))),
        ("scp", confirm(0, 3)),
        ("scp", confirm(0, 0, 1)),
        ("scp", confirm(3, 2, 3)),
        ("scp", externalize(0)),
        ("pbft", each_its_own(h1=commit(0), h2=commit(0), h3=commit(1))),
        ("pbft", each_its_own(h1=commit(0), h2=commit(1), h3=commit(2))),
    ],
)
def test_votes_with_nothing_in_common_are_no_certificate(
    tmp_path: Path, protocol: str, saying: Ballots
) -> None:
    assert codes(tmp_path, protocol, votes_of(saying, protocol)) == [("NO_QUORUM", "L2", 1)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("other", ["majority", "scp", "pbft"])
def test_votes_of_another_protocols_kind_are_named(
    tmp_path: Path, protocol: str, other: str
) -> None:
    if DECIDING[protocol] == DECIDING[other]:
        return
    spoken = votes_of(forge(other).ballot, protocol)
    assert (
        codes(tmp_path, protocol, spoken) == [("NO_QUORUM", "L2", 1)] + [("BAD_VOTE", "L2", 1)] * 3
    )


@pytest.mark.parametrize("other", ["majority", "scp", "pbft"])
def test_one_vote_of_another_kind_beside_a_quorum_is_named(tmp_path: Path, other: str) -> None:
    for protocol in ("majority", "scp", "pbft"):
        if protocol == other:
            continue
        by = forge(protocol)
        block = by.decided(1, (H1, H2, H3))
        said = forge(other).ballot(H4, 1, core_hash(block.core))
        votes = (*block.seal.votes, by.vote(H4, said, block.core.chain))
        mixed = Block(block.core, replace(block.seal, votes=votes))
        found = codes(tmp_path / protocol, protocol, mixed)
        assert found == [("BAD_VOTE", "L2", 1)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_vote_under_another_quorum_set_does_not_verify(tmp_path: Path, protocol: str) -> None:
    """Whatever slices a node claims, on this ledger it has those of the genesis."""
    by = forge(protocol)
    liar = replace(by, keys={}, witness_keys={}, quorum_sets={})
    liar.quorum_sets[H1] = QuorumSet(1, (H2,))
    block = by.decided(1, (H1, H2, H3))
    false = liar.vote(H1, liar.ballot(H1, 1, core_hash(block.core)), block.core.chain)
    lied = Block(block.core, replace(block.seal, votes=(false, *block.seal.votes[1:])))
    assert codes(tmp_path, protocol, lied) == [("BAD_VOTE_SIGNATURE", "L2", 1)]


def altered(change: Callable[[VoteSeal], VoteSeal]) -> Callable[[Block], Block]:
    """A block whose third vote says something else than was signed."""

    def alter(block: Block) -> Block:
        *votes, last = block.seal.votes
        return Block(block.core, replace(block.seal, votes=(*votes, change(last))))

    return alter


ALTERED: dict[str, tuple[str, Callable[[Block], Block]]] = {
    "the ballot": ("scp", altered(lambda vote: replace(vote, numbers=(5, 4, 1, 3)))),
    "nP": ("scp", altered(lambda vote: replace(vote, numbers=(4, 3, 1, 3)))),
    "nC": ("scp", altered(lambda vote: replace(vote, numbers=(4, 4, 2, 3)))),
    "nH": ("scp", altered(lambda vote: replace(vote, numbers=(4, 4, 1, 4)))),
    "the order": ("scp", altered(lambda vote: replace(vote, numbers=(3, 4, 1, 4)))),
    "the kind": (
        "scp",
        altered(lambda vote: replace(vote, kind=VoteKind.EXTERNALIZE, numbers=(1, 3))),
    ),
    "the voter": ("scp", altered(lambda vote: replace(vote, node=H4))),
    "the voter of a commit": ("pbft", altered(lambda vote: replace(vote, node=H4))),
}


@pytest.mark.parametrize("case", ALTERED)
def test_a_vote_that_says_other_than_was_signed_does_not_verify(tmp_path: Path, case: str) -> None:
    protocol, alter = ALTERED[case]
    block = alter(forge(protocol).decided(1, (H1, H2, H3)))
    assert codes(tmp_path, protocol, block) == [("BAD_VOTE_SIGNATURE", "L2", 1)]


def test_a_commit_moved_to_another_view_counts_there_and_does_not_verify(tmp_path: Path) -> None:
    moved = altered(lambda vote: replace(vote, numbers=(9,)))(votes_of(commit(1), "pbft"))
    assert codes(tmp_path, "pbft", moved) == [
        ("NO_QUORUM", "L2", 1),
        ("BAD_VOTE_SIGNATURE", "L2", 1),
    ]


@pytest.mark.parametrize("protocol", ["scp", "pbft"])
def test_the_certificate_of_one_slot_is_none_in_another(tmp_path: Path, protocol: str) -> None:
    by = forge(protocol)
    first = by.decided(1, (H1, H2, H3))
    state = grow(start(by.genesis()), first)
    second = by.rejected(state, model_bytes(2))
    moved = Block(second.core, replace(second.seal, votes=first.seal.votes))
    assert codes(tmp_path, protocol, first, moved) == [("BAD_VOTE_SIGNATURE", "L2", 2)] * 3


def test_an_authority_that_did_not_vote_is_not_replaced_by_all_the_others(tmp_path: Path) -> None:
    block = forge("authority").decided(1, (H2, H3, H4))
    found = codes(tmp_path, "authority", block)
    assert found == [("UNJUSTIFIED", "L2", 1), ("NO_QUORUM", "L2", 1)]


@pytest.mark.parametrize(
    ("protocol", "second", "culprits", "code"),
    [
        ("majority", None, ("h2", "h3"), "FORK"),
        ("scp", externalize(9), ("h2", "h3"), "FORK"),
        ("scp", confirm(5, 6), ("h2", "h3"), "FORK"),
        ("pbft", commit(1), ("h2", "h3"), "FORK"),
        ("pbft", commit(2), (), "FORK"),
    ],
)
def test_an_audit_of_two_branches_convicts_who_contradicts_itself(
    tmp_path: Path, protocol: str, second: Ballots | None, culprits: tuple[str, ...], code: str
) -> None:
    by = forge(protocol)
    genesis = by.genesis()
    run = by.write(tmp_path, [genesis, by.decided(1, (H1, H2, H3))])
    by.write_replica(run, "h4", [genesis, by.decided(2, (H2, H3, H4), second)])
    report = audit_run(run)
    (finding,) = report.findings
    assert (finding.code, finding.culprits, finding.height) == (code, culprits, 1)
    convicted = [check_evidence(each, genesis).culprits for each in report.forks]
    assert convicted == [culprits]


def test_quorums_of_two_views_without_a_common_node_are_the_fault_of_the_genesis(
    tmp_path: Path,
) -> None:
    by = Forge(protocol="pbft")
    islands = {H1: (H1, H2), H2: (H1, H2), H3: (H3, H4), H4: (H3, H4)}
    by.quorum_sets = {node: QuorumSet(2, island) for node, island in islands.items()}
    genesis = by.genesis()
    run = by.write(tmp_path, [genesis, by.decided(1, (H1, H2))])
    by.write_replica(run, "h3", [genesis, by.decided(2, (H3, H4), commit(5))])
    (finding,) = audit_run(run).findings
    assert (finding.code, finding.culprits) == ("FORK_CONFIG_NO_INTERSECTION", ())


# What no reader takes for a vote


SAID: dict[str, Value] = {
    "nothing": [],
    "null": None,
    "a text": "confirm",
    "a number": 1,
    "a map": {"confirm": [1, 1, 1, 1]},
    "a plain vote": ["vote"],
    "a plain vote with a number": ["vote", 1],
    "an unknown kind": ["prepare", 1, 1, 1, 1],
    "a kind in capitals": ["CONFIRM", 1, 1, 1, 1],
    "a kind of bytes": [b"confirm", 1, 1, 1, 1],
    "no kind": [1, 1, 1, 1],
    "no numbers": ["confirm"],
    "three numbers to confirm": ["confirm", 1, 1, 1],
    "five numbers to confirm": ["confirm", 1, 1, 1, 1, 1],
    "one number to externalize": ["externalize", 1],
    "three numbers to externalize": ["externalize", 1, 1, 1],
    "no view": ["view-commit"],
    "two views": ["view-commit", 1, 1],
    "a number of 33 bits": ["confirm", 1, 1, 1, 2**32],
    "a view of 33 bits": ["view-commit", 2**32],
    "a huge number": ["externalize", 2**63, 1],
    "a number below zero": ["externalize", -1, 1],
    "a boolean": ["view-commit", True],
    "a list of numbers": ["view-commit", [1]],
    "null as a number": ["externalize", 1, None],
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_no_vote_is_refused(tmp_path: Path, case: str) -> None:
    for protocol in ("majority", "scp"):
        by = forge(protocol)
        payloads = [encode_block(by.genesis()), encode_block(by.decided(1, (H1, H2, H3)))]
        value = decode(payloads[1])
        assert isinstance(value, dict)
        assert isinstance(value["seal"], dict)
        assert isinstance(value["seal"]["votes"], list)
        assert isinstance(value["seal"]["votes"][1], dict)
        value["seal"]["votes"][1]["said"] = SAID[case]
        with pytest.raises(Violation, match="BAD_SCHEMA"):
            decode_block(encode(value))
