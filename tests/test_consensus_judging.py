"""From a candidate to what may be decided: transcripts of a judging node, and whole coalitions."""

import random
from collections.abc import Callable, Mapping

import pytest

from consensus.errors import ProtocolError
from consensus.judging import (
    PROPOSAL_TIMER,
    VERDICT_TIMER,
    JudgingNode,
    Timeouts,
    leader_of,
)
from consensus.majority import MajorityNode
from consensus.messages import (
    Accuse,
    AskValidation,
    Begin,
    Broadcast,
    Externalize,
    Input,
    Justified,
    Learn,
    Node,
    Output,
    Propose,
    Recall,
    Receive,
    Record,
    Reject,
    SetTimer,
    TimerExpired,
    Validated,
)
from consensus.pbft import PbftNode, PbftTimeouts
from consensus.quorum import QuorumSet, majority_of, two_thirds_of
from consensus.scp import ScpNode
from consensus.statements import (
    KINDS,
    NO_CANDIDATE,
    REASON_DEADLINE,
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
    signing_fields,
)
from consensus.trust import Trust
from crypto.digest import Digest, sha256
from crypto.encoding import encode
from crypto.identity import NodeId

from .parliament import Parliament

NODES = tuple(NodeId(name) for name in "abcde")
A, B, C, D, E = NODES
CANDIDATE, ACCEPTED, REJECTED, ABSENT = (Digest(bytes([n]) * 32) for n in (1, 2, 3, 4))
PREVIOUS = Digest(bytes(32))
OPEN = Begin(1, A, ABSENT, PREVIOUS)
PROPOSAL = Proposal(1, CANDIDATE, ACCEPTED, REJECTED)
PROPOSE = Propose(1, CANDIDATE, ACCEPTED, REJECTED)
TIMEOUTS = Timeouts(1_000, 2_000)
TRUST = Trust(dict.fromkeys(NODES, two_thirds_of(NODES)))


class Told:
    """In the place of an agreement: remembers what it is told."""

    def __init__(self) -> None:
        self.events: list[Input] = []

    def step(self, event: Input, /) -> tuple[Output, ...]:
        self.events.append(event)
        return ()

    @property
    def justified(self) -> list[Digest]:
        return [event.value for event in self.events if isinstance(event, Justified)]


def hospital(name: NodeId = B, *events: Input) -> tuple[JudgingNode, Told]:
    told = Told()
    machine = JudgingNode(name, TRUST, TIMEOUTS, told)
    assert machine.step(OPEN) == (SetTimer(1, PROPOSAL_TIMER, 1_000),)
    drive(machine, *events)
    return machine, told


def verdict(accept: bool, candidate: Digest = CANDIDATE) -> Verdict:
    return Verdict(1, candidate, accept, "ok" if accept else "no", ())


def drive(machine: Node, *events: Input) -> list[Output]:
    return [output for event in events for output in machine.step(event)]


def says(sender: NodeId, statement: Statement) -> Receive:
    return Receive(sender, statement)


JUDGED = Validated(1, CANDIDATE, True, "ok", ())
REFUSED = Validated(1, CANDIDATE, False, "no", ())


def test_the_leader_records_its_candidate_before_it_sends_it_and_judges_it_itself() -> None:
    machine, _ = hospital(A)
    expected = [Record(PROPOSAL), Broadcast(PROPOSAL), AskValidation(1, CANDIDATE)]
    assert drive(machine, PROPOSE) == expected
    assert drive(machine, PROPOSE) == []


def test_a_candidate_is_validated_before_anything_is_said_of_it() -> None:
    machine, _ = hospital()
    assert drive(machine, says(A, PROPOSAL)) == [AskValidation(1, CANDIDATE)]


def test_a_verdict_is_recorded_before_it_is_sent() -> None:
    machine, _ = hospital(B, says(A, PROPOSAL))
    own = Verdict(1, CANDIDATE, True, "ok", (("a", 1), ("b", 2)))
    outputs = drive(machine, Validated(1, CANDIDATE, True, "ok", (("b", 2), ("a", 1))))
    assert outputs == [Record(own), Broadcast(own), SetTimer(1, VERDICT_TIMER, 2_000)]


