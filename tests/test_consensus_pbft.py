"""PBFT: sentences of the papers, transcripts of single replicas, and whole coalitions by chance.

"4.2" and the like are sections of Castro and Liskov (OSDI 1999); "TOCS" is their article of 2002.
"""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from consensus.errors import ProtocolError
from consensus.judging import leader_of
from consensus.messages import (
    Accuse,
    Begin,
    Broadcast,
    CancelTimer,
    Externalize,
    Input,
    Justified,
    Output,
    Recall,
    Receive,
    Record,
    Reject,
    SetTimer,
    TimerExpired,
)
from consensus.pbft import VIEW_TIMER, PbftNode, PbftTimeouts, contradicts
from consensus.pbft.node import FACES_MAX, VIEWS_AHEAD_MAX
from consensus.quorum import QuorumSet, two_thirds_of
from consensus.statements import (
    NewView,
    PrePrepare,
    Statement,
    ViewChange,
    ViewCommit,
    ViewPrepare,
    Vote,
)
from consensus.trust import Trust
from crypto.digest import Digest
from crypto.identity import NodeId

from .parliament import Parliament, Seat

NODES = tuple(NodeId(name) for name in "abcd")
A, B, C, D = NODES  # in slot 1 the primaries of views 0 to 3
X, Y, Z = (Digest(bytes([n]) * 32) for n in (1, 2, 3))
OPEN = Begin(1, A, Digest(bytes(32)), Digest(bytes(32)))
TIMEOUTS = PbftTimeouts(request_us=1_000, cap_us=3_000)
RUNS_OUT = TimerExpired(1, VIEW_TIMER)
MAY_X = Justified(1, X)


def replica(name: NodeId = B, *events: Input) -> PbftNode:
    machine = PbftNode(name, Trust(dict.fromkeys(NODES, two_thirds_of(NODES))), TIMEOUTS)
    machine.step(OPEN)
    drive(machine, *events)
    return machine


def drive(machine: PbftNode, *events: Input) -> list[Output]:
    return [output for event in events for output in machine.step(event)]


def by(statement: Statement, *senders: NodeId) -> list[Receive]:
    return [Receive(sender, statement) for sender in senders]


def said(outputs: Sequence[Output]) -> list[Statement]:
    """What was broadcast; each statement must have been recorded just before."""
    found: list[Statement] = []
    for before, output in zip([None, *outputs], outputs, strict=False):
        if isinstance(output, Broadcast):
            assert before == Record(output.statement)
            found.append(output.statement)
    return found


def pre_prepare(value: Digest = X) -> PrePrepare:
    return PrePrepare(1, 0, value)


def prepare(view: int = 0, value: Digest = X) -> ViewPrepare:
    return ViewPrepare(1, view, value)


def commit(view: int = 0, value: Digest = X) -> ViewCommit:
    return ViewCommit(1, view, value)


def change(view: int = 1, prepared: int | None = None, value: Digest = X) -> ViewChange:
    return ViewChange(1, view, prepared, None if prepared is None else value)


def new_view(view: int = 1, value: Digest = X, changes: Sequence[NodeId] = (A, B, C)) -> NewView:
    return NewView(1, view, value, tuple(changes))


# 4.2 Normal-case operation


def test_the_primary_multicasts_a_pre_prepare_for_the_first_value_it_may_decide() -> None:
    outputs = drive(replica(A), MAY_X, Justified(1, Y))
    assert outputs == [
        SetTimer(1, VIEW_TIMER, 1_000),
        Record(pre_prepare()),
        Broadcast(pre_prepare()),
    ]


def test_a_backup_enters_the_prepare_phase_by_multicasting_a_prepare() -> None:
    machine = replica(B, MAY_X)
    assert said(drive(machine, *by(pre_prepare(), A))) == [prepare()]
    assert drive(machine, *by(pre_prepare(), A)) == []


def test_a_backup_agrees_only_to_what_is_justified_and_remembers_the_pre_prepare() -> None:
    machine = replica(B)
    assert drive(machine, *by(pre_prepare(), A)) == [SetTimer(1, VIEW_TIMER, 1_000)]
    assert said(drive(machine, Justified(1, Y))) == []
    assert said(drive(machine, MAY_X)) == [prepare()]


def test_prepared_needs_the_pre_prepare_and_2f_matching_prepares() -> None:
    machine = replica(B, MAY_X, *by(pre_prepare(), A))
    assert said(drive(machine, *by(prepare(0, Y), C))) == []
    assert said(drive(machine, *by(prepare(), D))) == [commit()]
    overtaken = replica(B, MAY_X, *by(prepare(), C, D))
    assert said(drive(overtaken, *by(pre_prepare(), A))) == [prepare(), commit()]


