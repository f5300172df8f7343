"""What stands between a lying node and the others: two faces, lies about slices, bias, mutation."""

from dataclasses import fields
from typing import Any

import pytest
from pydantic import ValidationError

from consensus.forensics import contradiction
from consensus.messages import Validated
from consensus.quorum import QuorumSet, quorum_set_digest
from consensus.scp.order import what_is_insane
from consensus.statements import (
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
)
from crypto.digest import sha256
from crypto.identity import NodeId
from scenarios.adversaries import (
    Interposer,
    interposer_of,
    lying_hospitals,
    stopping_hospitals,
)
from scenarios.adversaries.conduct import faulty_hospitals
from scenarios.adversaries.rewriting import exchange_of, turned
from scenarios.schema import Scenario
from tests.trials import faults, names

A, B, ABSENT, SET = (sha256(text) for text in (b"a", b"b", b"absent", b"set"))
LOW, HIGH = sorted((A, B))
VALUES = (LOW, HIGH, ABSENT)
LIAR, ALLY = NodeId("h01"), NodeId("h02")

STATEMENTS: tuple[Statement, ...] = (
    Proposal(1, SET, LOW, HIGH),
    Verdict(1, SET, True, "ok", (("global", 1),)),
    Vote(1, LOW),
    Nominate(1, SET, (LOW,), (LOW, HIGH)),
    Prepare(1, SET, Ballot(2, LOW), Ballot(2, HIGH), Ballot(2, LOW), 0, 1),
    Prepare(1, SET, Ballot(2, LOW), None, None, 0, 0),
    Confirm(1, SET, Ballot(3, LOW), 3, 1, 2),
    Externalized(1, SET, Ballot(1, LOW), 2),
    PrePrepare(1, 0, LOW),
    ViewPrepare(1, 0, LOW),
    ViewCommit(1, 0, LOW),
    ViewChange(1, 2, 0, LOW),
    ViewChange(1, 2, None, None),
    NewView(1, 2, LOW, (ALLY, LIAR)),
)


def interposer(*said: dict[str, Any], count: int = 5) -> Interposer:
    found = interposer_of(faults(*said), LIAR, names(count), 7)
    assert found is not None
    return found


def test_every_kind_of_statement_stands_in_these_tests() -> None:
    assert {type(each) for each in STATEMENTS} == set(KINDS)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda each: KINDS[type(each)])
def test_the_second_face_is_sane_and_turns_back(statement: Statement) -> None:
    exchange = exchange_of(VALUES)
    second = turned(statement, exchange)
    assert type(second) is type(statement)
    assert second.slot == statement.slot
    if isinstance(second, Nominate | Prepare | Confirm | Externalized):
        assert what_is_insane(second) is None
    if not isinstance(statement, Proposal | Prepare):
        assert turned(second, exchange) == statement


@pytest.mark.parametrize(
    "statement",
    [
        each
        for each in STATEMENTS
        if type(each) in (Vote, Verdict, Proposal, PrePrepare, ViewCommit)
    ],
    ids=lambda each: KINDS[type(each)],
)
def test_two_faces_convict(statement: Statement) -> None:
    assert contradiction(statement, turned(statement, exchange_of(VALUES))) is not None


def test_where_only_one_value_is_known_there_is_no_second_face() -> None:
    assert exchange_of((A,)) == {}
    assert turned(Vote(1, A), exchange_of(())) == Vote(1, A)
    assert exchange_of((A, B, ABSENT)) == {A: B, B: A, ABSENT: A}


def test_the_second_half_of_the_peers_hears_the_second_face_in_its_rounds() -> None:
    liar = interposer({"kind": "equivocate", "hospital": LIAR, "from_round": 2, "until_round": 3})
    heard = [
        [liar.outgoing(peer, Vote(slot, LOW), VALUES) for peer in names(5)[1:]]
        for slot in (1, 2, 3, 4)
    ]
    honest = [Vote(slot, LOW) for slot in (1, 2, 3, 4)]
    assert heard[0] == [honest[0]] * 4
    assert heard[1] == [honest[1], honest[1], Vote(2, HIGH), Vote(2, HIGH)]
    assert heard[2][2:] == [Vote(3, HIGH)] * 2
    assert heard[3] == [honest[3]] * 4