@pytest.mark.parametrize(
    "stale", [Validated(2, CANDIDATE, True, "ok", ()), Validated(1, ABSENT, True, "ok", ())]
)
def test_a_validation_that_nobody_waits_for_says_nothing(stale: Validated) -> None:
    assert drive(hospital()[0], JUDGED) == []
    machine, _ = hospital(B, says(A, PROPOSAL))
    assert drive(machine, stale) == []
    drive(machine, JUDGED)
    assert drive(machine, JUDGED, REFUSED) == []


def test_a_quorum_of_accepting_verdicts_justifies_accepting() -> None:
    machine, told = hospital(B, says(A, PROPOSAL), JUDGED, says(A, verdict(True)))
    drive(machine, says(C, verdict(True)))  # three of five: not two thirds
    assert told.justified == []
    drive(machine, says(D, verdict(True)), says(E, verdict(True)))
    assert told.justified == [ACCEPTED]


def test_a_blocking_set_of_rejecting_verdicts_justifies_rejecting() -> None:
    machine, told = hospital(B, says(A, PROPOSAL), REFUSED)
    assert told.justified == []
    drive(machine, says(C, verdict(False)))
    assert told.justified == [REJECTED]


def test_a_hospital_judges_for_itself_before_it_counts() -> None:
    machine, told = hospital(B, says(A, PROPOSAL))
    drive(machine, *(says(other, verdict(True)) for other in (A, C, D, E)))
    assert told.justified == []
    drive(machine, REFUSED)
    assert told.justified == [ACCEPTED]


def test_both_outcomes_may_be_justified_one_after_the_other() -> None:
    machine, told = hospital(B, says(A, PROPOSAL), JUDGED)
    drive(machine, *(says(other, verdict(True)) for other in (A, C, D)))
    assert told.justified == [ACCEPTED]
    drive(machine, TimerExpired(1, VERDICT_TIMER))
    assert told.justified == [ACCEPTED, ABSENT]


def test_without_a_candidate_in_time_the_verdict_says_so() -> None:
    machine, told = hospital()
    late = Verdict(1, NO_CANDIDATE, False, REASON_DEADLINE, ())
    outputs = drive(machine, TimerExpired(1, PROPOSAL_TIMER))
    assert outputs == [Record(late), Broadcast(late), SetTimer(1, VERDICT_TIMER, 2_000)]
    drive(machine, says(C, late))
    assert told.justified == [ABSENT]
    assert drive(machine, TimerExpired(1, PROPOSAL_TIMER)) == []


def test_a_candidate_after_the_deadline_is_known_and_no_longer_judged() -> None:
    machine, told = hospital(B, TimerExpired(1, PROPOSAL_TIMER))
    assert drive(machine, says(A, PROPOSAL)) == []
    drive(machine, *(says(other, verdict(True)) for other in (A, C, D, E)))
    assert told.justified == [ACCEPTED]


def test_verdicts_that_justify_nothing_end_in_no_outcome() -> None:
    machine, told = hospital(B, says(A, PROPOSAL), JUDGED)
    drive(machine, TimerExpired(2, VERDICT_TIMER))
    assert told.justified == []
    drive(machine, TimerExpired(1, VERDICT_TIMER))
    assert told.justified == [ABSENT]


def test_verdicts_on_different_candidates_do_not_add_up() -> None:
    machine, told = hospital(B, says(A, PROPOSAL), JUDGED)
    drive(machine, *(says(other, verdict(True, ABSENT)) for other in (A, C, D, E)))
    assert told.justified == []


def test_a_leader_that_judged_the_slot_as_empty_proposes_no_more() -> None:
    machine, _ = hospital(A, TimerExpired(1, PROPOSAL_TIMER))
    assert drive(machine, PROPOSE) == []


def test_two_faces_are_accused_and_the_first_one_counts() -> None:
    machine, _ = hospital(B, says(A, PROPOSAL), says(E, verdict(True)))
    assert drive(machine, says(E, verdict(False))) == [Accuse(E, verdict(True), verdict(False))]
    other = Proposal(1, REJECTED, ABSENT, CANDIDATE)
    assert drive(machine, says(A, other)) == [Accuse(A, PROPOSAL, other)]
    assert drive(machine, says(E, verdict(True)), says(A, PROPOSAL)) == []


