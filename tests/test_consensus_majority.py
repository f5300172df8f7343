"""The majority node: transcripts of single nodes, and every interleaving that chance finds."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.certificate import check_blocking, check_quorum, check_voters
from consensus.errors import CertificateError, ProtocolError
from consensus.majority import PROPOSAL_TIMER, VOTE_TIMER, MajorityNode, Timeouts, leader_of
from consensus.messages import (
    NO_CANDIDATE,
    Accuse,
    AskValidation,
    Begin,
    Broadcast,
    Externalize,
    Input,
    Output,
    Proposal,
    Propose,
    Receive,
    Record,
    Reject,
    SetTimer,
    Statement,
    TimerExpired,
    Validated,
    Verdict,
    Vote,
    signing_fields,
)
from consensus.quorum import QuorumSet, QuorumSets, majority_of, two_thirds_of
from crypto.digest import Digest, sha256
from crypto.encoding import encode
from crypto.identity import NodeId

NODES = tuple(NodeId(name) for name in "abcde")
A, B, C, D, E = NODES
CANDIDATE, ACCEPTED, REJECTED, ABSENT = (Digest(bytes([n]) * 32) for n in (1, 2, 3, 4))
PROPOSAL = Proposal(1, CANDIDATE, ACCEPTED, REJECTED)
TIMEOUTS = Timeouts(1_000, 2_000)


def node(name: NodeId = B, sets: QuorumSets | None = None) -> MajorityNode:
    claimed = dict.fromkeys(NODES, two_thirds_of(NODES)) if sets is None else sets
    machine = MajorityNode(name, claimed, TIMEOUTS)
    assert machine.step(Begin(1, A, ABSENT)) == (SetTimer(1, PROPOSAL_TIMER, 1_000),)
    return machine


def verdict(accept: bool, candidate: Digest = CANDIDATE) -> Verdict:
    return Verdict(1, candidate, accept, "ok" if accept else "no", ())


def drive(machine: MajorityNode, *events: Input) -> list[Output]:
    return [output for event in events for output in machine.step(event)]


def says(sender: NodeId, statement: Statement) -> Receive:
    return Receive(sender, statement)


JUDGED = Validated(1, CANDIDATE, True, "ok", ())
REFUSED = Validated(1, CANDIDATE, False, "no", ())


def test_a_proposal_is_validated_before_anything_is_said_of_it() -> None:
    assert drive(node(), says(A, PROPOSAL)) == [AskValidation(1, CANDIDATE)]


def test_a_verdict_is_recorded_before_it_is_sent() -> None:
    outputs = drive(node(), says(A, PROPOSAL), JUDGED)
    own = verdict(True)
    assert outputs[1:] == [Record(own), Broadcast(own), SetTimer(1, VOTE_TIMER, 2_000)]


def test_a_quorum_of_accepting_verdicts_leads_to_a_vote_and_a_quorum_of_votes_decides() -> None:
    machine = node()
    before = drive(machine, says(A, PROPOSAL), JUDGED, says(A, verdict(True)))
    assert Broadcast(Vote(1, ACCEPTED)) not in before
    assert drive(machine, says(C, verdict(True))) == []  # three of five: not two thirds
    vote = Vote(1, ACCEPTED)
    assert drive(machine, says(D, verdict(True))) == [Record(vote), Broadcast(vote)]
    assert drive(machine, says(A, vote), says(C, vote)) == []
    assert drive(machine, says(D, vote)) == [Externalize(1, ACCEPTED)]
    assert drive(machine, says(E, vote)) == []


def test_a_blocking_set_of_rejecting_verdicts_leads_to_a_vote_against() -> None:
    machine = node()
    outputs = drive(machine, says(A, PROPOSAL), REFUSED, says(C, verdict(False)))
    assert outputs[-1] == Broadcast(Vote(1, REJECTED))


def test_a_hospital_that_rejected_still_records_what_a_quorum_decided() -> None:
    machine = node()
    drive(machine, says(A, PROPOSAL), REFUSED)
    for other in (A, C, D, E):
        drive(machine, says(other, verdict(True)))
    votes = [says(other, Vote(1, ACCEPTED)) for other in (A, C, D)]
    assert drive(machine, *votes) == [Externalize(1, ACCEPTED)]


def test_without_a_candidate_in_time_the_verdict_says_so() -> None:
    machine = node()
    late = Verdict(1, NO_CANDIDATE, False, "deadline", ())
    outputs = drive(machine, TimerExpired(1, PROPOSAL_TIMER))
    assert outputs[:2] == [Record(late), Broadcast(late)]
    assert drive(machine, says(C, late))[-1] == Broadcast(Vote(1, ABSENT))
    votes = [says(other, Vote(1, ABSENT)) for other in (C, D, E)]
    assert drive(machine, *votes) == [Externalize(1, ABSENT)]


def test_verdicts_that_justify_nothing_end_in_a_vote_for_no_outcome() -> None:
    machine = node()
    drive(machine, says(A, PROPOSAL), JUDGED)
    assert drive(machine, TimerExpired(1, VOTE_TIMER))[-1] == Broadcast(Vote(1, ABSENT))


def test_timers_of_other_slots_and_second_timers_change_nothing() -> None:
    machine = node()
    drive(machine, TimerExpired(1, PROPOSAL_TIMER))
    again = [TimerExpired(1, PROPOSAL_TIMER), TimerExpired(7, VOTE_TIMER)]
    assert drive(machine, *again) == []


def test_a_node_votes_once_in_a_slot() -> None:
    machine = node()
    outputs = drive(machine, says(A, PROPOSAL), JUDGED, TimerExpired(1, VOTE_TIMER))
    for other in (A, C, D, E):
        outputs += drive(machine, says(other, verdict(True)))
    assert [each for each in outputs if isinstance(each, Record)] == [
        Record(verdict(True)),
        Record(Vote(1, ABSENT)),
    ]


def test_votes_that_overtake_their_verdicts_are_held_until_the_record_can_show_both() -> None:
    machine = node()
    drive(machine, *(says(other, Vote(1, ACCEPTED)) for other in (A, C, D, E)))
    assert drive(machine, says(A, PROPOSAL)) == [AskValidation(1, CANDIDATE)]
    for other in (A, C, D):
        assert drive(machine, says(other, verdict(True))) == []
    assert drive(machine, says(E, verdict(True))) == [Externalize(1, ACCEPTED)]


def test_two_faces_are_accused_and_the_first_one_counts() -> None:
    machine = node()
    drive(machine, says(A, PROPOSAL), says(E, verdict(True)))
    assert drive(machine, says(E, verdict(False))) == [Accuse(E, verdict(True), verdict(False))]
    drive(machine, says(E, Vote(1, ACCEPTED)))
    second = drive(machine, says(E, Vote(1, REJECTED)))
    assert second == [Accuse(E, Vote(1, ACCEPTED), Vote(1, REJECTED))]
    other = Proposal(1, REJECTED, ABSENT, CANDIDATE)
    assert drive(machine, says(A, other)) == [Accuse(A, PROPOSAL, other)]


def test_a_repeated_statement_is_no_contradiction() -> None:
    machine = node()
    drive(machine, says(A, PROPOSAL), says(E, verdict(True)))
    assert drive(machine, says(E, verdict(True)), says(A, PROPOSAL)) == []


@pytest.mark.parametrize(
    "event",
    [
        says(B, verdict(True)),
        says(NodeId("stranger"), verdict(True)),
        says(C, PROPOSAL),
        says(C, Verdict(2, CANDIDATE, True, "ok", ())),
        says(C, Vote(0, ACCEPTED)),
    ],
)
def test_what_does_not_belong_here_is_refused_with_a_reason(event: Receive) -> None:
    (output,) = node().step(event)
    assert isinstance(output, Reject)
    assert output.reason


def test_driving_a_node_out_of_turn_is_the_shell_s_mistake() -> None:
    machine = MajorityNode(B, dict.fromkeys(NODES, majority_of(NODES)), TIMEOUTS)
    with pytest.raises(ProtocolError, match="Begin"):
        machine.step(TimerExpired(1, VOTE_TIMER))
    machine.step(Begin(1, A, ABSENT))
    with pytest.raises(ProtocolError, match="slot 2"):
        machine.step(Begin(3, A, ABSENT))
    with pytest.raises(ProtocolError, match="lead"):
        machine.step(Propose(1, CANDIDATE, ACCEPTED, REJECTED))


def test_leaders_take_turns_whatever_order_the_nodes_are_given_in() -> None:
    assert [leader_of(slot, NODES) for slot in (1, 2, 5, 6)] == [A, B, E, A]
    assert leader_of(3, NODES[::-1]) == C


def test_every_field_of_a_statement_changes_what_is_signed() -> None:
    chain, other = Digest(bytes(32)), sha256(b"other")
    statements: list[Statement] = [
        PROPOSAL,
        Proposal(2, CANDIDATE, ACCEPTED, REJECTED),
        Proposal(1, ABSENT, ACCEPTED, REJECTED),
        Proposal(1, CANDIDATE, REJECTED, ACCEPTED),
        verdict(True),
        verdict(False),
        Verdict(1, CANDIDATE, True, "ok", (("global", 1),)),
        Vote(1, ACCEPTED),
        Vote(2, ACCEPTED),
        Vote(1, REJECTED),
    ]
    preimages = set()
    for statement in statements:
        for who, where in ((A, chain), (B, chain), (A, other)):
            label, fields = signing_fields(statement, where, who, ABSENT)
            preimages.add((label, encode(fields)))
    assert len(preimages) == 3 * len(statements)
    vote = Vote(1, ACCEPTED)
    assert signing_fields(vote, chain, A, ABSENT) != signing_fields(vote, chain, A, REJECTED)


# A whole coalition, driven in any order


@dataclass
class Bench:
    """Honest nodes and liars in one slot; messages are delivered in the order chance picks."""

    sets: QuorumSets
    honest: dict[NodeId, bool]
    """Each honest node, with what it thinks of the candidate."""
    dice: random.Random
    decided: dict[NodeId, Digest] = field(default_factory=dict)
    waiting: list[tuple[NodeId, Input]] = field(default_factory=list)

    def run(self) -> dict[NodeId, Digest]:
        machines = {name: MajorityNode(name, self.sets, TIMEOUTS) for name in self.honest}
        for name, machine in machines.items():
            self.take(name, machine.step(Begin(1, A, ABSENT)))
        if A in machines:
            self.take(A, machines[A].step(Propose(1, CANDIDATE, ACCEPTED, REJECTED)))
        for liar in sorted(set(self.sets) - set(self.honest)):
            self.lie(liar)
        while self.waiting:
            name, event = self.waiting.pop(self.dice.randrange(len(self.waiting)))
            self.take(name, machines[name].step(event))
        return self.decided

    def take(self, name: NodeId, outputs: tuple[Output, ...]) -> None:
        for output in outputs:
            match output:
                case Broadcast(statement=statement):
                    others = [other for other in self.honest if other != name]
                    self.waiting += [(other, Receive(name, statement)) for other in others]
                case AskValidation(slot=slot, candidate=candidate):
                    opinion = Validated(slot, candidate, self.honest[name], "r", ())
                    self.waiting.append((name, opinion))
                case SetTimer(slot=slot, timer=timer):
                    self.waiting.append((name, TimerExpired(slot, timer)))
                case Externalize(value=value):
                    assert name not in self.decided, "decided twice"
                    self.decided[name] = value
                case Record() | Accuse() | Reject():
                    pass

    def lie(self, liar: NodeId) -> None:
        """Tell each honest node something else: every statement this slot knows, at random."""
        for name in self.honest:
            told: list[Statement] = [self.dice.choice([verdict(True), verdict(False)])]
            told.append(Vote(1, self.dice.choice([ACCEPTED, REJECTED, ABSENT])))
            if liar == A:
                told.append(PROPOSAL)
            self.waiting += [(name, Receive(liar, statement)) for statement in told]


def coalition(count: int, liar_count: int, opinions: list[bool]) -> dict[NodeId, bool]:
    """The last ``count - liar_count`` nodes are honest, so that a liar leads where there is one."""
    return dict(zip(NODES[liar_count:count], opinions, strict=False))


@settings(max_examples=300)
@given(
    st.integers(1, 5),
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.integers(0, 2**32),
    st.sampled_from([majority_of, two_thirds_of]),
)
def test_honest_nodes_agree_in_every_order_and_under_every_rule(
    count: int, opinions: list[bool], seed: int, rule: object
) -> None:
    assert rule in (majority_of, two_thirds_of)
    quorum_set = majority_of(NODES[:count]) if rule is majority_of else two_thirds_of(NODES[:count])
    sets = dict.fromkeys(NODES[:count], quorum_set)
    bench = Bench(sets, coalition(count, 0, opinions), random.Random(seed))
    decided = bench.run()
    assert len(set(decided.values())) <= 1
    if ACCEPTED in decided.values():
        assert sum(opinions[:count]) >= quorum_set.threshold


@settings(max_examples=500)
@given(st.sampled_from([(4, 1), (5, 1)]), st.integers(0, 2**32), st.data())
def test_two_thirds_hold_against_one_liar_in_every_order(
    size: tuple[int, int], seed: int, data: st.DataObject
) -> None:
    count, liar_count = size
    opinions = data.draw(st.lists(st.booleans(), min_size=5, max_size=5))
    sets = dict.fromkeys(NODES[:count], two_thirds_of(NODES[:count]))
    bench = Bench(sets, coalition(count, liar_count, opinions), random.Random(seed))
    assert len(set(bench.run().values())) <= 1


def test_a_plain_majority_of_five_falls_to_one_liar() -> None:
    sets = dict.fromkeys(NODES, majority_of(NODES))
    forks = 0
    for seed in range(300):
        bench = Bench(sets, coalition(5, 1, [True, True, False, False]), random.Random(seed))
        forks += len(set(bench.run().values())) > 1
    assert forks > 0


def test_declared_quorum_sets_decide_by_themselves_not_by_a_count() -> None:
    """Two islands that trust only themselves decide apart: three of five count for nothing."""
    left, right = QuorumSet(2, (B, C)), QuorumSet(3, (A, D, E))
    sets = {B: left, C: left, A: right, D: right, E: right}
    machine = node(B, sets)
    drive(machine, says(A, PROPOSAL), JUDGED)
    for other in (A, D, E):
        drive(machine, says(other, verdict(True)), says(other, Vote(1, ACCEPTED)))
    outputs = drive(machine, says(C, verdict(True)))
    assert outputs == [Record(Vote(1, ACCEPTED)), Broadcast(Vote(1, ACCEPTED))]
    assert drive(machine, says(C, Vote(1, ACCEPTED))) == [Externalize(1, ACCEPTED)]


# Certificates


def test_a_certificate_needs_a_quorum_not_a_count() -> None:
    left, right = QuorumSet(2, (A, B)), QuorumSet(3, (C, D, E))
    sets = {A: left, B: left, C: right, D: right, E: right}
    check_quorum([A, B], A, sets)
    with pytest.raises(CertificateError, match="satisfies a"):
        check_quorum([C, D, E], A, sets)
    with pytest.raises(CertificateError, match="found none"):
        check_quorum([A, C, D], A, sets)
    with pytest.raises(CertificateError, match="found none among nobody"):
        check_quorum([], A, sets)


@pytest.mark.parametrize(
    ("voters", "message"),
    [([B, A], "a after b"), ([A, A], "a after a"), ([NodeId("z")], "found z")],
)
def test_voters_are_sorted_unique_and_known(voters: list[NodeId], message: str) -> None:
    with pytest.raises(CertificateError, match=message):
        check_voters(voters, dict.fromkeys(NODES, majority_of(NODES)))


def test_a_rejection_needs_a_blocking_set() -> None:
    sets = dict.fromkeys(NODES, two_thirds_of(NODES))
    check_blocking([A, B], C, sets)
    with pytest.raises(CertificateError, match="blocks c"):
        check_blocking([A], C, sets)