def test_a_quorum_of_prepares_is_committed_by_a_node_that_could_not_justify_the_value() -> None:
    machine = replica(B, *by(pre_prepare(), A), *by(prepare(), C))
    assert said(drive(machine, *by(prepare(), D))) == [commit()]


def test_2f_plus_1_matching_commits_decide_once() -> None:
    machine = replica(B, MAY_X, *by(pre_prepare(), A), *by(prepare(), C))
    assert drive(machine, *by(commit(), A)) == []
    assert drive(machine, *by(commit(), D)) == [CancelTimer(1, VIEW_TIMER), Externalize(1, X)]
    assert drive(machine, *by(commit(), C), *by(prepare(), D)) == []


def test_commits_of_two_views_or_values_do_not_add_up() -> None:
    machine = replica(B)
    votes = [*by(commit(0), A), *by(commit(1), C), *by(commit(0, Y), D)]
    assert drive(machine, *votes) == []


def test_commits_alone_decide_at_a_node_that_missed_everything_else() -> None:
    assert drive(replica(B), *by(commit(), A, C, D)) == [Externalize(1, X)]


def test_a_coalition_of_one_decides_by_itself() -> None:
    machine = PbftNode(A, Trust({A: two_thirds_of([A])}), TIMEOUTS)
    machine.step(OPEN)
    outputs = drive(machine, MAY_X)
    assert said(outputs) == [pre_prepare(), commit()]
    assert outputs[-1] == Externalize(1, X)


def test_declared_quorum_sets_decide_not_a_count() -> None:
    """B believes only D: A and C count for nothing without it."""
    sets = {**dict.fromkeys(NODES, two_thirds_of(NODES)), B: QuorumSet(2, (B, D))}
    sets[D] = QuorumSet(1, (D,))
    machine = PbftNode(B, Trust(sets), TIMEOUTS)
    drive(machine, OPEN, MAY_X, *by(pre_prepare(), A))
    assert drive(machine, *by(prepare(), C), *by(commit(), A, C)) == []
    assert said(drive(machine, *by(prepare(), D))) == [commit()]
    assert drive(machine, *by(commit(), D))[-1] == Externalize(1, X)


# 4.4 View changes, and the timers of TOCS 4.5.2


def test_a_backup_starts_a_timer_when_there_is_a_request_and_stops_it_when_it_is_executed() -> None:
    assert drive(replica(B), MAY_X) == [SetTimer(1, VIEW_TIMER, 1_000)]
    assert drive(replica(B), *by(pre_prepare(), A)) == [SetTimer(1, VIEW_TIMER, 1_000)]
    decided = drive(replica(B, MAY_X), *by(commit(), A, C, D))
    assert decided == [CancelTimer(1, VIEW_TIMER), Externalize(1, X)]


def test_when_the_timer_runs_out_a_backup_asks_for_the_next_view() -> None:
    machine = replica(C, MAY_X)
    assert drive(machine, RUNS_OUT) == [Record(change()), Broadcast(change())]
    assert drive(machine, RUNS_OUT, TimerExpired(1, "other"), TimerExpired(2, VIEW_TIMER)) == []


def test_having_asked_it_accepts_nothing_of_the_old_view_but_a_decision() -> None:
    machine = replica(C, MAY_X, RUNS_OUT)
    assert drive(machine, *by(pre_prepare(), A), *by(prepare(), B, D)) == []
    assert drive(machine, *by(commit(), A, B, D)) == [Externalize(1, X)]


def test_a_view_change_shows_the_messages_that_prove_what_was_prepared() -> None:
    machine = replica(C, MAY_X, *by(pre_prepare(), A), *by(prepare(), D))
    *_, record, broadcast = drive(machine, RUNS_OUT)
    assert record == Record(change(1, 0))
    assert broadcast == Broadcast(change(1, 0), ((A, pre_prepare()), (D, prepare())))


def test_f_plus_1_view_changes_for_greater_views_are_joined_at_the_smallest_of_them() -> None:
    machine = replica(D)
    assert drive(machine, *by(change(3), A)) == []
    assert said(drive(machine, *by(change(2), B))) == [change(2)]