def test_verdicts_are_turned_around_only_if_that_is_asked_for() -> None:
    verdict = Verdict(1, SET, True, "ok", ())
    of_verdicts = interposer({"kind": "equivocate", "hospital": LIAR, "what": "verdict"})
    of_statements = interposer({"kind": "equivocate", "hospital": LIAR})
    assert of_verdicts.outgoing("h05", verdict) == Verdict(1, SET, False, "ok", ())
    assert of_verdicts.outgoing("h05", Vote(1, LOW), VALUES) == Vote(1, LOW)
    assert of_statements.outgoing("h05", verdict) == verdict


def test_a_silent_hospital_sends_nothing_from_its_round_on() -> None:
    silent = interposer({"kind": "silence", "hospital": LIAR, "from_round": 3})
    assert silent.outgoing("h02", Vote(2, A)) == Vote(2, A)
    assert silent.outgoing("h02", Vote(3, A)) is None


def test_a_lie_about_slices_is_told_to_whom_it_is_for() -> None:
    own = {"kind": "slices", "hospital": LIAR}
    alone = QuorumSet(1, (LIAR,))
    everybody = interposer(own)
    assert everybody.claims("h02") == everybody.trusts == alone
    some = interposer({**own, "threshold": 2, "validators": ["h03", "h02"], "to": ["h04"]})
    claimed = QuorumSet(2, (NodeId("h02"), NodeId("h03")))
    assert some.claims("h04") == some.claims("h04/twin") == claimed
    assert some.claims("h02") is None
    assert some.trusts is None
    nomination = Nominate(1, SET, (A,), ())
    told = some.outgoing("h04", nomination)
    assert told == Nominate(1, quorum_set_digest(claimed), (A,), ())
    assert some.outgoing("h02", nomination) == nomination
    assert some.outgoing("h04", Vote(1, A)) == Vote(1, A)


@pytest.mark.parametrize("verdict", ["accept", "reject"])
def test_a_biased_hospital_judges_everything_alike(verdict: str) -> None:
    biased = interposer({"kind": "bias", "hospital": LIAR, "verdict": verdict})
    for accept, reason in ((True, "ok"), (False, "global-score")):
        judged = biased.judge(Validated(1, SET, accept, reason, ()), ALLY)
        assert judged.accept == (verdict == "accept")
        assert (judged.reason == "ok") == judged.accept


def test_colluding_hospitals_accept_each_others_candidates_and_no_others() -> None:
    liar = interposer({"kind": "collude", "hospitals": [LIAR, ALLY]})
    bad = Validated(1, SET, False, "global-score", ())
    assert liar.judge(bad, ALLY).accept
    assert liar.judge(bad, NodeId("h03")) == bad


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda each: KINDS[type(each)])
def test_a_mutation_changes_one_field_a_little(statement: Statement) -> None:
    liar = interposer({"kind": "mutate", "hospital": LIAR, "probability": 1})
    for receiver in names(9)[1:]:
        sent = liar.outgoing(receiver, statement, VALUES)
        assert sent is not None
        assert sent == liar.outgoing(receiver, statement, VALUES)
        changed = [
            field.name
            for field in fields(statement)
            if getattr(statement, field.name) != getattr(sent, field.name)
        ]
        assert len(changed) == 1
        assert changed[0] not in ("reason", "scores")


def test_a_mutation_keeps_to_its_field_and_to_its_probability() -> None:
    liar = interposer(
        {"kind": "mutate", "hospital": LIAR, "field": "view", "probability": 0.25}, count=1000
    )
    sent = [liar.outgoing(f"r{number}", ViewPrepare(1, 4, A), VALUES) for number in range(1000)]
    changed = [each for each in sent if each != ViewPrepare(1, 4, A)]
    assert 200 < len(changed) < 300
    assert set(changed) == {ViewPrepare(1, 3, A), ViewPrepare(1, 5, A)}
    assert liar.outgoing("r1", Vote(1, A), VALUES) == Vote(1, A)


