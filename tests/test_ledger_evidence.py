"""Evidence: it convicts whoever signed both, from the genesis alone, and never anybody else."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ledger.misconduct
from consensus.quorum import QuorumSet, quorum_set_digest
from consensus.statements import (
    KINDS,
    NO_CANDIDATE,
    Ballot,
    Confirm,
    Externalized,
    NewView,
    Nominate,
    Prepare,
    PrePrepare,
    Proposal,
    Statement,
    Verdict,
    ViewChange,
    ViewCommit,
    ViewPrepare,
    Vote,
    kind_of,
)
from crypto.digest import Digest, sha256
from crypto.encoding import Value, decode, encode
from crypto.envelope import Signed
from crypto.identity import NodeId
from crypto.signature import Algorithm
from ledger.block import Block, VoteKind, VoteSeal, core_hash, encode_block
from ledger.errors import StoreError, Violation
from ledger.evidence import (
    Conviction,
    Equivocation,
    Evidence,
    ForkEvidence,
    check_evidence,
    decode_evidence,
    encode_evidence,
    read_evidence_file,
    read_genesis_file,
)
from ledger.notice import Misconduct
from ledger.record import MAGIC, frame
from ledger.statement import (
    read_signed,
    read_statement,
    signed_value,
    statement_value,
)
from ledger.store import segment_path
from scenarios.cli.evidence import evidence_command
from tests.forge import Forge

H1, H2, H3, H4 = (NodeId(f"h{number}") for number in range(1, 5))
A, B, C = (sha256(letter) for letter in (b"a", b"b", b"c"))
SCORES = (("global", 900_000), ("local", 880_000))

PROPOSAL = Proposal(3, A, B, C)
VERDICT = Verdict(3, A, True, "ok", SCORES)
VOTE = Vote(3, A)

CONTRADICTIONS: list[tuple[Statement, Statement]] = [
    (PROPOSAL, replace(PROPOSAL, candidate=B)),
    (PROPOSAL, replace(PROPOSAL, rejected=A)),
    (VERDICT, replace(VERDICT, accept=False)),
    (VERDICT, replace(VERDICT, candidate=NO_CANDIDATE)),
    (VERDICT, replace(VERDICT, reason="fine")),
    (VERDICT, replace(VERDICT, scores=SCORES[:1])),
    (VOTE, replace(VOTE, value=B)),
]
"""Of what is signed once in a slot."""

TRUSTED = quorum_set_digest(Forge().quorum_sets[H2])
"""Digest of the quorum set that everybody has."""
OTHER_TRUST = sha256(b"another quorum set")


def nominate(votes: tuple[Digest, ...], accepted: tuple[Digest, ...] = ()) -> Nominate:
    return Nominate(3, TRUSTED, tuple(sorted(votes)), tuple(sorted(accepted)))


def prepare(counter: int, value: Digest, prepared: Ballot | None = None) -> Prepare:
    return Prepare(3, TRUSTED, Ballot(counter, value), prepared, None, 0, 0)


def confirm(counter: int, value: Digest, low: int = 1, high: int = 1) -> Confirm:
    return Confirm(3, TRUSTED, Ballot(counter, value), counter, low, high)


def externalize(counter: int, value: Digest) -> Externalized:
    return Externalized(3, TRUSTED, Ballot(counter, value), counter)


SCP_CONTRADICTIONS: list[tuple[Statement, Statement]] = [
    (nominate((A,)), nominate((B,))),
    (nominate((A, B), (A,)), nominate((A, B), (B,))),
    (prepare(1, A), prepare(1, B)),
    (prepare(1, A, Ballot(1, B)), prepare(2, A)),
    (confirm(1, A), confirm(1, B)),
    (confirm(1, A), confirm(5, B)),
    (confirm(2, A, 1, 2), confirm(3, A, 1, 1)),
    (confirm(1, A), externalize(1, B)),
    (externalize(1, A), externalize(1, B)),
    (externalize(1, A), externalize(7, B)),
    (externalize(1, A), externalize(2, A)),
    (prepare(1, A), replace(prepare(1, A), quorum_set=OTHER_TRUST)),
]
PBFT_CONTRADICTIONS: list[tuple[Statement, Statement]] = [
    (PrePrepare(3, 0, A), PrePrepare(3, 0, B)),
    (PrePrepare(3, 0, A), ViewPrepare(3, 0, B)),
    (ViewPrepare(3, 1, A), ViewPrepare(3, 1, B)),
    (ViewPrepare(3, 1, A), ViewCommit(3, 1, B)),
    (ViewCommit(3, 1, A), ViewCommit(3, 1, B)),
    (NewView(3, 1, A, (H1, H2, H3)), NewView(3, 1, B, (H1, H2, H3))),
    (NewView(3, 1, A, (H1, H2, H3)), NewView(3, 1, A, (H2, H3, H4))),
    (NewView(3, 1, A, (H1, H2, H3)), ViewPrepare(3, 1, B)),
    (ViewChange(3, 1, None, None), ViewChange(3, 1, 0, A)),
    (ViewChange(3, 1, 0, A), ViewChange(3, 1, 0, B)),
    (ViewChange(3, 1, 0, A), ViewChange(3, 2, None, None)),
    (ViewCommit(3, 0, A), ViewChange(3, 1, None, None)),
    (ViewCommit(3, 0, A), ViewChange(3, 2, 0, B)),
]
CONSISTENT: list[tuple[Statement, Statement]] = [
    (VOTE, VERDICT),
    (VOTE, PROPOSAL),
    (VOTE, confirm(1, B)),
    (ViewCommit(3, 0, A), externalize(1, B)),
    (nominate((A,)), nominate((A, B))),
    (nominate((A,)), nominate((A, B), (B,))),
    (nominate((A,)), prepare(1, B)),
    (prepare(1, A), prepare(2, A)),
    (prepare(1, A), prepare(2, B)),
    (prepare(1, A), confirm(1, A)),
    (prepare(1, A), confirm(2, B)),
    (prepare(1, A), externalize(2, B)),
    (confirm(1, A), confirm(2, A, 1, 2)),
    (confirm(1, A), externalize(1, A)),
    (PrePrepare(3, 0, A), ViewPrepare(3, 1, B)),
    (ViewPrepare(3, 0, A), ViewCommit(3, 0, A)),
    (ViewPrepare(3, 0, A), ViewChange(3, 1, None, None)),
    (ViewCommit(3, 0, A), ViewChange(3, 1, 0, A)),
    (ViewCommit(3, 0, A), ViewCommit(3, 1, B)),
    (ViewCommit(3, 0, A), NewView(3, 1, B, (H1, H3, H4))),
    (ViewChange(3, 1, 0, A), ViewChange(3, 2, 1, B)),
]
"""What a correct node may sign in one slot."""


@cache
def forge() -> Forge:
    return Forge()


@cache
def genesis() -> Block:
    return forge().genesis()


@cache
def chain_id() -> Digest:
    return core_hash(genesis().core)


@cache
def islands() -> Forge:
    """h1 and h2 trust only each other, as do h3 and h4: both pairs can decide alone."""
    made = Forge(label="islands")
    pairs = {H1: (H1, H2), H2: (H1, H2), H3: (H3, H4), H4: (H3, H4)}
    made.quorum_sets = {node: QuorumSet(2, pair) for node, pair in pairs.items()}
    return made


def signed(node: NodeId, statement: Statement, by: Forge | None = None) -> Signed[Statement]:
    signer = by or forge()
    return Signed(statement, node, signer.sign(node, statement, core_hash(signer.genesis().core)))


def equivocation(node: NodeId, first: Statement, second: Statement) -> Equivocation:
    return Equivocation(chain_id(), signed(node, first), signed(node, second))


@cache
def fork() -> ForkEvidence:
    return forge().fork((H1, H2, H3), (H2, H3, H4))


def refused(evidence: Evidence, by: Block | None = None) -> Violation:
    with pytest.raises(Violation) as caught:
        check_evidence(evidence, by or genesis())
    assert caught.value.expected
    assert caught.value.found
    return caught.value


# Statements as values


@pytest.mark.parametrize("statement", [PROPOSAL, VERDICT, VOTE, replace(VERDICT, scores=())])
def test_a_signed_statement_reads_back(statement: Statement) -> None:
    assert read_statement(decode(encode(statement_value(statement)))) == statement
    said = signed(H1, statement)
    assert read_signed(decode(encode(signed_value(said)))) == said


def test_every_kind_of_statement_has_a_name_of_its_own() -> None:
    assert [kind_of(each) for each in (PROPOSAL, VERDICT, VOTE)] == ["proposal", "verdict", "vote"]
    assert len(set(KINDS.values())) == len(KINDS) == 12


BAD_STATEMENTS: list[Value] = [
    None,
    [],
    {},
    {"kind": 3},
    {"kind": "opinion"},
    {"kind": "vote", "slot": 3},
    {"kind": "vote", "slot": 3, "value": A, "more": 1},
    {"kind": "vote", "slot": -1, "value": A},
    {"kind": "vote", "slot": True, "value": A},
    {"kind": "vote", "slot": 3, "value": A[:-1]},
    {"kind": "vote", "slot": 2**63, "value": A},
    {"kind": "proposal", "slot": 3, "candidate": A, "accepted": B, "rejected": None},
]


@pytest.mark.parametrize("value", BAD_STATEMENTS)
def test_what_is_no_statement_is_refused(value: Value) -> None:
    with pytest.raises(Violation, match="BAD_SCHEMA"):
        read_statement(value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scores", {str(number): 1 for number in range(17)}),
        ("scores", {"global": -1}),
        ("scores", {"global": True}),
        ("scores", []),
        ("reason", "r" * 257),
        ("accept", 1),
    ],
)
def test_a_verdict_has_limits(field: str, value: Value) -> None:
    stated = statement_value(VERDICT)
    assert isinstance(stated, dict)
    with pytest.raises(Violation, match="BAD_SCHEMA"):
        read_statement({**stated, field: value})


def test_a_signed_statement_has_a_node_and_a_signature() -> None:
    whole = signed_value(signed(H1, VOTE))
    assert isinstance(whole, dict)
    for field, value in (("node", "H1"), ("signature", b""), ("signature", bytes(9000))):
        with pytest.raises(Violation, match="BAD_SCHEMA"):
            read_signed({**whole, field: value})


# Equivocation


@pytest.mark.parametrize(
    ("first", "second"), [*CONTRADICTIONS, *SCP_CONTRADICTIONS, *PBFT_CONTRADICTIONS]
)
def test_two_statements_that_contradict_each_other_convict_their_signer(
    first: Statement, second: Statement
) -> None:
    for pair in ((first, second), (second, first)):
        conviction = check_evidence(equivocation(H2, *pair), genesis())
        assert conviction.misconduct is Misconduct.EQUIVOCATION
        assert (conviction.slot, conviction.culprits) == (3, (H2,))
        assert conviction.code == "EQUIVOCATION"
        assert (
            "h2 signed in slot 3 what a correct node never signs both (" in conviction.explanation
        )


@pytest.mark.parametrize("algorithm", Algorithm)
def test_evidence_convicts_under_every_algorithm(algorithm: Algorithm) -> None:
    other = Forge(algorithm=algorithm)
    block = other.genesis()
    pair = [signed(H1, vote, other) for vote in (VOTE, Vote(3, B))]
    conviction = check_evidence(Equivocation(core_hash(block.core), *pair), block)
    assert conviction.culprits == (H1,)


def test_keys_that_anyone_can_derive_are_named_as_a_reservation() -> None:
    evidence = equivocation(H1, VOTE, Vote(3, B))
    assert "derived from the scenario's seed" in check_evidence(evidence, genesis()).explanation


def test_the_same_statement_twice_is_no_equivocation() -> None:
    assert refused(equivocation(H1, VOTE, VOTE)).code == "SAME_STATEMENT"


def test_randomised_signatures_of_one_statement_are_no_equivocation() -> None:
    other = Forge(algorithm=Algorithm.ML_DSA_44, label="randomised")
    block = other.genesis()
    pair = [signed(H1, VOTE, other) for _ in range(2)]
    assert pair[0].signature != pair[1].signature
    assert refused(Equivocation(core_hash(block.core), *pair), block).code == "SAME_STATEMENT"


def test_scores_in_another_order_are_the_same_statement() -> None:
    """What is signed is a map: the order of the tuple must not convict an honest node."""
    turned = replace(VERDICT, scores=SCORES[::-1])
    assert signed(H1, turned).signature == signed(H1, VERDICT).signature
    assert refused(equivocation(H1, VERDICT, turned)).code == "SAME_STATEMENT"


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (signed(H1, VOTE), signed(H1, Vote(4, B)), "TWO_SLOTS"),
        (signed(H1, VOTE), signed(H2, Vote(3, B)), "TWO_NODES"),
        (signed(H1, VOTE), replace(signed(H2, Vote(3, B)), node=H1), "BAD_SIGNATURE"),
        (signed(H1, VOTE), replace(signed(H1, VOTE), statement=Vote(3, B)), "BAD_SIGNATURE"),
        (signed(H1, VOTE), replace(signed(H1, Vote(3, B)), signature=b"short"), "BAD_SIGNATURE"),
        (signed(H1, VOTE), signed(H1, Vote(3, B), Forge(label="other")), "BAD_SIGNATURE"),
        (signed(H1, VOTE), replace(signed(H1, Vote(4, B)), statement=Vote(3, B)), "BAD_SIGNATURE"),
        (
            replace(signed(H1, VOTE), node=NodeId("x")),
            replace(signed(H1, Vote(3, B)), node=NodeId("x")),
            "UNKNOWN_SIGNER",
        ),
    ],
)
def test_what_does_not_contradict_or_was_not_signed_proves_nothing(
    first: Signed[Statement], second: Signed[Statement], code: str
) -> None:
    for pair in ((first, second), (second, first)):
        assert refused(Equivocation(chain_id(), *pair)).code == code


def test_a_signature_under_another_quorum_set_proves_nothing() -> None:
    """A node that lies about its slices has not signed a statement of this genesis."""
    liar = Forge()
    liar.quorum_sets[H1] = QuorumSet(1, (H1,))
    pair: list[Signed[Statement]] = [
        Signed(vote, H1, liar.sign(H1, vote, chain_id())) for vote in (VOTE, Vote(3, B))
    ]
    assert refused(Equivocation(chain_id(), *pair)).code == "BAD_SIGNATURE"


@pytest.mark.parametrize(("first", "second"), CONSISTENT)
def test_two_statements_that_a_correct_node_may_sign_prove_nothing(
    first: Statement, second: Statement
) -> None:
    for pair in ((first, second), (second, first)):
        violation = refused(equivocation(H2, *pair))
        assert violation.code == "NO_CONTRADICTION"
        assert violation.found == (
            f"a {kind_of(pair[0])} and a {kind_of(pair[1])} that it may sign both"
        )


def test_every_kind_is_in_some_contradiction_and_in_some_pair_without() -> None:
    for pairs in ([*CONTRADICTIONS, *SCP_CONTRADICTIONS, *PBFT_CONTRADICTIONS], CONSISTENT):
        assert {type(each) for pair in pairs for each in pair} == KINDS.keys()


def test_a_view_change_with_half_a_claim_is_no_second_statement() -> None:
    """Both are signed as a view change without a claim, so an honest one would be convicted."""
    honest = ViewChange(3, 1, None, None)
    for half in (ViewChange(3, 1, None, A), ViewChange(3, 1, 0, None)):
        evidence = equivocation(H2, honest, half)
        relabelled = replace(evidence, second=replace(evidence.first, statement=half))
        with pytest.raises(Violation, match=r"SAME_STATEMENT|BAD_SIGNATURE"):
            check_evidence(relabelled, genesis())
        with pytest.raises(Violation, match="BAD_SCHEMA"):
            decode_evidence(encode_evidence(relabelled))


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_one_signature_never_convicts(data: st.DataObject) -> None:
    """Whatever another statement says, it is not what the signature of the first covers."""
    everything = [
        each
        for pair in [*CONTRADICTIONS, *SCP_CONTRADICTIONS, *PBFT_CONTRADICTIONS]
        for each in pair
    ]
    first, second = (data.draw(st.sampled_from(everything)) for _ in range(2))
    one = signed(H2, first)
    violation = refused(Equivocation(chain_id(), one, replace(one, statement=second)))
    assert violation.code in ("SAME_STATEMENT", "NO_CONTRADICTION", "BAD_SIGNATURE")


@cache
def honest_statements() -> list[Signed[Statement]]:
    """What three correct nodes sign in two slots: one statement of each kind."""
    said: list[Signed[Statement]] = []
    for slot in (3, 4):
        said.append(signed(H1, replace(PROPOSAL, slot=slot)))
        for node, accept in ((H1, True), (H2, False), (H3, True)):
            said.append(signed(node, replace(VERDICT, slot=slot, accept=accept)))
            said.append(signed(node, Vote(slot, A if accept else B)))
    return said


def test_no_two_honest_statements_make_evidence() -> None:
    for first, second in itertools.product(honest_statements(), repeat=2):
        refused(Equivocation(chain_id(), first, second))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_honest_statements_relabelled_in_any_way_make_no_evidence(data: st.DataObject) -> None:
    said = honest_statements()
    texts = [each.statement for each in said] + [each for pair in CONTRADICTIONS for each in pair]
    forged = [
        Signed(
            data.draw(st.sampled_from(texts)),
            data.draw(st.sampled_from([H1, H2, H3])),
            data.draw(st.sampled_from(said)).signature,
        )
        for _ in range(2)
    ]
    refused(Equivocation(chain_id(), data.draw(st.sampled_from(said)), forged[0]))
    refused(Equivocation(chain_id(), *forged))


# Forks


def test_a_fork_convicts_whoever_voted_for_both() -> None:
    for first, second in itertools.permutations((fork().first, fork().second)):
        conviction = check_evidence(ForkEvidence(first, second), genesis())
        assert conviction.misconduct is Misconduct.FORK
        assert (conviction.slot, conviction.culprits) == (1, (H2, H3))
        assert conviction.code == "FORK"
        assert "h2, h3 voted for both" in conviction.explanation


def test_a_fork_by_two_disjoint_quorums_convicts_nobody_and_says_why() -> None:
    by = islands()
    evidence = ForkEvidence(by.decided(1, (H1, H2)), by.decided(2, (H3, H4)))
    conviction = check_evidence(evidence, by.genesis())
    assert (conviction.slot, conviction.culprits) == (1, ())
    assert conviction.code == "FORK_CONFIG_NO_INTERSECTION"
    assert "h1, h2 and h3, h4 are two quorums of the genesis" in conviction.explanation


def test_a_voter_outside_the_quorums_is_convicted_too() -> None:
    """h3 alone is no part of a quorum of h1 and h2, but it voted for both."""
    by = islands()
    evidence = ForkEvidence(by.decided(1, (H1, H2, H3)), by.decided(2, (H3, H4)))
    assert check_evidence(evidence, by.genesis()).culprits == (H3,)


def edit(block: Block, **changes: object) -> Block:
    return Block(replace(block.core, **changes), block.seal)  # type: ignore[arg-type]  # any field


def with_votes(block: Block, votes: tuple[VoteSeal, ...]) -> Block:
    return Block(block.core, replace(block.seal, votes=votes))


BROKEN_FORKS: dict[str, tuple[Callable[[Block, Block], tuple[Block, Block]], str]] = {
    "the same block twice": (lambda a, _: (a, a), "SAME_BLOCK"),
    "one block with other votes": (
        lambda a, _: (a, with_votes(a, a.seal.votes[:2])),
        "SAME_BLOCK",
    ),
    "too few votes": (lambda a, b: (a, with_votes(b, b.seal.votes[:2])), "NO_QUORUM"),
    "no votes": (lambda a, b: (a, with_votes(b, ())), "NO_QUORUM"),
    "one vote three times": (lambda a, b: (a, with_votes(b, b.seal.votes[:1] * 3)), "NO_QUORUM"),
    "a vote by a stranger": (
        lambda a, b: (
            a,
            with_votes(b, (*b.seal.votes, replace(b.seal.votes[0], node=NodeId("x")))),
        ),
        "NO_QUORUM",
    ),
    "a vote of another protocol": (
        lambda a, b: (
            a,
            with_votes(
                b,
                (
                    *b.seal.votes[:2],
                    replace(b.seal.votes[2], kind=VoteKind.VIEW_COMMIT, numbers=(0,)),
                ),
            ),
        ),
        "BAD_VOTE",
    ),
    "votes for the other block": (lambda a, b: (a, with_votes(b, a.seal.votes)), "BAD_SIGNATURE"),
    "a vote relabelled": (
        lambda a, b: (a, with_votes(b, (replace(b.seal.votes[0], node=H1), *b.seal.votes[1:]))),
        "BAD_SIGNATURE",
    ),
    "an edited core": (lambda a, _: (a, edit(a, time_us=7)), "BAD_SIGNATURE"),
    "another slot": (lambda a, b: (a, edit(b, slot=2, height=2)), "TWO_SLOTS"),
    "a slot that is not the height": (lambda a, b: (a, edit(b, slot=2)), "BAD_SLOT"),
    "another chain": (lambda a, b: (a, edit(b, chain=A)), "BAD_CHAIN"),
    "a genesis": (lambda a, _: (a, genesis()), "BAD_CHAIN"),
}


@pytest.mark.parametrize("case", BROKEN_FORKS)
def test_two_blocks_that_are_not_two_decisions_prove_nothing(case: str) -> None:
    breaking, code = BROKEN_FORKS[case]
    first, second = breaking(fork().first, fork().second)
    assert refused(ForkEvidence(first, second)).code == code
    assert refused(ForkEvidence(second, first)).code == code


@cache
def of_protocol(protocol: str) -> Forge:
    return Forge(protocol=protocol)


def in_view(view: int) -> Callable[[NodeId, int, Digest], Statement]:
    return lambda _, slot, value: ViewCommit(slot, view, value)


def by_ballots(low: int, high: int) -> Callable[[NodeId, int, Digest], Statement]:
    return lambda _, slot, value: Confirm(slot, TRUSTED, Ballot(high, value), high, low, high)


def by_end(counter: int) -> Callable[[NodeId, int, Digest], Statement]:
    return lambda _, slot, value: Externalized(slot, TRUSTED, Ballot(counter, value), counter)


@pytest.mark.parametrize(
    ("protocol", "first", "second"),
    [
        ("scp", None, None),
        ("scp", by_ballots(1, 1), by_ballots(1, 1)),
        ("scp", by_ballots(1, 2), by_ballots(7, 9)),
        ("scp", by_ballots(3, 3), by_end(1)),
        ("scp", by_end(1), by_end(2**32 - 1)),
        ("pbft", None, None),
        ("pbft", in_view(0), in_view(0)),
        ("pbft", in_view(2**32 - 1), in_view(2**32 - 1)),
    ],
)
def test_a_fork_of_each_protocol_convicts_exactly_the_double_voters(
    protocol: str,
    first: Callable[[NodeId, int, Digest], Statement] | None,
    second: Callable[[NodeId, int, Digest], Statement] | None,
) -> None:
    by = of_protocol(protocol)
    one = by.decided(1, (H1, H2, H3), first)
    other = by.decided(2, (H2, H3, H4), second)
    for pair in ((one, other), (other, one)):
        conviction = check_evidence(ForkEvidence(*pair), by.genesis())
        assert (conviction.code, conviction.culprits) == ("FORK", (H2, H3))
        evidence = ForkEvidence(*pair)
        assert decode_evidence(encode_evidence(evidence)) == evidence


def test_a_fork_of_pbft_across_views_is_a_fork_without_culprits() -> None:
    by = of_protocol("pbft")
    one = by.decided(1, (H1, H2, H3), in_view(0))
    other = by.decided(2, (H2, H3, H4), in_view(1))
    conviction = check_evidence(ForkEvidence(one, other), by.genesis())
    assert (conviction.code, conviction.culprits) == ("FORK", ())
    assert "h2, h3 committed both in different views" in conviction.explanation


def test_of_a_fork_of_pbft_only_those_are_convicted_who_committed_twice_in_a_view() -> None:
    """h2 committed the second value in a later view; what is beside the quorum convicts too."""
    by = of_protocol("pbft")
    one = by.decided(1, (H1, H2, H3), in_view(0))
    views = {H1: 1, H2: 1, H3: 0, H4: 1}
    other = by.decided(
        2, (H1, H2, H3, H4), lambda node, slot, value: ViewCommit(slot, views[node], value)
    )
    assert check_evidence(ForkEvidence(one, other), by.genesis()).culprits == (H3,)


def test_a_fork_by_an_authority_convicts_the_authority() -> None:
    by = Forge(protocol="authority", quorum_set=lambda nodes: QuorumSet(1, (nodes[0],)))
    evidence = by.fork((H1,), (H1,))
    conviction = check_evidence(evidence, by.genesis())
    assert (conviction.code, conviction.culprits) == ("FORK", (H1,))


@pytest.mark.parametrize(
    ("protocol", "saying"),
    [
        ("pbft", lambda node, slot, value: ViewCommit(slot, int(node == H1), value)),
        (
            "scp",
            lambda node, slot, value: by_ballots(*((1, 2) if node == H2 else (3, 4)))(
                node, slot, value
            ),
        ),
        ("scp", by_ballots(2, 1)),
        ("scp", by_ballots(0, 3)),
        ("scp", by_end(0)),
    ],
)
def test_votes_that_do_not_count_together_are_no_certificate_of_a_fork(
    protocol: str, saying: Callable[[NodeId, int, Digest], Statement]
) -> None:
    by = of_protocol(protocol)
    evidence = ForkEvidence(by.decided(1, (H1, H2, H3)), by.decided(2, (H1, H2, H3), saying))
    assert refused(evidence, by.genesis()).code == "NO_QUORUM"


@pytest.mark.parametrize("protocol", ["majority", "scp", "pbft"])
def test_votes_of_one_protocol_are_no_certificate_of_another(protocol: str) -> None:
    by = of_protocol(protocol)
    for kind in ("majority", "scp", "pbft"):
        if kind == protocol:
            continue
        other = of_protocol(kind)
        evidence = ForkEvidence(
            by.decided(1, (H1, H2, H3)), by.decided(2, (H1, H2, H3), other.ballot)
        )
        assert refused(evidence, by.genesis()).code == "BAD_VOTE"


@pytest.mark.parametrize("protocol", ["scp", "pbft"])
def test_a_vote_under_another_quorum_set_is_none_in_a_fork(protocol: str) -> None:
    by, liar = of_protocol(protocol), Forge(protocol=protocol)
    block = by.decided(2, (H1, H2, H3))
    liar.quorum_sets[H1] = QuorumSet(1, (H1,))
    said = liar.ballot(H1, 1, core_hash(block.core))
    false = liar.vote(H1, said, block.core.chain)
    evidence = ForkEvidence(
        by.decided(1, (H1, H2, H3)), with_votes(block, (false, *block.seal.votes[1:]))
    )
    assert refused(evidence, by.genesis()).code == "BAD_SIGNATURE"


def test_a_statement_under_a_quorum_set_of_its_own_convicts_who_claims_it() -> None:
    """SCP's statements carry their quorum set; a node that lies about it still has signed."""
    pair = [replace(confirm(1, value), quorum_set=OTHER_TRUST) for value in (A, B)]
    assert check_evidence(equivocation(H2, *pair), genesis()).culprits == (H2,)
    other = replace(confirm(1, A), quorum_set=OTHER_TRUST)
    assert check_evidence(equivocation(H2, confirm(1, A), other), genesis()).culprits == (H2,)