@pytest.mark.parametrize(
    "event",
    [
        says(B, verdict(True)),
        says(NodeId("stranger"), verdict(True)),
        says(C, PROPOSAL),
        says(C, Verdict(2, CANDIDATE, True, "ok", ())),
        says(A, Proposal(2, CANDIDATE, ACCEPTED, REJECTED)),
    ],
)
def test_what_does_not_belong_here_is_refused_with_a_reason(event: Receive) -> None:
    machine, told = hospital()
    (output,) = machine.step(event)
    assert isinstance(output, Reject)
    assert output.reason
    assert told.events == [OPEN]


def test_what_is_not_about_the_candidate_is_the_agreement_s() -> None:
    events: list[Input] = [
        Learn(majority_of(NODES)),
        says(C, Vote(1, ACCEPTED)),
        TimerExpired(1, "ballot"),
        Justified(1, ABSENT),
    ]
    machine, told = hospital()
    assert drive(machine, *events) == []
    assert told.events == [OPEN, *events]


def test_driving_a_node_out_of_turn_is_the_shell_s_mistake() -> None:
    machine = JudgingNode(B, TRUST, TIMEOUTS, Told())
    with pytest.raises(ProtocolError, match="Begin"):
        machine.step(TimerExpired(1, VERDICT_TIMER))
    machine.step(OPEN)
    with pytest.raises(ProtocolError, match="after 1"):
        machine.step(OPEN)
    with pytest.raises(ProtocolError, match="lead"):
        machine.step(PROPOSE)


def test_leaders_take_turns_whatever_order_the_nodes_are_given_in() -> None:
    assert [leader_of(slot, NODES) for slot in (1, 2, 5, 6)] == [A, B, E, A]
    assert leader_of(3, NODES[::-1]) == C


# Recall


def test_what_was_said_before_a_stop_stands_and_is_said_again() -> None:
    machine, told = hospital(A)
    vote = Vote(1, ACCEPTED)
    outputs = drive(machine, Recall((PROPOSAL, verdict(True), vote)))
    timer = SetTimer(1, VERDICT_TIMER, 2_000)
    assert outputs == [Broadcast(PROPOSAL), Broadcast(verdict(True)), timer]
    assert told.events == [OPEN, Recall((vote,))]
    assert drive(machine, REFUSED, PROPOSE, TimerExpired(1, PROPOSAL_TIMER)) == []


def test_a_recalled_candidate_without_a_verdict_is_validated_again() -> None:
    machine, _ = hospital(A)
    assert drive(machine, Recall((PROPOSAL,))) == [
        Broadcast(PROPOSAL),
        AskValidation(1, CANDIDATE),
    ]


def test_what_a_recalled_verdict_justifies_is_told_at_once() -> None:
    """Else nothing would tell it before the deadline, and an accepted candidate would be lost."""
    told = Told()
    machine = JudgingNode(A, Trust({A: QuorumSet(1, (A,))}), TIMEOUTS, told)
    drive(machine, OPEN, Recall((PROPOSAL, verdict(True))))
    assert told.justified == [ACCEPTED]


# Whole coalitions


AGREEMENTS: Mapping[str, Callable[[NodeId], Node]] = {
    "majority": lambda node: MajorityNode(node, TRUST),
    "pbft": lambda node: PbftNode(node, TRUST, PbftTimeouts(2_000_000, 20_000_000)),
    "scp": lambda node: ScpNode(node, TRUST),
}


@pytest.mark.parametrize("name", AGREEMENTS)
def test_what_enough_hospitals_accept_is_decided_by_every_agreement(name: str) -> None:
    for seed in range(10):
        dice = random.Random(seed)
        accepts = {node: dice.random() < 0.6 for node in NODES}
        house = Parliament(
            lambda node: JudgingNode(
                node, TRUST, Timeouts(5_000_000, 5_000_000), AGREEMENTS[name](node)
            ),
            NODES,
            seed=seed,
            accepts=accepts,
        )
        house.open(OPEN)
        house.tell(A, PROPOSE)
        house.run(120_000_000, until_decided=True)
        values = set(house.decided.values())
        assert len(values) <= 1
        if name != "majority" or len(set(accepts.values())) == 1:
            assert len(house.decided) == len(NODES)
        count = sum(accepts.values())
        assert (ACCEPTED not in values) or count >= 4
        assert (REJECTED not in values) or count <= 3