def test_honest_hospitals_have_nothing_before_them() -> None:
    said = faults(
        {"kind": "twin", "hospital": LIAR}, {"kind": "crash", "hospital": ALLY, "at": "1 s"}
    )
    assert all(interposer_of(said, each, names(3), 1) is None for each in names(3))


def test_who_lies_and_who_stops() -> None:
    said = faults(
        {"kind": "twin", "hospital": "a"},
        {"kind": "equivocate", "hospital": "b"},
        {"kind": "slices", "hospital": "c"},
        {"kind": "bias", "hospital": "d", "verdict": "accept"},
        {"kind": "mutate", "hospital": "e"},
        {"kind": "collude", "hospitals": ["f", "g"]},
        {"kind": "silence", "hospital": "h"},
        {"kind": "crash", "hospital": "i", "at": "1 s"},
        {"kind": "crash", "hospital": "j", "at": "1 s", "recover": "2 s"},
        {"kind": "poison", "hospital": "k", "attack": "nan"},
        {"kind": "partition", "groups": [["l"], ["m"]], "heal": "never"},
    )
    assert lying_hospitals(said) == frozenset("abcdefg")
    assert stopping_hospitals(said) == frozenset("hi")
    assert faulty_hospitals(said) == frozenset("abcdefghi")


def broken(*said: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        Scenario.model_validate({"scenario": "x", "rounds": 5, "hospitals": 3, "faults": said})
    return str(caught.value)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"kind": "equivocate", "hospital": "h"}, "unknown hospital 'h'"),
        (
            {"kind": "equivocate", "hospital": "hospital-1", "from_round": 6},
            "expected a round of the run, at most 5, found 6",
        ),
        (
            {"kind": "mutate", "hospital": "hospital-1", "from_round": 3, "until_round": 2},
            "expected a round from 3 to 5, found 2",
        ),
        (
            {"kind": "mutate", "hospital": "hospital-1", "field": "balot"},
            "no message has a field 'balot'; did you mean 'ballot'?",
        ),
        (
            {"kind": "slices", "hospital": "hospital-1", "threshold": 2},
            "expected a threshold from 1 to 1, its entries, found 2",
        ),
        (
            {"kind": "slices", "hospital": "hospital-1", "validators": ["hospital-2"] * 2},
            "'hospital-2' stands here twice",
        ),
        (
            {"kind": "slices", "hospital": "hospital-1", "to": ["hospital-9"]},
            "unknown hospital 'hospital-9'",
        ),
        (
            {"kind": "collude", "hospitals": ["hospital-1", "hospital-4"]},
            "unknown hospital 'hospital-4'",
        ),
        (
            {"kind": "collude", "hospitals": ["hospital-1", "hospital-1"]},
            "'hospital-1' stands in this fault twice",
        ),
        (
            {"kind": "crash", "hospital": "hospital-1", "at": "2 s", "recover": "1 s"},
            "expected a time after 'at', or never",
        ),
    ],
)
def test_a_broken_lie_is_named_with_its_reason(fault: dict[str, Any], sentence: str) -> None:
    assert sentence in broken(fault)


def test_a_split_is_alone_with_the_network() -> None:
    twin = {"kind": "twin", "hospital": "hospital-1"}
    assert "a split makes the twins and the partition itself" in broken({"kind": "split"}, twin)
    assert "a split makes the twins" in broken({"kind": "split"}, {"kind": "split"})


def test_a_lie_stands_once_for_each_hospital() -> None:
    bias = {"kind": "bias", "hospital": "hospital-1", "verdict": "accept"}
    assert "'hospital-1' has a bias already" in broken(bias, bias)