def test_the_timer_of_a_view_change_waits_for_2f_plus_1_and_doubles_up_to_the_cap() -> None:
    machine = replica(D, MAY_X, RUNS_OUT)
    assert drive(machine, *by(change(1), A)) == []
    assert drive(machine, *by(change(1), C)) == [SetTimer(1, VIEW_TIMER, 2_000)]
    drive(machine, RUNS_OUT)
    assert drive(machine, *by(change(2), A, B)) == [SetTimer(1, VIEW_TIMER, 3_000)]


def test_the_primary_of_the_new_view_multicasts_it_with_the_quorum_it_rests_on() -> None:
    machine = replica(B, Justified(1, Y), RUNS_OUT, *by(change(), A))
    outputs = drive(machine, *by(change(), C))
    opening = new_view(1, Y, (A, B, C))
    assert outputs == [
        SetTimer(1, VIEW_TIMER, 2_000),
        Record(opening),
        Broadcast(opening, ((A, change()), (C, change()))),
        CancelTimer(1, VIEW_TIMER),
        SetTimer(1, VIEW_TIMER, 2_000),
    ]
    assert drive(machine, *by(change(), D)) == []


def test_a_new_primary_without_a_value_waits_for_its_judging() -> None:
    machine = replica(B, *by(change(), A, C))
    assert said(drive(machine, MAY_X)) == [new_view()]


def test_what_was_prepared_in_the_highest_view_is_carried_on() -> None:
    machine = replica(C, Justified(1, Z))
    drive(machine, *by(pre_prepare(), A), *by(prepare(), B, D))
    drive(machine, *by(new_view(1, Y, (A, B, D)), B), *by(prepare(1, Y), A, D))
    drive(machine, *by(change(2, 0, X), A))
    outputs = drive(machine, *by(change(2, 1, Y), D))
    assert new_view(2, Y, (A, C, D)) in said(outputs)


def test_a_claim_counts_only_where_its_proof_is_held() -> None:
    machine = replica(B, Justified(1, Y), RUNS_OUT, *by(change(), A))
    assert drive(machine, *by(change(1, 0), C)) == [SetTimer(1, VIEW_TIMER, 2_000)]
    assert drive(machine, *by(pre_prepare(), A), *by(prepare(), C)) == []
    outputs = drive(machine, *by(prepare(), D))
    assert said(outputs) == [new_view(1, X)]
    assert isinstance(outputs[1], Broadcast)
    assert outputs[1].supporting == (
        *((A, pre_prepare()), (C, prepare()), (D, prepare())),
        *((A, change()), (C, change(1, 0))),
    )


def test_a_backup_enters_a_new_view_whether_or_not_it_asked_for_it() -> None:
    for asked in ([], [RUNS_OUT]):
        machine = replica(D, MAY_X, *asked, *by(change(), A, B, C))
        assert said(drive(machine, *by(new_view(), B)))[-1] == prepare(1)


def test_a_new_view_that_overtook_its_view_changes_is_remembered() -> None:
    machine = replica(D, MAY_X)
    assert drive(machine, *by(new_view(), B), *by(change(), C)) == []
    said_of_it = said(drive(machine, *by(change(), A), *by(change(), B)))
    assert said_of_it == [change(), prepare(1)]


def test_a_value_that_is_proven_prepared_needs_no_judging_and_another_one_does() -> None:
    proof = [*by(pre_prepare(), A), *by(prepare(), B, C)]
    carried = replica(D, *proof, *by(change(1, 0), A), *by(change(), B, C))
    assert said(drive(carried, *by(new_view(), B))) == [prepare(1)]
    free = replica(D, *by(change(), A, B, C))
    assert said(drive(free, *by(new_view(), B))) == []
    assert said(drive(free, MAY_X)) == [prepare(1)]


def test_a_new_view_that_drops_what_was_prepared_is_refused() -> None:
    proof = [*by(pre_prepare(), A), *by(prepare(), B, C)]
    machine = replica(D, Justified(1, Y), *proof, *by(change(1, 0), A), *by(change(), B, C))
    (refusal,) = drive(machine, *by(new_view(1, Y), B))
    assert refusal == Reject(B, "new view 1 drops what was prepared")


@pytest.mark.parametrize("changes", [(A, B), (A, B, NodeId("e")), (), (B, A, C), (A, B, B)])
def test_a_new_view_rests_on_a_quorum_of_known_nodes(changes: Sequence[NodeId]) -> None:
    (refusal,) = drive(replica(D, *by(change(), A, B, C)), *by(new_view(1, X, changes), B))
    assert isinstance(refusal, Reject)