def test_two_honest_blocks_of_one_chain_prove_nothing() -> None:
    blocks = forge().blocks()
    for first, second in itertools.product(blocks, repeat=2):
        refused(ForkEvidence(first, second))


# The genesis


def test_another_genesis_is_refused() -> None:
    other = Forge(label="other").genesis()
    renamed = replace(equivocation(H1, VOTE, Vote(3, B)), chain_id=core_hash(other.core))
    assert refused(equivocation(H1, VOTE, Vote(3, B)), other).code == "BAD_CHAIN"
    assert refused(renamed, other).code == "BAD_SIGNATURE"
    assert refused(fork(), other).code == "BAD_CHAIN"
    weaker = Forge(quorum_set=lambda nodes: QuorumSet(1, tuple(nodes))).genesis()
    assert refused(fork(), weaker).code == "BAD_CHAIN"
    assert refused(fork(), fork().first).code == "BAD_GENESIS"


@pytest.mark.parametrize("missing", [True, False])
def test_keys_without_a_proof_of_possession_convict_nobody(missing: bool) -> None:
    """Else h2 could be registered with a key that is not its own, and convicted by its owner."""
    proofs = list(genesis().seal.possessions)
    if missing:
        del proofs[1]
    else:
        proofs[1] = replace(proofs[1], signature=proofs[0].signature)
    bare = Block(genesis().core, replace(genesis().seal, possessions=tuple(proofs)))
    assert refused(equivocation(H2, VOTE, Vote(3, B)), bare).code == "BAD_POSSESSION"


