"""Statements as they stand in files: each reads back as it is, and nothing else reads."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.statements import (
    COUNTER_MAX,
    KINDS,
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
    signing_fields,
)
from crypto.digest import Digest, sha256
from crypto.encoding import Value, decode, encode
from crypto.identity import NodeId
from ledger.errors import Violation
from ledger.schema import INTEGER_MAX, ITEM_COUNT_MAX
from ledger.statement import check_recordable, read_statement, statement_value

A, B = sorted(sha256(letter) for letter in (b"a", b"b"))
H1, H2, H3 = (NodeId(f"h{number}") for number in range(1, 4))
BALLOT = Ballot(1, A)
VERDICT = Verdict(3, sha256(b"c"), True, "ok", (("global", 1), ("local", 2)))

EXAMPLES: dict[str, Statement] = {
    kind_of(each): each
    for each in (
        Proposal(1, sha256(b"c"), sha256(b"a"), sha256(b"r")),
        VERDICT,
        Vote(1, sha256(b"v")),
        Nominate(1, B, (A, B), (A,)),
        Prepare(1, B, Ballot(2, A), BALLOT, Ballot(1, B), 1, 1),
        Confirm(1, B, Ballot(2, A), 2, 1, 2),
        Externalized(1, B, BALLOT, 2),
        PrePrepare(1, 0, A),
        ViewPrepare(1, 0, A),
        ViewCommit(1, 0, A),
        ViewChange(1, 1, 0, A),
        NewView(1, 1, A, (H1, H2, H3)),
    )
}
"""One of each kind, every field of it filled."""

digests = st.binary(min_size=32, max_size=32).map(Digest)
slots = st.integers(0, INTEGER_MAX)
views = st.integers(0, 3) | slots
counters = st.integers(0, 3) | st.integers(0, COUNTER_MAX)
ballots = st.builds(Ballot, st.integers(1, 3) | st.integers(1, COUNTER_MAX), digests)
values = st.lists(digests, max_size=4, unique=True).map(lambda each: tuple(sorted(each)))
nodes = st.lists(st.sampled_from([H1, H2, H3, NodeId("a" * 64)]), unique=True).map(
    lambda each: tuple(sorted(each))
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=256)
scores = st.dictionaries(texts, slots, max_size=16).map(lambda each: tuple(sorted(each.items())))
SENSIBLE: dict[type[Statement], st.SearchStrategy[Statement]] = {
    Proposal: st.builds(Proposal, slots, digests, digests, digests),
    Verdict: st.builds(Verdict, slots, digests, st.booleans(), texts, scores),
    Vote: st.builds(Vote, slots, digests),
    Nominate: st.builds(Nominate, slots, digests, values, values),
    Prepare: st.builds(
        Prepare,
        slots,
        digests,
        ballots,
        st.none() | ballots,
        st.none() | ballots,
        counters,
        counters,
    ),
    Confirm: st.builds(Confirm, slots, digests, ballots, counters, counters, counters),
    Externalized: st.builds(Externalized, slots, digests, ballots, counters),
    PrePrepare: st.builds(PrePrepare, slots, views, digests),
    ViewPrepare: st.builds(ViewPrepare, slots, views, digests),
    ViewCommit: st.builds(ViewCommit, slots, views, digests),
    ViewChange: st.builds(ViewChange, slots, views, st.none(), st.none())
    | st.builds(ViewChange, slots, views, views, digests),
    NewView: st.builds(NewView, slots, views, digests, nodes),
}
statements = st.one_of(*SENSIBLE.values())


def test_there_is_a_strategy_and_an_example_of_every_kind() -> None:
    assert SENSIBLE.keys() == KINDS.keys()
    assert list(EXAMPLES) == list(KINDS.values())


@given(statements)
def test_a_statement_of_any_kind_reads_back(statement: Statement) -> None:
    value = decode(encode(statement_value(statement)))
    assert isinstance(value, dict)
    assert value["kind"] == kind_of(statement)
    assert value.keys() == {"kind", *(field.name for field in fields(statement))}
    assert read_statement(value) == statement
    check_recordable(statement)


@given(statements, statements)
def test_two_statements_are_written_and_signed_alike_only_if_they_are_the_same(
    first: Statement, second: Statement
) -> None:
    same = first == second
    assert (encode(statement_value(first)) == encode(statement_value(second))) is same
    preimages = [
        encode([label, *said])
        for label, said in (signing_fields(each, A, H1, B) for each in (first, second))
    ]
    # A claim of the quorum set that a signer has anyway is signed as none: of one kind both claim.
    assert (preimages[0] == preimages[1]) is same


@given(st.data())
def test_a_statement_with_one_field_changed_is_another_one_to_its_signer(
    data: st.DataObject,
) -> None:
    """No two statements of one slot that can be read have one preimage."""
    kind = data.draw(st.sampled_from(list(SENSIBLE)))
    first, second = data.draw(SENSIBLE[kind]), data.draw(SENSIBLE[kind])
    name = data.draw(st.sampled_from([field.name for field in fields(first)]))
    mixed = replace(first, **{name: getattr(second, name)})
    try:
        check_recordable(mixed)
    except Violation:
        return
    said = [encode(list(signing_fields(each, A, H1, B)[1])) for each in (first, mixed)]
    assert (said[0] == said[1]) is (first == mixed)


@pytest.mark.parametrize("statement", [*EXAMPLES.values(), replace(VERDICT, scores=())])
def test_what_a_correct_node_says_can_be_recorded(statement: Statement) -> None:
    check_recordable(statement)


@pytest.mark.parametrize(
    "statement",
    [
        replace(VERDICT, scores=(("global", -1),)),
        replace(VERDICT, scores=(("global", 2**63),)),
        replace(VERDICT, scores=tuple((f"s{number:02d}", 1) for number in range(17))),
        replace(VERDICT, scores=(("local", 2), ("global", 1))),
        replace(VERDICT, scores=(("global", 1), ("global", 2))),
        replace(VERDICT, reason="x" * 257),
        replace(VERDICT, reason="\ud800"),
        replace(VERDICT, candidate=Digest(bytes(31))),
        replace(VERDICT, slot=-1),
        Vote(1, Digest(bytes(33))),
        Nominate(1, B, (B, A), ()),
        Nominate(1, B, (), (A, A)),
        Nominate(1, Digest(b""), (A,), ()),
        Nominate(1, B, tuple(sha256(bytes([n % 256, n // 256])) for n in range(1001)), ()),
        Prepare(1, B, Ballot(0, A), None, None, 0, 0),
        Prepare(1, B, BALLOT, Ballot(COUNTER_MAX + 1, A), None, 0, 0),
        Prepare(1, B, BALLOT, None, Ballot(1, Digest(b"")), 0, 0),
        Prepare(1, B, BALLOT, None, None, -1, 0),
        Confirm(1, B, BALLOT, COUNTER_MAX + 1, 1, 1),
        Confirm(1, B, BALLOT, 1, 1, -1),
        Externalized(1, B, BALLOT, 2**32),
        PrePrepare(1, -1, A),
        ViewCommit(1, 2**63, A),
        ViewChange(1, 1, None, A),
        ViewChange(1, 1, 0, None),
        ViewChange(1, 1, -1, A),
        NewView(1, 1, A, (H2, H1)),
        NewView(1, 1, A, (H1, H1)),
        NewView(1, 1, A, (NodeId("H1"),)),
    ],
)
def test_what_would_make_a_replica_unreadable_is_refused(statement: Statement) -> None:
    with pytest.raises(Violation, match="BAD_SCHEMA"):
        check_recordable(statement)


WRONG: list[Value] = [None, -1, True, "text", b"bytes", [], [1], {}, 2**63]
"""None of these is right in any field but those below."""
RIGHT: dict[tuple[str, str], Value] = {
    ("verdict", "reason"): "text",
    ("verdict", "accept"): True,
    ("verdict", "scores"): {},
    ("nominate", "votes"): [],
    ("nominate", "accepted"): [],
    ("new-view", "changes"): [],
    ("prepare", "prepared"): None,
    ("prepare", "prepared_prime"): None,
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_field_of_a_wrong_type_or_missing_or_unknown_is_refused(kind: str) -> None:
    value = statement_value(EXAMPLES[kind])
    assert isinstance(value, dict)
    for name in value:
        left_out = {key: each for key, each in value.items() if key != name}
        right = (kind, name) in RIGHT
        wrong = [each for each in WRONG if not right or encode(each) != encode(RIGHT[kind, name])]
        changes = [left_out, {**left_out, f"{name}s": value[name]}]
        for changed in [*changes, *({**value, name: each} for each in wrong)]:
            with pytest.raises(Violation, match="BAD_SCHEMA"):
                read_statement(changed)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_statement_under_the_name_of_another_kind_is_refused_or_another_one(kind: str) -> None:
    value = statement_value(EXAMPLES[kind])
    assert isinstance(value, dict)
    for other in KINDS.values():
        if other == kind:
            continue
        renamed: Value = {**value, "kind": other}
        if {kind, other} <= {"pre-prepare", "view-prepare", "view-commit"}:
            assert kind_of(read_statement(renamed)) == other
            continue
        with pytest.raises(Violation, match="BAD_SCHEMA"):
            read_statement(renamed)
    for strange in ("commit", "Vote", "", b"vote", 1):
        with pytest.raises(Violation, match="a statement of a kind of confirm"):
            read_statement({**value, "kind": strange})


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("prepare", "ballot", [1]),
        ("prepare", "ballot", [1, A, A]),
        ("prepare", "ballot", [True, A]),
        ("prepare", "ballot", [0, A]),
        ("prepare", "ballot", [2**32, A]),
        ("prepare", "ballot", [1, A[:-1]]),
        ("prepare", "ballot", None),
        ("prepare", "prepared", []),
        ("confirm", "high_counter", 2**32),
        ("externalize", "commit", {"counter": 1, "value": A}),
        ("nominate", "votes", [B, A]),
        ("nominate", "votes", [A, A]),
        ("nominate", "votes", {}),
        ("nominate", "accepted", [sha256(bytes(n)) for n in range(ITEM_COUNT_MAX + 1)]),
        ("new-view", "changes", ["h2", "h1"]),
        ("new-view", "changes", ["h1", "h1"]),
        ("new-view", "changes", ["H1"]),
        ("new-view", "changes", [b"h1"]),
        ("view-change", "prepared_view", None),
        ("view-change", "prepared_value", None),
    ],
)
def test_a_statement_outside_the_form_is_refused(kind: str, field: str, value: Value) -> None:
    whole = statement_value(EXAMPLES[kind])
    assert isinstance(whole, dict)
    with pytest.raises(Violation, match="BAD_SCHEMA"):
        read_statement({**whole, field: value})