def test_a_decided_node_shows_the_decision_to_who_still_asks_for_views() -> None:
    machine = replica(B, MAY_X, *by(pre_prepare(), A), *by(prepare(), C), *by(commit(), A, C))
    answer = Broadcast(commit(), ((A, commit()), (C, commit())))
    assert drive(machine, *by(change(), D)) == [answer]
    assert drive(machine, *by(change(), D)) == []
    assert drive(machine, *by(change(2), D)) == [answer]


def test_a_decided_node_helps_a_blocking_set_to_a_new_view_without_timers() -> None:
    machine = replica(B, *by(commit(), A, C, D))
    outputs = drive(machine, *by(change(), A, C))
    assert said(outputs) == [change()]
    assert not any(isinstance(output, SetTimer) for output in outputs)


# Two faces


TWO_FACES: list[tuple[NodeId, Statement, Statement]] = [
    (A, pre_prepare(X), pre_prepare(Y)),
    (A, pre_prepare(X), prepare(0, Y)),
    (A, pre_prepare(X), commit(0, Y)),
    (C, prepare(0, X), prepare(0, Y)),
    (C, prepare(3, X), prepare(3, Y)),
    (C, prepare(0, X), commit(0, Y)),
    (C, commit(0, X), prepare(0, Y)),
    (C, commit(0, X), commit(0, Y)),
    (C, commit(0, X), change(1)),
    (C, change(1), commit(0, X)),
    (C, commit(1, X), change(2, 0, X)),
    (C, commit(1, X), change(2, 1, Y)),
    (C, prepare(1, X), change(2, 1, Y)),
    (C, change(1), change(1, 0, X)),
    (C, change(1, 0, X), change(2)),
    (C, change(1, 0, X), change(2, 0, Y)),
    (C, change(2), change(3, 1, X)),
    (C, change(3, 2, X), change(4, 1, X)),
    (D, new_view(3, X, (A, B, C)), new_view(3, Y, (A, B, C))),
    (D, new_view(3, X, (A, B, C)), new_view(3, X, (A, B, D))),
]


@pytest.mark.parametrize(("node", "first", "second"), TWO_FACES)
def test_contradicting_statements_of_one_sender_are_accused_once(
    node: NodeId, first: Statement, second: Statement
) -> None:
    machine = replica(B, *by(first, node))
    assert Accuse(node, first, second) in drive(machine, *by(second, node))
    again = drive(machine, *by(first, node), *by(second, node))
    if not isinstance(second, NewView):
        assert not any(isinstance(output, Accuse) for output in again)


ONE_FACE: list[tuple[Statement, Statement]] = [
    (pre_prepare(), commit()),
    (prepare(), commit()),
    (prepare(0, X), prepare(1, Y)),
    (prepare(0, X), change(1)),
    (commit(0, X), commit(1, Y)),
    (commit(0, X), change(1, 0, X)),
    (commit(0, X), change(3, 2, Y)),
    (commit(2, X), change(1)),
    (change(1, 0, X), change(2, 0, X)),
    (change(1, 0, X), change(2, 1, Y)),
    (change(1), change(2, 1, X)),
    (change(2, 0, X), ViewPrepare(1, 1, Y)),
    (commit(0, X), ViewCommit(2, 0, Y)),
]


@pytest.mark.parametrize(("first", "second"), ONE_FACE)
def test_what_a_correct_replica_may_sign_contradicts_nothing(
    first: Statement, second: Statement
) -> None:
    assert not isinstance(first, Vote)
    assert contradicts(first, second) is None  # type: ignore[arg-type]  # all are PBFT's
    assert contradicts(second, first) is None  # type: ignore[arg-type]


def test_a_vote_counts_whatever_else_its_sender_signed() -> None:
    """Else a faulty node could keep a decision that its commits made from some of the others."""
    machine = replica(B, *by(commit(0, Y), D), *by(commit(), A, C))
    outputs = drive(machine, *by(commit(), D))
    assert outputs == [Accuse(D, commit(0, Y), commit()), Externalize(1, X)]


def test_a_new_view_may_rest_on_either_face_of_a_faulty_node() -> None:
    proof = [*by(pre_prepare(), A), *by(prepare(), B, C)]
    changes = [*by(change(), A, B), *by(change(), C), *by(change(1, 0), C)]
    for value in (X, Y):
        machine = replica(D, Justified(1, Y), *proof, *changes)
        assert said(drive(machine, *by(new_view(1, value), B)))[-1] == prepare(1, value)