def test_a_genesis_is_read_from_a_segment_and_from_its_payload(tmp_path: Path) -> None:
    forge().write_replica(tmp_path, "h1", forge().blocks()[:3])
    assert read_genesis_file(segment_path(tmp_path / "ledger" / "h1", 0)).core == genesis().core
    payload = encode_block(genesis())
    for content in (payload, frame(payload)):
        (tmp_path / "genesis").write_bytes(content)
        assert read_genesis_file(tmp_path / "genesis") == genesis()


def test_what_is_no_genesis_file_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "genesis"
    payload = encode_block(genesis())
    block = encode_block(forge().blocks()[1])
    contents = (
        b"",
        MAGIC,
        payload[:-1],
        frame(payload)[:-1],
        frame(payload)[:-1] + b"x",
        b"text",
        block,
        frame(block),
    )
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(StoreError, match="genesis holds no genesis block: "):
            read_genesis_file(path)
    with pytest.raises(StoreError, match="cannot read"):
        read_genesis_file(tmp_path / "nothing")
    with pytest.raises(StoreError, match="cannot read"):
        read_genesis_file(tmp_path)


# Files


@pytest.mark.parametrize(
    "evidence",
    [
        *(equivocation(H1, *pair) for pair in CONTRADICTIONS),
        *(equivocation(H1, *pair) for pair in (*SCP_CONTRADICTIONS, *PBFT_CONTRADICTIONS)),
        fork(),
        ForkEvidence(genesis(), fork().first),
    ],
)
def test_evidence_reads_back(evidence: Evidence, tmp_path: Path) -> None:
    content = encode_evidence(evidence)
    assert decode_evidence(content) == evidence
    (tmp_path / "evidence").write_bytes(content)
    assert read_evidence_file(tmp_path / "evidence") == evidence