def test_a_silent_leader_costs_the_turn_and_nothing_else() -> None:
    house = Parliament(
        lambda node: JudgingNode(node, TRUST, TIMEOUTS, MajorityNode(node, TRUST)),
        NODES,
        seed=1,
        delay_us=(1, 100),
    )
    house.open(OPEN)
    house.run(10_000)
    assert house.decided
    assert set(house.decided.values()) == {ABSENT}


def test_the_vote_is_cast_and_the_slot_decided_in_one_go() -> None:
    machine = JudgingNode(A, Trust({A: QuorumSet(1, (A,))}), TIMEOUTS, MajorityNode(A, TRUST))
    assert Externalize(1, ACCEPTED) not in drive(machine, OPEN, PROPOSE)
    alone = Trust({A: QuorumSet(1, (A,))})
    machine = JudgingNode(A, alone, TIMEOUTS, MajorityNode(A, alone))
    assert drive(machine, OPEN, PROPOSE, JUDGED)[-1] == Externalize(1, ACCEPTED)


# What a signature covers


BALLOT = Ballot(2, ACCEPTED)
STATEMENTS: list[Statement] = [
    PROPOSAL,
    Proposal(2, CANDIDATE, ACCEPTED, REJECTED),
    Proposal(1, ABSENT, ACCEPTED, REJECTED),
    Proposal(1, CANDIDATE, REJECTED, ACCEPTED),
    verdict(True),
    verdict(False),
    Verdict(1, CANDIDATE, True, "other", ()),
    Verdict(1, CANDIDATE, True, "ok", (("global", 1),)),
    Vote(1, ACCEPTED),
    Vote(2, ACCEPTED),
    Vote(1, REJECTED),
    Nominate(1, ABSENT, (ACCEPTED,), ()),
    Nominate(1, ABSENT, (), (ACCEPTED,)),
    Prepare(1, ABSENT, BALLOT, None, None, 0, 0),
    Prepare(1, ABSENT, BALLOT, BALLOT, None, 0, 0),
    Prepare(1, ABSENT, BALLOT, BALLOT, None, 0, 1),
    Prepare(1, ABSENT, BALLOT, BALLOT, None, 1, 1),
    Confirm(1, ABSENT, BALLOT, 1, 1, 1),
    Confirm(1, ABSENT, BALLOT, 2, 1, 1),
    Externalized(1, ABSENT, BALLOT, 2),
    Externalized(1, ABSENT, BALLOT, 3),
    PrePrepare(1, 0, ACCEPTED),
    ViewPrepare(1, 0, ACCEPTED),
    ViewCommit(1, 0, ACCEPTED),
    ViewCommit(1, 1, ACCEPTED),
    ViewCommit(1, 0, REJECTED),
    ViewChange(1, 1, None, None),
    ViewChange(1, 1, 0, ACCEPTED),
    ViewChange(1, 1, 0, REJECTED),
    NewView(1, 1, ACCEPTED, (A, B)),
    NewView(1, 1, ACCEPTED, (A, C)),
]


def test_every_field_of_a_statement_changes_what_is_signed() -> None:
    chain, other = Digest(bytes(32)), sha256(b"other")
    preimages = set()
    for statement in STATEMENTS:
        for who, where in ((A, chain), (B, chain), (A, other)):
            label, fields = signing_fields(statement, where, who, ABSENT)
            preimages.add((label, encode(fields)))
    assert len(preimages) == 3 * len(STATEMENTS)
    assert {type(statement) for statement in STATEMENTS} == set(KINDS)
    vote = Vote(1, ACCEPTED)
    assert signing_fields(vote, chain, A, ABSENT) != signing_fields(vote, chain, A, REJECTED)