def test_what_a_flood_of_contradictions_leaves_behind_is_bounded() -> None:
    machine = replica(B)
    values = [Digest(bytes([n]) * 32) for n in range(4 * FACES_MAX)]
    drive(machine, *(Receive(C, commit(0, value)) for value in values))
    drive(machine, *(Receive(C, change(2, 1, value)) for value in values))
    log = machine._open
    assert log is not None
    assert len(log.commits.voters) == FACES_MAX
    assert len(log.changes[2][C]) == FACES_MAX


STRAY: list[tuple[NodeId, Statement]] = [
    (B, prepare()),
    (NodeId("stranger"), prepare()),
    (C, Vote(1, X)),
    (C, ViewPrepare(2, 0, X)),
    (C, prepare(-1)),
    (C, prepare(VIEWS_AHEAD_MAX + 1)),
    (C, pre_prepare()),
    (B, new_view()),
    (C, PrePrepare(1, 2, X)),
    (C, change(0)),
    (C, change(1, 1)),
    (C, change(1, -1)),
    (C, ViewChange(1, 1, 0, None)),
    (C, ViewChange(1, 1, None, X)),
    (A, new_view(0)),
    (A, new_view(1)),
]


@pytest.mark.parametrize(("sender", "statement"), STRAY)
def test_what_does_not_belong_here_is_refused_with_a_reason(
    sender: NodeId, statement: Statement
) -> None:
    (output,) = replica(B).step(Receive(sender, statement))
    assert isinstance(output, Reject)
    assert output.reason


def test_driving_a_replica_out_of_turn_is_the_shell_s_mistake() -> None:
    machine = PbftNode(B, Trust(dict.fromkeys(NODES, two_thirds_of(NODES))), TIMEOUTS)
    with pytest.raises(ProtocolError, match="Begin"):
        machine.step(MAY_X)
    machine.step(OPEN)
    with pytest.raises(ProtocolError, match="after 1"):
        machine.step(OPEN)
    assert machine.step(Justified(2, X)) == ()


# Recall


@pytest.mark.parametrize(
    ("recalled", "then", "never"),
    [
        ([pre_prepare()], [Justified(1, Y)], [pre_prepare(Y)]),
        ([prepare()], [*by(pre_prepare(Y), A), Justified(1, Y)], [prepare(0, Y)]),
        ([commit()], [*by(pre_prepare(Y), A), Justified(1, Y)], [prepare(0, Y)]),
        ([change()], [MAY_X, *by(pre_prepare(), A), *by(prepare(), C, D)], [prepare(), commit()]),
        ([prepare(), commit()], [RUNS_OUT], [change()]),
        ([commit(), change(1, 0)], [*by(change(1), C, D), RUNS_OUT], [change(2), change(1)]),
    ],
)
def test_a_replica_never_contradicts_what_it_signed_before_it_stopped(
    recalled: list[Statement], then: list[Input], never: list[Statement]
) -> None:
    name = A if isinstance(recalled[0], PrePrepare) else B
    machine = replica(name)
    outputs = drive(machine, Recall(tuple(recalled)))
    assert [o.statement for o in outputs if isinstance(o, Broadcast)] == recalled
    new = said(drive(machine, *then))
    assert not set(new) & set(never)
    assert not any(contradicts(a, b) for a in recalled for b in new)  # type: ignore[arg-type]


def test_a_recalled_view_change_still_waits_for_its_new_view() -> None:
    machine = replica(B)
    assert drive(machine, Recall((change(),)), MAY_X) == [Broadcast(change())]
    assert said(drive(machine, *by(change(), A, C))) == [new_view()]
    entered = replica(C)
    outputs = drive(entered, Recall((change(), prepare(1))))
    assert outputs[-1] == SetTimer(1, VIEW_TIMER, 2_000)


def test_a_recalled_claim_counts_once_its_proof_is_back() -> None:
    machine = replica(B, Recall((prepare(), commit())))
    drive(machine, RUNS_OUT)
    drive(machine, *by(change(1), C))
    assert said(drive(machine, *by(change(1), D), MAY_X)) == []  # its own claim is not proven
    assert said(drive(machine, *by(pre_prepare(), A))) == []
    assert said(drive(machine, *by(prepare(), C))) == [new_view(1, X, (B, C, D))]


# Whole coalitions


@dataclass(frozen=True)
class Storm:
    """What befalls a coalition before the network heals."""

    size: int
    twins: int = 0
    silent: int = 0
    crashing: float = 0.0


HEAL_US = 6_000_000
SPELL_US = 300_000
END_US = 120_000_000