def test_a_file_of_evidence_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.misconduct, "EVIDENCE_SIZE_MAX", 100)
    with pytest.raises(Violation, match=r"BAD_ENCODING: .*at most 100 bytes"):
        decode_evidence(encode_evidence(fork()))


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"kind": "gossip"},
        {"kind": "fork"},
        {"kind": "fork", "first": b"x", "second": b""},
        {"kind": "fork", "first": {}, "second": {}},
        {"kind": "equivocation", "chain": b"", "first": {}, "second": {}},
        {"kind": "equivocation", "chain": A, "first": None, "second": {}},
    ],
)
def test_what_is_no_evidence_is_refused(value: Value) -> None:
    with pytest.raises(Violation, match=r"BAD_SCHEMA|BAD_ENCODING"):
        decode_evidence(encode(value))


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(Violation):
        decode_evidence(content)


def convicted(content: bytes) -> Conviction | None:
    """What a file proves; anything raised but a Violation is a failure."""
    try:
        return check_evidence(decode_evidence(content), genesis())
    except Violation:
        return None


@pytest.mark.parametrize(
    "pair",
    [
        *(CONTRADICTIONS[number] for number in (0, 4, 6)),
        (confirm(1, A), confirm(2, B)),
        (ViewCommit(3, 0, A), ViewChange(3, 1, None, None)),
    ],
)
def test_no_changed_byte_of_an_equivocation_proves_anything(
    pair: tuple[Statement, Statement],
) -> None:
    whole = encode_evidence(equivocation(H2, *pair))
    assert convicted(whole) is not None
    for offset in range(len(whole)):
        for mask in (1, 1 << offset % 8, 0xFF):
            changed = bytearray(whole)
            changed[offset] ^= mask
            assert convicted(bytes(changed)) is None, (offset, mask)


