"""The sign-state guard and what a node says in consensus: nothing that contradicts what it said."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ledger.signstate
from consensus.forensics import contradiction
from consensus.scp.order import contradicts, what_is_insane
from consensus.statements import (
    COUNTER_MAX,
    Ballot,
    Confirm,
    Externalized,
    NewView,
    Nominate,
    Prepare,
    PrePrepare,
    Proposal,
    ScpStatement,
    Statement,
    Verdict,
    ViewChange,
    ViewCommit,
    ViewPrepare,
    Vote,
    signing_fields,
)
from crypto.digest import Digest, sha256
from crypto.encoding import Value, encode
from crypto.identity import NodeId
from ledger.errors import StoreError, Violation
from ledger.record import frame
from ledger.signstate import ConflictError, SignState
from ledger.statement import statement_value

A, B, C = sorted(sha256(letter) for letter in (b"a", b"b", b"c"))
TRUSTED = sha256(b"quorum set")
CHAIN = sha256(b"chain")
H1, H2, H3 = (NodeId(f"h{number}") for number in range(1, 4))
HEAD: Value = {"format": "tclearn/signstate/v1", "count": 1}


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(os, "fsync", lambda _: None)
        quick.setattr(os, "fdatasync", lambda _: None)
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "signstate"


def fresh() -> bytes:
    return os.urandom(64)


def forbidden() -> bytes:
    raise AssertionError("asked to sign")


def preimage(statement: Statement, chain_id: Digest = CHAIN) -> bytes:
    label, said = signing_fields(statement, chain_id, H1, TRUSTED)
    return encode([label, *said])


def release(guard: SignState, statement: Statement, *, again: bool = False) -> bytes:
    sign = forbidden if again else fresh
    return guard.release_statement(statement, preimage(statement), sign)


def prepare(counter: int, value: Digest, prepared: Ballot | None = None) -> Prepare:
    return Prepare(3, TRUSTED, Ballot(counter, value), prepared, None, 0, 0)


def confirm(counter: int, value: Digest) -> Confirm:
    return Confirm(3, TRUSTED, Ballot(counter, value), counter, 1, counter)


SEQUENCES: dict[str, list[Statement]] = {
    "a candidate, judged and voted for": [
        Proposal(3, A, B, C),
        Verdict(3, A, True, "ok", (("global", 1),)),
        Vote(3, B),
    ],
    "SCP to the end": [
        Nominate(3, TRUSTED, (A,), ()),
        Nominate(3, TRUSTED, (A, B), (A,)),
        prepare(1, A),
        prepare(1, A, Ballot(1, A)),
        prepare(2, A, Ballot(1, A)),
        prepare(3, B, Ballot(1, A)),
        confirm(3, B),
        confirm(4, B),
        Externalized(3, TRUSTED, Ballot(3, B), 4),
    ],
    "PBFT in two views": [
        PrePrepare(3, 0, A),
        ViewPrepare(3, 0, A),
        ViewCommit(3, 0, A),
        ViewChange(3, 1, 0, A),
        NewView(3, 1, A, (H1, H2, H3)),
        ViewCommit(3, 1, A),
        ViewChange(3, 3, 1, A),
    ],
}
CONFLICTS: list[tuple[Statement, Statement]] = [
    (Proposal(3, A, B, C), Proposal(3, A, C, B)),
    (Verdict(3, A, True, "ok", ()), Verdict(3, A, False, "ok", ())),
    (Vote(3, A), Vote(3, B)),
    (Nominate(3, TRUSTED, (A,), ()), Nominate(3, TRUSTED, (B,), ())),
    (prepare(1, A), prepare(1, B)),
    (prepare(1, A), Prepare(3, sha256(b"other"), Ballot(1, A), None, None, 0, 0)),
    (confirm(1, A), confirm(1, B)),
    (confirm(1, A), Externalized(3, TRUSTED, Ballot(1, B), 1)),
    (Externalized(3, TRUSTED, Ballot(1, A), 1), Externalized(3, TRUSTED, Ballot(1, B), 1)),
    (PrePrepare(3, 0, A), PrePrepare(3, 0, B)),
    (ViewPrepare(3, 0, A), ViewCommit(3, 0, B)),
    (ViewCommit(3, 0, A), ViewChange(3, 1, None, None)),
    (ViewChange(3, 1, None, None), ViewChange(3, 1, 0, A)),
    (NewView(3, 1, A, (H1, H2, H3)), NewView(3, 1, B, (H1, H2, H3))),
]


@pytest.mark.parametrize("name", SEQUENCES)
def test_what_follows_from_what_was_said_is_signed_once_and_survives(path: Path, name: str) -> None:
    said = SEQUENCES[name]
    signatures = []
    for statement in said:  # the guard is opened anew before every statement
        with SignState(path) as guard:
            signatures.append(release(guard, statement))
    with SignState(path) as guard:
        assert list(guard.said(3)) == list(zip(said, signatures, strict=True))
        assert guard.said(4) == []
        for statement, signature in zip(said, signatures, strict=True):
            assert release(guard, statement, again=True) == signature
        assert len(guard.said(3)) == len(said)


@pytest.mark.parametrize(("first", "second"), CONFLICTS)
def test_a_contradiction_is_refused_before_and_after_opening_anew(
    path: Path, first: Statement, second: Statement
) -> None:
    for number, (one, other) in enumerate(((first, second), (second, first))):
        place = path.with_name(f"signstate{number}")
        with SignState(place) as guard:
            kept = release(guard, one)
            with pytest.raises(ConflictError, match="in slot 3 against what was signed there"):
                release(guard, other, again=True)
            assert release(guard, one, again=True) == kept
        for _ in range(2):
            with SignState(place) as guard:
                with pytest.raises(ConflictError, match="against what was signed there"):
                    release(guard, other, again=True)
                assert list(guard.said(3)) == [(one, kept)]


def test_other_slots_are_free(path: Path) -> None:
    with SignState(path) as guard:
        for slot, value in ((1, A), (2, B), (3, C)):
            release(guard, Vote(slot, value))
    with SignState(path) as guard:
        assert [guard.said(slot)[0][0] for slot in (1, 2, 3)] == [
            Vote(1, A),
            Vote(2, B),
            Vote(3, C),
        ]
        with pytest.raises(ConflictError):
            release(guard, Vote(2, A))


def test_a_contradiction_of_any_earlier_statement_is_refused(path: Path) -> None:
    with SignState(path) as guard:
        for statement in SEQUENCES["SCP to the end"]:
            release(guard, statement)
        with pytest.raises(ConflictError):
            release(guard, prepare(1, B), again=True)
        with pytest.raises(ConflictError):
            release(guard, confirm(3, A), again=True)


def test_a_forgotten_slot_is_never_spoken_of_again(path: Path) -> None:
    with SignState(path) as guard:
        release(guard, Vote(1, A))
        release(guard, confirm(1, A))
        guard.forget_before(3)
        assert guard.said(1) == []
        assert len(guard.said(3)) == 1
    with SignState(path) as guard:
        for forgotten in (Vote(1, A), Vote(1, B)):
            with pytest.raises(ConflictError, match="a slot of at least 3"):
                release(guard, forgotten, again=True)
        with pytest.raises(ConflictError, match="against what was signed there"):
            release(guard, confirm(1, B), again=True)


def test_the_same_words_on_another_chain_are_refused_and_leave_the_guard_readable(
    path: Path,
) -> None:
    """A guard is of one chain: two signatures of one statement would not be read back."""
    with SignState(path) as guard:
        kept = release(guard, Vote(3, A))
        with pytest.raises(ConflictError, match="the same one twice"):
            guard.release_statement(Vote(3, A), preimage(Vote(3, A), sha256(b"other")), forbidden)
    with SignState(path) as guard:
        assert release(guard, Vote(3, A), again=True) == kept


@pytest.mark.parametrize(
    "statement",
    [
        Vote(-1, A),
        Vote(1, Digest(b"short")),
        Verdict(1, A, True, "x" * 300, ()),
        Prepare(1, TRUSTED, Ballot(0, A), None, None, 0, 0),
        Confirm(1, TRUSTED, Ballot(1, A), 1, 1, COUNTER_MAX + 1),
        ViewChange(1, 1, None, A),
    ],
)
def test_what_could_not_be_read_back_is_not_written(path: Path, statement: Statement) -> None:
    with SignState(path) as guard:
        size = path.stat().st_size
        with pytest.raises(Violation, match="BAD_SCHEMA"):
            guard.release_statement(statement, b"preimage", forbidden)
        with pytest.raises(Violation, match="BAD_SCHEMA"):
            guard.release_statement(Vote(1, A), b"preimage", lambda: b"")
        assert path.stat().st_size == size
        release(guard, Vote(1, A))


@pytest.mark.parametrize(
    "statement",
    [
        Nominate(
            1,
            TRUSTED,
            tuple(sorted(sha256(bytes([n % 256, n // 256])) for n in range(1000))),
            tuple(sorted(sha256(bytes([n % 256, n // 256])) for n in range(1000))),
        ),
        NewView(1, 1, A, tuple(NodeId(f"{'n' * 60}{number:04d}") for number in range(1000))),
        Verdict(
            1,
            A,
            True,
            "\U0001f600" * 256,
            tuple((f"{chr(0x1F600 + n)}" * 256, 1) for n in range(16)),
        ),
    ],
)
def test_the_longest_statements_that_can_be_recorded_read_back(
    path: Path, statement: Statement
) -> None:
    with SignState(path) as guard:
        kept = guard.release_statement(statement, preimage(statement), lambda: bytes(8192))
    with SignState(path) as guard:
        assert list(guard.said(1)) == [(statement, kept)]


def test_statements_count_towards_the_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.signstate, "ENTRY_COUNT_MAX", 3)
    with SignState(path) as guard:
        guard.release(1, "update", b"a", fresh)
        release(guard, prepare(1, A))
        release(guard, prepare(2, A))
        with pytest.raises(StoreError, match="forget slots"):
            release(guard, prepare(3, A), again=True)
        guard.forget_before(2)
        release(guard, prepare(3, A))


def test_a_statement_is_on_the_disk_before_its_signature_is_released(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def note(_: int) -> None:
        assert b"signed bytes" in path.read_bytes()
        order.append("flushed")

    def sign() -> bytes:
        order.append("signed")
        return b"signed bytes"

    with SignState(path) as guard:
        monkeypatch.setattr(os, "fdatasync", note)
        guard.release_statement(Vote(1, A), b"a", sign)
        order.append("released")
    assert order == ["signed", "flushed", "released"]


# Records that no guard wrote


def record(statement: Statement, name: bytes = A) -> dict[str, Value]:
    return {"statement": statement_value(statement), "preimage": name, "signature": b"s"}


DAMAGED: dict[str, tuple[list[Value], str]] = {
    "a contradiction": ([record(Vote(3, A)), record(Vote(3, B), B)], "SIGNED_TWICE"),
    "a contradiction of an earlier one": (
        [record(prepare(1, A)), record(prepare(2, B), B), record(prepare(1, B), C)],
        "SIGNED_TWICE",
    ),
    "two kinds that contradict": (
        [record(ViewCommit(3, 0, A)), record(ViewChange(3, 1, None, None), B)],
        "SIGNED_TWICE",
    ),
    "the same statement twice": ([record(Vote(3, A)), record(Vote(3, A))], "SIGNED_TWICE"),
    "the same statement of another preimage": (
        [record(Vote(3, A)), record(Vote(3, A), B)],
        "SIGNED_TWICE",
    ),
    "a slot that is forgotten": ([{"floor": 4}, record(Vote(3, A))], "BAD_SCHEMA"),
    "no statement": ([{**record(Vote(3, A)), "statement": None}], "BAD_SCHEMA"),
    "half a claim": (
        [
            {
                **record(Vote(3, A)),
                "statement": {
                    "kind": "view-change",
                    "slot": 3,
                    "view": 1,
                    "prepared_view": None,
                    "prepared_value": A,
                },
            }
        ],
        "BAD_SCHEMA",
    ),
    "a short preimage": ([record(Vote(3, A), A[:-1])], "BAD_SCHEMA"),
    "no signature": ([{**record(Vote(3, A)), "signature": b""}], "BAD_SCHEMA"),
    "another key": ([{**record(Vote(3, A)), "more": 1}], "BAD_SCHEMA"),
    "a kind beside it": ([{**record(Vote(3, A)), "kind": "vote"}], "BAD_SCHEMA"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_record_of_a_statement_is_not_opened(path: Path, case: str) -> None:
    records, code = DAMAGED[case]
    path.parent.mkdir()
    path.write_bytes(b"".join(frame(encode(each)) for each in (HEAD, *records)))
    with pytest.raises(StoreError, match=f"damaged at byte .*{code}.*nothing may be signed"):
        SignState(path)


def test_no_changed_byte_leads_to_a_contradiction(path: Path) -> None:
    said: list[Statement] = [prepare(1, A), confirm(2, B)]
    with SignState(path) as guard:
        for statement in said:
            release(guard, statement)
    SignState(path).close()  # written as a whole
    whole = path.read_bytes()
    chance = random.Random(7)
    for offset in range(len(whole)):
        changed = bytearray(whole)
        changed[offset] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(StoreError, match="damaged at byte"):
            SignState(path)


# Chains of statements of SCP

ballots = st.builds(Ballot, st.integers(1, 3), st.sampled_from([A, B]))
small = st.integers(0, 3)
scp_statements: st.SearchStrategy[ScpStatement] = st.one_of(
    st.builds(
        Nominate,
        st.just(3),
        st.just(TRUSTED),
        *[st.sets(st.sampled_from([A, B, C])).map(lambda each: tuple(sorted(each)))] * 2,
    ),
    st.builds(
        Prepare,
        st.just(3),
        st.just(TRUSTED),
        ballots,
        *[st.none() | ballots] * 2,
        *[small] * 2,
    ),
    st.builds(Confirm, st.just(3), st.just(TRUSTED), ballots, small, small, small),
    st.builds(Externalized, st.just(3), st.just(TRUSTED), ballots, small),
).filter(lambda each: what_is_insane(each) is None)


@settings(
    deadline=None, max_examples=120, suppress_health_check=[HealthCheck.filter_too_much]
)  # most drawn statements make no sense
@given(st.lists(scp_statements, max_size=12), st.data())
def test_whatever_a_node_is_asked_to_say_of_scp_nothing_it_said_contradicts_itself(
    tmp_path_factory: pytest.TempPathFactory, asked: list[ScpStatement], data: st.DataObject
) -> None:
    """Against a list: what contradicts nothing in it is signed, in a guard that is often closed."""
    path = tmp_path_factory.mktemp("chain") / "signstate"
    said: dict[ScpStatement, bytes] = {}
    guard = SignState(path, durable=False)
    for statement in asked:
        if data.draw(st.booleans()):
            guard.close()
            guard = SignState(path, durable=False)
        if statement in said:
            assert release(guard, statement, again=True) == said[statement]
        elif any(contradicts(each, statement) for each in said):
            with pytest.raises(ConflictError):
                release(guard, statement, again=True)
        else:
            said[statement] = release(guard, statement)
        assert list(guard.said(3)) == list(said.items())
    guard.close()
    for one in said:
        assert not any(contradiction(one, other) for other in said)
