"""What exploration remembers changes nothing: pictures, states and positions against plain play."""

import random
from typing import Any

import pytest

from consensus.messages import Begin, Broadcast, Input, Justified, Node, Receive
from crypto.digest import Digest, digest
from crypto.identity import NodeId
from scenarios.exploration import lockstep as lockstep_module
from scenarios.exploration.case import Case
from scenarios.exploration.errors import ExplorationError
from scenarios.exploration.images import Gallery
from scenarios.exploration.lockstep import Lockstep
from scenarios.exploration.positions import Pace, Position, Round
from scenarios.exploration.space import Bounds, Space
from scenarios.exploration.trace import trace
from tests.test_exploration_search import system

PROTOCOLS = ["majority", "authority", "pbft", "scp"]


def outcome(position: Position) -> list[Any]:
    """All that can be seen of a position."""
    return [
        position.now_us,
        position.round_number,
        position.violation,
        *((state.decided, state.signed, state.timers, state.accused) for state in position.states),
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("loses", [False, True])
def test_what_was_played_before_changes_no_case(protocol: str, loses: bool) -> None:
    of = system(protocol, 4)
    space = Space(of, Bounds(3, 1, mutations=True))
    chance = random.Random(7)
    cases = [space.case(chance.randrange(space.size)) for _ in range(10)]
    shared = Lockstep(of, Pace(loses=loses))
    for case in cases:
        shared.play(case)
    for case in cases[:4]:
        fresh = Lockstep(of, Pace(loses=loses))
        assert outcome(shared.play(case)) == outcome(fresh.play(case))
        assert trace(shared, case).lines == trace(fresh, case).lines


def test_forgetting_changes_no_case(monkeypatch: pytest.MonkeyPatch) -> None:
    of = system("pbft", 4)
    space = Space(of, Bounds(2, 1))
    cases = [space.case(number) for number in range(0, space.size, space.size // 20)]
    lockstep = Lockstep(of, Pace())
    kept = [outcome(lockstep.play(case)) for case in cases]
    monkeypatch.setattr(lockstep_module, "KEPT_MAX", 10)
    forgetful = Lockstep(of, Pace())
    assert [outcome(forgetful.play(case)) for case in cases] == kept


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_revived_node_goes_on_as_the_one_that_was_pictured(protocol: str) -> None:
    """Beside each node runs one that is made anew from its picture before every step."""
    of = system(protocol, 4)
    gallery = Gallery(of.hospitals)
    nodes: dict[NodeId, Node] = {each: of.make(each) for each in of.hospitals}
    copies: dict[NodeId, Node] = {each: of.make(each) for each in of.hospitals}
    values = [digest("test/value", [number]) for number in range(2)]
    begin = Begin(1, of.hospitals[0], values[0], Digest(bytes(32)))
    mail = [(each, event) for each in of.hospitals for event in opening(begin, values, each)]
    steps = 0
    while mail and steps < 300:
        receiver, event = mail.pop(0)
        copies[receiver] = gallery.revive(gallery.picture(copies[receiver]))
        outputs = nodes[receiver].step(event)
        assert copies[receiver].step(event) == outputs
        steps += 1
        for output in outputs:
            if isinstance(output, Broadcast):
                said = Receive(receiver, output.statement)
                mail += [(peer, said) for peer in of.hospitals if peer != receiver]
    assert steps > 4


def opening(begin: Begin, values: list[Digest], node: NodeId) -> list[Input]:
    return [begin, Justified(1, values[node == "hospital-4"])]


def test_a_picture_is_the_same_whatever_scp_heard_first() -> None:
    of = system("scp", 4)
    values = [digest("test/value", [number]) for number in range(2)]
    begin = Begin(1, of.hospitals[0], values[0], Digest(bytes(32)))
    said: list[Receive] = []
    started: list[Input] = [begin, Justified(1, values[1])]
    for peer in of.hospitals[1:]:
        node = of.make(peer)
        for event in started:
            outputs = node.step(event)
            said += [
                Receive(peer, each.statement) for each in outputs if isinstance(each, Broadcast)
            ]
    gallery = Gallery(of.hospitals)
    pictures: set[bytes] = set()
    for order in (said, said[::-1]):
        node = of.make(of.hospitals[0])
        node.step(begin)
        for heard in order:
            node.step(heard)
        pictures.add(gallery.picture(node))
    assert len(said) >= 1
    assert len(pictures) == 1


def test_a_gallery_reads_only_what_it_wrote() -> None:
    gallery = Gallery([])
    with pytest.raises(ExplorationError):
        gallery.revive(b"cbuiltins\neval\n(S'1'\ntR.")


# Rounds


def watched(case: Case, pace: Pace) -> list[Round]:
    rounds: list[Round] = []
    Lockstep(system("majority", 4), pace).play(case, rounds.append)
    return rounds


CUT = Case(None, (), (0, 0, 0, 0), ((0, 0, 0, 1), (0, 1, 1, 1)))


def test_across_a_cut_messages_wait_until_it_is_gone() -> None:
    arrived = [[len(parcels) for parcels in each.arrived] for each in watched(CUT, Pace())]
    # One instance of four is cut off, then another; nothing that was said is missing at the end.
    assert arrived[:3] == [[0, 0, 0, 0], [2, 2, 2, 0], [0, 1, 1, 2]]


def test_across_a_cut_messages_are_lost_if_asked_for() -> None:
    arrived = [
        [len(parcels) for parcels in each.arrived] for each in watched(CUT, Pace(loses=True))
    ]
    # The one that was cut off never hears what was said, and nothing is left to happen.
    assert arrived == [[0, 0, 0, 0], [2, 2, 2, 0]]


def test_a_round_in_which_nothing_arrives_lasts_until_the_next_timer() -> None:
    of = system("pbft", 4)
    rounds: list[Round] = []
    lonely = Case(0, (), (0, 0, 0, 0), ((0, 1, 1, 1), (0, 1, 1, 1)))
    Lockstep(of, Pace(patience=4)).play(lonely, rounds.append)
    first = next(each for each in rounds[1:] if any(step and step.rung for step in each.steps))
    assert first.after.now_us == of.timeout_us
    assert first.after.round_number == 1  # nothing reached anybody: the round lasted so long