def test_a_changed_byte_of_a_fork_convicts_nobody_else() -> None:
    """What the certificates do not rest on may change; who is convicted may not."""
    whole = encode_evidence(fork())
    harmless = 0
    for offset in range(len(whole)):
        changed = bytearray(whole)
        changed[offset] ^= 1 << offset % 8
        conviction = convicted(bytes(changed))
        if conviction is not None:
            harmless += 1
            assert (conviction.slot, conviction.culprits) == (1, (H2, H3)), offset
    assert harmless < len(whole)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([encode_evidence(fork()), encode_evidence(equivocation(H2, VOTE, Vote(3, B)))]),
    st.data(),
)
def test_bytes_put_in_taken_out_or_replaced_convict_nobody_else(
    whole: bytes, data: st.DataObject
) -> None:
    start_at, end_at = sorted(data.draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    conviction = convicted(whole[:start_at] + data.draw(st.binary(max_size=8)) + whole[end_at:])
    assert conviction is None or set(conviction.culprits) <= {H2, H3}


# The command


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    path = tmp_path / "genesis"
    path.write_bytes(encode_block(genesis()))
    return path


def put(folder: Path, evidence: Evidence) -> Path:
    path = folder / "evidence.cbor"
    path.write_bytes(encode_evidence(evidence))
    return path


def test_the_command_prints_whom_the_evidence_convicts(
    tmp_path: Path, trusted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evidence_command(put(tmp_path, fork()), trusted, as_json=False) == 0
    printed = capsys.readouterr().out
    assert "FORK in slot 1" in printed
    assert "convicted by their own signatures: h2, h3" in printed
    assert printed.endswith("proven\n")


def test_the_command_prints_one_json_object(
    tmp_path: Path, trusted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path, equivocation(H2, VOTE, Vote(3, B)))
    assert evidence_command(path, trusted, as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    explanation = said.pop("explanation")
    assert explanation.startswith("h2 signed in slot 3 what a correct node never signs both")
    assert "two statements in slot 3, each a vote" in explanation
    assert said == {
        "verdict": "proven",
        "misconduct": "equivocation",
        "slot": 3,
        "culprits": ["h2"],
        "code": "EQUIVOCATION",
        "expected": None,
        "found": None,
    }


def test_the_command_establishes_a_fork_that_convicts_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by = islands()
    (tmp_path / "genesis").write_bytes(encode_block(by.genesis()))
    path = put(tmp_path, ForkEvidence(by.decided(1, (H1, H2)), by.decided(2, (H3, H4))))
    assert evidence_command(path, tmp_path / "genesis", as_json=False) == 0
    printed = capsys.readouterr().out
    assert "FORK_CONFIG_NO_INTERSECTION in slot 1" in printed
    assert "signatures: nobody" in printed


def test_the_command_says_why_a_file_proves_nothing(
    tmp_path: Path, trusted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path, equivocation(H2, VOTE, VOTE))
    assert evidence_command(path, trusted, as_json=True) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], said["code"]) == ("not proven", "SAME_STATEMENT")
    assert (said["misconduct"], said["slot"], said["culprits"]) == (None, None, [])
    assert said["expected"] == "two votes that differ"
    assert said["found"] == "the same one twice"
    path.write_bytes(b"[bold]no evidence[/]")
    assert evidence_command(path, trusted, as_json=False) == 1
    printed = capsys.readouterr().out
    assert "BAD_ENCODING: expected the strict encoding" in printed
    assert printed.endswith("not proven\n")


def test_the_command_tells_what_it_cannot_read_from_what_proves_nothing(
    tmp_path: Path, trusted: Path
) -> None:
    path = put(tmp_path, fork())
    with pytest.raises(StoreError, match="cannot read"):
        evidence_command(tmp_path / "nothing", trusted, as_json=False)
    with pytest.raises(StoreError, match="holds no genesis block"):
        evidence_command(path, path, as_json=False)