def weather(seed: int, storm: Storm) -> Parliament:
    """A coalition in a storm, at the end of it: partitions, loss, duplicates, faults, all drawn."""
    dice = random.Random(seed)
    nodes = [NodeId(name) for name in "abcdefg"[: storm.size]]
    trust = Trust(dict.fromkeys(nodes, two_thirds_of(nodes)))
    faulty = dice.sample(nodes, storm.twins + storm.silent)
    twins, silent = faulty[: storm.twins], faulty[storm.twins :]
    seats = [Seat(node, face) for node in nodes for face in (0, 1)]
    sides = [
        {seat: dice.random() < 0.5 for seat in seats} if dice.random() < 0.7 else {}
        for _ in range(HEAL_US // SPELL_US)
    ]

    def linked(sender: Seat, receiver: Seat, now_us: int) -> bool:
        spell = now_us // SPELL_US
        if spell >= len(sides) or not sides[spell]:
            return True
        return sides[spell][sender] == sides[spell][receiver]

    house = Parliament(
        lambda node: PbftNode(node, trust, PbftTimeouts(400_000, 5_000_000)),
        nodes,
        seed=seed,
        twins=twins,
        linked=linked,
        delay_us=(1_000, dice.choice([20_000, 200_000])),
        loss=dice.choice([0.0, 0.1, 0.4]),
        duplication=0.1,
        rebroadcast_us=500_000,
    )
    slot = dice.randint(1, storm.size)
    house.open(Begin(slot, leader_of(slot, nodes), Z, Z))
    for node, face in itertools.product(nodes, (0, 1)):
        for value in dice.sample([X, Y, Z], 3):
            house.tell(node, Justified(slot, value), dice.randrange(2_000_000), face)
    for node in silent:
        house.crash(node, 0)
    for node in nodes:
        if dice.random() < storm.crashing:
            at_us = dice.randrange(3_000_000)
            house.crash(node, at_us, at_us + dice.randrange(1, 1_000_000))
    house.run(END_US, until_decided=True)
    return house


STORMS = {
    "twin": (Storm(4, twins=1), 80),
    "silent": (Storm(4, silent=1), 60),
    "crashes": (Storm(4, crashing=0.6), 80),
    "crashes beside a twin": (Storm(4, twins=1, crashing=0.3), 60),
    "two twins of seven": (Storm(7, twins=2), 25),
    "a twin and a silent one of seven": (Storm(7, twins=1, silent=1), 12),
    "crashes of seven": (Storm(7, crashing=0.6), 25),
}


@pytest.mark.parametrize("name", STORMS)
def test_up_to_f_faults_neither_split_nor_stop_a_coalition(name: str) -> None:
    storm, runs = STORMS[name]
    for seed in range(runs):
        house = weather(seed, storm)
        decided = house.honest_decisions()
        assert len(set(decided.values())) == 1, f"seed {seed}: {decided}"
        assert not house.revised, f"seed {seed}: {house.revised}"
        assert len(decided) >= storm.size - storm.twins - storm.silent, f"seed {seed}: stuck"


def two_camps(twins: Sequence[NodeId], seed: int) -> Parliament:
    """Two camps that see only one face each of every twin, with different values to decide."""
    trust = Trust(dict.fromkeys(NODES, two_thirds_of(NODES)))
    honest = [node for node in NODES if node not in twins]
    camp = {node: number % 2 for number, node in enumerate(honest)}

    def linked(sender: Seat, receiver: Seat, now_us: int) -> bool:
        return camp.get(sender.node, sender.face) == camp.get(receiver.node, receiver.face)

    house = Parliament(
        lambda node: PbftNode(node, trust, PbftTimeouts(400_000, 5_000_000)),
        NODES,
        seed=seed,
        twins=twins,
        linked=linked,
    )
    house.open(OPEN)
    for node in NODES:
        for face in (0, 1):
            value = (X, Y)[camp.get(node, face)]
            house.tell(node, Justified(1, value), face=face)
    house.run(END_US)
    return house


@pytest.mark.parametrize("twins", list(itertools.combinations(NODES, 2)))
def test_f_plus_1_twins_and_the_network_split_a_coalition(twins: tuple[NodeId, NodeId]) -> None:
    assert set(two_camps(twins, seed=1).honest_decisions().values()) == {X, Y}


@pytest.mark.parametrize("twin", NODES)
def test_f_twins_and_the_network_do_not(twin: NodeId) -> None:
    assert len(set(two_camps([twin], seed=1).honest_decisions().values())) <= 1
